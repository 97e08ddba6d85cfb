package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// A switch talks to an MTA of 1984 of another make, which takes nothing that 1984 does
// not have: a message of 1988 arrives as one of 1984; what cannot be one is reported,
// and named in the event log; what comes back finds the user by the attribute of 1988.
func TestDowngrade(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	book := p1driver.NewBook()
	sink := a.sink("TANGO", p1driver.SinkConfig{Book: book, Protocol: p1driver.P1of1984}, `mode = "1984"`)
	desk := "/CN=Desk/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	a.configure(fmt.Sprintf("\n[[user]]\naddress = %q\nmailbox = \"mailbox/desk\"\n", desk))
	tim := person("TANGO", "Tim", "Tall")
	front := p1driver.Name{Domain: tim.Domain, Organization: "Org", Common: "Front"}
	cn := strings.Replace(front.String(), "DD.Common", "CN", 1)
	a.start()

	// Text goes as P2, without the extensions; both ends are named as 1984 can.
	good := a.submit(strings.NewReader("The meeting is at noon.\n"), "--from", desk, "--to", cn, "--subject", "Meeting", "--no-dl", "--correlator", "x", "--report", "delivery")
	if err := book.Wait(1, patience); err != nil {
		t.Fatal(err, sink.Errors())
	}
	arrival := book.Arrivals()[0]
	if arrival.MTSID != good.MTSID || !slices.Equal(arrival.Defined, []string{"Common=Desk", "Common=Front"}) {
		t.Errorf("%+v", arrival)
	}
	var track string
	n.until("the transfer is told", func() bool {
		out, _ := n.command("mtactl", "-C", a.config(), "track", good.ID).Output() // fails while nothing is told
		track = string(out)
		return strings.Contains(track, "as of 1984, without ")
	})
	for _, what := range []string{"extension dl-expansion-prohibited", "extension content-correlator"} {
		if !strings.Contains(track, what) {
			t.Errorf("the event log does not tell of %s:\n%s", what, track)
		}
	}

	// A file cannot go; a recipient whose name 1984 cannot write is refused at once.
	file := filepath.Join(n.dir, "file.bin")
	if err := os.WriteFile(file, []byte{0, 1, 2}, 0o600); err != nil {
		t.Fatal(err)
	}
	a.submit(strings.NewReader("See the file.\n"), "--from", desk, "--to", tim.String(), "--attach", file)
	n.until("the report", func() bool { return len(a.mailbox("desk")) == 1 })
	r := a.mailbox("desk")[0].Report
	if r == nil || len(r.Recipients) != 1 || r.Recipients[0].Reason != "unable-to-transfer" || r.Recipients[0].Diagnostic != "unable-to-downgrade" ||
		!strings.Contains(r.Recipients[0].Text, "file-transfer") {
		t.Errorf("%+v", r)
	}
	_, err := a.trySubmit(strings.NewReader("Hello.\n"), "--from", desk, "--to", "/CN=*{165}/O=Org/PRMD=TANGO/ADMD=TEST/C=GB/")
	if err == nil || !strings.Contains(err.Error(), "of 1984") {
		t.Errorf("a recipient that cannot be written: %v", err)
	}

	// An answer reaches the user, and the report on it is one of 1984 again.
	back := p1driver.Name{Domain: p1driver.Domain{Country: "GB", ADMD: "TEST", PRMD: "ALPHA"}, Organization: "Org", Common: "Desk"}
	nobody := back
	nobody.Common = "Nobody"
	source := p1driver.NewSource(p1driver.SourceConfig{Address: a.address, TSEL: a.name, Own: p1driver.Bind{MTA: "TANGO", Password: "secret of TANGO"},
		PeerPassword: "secret of " + a.name, Associations: 1, Book: book, Manner: func(int) p1driver.Manner { return p1driver.Manner{Protocol: p1driver.P1of1984} }})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sent := false
	if err := source.Run(ctx, func() (*p1driver.Message, bool) {
		if sent {
			return nil, false
		}
		sent = true
		return &p1driver.Message{Local: "T.1", Originator: front, Content: p1driver.Text(front, back, "Yes. ", 300),
			Recipients: []p1driver.Recipient{{Name: back, Request: p1driver.Delivery}, {Name: nobody, Request: p1driver.NonDelivery}}}, true
	}); err != nil || len(source.Failures()) > 0 {
		t.Fatal(err, source.Failures())
	}
	n.until("the answer", func() bool { return len(a.mailbox("desk")) == 2 })
	if d := a.mailbox("desk")[1]; d.Originator != cn || d.Recipient != desk || d.ContentType != "p2" {
		t.Errorf("%+v", d)
	}
	reported := func() (all []p1driver.Reported) {
		for _, arrival := range book.Arrivals() {
			if arrival.Report != nil {
				all = append(all, arrival.Report.Recipients...)
			}
		}
		slices.SortFunc(all, func(x, y p1driver.Reported) int { return x.Number - y.Number })
		return all
	}
	n.until("the reports", func() bool { return len(reported()) == 2 })
	if got := fmt.Sprint(reported()); got != "[{1 true 0 -1} {2 false 1 0}]" {
		t.Errorf("reported %s", got)
	}
	n.until("the queue is empty", func() bool { return a.queued() == 0 })
	a.stop()
	if errs := sink.Errors(); len(errs) > 0 {
		t.Errorf("the MTA of 1984 complains: %v", errs)
	}
	a.check()
}

// What cannot be made a message of 1984 goes by the next peer of the route, if that is of
// a later edition; what can be goes by the first.
func TestNotDowngradedGoesElsewhere(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	book := p1driver.NewBook()
	sink := a.sink("TANGO", p1driver.SinkConfig{Book: book, Protocol: p1driver.P1of1984}, `mode = "1984"`)
	a.configure(fmt.Sprintf("\n[[route]]\nmatch = %q\npeers = [\"TANGO\", %q]\n", b.domain, b.name))
	b.route(a, a)
	bob := b.user("Bob", "Jones")
	a.start()
	b.start()
	file := filepath.Join(n.dir, "file.bin")
	if err := os.WriteFile(file, []byte{0, 1, 2}, 0o600); err != nil {
		t.Fatal(err)
	}
	m := a.submit(strings.NewReader("See the file.\n"), "--from", a.addressOf("Ann", "Smith"), "--to", bob, "--attach", file)
	n.until("the message", func() bool { return len(b.mailbox("bob")) == 1 })
	if d := b.mailbox("bob")[0]; d.MTSID != m.MTSID || d.ContentType != "p22" {
		t.Errorf("%+v", d)
	}
	track := n.run("mtactl", "-C", a.config(), "track", m.ID)
	for _, what := range []string{"deferred\t" + m.ID + "\t1\tp1\tTANGO\t", "unable to downgrade", "rerouted\t" + m.ID} {
		if !strings.Contains(track, what) {
			t.Errorf("the event log does not tell %q:\n%s", what, track)
		}
	}
	a.submit(strings.NewReader("No file.\n"), "--from", a.addressOf("Ann", "Smith"), "--to", bob)
	if err := book.Wait(1, patience); err != nil {
		t.Fatal(err, sink.Errors())
	}
	n.until("the queue is empty", func() bool { return a.queued() == 0 })
	if reports := a.mailbox("ann"); len(reports) > 0 {
		t.Errorf("%+v", reports)
	}
	a.check()
	b.check()
}

// A forwarded text of 50 million octets becomes one of 1984 on its way, and neither
// switch has held it in memory.
func TestBigDowngrade(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b, `mode = "1984"`)
	a.route(b, b)
	b.route(a, a)
	bob := b.user("Bob", "Jones")
	a.start()
	b.start()
	// IPM { heading { this-IPM, extensions { incomplete-copy } }, body { message { {},
	// { heading, { externally-defined ia5-text } } } } }, all lengths but one indefinite
	const before = "a080" + "31806b03130131af80300806045601050005000000" + "0000" + "3080a9803100" + "3080" + "31056b03130131" + "3080" + "af802880" + "060456010400" + "a080" + "1684"
	const after = "0000" + "0000" + "0000" + "0000" + "0000" + "0000" + "0000" + "0000"
	head, err := hex.DecodeString(before)
	if err != nil {
		t.Fatal(err)
	}
	head = binary.BigEndian.AppendUint32(head, bigContent)
	tail, err := hex.DecodeString(after)
	if err != nil {
		t.Fatal(err)
	}
	cmd := n.command("mtasubmit", "-C", a.config(), "--raw", "--from", a.addressOf("Ann", "Smith"), "--to", bob, "--report", "delivery")
	cmd.Stdin = io.MultiReader(bytes.NewReader(head), io.LimitReader(letters{}, bigContent), bytes.NewReader(tail))
	if _, err := cmd.Output(); err != nil {
		t.Fatalf("mtasubmit: %s", said(err))
	}
	n.until("the message or a report", func() bool { return len(b.mailbox("bob"))+len(a.mailbox("ann")) > 0 })
	if len(b.mailbox("bob")) == 0 {
		t.Fatalf("%+v", a.mailbox("ann")[0].Report)
	}
	d := b.mailbox("bob")[0]
	// The definite lengths: 84 and four octets six times, and the parameters of the text.
	const around = 6 + 7 + 6 + 6 + 2 + 6 + 7 + 6 + 6 + 2 + 6
	if d.ContentType != "p2" || d.Size != around+bigContent {
		t.Errorf("%s of %d octets, want p2 of %d", d.ContentType, d.Size, around+bigContent)
	}
	n.until("the report", func() bool { return len(a.mailbox("ann")) == 1 })
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		peak := m.usage.Maxrss << 10
		t.Logf("%s: %.1f MiB at the peak", m.name, float64(peak)/(1<<20))
		if peak > bigMemory {
			t.Errorf("%s: %d MiB at the peak, more than %d MiB", m.name, peak>>20, bigMemory>>20)
		}
		m.check()
	}
}

// letters is text without end.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

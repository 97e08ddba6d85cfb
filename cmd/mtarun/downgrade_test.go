package main

import (
	"context"
	"fmt"
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
	sink := a.sinkPeer(p1driver.SinkConfig{Book: book, Protocol: p1driver.P1of1984}, `mode = "1984"`)
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
	n.until("the transfer is told", func() bool {
		return strings.Contains(n.run("mtactl", "-C", a.config(), "track", good.ID), "as of 1984, without ")
	})
	track := n.run("mtactl", "-C", a.config(), "track", good.ID)
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

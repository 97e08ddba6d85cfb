package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// An MTA of the other make talks to a switch in each mode, in both roles: what it sends
// is delivered, and passed on to another that is called in the mode, content untouched;
// the reports come back, over its own associations and over ours.
func TestModes(t *testing.T) {
	for _, mode := range []struct {
		name     string
		protocol int
	}{{"normal", 0}, {"x410", p1driver.P1of1988}, {"1984", p1driver.P1of1984}} {
		t.Run(mode.name, func(t *testing.T) { talk(t, mode.name, mode.protocol) })
	}
}

func talk(t *testing.T, mode string, protocol int) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	reports, beyond := p1driver.NewBook(), p1driver.NewBook()
	var sinks []*p1driver.Sink
	for _, peer := range []struct {
		name string
		book *p1driver.Book
	}{{"NEAR", reports}, {"FAR", beyond}} {
		sink := a.listen(peer.name, p1driver.SinkConfig{Book: peer.book, Protocol: protocol})
		sinks = append(sinks, sink)
		a.neighbour(peer.name, fmt.Sprintf(`host = %q, ssel = "S"`, sink.Addr()), "checkpoint-size = 1", fmt.Sprintf("mode = %q", mode))
	}
	a.start()

	from, ann, tim := person("NEAR", "Nora", "Near"), person("ALPHA", "Ann", "Smith"), person("FAR", "Tim", "Tall")
	const messages = 12
	made := 0
	manners := []p1driver.Manner{
		{Checkpoint: 2, Window: 2, Protocol: protocol},
		{Old: true, Checkpoint: 1, Window: 1, Protocol: protocol},
	}
	for i, manner := range manners {
		// One association after the other: which message goes over which is known.
		source := p1driver.NewSource(p1driver.SourceConfig{Address: a.address, TSEL: a.name, Own: p1driver.Bind{MTA: "NEAR", Password: "secret of NEAR"},
			PeerPassword: "secret of " + a.name, Associations: 1, Book: reports, Manner: func(int) p1driver.Manner { return manner }})
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := source.Run(ctx, func() (*p1driver.Message, bool) {
			if made == (i+1)*messages/len(manners) {
				return nil, false
			}
			made++
			return &p1driver.Message{Local: fmt.Sprintf("M.%d", made), Originator: from, Priority: p1driver.Priority(made % 3),
				Recipients: []p1driver.Recipient{{Name: ann, Request: p1driver.Delivery}, {Name: tim, Request: p1driver.NonDelivery}},
				Content:    p1driver.Text(from, ann, fmt.Sprintf("message %d ", made), made*made*131%9000)}, true
		})
		cancel()
		if err != nil || len(source.Failures()) > 0 {
			t.Fatal(err, source.Failures())
		}
		for id, e := range source.Entries() {
			if !e.Acknowledged() {
				t.Errorf("%s is not acknowledged", id)
			}
		}
	}
	for _, b := range []*p1driver.Book{reports, beyond} {
		if err := b.Wait(messages, patience); err != nil {
			t.Error(err)
		}
	}
	n.until("the queue is empty", func() bool { return a.queued() == 0 })
	a.stop()

	digest := func(i int) [sha256.Size]byte {
		return sha256.Sum256(p1driver.Text(from, ann, fmt.Sprintf("message %d ", i), i*i*131%9000))
	}
	want, got, reported := map[string][sha256.Size]byte{}, map[string][sha256.Size]byte{}, map[string]bool{}
	for i := range messages {
		want[fmt.Sprintf("[/PRMD=NEAR/ADMD=TEST/C=GB/;M.%d]", i+1)] = digest(i + 1)
	}
	for _, arrival := range beyond.Arrivals() {
		if fmt.Sprint(arrival.Numbers) != "[2]" {
			t.Errorf("%s for %v", arrival.MTSID, arrival.Numbers)
		}
		got[arrival.MTSID] = arrival.Digest
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("what was sent (-) and what went on (+):\n%s", diff)
	}
	clear(got)
	for _, d := range a.mailbox("ann") {
		content, err := os.ReadFile(a.content("ann", d))
		if err != nil {
			t.Fatal(err)
		}
		got[d.MTSID] = sha256.Sum256(content)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("what was sent (-) and what was delivered (+):\n%s", diff)
	}
	for _, arrival := range reports.Arrivals() {
		r := arrival.Report
		if r == nil || len(r.Recipients) != 1 || !r.Recipients[0].Delivered || r.Recipients[0].Number != 1 {
			t.Fatalf("%+v", arrival)
		}
		reported[r.Subject] = true
	}
	for id := range want {
		if !reported[id] {
			t.Errorf("no report about %s", id)
		}
	}
	for i, s := range sinks {
		if errs := s.Errors(); len(errs) > 0 {
			t.Errorf("associations with sink %d ended badly: %v", i, errs)
		}
	}
	a.check()
}

// notDecoded is what tshark 4.0 says of the data phase of X.410-1984 mode: it looks for
// an RTSE APDU where the octets of a DT are the MTS-APDU, and knows nothing of the RTTP
// that is all the user data of a PT.
var notDecoded = regexp.MustCompile(`can't get spdu type from session dissector|: data 02:01:0[0-3]$`)

// Two switches talk in X.410-1984 mode, in both directions, and Wireshark reads along:
// everything up to presentation and the MTA-bind. What crossed in the data phase, our
// own decoder has to tell.
func TestCaptureX410(t *testing.T) {
	for _, mode := range []string{"x410", "1984"} {
		t.Run(mode, func(t *testing.T) {
			n := newNetwork(t)
			a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
			link(a, b, fmt.Sprintf("mode = %q", mode), "checkpoint-size = 1")
			a.route(b, b)
			b.route(a, a)
			n.isolate()
			ann, bob := a.addressOf("Ann", "Smith"), b.user("Bob", "Jones")
			capture := n.capture()
			text := strings.Repeat("The meeting is at noon.\n", 100)
			there := a.submit(strings.NewReader(text), "--from", ann, "--to", bob, "--subject", "Meeting", "--report", "delivery")
			a.start()
			b.start()
			n.until("the report", func() bool { return len(a.mailbox("ann")) == 1 })
			back := b.submit(strings.NewReader("Yes.\n"), "--from", bob, "--to", ann, "--subject", "Re: Meeting")
			n.until("the answer", func() bool { return len(a.mailbox("ann")) == 2 })
			a.stop()
			b.stop()

			var got []string
			for _, d := range n.dissect(capture()) {
				if d.names[false] != "MTA-A to MTA-B" && d.names[false] != "MTA-B to MTA-A" {
					t.Errorf("Wireshark did not find the names in the bind: %q", d.names[false])
				}
				for _, finding := range d.findings {
					if !notDecoded.MatchString(finding) {
						t.Errorf("Wireshark: %s: %s", d.names[false], finding)
					}
				}
				for back, apdus := range n.decode(d) {
					for _, a := range apdus {
						got = append(got, fmt.Sprintf("%s: %s %s", d.names[back], a.Kind, cmp.Or(a.Text, a.Subject)))
					}
				}
			}
			slices.Sort(got)
			want := []string{
				"MTA-A to MTA-B: message " + strings.ReplaceAll(text, "\n", "\r\n"),
				"MTA-B to MTA-A: message Yes.\r\n",
				"MTA-B to MTA-A: report " + there.MTSID,
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("what should have crossed (-) and what mtactl decode saw (+):\n%s", diff)
			}
			for _, d := range a.mailbox("ann") {
				if d.Kind == "message" && d.MTSID != back.MTSID {
					t.Errorf("Ann has %+v", d)
				}
			}
		})
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/audit"
)

// swallows has a proxy lose the first acknowledgement, and the connection with it unless
// it is to be silent.
func (p *proxy) swallows(silent bool) {
	var lost atomic.Bool
	p.swallow = func(c *passage) bool {
		if lost.Swap(true) {
			return false
		}
		if !silent {
			c.cut()
		}
		return true
	}
}

// The acknowledgement is lost on its way from a sink to the switch. A sink that resumes
// has one copy. One that does not has two, and the switch has counted and says so.
func TestSwallowedAnswer(t *testing.T) {
	content := bytes.Repeat([]byte("swallowed "), 30_000)
	for _, test := range []struct{ resumes, silent bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
		t.Run(fmt.Sprintf("resumes %v, silent %v", test.resumes, test.silent), func(t *testing.T) {
			n := newNetwork(t)
			a := n.add("a", "ALPHA")
			a.set("[[channel]]", `transfer-timeout = "2s"`)
			book := p1driver.NewBook()
			sink := a.listen("TANGO", p1driver.SinkConfig{Book: book, Resume: test.resumes})
			p := newProxy(t, sink.Addr(), sink.Addr())
			p.swallows(test.silent)
			a.neighbour("TANGO", fmt.Sprintf("host = %q", p.addr()))
			a.start()
			s := a.submit(bytes.NewReader(content), "--raw", "--from", a.addressOf("Ann", "Smith"), "--to", tim, "--report", "non-delivery")
			n.until("it has left the queue", func() bool { return a.queued() == 0 })
			a.stop()

			copies := 2
			if test.resumes {
				copies = 1
			}
			arrivals := book.Arrivals()
			for _, got := range arrivals {
				if got.Digest != sha256.Sum256(content) || got.MTSID != s.MTSID || len(got.Numbers) != 1 || got.Numbers[0] != 1 {
					t.Errorf("something else has arrived: %+v", got)
				}
			}
			// To resume it is asked for in any case, and refused by who does not.
			if begun, overlaps := p.seen(); len(arrivals) != copies || begun != copies+1 || overlaps > 0 {
				t.Errorf("%d copies, not %d; %d activities, %d of them at the same time as another", len(arrivals), copies, begun, overlaps)
			}
			events := a.events(s.ID)
			doubts := countOf(events, func(r audit.Record) bool {
				return r.Event == audit.Deferred && strings.HasPrefix(r.Text, "in doubt: ")
			})
			out := countOf(events, func(r audit.Record) bool { return r.Event == audit.TransferOut })
			again := countOf(events, func(r audit.Record) bool { return r.Again })
			if doubts != 1 || out != 1 || again != copies-1 {
				t.Errorf("the event log has %d doubts, %d transfers, %d of them again", doubts, out, again)
			}
			track := n.run("mtactl", "-C", a.config(), "track", s.ID)
			if twice, resumed := strings.Contains(track, "perhaps there twice"), strings.Contains(track, "resumed behind checkpoint"); twice == test.resumes || resumed != test.resumes {
				t.Errorf("mtactl track says:\n%s", track)
			}
			if got := a.mailbox("ann"); len(got) > 0 {
				t.Errorf("the originator is told of a non-delivery: %+v", got)
			}
			a.check()
		})
	}
}

// The acknowledgement is lost on its way from the switch to a source. One that resumes
// hears again that it was accepted, and there is one copy. One that does not sends another
// message, and the event log says why there are two.
func TestSwallowedAnswerToASource(t *testing.T) {
	content := bytes.Repeat([]byte("swallowed "), 30_000)
	for _, resumes := range []bool{true, false} {
		t.Run(fmt.Sprintf("resumes %v", resumes), func(t *testing.T) {
			n := newNetwork(t)
			b := n.add("b", "BRAVO")
			b.configure("\n[[peer]]\nname = \"SOURCE\"\nchannel = \"p1\"\npassword-in = \"secret of SOURCE\"\npassword-out = \"secret\"\n")
			b.user("Bob", "Jones")
			b.start()
			p := newProxy(t, b.address, b.address)
			p.swallows(false)
			message := &p1driver.Message{Local: "S.1", Originator: person("SOURCE", "Sue", "Sender"), Content: content,
				Recipients: []p1driver.Recipient{{Name: person("BRAVO", "Bob", "Jones"), Request: p1driver.NonDelivery}}}
			source := b.transferTo(p.addr(), p1driver.Manner{Checkpoint: 64, Window: 3, Monologue: true, Resume: resumes}, message)
			copies := 2
			if resumes {
				copies = 1
			}
			n.until("it is delivered", func() bool { return len(b.mailbox("bob")) >= copies && b.queued() == 0 })
			b.stop()
			sum := sha256.Sum256(content)
			for _, d := range b.mailbox("bob") {
				if digestOf(t, b.content("bob", d)) != hex.EncodeToString(sum[:]) || d.MTSID != message.MTSID() || d.N != 1 {
					t.Errorf("something else is delivered: %+v", d)
				}
			}
			if got := len(b.mailbox("bob")); got != copies {
				t.Errorf("%d copies, not %d", got, copies)
			}
			if e := source.Entries()[message.MTSID()]; len(e.Attempts) != 2 || e.Attempts[0].Outcome != p1driver.InDoubt || e.Attempts[1].Outcome != p1driver.Acknowledged || e.Attempts[1].Resumed != resumes {
				t.Errorf("the source: %+v", e.Attempts)
			}
			events := b.events(message.MTSID())
			count := func(event string) int {
				return countOf(events, func(r audit.Record) bool { return r.Event == event })
			}
			repeated := 2 - copies
			if count(audit.TransferIn) != copies || count(audit.Unconfirmed) != 1 || count(audit.Repeated) != repeated || count(audit.Delivered) != copies {
				t.Errorf("mtactl track says:\n%s", n.run("mtactl", "-C", b.config(), "track", message.MTSID()))
			}
			b.check()
		})
	}
}

// transferTo has a source that is a peer of the switch transfer one message to an address.
func (m *mta) transferTo(address string, manner p1driver.Manner, message *p1driver.Message) *p1driver.Source {
	t := m.network.t
	t.Helper()
	source := p1driver.NewSource(p1driver.SourceConfig{Address: address, TSEL: m.name, Associations: 1,
		Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret",
		Manner: func(int) p1driver.Manner { return manner }})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	given := false
	if err := source.Run(ctx, func() (*p1driver.Message, bool) {
		defer func() { given = true }()
		return message, !given
	}); err != nil {
		t.Fatal(err, source.Failures())
	}
	return source
}

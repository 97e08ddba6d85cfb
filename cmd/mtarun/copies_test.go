package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/audit"
)

// relay is a switch between a source and a sink of the other make.
type relay struct {
	*network
	b      *mta
	book   *p1driver.Book
	source *p1driver.Source
}

func newRelay(t *testing.T, manner func(int) p1driver.Manner) *relay {
	t.Helper()
	n := newNetwork(t)
	r := &relay{network: n, b: n.add("b", "BRAVO"), book: p1driver.NewBook()}
	r.b.sink("TANGO", p1driver.SinkConfig{Book: r.book})
	r.b.configure("\n[[peer]]\nname = \"SOURCE\"\nchannel = \"p1\"\npassword-in = \"secret of SOURCE\"\npassword-out = \"secret\"\n")
	r.b.start()
	r.source = p1driver.NewSource(p1driver.SourceConfig{Address: r.b.address, TSEL: r.b.name, Associations: 4,
		Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret", Manner: manner})
	return r
}

// Every message that was acknowledged to a foreign source is at a foreign sink once for
// each recipient number, by its MTS identifier and the SHA-256 of its content.
func TestReconciled(t *testing.T) {
	const messages = 120
	manners := []p1driver.Manner{{Checkpoint: 64, Window: 3, Monologue: true}, {Old: true, Monologue: true}, {Old: true, Checkpoint: 1, Window: 1, Monologue: true}}
	r := newRelay(t, func(i int) p1driver.Manner { return manners[i%len(manners)] })
	var mu sync.Mutex
	made := 0
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	err := r.source.Run(ctx, func() (*p1driver.Message, bool) {
		mu.Lock()
		defer mu.Unlock()
		if made++; made > messages {
			return nil, false
		}
		m := &p1driver.Message{Local: fmt.Sprintf("RECONCILED.%d", made), Originator: chaosFrom, Priority: p1driver.Priority(made % 3)}
		for i := range 1 + made%7 {
			m.Recipients = append(m.Recipients, p1driver.Recipient{Name: remotes[i%2], Request: p1driver.NonDelivery})
		}
		size := made * made * 37 % 20_000
		if made%20 == 0 {
			size = 300_000
		}
		m.Content = p1driver.Text(chaosFrom, remotes[0], m.Local+" ", size)
		return m, true
	})
	if err != nil {
		t.Fatal(err, r.source.Failures())
	}
	r.until("everything has gone on", func() bool { return r.b.queued() == 0 })
	arrived := map[place][][sha256.Size]byte{}
	for _, a := range r.book.Arrivals() {
		for _, n := range a.Numbers {
			p := place{a.MTSID, n}
			arrived[p] = append(arrived[p], a.Digest)
		}
	}
	places := 0
	for id, e := range r.source.Entries() {
		if !e.Acknowledged() {
			t.Errorf("%s is not acknowledged", id)
		}
		for i := range e.Message.Recipients {
			places++
			p := place{id, i + 1}
			if got := arrived[p]; len(got) != 1 || got[0] != sha256.Sum256(e.Message.Content) {
				t.Errorf("%v: %d copies, or another content", p, len(got))
			}
			delete(arrived, p)
		}
	}
	if len(r.source.Entries()) != messages || len(arrived) > 0 {
		t.Errorf("%d messages; nobody has sent %v", len(r.source.Entries()), arrived)
	}
	t.Logf("%d messages for %d recipients, each there once by SHA-256", messages, places)
	r.b.stop()
	r.b.check()
}

// Two messages with one MTS identifier and other responsible recipients are copies that an
// MTA before has split (X.411 §14.4): each goes on. The same one that is transferred
// twice goes on twice: a peer that has not heard the answer, and does not resume, sends it
// so, and which it was can be told by its recipient only.
func TestCopiesOfOneMessage(t *testing.T) {
	const responsible = 0x80
	r := newRelay(t, func(int) p1driver.Manner { return p1driver.Manner{Monologue: true} })
	copyFor := func(n ...int) *p1driver.Message {
		m := &p1driver.Message{Local: "SPLIT.1", Originator: chaosFrom, Content: p1driver.Text(chaosFrom, remotes[0], "split ", 200)}
		for i, name := range remotes {
			request := p1driver.NonDelivery
			if !slices.Contains(n, i+1) {
				request &^= responsible
			}
			m.Recipients = append(m.Recipients, p1driver.Recipient{Name: name, Request: request})
		}
		return m
	}
	manner := p1driver.Manner{Monologue: true}
	first := copyFor(1)
	for _, m := range []*p1driver.Message{first, copyFor(2), copyFor(2)} {
		r.b.transferTo(r.b.address, manner, m)
	}
	if err := r.book.Wait(3, patience); err != nil {
		t.Fatal(err)
	}
	r.until("everything has gone on", func() bool { return r.b.queued() == 0 })
	r.b.stop()
	at := map[int]int{}
	for _, a := range r.book.Arrivals() {
		if a.MTSID != first.MTSID() || a.Digest != sha256.Sum256(first.Content) || len(a.Numbers) != 1 {
			t.Errorf("something else has arrived: %+v", a)
			continue
		}
		at[a.Numbers[0]]++
	}
	if r.book.Len() != 3 || at[1] != 1 || at[2] != 2 {
		t.Errorf("%d arrivals, by recipient %v", r.book.Len(), at)
	}
	ids := map[string]bool{}
	for _, e := range r.b.events(first.MTSID()) {
		if e.Event == audit.TransferIn {
			ids[e.ID] = true
		}
	}
	if len(ids) != 3 {
		t.Errorf("mtactl track knows of %d messages with that identifier", len(ids))
	}
	r.b.check()
}

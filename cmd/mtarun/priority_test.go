package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// Over one association to a slow peer, what is urgent goes before what is normal, and
// that before what is not urgent, whatever came first; and what becomes urgent while
// the others go waits for no more than the object in transit.
func TestPriorityOrder(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	book := p1driver.NewBook()
	var open atomic.Bool
	a.set("[[channel]]\nname = \"p1\"", "max-per-peer = 1")
	a.sink("SLOW", p1driver.SinkConfig{Book: book, Verdict: func(at p1driver.Moment) p1driver.Verdict {
		switch {
		case !open.Load():
			return p1driver.Refuse
		case at == p1driver.OnStored:
			time.Sleep(20 * time.Millisecond)
		}
		return p1driver.Proceed
	}})

	to, from := "/G=Sam/S=Slow/O=Org/PRMD=SLOW/ADMD=TEST/C=GB/", a.addressOf("Ann", "Smith")
	priorities := []string{"non-urgent", "normal", "urgent"}
	of := map[string]string{} // MTS identifier → priority
	submit := func(priority string) {
		s := a.submit(strings.NewReader("hello\n"), "--from", from, "--to", to, "--subject", "x", "--priority", priority)
		of[s.MTSID] = priority
	}
	const each = 12
	for i := range 3 * each {
		submit(priorities[i%3])
	}
	a.start()
	n.until("everything is queued", func() bool { return a.queued() == 3*each })
	open.Store(true)
	n.run("mtaqueue", "-C", a.config(), "retry", "ALL")
	n.until("the normal ones go", func() bool { return book.Len() >= each+2 })
	submit("urgent")
	submitted := book.Len()
	if err := book.Wait(3*each+1, patience); err != nil {
		t.Fatal(err)
	}

	var order []string
	for _, arrival := range book.Arrivals() {
		order = append(order, of[arrival.MTSID])
	}
	at := len(order) - 1
	for order[at] != "urgent" {
		at--
	}
	// One is in transit when the switch hears of it, and hearing takes a moment.
	if at > submitted+3 {
		t.Errorf("%d others went before the urgent one", at-submitted)
	}
	order = slices.Delete(order, at, at+1)
	want := slices.Concat(slices.Repeat([]string{"urgent"}, each), slices.Repeat([]string{"normal"}, each), slices.Repeat([]string{"non-urgent"}, each))
	if !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
}

// A peer that is never called gets its messages when it has the turn to give. It is asked
// for the turn with the priority of the most urgent, which then goes first.
func TestTurnForUrgent(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.configure(`
[[peer]]
name = "CALLER"
channel = "p1"
password-in = "secret of CALLER"
password-out = "secret"

[[route]]
match = "/PRMD=CALLER/ADMD=TEST/C=GB/"
peers = ["CALLER"]
`)
	a.start()
	book := p1driver.NewBook()
	of := map[string]string{} // MTS identifier → priority
	for _, priority := range []string{"non-urgent", "normal", "urgent"} {
		s := a.submit(strings.NewReader("hello\n"), "--from", a.addressOf("Ann", "Smith"), "--to", "/G=Cal/S=Caller/O=Org/PRMD=CALLER/ADMD=TEST/C=GB/",
			"--priority", priority, "--report", "none")
		of[s.MTSID] = priority
	}
	n.until("everything is queued", func() bool { return a.queued() == 3 })

	source := p1driver.NewSource(p1driver.SourceConfig{Address: a.address, TSEL: a.name, Associations: 1, Book: book, Interval: 50 * time.Millisecond,
		Own: p1driver.Bind{MTA: "CALLER", Password: "secret of CALLER"}, PeerPassword: "secret",
		Manner: func(int) p1driver.Manner { return p1driver.Manner{Checkpoint: 64, Window: 3} }})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sent := 0
	err := source.Run(ctx, func() (*p1driver.Message, bool) {
		if book.Len() == 3 || ctx.Err() != nil {
			return nil, false
		}
		sent++
		return &p1driver.Message{Local: fmt.Sprintf("T.%d", sent), Originator: person("CALLER", "Cal", "Caller"), Content: []byte{0xa0, 0},
			Recipients: []p1driver.Recipient{{Name: person("ALPHA", "Ann", "Smith"), Request: p1driver.NonDelivery}}}, true
	})
	if err != nil {
		t.Fatal(err, source.Failures())
	}
	var order []string
	for _, arrival := range book.Arrivals() {
		order = append(order, of[arrival.MTSID])
	}
	if want := []string{"urgent", "normal", "non-urgent"}; !slices.Equal(order, want) {
		t.Errorf("order %v", order)
	}
	if asked := book.Asked(); len(asked) == 0 || asked[0] != 1 {
		t.Errorf("the turn was asked for with priorities %v", asked)
	}
}

package main

import (
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
	sink, err := p1driver.Listen(p1driver.SinkConfig{Listen: strings.TrimSuffix(a.address, port) + "0", Book: book,
		Own: p1driver.Bind{MTA: "SLOW", Password: "secret of SLOW"}, Peers: map[string]string{a.name: "secret of " + a.name},
		Verdict: func(at p1driver.Moment) p1driver.Verdict {
			switch {
			case !open.Load():
				return p1driver.Refuse
			case at == p1driver.OnStored:
				time.Sleep(20 * time.Millisecond)
			}
			return p1driver.Proceed
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	a.set("[[channel]]\nname = \"p1\"", "max-per-peer = 1")
	a.configure(fmt.Sprintf(`
[[peer]]
name = "SLOW"
channel = "p1"
addresses = [{ host = %q }]
password-out = "secret of %s"
password-in = "secret of SLOW"

[[route]]
match = "/PRMD=SLOW/ADMD=TEST/C=GB/"
peers = ["SLOW"]
`, sink.Addr(), a.name))

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

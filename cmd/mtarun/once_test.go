package main

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// A peer that has the turn when everything else is done sends before it gives it back:
// mtarun --once moves that too, and does not leave it in the queue.
func TestOnceMovesWhatComesLast(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	book := p1driver.NewBook()
	last := &p1driver.Message{Local: "T.1", Originator: person("TANGO", "Tim", "Tall"), Content: []byte{0xa0, 0},
		Recipients: []p1driver.Recipient{{Name: person("ALPHA", "Ann", "Smith"), Request: p1driver.NonDelivery}}}
	a.sink("TANGO", p1driver.SinkConfig{Book: book, Last: last})
	a.submit(strings.NewReader("hello\n"), "--from", a.addressOf("Ann", "Smith"), "--to", "/G=Tim/S=Tall/O=Org/PRMD=TANGO/ADMD=TEST/C=GB/", "--report", "none")
	n.run("mtarun", "-C", a.config(), "--once")
	if book.Len() != 1 {
		t.Errorf("%d objects arrived at the peer", book.Len())
	}
	if left := n.run("mtaqueue", "-C", a.config(), "list"); left != "" {
		t.Errorf("left in the queue:\n%s", left)
	}
	if got := a.mailbox("ann"); len(got) != 1 || got[0].MTSID != last.MTSID() {
		t.Errorf("in Ann's mailbox: %v", got)
	}
	a.check()
}

package main

import (
	"strings"
	"testing"
)

// A message crosses three switches, and the reports about it come back.
func TestChain(t *testing.T) {
	n, a, b, c := chain(t)
	bob, carol := b.user("Bob", "Jones"), c.user("Carol", "Brown")
	for _, m := range n.switches {
		m.start()
	}
	ann := a.addressOf("Ann", "Smith")
	sent := a.submit(strings.NewReader("noon"), "--from", ann, "--to", carol, "--to", bob, "--report", "delivery")
	n.until("two reports", func() bool { return len(a.mailbox("ann")) == 2 })
	if got := c.mailbox("carol"); len(got) != 1 || got[0].MTSID != sent.MTSID {
		t.Errorf("Carol has %+v", got)
	}
	if got := b.mailbox("bob"); len(got) != 1 || got[0].MTSID != sent.MTSID {
		t.Errorf("Bob has %+v", got)
	}
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		m.check()
	}
}

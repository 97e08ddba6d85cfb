package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// A peer aborts in the middle of a message that it cannot take, each time anew. What
// waits behind it goes through all the same.
func TestMessageThatBreaksAssociations(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	a.route(b, b)
	b.route(a, a)
	bob := b.user("Bob", "Jones")
	b.configure("\n[limits]\nenvelope-size = \"4KiB\"\n")
	a.start()
	b.start()
	from := []string{"--from", a.addressOf("Ann", "Smith"), "--raw"}
	var many []string
	for range 100 {
		many = append(many, "--to", bob)
	}
	a.submit(bytes.NewReader(make([]byte, 4<<20)), append(from, many...)...)
	n.until("the association was aborted", func() bool {
		text, err := os.ReadFile(b.log())
		return err == nil && strings.Contains(string(text), "limit exceeded")
	})
	for range 3 {
		a.submit(strings.NewReader("short"), append(from, "--to", bob)...)
	}
	n.until("what waits behind it is delivered", func() bool { return len(b.mailbox("bob")) == 3 })
	if a.queued() != 1 {
		t.Errorf("%d messages are left", a.queued())
	}
	rows := n.run("mtaqueue", "-C", a.config(), "list")
	if !strings.Contains(rows, "aborted") {
		t.Errorf("nobody says why: %s", rows)
	}
}

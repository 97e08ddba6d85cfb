package main

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// What becomes of lists and alternates is, to Wireshark, as X.411 says: histories,
// reporting-DL-name, and what was done in the trace.
func TestCaptureOfListsAndAlternates(t *testing.T) {
	n, a, b, c := chain(t)
	n.isolate()
	carol, ann := c.user("Carol", "Brown"), a.addressOf("Ann", "Smith")
	project, owner, bea := b.addressOf("Project", "List"), a.user("Olga", "Owner"), b.addressOf("Bea", "Green")
	b.configure(fmt.Sprintf("\n[[list]]\naddress = %q\nmembers = [%q, %q]\nowner = %q\nreports = \"both\"\n\n[[user]]\naddress = %q\nalternate = %q\n",
		project, carol, c.addressOf("Gus", "Ghost"), owner, bea, carol))
	capture := n.capture()
	for _, m := range n.switches {
		m.start()
	}
	a.submit(strings.NewReader("To all of you.\n"), "--from", ann, "--to", project, "--report", "delivery")
	a.submit(strings.NewReader("To you.\n"), "--from", ann, "--to", bea, "--report", "delivery")
	// Of the list and its two members, and of Carol in the place of Bea.
	n.until("four reports", func() bool { return len(a.mailbox("ann")) == 4 })
	n.until("the owner's two", func() bool { return len(a.mailbox("olga")) == 2 })
	n.until("two messages", func() bool { return len(c.mailbox("carol")) == 2 })
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
	}
	path := capture()
	for _, d := range n.dissect(path) {
		for _, finding := range d.findings {
			t.Errorf("Wireshark: %s: %s", d.names[false], finding)
		}
		if diff := gocmp.Diff(n.decode(d), d.apdus); diff != "" {
			t.Errorf("mtactl decode (-) and Wireshark (+) read the same octets differently:\n%s", diff)
		}
	}
	seen := string(n.tshark(path, "-V", "-Y", "p1"))
	for _, want := range []string{
		"dl-expansion-history (26)", "DLExpansionHistory: 1 item", "dl-operation: True",
		"redirection-history (25)", "RedirectionHistory: 1 item", "redirection-reason: recipient-assigned-alternate-recipient (0)", "redirected: True",
		"originator-and-DL-expansion-history (30)", "OriginatorAndDLExpansionHistory: 2 items",
		"reporting-DL-name (31)", "type-of-MTS-user: dl (3)",
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("Wireshark does not see %q", want)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(seen) {
			if strings.Contains(line, "istory") || strings.Contains(line, "DL") || strings.Contains(line, "edirect") || strings.Contains(line, "MTS-user") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

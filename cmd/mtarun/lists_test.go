package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// What becomes of lists and alternates is, to Wireshark, as X.411 says: histories,
// reporting-DL-name, and what was done in the trace.
func TestCaptureOfListsAndAlternates(t *testing.T) {
	n, a, b, c := chain(t)
	n.isolate()
	carol, ann := c.user("Carol", "Brown"), a.addressOf("Ann", "Smith")
	project, owner, bea := b.addressOf("Project", "List"), a.user("Olga", "Owner"), b.addressOf("Bea", "Green")
	// What a policy changes Wireshark reads as well.
	const policy = `originating-mta-report = "audited-report"
priority = "urgent"
return-of-content = "requested"
implicit-conversion = "prohibited"
conversion-with-loss = "prohibited"
further-dl-expansion-allowed = false
requested-delivery-method = ["mhs-delivery", "any-delivery-method"]
`
	b.configure(fmt.Sprintf("\n[[list]]\naddress = %q\nmembers = [%q, %q]\nowner = %q\nreports = \"both\"\n"+policy+"\n[[user]]\naddress = %q\nalternate = %q\n",
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
		"priority: urgent (2)", "implicit-conversion-prohibited: True", "content-return-request: True", "conversion-with-loss-prohibited (4)",
		"dl-expansion-prohibited (3)", "requested-delivery-method (6)",
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

// One switch is killed again and again, whole, without its channels, or a channel of it,
// while it expands lists and redirects. As nothing crosses to another, nothing is to
// happen twice: every member has every message once, and the originator each report.
func TestListsSurviveKills(t *testing.T) {
	n := newNetwork(t)
	m := n.add("a", "ALPHA")
	ann, bob, carol := m.addressOf("Ann", "Smith"), m.user("Bob", "Jones"), m.user("Carol", "Brown")
	outer, inner, away := m.addressOf("Outer", "List"), m.addressOf("Inner", "List"), m.addressOf("Dora", "Away")
	m.configure(fmt.Sprintf("\n[[list]]\naddress = %q\nmembers = [%q, %q]\n\n[[list]]\naddress = %q\nmembers = [%q, %q]\n\n[[user]]\naddress = %q\nalternate = %q\n",
		outer, bob, inner, inner, carol, outer, away, bob))
	const seed = 1127
	random := rand.New(rand.NewPCG(seed, 0))
	large := bytes.Repeat([]byte("octets of a content that is copied\n"), 10_000)
	var lists, aways, nobodies []string
	m.start()
	for range 12 {
		lists = append(lists, m.submit(bytes.NewReader(large), "--from", ann, "--to", outer, "--report", "delivery").MTSID)
		aways = append(aways, m.submit(strings.NewReader("x"), "--from", ann, "--to", away).MTSID)
		nobodies = append(nobodies, m.submit(strings.NewReader("x"), "--from", ann, "--to", m.addressOf("Gus", "Ghost"), "--alternate", carol).MTSID)
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		all := m.processes()
		channels := all[:len(all)-1]
		kill := func(pid int) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
				t.Fatal(err)
			}
		}
		switch kind := random.IntN(3); {
		case kind == 0 && len(channels) > 0:
			kill(channels[random.IntN(len(channels))])
			continue
		case kind == 1:
			for _, pid := range channels {
				kill(pid)
			}
		}
		m.signal(syscall.SIGKILL)
		m.wait()
		m.start()
	}
	n.until("the queue is empty", func() bool { return m.queued() == 0 })
	m.stop()
	m.check()

	count := func(box string) map[string]int {
		got := map[string]int{}
		for _, d := range m.mailbox(box) {
			id := d.MTSID
			if d.Report != nil {
				id = d.Report.Subject
			}
			got[id]++
		}
		return got
	}
	expect := func(box string, want map[string]int) {
		if diff := gocmp.Diff(want, count(box)); diff != "" {
			t.Errorf("seed %d: %s (-want +got):\n%s", seed, box, diff)
		}
	}
	both := func(times int, of ...[]string) map[string]int {
		all := map[string]int{}
		for _, ids := range of {
			for _, id := range ids {
				all[id] = times
			}
		}
		return all
	}
	expect("bob", both(1, lists, aways))
	expect("carol", both(1, lists, nobodies))
	expect("ann", both(4, lists)) // of both lists, and of Bob and Carol
}

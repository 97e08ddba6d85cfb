package main

import (
	"fmt"
	"strings"
	"testing"
)

// Two switches bind without credentials in both directions, and Wireshark, which has its
// decoders from the Recommendations and not from us, reads the NULL of argument and result.
func TestCaptureWithoutCredentials(t *testing.T) {
	for _, mode := range []string{"normal", "x410", "1984"} {
		t.Run(mode, func(t *testing.T) {
			n := newNetwork(t)
			a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
			for _, p := range [][2]*mta{{a, b}, {b, a}} {
				p[0].configure(fmt.Sprintf(`
[[peer]]
name = %q
channel = "p1"
addresses = [{ host = %q, tsel = %q }]
credentials = "none"
mode = %q
our-tsel = %q
callers = [{ network = "127.0.0.0/8", tsel = %q }]
`, p[1].name, p[1].address, p[1].name, mode, p[0].name, p[1].name))
				p[0].route(p[1], p[1])
			}
			n.isolate()
			capture := n.capture()
			hello := a.submit(strings.NewReader("Hello\n"), "--from", a.addressOf("Ann", "Smith"), "--to", b.addressOf("Ann", "Smith"), "--report", "delivery")
			for _, m := range n.switches {
				m.start()
			}
			n.until("the report", func() bool { return len(a.mailbox("ann")) == 1 })
			if got := b.mailbox("ann"); len(got) != 1 || got[0].MTSID != hello.MTSID {
				t.Errorf("Ann of BRAVO has %+v", got)
			}
			b.submit(strings.NewReader("Hello\n"), "--from", b.addressOf("Ann", "Smith"), "--to", a.addressOf("Ann", "Smith"))
			n.until("the answer", func() bool { return len(a.mailbox("ann")) == 2 })
			for _, m := range n.switches {
				m.stop()
			}
			path := capture()
			for _, d := range n.dissect(path) {
				for _, finding := range d.findings {
					if mode == "normal" || !notDecoded.MatchString(finding) {
						t.Errorf("Wireshark: %s", finding)
					}
				}
				if d.names[false] != " to " {
					t.Errorf("Wireshark found names in the bind: %q", d.names[false])
				}
			}
			both := map[string]int{}
			for line := range strings.Lines(string(n.tshark(path, "-Y", "p1.unauthenticated_element", "-T", "fields", "-e", "tcp.stream"))) {
				both[strings.TrimSpace(line)]++
			}
			if len(both) == 0 {
				t.Error("Wireshark found no bind")
			}
			for stream, nulls := range both {
				if nulls != 2 {
					t.Errorf("connection %s has %d binds without credentials, not an argument and a result", stream, nulls)
				}
			}
		})
	}
}

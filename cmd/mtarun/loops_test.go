package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
)

// Two switches send what neither knows to each other. The message ends with one
// report, loop-detected, wherever the mistake lies: between two domains, between two
// switches of one, and where every pass shows a reason, because the first choice of one
// of them cannot be reached.
func TestRoutingLoop(t *testing.T) {
	// Time for a second report, if there were one.
	const pause = 200 * time.Millisecond
	const lost = "/G=No/S=Body/PRMD=NOWHERE/ADMD=TEST/C=GB/"
	for _, c := range []struct {
		name, domain string
		down         bool // the first choice of A
		passes       int  // of A, at most; internal ones are tolerated for a while
	}{
		{"domains", "BRAVO", false, 2},
		{"one domain", "ALPHA", false, 7},
		{"rerouted", "BRAVO", true, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			a, b := n.add("a", "ALPHA"), n.add("b", c.domain)
			link(a, b)
			first := ""
			if c.down {
				a.configure("\n[[peer]]\nname = \"DOWN\"\nchannel = \"p1\"\naddresses = [{ host = \"127.0.0.1:1\" }]\n")
				first = `"DOWN", `
			}
			for _, hop := range []struct {
				from  *mta
				peers string
			}{{a, first + `"MTA-B"`}, {b, `"MTA-A"`}} {
				hop.from.configure(fmt.Sprintf("\n[[route]]\nmatch = \"/PRMD=NOWHERE/ADMD=TEST/C=GB/\"\npeers = [%s]\n", hop.peers))
			}
			if c.domain != "ALPHA" {
				b.route(a, a)
			}
			a.start()
			b.start()
			sent := a.submit(strings.NewReader("round and round"), "--from", a.addressOf("Ann", "Smith"), "--to", lost)
			n.until("a report", func() bool { return len(a.mailbox("ann")) > 0 })
			for _, m := range n.switches {
				n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
			}
			time.Sleep(pause)
			reports := a.mailbox("ann")
			if len(reports) != 1 {
				t.Fatalf("%d reports", len(reports))
			}
			if r := reports[0].Report; r.Subject != sent.MTSID || len(r.Recipients) != 1 || r.Recipients[0].Reason != "unable-to-transfer" || r.Recipients[0].Diagnostic != "loop-detected" {
				t.Errorf("%+v", r)
			}
			passes := 0
			if _, err := audit.Scan(filepath.Join(a.dir, "log"), time.Time{}, func(r audit.Record) error {
				if r.MTSID == sent.MTSID && (r.Event == audit.Submitted || r.Event == audit.TransferIn) {
					passes++
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if passes < 1 || passes > c.passes {
				t.Errorf("it came to A %d times", passes)
			}
			t.Logf("it came to A %d times", passes)
			for _, m := range n.switches {
				m.stop()
				m.check()
			}
		})
	}
}

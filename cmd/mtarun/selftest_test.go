package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/mtakit/mtakit/lib/audit"
)

// story is what the event log says of starts, reloads and limits, in order.
func (m *mta) story() (all []audit.Record) {
	m.network.t.Helper()
	for line := range strings.Lines(m.network.run("sh", "-c", `cat "$0"/log/*.jsonl`, m.dir)) {
		var r audit.Record
		if json.Unmarshal([]byte(line), &r) != nil {
			continue // being written
		}
		switch r.Event {
		case audit.Started, audit.Reloaded, audit.LimitMoved:
			all = append(all, r)
		}
	}
	return all
}

// movedAfter is the first move of a limit after the n-th event of a kind; empty: there is
// none yet.
func (m *mta) movedAfter(event string, n int) string {
	for _, r := range m.story() {
		switch {
		case r.Event == event:
			n--
		case r.Event == audit.LimitMoved && n == 0:
			return r.Text
		}
	}
	return ""
}

// limits asks a switch how many jobs at once its channel p1 may have, and which limits
// were moved.
func (m *mta) limits() (jobs int, moved string) {
	m.network.t.Helper()
	for line := range strings.Lines(m.network.run("mtaqueue", "-C", m.config(), "tree", "--json")) {
		var row struct {
			Channel string `json:"channel"`
			MaxJobs int    `json:"maxJobs"`
			Moved   string `json:"moved"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			m.network.t.Fatal(err)
		}
		if row.Channel == "p1" {
			jobs, moved = row.MaxJobs, row.Moved
		}
	}
	return jobs, moved
}

// background runs a program until the test ends, or to its own end.
func (n *network) background(name string, args ...string) {
	n.t.Helper()
	cmd := n.command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
	})
}

// A limit with bounds is raised while messages wait for it and more are moved by that, to
// the bound and not beyond, and the event log says why; one without bounds stays. A reload
// and a restart begin with what is configured.
func TestSelfTestMovesALimit(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.set("[[channel]]", "max-jobs = 3\nreserved-urgent = 0\nreserved-normal = 0\nmax-jobs-least = 2\nmax-jobs-most = 5\nmax-per-peer = 9")
	a.configure("\n[selftest]\ninterval = \"2s\"\nbarrier = \"1m\"\n")
	a.neighbour("SINK", fmt.Sprintf("host = %q", strings.TrimSuffix(a.address, port)+"10402"))
	a.neighbour("SOURCE", fmt.Sprintf("host = %q", strings.TrimSuffix(a.address, port)+"10403"))
	// So many places move so many times five messages a second, on any machine.
	n.background("mtactl", "-C", a.config(), "bench", "sink", "--peer", "SINK", "--delay", "200ms")
	a.start()
	send := exec.Command(n.bin+"/mtactl", "-C", a.config(), "bench", "source", "--peer", "SOURCE", "--from", a.addressOf("Ann", "Smith"),
		"--recipient", "/S=Smith/PRMD=SINK/ADMD=TEST/C=GB/", "--messages", "1500", "--associations", "4")
	if out, err := send.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n.until("the limit is raised", func() bool {
		jobs, moved := a.limits()
		if want := fmt.Sprintf("max-jobs 3 to %d", jobs); jobs != 3 && moved != want || jobs == 3 && moved != "" {
			t.Fatalf("%d jobs, %q", jobs, moved)
		}
		return jobs > 3
	})
	const first = "max-jobs 3 to 4: messages waited for it in "
	again := func(event string, times int) {
		t.Helper()
		n.until("it is moved again after "+event, func() bool { return a.movedAfter(event, times) != "" })
		if text := a.movedAfter(event, times); !strings.HasPrefix(text, first) {
			t.Errorf("after %s: %q", event, text)
		}
	}
	again(audit.Started, 1)
	a.signal(syscall.SIGHUP)
	again(audit.Reloaded, 1)
	a.stop()
	a.start()
	again(audit.Started, 2)
	a.stop()
	for _, r := range a.story() {
		var from, to int
		if r.Event != audit.LimitMoved {
			continue
		}
		if _, err := fmt.Sscanf(r.Text, "max-jobs %d to %d:", &from, &to); err != nil || r.Channel != "p1" || min(from, to) < 2 || max(from, to) > 5 {
			t.Errorf("%+v", r)
		}
	}
	a.check()
}

package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

var allFaults = flag.Bool("faults.all", false, "fail each call in every way, not in two of them")

// damage is what mtactl check finds, by its own code, but for what a killed writer leaves.
func (m *mta) damage() (found []spool.Finding) {
	m.network.t.Helper()
	sp, err := spool.Open(filepath.Join(m.dir, "spool"))
	if err != nil {
		m.network.t.Fatal(err)
	}
	defer func() { _ = sp.Close() }()
	sp.Check(spool.CheckOptions{ReadData: true}, func(f spool.Finding) {
		if f.Kind != spool.FoundLeft {
			found = append(found, f)
		}
	})
	return found
}

// Every call of mtasubmit on a file of the spool fails, or it is killed there. It says yes,
// by exit status or by an identifier, of a message that is there, whole; and what it says
// no to is not there.
func TestFaultsOfSubmit(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	ann := a.addressOf("Ann", "Smith")
	fresh := filepath.Join(a.dir, "spool/new")
	sweep(t, "mtasubmit", *allFaults, func(f fault) *faulted {
		f.below = []string{filepath.Join(a.dir, "spool")}
		cmd := n.command("mtasubmit", "-C", a.config(), "--from", ann, "--to", ann)
		var out, said bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("text\n"), &out, &said
		seen, err := n.faulty(cmd, f, time.Minute)
		names, e := os.ReadDir(fresh)
		if e != nil {
			t.Fatal(e)
		}
		switch id := strings.TrimSpace(out.String()); {
		case err == nil && (len(names) != 1 || names[0].Name() != id), id != "" && len(names) != 1:
			t.Errorf("%s, %v: said %q, and there is %v", seen.struck, f, id, names)
		case err != nil && len(names) > 0 && !f.kill && !f.forGood: // then it may not be able to remove it
			t.Errorf("%s, %v: %v, and there is %v", seen.struck, f, err, names)
		case err != nil && !f.kill && said.Len() == 0:
			t.Errorf("%s, %v: it does not say why", seen.struck, f)
		}
		if found := a.damage(); len(found) > 0 {
			t.Errorf("%s, %v: %+v", seen.struck, f, found)
		}
		for _, dir := range []string{"new", "tmp"} {
			clear, err := filepath.Glob(filepath.Join(a.dir, "spool", dir, "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range clear {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		return seen
	})
}

// Every call of mtarun and its channels on a file of the spool or of a mailbox fails, or
// who does it is killed there, while a message is taken in, delivered, and reported on. What
// was accepted has arrived in the end, whole, and one report.
func TestFaultsOfDelivery(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	ann := a.addressOf("Ann", "Smith")
	a.submit(strings.NewReader("text\n"), "--from", ann, "--to", ann, "--report", "delivery")
	template := a.dir + ".template"
	if err := os.Rename(a.dir, template); err != nil {
		t.Fatal(err)
	}
	sweep(t, "mtarun --once", *allFaults, func(f fault) *faulted {
		if err := os.RemoveAll(a.dir); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-a", template, a.dir).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
		f.below = []string{filepath.Join(a.dir, "spool"), filepath.Join(a.dir, "mailbox")}
		seen, _ := n.faulty(n.command("mtarun", "-C", a.config(), "--once"), f, 3*time.Second) // it may not come to an end
		n.until(seen.struck+", "+f.String()+": Ann has both", func() bool {                    // there may be a back-off to wait for
			n.run("mtarun", "-C", a.config(), "--once")
			return len(a.mailbox("ann")) >= 2 && a.queued() == 0
		})
		told := map[string]int{}
		for _, d := range a.mailbox("ann") {
			if d.Report == nil {
				told["message"]++
				if d.Size == 0 {
					t.Errorf("%s, %v: an empty message", seen.struck, f)
				}
				continue
			}
			for _, r := range d.Report.Recipients {
				told["report: "+r.Reason]++
			}
		}
		if told["message"] != 1 || told["report: "] != 1 || len(told) != 2 {
			t.Errorf("%s, %v: %v", seen.struck, f, told)
		}
		if found := a.damage(); len(found) > 0 {
			t.Errorf("%s, %v: %+v", seen.struck, f, found)
		}
		return seen
	})
}

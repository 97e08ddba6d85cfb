package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// A barrier of the receiving switch fails: nobody who waited for it is told yes, then
// or later, nor is anybody else; the sender keeps its messages; and the switch ends
// itself, to go on from what the disk has when it is started again.
//
// strace makes the call fail from a moment on. It comes to a switch that is at work
// already, with an association that stands, and counts for each thread by itself: with
// "when=2" the first fsync of a thread, that of a file, is let through, and the next,
// of the directory that names it, fails. So some messages may be acknowledged before
// the failure, each of them with a barrier of its own, which is checked.
func TestFailedBarrier(t *testing.T) {
	for _, c := range []struct{ name, barrier, inject string }{
		{"syncfs", "syncfs", "syncfs:error=EIO:delay_enter=300000"},
		{"fsync of a file", "fsync", "fsync:error=EIO:delay_enter=300000"},
		{"fsync of a directory", "fsync", "fsync:error=EIO:delay_enter=300000:when=2+"},
	} {
		t.Run(c.name, func(t *testing.T) { failedBarrier(t, c.barrier, c.inject) })
	}
}

func failedBarrier(t *testing.T, barrier, inject string) {
	const messages = 5
	n, a, b, c := chain(t)
	n.isolate() // in its own, strace may attach to what is not its child
	carol := c.user("Carol", "Brown")
	for _, m := range n.switches {
		m.set("[spool]", fmt.Sprintf("barrier = %q", barrier))
		m.start()
	}
	submit := func(text string) submission {
		return a.submit(strings.NewReader(text), "--from", a.addressOf("Ann", "Smith"), "--to", carol, "--report", "none")
	}
	// One message goes through, and leaves associations. A record of the event log is
	// written when the barrier begins that takes it along; the last about this message
	// is that it was removed. After that nothing is due at B.
	first := submit("first")
	n.until("the first message has left B", func() bool {
		log, err := filepath.Glob(filepath.Join(b.dir, "log", "*"))
		if err != nil || len(log) != 1 {
			return false
		}
		text, err := os.ReadFile(log[0])
		return err == nil && strings.Contains(string(text), `"event":"removed"`) && len(c.mailbox("carol")) == 1
	})

	path := filepath.Join(n.dir, "b.trace")
	traced := n.attach(b, path, inject)
	sent := map[string]string{} // local-identifier to ID
	for i := range messages {
		s := submit(fmt.Sprint("message ", i))
		sent[localIdentifier(s.MTSID)] = s.ID
	}
	if status := b.wait(); status != diag.IO.ExitStatus() {
		t.Errorf("%s: exit status %d after a failed barrier, want %d", b.name, status, diag.IO.ExitStatus())
	}
	traced()

	tr := readTrace(t, path)
	failed := tr.firstFailure(b)
	if failed == nil {
		t.Fatalf("no barrier has failed, see %s", path)
	}
	acks, err := tr.acknowledgements(true)
	if err != nil {
		t.Error(err)
	}
	acknowledged := map[string]bool{}
	for _, ack := range acks {
		acknowledged[ack.local] = true
		// Nothing that failed counts here: it had a barrier that succeeded.
		if err := tr.vouched(ack.file, ack.at); err != nil {
			t.Errorf("acknowledged at line %d: %v", ack.at.begin+1, err)
		}
	}
	waited := 0
	for local, file := range tr.files() {
		if acknowledged[local] || sent[local] == "" {
			continue
		}
		waited++
		if exists(file) {
			t.Errorf("%s was refused and is still there", file)
		}
	}
	if waited == 0 {
		t.Error("nobody has waited for the barrier that failed")
	}
	for local, id := range sent {
		kept, err := filepath.Glob(filepath.Join(a.dir, "spool", "q", "?", "??", id))
		if err != nil {
			t.Fatal(err)
		}
		if new := filepath.Join(a.dir, "spool", "new", id); exists(new) {
			kept = append(kept, new)
		}
		if acknowledged[local] == (len(kept) == 1) {
			t.Errorf("%s: acknowledged by B: %v; A has it %d times", id, acknowledged[local], len(kept))
		}
	}
	// What the kernel has reported once it does not report again: a second try would
	// succeed, and mean nothing.
	for _, c := range tr.calls {
		if c.begin > failed.end && (c.name == "syncfs" || c.name == "fsync") && strings.HasPrefix(c.path, b.dir+"/spool") {
			t.Errorf("line %d: another barrier after the one that failed at line %d", c.begin+1, failed.begin+1)
		}
	}
	if word, err := os.ReadFile(filepath.Join(b.dir, "spool", "lock")); err != nil || string(word) != "open \n" {
		t.Errorf("the lock says %q, %v; the next start must not trust what it finds", word, err)
	}

	b.start()
	// Twice is no fault: what was found whole on the disk counts as accepted.
	want := []string{localIdentifier(first.MTSID)}
	for local := range sent {
		want = append(want, local)
	}
	has := func() (all []string) {
		for _, d := range c.mailbox("carol") {
			all = append(all, localIdentifier(d.MTSID))
		}
		return all
	}
	n.until("Carol has everything", func() bool {
		all := has()
		return !slices.ContainsFunc(want, func(local string) bool { return !slices.Contains(all, local) })
	})
	sameSet(t, "Carol has", want, has())
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		m.check()
	}
}

// The names of messages that tools have put into the spool cannot be made durable: a
// second try would succeed, and mean nothing. The switch takes none of them, and ends.
func TestFailedSyncOfNewMessages(t *testing.T) {
	n, a, _, c := chain(t)
	n.isolate()
	a.set("[spool]", `barrier = "syncfs"`)
	a.start()
	n.until("its channel is up", func() bool {
		text, err := os.ReadFile(a.log())
		return err == nil && strings.Contains(string(text), "channel-up")
	})
	traced := n.attach(a, filepath.Join(n.dir, "a.trace"), "fsync:error=EIO")
	s := a.submit(strings.NewReader("text"), "--from", a.addressOf("Ann", "Smith"), "--to", c.user("Carol", "Brown"))
	if status := a.wait(); status != diag.IO.ExitStatus() {
		t.Errorf("exit status %d, want %d", status, diag.IO.ExitStatus())
	}
	traced()
	if path := filepath.Join(a.dir, "spool", "new", s.ID); !exists(path) {
		t.Errorf("%s has been taken", path)
	}
	a.start()
	n.until("the message is taken", func() bool { return a.queued() == 1 && !exists(filepath.Join(a.dir, "spool", "new", s.ID)) })
	a.stop()
}

// attach makes a system call fail in a running switch, and records what it does from
// then on; the function it returns waits until the record is complete.
func (n *network) attach(m *mta, path, inject string) func() {
	n.t.Helper()
	args := []string{"-f", "-ttt", "-y", "-x", "-s", "1000000", "-e", "signal=none", "-e", "trace=" + traced, "-e", "inject=" + inject, "-o", path}
	for _, pid := range m.processes() {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	strace := n.command("strace", args...)
	if err := strace.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = strace.Process.Kill() }) // after its end it changes nothing
	// What it says of them is not relied on: a process may be about to become another.
	n.until("every thread of "+m.name+" is traced", func() bool {
		for _, pid := range m.processes() {
			threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
			if err != nil {
				n.t.Fatal(err)
			}
			for _, thread := range threads {
				if text, err := os.ReadFile(thread); err == nil && strings.Contains(string(text), "\nTracerPid:\t0\n") {
					return false
				}
			}
		}
		return true
	})
	return func() {
		n.t.Helper()
		if err := strace.Wait(); err != nil {
			n.t.Errorf("strace: %v", err)
		}
	}
}

// firstFailure is the first barrier of a switch that failed.
func (tr *trace) firstFailure(m *mta) *call {
	for _, c := range tr.calls {
		if (c.name == "syncfs" || c.name == "fsync") && c.failed && strings.HasPrefix(c.path, m.dir+"/spool") {
			return c
		}
	}
	return nil
}

// A sync of mtasubmit fails: it does not say yes, and nothing of the message is left
// that might be found whole and sent after all.
func TestSubmitFailedSync(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	ann := a.addressOf("Ann", "Smith")
	inject := func(more ...string) []string {
		return append([]string{"strace", "-f", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "-o", "/dev/null"}, more...)
	}
	for name, strace := range map[string][]string{
		"the file":           inject(),
		"the directory new/": inject("-P", filepath.Join(a.dir, "spool", "new")),
	} {
		stdout, stderr, err := runUnder(n, a, strace, "--to", ann)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != diag.IO.ExitStatus() {
			t.Errorf("%s: %v, want exit status %d; %s", name, err, diag.IO.ExitStatus(), stderr)
		}
		if stdout != "" {
			t.Errorf("%s: printed %q", name, stdout)
		}
		for _, dir := range []string{"new", "tmp"} {
			left, err := os.ReadDir(filepath.Join(a.dir, "spool", dir))
			if err != nil || len(left) != 0 {
				t.Errorf("%s: left in %s/: %v, %v", name, dir, left, err)
			}
		}
	}
	a.submit(strings.NewReader("in the end"), "--from", ann, "--to", ann)
	a.start()
	n.until("Ann has a message", func() bool { return len(a.mailbox("ann")) == 1 })
	a.stop()
}

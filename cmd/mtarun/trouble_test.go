package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mtakit/mtakit/lib/queue"
)

// room is what a switch has left on its disk, in octets.
const room = 200 << 10

// fill leaves a switch that does not run no more than room for its spool, and returns
// what gives it room again. Where a file system may be mounted the spool gets a small
// one of its own; elsewhere a limit on the size of files stands for it.
func (m *mta) fill() (empty func()) {
	t := m.network.t
	t.Helper()
	spool := filepath.Join(m.dir, "spool")
	mount := exec.Command("sh", "-c", `mv "$0" "$0.old" && mkdir -m 700 "$0" && mount -t tmpfs -o size=4m,mode=700 none "$0"`, spool)
	if err := mount.Run(); err != nil {
		m.network.run("sh", "-c", `[ -e "$0.old" ] && rm -rf "$0" && mv "$0.old" "$0" || :`, spool)
		m.wrap = []string{"prlimit", fmt.Sprintf("--fsize=%d:unlimited", room)}
		return func() {
			for _, pid := range m.processes() {
				m.network.run("prlimit", "--pid", strconv.Itoa(pid), "--fsize=unlimited")
			}
		}
	}
	t.Cleanup(func() { m.network.run("umount", "-l", spool) })
	m.network.run("cp", "-a", spool+".old/.", spool)
	filler := filepath.Join(spool, "filler")
	var fs syscall.Statfs_t
	if err := syscall.Statfs(spool, &fs); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filler, make([]byte, int(fs.Bavail)*int(fs.Bsize)-room), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
}

// row is the one message in the queue of a switch; nil if there is none.
func (m *mta) row() *queue.Row {
	m.network.t.Helper()
	var r queue.Row
	for line := range strings.Lines(m.network.run("mtaqueue", "-C", m.config(), "list", "--json")) {
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			m.network.t.Fatal(err)
		}
		return &r
	}
	return nil
}

// The disk of the receiving switch is full: it tells the sender not now, and nothing of
// the message can be seen. Others, for which there is room, pass it; and when there is
// room it is delivered.
func TestFullDisk(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	a.route(b, b)
	b.route(a, a)
	bob := b.user("Bob", "Jones")
	empty := b.fill()
	a.start()
	b.start()
	submit := func(in io.Reader, args ...string) submission {
		return a.submit(in, append([]string{"--from", a.addressOf("Ann", "Smith"), "--to", bob, "--report", "none"}, args...)...)
	}
	submit(strings.NewReader("before"))
	n.until("a small message is delivered", func() bool { return len(b.mailbox("bob")) == 1 })

	content := make([]byte, 5*room)
	_, _ = rand.NewChaCha8([32]byte{'f'}).Read(content) // never fails
	submit(bytes.NewReader(content), "--raw")
	n.until("B has refused the large one", func() bool {
		r := a.row()
		return r != nil && r.State == queue.StateDeferred && r.Attempts > 0
	})
	if r := a.row(); r != nil && !strings.Contains(r.Reason, "the peer did not take it") && r.State != queue.StateActive {
		t.Errorf("A says of it: %+v", r)
	}
	n.until("nothing of it is to be seen", func() bool { return b.queued() == 0 })
	submit(strings.NewReader("meanwhile"))
	n.until("another small message is delivered", func() bool { return len(b.mailbox("bob")) == 2 })
	events := n.run("sh", "-c", `cat "$0"/log/*.jsonl`, b.dir)
	if !strings.Contains(events, "inbound object not taken") || !strings.Contains(events, "no space left on device") && !strings.Contains(events, "file too large") {
		t.Errorf("B does not say why: %s", events)
	}

	empty()
	n.until("the large one is delivered", func() bool { return len(b.mailbox("bob")) == 3 })
	whole := 0
	for _, d := range b.mailbox("bob") {
		got, err := os.ReadFile(b.content("bob", d))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(got, content) {
			whole++
		}
	}
	if whole != 1 {
		t.Errorf("%d deliveries are the large one", whole)
	}
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		m.check()
	}
}

// Whoever read the log has gone: the switch goes on.
func TestLogReaderGone(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	cmd := n.command("mtarun", "-C", a.config(), "--ready-fd", "3")
	ready, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ready.Close() }()
	cmd.ExtraFiles = []*os.File{write}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	_ = write.Close() // the switch has its own
	if line, err := io.ReadAll(ready); err != nil || string(line) != "READY=1\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // each has something to log
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		n.run("mtactl", "-C", a.config(), "status")
	}
	ann := a.addressOf("Ann", "Smith")
	a.submit(strings.NewReader("text"), "--from", ann, "--to", ann, "--report", "none")
	n.until("a message is delivered", func() bool { return len(a.mailbox("ann")) == 1 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended = true
	if err := cmd.Wait(); err != nil {
		t.Errorf("mtarun: %v", err)
	}
}

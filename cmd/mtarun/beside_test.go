package main

import (
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/queue"
)

// Whoever submits while mtarun --once drains, or two of them meet, has his message
// delivered once: by that one or by the next.
func TestSubmitBesideOnce(t *testing.T) {
	const messages = 40
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	ann := a.addressOf("Ann", "Smith")
	var submitting sync.WaitGroup
	var mu sync.Mutex
	ids := map[string]int{}
	for range 4 {
		submitting.Go(func() {
			for range messages / 4 {
				s, err := a.trySubmit(strings.NewReader("text"), "--from", ann, "--to", ann, "--report", "none")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				ids[s.MTSID] = 0
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { submitting.Wait(); close(done) }()
	for over := false; !over; {
		select {
		case <-done:
			over = true // and once more
		default:
		}
		first, second := n.command("mtarun", "-C", a.config(), "--once"), n.command("mtarun", "-C", a.config(), "--once")
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		out, err := second.CombinedOutput()
		statuses := []int{second.ProcessState.ExitCode(), 0}
		if e := first.Wait(); e != nil {
			statuses[1] = first.ProcessState.ExitCode()
		}
		for _, status := range statuses {
			if status != 0 && status != 69 { // the other had the lock
				t.Errorf("mtarun --once: %v, %v\n%s", statuses, err, out)
			}
		}
	}
	n.run("mtarun", "-C", a.config(), "--once")
	for _, d := range a.mailbox("ann") {
		ids[d.MTSID]++
	}
	for id, times := range ids {
		if times != 1 {
			t.Errorf("%s is delivered %d times", id, times)
		}
	}
	if len(ids) != messages || a.queued() != 0 {
		t.Errorf("%d messages, %d left in the queue", len(ids), a.queued())
	}
	a.check()
}

// Tools that connect by the hundred and say nothing, or ask and do not read, keep no
// message from passing; when they are gone the next tool is answered.
func TestControlSocketFlooded(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	ann := a.addressOf("Ann", "Smith")
	a.start()
	var conns []net.Conn
	flood := func(say string) {
		for range 200 {
			conn, err := net.DialTimeout("unix", queue.SocketPath(filepath.Join(a.dir, "spool")), time.Second)
			if err != nil {
				return // there is no room for more
			}
			conns = append(conns, conn)
			_, _ = conn.Write([]byte(say)) // it may not be read
		}
	}
	flood("{\"verb\":\"list\"}\n{\"verb\":\"tree\"}\n")
	flood("")
	flood("no request at all")
	if len(conns) < 65 {
		t.Fatalf("%d connections are no flood", len(conns))
	}
	for i := range 10 {
		a.submit(strings.NewReader("text"), "--from", ann, "--to", ann, "--report", "none")
		n.until("a message is delivered", func() bool { return len(a.mailbox("ann")) == i+1 })
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	if out := n.run("mtaqueue", "-C", a.config(), "tree"); !strings.Contains(out, "channel\tp1") {
		t.Errorf("mtaqueue tree: %s", out)
	}
	a.stop()
	a.check()
}

// The spool cannot be written to for a while: what comes is refused and not half there,
// and what waits goes on when it can be written to again.
func TestSpoolReadOnlyForAWhile(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	a.route(b, b)
	b.route(a, a)
	bob := b.user("Bob", "Jones")
	a.start()
	b.start()
	submit := func() {
		a.submit(strings.NewReader("text"), "--from", a.addressOf("Ann", "Smith"), "--to", bob, "--report", "none")
	}
	submit()
	n.until("a message is delivered", func() bool { return len(b.mailbox("bob")) == 1 })
	restore := b.readOnly()
	submit()
	n.until("B has refused it", func() bool {
		r := a.row()
		return r != nil && r.Attempts > 0 && r.State == queue.StateDeferred
	})
	if b.queued() > 0 {
		t.Errorf("%d messages are half there", b.queued())
	}
	restore()
	n.until("it is delivered", func() bool { return len(b.mailbox("bob")) == 2 })
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		m.check()
	}
}

// readOnly has the queue of a switch that runs be read-only, and returns what ends that.
// Where nothing may be mounted a limit on the size of files stands for it.
func (m *mta) readOnly() (restore func()) {
	q := filepath.Join(m.dir, "spool", "q")
	if exec.Command("sh", "-c", `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"`, q).Run() == nil {
		umount := sync.OnceFunc(func() { m.network.run("umount", "-l", q) })
		m.network.t.Cleanup(umount)
		return umount
	}
	limit := func(most string) {
		for _, pid := range m.processes() {
			m.network.run("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+most+":unlimited")
		}
	}
	limit("0")
	return func() { limit("unlimited") }
}

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/queue"
)

// tim is somebody behind a sink.
const tim = "/G=Tim/S=Tall/O=Org/PRMD=TANGO/ADMD=TEST/C=GB/"

// withheld is a switch that has sent one message, through a proxy, to a sink that has
// stored it and does not answer.
type withheld struct {
	*network
	a      *mta
	book   *p1driver.Book
	proxy  *proxy
	once   sync.Once
	answer chan struct{} // closed: the sink answers
	shut   atomic.Bool   // nobody is let in
	cut    atomic.Bool   // what is withheld is not answered ever: the connection is closed
	s      submission
	sum    [sha256.Size]byte
}

func withhold(t *testing.T, config string, options ...string) *withheld {
	t.Helper()
	n := newNetwork(t)
	w := &withheld{network: n, a: n.add("a", "ALPHA"), book: p1driver.NewBook(), answer: make(chan struct{})}
	sink := w.a.listen("TANGO", p1driver.SinkConfig{Book: w.book, Verdict: func(m p1driver.Moment) p1driver.Verdict {
		switch {
		case m == p1driver.OnConnect && w.shut.Load():
			return p1driver.Refuse
		case m == p1driver.OnStored:
			<-w.answer
			if w.cut.Load() {
				return p1driver.Cut
			}
		}
		return p1driver.Proceed
	}})
	t.Cleanup(w.release) // the sink, which is closed after this, waits for it
	w.proxy = newProxy(t, sink.Addr(), sink.Addr())
	w.a.neighbour("TANGO", fmt.Sprintf("host = %q", w.proxy.addr()))
	if config != "" {
		w.a.set("[schedule]", config)
	}
	w.a.start()
	content := []byte("one message\n")
	w.sum = sha256.Sum256(content)
	w.s = w.a.submit(bytes.NewReader(content), append([]string{"--raw", "--from", w.a.addressOf("Ann", "Smith"), "--to", tim}, options...)...)
	w.arrives(1)
	return w
}

func (w *withheld) release() { w.once.Do(func() { close(w.answer) }) }

// arrives waits until the message has arrived so often.
func (w *withheld) arrives(times int) {
	w.t.Helper()
	if err := w.book.Wait(times, patience); err != nil {
		w.t.Fatal(err)
	}
}

// marked waits until the log of the message says that it may have been sent.
func (w *withheld) marked() {
	w.t.Helper()
	w.until("the log says that it may have been sent", func() bool {
		out := w.run("sh", "-c", `cat "$0"/spool/q/*/*/*.log 2>/dev/null || :`, w.a.dir)
		return strings.Contains(out, `"in-doubt"`)
	})
}

// verb has mtaqueue do something to the message, and returns its exit status and what
// it says.
func (w *withheld) verb(args ...string) (int, string) {
	w.t.Helper()
	cmd := w.command("mtaqueue", append([]string{"-C", w.a.config()}, append(args, w.s.ID)...)...)
	out, _ := cmd.CombinedOutput() // the status says it
	return cmd.ProcessState.ExitCode(), string(out)
}

// events are those of the message in the event log.
func (m *mta) events(id string) []audit.Record {
	m.network.t.Helper()
	var all []audit.Record
	for line := range strings.Lines(m.network.run("mtactl", "-C", m.config(), "track", "--json", id)) {
		var r audit.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			m.network.t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func countOf(all []audit.Record, f func(audit.Record) bool) int {
	n := 0
	for _, r := range all {
		if f(r) {
			n++
		}
	}
	return n
}

// The sink has the message, and does not say so. Whatever is done to the switch meanwhile,
// it never transfers it twice at a time. It sends it again when, and only when, the
// association with the unanswered transfer is gone.
func TestWithheldAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		do    func(w *withheld) // before the sink answers
		again bool              // it is sent again
	}{
		"mtarun is killed": {again: true, do: func(w *withheld) {
			w.a.signal(syscall.SIGKILL)
			w.a.wait()
			w.a.start()
		}},
		"the whole switch is killed": {again: true, do: func(w *withheld) {
			old := w.a.processes()
			w.a.signal(syscall.SIGKILL)
			for _, pid := range old[:len(old)-1] {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have noticed already
			}
			w.a.wait()
			w.a.start()
		}},
		"the channel process is killed": {again: true, do: func(w *withheld) {
			w.killChannel()
		}},
		"mtarun is killed, and the channel process does not notice": {again: true, do: func(w *withheld) {
			channels := childrenOf(w.a.pid)
			for _, pid := range channels {
				w.halt(pid)
			}
			w.a.signal(syscall.SIGKILL)
			w.a.wait()
			ready := w.a.launch()
			defer func() { _ = ready.Close() }() // it has been read
			heard := make(chan string, 1)
			go func() {
				line := make([]byte, 64)
				n, _ := ready.Read(line)
				heard <- string(line[:n])
			}()
			select {
			case line := <-heard:
				w.t.Fatalf("the successor says %q while the association stands", line)
			case <-time.After(2 * time.Second):
			}
			for _, pid := range channels {
				w.send(pid, syscall.SIGCONT)
			}
			if line := <-heard; line != "READY=1\n" {
				w.t.Fatalf("the successor says %q", line)
			}
		}},
		"an operator retries": {do: func(w *withheld) {
			if status, out := w.verb("retry"); status != 0 || !strings.Contains(out, "being tried already") {
				w.t.Errorf("retry: %d, %s", status, out)
			}
			w.run("mtaqueue", "-C", w.a.config(), "retry", "ALL")
		}},
		"an operator holds, releases and retries": {do: func(w *withheld) {
			for _, verb := range []string{"hold", "release", "retry"} {
				if status, out := w.verb(verb); status != 0 {
					w.t.Errorf("%s: %d, %s", verb, status, out)
				}
			}
		}},
		"an operator deletes": {do: func(w *withheld) {
			if status, out := w.verb("delete"); status != 0 || !strings.Contains(out, "waits") {
				w.t.Errorf("delete: %d, %s", status, out)
			}
		}},
		"another mtarun is started": {do: func(w *withheld) {
			for _, args := range [][]string{nil, {"--once"}} {
				cmd := w.command("mtarun", append([]string{"-C", w.a.config()}, args...)...)
				if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 69 {
					w.t.Errorf("%v: %d, %s", args, cmd.ProcessState.ExitCode(), out)
				}
			}
		}},
		"the configuration is read again": {do: func(w *withheld) {
			w.a.configure("\n[[peer]]\nname = \"OTHER\"\nchannel = \"p1\"\n")
			w.a.signal(syscall.SIGHUP)
			w.until("it is read", func() bool {
				return strings.Contains(w.run("mtaqueue", "-C", w.a.config(), "tree"), "OTHER")
			})
		}},
		"mtarun is to stop, and then at once": {again: true, do: func(w *withheld) {
			w.a.signal(syscall.SIGTERM)
			time.Sleep(300 * time.Millisecond)
			w.a.signal(syscall.SIGTERM)
			w.a.wait()
			w.a.start()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := withhold(t, "", "--report", "none")
			w.marked() // or a restart does not know that it may have been sent
			test.do(w)
			if test.again {
				w.arrives(2)
			} else {
				time.Sleep(1500 * time.Millisecond) // it would be sent by then
			}
			w.release()
			w.until("it has left the queue", func() bool { return w.a.queued() == 0 })
			arrivals := 1
			if test.again {
				arrivals = 2
			}
			w.account(arrivals)
			w.a.stop()
			w.a.check()
		})
	}
}

func (w *withheld) send(pid int, s syscall.Signal) {
	w.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		w.t.Error(err)
	}
}

// halt stops a process with SIGSTOP. Its threads are told by the one that takes the signal,
// which has to be scheduled first: until then the others go on.
func (w *withheld) halt(pid int) {
	w.t.Helper()
	w.send(pid, syscall.SIGSTOP)
	w.until("it stands still", func() bool {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/stat", pid)) // the pattern is well formed
		stopped := 0
		for _, path := range threads {
			if text, _ := os.ReadFile(path); bytes.Contains(text, []byte(") T ")) { // none: it has ended
				stopped++
			}
		}
		return stopped > 0 && stopped == len(threads)
	})
}

// killChannel kills the channel process that has the association.
func (w *withheld) killChannel() {
	w.t.Helper()
	for _, pid := range childrenOf(w.a.pid) {
		w.send(pid, syscall.SIGKILL)
		w.until("it is gone", func() bool { return !slices.Contains(w.a.processes(), pid) })
	}
}

// account asks for so many copies, one after the other, and the same number counted in the
// event log.
func (w *withheld) account(arrivals int) {
	w.t.Helper()
	for _, a := range w.book.Arrivals() {
		if a.Digest != w.sum || a.MTSID != w.s.MTSID || !slices.Equal(a.Numbers, []int{1}) {
			w.t.Errorf("something else has arrived: %+v", a)
		}
	}
	begun, overlaps := w.proxy.seen()
	if n := w.book.Len(); n != arrivals || begun != arrivals || overlaps > 0 || len(w.book.Overlaps()) > 0 {
		w.t.Errorf("arrived %d times, not %d; %d transfers begun, %d while another was under way", n, arrivals, begun, overlaps)
	}
	var events []audit.Record
	w.until("the event log has the transfer", func() bool {
		events = w.a.events(w.s.ID)
		return countOf(events, func(r audit.Record) bool { return r.Event == audit.TransferOut }) > 0
	})
	out := countOf(events, func(r audit.Record) bool { return r.Event == audit.TransferOut })
	again := countOf(events, func(r audit.Record) bool { return r.Event == audit.TransferOut && r.Again })
	if out != 1 || again != arrivals-1 {
		w.t.Errorf("the event log has %d transfers, %d of them again: %+v", out, again, events)
	}
}

// What was sent, and is not answered for, never leads to a non-delivery report and a
// delivery, whoever gives it up and whatever dies meanwhile.
func TestGivenUpInDoubt(t *testing.T) {
	const life = 3 * time.Second
	over := func() { time.Sleep(life + 500*time.Millisecond) }
	for name, test := range map[string]struct {
		do       func(w *withheld)
		arrivals int  // at the sink
		deleted  bool // and nobody was told anything
	}{
		"its time is over while it is sent": {arrivals: 1, do: func(*withheld) { over() }},
		"an operator says so while it is sent": {arrivals: 1, do: func(w *withheld) {
			if status, out := w.verb("expire"); status != 0 || !strings.Contains(out, "waits") {
				w.t.Errorf("expire: %d, %s", status, out)
			}
		}},
		"and the switch is killed": {arrivals: 2, do: func(w *withheld) {
			if status, out := w.verb("expire"); status != 0 {
				w.t.Errorf("expire: %d, %s", status, out)
			}
			w.a.signal(syscall.SIGKILL)
			w.a.wait()
			over()
			w.a.start()
			w.arrives(2)
		}},
		"the switch is killed, and its time over": {arrivals: 2, do: func(w *withheld) {
			w.marked()
			w.a.signal(syscall.SIGKILL)
			w.a.wait()
			over()
			w.run("mtaqueue", "-C", w.a.config(), "list") // does what is due
			w.a.start()
			w.arrives(2)
		}},
		// Nothing but the ring of transfers knows of it yet.
		"the whole switch is killed as soon as it is sent, and its time over": {arrivals: 2, do: func(w *withheld) {
			w.shut.Store(true)
			for _, pid := range w.a.processes() {
				w.send(pid, syscall.SIGKILL)
			}
			w.a.wait()
			over()
			w.a.start()
			w.inDoubt()
			if status, out := w.verb("expire"); status != 65 || !strings.Contains(out, "sent, and not answered for") {
				w.t.Errorf("expire: %d, %s", status, out)
			}
			w.shut.Store(false)
			w.arrives(2)
		}},
		"the peer cannot be reached again before its time is over": {arrivals: 2, do: func(w *withheld) {
			w.shut.Store(true)
			w.killChannel()
			over()
			w.inDoubt()
			if status, out := w.verb("expire"); status != 65 || !strings.Contains(out, "sent, and not answered for") {
				w.t.Errorf("expire: %d, %s", status, out)
			}
			w.a.stop()
			w.inDoubt()
			if status, out := w.verb("expire"); status != 65 {
				w.t.Errorf("expire while nothing runs: %d, %s", status, out)
			}
			w.a.start()
			w.inDoubt()
			w.shut.Store(false)
			w.arrives(2)
		}},
		"an operator deletes it": {arrivals: 1, deleted: true, do: func(w *withheld) {
			w.shut.Store(true)
			w.killChannel()
			over()
			w.inDoubt()
			if status, out := w.verb("delete"); status != 0 {
				w.t.Errorf("delete: %d, %s", status, out)
			}
		}},
		"it was held": {arrivals: 2, do: func(w *withheld) {
			w.shut.Store(true)
			if status, out := w.verb("hold"); status != 0 {
				w.t.Errorf("hold: %d, %s", status, out)
			}
			w.killChannel()
			over()
			w.inDoubt()
			if status, out := w.verb("expire"); status != 65 {
				w.t.Errorf("expire: %d, %s", status, out)
			}
			w.shut.Store(false)
			if status, out := w.verb("release"); status != 0 {
				w.t.Errorf("release: %d, %s", status, out)
			}
			w.arrives(2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := withhold(t, fmt.Sprintf(`expiry = { urgent = "%[1]v", normal = "%[1]v", non-urgent = "%[1]v" }`, life), "--report", "non-delivery")
			test.do(w)
			w.release()
			w.until("it has left the queue", func() bool { return w.a.queued() == 0 })
			if n := w.book.Len(); n != test.arrivals {
				t.Errorf("arrived %d times, not %d", n, test.arrivals)
			}
			if _, overlaps := w.proxy.seen(); overlaps > 0 {
				t.Error("sent twice at a time")
			}
			if got := w.a.mailbox("ann"); len(got) > 0 {
				t.Errorf("the originator is told of a non-delivery, and it has arrived: %+v", got)
			}
			w.a.stop()
			events := w.a.events(w.s.ID)
			if n := countOf(events, func(r audit.Record) bool { return r.Event == audit.Failed || r.Event == audit.Child }); n > 0 {
				t.Errorf("events: %+v", events)
			}
			if n := countOf(events, func(r audit.Record) bool { return r.Event == audit.Deleted }); (n > 0) != test.deleted {
				t.Errorf("deleted %d times", n)
			}
			w.a.check()
		})
	}
}

// inDoubt asks for the message to wait, and for what is said of it.
func (w *withheld) inDoubt() {
	w.t.Helper()
	w.until("it waits, in doubt", func() bool {
		r := w.a.row()
		if r == nil {
			w.t.Fatal("it does not wait any more")
		}
		return r.State != queue.StateActive && r.InDoubt && strings.Contains(r.Reason, "sent, and not answered for")
	})
}

// What the peer has said no to is given up when its time is over: one non-delivery report,
// and nothing has arrived.
func TestGivenUpForSure(t *testing.T) {
	for name, at := range map[string]p1driver.Moment{"the peer is not there": p1driver.OnConnect, "the peer does not take it": p1driver.OnEnd} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			a := n.add("a", "ALPHA")
			book := p1driver.NewBook()
			a.sink("TANGO", p1driver.SinkConfig{Book: book, Verdict: func(m p1driver.Moment) p1driver.Verdict {
				if m == at {
					return p1driver.Refuse
				}
				return p1driver.Proceed
			}})
			a.set("[schedule]", `expiry.normal = "2s"`)
			a.start()
			a.submit(strings.NewReader("hello\n"), "--from", a.addressOf("Ann", "Smith"), "--to", tim, "--report", "non-delivery")
			n.until("the originator is told", func() bool { return len(a.mailbox("ann")) == 1 })
			n.until("it has left the queue", func() bool { return a.queued() == 0 })
			if book.Len() > 0 || len(a.mailbox("ann")) != 1 {
				t.Errorf("arrived %d times; %d reports", book.Len(), len(a.mailbox("ann")))
			}
			a.stop()
			a.check()
		})
	}
}

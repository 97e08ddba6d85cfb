package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/queue"
)

// What a machine has comes to an end at the switch that receives: it says not now, loses
// nothing, and goes on by itself when there is some again. TestFullDisk is of this kind too.

// ends is two switches, A and B, whose machine is to come to an end, and what A has sent.
type ends struct {
	n    *network
	a, b *mta
	bob  string
	sent []string
}

func newEnds(t *testing.T) *ends {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	a.route(b, b)
	b.route(a, a)
	return &ends{n: n, a: a, b: b, bob: b.user("Bob", "Jones")}
}

// send has A send some messages to Bob.
func (e *ends) send(count int) {
	e.n.t.Helper()
	for range count {
		s := e.a.submit(strings.NewReader(fmt.Sprint("message ", len(e.sent))), "--from", e.a.addressOf("Ann", "Smith"), "--to", e.bob, "--report", "none")
		e.sent = append(e.sent, s.MTSID)
	}
}

// arrived are the messages Bob has, one for each copy.
func (e *ends) arrived() (all []string) {
	for _, d := range e.b.mailbox("bob") {
		all = append(all, d.MTSID)
	}
	return all
}

// refused waits until B has told A not now: A has a message that was tried and is deferred.
func (e *ends) refused() {
	e.n.t.Helper()
	e.n.until("A is told not now", func() bool {
		r := e.a.row()
		return r != nil && r.Attempts > 0 && (r.State == queue.StateDeferred || r.State == queue.StateActive) || e.delayed()
	})
}

// delayed tells that A waits before it calls B again.
func (e *ends) delayed() bool {
	return strings.Contains(e.n.run("mtaqueue", "-C", e.a.config(), "tree"), "delayed")
}

// over waits until all has arrived, and checks that nothing else has and nothing is left.
func (e *ends) over(what string, since time.Time) {
	e.n.t.Helper()
	e.n.until("everything arrives", func() bool {
		all := e.arrived()
		slices.Sort(all)
		return len(slices.Compact(all)) >= len(e.sent)
	})
	took := time.Since(since)
	sameSet(e.n.t, what+": Bob has", e.sent, e.arrived())
	// Reports may be on their way back.
	e.n.until("both are empty", func() bool { return e.a.queued() == 0 && e.b.queued() == 0 && e.a.queued() == 0 })
	for _, m := range e.n.switches {
		m.stop()
		m.check()
	}
	e.n.t.Logf("%s: %d messages, 0 lost, %d copies; the last %v after its end", what, len(e.sent), len(e.arrived())-len(e.sent), took.Round(time.Millisecond))
}

// limit sets the soft limit of every process of B.
func (e *ends) limit(option, value string) {
	for _, pid := range e.b.processes() {
		e.n.run("prlimit", "--pid", strconv.Itoa(pid), "--"+option+"="+value+":")
	}
}

// No inode is left on the file system of the spool.
func TestNoInodes(t *testing.T) {
	e := newEnds(t)
	spool := filepath.Join(e.b.dir, "spool")
	e.n.run("sh", "-c", `mv "$0" "$0.old" && mkdir -m 700 "$0" && mount -t tmpfs -o size=16m,nr_inodes=200,mode=700 none "$0" && cp -a "$0.old/." "$0"`, spool)
	t.Cleanup(func() { e.n.run("umount", "-l", spool) })
	e.a.start()
	e.b.start()
	e.send(1)
	e.n.until("a message is delivered", func() bool { return len(e.arrived()) == 1 })
	filled := 0
	for ; ; filled++ {
		f, err := os.Create(filepath.Join(spool, fmt.Sprint("filler", filled)))
		if err != nil {
			break
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(spool, &fs); err != nil || fs.Ffree != 0 {
		t.Fatalf("%d inodes are left, %v", fs.Ffree, err)
	}
	e.send(5)
	e.refused()
	if n := len(e.arrived()); n != 1 {
		t.Errorf("%d messages have arrived without an inode", n)
	}
	for i := range filled {
		if err := os.Remove(filepath.Join(spool, fmt.Sprint("filler", i))); err != nil {
			t.Fatal(err)
		}
	}
	e.over("no inodes", time.Now())
}

// No process of the switch may open another file.
func TestNoDescriptors(t *testing.T) {
	e := newEnds(t)
	e.a.start()
	e.b.start()
	e.send(1)
	e.n.until("a message is delivered", func() bool { return len(e.arrived()) == 1 })
	e.limit("nofile", "3")
	e.send(5)
	e.n.until("B says that it has none left", func() bool {
		said, err := os.ReadFile(e.b.log())
		events := e.n.run("sh", "-c", `cat "$0"/log/*.jsonl`, e.b.dir)
		return err == nil && strings.Contains(string(said)+events, "too many open files") || e.delayed()
	})
	e.limit("nofile", "1024")
	e.over("no descriptors", time.Now())
}

// A process of the switch may take no more memory than it has, and has to: it ends. A channel
// process is started again; the daemon is by whoever looks after it. Nothing is lost, whoever
// it is.
func TestNoMemory(t *testing.T) {
	for name, which := range map[string]func(daemon int, all []int) int{
		"the channel process": func(daemon int, all []int) int {
			return all[slices.IndexFunc(all, func(pid int) bool { return pid != daemon })]
		},
		"the daemon": func(daemon int, _ []int) int { return daemon },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnds(t)
			e.a.start()
			e.b.start()
			e.n.until("B can take something in", func() bool {
				text, err := os.ReadFile(e.b.log())
				return err == nil && strings.Contains(string(text), "channel-up")
			})
			daemon := e.b.pid
			pid := which(daemon, e.b.processes())
			e.n.run("prlimit", "--pid", strconv.Itoa(pid), "--as=1000000:")
			e.send(5)
			// What these need is more than a process has that has done nothing yet.
			for range 3 {
				args := []string{"--from", e.a.addressOf("Ann", "Smith"), "--report", "none", "--to", e.bob}
				for i := range 4000 {
					args = append(args, "--to", e.b.addressOf("Nobody", strconv.Itoa(i)))
				}
				e.sent = append(e.sent, e.a.submit(strings.NewReader("to many"), args...).MTSID)
			}
			e.n.until("it has ended", func() bool { return syscall.Kill(pid, 0) != nil })
			since := time.Now()
			if pid == daemon {
				if status := e.b.wait(); status != 2 {
					t.Errorf("exit status %d, not that of a Go program without memory", status)
				}
				e.b.start()
			}
			if said, err := os.ReadFile(e.b.log()); err != nil || !strings.Contains(string(said), "goroutine ") {
				t.Errorf("its runtime does not say why: %s, %v", said, err)
			}
			e.over("no memory", since)
		})
	}
}

// Every barrier takes a fifth of a second: nothing is lost of what is on its way when the
// switch is killed.
func TestSlowDisk(t *testing.T) {
	e := newEnds(t)
	e.b.wrap = []string{"strace", "-f", "-e", "trace=syncfs,fsync", "-e", "inject=syncfs,fsync:delay_enter=200000", "-o", "/dev/null"}
	e.a.start()
	e.b.start()
	e.send(10)
	e.n.until("some have arrived", func() bool { return len(e.arrived()) > 0 })
	e.b.signal(syscall.SIGKILL)
	e.b.wait()
	e.b.wrap = nil
	since := time.Now()
	e.b.start()
	e.over("slow disk", since)
}

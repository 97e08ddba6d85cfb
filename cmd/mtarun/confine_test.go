package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/confine"
)

// process returns the process of a channel, once it is confined or says that it is not.
func (m *mta) process(channel string) (pid int) {
	m.network.t.Helper()
	m.network.until("channel "+channel+" of "+m.name+" is confined", func() bool {
		text, err := os.ReadFile(m.log())
		if err != nil || !strings.Contains(string(text), `msg="channel process confined" channel=`+channel+" ") {
			return false
		}
		for _, pid = range childrenOf(m.pid) {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.HasSuffix(string(line), "\x00channel\x00"+channel+"\x00") {
				return true
			}
		}
		return false
	})
	return pid
}

// ofProcess returns what a file of /proc about a process says after a word.
func ofProcess(t *testing.T, pid int, file, word string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	t.Fatalf("process %d: no %s in %s:\n%s", pid, word, file, text)
	return ""
}

// The process that is called and calls is confined in all its threads while it works, and what
// runs programs is not.
func TestConfinedProcesses(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	a.route(b, b)
	b.route(a, a)
	bob := b.user("Bob", "Jones")
	a.start()
	b.start()
	a.submit(strings.NewReader("text"), "--from", a.addressOf("Ann", "Smith"), "--to", bob, "--report", "none")
	n.until("Bob has it", func() bool { return len(b.mailbox("bob")) == 1 })
	p1, local := a.process("p1"), b.process("local")
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p1))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("threads: %v, %v", tasks, err)
	}
	for _, task := range tasks {
		status := "task/" + task.Name() + "/status"
		if privs, filters := ofProcess(t, p1, status, "NoNewPrivs:"), ofProcess(t, p1, status, "Seccomp:"); privs != "1" || filters != "2" {
			t.Errorf("thread %s: no new privileges %s, filter of system calls %s", task.Name(), privs, filters)
		}
	}
	if got := ofProcess(t, p1, "limits", "Max core file size"); got != "0 0 bytes" {
		t.Errorf("core file: %s", got)
	}
	if got := ofProcess(t, local, "status", "Seccomp:"); got != "0" {
		t.Errorf("a filter of system calls, %s, where programs are run", got)
	}
	if confine.ABI() > 0 {
		if text, err := os.ReadFile(a.log()); err != nil || !strings.Contains(string(text), fmt.Sprintf("Landlock ABI %d", confine.ABI())) {
			t.Errorf("the log does not tell of Landlock: %v", err)
		}
	}
	for _, m := range n.switches {
		m.stop()
		m.check()
	}
}

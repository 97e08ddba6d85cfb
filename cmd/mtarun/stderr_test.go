package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Standard error is a pipe that is open, and full, and that nobody reads. The switch moves
// messages all the same, its event log has all of them, and it ends when it is told to.
// Whoever reads the pipe in the end finds how many lines are missing.
func TestNobodyReadsStandardError(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	a.route(b, b)
	bob := b.user("Bob", "Jones")
	a.configure("\n[limits]\nunbound = 10000\nunbound-per-source = 10000\n")
	if err := unix.Mkfifo(a.log(), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(a.log(), os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = os.Remove(a.log()), pipe.Close() }() // what is in it has been looked at
	for err = nil; err == nil; {                               // with a line each, so that the last one is whole
		err = pipe.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if err == nil {
			_, err = pipe.WriteString(strings.Repeat("f", unix.PathMax-1) + "\n")
		}
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	a.start()
	b.start()
	// Each is a line of the log.
	const callers = 7000
	for range callers {
		conn, err := net.Dial("tcp", a.address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for range 20 {
		ids = append(ids, a.submit(strings.NewReader("text"), "--from", a.addressOf("Ann", "Smith"), "--to", bob).ID)
	}
	n.until("everything is delivered", func() bool { return len(b.mailbox("bob")) == len(ids) && a.queued() == 0 })
	for _, id := range ids {
		if said := n.run("mtactl", "-C", a.config(), "track", id); !strings.Contains(said, "\tsubmitted\t") || !strings.Contains(said, "\ttransfer-out\t") {
			t.Errorf("of %s the event log says only\n%s", id, said)
		}
	}
	n.run("mtactl", "-C", a.config(), "status")

	// Now somebody reads.
	lines, dropped, refused := bufio.NewScanner(pipe), 0, 0
	for dropped+refused < callers {
		if err := pipe.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() {
			t.Fatalf("%d lines of %d callers, and %d dropped: %v", refused, callers, dropped, lines.Err())
		}
		if strings.Contains(lines.Text(), `msg="connection refused"`) {
			refused++
		}
		var these int
		if _, text, found := strings.Cut(lines.Text(), `msg="log lines were dropped: standard error was not read" lines=`); found {
			if _, err := fmt.Sscan(text, &these); err != nil {
				t.Fatalf("%v in %s", err, lines.Text())
			}
			dropped += these
		}
	}
	if dropped == 0 || refused == 0 {
		t.Errorf("%d lines of %d callers, and %d dropped", refused, callers, dropped)
	}
	a.stop()
	b.stop()
}

// Nobody ever reads, and the switch ends all the same, in order or with an error.
func TestEndsThoughNobodyReadsStandardError(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = r.Close(), w.Close() }()
	if err := w.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = w.WriteString(strings.Repeat("f", unix.PathMax))
	}
	end := func(args ...string) *os.ProcessState {
		cmd := n.command("mtarun", append([]string{"-C", a.config()}, args...)...)
		cmd.Stderr = w
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatalf("mtarun %v does not end", args)
		}
		return cmd.ProcessState
	}
	if s := end("--once"); s.ExitCode() != 0 {
		t.Errorf("%v", s)
	}
	a.configure("nonsense = 1\n")
	if s := end(); s.ExitCode() != 78 {
		t.Errorf("%v", s)
	}
}

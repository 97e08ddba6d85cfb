package queue

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// listenAs takes the place of a daemon: it reads a request of whoever calls, says what
// answer says, and then nothing more until the caller has gone.
func listenAs(t *testing.T, answer func(net.Conn)) client {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Dir(SocketPath(dir)), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", SocketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		r := bufio.NewReader(conn)
		if _, err := r.ReadString('\n'); err == nil {
			answer(conn)
		}
		_, _ = io.Copy(io.Discard, r)
	}()
	return client{dir: dir, patience: 400 * time.Millisecond}
}

func nothing(net.Conn) {}

// A daemon that hangs is told from one that answers late, and by its process; what it was
// to change may be done or not.
func TestDaemonThatDoesNotAnswer(t *testing.T) {
	const unknown = "whether it was done is not known"
	name := fmt.Sprintf("mtarun (pid %d) does not answer", os.Getpid())
	one := func(c net.Conn) { fmt.Fprintln(c, `{"act":{"id":"1","verb":"hold"}}`) }
	for _, test := range []struct {
		what   string
		q      Request
		answer func(net.Conn)
		lines  int
		want   string
	}{
		{"status", Request{Verb: VerbStatus}, nothing, 0, name},
		{"dry run", Request{Verb: VerbHold, All: true, DryRun: true}, nothing, 0, name},
		{"hold", Request{Verb: VerbHold, All: true}, nothing, 0, name + "; " + unknown},
		{"half of a hold", Request{Verb: VerbHold, All: true}, one, 1, name + "; " + unknown},
		{"end in the midst of a hold", Request{Verb: VerbHold, All: true}, func(c net.Conn) { one(c); _ = c.Close() }, 1,
			"mtarun: ended before the answer did; " + unknown},
	} {
		t.Run(test.what, func(t *testing.T) {
			lines := 0
			err := listenAs(t, test.answer).ask(test.q, func(Answer) error { lines++; return nil })
			if err == nil || err.Error() != test.want || diag.KindOf(err) != diag.Unavailable {
				t.Errorf("%v, %v; want %s, %v", err, diag.KindOf(err), test.want, diag.Unavailable)
			}
			if lines != test.lines {
				t.Errorf("%d lines, want %d", lines, test.lines)
			}
		})
	}
}

// A request that the daemon does not even take was not done.
func TestDaemonThatTakesNoRequest(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Dir(SocketPath(dir)), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", SocketPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	q := Request{Verb: VerbHold, IDs: []string{strings.Repeat("x", 16<<20)}}
	err = client{dir: dir, patience: 100 * time.Millisecond}.ask(q, func(Answer) error { return nil })
	if want := fmt.Sprintf("mtarun (pid %d) does not answer", os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// An answer may take long in all; empty lines say that it is being looked for.
func TestDaemonThatLooksLong(t *testing.T) {
	c := listenAs(t, func(c net.Conn) {
		for range 16 {
			time.Sleep(50 * time.Millisecond)
			fmt.Fprintln(c)
		}
		fmt.Fprintln(c, `{"row":{"id":"1"}}`)
		fmt.Fprintln(c, `{"end":true}`)
	})
	var ids []string
	if err := c.ask(Request{Verb: VerbList}, func(a Answer) error {
		ids = append(ids, a.Row.ID)
		return nil
	}); err != nil || len(ids) != 1 {
		t.Errorf("%v, rows %v", err, ids)
	}
}

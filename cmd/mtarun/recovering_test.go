package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// line passes on what crosses between a switch and its peer, and cuts the first connection
// when so many octets have gone one way.
type line struct {
	listener net.Listener
	to       string
	all      sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	called int // connections
	cutOut int // octets of the caller after which the first of them is cut; 0: never
	cutIn  int // of the called
}

func newLine(t *testing.T, to string, cutOut, cutIn int) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &line{listener: l, to: to, cutOut: cutOut, cutIn: cutIn}
	p.all.Go(p.serve)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.all.Wait()
	})
	return p
}

func (p *line) serve() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = near.Close() // the caller hears that nobody is there
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, near, far)
		p.called++
		out, in := 0, 0
		if p.called == 1 {
			out, in = p.cutOut, p.cutIn
		}
		p.mu.Unlock()
		p.all.Go(func() { pass(far, near, out) })
		p.all.Go(func() { pass(near, far, in) })
	}
}

// pass copies from one to the other, and then ends both.
func pass(to, from net.Conn, most int) {
	var r io.Reader = from
	if most > 0 {
		r = io.LimitReader(from, int64(most))
	}
	_, _ = io.Copy(to, r) // however it ends
	_ = from.Close()
	_ = to.Close()
}

// An association that the switch has opened and that is lost in the middle of a transfer, in
// either direction, is recovered by it, and the transfer goes on over it behind the last
// checkpoint; where the peer does not recover it, over a new one, opened at once.
func TestRecoveringAssociations(t *testing.T) {
	content := recoveryContent()
	for _, mode := range []string{"normal", "x410"} {
		for _, test := range []struct {
			name              string
			in, kill, refused bool
		}{
			{name: "sending"},
			{name: "receiving", in: true},
			{name: "receiving, and killed", in: true, kill: true},
			{name: "sending, to a peer that does not recover", refused: true},
		} {
			t.Run(mode+", "+test.name, func(t *testing.T) {
				n := newNetwork(t)
				a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
				out, in := *recoverySize/2, 0
				switch {
				case test.kill:
					out = 0
				case test.in:
					out, in = 0, out
				}
				p := newLine(t, b.address, out, in)
				peer := func(own *mta, other, more string) {
					own.configure(largeMessages + fmt.Sprintf("\n[[peer]]\nname = \"MTA-%s\"\nchannel = \"p1\"\nmode = %q\npassword-out = \"s\"\npassword-in = \"s\"\n%s\n", other, mode, more))
				}
				peer(a, "B", fmt.Sprintf("recover-associations = true\npermanent = true\naddresses = [{ host = %q, tsel = %q }]", p.listener.Addr(), b.name))
				peer(b, "A", fmt.Sprintf("recover-associations = %v", !test.refused))
				a.route(b, b)
				b.route(a, a)
				b.user("Bob", "Jones")
				from, to, box := a, b, "bob"
				if test.in {
					from, to, box = b, a, "ann"
				}
				b.start()
				a.start()
				recipient := b.addressOf("Bob", "Jones")
				if test.in {
					recipient = a.addressOf("Ann", "Smith")
				}
				from.submit(bytes.NewReader(content), "--raw", "--from", from.addressOf("Tim", "Tall"), "--to", recipient, "--report", "none")
				if test.kill {
					n.until("half of it is kept", func() bool { return a.partial() > *recoverySize/2 })
					a.signal(syscall.SIGKILL)
					a.wait()
					a.start()
				}
				n.until("it is delivered", func() bool { return len(to.mailbox(box)) == 1 })
				sum := sha256.Sum256(content)
				if got := digestOf(t, to.content(box, to.mailbox(box)[0])); got != hex.EncodeToString(sum[:]) {
					t.Errorf("the SHA-256 of what was delivered is %s", got)
				}
				n.until("it has gone from the queue", func() bool { return from.queued() == 0 })
				a.stop()
				b.stop()
				ours := n.run("sh", "-c", `cat "$0"/log/*.jsonl`, a.dir)
				theirs := n.run("sh", "-c", `cat "$0"/log/*.jsonl`, b.dir)
				want := ", recovered\""
				if test.refused {
					want = ", not recovered: "
				}
				if got := strings.Count(ours, want); got != 1 {
					t.Errorf("the event log says %q %d times: %s", want, got, ours)
				}
				if got := strings.Count(theirs, ", recovered\"") == 1; got == test.refused {
					t.Errorf("the peer has recovered it: %v: %s", got, theirs)
				}
				if !strings.Contains(ours+theirs, "resumed behind checkpoint ") {
					t.Errorf("not resumed: %s", ours+theirs)
				}
				a.check()
				b.check()
			})
		}
	}
}

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// halfOpen is how many connections the flood opens; each takes a descriptor.
var halfOpen = flag.Int("half-open", 2000, "connections that never come to the bind")

const (
	// floodSources is how many addresses the flood comes from.
	floodSources = 25
	// floodBind is how long a peer may take to bind beside it.
	floodBind = 5 * time.Second
)

// Whoever opens connections by the thousand, from many addresses, and goes no further
// than some step before the bind, does not keep a peer from binding and transferring;
// and the switch stays small.
func TestHalfOpenConnectionsKeepNobodyOut(t *testing.T) {
	if *halfOpen > descriptorLimit(t)-500 {
		t.Fatalf("%d connections need as many descriptors", *halfOpen)
	}
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.set("[[listener]]", fmt.Sprintf("tsel = [%q]", a.name))
	a.configure("\n[[peer]]\nname = \"GOOD\"\nchannel = \"p1\"\npassword-in = \"secret of GOOD\"\n")
	a.start()
	h := &hostile{t: t, a: a}
	transfer := func() (took time.Duration) {
		begin := time.Now()
		conn, err := h.open(h.dial(), "GOOD", "secret of GOOD")
		if err != nil {
			t.Fatal(err)
		}
		took = time.Since(begin)
		h.transfer(conn)
		return took
	}
	transfer()
	n.until("the first message is delivered", func() bool { return len(a.mailbox("ann")) > 0 })
	before := descriptors(t, a)
	f := &flood{h: h}
	defer f.end()
	most, sent, slowest := 0, 1, time.Duration(0)
	for f.opened.Load() < int64(*halfOpen) {
		more := f.open(*halfOpen / 8)
		slowest = max(slowest, transfer())
		sent++
		more()
		most = max(most, descriptors(t, a))
	}
	// Who leaves one place for another, or is refused, leaves some free.
	n.until("most places are taken", func() bool {
		most = max(most, descriptors(t, a))
		return most >= before+400
	})
	slowest = max(slowest, transfer())
	sent++
	t.Logf("%d connections; the slowest bind took %v; at most %d sockets in the switch", f.opened.Load(), slowest, most)
	if slowest > floodBind {
		t.Errorf("a bind took %v", slowest)
	}
	// Twice 256 places, a few on their way, and what was open before.
	if most > before+2*256+150 {
		t.Errorf("the switch had %d sockets, %d before", most, before)
	}
	for _, pid := range a.processes() {
		peak := peakMemory(t, pid)
		t.Logf("process %d: %d MiB at its peak", pid, peak>>20)
		if peak > hostileMemory {
			t.Errorf("process %d had %d MiB resident", pid, peak>>20)
		}
	}
	f.end()
	n.until("what was opened is closed", func() bool { return descriptors(t, a) <= before })
	n.until("everything is delivered", func() bool { return len(a.mailbox("ann")) == sent })
	crowds := strings.Count(strings.Join(h.news(), "\n"), "others wanted the place")
	if crowds == 0 || crowds > 200 {
		t.Errorf("the log tells of them in %d lines", crowds)
	}
	a.stop()
	a.check()
}

// transfer transfers a message and releases the association.
func (h *hostile) transfer(conn *rtse.Conn) {
	h.t.Helper()
	apdu := h.message(nil)
	r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
	if err != nil || !r.Confirmed {
		h.t.Fatalf("%+v, %v", r, err)
	}
	if err := conn.Close(context.Background()); err != nil {
		h.t.Error(err)
	}
}

// flood is the connections that go no further.
type flood struct {
	h      *hostile
	opened atomic.Int64
	mu     sync.Mutex
	all    []net.Conn
}

// open opens so many and returns while it does; more waits until it has.
func (f *flood) open(count int) (more func()) {
	var work sync.WaitGroup
	for i := range floodSources {
		share := count / floodSources
		if i < count%floodSources {
			share++
		}
		work.Go(func() {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 255, 1, byte(i+1))}, Timeout: patience}
			for k := range share {
				conn, err := d.Dial("tcp", f.h.a.address)
				if err != nil {
					f.h.t.Error(err)
					return
				}
				f.opened.Add(1)
				f.mu.Lock()
				f.all = append(f.all, conn)
				f.mu.Unlock()
				f.say(conn, k)
			}
		})
	}
	return work.Wait
}

// say says something, but not enough; it may be told to go before.
func (f *flood) say(conn net.Conn, k int) {
	cr := &tp.CR{SourceReference: 1}
	cr.CalledTSEL = []byte(f.h.a.name)
	if k%5 == 4 {
		cr.CalledTSEL = []byte("NOBODY")
	}
	octets, err := cr.Append([]byte{3, 0, 0, 0})
	if err != nil {
		f.h.t.Error(err)
		return
	}
	octets[3] = byte(len(octets))
	switch k % 5 {
	case 0: // nothing
		octets = nil
	case 1: // half a TPKT
		octets = octets[:6]
	case 2, 4: // a CR TPDU and no more
	case 3: // half a CONNECT SPDU
		octets = append(octets, "\x03\x00\x10\x00\x02\xf0\x80\x0d\xff\x0f\xf0"...)
	}
	_, _ = conn.Write(octets)
}

// end closes all of them.
func (f *flood) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.all {
		_ = conn.Close()
	}
	f.all = nil
}

// descriptorLimit is how many descriptors this process may have open.
func descriptorLimit(t *testing.T) int {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(fmt.Errorf("RLIMIT_NOFILE: %w", err))
	}
	return int(limit.Cur)
}

package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// What a proxy knows of X.225: the SPDUs of activities, behind GIVE TOKENS or PLEASE
// TOKENS.
const (
	spduActivityStart  = 45
	spduActivityResume = 29
	spduActivityEndAck = 42
)

// proxy stands between who transfers objects and who takes them, and reads what passes.
type proxy struct {
	t      *testing.T
	l      net.Listener
	target string
	all    sync.WaitGroup

	// swallow is told of an ACTIVITY END ACKNOWLEDGE on its way to who has called, and
	// says whether it gets lost. It is set before the first call; nil: never.
	swallow func(p *passage) bool

	mu       sync.Mutex
	passages []*passage
	begun    int // activities
	overlaps int // activities begun while another was under way
}

// passage is one connection through a proxy.
type passage struct {
	caller, called net.Conn
	gone           chan struct{} // closed when the caller has closed it
	once           sync.Once
	carries        bool // an activity, not acknowledged
}

// cut closes both ends.
func (p *passage) cut() {
	_ = p.caller.Close() // either may be closed already
	_ = p.called.Close()
}

// newProxy makes a proxy that listens at a free port of an address and calls target.
func newProxy(t *testing.T, address, target string) *proxy {
	t.Helper()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, l: l, target: target}
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.passages {
			c.cut()
		}
		p.mu.Unlock()
		p.all.Wait()
	})
	return p
}

// addr is where the proxy listens.
func (p *proxy) addr() string { return p.l.Addr().String() }

// seen are the activities begun, and those begun while another was under way.
func (p *proxy) seen() (begun, overlaps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begun, p.overlaps
}

func (p *proxy) accept() {
	for {
		caller, err := p.l.Accept()
		if err != nil {
			return
		}
		called, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = caller.Close() // as if nobody were there
			continue
		}
		c := &passage{caller: caller, called: called, gone: make(chan struct{})}
		p.mu.Lock()
		p.passages = append(p.passages, c)
		p.mu.Unlock()
		p.all.Go(func() {
			p.pass(c, caller, called, func(si byte) bool {
				if si == spduActivityStart || si == spduActivityResume {
					p.begins(c)
				}
				return true
			})
			c.once.Do(func() { close(c.gone) })
			c.cut()
		})
		p.all.Go(func() {
			p.pass(c, called, caller, func(si byte) bool { return si != spduActivityEndAck || p.ends(c) })
			c.cut()
		})
	}
}

// begins notes that an activity begins, and whether another is still under way: one
// whose connection the caller has not closed, nor closes before long, as the kernel does
// for one that was killed.
func (p *proxy) begins(c *passage) {
	p.mu.Lock()
	var others []*passage
	for _, o := range p.passages {
		if o != c && o.carries {
			others = append(others, o)
		}
	}
	c.carries = true
	p.begun++
	p.mu.Unlock()
	for _, o := range others {
		select {
		case <-o.gone:
		case <-time.After(time.Second):
			p.mu.Lock()
			p.overlaps++
			p.mu.Unlock()
		}
	}
}

// ends tells whether the acknowledgement is to be passed on.
func (p *proxy) ends(c *passage) bool {
	if p.swallow != nil && p.swallow(c) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.carries = false
	return true
}

// pass passes TPDUs on until either end closes. Look is asked about each TSDU that has
// two SPDUs, by the identifier of the second, before any of it is passed on.
func (p *proxy) pass(c *passage, from, to net.Conn, look func(si byte) bool) {
	r := bufio.NewReader(from)
	var held, tsdu []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(head[2:]))
		if n < 4 {
			p.t.Errorf("no TPKT: % x", head)
			return
		}
		tpkt := append(head[:], make([]byte, n-4)...)
		if _, err := io.ReadFull(r, tpkt[4:]); err != nil {
			return
		}
		held = append(held, tpkt...)
		const dt = 0xf0
		if n > 6 && tpkt[5] == dt {
			last := tpkt[6]&0x80 != 0
			tsdu = append(tsdu, tpkt[7:]...)
			if !last {
				continue
			}
			keep := true
			if second := 2 + int(byteAt(tsdu, 1)); len(tsdu) > second && (tsdu[0] == 1 || tsdu[0] == 2) {
				keep = look(tsdu[second])
			}
			if tsdu = tsdu[:0]; !keep {
				held = held[:0]
				continue
			}
		}
		if _, err := to.Write(held); err != nil {
			return
		}
		held = held[:0]
	}
}

func byteAt(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

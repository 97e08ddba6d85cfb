package channel

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// hall is Callers with a listener that callers come to.
type hall struct {
	t       *testing.T
	callers *Callers
	listen  net.Listener
	crowds  chan Crowd
}

func newHall(t *testing.T, limits CallerLimits) *hall {
	t.Helper()
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h := &hall{t: t, listen: l, crowds: make(chan Crowd, 100)}
	h.callers = NewCallers(limits, func(c Crowd) { h.crowds <- c })
	return h
}

// call enters a connection from an address of the loopback network.
func (h *hall) call(from string) *Caller {
	h.t.Helper()
	port := h.listen.Addr().(*net.TCPAddr).Port
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)).String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	called, err := h.listen.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	caller := h.callers.Enter(called.(*net.TCPConn))
	h.t.Cleanup(func() { _ = caller.Close() })
	return caller
}

// crowded are those of the callers that had to go, by number.
func crowded(all []*Caller) (gone []int) {
	for i, c := range all {
		if c.Crowded() {
			gone = append(gone, i)
		}
	}
	return gone
}

// Who gives way: the longest waiting of the own source when that has its share, else
// the longest waiting of the source that has the most.
func TestCallersGiveWay(t *testing.T) {
	for _, c := range []struct {
		name string
		from string // the last part of each address, in order
		gone []int
	}{
		{"room for all", "123", nil},
		{"the share of one source", "11111", []int{0, 1}},
		{"another source is not asked", "21111", []int{1}},
		{"the largest source gives way", "2111333", []int{1}},
		{"of equal ones the one that waits longer", "33221145", []int{0, 2}},
		{"one each: the longest waiting", "12345678", []int{0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHall(t, CallerLimits{Most: 6, PerSource: 3})
			var all []*Caller
			for _, from := range c.from {
				all = append(all, h.call("127.0.0."+string(from)))
			}
			if gone := crowded(all); !slices.Equal(gone, c.gone) {
				t.Errorf("of %s these had to go: %d, not %d", c.from, gone, c.gone)
			}
		})
	}
}

// A place that is given back, in either way, is there for the next one.
func TestCallersLeave(t *testing.T) {
	h := newHall(t, CallerLimits{Most: 2, PerSource: 2})
	a, b := h.call("127.0.0.1"), h.call("127.0.0.1")
	a.Leave()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	all := []*Caller{a, b, h.call("127.0.0.1"), h.call("127.0.0.2")}
	if gone := crowded(all); gone != nil {
		t.Errorf("%d had to go", gone)
	}
	if _, err := a.Write([]byte("x")); err != nil {
		t.Errorf("who has left with its connection open: %v", err)
	}
	if len(h.callers.sources) != 2 {
		t.Errorf("%d sources are remembered", len(h.callers.sources))
	}
}

// Whoever has to go hears of it, and so does the log: the first at once, the others
// together.
func TestCrowdIsTold(t *testing.T) {
	h := newHall(t, CallerLimits{Most: 10, PerSource: 1})
	first := h.call("127.0.0.1")
	for range 5 {
		h.call("127.0.0.1")
		h.call("127.0.0.2")
	}
	select {
	case <-first.Gone():
	default:
		t.Error("the first does not know")
	}
	if c := <-h.crowds; c.Connections != 1 || c.Sources != 1 || !strings.HasPrefix(c.From, "127.0.0.1:") {
		t.Errorf("first %v", c)
	}
	select {
	case c := <-h.crowds:
		if c.Connections != 8 || c.Sources != 2 {
			t.Errorf("then %v", c)
		}
	case <-time.After(10 * crowdInterval):
		t.Error("the others are not told of")
	}
}

func TestSourceOf(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7:5":                 "192.0.2.7/32",
		"[::ffff:192.0.2.7]:5":        "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:5":    "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff:4:5:6]:6": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:5":            "fe80::/64",
		"[2001:db8:1:3:3:4:5:6]:5":    "2001:db8:1:3::/64",
	} {
		if got := sourceOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text))).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

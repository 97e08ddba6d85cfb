package x400p1

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// A recovered association has no bind: whoever asks for one must be, in all else, who
// would be let in with one.
func TestRecoverAsksForAllButTheBind(t *testing.T) {
	now := time.Now()
	calling, common := asn1.TeletexString("MTA-B"), asn1.NewUTCTime(now)
	id := &rtse.SessionConnectionIdentifier{CallingReference: rtse.CallingReference{T61String: &calling}, CommonReference: common}
	was := session.ConnectionIdentifier{
		CallingReference: append([]byte{0x14, byte(len(calling))}, calling...),
		CommonReference:  append([]byte{0x17, byte(len(common))}, common...),
	}
	for _, c := range []struct {
		name   string
		peer   func(*conf.Peer)
		remote rtse.Remote
		accept bool
	}{
		{"as it was", nil, rtse.Remote{}, true},
		{"in another mode", nil, rtse.Remote{ApplicationProtocol: 12}, false},
		{"two-way where that is not wanted", func(p *conf.Peer) { p.TwoWay = false }, rtse.Remote{Mode: rtse.TwoWayAlternate}, false},
		{"of a peer that is disabled now", func(p *conf.Peer) { p.Enabled = false }, rtse.Remote{}, false},
		{"without TLS where that is required now", func(p *conf.Peer) { p.TLS = conf.TLSRequire }, rtse.Remote{}, false},
		{"that is not to recover associations", func(p *conf.Peer) { p.RecoverAssociations = false }, rtse.Remote{}, false},
		{"from another host", nil, rtse.Remote{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}, false},
	} {
		cfg := configuration(t, "A", "B", "127.0.0.1:1", "secretA", "secretB")
		own, _ := cfg.Channel("p1")
		cfg.Peers[0].RecoverAssociations = true
		if c.peer != nil {
			c.peer(&cfg.Peers[0])
		}
		ch := &Channel{now: time.Now, inbound: map[string]int{}, recovery: newBooks(time.Hour)}
		ch.recovery.lose(lost{connection: was, peer: "MTA-B", host: "127.0.0.1", at: now})
		if c.remote.Addr == nil {
			c.remote.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}
		}
		b := binder{channel: ch}
		d := b.decide(&settings{Config: cfg, own: *own}, rtse.OpenIndication{Recover: id, Remote: c.remote})
		if d.Accept != c.accept || d.Accept != (b.err == nil) {
			t.Errorf("%s: accepted %v, %v", c.name, d.Accept, b.err)
		}
		if left := len(ch.recovery.lost); (left == 0) != c.accept {
			t.Errorf("%s: accepted %v, and %d are left to be recovered", c.name, d.Accept, left)
		}
	}
}

// Two peers on one host that have given an association one name cannot be told apart by it:
// neither is recovered, whether they stand or are lost.
func TestRecoverNameOfTwo(t *testing.T) {
	s := start(t)
	conn := s.answered()
	was := conn.Remote().Identifier
	id := &rtse.SessionConnectionIdentifier{
		CallingReference: rtse.CallingReference{OctetString: was.CallingReference[2:]}, CommonReference: asn1.UTCTime(was.CommonReference[2:]),
	}
	host := hostOf(conn.Remote().Addr)
	own, _ := s.conf.Channel("p1")
	standing := func(names ...string) *Channel {
		ch := &Channel{now: time.Now, conf: &settings{Config: s.conf, own: *own}, associations: map[uint64]*association{}, recovery: newBooks(time.Hour)}
		for i, name := range names {
			peer := s.conf.Peers[0]
			peer.Name = name
			ch.associations[uint64(i)] = newAssociation(ch, uint64(i), peer, conn, nil, true, "")
		}
		return ch
	}
	lost := func(ch *Channel, name string) {
		ch.recovery.lose(lost{connection: was, peer: name, host: host, at: time.Now()})
	}
	other := s.conf.Peers[0]
	other.Name = "MTA-C"
	s.conf.Peers = append(s.conf.Peers, other)
	for _, c := range []struct {
		standing, lost []string
		ok             bool
	}{
		{[]string{"MTA-B", "MTA-B"}, []string{"MTA-B", "MTA-B"}, true},
		{[]string{"MTA-B", "MTA-C"}, nil, false},
		{[]string{"MTA-B"}, []string{"MTA-C"}, false},
		{nil, []string{"MTA-B", "MTA-C"}, false},
		{[]string{"MTA-B"}, []string{"MTA-B", "MTA-C"}, false},
	} {
		ch := standing(c.standing...)
		for _, name := range c.lost {
			lost(ch, name)
		}
		if peer, ok := ch.recoverable(id, host); ok != c.ok {
			t.Errorf("%q standing, %q lost: %q, %v", c.standing, c.lost, peer, ok)
		}
	}
}

// An association that is lost can be recovered while nothing is known of that yet, when
// it is known, and at every moment between the two.
func TestRecoverWhileItIsLost(t *testing.T) {
	s := start(t)
	conn := s.answered()
	was := conn.Remote().Identifier
	content := func(raw []byte) []byte { return raw[2:] } // they are short
	id := &rtse.SessionConnectionIdentifier{
		CallingReference: rtse.CallingReference{OctetString: content(was.CallingReference)},
		CommonReference:  asn1.UTCTime(content(was.CommonReference)),
	}
	if len(was.AdditionalReference) > 0 {
		id.AdditionalReference = asn1.TeletexString(content(was.AdditionalReference))
	}
	host := hostOf(conn.Remote().Addr)
	peer := s.conf.Peers[0]
	own, _ := s.conf.Channel("p1")
	conf := &settings{Config: s.conf, own: *own}
	for range 10_000 {
		ch := &Channel{now: time.Now, conf: conf, associations: map[uint64]*association{}, recovery: newBooks(time.Hour)}
		a := newAssociation(ch, 1, peer, conn, nil, true, "")
		ch.associations[a.id] = a
		done := make(chan struct{})
		go func() {
			defer close(done)
			ch.forget(a, errors.New("lost"))
		}()
		for lost := false; !lost; {
			select {
			case <-done:
				lost = true
			default:
			}
			if name, ok := ch.recoverable(id, host); !ok || name != peer.Name {
				t.Fatalf("lost %v: %q, %v", lost, name, ok)
			}
			runtime.Gosched()
		}
		if !ch.replace(id, host) || ch.replace(id, host) {
			t.Fatal("not to be recovered, or twice")
		}
	}
}

// answered is the responder's end of an association.
func (s *switch1) answered() *rtse.Conn {
	t := s.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	caller, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caller.Close() })
	go func() { _, _ = s.bindOver(caller, "MTA-B", "secretB") }() // its bind gets no result
	called, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = called.Close() })
	_, octets, err := tp.PeekCR(called)
	if err != nil {
		t.Fatal(err)
	}
	tc, _, err := tp.Accept(called, octets, tp.Params{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := rtse.Accept(ctx, tc, answering(s.conf, &s.conf.Channels[0], time.Now()), func(rtse.OpenIndication) rtse.Decision {
		return rtse.Decision{Accept: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

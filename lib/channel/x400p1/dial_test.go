package x400p1

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// An address that has answered instead of the first is tried first for a while, and no
// longer.
func TestAddressBook(t *testing.T) {
	a, b, c := conf.Address{Host: "a:102"}, conf.Address{Host: "b:102"}, conf.Address{Host: "c:102"}
	peer := &conf.Peer{Name: "MTA-B", Addresses: []conf.Address{a, b, c}}
	now := time.Unix(0, 0)
	book := addressBook{good: map[string]goodAddress{}}
	answered := func(to *conf.Address) {
		if to == nil {
			book.answered(peer, nil, now)
			return
		}
		book.answered(peer, &Call{Address: *to}, now)
	}
	for _, step := range []struct {
		why   string
		after time.Duration
		do    func()
		order string
	}{
		{"at first", 0, func() {}, "abc"},
		{"the first answers", 0, func() { answered(&a) }, "abc"},
		{"the second answers", 0, func() { answered(&b) }, "bac"},
		{"it answers again", goodTime - 1, func() { answered(&b) }, "bac"},
		{"its time is over", 1, func() {}, "abc"},
		{"the third answers", 0, func() { answered(&c) }, "cab"},
		{"none answers", 0, func() { answered(nil) }, "abc"},
		{"the third answers again", 0, func() { answered(&c) }, "cab"},
		{"the first answers again", 0, func() { answered(&a) }, "abc"},
		{"one is remembered that is taken away", 0, func() { answered(&c); peer.Addresses = []conf.Address{a, b} }, "ab"},
	} {
		now = now.Add(step.after)
		step.do()
		var order strings.Builder
		for _, a := range book.order(peer, now) {
			order.WriteString(a.Host[:1])
		}
		if order.String() != step.order {
			t.Errorf("%s: %s, not %s", step.why, &order, step.order)
		}
	}
}

// What fails is told of with its address once, unless the name stood for another one.
func TestAddressIsToldOnce(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}, Err: syscall.ECONNREFUSED}
	unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "b", Server: "127.0.0.53:53"}}
	unasked := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "b"}}
	read := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	for _, c := range []struct {
		err        error
		host, want string
	}{
		{refused, "127.0.0.1:2", "connection refused"},
		{refused, "localhost:2", "dial tcp 127.0.0.1:2: connection refused"},
		{unknown, "b:2", "lookup on 127.0.0.53:53: no such host"},
		{unasked, "b:2", "no such host"},
		{read, "b:2", "read tcp: connection reset by peer"},
	} {
		err := unrepeated(diag.E("", diag.Unavailable, c.err), c.host)
		if err.Error() != c.want || !errors.Is(err, c.err) || diag.KindOf(err) != diag.Unavailable {
			t.Errorf("%v at %s: %v, %v", c.err, c.host, err, diag.KindOf(err))
		}
	}
	all := allFailed{unrepeated(refused, "127.0.0.1:2"), read}
	if want := "connection refused; read tcp: connection reset by peer"; all.Error() != want || !errors.Is(all, refused) {
		t.Errorf("%v: want %s", all, want)
	}
}

// A host that does not answer takes its share of the time, and the next one has the
// rest.
func TestEachAddressHasItsShare(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	s := start(t)
	s.conf.Peers[0].Addresses = slices.Insert(s.conf.Peers[0].Addresses, 0, conf.Address{Host: silent.Addr().String()})
	s.conf.Channels[0].OpenTimeout = conf.Duration(4 * time.Second)
	s.configure()
	begin := time.Now()
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 1, Peer: "MTA-B"})
	conn := s.accepted(true)
	if up := s.next(channel.TypeAssoc); up.State != channel.StateUp {
		t.Fatalf("%+v", up)
	}
	// It would have failed after four seconds.
	if took := time.Since(begin); took < 1900*time.Millisecond {
		t.Errorf("the first address took %v of 4s", took)
	}
	// The one that has answered comes first now.
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 2, Peer: "MTA-B"})
	other := s.accepted(true)
	if err := silent.(*net.TCPListener).SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for {
		called, err := silent.Accept()
		if err != nil {
			break
		}
		calls++
		_ = called.Close()
	}
	if calls != 1 {
		t.Errorf("the silent one was called %d times", calls)
	}
	_, _ = conn, other
}

// What failed, of all addresses, is in the event.
func TestAllAddressesFail(t *testing.T) {
	s := start(t)
	s.conf.Peers[0].Addresses = []conf.Address{{Host: "127.0.0.1:1"}, {Host: "127.0.0.1:2"}}
	s.configure()
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 1, Peer: "MTA-B"})
	r := s.event(audit.AssociationRefused)
	if r.Layer != "transport" || !strings.Contains(r.Text, "127.0.0.1:1: ") || !strings.Contains(r.Text, "127.0.0.1:2: ") {
		t.Errorf("%+v", r)
	}
	// By hand as well: whoever asks for none, or has stopped asking, waits for nothing.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Dial(ctx, s.conf, &s.conf.Peers[0], time.Now()); err == nil || LayerOf(err) != "transport" {
		t.Error(err)
	}
}

package x400p1

import (
	"net"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
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
		{"from another host", nil, rtse.Remote{Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}, false},
	} {
		cfg := configuration(t, "A", "B", "127.0.0.1:1", "secretA", "secretB")
		own, _ := cfg.Channel("p1")
		if c.peer != nil {
			c.peer(&cfg.Peers[0])
		}
		ch := &Channel{now: time.Now, inbound: map[string]int{}, recovery: &recovery{now: time.Now, age: time.Hour}}
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

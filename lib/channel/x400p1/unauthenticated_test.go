package x400p1

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
)

// none leaves the peer at MTA-A without credentials.
func none(p *conf.Peer) {
	p.Credentials, p.PasswordIn, p.PasswordOut = conf.CredentialsNone, "", ""
}

// nulls are the argument and the result of a bind without credentials, in a mode.
func nulls(mode string) (argument, result ber.Raw) {
	if mode == conf.ModeNormal {
		return ber.Raw{0xb0, 2, 5, 0}, ber.Raw{0xb1, 2, 5, 0}
	}
	return ber.Raw{5, 0}, ber.Raw{5, 0}
}

// openWith calls as somebody with any bind argument, and gives the result.
func (s *switch1) openWith(argument ber.Raw, set func(*rtse.Config)) (*rtse.Conn, ber.Raw, error) {
	s.t.Helper()
	peer, _ := s.peer.Peer("MTA-A")
	c := calling(s.peer, peer, time.Now())
	if set != nil {
		set(&c)
	}
	conn, result, err := rtse.Open(context.Background(), s.call(), c, argument)
	return conn, result, bindError(err)
}

// Who calls without credentials is the peer that calls from there, and is answered without.
func TestCallWithoutCredentials(t *testing.T) {
	for _, mode := range modes {
		s := start(t)
		none(&s.conf.Peers[0])
		s.mode(mode)
		s.peer.Peers[0].Mode = mode
		argument, want := nulls(mode)
		for _, given := range []ber.Raw{argument, nil} { // and one that gives no user data
			conn, result, err := s.openWith(given, nil)
			if err != nil || !bytes.Equal(result, want) {
				t.Fatalf("%s, % x: % x, %v", mode, given, result, err)
			}
			if up := s.event(audit.AssociationUp); up.Peer != "MTA-B" || !strings.HasSuffix(up.Text, ", no credentials") {
				t.Errorf("%s: %+v", mode, up)
			}
			apdu := message(t, "content")
			done := make(chan rtse.TransferResult, 1)
			go func() {
				r, _ := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
				done <- r
			}()
			s.send(channel.Line{Type: channel.TypeDurable, Txn: s.next(channel.TypeCommit).Txn})
			if r := <-done; !r.Confirmed {
				t.Errorf("%s: %+v", mode, r)
			}
			conn.Abort(rtse.UserError)
		}
	}
}

// Nobody else is let in without credentials, nor the peer with any, and the log says why.
func TestCallWithoutCredentialsRefused(t *testing.T) {
	simple, err := p1.BindArgument("MTA-B", "secretB", 0)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := p1.BindArgument("MTA-B", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	null, _ := nulls(conf.ModeNormal)
	tsel := func(t string) func(*rtse.Config) { return func(c *rtse.Config) { c.Transport.CallingTSEL = []byte(t) } }
	elsewhere := func(p *conf.Peer) { p.Callers = []conf.Caller{{Network: "192.0.2.0/24"}} }
	for _, c := range []struct {
		name     string
		conf     func(*conf.Config)
		argument ber.Raw
		set      func(*rtse.Config)
		why      string // empty: it is let in
	}{
		{"the peer has credentials", func(c *conf.Config) { c.Peers[0].Credentials = conf.CredentialsSimple }, null, nil, "unknown peer: it gives neither name nor credentials"},
		{"a name and a password", nil, simple, nil, "wrong credentials: simple ones, where the peer is configured for none"},
		{"a name and an empty password", nil, empty, nil, "wrong credentials: simple ones, where the peer is configured for none"},
		{"from elsewhere", func(c *conf.Config) { elsewhere(&c.Peers[0]) }, null, nil,
			"it gives neither name nor credentials, and no peer without credentials calls from 127.0.0.1"},
		{"without the selector", func(c *conf.Config) { c.Peers[0].Callers = []conf.Caller{{Network: "127.0.0.0/8", TSEL: "B"}} }, null, tsel("C"),
			`and no peer without credentials calls from 127.0.0.1, tsel "C"`},
		{"with the selector", func(c *conf.Config) { c.Peers[0].Callers = []conf.Caller{{Network: "127.0.0.0/8", TSEL: "B"}} }, null, tsel("B"), ""},
		{"with all selectors", func(c *conf.Config) {
			c.Peers[0].Callers = []conf.Caller{{Network: "127.0.0.1", TSEL: "B", SSEL: "S", PSEL: "P"}}
		}, null, func(c *rtse.Config) {
			tsel("B")(c)
			c.CallingSSEL, c.CallingPSEL = []byte("S"), []byte("P")
		}, ""},
		{"as two may", func(c *conf.Config) {
			other := c.Peers[0]
			other.Name = "MTA-C"
			c.Peers = append(c.Peers, other)
		}, null, nil, "127.0.0.1 is where both MTA-B and MTA-C call from"},
		{"as two may, one of which is not enabled", func(c *conf.Config) {
			other := c.Peers[0]
			other.Name, other.Enabled = "MTA-C", false
			c.Peers = append(c.Peers, other)
		}, null, nil, ""},
		{"as one that is not enabled", func(c *conf.Config) { c.Peers[0].Enabled = false }, null, nil, "MTA-B, which calls from 127.0.0.1, is not enabled"},
		{"without TLS", func(c *conf.Config) {
			c.Peers[0].TLS, c.Peers[0].TLSPin = conf.TLSRequire, []string{strings.Repeat("0a", 32)}
		}, null, nil, "without TLS, where the peer is configured for it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			none(&s.conf.Peers[0])
			if c.conf != nil {
				c.conf(s.conf)
			}
			s.mode(conf.ModeNormal)
			begun := time.Now()
			conn, _, err := s.openWith(c.argument, c.set)
			if c.why == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if conn != nil || !errors.Is(err, mts.AuthenticationError) || LayerOf(err) != "bind" {
				t.Errorf("%v", err)
			}
			if took := time.Since(begun); took < guessPause {
				t.Errorf("refused after %v", took)
			}
			if r := s.event(audit.AssociationRefused); !strings.HasSuffix(r.Text, c.why) || r.Layer != "bind" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A peer without credentials is called without, and has to answer so.
func TestCalledWithoutCredentials(t *testing.T) {
	for _, mode := range modes {
		s := start(t)
		none(&s.conf.Peers[0])
		s.mode(mode)
		s.peer.Peers[0].Mode = mode
		argument, null := nulls(mode)
		protocol := protocolOf(&s.conf.Peers[0])
		simple, err := p1.BindResult("MTA-B", "", protocol)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			result ber.Raw
			why    string
		}{
			{null, ""},
			{nil, ""}, // no user data
			{simple, "refused here: the responder has simple credentials, where the peer is configured for none"},
		} {
			dialled := make(chan error, 1)
			go func() {
				call, err := Dial(context.Background(), s.conf, &s.conf.Peers[0], time.Now())
				if err == nil && call.Credentials != conf.CredentialsNone {
					err = errors.New("credentials " + call.Credentials)
				}
				dialled <- err
			}()
			tc, _ := s.transport()
			_, err := rtse.Accept(context.Background(), tc, answering(s.peer, &s.peer.Channels[0], time.Now()), func(ind rtse.OpenIndication) rtse.Decision {
				if !bytes.Equal(ind.UserData, argument) {
					t.Errorf("%s: called with % x", mode, ind.UserData)
				}
				return rtse.Decision{Accept: true, UserData: c.result}
			})
			if err != nil {
				t.Error(err)
			}
			switch err := <-dialled; {
			case c.why == "" && err != nil:
				t.Errorf("%s, % x: %v", mode, c.result, err)
			case c.why != "" && (err == nil || !strings.HasSuffix(err.Error(), c.why) || diag.KindOf(err) != diag.Denied):
				t.Errorf("%s, % x: %v", mode, c.result, err)
			}
		}
	}
}

// An association without credentials is released when the peer calls from elsewhere by now.
func TestSourcesChange(t *testing.T) {
	s := start(t)
	none(&s.conf.Peers[0])
	s.mode(conf.ModeNormal)
	null, _ := nulls(conf.ModeNormal)
	if _, _, err := s.openWith(null, nil); err != nil {
		t.Fatal(err)
	}
	s.conf.Peers[0].Callers = []conf.Caller{{Network: "192.0.2.0/24"}}
	s.configure()
	s.down()
}

// What does not come over TCP comes from nowhere.
func TestOrigin(t *testing.T) {
	for _, c := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4711}, "192.0.2.1"},
		{&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "fe80::1"},
		{&net.UnixAddr{Name: "x"}, "invalid IP"},
		{nil, "invalid IP"},
	} {
		if got := originOf(rtse.Remote{Addr: c.addr}, nil).String(); got != c.want {
			t.Errorf("%v: %s", c.addr, got)
		}
	}
}

package x400p1

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/p1"
)

// reload hands over a changed configuration, and returns when it counts and so many
// associations have ended.
func (s *switch1) reload(change func(*conf.Peer), ends int) {
	s.t.Helper()
	change(&s.conf.Peers[0])
	s.configure()
	// Lines are taken in their order.
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 99, Peer: "nobody"})
	for counts := false; !counts || ends > 0; {
		switch l := s.next(channel.TypeAssoc); l.State {
		case channel.StateFailed:
			counts = true
		case channel.StateDown:
			ends--
		default:
			s.t.Fatalf("%+v", l)
		}
	}
}

// recover calls to recover an association.
func (s *switch1) recover(was session.ConnectionIdentifier, set func(*rtse.Config)) (*rtse.Conn, error) {
	s.t.Helper()
	peer, _ := s.peer.Peer("MTA-A")
	c := calling(s.peer, peer, time.Now())
	c.Recover = &was
	if set != nil {
		set(&c)
	}
	conn, _, err := rtse.Open(context.Background(), s.call(), c, nil)
	return conn, err
}

// A peer that has to show something else since a reload is not let in without showing
// anything: what it had opened before is not recovered, whether it was lost before or is
// ended by the reload.
func TestReloadEndsRecovery(t *testing.T) {
	simple, err := p1.BindArgument("MTA-B", "secretB", 0)
	if err != nil {
		t.Fatal(err)
	}
	null, _ := nulls(conf.ModeNormal)
	elsewhere := func(p *conf.Peer) { p.Callers = []conf.Caller{{Network: "192.0.2.0/24"}} }
	nowhere := func(p *conf.Peer) { p.PasswordIn, p.PasswordInFile = "", "/nowhere/secret" }
	for _, c := range []struct {
		name     string
		argument ber.Raw
		before   func(*conf.Peer)
		change   func(*conf.Peer)
		standing bool
		accept   bool
	}{
		{"nothing that it shows", simple, nil, func(p *conf.Peer) { p.WindowSize = 5 }, false, true},
		{"the password, when it was lost", simple, nil, func(p *conf.Peer) { p.PasswordIn = "another" }, false, false},
		{"the password, while it stands", simple, nil, func(p *conf.Peer) { p.PasswordIn = "another" }, true, false},
		{"the callers, when it was lost", null, none, elsewhere, false, false},
		{"the callers, while it stands", null, none, elsewhere, true, false},
		{"a file that is not there, when it was lost", simple, nil, nowhere, false, false},
		{"a file that is not there, while it stands", simple, nil, nowhere, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			if c.before != nil {
				s.reload(c.before, 0)
			}
			conn, _, err := s.openWith(c.argument, nil)
			if err != nil {
				t.Fatal(err)
			}
			was := conn.Remote().Identifier
			if up := s.next(channel.TypeAssoc); up.State != channel.StateUp {
				t.Fatalf("%+v", up)
			}
			if c.standing {
				s.reload(c.change, 1)
			} else {
				conn.Abort(rtse.TemporaryProblem)
				s.down()
				s.reload(c.change, 0)
			}
			if _, err := s.recover(was, nil); (err == nil) != c.accept {
				t.Errorf("recovered: %v", err)
			}
			if !c.accept {
				if r := s.event(audit.AssociationRefused); !strings.HasSuffix(r.Text, errRecover.Error()) {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// A peer that is known by its selectors gives them when it has an association recovered, too.
func TestRecoverBySelectors(t *testing.T) {
	s := start(t)
	s.reload(func(p *conf.Peer) {
		none(p)
		p.Callers = []conf.Caller{{Network: "127.0.0.0/8", SSEL: "B"}}
	}, 0)
	null, _ := nulls(conf.ModeNormal)
	ssel := func(name string) func(*rtse.Config) {
		return func(c *rtse.Config) { c.CallingSSEL = []byte(name) }
	}
	conn, _, err := s.openWith(null, ssel("B"))
	if err != nil {
		t.Fatal(err)
	}
	was := conn.Remote().Identifier
	if _, err := s.recover(was, ssel("C")); err == nil {
		t.Error("recovered by somebody else on its host")
	}
	if _, err := s.recover(was, ssel("B")); err != nil {
		t.Errorf("not recovered: %v", err)
	}
}

package x400p1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// large is a content with many checkpoints.
var large = strings.Repeat("0123456789abcdef", 8<<10)

// transport takes the next transport connection that the channel opens.
func (s *switch1) transport() (*tp.Conn, net.Conn) {
	s.t.Helper()
	if err := s.listen.(*net.TCPListener).SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	nc, err := s.listen.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = nc.Close() })
	_, octets, err := tp.PeekCR(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	tc, _, err := tp.Accept(nc, octets, tp.Params{})
	if err != nil {
		s.t.Fatal(err)
	}
	return tc, nc
}

// recovering answers the next association, which is to be one that recovers another, or, if
// there is none, one with a bind.
func (s *switch1) recovering(was *session.ConnectionIdentifier, accept bool) *rtse.Conn {
	s.t.Helper()
	tc, _ := s.transport()
	conn, err := rtse.Accept(context.Background(), tc, answering(s.peer, &s.peer.Channels[0], time.Now()), func(ind rtse.OpenIndication) rtse.Decision {
		if (ind.Recover != nil) != (was != nil) || was != nil && !ind.Recover.Names(*was) {
			s.t.Errorf("recovers %+v, not %v", ind.Recover, was)
		}
		d := rtse.Decision{Accept: accept}
		if was == nil {
			d.UserData, _ = p1.BindResult("MTA-B", "secretB", ind.Remote.ApplicationProtocol)
		}
		return d
	})
	if accept && err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// open has the channel open an association, which is answered with a bind.
func (s *switch1) open(id uint64) *rtse.Conn {
	s.t.Helper()
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: id, Peer: "MTA-B"})
	conn := s.recovering(nil, true)
	if up := s.next(channel.TypeAssoc); up.State != channel.StateUp {
		s.t.Fatalf("%+v", up)
	}
	return conn
}

// down waits for the end of an association.
func (s *switch1) down() {
	s.t.Helper()
	for s.next(channel.TypeAssoc).State != channel.StateDown {
	}
}

// loseSending loses an association of ours in the middle of what is sent over it.
func (s *switch1) loseSending(id uint64, how func(*rtse.Conn)) (*session.ConnectionIdentifier, spool.Ref) {
	s.t.Helper()
	read, err := p1.ReadAPDU(bytes.NewReader(message(s.t, "content")), p1.Limits{})
	if err != nil {
		s.t.Fatal(err)
	}
	ref := s.queueOf(read.Envelope, large)
	conn := s.open(id)
	was := conn.Remote().Identifier
	s.send(channel.Line{Type: channel.TypeJob, Job: 3, Assoc: id, Peer: "MTA-B", Ref: &ref, Recipients: []int{1}})
	_, in := s.receive(conn)
	if _, err := io.ReadFull(in.Content, make([]byte, len(large)/2)); err != nil {
		s.t.Fatal(err)
	}
	how(conn)
	s.down()
	return &was, ref
}

// loseReceiving loses an association of ours in the middle of what comes over it.
func (s *switch1) loseReceiving(id uint64, how func(*rtse.Conn)) *session.ConnectionIdentifier {
	s.t.Helper()
	conn := s.open(id)
	was := conn.Remote().Identifier
	if err := conn.PleaseTurn(2); err != nil {
		s.t.Fatal(err)
	}
	if _, err := conn.Receive(context.Background()); err != nil || !conn.HasTurn() {
		s.t.Fatalf("no turn, %v", err)
	}
	apdu := message(s.t, large)
	half := &stops{r: bytes.NewReader(apdu), at: int64(len(apdu) / 2), stopped: make(chan struct{})}
	go func() {
		_, _ = conn.TransferWith(s.t.Context(), half, int64(len(apdu)), rtse.TransferOptions{Resumable: true})
	}()
	<-half.stopped
	how(conn)
	s.down()
	return &was
}

// stops is a reader that reads no further than half of what there is.
type stops struct {
	r       *bytes.Reader
	at      int64
	stopped chan struct{}
}

func (s *stops) Read(b []byte) (int, error) {
	if pos, _ := s.r.Seek(0, io.SeekCurrent); pos+int64(len(b)) > s.at {
		close(s.stopped)
		select {}
	}
	return s.r.Read(b)
}

func (s *stops) Seek(offset int64, whence int) (int64, error) { return s.r.Seek(offset, whence) }

func providerAbort(conn *rtse.Conn) { conn.Abort(rtse.TemporaryProblem) }

// An association of ours that is lost in the middle of a transfer, in either direction, is
// recovered when the next one is opened; once.
func TestOurLossIsRecovered(t *testing.T) {
	for _, mode := range []string{conf.ModeNormal, conf.ModeX410, conf.Mode1984} {
		for direction, lose := range map[string]func(*switch1) *session.ConnectionIdentifier{
			"sending":   func(s *switch1) *session.ConnectionIdentifier { was, _ := s.loseSending(1, providerAbort); return was },
			"receiving": func(s *switch1) *session.ConnectionIdentifier { return s.loseReceiving(1, providerAbort) },
		} {
			t.Run(mode+", "+direction, func(t *testing.T) {
				s := start(t)
				s.mode(mode)
				s.peer.Peers[0].Mode = mode
				was := lose(s)
				s.send(channel.Line{Type: channel.TypeOpen, Assoc: 2, Peer: "MTA-B"})
				conn := s.recovering(was, true)
				if conn.Remote().Identifier.CallingReference == nil || rtseNames(was, conn.Remote().Identifier) {
					t.Errorf("recovered under the name of the one that was lost: %+v", conn.Remote().Identifier)
				}
				if up := s.event(audit.AssociationUp); up.Assoc != 2 || !strings.HasSuffix(up.Text, ", recovered") {
					t.Errorf("%+v", up)
				}
				conn.Abort(rtse.TemporaryProblem)
				s.down()
				s.open(3) // with a bind: nothing was in transit over the second
			})
		}
	}
}

// rtseNames reports whether two identifiers are of one connection.
func rtseNames(a *session.ConnectionIdentifier, b session.ConnectionIdentifier) bool {
	return references("", *a) == references("", b)
}

// What is not recovered is opened anew at once, and what was interrupted is resumed or sent
// again: where the peer refuses, says nothing, hangs up, or answers as nobody should.
func TestOurLossIsNotRecovered(t *testing.T) {
	for _, mode := range []string{conf.ModeNormal, conf.ModeX410} {
		for name, c := range map[string]struct {
			answer func(s *switch1, was *session.ConnectionIdentifier)
			remark string
		}{
			"it refuses": {func(s *switch1, was *session.ConnectionIdentifier) { s.recovering(was, false) }, "not recovered: "},
			"it says nothing": {func(s *switch1, _ *session.ConnectionIdentifier) {
				tc, _ := s.transport()
				if _, _, err := tc.ReadTSDU(); err != nil {
					s.t.Error(err)
				}
			}, "not recovered: "},
			"it hangs up": {func(s *switch1, _ *session.ConnectionIdentifier) {
				tc, nc := s.transport()
				if _, _, err := tc.ReadTSDU(); err != nil {
					s.t.Error(err)
				}
				_ = nc.Close()
			}, "not recovered: "},
		} {
			t.Run(mode+", "+name, func(t *testing.T) {
				s := start(t)
				s.conf.Channels[0].OpenTimeout = conf.Duration(4 * time.Second)
				s.mode(mode)
				s.peer.Peers[0].Mode = mode
				was, ref := s.loseSending(1, providerAbort)
				s.send(channel.Line{Type: channel.TypeOpen, Assoc: 2, Peer: "MTA-B"})
				c.answer(s, was)
				conn := s.recovering(nil, true)
				if up := s.event(audit.AssociationUp); up.Assoc != 2 || !strings.Contains(up.Text, c.remark) {
					t.Errorf("%+v", up)
				}
				s.open(3) // it was asked once, whatever it has answered
				s.send(channel.Line{Type: channel.TypeJob, Job: 4, Assoc: 2, Peer: "MTA-B", Ref: &ref, Recipients: []int{1}})
				ind, in := s.receive(conn)
				content, err := io.ReadAll(in.Content)
				if err = errors.Join(err, in.Finish()); err != nil || string(content) != large {
					t.Errorf("%d octets of content, %v", len(content), err)
				}
				if err := ind.Accept(); err != nil {
					t.Error(err)
				}
				for s.next(channel.TypeOutcome).Results[0].Outcome != channel.OutcomeTransferred {
				}
			})
		}
	}
}

// An association is not recovered that it is of no use to recover, or that must not be.
func TestOurLossOfNoUse(t *testing.T) {
	for name, lose := range map[string]func(*switch1){
		"nothing was in transit": func(s *switch1) { providerAbort(s.open(1)); s.down() },
		"the peer's user has aborted": func(s *switch1) {
			s.loseSending(1, func(conn *rtse.Conn) { conn.Abort(rtse.UserError) })
		},
		"the peer has found a protocol error": func(s *switch1) {
			s.loseSending(1, func(conn *rtse.Conn) { conn.Abort(rtse.ProtocolError) })
		},
		"it is not wanted any more": func(s *switch1) {
			s.loseSending(1, providerAbort)
			s.conf.Peers[0].RecoverAssociations = false
			s.mode(conf.ModeNormal)
		},
		"it has been too long": func(s *switch1) {
			s.loseReceiving(1, providerAbort)
			s.conf.Channels[0].RecoveryTime = conf.Duration(time.Nanosecond)
			s.mode(conf.ModeNormal)
		},
		"the peer has another mode now": func(s *switch1) {
			s.loseSending(1, providerAbort)
			s.mode(conf.ModeX410)
			s.peer.Peers[0].Mode = conf.ModeX410
		},
		"the peer has to show something else now": func(s *switch1) {
			s.loseSending(1, providerAbort)
			s.reload(func(p *conf.Peer) { p.TLSName = "mta.example.org" }, 0)
		},
		"the peer has to show something else when it is lost": func(s *switch1) {
			s.loseSending(1, func(conn *rtse.Conn) {
				s.reload(func(p *conf.Peer) { p.TLSName = "mta.example.org" }, 0)
				providerAbort(conn)
			})
		},
		"the message was resumed meanwhile": func(s *switch1) {
			conn := s.open(9)
			_, ref := s.loseSending(1, providerAbort)
			s.send(channel.Line{Type: channel.TypeJob, Job: 4, Assoc: 9, Peer: "MTA-B", Ref: &ref, Recipients: []int{1}})
			ind, in := s.receive(conn)
			_, err := io.Copy(io.Discard, in.Content)
			if err := errors.Join(err, in.Finish(), ind.Accept()); err != nil {
				s.t.Fatal(err)
			}
			for s.next(channel.TypeOutcome).Results[0].Outcome != channel.OutcomeTransferred {
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.mode(conf.ModeNormal)
			lose(s)
			s.open(2)
		})
	}
}

// A peer that cannot be reached has not been asked: the association is recovered when it can.
func TestOurLossWaitsForThePeer(t *testing.T) {
	s := start(t)
	was := s.loseReceiving(1, providerAbort)
	at := s.listen.Addr().String()
	if err := s.listen.Close(); err != nil {
		t.Fatal(err)
	}
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 2, Peer: "MTA-B"})
	if l := s.next(channel.TypeAssoc); l.State != channel.StateFailed || l.Layer != string(rtse.LayerTransport) {
		t.Errorf("%+v", l)
	}
	var err error
	if s.listen, err = net.Listen("tcp", at); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.listen.Close() })
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 3, Peer: "MTA-B"})
	s.recovering(was, true)
}

// Of associations before a restart those of ours can be recovered over which an object came
// that may be resumed.
func TestOurLossOutlivesProcess(t *testing.T) {
	b := openBooks(t)
	peer := &conf.Peer{Name: "MTA-B", Recovery: true, RecoverAssociations: true, Mode: conf.ModeNormal}
	connection := activity("\x14\x01x", 1)
	k := &peerKeeper{recovery: b.recovery, peer: "MTA-B"}
	k.Begin(connection)
	kept := k.Keep(connection)
	if _, err := kept.Write([]byte("piece 000\n")); err != nil {
		t.Fatal(err)
	}
	if err := kept.Secure([]rtse.Mark{{Serial: 1, Octets: 10}}); err != nil {
		t.Fatal(err)
	}
	kept.Left()
	if !k.resumable(connection.Connection) || k.resumable(activity("\x14\x01y", 1).Connection) {
		t.Error("what may be resumed is not told from what may not")
	}
	if l := b.reclaim(peer); l != nil {
		t.Errorf("%+v is to be recovered, though it is not known to be lost", l)
	}
	b.reopen()
	if l := b.reclaim(&conf.Peer{Name: "MTA-C", Recovery: true, RecoverAssociations: true, Mode: conf.ModeNormal}); l != nil {
		t.Errorf("%+v of another peer", l)
	}
	if l := b.reclaim(peer); l == nil || !rtseNames(&l.connection, connection.Connection) {
		t.Errorf("%+v", l)
	}
	if l := b.reclaim(peer); l != nil {
		t.Errorf("%+v twice", l)
	}
	b.reopen()
	if r := b.resume("MTA-B", connection, activity("y", 1), 1); r.Kept == nil {
		t.Error("not resumed over another association")
	}
	if l := b.reclaim(peer); l != nil {
		t.Errorf("%+v, though it has been resumed over another", l)
	}
}

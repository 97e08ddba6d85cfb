package x400p1

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
)

// Each bind error is told by its name, as layer bind; only busy passes by itself.
func TestBindErrorsAreTold(t *testing.T) {
	for e, kind := range map[mts.MTABindError]diag.Kind{
		mts.Busy: diag.Temporary, mts.AuthenticationError: diag.Denied, mts.UnacceptableDialogueMode: diag.Denied,
		mts.UnacceptableSecurityContext: diag.Denied, mts.InadequateAssociationConfidentiality: diag.Denied,
	} {
		s := start(t)
		go func() {
			nc, err := s.listen.Accept()
			if err != nil {
				return
			}
			_, octets, err := tp.PeekCR(nc)
			if err != nil {
				return
			}
			tc, _, err := tp.Accept(nc, octets, tp.Params{})
			if err != nil {
				return
			}
			_, _ = rtse.Accept(context.Background(), tc, answering(s.peer, &s.peer.Channels[0], time.Now()), func(rtse.OpenIndication) rtse.Decision {
				return rtse.Decision{Transient: e.Temporary(), UserData: p1.BindError(e)}
			})
		}()
		_, err := Dial(context.Background(), s.conf, &s.conf.Peers[0], time.Now())
		if !errors.Is(err, e) || diag.KindOf(err) != kind || LayerOf(err) != "bind" || !strings.Contains(err.Error(), e.String()) {
			t.Errorf("%v: %v of kind %v, layer %s", e, err, diag.KindOf(err), LayerOf(err))
		}
	}
}

// A peer that calls is agreed with on what it proposes, up to what is configured of it,
// whatever others have; and what it then sends at once is taken.
func TestSizesOfThePeer(t *testing.T) {
	s := start(t)
	other := s.conf.Peers[0]
	other.Name, other.CheckpointSize, other.WindowSize = "MTA-C", 7, 32
	s.conf.Peers = append(s.conf.Peers, other)
	for _, c := range []struct{ proposed, window, configured, most, agreed, agreedWindow int }{
		{64, 8, 2, 5, 2, 5},
		{64, 3, 1024, 5, 64, 3},
		{1024, 3, 1024, 3, 1024, 3},
		{5000, 3, 0, 3, 5000, 3},
		{0, 3, 0, 3, 0, 3},
		{0, 3, 16, 3, 16, 3},
	} {
		s.conf.Peers[0].CheckpointSize, s.conf.Peers[0].WindowSize = c.configured, c.most
		s.mode(conf.ModeNormal)
		s.peer.Peers[0].CheckpointSize, s.peer.Peers[0].WindowSize = c.proposed, c.window
		conn := s.bound()
		if r := conn.Remote(); r.Checkpoint != int64(c.agreed) || r.Window != int64(c.agreedWindow) {
			t.Errorf("%+v: checkpoint size %d, window size %d", c, r.Checkpoint, r.Window)
		}
		apdu := message(t, strings.Repeat("x", 1500<<10))
		done := make(chan rtse.TransferResult, 1)
		go func() {
			r, _ := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
			done <- r
		}()
		s.send(channel.Line{Type: channel.TypeDurable, Txn: s.next(channel.TypeCommit).Txn})
		if r := <-done; !r.Confirmed {
			t.Errorf("%+v: %+v", c, r)
		}
		conn.Abort(rtse.UserError)
		for s.next(channel.TypeAssoc).State != channel.StateDown {
		}
	}
}

// Who answers is told from what it answers.
func TestWrongResponder(t *testing.T) {
	s := start(t)
	for want, edit := range map[string]func(){
		`the responder is "MTA-B", not MTA-Z`:                  func() { s.conf.Peers[0].Name = "MTA-Z" },
		"the responder gave another password than password-in": func() { s.conf.Peers[0].Name, s.conf.Peers[0].PasswordIn = "MTA-B", "x" },
	} {
		edit()
		dialled := make(chan error, 1)
		go func() {
			_, err := Dial(context.Background(), s.conf, &s.conf.Peers[0], time.Now())
			dialled <- err
		}()
		s.accepted(true)
		err := <-dialled
		if err == nil || !strings.HasSuffix(err.Error(), want) || LayerOf(err) != "bind" {
			t.Errorf("%v, not %s", err, want)
		}
		s.conf.Peers[0].Name, s.conf.Peers[0].PasswordIn = "MTA-B", "secretB"
	}
}

package x400p1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

var modes = []string{conf.ModeNormal, conf.ModeX410, conf.Mode1984}

// mode configures the mode of the peer at MTA-A.
func (s *switch1) mode(mode string) {
	s.t.Helper()
	s.conf.Peers[0].Mode, s.conf.Peers[0].Content1984 = mode, conf.ContentP22 // any content will do
	text, err := json.Marshal(s.conf)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(channel.Line{Type: channel.TypeConfig, Config: text})
	// Lines are taken in their order: the answer tells that the configuration counts.
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 99, Peer: "nobody"})
	if l := s.next(channel.TypeAssoc); l.Assoc != 99 || l.State != channel.StateFailed {
		s.t.Fatalf("%+v", l)
	}
}

// A peer that calls in the mode it is configured for is let in, and its messages are
// taken; in another mode it is refused, and the log says which of the two was what.
func TestCallsInEachMode(t *testing.T) {
	for _, configured := range modes {
		t.Run(configured, func(t *testing.T) {
			s := start(t)
			s.mode(configured)
			for _, called := range modes {
				s.peer.Peers[0].Mode = called
				conn, err := s.bind("MTA-B", "secretB")
				if called != configured {
					if conn != nil || err == nil {
						t.Fatalf("%s: %v", called, err)
					}
					r := s.event(audit.AssociationRefused)
					if !strings.Contains(r.Text, "mode") && !strings.Contains(r.Text, "application protocol") {
						t.Errorf("%s: %+v", called, r)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", called, err)
				}
				if up := s.next(channel.TypeAssoc); up.State != channel.StateUp || !up.Inbound || !up.TwoWay {
					t.Errorf("%+v", up)
				}
				if up := s.event(audit.AssociationUp); strings.HasSuffix(up.Text, ", mode "+called) == (called == conf.ModeNormal) {
					t.Errorf("%+v", up)
				}
				apdu := message(t, strings.Repeat("0123456789", 1000))
				done := make(chan rtse.TransferResult, 1)
				go func() {
					r, _ := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
					done <- r
				}()
				s.send(channel.Line{Type: channel.TypeDurable, Txn: s.next(channel.TypeCommit).Txn})
				if r := <-done; !r.Confirmed {
					t.Errorf("transfer: %+v", r)
				}
				if err := conn.Close(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A peer is called in the mode it is configured for, the association knows its mode,
// and what it is sent is the MTS-APDU.
func TestCalledInEachMode(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			s := start(t)
			s.mode(mode)
			s.peer.Peers[0].Mode = mode
			read, err := p1.ReadAPDU(bytes.NewReader(message(t, "content")), p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			ref := s.queue(read.Envelope)
			s.send(channel.Line{Type: channel.TypeOpen, Assoc: 1, Peer: "MTA-B"})
			conn := s.accepted(true)
			if got := modeOf(conn.Remote()); got != mode {
				t.Errorf("associated in mode %s", got)
			}
			if up := s.next(channel.TypeAssoc); up.State != channel.StateUp || !up.Turn {
				t.Errorf("%+v", up)
			}
			s.send(channel.Line{Type: channel.TypeJob, Job: 3, Assoc: 1, Peer: "MTA-B", Ref: &ref, Recipients: []int{1}})
			ind, in := s.receive(conn)
			content, err := io.ReadAll(in.Content)
			if err != nil || in.Finish() != nil || string(content) != "content" {
				t.Errorf("content %q, %v", content, err)
			}
			if err := ind.Accept(); err != nil {
				t.Error(err)
			}
			if o := s.next(channel.TypeOutcome); len(o.Results) != 1 || o.Results[0].Outcome != channel.OutcomeTransferred {
				t.Errorf("%+v", o)
			}
		})
	}
}

// What a peer says in X.410-1984 mode where normal mode has a bind error is told as
// the bind error it stands for.
func TestRefusedInX410Mode(t *testing.T) {
	for _, c := range []struct {
		reason rtse.RefuseReason
		want   error
		layer  string
	}{
		{rtse.RefuseBusy, mts.Busy, "bind"},
		{rtse.RefuseValidationFailure, mts.AuthenticationError, "bind"},
		{rtse.RefuseUnacceptableDialog, mts.UnacceptableDialogueMode, "bind"},
		{rtse.RefuseCannotRecover, nil, "rtse"},
	} {
		err := bindError(&rtse.Refusal{Layer: rtse.LayerRTSE, RefuseReason: &c.reason})
		if LayerOf(err) != c.layer || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%v: %v", c.reason, err)
		}
	}
	s := start(t)
	s.mode(conf.ModeX410)
	s.peer.Peers[0].Mode = conf.ModeX410
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 1, Peer: "MTA-B"})
	s.accepted(false)
	if l := s.next(channel.TypeAssoc); l.State != channel.StateFailed || l.Layer != "bind" || !strings.Contains(l.Reason, "authentication-error") {
		t.Errorf("%+v", l)
	}
	if _, err := s.bind("MTA-B", "wrong"); !errors.Is(err, mts.AuthenticationError) || LayerOf(err) != "bind" {
		t.Errorf("a wrong password: %v", err)
	}
}

// In X.410-1984 mode nothing but its own length says where an APDU ends: octets behind
// it end the association, and the message is not taken.
func TestOctetsBehindTheAPDU(t *testing.T) {
	s := start(t)
	s.mode(conf.ModeX410)
	s.peer.Peers[0].Mode = conf.ModeX410
	conn := s.bound()
	apdu := append(message(t, "hello"), 5, 0)
	r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
	var a *rtse.Abort
	if r.Confirmed || !errors.As(err, &a) || a.RTAB != rtse.ProtocolError {
		t.Errorf("%+v, %v", r, err)
	}
	if down := s.event(audit.AssociationDown); down.Layer != "p1" || !strings.Contains(down.Text, "octets after the element") {
		t.Errorf("%+v", down)
	}
}

// What is more urgent asks for the turn with a higher priority, and nothing with that of a
// release, which is 0.
func TestTurnPriority(t *testing.T) {
	last := int64(0)
	for _, p := range []spool.Priority{spool.Urgent, spool.Normal, spool.NonUrgent} {
		if n := turnPriority(p); n <= last {
			t.Errorf("%v has %d, and what comes before it %d", p, n, last)
		} else {
			last = n
		}
	}
}

// Only the application protocols of peers that may call are answered.
func TestApplicationProtocols(t *testing.T) {
	cfg := configuration(t, "A", "B", "127.0.0.1:1", "secretA", "secretB")
	own, _ := cfg.Channel("p1")
	for _, c := range []struct {
		mode    string
		enabled bool
		want    []int64
	}{
		{conf.ModeNormal, true, nil},
		{conf.ModeX410, true, []int64{p1.ApplicationProtocol1988}},
		{conf.Mode1984, true, []int64{p1.ApplicationProtocol1984}},
		{conf.Mode1984, false, nil},
	} {
		cfg.Peers[0].Mode, cfg.Peers[0].Enabled = c.mode, c.enabled
		if got := answering(cfg, own, time.Now()).ApplicationProtocols; !slices.Equal(got, c.want) {
			t.Errorf("%s, enabled %v: %v", c.mode, c.enabled, got)
		}
	}
}

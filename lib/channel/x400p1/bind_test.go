package x400p1

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

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
			tc, _, err := tp.Accept(nc, octets, tp.Params{MaxTSDU: maxTSDU})
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

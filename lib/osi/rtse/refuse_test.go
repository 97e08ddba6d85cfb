package rtse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// Every layer's refusal is told from the others'.
func TestRefusals(t *testing.T) {
	never := func(OpenIndication) Decision { panic("the user was asked") }
	for _, tt := range []struct {
		name      string
		initiator func(*Config)
		responder func(*Config)
		decide    func(OpenIndication) Decision
		want      func(r *Refusal) bool
		kind      diag.Kind
		local     string // what the responder is told
	}{
		{
			name:      "session selector",
			initiator: func(c *Config) { c.CalledSSEL = []byte("no") },
			responder: func(c *Config) { c.CalledSSEL = []byte("yes") },
			decide:    never,
			want:      func(r *Refusal) bool { return r.Layer == LayerSession && r.Session == session.RefuseSelectorUnknown },
			kind:      diag.Permanent,
			local:     "rtse: accept: aborted by our session: refused: called session selector 6e6f is not ours",
		},
		{
			name:      "session version",
			initiator: func(c *Config) { c.SessionVersions = session.Version1 },
			responder: func(c *Config) { c.SessionVersions = session.Version2 },
			decide:    never,
			want:      func(r *Refusal) bool { return r.Layer == LayerSession && r.Session == session.RefuseVersion },
			kind:      diag.Permanent,
		},
		{
			name:      "presentation selector",
			initiator: func(c *Config) { c.CalledPSEL = []byte("no") },
			responder: func(c *Config) { c.CalledPSEL = []byte("yes") },
			decide:    never,
			want: func(r *Refusal) bool {
				return r.Layer == LayerPresentation && r.Presentation == presentation.RefusedAddressUnknown
			},
			kind:  diag.Permanent,
			local: "rtse: accept: aborted by our presentation: reason not specified: presentation: refused: called presentation address unknown",
		},
		{
			name:      "application context",
			initiator: func(c *Config) { c.ApplicationContext = "2.6.0.1.9" },
			decide:    never,
			want: func(r *Refusal) bool {
				return r.Layer == LayerACSE && r.Result == acse.RejectedPermanent && *r.Source.User == acse.UserApplicationContextNameNotSupported
			},
			kind:  diag.Permanent,
			local: "rtse: accept: aborted by our acse: refused: application context 2.6.0.1.9 is not ours",
		},
		{
			name:      "user syntax",
			initiator: func(c *Config) { c.UserSyntax = "2.6.0.2.99" },
			decide:    never,
			want:      func(r *Refusal) bool { return r.Layer == LayerACSE && r.Persistent },
			kind:      diag.Permanent,
			local:     "rtse: accept: aborted by our presentation: refused: presentation: no context of 2.6.0.2.7",
		},
		{
			name:   "bind error",
			decide: func(OpenIndication) Decision { return Decision{UserData: bindError} },
			want: func(r *Refusal) bool {
				return r.Layer == LayerRTSE && bytes.Equal(r.UserData, bindError) && r.Result == acse.RejectedPermanent
			},
			kind:  diag.Permanent,
			local: "rtse: accept: aborted by our rtse: refused: refused by the user",
		},
		{
			name: "bind error, transient",
			decide: func(OpenIndication) Decision {
				return Decision{UserData: bindError, Transient: true, Diagnostic: acse.UserAuthenticationFailure}
			},
			want: func(r *Refusal) bool {
				return r.Layer == LayerRTSE && r.Result == acse.RejectedTransient && *r.Source.User == acse.UserAuthenticationFailure
			},
			kind: diag.Temporary,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ci, cr := testConfig("A"), testConfig("B")
			if tt.initiator != nil {
				tt.initiator(&ci)
			}
			if tt.responder != nil {
				tt.responder(&cr)
			}
			i, r := pipe(t)
			ctx := testContext(t)
			failed := make(chan error, 1)
			go func() {
				_, err := acceptOn(ctx, r, cr, tt.decide)
				failed <- err
			}()
			conn, _, err := Open(ctx, i, ci, bindArgument)
			if conn != nil || err == nil {
				t.Fatal("opened")
			}
			if refusal := within[*Refusal](err); refusal == nil || !tt.want(refusal) {
				t.Errorf("refusal %+v, error %v", refusal, err)
			}
			if diag.KindOf(err) != tt.kind {
				t.Errorf("kind %s: %v", diag.KindOf(err), err)
			}
			local := <-failed
			if local == nil || tt.local != "" && local.Error() != tt.local {
				t.Errorf("the responder has %q, want %q", local, tt.local)
			}
		})
	}
}

func TestRefusedByTransport(t *testing.T) {
	i, r := pipe(t)
	go func() {
		cr, _, err := tp.PeekCR(r)
		if err == nil {
			err = tp.Refuse(r, cr, tp.ReasonAddressUnknown)
		}
		if err != nil {
			t.Error(err)
		}
	}()
	_, _, err := Open(testContext(t), i, testConfig("A"), bindArgument)
	if refusal := within[*Refusal](err); refusal == nil || refusal.Layer != LayerTransport || refusal.Transport != tp.ReasonAddressUnknown {
		t.Errorf("%+v, %v", refusal, err)
	}
	if diag.KindOf(err) != diag.Permanent {
		t.Errorf("kind %s", diag.KindOf(err))
	}
}

// A peer that speaks something else, says nothing, or goes away.
func TestOpenFails(t *testing.T) {
	t.Run("silence", func(t *testing.T) {
		i, _ := pipe(t)
		ctx, cancel := context.WithTimeout(context.Background(), 50e6)
		defer cancel()
		_, _, err := Open(ctx, i, testConfig("A"), bindArgument)
		if within[*Refusal](err) != nil || within[*Abort](err) != nil || !errors.Is(err, context.DeadlineExceeded) || diag.KindOf(err) != diag.Unavailable {
			t.Errorf("%v", err)
		}
	})
	t.Run("silence after transport", func(t *testing.T) {
		i, r := pipe(t)
		go acceptTransport(r)
		ctx, cancel := context.WithTimeout(context.Background(), 50e6)
		defer cancel()
		_, _, err := Open(ctx, i, testConfig("A"), bindArgument)
		if within[*Refusal](err) != nil || within[*Abort](err) != nil || !errors.Is(err, context.DeadlineExceeded) || diag.KindOf(err) != diag.Unavailable {
			t.Errorf("%v", err)
		}
	})
	t.Run("gone", func(t *testing.T) {
		i, r := pipe(t)
		go func() {
			if tc, err := acceptTransport(r); err == nil {
				tc.Close()
			}
		}()
		_, _, err := Open(testContext(t), i, testConfig("A"), bindArgument)
		if abort := within[*Abort](err); abort == nil || abort.Layer != LayerTransport || diag.KindOf(err) != diag.Temporary {
			t.Errorf("%+v, %v", abort, err)
		}
	})
	// Whether it comes before the S-CONNECT request has been made or after that, it is
	// the peer who is to blame.
	t.Run("nonsense", func(t *testing.T) {
		for range 300 {
			i, r := pipe(t)
			go func() {
				if tc, err := acceptTransport(r); err == nil {
					if err := tc.WriteTSDU([]byte{0x99, 0x00}); err != nil {
						t.Error(err)
					}
				}
			}()
			_, _, err := Open(testContext(t), i, testConfig("A"), bindArgument)
			if abort := within[*Abort](err); abort == nil || abort.Layer != LayerSession || !abort.Local || diag.KindOf(err) != diag.Protocol {
				t.Fatalf("%+v, %v", abort, err)
			}
		}
	})
}

func acceptTransport(nc net.Conn) (*tp.Conn, error) {
	_, octets, err := tp.PeekCR(nc)
	if err != nil {
		return nil, err
	}
	tc, _, err := tp.Accept(nc, octets, tp.Params{})
	return tc, err
}

// A configuration that cannot be encoded is refused before anything is sent.
func TestUsage(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"syntax":    func(c *Config) { c.UserSyntax = "2.6.x" },
		"no syntax": func(c *Config) { c.RTSESyntax = "" },
		"reference": func(c *Config) { c.CallingReference = string(make([]byte, 63)) },
	} {
		c := testConfig("A")
		change(&c)
		i, _ := pipe(t)
		if _, _, err := Open(testContext(t), i, c, nil); diag.KindOf(err) != diag.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := testConfig("A")
	c.ApplicationContext = asn1.OID("3")
	i, r := pipe(t)
	go acceptTransport(r)
	if _, _, err := Open(testContext(t), i, c, nil); err == nil {
		t.Error("an application context that is none was sent")
	}
}

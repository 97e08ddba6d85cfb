package x400p1

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/mts/token"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// later is a time that no channel of this test has begun after.
func later() time.Time { return time.Now().Add(2 * time.Second) }

// argument is what MTA-B calls with.
func (s *switch1) argument(at time.Time) (ber.Raw, asn1.BitString) {
	s.t.Helper()
	p, err := here.newProof(s.peer, &s.peer.Peers[0])
	if err != nil {
		s.t.Fatal(err)
	}
	raw, number, err := p.argument(0, at)
	if err != nil {
		s.t.Fatal(err)
	}
	return raw, number
}

// edited is a bind argument with something changed in it.
func edited(t *testing.T, raw ber.Raw, edit func(*mts.MTAInitiator)) ber.Raw {
	t.Helper()
	a, err := p1.DecodeBindArgument(raw)
	if err != nil {
		t.Fatal(err)
	}
	edit(a.Authenticated)
	if raw, err = ber.MarshalWith(a, "[16] EXPLICIT"); err != nil {
		t.Fatal(err)
	}
	return raw
}

// A peer that calls with a token of its own is let in, and gets one that is ours; the log
// says whose certificate it was.
func TestStrongBind(t *testing.T) {
	s, _ := startStrong(t)
	argument, number := s.argument(later())
	conn, result, err := rtse.Open(context.Background(), s.call(), calling(s.peer, &s.peer.Peers[0], time.Now()), argument)
	if err != nil {
		t.Fatal(bindError(err))
	}
	defer conn.Abort(rtse.UserError)
	if r := s.event(audit.AssociationUp); r.Peer != "MTA-B" || !strings.HasSuffix(r.Text, ", strong credentials of CN=MTA-B") {
		t.Errorf("%+v", r)
	}
	answer, err := p1.DecodeBindResult(result)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := here.checkAnswer(s.peer, &s.peer.Peers[0], &answer, number, nil, time.Now())
	if err != nil || token.Subject(taken.Certificate) != "CN=MTA-A" || answer.Class() != "strong" {
		t.Errorf("%v, %+v", err, taken)
	}
}

// Whoever cannot prove to be the peer hears authentication-error, whatever it is; the log
// tells what it is. What is not known to be new may be tried again.
func TestStrongBindRefused(t *testing.T) {
	t.Parallel() // it waits a lot
	s, i := startStrong(t)
	i.issue("MTA-C", time.Hour)
	i.issue("Old", -time.Minute)
	other := newIssuer(t)
	other.issue("MTA-B", time.Hour)
	peer := &s.peer.Peers[0]
	good := *peer
	twice, _ := s.argument(later())
	for _, c := range []struct {
		name string
		call func() ber.Raw
		want mts.MTABindError
		text string
	}{
		{"the same again", func() ber.Raw {
			conn, err := s.bindWith(s.call(), twice)
			if err != nil {
				t.Fatal(err)
			}
			conn.Abort(rtse.UserError)
			return twice
		}, mts.AuthenticationError, "wrong credentials: the token of CN=MTA-B, made at "},
		{"of before the start", func() ber.Raw {
			raw, _ := s.argument(time.Now().Add(-time.Minute))
			return raw
		}, mts.Busy, "was taken before is not known any more"},
		{"too old", func() ber.Raw {
			raw, _ := s.argument(time.Now().Add(-time.Hour))
			return raw
		}, mts.AuthenticationError, "more than 5m0s apart"},
		{"for another MTA", func() ber.Raw {
			peer.Name = "MTA-X"
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, `for MTA "MTA-X", not for "MTA-A"`},
		{"of another authority", func() ber.Raw {
			peer.TokenCertificate, peer.TokenKey = other.path("MTA-B.pem"), other.path("MTA-B.key")
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, "the certificate of CN=MTA-B: x509: certificate signed by unknown authority"},
		{"of another MTA", func() ber.Raw {
			peer.TokenCertificate, peer.TokenKey = i.path("MTA-C.pem"), i.path("MTA-C.key")
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, "the certificate is of CN=MTA-C, not of CN=MTA-B"},
		{"of a long name", func() ber.Raw {
			other.issue(strings.Repeat("x", 4000), time.Hour)
			peer.TokenCertificate, peer.TokenKey = other.path("long.pem"), other.path("long.key")
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, "wrong credentials: the certificate of CN=xxxxx"},
		{"expired", func() ber.Raw {
			peer.TokenCertificate, peer.TokenKey = i.path("Old.pem"), i.path("Old.key")
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, "the certificate of CN=Old has expired"},
		{"without a certificate", func() ber.Raw {
			peer.TokenShow = false
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, "no certificate came along"},
		{"signed by another", func() ber.Raw {
			raw, _ := s.argument(later())
			peer.TokenCertificate, peer.TokenKey = i.path("MTA-C.pem"), i.path("MTA-C.key")
			theirs, _ := s.argument(later())
			return edited(t, raw, func(a *mts.MTAInitiator) {
				edited(t, theirs, func(b *mts.MTAInitiator) {
					a.InitiatorCredentials.Strong.BindToken = b.InitiatorCredentials.Strong.BindToken
				})
			})
		}, mts.AuthenticationError, "the token of CN=MTA-B: the signature is not that of its key"},
		{"with an octet changed", func() ber.Raw {
			raw, number := s.argument(later())
			return edited(t, raw, func(a *mts.MTAInitiator) {
				b := a.InitiatorCredentials.Strong.BindToken.Token
				b[bytes.Index(b, number.Bytes)+10] ^= 1
			})
		}, mts.AuthenticationError, "the token of CN=MTA-B: the signature is not that of its key"},
		{"an answer to a call of ours", func() ber.Raw {
			p, err := here.newProof(s.peer, peer)
			if err != nil {
				t.Fatal(err)
			}
			number, err := token.NewNumber("MTA-A", rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			credentials, err := p.strong(number, later())
			if err != nil {
				t.Fatal(err)
			}
			raw, err := p1.BindArgumentWith("MTA-B", credentials, 0)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}, mts.AuthenticationError, `its random number is one that "MTA-A" has called with`},
		{"nothing", func() ber.Raw {
			raw, err := p1.BindArgumentWith("MTA-B", mts.Credentials{Strong: &mts.StrongCredentials{}}, 0)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}, mts.AuthenticationError, "wrong credentials: no bind-token"},
		{"a password", func() ber.Raw {
			raw, err := p1.BindArgument("MTA-B", "", 0)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}, mts.AuthenticationError, "wrong credentials: simple ones, where the peer is configured for strong ones"},
		{"by another name", func() ber.Raw {
			s.peer.Identity.MTA = "MTA-C"
			raw, _ := s.argument(later())
			return raw
		}, mts.AuthenticationError, "unknown peer: strong ones, bind-token of type 2.6.3.6.0, certificate"},
		{"a security context", func() ber.Raw {
			raw, _ := s.argument(later())
			return edited(t, raw, func(a *mts.MTAInitiator) { a.SecurityContext = []mts.SecurityLabel{{}} })
		}, mts.UnacceptableSecurityContext, "a security context, which would not be observed"},
		{"two-way", func() ber.Raw {
			s.conf.Peers[0].TwoWay = false
			s.configure()
			raw, _ := s.argument(later())
			return raw
		}, mts.UnacceptableDialogueMode, "two-way, where the peer is configured for one way"},
		{"an authority that we have lost", func() ber.Raw {
			s.conf.Peers[0].TwoWay, s.conf.Peers[0].TokenCA = true, i.path("missing")
			s.configure()
			raw, _ := s.argument(later())
			return raw
		}, mts.Busy, "busy: token-ca: open "},
		{"a key of ours that everybody can read", func() ber.Raw {
			s.conf.Peers[0].TokenCA = i.path("Authority.pem")
			s.configure()
			if err := os.Chmod(i.path("MTA-A.key"), 0o644); err != nil {
				t.Fatal(err)
			}
			raw, _ := s.argument(later())
			return raw
		}, mts.Busy, "MTA-A.key: everybody has access to it: mode 644, at most 660"},
		{"what cannot be recorded", func() ber.Raw {
			tokens := filepath.Join(s.conf.Spool.Dir, spool.TokensDir)
			if err := errors.Join(os.RemoveAll(tokens), os.WriteFile(tokens, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			raw, _ := s.argument(later())
			return raw
		}, mts.Busy, "busy: tokens: "},
	} {
		argument := c.call()
		*peer, s.peer.Identity.MTA = good, "MTA-B"
		if conn, err := s.bindWith(s.call(), argument); conn != nil || !errors.Is(err, c.want) {
			t.Errorf("%s: %v, not %v", c.name, err, c.want)
		}
		if r := s.event(audit.AssociationRefused); !strings.Contains(r.Text, c.text) || r.Layer != "bind" || len(r.Text) > 700 {
			t.Errorf("%s: %+v, not … %s …", c.name, r, c.text)
		}
	}
}

// A token where a password is wanted is refused, and told.
func TestStrongBindWhereSimple(t *testing.T) {
	t.Parallel() // it waits a lot
	s, _ := startStrong(t)
	argument, _ := s.argument(later())
	s.conf.Peers[0].Credentials, s.conf.Peers[0].PasswordIn = conf.CredentialsSimple, "secretB"
	s.configure()
	if conn, err := s.bindWith(s.call(), argument); conn != nil || !errors.Is(err, mts.AuthenticationError) {
		t.Error(err)
	}
	want := "wrong credentials: strong ones, bind-token of type 2.6.3.6.0, certificate, where the peer is configured for simple ones"
	if r := s.event(audit.AssociationRefused); !strings.Contains(r.Text, want) {
		t.Errorf("%+v", r)
	}
}

// answerWith accepts one association as MTA-B with a result, made of what was asked.
func (s *switch1) answerWith(result func(mts.MTABindArgument) ber.Raw) {
	s.t.Helper()
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
	conn, err := rtse.Accept(context.Background(), tc, answering(s.peer, &s.peer.Channels[0], time.Now()), func(ind rtse.OpenIndication) rtse.Decision {
		argument, err := p1.DecodeBindArgument(ind.UserData)
		if err != nil {
			s.t.Error(err)
		}
		return rtse.Decision{Accept: true, UserData: result(argument)}
	})
	if err == nil {
		_, _ = conn.Receive(context.Background())
	}
}

// A peer that is called must prove to be the one, with a token that answers ours.
func TestStrongAnswer(t *testing.T) {
	t.Parallel()
	s, i := startStrong(t)
	i.issue("MTA-C", time.Hour)
	peer, seen := &s.conf.Peers[0], newMemory(t.TempDir(), time.Now().Add(-time.Minute))
	trust, err := here.newTrust(s.peer, &s.peer.Peers[0])
	if err != nil {
		t.Fatal(err)
	}
	// answer is what MTA-B answers, with a token for somebody and a number.
	answer := func(name, whom string, number asn1.BitString) ber.Raw {
		p, err := here.newProof(s.peer, &s.peer.Peers[0])
		if err != nil {
			t.Error(err)
			return nil
		}
		c, err := p.signer.Credentials(mts.MTAName(whom), number, time.Now(), rand.Reader)
		if err != nil {
			t.Error(err)
			return nil
		}
		raw, err := p1.BindResultWith(name, mts.Credentials{Strong: c}, 0)
		if err != nil {
			t.Error(err)
		}
		return raw
	}
	unrelated := asn1.BitString{Bytes: []byte("unrelated"), BitLength: 72}
	again := answer("MTA-B", "MTA-A", unrelated)
	for _, c := range []struct {
		name   string
		edit   func(*conf.Peer)
		answer func(asked asn1.BitString) ber.Raw
		text   string // of the error; empty: none
		kind   diag.Kind
	}{
		{name: "right", answer: func(asked asn1.BitString) ber.Raw { return answer("MTA-B", "MTA-A", asked) }},
		{name: "right, and more", answer: func(asked asn1.BitString) ber.Raw {
			return answer("MTA-B", "MTA-A", asn1.BitString{Bytes: append(slices.Clone(asked.Bytes), 1), BitLength: asked.BitLength + 8})
		}},
		{name: "unrelated", answer: func(asn1.BitString) ber.Raw { return again }, text: "does not have the one of the call at its beginning", kind: diag.Denied},
		{name: "unrelated, as configured", edit: func(p *conf.Peer) { p.TokenRelated = false }, answer: func(asn1.BitString) ber.Raw { return again }},
		{name: "that one again", edit: func(p *conf.Peer) { p.TokenRelated = false }, answer: func(asn1.BitString) ber.Raw { return again },
			text: "was taken before", kind: diag.Denied},
		{name: "for another", answer: func(asked asn1.BitString) ber.Raw { return answer("MTA-B", "MTA-C", asked) }, text: `for MTA "MTA-C", not for "MTA-A"`, kind: diag.Denied},
		{name: "of another", answer: func(asked asn1.BitString) ber.Raw { return answer("MTA-C", "MTA-A", asked) }, text: `the responder is "MTA-C", not MTA-B`, kind: diag.Denied},
		{name: "of another certificate", edit: func(p *conf.Peer) { p.TokenPeer = i.path("MTA-C.pem") },
			answer: func(asked asn1.BitString) ber.Raw { return answer("MTA-B", "MTA-A", asked) }, text: "is another than the one configured", kind: diag.Denied},
		{name: "a password", answer: func(asn1.BitString) ber.Raw {
			raw, err := p1.BindResult("MTA-B", "secretB", 0)
			if err != nil {
				t.Error(err)
			}
			return raw
		}, text: "the responder has simple credentials, where the peer is configured for strong ones", kind: diag.Denied},
		{name: "nobody", answer: func(asn1.BitString) ber.Raw {
			raw, err := p1.BindResult("", "", 0)
			if err != nil {
				t.Error(err)
			}
			return raw
		}, text: "the responder gives neither name nor credentials", kind: diag.Denied},
		{name: "strong where simple is wanted", edit: func(p *conf.Peer) { p.Credentials, p.PasswordIn = conf.CredentialsSimple, "secretB" },
			answer: func(asn1.BitString) ber.Raw { return again }, text: "the responder has strong credentials, where the peer is configured for simple ones", kind: diag.Denied},
	} {
		good := *peer
		if c.edit != nil {
			c.edit(peer)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.answerWith(func(a mts.MTABindArgument) ber.Raw {
				var asked asn1.BitString
				if strong := a.Authenticated.InitiatorCredentials.Strong; strong != nil {
					taken, err := trust.Verify(strong, time.Now())
					if err != nil {
						t.Errorf("%s: %v", c.name, err)
						return nil
					}
					asked = taken.Number
				}
				return c.answer(asked)
			})
		}()
		call, err := (&dialler{cfg: s.conf, files: here, peer: peer, now: time.Now(), seen: seen}).call(context.Background())
		switch {
		case c.text == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.text == "":
			if call.Credentials != "strong" || call.Subject != "CN=MTA-B" {
				t.Errorf("%s: %+v", c.name, call)
			}
			call.Conn.Abort(rtse.UserError)
		case err == nil || !strings.Contains(err.Error(), "refused here: ") || !strings.Contains(err.Error(), c.text) ||
			diag.KindOf(err) != c.kind || LayerOf(err) != "bind":
			t.Errorf("%s: %v, of kind %v", c.name, err, diag.KindOf(err))
		}
		<-done
		*peer = good
	}
	// Whoever has no memory takes one twice; what is from before the memory may be new.
	peer.TokenRelated = false
	result, err := p1.DecodeBindResult(again)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.checkAnswer(s.conf, peer, &result, unrelated, newMemory(t.TempDir(), later()), time.Now()); err != nil {
		t.Errorf("a related answer needs no memory: %v", err)
	}
	if _, err := here.checkAnswer(s.conf, peer, &result, asn1.Bits(1), newMemory(t.TempDir(), later()), time.Now()); !temporary(err) {
		t.Error(err)
	}
}

// What is wrong with certificates and keys is told before they are needed, and a key is
// never shown.
func TestCheckTokens(t *testing.T) {
	s, i := startStrong(t)
	i.issue("Old", -time.Minute)
	key, err := os.ReadFile(i.path("MTA-A.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(key)
	secret := base64.StdEncoding.EncodeToString(block.Bytes)[:40]
	if all := CheckTokens(s.conf, time.Now()); len(all) > 0 {
		t.Error(all)
	}
	for want, edit := range map[string]func(*conf.Peer){
		"[[peer]] MTA-B: token-certificate: open ":                                     func(p *conf.Peer) { p.TokenCertificate = i.path("missing") },
		"[[peer]] MTA-B: token-key: open ":                                             func(p *conf.Peer) { p.TokenKey = i.path("missing") },
		"MTA-A.key holds no certificate in PEM":                                        func(p *conf.Peer) { p.TokenCertificate = p.TokenKey },
		"token-key: " + i.path("MTA-B.key") + ": tls: private key does not match":      func(p *conf.Peer) { p.TokenKey = i.path("MTA-B.key") },
		"token-certificate: the certificate of CN=Old has expired: it was valid until": func(p *conf.Peer) { p.TokenCertificate, p.TokenKey = i.path("Old.pem"), i.path("Old.key") },
		"token-ca: " + i.path("MTA-A.key") + " holds no certificate in PEM":            func(p *conf.Peer) { p.TokenCA = p.TokenKey },
		"token-peer: the certificate of CN=Old has expired":                            func(p *conf.Peer) { p.TokenPeer = i.path("Old.pem") },
		"token-peer: " + i.path("MTA-B.key") + " holds no certificate in PEM":          func(p *conf.Peer) { p.TokenPeer = i.path("MTA-B.key") },
		"MTA-A.key: everybody has access to it: mode 604":                              func(*conf.Peer) { _ = os.Chmod(i.path("MTA-A.key"), 0o604) },
	} {
		peer := s.conf.Peers[0]
		edit(&s.conf.Peers[0])
		all := CheckTokens(s.conf, time.Now())
		if len(all) != 1 || !strings.Contains(all[0].Error(), want) {
			t.Errorf("%v, not %s", all, want)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", all, all), secret) {
			t.Errorf("%s: the key is shown", want)
		}
		s.conf.Peers[0] = peer
		if err := os.Chmod(i.path("MTA-A.key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Nobody is called without.
	s.conf.Peers[0].TokenKey = i.path("missing")
	if _, err := Dial(context.Background(), s.conf, &s.conf.Peers[0], time.Now()); diag.KindOf(err) != diag.Config || LayerOf(err) != "bind" {
		t.Errorf("%v, of kind %v", err, diag.KindOf(err))
	}
}

// In X.410-1984 mode a token with its signature has room, a certificate has not.
func TestStrongBindInX410Mode(t *testing.T) {
	s, i := startStrong(t)
	for _, p := range []*conf.Peer{&s.conf.Peers[0], &s.peer.Peers[0]} {
		p.Mode, p.TokenShow, p.TokenPeer = conf.ModeX410, false, i.path(p.Name+".pem")
	}
	s.configure()
	p, err := here.newProof(s.peer, &s.peer.Peers[0])
	if err != nil {
		t.Fatal(err)
	}
	argument, _, err := p.argument(p1.ApplicationProtocol1988, later())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.bindWith(s.call(), argument)
	if err != nil {
		t.Fatal(err)
	}
	conn.Abort(rtse.UserError)
	if r := s.event(audit.AssociationUp); !strings.HasSuffix(r.Text, ", mode x410, strong credentials of CN=MTA-B") {
		t.Errorf("%+v", r)
	}
}

// Whoever has not proved to be the peer waits, whatever it is that the peer cannot be known
// by: how soon the answer comes does not tell who is one.
func TestUnprovedIsAnsweredSlowly(t *testing.T) {
	t.Parallel() // it waits
	s, i := startStrong(t)
	for name, call := range map[string]func() ber.Raw{
		"a lost file": func() ber.Raw {
			s.conf.Peers[0].TokenCA = i.path("missing")
			s.configure()
			raw, _ := s.argument(later())
			return raw
		},
		"of before the start": func() ber.Raw {
			s.conf.Peers[0].TokenCA = i.path("Authority.pem")
			s.configure()
			raw, _ := s.argument(time.Now().Add(-time.Minute))
			return raw
		},
	} {
		argument, begin := call(), time.Now()
		if conn, err := s.bindWith(s.call(), argument); conn != nil || !errors.Is(err, mts.Busy) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(begin); took < guessPause {
			t.Errorf("%s: answered after %v", name, took)
		}
	}
}

// The files of a peer are read again when they have changed, and not for every call.
func TestTrustIsKept(t *testing.T) {
	s, i := startStrong(t)
	all, peer, now := newTrusts(here), &s.conf.Peers[0], time.Now().Add(time.Minute)
	get := func(at time.Time) *token.Trust {
		t.Helper()
		trust, err := all.get(s.conf, peer, at)
		if err != nil {
			t.Fatal(err)
		}
		return trust
	}
	if early := get(time.Now()); get(time.Now()) == early {
		t.Error("kept, though the file might change without its time")
	}
	first := get(now)
	if get(now) != first {
		t.Error("read twice")
	}
	i.key, i.certificate = nil, nil
	i.key, i.certificate = i.issue("Authority", time.Hour)
	second := get(now)
	if second == first || get(now) != second {
		t.Error("another authority is not seen")
	}
	if err := os.Rename(i.path("Authority.pem"), i.path("away")); err != nil {
		t.Fatal(err)
	}
	if _, err := all.get(s.conf, peer, now); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(i.path("Authority.pem"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, wrong := all.get(s.conf, peer, now)
	if _, again := all.get(s.conf, peer, now); wrong == nil || again != wrong {
		t.Errorf("%v, then %v", wrong, again)
	}
	peer.TokenCA = i.path("away")
	get(now)
}

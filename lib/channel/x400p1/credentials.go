package x400p1

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/mts/token"
	"github.com/mtakit/mtakit/lib/p1"
)

// maxPEM bounds a file of certificates or a key.
const maxPEM = 1 << 20

// files opens the files of certificates and keys that a configuration names. A channel
// process reaches none of them by itself: see channel.Files.
type files conf.Opener

// here opens files as this process may.
var here = files(conf.OpenFile)

// isStrong tells whether the bind with a peer has strong credentials.
func isStrong(p *conf.Peer) bool { return p.Credentials == conf.CredentialsStrong }

// proof is what this MTA shows in the bind with a peer.
type proof struct {
	own    string // our name
	peer   *conf.Peer
	signer *token.Signer // nil: simple credentials, or none
}

// name is what goes with a password; empty where there are no credentials.
func (p *proof) name() string {
	if isNone(p.peer) {
		return ""
	}
	return p.own
}

// withPasswords returns the configuration with the passwords of those peers of a channel
// that have them in files, read now, and by peer why they are not known. Only this process
// has them.
func withPasswords(open conf.Opener, cfg *conf.Config, channel string) (*conf.Config, map[string]error) {
	with, wrong := *cfg, map[string]error{}
	with.Peers = slices.Clone(cfg.Peers)
	for i := range with.Peers {
		p := &with.Peers[i]
		if !p.Enabled || p.Channel != channel {
			continue
		}
		known, err := p.WithPasswords(open)
		if err != nil {
			wrong[p.Name] = err
		}
		*p = *known
	}
	return &with, wrong
}

// newProof reads what strong credentials are made with.
func (open files) newProof(cfg *conf.Config, peer *conf.Peer) (*proof, error) {
	p := &proof{own: cfg.MTAName(peer), peer: peer}
	if !isStrong(peer) {
		return p, nil
	}
	var err error
	p.signer, err = open.readSigner(cfg, peer)
	return p, err
}

// argument is the argument of a bind, with the random number that its token has.
func (p *proof) argument(protocol int64, now time.Time) (ber.Raw, asn1.BitString, error) {
	if p.signer == nil {
		raw, err := p1.BindArgument(p.name(), p.peer.PasswordOut, protocol)
		return raw, asn1.BitString{}, err
	}
	number, err := token.NewNumber(mts.MTAName(p.own), rand.Reader)
	if err != nil {
		return nil, number, err
	}
	c, err := p.strong(number, now)
	if err != nil {
		return nil, number, err
	}
	raw, err := p1.BindArgumentWith(p.own, c, protocol)
	return raw, number, err
}

// result is the result of a bind whose token, if it had one, was taken. The random number
// of the answer is that of the call, which proves to the initiator that it is no answer to
// an earlier one.
func (p *proof) result(protocol int64, asked *token.Taken, now time.Time) (ber.Raw, error) {
	if p.signer == nil {
		return p1.BindResult(p.name(), p.peer.PasswordOut, protocol)
	}
	c, err := p.strong(asked.Number, now)
	if err != nil {
		return nil, err
	}
	return p1.BindResultWith(p.own, c, protocol)
}

func (p *proof) strong(number asn1.BitString, now time.Time) (mts.Credentials, error) {
	c, err := p.signer.Credentials(mts.MTAName(p.peer.Name), number, now, rand.Reader)
	return mts.Credentials{Strong: c}, err
}

// checkCall tells whether somebody who calls by the name of a peer of strong credentials is
// the peer.
func (s *settings) checkCall(peer *conf.Peer, c *mts.StrongCredentials, seen *memory, now time.Time) (*token.Taken, error) {
	t, err := s.trusts.get(s.Config, peer, now)
	if err != nil {
		return nil, err
	}
	taken, err := t.Verify(c, now)
	if err == nil {
		err = taken.CheckCall(t.Own)
	}
	if err == nil {
		err = seen.take(peer.Name, taken)
	}
	return taken, err
}

// checkAnswer tells whether a peer that was called with a random number has answered
// itself. seen may be nil: then nothing is known of earlier answers.
func (open files) checkAnswer(cfg *conf.Config, peer *conf.Peer, r *mts.MTABindResult, number asn1.BitString, seen *memory, now time.Time) (*token.Taken, error) {
	if isNone(peer) {
		if r.Authenticated != nil {
			return nil, errors.New(whyNotResponder(peer, r))
		}
		return nil, nil
	}
	if !isStrong(peer) {
		err := p1.Peer{Name: peer.Name, Password: peer.PasswordIn}.CheckResponder(*r)
		if err != nil {
			err = errors.New(whyNotResponder(peer, r))
		}
		return nil, err
	}
	if r.Authenticated == nil || string(r.Authenticated.ResponderName) != peer.Name || r.Authenticated.ResponderCredentials.Strong == nil {
		return nil, errors.New(whyNotResponder(peer, r))
	}
	t, err := open.newTrust(cfg, peer)
	if err != nil {
		return nil, err
	}
	taken, err := t.Verify(r.Authenticated.ResponderCredentials.Strong, now)
	if err != nil {
		return nil, err
	}
	err = taken.CheckAnswer(number)
	switch {
	case err == nil:
		return taken, nil
	case peer.TokenRelated:
		return nil, diag.WithHint(err, "token-related = false in its [[peer]] takes it, if that is how the peer answers")
	case seen != nil:
		return taken, seen.take(peer.Name, taken)
	}
	return taken, nil
}

// temporary tells whether credentials were refused that may be taken the next time.
func temporary(err error) bool {
	var r *token.Refusal
	return errors.As(err, &r) && r.Problem.Temporary()
}

// newTrust reads what the tokens of a peer are judged by.
func (open files) newTrust(cfg *conf.Config, peer *conf.Peer) (*token.Trust, error) {
	t := &token.Trust{Subject: peer.TokenSubject, MTA: mts.MTAName(peer.Name), Own: mts.MTAName(cfg.MTAName(peer)), Domain: cfg.Identity.Domain,
		Tolerance: peer.TokenTolerance.D(), Weak: peer.TokenWeak}
	if peer.TokenCA != "" {
		var err error
		if t.Roots, err = open.readRoots("token-ca", peer.TokenCA); err != nil {
			return nil, err
		}
	}
	if peer.TokenPeer != "" {
		chain, err := open.readCertificates(peer.TokenPeer)
		if err != nil {
			return nil, diag.E("token-peer", diag.Config, err)
		}
		t.Pinned, t.Above = chain[0], chain[1:]
	}
	return t, nil
}

// readSigner reads the key and the certificate of this MTA for the tokens that a peer gets.
func (open files) readSigner(cfg *conf.Config, peer *conf.Peer) (*token.Signer, error) {
	certificate, key := cfg.Token(peer)
	chain, err := open.readCertificates(certificate)
	if err != nil {
		return nil, diag.E("token-certificate", diag.Config, err)
	}
	private, err := open.readKey(certificate, key)
	if err != nil {
		return nil, diag.E("token-key", diag.Config, err)
	}
	s, err := token.NewSigner(private, chain, peer.TokenShow)
	return s, diag.E("token-certificate", diag.Config, err)
}

// readCertificates reads at least one certificate.
func (open files) readCertificates(path string) (all []*x509.Certificate, err error) {
	text, _, err := open.readPEM(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New(path + " holds no certificate in PEM")
	}
	return all, nil
}

// readKey reads a private key that is kept from others.
func (open files) readKey(certificate, path string) (crypto.Signer, error) {
	key, mode, err := open.readPEM(path)
	if err != nil {
		return nil, err
	}
	if mode.Perm()&0o007 != 0 {
		return nil, fmt.Errorf("%s: everybody has access to it: mode %o, at most 660", path, mode.Perm())
	}
	text, _, err := open.readPEM(certificate)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	signer, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key of type %T, which does not sign", path, pair.PrivateKey)
	}
	return signer, nil
}

// readPEM reads a file, and tells the mode of what was read.
func (open files) readPEM(path string) ([]byte, os.FileMode, error) {
	f, err := open(path)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	st, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("%s: more than %d octets", path, maxPEM)
	}
	return text, st.Mode(), err
}

// CheckTokens returns what will not work of the certificates and keys for strong credentials
// that a configuration names: of those on this machine, read now.
func CheckTokens(cfg *conf.Config, now time.Time) []error {
	var all []error
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		if !isStrong(p) {
			continue
		}
		s, err := here.readSigner(cfg, p)
		if err == nil {
			err = diag.E("token-certificate", diag.Config, token.Valid(s.Certificate(), now))
		}
		t, e := here.newTrust(cfg, p)
		if e == nil && t.Pinned != nil {
			e = diag.E("token-peer", diag.Config, token.Valid(t.Pinned, now))
		}
		if err = errors.Join(err, e); err != nil {
			all = append(all, fmt.Errorf("[[peer]] %s: %w", p.Name, err))
		}
	}
	return all
}

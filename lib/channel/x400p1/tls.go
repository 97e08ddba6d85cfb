package x400p1

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// layerTLS is between TCP and the transport connection.
const layerTLS = "tls"

// tlsError is a handshake, or a certificate, that failed; either side may be the one
// that did not like it.
type tlsError struct{ err error }

func (e *tlsError) Error() string { return e.err.Error() }
func (e *tlsError) Unwrap() error { return e.err }

// isTLS tells whether an error comes from TLS: from the handshake, or, as what the other
// side finds out after this side has finished, from a read later.
func isTLS(err error) bool {
	var t *tlsError
	var op *net.OpError
	return errors.As(err, &t) || errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// trust is whose certificates are taken.
type trust struct {
	roots *x509.CertPool // nil: only the pins say
	pins  []conf.Fingerprint
	name  string // DNS name or IP address; empty: any
	usage x509.ExtKeyUsage
}

// verify judges the certificates a peer has presented, its own first.
func (t *trust) verify(chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("no certificate was presented")
	}
	leaf := chain[0]
	if print := conf.Fingerprint(sha256.Sum256(leaf.Raw)); len(t.pins) > 0 && !slices.Contains(t.pins, print) {
		return fmt.Errorf("the certificate of %s with SHA-256 %s is not among tls-pin", leaf.Subject, print)
	}
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate of %s is not valid before %s", leaf.Subject, leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate of %s has expired: it was valid until %s", leaf.Subject, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if t.roots != nil {
		above := x509.NewCertPool()
		for _, c := range chain[1:] {
			above.AddCert(c)
		}
		_, err := leaf.Verify(x509.VerifyOptions{Roots: t.roots, Intermediates: above, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{t.usage}})
		if err != nil {
			return fmt.Errorf("the certificate of %s: %w", leaf.Subject, err)
		}
	}
	if t.name != "" {
		if err := leaf.VerifyHostname(t.name); err != nil {
			return fmt.Errorf("the certificate of %s: %w", leaf.Subject, err)
		}
	}
	return nil
}

// peerTrust is whose certificate a peer's is.
func (open files) peerTrust(p *conf.Peer, usage x509.ExtKeyUsage) (*trust, error) {
	t := &trust{name: p.TLSName, usage: usage}
	for _, text := range p.TLSPin {
		f, err := conf.ParseFingerprint(text)
		if err != nil {
			return nil, err
		}
		t.pins = append(t.pins, f)
	}
	var err error
	if p.TLSCA != "" {
		t.roots, err = open.readRoots("tls-ca", p.TLSCA)
	}
	return t, err
}

// readRoots reads the authorities that a key of the configuration names.
func (open files) readRoots(key, path string) (*x509.CertPool, error) {
	text, _, err := open.readPEM(path)
	if err != nil {
		return nil, diag.E(key, diag.Config, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, diag.New(key, diag.Config, path+" holds no certificate in PEM")
	}
	return roots, nil
}

// common TLS: nothing is resumed, so that every association is judged anew.
func (open files) newTLS(certificate, key string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
	if certificate == "" {
		return c, nil
	}
	pair, err := open.readPair(certificate, key)
	if err != nil {
		return nil, diag.E("tls-certificate", diag.Config, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}

// readPair reads a certificate, with those above it, and its key.
func (open files) readPair(certificate, key string) (tls.Certificate, error) {
	chain, _, err := open.readPEM(certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, _, err := open.readPEM(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(chain, private)
}

// secure makes the handshake with a peer that is called at an address.
func (open files) secure(ctx context.Context, nc net.Conn, peer *conf.Peer, host string, now time.Time) (net.Conn, error) {
	c, err := open.newTLS(peer.TLSCertificate, peer.TLSKey)
	if err != nil {
		return nil, &tlsError{err}
	}
	t, err := open.peerTrust(peer, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, &tlsError{err}
	}
	c.ServerName = peer.TLSName
	if c.ServerName == "" {
		if c.ServerName, _, err = net.SplitHostPort(host); err != nil {
			return nil, &tlsError{err}
		}
		if t.roots != nil { // a pin says enough
			t.name = c.ServerName
		}
	}
	// verify does, with errors that say what is wrong with which certificate.
	c.InsecureSkipVerify = true
	c.VerifyConnection = func(s tls.ConnectionState) error { return t.verify(s.PeerCertificates, now) }
	return handshake(ctx, tls.Client(nc, c))
}

func handshake(ctx context.Context, tc *tls.Conn) (net.Conn, error) {
	if err := tc.HandshakeContext(ctx); err != nil {
		kind := diag.Denied
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() || ctx.Err() != nil {
			kind = diag.Unavailable
		}
		return nil, &tlsError{diag.E("handshake", kind, err)}
	}
	return tc, nil
}

// answerers are the TLS configurations of the listeners of a channel, by address, or
// why there is none.
type answerers map[string]answerer

type answerer struct {
	config *tls.Config
	err    error
}

func (open files) newAnswerers(cfg *conf.Config, channel string, now func() time.Time) answerers {
	all := answerers{}
	for i := range cfg.Listeners {
		if l := &cfg.Listeners[i]; l.TLS == conf.TLSRequire && l.Channel == channel {
			c, err := open.answererOf(l, now)
			all[l.Address] = answerer{c, err}
		}
	}
	return all
}

func (open files) answererOf(l *conf.Listener, now func() time.Time) (*tls.Config, error) {
	c, err := open.newTLS(l.TLSCertificate, l.TLSKey)
	if err != nil {
		return nil, err
	}
	// Asked for in any case: a peer may be known by it.
	c.ClientAuth = tls.RequestClientCert
	if l.TLSCA != "" {
		t := &trust{usage: x509.ExtKeyUsageClientAuth}
		if t.roots, err = open.readRoots("tls-ca", l.TLSCA); err != nil {
			return nil, err
		}
		c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, t.roots
		c.VerifyConnection = func(s tls.ConnectionState) error { return t.verify(s.PeerCertificates, now()) }
	}
	return c, nil
}

// answerTLS makes the handshake with a caller. The state is nil where the listener has
// no TLS.
func (s *settings) answerTLS(ctx context.Context, caller *channel.Caller, listener string) (net.Conn, *tls.ConnectionState, error) {
	a, ok := s.tls[listener]
	switch {
	case !ok:
		return caller, nil, nil
	case a.err != nil:
		return nil, nil, &tlsError{a.err}
	}
	tc := tls.Server(caller, a.config)
	nc, err := handshake(ctx, tc)
	if err != nil {
		return nil, nil, err
	}
	state := tc.ConnectionState()
	return nc, &state, nil
}

// checkTLS tells whether a peer that binds has come as it has to.
func (s *settings) checkTLS(peer *conf.Peer, state *tls.ConnectionState, now time.Time) error {
	switch {
	case peer.TLS != conf.TLSRequire:
		return nil
	case state == nil:
		return errors.New("without TLS, where the peer is configured for it")
	}
	t, err := s.files.peerTrust(peer, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	return t.verify(state.PeerCertificates, now)
}

// CheckTLS returns what will not work of the certificates and keys that a configuration
// names, or should not be so: of those on this machine, read now.
func CheckTLS(cfg *conf.Config, now time.Time) []error {
	var all []error
	check := func(what, certificate, key string, read func() error) {
		if err := errors.Join(read(), checkOwn(certificate, key, now)); err != nil {
			all = append(all, fmt.Errorf("%s: %w", what, err))
		}
	}
	for i := range cfg.Listeners {
		if l := &cfg.Listeners[i]; l.TLS == conf.TLSRequire {
			check("[[listener]] "+l.Address, l.TLSCertificate, l.TLSKey, func() error {
				if l.TLSCA == "" {
					return nil
				}
				_, err := here.readRoots("tls-ca", l.TLSCA)
				return err
			})
		}
	}
	for i := range cfg.Peers {
		if p := &cfg.Peers[i]; p.TLS == conf.TLSRequire {
			check("[[peer]] "+p.Name, p.TLSCertificate, p.TLSKey, func() error {
				_, err := here.peerTrust(p, x509.ExtKeyUsageServerAuth)
				return err
			})
		}
	}
	return all
}

// checkOwn looks at a certificate of ours and its key.
func checkOwn(certificate, key string, now time.Time) error {
	if certificate == "" {
		return nil
	}
	c, err := here.newTLS(certificate, key)
	if err != nil {
		return err
	}
	own := &trust{} // only the time counts
	err = own.verify([]*x509.Certificate{c.Certificates[0].Leaf}, now)
	if st, e := os.Stat(key); e == nil && st.Mode().Perm()&0o004 != 0 {
		err = errors.Join(err, fmt.Errorf("tls-key: everybody can read it: mode %o, better 600", st.Mode().Perm()))
	}
	return err
}

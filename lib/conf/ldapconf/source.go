package ldapconf

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Source is the configuration of one switch in a directory.
type Source struct {
	file   *conf.Config // what the file of the switch has
	layout Layout
	dir    string // where relative paths begin

	bounds               bounds
	lookAgain, backAgain time.Duration

	watched atomic.Pointer[string]  // the server that tells of changes; it is asked first
	decoded atomic.Pointer[decoder] // what was decoded last
	names   atomic.Pointer[decoder] // of what the switch goes by, to read single entries; nil: nothing yet
	newest  newest                  // what was seen at any server
	looks   *looker
}

// NewSource returns where the configuration is that a file says is in a directory;
// relative paths in it begin at dir. The error has kind Config.
func NewSource(file *conf.Config, dir string, now func() time.Time) (*Source, error) {
	l, err := NewLayout(file.Directory.Base, file.Directory.MTA)
	if err != nil {
		return nil, diag.E("[directory] base", diag.Config, err)
	}
	s := &Source{file: file, layout: l, dir: dir, bounds: usualBounds, lookAgain: lookAgain, backAgain: backAgain}
	s.looks = newLooker(s, now)
	return s, nil
}

// State is what a configuration was made of.
type State struct {
	Server  string // that it was read from
	Entries []Entry
	Digest  string // of the names of the entries, and of their last changes
	CSN     csns   // the latest changes the server has; nil: it does not tell
}

// Load fetches the configuration from the first server that has it, completes and validates
// it. An error of kind Config tells what is wrong with it; one of another kind that it could
// not be had.
//
// A server that has not all changes that were read before is passed over; asked says that
// somebody wants what there is, whatever that is.
func (s *Source) Load(ctx context.Context, asked bool) (*conf.Config, State, error) {
	state, err := s.fetch(ctx, asked)
	if err != nil {
		return nil, state, err
	}
	c, err := s.Decode(state.Entries)
	if err == nil {
		s.newest.saw(state.CSN)
		s.looks.heal()
	}
	return c, state, err
}

// Accepted says that the switch goes by a version. If it was decoded last, single entries are read
// by it from now on, and anew.
func (s *Source) Accepted(version string) {
	if d := s.decoded.Load(); d != nil && d.version == version && d != s.names.Load() {
		s.names.Store(d)
	}
}

// Decode makes the configuration of the switch of entries that were read.
func (s *Source) Decode(entries []Entry) (*conf.Config, error) {
	c := conf.New()
	c.Spool, c.Events, c.Run = s.file.Spool, s.file.Events, s.file.Run
	d := newDecoder(c, s.layout)
	if err := d.decode(entries, s.dir); err != nil {
		return nil, err
	}
	d.since = s.looks.now()
	c.Version = version(s.file.Version, entries)
	s.decoded.Store(d.forLooks(c.Version))
	return c, nil
}

// version is a digest of everything that the entries say, however they are ordered.
func version(file string, entries []Entry) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", file)
	lines := make([]string, 0, len(entries))
	for i := range entries {
		lines = append(lines, fmt.Sprintf("%q %s\n", key(entries[i].DN), entries[i].says()))
	}
	slices.Sort(lines)
	for _, line := range lines {
		_, _ = h.Write([]byte(line)) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// servers are those of the directory in the order to try them.
func (s *Source) servers() []string {
	servers := slices.Clone(s.file.Directory.URLs)
	if first := s.watched.Load(); first != nil {
		// What it has told of others may not have yet.
		servers = append([]string{*first}, slices.DeleteFunc(servers, func(u string) bool { return u == *first })...)
	}
	return servers
}

// connect makes a connection to a server and binds. All of it together takes no longer than
// Timeout, whatever the server does, and ends with ctx.
func (s *Source) connect(ctx context.Context, server string) (*ldap.Conn, error) {
	d := &s.file.Directory
	ctx, cancel := context.WithTimeout(ctx, d.Timeout.D())
	defer cancel()
	network, address, scheme, err := endpoint(server)
	if err != nil {
		return nil, err
	}
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // it ends what is under way
	conn, err := s.begin(ctx, raw, address, scheme)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close() // nothing was done with it
		return nil, err
	}
	conn.SetTimeout(d.Timeout.D())
	return conn, nil
}

// begin makes TLS, if it is to be, and binds.
func (s *Source) begin(ctx context.Context, raw net.Conn, address, scheme string) (*ldap.Conn, error) {
	secure, err := s.tlsConfig(address)
	if err != nil {
		return nil, err
	}
	line, isTLS := raw, scheme == schemeTLS
	if isTLS {
		over := tls.Client(raw, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		line = over
	}
	conn := ldap.NewConn(line, isTLS)
	conn.Start()
	if s.file.Directory.StartTLS && scheme == schemePlain {
		if err = conn.StartTLS(secure); err != nil {
			err = fmt.Errorf("start-tls: %w", err)
		}
	}
	if err == nil {
		err = s.bind(conn)
	}
	if err != nil {
		_ = conn.Close() // nothing was done with it
		return nil, err
	}
	return conn, nil
}

// The schemes of a server's URL.
const (
	schemePlain = "ldap"
	schemeTLS   = "ldaps"
	schemeLocal = "ldapi"
)

// endpoint takes the URL of a server apart: what to call, and how. Of ldapi:// the host is the
// path of a socket, with %2F for each slash.
func endpoint(server string) (network, address, scheme string, err error) {
	scheme, rest, ok := strings.Cut(server, "://")
	if scheme = strings.ToLower(scheme); ok && scheme == schemeLocal {
		path, err := url.PathUnescape(strings.TrimSuffix(rest, "/"))
		if path == "" {
			path = "/var/run/slapd/ldapi" // where OpenLDAP of Debian has it
		}
		return "unix", path, scheme, err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", "", "", err
	}
	port := map[string]string{schemePlain: "389", schemeTLS: "636"}[u.Scheme]
	if port == "" {
		return "", "", "", fmt.Errorf("%s is none of ldap://, ldaps:// and ldapi://", clip(server))
	}
	return "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port)), u.Scheme, nil
}

func (s *Source) bind(conn *ldap.Conn) error {
	d := &s.file.Directory
	switch d.Bind {
	case conf.BindSimple:
		password, err := conf.ReadSecret(d.PasswordFile, conf.MaxSecret)
		if err != nil {
			return err
		}
		if err := conn.Bind(d.BindDN, password); ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
			return fmt.Errorf("bind: there is no %s, or its password is another than that in %s", d.BindDN, d.PasswordFile)
		} else if err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		return nil
	case conf.BindExternal:
		if err := conn.ExternalBind(); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		return nil
	}
	return nil // a connection is anonymous until somebody binds
}

func (s *Source) tlsConfig(address string) (*tls.Config, error) {
	d := &s.file.Directory
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address // a socket, which has no TLS
	}
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if d.TLSCA != "" {
		pem, err := os.ReadFile(d.TLSCA)
		if err != nil {
			return nil, err
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in it", d.TLSCA)
		}
	}
	if d.TLSCertificate != "" {
		own, err := tls.LoadX509KeyPair(d.TLSCertificate, d.TLSKey)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

package ldapconf

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of what a directory may answer.
const (
	maxEntries = 2_000_000
	maxOctets  = 1 << 30  // of all values
	maxPacket  = 64 << 20 // of one message of the protocol
	page       = 1000     // entries asked for at once
	attempts   = 5        // at a state that does not change while it is read
)

// The library's own bound is two GiB, which it allocates when a server says so.
func init() { ber.MaxPacketLengthBytes = maxPacket }

// Source is the configuration of one switch in a directory.
type Source struct {
	file   *conf.Config // what the file of the switch has
	layout Layout
	dir    string // where relative paths begin

	watched atomic.Pointer[string]  // the server that tells of changes; it is asked first
	names   atomic.Pointer[decoder] // what is needed to read a single entry; nil: nothing was read
	looks   *looker
}

// NewSource returns where the configuration is that a file says is in a directory;
// relative paths in it begin at dir. The error has kind Config.
func NewSource(file *conf.Config, dir string, now func() time.Time) (*Source, error) {
	l, err := NewLayout(file.Directory.Base, file.Directory.MTA)
	if err != nil {
		return nil, diag.E("[directory] base", diag.Config, err)
	}
	s := &Source{file: file, layout: l, dir: dir}
	s.looks = newLooker(s, now)
	return s, nil
}

// State is what a configuration was made of.
type State struct {
	Server  string // that it was read from
	Entries []Entry
	Digest  string // of the names of the entries, and when each was changed
}

// Load fetches the configuration from the first server that has it, completes and validates
// it. An error of kind Config tells what is wrong with it; one of another kind that it could
// not be had.
func (s *Source) Load(ctx context.Context) (*conf.Config, State, error) {
	state, err := s.fetch(ctx)
	if err != nil {
		return nil, state, err
	}
	c := conf.New()
	c.Spool, c.Events = s.file.Spool, s.file.Events
	d := newDecoder(c, s.layout)
	if err := d.decode(state.Entries, s.dir); err != nil {
		return nil, state, err
	}
	d.since = s.looks.now()
	s.names.Store(d.forLooks())
	c.Version = version(s.file.Version, state.Entries)
	return c, state, nil
}

// version is a digest of everything that the entries say, however they are ordered.
func version(file string, entries []Entry) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", file)
	lines := make([]string, 0, len(entries))
	for i := range entries {
		var values []string
		for _, a := range entries[i].Attributes {
			if isOperational(a.Name) {
				continue
			}
			for _, v := range a.Values {
				values = append(values, fmt.Sprintf("%q=%q", strings.ToLower(a.Name), v))
			}
		}
		slices.Sort(values)
		lines = append(lines, fmt.Sprintf("%q %s\n", key(entries[i].DN), strings.Join(values, " ")))
	}
	slices.Sort(lines)
	for _, line := range lines {
		_, _ = h.Write([]byte(line)) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// The operational attributes that tell when an entry was changed.
var changed = []string{"entryCSN", "modifyTimestamp"}

func isOperational(name string) bool { return is(name, changed...) }

// fetch reads all entries, from one server, in a state that did not change meanwhile.
func (s *Source) fetch(ctx context.Context) (state State, err error) {
	err = s.eachServer(ctx, func(conn *ldap.Conn, server string) error {
		for range attempts {
			entries, err := s.entries(ctx, conn, "*", changed[0], changed[1])
			if err != nil {
				return err
			}
			state = State{server, entries, stamp(entries)}
			after, err := s.entries(ctx, conn, changed...)
			if err != nil {
				return err
			}
			if stamp(after) == state.Digest {
				return nil
			}
		}
		return diag.E(server, diag.Unavailable, fmt.Errorf("changed each of the %d times it was read", attempts))
	})
	return state, err
}

// stamp is a digest of the names of entries and when each was changed.
func stamp(entries []Entry) string {
	lines := make([]string, 0, len(entries))
	for i := range entries {
		line := key(entries[i].DN)
		for _, name := range changed {
			line += "\x00" + strings.Join(entries[i].get(name), ",")
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// eachServer calls use with a connection to one server after another until it succeeds. What
// a server has, and is wrong, is not looked for at another: they have the same.
func (s *Source) eachServer(ctx context.Context, use func(*ldap.Conn, string) error) error {
	var errs []error
	for _, server := range s.servers() {
		conn, err := s.connect(ctx, server)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // it ends what is under way
			err = use(conn, server)
			stop()
			_ = conn.Close() // it was only read from
		}
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
		if ctx.Err() != nil {
			break
		}
	}
	return diag.E("directory", diag.Unavailable, errors.Join(errs...))
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

// request asks for what is below the base and may be ours.
func (s *Source) request(attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(text(s.layout.Base), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0,
		int(s.file.Directory.Timeout.D()/time.Second), false, "(objectClass=*)", attributes, nil)
}

// entries searches the directory, page by page.
func (s *Source) entries(ctx context.Context, conn *ldap.Conn, attributes ...string) ([]Entry, error) {
	var all []Entry
	octets := 0
	paging := ldap.NewControlPaging(page)
	for {
		req := s.request(attributes...)
		req.Controls = []ldap.Control{paging}
		result, err := conn.Search(req)
		if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			return nil, fmt.Errorf("there is no entry %s, or whoever binds, %s, may not read it", text(s.layout.Base), cmp.Or(s.file.Directory.BindDN, s.file.Directory.Bind))
		}
		if err != nil {
			return nil, err
		}
		for _, to := range result.Referrals {
			more, err := s.follow(ctx, to, attributes)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		for _, e := range result.Entries {
			one, n, ok := entry(e)
			if !ok {
				continue
			}
			all = append(all, one)
			octets += n
		}
		if len(all) > maxEntries || octets > maxOctets {
			return nil, fmt.Errorf("more than %d entries or %d octets", maxEntries, maxOctets)
		}
		answer, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(answer.Cookie) == 0 {
			return all, ctx.Err()
		}
		paging.SetCookie(answer.Cookie)
	}
}

// follow searches what another server has, to which one referred (RFC 4511 §4.5.3), and that
// no further.
func (s *Source) follow(ctx context.Context, to string, attributes []string) ([]Entry, error) {
	u, err := url.Parse(to)
	if err != nil || !s.file.Directory.Referrals {
		return nil, fmt.Errorf("refers to %s, and referrals are not followed", clip(to))
	}
	base, err := dn(strings.TrimPrefix(u.Path, "/"))
	if err != nil || !s.layout.Base.AncestorOfFold(base) {
		return nil, fmt.Errorf("refers to %s, which is not below the base", clip(to))
	}
	other := *s.file
	other.Directory.URLs = []string{u.Scheme + "://" + u.Host}
	other.Directory.Referrals = false
	// The credentials go there by the same rules, and by no other way than a network.
	if faults := other.Faults(); len(faults) > 0 || u.Scheme == schemeLocal {
		return nil, fmt.Errorf("refers to %s, which credentials are not sent to: %v", clip(to), errors.Join(asErrors(faults)...))
	}
	there := &Source{file: &other, layout: Layout{base, s.layout.MTA}, dir: s.dir}
	var all []Entry
	err = there.eachServer(ctx, func(conn *ldap.Conn, _ string) (err error) {
		all, err = there.entries(ctx, conn, attributes...)
		return err
	})
	return all, err
}

func asErrors(faults []*conf.Fault) []error {
	all := make([]error, len(faults))
	for i, f := range faults {
		all[i] = f
	}
	return all
}

// entry is what the library gave, as far as it may be ours, and its octets. One whose name
// cannot be read is none of ours.
func entry(e *ldap.Entry) (one Entry, octets int, ok bool) {
	name, err := dn(e.DN)
	if err != nil {
		return one, 0, false
	}
	one.DN = name
	for _, a := range e.Attributes {
		if len(a.Values) == 0 || !matters(a.Name) {
			continue
		}
		one.Attributes = append(one.Attributes, Attribute{a.Name, a.Values})
		octets += len(a.Name)
		for _, v := range a.Values {
			octets += len(v)
		}
	}
	return one, octets + len(e.DN), true
}

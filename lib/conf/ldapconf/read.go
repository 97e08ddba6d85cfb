package ldapconf

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// bounds are those of what a directory may answer, all servers of one reading together.
type bounds struct {
	entries int
	octets  int // of all values
	pages   int
}

var usualBounds = bounds{entries: 2_000_000, octets: 1 << 30, pages: 100_000}

const (
	maxPacket = 8 << 20 // octets of one message of the protocol
	page      = 1000    // entries asked for at once
	attempts  = 5       // at a state that does not change while it is read
)

// The library's own bound is two GiB, which it allocates when a server says so.
func init() { ber.MaxPacketLengthBytes = maxPacket }

// The operational attributes that tell when an entry was changed.
var changed = []string{"entryCSN", "modifyTimestamp"}

func isOperational(name string) bool { return is(name, changed...) }

// fetch reads all entries, from one server, in a state that did not change meanwhile. A server
// that is behind what was read before has none, unless it was asked for.
func (s *Source) fetch(ctx context.Context, asked bool) (state State, err error) {
	if asked {
		s.newest.forget()
	}
	err = s.eachServer(ctx, func(conn *ldap.Conn, server string) error {
		has, err := s.current(ctx, conn)
		if err != nil {
			return err
		}
		for range attempts {
			entries, err := s.entries(ctx, conn, everything...)
			if err != nil {
				return err
			}
			state = State{Server: server, Entries: entries, Digest: stamp(entries), CSN: has}
			after, err := s.look(ctx, conn)
			if err != nil {
				return err
			}
			if after == state.Digest {
				return nil
			}
		}
		return diag.E(server, diag.Unavailable, fmt.Errorf("it can be had, but was changed each of the %d times it was read", attempts))
	})
	return state, err
}

// everything asks for all that a configuration is made of.
var everything = append([]string{"*"}, changed...)

// look returns the stamp of what a server has now. Where it tells of each entry which change was
// the last (RFC 4533 names entryCSN), no more is read than that.
func (s *Source) look(ctx context.Context, conn *ldap.Conn) (string, error) {
	entries, err := s.entries(ctx, conn, changed...)
	if err == nil && slices.ContainsFunc(entries, func(e Entry) bool { return len(e.get(changed[0])) == 0 }) {
		entries, err = s.entries(ctx, conn, everything...)
	}
	return stamp(entries), err
}

// stamp is a digest of the names of entries and of their last changes, or, where that cannot be
// told to less than a second, of what they say.
func stamp(entries []Entry) string {
	lines := make([]string, 0, len(entries))
	for i := range entries {
		line := key(entries[i].DN) + "\x00"
		if csn := entries[i].get(changed[0]); len(csn) > 0 {
			line += strings.Join(csn, ",")
		} else {
			line += entries[i].says()
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}

// says is all that an entry says, the same in whichever order.
func (e *Entry) says() string {
	var values []string
	for _, a := range e.Attributes {
		if isOperational(a.Name) {
			continue
		}
		for _, v := range a.Values {
			values = append(values, fmt.Sprintf("%q=%q", strings.ToLower(a.Name), v))
		}
	}
	slices.Sort(values)
	return strings.Join(values, " ")
}

// errAgain says that the servers are to be tried from the first one on.
var errAgain = errors.New("another server can be had that stands before this one")

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
		if err == nil || errors.Is(err, errAgain) {
			return err
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
		if ctx.Err() != nil {
			break
		}
	}
	return diag.E("directory", diag.Unavailable, errors.Join(errs...))
}

// request asks for what is below the base and may be ours.
func (s *Source) request(attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(text(s.layout.Base), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0,
		int(s.file.Directory.Timeout.D()/time.Second), false, "(objectClass=*)", attributes, nil)
}

// reading is what has been read, page by page, at whichever servers.
type reading struct {
	*Source
	attributes []string
	entries    []Entry
	octets     int
	pages      int
}

// entries searches the directory.
func (s *Source) entries(ctx context.Context, conn *ldap.Conn, attributes ...string) ([]Entry, error) {
	r := &reading{Source: s, attributes: attributes}
	err := r.all(ctx, conn)
	return r.entries, err
}

// all reads what one server has below the base, page by page.
func (r *reading) all(ctx context.Context, conn *ldap.Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	paging := ldap.NewControlPaging(page)
	for {
		if r.pages++; r.pages > r.bounds.pages {
			return fmt.Errorf("more than %d pages", r.bounds.pages)
		}
		req := r.request(r.attributes...)
		req.Controls = []ldap.Control{paging}
		found := conn.SearchAsync(ctx, req, page)
		var last []ldap.Control
		for found.Next() {
			last = found.Controls()
			switch {
			case found.Referral() != "":
				if err := r.follow(ctx, found.Referral()); err != nil {
					return err
				}
			case found.Entry() != nil:
				if err := r.take(found.Entry()); err != nil {
					return err
				}
			}
		}
		if err := found.Err(); ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
			return fmt.Errorf("there is no entry %s, or whoever binds, %s, may not read it", text(r.layout.Base), cmp.Or(r.file.Directory.BindDN, r.file.Directory.Bind))
		} else if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if conn.IsClosing() {
			return errors.New("the connection has ended")
		}
		answer, ok := ldap.FindControl(last, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(answer.Cookie) == 0 {
			return nil
		}
		paging.SetCookie(answer.Cookie)
	}
}

// take takes an entry, as far as it may be ours. One whose name cannot be read is none of ours.
func (r *reading) take(e *ldap.Entry) error {
	one, n, ok := entry(e)
	if !ok {
		return nil
	}
	if r.octets += n; len(r.entries) == r.bounds.entries || r.octets > r.bounds.octets {
		return fmt.Errorf("more than %d entries or %d octets", r.bounds.entries, r.bounds.octets)
	}
	r.entries = append(r.entries, one)
	return nil
}

// follow reads what another server has, to which one referred (RFC 4511 §4.5.3), and that
// no further. It has no say about what is not below the name that it was referred to for.
func (r *reading) follow(ctx context.Context, to string) error {
	u, err := url.Parse(to)
	if err != nil || !r.file.Directory.Referrals {
		return fmt.Errorf("refers to %s, and referrals are not followed", clip(to))
	}
	base, err := dn(strings.TrimPrefix(u.Path, "/"))
	if err != nil || !r.layout.Base.AncestorOfFold(base) {
		return fmt.Errorf("refers to %s, which is not below the base", clip(to))
	}
	other := *r.file
	other.Directory.URLs = []string{u.Scheme + "://" + u.Host}
	other.Directory.Referrals = false
	// The credentials go there by the same rules, and by no other way than a network.
	if faults := other.Faults(); len(faults) > 0 || u.Scheme == schemeLocal {
		return fmt.Errorf("refers to %s, which credentials are not sent to: %v", clip(to), errors.Join(asErrors(faults)...))
	}
	there := &reading{Source: &Source{file: &other, layout: Layout{base, r.layout.MTA}, dir: r.dir, bounds: r.bounds}, attributes: r.attributes, octets: r.octets, pages: r.pages}
	before := len(r.entries)
	err = there.eachServer(ctx, func(conn *ldap.Conn, _ string) error {
		there.entries = r.entries[:before:before]
		return there.all(ctx, conn)
	})
	if err != nil {
		return err
	}
	for _, e := range there.entries[before:] {
		if !base.EqualFold(e.DN) && !base.AncestorOfFold(e.DN) {
			return fmt.Errorf("refers to %s, which has %s", clip(to), text(e.DN))
		}
	}
	r.entries, r.octets, r.pages = there.entries, there.octets, there.pages
	return nil
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

package ldapconf

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
)

// csns are the latest changes that a server has of each server where changes are made, by the
// number of that: the values of contextCSN, which OpenLDAP has at the entry of a suffix.
type csns map[string]string

// behind tells whether a server lacks changes that another had.
func (c csns) behind(newest csns) bool {
	for sid, csn := range newest {
		if c[sid] < csn {
			return true
		}
	}
	return false
}

// newest are the latest changes that were seen at any server. A copy of a directory that is
// behind them has less than what is known already, and is not gone by.
type newest struct {
	mu   sync.Mutex
	seen csns
}

func (n *newest) get() csns {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.seen)
}

// saw notes what a server has that was read.
func (n *newest) saw(has csns) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = csns{}
	}
	for sid, csn := range has {
		n.seen[sid] = max(n.seen[sid], csn)
	}
}

func (n *newest) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = nil
}

// current returns the changes that a server has, none if it does not tell, and an error if it is
// behind another.
func (s *Source) current(ctx context.Context, conn *ldap.Conn) (csns, error) {
	has, err := s.csnsOf(conn)
	if err != nil {
		return nil, err
	}
	if len(has) > 0 && has.behind(s.newest.get()) {
		return nil, ErrBehind
	}
	return has, ctx.Err()
}

// ErrBehind says that a server lacks changes that were read elsewhere.
var ErrBehind = errors.New("is behind: it has not yet all that was read before; SIGHUP has it taken all the same")

// csnsOf asks for them at the suffix that the base is in.
func (s *Source) csnsOf(conn *ldap.Conn) (csns, error) {
	suffixes, err := s.base(conn, "", "namingContexts")
	if err != nil {
		return nil, err
	}
	for _, suffix := range suffixes {
		name, err := dn(suffix)
		if err != nil || !name.EqualFold(s.layout.Base) && !name.AncestorOfFold(s.layout.Base) {
			continue
		}
		values, err := s.base(conn, suffix, "contextCSN")
		if err != nil {
			return nil, err
		}
		has := csns{}
		for _, csn := range values {
			// time#count#number of the server#modification
			if parts := strings.Split(csn, "#"); len(parts) == 4 {
				has[parts[2]] = csn
			}
		}
		return has, nil
	}
	return nil, nil
}

// base returns the values of an attribute of one entry; none if it may not be read.
func (s *Source) base(conn *ldap.Conn, name, attribute string) ([]string, error) {
	found, err := conn.Search(ldap.NewSearchRequest(name, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false, "(objectClass=*)", []string{attribute}, nil))
	switch {
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights):
		return nil, nil
	case err != nil:
		return nil, err
	case len(found.Entries) != 1:
		return nil, nil
	}
	return found.Entries[0].GetAttributeValues(attribute), nil
}

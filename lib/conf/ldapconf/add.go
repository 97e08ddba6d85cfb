package ldapconf

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/diag"
)

// Added counts what became of entries.
type Added struct {
	Added int `json:"added"`
	There int `json:"there"` // already: they stay as they are
}

// Add adds entries to the directory, each after the one above it, over one connection to the
// first server that takes it. An entry that is there already stays as it is. The error names
// the entry that was refused; those before it have been added.
func (s *Source) Add(ctx context.Context, entries []Entry) (n Added, err error) {
	err = s.eachServer(ctx, func(conn *ldap.Conn, _ string) error {
		for i := range entries {
			req := ldap.NewAddRequest(text(entries[i].DN), nil)
			for _, a := range entries[i].Attributes {
				if !isOperational(a.Name) {
					req.Attribute(a.Name, a.Values)
				}
			}
			switch err := conn.Add(req); {
			case ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists):
				n.There++
			case err != nil:
				return fmt.Errorf("%s: %w", text(entries[i].DN), err)
			default:
				n.Added++
			}
		}
		return nil
	})
	return n, err
}

// Units are the entries of a network that has no switches yet: the base, if its class can be
// told from its name, and the units below it.
func (l Layout) Units() ([]Entry, error) {
	class := ""
	switch top := l.Base.RDNs[0].Attributes[0]; {
	case is(top.Type, "o", "organizationName"):
		class = "organization"
	case is(top.Type, "ou", "organizationalUnitName"):
		class = "organizationalUnit"
	default:
		return nil, diag.New("directory: base "+text(l.Base), diag.Usage, "is neither o=… nor ou=…: no class is known for it")
	}
	return []Entry{*newEntry(l.Base, class), *newEntry(l.mtas(), "organizationalUnit"), *newEntry(l.trees(), "organizationalUnit")}, nil
}

package ldapconf

import (
	"context"
	"fmt"
	"slices"
	"strings"

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

// AddSchema adds those of entries to cn=config that have no entry of their name there: a server
// numbers them, and so adds one twice.
func (s *Source) AddSchema(ctx context.Context, entries []Entry) (Added, error) {
	there := map[string]bool{}
	err := s.eachServer(ctx, func(conn *ldap.Conn, _ string) error {
		found, err := conn.Search(ldap.NewSearchRequest("cn=schema,cn=config", ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"cn"}, nil))
		if err != nil {
			return fmt.Errorf("cn=schema,cn=config: %w", err)
		}
		for _, e := range found.Entries {
			name := e.GetAttributeValue("cn")
			if _, bare, ok := strings.Cut(name, "}"); ok {
				name = bare
			}
			there[name] = true
		}
		return nil
	})
	if err != nil {
		return Added{}, diag.WithHint(err, "the schema is of the server and not of the data: add it by itself first, as root at ldapi://, without --bind-dn")
	}
	missing := slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return there[strings.Join(e.get("cn"), "")] })
	n, err := s.Add(ctx, missing)
	n.There += len(entries) - len(missing)
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

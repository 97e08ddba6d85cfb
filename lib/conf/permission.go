package conf

import (
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/oraddr"
)

// The alternatives of a DLSubmitPermission (X.402), as they begin its text; a pattern has
// nothing before it.
const (
	permitIndividual = "individual:"
	permitMember     = "member-of-dl:"
	permitPattern    = "pattern-match:"
	permitGroup      = "member-of-group:"
)

// Permission says who may use a list: exactly one of its members is set.
type Permission struct {
	Individual *oraddr.Address
	MemberOf   *oraddr.Address // of a list
	Pattern    *oraddr.Pattern
}

// ParsePermission reads one of List.Submit.
func ParsePermission(text string) (p Permission, err error) {
	whole := func(to **oraddr.Address, text string) error {
		a, err := oraddr.Parse(text)
		if err == nil {
			err = a.Valid()
		}
		*to = &a
		return err
	}
	if rest, ok := strings.CutPrefix(text, permitIndividual); ok {
		return p, whole(&p.Individual, rest)
	}
	if rest, ok := strings.CutPrefix(text, permitMember); ok {
		return p, whole(&p.MemberOf, rest)
	}
	if strings.HasPrefix(text, permitGroup) {
		return p, fmt.Errorf("%s is not for this MTA, which reads no groups: member-of-dl:, individual: or a pattern", quote([]byte(text)))
	}
	pattern, err := oraddr.ParsePattern(strings.TrimPrefix(text, permitPattern))
	p.Pattern = &pattern
	return p, err
}

// permission checks one of a list, which may be of the members of any other.
func (v *validator) permission(key, text string) {
	p, err := ParsePermission(text)
	switch {
	case err != nil:
		v.fault(key, err)
	case p.MemberOf != nil && !v.listed(*p.MemberOf):
		v.faultf(key, "there is no [[list]] %s", quote([]byte(p.MemberOf.String())))
	}
}

// listed tells whether an address is that of a list.
func (v *validator) listed(a oraddr.Address) bool {
	for i := range v.c.Lists {
		if b, err := oraddr.Parse(v.c.Lists[i].Address); err == nil && a.Equal(b) {
			return true
		}
	}
	return false
}

package oraddr

import (
	"errors"

	"github.com/mtakit/mtakit/lib/diag"
)

// Domain is a management domain: a country, an administration domain in it, and
// perhaps a private domain (X.402 §14). It is what a GlobalDomainIdentifier
// says. A single space as ADMD means any administration domain of the country.
type Domain struct{ C, ADMD, PRMD string }

// Domain returns the management domain the address belongs to. The ADMD is a
// single space where the address has a country but no ADMD (RFC 2156 §4.1.3).
func (a Address) Domain() Domain { return Domain{a.C, admd(a.C, a.ADMD), a.PRMD} }

func admd(c, admd string) string {
	if c != "" && admd == "" {
		return " "
	}
	return admd
}

// Address returns the address with the domain's attributes alone.
func (d Domain) Address() Address { return Address{C: d.C, ADMD: d.ADMD, PRMD: d.PRMD} }

// String returns the form /PRMD=…/ADMD=…/C=…/ (RFC 2156 §4.3.3).
func (d Domain) String() string { return d.Address().String() }

// Key returns a text that is the same for two domains exactly if they are Equal.
func (d Domain) Key() string { return d.Address().Key() }

// Equal compares by the rules of X.402 §18.4; see Address.Equal.
func (d Domain) Equal(e Domain) bool { return d == e || d.folded() == e.folded() }

// folded is the same for two domains exactly if they are Equal, and what Key would have of
// each attribute: traces are searched with it, several times a message.
func (d Domain) folded() Domain {
	return Domain{foldPresent(Alpha2(d.C)), foldPresent(admd(d.C, d.ADMD)), foldPresent(d.PRMD)}
}

// foldPresent is fold of a value, where one of spaces only is not one that is absent.
func foldPresent(s string) string {
	if f := fold(s); f != "" || s == "" {
		return f
	}
	return " "
}

// IsZero reports whether no attribute is given.
func (d Domain) IsZero() bool { return d == Domain{} }

// MarshalText returns what String does, so that JSON and a configuration look alike.
func (d Domain) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText takes what ParseDomain does, or nothing for no domain.
func (d *Domain) UnmarshalText(text []byte) (err error) {
	*d = Domain{}
	if len(text) > 0 {
		*d, err = ParseDomain(string(text))
	}
	return err
}

// ParseDomain reads an address text that holds C, ADMD and PRMD only. The
// country is mandatory.
func ParseDomain(s string) (Domain, error) {
	a, err := Parse(s)
	if err != nil {
		return Domain{}, err
	}
	d := Domain{a.C, a.ADMD, a.PRMD}
	if d.C == "" {
		return Domain{}, diag.E("oraddr: domain "+s, diag.Data, errors.New("no country"))
	}
	for _, v := range a.values() {
		if v.attr == nil || v.attr.key != "C" && v.attr.key != "ADMD" && v.attr.key != "PRMD" {
			return Domain{}, diag.E("oraddr: domain "+s, diag.Data, errors.New(v.name()+" is no attribute of a domain"))
		}
	}
	return d, nil
}

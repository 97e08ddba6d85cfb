package mts

import (
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// MTAName names an MTA inside its domain, X.411 §8.5: at most
// UbMTANameLength characters of IA5.
type MTAName = asn1.IA5String

// GlobalDomainIdentifier names a management domain, X.411 §8.5. An
// administration domain of a single space stands for any of the country.
type GlobalDomainIdentifier struct {
	_                        ber.Sequence               `ber:"[APPLICATION 3]"`
	CountryName              oraddr.NumericOrPrintable  `ber:"[APPLICATION 1]"`
	AdministrationDomainName oraddr.NumericOrPrintable  `ber:"[APPLICATION 2]"`
	PrivateDomainIdentifier  *oraddr.NumericOrPrintable `ber:"OPTIONAL"`
}

// text returns the text of whichever alternative is present.
func text(n oraddr.NumericOrPrintable) string {
	switch {
	case n.Numeric != nil:
		return string(*n.Numeric)
	case n.Printable != nil:
		return string(*n.Printable)
	}
	return ""
}

// alternative is text's inverse: digits are sent as NumericString, RFC 2156
// §4.1.1.
func alternative(s string) oraddr.NumericOrPrintable {
	if s != "" && strings.Trim(s, "0123456789") == "" {
		n := asn1.NumericString(s)
		return oraddr.NumericOrPrintable{Numeric: &n}
	}
	p := asn1.PrintableString(s)
	return oraddr.NumericOrPrintable{Printable: &p}
}

// NewGlobalDomainIdentifier returns the identifier of d. A missing ADMD is sent
// as a single space, RFC 2156 §4.1.3.
func NewGlobalDomainIdentifier(d oraddr.Domain) GlobalDomainIdentifier {
	admd := d.ADMD
	if admd == "" {
		admd = " "
	}
	g := GlobalDomainIdentifier{
		CountryName:              alternative(d.C),
		AdministrationDomainName: alternative(admd),
	}
	if d.PRMD != "" {
		p := alternative(d.PRMD)
		g.PrivateDomainIdentifier = &p
	}
	return g
}

// Domain returns the domain g names, as text.
func (g GlobalDomainIdentifier) Domain() oraddr.Domain {
	d := oraddr.Domain{C: text(g.CountryName), ADMD: text(g.AdministrationDomainName)}
	if g.PrivateDomainIdentifier != nil {
		d.PRMD = text(*g.PrivateDomainIdentifier)
	}
	return d
}

// Equal reports whether g and h name the same domain, X.402 §18.4.
func (g GlobalDomainIdentifier) Equal(h GlobalDomainIdentifier) bool {
	return g.Domain().Equal(h.Domain())
}

// String returns g in the form of RFC 2156 §4.3.3, "/PRMD=ALPHA/ADMD=TEST/C=GB/".
func (g GlobalDomainIdentifier) String() string { return g.Domain().String() }

// ParseGlobalDomainIdentifier reads the text form that String writes, or any
// other address text that names C, ADMD and PRMD only.
func ParseGlobalDomainIdentifier(s string) (GlobalDomainIdentifier, error) {
	d, err := oraddr.ParseDomain(s)
	if err != nil {
		return GlobalDomainIdentifier{}, err
	}
	return NewGlobalDomainIdentifier(d), nil
}

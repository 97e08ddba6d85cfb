// Package oraddr is O/R names and addresses: their attributes (X.402 §18), their
// octets (X.411 §8.5.5), the two ways people write them (RFC 1685 and RFC 2156
// §4.1), when two of them are the same (X.402 §18.4), and patterns with wild
// cards for routing tables.
//
// ORName is the wire; Address is the working form. An address goes from one to
// the other and to text and back without loss, attributes unknown to this
// package included. What the octets do not say does not survive, of course: a
// country of digits is sent as NumericString however it arrived.
//
// Reading is liberal and Valid is strict: what a peer sends is kept as it came,
// and what a user wrote is held to the upper bounds, the repertoires and the
// forms of address before it goes anywhere.
package oraddr

import "github.com/mtakit/mtakit/lib/asn1"

// Address is an O/R address, X.402 §18.3, attribute by attribute. The zero value
// is the address without attributes.
//
// The plain fields hold the printable variants; Teletex and Universal hold the
// other variants of the same values. An empty value is an absent attribute.
type Address struct {
	C    string // country-name: two letters of ISO 3166 or three digits of X.121
	ADMD string // administration-domain-name; a single space means any
	PRMD string // private-domain-name

	O   string       // organization-name
	OU  []string     // organizational-unit-names, the most significant first
	PN  PersonalName // personal-name
	CN  string       // common-name
	DDA []DDA        // domain-defined-attributes, the most significant first

	UAID string // numeric-user-identifier
	X121 string // network-address
	TID  string // terminal-identifier
	TTY  string // terminal-type: tlx, ttx, g3fax, g4fax, ia5, vtx, or a number

	NetNumber string // extended-network-address: E.164 number
	NetSub    string // and its sub-address
	PSAP      string // or a presentation address, as RFC 1278 writes it

	PD Postal // the physical delivery attributes

	Teletex   Teletex
	Universal Universal

	// Extra holds the extension attributes this package does not know, as they
	// came. Their text form is EXT.number=octets in hexadecimal, a key of this
	// package's own.
	Extra []ExtensionAttribute
}

// PersonalName is personal-name, X.402 §18.3.21.
type PersonalName struct {
	S string // surname
	G string // given-name
	I string // initials, all but that of the surname
	Q string // generation-qualifier
}

// DDA is a domain-defined attribute, X.402 §18.1.
type DDA struct{ Type, Value string }

// Teletex holds the teletex variants: the T.61 octets of the wire. OU and DDA
// stand position by position beside those of the Address; an empty string is an
// absent variant.
type Teletex struct {
	O, CN asn1.TeletexString
	OU    []asn1.TeletexString
	PN    TeletexName
	DDA   []TeletexDDA
}

// TeletexName is teletex-personal-name.
type TeletexName struct{ S, G, I, Q asn1.TeletexString }

// TeletexDDA is one of teletex-domain-defined-attributes.
type TeletexDDA struct{ Type, Value asn1.TeletexString }

// Localized is a value of UniversalOrBMPString: text of ISO 10646 (in UTF-8
// here) and the ISO 639 code of its language, if given.
type Localized struct{ Text, Language string }

// Universal holds the universal variants (X.411, 1999). OU and DDA stand position
// by position beside those of the Address.
type Universal struct {
	O, CN Localized
	OU    []Localized
	PN    UniversalName
	DDA   []UniversalDDA
}

// UniversalName is universal-personal-name.
type UniversalName struct{ S, G, I, Q Localized }

// UniversalDDA is one of universal-domain-defined-attributes.
type UniversalDDA struct{ Type, Value Localized }

// Text is one attribute value in all its variants, which X.402 §18.4 takes as
// alternative writings of the same value.
type Text struct {
	Printable string
	Teletex   asn1.TeletexString
	Universal Localized
}

// Postal holds the physical delivery attributes, X.402 §18.3.
type Postal struct {
	Service      string // pds-name
	C            string // physical-delivery-country-name
	Code         string // postal-code
	Office       Text   // physical-delivery-office-name
	OfficeNumber Text   // physical-delivery-office-number
	ExtAddress   Text   // extension-OR-address-components
	PN           Text   // physical-delivery-personal-name
	O            Text   // physical-delivery-organization-name
	ExtDelivery  Text   // extension-physical-delivery-address-components
	Street       Text   // street-address
	Box          Text   // post-office-box-address
	Restante     Text   // poste-restante-address
	Unique       Text   // unique-postal-name
	Local        Text   // local-postal-attributes

	// Address is unformatted-postal-address; in the printable variant its lines
	// are separated by line feeds.
	Address Text
}

// IsZero reports whether t has no variant at all.
func (t Text) IsZero() bool { return t == Text{} }

// IsZero reports whether the address has no attribute at all.
func (a Address) IsZero() bool {
	for _, v := range a.values() {
		if !v.text.IsZero() || !v.typ.IsZero() {
			return false
		}
	}
	return len(a.Extra) == 0
}

// at returns element i of s, or the zero value beyond its end.
func at[T any](s []T, i int) (v T) {
	if i < len(s) {
		v = s[i]
	}
	return v
}

// grow returns s with at least n elements.
func grow[T any](s []T, n int) []T {
	for len(s) < n {
		var zero T
		s = append(s, zero)
	}
	return s
}

// Units returns the organizational units in all their variants, the most
// significant first.
func (a Address) Units() []Text {
	n := max(len(a.OU), len(a.Teletex.OU), len(a.Universal.OU))
	units := make([]Text, n)
	for i := range units {
		units[i] = a.unit(i)
	}
	return units
}

// unit returns the organizational unit at a place, from 0; nothing if there is none.
func (a *Address) unit(i int) Text {
	return Text{at(a.OU, i), at(a.Teletex.OU, i), at(a.Universal.OU, i)}
}

func (a *Address) setUnit(i int, t Text) {
	a.OU = grow(a.OU, i+1)
	a.OU[i] = t.Printable
	if t.Teletex != "" {
		a.Teletex.OU = grow(a.Teletex.OU, i+1)
		a.Teletex.OU[i] = t.Teletex
	}
	if t.Universal != (Localized{}) {
		a.Universal.OU = grow(a.Universal.OU, i+1)
		a.Universal.OU[i] = t.Universal
	}
}

// Attribute is a domain-defined attribute in all its variants.
type Attribute struct{ Type, Value Text }

// DomainDefined returns the domain-defined attributes in all their variants, the
// most significant first.
func (a Address) DomainDefined() []Attribute {
	n := max(len(a.DDA), len(a.Teletex.DDA), len(a.Universal.DDA))
	all := make([]Attribute, n)
	for i := range all {
		p, t, u := at(a.DDA, i), at(a.Teletex.DDA, i), at(a.Universal.DDA, i)
		all[i] = Attribute{Text{p.Type, t.Type, u.Type}, Text{p.Value, t.Value, u.Value}}
	}
	return all
}

func (a *Address) setDDA(i int, d Attribute) {
	a.DDA = grow(a.DDA, i+1)
	a.DDA[i] = DDA{d.Type.Printable, d.Value.Printable}
	if t := (TeletexDDA{d.Type.Teletex, d.Value.Teletex}); t != (TeletexDDA{}) {
		a.Teletex.DDA = grow(a.Teletex.DDA, i+1)
		a.Teletex.DDA[i] = t
	}
	if u := (UniversalDDA{d.Type.Universal, d.Value.Universal}); u != (UniversalDDA{}) {
		a.Universal.DDA = grow(a.Universal.DDA, i+1)
		a.Universal.DDA[i] = u
	}
}

// String returns what a person calls the value: the printable variant if there
// is one, else the universal, else the teletex one.
func (t Text) String() string { return t.best() }

package oraddr

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// NewNumericOrPrintable returns the CHOICE for a text: NumericString if it is
// digits only, else PrintableString (RFC 2156 §4.1.1). It is for the country and
// domain names; the empty text gives nil.
func NewNumericOrPrintable(s string) *NumericOrPrintable {
	if s == "" {
		return nil
	}
	if strings.Trim(s, "0123456789") == "" {
		n := asn1.NumericString(s)
		return &NumericOrPrintable{Numeric: &n}
	}
	p := asn1.PrintableString(s)
	return &NumericOrPrintable{Printable: &p}
}

// ORName returns the wire form of the address. What the octets can carry is
// encoded, be it valid or not (see Valid). Of a list (units, domain-defined
// attributes) a variant is encoded if all its members have it or can be given
// it, a printable value being a teletex and a universal one as well.
//
// Errors are of kind Data and wrap an *InvalidError that names the attribute.
func (a Address) ORName() (ORName, error) {
	o, err := a.ORAddress()
	return o.Name(), err
}

// ORAddress returns the wire form of the address where no name may stand; see
// ORName.
func (a Address) ORAddress() (ORAddress, error) {
	o, err := a.encode()
	return o, diag.E("oraddr: encode", diag.Data, err)
}

func (a Address) encode() (ORAddress, error) {
	e := encoder{a: a}
	e.standard()
	e.extensions()
	if e.err != nil {
		return ORAddress{}, e.err
	}
	return e.o, nil
}

// encoder builds an ORAddress; the first error stays.
type encoder struct {
	a   Address
	o   ORAddress
	err error
}

func (e *encoder) fail(name string, err error) {
	if e.err == nil {
		e.err = &InvalidError{name, err}
	}
}

var (
	errIncomplete = errors.New("no variant is complete: each member needs a printable value, or each another one")
	errTerminal   = errors.New("not one of tlx, ttx, g3fax, g4fax, ia5, vtx, nor a number")
	errTwoNets    = errors.New("an address has one extended network address only")
)

func (e *encoder) standard() {
	a, std := &e.a, &e.o.StandardAttributes
	std.Country = NewNumericOrPrintable(a.C)
	std.ADMD = NewNumericOrPrintable(a.ADMD)
	std.PRMD = NewNumericOrPrintable(a.PRMD)
	std.Organization = asn1.PrintableString(a.O)
	std.NumericUserID = asn1.NumericString(a.UAID)
	std.NetworkAddress = asn1.NumericString(a.X121)
	std.TerminalID = asn1.PrintableString(a.TID)
	if p := a.PN; p != (PersonalName{}) {
		std.PersonalName = &WirePersonalName{
			Surname:    asn1.PrintableString(p.S),
			Given:      asn1.PrintableString(p.G),
			Initials:   asn1.PrintableString(p.I),
			Generation: asn1.PrintableString(p.Q),
		}
	}
}

func (e *encoder) extensions() {
	a := &e.a
	if a.CN != "" {
		e.add(extCommonName, asn1.PrintableString(a.CN))
	}
	if a.Teletex.CN != "" {
		e.add(extTeletexCommonName, a.Teletex.CN)
	}
	if a.Teletex.O != "" {
		e.add(extTeletexOrganization, a.Teletex.O)
	}
	if p := a.Teletex.PN; p != (TeletexName{}) {
		e.add(extTeletexPersonalName, teletexPersonalName{Surname: p.S, Given: p.G, Initials: p.I, Generation: p.Q})
	}
	e.units()
	e.domainDefined()
	if a.PD != (Postal{}) {
		e.postal()
	}
	e.network()
	if a.TTY != "" {
		if n, ok := terminalType(a.TTY); ok {
			e.add(extTerminalType, n)
		} else {
			e.fail("T-TY", errTerminal)
		}
	}
	e.universal(extUniversalCommonName, "CN", a.Universal.CN)
	e.universal(extUniversalOrg, "O", a.Universal.O)
	if p := a.Universal.PN; p != (UniversalName{}) {
		e.add(extUniversalPN, universalPersonalName{
			Surname: optional(p.S), Given: optional(p.G), Initials: optional(p.I), Generation: optional(p.Q)})
	}
	e.o.ExtensionAttributes = append(e.o.ExtensionAttributes, a.Extra...)
	slices.SortStableFunc(e.o.ExtensionAttributes, func(x, y ExtensionAttribute) int { return x.Type - y.Type })
}

func (e *encoder) add(number int, v any) {
	raw, err := ber.Marshal(v)
	if err != nil {
		e.fail("extension attribute "+strconv.Itoa(number), err)
		return
	}
	e.o.ExtensionAttributes = append(e.o.ExtensionAttributes, ExtensionAttribute{Type: number, Value: raw})
}

func (e *encoder) universal(number int, name string, l Localized) {
	switch {
	case l == Localized{}:
	case l.Text == "":
		e.fail(name, errors.New("a language without a text"))
	default:
		e.add(number, newUniversal(l))
	}
}

// newUniversal encodes two octets a character where that is enough.
func newUniversal(l Localized) universalString {
	u := universalString{Language: asn1.PrintableString(l.Language)}
	for _, r := range l.Text {
		if r > 0xffff {
			four := asn1.UniversalString(l.Text)
			u.Four = &four
			return u
		}
	}
	two := asn1.BMPString(l.Text)
	u.Two = &two
	return u
}

func optional(l Localized) *universalString {
	if l == (Localized{}) {
		return nil
	}
	u := newUniversal(l)
	return &u
}

// complete reports which variants every one of the texts has or can be given.
func complete(texts []Text) (printable, teletex, universal bool) {
	printable = true
	someTeletex, someUniversal := false, false
	teletex, universal = true, true
	for _, t := range texts {
		p := t.Printable != ""
		printable = printable && p
		teletex = teletex && (p || t.Teletex != "")
		universal = universal && (p && ascii(t.Printable) || t.Universal.Text != "")
		someTeletex = someTeletex || t.Teletex != ""
		someUniversal = someUniversal || t.Universal.Text != ""
	}
	return printable, teletex && someTeletex, universal && someUniversal
}

func (t Text) asTeletex() asn1.TeletexString {
	if t.Teletex == "" {
		return asn1.TeletexString(t.Printable)
	}
	return t.Teletex
}

func (t Text) asUniversal() universalString {
	if t.Universal.Text == "" {
		return newUniversal(Localized{Text: t.Printable})
	}
	return newUniversal(t.Universal)
}

func (e *encoder) units() {
	units := e.a.Units()
	if len(units) == 0 {
		return
	}
	printable, teletex, universal := complete(units)
	if !printable && !teletex && !universal {
		e.fail("OU", errIncomplete)
		return
	}
	if printable {
		for _, u := range units {
			e.o.StandardAttributes.OrganizationUnits = append(e.o.StandardAttributes.OrganizationUnits, asn1.PrintableString(u.Printable))
		}
	}
	if teletex {
		all := make([]asn1.TeletexString, len(units))
		for i, u := range units {
			all[i] = u.asTeletex()
		}
		e.add(extTeletexUnits, all)
	}
	if universal {
		all := make([]universalString, len(units))
		for i, u := range units {
			all[i] = u.asUniversal()
		}
		e.add(extUniversalUnits, all)
	}
}

func (e *encoder) domainDefined() {
	ddas := e.a.DomainDefined()
	if len(ddas) == 0 {
		return
	}
	types := make([]Text, len(ddas))
	values := make([]Text, 0, len(ddas))
	for i, d := range ddas {
		types[i] = d.Type
		if !d.Value.IsZero() { // an empty value is one in every variant
			values = append(values, d.Value)
		}
	}
	printable, teletex, universal := complete(append(types, values...))
	if !printable && !teletex && !universal {
		e.fail("DDA", errIncomplete)
		return
	}
	if printable {
		for _, d := range ddas {
			e.o.DomainDefinedAttributes = append(e.o.DomainDefinedAttributes,
				DomainDefinedAttribute{Type: asn1.PrintableString(d.Type.Printable), Value: asn1.PrintableString(d.Value.Printable)})
		}
	}
	if teletex {
		all := make([]teletexDDA, len(ddas))
		for i, d := range ddas {
			all[i] = teletexDDA{Type: d.Type.asTeletex(), Value: d.Value.asTeletex()}
		}
		e.add(extTeletexDDA, all)
	}
	if universal {
		all := make([]universalDDA, len(ddas))
		for i, d := range ddas {
			all[i] = universalDDA{Type: d.Type.asUniversal(), Value: d.Value.asUniversal()}
		}
		e.add(extUniversalDDA, all)
	}
}

func (e *encoder) postal() {
	pd := &e.a.PD
	if pd.Service != "" {
		e.add(extPDSName, asn1.PrintableString(pd.Service))
	}
	if c := NewNumericOrPrintable(pd.C); c != nil {
		e.add(extPDCountry, c)
	}
	if c := NewNumericOrPrintable(pd.Code); c != nil {
		e.add(extPostalCode, c)
	}
	if pd.Address.Printable != "" || pd.Address.Teletex != "" {
		u := unformattedPostalAddress{Teletex: pd.Address.Teletex}
		if pd.Address.Printable != "" {
			for _, line := range strings.Split(pd.Address.Printable, "\n") {
				u.Lines = append(u.Lines, asn1.PrintableString(line))
			}
		}
		e.add(extUnformatted, u)
	}
	e.universal(extUniversalUnformatted, "PD-ADDRESS", pd.Address.Universal)
	for i := range table {
		attr := &table[i]
		if attr.pds == 0 {
			continue
		}
		t := attr.field(&e.a).get()
		if t.Printable != "" || t.Teletex != "" {
			e.add(attr.pds, pdsParameter{Printable: asn1.PrintableString(t.Printable), Teletex: t.Teletex})
		}
		e.universal(attr.universalPDS, attr.key, t.Universal)
	}
}

func (e *encoder) network() {
	a := &e.a
	isdn := a.NetNumber != "" || a.NetSub != ""
	switch {
	case isdn && a.PSAP != "":
		e.fail("NET-PSAP", errTwoNets)
	case isdn:
		e.add(extNetworkAddress, extendedNetworkAddress{E164: &e164Address{
			Number: asn1.NumericString(a.NetNumber), SubAddress: asn1.NumericString(a.NetSub)}})
	case a.PSAP != "":
		p, err := parsePSAP(a.PSAP)
		if err != nil {
			e.fail("NET-PSAP", err)
			return
		}
		e.add(extNetworkAddress, extendedNetworkAddress{PSAP: p})
	}
}

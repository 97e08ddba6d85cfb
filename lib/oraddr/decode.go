package oraddr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// limits bounds the decoding of one extension attribute.
var limits = ber.Limits{Depth: 8, Elements: 256, Octets: 64 << 10}

// Address returns the O/R address of the name, attribute by attribute; the
// directory name stays behind, and so do elements X.411 has no place for. A name
// without an address gives the zero Address. An empty value counts as absent.
//
// Errors are of kind Data and name the extension attribute whose value is no
// encoding of its type.
func (n ORName) Address() (Address, error) {
	return ORAddress{
		StandardAttributes:      n.StandardAttributes,
		DomainDefinedAttributes: n.DomainDefinedAttributes,
		ExtensionAttributes:     n.ExtensionAttributes,
	}.Address()
}

// Name returns the O/R name that consists of the address alone.
func (o ORAddress) Name() ORName {
	return ORName{
		StandardAttributes:      o.StandardAttributes,
		DomainDefinedAttributes: o.DomainDefinedAttributes,
		ExtensionAttributes:     o.ExtensionAttributes,
		Unknown:                 o.Unknown,
	}
}

// Address returns the address attribute by attribute, as ORName.Address does.
func (o ORAddress) Address() (Address, error) {
	std := o.StandardAttributes
	a := Address{
		C:    std.Country.Text(),
		ADMD: std.ADMD.Text(),
		PRMD: std.PRMD.Text(),
		O:    string(std.Organization),
		UAID: string(std.NumericUserID),
		X121: string(std.NetworkAddress),
		TID:  string(std.TerminalID),
	}
	if std.ADMD != nil && a.ADMD == "" {
		a.ADMD = " "
	}
	if p := std.PersonalName; p != nil {
		a.PN = PersonalName{S: string(p.Surname), G: string(p.Given), I: string(p.Initials), Q: string(p.Generation)}
	}
	for _, ou := range std.OrganizationUnits {
		a.OU = append(a.OU, string(ou))
	}
	for _, d := range o.DomainDefinedAttributes {
		a.DDA = append(a.DDA, DDA{string(d.Type), string(d.Value)})
	}
	for _, e := range o.ExtensionAttributes {
		if err := a.setExtension(e); err != nil {
			return Address{}, diag.E("oraddr: extension attribute "+strconv.Itoa(e.Type), diag.Data, err)
		}
	}
	return a, nil
}

// Text returns the string of the CHOICE; "" for nil.
func (c *NumericOrPrintable) Text() string {
	switch {
	case c == nil:
		return ""
	case c.Numeric != nil:
		return string(*c.Numeric)
	case c.Printable != nil:
		return string(*c.Printable)
	}
	return ""
}

func decode[T any](raw ber.Raw) (v T, err error) {
	rest, err := ber.Unmarshal(raw, &v, limits)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets after the value", len(rest))
	}
	return v, err
}

// decodeString decodes a bare string of the given type.
func decodeString[T ~string](raw ber.Raw, to *T) (err error) {
	*to, err = decode[T](raw)
	return err
}

// setExtension decodes one extension attribute into its field, or keeps it in
// Extra if its number is unknown.
func (a *Address) setExtension(e ExtensionAttribute) (err error) {
	var p asn1.PrintableString
	switch e.Type {
	case extCommonName:
		err = decodeString(e.Value, &p)
		a.CN = string(p)
	case extTeletexCommonName:
		err = decodeString(e.Value, &a.Teletex.CN)
	case extTeletexOrganization:
		err = decodeString(e.Value, &a.Teletex.O)
	case extTeletexPersonalName:
		var n teletexPersonalName
		n, err = decode[teletexPersonalName](e.Value)
		a.Teletex.PN = TeletexName{n.Surname, n.Given, n.Initials, n.Generation}
	case extTeletexUnits:
		a.Teletex.OU, err = decode[[]asn1.TeletexString](e.Value)
	case extTeletexDDA:
		var all []teletexDDA
		all, err = decode[[]teletexDDA](e.Value)
		for _, d := range all {
			a.Teletex.DDA = append(a.Teletex.DDA, TeletexDDA{d.Type, d.Value})
		}
	case extPDSName:
		err = decodeString(e.Value, &p)
		a.PD.Service = string(p)
	case extPDCountry:
		a.PD.C, err = decodeChoice(e.Value)
	case extPostalCode:
		a.PD.Code, err = decodeChoice(e.Value)
	case extUnformatted:
		var u unformattedPostalAddress
		u, err = decode[unformattedPostalAddress](e.Value)
		lines := make([]string, len(u.Lines))
		for i, line := range u.Lines {
			lines[i] = string(line)
		}
		a.PD.Address.Printable, a.PD.Address.Teletex = strings.Join(lines, "\n"), u.Teletex
	case extNetworkAddress:
		err = a.setNetworkAddress(e.Value)
	case extTerminalType:
		var n int
		n, err = decode[int](e.Value)
		a.TTY = terminalText(n)
	case extUniversalCommonName:
		a.Universal.CN, err = decodeUniversal(e.Value)
	case extUniversalOrg:
		a.Universal.O, err = decodeUniversal(e.Value)
	case extUniversalPN:
		var n universalPersonalName
		n, err = decode[universalPersonalName](e.Value)
		a.Universal.PN = UniversalName{n.Surname.value(), n.Given.value(), n.Initials.value(), n.Generation.value()}
	case extUniversalUnits:
		var all []universalString
		all, err = decode[[]universalString](e.Value)
		for i := range all {
			a.Universal.OU = append(a.Universal.OU, all[i].value())
		}
	case extUniversalDDA:
		var all []universalDDA
		all, err = decode[[]universalDDA](e.Value)
		for i := range all {
			a.Universal.DDA = append(a.Universal.DDA, UniversalDDA{all[i].Type.value(), all[i].Value.value()})
		}
	case extUniversalUnformatted:
		a.PD.Address.Universal, err = decodeUniversal(e.Value)
	default:
		return a.setPDS(e)
	}
	return err
}

// setPDS decodes the physical delivery attributes that are all alike.
func (a *Address) setPDS(e ExtensionAttribute) error {
	for i := range table {
		switch attr := &table[i]; e.Type {
		case 0:
		case attr.pds:
			p, err := decode[pdsParameter](e.Value)
			to := attr.field(a)
			*to.printable, *to.teletex = string(p.Printable), p.Teletex
			return err
		case attr.universalPDS:
			u, err := decodeUniversal(e.Value)
			*attr.field(a).universal = u
			return err
		}
	}
	a.Extra = append(a.Extra, e)
	return nil
}

func decodeChoice(raw ber.Raw) (string, error) {
	c, err := decode[NumericOrPrintable](raw)
	return c.Text(), err
}

func decodeUniversal(raw ber.Raw) (Localized, error) {
	u, err := decode[universalString](raw)
	return u.value(), err
}

func (u *universalString) value() (l Localized) {
	if u == nil {
		return l
	}
	l.Language = string(u.Language)
	switch {
	case u.Two != nil:
		l.Text = string(*u.Two)
	case u.Four != nil:
		l.Text = string(*u.Four)
	}
	return l
}

func (a *Address) setNetworkAddress(raw ber.Raw) error {
	n, err := decode[extendedNetworkAddress](raw)
	switch {
	case err != nil:
	case n.E164 != nil:
		a.NetNumber, a.NetSub = string(n.E164.Number), string(n.E164.SubAddress)
	case n.PSAP != nil:
		a.PSAP = n.PSAP.String()
	}
	return err
}

// oneElement reports whether b is exactly one BER element.
func oneElement(b []byte) bool {
	_, err := decode[ber.Raw](b)
	return err == nil
}

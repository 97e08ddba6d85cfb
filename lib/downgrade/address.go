package downgrade

import (
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Domain-defined attributes that carry what an O/R address of 1984 has no
// attribute for, RFC 1328 §3.
const ddaCommon = "Common"

var ddaWhole = [...]string{"X400-88", "X400-C1", "X400-C2", "X400-C3"}

const (
	extCommonName   = 1   // X.411 MTSAbstractService
	maxDDAs         = 4   // ub-domain-defined-attributes
	boundDDAValue   = 128 // ub-domain-defined-attribute-value-length
	boundCommonName = 64  // ub-common-name-length
)

// Name returns an O/R name in the form of 1984, from which UpgradeName makes the
// same address again: one without extension attributes as it is, one with a
// common-name beside what 1984 has with the domain-defined attribute Common
// (RFC 1328 §3.2), and any other as domain-defined attributes X400-88, X400-C1 …
// of the gateway, which is the domain of this MTA (§3.1). Whoever answers to such
// an address answers by way of the gateway.
//
// A directory name is left out. The error is an *Impossible.
func Name(n oraddr.ORName, gateway oraddr.Domain) (oraddr.ORName, error) {
	a, err := address(n)
	if err != nil {
		return oraddr.ORName{}, err
	}
	if own, ok := direct(n, a); ok {
		return own, nil
	}
	return through(a, gateway)
}

// Recipient returns the O/R name of a recipient that the next MTA is to be
// responsible for. It is not written as an address of the gateway, for then the
// next MTA would send the message back. But of an attribute that is there in
// several variants the printable one is enough (X.402 §18.4).
func Recipient(n oraddr.ORName) (oraddr.ORName, error) {
	a, err := address(n)
	if err != nil {
		return oraddr.ORName{}, err
	}
	if own, ok := direct(n, a); ok {
		return own, nil
	}
	plain := a
	plain.Teletex, plain.Universal = oraddr.Teletex{}, oraddr.Universal{}
	if plain.Equal(a) {
		if n, err := plain.ORName(); err == nil {
			if own, ok := direct(n, plain); ok {
				return own, nil
			}
		}
	}
	return oraddr.ORName{}, impossible("the address %s has attributes that 1984 does not know", a)
}

// Writable reports whether a recipient with the address can be written for an MTA of
// 1984, as Recipient writes it; if not, the error is an *Impossible.
func Writable(a oraddr.Address) error {
	n, err := a.ORName()
	if err != nil {
		return impossible("the address %s: %v", a, err)
	}
	_, err = Recipient(n)
	return err
}

// address returns the address of a name that is to have one.
func address(n oraddr.ORName) (oraddr.Address, error) {
	a, err := n.Address()
	switch {
	case err != nil:
		return a, impossible("an O/R name: %v", err)
	case a.IsZero():
		return a, impossible("an O/R name without an address")
	}
	return a, nil
}

// direct returns the name without a gateway where that loses nothing. The octets
// of its built-in attributes stay.
func direct(n oraddr.ORName, a oraddr.Address) (oraddr.ORName, bool) {
	out := oraddr.ORName{StandardAttributes: n.StandardAttributes, DomainDefinedAttributes: n.DomainDefinedAttributes}
	switch x := n.ExtensionAttributes; {
	case len(x) == 0:
		return out, true
	case len(x) != 1 || x[0].Type != extCommonName || a.CN == "" || len(a.CN) > boundCommonName:
		return out, false
	case asn1.PrintableString(a.CN).Valid() != nil || len(a.DDA) >= maxDDAs || slices.ContainsFunc(a.DDA, isCommon):
		return out, false
	}
	out.DomainDefinedAttributes = append(slices.Clip(out.DomainDefinedAttributes),
		oraddr.DomainDefinedAttribute{Type: ddaCommon, Value: asn1.PrintableString(a.CN)})
	return out, true
}

func isCommon(d oraddr.DDA) bool { return strings.EqualFold(d.Type, ddaCommon) }

// through returns the address as one of the gateway.
func through(a oraddr.Address, gateway oraddr.Domain) (oraddr.ORName, error) {
	text := a.String()
	if back, err := oraddr.Parse(text); err != nil || !back.Equal(a) {
		return oraddr.ORName{}, impossible("the address %s cannot be written as a text", text)
	}
	out := gateway.Address()
	rest := charset.EncodePrintable(text)
	for i := 0; rest != ""; i++ {
		if i == len(ddaWhole) {
			return oraddr.ORName{}, impossible("the address %s needs more than %d domain-defined attributes", text, maxDDAs)
		}
		n := piece(rest)
		out.DDA = append(out.DDA, oraddr.DDA{Type: ddaWhole[i], Value: rest[:n]})
		rest = rest[n:]
	}
	n, err := out.ORName()
	if err != nil {
		return n, impossible("the address %s: %v", text, err)
	}
	return n, nil
}

// piece returns how much of s goes into the next attribute. A space at either end
// of a value does not count in an address (X.402 §18.4), so none is put there.
func piece(s string) int {
	if len(s) <= boundDDAValue {
		return len(s)
	}
	n := boundDDAValue
	for n > 1 && (s[n-1] == ' ' || s[n] == ' ') {
		n--
	}
	return n
}

// UpgradeName is the inverse of Name, and reports whether there was anything to do: a
// name that is none of Name's comes back as it is.
func UpgradeName(n oraddr.ORName, gateway oraddr.Domain) (out oraddr.ORName, changed bool) {
	if whole, ok := unwrap(n, gateway); ok {
		return whole, true
	}
	a, err := n.Address()
	if err != nil {
		return n, false
	}
	i := slices.IndexFunc(a.DDA, isCommon)
	if i < 0 || a.CN != "" || len(a.DDA[i].Value) > boundCommonName || a.DDA[i].Value == "" || slices.ContainsFunc(a.DDA[i+1:], isCommon) {
		return n, false
	}
	value, err := ber.Marshal(asn1.PrintableString(a.DDA[i].Value))
	if err != nil {
		return n, false
	}
	if n.DomainDefinedAttributes = slices.Delete(slices.Clone(n.DomainDefinedAttributes), i, i+1); len(n.DomainDefinedAttributes) == 0 {
		n.DomainDefinedAttributes = nil // absent, not empty
	}
	n.ExtensionAttributes = slices.Insert(slices.Clone(n.ExtensionAttributes), 0, oraddr.ExtensionAttribute{Type: extCommonName, Value: value})
	return n, true
}

// unwrap returns the name that an address of the gateway stands for, and reports
// whether there is one.
func unwrap(n oraddr.ORName, gateway oraddr.Domain) (out oraddr.ORName, changed bool) {
	if len(n.DomainDefinedAttributes) == 0 {
		return n, false
	}
	a, err := n.Address()
	if err != nil {
		return n, false
	}
	whole, ok := inside(a, gateway)
	if !ok {
		return n, false
	}
	whole.DirectoryName, whole.Unknown = n.DirectoryName, n.Unknown
	return whole, true
}

// inside returns the address that an address of the gateway carries.
func inside(a oraddr.Address, gateway oraddr.Domain) (oraddr.ORName, bool) {
	parts := a.DDA
	a.DDA = nil
	if gateway.IsZero() || len(parts) > len(ddaWhole) || !a.Equal(gateway.Address()) {
		return oraddr.ORName{}, false
	}
	var text strings.Builder
	for _, label := range ddaWhole[:len(parts)] {
		i := slices.IndexFunc(parts, func(d oraddr.DDA) bool { return strings.EqualFold(d.Type, label) })
		if i < 0 {
			return oraddr.ORName{}, false
		}
		text.WriteString(parts[i].Value)
	}
	whole, err := oraddr.Parse(charset.DecodePrintable(text.String()))
	if err != nil || whole.IsZero() {
		return oraddr.ORName{}, false
	}
	n, err := whole.ORName()
	return n, err == nil
}

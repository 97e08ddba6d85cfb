package oraddr

import (
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
)

// repertoire says what the printable variant of an attribute is made of.
type repertoire uint8

const (
	printable repertoire = iota // PrintableString
	numeric                     // NumericString
	either                      // NumericString if it is digits only, else PrintableString
	free                        // not a string on the wire
)

// attribute describes one single-valued attribute. Organizational units,
// domain-defined attributes and unknown extension attributes are lists and are
// treated apart, in values and in set.
type attribute struct {
	key     string   // RFC 2156 §4.1.1, as generated
	label   string   // RFC 1685 F.3, as generated
	aliases []string // accepted besides
	rep     repertoire
	bound   int // upper bound, MTSUpperBounds; of Teletex too
	ubound  int // of the universal variant where it differs

	field func(a *Address) variants

	// The numbers of a physical delivery attribute: a PDSParameter and its
	// universal variant.
	pds, universalPDS int
}

// variants points at the fields of an Address that hold one value. An attribute
// that exists in the printable variant only has no others.
type variants struct {
	printable *string
	teletex   *asn1.TeletexString
	universal *Localized
}

func (v variants) get() Text {
	t := Text{Printable: *v.printable}
	if v.teletex != nil {
		t.Teletex, t.Universal = *v.teletex, *v.universal
	}
	return t
}

func (v variants) set(t Text) {
	*v.printable = t.Printable
	if v.teletex != nil {
		*v.teletex, *v.universal = t.Teletex, t.Universal
	}
}

func plain(f func(a *Address) *string) func(a *Address) variants {
	return func(a *Address) variants { return variants{printable: f(a)} }
}

func varied(f func(a *Address) *Text) func(a *Address) variants {
	return func(a *Address) variants {
		t := f(a)
		return variants{&t.Printable, &t.Teletex, &t.Universal}
	}
}

// table lists the single-valued attributes, the most significant first: country,
// domains, organization, then what names a user within it.
var table = [...]attribute{
	{key: "C", label: "C", rep: either, bound: 3,
		field: plain(func(a *Address) *string { return &a.C })},
	{key: "ADMD", label: "A", rep: either, bound: 16,
		field: plain(func(a *Address) *string { return &a.ADMD })},
	{key: "PRMD", label: "P", rep: either, bound: 16,
		field: plain(func(a *Address) *string { return &a.PRMD })},
	{key: "O", label: "O", bound: 64,
		field: func(a *Address) variants { return variants{&a.O, &a.Teletex.O, &a.Universal.O} }},
	{key: "UA-ID", label: "N-ID", rep: numeric, bound: 32,
		field: plain(func(a *Address) *string { return &a.UAID })},
	{key: "X121", label: "X.121", rep: numeric, bound: 16,
		field: plain(func(a *Address) *string { return &a.X121 })},
	{key: "T-ID", label: "T-ID", bound: 24,
		field: plain(func(a *Address) *string { return &a.TID })},
	{key: "T-TY", label: "T-TY", rep: free,
		field: plain(func(a *Address) *string { return &a.TTY })},
	{key: "NET-NUM", label: "NET-NUM", aliases: []string{"E.164"}, rep: numeric, bound: 15,
		field: plain(func(a *Address) *string { return &a.NetNumber })},
	{key: "NET-SUB", label: "NET-SUB", rep: numeric, bound: 40,
		field: plain(func(a *Address) *string { return &a.NetSub })},
	{key: "NET-PSAP", label: "PSAP", rep: free,
		field: plain(func(a *Address) *string { return &a.PSAP })},
	{key: "CN", label: "CN", bound: 64,
		field: func(a *Address) variants { return variants{&a.CN, &a.Teletex.CN, &a.Universal.CN} }},
	{key: "S", label: "S", bound: 40, ubound: 64,
		field: func(a *Address) variants { return variants{&a.PN.S, &a.Teletex.PN.S, &a.Universal.PN.S} }},
	{key: "G", label: "G", bound: 16, ubound: 40,
		field: func(a *Address) variants { return variants{&a.PN.G, &a.Teletex.PN.G, &a.Universal.PN.G} }},
	{key: "I", label: "I", bound: 5, ubound: 16,
		field: func(a *Address) variants { return variants{&a.PN.I, &a.Teletex.PN.I, &a.Universal.PN.I} }},
	{key: "GQ", label: "Q", bound: 3, ubound: 16,
		field: func(a *Address) variants { return variants{&a.PN.Q, &a.Teletex.PN.Q, &a.Universal.PN.Q} }},

	{key: "PD-SERVICE", label: "PD-SN", aliases: []string{"PD-SYSTEM"}, bound: 16,
		field: plain(func(a *Address) *string { return &a.PD.Service })},
	{key: "PD-C", label: "PD-C", rep: either, bound: 3,
		field: plain(func(a *Address) *string { return &a.PD.C })},
	{key: "PD-CODE", label: "PD-PC", rep: either, bound: 16,
		field: plain(func(a *Address) *string { return &a.PD.Code })},
	{key: "PD-OFFICE", label: "PD-OF", pds: 10, universalPDS: 29, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.Office })},
	{key: "PD-OFFICE-NUM", label: "PD-OFN", aliases: []string{"PD-OFFICE NUMBER", "PD-OFFICE-NUMBER"}, pds: 11, universalPDS: 30, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.OfficeNumber })},
	{key: "PD-EXT-ADDRESS", label: "PD-EA", pds: 12, universalPDS: 31, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.ExtAddress })},
	{key: "PD-PN", label: "PD-PN", pds: 13, universalPDS: 32, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.PN })},
	{key: "PD-O", label: "PD-O", pds: 14, universalPDS: 33, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.O })},
	{key: "PD-EXT-DELIVERY", label: "PD-ED", pds: 15, universalPDS: 34, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.ExtDelivery })},
	{key: "PD-STREET", label: "PD-S", pds: 17, universalPDS: 36, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.Street })},
	{key: "PD-BOX", label: "PD-B", pds: 18, universalPDS: 37, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.Box })},
	{key: "PD-RESTANTE", label: "PD-R", pds: 19, universalPDS: 38, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.Restante })},
	{key: "PD-UNIQUE", label: "PD-U", pds: 20, universalPDS: 39, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.Unique })},
	{key: "PD-LOCAL", label: "PD-L", pds: 21, universalPDS: 40, bound: 30,
		field: varied(func(a *Address) *Text { return &a.PD.Local })},
	{key: "PD-ADDRESS", label: "PD-A", rep: free, bound: 180,
		field: varied(func(a *Address) *Text { return &a.PD.Address })},
}

// lookup finds a single-valued attribute by any of its keys, in any case.
func lookup(key string) *attribute {
	for i := range table {
		e := &table[i]
		if strings.EqualFold(key, e.key) || strings.EqualFold(key, e.label) {
			return e
		}
		for _, alias := range e.aliases {
			if strings.EqualFold(key, alias) {
				return e
			}
		}
	}
	return nil
}

// value is one attribute value of an address, as values yields it.
type value struct {
	attr  *attribute // nil for units and DDAs
	kind  kind
	index int  // of a unit or DDA, from 0
	typ   Text // of a DDA
	text  Text
}

type kind uint8

const (
	single kind = iota
	unit
	dda
)

// name returns the value's key, as messages to people name it.
func (v value) name() string {
	switch v.kind {
	case unit:
		return "OU" + strconv.Itoa(v.index+1)
	case dda:
		return "DDA:" + v.typ.best()
	}
	return v.attr.key
}

// values returns every attribute value present, the most significant first.
func (a Address) values() []value {
	all := make([]value, 0, 12)
	for i := range table {
		e := &table[i]
		if e.key == "UA-ID" { // below the organization stand its units
			for n, t := range a.Units() {
				all = append(all, value{kind: unit, index: n, text: t})
			}
		}
		if t := e.field(&a).get(); !t.IsZero() {
			all = append(all, value{attr: e, text: t})
		}
	}
	for n, d := range a.DomainDefined() {
		all = append(all, value{kind: dda, index: n, typ: d.Type, text: d.Value})
	}
	return all
}

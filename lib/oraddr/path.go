package oraddr

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/diag"
)

// Level is what a component of the name of an O/R address is, in the O/R address tree of
// RFC 2294: one of the object classes there. Levels are in the order of its table 1, in
// which a component of a lower one stands above.
type Level uint8

// The levels of the O/R address tree.
const (
	LevelCountry            Level = iota // mHSCountry
	LevelADMD                            // aDMD
	LevelPRMD                            // pRMD
	LevelX121                            // mHSX121
	LevelUserIdentifier                  // mHSNumericUserIdentifier
	LevelOrganization                    // mHSOrganization
	LevelOrganizationalUnit              // mHSOrganizationalUnit, once for each unit
	LevelPerson                          // mHSPerson
	LevelCommonName                      // mHSNamedObject
	LevelTerminalID                      // mHSTerminalID
	LevelDomainDefined                   // mHSDomainDefinedAttribute, once for each
)

// levels has, by level, the keywords of RFC 2294, table 3, and the keys of RFC 2156.
var levels = [...]struct{ keyword, key string }{
	LevelCountry:            {"C", "C"},
	LevelADMD:               {"ADMD", "ADMD"},
	LevelPRMD:               {"PRMD", "PRMD"},
	LevelX121:               {"MHS-X121", "X121"},
	LevelUserIdentifier:     {"MHS-UA-ID", "UA-ID"},
	LevelOrganization:       {"MHS-O", "O"},
	LevelOrganizationalUnit: {"MHS-OU", "OU"},
	LevelPerson:             {"MHS-S", "S"},
	LevelCommonName:         {"MHS-CN", "CN"},
	LevelTerminalID:         {"MHS-T-ID", "T-ID"},
	LevelDomainDefined:      {"MHS-DDA-Value", "DDA"},
}

// String returns the keyword of RFC 2294, table 3; that of a person's surname, and of the
// value of a domain-defined attribute, stand for the whole.
func (l Level) String() string { return levels[l].keyword }

// RDN is a component of the name of an O/R address in the O/R address tree, a relative
// distinguished name of RFC 2294 §1.
type RDN struct {
	Level Level
	Value Text        // of all but a person
	Type  *Text       // of a domain-defined attribute
	Name  *PersonText // of a person
}

// PersonText is personal-name in all its variants.
type PersonText struct{ S, G, I, Q Text }

// maxPath bounds a path: nine levels that occur once, four units and four
// domain-defined attributes (X.411 MTSUpperBounds). An address of more is matched as far
// as that.
const maxPath = 9 + 2*maxUnits

// Path returns the name of the address in the O/R address tree, the country first (RFC
// 2294 §4). Whole is false if the address has attributes that are not named there, postal
// ones and network addresses other than X.121 among them: then the path leads to a node
// above what the address means, and none is an exact match for it. An address without
// country has no path. The ADMD is always there, if need be as a single space. A
// terminal-type names nothing.
func (a Address) Path() (path []RDN, whole bool) { return a.AppendPath(nil) }

// AppendPath is Path, in the room of a path that is not needed any more.
func (a *Address) AppendPath(room []RDN) (path []RDN, whole bool) {
	if a.C == "" {
		return nil, a.IsZero()
	}
	if path = room[:0]; path == nil {
		path = make([]RDN, 0, 8)
	}
	add := func(l Level, t Text) {
		if !t.IsZero() {
			path = append(path, RDN{Level: l, Value: t})
		}
	}
	add(LevelCountry, Text{Printable: a.C})
	add(LevelADMD, Text{Printable: admd(a.C, a.ADMD)})
	add(LevelPRMD, Text{Printable: a.PRMD})
	add(LevelX121, Text{Printable: a.X121})
	add(LevelUserIdentifier, Text{Printable: a.UAID})
	add(LevelOrganization, Text{a.O, a.Teletex.O, a.Universal.O})
	for _, u := range a.Units() {
		add(LevelOrganizationalUnit, u)
	}
	p, t, u := &a.PN, &a.Teletex.PN, &a.Universal.PN
	name := &PersonText{Text{p.S, t.S, u.S}, Text{p.G, t.G, u.G}, Text{p.I, t.I, u.I}, Text{p.Q, t.Q, u.Q}}
	if *name != (PersonText{}) {
		path = append(path, RDN{Level: LevelPerson, Name: name})
	}
	add(LevelCommonName, Text{a.CN, a.Teletex.CN, a.Universal.CN})
	add(LevelTerminalID, Text{Printable: a.TID})
	for _, d := range a.DomainDefined() {
		path = append(path, RDN{Level: LevelDomainDefined, Value: d.Value, Type: &d.Type})
	}
	whole = a.PD == Postal{} && a.NetNumber == "" && a.NetSub == "" && a.PSAP == "" && len(a.Extra) == 0
	if len(path) > maxPath {
		path, whole = path[:maxPath], false
	}
	return path, whole
}

// ParsePath reads the name of a node of the O/R address tree: the text of an address (see
// Parse) that has all attributes above it, and no others than name nodes. A country alone is
// that, and not any ADMD in it as in an address. The error has kind Data.
func ParsePath(s string) ([]RDN, error) {
	a, err := Parse(s)
	if err != nil {
		return nil, err
	}
	path, whole := a.Path()
	switch {
	case len(path) == 0:
		return nil, diag.New("oraddr: node "+s, diag.Data, "no country name (C)")
	case !whole:
		return nil, diag.New("oraddr: node "+s, diag.Data, "has attributes that no node is named by (RFC 2294)")
	}
	pairs, err := split(s)
	if err != nil {
		return nil, diag.E("oraddr: node "+s, diag.Data, err)
	}
	named := slices.ContainsFunc(pairs, func(p pair) bool { e := lookup(p.label); return e != nil && e.key == "ADMD" })
	if len(path) == 2 && !named {
		path = path[:1]
	}
	return path, nil
}

// Keys returns texts of which two RDNs have one in common exactly if they name the same
// node: by the matching rules of X.402 §18.4, and where an attribute has several variants
// by any of them, as RFC 2294 §1 has a directory hold an entry or an alias for each. The
// first is that of what String shows.
func (r RDN) Keys() []string {
	keys := []string{r.key(Text.best)}
	if !r.varied() {
		return keys
	}
	for _, variant := range [...]func(Text) string{universalText, teletexText} {
		if !r.has(variant) {
			continue
		}
		// A part that has no such variant is written as it is.
		key := r.key(func(t Text) string { return cmp.Or(variant(t), t.best()) })
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func universalText(t Text) string { return t.Universal.Text }

func teletexText(t Text) string { return charset.DecodeT61([]byte(t.Teletex)) }

// has tells whether any part has the variant.
func (r RDN) has(variant func(Text) string) bool {
	if r.Type != nil && variant(*r.Type) != "" {
		return true
	}
	for _, p := range r.Parts() {
		if variant(p.Text) != "" {
			return true
		}
	}
	return false
}

// varied tells whether there may be more than one key.
func (r *RDN) varied() bool {
	varied := func(t *Text) bool { return t.Teletex != "" || t.Universal != (Localized{}) }
	switch {
	case r.Name != nil:
		return varied(&r.Name.S) || varied(&r.Name.G) || varied(&r.Name.I) || varied(&r.Name.Q)
	case r.Type != nil && varied(r.Type):
		return true
	}
	return varied(&r.Value)
}

// key is that of the variants that text picks.
func (r RDN) key(text func(Text) string) string { return string(r.appendKey(nil, text)) }

func (r *RDN) appendKey(b []byte, text func(Text) string) []byte {
	b = append(b, levels[r.Level].key...)
	switch r.Level {
	case LevelPerson:
		for _, part := range r.Name.parts() {
			if !part.Text.IsZero() {
				b = append(append(append(b, '/'), part.Key...), '=')
				b = appendFolded(b, text(part.Text))
			}
		}
	case LevelDomainDefined:
		b = append(appendFolded(append(b, '.'), text(*r.Type)), '=')
		b = appendFolded(b, text(r.Value))
	case LevelCountry:
		b = appendFolded(append(b, '='), Alpha2(r.Value.Printable))
	default:
		b = append(b, '=')
		value, before := text(r.Value), len(b)
		if b = appendFolded(b, value); value != "" && len(b) == before {
			b = append(b, ' ') // one of spaces only is not one that is absent
		}
	}
	return b
}

// Part is an attribute of an RDN: its key of RFC 2156, without the number of a unit or the
// type of a domain-defined attribute, and its value.
type Part struct {
	Key  string
	Text Text
}

// Parts returns what the RDN is made of: one attribute, or those of a personal name.
func (r RDN) Parts() []Part {
	if r.Level != LevelPerson {
		return []Part{{levels[r.Level].key, r.Value}}
	}
	parts := make([]Part, 0, 4)
	for _, p := range r.Name.parts() {
		if !p.Text.IsZero() {
			parts = append(parts, p)
		}
	}
	return parts
}

func (n PersonText) parts() [4]Part {
	return [4]Part{{"S", n.S}, {"G", n.G}, {"I", n.I}, {"GQ", n.Q}}
}

// Folded returns the values of the part as they are compared, one for each variant: a
// country of digits is the one of its letters.
func (p Part) Folded() []string {
	if p.Key == levels[LevelCountry].key {
		return []string{fold(Alpha2(p.Text.Printable))}
	}
	return p.Text.folded()
}

// String returns the RDN for people, "PRMD=ABC", "S=Kille+I=S" or "DDA.fax=12".
func (r RDN) String() string {
	var b strings.Builder
	for i, p := range r.Parts() {
		if i > 0 {
			b.WriteByte('+')
		}
		b.WriteString(p.Key)
		if r.Level == LevelDomainDefined {
			b.WriteString("." + r.Type.String())
		}
		b.WriteString("=" + p.Text.String())
	}
	return b.String()
}

// FromPath returns the address that a name in the O/R address tree is of (RFC 2294 §5).
// The levels must be in the order of Level, each but units and domain-defined attributes
// once, and none without the country; the error has kind Data.
func FromPath(path []RDN) (a Address, err error) {
	units, ddas := 0, 0
	for i, r := range path {
		switch {
		case i == 0 && r.Level != LevelCountry:
			return Address{}, diag.New("oraddr: path", diag.Data, "it begins with "+r.Level.String()+", not with a country")
		case i > 0 && (r.Level < path[i-1].Level || r.Level == path[i-1].Level && r.Level != LevelOrganizationalUnit && r.Level != LevelDomainDefined):
			return Address{}, diag.New("oraddr: path", diag.Data, r.Level.String()+" stands below "+path[i-1].Level.String())
		case r.Level == LevelDomainDefined && r.Type == nil, r.Level == LevelPerson && r.Name == nil:
			return Address{}, diag.New("oraddr: path", diag.Data, r.Level.String()+" has no value")
		case units == maxUnits && r.Level == LevelOrganizationalUnit, ddas == maxUnits && r.Level == LevelDomainDefined:
			return Address{}, diag.New("oraddr: path", diag.Data, "more than 4 of "+r.Level.String())
		}
		switch r.Level {
		case LevelOrganizationalUnit:
			a.setUnit(units, r.Value)
			units++
		case LevelDomainDefined:
			a.setDDA(ddas, Attribute{*r.Type, r.Value})
			ddas++
		case LevelPerson:
			for _, part := range r.Name.parts() {
				lookup(part.Key).field(&a).set(part.Text)
			}
		default:
			lookup(levels[r.Level].key).field(&a).set(r.Value)
		}
	}
	return a, nil
}

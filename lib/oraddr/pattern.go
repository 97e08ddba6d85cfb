package oraddr

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/wild"
)

// Pattern is an address with wild cards, as routing tables hold it. Each
// attribute it names must match; an attribute it does not name may be anything.
// The zero Pattern matches every address.
type Pattern struct {
	terms []term // the most significant first
	text  string
}

// term is what a pattern says about one attribute.
type term struct {
	attr  *attribute // nil for units and DDAs
	kind  kind
	index int      // of a unit, from 0
	typ   string   // of a DDA, folded
	text  string   // the value as written
	parts []string // its folded text between the wild cards; a single part is an exact value
}

// ParsePattern reads an address text (see Parse; both forms) in whose values an
// asterisk stands for any characters or none: /S=Sm*/O=*/PRMD=ALPHA/ADMD=TEST/C=GB/.
// Values may hold characters outside ASCII, and are compared with every variant
// of the address's value. A value of nothing but an asterisk asks for the
// attribute to be there; an empty one for it not to be there, except that an
// empty ADMD is the single space. A domain-defined attribute matches at any
// position, a unit only at its own, OU1 below the organization.
//
// PN, ISDN, PD-ADDRESS and EXT. have no place in a pattern.
//
// Errors are of kind Data and wrap a *SyntaxError.
func ParsePattern(s string) (Pattern, error) {
	p, err := parsePattern(s)
	if err != nil {
		return Pattern{}, diag.E("oraddr: parse pattern", diag.Data, err)
	}
	p.text = strings.TrimSpace(s)
	return p, nil
}

func parsePattern(s string) (p Pattern, err error) {
	pairs, err := split(s)
	if err != nil {
		return p, err
	}
	var o order
	var bare []int // terms of bare OU
	seen := map[string]bool{}
	for i, q := range pairs {
		t, key, err := newTerm(q)
		if err == nil && key != "OU" && seen[key] {
			err = errTwice
		}
		if err != nil {
			return p, &SyntaxError{q.label, q.offset, err}
		}
		seen[key] = true
		o.note(key, i+1)
		if key == "OU" {
			o.units = append(o.units, i+1)
			bare = append(bare, len(p.terms))
		}
		p.terms = append(p.terms, t)
	}
	inverted, err := o.inverted()
	if err != nil {
		return p, &SyntaxError{Label: "OU", Err: err}
	}
	for i, n := range bare {
		p.terms[n].index = len(bare) - 1 - i
		if inverted {
			p.terms[n].index = i
		}
		if seen["OU1"] || seen["OU2"] || seen["OU3"] || seen["OU4"] {
			return p, &SyntaxError{Label: "OU", Err: errNumbering}
		}
	}
	slices.SortStableFunc(p.terms, func(x, y term) int { return cmp.Compare(x.rank(), y.rank()) })
	return p, nil
}

// newTerm makes the term of a pair. The key names the attribute, so that one
// given twice is found.
func newTerm(q pair) (t term, key string, err error) {
	label := strings.ToUpper(q.label)
	typ, _, _, isDDA := ddaLabel(q.label)
	if label == "RFC-822" {
		typ, isDDA = label, true
	}
	n, isUnit := numbered(label, "OU", maxUnits)
	_, isLine := numbered(label, "PD-A", maxPostalLines)
	e := lookup(label)
	switch {
	case isDDA:
		typ, err = charset.Unescape(typ)
		t.kind, t.typ = dda, fold(typ)
		key = "DDA:" + t.typ
	case isUnit:
		t.kind, t.index, key = unit, n-1, label
	case label == "OU":
		t.kind, key = unit, label
	case isLine, label == "PN", label == "ISDN", strings.HasPrefix(label, "EXT."), e != nil && e.key == "PD-ADDRESS":
		return t, "", errInPattern
	case e != nil:
		t.attr, key = e, e.key
	default:
		return t, "", errLabel
	}
	if err != nil {
		return t, "", err
	}
	return t, key, t.compile(key, q.value)
}

// compile cuts the value at its wild cards and folds what is between.
func (t *term) compile(key, s string) error {
	switch {
	case key == "ADMD" && s == "":
		s = " "
	case key == "T-TY":
		s = terminalName(s)
	case key == "NET-PSAP" && !strings.Contains(s, "*") && s != "":
		canonical, err := canonicalPSAP(s)
		if err != nil {
			return err
		}
		s = canonical
	}
	t.text = s
	for _, part := range strings.Split(s, "*") {
		text, err := charset.Unescape(part)
		if err != nil {
			return err
		}
		t.parts = append(t.parts, text)
	}
	if key == "C" && len(t.parts) == 1 {
		t.parts[0] = Alpha2(t.parts[0])
	}
	// A space at a wild card separates words, at an end it means nothing. Folding
	// removes both, so the former stands behind a NUL while it is done.
	last := len(t.parts) - 1
	for i, part := range t.parts {
		if i > 0 {
			part = "\x00" + part
		}
		if i < last {
			part += "\x00"
		}
		part = fold(part)
		if i > 0 {
			part = part[1:]
		}
		if i < last {
			part = part[:len(part)-1]
		}
		t.parts[i] = part
	}
	return nil
}

// Match reports whether the pattern matches the address, and if not, why: the
// most significant attribute that differs, as "PRMD is ALPHA, not BRAVO". A value
// matches if one of its variants does (X.402 §18.4).
func (p Pattern) Match(a Address) (ok bool, why string) {
	t, is := p.differs(a)
	if t == nil {
		return true, ""
	}
	return false, t.why(is)
}

// Matches is Match without the reason.
func (p Pattern) Matches(a Address) bool {
	t, _ := p.differs(a)
	return t == nil
}

// differs returns the most significant term that does not match the address, and the value
// that the address has for it; nil if all match.
func (p Pattern) differs(a Address) (*term, Text) {
	a.ADMD = a.Domain().ADMD
	var ddas []Attribute
	var units []Text
	for i := range p.terms {
		t := &p.terms[i]
		var is Text
		switch t.kind {
		case single:
			is = t.attr.field(&a).get()
		case unit:
			if units == nil {
				units = a.Units()
			}
			is = at(units, t.index)
		case dda:
			if ddas == nil {
				ddas = a.DomainDefined()
			}
			for _, d := range ddas {
				if slices.Contains(d.Type.folded(), t.typ) {
					if is = d.Value; t.matches(is) {
						break
					}
				}
			}
		}
		if !t.matches(is) {
			return t, is
		}
	}
	return nil, Text{}
}

func (t *term) matches(is Text) bool {
	if t.text == "" || is.IsZero() {
		return t.text == "" && is.IsZero()
	}
	for _, s := range t.attr.compared(is) {
		if wild.Match(t.parts, s) {
			return true
		}
	}
	return false
}

func (t *term) why(is Text) string {
	switch {
	case is.IsZero() && t.text == "*":
		return t.name() + " is missing"
	case is.IsZero():
		return t.name() + " is missing, not " + t.text
	case t.text == "":
		return t.name() + " is " + shown(is.best()) + ", not absent"
	}
	return t.name() + " is " + shown(is.best()) + ", not " + shown(t.text)
}

// shown makes a value of spaces visible.
func shown(s string) string {
	if strings.Trim(s, " ") == "" {
		return `"` + s + `"`
	}
	return s
}

func (t *term) name() string {
	return value{attr: t.attr, kind: t.kind, index: t.index, typ: Text{Printable: t.typ}}.name()
}

// Gives tells whether the pattern asks for a value of a single-valued attribute, named by its
// key, be it with wild cards.
func (p Pattern) Gives(key string) bool {
	return slices.ContainsFunc(p.terms, func(t term) bool { return t.attr != nil && t.attr.key == key && t.text != "" })
}

// compared returns the variants of a value as patterns compare them.
func (e *attribute) compared(t Text) []string {
	if e != nil && e.key == "C" {
		t.Printable = Alpha2(t.Printable)
	}
	return t.folded()
}

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// The ranks of significance of Weight: country, domains, organization, four
// units, the user's attributes together, domain-defined attributes together.
const (
	rankUnits = 4
	rankUser  = rankUnits + maxUnits
	rankDDA   = rankUser + 1
	ranks     = rankDDA + 1
)

func (t *term) rank() int {
	switch t.kind {
	case unit:
		return rankUnits + t.index
	case dda:
		return rankDDA
	}
	for i := range rankUnits {
		if t.attr == &table[i] {
			return i
		}
	}
	return rankUser
}

// The strengths of a term.
const (
	present = iota + 1 // "*" asks for presence, "" for absence
	partial            // "Sm*"
	exact
)

func (t *term) strength() int {
	switch {
	case t.text == "*", t.text == "":
		return present
	case len(t.parts) > 1:
		return partial
	}
	return exact
}

// Weight orders patterns for the longest match: of those that match an address
// the one with the greatest weight says most about it. First counts how many
// attributes are given exactly, then how many with wild cards among characters,
// then how many are merely asked for; among equals, the pattern wins that is
// stronger in the more significant attribute.
func (p Pattern) Weight() int {
	var count [exact + 1]int
	var strongest [ranks]int
	for i := range p.terms {
		t := &p.terms[i]
		s := t.strength()
		count[s] = min(count[s]+1, 1<<6-1)
		strongest[t.rank()] = max(strongest[t.rank()], s)
	}
	weight := 0
	for s := exact; s > 0; s-- {
		weight = weight<<6 | count[s]
	}
	for _, s := range strongest {
		weight = weight<<2 | s
	}
	return weight
}

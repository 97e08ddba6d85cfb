package oraddr

import (
	"encoding/binary"
	"slices"
)

// Index finds which of many patterns match an address without trying them all: a pattern
// is looked up by the values that it gives exactly. The zero Index is empty. Once it is
// built it may be used by several goroutines.
type Index struct {
	patterns []Pattern
	shapes   []shape
}

// shape is the patterns that give the same attributes exactly, by their values.
type shape struct {
	keys []exactKey
	all  []indexed
	of   map[string][]indexed
}

var countryAttribute, admdAttribute = lookup("C"), lookup("ADMD")

// maxSpellings is under how many combinations of the variants of an address's values a shape
// is looked up; beyond, its patterns are tried one after the other: ten values in three
// variants each would be 59049 look-ups.
const maxSpellings = 16

// exactKey names an attribute that occurs once: a unit by its place.
type exactKey struct {
	attr *attribute // nil: a unit
	unit int
}

type indexed struct {
	pattern int
	whole   bool // it gives nothing besides what it is looked up by
}

// Add takes a pattern, and returns its number, the next one from 0.
func (x *Index) Add(p Pattern) int {
	n := len(x.patterns)
	x.patterns = append(x.patterns, p)
	var keys []exactKey
	var value []byte
	for i := range p.terms { // the most significant first, so that alike ones have one order
		t := &p.terms[i]
		if t.kind == dda || t.strength() != exact {
			continue
		}
		keys = append(keys, exactKey{t.attr, t.index})
		from := len(value)
		value = endIndexed(append(value, t.parts[0]...), from)
	}
	at := slices.IndexFunc(x.shapes, func(s shape) bool { return slices.Equal(s.keys, keys) })
	if at < 0 {
		at = len(x.shapes)
		x.shapes = append(x.shapes, shape{keys: keys, of: map[string][]indexed{}})
	}
	s, e := &x.shapes[at], indexed{n, len(keys) == len(p.terms)}
	s.all = append(s.all, e)
	s.of[string(value)] = append(s.of[string(value)], e)
	return n
}

// endIndexed ends a value that begins at a place of a key, so that a row of values cannot be
// read in two ways.
func endIndexed(key []byte, from int) []byte {
	return binary.BigEndian.AppendUint32(key, uint32(len(key)-from))
}

// Match appends the numbers of the patterns that match an address, in no order, to room.
func (x *Index) Match(a *Address, room []int) []int {
	var key [128]byte
	m := matching{x: x, a: a, found: room, key: key[:0]}
	for i := range x.shapes {
		s := &x.shapes[i]
		switch whole, plain := m.plain(s); {
		case !whole:
		case plain:
			m.look(s)
		case m.spellings(s) > maxSpellings:
			for _, e := range s.all {
				m.take(e, false)
			}
		default:
			m.key = m.key[:0]
			m.shape(s, 0)
		}
	}
	return m.found
}

// matching is the search of one address.
type matching struct {
	x      *Index
	a      *Address
	asked  []exactKey // so far; few enough to be gone through
	folded [][]string // the variants of their values
	key    []byte
	found  []int
}

// text is what the address has for an attribute.
func (m *matching) text(k exactKey) Text {
	switch {
	case k.attr == nil:
		return m.a.unit(k.unit)
	case k.attr == admdAttribute:
		return Text{Printable: admd(m.a.C, m.a.ADMD)}
	}
	return k.attr.field(m.a).get()
}

// plain makes the key of an address whose values are there in one variant of plain letters,
// as nearly all are. It is not whole if one is missing.
func (m *matching) plain(s *shape) (whole, plain bool) {
	m.key = m.key[:0]
	for _, k := range s.keys {
		is := m.text(k)
		switch {
		case is.IsZero():
			return false, false
		case is.Printable == "" || is.Teletex != "" || is.Universal.Text != "":
			return true, false
		}
		if k.attr == countryAttribute {
			is.Printable = Alpha2(is.Printable)
		}
		from, ok := len(m.key), false
		if m.key, ok = appendFoldedASCII(m.key, is.Printable, false); !ok {
			return true, false
		}
		m.key = endIndexed(m.key, from)
	}
	return true, true
}

// look takes the patterns of a shape that are under the key.
func (m *matching) look(s *shape) {
	for _, e := range s.of[string(m.key)] {
		m.take(e, e.whole)
	}
}

// shape looks up the patterns of a shape under every variant of the address's values, from
// the given attribute on.
func (m *matching) shape(s *shape, at int) {
	if at == len(s.keys) {
		m.look(s)
		return
	}
	from := len(m.key)
	values := m.values(s.keys[at])
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			continue
		}
		m.key = endIndexed(append(m.key, v...), from)
		m.shape(s, at+1)
		m.key = m.key[:from]
	}
}

// spellings is in how many ways the address has the attributes of a shape, 0 if it lacks one.
func (m *matching) spellings(s *shape) int {
	n := 1
	for _, k := range s.keys {
		if n = min(n, maxSpellings+1) * len(m.values(k)); n == 0 {
			break
		}
	}
	return n
}

// take notes a pattern if it matches, which is sure or to be found out.
func (m *matching) take(e indexed, sure bool) {
	if sure || m.x.patterns[e.pattern].Matches(*m.a) {
		m.found = append(m.found, e.pattern)
	}
}

// values are the folded variants of an attribute, none if the address has it not.
func (m *matching) values(k exactKey) []string {
	if i := slices.Index(m.asked, k); i >= 0 {
		return m.folded[i]
	}
	var v []string
	if is := m.text(k); !is.IsZero() {
		v = k.attr.compared(is)
	}
	m.asked, m.folded = append(m.asked, k), append(m.folded, v)
	return v
}

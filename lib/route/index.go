package route

import (
	"strings"

	"github.com/mtakit/mtakit/lib/oraddr"
)

// The index narrows the rules down to those whose domain and organization can
// match; their patterns decide. It may offer a rule too many, never one too few.

// levels is how many attributes the index knows: C, ADMD, PRMD, O.
const levels = 4

// key is what a rule or an address has for one level.
type key struct {
	value string // folded
	any   bool   // a rule: does not ask for one value; an address: may match several
}

// node is a level of the index.
type node struct {
	exact map[string]*node
	any   *node
	rules []int // at the last level; ascending, so the longest match first
}

func (n *node) add(keys [levels]key, rule int) {
	for _, k := range keys {
		var next *node
		switch {
		case k.any && n.any == nil:
			n.any = new(node)
			next = n.any
		case k.any:
			next = n.any
		default:
			if n.exact == nil {
				n.exact = map[string]*node{}
			}
			if next = n.exact[k.value]; next == nil {
				next = new(node)
				n.exact[k.value] = next
			}
		}
		n = next
	}
	n.rules = append(n.rules, rule)
}

// first returns the first of the rules that matches a, or -1.
func (n *node) first(rules []rule, a *oraddr.Address) int {
	s := search{rules: rules, address: a, keys: keysFor(a), best: len(rules)}
	s.below(n, 0)
	if s.best == len(rules) {
		return -1
	}
	return s.best
}

// search is one walk through the index; best is the first rule seen to match.
type search struct {
	rules   []rule
	address *oraddr.Address
	keys    [levels]key
	best    int
}

func (s *search) below(n *node, level int) {
	switch {
	case n == nil:
		return
	case level == levels:
		s.leaf(n)
		return
	case s.keys[level].any:
		for _, next := range n.exact {
			s.below(next, level+1)
		}
	default:
		s.below(n.exact[s.keys[level].value], level+1)
	}
	s.below(n.any, level+1)
}

func (s *search) leaf(n *node) {
	for _, i := range n.rules {
		if i >= s.best {
			return
		}
		if ok, _ := s.rules[i].pattern.Match(*s.address); ok {
			s.best = i
			return
		}
	}
}

// keysFor returns the keys of an address. A value that has variants besides the
// printable one, or characters whose folding is not plain, may match anything the
// patterns find equal.
func keysFor(a *oraddr.Address) [levels]key {
	keys := [levels]key{keyOf(oraddr.Alpha2(a.C)), keyOf(a.ADMD), keyOf(a.PRMD), keyOf(a.O)}
	if a.Teletex.O != "" || a.Universal.O != (oraddr.Localized{}) {
		keys[levels-1] = key{any: true}
	}
	return keys
}

func keyOf(value string) key {
	for i := 0; i < len(value); i++ {
		if value[i] >= 0x80 {
			return key{any: true}
		}
	}
	return key{value: fold(value)}
}

// wild stands for "*" while a pattern is read as an address.
const wild = "any0value"

// keysOf returns the keys of a pattern. A pattern that cannot be read as an address
// has none and stands under any.
func keysOf(p oraddr.Pattern) [levels]key {
	a, err := oraddr.Parse(strings.ReplaceAll(p.String(), "*", wild))
	if err != nil {
		a = oraddr.Address{}
	}
	keys := keysFor(&a)
	for i, k := range keys {
		// An empty value may be a wish for absence, or for any; only a value of
		// letters or digits is a narrow one. An ADMD of a single space is its own
		// value, but rare enough.
		if k.value == "" || strings.Contains(k.value, wild) {
			keys[i] = key{any: true}
		}
	}
	return keys
}

// fold makes what X.402 §18.4 holds to be equal the same octets, for ASCII.
func fold(s string) string {
	s = strings.Trim(s, " ")
	if strings.Contains(s, "  ") {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
	}
	return strings.ToLower(s)
}

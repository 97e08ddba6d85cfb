package ber

import (
	"fmt"
	"reflect"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Check reports the first mistake in the type of v or in any type it contains:
// one that cannot be compiled, alternatives of a CHOICE that begin alike
// (X.680 §29.3), components of a SET that do (§27.3), components of a SEQUENCE of
// which a decoder could not say which is there (§25.6). It is for tests of
// packages that define types.
func Check(v any) error {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return unencodable("%w: nil has no type to check", ErrType)
	}
	root, err := rootOf(t, "")
	if err != nil {
		return err
	}
	return root.plan.check(map[*plan]bool{})
}

func (p *plan) check(seen map[*plan]bool) error {
	if seen[p] {
		return nil
	}
	seen[p] = true
	var err error
	switch p.kind {
	case kindOf:
		return p.elem.plan.check(seen)
	case kindChoice, kindSet:
		err = p.distinct(func(int) int { return len(p.fields) })
	case kindSequence:
		err = p.distinct(p.reach)
	}
	if err != nil {
		return &Error{Offset: -1, Err: fmt.Errorf("type %v: %w", p.goType, err)}
	}
	for i := range p.fields {
		if err := p.fields[i].plan.check(seen); err != nil {
			return err
		}
	}
	return nil
}

// reach returns the end of the fields of a SEQUENCE that may come in place of the
// i-th: none if it must come, else those up to the next that must.
func (p *plan) reach(i int) int {
	if p.fields[i].presence == mandatory {
		return i
	}
	for j := i + 1; j < len(p.fields); j++ {
		if p.fields[j].presence == mandatory {
			return j + 1
		}
	}
	return len(p.fields)
}

// distinct reports two fields that begin alike, the second of them below reach.
func (p *plan) distinct(reach func(int) int) error {
	for i := range p.fields {
		f := &p.fields[i]
		if f.presence == extension {
			continue
		}
		for j := i + 1; j < reach(i); j++ {
			g := &p.fields[j]
			if g.presence == extension {
				continue
			}
			if f.open() || g.open() {
				return fmt.Errorf("%w: %s and %s: an open type can be anything", ErrType, f.name, g.name)
			}
			for _, t := range f.begins() {
				if g.exactly(t) {
					return fmt.Errorf("%w: %s and %s both begin with %v", ErrType, f.name, g.name, t)
				}
			}
		}
	}
	return nil
}

// open reports whether the node begins with any tag at all.
func (n *node) open() bool { return len(n.tags) == 0 && n.plan.any }

// begins returns the tags a node can begin with.
func (n *node) begins() []asn1.Tag {
	if len(n.tags) > 0 {
		return n.tags[:1]
	}
	tags := make([]asn1.Tag, len(n.plan.firsts))
	for i, f := range n.plan.firsts {
		tags[i] = f.tag
	}
	return tags
}

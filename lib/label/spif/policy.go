package spif

import (
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
)

// A Policy is one that Read has compiled.
type Policy struct {
	name                string
	id                  asn1.OID
	info                Info
	notBefore, notAfter time.Time // zero: no bound

	classes    []*class // by rank
	classOf    map[mts.SecurityClassification]*class
	classNamed map[string]*class

	sets     []*tagSet
	setOf    map[asn1.OID]*tagSet
	setNamed map[string]*tagSet
	tags     []*tag // of all sets

	privacy     privacyMarks
	equivalents []equivalentPolicy
	own, whole  markings // of the policy's name, and of the marking as a whole

	labelSyntax, clearanceSyntax asn1.OID

	grammarsOf map[Carrier]func() []*grammar // of markings
}

// Info is what a policy says of itself.
type Info struct {
	Schema     string // 1.0, 2.0 or 2.1
	Version    string
	Created    string
	Originator string
	Default    asn1.OID // the policy of what has no label, "" where none is named
	Warnings   []string // what of the file was passed over, with its line
}

// Name returns the policy's name.
func (p *Policy) Name() string { return p.name }

// ID returns the policy's object identifier.
func (p *Policy) ID() asn1.OID { return p.id }

// Info returns what the policy says of itself.
func (p *Policy) Info() Info {
	info := p.info
	info.Warnings = slices.Clone(info.Warnings)
	return info
}

// A Classification is one of a policy.
type Classification struct {
	Name     string
	Value    mts.SecurityClassification // the lacv
	Rank     int64                      // the hierarchy: more is more sensitive
	Color    string                     // "" where none is given
	Obsolete bool
}

// A Category is one value of a tag of a policy.
type Category struct {
	Set, Tag, Name string
	SetID          asn1.OID
	Kind           label.Kind // 0 of one that no label carries
	Value          label.Value
	Obsolete       bool
}

type class struct {
	Classification
	equivalents []equivalentClass
	marking     markings
	required    []requirement
}

type tagSet struct {
	name        string
	id          asn1.OID
	tags        []*tag
	values      map[label.Kind]map[label.Value]*category
	named       map[string][]*category // by folded names, those that labels can have
	equivalents []equivalentSet
}

type tag struct {
	set        *tagSet
	index      int // in Policy.tags
	name       string
	kind       label.Kind
	least      int // values a label must have of it
	most       int // and may have; 0: any number
	categories []*category
	marking    markings
}

type category struct {
	Category
	tag                 *tag
	next                *category // another of the same set, kind and value
	excludedClasses     []*class
	requiredClass       *class
	required            []requirement
	excluded            []reference
	equivalents         []equivalentCategory
	marking             markings
	notBefore, notAfter time.Time
}

// operation says how many of the references of a requirement must hold.
type operation uint8

const (
	onlyOne operation = iota + 1
	oneOrMore
	all
)

func (o operation) String() string {
	return [...]string{"?", "only one", "one or more", "all"}[o]
}

// requirement is a requiredCategory.
type requirement struct {
	op   operation
	refs []reference
}

// reference is a categoryGroup or excludedCategory: one value, or any of a kind of
// a tag set.
type reference struct {
	set    *tagSet
	kind   label.Kind
	value  label.Value // "" with any
	any    bool
	known  bool   // the policy has the value
	called string // for texts
}

type equivalentPolicy struct {
	name     string
	id       asn1.OID
	required []foreign
}

type equivalentClass struct {
	policy   asn1.OID
	value    mts.SecurityClassification
	applied  Applied
	required []foreign
}

type equivalentCategory struct {
	policy  asn1.OID
	set     asn1.OID
	kind    label.Kind
	value   label.Value
	applied Applied
	discard bool
}

type equivalentSet struct {
	policy   asn1.OID
	required []foreign
}

// foreign is a requiredCategory of another policy, whose names it has.
type foreign struct {
	op   operation
	refs []foreignReference
}

type foreignReference struct {
	set   string
	kind  label.Kind
	value label.Value // "" where all of the tag is meant
	line  int
}

type privacyMarks struct {
	marks   []privacyMark
	marking markings
}

type privacyMark struct {
	name     string
	obsolete bool
	marking  markings
}

// Classifications returns the classifications, the lowest rank first.
func (p *Policy) Classifications() []Classification {
	list := make([]Classification, len(p.classes))
	for i, c := range p.classes {
		list[i] = c.Classification
	}
	return list
}

// Classification returns the classification of a value.
func (p *Policy) Classification(n mts.SecurityClassification) (Classification, bool) {
	if c := p.classOf[n]; c != nil {
		return c.Classification, true
	}
	return Classification{}, false
}

// ClassificationNamed returns the classification of a name; letter case and blanks
// more than one do not count.
func (p *Policy) ClassificationNamed(name string) (Classification, bool) {
	if c := p.classNamed[fold(name)]; c != nil {
		return c.Classification, true
	}
	return Classification{}, false
}

// Rank returns the hierarchy of the classification of a label, and whether it has
// one that the policy knows.
func (p *Policy) Rank(l *label.Label) (int64, bool) {
	if l == nil || l.Classification == nil {
		return 0, false
	}
	c := p.classOf[*l.Classification]
	if c == nil {
		return 0, false
	}
	return c.Rank, true
}

// Categories returns every category, in the order of the file.
func (p *Policy) Categories() []Category {
	var list []Category
	for _, t := range p.tags {
		for _, c := range t.categories {
			list = append(list, c.Category)
		}
	}
	return list
}

// Category returns what the policy has for a value of a label.
func (p *Policy) Category(set asn1.OID, kind label.Kind, v label.Value) (Category, bool) {
	if s := p.setOf[set]; s != nil {
		if c, _ := s.find(kind, v); c != nil {
			return c.Category, true
		}
	}
	return Category{}, false
}

// Has reports whether a label has a category.
func (c *Category) Has(l *label.Label) bool {
	return l != nil && c.Kind != 0 && hasValue(l, c.SetID, c.Kind, c.Value)
}

func hasValue(l *label.Label, set asn1.OID, kind label.Kind, v label.Value) bool {
	if !kind.Decides() {
		return l.Has(set, label.Informative, v) || l.Has(set, label.EnumeratedInformative, v)
	}
	return l.Has(set, kind, v)
}

// side is what a kind does to access and how: the key of values. Of informative
// ones the encoding does not matter.
func side(k label.Kind) label.Kind {
	if k == label.EnumeratedInformative {
		return label.Informative
	}
	return k
}

// find returns the category of a value. An Enumerated one, of which SDN.801 leaves
// the side to the policy, is found on either, and on both is ambiguous.
func (s *tagSet) find(kind label.Kind, v label.Value) (c *category, ambiguous bool) {
	if kind != label.Enumerated {
		return s.values[side(kind)][v], false
	}
	one, other := s.values[label.EnumeratedPermissive][v], s.values[label.EnumeratedRestrictive][v]
	switch {
	case one != nil && other != nil:
		return nil, true
	case one != nil:
		return one, false
	}
	return other, false
}

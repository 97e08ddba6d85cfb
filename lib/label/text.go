package label

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// Names are what policies call the numbers of labels and clearances; a Set of
// package spif has them. An error says what is not known, or is not unambiguous.
type Names interface {
	// Policy returns the identifier of a policy of a name; Syntax the syntaxes it has
	// for the categories of labels and of clearances.
	Policy(name string) (asn1.OID, error)
	Syntax(policy asn1.OID) (ofLabels, ofClearances asn1.OID)
	// Class returns the classification of a name; ClassesTo those up to and including it.
	Class(policy asn1.OID, name string) (mts.SecurityClassification, error)
	ClassesTo(policy asn1.OID, name string) ([]mts.SecurityClassification, error)
	// Category returns the tag with the value of a name, tag being "" where the set
	// alone was given; All returns every value of the tag.
	Category(policy asn1.OID, set, tag, name string) (Tag, error)
	All(policy asn1.OID, set, tag string) ([]Tag, error)
	// The names of numbers, "" for those that have none.
	PolicyName(policy asn1.OID) string
	ClassName(policy asn1.OID, n mts.SecurityClassification) string
	CategoryName(policy asn1.OID, set asn1.OID, kind Kind, v Value) (setName, tagName, name string)
}

// maxText bounds the text form of a label or clearance, and maxElements its
// elements.
const (
	maxText     = 128 << 10
	maxElements = 1024
)

// Parse reads the text form of a label, as mtactl-label(1) has it:
//
//	policy=ALLIANCE; class=SECRET; Special Handling=CRYPTO; Releasable To=AAA,BBB
//	policy=2.999.1; class=4; 2.999.1.1:restrictive=2
//
// Names may be nil: then there are numbers only. Errors are of kind Data and name
// the octet.
func Parse(text string, names Names) (*Label, error) {
	p := parser{op: "label", names: names}
	l := &Label{}
	tags, err := p.parse(text, func(e *element) error {
		if e.upTo {
			return e.errorf("class<= is for clearances")
		}
		switch e.key() {
		case "policy":
			l.Policy = p.policy
		case "class":
			n, err := p.class(e)
			l.Classification = &n
			return err
		case "mark":
			mark, err := e.one()
			l.PrivacyMark = mark
			return err
		case "unknown":
			raw, err := e.octets()
			l.Unknown = append(l.Unknown, raw)
			return err
		default:
			return e.errorf("%q is not part of a label", e.words[0].text)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	ofLabels, _ := p.syntaxes()
	l.Categories = p.categories(ofLabels, SyntaxSDN801, tags)
	return l, nil
}

// ParseClearance reads the text form of a clearance. It is that of a label, with
// any number of classifications, class<=NAME for those up to one, and SET=* for
// all values of a tag set. Without a class it has unclassified alone, the DEFAULT
// of RFC 5755.
func ParseClearance(text string, names Names) (*Clearance, error) {
	p := parser{op: "clearance", names: names, clearance: true}
	c := &Clearance{Classes: []mts.SecurityClassification{mts.Unclassified}}
	tags, err := p.parse(text, func(e *element) (err error) {
		switch e.key() {
		case "policy":
			c.Policy = p.policy
		case "class":
			c.Classes, err = p.classes(e)
		default:
			err = e.errorf("%q is not part of a clearance", e.words[0].text)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.Policy == "" {
		return nil, diag.New("clearance", diag.Data, "policy= is missing")
	}
	_, ofClearances := p.syntaxes()
	c.Categories = p.categories(ofClearances, SyntaxSDN801Clearance, tags)
	return c, nil
}

// word is a name, number or value; one that was quoted is never a keyword.
type word struct {
	text   string
	quoted bool
	at     int
}

// element is one KEY=VALUE,VALUE of the text form; the key has up to three words
// between colons.
type element struct {
	words  []word
	values []word
	upTo   bool // class<=
}

func (e *element) key() string {
	if len(e.words) == 1 && !e.words[0].quoted {
		return e.words[0].text
	}
	return ""
}

func (e *element) errorf(format string, args ...any) error {
	return fmt.Errorf("at octet %d: %w", e.words[0].at+1, fmt.Errorf(format, args...))
}

func (e *element) one() (string, error) {
	if len(e.values) != 1 {
		return "", e.errorf("%q takes one value", e.words[0].text)
	}
	return e.values[0].text, nil
}

func (e *element) octets() (ber.Raw, error) {
	text, err := e.one()
	if err != nil {
		return nil, err
	}
	octets, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, e.errorf("%w", err)
	}
	var raw ber.Raw
	if err := whole(octets, &raw, ""); err != nil {
		return nil, e.errorf("%w", err)
	}
	return raw, nil
}

type parser struct {
	op        string
	names     Names
	clearance bool
	policy    asn1.OID
	sdn       []sdnElements // of elements that ask for SDN.801
	opaque    []Category    // of elements type:OID=
}

// sdnElements are tags of SDN.801, and the policy that they name for themselves.
type sdnElements struct {
	policy asn1.OID
	tags   []Tag
}

func (p *parser) addSDN(policy asn1.OID, tags ...Tag) {
	i := slices.IndexFunc(p.sdn, func(e sdnElements) bool { return e.policy == policy })
	if i < 0 {
		i, p.sdn = len(p.sdn), append(p.sdn, sdnElements{policy: policy})
	}
	p.sdn[i].tags = append(p.sdn[i].tags, tags...)
}

// keywords are the words that an element may begin with instead of a tag set.
var keywords = []string{"policy", "class", "mark", "unknown", "type", "sdn801"}

// parse reads the elements, hands those without tags to known, and returns the
// tags. The policy comes first, for the names are its.
func (p *parser) parse(text string, known func(*element) error) ([]Tag, error) {
	if len(text) > maxText {
		return nil, diag.E(p.op, diag.Data, fmt.Errorf("a text of %d octets", len(text)))
	}
	tags, err := p.elements(text, known)
	return tags, diag.E(p.op, diag.Data, err)
}

func (p *parser) elements(text string, known func(*element) error) ([]Tag, error) {
	elements, err := split(text)
	if err != nil {
		return nil, err
	}
	var tags []Tag
	seen := map[string]bool{}
	values := 0
	for i := range elements {
		e := &elements[i]
		key := e.key()
		if key != "" && key != "unknown" && slices.Contains(keywords, key) {
			if seen[key] {
				return nil, e.errorf("%s is given twice", key)
			}
			seen[key] = true
		}
		switch {
		case key == "policy":
			if i > 0 {
				return nil, e.errorf("the policy comes first")
			}
			if p.policy, err = p.policyOf(e); err == nil {
				err = known(e)
			}
		case slices.Contains(keywords, key):
			err = known(e)
		default:
			var more []Tag
			more, err = p.tags(e)
			for _, t := range more {
				values += len(t.Values)
			}
			if values > maxValues {
				err = e.errorf("more than %d values", maxValues)
			}
			tags = append(tags, more...)
		}
		if err != nil {
			return nil, err
		}
		if n := p.count(tags); n > maxTags {
			return nil, e.errorf("more than %d tags", maxTags)
		}
	}
	return tags, nil
}

// count is how many tags there are by now.
func (p *parser) count(tags []Tag) int {
	n := len(tags)
	for i := range p.sdn {
		n += len(p.sdn[i].tags)
	}
	for i := range p.opaque {
		n += len(p.opaque[i].Tags)
	}
	return n
}

func (p *parser) policyOf(e *element) (asn1.OID, error) {
	name, err := e.one()
	if err != nil {
		return "", err
	}
	if p.names != nil {
		if oid, err := p.names.Policy(name); err == nil {
			return oid, nil
		} else if asn1.OID(name).Valid() != nil {
			return "", e.errorf("%w", err)
		}
	}
	if oid := asn1.OID(name); oid.Valid() == nil && len(oid) <= 256 {
		return oid, nil
	}
	return "", e.errorf("%q is no object identifier, and no policy is loaded that has this name", clip(name))
}

func (p *parser) class(e *element) (mts.SecurityClassification, error) {
	name, err := e.one()
	if err != nil {
		return 0, err
	}
	return p.classOf(e, name)
}

func (p *parser) classOf(e *element, name string) (mts.SecurityClassification, error) {
	var unknown error
	if p.names != nil {
		n, err := p.names.Class(p.policy, name)
		if err == nil {
			return n, nil
		}
		unknown = err
	}
	digits := strings.TrimPrefix(name, "#")
	if n, err := strconv.ParseUint(digits, 10, 31); err == nil {
		return mts.SecurityClassification(n), nil
	}
	if unknown == nil {
		unknown = fmt.Errorf("%q is no number, and no policy is loaded", clip(name))
	}
	return 0, e.errorf("%w", unknown)
}

func (p *parser) classes(e *element) ([]mts.SecurityClassification, error) {
	if e.upTo {
		name, err := e.one()
		if err != nil {
			return nil, err
		}
		if p.names == nil {
			return nil, e.errorf("class<= needs a policy to know what is below")
		}
		all, err := p.names.ClassesTo(p.policy, name)
		if err != nil {
			return nil, e.errorf("%w", err)
		}
		return all, nil
	}
	all := []mts.SecurityClassification{}
	if len(e.values) == 1 && e.values[0] == (word{at: e.values[0].at}) {
		return all, nil // class= grants nothing
	}
	for _, v := range e.values {
		n, err := p.classOf(e, v.text)
		if err != nil {
			return nil, err
		}
		if n > MaxBit {
			return nil, e.errorf("classification %d is beyond %d", int64(n), MaxBit)
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// tags reads the forms of an element of categories:
//
//	SET=NAME,NAME  SET:TAG=NAME,NAME    names of a policy
//	OID:KIND=NUMBER,NUMBER              numbers
//	sdn801:OID:KIND=…                   likewise, in the syntax of SDN.801
//	sdn801/POLICY:OID:KIND=…            likewise, with a policy in the category
//	type:OID=BASE64                     what is not understood
func (p *parser) tags(e *element) ([]Tag, error) {
	first := e.words[0]
	sdn, named, hasPolicy := first.text == "sdn801", "", false
	if rest, ok := strings.CutPrefix(first.text, "sdn801/"); ok && !first.quoted {
		sdn, named, hasPolicy = true, rest, true
	}
	switch {
	case first.quoted || len(e.words) == 1:
	case first.text == "type" && len(e.words) == 2:
		raw, err := e.octets()
		if err != nil {
			return nil, err
		}
		syntax := asn1.OID(e.words[1].text)
		if syntax.Valid() != nil || len(syntax) > 256 {
			return nil, e.errorf("%q is no object identifier", clip(string(syntax)))
		}
		var r reading
		c, err := r.category(syntax, raw)
		if err != nil {
			return nil, e.errorf("%w", err)
		}
		p.opaque = append(p.opaque, c)
		return nil, nil
	case sdn && len(e.words) == 3:
		oid := asn1.OID(named)
		if hasPolicy && (oid.Valid() != nil || len(oid) > 256) {
			return nil, e.errorf("%q is no object identifier", clip(named))
		}
		t, err := numbers(e, e.words[1].text, e.words[2].text)
		if err == nil {
			p.addSDN(oid, t)
		}
		return nil, err
	}
	set, tag := e.words[0], ""
	switch len(e.words) {
	case 1:
	case 2:
		tag = e.words[1].text
		if _, isKind := ParseKind(tag); isKind && !set.quoted && asn1.OID(set.text).Valid() == nil {
			t, err := numbers(e, set.text, tag)
			return []Tag{t}, err
		}
	default:
		return nil, e.errorf("a category is SET=NAME, SET:TAG=NAME or OID:KIND=NUMBER")
	}
	if p.names == nil {
		return nil, e.errorf("no policy is loaded that knows %q: without one a category is OID:KIND=NUMBER", clip(set.text))
	}
	if p.clearance && len(e.values) == 1 && e.values[0].text == "*" && !e.values[0].quoted {
		all, err := p.names.All(p.policy, set.text, tag)
		if err != nil {
			return nil, e.errorf("%w", err)
		}
		return all, nil
	}
	var tags []Tag
	for _, v := range e.values {
		t, err := p.names.Category(p.policy, set.text, tag, v.text)
		if err != nil {
			return nil, e.errorf("%w", err)
		}
		i := slices.IndexFunc(tags, func(o Tag) bool { return o.Set == t.Set && o.Kind == t.Kind })
		if i < 0 {
			tags = append(tags, t)
			continue
		}
		tags[i].Values = append(tags[i].Values, t.Values...)
	}
	for i, t := range tags {
		tags[i] = NewTag(t.Set, t.Kind, t.Values...)
	}
	return tags, nil
}

// numbers reads a tag without names.
func numbers(e *element, set, kindName string) (Tag, error) {
	kind, ok := ParseKind(kindName)
	if oid := asn1.OID(set); !ok || oid.Valid() != nil || len(oid) > 256 {
		return Tag{}, e.errorf("%s:%s is no tag set and kind", clip(set), clip(kindName))
	}
	var values []Value
	if len(e.values) == 1 && e.values[0].text == "" {
		return NewTag(asn1.OID(set), kind), nil
	}
	for _, v := range e.values {
		n, err := ParseValue(v.text)
		if err == nil && kind.Bits() {
			_, err = n.position()
		}
		if err != nil {
			return Tag{}, e.errorf("%w", err)
		}
		values = append(values, n)
	}
	return NewTag(asn1.OID(set), kind, values...), nil
}

func (p *parser) syntaxes() (ofLabels, ofClearances asn1.OID) {
	if p.names == nil {
		return SyntaxACP145, SyntaxACP145
	}
	return p.names.Syntax(p.policy)
}

// categories puts tags into categories of the syntax of the policy. What SDN.801
// alone can say is said in it; sdn is its form, of labels or of clearances, of which
// only the first can name a policy.
func (p *parser) categories(syntax, sdn asn1.OID, tags []Tag) []Category {
	var plain []Tag
	for _, t := range tags {
		if syntax == sdn || t.Kind == Enumerated {
			p.addSDN("", t)
		} else {
			plain = append(plain, t)
		}
	}
	all := Carry(SyntaxACP145, plain)
	for _, e := range p.sdn {
		if e.policy == "" {
			all = append(all, Carry(sdn, e.tags)...)
			continue
		}
		with := Carry(SyntaxSDN801, e.tags)
		with[0].Policy = e.policy
		all = append(all, with...)
	}
	return append(all, p.opaque...)
}

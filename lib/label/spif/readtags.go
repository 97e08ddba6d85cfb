package spif

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/label"
)

func (c *compiler) tagSets(e *element) error {
	return c.each(e, map[string]func(*element) error{"securityCategoryTagSet": c.tagSet})
}

func (c *compiler) tagSet(e *element) error {
	s := &tagSet{values: map[label.Kind]map[label.Value]*category{}, named: map[string][]*category{}}
	var err error
	if s.name, s.id, err = c.named(e); err != nil {
		return err
	}
	if c.p.setNamed[fold(s.name)] != nil || c.p.setOf[s.id] != nil {
		return c.errorf(e.line, "tag set %q, %s, has the name or id of another", s.name, s.id)
	}
	c.p.setNamed[fold(s.name)], c.p.setOf[s.id] = s, s
	c.p.sets = append(c.p.sets, s)
	return c.each(e, map[string]func(*element) error{
		"securityCategoryTag":              func(e *element) error { return c.tag(e, s) },
		"equivalentSecurityCategoryTagSet": func(e *element) error { return c.equivalentSet(e, s) },
	})
}

func (c *compiler) equivalentSet(e *element, s *tagSet) error {
	policy, err := c.policyRef(e)
	if err != nil {
		return err
	}
	_, _ = e.attr("name") // values are mapped one by one, or not at all
	_, _ = e.attr("id")
	q := equivalentSet{policy: policy}
	if err := c.each(e, map[string]func(*element) error{"requiredCategory": c.foreignRequirement(&q.required)}); err != nil {
		return err
	}
	if policy != "" {
		s.equivalents = append(s.equivalents, q)
	}
	return nil
}

// kind reads tagType, enumType and tag7Encoding; 0 is notApplicable. Informative
// stands for the enumerated ones, too, where the encoding is not told.
func (c *compiler) kind(e *element) (label.Kind, error) {
	tagType, err := c.need(e, "tagType")
	if err != nil {
		return 0, err
	}
	enumType, _ := e.attr("enumType")
	tag7, _ := e.attr("tag7Encoding")
	switch tagType {
	case "restrictive":
		return label.Restrictive, nil
	case "permissive":
		return label.Permissive, nil
	case "enumerated":
		switch enumType {
		case "restrictive":
			return label.EnumeratedRestrictive, nil
		case "permissive":
			return label.EnumeratedPermissive, nil
		}
		return 0, c.errorf(e.line, "enumType %q is neither restrictive nor permissive", enumType)
	case "tagType7":
		switch tag7 {
		case "securityAttributes":
			return label.EnumeratedInformative, nil
		case "bitSetAttributes", "":
			return label.Informative, nil
		}
		return 0, c.errorf(e.line, "tag7Encoding %q is neither bitSetAttributes nor securityAttributes", tag7)
	case "notApplicable":
		return 0, nil
	}
	return 0, c.errorf(e.line, "tagType %q is none of restrictive, enumerated, permissive, tagType7, notApplicable", tagType)
}

func (c *compiler) tag(e *element, s *tagSet) error {
	t := &tag{set: s, index: len(c.p.tags)}
	name, _ := e.attr("name")
	t.name = strings.TrimSpace(name)
	var err error
	if t.kind, err = c.kind(e); err != nil {
		return err
	}
	single, err := c.boolean(e, "singleSelection")
	if err != nil {
		return err
	}
	if t.most, err = c.selection(e, "maxSelection"); err != nil {
		return err
	}
	if t.least, err = c.selection(e, "minSelection"); err != nil {
		return err
	}
	if single && (t.most == 0 || t.most > 1) {
		t.most = 1
	}
	if t.most > 0 && t.least > t.most {
		return c.errorf(e.line, "minSelection is more than maxSelection: no label could be valid")
	}
	s.tags, c.p.tags = append(s.tags, t), append(c.p.tags, t)
	return c.each(e, map[string]func(*element) error{
		"tagCategory":      func(e *element) error { return c.category(e, t) },
		"markingQualifier": c.markingQualifier(&t.marking),
	})
}

// selection reads a number of values; unbounded is 0.
func (c *compiler) selection(e *element, name string) (int, error) {
	text, ok := e.attr(name)
	if text = strings.TrimSpace(text); !ok || text == "unbounded" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 && name == "maxSelection" {
		return 0, c.errorf(e.line, "%s %q is no number of values, nor unbounded", name, text)
	}
	return int(n), nil
}

func (c *compiler) category(e *element, t *tag) error {
	k := &category{tag: t, Category: Category{Set: t.set.name, Tag: t.name, SetID: t.set.id, Kind: t.kind}}
	name, err := c.need(e, "name")
	if err != nil {
		return err
	}
	k.Name = strings.TrimSpace(name)
	lacv, _ := e.attr("lacv")
	if k.Obsolete, err = c.boolean(e, "obsolete"); err != nil {
		return err
	}
	if k.notBefore, k.notAfter, err = c.validity(e); err != nil {
		return err
	}
	if input, ok := e.attr("userInput"); ok {
		c.warnf(e.line, "category %q is for users to fill in (%s), which labels of X.411 and ESS cannot carry", k.called(), input)
	}
	_, _ = e.attr("dateFormat")
	if err := c.value(e, k, lacv); err != nil {
		return err
	}
	t.categories = append(t.categories, k)
	if k.Kind != 0 {
		t.set.named[fold(k.Name)] = append(t.set.named[fold(k.Name)], k)
	}
	if required, ok := e.attr("requiredClass"); ok {
		c.later = append(c.later, func() error {
			k.requiredClass = c.p.classNamed[fold(required)]
			if k.requiredClass == nil {
				return c.errorf(e.line, "requiredClass %q is no classification", required)
			}
			return nil
		})
	}
	return c.each(e, map[string]func(*element) error{
		"equivalentSecCategoryTag": func(e *element) error { return c.equivalentCategory(e, k) },
		"markingData":              c.markingData(&k.marking),
		"markingQualifier":         c.markingQualifier(&k.marking),
		"excludedClass": func(e *element) error {
			c.later = append(c.later, func() error {
				excluded := c.p.classNamed[fold(e.text)]
				if excluded == nil {
					return c.errorf(e.line, "excludedClass %q is no classification", e.text)
				}
				k.excludedClasses = append(k.excludedClasses, excluded)
				return nil
			})
			return nil
		},
		"requiredCategory": c.requirement(&k.required),
		"excludedCategory": func(e *element) error {
			for _, known := range []string{"tagSetRef", "tagType", "enumType", "tag7Encoding", "lacv", "all"} {
				_, _ = e.attr(known) // read later; all is what no lacv means
			}
			c.later = append(c.later, func() error {
				ref, err := c.reference(e)
				k.excluded = append(k.excluded, ref)
				return err
			})
			return nil
		},
	})
}

// value reads the lacv of a category. One that is no number, which other formats of
// labels have, stays without a value: no label can have it.
func (c *compiler) value(e *element, k *category, lacv string) error {
	v, err := label.ParseValue(strings.TrimSpace(lacv))
	if err != nil {
		c.warnf(e.line, "lacv of category %q: %v: no label of X.411 or ESS can have it", k.called(), err)
		k.Kind = 0
		return nil
	}
	k.Value = v
	if k.Kind == 0 {
		return nil
	}
	if n, err := strconv.Atoi(string(v)); k.Kind.Bits() && (err != nil || n > label.MaxBit) {
		return c.errorf(e.line, "lacv %s of category %q is no position of a bit from 0 to %d", v, k.called(), label.MaxBit)
	}
	values := k.tag.set.values[side(k.Kind)]
	if values == nil {
		values = map[label.Value]*category{}
		k.tag.set.values[side(k.Kind)] = values
	}
	if first := values[v]; first != nil {
		c.warnf(e.line, "categories %q and %q have the same lacv %s: the rules of both apply", first.called(), k.called(), v)
		k.next, first.next = first.next, k
		return nil
	}
	values[v] = k
	return nil
}

func (c *compiler) equivalentCategory(e *element, k *category) error {
	policy, err := c.policyRef(e)
	if err != nil {
		return err
	}
	q := equivalentCategory{policy: policy}
	if q.applied, err = c.applied(e); err != nil {
		return err
	}
	action, given := e.attr("action")
	switch {
	case action == "discard":
		q.discard = true
		for _, unused := range []string{"tagSetId", "tagType", "enumType", "tag7Encoding", "lacv"} {
			_, _ = e.attr(unused) // as the schema says of a discarded one
		}
	case given:
		return c.errorf(e.line, "action %q is not discard", action)
	default:
		if q.set, err = c.oid(e, "tagSetId"); err != nil {
			return err
		}
		if q.kind, err = c.kind(e); err != nil {
			return err
		}
		lacv, err := c.need(e, "lacv")
		if err != nil {
			return err
		}
		if q.value, err = label.ParseValue(strings.TrimSpace(lacv)); err != nil {
			return c.errorf(e.line, "lacv: %w", err)
		}
	}
	if policy != "" {
		k.equivalents = append(k.equivalents, q)
	}
	return nil
}

// requirement reads a requiredCategory, whose references may be to what comes after.
func (c *compiler) requirement(to *[]requirement) func(*element) error {
	return func(e *element) error {
		op, groups, err := c.required(e)
		if err != nil {
			return err
		}
		c.later = append(c.later, func() error {
			r := requirement{op: op}
			for _, g := range groups {
				refs, err := c.references(g)
				if err != nil {
					return err
				}
				r.refs = append(r.refs, refs...)
			}
			*to = append(*to, r)
			return nil
		})
		return nil
	}
}

func (c *compiler) required(e *element) (operation, []*element, error) {
	text, err := c.need(e, "operation")
	if err != nil {
		return 0, nil, err
	}
	op, ok := map[string]operation{"onlyOne": onlyOne, "oneOrMore": oneOrMore, "all": all}[text]
	if !ok {
		return 0, nil, c.errorf(e.line, "operation %q is none of onlyOne, oneOrMore, all", text)
	}
	var groups []*element
	err = c.each(e, map[string]func(*element) error{"categoryGroup": func(g *element) error {
		for _, known := range []string{"tagSetRef", "tagType", "enumType", "tag7Encoding", "lacv", "all"} {
			_, _ = g.attr(known) // read later
		}
		groups = append(groups, g)
		return nil
	}})
	if err == nil && len(groups) == 0 {
		err = c.errorf(e.line, "<requiredCategory> requires nothing")
	}
	return op, groups, err
}

// references reads a categoryGroup. With all="true" every value of the tag stands
// there by itself: of "only one" a label has one of them.
func (c *compiler) references(e *element) ([]reference, error) {
	ref, err := c.reference(e)
	if err != nil {
		return nil, err
	}
	every, err := c.boolean(e, "all")
	if err != nil || !every || !ref.any {
		return []reference{ref}, err
	}
	var refs []reference
	for _, t := range ref.set.tags {
		for _, k := range t.categories {
			if side(t.kind) == side(ref.kind) {
				if c.refs++; c.refs > maxReferences {
					return nil, c.errorf(e.line, "requirements of more than %d categories together", maxReferences)
				}
				refs = append(refs, reference{set: ref.set, kind: k.Kind, value: k.Value, known: k.Kind != 0, called: k.called()})
			}
		}
	}
	return refs, nil
}

func (c *compiler) reference(e *element) (reference, error) {
	name, err := c.need(e, "tagSetRef")
	if err != nil {
		return reference{}, err
	}
	ref := reference{set: c.p.setNamed[fold(name)]}
	if ref.set == nil {
		return ref, c.errorf(e.line, "tagSetRef %q is no tag set", name)
	}
	if ref.kind, err = c.kind(e); err != nil {
		return ref, err
	}
	lacv, ok := e.attr("lacv")
	if !ok {
		ref.any, ref.called = true, "any of "+ref.set.name
		return ref, nil
	}
	if ref.value, err = label.ParseValue(strings.TrimSpace(lacv)); err != nil {
		return ref, c.errorf(e.line, "lacv: %w", err)
	}
	if known := ref.set.values[side(ref.kind)][ref.value]; known != nil {
		ref.known, ref.called = true, known.called()
		return ref, nil
	}
	c.warnf(e.line, "%s has no %v category with the lacv %s", ref.set.name, ref.kind, ref.value)
	ref.called = fmt.Sprintf("%s=%s", ref.set.name, ref.value)
	return ref, nil
}

func (c *compiler) foreignRequirement(to *[]foreign) func(*element) error {
	return func(e *element) error {
		op, groups, err := c.required(e)
		if err != nil {
			return err
		}
		f := foreign{op: op}
		for _, g := range groups {
			name, err := c.need(g, "tagSetRef")
			if err != nil {
				return err
			}
			ref := foreignReference{set: name, line: g.line}
			if ref.kind, err = c.kind(g); err != nil {
				return err
			}
			if lacv, ok := g.attr("lacv"); ok {
				if ref.value, err = label.ParseValue(strings.TrimSpace(lacv)); err != nil {
					return c.errorf(g.line, "lacv: %w", err)
				}
			}
			f.refs = append(f.refs, ref)
		}
		*to = append(*to, f)
		return nil
	}
}

func (c *compiler) privacyMarks(e *element) error {
	marks := &c.p.privacy
	_, _ = e.attr("maxSelection") // a label has one privacy mark
	_, _ = e.attr("minSelection")
	return c.each(e, map[string]func(*element) error{
		"privacyMark": func(e *element) error {
			name, err := c.need(e, "name")
			if err != nil {
				return err
			}
			m := privacyMark{name: strings.TrimSpace(name)}
			if m.obsolete, err = c.boolean(e, "obsolete"); err != nil {
				return err
			}
			err = c.each(e, map[string]func(*element) error{
				"markingData": c.markingData(&m.marking), "markingQualifier": c.markingQualifier(&m.marking),
			})
			marks.marks = append(marks.marks, m)
			return err
		},
		"markingData":      c.markingData(&marks.marking),
		"markingQualifier": c.markingQualifier(&marks.marking),
	})
}

package spif

import (
	"fmt"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/label"
)

// Applied says when an equivalence holds.
type Applied uint8

// Whoever releases, such as the originator or a border MTA, maps to Encrypt; a
// recipient, before opening, to Decrypt.
const (
	Encrypt Applied = 1 << iota
	Decrypt
)

// Convert returns the label of another policy that is equivalent to a label of this
// one. The verdict denies, and no label is returned, if the label is not valid, if
// its classification or a category has no equivalent or more than one that fits, if
// a restriction would become looser, or if the result is not valid in the other
// policy. What restricts nobody, or what the policy itself lets go with
// action="discard", is left out and remarked upon.
func (p *Policy) Convert(l *label.Label, to *Policy, as Applied, now time.Time) (*label.Label, Verdict) {
	return p.convert(l, to, as, now, false)
}

// ExplainConvert is Convert with the steps that led to the verdict.
func (p *Policy) ExplainConvert(l *label.Label, to *Policy, as Applied, now time.Time) (*label.Label, Verdict) {
	return p.convert(l, to, as, now, true)
}

func (p *Policy) convert(l *label.Label, to *Policy, as Applied, now time.Time, explain bool) (*label.Label, Verdict) {
	j := judge{p: p, now: now, explain: explain}
	if to.id == p.id {
		j.valid(l)
		if v := j.verdict(); !v.Allowed {
			return nil, v
		}
		return l, j.verdict()
	}
	j.valid(l)
	if len(j.v.Reasons) > 0 {
		return nil, j.verdict()
	}
	c := converter{judge: &j, from: p, to: to, as: as, label: l, result: &label.Label{Policy: to.id, PrivacyMark: l.PrivacyMark}}
	c.class()
	for i := range l.Categories {
		for n := range l.Categories[i].Tags {
			c.tag(&l.Categories[i].Tags[n])
		}
	}
	c.requiredByPolicies()
	c.privacyMark()
	if len(j.v.Reasons) > 0 {
		return nil, j.verdict()
	}
	c.finish()
	if len(j.v.Reasons) > 0 {
		return nil, j.verdict()
	}
	j.p = to
	j.valid(c.result)
	if len(j.v.Reasons) > 0 {
		return nil, j.verdict()
	}
	return c.result, j.verdict()
}

type converter struct {
	*judge
	from, to *Policy
	as       Applied
	label    *label.Label
	result   *label.Label
	values   []mapped
}

// mapped is a value of the result, and what of the label it comes of.
type mapped struct {
	to   *category
	from demand // zero where the policy adds the value
	name string // of what it comes of
}

// demand is what a clearance must have one value for: a permissive tag, or one value
// of a restrictive one.
type demand struct {
	in    *label.Tag
	tag   *tag
	value label.Value
}

func (c *converter) class() {
	k := c.from.classOf[*c.label.Classification]
	var fit []*equivalentClass
	for i := range k.equivalents {
		if e := &k.equivalents[i]; e.policy == c.to.id && e.applied&c.as != 0 {
			fit = append(fit, e)
		}
	}
	switch {
	case len(fit) == 0:
		c.deny(Reason{Word: NoEquivalent, Classification: k.Name, Text: fmt.Sprintf("%s %s has no equivalent in %s", c.from.name, k.Name, c.to.name)})
		return
	case len(fit) > 1:
		c.deny(Reason{Word: AmbiguousEquivalent, Classification: k.Name, Text: fmt.Sprintf("%s %s has %d equivalents in %s", c.from.name, k.Name, len(fit), c.to.name)})
		return
	case c.to.classOf[fit[0].value] == nil:
		c.deny(Reason{Word: NoEquivalent, Classification: k.Name, Text: fmt.Sprintf("%s has no classification %d, which is said to be equivalent to %s %s", c.to.name, int64(fit[0].value), c.from.name, k.Name)})
		return
	}
	c.result.Classification = new(fit[0].value)
	c.step("classification %s %s is %s in %s", c.from.name, k.Name, c.to.className(fit[0].value), c.to.name)
	c.add(fit[0].required, "classification "+k.Name)
}

// tag maps the values of one tag, each by all equivalents it has.
func (c *converter) tag(t *label.Tag) {
	for _, v := range t.Values {
		for k, _ := c.from.setOf[t.Set].find(t.Kind, v); k != nil; k = k.next {
			c.category(t, k)
		}
	}
}

func (c *converter) category(t *label.Tag, k *category) {
	found, discarded := false, false
	from := demand{in: t, tag: k.tag}
	if isRestrictive(k.Kind) {
		from.value = k.Value
	}
	for i := range k.equivalents {
		e := &k.equivalents[i]
		if e.policy != c.to.id || e.applied&c.as == 0 {
			continue
		}
		if e.discard {
			discarded = true
			continue
		}
		found = true
		other := c.to.setOf[e.set]
		var equivalent *category
		if other != nil && e.kind != 0 {
			equivalent, _ = other.find(e.kind, e.value)
		}
		if equivalent == nil {
			c.deny(Reason{Word: NoEquivalent, Category: k.called(), Text: fmt.Sprintf("%s has no category %s:%v=%s, which is said to be equivalent to %s", c.to.name, e.set, e.kind, e.value, k.called())})
			continue
		}
		if k.Kind.Decides() && !equivalent.Kind.Decides() {
			c.deny(Reason{Word: WeakerEquivalent, Category: k.called(), Text: fmt.Sprintf("%s decides on access, and its equivalent %s in %s does not", k.called(), equivalent.called(), c.to.name)})
			continue
		}
		c.values = append(c.values, mapped{to: equivalent, from: from, name: k.called()})
		c.step("%s is %s in %s", k.called(), equivalent.called(), c.to.name)
	}
	switch {
	case found:
	case discarded:
		c.remark(Reason{Word: Discarded, Category: k.called(), Text: fmt.Sprintf("%s is discarded, as %s says", k.called(), c.from.name)})
	case k.Kind.Decides():
		c.deny(Reason{Word: NoEquivalent, Category: k.called(), Text: fmt.Sprintf("%s has no equivalent in %s", k.called(), c.to.name)})
	default:
		c.remark(Reason{Word: Discarded, Category: k.called(), Text: fmt.Sprintf("%s has no equivalent in %s, and restricts nobody", k.called(), c.to.name)})
	}
}

// requiredByPolicies adds what the policy wants in labels of the other.
func (c *converter) requiredByPolicies() {
	for i := range c.from.equivalents {
		if e := &c.from.equivalents[i]; e.id == c.to.id {
			c.add(e.required, "policy "+c.from.name)
		}
	}
	for _, s := range c.from.sets {
		for i := range s.equivalents {
			has := slices.ContainsFunc(c.label.Categories, func(k label.Category) bool {
				return slices.ContainsFunc(k.Tags, func(t label.Tag) bool { return t.Set == s.id })
			})
			if e := &s.equivalents[i]; e.policy == c.to.id && has {
				c.add(e.required, s.name)
			}
		}
	}
}

// add adds categories that a requirement leaves no choice of, unless the label has
// what it wants.
func (c *converter) add(required []foreign, by string) {
	for _, f := range required {
		var refs []*category
		for _, ref := range f.refs {
			s := c.to.setNamed[fold(ref.set)]
			var k *category
			if s != nil && ref.kind != 0 && ref.value != "" {
				k, _ = s.find(ref.kind, ref.value)
			}
			if k == nil {
				c.deny(Reason{Word: NoEquivalent, Category: ref.set, Text: fmt.Sprintf("%s needs %s:%v=%s in %s, which has none", by, ref.set, ref.kind, ref.value, c.to.name)})
				return
			}
			refs = append(refs, k)
		}
		if f.op != all && len(refs) > 1 {
			c.deny(Reason{Word: AmbiguousEquivalent, Text: fmt.Sprintf("%s needs %v of %d categories in %s, and does not say which", by, f.op, len(refs), c.to.name)})
			return
		}
		for _, k := range refs {
			c.values = append(c.values, mapped{to: k, name: by})
			c.remark(Reason{Word: Added, Category: k.called(), Text: fmt.Sprintf("%s is added, as %s needs it", k.called(), by)})
		}
	}
}

// privacyMark keeps the text, unless the other policy has a list without it.
func (c *converter) privacyMark() {
	mark, marks := c.label.PrivacyMark, c.to.privacy.marks
	if mark == "" || len(marks) == 0 || slices.ContainsFunc(marks, func(m privacyMark) bool { return m.name == mark }) {
		return
	}
	c.result.PrivacyMark = ""
	c.remark(Reason{Word: Discarded, Text: fmt.Sprintf("the privacy mark %q is none of %s, and restricts nobody", mark, c.to.name)})
}

// finish puts the values into tags, one for each kind of a set. That must not make
// the label looser: of what the label demands one by one, no demand may become one of
// several that will do.
func (c *converter) finish() {
	var tags []label.Tag
	for _, t := range c.to.tags {
		var values []label.Value
		var demands []*mapped
		added := false // a value that nothing of the label has become
		for i := range c.values {
			m := &c.values[i]
			if m.to.tag != t {
				continue
			}
			if !slices.Contains(values, m.to.Value) {
				values = append(values, m.to.Value)
			}
			added = added || m.from.in == nil && !slices.ContainsFunc(c.values, func(o mapped) bool { return o.to == m.to && o.from.in != nil })
			if m.from.in != nil && !slices.ContainsFunc(demands, func(o *mapped) bool { return o.from == m.from }) {
				demands = append(demands, m)
			}
		}
		if len(values) == 0 {
			continue
		}
		if t.kind.Decides() && !isRestrictive(t.kind) && len(demands) > 1 && len(values) > 1 {
			c.deny(Reason{Word: WeakerEquivalent, Category: demands[0].name,
				Text: fmt.Sprintf("%s and %s are both needed, and in %s of %s either would do", demands[0].name, demands[1].name, t.called(), c.to.name)})
			continue
		}
		if t.kind.Decides() && !isRestrictive(t.kind) && len(demands) > 0 && added {
			c.deny(Reason{Word: WeakerEquivalent, Category: demands[0].name,
				Text: fmt.Sprintf("%s is needed, and with what is to be added to %s of %s something else would do", demands[0].name, t.called(), c.to.name)})
			continue
		}
		if i := slices.IndexFunc(tags, func(o label.Tag) bool { return o.Set == t.set.id && o.Kind == t.kind }); i >= 0 {
			tags[i] = label.NewTag(t.set.id, t.kind, append(values, tags[i].Values...)...)
		} else {
			tags = append(tags, label.NewTag(t.set.id, t.kind, values...))
		}
	}
	c.result.Categories = label.Carry(c.to.labelSyntax, tags)
}

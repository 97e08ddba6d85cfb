package spif

import (
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/label"
)

// Validate says whether a label is one of the policy at a time: its classification
// and categories known and in force, as many of each tag as there may be, with what
// they require and without what they exclude. What is obsolete is still valid, and
// is remarked upon.
func (p *Policy) Validate(l *label.Label, now time.Time) Verdict {
	j := judge{p: p, now: now}
	j.valid(l)
	return j.verdict()
}

// valid denies a label that is not valid.
func (j *judge) valid(l *label.Label) {
	p := j.p
	if !p.notBefore.IsZero() && j.now.Before(p.notBefore) || !p.notAfter.IsZero() && j.now.After(p.notAfter) {
		j.deny(Reason{Word: PolicyNotInForce, Text: fmt.Sprintf("the policy %s is not in force at %s", p.name, j.now.UTC().Format(time.RFC3339))})
	}
	j.components(l)
	if len(j.v.Reasons) > 0 {
		return // the rules below speak of what is known
	}
	j.selections(l)
	k := p.classOf[*l.Classification]
	if k.Obsolete {
		j.remark(Reason{Word: Obsolete, Classification: k.Name, Text: fmt.Sprintf("the classification %s is obsolete", k.Name)})
	}
	for i := range k.required {
		j.required(l, &k.required[i], "classification "+k.Name, k.Name, "")
	}
	// A label that has a category time and again is held to its rules once. Few values are not
	// worth remembering which they were.
	var judged map[*category]bool
	if l.Values() > 64 {
		judged = map[*category]bool{}
	}
	p.eachCategory(l, func(c *category) {
		if judged != nil {
			if judged[c] {
				return
			}
			judged[c] = true
		}
		j.rules(l, k, c)
	})
	j.privacy(l.PrivacyMark)
	if j.explain && len(j.v.Reasons) == 0 {
		j.step("the label is valid under %s: classification %s", p.name, k.Name)
	}
}

// components denies what of a label the policy does not know.
func (j *judge) components(l *label.Label) {
	p := j.p
	switch {
	case l == nil:
		j.deny(Reason{Word: NoLabel, Text: "there is no label"})
		return
	case l.Policy == "":
		j.deny(Reason{Word: NoPolicy, Text: "the label names no policy"})
	case l.Policy != p.id:
		j.deny(Reason{Word: ForeignPolicy, Text: fmt.Sprintf("the label is of policy %s, not of %s", l.Policy, p.name)})
		return
	}
	switch {
	case l.Classification == nil:
		j.deny(Reason{Word: NoClassification, Text: "the label has no classification"})
	case p.classOf[*l.Classification] == nil:
		name := fmt.Sprint(int64(*l.Classification))
		j.deny(Reason{Word: UnknownClassification, Classification: name, Text: fmt.Sprintf("%s has no classification %s", p.name, name)})
	}
	if len(l.Unknown) > 0 {
		j.deny(Reason{Word: UnknownComponent, Text: fmt.Sprintf("the label has %d components that no standard knows, the first %v", len(l.Unknown), l.Unknown[0].Tag())})
	}
	for i := range l.Categories {
		c := &l.Categories[i]
		switch {
		case c.Tags == nil:
			j.deny(Reason{Word: UnknownCategory, Category: string(c.Type), Text: fmt.Sprintf("the categories of %s are not understood", c.Type)})
		case c.Policy != "" && c.Policy != p.id:
			j.deny(Reason{Word: ForeignPolicy, Category: string(c.Type), Text: fmt.Sprintf("a category is of policy %s", c.Policy)})
		}
		for n := range c.Tags {
			j.values(&c.Tags[n])
		}
	}
}

// values denies values of a tag that the policy does not know, and a tag that
// should permit something and has nothing.
func (j *judge) values(t *label.Tag) {
	s := j.p.setOf[t.Set]
	if s == nil {
		name := fmt.Sprintf("%s:%v", t.Set, t.Kind)
		j.deny(Reason{Word: UnknownCategory, Category: name, Text: fmt.Sprintf("%s has no tag set %s", j.p.name, t.Set)})
		return
	}
	if len(t.Values) == 0 && t.Kind != label.Restrictive && t.Kind != label.EnumeratedRestrictive && t.Kind.Decides() {
		j.deny(Reason{Word: EmptyCategory, Category: s.name, Text: fmt.Sprintf("a %v tag of %s has no value: it permits nobody", t.Kind, s.name)})
	}
	for _, v := range t.Values {
		c, ambiguous := s.find(t.Kind, v)
		if c != nil {
			continue
		}
		name := fmt.Sprintf("%s:%v=%s", s.name, t.Kind, v)
		if ambiguous {
			j.deny(Reason{Word: AmbiguousCategory, Category: name, Text: fmt.Sprintf("%s has both a permissive and a restrictive %s=%s, and the label does not say which", j.p.name, s.name, v)})
		} else {
			j.deny(Reason{Word: UnknownCategory, Category: name, Text: fmt.Sprintf("%s has no category %s", j.p.name, name)})
		}
		if len(j.v.Reasons) == maxReasons {
			return
		}
	}
}

// selections denies too many or too few values of a tag.
func (j *judge) selections(l *label.Label) {
	p := j.p
	var few [64]int
	counts := few[:]
	if len(p.tags) > len(few) {
		counts = make([]int, len(p.tags))
	}
	for i := range l.Categories {
		for n := range l.Categories[i].Tags {
			t := &l.Categories[i].Tags[n]
			for _, v := range t.Values {
				if c, _ := p.setOf[t.Set].find(t.Kind, v); c != nil {
					counts[c.tag.index]++
				}
			}
		}
	}
	for i, t := range p.tags {
		switch n := counts[i]; {
		case t.most > 0 && n > t.most:
			j.deny(Reason{Word: TooMany, Category: t.called(), Text: fmt.Sprintf("%d values of %s, which may have %d", n, t.called(), t.most)})
		case n < t.least:
			j.deny(Reason{Word: TooFew, Category: t.called(), Text: fmt.Sprintf("%d values of %s, which needs %d", n, t.called(), t.least)})
		}
	}
}

func (t *tag) called() string {
	if t.name == "" || t.name == t.set.name {
		return t.set.name
	}
	return t.set.name + ":" + t.name
}

// rules denies what a category of the label does not go with.
func (j *judge) rules(l *label.Label, k *class, c *category) {
	if !c.notBefore.IsZero() && j.now.Before(c.notBefore) || !c.notAfter.IsZero() && j.now.After(c.notAfter) {
		j.deny(Reason{Word: CategoryNotInForce, Category: c.called(), Text: fmt.Sprintf("%s is not in force at %s", c.called(), j.now.UTC().Format(time.RFC3339))})
	}
	if c.Obsolete {
		j.remark(Reason{Word: Obsolete, Category: c.called(), Text: fmt.Sprintf("%s is obsolete", c.called())})
	}
	for _, e := range c.excludedClasses {
		if e == k {
			j.deny(Reason{Word: ExcludedClass, Classification: k.Name, Category: c.called(), Text: fmt.Sprintf("%s does not go with %s", c.called(), k.Name)})
		}
	}
	if c.requiredClass != nil && c.requiredClass != k {
		j.deny(Reason{Word: RequiredClass, Classification: k.Name, Category: c.called(), Text: fmt.Sprintf("%s needs the classification %s, not %s", c.called(), c.requiredClass.Name, k.Name)})
	}
	for i := range c.excluded {
		if other := c.excluded[i].in(l, c); other {
			j.deny(Reason{Word: ExcludedCategory, Category: c.called(), Text: fmt.Sprintf("%s does not go with %s", c.called(), c.excluded[i].called)})
		}
	}
	for i := range c.required {
		j.required(l, &c.required[i], c.called(), "", c.called())
	}
}

// required denies a label that lacks what by needs.
func (j *judge) required(l *label.Label, r *requirement, by, class, category string) {
	n := 0
	for i := range r.refs {
		if r.refs[i].in(l, nil) {
			n++
		}
	}
	switch {
	case r.op == onlyOne && n == 1, r.op == oneOrMore && n > 0, r.op == all && n == len(r.refs):
		return
	}
	text := fmt.Sprintf("%s needs %v of ", by, r.op)
	for i := range r.refs {
		switch {
		case i == 8:
			text += fmt.Sprintf(", and %d more", len(r.refs)-i)
		case i > 8:
			continue
		case i > 0:
			text += ", " + r.refs[i].called
		default:
			text += r.refs[i].called
		}
	}
	j.deny(Reason{Word: RequiredCategory, Classification: class, Category: category, Text: fmt.Sprintf("%s; the label has %d", text, n)})
}

// in reports whether a label has what a reference is to. Any of a tag set is one
// other than except, which refers to it.
func (r *reference) in(l *label.Label, except *category) bool {
	if !r.any {
		return r.known && hasValue(l, r.set.id, r.kind, r.value)
	}
	for i := range l.Categories {
		for n := range l.Categories[i].Tags {
			t := &l.Categories[i].Tags[n]
			if t.Set != r.set.id {
				continue
			}
			for _, v := range t.Values {
				c, _ := r.set.find(t.Kind, v)
				if c != nil && side(c.Kind) == side(r.kind) && (except == nil || except.Category != c.Category) {
					return true
				}
			}
		}
	}
	return false
}

// privacy remarks upon an obsolete privacy mark. One that the policy does not list is
// text as any other: it decides nothing.
func (j *judge) privacy(mark string) {
	if mark == "" {
		return
	}
	for _, m := range j.p.privacy.marks {
		if m.name == mark && m.obsolete {
			j.remark(Reason{Word: Obsolete, Text: fmt.Sprintf("the privacy mark %q is obsolete", mark)})
		}
	}
}

// Dominates reports whether label a is at least as restrictive as b: it ranks as
// high, has all restrictive values of b, and in the permissive tags of b permits
// nobody whom b does not. Labels that are not valid dominate nothing, and are
// dominated by nothing.
func (p *Policy) Dominates(a, b *label.Label, now time.Time) bool {
	if !p.Validate(a, now).Allowed || !p.Validate(b, now).Allowed {
		return false
	}
	ra, _ := p.Rank(a)
	rb, _ := p.Rank(b)
	if ra < rb {
		return false
	}
	for i := range b.Categories {
		for n := range b.Categories[i].Tags {
			if t := &b.Categories[i].Tags[n]; t.Kind.Decides() && !p.covers(a, t) {
				return false
			}
		}
	}
	return true
}

// covers reports whether label a restricts as much as one tag of another does.
func (p *Policy) covers(a *label.Label, t *label.Tag) bool {
	s := p.setOf[t.Set]
	for _, v := range t.Values {
		c, _ := s.find(t.Kind, v)
		if isRestrictive(c.Kind) {
			if !hasValue(a, t.Set, c.Kind, v) {
				return false
			}
			continue
		}
		// A tag of a that permits no more than this one of b must be there.
		if !p.permitsWithin(a, t, c.tag) {
			return false
		}
	}
	return true
}

func (p *Policy) permitsWithin(a *label.Label, b *label.Tag, of *tag) bool {
	s := p.setOf[b.Set]
	for i := range a.Categories {
		for n := range a.Categories[i].Tags {
			t := &a.Categories[i].Tags[n]
			within, some := t.Set == b.Set, false
			for _, v := range t.Values {
				c, _ := s.find(t.Kind, v)
				if t.Set != b.Set || c == nil || c.tag != of {
					continue
				}
				some = true
				within = within && b.Has(v)
			}
			if within && some {
				return true
			}
		}
	}
	return false
}

func isRestrictive(k label.Kind) bool {
	return k == label.Restrictive || k == label.EnumeratedRestrictive
}

package spif

import (
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/label"
)

// Decide says whether a clearance reaches a label of the policy, at a time:
//
//  1. the clearance is of the policy, too;
//  2. the label is valid;
//  3. its classification is in the list of the clearance, where a higher one does
//     not stand for a lower;
//  4. of restrictive tags, the clearance has all values;
//  5. of each permissive tag, it has one at least;
//  6. informative tags and the privacy mark decide nothing.
//
// An allowed Decide allocates nothing, unless something is obsolete or the policy has
// more than 64 tags. Set.Decide is for labels and clearances of any policy.
func (p *Policy) Decide(c *label.Clearance, l *label.Label, now time.Time) Verdict {
	j := judge{p: p, now: now}
	j.decide(c, l)
	return j.verdict()
}

// Explain is Decide with the steps that led to the verdict.
func (p *Policy) Explain(c *label.Clearance, l *label.Label, now time.Time) Verdict {
	j := judge{p: p, now: now, explain: true}
	j.decide(c, l)
	return j.verdict()
}

func (j *judge) decide(c *label.Clearance, l *label.Label) {
	p := j.p
	switch {
	case c == nil:
		j.deny(Reason{Word: NoClearance, Text: "there is no clearance"})
	case c.Policy != p.id:
		j.deny(Reason{Word: ForeignPolicy, Text: fmt.Sprintf("the clearance is of policy %s, not of %s", c.Policy, p.name)})
	}
	j.valid(l)
	if len(j.v.Reasons) > 0 {
		return // what is not valid is held by nobody
	}
	n := *l.Classification
	if !c.HasClass(n) {
		name := p.className(n)
		j.deny(Reason{Word: ClassNotHeld, Classification: name, Text: fmt.Sprintf("the clearance does not have the classification %s", name)})
	} else if j.explain {
		j.step("the clearance has the classification %s", p.className(n))
	}
	for i := range l.Categories {
		for k := range l.Categories[i].Tags {
			j.held(c, &l.Categories[i].Tags[k])
		}
	}
}

// held denies a tag that a clearance does not reach.
func (j *judge) held(c *label.Clearance, t *label.Tag) {
	p := j.p
	if !t.Kind.Decides() {
		if j.explain {
			j.step("%s decides nothing: it is informative", p.setOf[t.Set].name)
		}
		return
	}
	s := p.setOf[t.Set]
	permissive := false
	for _, v := range t.Values {
		k, _ := s.find(t.Kind, v)
		if !isRestrictive(k.Kind) {
			permissive = true
			continue
		}
		switch held := s.held(p, c, k.Kind, v); {
		case !held:
			j.deny(Reason{Word: RestrictiveNotHeld, Category: k.called(), Text: fmt.Sprintf("the clearance does not have %s, and %s is restrictive: all are needed", k.called(), s.name)})
		case j.explain:
			j.step("the clearance has %s, which is restrictive", k.called())
		}
	}
	if !permissive {
		return
	}
	// Where the file has several tags of the kind in the set, each stands for itself.
	for _, of := range s.tags {
		j.permitted(c, t, of)
	}
}

// permitted denies a permissive tag of which a clearance has nothing.
func (j *judge) permitted(c *label.Clearance, t *label.Tag, of *tag) {
	var first *category
	for _, v := range t.Values {
		for k, _ := of.set.find(t.Kind, v); k != nil; k = k.next {
			if k.tag != of || isRestrictive(k.Kind) {
				continue
			}
			if of.set.held(j.p, c, k.Kind, v) {
				if j.explain {
					j.step("the clearance has %s, one of those permitted", k.called())
				}
				return
			}
			if first == nil {
				first = k
			}
		}
	}
	if first == nil {
		return // the label has nothing of this tag
	}
	text := first.called()
	if len(t.Values) > 1 {
		text = fmt.Sprintf("any of the %d values of %s that are permitted, such as %s", len(t.Values), of.called(), text)
	}
	j.deny(Reason{Word: PermissiveNotHeld, Category: of.called(), Text: "the clearance does not have " + text})
}

// held reports whether a clearance has a value. One of SDN.801 that does not tell
// permissive from restrictive counts for what the policy has, unless it has both.
func (s *tagSet) held(p *Policy, c *label.Clearance, kind label.Kind, v label.Value) bool {
	for i := range c.Categories {
		if of := c.Categories[i].Policy; of != "" && of != p.id {
			continue
		}
		for n := range c.Categories[i].Tags {
			t := &c.Categories[i].Tags[n]
			if t.Set != s.id || !t.Has(v) {
				continue
			}
			if t.Kind == kind {
				return true
			}
			if t.Kind == label.Enumerated {
				if k, _ := s.find(label.Enumerated, v); k != nil && k.Kind == kind {
					return true
				}
			}
		}
	}
	return false
}

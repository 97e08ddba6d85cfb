package spif

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
)

// A Set is the policies of a switch, by their identifiers. A nil Set has none.
type Set struct {
	list []*Policy
	of   map[asn1.OID]*Policy
}

// NewSet returns a set of policies, of which two may not have the same identifier
// or name.
func NewSet(policies ...*Policy) (*Set, error) {
	s := &Set{of: map[asn1.OID]*Policy{}}
	for _, p := range policies {
		if other := s.of[p.id]; other != nil {
			return nil, diag.E("policies", diag.Data, fmt.Errorf("%s and %s are both %s", other.name, p.name, p.id))
		}
		if other, err := s.named(p.name); err == nil {
			return nil, diag.E("policies", diag.Data, fmt.Errorf("%s and %s are both called %s", other.id, p.id, p.name))
		}
		s.of[p.id] = p
		s.list = append(s.list, p)
	}
	return s, nil
}

// Load reads policies from files. Errors of kind Data name file and line.
func Load(names ...string) (*Set, error) {
	var policies []*Policy
	var errs []error
	for _, name := range names {
		p, err := load(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		policies = append(policies, p)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return NewSet(policies...)
}

func load(name string) (p *Policy, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, diag.E("", diag.NoInput, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return Read(f, name)
}

// Policies returns the policies in the order they were given.
func (s *Set) Policies() []*Policy {
	if s == nil {
		return nil
	}
	return slices.Clone(s.list)
}

// Of returns the policy of an identifier, or nil.
func (s *Set) Of(id asn1.OID) *Policy {
	if s == nil {
		return nil
	}
	return s.of[id]
}

// Find returns the policy of a name or identifier.
func (s *Set) Find(name string) (*Policy, error) {
	if p := s.Of(asn1.OID(name)); p != nil {
		return p, nil
	}
	return s.named(name)
}

func (s *Set) named(name string) (*Policy, error) {
	if s != nil {
		for _, p := range s.list {
			if fold(p.name) == fold(name) {
				return p, nil
			}
		}
	}
	if s == nil || len(s.list) == 0 {
		return nil, fmt.Errorf("no policy %q is loaded, nor any other", name)
	}
	return nil, fmt.Errorf("no policy %q is loaded, but %s", name, some(s.list, func(p *Policy) string { return p.name }))
}

// Validate is Policy.Validate under the policy that the label names.
func (s *Set) Validate(l *label.Label, now time.Time) Verdict {
	p, v := s.policyOf(l)
	if p == nil {
		return v
	}
	return p.Validate(l, now)
}

// policyOf returns the policy of a label, or a verdict that denies.
func (s *Set) policyOf(l *label.Label) (*Policy, Verdict) {
	switch {
	case l == nil:
		return nil, Deny(NoLabel, "there is no label")
	case l.Policy == "":
		return nil, Deny(NoPolicy, "the label names no policy")
	}
	p := s.Of(l.Policy)
	if p == nil {
		return nil, Deny(UnknownPolicy, fmt.Sprintf("the label is of policy %s, which is not loaded", l.Policy))
	}
	return p, Verdict{}
}

// Decide says whether one of the clearances of somebody reaches a label. Those of
// the label's own policy count; only if there is none, the label is converted into
// the policies of the others, as Policy.Convert does with Encrypt, and decided
// there. No label and no clearance are denied: whoever has a default gives it.
func (s *Set) Decide(l *label.Label, now time.Time, clearances ...*label.Clearance) Verdict {
	return s.decide(l, now, clearances, false)
}

// Explain is Decide with the steps that led to the verdict.
func (s *Set) Explain(l *label.Label, now time.Time, clearances ...*label.Clearance) Verdict {
	return s.decide(l, now, clearances, true)
}

func (s *Set) decide(l *label.Label, now time.Time, clearances []*label.Clearance, explain bool) Verdict {
	p, denied := s.policyOf(l)
	if p == nil {
		return denied
	}
	var worst Verdict
	own := false
	for _, c := range clearances {
		if c == nil || c.Policy != p.id {
			continue
		}
		own = true
		j := judge{p: p, now: now, explain: explain}
		j.decide(c, l)
		v := j.verdict()
		if v.Allowed {
			return v
		}
		worst = both(worst, v)
	}
	if own {
		return worst
	}
	for _, c := range clearances {
		if c == nil {
			continue
		}
		v := s.converted(p, c, l, now, explain)
		if v.Allowed {
			return v
		}
		worst = both(worst, v)
	}
	if len(worst.Reasons) == 0 {
		return Deny(NoClearance, "there is no clearance")
	}
	return worst
}

// converted decides by a clearance of another policy.
func (s *Set) converted(p *Policy, c *label.Clearance, l *label.Label, now time.Time, explain bool) Verdict {
	q := s.Of(c.Policy)
	if q == nil {
		return Deny(UnknownPolicy, fmt.Sprintf("the clearance is of policy %s, which is not loaded", c.Policy))
	}
	m, v := p.convert(l, q, Encrypt, now, explain)
	if !v.Allowed {
		return v
	}
	j := judge{p: q, now: now, explain: explain}
	j.v = Verdict{Remarks: v.Remarks, Steps: v.Steps}
	j.decide(c, m)
	return j.verdict()
}

// both joins verdicts that deny.
func both(a, b Verdict) Verdict {
	return Verdict{
		Reasons: slices.Concat(a.Reasons, b.Reasons), Remarks: slices.Concat(a.Remarks, b.Remarks),
		Steps: slices.Concat(a.Steps, b.Steps),
	}
}

// Rules are what is asked of labels where messages come in.
type Rules struct {
	Require  bool         // what has no label is refused
	Default  *label.Label // is given to what has none, before Require is looked at
	Policies []asn1.OID   // labels of others are refused; none: of any policy that is loaded
}

// Admit applies rules to the label of a message, nil where it has none, and returns
// the label it has from then on: its own, or the default. A label is valid then, if
// there is one.
func (s *Set) Admit(l *label.Label, r Rules, now time.Time) (*label.Label, Verdict) {
	switch {
	case l == nil && r.Default != nil:
		l = r.Default
	case l == nil && r.Require:
		return nil, Deny(NoLabel, "a label is required, and there is none")
	case l == nil:
		return nil, Verdict{Allowed: true}
	}
	if len(r.Policies) > 0 && l.Policy != "" && !slices.Contains(r.Policies, l.Policy) {
		name := string(l.Policy)
		if p := s.Of(l.Policy); p != nil {
			name = p.name
		}
		return l, Deny(ForeignPolicy, fmt.Sprintf("labels of policy %s are refused here", name))
	}
	return l, s.Validate(l, now)
}

// Convert is Policy.Convert of a label into another of the policies.
func (s *Set) Convert(l *label.Label, to asn1.OID, as Applied, now time.Time) (*label.Label, Verdict) {
	return s.convert(l, to, as, now, false)
}

// ExplainConvert is Convert with the steps that led to the verdict.
func (s *Set) ExplainConvert(l *label.Label, to asn1.OID, as Applied, now time.Time) (*label.Label, Verdict) {
	return s.convert(l, to, as, now, true)
}

func (s *Set) convert(l *label.Label, to asn1.OID, as Applied, now time.Time, explain bool) (*label.Label, Verdict) {
	p, denied := s.policyOf(l)
	if p == nil {
		return nil, denied
	}
	q := s.Of(to)
	if q == nil {
		return nil, Deny(UnknownPolicy, fmt.Sprintf("policy %s is not loaded", to))
	}
	return p.convert(l, q, as, now, explain)
}

// A Set has the names for the text forms of package label.
var _ label.Names = (*Set)(nil)

// Policy returns the identifier of a policy of a name.
func (s *Set) Policy(name string) (asn1.OID, error) {
	p, err := s.Find(name)
	if err != nil {
		return "", err
	}
	return p.id, nil
}

// Syntax returns the syntaxes of categories of a policy; of one that is not loaded,
// those of ACP 145(A).
func (s *Set) Syntax(policy asn1.OID) (ofLabels, ofClearances asn1.OID) {
	if p := s.Of(policy); p != nil {
		return p.labelSyntax, p.clearanceSyntax
	}
	return label.SyntaxACP145, label.SyntaxACP145
}

// Class returns the classification of a name.
func (s *Set) Class(policy asn1.OID, name string) (mts.SecurityClassification, error) {
	k, err := s.class(policy, name)
	if err != nil {
		return 0, err
	}
	return k.Value, nil
}

func (s *Set) class(policy asn1.OID, name string) (*class, error) {
	p, err := s.loaded(policy, name)
	if err != nil {
		return nil, err
	}
	k := p.classNamed[fold(name)]
	if k == nil {
		return nil, fmt.Errorf("%s has no classification %q, but %s", p.name, name, some(p.classes, func(c *class) string { return c.Name }))
	}
	return k, nil
}

// loaded returns the policy of an identifier, for something that is named by it.
func (s *Set) loaded(policy asn1.OID, name string) (*Policy, error) {
	if p := s.Of(policy); p != nil {
		return p, nil
	}
	if policy == "" {
		return nil, fmt.Errorf("%q is a name of a policy, and policy= is missing before it", name)
	}
	return nil, fmt.Errorf("%q: policy %s is not loaded", name, policy)
}

// some names what there is in the place of a name that is not known, as far as people read it.
func some[T any](all []T, name func(T) string) string {
	const most = 20
	var names []string
	for _, one := range all[:min(len(all), most)] {
		names = append(names, name(one))
	}
	if left := len(all) - most; left > 0 {
		names = append(names, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(names, ", ")
}

// ClassesTo returns the classifications up to and including that of a name, by rank.
func (s *Set) ClassesTo(policy asn1.OID, name string) ([]mts.SecurityClassification, error) {
	k, err := s.class(policy, name)
	if err != nil {
		return nil, err
	}
	var list []mts.SecurityClassification
	for _, c := range s.Of(policy).classes {
		if c.Rank <= k.Rank {
			list = append(list, c.Value)
		}
	}
	slices.Sort(list)
	return list, nil
}

// Category returns the tag with the category of a name. #N is the one whose number
// is N, and so is N if none has that name.
func (s *Set) Category(policy asn1.OID, set, tag, name string) (label.Tag, error) {
	p, tags, err := s.tags(policy, set, tag)
	if err != nil {
		return label.Tag{}, err
	}
	found := distinct(tags, p.setNamed[fold(set)].named[fold(name)])
	if n, err := label.ParseValue(strings.TrimPrefix(name, "#")); len(found) == 0 && err == nil {
		var all []*category
		for _, t := range tags {
			for _, c := range t.categories {
				if c.Kind != 0 && c.Value == n {
					all = append(all, c)
				}
			}
		}
		found = distinct(tags, all)
	}
	switch {
	case len(found) == 0:
		var has []*category
		for _, t := range tags {
			has = append(has, t.categories...)
		}
		return label.Tag{}, fmt.Errorf("%s has no category %q in %s, but %s", p.name, name, set, some(has, func(c *category) string { return c.Name }))
	case len(found) > 1:
		return label.Tag{}, fmt.Errorf("%s has %d categories %q in %s: name the tag too, as in %s:TAG=%s", p.name, len(found), name, set, set, name)
	}
	return label.NewTag(found[0].SetID, found[0].Kind, found[0].Value), nil
}

// distinct returns those of categories that are of one of the tags, the first of those
// with the same value.
func distinct(tags []*tag, categories []*category) []*category {
	var found []*category
	for _, c := range categories {
		same := func(o *category) bool { return o.Kind == c.Kind && o.Value == c.Value }
		if slices.Contains(tags, c.tag) && !slices.ContainsFunc(found, same) {
			found = append(found, c)
		}
	}
	return found
}

func (s *Set) tags(policy asn1.OID, set, name string) (*Policy, []*tag, error) {
	p, err := s.loaded(policy, set)
	if err != nil {
		return nil, nil, err
	}
	of := p.setNamed[fold(set)]
	if of == nil {
		return nil, nil, fmt.Errorf("%s has no tag set %q, but %s", p.name, set, some(p.sets, func(s *tagSet) string { return s.name }))
	}
	var tags []*tag
	for _, t := range of.tags {
		if name == "" || fold(t.name) == fold(name) {
			tags = append(tags, t)
		}
	}
	if len(tags) == 0 {
		return nil, nil, fmt.Errorf("%s has no tag %q in %s", p.name, name, set)
	}
	return p, tags, nil
}

// All returns every value of a tag, or of all tags of a set.
func (s *Set) All(policy asn1.OID, set, tag string) ([]label.Tag, error) {
	_, tags, err := s.tags(policy, set, tag)
	if err != nil {
		return nil, err
	}
	var list []label.Tag
	for _, t := range tags {
		var values []label.Value
		for _, c := range t.categories {
			if c.Kind != 0 {
				values = append(values, c.Value)
			}
		}
		if len(values) > 0 {
			list = append(list, label.NewTag(t.set.id, t.kind, values...))
		}
	}
	return list, nil
}

// PolicyName returns the name of a policy, "" of one that is not loaded.
func (s *Set) PolicyName(policy asn1.OID) string {
	if p := s.Of(policy); p != nil {
		return p.name
	}
	return ""
}

// ClassName returns the name of a classification, or "".
func (s *Set) ClassName(policy asn1.OID, n mts.SecurityClassification) string {
	if p := s.Of(policy); p != nil && p.classOf[n] != nil {
		return p.classOf[n].Name
	}
	return ""
}

// CategoryName returns the names of a value, or "". The tag is left out where the
// set alone leads to the value.
func (s *Set) CategoryName(policy, set asn1.OID, kind label.Kind, v label.Value) (setName, tagName, name string) {
	p := s.Of(policy)
	if p == nil || p.setOf[set] == nil {
		return "", "", ""
	}
	c, _ := p.setOf[set].find(kind, v)
	if c == nil || kind != c.Kind && kind != label.Enumerated {
		return "", "", ""
	}
	if len(distinct(c.tag.set.tags, c.tag.set.named[fold(c.Name)])) == 1 {
		return c.Set, "", c.Name
	}
	return c.Set, c.Tag, c.Name
}

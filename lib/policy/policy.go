// Package policy decides who may send what to whom, by the rules of mta-policy(5). It moves
// nothing: it is told what is known of a message and of a way to a recipient, and answers
// with a verdict, and if asked with how it came to it.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/wild"
)

// Policy is the rule sets of a configuration, compiled. It does not change and may be used by
// several goroutines.
type Policy struct {
	sets  []*set
	tests []test
	// Tests before ofWay are about the message, the others about a recipient or its way.
	ofWay   int
	number  map[string]int // of a test, by its text
	from    addresses
	to      addresses
	texts   map[rule.Term]*texts
	content bool
	expand  string // the channel of lists, redirections and what is looked up first

	security *security
}

// set is a compiled rule set.
type set struct {
	name      string
	all       bool // all must allow
	otherwise rule.Decision
	rules     []compiled
	always    []uint64 // the rules that no test decides alone, a bit each
	by        map[int][]int
}

// compiled is a rule with its condition as numbers of tests.
type compiled struct {
	*rule.Rule
	when *condition // nil: always
}

type condition struct {
	operator rule.Operator
	of       []*condition
	test     int
	not      bool // of a Leaf: the test is to fail
}

// test is a test that is the same wherever it stands in the rules; that of NotEqual is the
// one of Equal.
type test struct {
	*rule.Test
	comparison rule.Comparison
	sought     bool
	ofLabel    bool
	numbered   bool            // the value is a number, or a word by its place
	signers    []signerPattern // of Signer
}

// sought tells whether what a term equals is looked up, for all tests at once, instead of each
// test being tried: then one that was not found is false.
func sought(t rule.Term) bool {
	return t.Sort() == rule.Address || t.Sort() == rule.Text
}

// numbered tells whether the values of a term are numbers, or words that have a place.
func numbered(t rule.Term) bool {
	switch t.Sort() {
	case rule.Number, rule.Octets, rule.Rank:
		return true
	}
	return t.Sort() == rule.Word && t.Words() != nil
}

// New compiles the rule sets of a configuration, and reads the files that its table [security]
// names. The error has kind Config.
func New(cfg *conf.Config, open conf.Opener) (*Policy, error) {
	s, err := newSecurity(cfg, open)
	if err != nil {
		return nil, err
	}
	p := &Policy{number: map[string]int{}, texts: map[rule.Term]*texts{}, security: s, expand: cfg.ExpandChannel()}
	sets := slices.Clone(cfg.RuleSets)
	slices.SortFunc(sets, func(a, b conf.RuleSet) int { return strings.Compare(a.Name, b.Name) })
	all := make([][]rule.Rule, len(sets))
	for i := range sets {
		if all[i], err = rule.Parse(sets[i].Rules); err != nil {
			return nil, diag.E(fmt.Sprintf("rule set %q", sets[i].Name), diag.Config, err)
		}
	}
	// Numbers of tests about the message come first.
	for _, each := range []bool{false, true} {
		for i := range all {
			for k := range all[i] {
				if err := p.collect(all[i][k].When, each); err != nil {
					return nil, diag.E(fmt.Sprintf("rule set %q: rule %s", sets[i].Name, all[i][k].Name), diag.Config, err)
				}
			}
		}
		if !each {
			p.ofWay = len(p.tests)
		}
	}
	for i := range sets {
		p.sets = append(p.sets, p.set(&sets[i], all[i]))
	}
	return p, nil
}

// IsZero tells that there are no rule sets: everything is allowed.
func (p *Policy) IsZero() bool { return len(p.sets) == 0 }

// Content tells whether rules ask about what is in the content.
func (p *Policy) Content() bool { return p.content }

// collect numbers the tests of a condition: those about recipients, or the others.
func (p *Policy) collect(c *rule.Condition, each bool) error {
	if c == nil {
		return nil
	}
	for _, of := range c.Of {
		if err := p.collect(of, each); err != nil {
			return err
		}
	}
	if c.Test == nil || c.Test.Term.Each() != each {
		return nil
	}
	key := keyOf(c.Test)
	if _, known := p.number[key]; known {
		return nil
	}
	if err := p.names(c.Test); err != nil {
		return fmt.Errorf("line %d: %w", c.Test.Line, err)
	}
	n := len(p.tests)
	p.number[key] = n
	t := test{Test: c.Test, comparison: c.Test.Comparison, sought: sought(c.Test.Term), ofLabel: c.Test.Term.OfLabel(), numbered: numbered(c.Test.Term)}
	if t.comparison == rule.NotEqual {
		t.comparison = rule.Equal
	}
	if t.Term == rule.Signer {
		var err error
		if t.signers, err = signerPatterns(t.Values); err != nil {
			return fmt.Errorf("line %d: %w", t.Line, err)
		}
	}
	p.tests = append(p.tests, t)
	p.content = p.content || t.Term.InContent()
	switch t.Term.Sort() {
	case rule.Address:
		to := &p.from
		if t.Term == rule.To {
			to = &p.to
		}
		to.add(t.Values, n)
	case rule.Text:
		if p.texts[t.Term] == nil {
			p.texts[t.Term] = &texts{exact: map[string][]int{}}
		}
		p.texts[t.Term].add(t.Values, n)
	}
	return nil
}

// names tells of a test that names what no security policy has: it would never hold.
func (p *Policy) names(t *rule.Test) error {
	for i := range t.Values {
		switch text := t.Values[i].Text; {
		case t.Term == rule.LabelClassification && !p.security.knows(text, ""):
			return fmt.Errorf("no security policy has a classification %q", text)
		case t.Term == rule.LabelCategory && strings.Trim(text, "*") != "" && !p.security.knows("", text):
			return fmt.Errorf("no security policy has a category %q", text)
		case t.Term == rule.LabelPolicy && !strings.Contains(text, "*") && p.security.policyNamed(text) == nil:
			return fmt.Errorf("there is no security policy %q", text)
		}
	}
	return nil
}

// keyOf is the same for two tests that are true of the same.
func keyOf(t *rule.Test) string {
	of := *t
	if of.Comparison == rule.NotEqual {
		of.Comparison = rule.Equal
	}
	return of.String()
}

func (p *Policy) set(c *conf.RuleSet, rules []rule.Rule) *set {
	s := &set{name: c.Name, all: c.Evaluate == conf.AllMustAllow, by: map[int][]int{}, always: make([]uint64, (len(rules)+63)/64)}
	switch c.Otherwise {
	case conf.OtherwiseAllow:
		s.otherwise = rule.Allow
	case conf.OtherwiseHold:
		s.otherwise = rule.Hold
	default:
		s.otherwise = rule.Refuse
	}
	for i := range rules {
		r := compiled{Rule: &rules[i], when: p.condition(rules[i].When)}
		if on := p.decisive(r.when); len(on) > 0 {
			for _, n := range on {
				s.by[n] = append(s.by[n], i)
			}
		} else {
			s.always[i/64] |= 1 << (i % 64)
		}
		s.rules = append(s.rules, r)
	}
	return s
}

func (p *Policy) condition(c *rule.Condition) *condition {
	if c == nil {
		return nil
	}
	out := &condition{operator: c.Operator}
	for _, of := range c.Of {
		out.of = append(out.of, p.condition(of))
	}
	if c.Test != nil {
		out.test, out.not = p.number[keyOf(c.Test)], c.Test.Comparison == rule.NotEqual
	}
	return out
}

// decisive returns tests that are sought, one of which must hold if the condition is to: nil
// if there are none. Those of a recipient are preferred, because they differ most.
func (p *Policy) decisive(c *condition) []int {
	if c == nil {
		return nil
	}
	switch c.operator {
	case rule.Leaf:
		if !c.not && p.tests[c.test].sought {
			return []int{c.test}
		}
	case rule.And:
		var best []int
		for _, of := range c.of {
			if on := p.decisive(of); on != nil && (best == nil || on[0] >= p.ofWay && best[0] < p.ofWay) {
				best = on
			}
		}
		return best
	case rule.Or:
		var all []int
		for _, of := range c.of {
			on := p.decisive(of)
			if on == nil {
				return nil
			}
			all = append(all, on...)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	return nil
}

// addresses finds the tests that an address passes.
type addresses struct {
	index    oraddr.Index
	of       []int // the test of each pattern
	internet []internetPattern
	byDomain map[string][]int // of internet, whose domain has no wild card
	wild     []int            // of internet, the others
}

type internetPattern struct {
	local, domain []string // between the wild cards, in small letters
	test          int
}

func (x *addresses) add(values []rule.Value, test int) {
	for i := range values {
		if !values[i].Internet() {
			x.index.Add(*values[i].Pattern)
			x.of = append(x.of, test)
			continue
		}
		local, domain, _ := strings.Cut(strings.TrimSuffix(strings.ToLower(values[i].Text), "."), "@")
		n := len(x.internet)
		x.internet = append(x.internet, internetPattern{strings.Split(local, "*"), strings.Split(domain, "*"), test})
		if strings.Contains(domain, "*") {
			x.wild = append(x.wild, n)
			continue
		}
		if x.byDomain == nil {
			x.byDomain = map[string][]int{}
		}
		x.byDomain[domain] = append(x.byDomain[domain], n)
	}
}

func (x *addresses) empty() bool { return len(x.of) == 0 && len(x.internet) == 0 }

// find appends the tests that an address passes, some perhaps twice. The error is why those of the
// others that ask for an Internet address are not known to fail.
func (x *addresses) find(a *oraddr.Address, tests []int) ([]int, error) {
	if x.empty() {
		return tests, nil
	}
	from := len(tests)
	tests = x.index.Match(a, tests)
	for i := from; i < len(tests); i++ {
		tests[i] = x.of[tests[i]]
	}
	if len(x.internet) == 0 {
		return tests, nil
	}
	mails, err := a.RFC822()
	for _, mail := range mails {
		local, domain, _ := strings.Cut(strings.ToLower(mail), "@")
		for _, all := range [][]int{x.byDomain[domain], x.wild} {
			for _, n := range all {
				if p := &x.internet[n]; wild.Match(p.domain, domain) && wild.Match(p.local, local) {
					tests = append(tests, p.test)
				}
			}
		}
	}
	return tests, err
}

// texts finds the tests that a text passes.
type texts struct {
	exact map[string][]int
	wild  []wildText
}

type wildText struct {
	parts []string
	test  int
}

func (x *texts) add(values []rule.Value, test int) {
	for i := range values {
		if text := values[i].Text; strings.Contains(text, "*") {
			x.wild = append(x.wild, wildText{strings.Split(text, "*"), test})
		} else {
			x.exact[text] = append(x.exact[text], test)
		}
	}
}

// find appends the tests that a text passes, some perhaps twice; nothing passes none.
func (x *texts) find(text string, tests []int) []int {
	if text == "" {
		return tests
	}
	tests = append(tests, x.exact[text]...)
	for i := range x.wild {
		if wild.Match(x.wild[i].parts, text) {
			tests = append(tests, x.wild[i].test)
		}
	}
	return tests
}

package conf

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/mtakit/mtakit/lib/rule"
)

// The values of RuleSet.Evaluate.
const (
	FirstMatch   = "first-match"    // the first rule that matches and decides
	AllMustAllow = "all-must-allow" // every rule that matches has a say
)

// The values of RuleSet.Otherwise.
const (
	OtherwiseAllow  = "allow"
	OtherwiseRefuse = "refuse"
	OtherwiseHold   = "hold"
)

const (
	// maxRuleSets bounds the rule sets: every one is asked about every recipient.
	maxRuleSets = 100
	// maxRuleTexts bounds their texts altogether, in octets of JSON: a channel is given the
	// configuration in one line of its control stream.
	maxRuleTexts = 16 * mib
)

// RuleSet is rules about who may send what, mta-policy(5). All rule sets must allow, in the
// order of their names.
type RuleSet struct {
	Name      string `json:"name" toml:"name"`
	Evaluate  string `json:"evaluate" toml:"evaluate"`   // FirstMatch or AllMustAllow
	Otherwise string `json:"otherwise" toml:"otherwise"` // what no rule decides
	Rules     string `json:"rules" toml:"rules"`         // the text of package rule
}

// NewRuleSet returns a RuleSet with the defaults: nothing is allowed that no rule allows.
func NewRuleSet() RuleSet { return RuleSet{Evaluate: FirstMatch, Otherwise: OtherwiseRefuse} }

// ruleSets checks the rule sets.
func (v *validator) ruleSets() {
	if n := len(v.c.RuleSets); n > maxRuleSets {
		v.in("ruleset")
		v.faultf("", "%d of them; there are at most %d", n, maxRuleSets)
		return
	}
	if n := v.ruleTexts(); n > maxRuleTexts {
		v.in("ruleset")
		v.faultf("", "%d octets of rules altogether, as JSON has them; there are at most %d", n, maxRuleTexts)
		return
	}
	names := map[string]int{}
	for i := range v.c.RuleSets {
		s := &v.c.RuleSets[i]
		v.entry("ruleset", i, s.Name)
		if v.required("name", s.Name) {
			v.once(names, "name", s.Name)
		}
		if len(s.Name) > rule.MaxName { // it is told of every recipient
			v.faultf("name", "%d octets; there are at most %d", len(s.Name), rule.MaxName)
		}
		if s.Evaluate != FirstMatch && s.Evaluate != AllMustAllow {
			v.faultf("evaluate", "%s is not %s or %s", quote([]byte(s.Evaluate)), FirstMatch, AllMustAllow)
		}
		if s.Otherwise != OtherwiseAllow && s.Otherwise != OtherwiseRefuse && s.Otherwise != OtherwiseHold {
			v.faultf("otherwise", "%s is not %s, %s or %s", quote([]byte(s.Otherwise)), OtherwiseAllow, OtherwiseRefuse, OtherwiseHold)
		}
		rules, err := rule.Parse(s.Rules)
		if err != nil {
			for _, fault := range faultsOf(err) {
				v.fault("rules", fault)
			}
		}
		for k := range rules {
			v.rule(&rules[k])
		}
	}
}

// ruleTexts is how many octets the texts of all rule sets have in JSON.
func (v *validator) ruleTexts() (n int) {
	for i := range v.c.RuleSets {
		text, _ := json.Marshal(v.c.RuleSets[i].Rules) // a string always has one
		n += len(text) - len(`""`)
	}
	return n
}

// faultsOf parts what was joined.
func faultsOf(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

// rule checks that the channels and peers which a rule names by themselves are there: a name
// that is misspelt would never match, and let through what was to be stopped.
func (v *validator) rule(r *rule.Rule) {
	missing := func(line int, what, name string) {
		v.faultf("rules", "line %d, rule %s: there is no [[%s]] %s", line, r.Name, what, quote([]byte(name)))
	}
	for _, name := range r.Action.Channels {
		if _, ok := v.c.Channel(name); !ok {
			missing(r.Line, "channel", name)
		}
	}
	for _, name := range r.Action.Peers {
		if _, ok := v.c.Peer(name); !ok {
			missing(r.Line, "peer", name)
		}
	}
	v.requires(r)
	v.ruleNames(r.When, missing)
}

func (v *validator) ruleNames(c *rule.Condition, missing func(line int, what, name string)) {
	if c == nil {
		return
	}
	for _, of := range c.Of {
		v.ruleNames(of, missing)
	}
	if c.Test == nil {
		return
	}
	for i := range c.Test.Values {
		name := c.Test.Values[i].Text
		switch c.Test.Term {
		case rule.ChannelIn, rule.ChannelOut:
			if _, ok := v.c.Channel(name); !ok && !strings.Contains(name, "*") && !(c.Test.Term == rule.ChannelIn && name == rule.Submitted) {
				missing(c.Test.Line, "channel", name)
			}
		case rule.PeerIn, rule.PeerOut:
			if _, ok := v.c.Peer(name); !ok && !strings.Contains(name, "*") {
				missing(c.Test.Line, "peer", name)
			}
		}
	}
}

package conf

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/rule"
)

// TestRuleSets: what is wrong with rules is told with the place in their text, and what they
// name is there.
func TestRuleSets(t *testing.T) {
	const ours = `"/PRMD=ALPHA/ADMD=TEST/C=GB/"`
	set := func(rules string) RuleSet {
		s := NewRuleSet()
		s.Name, s.Rules = "border", rules
		return s
	}
	for _, c := range []struct {
		name string
		sets []RuleSet
		want string // nothing: it is valid
	}{
		{"valid", []RuleSet{set(`a: if from = ` + ours + ` and channel-in in ("p1", "submit", "x*") and peer-out != "MTA-B" then allow, by channel "p1", by peer "MTA-B"`)}, ""},
		{"none", []RuleSet{set("")}, ""},
		{"no name", []RuleSet{{Evaluate: FirstMatch, Otherwise: OtherwiseHold}}, "[[ruleset]] number 1: name: "},
		{"twice", []RuleSet{set(""), set("")}, `[[ruleset]] "border": name: "border" is also the name of [[ruleset]] number 1`},
		{"evaluate", []RuleSet{{Name: "a", Evaluate: "any", Otherwise: OtherwiseHold}}, `[[ruleset]] "a": evaluate: "any" is not first-match or all-must-allow`},
		{"otherwise", []RuleSet{{Name: "a", Evaluate: FirstMatch, Otherwise: "deny"}}, `[[ruleset]] "a": otherwise: "deny" is not allow, refuse or hold`},
		{"syntax", []RuleSet{set("a: then permit\nb: when")}, "[[ruleset]] \"border\": rules: line 1, column 9, rule a: there is no action \"permit\", but continue, allow, refuse, hold, redirect, add, by, require\n[[ruleset]] \"border\": rules: line 2, column 4, rule b: \"when\", where \"then\" should be"},
		{"channel-in", []RuleSet{set("a:\nif not (size = 1 or channel-in in (\"p1\", \"p2\")) then allow")}, `[[ruleset]] "border": rules: line 2, rule a: there is no [[channel]] "p2"`},
		{"channel-out", []RuleSet{set(`a: if channel-out = "submit" then allow`)}, `rules: line 1, rule a: there is no [[channel]] "submit"`},
		{"peer-in", []RuleSet{set(`a: if peer-in = "MTA-X" then allow`)}, `rules: line 1, rule a: there is no [[peer]] "MTA-X"`},
		{"peer-out", []RuleSet{set(`a: if peer-out != "MTA-X" then allow`)}, `rules: line 1, rule a: there is no [[peer]] "MTA-X"`},
		{"by channel", []RuleSet{set(`a: then allow, by channel "p*"`)}, `rules: line 1, rule a: there is no [[channel]] "p*"`},
		{"require", []RuleSet{set(`a: then require "sign"`)}, `rules: line 1, rule a: there is no [[step]] "sign"`},
		{"by peer", []RuleSet{set(`a: then by peer "MTA-X"`)}, `rules: line 1, rule a: there is no [[peer]] "MTA-X"`},
		{"long name", []RuleSet{{Name: strings.Repeat("n", rule.MaxName+1), Evaluate: FirstMatch, Otherwise: OtherwiseHold}}, `name: 65 octets; there are at most 64`},
		{"long enough", []RuleSet{set(strings.Repeat(" ", rule.MaxText))}, ""},
		{"too long", slices.Repeat([]RuleSet{set(strings.Repeat(" ", rule.MaxText))}, 5), `[ruleset]: 20971520 octets of rules altogether, as JSON has them; there are at most 16777216`},
		{"too long in JSON", []RuleSet{set("#" + strings.Repeat("<", 3<<20))}, `[ruleset]: 18874369 octets of rules altogether, as JSON has them; there are at most 16777216`},
		{"too many", make([]RuleSet, maxRuleSets+1), "[ruleset]: 101 of them; there are at most 100"},
	} {
		cfg := sample()
		cfg.RuleSets = c.sets
		err := cfg.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, not %s", c.name, err, c.want)
		}
	}
}

// TestSecurity: what can be checked of [security] without its files is.
func TestSecurity(t *testing.T) {
	for _, c := range []struct {
		edit func(*Config)
		want string
	}{
		{func(c *Config) { c.Security.Revocation = "never" }, `[security]: revocation: "never" is neither given nor required`},
		{func(c *Config) { c.Security.MaxSigned = 100 }, `[security]: max-signed-size: 100 is not between 4096 and 268435456`},
		{func(c *Config) { c.Security.Roots = []string{"a", ""} }, `[security]: roots number 2: no name of a file`},
		{func(c *Config) { c.Users[0].Clearance = []string{""} }, `clearance number 1: it is empty`},
		{func(c *Config) { c.Peers[0].Clearance = make([]string, 17) }, `[[peer]] "MTA-B": clearance: 17 of them; there are at most 16, one for each security policy`},
		{func(c *Config) { c.Channels[0].Clearance = []string{"x", ""} }, `[[channel]] "p1": clearance number 2: it is empty`},
	} {
		cfg := sample()
		c.edit(cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, not %s", err, c.want)
		}
	}
	cfg := sample()
	cfg.Security.Roots = []string{"ca.pem", "/etc/ca.pem"}
	cfg.Absolute("/etc/mta")
	if got := strings.Join(cfg.Security.Roots, " "); got != "/etc/mta/ca.pem /etc/ca.pem" {
		t.Error(got)
	}
}

// TestSteps: what a step needs is there.
func TestSteps(t *testing.T) {
	secure := NewChannel()
	secure.Name, secure.Kind = "secure", KindSecure
	for _, c := range []struct {
		step Step
		want string // nothing: it is valid
	}{
		{Step{Name: "a", Strip: true}, ""},
		{Step{Name: "a", ToPolicy: "X", Certificate: "c", Key: "k", PassphraseFile: "credential:p"}, ""},
		{Step{Name: "", Strip: true}, "[[step]] number 1: name: "},
		{Step{Name: "a"}, `[[step]] "a": it does nothing`},
		{Step{Name: "a", Certificate: "c"}, `[[step]] "a": key: a certificate and its key go together`},
		{Step{Name: "a", Strip: true, PassphraseFile: "p"}, `[[step]] "a": passphrase-file: there is no key`},
		{Step{Name: "a", Strip: true, Channel: "p1"}, `[[step]] "a": channel: `},
		{Step{Name: "a", Key: "k", Certificate: "c", PassphraseFile: "credential:a/b"}, `[[step]] "a": passphrase-file: `},
	} {
		cfg := sample()
		cfg.Channels = append(cfg.Channels, secure)
		cfg.Steps = []Step{c.step}
		cfg.Complete()
		err := cfg.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, not %s", c.step, err, c.want)
		}
	}
	cfg := sample()
	cfg.Channels = append(cfg.Channels, secure)
	cfg.Steps = []Step{{Name: "a", Certificate: "c.pem", Key: "k.pem", PassphraseFile: "p"}}
	cfg.Security.Roots = []string{"r.pem"}
	cfg.Complete()
	for _, c := range []struct {
		channel, file string
		want          bool
	}{{"secure", "k.pem", true}, {"secure", "c.pem", true}, {"secure", "p", true}, {"secure", "r.pem", true}, {"p1", "r.pem", true}, {"p1", "k.pem", false}, {"expand", "k.pem", false}, {"secure", "", false}} {
		if got := cfg.NamesFile(c.channel, c.file); got != c.want {
			t.Errorf("%s may open %q: %v", c.channel, c.file, got)
		}
	}
}

package policy

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

// TestLabels proves what rules find of labels that are not as they should be, and that what
// somebody is not cleared for they are not.
func TestLabels(t *testing.T) {
	const secret = "policy=ALLIANCE; class=SECRET; Releasable To=SUD"
	ask := func(m *Message, test string, edit func(*conf.Config)) Verdict {
		cfg := secured()
		if edit != nil {
			edit(cfg)
		}
		s := conf.NewRuleSet()
		s.Name, s.Rules = "s", "r: if "+test+" then allow"
		cfg.RuleSets = []conf.RuleSet{s}
		p, err := New(cfg, conf.OpenFile)
		if err != nil {
			t.Fatal(err)
		}
		return p.Case(m).Judge(way(t))
	}
	for _, c := range []struct {
		label, test string
		edit        func(*conf.Config)
		want        string
	}{
		{"policy=ALLIANCE; class=TOP SECRET; Releasable To=SUD", "cleared-to", nil, "refuse: the policy of this MTA does not permit it (no rule of set s decides)"},
		{"policy=ALLIANCE; class=SECRET; Releasable To=NRD", "cleared-peer-out", nil, "refuse: the policy of this MTA does not permit it (no rule of set s decides)"},
		{secret, "cleared-to", func(cfg *conf.Config) { cfg.Users = nil }, "refuse: the policy of this MTA does not permit it (no rule of set s decides)"},
		{"policy=2.999.77; class=4", "cleared-to or labelled and label-valid", nil, "refuse: the policy of this MTA does not permit it (no rule of set s decides)"},
		{"policy=2.999.77; class=4", "label-policy = \"2.999.*\"", nil, "allow (rule r of set s)"},
		{"policy=2.999.77; class=4", "label-classification < \"SECRET\"", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-classification: the policy of the label, 2.999.77, is not known here (rule r of set s)"},
		{"policy=2.999.77; class=4", "label-category = \"*\"", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-category: the policy of the label, 2.999.77, is not known here (rule r of set s)"},
		{"policy=2.999.1", "label-classification < \"SECRET\"", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-classification: the label has no classification that the policy ALLIANCE knows (rule r of set s)"},
		{secret, "label-classification < \"HEMMELIG\"", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-classification: the policy ALLIANCE has no classification \"HEMMELIG\" (rule r of set s)"},
		{secret, "label-classification in (\"HEMMELIG\", \"SECRET\")", nil, "allow (rule r of set s)"},
		{secret, "label-classification in (\"SECRET\", \"HEMMELIG\")", nil, "allow (rule r of set s)"},
		{secret, "label-classification in (\"RESTRICTED\", \"HEMMELIG\")", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-classification: the policy ALLIANCE has no classification \"HEMMELIG\" (rule r of set s)"},
		{"", "not labelled", nil, "allow (rule r of set s)"},
		{"", "label-valid", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-valid: the message has no label (rule r of set s)"},
		{"", "not cleared-to", nil, "refuse: a rule of this MTA asks what the message does not say clearly: cleared-to: the message has no label (rule r of set s)"},
		{"", "label-classification < \"SECRET\"", nil, "refuse: a rule of this MTA asks what the message does not say clearly: label-classification: the message has no label (rule r of set s)"},
		{"", "labelled and label-classification < \"SECRET\"", nil, "refuse: the policy of this MTA does not permit it (no rule of set s decides)"},
		{"", "not labelled and label-classification = \"UNCLASSIFIED\" and cleared-to", func(cfg *conf.Config) { cfg.Security.DefaultLabel = "policy=ALLIANCE; class=UNCLASSIFIED" }, "allow (rule r of set s)"},
		{"policy=NORDLAND; class=HEMMELIG", "cleared-to", nil, "refuse: the policy of this MTA does not permit it (no rule of set s decides)"},
	} {
		m := of(t)
		m.Label = nil
		if c.label != "" {
			m.Label = labelled(t, c.label)
		}
		if v := ask(m, c.test, c.edit); v.String() != c.want {
			t.Errorf("%s: %s:\n%s, not\n%s", c.label, c.test, v.String(), c.want)
		}
	}
}

// TestInternetAddresses: no way to write an address evades a rule that asks for it, and one of
// which nobody can tell what it is denies where that matters, for this recipient alone.
func TestInternetAddresses(t *testing.T) {
	const rules = "press: if to in (\"*@press.example\", \"/O=Press/ADMD=TEST/C=GB/\") then refuse \"no\"\nfrom: if from = \"*@else.example.\" then hold\nrest: then allow"
	of := func(values ...string) *oraddr.Address {
		a := address(t, "/O=Org/ADMD=TEST/C=GB/")
		for _, v := range values {
			a.DDA = append(a.DDA, oraddr.DDA{Type: "RFC-822", Value: v})
		}
		return a
	}
	teletex, press := of("ann(a)example.com"), of("ann", "bob")
	teletex.Teletex.DDA = []oraddr.TeletexDDA{{Type: "RFC-822", Value: "x@press.example"}}
	press.O = "Press"
	for _, c := range []struct {
		name     string
		from, to *oraddr.Address
		want     string
	}{
		{"another", of("a(a)b.example"), of("ann(a)example.com"), "allow (rule rest of set s)"},
		{"plain", of(), of("x(a)press.example"), "refuse: no (rule press of set s)"},
		{"second", of(), of("ann(a)example.com", "x(a)press.example"), "refuse: no (rule press of set s)"},
		{"teletex", of(), teletex, "refuse: no (rule press of set s)"},
		{"final dot", of(), of("x(a)Press.Example."), "refuse: no (rule press of set s)"},
		{"phrase", of(), of("Ann (060)x(a)press.example(062)"), `refuse: %to: "Ann <x@press.example>" is not an Internet address alone (rule press of set s)`},
		{"one of two", of(), of("x(a)press.example", "ann"), "refuse: no (rule press of set s)"},
		{"by its O/R address", of(), press, "refuse: no (rule press of set s)"},
		{"of the originator", of("a(a)else.example"), of("ann(a)example.com"), "hold: held by policy (rule from of set s)"},
		{"no address of the originator", of("(q)a(q)(a)else.example"), of("ann(a)example.com"), `refuse: %from: "\"a\"@else.example" is not an Internet address alone (rule from of set s)`},
	} {
		is := compiledSets(t, "refuse", map[string]string{"s": rules}).Case(&Message{From: c.from})
		want := strings.ReplaceAll(c.want, "%", "a rule of this MTA asks what the message does not say clearly: ")
		if v := is.Judge(Way{To: c.to}); v.String() != want {
			t.Errorf("%s: %s, not %s", c.name, &v, want)
		}
		steps, _ := is.Explain(Way{To: c.to})
		if last := steps[len(steps)-1]; strings.Contains(want, "alone") != (last.Matches == Unknown) || last.Matches == Unknown && !strings.Contains(last.Why, "alone") {
			t.Errorf("%s: explained by %+v", c.name, last)
		}
		is.Judge(Way{To: of("Ann")})
		if v := is.Judge(Way{To: c.to}); v.String() != want {
			t.Errorf("%s, after another: %s", c.name, &v)
		}
	}
	for text, want := range map[string]rule.Decision{
		"r: if to = \"/ADMD=TEST/C=GB/\" then allow": rule.Allow, "r: if not (to = \"*@a\" and from = \"*@a\") then allow": rule.Allow,
		"r: if to != \"*@a\" then allow": rule.Refuse, "r: if not (to = \"*@a\") then allow": rule.Refuse, "r: if to not in (\"*@a\", \"/C=GB/\") then refuse\nq: then allow": rule.Allow,
	} {
		v := compiledSets(t, "allow", map[string]string{"s": text}).Case(&Message{From: of()}).Judge(Way{To: of("ann")})
		if v.Decision != want {
			t.Errorf("%s: %s", text, &v)
		}
	}
}

// TestSignatures: nobody has signed what is not validly signed.
func TestSignatures(t *testing.T) {
	by := &spool.Signature{Reasons: []string{"revoked: it is"}, Signers: []spool.Signer{{Subject: "CN=Gate", Addresses: []string{"/S=Ann/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"}}}}
	for test, want := range map[string]rule.Decision{`signature = invalid`: rule.Allow, `signature = none`: rule.Refuse, `signer = "*"`: rule.Refuse, `signed-by-originator`: rule.Refuse} {
		m := of(t)
		m.Signature = by
		if v := compiledSets(t, "refuse", map[string]string{"s": "r: if " + test + " then allow"}).Case(m).Judge(way(t)); v.Decision != want {
			t.Errorf("%s: %s", test, &v)
		}
	}
	m := of(t)
	m.Signature.Signers[0].Addresses = []string{"@", "gate@", "@example.com"}
	for _, mail := range []string{"", "(a)", "gate(a)", "(a)example.com", "(q)gate(q)(a)example.com"} {
		m.From = address(t, "/ADMD=TEST/C=GB/")
		if mail != "" {
			m.From.DDA = []oraddr.DDA{{Type: "RFC-822", Value: mail}}
		}
		if v := compiledSets(t, "refuse", map[string]string{"s": "r: if signed-by-originator then allow"}).Case(m).Judge(way(t)); v.Decision != rule.Refuse {
			t.Errorf("%q: %s", mail, &v)
		}
	}
	m = of(t)
	m.Signature.Signers[0].Addresses = m.Signature.Signers[0].Addresses[:1]
	m.From = address(t, "/DD.RFC-822=gate(a)EXAMPLE.com/DD.RFC-822=else(a)example.com/ADMD=TEST/C=GB/")
	if v := compiledSets(t, "refuse", map[string]string{"s": "r: if signed-by-originator then allow"}).Case(m).Judge(way(t)); v.Decision != rule.Refuse {
		t.Error(v.String())
	}
	m.From = address(t, "/DD.RFC-822=gate(a)EXAMPLE.com/ADMD=TEST/C=GB/")
	if v := compiledSets(t, "refuse", map[string]string{"s": "r: if signed-by-originator then allow"}).Case(m).Judge(way(t)); v.Decision != rule.Allow {
		t.Error(v.String())
	}
}

// TestNames: what no security policy has is a fault of the configuration.
func TestNames(t *testing.T) {
	for test, want := range map[string]string{
		`label-classification > "SECRTE"`:            `rule set "s": rule r: line 1: no security policy has a classification "SECRTE"`,
		`label-category = "Releasable To=XXX"`:       `rule set "s": rule r: line 1: no security policy has a category "Releasable To=XXX"`,
		`label-category != "Releaseable To=*"`:       `rule set "s": rule r: line 1: no security policy has a category "Releaseable To=*"`,
		`label-policy in ("ALLIANCE", "ALIANCE")`:    `rule set "s": rule r: line 1: there is no security policy "ALIANCE"`,
		`size = 1 or not (label-policy = "2.999.9")`: `rule set "s": rule r: line 1: there is no security policy "2.999.9"`,
	} {
		cfg := secured()
		s := conf.NewRuleSet()
		s.Name, s.Rules = "s", "r: if "+test+" then allow"
		cfg.RuleSets = []conf.RuleSet{s}
		if _, err := New(cfg, conf.OpenFile); err == nil || err.Error() != want || diag.KindOf(err) != diag.Config {
			t.Errorf("%s: %v", test, err)
		}
	}
	for what, edit := range map[string]func(*conf.Config){
		"[security]: default-label: ":                func(cfg *conf.Config) { cfg.Security.DefaultLabel = "policy=NOBODY; class=1" },
		"[security]: open nothing.xml: ":             func(cfg *conf.Config) { cfg.Security.Policies = []string{"nothing.xml"} },
		"[security]: policy_test.go: ":               func(cfg *conf.Config) { cfg.Security.Roots = []string{"policy_test.go"} },
		"[[user]] /S=Ann/O=Org/PRMD=ALPHA/ADMD=TEST": func(cfg *conf.Config) { cfg.Users[0].Clearance = []string{"policy=ALLIANCE; class=EVERYTHING"} },
		"[[peer]] MTA-A: clearance: ":                func(cfg *conf.Config) { cfg.Peers[0].Clearance = []string{"?"} },
		"[[channel]] p1: clearance: ":                func(cfg *conf.Config) { cfg.Channels[0].Clearance = []string{"?"} },
	} {
		cfg := secured()
		cfg.RuleSets = []conf.RuleSet{{Name: "s"}}
		edit(cfg)
		if _, err := New(cfg, conf.OpenFile); err == nil || !strings.HasPrefix(err.Error(), what) || diag.KindOf(err) != diag.Config {
			t.Errorf("%s%v", what, err)
		}
	}
}

// The clearances of one user are held against the label once, however often a message names him.
func TestReachedOnce(t *testing.T) {
	cfg := secured()
	s := conf.NewRuleSet()
	s.Name, s.Rules = "s", "r: if cleared-to then allow"
	cfg.RuleSets = []conf.RuleSet{s}
	p, err := New(cfg, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	m := of(t)
	m.Label = labelled(t, "policy=ALLIANCE; class=SECRET; Releasable To=SUD")
	c := p.Case(m)
	for range 3 {
		if v := c.Judge(way(t)); v.Decision != rule.Allow || len(c.reached) != 1 {
			t.Errorf("%s, %d clearances", v.String(), len(c.reached))
		}
	}
	other := way(t)
	other.To = m.From
	if v := c.Judge(other); v.Decision == rule.Allow && len(c.reached) == 1 {
		t.Errorf("%s, by the clearances of another", v.String())
	}
}

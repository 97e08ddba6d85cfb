package main

import (
	"fmt"
	"os"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/rule"
)

// ruleRemarks are those on rules that are right and do not do what whoever wrote them meant;
// look is told each address that they send something to.
func ruleRemarks(cfg *conf.Config, remark func(text string), look func(what, address string)) {
	for i := range cfg.RuleSets {
		set := &cfg.RuleSets[i]
		rules, err := rule.Parse(set.Rules)
		if err != nil {
			continue // it is a fault, and told
		}
		for k := range rules {
			r := &rules[k]
			where := fmt.Sprintf("[[ruleset]] %q: rule %s, line %d", set.Name, r.Name, r.Line)
			if left := len(rules) - k - 1; left > 0 && r.When == nil && r.Action.Decision != rule.Continue && set.Evaluate != conf.AllMustAllow {
				remark(fmt.Sprintf("%s: it has no condition and decides: no rule after it is asked, and there are %d", where, left))
			}
			if r.Action.To != nil {
				look(where+": redirect to", r.Action.To.String())
			}
			for _, to := range r.Action.Add {
				look(where+": add", to.String())
			}
		}
	}
}

// policyRemarks are those on what was passed over in the security policies.
func policyRemarks(cfg *conf.Config) (all []string) {
	for _, name := range cfg.Security.Policies {
		set, err := spif.Load(name)
		if err != nil {
			continue // it is a fault, and told, where anybody asks
		}
		for _, p := range set.Policies() {
			if w := p.Info().Warnings; len(w) > 0 {
				all = append(all, "[security]: policies: "+passedOver(w))
			}
		}
	}
	return all
}

// passedOver tells the first of the warnings of a security policy, and how many there are.
func passedOver(warnings []string) string {
	return fmt.Sprintf("%s (%d such remarks)", warnings[0], len(warnings))
}

// stepRemarks are those on the certificates and keys of steps.
func stepRemarks(cfg *conf.Config) (all []string) {
	for i := range cfg.Steps {
		s := &cfg.Steps[i]
		if st, err := os.Stat(s.Key); s.Key != "" && err == nil && st.Mode().Perm()&0o004 != 0 {
			all = append(all, fmt.Sprintf("[[step]] %s: key: everybody can read it: mode %o, better 600", s.Name, st.Mode().Perm()))
		}
		for _, text := range secretRemarks("passphrase-file", s.PassphraseFile, conf.MaxSecret) {
			all = append(all, fmt.Sprintf("[[step]] %s: %s", s.Name, text))
		}
	}
	for _, err := range policy.CheckSteps(cfg, time.Now()) {
		all = append(all, err.Error())
	}
	return all
}

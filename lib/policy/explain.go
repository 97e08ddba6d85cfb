package policy

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/rule"
)

// Step is one rule on the way to a verdict.
type Step struct {
	Set     string // rule set
	Rule    string // empty: what becomes of what no rule of the set decides
	Line    int    // in the text of the set
	Matches string // "yes", "no" or "unknown"
	Why     string // the tests that decide it, with what is the case
	Does    string // what the rule does, if it matches
}

// The values of Step.Matches.
const (
	Yes     = "yes"
	No      = "no"
	Unknown = "unknown"
)

// Explain is Judge, and how it comes to that: every rule that is asked, in order, until the
// set is decided.
func (c *Case) Explain(w Way) ([]Step, Verdict) {
	v := c.Judge(w)
	c.begin(w)
	var steps []Step
	for _, s := range c.p.sets {
		of := Verdict{}
		decided := false
		for i := range s.rules {
			r := &s.rules[i]
			is := c.eval(r.when)
			step := Step{Set: s.name, Rule: r.Name, Line: r.Line, Matches: No, Why: c.why(r.when)}
			switch is {
			case holds:
				step.Matches, step.Does = Yes, r.Action.String()
			case unknown:
				step.Matches = Unknown
			}
			if is != fails {
				verdict := c.apply(s, r, is)
				of = combine(of, verdict)
				if is == unknown || verdict.Decision != r.Action.Decision {
					step.Does = verdict.Decision.String() + ": " + cmp.Or(verdict.Why, verdict.Text)
				}
				decided = verdict.Decision != rule.Continue && !s.all || verdict.Decision == rule.Refuse
			}
			steps = append(steps, step)
			if decided {
				break
			}
		}
		if of.Decision == rule.Continue {
			steps = append(steps, Step{Set: s.name, Matches: Yes, Why: "no rule decides", Does: s.otherwise.String()})
			of.Decision = s.otherwise
		}
		if of.Decision == rule.Refuse {
			break // the sets after it are not asked
		}
	}
	return steps, v
}

// errNobody is why a test has no value: no message has one.
var errNobody = diag.New("", diag.Internal, "nothing is known of it")

// whyUnknown is why a condition is not known: the first of its tests that is not.
func (c *Case) whyUnknown(of *condition) error {
	if of == nil {
		return nil
	}
	for _, part := range of.of {
		if c.eval(part) == unknown {
			return c.whyUnknown(part)
		}
	}
	term := c.p.tests[of.test].Term
	why := c.m.Unknown[term]
	if why == nil {
		why = c.whyNot[of.test]
	}
	if why == nil {
		why = errNobody
	}
	return diag.E(term.String(), diag.KindOf(why), why)
}

// why tells which tests make a condition what it is.
func (c *Case) why(of *condition) string {
	switch {
	case of == nil:
		return "always"
	case of.operator == rule.Leaf:
		return c.whyTest(of)
	case of.operator == rule.Not:
		return c.why(of.of[0])
	}
	is := c.eval(of)
	var parts []string
	for _, part := range of.of {
		if c.eval(part) != is {
			continue
		}
		parts = append(parts, c.why(part))
		if all := (of.operator == rule.And) == (is == holds); !all {
			break // one is enough
		}
	}
	return strings.Join(parts, "; ")
}

// whyTest tells what is the case where a test asks.
func (c *Case) whyTest(of *condition) string {
	t := &c.p.tests[of.test]
	if c.test(of.test) == unknown {
		return c.whyUnknown(of).Error()
	}
	if t.Term.Sort() == rule.Flag {
		return c.whyFlag(t.Term, c.test(of.test) == holds)
	}
	is := c.value(t.Term)
	if is == "" {
		return t.Term.String() + ": there is none"
	}
	if pattern := t.Values; len(pattern) == 1 && pattern[0].Pattern != nil {
		of := c.m.From
		if t.Term == rule.To {
			of = c.way.To
		}
		if ok, why := pattern[0].Pattern.Match(*of); !ok {
			return t.Term.String() + ": " + why
		}
	}
	return t.Term.String() + " is " + is
}

// whyFlag tells what is the case where a test asks yes or no.
func (c *Case) whyFlag(t rule.Term, is bool) string {
	s, text := c.p.security, t.String()+": no"
	if is {
		text = t.String() + ": yes"
	}
	switch t {
	case rule.SignedByOriginator:
		return text + ", signer is " + cmp.Or(strings.Join(signers(c.m.Signature), ", "), "nobody")
	case rule.Labelled:
		if c.m.Label != nil {
			text += ", " + c.m.Label.Text(s.policies)
		}
		return text
	case rule.LabelValid:
		return text + reasons(s.policies.Validate(c.label, c.m.Time))
	}
	of, _ := c.clearances(t)
	return text + ", label is " + c.label.Text(s.policies) + reasons(s.policies.Decide(c.label, c.m.Time, of...))
}

// reasons are those of a verdict, behind something else.
func reasons(v spif.Verdict) string {
	if text := because(v); text != "" {
		return "; " + text
	}
	return ""
}

// because are the reasons of a verdict.
func because(v spif.Verdict) string {
	all := make([]string, len(v.Reasons))
	for i, r := range v.Reasons {
		all[i] = r.Text
	}
	return strings.Join(all, "; ")
}

// value is what a message has for a term, for people; empty if nothing.
func (c *Case) value(t rule.Term) string {
	switch m := c.m; t {
	case rule.From:
		if m.From != nil {
			return m.From.String()
		}
	case rule.To:
		if c.way.To != nil {
			return c.way.To.String()
		}
	case rule.Kind:
		return rule.Kind.Words()[kind(m.Probe)]
	case rule.Priority:
		return rule.Priority.Words()[rank(m.Priority)]
	case rule.ContentType:
		return m.ContentType.String()
	case rule.Size:
		return quantity.Octets(m.Size).String()
	case rule.Recipients:
		return strconv.Itoa(m.Recipients)
	case rule.SICs:
		return strconv.Itoa(len(m.SICs))
	case rule.SIC:
		return strings.Join(m.SICs, ", ")
	case rule.Signature:
		text := rule.Signature.Words()[signature(m.Signature)]
		if m.Signature != nil && len(m.Signature.Reasons) > 0 {
			text += ": " + strings.Join(m.Signature.Reasons, "; ")
		}
		return text
	case rule.Signer:
		return strings.Join(signers(m.Signature), ", ")
	case rule.LabelPolicy, rule.LabelClassification, rule.LabelCategory:
		if c.label != nil {
			return c.label.Text(c.p.security.policies)
		}
	case rule.Time:
		return m.Time.UTC().Format("Mon 15:04") + " UTC"
	case rule.ClientAddress:
		if m.Client.IsValid() {
			return m.Client.Unmap().String()
		}
	case rule.ChannelIn:
		return m.Channel
	case rule.PeerIn:
		return m.Peer
	case rule.Identity:
		return m.Identity
	case rule.Mechanism:
		return m.Mechanism
	case rule.ChannelOut:
		return c.way.Channel
	case rule.PeerOut:
		return c.way.Peer
	}
	return ""
}

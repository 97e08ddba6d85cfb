// Package rule is the language in which an operator says who may send what: the text of
// rules as mta-policy(5) describes it, and the same as values. What is asked about, and what
// comes of it, is for package policy.
package rule

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// Bounds of what is read.
const (
	MaxText   = 4 << 20 // octets of the text of rules
	MaxRules  = 10000
	MaxValues = 10000 // of one test
	MaxDepth  = 50    // of parentheses and negations
	MaxName   = 64    // octets of the name of a rule
	MaxString = 4096  // octets of one string
	MaxAdd    = 16    // recipients that one rule adds
	maxFaults = 20    // that are told of one text
)

// Rule is one rule: where its condition holds, its action is taken.
type Rule struct {
	Name   string
	Line   int        // of the text, from 1
	When   *Condition // nil: always
	Action Action
}

// Operator joins conditions.
type Operator uint8

// The operators.
const (
	Leaf Operator = iota // a Test
	And
	Or
	Not // of one condition
)

// Condition is a test, or others joined.
type Condition struct {
	Operator Operator
	Of       []*Condition // of And and Or two or more, of Not one
	Test     *Test        // of a Leaf
}

// Test asks about one term. A term that is a Flag has no values.
type Test struct {
	Term       Term
	Comparison Comparison
	Values     []Value // more than one only with Equal and NotEqual: to any of them, to none
	Line       int
}

// Value is a value of a rule: the text that stands there, and what it says by the sort of
// the term.
type Value struct {
	Text    string
	Pattern *oraddr.Pattern // of an Address that is an O/R address
	Number  int64           // of a Number, Octets, or the place of a Word or Rank among its words
	Window  quantity.Window // of a Moment
	Prefix  netip.Prefix    // of a Network
}

// Internet tells whether the value of an Address is a pattern of Internet addresses.
func (v *Value) Internet() bool { return v.Pattern == nil }

// Decision is what becomes of a recipient.
type Decision uint8

// The decisions.
const (
	Continue Decision = iota // nothing is decided: the rules after it are asked
	Allow
	Refuse
	Hold
	Redirect
)

var decisions = [...]string{Continue: "continue", Allow: "allow", Refuse: "refuse", Hold: "hold", Redirect: "redirect"}

// String returns the word for the decision in a rule.
func (d Decision) String() string {
	if int(d) < len(decisions) {
		return decisions[d]
	}
	return "decision(" + strconv.Itoa(int(d)) + ")"
}

// Action is what a rule does.
type Action struct {
	Decision   Decision
	Text       string             // of Refuse and Hold: why, for people; may be empty
	Reason     mts.ReasonCode     // of Refuse
	Diagnostic mts.DiagnosticCode // of Refuse
	To         *oraddr.Address    // of Redirect
	Add        []oraddr.Address   // recipients that get it, too
	Channels   []string           // Allow and Continue: by these only; empty: by any
	Peers      []string           // likewise
	Require    string             // Allow, Continue and Hold: the step that is done first; empty: none
}

// The codes of a refusal that gives none.
const (
	DefaultReason     = mts.TransferFailureForSecurityReason
	DefaultDiagnostic = mts.SecurityPolicyViolation
)

// String returns the rule as Parse reads it.
func (r *Rule) String() string {
	var b strings.Builder
	b.WriteString(r.Name + ": ")
	if r.When != nil {
		b.WriteString("if " + r.When.String() + " ")
	}
	b.WriteString("then " + r.Action.String())
	return b.String()
}

// String returns the condition as Parse reads it.
func (c *Condition) String() string {
	switch c.Operator {
	case Leaf:
		return c.Test.String()
	case Not:
		return "not " + c.Of[0].within()
	}
	word := " and "
	if c.Operator == Or {
		word = " or "
	}
	parts := make([]string, len(c.Of))
	for i, of := range c.Of {
		parts[i] = of.within()
	}
	return strings.Join(parts, word)
}

// within is the text of a condition that is part of another.
func (c *Condition) within() string {
	if c.Operator == And || c.Operator == Or {
		return "(" + c.String() + ")"
	}
	return c.String()
}

// String returns the test as Parse reads it.
func (t *Test) String() string {
	if len(t.Values) == 0 {
		return t.Term.String()
	}
	if len(t.Values) == 1 {
		return t.Term.String() + " " + t.Comparison.String() + " " + t.Values[0].written(t.Term.Sort())
	}
	parts := make([]string, len(t.Values))
	for i := range t.Values {
		parts[i] = t.Values[i].written(t.Term.Sort())
	}
	in := " in ("
	if t.Comparison == NotEqual {
		in = " not in ("
	}
	return t.Term.String() + in + strings.Join(parts, ", ") + ")"
}

func (v *Value) written(s Sort) string {
	switch s {
	case Number, Octets, Word, Rank:
		return v.Text
	}
	return quote(v.Text)
}

// String returns the action as Parse reads it.
func (a *Action) String() string {
	var parts []string
	if a.Decision != Continue {
		text := a.Decision.String()
		if a.Text != "" {
			text += " " + quote(a.Text)
		}
		if a.Decision == Refuse {
			text += " reason " + a.Reason.String() + " diagnostic " + diagnosticWord(a.Diagnostic)
		}
		if a.To != nil {
			text += " to " + quote(a.To.String())
		}
		parts = append(parts, text)
	}
	for i := range a.Add {
		parts = append(parts, "add "+quote(a.Add[i].String()))
	}
	for _, c := range a.Channels {
		parts = append(parts, "by channel "+quote(c))
	}
	for _, p := range a.Peers {
		parts = append(parts, "by peer "+quote(p))
	}
	if a.Require != "" {
		parts = append(parts, "require "+quote(a.Require))
	}
	if len(parts) == 0 {
		return Continue.String()
	}
	return strings.Join(parts, ", ")
}

// none is the word for a refusal without a diagnostic.
const none = "none"

// NoDiagnostic stands for the diagnostic that is not there.
const NoDiagnostic mts.DiagnosticCode = -1

func diagnosticWord(d mts.DiagnosticCode) string {
	if d == NoDiagnostic {
		return none
	}
	return d.String()
}

// quote writes a string of the language.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

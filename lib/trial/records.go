package trial

import (
	"cmp"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// Recipient is what is decided about one, as mtactl-policy(1) tells it.
type Recipient struct {
	N       int         `json:"n"`
	Address string      `json:"recipient"`
	Came    *Decided    `json:"came,omitempty"` // when the message came
	None    string      `json:"none,omitempty"` // why there is no way
	Ways    []Way       `json:"ways,omitempty"`
	Verdict *Verdict    `json:"verdict,omitempty"`
	Left    []spool.Hop `json:"permitted,omitempty"`
}

// Decided is a decision, and why it is that.
type Decided struct {
	Decision string `json:"decision"`
	Rule     string `json:"rule,omitempty"` // SET/RULE, or SET
	Text     string `json:"text,omitempty"`
	Why      string `json:"why,omitempty"` // of a refusal, if the originator is told something else
	To       string `json:"to,omitempty"`
}

// Verdict is all that is decided.
type Verdict struct {
	Decided
	Add        []string `json:"add,omitempty"`
	Require    string   `json:"require,omitempty"` // a step
	Reason     string   `json:"reason,omitempty"`
	Diagnostic string   `json:"diagnostic,omitempty"`
	Unknown    string   `json:"unknown,omitempty"`
}

// Way is one of the ways to a recipient, and what is decided about it.
type Way struct {
	Channel string  `json:"channel"`
	Peer    string  `json:"peer,omitempty"`
	Steps   []Step  `json:"steps"`
	Verdict Verdict `json:"verdict"`
}

// Step is a rule on the way to a verdict; without a name, what the set does as none decides.
type Step struct {
	Set     string `json:"set"`
	Rule    string `json:"rule,omitempty"`
	Line    int    `json:"line,omitempty"`
	Matches string `json:"matches"`
	Why     string `json:"why,omitempty"`
	Does    string `json:"does,omitempty"`
}

// Goes tells whether the message goes to the recipient, or to another in its place.
func (r *Recipient) Goes() bool {
	return r.Verdict != nil && (r.Verdict.Decision == rule.Allow.String() || r.Verdict.Decision == rule.Redirect.String())
}

// NewRecipient is what is decided about a recipient, and was when it came; nil if it did not.
func NewRecipient(is *submit.Explained, came *spool.Recipient) Recipient {
	r := Recipient{N: is.N, Address: is.Address}
	if came != nil {
		r.Came = cameWith(came)
	}
	if is.Fail != nil {
		r.None = is.Fail.Text
		return r
	}
	for _, w := range is.Ways {
		out := Way{Channel: w.Channel, Peer: w.Peer, Steps: []Step{}, Verdict: verdictOf(&w.Verdict)}
		for _, s := range w.Steps {
			out.Steps = append(out.Steps, Step(s))
		}
		r.Ways = append(r.Ways, out)
	}
	v := verdictOf(&is.Verdict)
	r.Verdict, r.Left = &v, is.Left
	return r
}

func verdictOf(v *policy.Verdict) Verdict {
	out := Verdict{Decided: Decided{Decision: v.Decision.String(), Rule: submit.RuleName(v), Text: v.Text, Why: v.Why}, Add: addressesOf(v), Require: v.Require}
	if v.To != nil {
		out.To = v.To.String()
	}
	if v.Decision == rule.Refuse {
		out.Reason = v.Reason.String()
		if v.Diagnostic != rule.NoDiagnostic {
			out.Diagnostic = v.Diagnostic.String()
		}
	}
	if v.Unknown != nil {
		out.Unknown = v.Unknown.Error()
	}
	return out
}

// cameWith is what was decided when a recipient came; nil if nothing was.
func cameWith(r *spool.Recipient) *Decided {
	if r.Rule == "" {
		return nil
	}
	d := &Decided{Decision: rule.Allow.String(), Rule: r.Rule}
	switch {
	case r.Fail != nil:
		d.Decision, d.Text = rule.Refuse.String(), cmp.Or(r.Fail.Text, mts.ReasonCode(r.Fail.Reason).String())
	case r.Redirect != "":
		d.Decision, d.To = rule.Redirect.String(), r.Redirect
	case r.Hold != "":
		d.Decision, d.Text = rule.Hold.String(), r.Hold
	}
	return d
}

package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/rtree"
)

// Step is one rule that was tried.
type Step struct {
	Rule    string `json:"rule"` // "user", "route …", "own domain …", "peer …", "node …: …"
	Matched bool   `json:"matched"`
	Why     string `json:"why,omitempty"`
}

// Explanation is a decision and the way to it.
type Explanation struct {
	Address  string   `json:"address"`
	Steps    []Step   `json:"steps"`
	Decision Decision `json:"decision"`
}

// explain returns what the tables decide, and tells e every rule tried, the longest match
// first, until one decides: in time proportional to their number.
func (r *Router) explain(q *Query, e *Explanation) tabled {
	a := q.Address
	if d, ok := r.own(a); ok {
		e.explainOwn(d)
		return tabled{Decision: d}
	}
	e.step("user", false, "no user has this address")
	for i := range r.rules {
		rule := &r.rules[i]
		ok, why := rule.pattern.Match(a)
		if !ok {
			e.step(rule.name, false, why)
			continue
		}
		why = "longest match"
		if rule.comment != "" {
			why += ": " + rule.comment
		}
		e.step(rule.name, true, why)
		for _, name := range rule.skipped {
			why := "not enabled"
			if r.peers[name].Enabled {
				why = r.apart[name]
			}
			e.step("peer "+name, false, why)
		}
		d := r.permitted(rule.decision(a), q)
		for _, hop := range rule.hops {
			why := r.notes[hop.Peer]
			if slices.Contains(rule.old, hop.Peer) {
				old := "of 1984"
				if err := downgrade.Writable(a); err != nil {
					old += ": " + err.Error()
				}
				why = strings.TrimSuffix(old+"; "+why, "; ")
			}
			if unfit := r.unfit(hop.Peer, q); unfit != "" {
				why = unfit
			}
			e.step("peer "+hop.Peer, slices.Contains(d.Hops, hop), why)
		}
		return d
	}
	return nowhere
}

func (e *Explanation) step(rule string, matched bool, why string) {
	e.Steps = append(e.Steps, Step{rule, matched, why})
}

func (e *Explanation) nodeStep(s rtree.Step) {
	e.step("node "+s.Node.String()+": "+s.What, s.Taken, s.Why)
}

// String returns the explanation as lines of text: the address, a line a step,
// its columns separated by tabs, and the decision.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, e.Address)
	for _, s := range e.Steps {
		mark := "no"
		if s.Matched {
			mark = "yes"
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\n", mark, s.Rule, s.Why)
	}
	fmt.Fprintf(&b, "=\t%s\n", e.Decision)
	return b.String()
}

// String returns the hops in order, "p1 MTA-B, p1 MTA-C", or why there are none.
func (d Decision) String() string {
	switch {
	case d.Fail != nil:
		return d.Fail.String()
	case d.Unavailable != "":
		return "not known now: " + d.Unavailable
	}
	hops := make([]string, len(d.Hops))
	for i, h := range d.Hops {
		hops[i] = strings.TrimSpace(h.Channel + " " + h.Peer)
	}
	return strings.Join(hops, ", ")
}

// String returns X.411's names of reason and diagnostic, and the text.
func (f *Failure) String() string {
	s := "fail " + mts.ReasonCode(f.Reason).String()
	if f.Diagnostic >= 0 {
		s += ", " + mts.DiagnosticCode(f.Diagnostic).String()
	}
	if f.Text != "" {
		s += ": " + f.Told()
	}
	return s
}

package main

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/trial"
)

// printDecisions prints what is decided about a recipient. What a record cannot be written for is
// kept for Flush.
func printDecisions(p *cli.Printer, r *trial.Recipient) {
	if p.JSON() {
		_ = p.Record(r)
		return
	}
	decision := func(what string, d *trial.Decided, more ...any) {
		text := cmp.Or(d.Why, d.Text)
		if d.To != "" {
			text = d.To
		}
		_ = p.Record(nil, append([]any{what, d.Decision, d.Rule, text}, more...)...)
	}
	_ = p.Record(nil, "recipient", r.N, r.Address)
	if r.Came != nil {
		decision("came", r.Came)
	}
	if r.Verdict == nil {
		_ = p.Record(nil, "way", "none", r.None)
		return
	}
	for i := range r.Ways {
		w := &r.Ways[i]
		_ = p.Record(nil, "way", w.Channel, w.Peer)
		for _, s := range w.Steps {
			line := ""
			if s.Line > 0 {
				line = strconv.Itoa(s.Line)
			}
			_ = p.Record(nil, "rule", s.Set, s.Rule, line, s.Matches, s.Why, s.Does)
		}
		decision("verdict", &w.Verdict.Decided)
	}
	ways := make([]string, len(r.Left))
	for i, h := range r.Left {
		ways[i] = trial.WayText(h)
	}
	decision("decided", &r.Verdict.Decided, strings.Join(ways, " "))
	if r.Verdict.Require != "" {
		_ = p.Record(nil, "requires", r.Verdict.Require)
	}
	for _, a := range r.Verdict.Add {
		_ = p.Record(nil, "adds", a)
	}
}

// printCase prints what came of a case.
func printCase(p *cli.Printer, r *trial.Result) error {
	if p.JSON() {
		return p.Record(r)
	}
	_ = p.Record(nil, "case", r.Case, strings.Join(r.Wrong, "; ")) // kept for Flush
	for i := range r.Recipients {
		printDecisions(p, &r.Recipients[i])
	}
	return nil
}

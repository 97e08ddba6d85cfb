package submit

import (
	"io"
	"iter"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

// Question is about what policy would decide if a message or probe came now.
type Question struct {
	// Envelope is that of one in the spool, or as far as it matters of one that might come.
	Envelope *spool.Envelope
	To       []oraddr.Address // to whom instead of its recipients; nil: to these
	Count    int              // how many recipients it has; 0: as many as the envelope
	Ways     []spool.Hop      // instead of those that the router knows; nil: these
	At       time.Time        // when; zero: now
}

// Explained is what policy decides about one recipient, and how it comes to that.
type Explained struct {
	N       int
	Address string
	Fail    *spool.Failure // it has no way, and is not judged
	Ways    []ExplainedWay
	Verdict policy.Verdict
	Left    []spool.Hop // the ways that it may take
}

// ExplainedWay is what policy decides about one way to a recipient.
type ExplainedWay struct {
	spool.Hop
	Steps   []policy.Step
	Verdict policy.Verdict
}

// Explain answers a question, recipient by recipient, and changes nothing. Copies that policy
// has had made are not judged, and so left out. A report is not either, nor is what was made because
// rules say so: an error of kind Data.
func (d *Door) Explain(q Question) (iter.Seq[Explained], error) {
	if q.Envelope.Kind == spool.KindReport {
		return nil, diag.New(string(q.Envelope.ID), diag.Data, "is a report, and no rule is asked about reports")
	}
	if q.Envelope.OfCopy || q.Envelope.Step == StepSecure {
		return nil, diag.New(string(q.Envelope.ID), diag.Data, "was made because rules say so, and none is asked about it again")
	}
	inner := *d
	if !q.At.IsZero() {
		inner.now = func() time.Time { return q.At }
	}
	t := inner.begin(q.Envelope.Kind, q.Envelope.Source, q.Envelope.Wire, nil)
	t.env, t.size = *q.Envelope, q.Envelope.Size
	counted := t.env
	if q.Count > 0 {
		counted.Recipients = make([]spool.Recipient, q.Count)
	}
	c, s := inner.caseOf(&counted), t.subject()
	one := func(r *spool.Recipient) Explained {
		out := Explained{N: r.N, Address: r.Address}
		a, err := oraddr.Parse(r.Address)
		if err == nil {
			out.Address = a.String()
		}
		switch ways := q.Ways; {
		case err != nil:
			out.Fail = failure(mts.UnableToTransfer, mts.UnrecognisedORName, err.Error())
		case ways != nil:
			out.explain(c, &a, ways)
		default:
			now := t.addressed(r.N, a, r.Critical)
			inner.domainAlternate(t, &now, a)
			t.settle(&now, s)
			if out.Fail = now.Fail; now.Fail == nil {
				out.explain(c, &a, now.Hops)
			}
		}
		if out.Verdict.Decision == rule.Redirect || inner.expands(out.Left) {
			out.Verdict.Require = "" // it is for those that the message goes on to
		}
		return out
	}
	// One at a time: with the steps of each, those of a message to many do not fit in memory.
	return func(yield func(Explained) bool) {
		for _, r := range t.asked(q.To) {
			if !yield(one(&r)) {
				return
			}
		}
	}, nil
}

// asked are the recipients that a question is about.
func (t *Tx) asked(to []oraddr.Address) (all []spool.Recipient) {
	if to == nil {
		return slices.DeleteFunc(slices.Clone(t.env.Recipients), func(r spool.Recipient) bool { return r.Copy })
	}
	for i := range to {
		all = append(all, spool.Recipient{N: i + 1, Address: to[i].String()})
	}
	return all
}

func (e *Explained) explain(c *policy.Case, to *oraddr.Address, ways []spool.Hop) {
	for _, h := range ways {
		w := ExplainedWay{Hop: h}
		w.Steps, w.Verdict = c.Explain(policy.Way{To: to, Channel: h.Channel, Peer: h.Peer})
		e.Ways = append(e.Ways, w)
	}
	e.Left, e.Verdict = judgeWays(c, to, ways)
}

// Examine reads of a content what rules ask about it, and notes it in the envelope. The error is
// that of the reader.
func (d *Door) Examine(env *spool.Envelope, content io.Reader) error {
	if !d.policy.Content() {
		return nil
	}
	env.Facts = &spool.Facts{}
	c, err := mts.ParseContentType(env.ContentType)
	if err != nil || env.Kind != spool.KindMessage {
		return nil // there is nothing in it to be asked about
	}
	octets, err := io.ReadAll(io.LimitReader(content, d.policy.Wants(c)))
	if err == nil {
		env.Facts = d.policy.Facts(c, octets, d.now())
	}
	return err
}

// Label reads a security label in any form, by the security policies that rules go by, and
// returns its BER.
func (d *Door) Label(text string) ([]byte, error) {
	l, err := d.policy.Label(text)
	if err != nil {
		return nil, err
	}
	return l.DER()
}

// RuleName is what has decided, as a Recipient has it: "SET/RULE", or "SET" if none of its rules
// does.
func RuleName(v *policy.Verdict) string { return ruleName(v) }

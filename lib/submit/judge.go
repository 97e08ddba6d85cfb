package submit

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

// judged tells whether policy has a say in an object. Reports go where the message came from,
// and a copy, with what becomes of it here, or what a step makes, is made because policy says so.
func (d *Door) judged(env *spool.Envelope) bool {
	return !d.policy.IsZero() && env.Kind != spool.KindReport && !env.OfCopy && env.Step != StepSecure
}

// short is a content that is examined whatever others are, in octets: as many as there may be
// associations fit in memory, and none of them waits for somebody's long one.
const short = 64 << 10

// examine finds in the content what rules ask for. Of long contents one after the other: a signed
// one is verified in memory, and others are received at the same time.
func (t *Tx) examine() error {
	c, err := mts.ParseContentType(t.env.ContentType)
	if err != nil || t.env.Kind != spool.KindMessage || t.over {
		t.env.Facts = &spool.Facts{}
		return nil
	}
	wants := t.door.policy.Wants(c)
	if wants == 0 {
		t.env.Facts = t.door.policy.Facts(c, nil, t.door.now())
		return nil
	}
	if min(wants, t.size) > short {
		t.door.examining.Lock()
		defer t.door.examining.Unlock()
	}
	octets, err := t.w.Peek(wants)
	if err == nil {
		t.env.Facts = t.door.policy.Facts(c, octets, t.door.now())
	}
	return err
}

// caseOf puts before the rules what the envelope of a message tells.
func (d *Door) caseOf(env *spool.Envelope) *policy.Case {
	m := &policy.Message{Probe: env.Kind == spool.KindProbe, Size: env.Size, Time: d.now()}
	if m.Probe {
		m.Size = env.ProbeSize
	}
	unknown := func(err error, terms ...rule.Term) {
		if m.Unknown == nil {
			m.Unknown = map[rule.Term]error{}
		}
		for _, t := range terms {
			m.Unknown[t] = err
		}
	}
	if a, err := oraddr.Parse(env.Originator); err == nil {
		m.From = &a
	} else {
		unknown(diag.E("", diag.Data, err), rule.From)
	}
	var err error
	if m.ContentType, err = mts.ParseContentType(env.ContentType); err != nil {
		unknown(diag.E("", diag.Data, err), rule.ContentType)
	}
	m.ContentType = m.ContentType.Canonical()
	switch env.Priority {
	case spool.Urgent:
		m.Priority = mts.Urgent
	case spool.NonUrgent:
		m.Priority = mts.NonUrgent
	}
	for i := range env.Recipients {
		if !env.Recipients[i].Copy {
			m.Recipients++
		}
	}
	from := env.From()
	m.Channel, m.Peer, m.Identity, m.Mechanism = from.Channel, from.Peer, from.Identity, from.Mechanism
	if from.Client != "" {
		if m.Client, err = netip.ParseAddr(from.Client); err != nil {
			unknown(diag.E("", diag.Internal, err), rule.ClientAddress)
		}
	}
	d.factsOf(m, env, unknown)
	return d.policy.Case(m)
}

// ofSignature are the terms that only the signature on a content tells.
var ofSignature = []rule.Term{rule.Signature, rule.Signer, rule.SignedByOriginator}

// factsOf takes what was found in the content, and the label that counts: that of a valid
// signature goes before that of the envelope, which anybody can write. They say the same, or
// nobody knows which is meant.
func (d *Door) factsOf(m *policy.Message, env *spool.Envelope, unknown func(error, ...rule.Term)) {
	f := env.Facts
	if f == nil {
		f = &spool.Facts{}
		if d.policy.Content() && env.Kind == spool.KindMessage {
			why := diag.New("", diag.Internal, "nobody has looked at the content")
			unknown(why, append(rule.OfLabel(), ofSignature...)...)
			unknown(why, rule.SIC, rule.SICs)
			return
		}
	}
	m.SICs, m.Signature = f.SICs, f.Signature
	if f.Fault != "" {
		unknown(diag.New("", diag.Data, f.Fault), rule.SIC, rule.SICs)
	}
	if f.SignatureFault != "" {
		why := diag.New("", diag.Data, f.SignatureFault)
		unknown(why, append(rule.OfLabel(), ofSignature...)...)
		return
	}
	if f.LabelFault != "" {
		unknown(diag.New("", diag.Data, f.LabelFault), rule.OfLabel()...)
		return
	}
	outer, err := decodeLabel(env.Label)
	if err == nil {
		m.Label, err = decodeLabel(f.Label)
	}
	switch {
	case err != nil:
		unknown(err, rule.OfLabel()...)
	case m.Label == nil:
		m.Label = outer
	case outer != nil && !m.Label.CarriedAs(outer):
		unknown(diag.New("", diag.Data, "the label of the envelope is not the one that was signed"), rule.OfLabel()...)
	}
}

func decodeLabel(octets []byte) (*label.Label, error) {
	if octets == nil {
		return nil, nil
	}
	l, err := label.Decode(octets)
	return l, diag.E("", diag.Data, err)
}

// decide judges every recipient that has a way, and adds those who get copies.
func (t *Tx) decide() error {
	if !t.door.judged(&t.env) {
		return nil
	}
	if t.door.policy.Content() && t.env.Facts == nil {
		if err := t.examine(); err != nil {
			return err
		}
	}
	if t.env.Kind == spool.KindMessage {
		t.env.Size = t.size
	}
	c := t.door.caseOf(&t.env)
	adds := make([][]oraddr.Address, len(t.env.Recipients))
	for i := range t.env.Recipients {
		r := &t.env.Recipients[i]
		if r.Fail != nil {
			continue
		}
		adds[i] = t.door.decide(c, r)
	}
	if t.env.Kind == spool.KindMessage { // a probe has nothing to be copied
		t.copyTo(adds)
	}
	return nil
}

// decide judges a recipient, and returns the addresses that get copies.
func (d *Door) decide(c *policy.Case, r *spool.Recipient) []oraddr.Address {
	a, err := oraddr.Parse(r.Address)
	if err != nil {
		r.Fail = failure(mts.UnableToTransfer, mts.UnrecognisedORName, err.Error())
		return nil
	}
	ways, v := judgeWays(c, &a, r.Hops)
	r.Rule = ruleName(&v)
	switch v.Decision {
	case rule.Refuse:
		r.Fail = &spool.Failure{Reason: int(v.Reason), Diagnostic: int(v.Diagnostic), Text: v.Text}
		r.Hops, r.Why = nil, cmp.Or(v.Why, v.Text)
		return nil
	case rule.Hold:
		r.Hops, r.Hold = ways, v.Text
	case rule.Redirect:
		if v.To.Equal(a) { // it is there
			r.Hops = ways
			break
		}
		r.Redirect, r.Hops = v.To.String(), d.expand()
	default:
		r.Hops = ways
	}
	if v.Require != "" && r.Redirect == "" {
		d.require(r, v.Require)
	}
	return v.Add
}

// require has a step done before a recipient goes its ways. The members of a list, and whoever
// else the expand channel makes of a recipient, are judged by themselves, and so is what is
// required for them.
func (d *Door) require(r *spool.Recipient, name string) {
	if d.expands(r.Hops) {
		return
	}
	step, ok := d.conf.Step(name)
	if !ok { // which no valid configuration has
		r.Hold = "there is no step " + name
		return
	}
	r.Require, r.Then, r.Hops = name, r.Hops, []spool.Hop{{Channel: step.Channel}}
}

// expands tells whether the expand channel is among the ways of a recipient.
func (d *Door) expands(ways []spool.Hop) bool {
	return slices.Contains(ways, spool.Hop{Channel: d.conf.ExpandChannel()})
}

// planned are the ways that the parent of a message which a step has made was judged for. Others
// are not taken: if none is left, an operator decides.
func (t *Tx) planned() {
	if t.env.Step != StepSecure {
		return
	}
	for i := range t.env.Recipients {
		r := &t.env.Recipients[i]
		if r.Fail != nil {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(r.Hops), func(h spool.Hop) bool { return !slices.Contains(t.then, h) })
		if len(left) == 0 {
			r.Hold = "its way has changed since policy has judged it"
			continue
		}
		r.Hops = left
	}
}

// judgeWays returns those of the ways that are not refused, and of which the same is decided as
// of the first of them; and that verdict. If all are refused it is that of the first.
func judgeWays(c *policy.Case, to *oraddr.Address, hops []spool.Hop) ([]spool.Hop, policy.Verdict) {
	var decided policy.Verdict
	var left []spool.Hop
	for i, h := range hops {
		v := c.Judge(policy.Way{To: to, Channel: h.Channel, Peer: h.Peer})
		switch {
		case len(left) == 0 && (i == 0 || v.Decision != rule.Refuse):
			decided = v
		case v.Decision != decided.Decision || v.Require != decided.Require || !within(v.Add, decided.Add) || v.Decision == rule.Redirect && !v.To.Equal(*decided.To):
			continue
		}
		if v.Decision != rule.Refuse {
			left = append(left, h)
		}
	}
	return left, decided
}

// within tells whether all addresses are among others.
func within(all, of []oraddr.Address) bool {
	return !slices.ContainsFunc(all, func(a oraddr.Address) bool { return !slices.ContainsFunc(of, a.Equal) })
}

// Decision is the way of a recipient of a message that is in the spool.
type Decision struct {
	route.Decision
	Judged bool   // by the rules of now: the recipient did not have these ways
	Hold   string // why it waits for an operator before it goes that way; empty: it does not
	Why    string // by which rule and why it is refused, for operators; empty: no rule does
}

// judgeFound judges ways that were not known when the recipient was judged: they had to be looked
// up, or another configuration has them. What an operator has released is held no more.
func (d *Door) judgeFound(is *Decision, q *Asked) {
	env := q.Envelope
	found := hops(is.Decision)
	if !d.judged(env) || is.Fail != nil || is.List != nil || is.Alternate != nil || is.OnDemand || is.Unavailable != "" ||
		!slices.ContainsFunc(found, func(h spool.Hop) bool { return !slices.Contains(q.To.Hops, h) }) {
		return
	}
	is.Judged = true
	ways, v := judgeWays(d.caseOf(env), &q.Address, found)
	is.Hops = routeHops(ways)
	hold := ""
	switch v.Decision {
	case rule.Refuse:
		is.Fail = &route.Failure{Reason: int(v.Reason), Diagnostic: int(v.Diagnostic), Text: v.Text}
		is.Why = ruleName(&v) + ": " + cmp.Or(v.Why, v.Text)
		return
	case rule.Hold:
		hold = v.Text
	case rule.Redirect:
		if !v.To.Equal(q.Address) {
			is.Alternate = &route.Alternate{Address: v.To.String(), Reason: mts.RecipientMDAssignedAlternateRecipient}
			return
		}
	}
	switch {
	case hold != "":
	case v.Require != "":
		hold = "the step " + v.Require + " is required, and its way was not known when it came"
	case env.Kind == spool.KindMessage && !copiedFor(env, v.Add):
		hold = "a copy is to be added, and its way was not known when it came"
	}
	if !slices.ContainsFunc(q.Released, func(was string) bool { return strings.Contains(was, hold) }) {
		is.Hold = hold
	}
}

// copiedFor tells whether all addresses have had their copies.
func copiedFor(env *spool.Envelope, add []oraddr.Address) bool {
	return !slices.ContainsFunc(add, func(a oraddr.Address) bool { return !slices.Contains(env.Copied, a.String()) })
}

// ruleName is what decided, as a recipient has it.
func ruleName(v *policy.Verdict) string {
	if v.Rule == "" {
		return v.Set
	}
	return v.Set + "/" + v.Rule
}

// permitted returns those of the ways which a message in the spool may take by the policy of
// now; the ways that it was judged for before are those of the recipient.
func (d *Door) permitted(env *spool.Envelope) func(r *spool.Recipient, ways []spool.Hop) []spool.Hop {
	var c *policy.Case
	return func(r *spool.Recipient, ways []spool.Hop) []spool.Hop {
		if env.Step == StepSecure { // it has been judged before it was what it is
			return slices.DeleteFunc(slices.Clone(ways), func(h spool.Hop) bool { return !slices.Contains(r.Hops, h) })
		}
		if !d.judged(env) || !slices.ContainsFunc(ways, func(h spool.Hop) bool { return !slices.Contains(r.Hops, h) }) {
			return ways
		}
		if c == nil {
			c = d.caseOf(env)
		}
		a, err := oraddr.Parse(r.Address)
		if err != nil {
			return nil
		}
		return slices.DeleteFunc(slices.Clone(ways), func(h spool.Hop) bool {
			if slices.Contains(r.Hops, h) {
				return false
			}
			v := c.Judge(policy.Way{To: &a, Channel: h.Channel, Peer: h.Peer})
			return v.Decision != rule.Allow || v.Require != r.Require || !copiedFor(env, v.Add)
		})
	}
}

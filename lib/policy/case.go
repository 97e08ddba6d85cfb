package policy

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/wild"
)

// Message is what is known of a message or probe. What it does not have is the zero value:
// that equals nothing a rule can name.
type Message struct {
	From        *oraddr.Address
	Probe       bool
	Priority    mts.Priority
	ContentType mts.ContentType
	Size        int64 // of the content, or the one that a probe asks about
	Recipients  int   // of the envelope
	SICs        []string
	Signature   *spool.Signature // nil: there is none
	Label       *label.Label     // nil: there is none
	Time        time.Time

	Channel, Peer       string // by which it came
	Client              netip.Addr
	Identity, Mechanism string

	// Unknown are the terms whose values could not be found out, and why: a rule that asks
	// about one lets nothing through.
	Unknown map[rule.Term]error
}

// Way is a recipient, and what it would be sent on by.
type Way struct {
	To            *oraddr.Address
	Channel, Peer string
}

// Verdict is what rules have decided about a way to a recipient.
type Verdict struct {
	Decision   rule.Decision // not Continue
	Set, Rule  string        // that decided; Rule is empty if none did, Set if there are no rules
	Text       string        // of Refuse and Hold: why, for people; of Refuse, the originator among them
	Why        string        // of Refuse: why, for operators alone; empty: as Text says
	Reason     mts.ReasonCode
	Diagnostic mts.DiagnosticCode
	To         *oraddr.Address  // of Redirect
	Add        []oraddr.Address // recipients that get it, too; none of what is refused
	Require    string           // the step that is done first, if it goes to the recipient
	// Unknown is why a rule could not be evaluated, if that decided; nobody else's business.
	Unknown error
}

// String returns the verdict for people: "refuse: no classified matter leaves (rule out of set
// border)".
func (v *Verdict) String() string {
	text := v.Decision.String()
	if v.To != nil {
		text += " to " + v.To.String()
	}
	if why := cmp.Or(v.Why, v.Text); why != "" {
		text += ": " + why
	}
	switch {
	case v.Set == "":
		return text + " (there are no rules)"
	case v.Rule == "":
		return text + " (no rule of set " + v.Set + " decides)"
	}
	return text + " (rule " + v.Rule + " of set " + v.Set + ")"
}

// truth is what is known of a test.
type truth uint8

const (
	untried truth = iota
	holds
	fails
	unknown
)

// Case is a message before the rules, with what was found out about it so far. It is for one
// goroutine.
type Case struct {
	p       *Policy
	m       *Message
	way     Way
	truth   []truth // of each test
	found   []int   // tests about the message that were looked up, and hold
	ofWay   []int   // of the way
	rules   []uint64
	trouble bool
	obscure bool          // the address of the recipient of the way is
	whyNot  map[int]error // of tests that are unknown for what the message is

	label      *label.Label // that counts
	categories []string     // of the label, once they have been asked for
	listed     bool
	reached    map[**label.Clearance]bool // whether clearances, by where they are kept, reach it
}

// Case begins with a message.
func (p *Policy) Case(m *Message) *Case {
	c := &Case{p: p, m: m, truth: make([]truth, len(p.tests)), trouble: len(m.Unknown) > 0, label: m.Label}
	if c.label == nil {
		c.label = p.security.fallback
	}
	var obscure error
	if m.From != nil {
		c.found, obscure = p.from.find(m.From, c.found)
	}
	for _, t := range []struct {
		term rule.Term
		text string
	}{{rule.ChannelIn, m.Channel}, {rule.PeerIn, m.Peer}, {rule.Identity, m.Identity}, {rule.Mechanism, m.Mechanism}} {
		if x := p.texts[t.term]; x != nil {
			c.found = x.find(t.text, c.found)
		}
	}
	for _, n := range c.found {
		c.truth[n] = holds
	}
	c.trouble = c.trouble || c.doubt(&p.from, obscure)
	return c
}

// Judge decides about a way to a recipient: every rule set is asked, and the hardest of their
// decisions counts.
func (c *Case) Judge(w Way) Verdict {
	c.begin(w)
	if len(c.p.sets) == 0 {
		return Verdict{Decision: rule.Allow}
	}
	var v Verdict
	for _, s := range c.p.sets {
		of := c.judge(s)
		v = combine(v, of)
		if v.Decision == rule.Refuse {
			v.Add = nil
			return v
		}
	}
	return v
}

// begin takes a way.
func (c *Case) begin(w Way) {
	c.way = w
	clear(c.truth[c.p.ofWay:])
	c.ofWay = c.ofWay[:0]
	var obscure error
	if w.To != nil {
		c.ofWay, obscure = c.p.to.find(w.To, c.ofWay)
	}
	if x := c.p.texts[rule.ChannelOut]; x != nil {
		c.ofWay = x.find(w.Channel, c.ofWay)
	}
	if x := c.p.texts[rule.PeerOut]; x != nil {
		c.ofWay = x.find(w.Peer, c.ofWay)
	}
	for _, n := range c.ofWay {
		c.truth[n] = holds
	}
	c.obscure = c.doubt(&c.p.to, obscure)
}

// doubt takes it that tests which ask for an Internet address, and do not hold, need not fail for
// the reason given, and tells whether there is one.
func (c *Case) doubt(x *addresses, why error) bool {
	if why == nil {
		return false
	}
	for i := range x.internet {
		if n := x.internet[i].test; c.truth[n] == untried {
			c.truth[n] = unknown
			c.because(n, why)
		}
	}
	return true
}

// because notes why a test is unknown.
func (c *Case) because(n int, why error) {
	if c.whyNot == nil {
		c.whyNot = map[int]error{}
	}
	c.whyNot[n] = why
}

// hardness of the decisions: the hardest counts.
var hardness = [...]uint8{rule.Continue: 0, rule.Allow: 1, rule.Redirect: 2, rule.Hold: 3, rule.Refuse: 4}

// combine is the verdict of two: the harder, or of two alike the first, and all recipients added.
func combine(a, b Verdict) Verdict {
	out := a
	if hardness[b.Decision] > hardness[a.Decision] {
		out = b
	}
	out.Require = cmp.Or(a.Require, b.Require)
	if a.Require != "" && b.Require != "" && a.Require != b.Require && hardness[out.Decision] < hardness[rule.Hold] {
		// To do one of them would be to leave out the other.
		out.Decision, out.Set, out.Rule, out.Text = rule.Hold, b.Set, b.Rule, "two steps are required, "+a.Require+" and "+b.Require
	}
	out.Add = a.Add
	for _, to := range b.Add {
		if !slices.ContainsFunc(out.Add, to.Equal) {
			out.Add = append(slices.Clip(out.Add), to)
		}
	}
	return out
}

// judge asks one rule set.
func (c *Case) judge(s *set) Verdict {
	var v Verdict
	c.candidates(s)
	for word, marks := range c.rules {
		for ; marks != 0; marks &= marks - 1 {
			r := &s.rules[word*64+bits.TrailingZeros64(marks)]
			is := c.eval(r.when)
			if is == fails {
				continue
			}
			of := c.apply(s, r, is)
			v = combine(v, of)
			if of.Decision != rule.Continue && !s.all || of.Decision == rule.Refuse {
				return v
			}
		}
	}
	if v.Decision == rule.Continue {
		gathered := v
		v = Verdict{Decision: s.otherwise, Set: s.name}
		if v.Decision == rule.Refuse {
			v = refusal(s, "", "")
		}
		v.Add, v.Require = gathered.Add, gathered.Require
	}
	return v.worded()
}

// candidates marks the rules of a set that may match.
func (c *Case) candidates(s *set) {
	if c.trouble || c.obscure {
		c.rules = c.rules[:0]
		for i := range s.rules {
			if i%64 == 0 {
				c.rules = append(c.rules, 0)
			}
			c.rules[i/64] |= 1 << (i % 64)
		}
		return
	}
	c.rules = append(c.rules[:0], s.always...)
	for _, found := range [][]int{c.found, c.ofWay} {
		for _, n := range found {
			for _, i := range s.by[n] {
				c.rules[i/64] |= 1 << (i % 64)
			}
		}
	}
}

// apply is the verdict of a rule that matches, or of which that is not known.
func (c *Case) apply(s *set, r *compiled, is truth) Verdict {
	if is == unknown {
		return undecided(s, r, c.whyUnknown(r.when))
	}
	a := &r.Action
	v := Verdict{Decision: a.Decision, Set: s.name, Rule: r.Name, Text: a.Text, Reason: a.Reason, Diagnostic: a.Diagnostic, To: a.To, Add: a.Add, Require: a.Require}
	if only := slices.Concat(a.Channels, a.Peers); len(only) > 0 && c.way.Channel != c.p.expand &&
		!slices.Contains(a.Channels, c.way.Channel) && !slices.Contains(a.Peers, c.way.Peer) {
		v = refusal(s, r.Name, "it may go by "+strings.Join(only, " or ")+" only")
	}
	return v.worded()
}

// refusal is one with the codes and the text of a rule that gives none: what the rules of this MTA
// are, and what it knows by which names, is nobody else's business.
func refusal(s *set, by, why string) Verdict {
	return Verdict{Decision: rule.Refuse, Set: s.name, Rule: by, Why: why, Reason: rule.DefaultReason, Diagnostic: rule.DefaultDiagnostic}.worded()
}

// worded is the verdict with a text, if it needs one and has none.
func (v Verdict) worded() Verdict {
	if v.Text == "" {
		switch v.Decision {
		case rule.Refuse:
			v.Text = "the policy of this MTA does not permit it"
		case rule.Hold:
			v.Text = "held by policy"
		}
	}
	return v
}

// undecided is the verdict of a rule that could not be evaluated. What is wrong with the
// message is answered to its originator; what is wrong here waits for an operator.
func undecided(s *set, r *compiled, why error) Verdict {
	v := refusal(s, r.Name, "a rule of this MTA asks what the message does not say clearly: "+why.Error())
	if k := diag.KindOf(why); k != diag.Data && k != diag.Permanent && k != diag.Denied {
		v = Verdict{Decision: rule.Hold, Set: s.name, Rule: r.Name, Text: "a rule could not be evaluated: " + why.Error()}
	}
	v.Unknown = why
	return v
}

// eval tells whether a condition holds, by the logic of three values: what is not known does
// not matter where the others decide.
func (c *Case) eval(of *condition) truth {
	if of == nil {
		return holds
	}
	switch of.operator {
	case rule.Leaf:
		t := c.truth[of.test]
		if t == untried || c.trouble {
			t = c.test(of.test)
		}
		if of.not {
			t = negated(t)
		}
		return t
	case rule.Not:
		return negated(c.eval(of.of[0]))
	}
	// Of And, what fails decides; of Or, what holds.
	decides, otherwise := fails, holds
	if of.operator == rule.Or {
		decides, otherwise = holds, fails
	}
	for _, part := range of.of {
		var t truth
		if part.operator == rule.Leaf && !part.not && !c.trouble {
			t = c.truth[part.test]
		}
		if t == untried {
			t = c.eval(part)
		}
		switch t {
		case decides:
			return t
		case unknown:
			otherwise = unknown
		}
	}
	return otherwise
}

func negated(t truth) truth {
	switch t {
	case holds:
		return fails
	case fails:
		return holds
	}
	return t
}

// test tells whether a test holds.
func (c *Case) test(n int) truth {
	t := &c.p.tests[n]
	switch {
	case c.trouble && c.m.Unknown[t.Term] != nil:
		return unknown
	case c.truth[n] != untried:
	case t.sought: // and not found
		c.truth[n] = fails
	default:
		is, err := c.compare(t)
		if err != nil {
			c.because(n, err)
			is = unknown
		}
		c.truth[n] = is
	}
	return c.truth[n]
}

// compare holds a value of the message against a test. The error says why neither is so.
func (c *Case) compare(t *test) (truth, error) {
	switch {
	case t.ofLabel:
		return c.compareLabel(t)
	case t.numbered:
		return c.compareNumber(t)
	}
	any := func(is func(v *rule.Value) bool) truth {
		for i := range t.Values {
			if is(&t.Values[i]) {
				return holds
			}
		}
		return fails
	}
	is := unknown
	switch t.Term {
	case rule.ContentType:
		name := c.m.ContentType.String()
		is = any(func(v *rule.Value) bool { return v.Text == name })
	case rule.SIC:
		is = anyOf(t, c.m.SICs)
	case rule.Signer:
		is = t.signedBy(c.m.Signature)
	case rule.SignedByOriginator:
		is = truthOf(c.byOriginator())
	case rule.Time:
		is = any(func(v *rule.Value) bool { return v.Window.Contains(c.m.Time) })
	case rule.ClientAddress:
		client := c.m.Client.Unmap().WithZone("")
		is = any(func(v *rule.Value) bool { return client.IsValid() && v.Prefix.Contains(client) })
	}
	if is == unknown {
		return is, errNobody
	}
	return is, nil
}

// compareNumber holds a number, or the place of a word, against a test.
func (c *Case) compareNumber(t *test) (truth, error) {
	var n int64
	switch t.Term {
	case rule.Kind:
		n = kind(c.m.Probe)
	case rule.Priority:
		n = rank(c.m.Priority)
	case rule.Size:
		n = c.m.Size
	case rule.Recipients:
		n = int64(c.m.Recipients)
	case rule.SICs:
		n = int64(len(c.m.SICs))
	case rule.Signature:
		n = signature(c.m.Signature)
	default:
		return unknown, errNobody
	}
	for i := range t.Values {
		if t.comparison.Holds(cmp.Compare(n, t.Values[i].Number)) {
			return holds, nil
		}
	}
	return fails, nil
}

func truthOf(is bool) truth {
	if is {
		return holds
	}
	return fails
}

// anyOf tells whether one of some texts is what a test asks for.
func anyOf(t *test, texts []string) truth {
	for i := range t.Values {
		parts := strings.Split(t.Values[i].Text, "*")
		if slices.ContainsFunc(texts, func(text string) bool { return wild.Match(parts, text) }) {
			return holds
		}
	}
	return fails
}

// signature is the place of what is known of a signature among the words of the term.
func signature(s *spool.Signature) int64 {
	word := rule.NotSigned
	switch {
	case s == nil:
	case s.Valid:
		word = rule.SignedValid
	default:
		word = rule.SignedInvalid
	}
	return int64(slices.Index(rule.Signature.Words(), word))
}

// byOriginator tells whether a certificate that has signed is for the address of the originator.
func (c *Case) byOriginator() bool {
	if c.m.From == nil || c.m.Signature == nil || !c.m.Signature.Valid {
		return false
	}
	mails, err := c.m.From.RFC822()
	definite := err == nil && len(mails) > 0 // who has several is nobody in particular
	for i := range c.m.Signature.Signers {
		for _, text := range c.m.Signature.Signers[i].Addresses {
			if definite && !slices.ContainsFunc(mails, func(mail string) bool { return !sameMail(text, mail) }) {
				return true
			}
			if a, err := oraddr.Parse(text); err == nil && a.Equal(*c.m.From) {
				return true
			}
		}
	}
	return false
}

// sameMail tells whether two Internet addresses are the same: the domain in whatever case. What
// lacks either part is no address, and the same as nothing.
func sameMail(a, b string) bool {
	la, da, _ := strings.Cut(a, "@")
	lb, db, _ := strings.Cut(b, "@")
	return la != "" && da != "" && la == lb && strings.EqualFold(da, db)
}

// kind is the place of a kind among the words of the term.
func kind(probe bool) int64 {
	if probe {
		return 1
	}
	return 0
}

// rank is the place of a priority among the words of the term, which are in order.
func rank(p mts.Priority) int64 {
	switch p {
	case mts.Urgent:
		return 2
	case mts.NonUrgent:
		return 0
	}
	return 1
}

package policy

import (
	"cmp"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/rule"
)

// errNoLabel is why what is asked about a label has no answer.
var errNoLabel = diag.New("", diag.Data, "the message has no label")

// Label reads a label in any form, by the security policies of the configuration.
func (p *Policy) Label(text string) (*label.Label, error) {
	return label.ParseAny([]byte(text), p.security.policies)
}

// compareLabel holds the label of the message against a test. What a label has that is not there
// nobody knows: a rule that would let a message through for it, or stop it, denies.
func (c *Case) compareLabel(t *test) (truth, error) {
	s, l := c.p.security, c.label
	switch {
	case t.Term == rule.Labelled:
		return truthOf(c.m.Label != nil), nil
	case l == nil && (t.Term == rule.LabelPolicy || t.Term == rule.LabelCategory):
		return fails, nil
	case l == nil:
		return unknown, errNoLabel
	}
	switch t.Term {
	case rule.LabelValid:
		return truthOf(s.policies.Validate(l, c.m.Time).Allowed), nil
	case rule.LabelPolicy:
		return anyOf(t, s.policyOf(l)), nil
	case rule.LabelClassification:
		var trouble error // of the first value that has no rank: another may hold all the same
		for i := range t.Values {
			rank, is, err := s.rank(l, t.Values[i].Text)
			switch {
			case err != nil:
				trouble = cmp.Or(trouble, err)
			case t.comparison.Holds(cmp.Compare(is, rank)):
				return holds, nil
			}
		}
		if trouble != nil {
			return unknown, trouble
		}
		return fails, nil
	case rule.LabelCategory:
		if !c.listed {
			all, err := s.categories(l)
			if err != nil {
				return unknown, err
			}
			c.categories, c.listed = all, true
		}
		return anyOf(t, c.categories), nil
	}
	of, ok := c.clearances(t.Term)
	if !ok {
		return unknown, errNobody
	}
	return truthOf(c.reaches(of)), nil
}

// reaches tells whether one of the clearances reaches the label. What was found of some is kept: a
// message may name the same user, or those of one peer, time and again.
func (c *Case) reaches(clearances []*label.Clearance) bool {
	if len(clearances) == 0 {
		return false
	}
	is, known := c.reached[&clearances[0]]
	if !known {
		is = c.p.security.cleared(c.label, c.m.Time, clearances)
		if c.reached == nil {
			c.reached = map[**label.Clearance]bool{}
		}
		c.reached[&clearances[0]] = is
	}
	return is
}

// clearances are those that a term asks about.
func (c *Case) clearances(t rule.Term) ([]*label.Clearance, bool) {
	s := c.p.security
	switch t {
	case rule.ClearedFrom:
		return s.clearancesOf(c.m.From), true
	case rule.ClearedTo:
		return s.clearancesOf(c.way.To), true
	case rule.ClearedChannelIn:
		return s.channels[c.m.Channel], true
	case rule.ClearedChannelOut:
		return s.channels[c.way.Channel], true
	case rule.ClearedPeerIn:
		return s.peers[c.m.Peer], true
	case rule.ClearedPeerOut:
		return s.peers[c.way.Peer], true
	}
	return nil, false
}

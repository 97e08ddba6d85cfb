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
	var of []*label.Clearance
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
	case rule.ClearedFrom:
		of = s.clearancesOf(c.m.From)
	case rule.ClearedTo:
		of = s.clearancesOf(c.way.To)
	case rule.ClearedChannelIn:
		of = s.channels[c.m.Channel]
	case rule.ClearedChannelOut:
		of = s.channels[c.way.Channel]
	case rule.ClearedPeerIn:
		of = s.peers[c.m.Peer]
	case rule.ClearedPeerOut:
		of = s.peers[c.way.Peer]
	default:
		return unknown, errNobody
	}
	return truthOf(s.cleared(l, c.m.Time, of)), nil
}

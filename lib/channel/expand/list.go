package expand

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/submit"
)

// list decides about a recipient that is a distribution list (X.411 §14.3).
func (j *judge) list(s *subject, l *conf.List) decision {
	prohibited, _, err := mts.Ext(s.common.Extensions, mts.ExtDLExpansionProhibited)
	if err != nil {
		return fail(mts.InvalidArguments, err.Error())
	}
	history, _, err := mts.Ext(s.common.Extensions, mts.ExtDLExpansionHistory)
	if err != nil {
		return fail(mts.InvalidArguments, err.Error())
	}
	exempted, _, err := mts.Ext(s.common.Extensions, mts.ExtDLExemptedRecipients)
	if err != nil {
		return fail(mts.InvalidArguments, err.Error())
	}
	name := s.fields().RecipientName
	own, err := name.Address()
	if err != nil {
		return fail(mts.UnrecognisedORName, err.Error())
	}
	sender := s.common.Originator
	for i := range history {
		if a, err := history[i].DL.Address(); err == nil && (a.Equal(own) || j.listOf(a.String()) == l.Address) {
			return ends("the message has been through this list before")
		}
		sender = history[i].DL
	}
	switch {
	case prohibited == mts.Prohibited:
		return fail(mts.DLExpansionProhibited, "the originator prohibits the expansion of lists")
	case !j.submit[l].allow(sender):
		return fail(mts.NoDLSubmitPermission, "no permission to use this list")
	case len(history) >= mts.UbDLExpansions:
		return fail(mts.DLExpansionFailure, fmt.Sprintf("the message has been through %d lists", len(history)))
	case s.common.Kind == p1.Probe:
		// What it would have told of a message it tells by itself: there is no child.
		return decision{result: channel.Result{Outcome: channel.OutcomeExpanded, Text: "a message would have been expanded"}}
	}
	members, err := membersOf(l, exempted)
	if err != nil {
		return fail(mts.DLExpansionFailure, err.Error())
	}
	if len(members) == 0 {
		return decision{result: channel.Result{Outcome: channel.OutcomeExpanded, Text: "the list has no member to whom it goes"}}
	}
	policy := j.policies[l]
	envelope, err := s.common.Expand(s.n-1, p1.Expansion{List: name, Members: members, Policy: policy}, j.action(s))
	if err != nil {
		return fail(mts.DLExpansionFailure, err.Error())
	}
	return decision{step: submit.StepExpand, envelope: envelope, priority: policy.Priority,
		result: channel.Result{Outcome: channel.OutcomeExpanded, Text: fmt.Sprintf("%d members", len(members))}}
}

// membersOf are the members of a list, each once, without those that are exempted.
func membersOf(l *conf.List, exempted []oraddr.ORName) ([]oraddr.ORName, error) {
	seen := make(map[string]bool, len(l.Members)+len(exempted))
	for _, n := range exempted {
		if a, err := n.Address(); err == nil {
			seen[a.Key()] = true
		}
	}
	var all []oraddr.ORName
	for _, text := range l.Members {
		a, err := oraddr.Parse(text)
		if err != nil {
			return nil, err
		}
		key := a.Key()
		if seen[key] {
			continue
		}
		seen[key] = true
		name, err := a.ORName()
		if err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, nil
}

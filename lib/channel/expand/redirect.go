package expand

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/submit"
)

// assigned decides about a recipient that has an alternate. What the recipient has assigned
// the originator may prohibit; what its domain has was allowed when it was chosen, and an
// alias is another name.
func (j *judge) assigned(s *subject, a *route.Alternate) decision {
	prohibited, _, err := mts.Ext(s.common.Extensions, mts.ExtRecipientReassignmentProhibited)
	switch {
	case s.common.Kind == p1.Report: // it has no such extension
	case err != nil:
		return fail(mts.InvalidArguments, err.Error())
	case prohibited == mts.Prohibited && a.Reason == mts.RecipientAssignedAlternateRecipient:
		return fail(mts.RecipientReassignmentProhibited, "the recipient has another, and the originator prohibits it")
	}
	to, err := nameOf(a.Address)
	if err != nil {
		return fail(mts.UnrecognisedORName, err.Error())
	}
	return j.redirect(s, to, a.Reason)
}

// copied decides about what policy has added: a copy of the message goes to the address. A name
// that cannot be one fails alone; its event tells.
func (j *judge) copied(s *subject, a oraddr.Address) decision {
	to, err := a.ORName()
	if err != nil {
		return fail(mts.UnrecognisedORName, err.Error())
	}
	envelope, err := s.common.Copy(to, j.action(s))
	if err != nil {
		return fail(mts.UnrecognisedORName, err.Error())
	}
	return decision{step: submit.StepCopy, envelope: envelope, result: channel.Result{Outcome: channel.OutcomeMoved, Text: "copied to " + s.address}}
}

// unreachable decides about a recipient for which there is no other way: by the
// alternate that its originator requested, or by that of the domain if the originator
// allows it. fallback is what it is without.
func (j *judge) unreachable(s *subject, domain *route.Alternate, fallback decision) decision {
	f := s.fields()
	if f == nil {
		return fallback // a report
	}
	requested, ok, err := mts.Ext(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient)
	if ok && err == nil {
		return j.redirect(s, requested, mts.OriginatorRequestedAlternateRecipient)
	}
	if domain == nil || !s.common.Indicators.AlternateRecipientAllowed() {
		return fallback
	}
	to, err := nameOf(domain.Address)
	if err != nil {
		return fallback
	}
	return j.redirect(s, to, domain.Reason)
}

// redirect makes the child for another recipient, unless the way would lead back.
func (j *judge) redirect(s *subject, to oraddr.ORName, reason mts.RedirectionReason) decision {
	extensions, now := s.common.Extensions, s.common.Originator // of a report
	if f := s.fields(); f != nil {
		extensions, now = f.Extensions, f.RecipientName
	}
	history, _, err := mts.Ext(extensions, mts.ExtRedirectionHistory)
	if err != nil {
		return fail(mts.InvalidArguments, err.Error())
	}
	address, err := to.Address()
	if err != nil {
		return fail(mts.UnrecognisedORName, "alternate recipient: "+err.Error())
	}
	been := func(n oraddr.ORName) bool {
		a, err := n.Address()
		return err == nil && a.Equal(address)
	}
	loop := been(now) || len(history) >= mts.UbRedirections
	for i := range history {
		loop = loop || been(history[i].IntendedRecipientName.IntendedRecipient)
	}
	if loop {
		return fail(mts.RedirectionLoopDetected, "the alternate recipient is one it was redirected from")
	}
	envelope, err := s.common.Redirect(s.n-1, to, reason, j.action(s))
	if err != nil {
		return fail(mts.UnrecognisedORName, err.Error())
	}
	return decision{step: submit.StepRedirect, envelope: envelope,
		result: channel.Result{Outcome: channel.OutcomeRedirected, Text: fmt.Sprintf("to %s: %v", address, reason)}}
}

package expand

import (
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/submit"
)

// forward decides about a report on a member, which comes to the expansion point because
// the list is its destination (X.411 §14.4). Where it goes on to two, the child goes to
// the first, and this channel gets it again for the owner: as recipient 2 of the child.
func (j *judge) forward(s *subject, l *conf.List) decision {
	if mts.Find(s.common.Extensions, mts.ExtReportingDLName.Type()) >= 0 {
		return ends("the owner of a list, whom this report is for, is a list")
	}
	if s.n > 1 {
		return j.toOwner(s, l)
	}
	switch l.Reports {
	case conf.ReportsToNobody:
		return ends("reports on members of this list end here")
	case conf.ReportsToOwner:
		return j.toOwner(s, l)
	}
	back, ok := previous(s.common.Extensions, s.common.Originator)
	switch {
	case !ok && l.Reports == conf.ReportsToBoth:
		return j.toOwner(s, l)
	case !ok:
		return ends("report discarded: it does not say where the message came from")
	}
	envelope, err := s.common.Forward(back, nil, j.action(s))
	if err != nil {
		return ends("report discarded: " + err.Error())
	}
	d := decision{step: submit.StepForward, envelope: envelope, result: channel.Result{Outcome: channel.OutcomeMoved}}
	if l.Reports == conf.ReportsToBoth {
		d.also = l.Address
		owner := j.toOwner(s, l)
		d.otherwise = &owner
	}
	return d
}

func (j *judge) toOwner(s *subject, l *conf.List) decision {
	owner, err := nameOf(l.Owner)
	if err != nil {
		return ends("report discarded: the list has no owner")
	}
	list, err := nameOf(l.Address)
	if err != nil {
		return ends("report discarded: " + err.Error())
	}
	envelope, err := s.common.Forward(owner, &list, j.action(s))
	if err != nil {
		return ends("report discarded: " + err.Error())
	}
	return decision{step: submit.StepForward, envelope: envelope, result: channel.Result{Outcome: channel.OutcomeMoved}}
}

// previous is who the subject of a report came from to a list: the list before it in
// originator-and-DL-expansion-history, or the originator. A history that has the list
// twice is none that any MTA would make, and would lead in a circle.
func previous(extensions []mts.ExtensionField, list oraddr.ORName) (oraddr.ORName, bool) {
	history, _, err := mts.Ext(extensions, mts.ExtOriginatorAndDLExpansionHistory)
	if err != nil {
		return oraddr.ORName{}, false
	}
	own, err := list.Address()
	if err != nil {
		return oraddr.ORName{}, false
	}
	at, times := 0, 0
	for i := range history {
		if a, err := history[i].OriginatorOrDLName.Address(); err == nil && a.Equal(own) {
			at = i
			times++
		}
	}
	if at == 0 || times > 1 {
		return oraddr.ORName{}, false
	}
	return history[at-1].OriginatorOrDLName, true
}

func nameOf(text string) (oraddr.ORName, error) {
	a, err := oraddr.Parse(text)
	if err != nil {
		return oraddr.ORName{}, err
	}
	return a.ORName()
}

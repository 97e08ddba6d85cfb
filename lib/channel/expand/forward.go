package expand

import (
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/report"
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
	d := j.back(s, "it does not say where the message came from")
	if l.Reports != conf.ReportsToBoth {
		return d
	}
	owner := j.toOwner(s, l)
	if d.step == "" {
		return owner
	}
	d.also, d.otherwise = l.Address, &owner
	return d
}

// back decides about a report on a member of a list as if nobody had anything to say about
// it: it goes to whom the list had the message from. That is so of a list that is gone:
// who sent the message knows nothing of that.
func (j *judge) back(s *subject, otherwise string) decision {
	to, ok := report.Previous(s.common.Extensions, s.common.Originator)
	if !ok {
		return ends("report discarded: " + otherwise)
	}
	envelope, err := s.common.Forward(to, nil, j.action(s))
	if err != nil {
		return ends("report discarded: " + err.Error())
	}
	return decision{step: submit.StepForward, envelope: envelope, result: channel.Result{Outcome: channel.OutcomeMoved}}
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

func nameOf(text string) (oraddr.ORName, error) {
	a, err := oraddr.Parse(text)
	if err != nil {
		return oraddr.ORName{}, err
	}
	return a.ORName()
}

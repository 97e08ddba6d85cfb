package submit

import (
	"errors"
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
)

// Again makes a submission of a message or probe that is or was in a spool, or of its
// envelope after somebody has edited it. Where a member says what the X.411 envelope
// that rides along does not say, the member counts; what no member says is taken from
// there. Recipients are those of the member, in its order; each is what the X.411
// envelope has at the place that its number gives. What the MTS had added is taken
// away. An envelope without an X.411 envelope is a new one of its members.
func Again(e *spool.Envelope) (*Submission, error) {
	s, err := again(e)
	return s, diag.E("envelope", diag.Data, err)
}

func again(e *spool.Envelope) (*Submission, error) {
	s := &Submission{Subject: e.Subject}
	switch e.Kind {
	case spool.KindMessage:
	case spool.KindProbe:
		s.Probe = true
	case "":
		return nil, errors.New("the member kind is missing")
	default:
		return nil, fmt.Errorf("a %s cannot be submitted", e.Kind)
	}
	if err := s.read(e.Wire); err != nil {
		return nil, err
	}
	s.Renew()
	if err := s.rename(&s.OriginatorName, e.Originator); err != nil {
		return nil, fmt.Errorf("originator: %w", err)
	}
	if s.ContentType.String() != e.ContentType {
		t, err := mts.ParseContentType(e.ContentType)
		if err != nil {
			return nil, err
		}
		s.ContentType = t
	}
	s.ContentIdentifier = mts.ContentIdentifier(e.ContentID)
	if s.Probe {
		s.ContentLength = e.ProbeSize
	} else if err := s.schedule(e); err != nil {
		return nil, err
	}
	return s, s.readdress(e.Recipients)
}

// read takes what an X.411 envelope says; of none, what New says.
func (s *Submission) read(wire []byte) error {
	switch {
	case len(wire) == 0:
		s.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
	case s.Probe:
		p, err := p1.DecodeProbe(wire, p1.Limits{})
		if err != nil {
			return err
		}
		s.MessageTransferEnvelope = mts.MessageTransferEnvelope{
			OriginatorName: p.OriginatorName, OriginalEncodedInformationTypes: p.OriginalEncodedInformationTypes,
			ContentType: p.ContentType, ContentIdentifier: p.ContentIdentifier, PerMessageIndicators: p.PerMessageIndicators,
			PerDomainBilateralInformation: p.PerDomainBilateralInformation, Extensions: p.Extensions,
			PerRecipientFields: p.PerRecipientFields, Unknown: p.Unknown,
		}
	default:
		m, err := p1.DecodeMessageEnvelope(wire, p1.Limits{})
		if err != nil {
			return err
		}
		s.MessageTransferEnvelope = *m
	}
	return nil
}

// rename gives a name another address, if it is another.
func (s *Submission) rename(name *oraddr.ORName, text string) error {
	if addressText(*name) == text {
		return nil
	}
	a, err := oraddr.Parse(text)
	if err != nil {
		return err
	}
	*name, err = a.ORName()
	return err
}

// schedule takes priority and times. A time that is the same stays as it is written.
func (s *Submission) schedule(e *spool.Envelope) error {
	if PriorityOf(s.Priority) != e.Priority {
		switch e.Priority {
		case spool.Urgent:
			s.Priority = mts.Urgent
		case spool.NonUrgent:
			s.Priority = mts.NonUrgent
		default:
			s.Priority = mts.Normal
		}
	}
	if !says(s.DeferredDeliveryTime, e.Deferred) {
		if err := s.Defer(e.Deferred); err != nil {
			return err
		}
	}
	latest, ok, err := mts.Ext(s.Extensions, mts.ExtLatestDeliveryTime)
	if err != nil {
		return err
	}
	if (ok || !e.Expires.IsZero()) && !says(latest, e.Expires) {
		return s.Expire(e.Expires)
	}
	return nil
}

func says(text mts.Time, at time.Time) bool {
	if text == "" {
		return at.IsZero()
	}
	t, err := text.Time()
	return err == nil && t.Equal(at)
}

// Defer sets when the message may be delivered at the earliest; zero is at once.
func (s *Submission) Defer(until time.Time) (err error) {
	s.DeferredDeliveryTime = ""
	if !until.IsZero() {
		s.DeferredDeliveryTime, err = utcTime("deferred delivery time", until)
	}
	return err
}

// utcTime writes a time. Its year has two digits: a time of another half of a century
// would be read as one of this.
func utcTime(what string, at time.Time) (mts.Time, error) {
	text := asn1.NewUTCTime(at)
	if t, err := text.Time(); err != nil || !t.Equal(at.Truncate(time.Second)) {
		return "", diag.E(what, diag.Data, fmt.Errorf("%s is not a time of the years 1950 to 2049, which X.411 can say", at.UTC().Format(time.RFC3339)))
	}
	return text, nil
}

// Expire sets when the message is to be given up (X.411 latest-delivery-time); zero
// leaves it to the priority.
func (s *Submission) Expire(at time.Time) (err error) {
	if at.IsZero() {
		s.Extensions = mts.RemoveExt(s.Extensions, mts.ExtLatestDeliveryTime.Type())
		return nil
	}
	text, err := utcTime("latest delivery time", at)
	if err == nil {
		s.Extensions, err = mts.SetExt(s.Extensions, mts.ExtLatestDeliveryTime, text)
	}
	return err
}

// readdress takes the recipients.
func (s *Submission) readdress(to []spool.Recipient) error {
	known := s.PerRecipientFields
	s.PerRecipientFields = nil
	taken := map[int]bool{}
	for _, r := range to {
		if r.Copy {
			continue // policy has a copy made again, if it still wishes so
		}
		var f mts.PerRecipientMessageTransferFields
		switch {
		case r.N == 0 || len(known) == 0: // a new one
			f.Ask(mts.ReportNonDelivery, mts.ReportNonDelivery)
		case r.N < 1 || r.N > len(known):
			return fmt.Errorf("recipient %s: n is %d, of %d; a new recipient has none", r.Address, r.N, len(known))
		case taken[r.N]:
			return fmt.Errorf("recipient %s: n is %d, as that of another is; a new recipient has none", r.Address, r.N)
		default:
			taken[r.N] = true
			f = known[r.N-1]
		}
		if err := s.rename(&f.RecipientName, r.Address); err != nil {
			return fmt.Errorf("recipient: %w", err)
		}
		if err := ask(&f, r); err != nil {
			return fmt.Errorf("recipient %s: %w", r.Address, err)
		}
		s.PerRecipientFields = append(s.PerRecipientFields, f)
	}
	return nil
}

// ask takes the reports that are asked for about a recipient.
func ask(f *mts.PerRecipientMessageTransferFields, r spool.Recipient) error {
	originator, mta := f.PerRecipientIndicators.OriginatorReport(), f.PerRecipientIndicators.OriginatingMTAReport()
	var err error
	if r.Report != "" {
		originator, err = report.ParseWord(r.Report)
	}
	if err == nil && r.MTAReport != "" {
		mta, err = report.ParseWord(r.MTAReport)
	}
	switch {
	case err != nil:
		return err
	case originator == mts.ReportAudited:
		return errors.New("an audited report is the MTA's to ask for")
	case originator != f.PerRecipientIndicators.OriginatorReport() || mta != f.PerRecipientIndicators.OriginatingMTAReport():
		f.Ask(max(mta, originator, mts.ReportNonDelivery), originator)
	}
	return nil
}

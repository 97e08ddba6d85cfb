package submit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// Submission is a message-submission or probe-submission (X.411 §8.2.1.1, §8.2.1.2) in
// the form in which it will go out. What a user may say is set in the members of the
// envelope, of a probe too; identifiers, trace, the numbers of the recipients and who is
// responsible for them are Submit's.
type Submission struct {
	mts.MessageTransferEnvelope
	Subject string // for people who look at the queue

	Probe         bool
	ContentLength int64 // of the message a probe asks about
}

// New makes the submission of an interpersonal message that asks for reports of
// non-delivery and does not hide the recipients from each other.
func New(from oraddr.Address, to ...oraddr.Address) (*Submission, error) {
	originator, err := from.ORName()
	if err != nil {
		return nil, diag.E("originator", diag.Data, err)
	}
	s := &Submission{MessageTransferEnvelope: mts.MessageTransferEnvelope{
		OriginatorName: originator, ContentType: mts.NewContentType(mts.InterpersonalMessaging1988),
		PerMessageIndicators: mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients),
	}}
	return s, s.Address(to...)
}

// Address replaces the recipients; they ask for reports of non-delivery.
func (s *Submission) Address(to ...oraddr.Address) error {
	s.PerRecipientFields = make([]mts.PerRecipientMessageTransferFields, len(to))
	for i, a := range to {
		name, err := a.ORName()
		if err != nil {
			return diag.E("recipient "+a.String(), diag.Data, err)
		}
		s.PerRecipientFields[i].RecipientName = name
	}
	s.Ask(mts.ReportNonDelivery)
	return nil
}

// Ask asks for the originator's reports about every recipient. The originating MTA asks
// for the same, and never for less than non-delivery (X.411 §12.2.1.1.1.6).
func (s *Submission) Ask(r mts.ReportRequest) {
	for i := range s.PerRecipientFields {
		s.PerRecipientFields[i].Ask(max(r, mts.ReportNonDelivery), r)
	}
}

// Audit asks for reports, of delivery too, with the trace of the subject up to the
// reporting MTA, on behalf of this MTA and not of the originator: they end in the event
// log (X.411 §12.2.1.1.1.6, audited-report).
func (s *Submission) Audit() {
	for i := range s.PerRecipientFields {
		s.PerRecipientFields[i].Ask(mts.ReportAudited, mts.ReportNone)
	}
}

// byMTS are the extensions that the MTS makes: who submits has none of them to give.
var byMTS = []mts.ExtensionType{
	mts.ExtRedirectionHistory.Type(), mts.ExtDLExpansionHistory.Type(), mts.ExtOriginatorAndDLExpansionHistory.Type(),
	mts.ExtTraceInformation.Type(), mts.ExtInternalTraceInformation.Type(),
}

// Renew takes away what the MTS has added to an envelope on its way, so that it can be
// submitted again: the trace, the histories of redirection and expansion, and what it
// had been given for its identity.
func (s *Submission) Renew() {
	s.MessageIdentifier, s.TraceInformation = mts.MTSIdentifier{}, nil
	s.Extensions = mts.RemoveExt(s.Extensions, byMTS...)
	for i := range s.PerRecipientFields {
		s.PerRecipientFields[i].Extensions = mts.RemoveExt(s.PerRecipientFields[i].Extensions, byMTS...)
	}
}

// Submit begins a message or probe of a user of this MTA: it gives it an identifier and
// its recipients their numbers (X.411 §14.2) and goes on as if it had come with
// that envelope. The trace is empty; like that of a message from elsewhere, it gets this
// MTA's elements on the way out.
func (d *Door) Submit(src spool.Source, s Submission) (*Tx, error) {
	now := d.now()
	if err := s.check(now); err != nil {
		return nil, err
	}
	id := spool.NewID(now)
	env := s.MessageTransferEnvelope
	env.MessageIdentifier = mts.MTSIdentifier{GlobalDomainIdentifier: d.domain, LocalIdentifier: d.localIdentifier(id)}
	env.PerRecipientFields = slices.Clone(env.PerRecipientFields)
	for i := range env.PerRecipientFields {
		f := &env.PerRecipientFields[i]
		f.OriginallySpecifiedRecipientNumber = i + 1
		f.PerRecipientIndicators = f.PerRecipientIndicators.WithResponsibility(true)
		asked := f.PerRecipientIndicators.OriginatingMTAReport()
		if s.Probe && f.PerRecipientIndicators.OriginatorReport() != mts.ReportAlways && asked != mts.ReportAudited {
			// It is sent for the sake of its report.
			f.Ask(mts.ReportAlways, mts.ReportAlways)
		}
	}
	var t *Tx
	var err error
	if s.Probe {
		length := s.ContentLength
		t, err = d.submitProbe(src, &mts.ProbeTransferEnvelope{
			ProbeIdentifier: env.MessageIdentifier, OriginatorName: env.OriginatorName,
			OriginalEncodedInformationTypes: env.OriginalEncodedInformationTypes, ContentType: env.ContentType,
			ContentIdentifier: env.ContentIdentifier, ContentLength: &length, PerMessageIndicators: env.PerMessageIndicators,
			PerDomainBilateralInformation: env.PerDomainBilateralInformation, Extensions: env.Extensions,
			PerRecipientFields: env.PerRecipientFields, Unknown: env.Unknown,
		})
	} else {
		t, err = d.submitMessage(src, &env)
	}
	if err != nil {
		return nil, err
	}
	t.env.ID, t.env.Subject = id, s.Subject
	return t, nil
}

func (d *Door) submitMessage(src spool.Source, env *mts.MessageTransferEnvelope) (*Tx, error) {
	raw, err := p1.EncodeMessageEnvelope(env)
	if err != nil {
		return nil, err
	}
	return d.message(src, raw, env, nil), nil
}

func (d *Door) submitProbe(src spool.Source, env *mts.ProbeTransferEnvelope) (*Tx, error) {
	raw, err := p1.EncodeProbe(env)
	if err != nil {
		return nil, err
	}
	return d.probe(src, raw, env, nil), nil
}

// localIdentifier is unique in the domain for all time, because the spool
// identifier is; the beginning of the MTA's name is for people.
func (d *Door) localIdentifier(id spool.ID) asn1.IA5String {
	name := string(d.mta)
	return asn1.IA5String(name[:min(len(name), mts.UbLocalIDLength-len(id)-1)] + "." + string(id))
}

func (s *Submission) check(now time.Time) error {
	switch n := len(s.PerRecipientFields); {
	case n == 0:
		return diag.New("submit", diag.Usage, "no recipient")
	case n > mts.UbRecipients:
		return diag.E("submit", diag.Data, fmt.Errorf("%d recipients; X.411 allows %d", n, mts.UbRecipients))
	case len(s.ContentIdentifier) > mts.UbContentIDLength:
		return diag.E("content identifier", diag.Data, fmt.Errorf("%d characters; X.411 allows %d", len(s.ContentIdentifier), mts.UbContentIDLength))
	case s.ContentType.String() == "":
		return diag.New("submit", diag.Usage, "no content type")
	case len(s.TraceInformation) > 0:
		return diag.New("submit", diag.Usage, "trace information is not the originator's to give")
	}
	if err := asn1.PrintableString(s.ContentIdentifier).Valid(); err != nil {
		return diag.E("content identifier", diag.Data, err)
	}
	lists := [][]mts.ExtensionField{s.Extensions}
	for i := range s.PerRecipientFields {
		lists = append(lists, s.PerRecipientFields[i].Extensions)
	}
	for _, fields := range lists {
		for _, t := range byMTS {
			if mts.Find(fields, t) >= 0 {
				return diag.E("extension "+t.String(), diag.Data, errors.New("is not the originator's to give"))
			}
		}
		if err := mts.ValidExtensions(fields); err != nil {
			return diag.E("extensions", diag.Data, err) // others would refuse it
		}
		if unsupported := mts.UnsupportedCritical(fields, mts.ForSubmission); len(unsupported) > 0 {
			return diag.E("submit", diag.Permanent, fmt.Errorf("unsupported-critical-function: %v is critical for submission and not supported", unsupported[0]))
		}
	}
	return s.checkTimes(now)
}

// checkTimes refuses a message that would be given up before it can be delivered.
func (s *Submission) checkTimes(now time.Time) error {
	var deferred time.Time
	var err error
	if s.DeferredDeliveryTime != "" {
		if deferred, err = s.DeferredDeliveryTime.Time(); err != nil {
			return diag.E("deferred delivery time", diag.Data, err)
		}
	}
	text, ok, err := mts.Ext(s.Extensions, mts.ExtLatestDeliveryTime)
	if err != nil || !ok {
		return err
	}
	latest, err := text.Time()
	switch {
	case err != nil:
		return diag.E("latest delivery time", diag.Data, err)
	case !latest.After(deferred):
		return diag.New("submit", diag.Data, "the latest delivery time is not after the deferred one")
	case !latest.After(now):
		return diag.E("submit", diag.Data, fmt.Errorf("the latest delivery time %s is past", latest.UTC().Format(time.RFC3339)))
	}
	return nil
}

// Alone commits messages of a process that has no scheduler behind it: written in
// tmp/, synced, renamed into new/, and the directory synced. Then the scheduler, if
// one runs, is woken.
type Alone struct{ Spool *spool.Spool }

// Create begins a file in tmp/.
func (a Alone) Create(ref spool.Ref) (*spool.Writer, error) { return a.Spool.CreateNew(ref.ID) }

// Commit returns nil once the file and its name in new/ are on disk.
func (a Alone) Commit(_ context.Context, w *spool.Writer, _ *spool.Envelope) error {
	if err := w.Commit(); err != nil {
		return err
	}
	_ = a.Spool.Wake() // the message is safe; a lost wake-up only makes it late
	return nil
}

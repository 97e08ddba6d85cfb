package submit

import (
	"context"
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// Submission holds the arguments of a message-submission or probe-submission
// (X.411 §8.2.1.1, §8.2.1.2) that this MTA's users can give.
type Submission struct {
	Originator    oraddr.Address
	Recipients    []oraddr.Address
	Priority      mts.Priority
	Report        mts.ReportRequest // of the originator, about every recipient; a probe always asks
	ContentType   mts.ContentType
	ContentID     string
	EITs          *mts.EncodedInformationTypes // nil: unspecified
	ReturnContent bool
	NoDisclosure  bool
	Deferred      time.Time // not to be delivered before; zero: at once
	Latest        time.Time // not to be delivered after; zero: by priority
	Subject       string    // for people who look at the queue

	Probe         bool
	ContentLength int64 // of the message a probe asks about
}

// Submit begins a message or probe of a user of this MTA: it makes the transfer
// envelope of what was submitted (X.411 §14.2) and goes on as if it had come with
// it. The trace is empty; like that of a message from elsewhere, it gets this
// MTA's elements on the way out.
func (d *Door) Submit(src spool.Source, s Submission) (*Tx, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Probe {
		s.Report = mts.ReportAlways // it is sent for the sake of its report
	}
	now := d.now()
	id := spool.NewID(now)
	originator, err := s.Originator.ORName()
	if err != nil {
		return nil, diag.E("originator", diag.Data, err)
	}
	identifier := mts.MTSIdentifier{GlobalDomainIdentifier: d.domain, LocalIdentifier: d.localIdentifier(id)}
	indicators := mts.NewPerMessageIndicators(s.bits()...)
	var fields []mts.PerRecipientMessageTransferFields
	for i, a := range s.Recipients {
		name, err := a.ORName()
		if err != nil {
			return nil, diag.E("recipient "+a.String(), diag.Data, err)
		}
		fields = append(fields, mts.PerRecipientMessageTransferFields{
			RecipientName: name, OriginallySpecifiedRecipientNumber: i + 1,
			PerRecipientIndicators: mts.NewPerRecipientIndicators(true, max(s.Report, mts.ReportNonDelivery), s.Report),
		})
	}
	var t *Tx
	if s.Probe {
		length := s.ContentLength
		t, err = d.submitProbe(src, &mts.ProbeTransferEnvelope{
			ProbeIdentifier: identifier, OriginatorName: originator, OriginalEncodedInformationTypes: s.EITs,
			ContentType: s.ContentType, ContentIdentifier: mts.ContentIdentifier(s.ContentID), ContentLength: &length,
			PerMessageIndicators: indicators, PerRecipientFields: fields,
		})
	} else {
		env := &mts.MessageTransferEnvelope{
			MessageIdentifier: identifier, OriginatorName: originator, OriginalEncodedInformationTypes: s.EITs,
			ContentType: s.ContentType, ContentIdentifier: mts.ContentIdentifier(s.ContentID), Priority: s.Priority,
			PerMessageIndicators: indicators, PerRecipientFields: fields,
		}
		if !s.Deferred.IsZero() {
			env.DeferredDeliveryTime = asn1.NewUTCTime(s.Deferred)
		}
		if !s.Latest.IsZero() {
			if env.Extensions, err = mts.SetExt(nil, mts.ExtLatestDeliveryTime, asn1.NewUTCTime(s.Latest)); err != nil {
				return nil, err
			}
		}
		t, err = d.submitMessage(src, env)
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

func (s *Submission) check() error {
	switch {
	case len(s.Recipients) == 0:
		return diag.New("submit", diag.Usage, "no recipient")
	case len(s.Recipients) > mts.UbRecipients:
		return diag.E("submit", diag.Data, fmt.Errorf("%d recipients; X.411 allows %d", len(s.Recipients), mts.UbRecipients))
	case len(s.ContentID) > mts.UbContentIDLength:
		return diag.E("content identifier", diag.Data, fmt.Errorf("%d characters; X.411 allows %d", len(s.ContentID), mts.UbContentIDLength))
	}
	if err := asn1.PrintableString(s.ContentID).Valid(); err != nil {
		return diag.E("content identifier", diag.Data, err)
	}
	if !s.Deferred.IsZero() && !s.Latest.IsZero() && !s.Latest.After(s.Deferred) {
		return diag.New("submit", diag.Data, "the latest delivery time is not after the deferred one")
	}
	if s.ContentType.String() == "" {
		return diag.New("submit", diag.Usage, "no content type")
	}
	return nil
}

func (s *Submission) bits() []mts.MessageIndicator {
	var bits []mts.MessageIndicator
	if !s.NoDisclosure {
		bits = append(bits, mts.BitDisclosureOfOtherRecipients)
	}
	if s.ReturnContent && !s.Probe {
		bits = append(bits, mts.BitContentReturnRequest)
	}
	return bits
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

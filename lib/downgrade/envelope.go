package downgrade

import (
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// Peer is what there is to know of the two ends of the transfer.
type Peer struct {
	// Domain is the management domain of this MTA: the gateway in addresses, and the
	// one that records a conversion in the trace.
	Domain oraddr.Domain
	// TakesP22 says that the peer's users read the interpersonal messages of 1988.
	// Then only a content that loses nothing is made one of 1984; otherwise every one
	// is that can be, and one that cannot is not transferred.
	TakesP22 bool
}

// Object is a message, probe or report in the form of 1984.
type Object struct {
	Envelope ber.Raw  // the envelope part, for p1.NewAPDU
	Content  *Content // nil: the content, if there is one, as it is
	// Lost names what was left out and somebody may miss, in the words of the
	// Recommendations; the internal trace, which is always left out, is not named.
	Lost []string
	// Refused are the recipients that cannot be written for the peer. They are in
	// the envelope, but the peer is not responsible for them.
	Refused []Refusal
}

// Refusal is a recipient that cannot be transferred.
type Refusal struct {
	Place int // in per-recipient-fields, from 0
	Err   error
}

// Transfer returns an object in the form of 1984. Envelope is its envelope part as
// it would go to a peer of 1988; content and size are the content, nil where there is
// none, and of a report the returned content.
//
// An *Impossible says that it cannot be transferred to this peer at all; any other
// error is one of reading the content, or of kind diag.Data.
func Transfer(envelope ber.Raw, content io.ReaderAt, size int64, to Peer) (*Object, error) {
	d := &downgrade{to: to}
	var err error
	switch p1.KindOf(envelope) {
	case p1.Message:
		err = d.message(envelope, content, size)
	case p1.Probe:
		err = d.probe(envelope)
	case p1.Report:
		err = d.report(envelope)
	default:
		err = diag.New("downgrade", diag.Data, "neither a message, nor a probe, nor a report")
	}
	if err != nil {
		return nil, err
	}
	d.out.Lost = d.lost
	return &d.out, nil
}

type downgrade struct {
	to   Peer
	lost losses
	out  Object
}

func (d *downgrade) message(raw ber.Raw, content io.ReaderAt, size int64) error {
	e, err := p1.DecodeMessageEnvelope(raw, p1.Limits{})
	if err != nil {
		return err
	}
	if err := Carries(e.ContentType); err != nil {
		return err
	}
	e.ContentType = numbered(e.ContentType)
	if e.ContentType.Equal(mts.NewContentType(mts.InterpersonalMessaging1988)) {
		prohibited := e.PerMessageIndicators.ImplicitConversionProhibited()
		plan, err := planContent(content, size, d.to.Domain, prohibited)
		var no *Impossible
		switch {
		case errors.As(err, &no) && d.to.TakesP22, err == nil && d.to.TakesP22 && (len(plan.lost) > 0 || plan.converted):
			// It goes as it is: to this peer that is no loss.
		case err != nil:
			return err
		default:
			d.out.Content = plan
			e.ContentType = mts.NewContentType(mts.InterpersonalMessaging1984)
			for _, what := range plan.lost {
				d.lost.add(what)
			}
			if plan.converted {
				d.converted(e)
			}
		}
	}
	if err := d.shared(shared{&e.OriginatorName, &e.Extensions, &e.OriginalEncodedInformationTypes, &e.PerMessageIndicators,
		&e.PerDomainBilateralInformation, &e.TraceInformation, &e.PerRecipientFields, &e.Unknown}); err != nil {
		return err
	}
	d.out.Envelope, err = p1.EncodeMessageEnvelope(e)
	return err
}

func (d *downgrade) probe(raw ber.Raw) error {
	e, err := p1.DecodeProbe(raw, p1.Limits{})
	if err != nil {
		return err
	}
	if err := Carries(e.ContentType); err != nil {
		return err
	}
	e.ContentType = numbered(e.ContentType)
	if e.ContentType.Equal(mts.NewContentType(mts.InterpersonalMessaging1988)) && !d.to.TakesP22 {
		e.ContentType = mts.NewContentType(mts.InterpersonalMessaging1984)
	}
	if err := d.shared(shared{&e.OriginatorName, &e.Extensions, &e.OriginalEncodedInformationTypes, &e.PerMessageIndicators,
		&e.PerDomainBilateralInformation, &e.TraceInformation, &e.PerRecipientFields, &e.Unknown}); err != nil {
		return err
	}
	d.out.Envelope, err = p1.EncodeProbe(e)
	return err
}

// shared are the fields that the envelopes of messages and probes have alike.
type shared struct {
	originator *oraddr.ORName
	extensions *[]mts.ExtensionField
	types      **mts.EncodedInformationTypes
	indicators *mts.PerMessageIndicators
	bilateral  *[]mts.PerDomainBilateralInformation
	trace      *mts.TraceInformation
	recipients *[]mts.PerRecipientMessageTransferFields
	unknown    *[]ber.Raw
}

func (d *downgrade) shared(e shared) (err error) {
	if *e.originator, err = d.lost.name(*e.originator, d.to.Domain); err != nil {
		return fmt.Errorf("originator: %w", err)
	}
	if *e.extensions, err = d.extensions(*e.extensions); err != nil {
		return err
	}
	*e.types = d.lost.eits(*e.types)
	*e.indicators = d.lost.indicators(*e.indicators)
	*e.bilateral = d.lost.bilateral(*e.bilateral)
	*e.trace = d.lost.trace(*e.trace)
	if *e.recipients, err = d.recipients(*e.recipients); err != nil {
		return err
	}
	*e.unknown = d.lost.unknown(*e.unknown)
	return nil
}

// name is Name, and notes what else the name had.
func (l *losses) name(n oraddr.ORName, gateway oraddr.Domain) (oraddr.ORName, error) {
	out, err := Name(n, gateway)
	if err == nil {
		l.beside(n)
	}
	return out, err
}

// recipient is Recipient, likewise.
func (l *losses) recipient(n oraddr.ORName) (oraddr.ORName, error) {
	out, err := Recipient(n)
	if err == nil {
		l.beside(n)
	}
	return out, err
}

func (l *losses) beside(n oraddr.ORName) {
	if len(n.DirectoryName) > 0 {
		l.add("directory-name")
	}
	l.unknown(n.Unknown)
}

// Carries reports whether P1 of 1984 carries contents of a type: only those that have
// a number. If not, the error is an *Impossible.
//
// X.411 has a number for other contents between the editions, external; how they are
// wrapped is X.419 Annex B's, and a peer that does not do it would deliver the wrapping.
func Carries(c mts.ContentType) error {
	if numbered(c).Extended != nil {
		return impossible("the content-type %s is an object identifier", c)
	}
	return nil
}

// numbered gives a content-type its number, if it has one beside its object identifier.
func numbered(c mts.ContentType) mts.ContentType {
	if c.Extended == nil {
		return c
	}
	switch *c.Extended {
	case mts.ContentUnidentified:
		return mts.NewContentType(mts.Unidentified)
	case ipms.ContentP2:
		return mts.NewContentType(mts.InterpersonalMessaging1984)
	case ipms.ContentP22:
		return mts.NewContentType(mts.InterpersonalMessaging1988)
	case edims.ContentPedi:
		return mts.NewContentType(mts.EDIMessaging)
	}
	return c
}

// converted records that text was made ia5-text, X.411 §14.3.
func (d *downgrade) converted(e *mts.MessageTransferEnvelope) {
	var types []asn1.OID
	for _, o := range e.OriginalEncodedInformationTypes.Types() {
		if !isGeneralText(o) {
			types = append(types, o)
		}
	}
	now := mts.NewEncodedInformationTypes(types...)
	now.BuiltInEncodedInformationTypes.Set(mts.EITIA5Text)
	domain := mts.NewGlobalDomainIdentifier(d.to.Domain)
	e.TraceInformation = mts.RecordTrace(e.TraceInformation, domain, mts.AdditionalActions{ConvertedEncodedInformationTypes: now})
}

// extensions leaves out every extension, if none is critical for transfer.
func (d *downgrade) extensions(fields []mts.ExtensionField) ([]mts.ExtensionField, error) {
	for _, f := range fields {
		switch {
		case f.Type.Equal(mts.ExtInternalTraceInformation.Type()):
		case f.Criticality.For(mts.ForTransfer):
			return nil, impossible("the extension %s is critical for transfer", f.Type)
		default:
			d.lost.add("extension " + f.Type.String())
		}
	}
	return nil, nil
}

// eits leaves the encoded information types that have a number; any other makes
// the whole unknown.
func (l *losses) eits(e *mts.EncodedInformationTypes) *mts.EncodedInformationTypes {
	if e == nil {
		return nil
	}
	out := *e
	if len(e.ExtendedEncodedInformationTypes) > 0 {
		numbered := mts.NewEncodedInformationTypes(e.Types()...)
		out.BuiltInEncodedInformationTypes = numbered.BuiltInEncodedInformationTypes
		for _, o := range numbered.ExtendedEncodedInformationTypes {
			l.add("encoded information type " + string(o))
			out.BuiltInEncodedInformationTypes.Set(mts.EITUnknown)
		}
		out.ExtendedEncodedInformationTypes = nil
	}
	out.Unknown = nil
	for _, u := range e.Unknown {
		if u.Tag() == asn1.Context(3) { // presentation-capabilities, of 1984 only
			out.Unknown = append(out.Unknown, u)
		} else {
			l.add("an unknown element")
		}
	}
	return &out
}

// indicators leaves the four bits that 1984 has.
func (l *losses) indicators(p mts.PerMessageIndicators) mts.PerMessageIndicators {
	bits := asn1.BitString(p).Clone()
	for i := 4; i < bits.BitLength; i++ {
		if bits.At(i) {
			l.add("per-message-indicators beyond the fourth")
		}
		bits.Clear(i)
	}
	return mts.PerMessageIndicators(shorten(bits, 4))
}

// shorten returns the first n bits.
func shorten(b asn1.BitString, n int) asn1.BitString {
	if b.BitLength > n {
		b.BitLength = n
		b.Bytes = b.Bytes[:(n+7)/8]
	}
	return b
}

// bilateral leaves what is for administration domains: 1984 has no other.
func (l *losses) bilateral(all []mts.PerDomainBilateralInformation) (out []mts.PerDomainBilateralInformation) {
	for _, b := range all {
		if b.Domain.AdministrationDomainName == nil {
			l.add("per-domain-bilateral-information of a private domain")
			continue
		}
		out = append(out, b)
	}
	return out
}

func (l *losses) trace(t mts.TraceInformation) mts.TraceInformation {
	out := make(mts.TraceInformation, len(t))
	for i, e := range t {
		s := e.DomainSuppliedInformation
		if s.OtherActions.Redirected() || s.OtherActions.DLOperation() {
			l.add("other-actions of the trace")
		}
		s.OtherActions = mts.OtherActions{}
		s.ConvertedEncodedInformationTypes = l.eits(s.ConvertedEncodedInformationTypes)
		s.Unknown = l.unknown(s.Unknown)
		e.DomainSuppliedInformation, e.Unknown = s, l.unknown(e.Unknown)
		out[i] = e
	}
	return out
}

func (l *losses) unknown(all []ber.Raw) []ber.Raw {
	if len(all) > 0 {
		l.add("an unknown element")
	}
	return nil
}

// recipients writes the recipients that the peer is to be responsible for so that
// it can reach them, and the others so that they are told by name. It is impossible
// when none of the former is left.
func (d *downgrade) recipients(all []mts.PerRecipientMessageTransferFields) ([]mts.PerRecipientMessageTransferFields, error) {
	out := make([]mts.PerRecipientMessageTransferFields, 0, len(all))
	responsible := 0
	var first error
	for i, r := range all {
		var named oraddr.ORName
		refused := error(nil)
		if r.PerRecipientIndicators.Responsibility() {
			if r.Extensions, refused = d.extensions(r.Extensions); refused == nil {
				named, refused = d.lost.recipient(r.RecipientName)
			}
			if refused == nil {
				responsible++
			} else {
				d.out.Refused = append(d.out.Refused, Refusal{i, refused})
				r.PerRecipientIndicators = r.PerRecipientIndicators.WithResponsibility(false)
				if first == nil {
					first = refused
				}
			}
		}
		if !r.PerRecipientIndicators.Responsibility() {
			var err error
			if named, err = d.lost.name(r.RecipientName, d.to.Domain); err != nil {
				d.lost.add("a recipient that another MTA is responsible for")
				continue
			}
		}
		r.RecipientName, r.Extensions = named, nil
		r.PerRecipientIndicators = mts.PerRecipientIndicators(shorten(asn1.BitString(r.PerRecipientIndicators), 8))
		r.Unknown = d.lost.unknown(r.Unknown)
		out = append(out, r)
	}
	if responsible == 0 && first != nil {
		return nil, first
	}
	return out, nil
}

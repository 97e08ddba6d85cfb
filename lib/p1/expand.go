package p1

import (
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Expansion is what a distribution list becomes.
type Expansion struct {
	List    oraddr.ORName
	Members []oraddr.ORName
	Policy  Policy
}

// Policy is what the policy of a list (X.402, mhs-dl-policy) changes in the envelope for its
// members. The zero Policy changes nothing, and leaves out the alternate recipient that the
// originator asked for, as the default does.
type Policy struct {
	Priority *mts.Priority
	// Set and Clear are indicators to be one, or zero.
	Set, Clear []mts.MessageIndicator

	MTAReport          *mts.ReportRequest // never less than what the originator is taken to ask for
	OriginatorReport   *mts.ReportRequest
	ConversionWithLoss *mts.Prohibition
	NoFurtherExpansion bool
	KeepAlternate      bool
	NoProofOfDelivery  bool
	Methods            *[]mts.DeliveryMethod // an empty list takes out what there is
}

// Expand returns the envelope part of what becomes of the recipient at a place of
// a message, counted from 0, when it is a distribution list (X.411 §14.3): the members
// take its place, responsible all of them, with its number and what else is said of it
// except the alternate recipient its originator asked for, which was meant for the
// list, and what the policy of the list changes. The list is appended to
// dl-expansion-history, and the trace says dl-operation. Of the other recipients those
// stay, without responsibility, that the originator named and wishes disclosed, as the
// policy does. Names are not checked, nor is the history; there is at least one member,
// and with those that stay at most mts.UbRecipients, or they do not stay.
func (o *Original) Expand(at int, x Expansion, a Action) (ber.Raw, error) {
	out, err := o.expand(at, &x, a)
	return out, wrap("p1: expand", err)
}

func (o *Original) expand(at int, x *Expansion, a Action) (ber.Raw, error) {
	if o.Kind != Message {
		return nil, diag.New("", diag.Usage, "only a message is expanded")
	}
	f, err := o.fields(at)
	if err != nil {
		return nil, err
	}
	history, _, err := mts.Ext(o.Extensions, mts.ExtDLExpansionHistory)
	if err != nil {
		return nil, err
	}
	extensions, err := mts.SetExt(o.Extensions, mts.ExtDLExpansionHistory,
		append(history, mts.DLExpansion{DL: x.List, DLExpansionTime: asn1.NewUTCTime(a.Now)}))
	if err != nil {
		return nil, err
	}
	e := traced(o.Common, changed(extensions, mts.ExtDLExpansionHistory.Type()), a, mts.NewOtherActions(false, true))
	if err := x.Policy.perMessage(o.Common, &e); err != nil {
		return nil, err
	}
	if err := x.Policy.perRecipient(&f); err != nil {
		return nil, err
	}
	fields := make([]mts.PerRecipientMessageTransferFields, 0, len(x.Members))
	for _, m := range x.Members {
		f.RecipientName = m
		fields = append(fields, f)
	}
	return o.derive(at, fields, e)
}

// perMessage has an Edit change what is said of the message.
func (p *Policy) perMessage(of *Common, e *Edit) error {
	e.priority = p.Priority
	if len(p.Set)+len(p.Clear) > 0 {
		is := of.Indicators
		for _, i := range p.Set {
			is = is.With(i, true)
		}
		for _, i := range p.Clear {
			is = is.With(i, false)
		}
		e.indicators = &is
	}
	prohibit := func(x mts.Extension[mts.Prohibition]) error {
		extensions, err := mts.SetExt(of.Extensions, x, mts.Prohibited)
		if err == nil {
			e.SetExtensions = append(slices.Clone(e.SetExtensions), changed(extensions, x.Type())...)
		}
		return err
	}
	if p.NoFurtherExpansion {
		if err := prohibit(mts.ExtDLExpansionProhibited); err != nil {
			return err
		}
	}
	switch {
	case p.ConversionWithLoss == nil:
	case *p.ConversionWithLoss == mts.Allowed:
		e.RemoveExtensions = append(e.RemoveExtensions, mts.ExtConversionWithLossProhibited.Type())
	default:
		return prohibit(mts.ExtConversionWithLossProhibited)
	}
	return nil
}

// perRecipient changes what is said of the list to what is said of a member.
func (p *Policy) perRecipient(f *mts.PerRecipientMessageTransferFields) (err error) {
	bits := f.PerRecipientIndicators
	if p.MTAReport == nil && p.OriginatorReport == nil {
		f.PerRecipientIndicators = bits.WithResponsibility(true)
	} else {
		mta, originator := bits.OriginatingMTAReport(), bits.OriginatorReport()
		if p.MTAReport != nil {
			mta = *p.MTAReport
		}
		if p.OriginatorReport != nil {
			originator = *p.OriginatorReport
		}
		f.PerRecipientIndicators = mts.NewPerRecipientIndicators(true, max(mta, originator), originator)
	}
	if !p.KeepAlternate {
		f.Extensions = mts.RemoveExt(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient.Type())
	}
	if p.NoProofOfDelivery {
		f.Extensions = mts.RemoveExt(f.Extensions, mts.ExtProofOfDeliveryRequest.Type())
	}
	switch {
	case p.Methods == nil:
	case len(*p.Methods) == 0:
		f.Extensions = mts.RemoveExt(f.Extensions, mts.ExtRequestedDeliveryMethod.Type())
	default:
		f.Extensions, err = mts.SetExt(f.Extensions, mts.ExtRequestedDeliveryMethod, *p.Methods)
	}
	return err
}

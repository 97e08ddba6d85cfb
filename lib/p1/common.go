package p1

import (
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Common is what the envelopes of messages, probes and reports have in common, for
// procedures that treat them alike (X.411 §14). What a kind does not have is zero.
type Common struct {
	Kind              Kind
	Identifier        mts.MTSIdentifier
	Originator        oraddr.ORName // of a report: its destination
	EITs              *mts.EncodedInformationTypes
	ContentType       mts.ContentType
	ContentIdentifier mts.ContentIdentifier
	Indicators        mts.PerMessageIndicators
	Bilateral         []mts.PerDomainBilateralInformation
	Trace             mts.TraceInformation
	Extensions        []mts.ExtensionField // per message
	Recipients        []mts.PerRecipientMessageTransferFields
	Report            *mts.Report
}

// DecodeCommon decodes the envelope part of an object of any kind.
func DecodeCommon(envelope ber.Raw, lim Limits) (*Common, error) {
	switch KindOf(envelope) {
	case Report:
		r, err := DecodeReport(envelope, lim)
		if err != nil {
			return nil, err
		}
		e := &r.Envelope
		return &Common{Kind: Report, Identifier: e.ReportIdentifier, Originator: e.ReportDestinationName,
			ContentIdentifier: r.Content.ContentIdentifier, Trace: e.TraceInformation, Extensions: e.Extensions, Report: r}, nil
	case Probe:
		e, err := DecodeProbe(envelope, lim)
		if err != nil {
			return nil, err
		}
		return &Common{Kind: Probe, Identifier: e.ProbeIdentifier, Originator: e.OriginatorName,
			EITs: e.OriginalEncodedInformationTypes, ContentType: e.ContentType, ContentIdentifier: e.ContentIdentifier,
			Indicators: e.PerMessageIndicators, Bilateral: e.PerDomainBilateralInformation, Trace: e.TraceInformation, Extensions: e.Extensions, Recipients: e.PerRecipientFields}, nil
	}
	e, err := DecodeMessageEnvelope(envelope, lim)
	if err != nil {
		return nil, err
	}
	return &Common{Kind: Message, Identifier: e.MessageIdentifier, Originator: e.OriginatorName,
		EITs: e.OriginalEncodedInformationTypes, ContentType: e.ContentType, ContentIdentifier: e.ContentIdentifier,
		Indicators: e.PerMessageIndicators, Bilateral: e.PerDomainBilateralInformation, Trace: e.TraceInformation, Extensions: e.Extensions, Recipients: e.PerRecipientFields}, nil
}

package mts

import (
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
)

// PerMessageIndicators is the X.411 type of that name, §8.2.1.1.1. Bit 4 is
// reserved; a probe ignores disclosure and content return.
type PerMessageIndicators asn1.BitString

// ASN1Type implements ber.Typed.
func (PerMessageIndicators) ASN1Type() string { return "[APPLICATION 8] BIT STRING" }

// MessageIndicator is the number of a bit of PerMessageIndicators.
type MessageIndicator int

// The bits of PerMessageIndicators; 5 and 6 are the notification type.
const (
	BitDisclosureOfOtherRecipients  MessageIndicator = 0
	BitImplicitConversionProhibited MessageIndicator = 1
	BitAlternateRecipientAllowed    MessageIndicator = 2
	BitContentReturnRequest         MessageIndicator = 3
	BitServiceMessage               MessageIndicator = 7
)

// NewPerMessageIndicators returns indicators with the given bits one.
func NewPerMessageIndicators(ones ...MessageIndicator) PerMessageIndicators {
	var b asn1.BitString
	for _, i := range ones {
		b.Set(int(i))
	}
	return PerMessageIndicators(b)
}

// At reports whether bit i is one.
func (p PerMessageIndicators) At(i MessageIndicator) bool { return asn1.BitString(p).At(int(i)) }

// With returns p with bit i as one says, and all other bits as they are.
func (p PerMessageIndicators) With(i MessageIndicator, one bool) PerMessageIndicators {
	b := asn1.BitString(p).Clone()
	if one {
		b.Set(int(i))
	} else {
		b.Clear(int(i))
	}
	return PerMessageIndicators(b)
}

// DisclosureOfOtherRecipients reports whether a recipient may see the others.
func (p PerMessageIndicators) DisclosureOfOtherRecipients() bool {
	return p.At(BitDisclosureOfOtherRecipients)
}

// ImplicitConversionProhibited reports whether the MTS may not convert the
// content on its own account.
func (p PerMessageIndicators) ImplicitConversionProhibited() bool {
	return p.At(BitImplicitConversionProhibited)
}

// AlternateRecipientAllowed reports whether a recipient's domain may deliver to
// an alternate recipient of its own choosing.
func (p PerMessageIndicators) AlternateRecipientAllowed() bool {
	return p.At(BitAlternateRecipientAllowed)
}

// ContentReturnRequest reports whether a non-delivery report is to carry the
// content.
func (p PerMessageIndicators) ContentReturnRequest() bool { return p.At(BitContentReturnRequest) }

// NotificationType returns 1, 2 or 3 when the content is a notification of that
// type, as its content type defines them, and 0 when it is none.
func (p PerMessageIndicators) NotificationType() int {
	n := 0
	if p.At(5) {
		n += 2
	}
	if p.At(6) {
		n++
	}
	return n
}

// ServiceMessage reports whether the content serves the operation of the MTS.
func (p PerMessageIndicators) ServiceMessage() bool { return p.At(BitServiceMessage) }

// String returns the names of the bits that are one, separated by commas.
func (p PerMessageIndicators) String() string {
	return bitNames(asn1.BitString(p), "disclosure-of-other-recipients",
		"implicit-conversion-prohibited", "alternate-recipient-allowed", "content-return-request",
		"reserved", "bit-5", "bit-6", "service-message")
}

// bitNames returns the names of the bits that are one; a bit without a name
// gives its number.
func bitNames(b asn1.BitString, names ...string) string {
	var ones []string
	for i := range b.BitLength {
		switch {
		case !b.At(i):
		case i < len(names):
			ones = append(ones, names[i])
		default:
			ones = append(ones, "bit-"+strconv.Itoa(i))
		}
	}
	return strings.Join(ones, ", ")
}

// PerRecipientIndicators is the X.411 type of that name, §12.2.1.1.1. In the
// content of a report bits 0 to 2 mean nothing.
type PerRecipientIndicators asn1.BitString

// ASN1Type implements ber.Typed.
func (PerRecipientIndicators) ASN1Type() string { return "BIT STRING" }

// ReportRequest says which reports one asks for about a recipient.
type ReportRequest uint8

// The requests. The originator may not ask for ReportAudited, the originating
// MTA may not ask for ReportNone.
const (
	ReportNone        ReportRequest = iota
	ReportNonDelivery               // when the recipient is not reached
	ReportAlways                    // in either case
	ReportAudited                   // in either case, with the trace up to the reporting MTA
)

// String returns the request as X.411 names it.
func (r ReportRequest) String() string {
	switch r {
	case ReportNone:
		return "no-report"
	case ReportNonDelivery:
		return "non-delivery-report"
	case ReportAlways:
		return "report"
	case ReportAudited:
		return "audited-report"
	}
	return "invalid"
}

const (
	bitResponsibility       = 0
	bitMTAReport            = 1
	bitMTANonDelivery       = 2
	bitOriginatorReport     = 3
	bitOriginatorNonDeliver = 4
)

// NewPerRecipientIndicators returns the eight indicator bits. As X.411 demands
// that the originating MTA asks for some report, an mta of ReportNone is sent as
// ReportNonDelivery; an originator's ReportAudited is sent as ReportAlways.
func NewPerRecipientIndicators(responsible bool, mta, originator ReportRequest) PerRecipientIndicators {
	octet := byte(0)
	one := func(i int) { octet |= 0x80 >> i }
	if responsible {
		one(bitResponsibility)
	}
	if mta == ReportAlways || mta == ReportAudited {
		one(bitMTAReport)
	}
	if mta != ReportAlways {
		one(bitMTANonDelivery)
	}
	switch originator {
	case ReportAlways, ReportAudited:
		one(bitOriginatorReport)
	case ReportNonDelivery:
		one(bitOriginatorNonDeliver)
	}
	return PerRecipientIndicators{Bytes: []byte{octet}, BitLength: 8}
}

func (p PerRecipientIndicators) at(i int) bool { return asn1.BitString(p).At(i) }

// Responsibility reports whether the MTA that receives the object answers for
// this recipient.
func (p PerRecipientIndicators) Responsibility() bool { return p.at(bitResponsibility) }

// OriginatingMTAReport returns what the originating MTA asks for. Neither bit
// one is against X.411 and is read as ReportNonDelivery, so that nothing is lost
// in silence.
func (p PerRecipientIndicators) OriginatingMTAReport() ReportRequest {
	switch report, nonDelivery := p.at(bitMTAReport), p.at(bitMTANonDelivery); {
	case report && nonDelivery:
		return ReportAudited
	case report:
		return ReportAlways
	}
	return ReportNonDelivery
}

// OriginatorReport returns what the originator asks for. Both bits one is
// against X.411 and is read as ReportAlways, the greater of the two.
func (p PerRecipientIndicators) OriginatorReport() ReportRequest {
	switch {
	case p.at(bitOriginatorReport):
		return ReportAlways
	case p.at(bitOriginatorNonDeliver):
		return ReportNonDelivery
	}
	return ReportNone
}

// WithResponsibility returns p with bit 0 set to responsible and all other bits
// as they are.
func (p PerRecipientIndicators) WithResponsibility(responsible bool) PerRecipientIndicators {
	b := asn1.BitString(p).Clone()
	if responsible {
		b.Set(bitResponsibility)
	} else {
		b.Clear(bitResponsibility)
	}
	return PerRecipientIndicators(b)
}

// String returns the indicators in words, "responsible, MTA audited-report,
// originator report".
func (p PerRecipientIndicators) String() string {
	s := "not responsible"
	if p.Responsibility() {
		s = "responsible"
	}
	return s + ", MTA " + p.OriginatingMTAReport().String() + ", originator " + p.OriginatorReport().String()
}

// Criticality says in which steps an extension must be understood or the object
// refused, X.411 §9.2.
type Criticality asn1.BitString

// ASN1Type implements ber.Typed.
func (Criticality) ASN1Type() string { return "BIT STRING" }

// Stage is a step in which an extension may be critical; its value is the number
// of the bit in Criticality.
type Stage int

// The steps.
const (
	ForSubmission Stage = 0
	ForTransfer   Stage = 1
	ForDelivery   Stage = 2
)

// String returns X.411's name of the step.
func (s Stage) String() string {
	switch s {
	case ForSubmission:
		return "for-submission"
	case ForTransfer:
		return "for-transfer"
	case ForDelivery:
		return "for-delivery"
	}
	return "invalid"
}

// NewCriticality returns a criticality for the given steps.
func NewCriticality(stages ...Stage) Criticality {
	var b asn1.BitString
	for _, s := range stages {
		b.Set(int(s))
	}
	return Criticality(b)
}

// String returns the names of the steps, separated by commas.
func (c Criticality) String() string {
	return bitNames(asn1.BitString(c), ForSubmission.String(), ForTransfer.String(), ForDelivery.String())
}

// For reports whether the extension is critical for the step.
func (c Criticality) For(s Stage) bool { return asn1.BitString(c).At(int(s)) }

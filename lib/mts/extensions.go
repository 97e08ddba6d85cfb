package mts

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func standard[T any](n ExtensionNumber, params string, critical ...Stage) Extension[T] {
	return NewStandardExtension[T](n, params, critical...)
}

// The standard extensions of X.411 §8.2, §8.3 and figure 4 with the types of
// their values and the criticality recommended there. Those that X.420 defines are
// in package ipms; the contents of certificates are left to X.509.
var (
	ExtRecipientReassignmentProhibited       = standard[Prohibition](1, "", ForDelivery)
	ExtOriginatorRequestedAlternateRecipient = standard[oraddr.ORName](2, "", ForSubmission)
	ExtDLExpansionProhibited                 = standard[Prohibition](3, "", ForDelivery)
	ExtConversionWithLossProhibited          = standard[Prohibition](4, "", ForDelivery)
	ExtLatestDeliveryTime                    = standard[Time](5, "", ForDelivery)
	ExtRequestedDeliveryMethod               = standard[[]DeliveryMethod](6, "")
	ExtPhysicalForwardingProhibited          = standard[Prohibition](7, "", ForDelivery)
	ExtPhysicalForwardingAddressRequest      = standard[Request](8, "", ForDelivery)
	ExtPhysicalDeliveryModes                 = standard[PhysicalDeliveryModes](9, "", ForDelivery)
	ExtRegisteredMailType                    = standard[RegisteredMailType](10, "", ForDelivery)
	ExtRecipientNumberForAdvice              = standard[asn1.TeletexString](11, "", ForDelivery)
	ExtPhysicalRenditionAttributes           = standard[asn1.OID](12, "", ForDelivery)
	ExtOriginatorReturnAddress               = standard[oraddr.ORAddress](13, "")
	ExtPhysicalDeliveryReportRequest         = standard[PhysicalDeliveryReportRequest](14, "", ForDelivery)
	ExtOriginatorCertificate                 = standard[Certificates](15, "")
	ExtMessageToken                          = standard[Token](16, "", ForDelivery)
	ExtContentConfidentialityAlgorithm       = standard[AlgorithmIdentifier](17, "", ForDelivery)
	ExtContentIntegrityCheck                 = standard[Signature](18, "", ForDelivery)
	ExtMessageOriginAuthenticationCheck      = standard[Signature](19, "", ForDelivery)
	ExtMessageSecurityLabel                  = standard[SecurityLabel](20, "", ForDelivery)
	ExtProofOfSubmissionRequest              = standard[Request](21, "", ForSubmission)
	ExtProofOfDeliveryRequest                = standard[Request](22, "", ForDelivery)
	ExtContentCorrelator                     = standard[ContentCorrelator](23, "")
	ExtProbeOriginAuthenticationCheck        = standard[Signature](24, "", ForDelivery)
	ExtRedirectionHistory                    = standard[[]Redirection](25, "")
	ExtDLExpansionHistory                    = standard[[]DLExpansion](26, "")
	ExtPhysicalForwardingAddress             = standard[oraddr.ORName](27, "")
	ExtRecipientCertificate                  = standard[Certificates](28, "")
	ExtProofOfDelivery                       = standard[Signature](29, "")
	ExtOriginatorAndDLExpansionHistory       = standard[[]OriginatorAndDLExpansion](30, "")
	ExtReportingDLName                       = standard[oraddr.ORName](31, "")
	ExtReportingMTACertificate               = standard[Certificates](32, "", ForDelivery)
	ExtReportOriginAuthenticationCheck       = standard[Signature](33, "", ForDelivery)
	ExtOriginatingMTACertificate             = standard[Certificates](34, "")
	ExtProofOfSubmission                     = standard[Signature](35, "")
	ExtForwardingRequest                     = standard[int64](36, "")
	ExtTraceInformation                      = standard[TraceInformation](37, "")
	ExtInternalTraceInformation              = standard[InternalTraceInformation](38, "")
	ExtReportingMTAName                      = standard[ReportingMTAName](39, "")
	ExtMultipleOriginatorCertificates        = standard[[]ExtendedCertificate](40, "SET")
	ExtDLExemptedRecipients                  = standard[[]oraddr.ORName](42, "SET")
	ExtCertificateSelectors                  = standard[CertificateSelectors](45, "")
	ExtCertificateSelectorsOverride          = standard[CertificateSelectors](46, "")
)

// Prohibition is the value of the extensions that allow or prohibit something.
type Prohibition asn1.Enumerated

// The prohibitions. An absent extension means Allowed.
const (
	Allowed    Prohibition = 0
	Prohibited Prohibition = 1
)

// ASN1Type implements ber.Typed.
func (Prohibition) ASN1Type() string { return "ENUMERATED" }

// String returns X.411's name of the value, or its number.
func (p Prohibition) String() string { return named(int64(p), "allowed", "prohibited") }

// Request is the value of the extensions that request something.
type Request asn1.Enumerated

// The requests. An absent extension means NotRequested.
const (
	NotRequested Request = 0
	Requested    Request = 1
)

// ASN1Type implements ber.Typed.
func (Request) ASN1Type() string { return "ENUMERATED" }

// String returns X.411's name of the value, or its number.
func (r Request) String() string { return named(int64(r), "not-requested", "requested") }

// DeliveryMethod is one of the methods of requested-delivery-method, most
// preferred first, X.411 §8.2.1.1.1.
type DeliveryMethod int64

// The methods.
const (
	AnyDeliveryMethod DeliveryMethod = iota
	MHSDelivery
	PhysicalDelivery
	TelexDelivery
	TeletexDelivery
	G3FacsimileDelivery
	G4FacsimileDelivery
	IA5TerminalDelivery
	VideotexDelivery
	TelephoneDelivery
)

// String returns X.411's name of the method, or its number.
func (d DeliveryMethod) String() string {
	return named(int64(d), "any-delivery-method", "mhs-delivery", "physical-delivery", "telex-delivery",
		"teletex-delivery", "g3-facsimile-delivery", "g4-facsimile-delivery", "ia5-terminal-delivery",
		"videotex-delivery", "telephone-delivery")
}

// ParseDeliveryMethod reads a name as String writes it.
func ParseDeliveryMethod(s string) (DeliveryMethod, bool) {
	for d := AnyDeliveryMethod; d <= TelephoneDelivery; d++ {
		if s == d.String() {
			return d, true
		}
	}
	return 0, false
}

// ByMHS tells whether delivery to a user of an MHS is what the method asks for.
func (d DeliveryMethod) ByMHS() bool { return d == AnyDeliveryMethod || d == MHSDelivery }

// PhysicalDeliveryModes is the X.411 type of that name. Bits 0 to 6 exclude one
// another.
type PhysicalDeliveryModes asn1.BitString

// The bits of PhysicalDeliveryModes.
const (
	OrdinaryMail = iota
	SpecialDelivery
	ExpressMail
	CounterCollection
	CounterCollectionWithTelephoneAdvice
	CounterCollectionWithTelexAdvice
	CounterCollectionWithTeletexAdvice
	BureauFaxDelivery
)

// ASN1Type implements ber.Typed.
func (PhysicalDeliveryModes) ASN1Type() string { return "BIT STRING" }

// At reports whether bit i is one.
func (p PhysicalDeliveryModes) At(i int) bool { return asn1.BitString(p).At(i) }

// String returns the names of the modes, separated by commas.
func (p PhysicalDeliveryModes) String() string {
	return bitNames(asn1.BitString(p), "ordinary-mail", "special-delivery", "express-mail", "counter-collection",
		"counter-collection-with-telephone-advice", "counter-collection-with-telex-advice",
		"counter-collection-with-teletex-advice", "bureau-fax-delivery")
}

// RegisteredMailType is the X.411 type of that name.
type RegisteredMailType int64

// The kinds of registered mail.
const (
	NonRegisteredMail RegisteredMailType = iota
	RegisteredMail
	RegisteredMailToAddresseeInPerson
)

// String returns X.411's name of the kind of mail, or its number.
func (r RegisteredMailType) String() string {
	return named(int64(r), "non-registered-mail", "registered-mail", "registered-mail-to-addressee-in-person")
}

// PhysicalDeliveryReportRequest is the X.411 type of that name.
type PhysicalDeliveryReportRequest int64

// The requests.
const (
	ReturnOfUndeliverableMailByPDS PhysicalDeliveryReportRequest = iota
	ReturnOfNotificationByPDS
	ReturnOfNotificationByMHS
	ReturnOfNotificationByMHSAndPDS
)

// String returns X.411's name of the request, or its number.
func (r PhysicalDeliveryReportRequest) String() string {
	return named(int64(r), "return-of-undeliverable-mail-by-PDS", "return-of-notification-by-PDS",
		"return-of-notification-by-MHS", "return-of-notification-by-MHS-and-PDS")
}

// Redirection is one step of redirection-history, X.411 §8.3.1.1.1.
type Redirection struct {
	_                     ber.Sequence
	IntendedRecipientName IntendedRecipientName
	RedirectionReason     RedirectionReason
}

// IntendedRecipientName names a recipient that was redirected, and when.
type IntendedRecipientName struct {
	_                 ber.Sequence
	IntendedRecipient oraddr.ORName
	RedirectionTime   Time
}

// RedirectionReason is the X.411 type of that name.
type RedirectionReason asn1.Enumerated

// The reasons. The last two came after the 1988 edition.
const (
	RecipientAssignedAlternateRecipient RedirectionReason = iota
	OriginatorRequestedAlternateRecipient
	RecipientMDAssignedAlternateRecipient
	DirectoryLookUp
	Alias
)

// ASN1Type implements ber.Typed.
func (RedirectionReason) ASN1Type() string { return "ENUMERATED" }

// String returns X.411's name of the reason, or its number.
func (r RedirectionReason) String() string {
	return named(int64(r), "recipient-assigned-alternate-recipient", "originator-requested-alternate-recipient",
		"recipient-MD-assigned-alternate-recipient", "directory-look-up", "alias")
}

// DLExpansion is one step of dl-expansion-history, X.411 §8.3.1.1.1.
type DLExpansion struct {
	_               ber.Sequence
	DL              oraddr.ORName
	DLExpansionTime Time
}

// OriginatorAndDLExpansion is one step of originator-and-DL-expansion-history:
// the originator first, then each list, X.411 §8.3.1.2.1.
type OriginatorAndDLExpansion struct {
	_                          ber.Sequence
	OriginatorOrDLName         oraddr.ORName
	OriginationOrExpansionTime Time
}

// ReportingMTAName names the MTA that made a report.
type ReportingMTAName struct {
	_                ber.Sequence
	Domain           GlobalDomainIdentifier
	MTAName          MTAName
	MTADirectoryName ber.Raw   `ber:"[0] OPTIONAL"` // a Name of X.501
	Unknown          []ber.Raw `ber:"..."`
}

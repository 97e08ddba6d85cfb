package ipms

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// The values of the extensions of headings, recipients and notifications, X.420
// Annexes A and B. Those that are of a type of the notation have none here:
// incomplete-copy and circulation-list-indicator are NULL, authorization-time is
// GeneralizedTime, precedence INTEGER, precedence-policy-identifier OBJECT
// IDENTIFIER.

// UniversalOrBMPString is the X.411 type of that name, a string of ISO 10646.
type UniversalOrBMPString struct {
	_        ber.Set
	Language asn1.PrintableString  `ber:"OPTIONAL"` // of ISO 639
	Four     *asn1.UniversalString `ber:"OPTIONAL"`
	Two      *asn1.BMPString       `ber:"OPTIONAL"`
}

// Languages is the value of languages: codes of ISO 639, perhaps with a country.
type Languages []asn1.PrintableString

// ASN1Type is that of the module.
func (Languages) ASN1Type() string { return "SET OF PrintableString" }

// AutoSubmitted is the value of auto-submitted.
type AutoSubmitted asn1.Enumerated

// ASN1Type is that of the module.
func (AutoSubmitted) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module.
func (a AutoSubmitted) String() string {
	return name(int(a), "not-auto-submitted", "auto-generated", "auto-replied")
}

// BodyPartSignatures is the value of body-part-signatures.
type BodyPartSignatures []BodyPartSignature

// ASN1Type is that of the module.
func (BodyPartSignatures) ASN1Type() string { return "SET" }

// BodyPartSignature is the signature of one body part.
type BodyPartSignature struct {
	_                             ber.Set
	BodyPartNumber                int
	BodyPartSignature             mts.Signature
	OriginatorCertificates        []mts.ExtendedCertificate `ber:"[0] SET OPTIONAL"`
	OriginatorCertificateSelector *mts.CertificateAssertion `ber:"[1] OPTIONAL"`
	Unknown                       []ber.Raw                 `ber:"..."`
}

// IPMSecurityLabel is the value of ipm-security-label.
type IPMSecurityLabel struct {
	_                      ber.Sequence
	ContentSecurityLabel   mts.SecurityLabel       `ber:"[0]"`
	HeadingSecurityLabel   *mts.SecurityLabel      `ber:"[1] OPTIONAL"`
	BodyPartSecurityLabels []BodyPartSecurityLabel `ber:"[2] OPTIONAL"`
	Unknown                []ber.Raw               `ber:"..."`
}

// BodyPartSecurityLabel is the label of one body part, or that it has none.
type BodyPartSecurityLabel struct {
	_                     ber.Choice
	BodyPartUnlabelled    *asn1.Null         `ber:"[0]"`
	BodyPartSecurityLabel *mts.SecurityLabel `ber:"[1]"`
}

// CirculationMember is one of circulation-list-recipients.
type CirculationMember struct {
	_                    ber.Set
	CirculationRecipient RecipientSpecifier
	Checked              *Checkmark `ber:"OPTIONAL"`
}

// Checkmark says that a member of a circulation list has had the message.
type Checkmark struct {
	_           ber.Choice
	Simple      *asn1.Null
	Timestamped *asn1.GeneralizedTime
	Signed      *CirculationSignature
}

// CirculationSignature is the X.420 type of that name, the X.509 SIGNED of its data.
type CirculationSignature struct {
	_                   ber.Sequence
	Data                CirculationSignatureData
	AlgorithmIdentifier mts.AlgorithmIdentifier
	Encrypted           asn1.BitString
}

// CirculationSignatureData is what is signed of a CirculationSignature.
type CirculationSignatureData struct {
	_                   ber.Sequence
	AlgorithmIdentifier mts.AlgorithmIdentifier
	ThisIPM             IPMIdentifier
	Timestamp           asn1.GeneralizedTime
}

// DistributionCode is one of distribution-codes.
type DistributionCode struct {
	_                ber.Sequence
	OIDCode          asn1.OID              `ber:"OPTIONAL"`
	AlphanumericCode *UniversalOrBMPString `ber:"OPTIONAL"`
	ORDescriptor     *ORDescriptor         `ber:"[0] OPTIONAL"`
}

// InformationCategory is one of information-category.
type InformationCategory struct {
	_           ber.Sequence
	Reference   asn1.OID              `ber:"[0] OPTIONAL"`
	Description *UniversalOrBMPString `ber:"[1] OPTIONAL"`
}

// RecipientSecurityRequest is the value of recipient-security-request.
type RecipientSecurityRequest asn1.BitString

// ASN1Type is that of the module.
func (RecipientSecurityRequest) ASN1Type() string { return "BIT STRING" }

// String returns the names of the module, separated by commas.
func (r RecipientSecurityRequest) String() string {
	s := ""
	for bit, name := range [...]string{"content-non-repudiation", "content-proof", "ipn-non-repudiation", "ipn-proof"} {
		if asn1.BitString(r).At(bit) {
			if s != "" {
				s += ", "
			}
			s += name
		}
	}
	return s
}

// IPNSecurityResponse is the value of ipn-security-response.
type IPNSecurityResponse struct {
	_                      ber.Set
	SecurityDiagnosticCode *SecurityDiagnosticCode `ber:"OPTIONAL"`
	ContentOrArguments     ContentOrArguments
}

// ContentOrArguments is what an IPNSecurityResponse proves to have been received.
type ContentOrArguments struct {
	_                         ber.Choice
	OriginalContent           *[]byte
	OriginalSecurityArguments *OriginalSecurityArguments
}

// OriginalSecurityArguments are the security arguments of the subject message.
type OriginalSecurityArguments struct {
	_                                        ber.Set
	OriginalContentIntegrityCheck            *mts.Signature `ber:"[0] OPTIONAL"`
	OriginalMessageOriginAuthenticationCheck *mts.Signature `ber:"[1] OPTIONAL"`
	OriginalMessageToken                     *mts.Token     `ber:"[2] OPTIONAL"`
}

// SecurityDiagnosticCode says what was wrong with the security of a message.
type SecurityDiagnosticCode int64

// String returns the name of the module.
func (c SecurityDiagnosticCode) String() string {
	return name(int(c),
		"integrity-failure-on-subject-message", "integrity-failure-on-forwarded-message", "moac-failure-on-subject-message",
		"unsupported-security-policy", "unsupported-algorithm-identifier", "decryption-failed", "token-error",
		"unable-to-sign-notification", "unable-to-sign-message-receipt", "authentication-failure-on-subject-message",
		"security-context-failure-message", "message-sequence-failure", "message-security-labelling-failure",
		"repudiation-failure-of-message", "failure-of-proof-of-message", "signature-key-unobtainable",
		"decryption-key-unobtainable", "key-failure", "unsupported-request-for-security-service",
		"inconsistent-request-for-security-service", "ipn-non-repudiation-provided-instead-of-content-proof",
		"token-decryption-failed", "double-enveloping-message-restoring-failure", "unauthorised-dl-member",
		"reception-security-failure", "unsuitable-alternate-recipient", "security-services-refusal",
		"unauthorised-recipient", "unknown-certification-authority-name", "unknown-dl-name", "unknown-originator-name",
		"unknown-recipient-name", "security-policy-violation")
}

// AbsenceAdvice is the other notification that the recipient is away: a BodyPart
// with the advice, a UTCTime from which the recipient is back, or both. A BodyPart
// may be of any tag that is not universal.
type AbsenceAdvice struct {
	_        ber.Sequence
	Elements []ber.Raw `ber:"..."`
}

// ChangeOfAddressAdvice is the other notification that the recipient has moved.
type ChangeOfAddressAdvice struct {
	_             ber.Sequence
	NewAddress    ORDescriptor `ber:"[0]"`
	EffectiveFrom asn1.UTCTime `ber:"[1] OPTIONAL"`
}

package ipms

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// The parameters and data of extended body parts that no basic body part has.

// GeneralTextParameters is the registration numbers of the character sets in a
// general-text, X.420 Annex B.
type GeneralTextParameters []int

// ASN1Type is that of the module.
func (GeneralTextParameters) ASN1Type() string { return "SET OF INTEGER" }

// VoiceParameters describe a voice body part; its data is an OCTET STRING.
type VoiceParameters struct {
	_                        ber.Sequence
	VoiceMessageDuration     *int64         `ber:"[0] OPTIONAL"` // in seconds
	VoiceEncodingType        asn1.OID       `ber:"[1]"`
	SupplementaryInformation asn1.IA5String `ber:"[2] OPTIONAL"`
	Unknown                  []ber.Raw      `ber:"..."`
}

// ForwardedContentParameters say how a content that a body part forwards had been
// delivered; the data is the content, an OCTET STRING.
type ForwardedContentParameters struct {
	_                ber.Set
	DeliveryTime     asn1.UTCTime                `ber:"[0] OPTIONAL"`
	DeliveryEnvelope *OtherMessageDeliveryFields `ber:"[1] OPTIONAL"`
	MTSIdentifier    *mts.MTSIdentifier          `ber:"[2] OPTIONAL"`
	SubmissionProof  *SubmissionProof            `ber:"[3] OPTIONAL"`
	Unknown          []ber.Raw                   `ber:"..."`
}

// SubmissionProof proves that a content was submitted.
type SubmissionProof struct {
	_                         ber.Set
	MessageSubmissionEnvelope TaggedSet
	ProofOfSubmission         mts.Signature          `ber:"[0]"`
	OriginatingMTACertificate mts.TaggedCertificates `ber:"[1]"`
}

// TaggedSet is a SET whose components are kept as they came.
type TaggedSet struct {
	_          ber.Set
	Components []ber.Raw `ber:"..."`
}

// ReportDeliveryArgument is the data of a report body part, X.411 figure 2: a report
// as it was delivered.
type ReportDeliveryArgument struct {
	_                               ber.Set
	SubjectSubmissionIdentifier     mts.MTSIdentifier
	ContentIdentifier               asn1.PrintableString         `ber:"[APPLICATION 10] OPTIONAL"`
	ContentType                     *mts.ContentType             `ber:"OPTIONAL"`
	OriginalEncodedInformationTypes *mts.EncodedInformationTypes `ber:"OPTIONAL"`
	Extensions                      []mts.ExtensionField         `ber:"[1] SET DEFAULT"`
	PerRecipientFields              []PerRecipientReportDeliveryFields
	ReturnedContent                 *[]byte   `ber:"[0] OPTIONAL"`
	Unknown                         []ber.Raw `ber:"..."`
}

// PerRecipientReportDeliveryFields is what a delivered report says of one recipient.
type PerRecipientReportDeliveryFields struct {
	_                                ber.Set
	ActualRecipientName              oraddr.ORName                `ber:"[0]"`
	ReportType                       mts.ReportType               `ber:"[1]"`
	ConvertedEncodedInformationTypes *mts.EncodedInformationTypes `ber:"OPTIONAL"`
	OriginallyIntendedRecipientName  *oraddr.ORName               `ber:"[2] OPTIONAL"`
	SupplementaryInformation         asn1.PrintableString         `ber:"[3] OPTIONAL"`
	Extensions                       []mts.ExtensionField         `ber:"[4] SET DEFAULT"`
	Unknown                          []ber.Raw                    `ber:"..."`
}

// RelatedStoredFile is a file that the one in a file-transfer body part has to do
// with.
type RelatedStoredFile struct {
	_              ber.Sequence
	FileIdentifier FileIdentifier
	Relationship   *Relationship `ber:"OPTIONAL"` // nil is unspecified
}

// FileIdentifier names a file by its path or by a reference.
type FileIdentifier struct {
	_                  ber.Choice
	PathnameAndVersion *PathnameAndVersion `ber:"[0]"`
	CrossReference     *CrossReference     `ber:"[1]"`
}

// PathnameAndVersion names a file by its path.
type PathnameAndVersion struct {
	_           ber.Sequence
	Pathname    Pathname           `ber:"[0]"`
	FileVersion asn1.GraphicString `ber:"[1] OPTIONAL"`
}

// CrossReference names a file in a body part of some message.
type CrossReference struct {
	_                         ber.Sequence
	ApplicationCrossReference []byte            `ber:"[0]"`
	MessageReference          *MessageReference `ber:"[1] OPTIONAL"`
	BodyPartReference         *int64            `ber:"[2] OPTIONAL"`
}

// MessageReference names a message.
type MessageReference struct {
	_                      ber.Set
	User                   *oraddr.ORName       `ber:"[0] OPTIONAL"`
	UserRelativeIdentifier asn1.PrintableString `ber:"[1]"`
}

// Relationship says what a file has to do with another.
type Relationship struct {
	_           ber.Choice
	Explicit    *ExplicitRelationship `ber:"[0]"`
	Descriptive *asn1.GraphicString   `ber:"[1]"`
}

// ExplicitRelationship is a Relationship that X.420 names.
type ExplicitRelationship int64

// String returns the name of the module, or the number.
func (r ExplicitRelationship) String() string {
	return name(int(r), "unspecified", "new-file", "replacement", "extension")
}

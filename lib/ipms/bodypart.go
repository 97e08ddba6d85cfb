package ipms

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// BodyPart is one part of a body, X.420 §7.3. Exactly one alternative is there;
// one of a tag this package does not know is Unknown, bit for bit.
type BodyPart struct {
	_                  ber.Choice
	IA5Text            *IA5TextBodyPart     `ber:"[0]"`
	G3Facsimile        *G3FacsimileBodyPart `ber:"[3]"`
	G4Class1           *[]ber.Raw           `ber:"[4]"`
	Teletex            *TeletexBodyPart     `ber:"[5]"`
	Videotex           *VideotexBodyPart    `ber:"[6]"`
	NationallyDefined  ber.Raw              `ber:"[7]"`
	Encrypted          *EncryptedBodyPart   `ber:"[8]"`
	Message            *MessageBodyPart     `ber:"[9]"`
	MixedMode          *[]ber.Raw           `ber:"[11]"`
	BilaterallyDefined *[]byte              `ber:"[14]"`
	Extended           *ExtendedBodyPart    `ber:"[15]"`
	Unknown            ber.Raw              `ber:"..."`
}

// IA5TextBodyPart is ia5-text, X.420 §7.3.1.
type IA5TextBodyPart struct {
	_          ber.Sequence
	Parameters IA5TextParameters
	Data       asn1.IA5String
}

// IA5TextParameters says which repertoire of IA5String is in use.
type IA5TextParameters struct {
	_          ber.Set
	Repertoire *Repertoire `ber:"[0] OPTIONAL"` // nil is ia5
	Unknown    []ber.Raw   `ber:"..."`
}

// Repertoire is that of ia5-text: all of IA5, or what ITA2, the telex alphabet,
// has of it.
type Repertoire asn1.Enumerated

// The values of Repertoire.
const (
	ITA2 Repertoire = 2
	IA5  Repertoire = 5
)

// ASN1Type is that of the module.
func (Repertoire) ASN1Type() string { return "ENUMERATED" }

// G3FacsimileBodyPart is g3-facsimile, X.420 §7.3.3: a bit string a page.
type G3FacsimileBodyPart struct {
	_          ber.Sequence
	Parameters G3FacsimileParameters
	Data       []asn1.BitString
}

// G3FacsimileParameters describe a facsimile.
type G3FacsimileParameters struct {
	_                  ber.Set
	NumberOfPages      *int            `ber:"[0] OPTIONAL"`
	NonBasicParameters *asn1.BitString `ber:"[1] OPTIONAL"`
	Unknown            []ber.Raw       `ber:"..."`
}

// TeletexBodyPart is teletex, X.420 §7.3.5: a string a page.
type TeletexBodyPart struct {
	_          ber.Sequence
	Parameters TeletexParameters
	Data       []asn1.TeletexString
}

// TeletexParameters describe a teletex document.
type TeletexParameters struct {
	_                  ber.Set
	NumberOfPages      *int                           `ber:"[0] OPTIONAL"`
	TelexCompatible    bool                           `ber:"[1] DEFAULT"`
	NonBasicParameters *mts.TeletexNonBasicParameters `ber:"[2] OPTIONAL"`
	Unknown            []ber.Raw                      `ber:"..."`
}

// VideotexBodyPart is videotex, X.420 §7.3.6.
type VideotexBodyPart struct {
	_          ber.Sequence
	Parameters VideotexParameters
	Data       asn1.VideotexString
}

// VideotexParameters name the videotex syntax.
type VideotexParameters struct {
	_       ber.Set
	Syntax  *VideotexSyntax `ber:"[0] OPTIONAL"`
	Unknown []ber.Raw       `ber:"..."`
}

// VideotexSyntax is one of the videotex syntaxes.
type VideotexSyntax int64

// String returns the name of the module, or the number.
func (s VideotexSyntax) String() string {
	return name(int(s), "ids", "data-syntax1", "data-syntax2", "data-syntax3")
}

// EncryptedBodyPart is encrypted, X.420 §7.3.7: what was encrypted is a BodyPart.
type EncryptedBodyPart struct {
	_          ber.Sequence
	Parameters EncryptedParameters
	Data       asn1.BitString
}

// EncryptedParameters name the algorithm and the originator's certificates.
type EncryptedParameters struct {
	_                      ber.Set
	AlgorithmIdentifier    *mts.AlgorithmIdentifier  `ber:"OPTIONAL"`
	OriginatorCertificates []mts.ExtendedCertificate `ber:"SET OPTIONAL"`
	Unknown                []ber.Raw                 `ber:"..."`
}

// MessageBodyPart is message, X.420 §7.3.8: a forwarded message, with what is
// known of its delivery.
type MessageBodyPart struct {
	_          ber.Sequence
	Parameters MessageParameters
	Data       IPM
}

// MessageParameters say when and how a forwarded message had been delivered.
type MessageParameters struct {
	_                ber.Set
	DeliveryTime     asn1.UTCTime                `ber:"[0] OPTIONAL"`
	DeliveryEnvelope *OtherMessageDeliveryFields `ber:"[1] OPTIONAL"`
	Unknown          []ber.Raw                   `ber:"..."`
}

// OtherMessageDeliveryFields is the delivery envelope, X.411 §8.3.1.1, as a
// forwarded message carries it.
type OtherMessageDeliveryFields struct {
	_                               ber.Set
	ContentType                     DeliveredContentType
	OriginatorName                  oraddr.ORName
	OriginalEncodedInformationTypes *mts.EncodedInformationTypes `ber:"[1] OPTIONAL"`
	Priority                        mts.Priority                 `ber:"DEFAULT"`
	DeliveryFlags                   *asn1.BitString              `ber:"[2] OPTIONAL"`
	OtherRecipientNames             []oraddr.ORName              `ber:"[3] OPTIONAL"`
	ThisRecipientName               oraddr.ORName                `ber:"[4]"`
	OriginallyIntendedRecipientName *oraddr.ORName               `ber:"[5] OPTIONAL"`
	ConvertedEITs                   *mts.EncodedInformationTypes `ber:"[6] OPTIONAL"`
	MessageSubmissionTime           asn1.UTCTime                 `ber:"[7]"`
	ContentIdentifier               asn1.PrintableString         `ber:"[8] OPTIONAL"`
	Extensions                      []mts.ExtensionField         `ber:"[9] SET OPTIONAL"`
	Unknown                         []ber.Raw                    `ber:"..."`
}

// DeliveredContentType is the content-type at delivery, where a built-in one has
// another tag than on transfer.
type DeliveredContentType struct {
	_        ber.Choice
	BuiltIn  *mts.BuiltInContentType `ber:"[0]"`
	Extended *asn1.OID
}

// ExtendedBodyPart is a body part of the types an object identifier names, X.420
// §7.3.12: general text, files, and whatever is yet to come.
type ExtendedBodyPart struct {
	_          ber.Sequence
	Parameters *External `ber:"[0] OPTIONAL"`
	Data       External
}

// External is the EXTERNAL type, X.690 §8.18: a value whose type is told beside
// it.
type External struct {
	_                   ber.Sequence          `ber:"[UNIVERSAL 8]"`
	DirectReference     asn1.OID              `ber:"OPTIONAL"`
	IndirectReference   *int                  `ber:"OPTIONAL"`
	DataValueDescriptor asn1.ObjectDescriptor `ber:"OPTIONAL"`
	Encoding            ExternalEncoding
}

// ExternalEncoding is the value of an External.
type ExternalEncoding struct {
	_            ber.Choice
	SingleASN1   ber.Raw         `ber:"[0]"`
	OctetAligned *[]byte         `ber:"[1]"`
	Arbitrary    *asn1.BitString `ber:"[2]"`
}

// value returns the encoding of the value, whichever way it was put.
func (e *External) value() (ber.Raw, bool) {
	switch {
	case e == nil:
		return nil, false
	case e.Encoding.SingleASN1 != nil:
		return e.Encoding.SingleASN1, true
	case e.Encoding.OctetAligned != nil:
		return *e.Encoding.OctetAligned, true
	}
	return nil, false
}

// decodeValue decodes the value of an External as a T.
func decodeValue[T any](e *External) (v T, ok bool) {
	raw, ok := e.value()
	if !ok {
		return v, false
	}
	return decodeRaw[T](raw)
}

// decodeRaw decodes all of raw as a T.
func decodeRaw[T any](raw ber.Raw) (v T, ok bool) {
	rest, err := ber.Unmarshal(raw, &v, ber.Limits{Octets: max(len(raw), 1)})
	return v, err == nil && len(rest) == 0
}

// newExternal returns an External with the encoding of v as a single ASN.1 type.
func newExternal(oid asn1.OID, v any) (External, error) {
	raw, err := ber.Marshal(v)
	return External{DirectReference: oid, Encoding: ExternalEncoding{SingleASN1: raw}}, err
}

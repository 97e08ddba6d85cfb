package ipms

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// The extensions of the message transfer envelope that X.420 defines, per
// recipient, with the criticality recommended there.
var (
	ExtBlindCopyRecipients     = mts.NewStandardExtension[[]RecipientSpecifier](41, "")
	ExtBodyPartEncryptionToken = mts.NewStandardExtension[BodyPartTokens](43, "", mts.ForDelivery)
	ExtForwardedContentToken   = mts.NewStandardExtension[ForwardedContentToken](44, "", mts.ForDelivery)
)

// BodyPartTokens are the tokens with which a recipient decrypts body parts, X.420
// Annex B. Those of a forwarded message or content are within one another.
type BodyPartTokens []BodyPartToken

// ASN1Type implements ber.Typed.
func (BodyPartTokens) ASN1Type() string { return "SET" }

// BodyPartToken is the token of one body part.
type BodyPartToken struct {
	_              ber.Set
	BodyPartNumber int
	BodyPartChoice BodyPartTokenChoice
}

// BodyPartTokenChoice is the token itself or those of the parts of a part.
type BodyPartTokenChoice struct {
	_                        ber.Choice
	EncryptionToken          *EncryptionToken
	MessageOrContentBodyPart *BodyPartTokens `ber:"[0]"`
}

// EncryptionToken is the X.420 type of that name. Its components stand in the order
// DER gives a SET.
type EncryptionToken struct {
	_                             ber.Set
	EncryptedKey                  asn1.BitString
	EncryptionAlgorithmIdentifier mts.AlgorithmIdentifier
	RecipientCertificateSelector  *mts.CertificateAssertion `ber:"[0] OPTIONAL"`
	RecipientCertificate          *mts.TaggedCertificates   `ber:"[1] OPTIONAL"`
	OriginatorCertificateSelector *mts.CertificateAssertion `ber:"[2] OPTIONAL"`
	OriginatorCertificates        []mts.ExtendedCertificate `ber:"[3] SET OPTIONAL"`
	Unknown                       []ber.Raw                 `ber:"..."`
}

// ForwardedContentToken are the message tokens of forwarded messages and contents,
// X.420 Annex B.
type ForwardedContentToken []ForwardedToken

// ASN1Type implements ber.Typed.
func (ForwardedContentToken) ASN1Type() string { return "SET" }

// ForwardedToken is the message token of one body part.
type ForwardedToken struct {
	_              ber.Set
	BodyPartNumber int
	BodyPartChoice ForwardedTokenChoice
}

// ForwardedTokenChoice is the token itself or those of the parts of a part.
type ForwardedTokenChoice struct {
	_                        ber.Choice
	ForwardingToken          *mts.Token
	MessageOrContentBodyPart *ForwardedContentToken
}

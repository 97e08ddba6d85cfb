package mts

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Token is the X.411 Token, §8.5.
type Token struct {
	_                   ber.Sequence
	TokenTypeIdentifier asn1.OID `ber:"[0]"`
	Token               ber.Raw  `ber:"[1]"`
}

// TokenAsymmetric is the type of a Token that is an AsymmetricToken, the only one
// that X.411 Annex A defines.
const TokenAsymmetric asn1.OID = "2.6.3.6.0"

// AsymmetricToken is the X.411 type of that name, §8.5: the X.509 SIGNED of its
// data.
type AsymmetricToken struct {
	_                   ber.Sequence
	Data                AsymmetricTokenData
	AlgorithmIdentifier AlgorithmIdentifier
	Encrypted           asn1.BitString
}

// AsymmetricTokenData is what is signed of an AsymmetricToken.
type AsymmetricTokenData struct {
	_                             ber.Sequence
	SignatureAlgorithmIdentifier  AlgorithmIdentifier
	Name                          TokenName
	Time                          Time
	SignedData                    *TokenData           `ber:"[0] OPTIONAL"`
	EncryptionAlgorithmIdentifier *AlgorithmIdentifier `ber:"[1] OPTIONAL"`
	EncryptedData                 *asn1.BitString      `ber:"[2] OPTIONAL"`
}

// TokenName says whom a token is for.
type TokenName struct {
	_             ber.Choice
	RecipientName *oraddr.ORName
	MTA           *MTANameAndOptionalGDI `ber:"[3]"`
}

// MTANameAndOptionalGDI is the X.411 type of that name.
type MTANameAndOptionalGDI struct {
	_                      ber.Sequence
	GlobalDomainIdentifier *GlobalDomainIdentifier `ber:"OPTIONAL"`
	MTAName                MTAName
}

// TokenData is the X.411 TokenData: its type says what the value is.
type TokenData struct {
	_     ber.Sequence
	Type  TokenDataType `ber:"[0]"`
	Value ber.Raw       `ber:"[1]"`
}

// TokenDataType says what the value of a TokenData is.
type TokenDataType int64

// The types, with those of their values.
const (
	BindTokenSignedDataType       TokenDataType = 1 // BIT STRING, a random number
	MessageTokenSignedDataType    TokenDataType = 2 // MessageTokenSignedData
	MessageTokenEncryptedDataType TokenDataType = 3 // MessageTokenEncryptedData
	BindTokenEncryptedDataType    TokenDataType = 4 // EXTERNAL
)

// String returns X.411's name of the type, or its number.
func (t TokenDataType) String() string {
	return named(int64(t), "", "bind-token-signed-data", "message-token-signed-data", "message-token-encrypted-data",
		"bind-token-encrypted-data")
}

// MessageTokenSignedData is the X.411 type of that name.
type MessageTokenSignedData struct {
	_                                         ber.Sequence
	ContentConfidentialityAlgorithmIdentifier *AlgorithmIdentifier `ber:"[0] OPTIONAL"`
	ContentIntegrityCheck                     *Signature           `ber:"[1] OPTIONAL"`
	MessageSecurityLabel                      *SecurityLabel       `ber:"[2] OPTIONAL"`
	ProofOfDeliveryRequest                    *Request             `ber:"[3] OPTIONAL"`
	MessageSequenceNumber                     *int64               `ber:"[4] OPTIONAL"`
	Unknown                                   []ber.Raw            `ber:"..."`
}

// MessageTokenEncryptedData is the X.411 type of that name; on the wire it is
// encrypted for the recipient.
type MessageTokenEncryptedData struct {
	_                         ber.Sequence
	ContentConfidentialityKey *asn1.BitString `ber:"[0] OPTIONAL"`
	ContentIntegrityCheck     *Signature      `ber:"[1] OPTIONAL"`
	MessageSecurityLabel      *SecurityLabel  `ber:"[2] OPTIONAL"`
	ContentIntegrityKey       *asn1.BitString `ber:"[3] OPTIONAL"`
	MessageSequenceNumber     *int64          `ber:"[4] OPTIONAL"`
	Unknown                   []ber.Raw       `ber:"..."`
}

package mts

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// Certificates is the X.509 Certificates, a certificate and perhaps the path to
// it, bit for bit.
type Certificates = ber.Raw

// AlgorithmIdentifier is the X.509 type of that name.
type AlgorithmIdentifier struct {
	_          ber.Sequence
	Algorithm  asn1.OID
	Parameters ber.Raw `ber:"OPTIONAL"`
}

// Signature is the value of the parameterized type SIGNATURE of X.509, in the
// form X.411 uses it in.
type Signature struct {
	_                   ber.Sequence
	AlgorithmIdentifier AlgorithmIdentifier
	Encrypted           asn1.BitString
}

// SecurityLabel is the X.411 SecurityLabel, §8.5, in the same octets as the
// label of RFC 2634, whose privacy mark may also be a UTF8String. Its components
// stand in the order DER gives a SET: whoever has signed a label wants these
// octets again. Package label takes its categories apart.
type SecurityLabel struct {
	_                        ber.Set
	SecurityClassification   *SecurityClassification `ber:"OPTIONAL"`
	SecurityPolicyIdentifier asn1.OID                `ber:"OPTIONAL"`
	ESSPrivacyMark           asn1.UTF8String         `ber:"OPTIONAL"` // RFC 2634 §3.2 alone; X.411 has PrivacyMark
	SecurityCategories       []SecurityCategory      `ber:"SET OPTIONAL"`
	PrivacyMark              asn1.PrintableString    `ber:"OPTIONAL"`
	Unknown                  []ber.Raw               `ber:"..."`
}

// SecurityClassification is the X.411 type of that name. Which classification
// ranks above which is for the policy to say, not for the numbers.
type SecurityClassification int64

// The classifications that X.411 names.
const (
	Unmarked SecurityClassification = iota
	Unclassified
	Restricted
	Confidential
	Secret
	TopSecret
)

// String returns X.411's name of the classification, or its number.
func (c SecurityClassification) String() string {
	return named(int64(c), "unmarked", "unclassified", "restricted", "confidential", "secret", "top-secret")
}

// SecurityCategory is a category of a label; the policy defines it.
type SecurityCategory struct {
	_     ber.Sequence
	Type  asn1.OID `ber:"[0]"`
	Value ber.Raw  `ber:"[1]"`
}

// ExtendedCertificate is one of multiple-originator-certificates.
type ExtendedCertificate struct {
	_              ber.Choice
	DirectoryEntry ber.Raw             `ber:"[0]"` // a Name of X.501
	Certificate    *TaggedCertificates `ber:"[1]"`
}

// TaggedCertificates is Certificates under a tag that replaces its own.
type TaggedCertificates struct {
	_          ber.Sequence
	Components []ber.Raw `ber:"..."`
}

// CertificateSelectors is the X.411 type of that name: CertificateAssertion
// values of X.509, whose own SEQUENCE tags the tags here replace.
type CertificateSelectors struct {
	_                           ber.Set
	EncryptionRecipient         *CertificateAssertion `ber:"[0] OPTIONAL"`
	EncryptionOriginator        *CertificateAssertion `ber:"[1] OPTIONAL"`
	ContentIntegrityCheck       *CertificateAssertion `ber:"[2] OPTIONAL"`
	TokenSignature              *CertificateAssertion `ber:"[3] OPTIONAL"`
	MessageOriginAuthentication *CertificateAssertion `ber:"[4] OPTIONAL"`
	Unknown                     []ber.Raw             `ber:"..."`
}

// CertificateAssertion is the X.509 type of that name, its components bit for
// bit.
type CertificateAssertion struct {
	_          ber.Sequence
	Components []ber.Raw `ber:"..."`
}

// Credentials authenticate an MTA or an MTS-user in a bind, X.411 §8.1.1.1.
type Credentials struct {
	_      ber.Choice
	Simple *Password
	Strong *StrongCredentials `ber:"[0]"`
	// Protected credentials may not be used in an MTA-bind.
	Protected *ProtectedPassword `ber:"[1]"`
}

// StrongCredentials are credentials that rest on certificates.
type StrongCredentials struct {
	_                   ber.Set
	BindToken           *Token                `ber:"[0] OPTIONAL"`
	Certificate         *TaggedCertificates   `ber:"[1] OPTIONAL"`
	CertificateSelector *CertificateAssertion `ber:"[2] OPTIONAL"`
	Unknown             []ber.Raw             `ber:"..."`
}

// ProtectedPassword is a password that only its signature is sent of.
type ProtectedPassword struct {
	_         ber.Set
	Signature Signature
	Time1     Time            `ber:"[0] OPTIONAL"`
	Time2     Time            `ber:"[1] OPTIONAL"`
	Random1   *asn1.BitString `ber:"[2] OPTIONAL"`
	Random2   *asn1.BitString `ber:"[3] OPTIONAL"`
	Unknown   []ber.Raw       `ber:"..."`
}

// Password is the X.411 Password, at most UbPasswordLength characters or octets.
// It does not show itself when it is printed.
type Password struct {
	_           ber.Choice
	IA5String   *asn1.IA5String
	OctetString *[]byte
}

// NewPassword returns a password of IA5 characters, the form every
// implementation accepts.
func NewPassword(s string) Password {
	p := asn1.IA5String(s)
	return Password{IA5String: &p}
}

// Equal reports whether p and q are the same octets, whichever of the two string
// types carries them. The time it takes depends on their lengths at most, never
// on where they differ.
func (p Password) Equal(q Password) bool {
	a, b := sha256.Sum256(p.octets()), sha256.Sum256(q.octets())
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func (p Password) octets() []byte {
	switch {
	case p.IA5String != nil:
		return []byte(*p.IA5String)
	case p.OctetString != nil:
		return *p.OctetString
	}
	return nil
}

// String hides the password.
func (p Password) String() string { return "(password)" }

// GoString hides the password.
func (p Password) GoString() string { return "mts.Password{…}" }

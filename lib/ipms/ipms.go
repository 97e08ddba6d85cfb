// Package ipms is interpersonal messaging, X.420: the content of most messages
// (content-types 2 and 22), as values. It decodes and encodes headings, bodies and
// notifications with everything unknown kept bit for bit, finds the texts and
// files in a body, composes messages with attachments that need not be in memory,
// and prints a content as a person reads it.
//
// An MTA has no business in here: contents pass through it unread. This package
// is for what originates, shows or converts messages.
package ipms

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// InformationObject is what a P22 (or P2) content holds, X.420 §6: a message or a
// notification.
type InformationObject struct {
	_   ber.Choice
	IPM *IPM `ber:"[0]"`
	IPN *IPN `ber:"[1]"`
}

// IPM is an interpersonal message, X.420 §7.
type IPM struct {
	_       ber.Sequence
	Heading Heading
	Body    []BodyPart
}

// Heading is the heading of an interpersonal message, X.420 §7.2.
type Heading struct {
	_                   ber.Set
	ThisIPM             IPMIdentifier
	Originator          *ORDescriptor        `ber:"[0] OPTIONAL"`
	AuthorizingUsers    []ORDescriptor       `ber:"[1] OPTIONAL"`
	PrimaryRecipients   []RecipientSpecifier `ber:"[2] DEFAULT"`
	CopyRecipients      []RecipientSpecifier `ber:"[3] DEFAULT"`
	BlindCopyRecipients []RecipientSpecifier `ber:"[4] OPTIONAL"`
	RepliedToIPM        *IPMIdentifier       `ber:"[5] OPTIONAL"`
	ObsoletedIPMs       []IPMIdentifier      `ber:"[6] DEFAULT"`
	RelatedIPMs         []IPMIdentifier      `ber:"[7] DEFAULT"`
	Subject             *asn1.TeletexString  `ber:"[8] EXPLICIT OPTIONAL"`
	ExpiryTime          asn1.UTCTime         `ber:"[9] OPTIONAL"`
	ReplyTime           asn1.UTCTime         `ber:"[10] OPTIONAL"`
	ReplyRecipients     []ORDescriptor       `ber:"[11] OPTIONAL"`
	Importance          *Importance          `ber:"[12] OPTIONAL"` // nil is normal
	Sensitivity         *Sensitivity         `ber:"[13] OPTIONAL"`
	AutoForwarded       bool                 `ber:"[14] DEFAULT"`
	Extensions          []Extension          `ber:"[15] SET DEFAULT"`
	Unknown             []ber.Raw            `ber:"..."`
}

// IPMIdentifier tells a message from all others its user ever sent, X.420 §7.1.1.
type IPMIdentifier struct {
	_                      ber.Set        `ber:"[APPLICATION 11]"`
	User                   *oraddr.ORName `ber:"OPTIONAL"`
	UserRelativeIdentifier asn1.PrintableString
}

// ORDescriptor names a user or distribution list to people, X.420 §7.1.3.
type ORDescriptor struct {
	_               ber.Set
	FormalName      *oraddr.ORName       `ber:"OPTIONAL"`
	FreeFormName    asn1.TeletexString   `ber:"[0] OPTIONAL"`
	TelephoneNumber asn1.PrintableString `ber:"[1] OPTIONAL"`
}

// RecipientSpecifier names a recipient and what is asked of him, X.420 §7.1.2.
type RecipientSpecifier struct {
	_                    ber.Set
	Recipient            ORDescriptor         `ber:"[0]"`
	NotificationRequests NotificationRequests `ber:"[1] DEFAULT"`
	ReplyRequested       bool                 `ber:"[2] DEFAULT"`
	RecipientExtensions  []Extension          `ber:"[3] SET OPTIONAL"`
}

// NotificationRequests says which notifications a recipient is asked for, X.420
// §7.1.2: any of the constants.
type NotificationRequests asn1.BitString

// The bits of NotificationRequests.
const (
	RequestRN    = 0 // receipt notification
	RequestNRN   = 1 // non-receipt notification
	RequestIPM   = 2 // return the message with the latter
	AbsenceOK    = 3 // an-supported: an absence advice is welcome
	SuppressIPNs = 4 // suppress-an
)

// At reports whether a bit is set.
func (n NotificationRequests) At(bit int) bool { return asn1.BitString(n).At(bit) }

// Requests returns the value with the given bits set.
func Requests(bits ...int) NotificationRequests { return NotificationRequests(asn1.Bits(bits...)) }

// Importance is the originator's opinion of a message, X.420 §7.2.12.
type Importance asn1.Enumerated

// The values of Importance.
const (
	Low    Importance = 0
	Normal Importance = 1
	High   Importance = 2
)

// ASN1Type is that of the module.
func (Importance) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module.
func (i Importance) String() string { return name(int(i), "low", "normal", "high") }

// Sensitivity says how a message is to be treated, X.420 §7.2.13.
type Sensitivity asn1.Enumerated

// The values of Sensitivity.
const (
	Personal            Sensitivity = 1
	Private             Sensitivity = 2
	CompanyConfidential Sensitivity = 3
)

// ASN1Type is that of the module.
func (Sensitivity) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module.
func (s Sensitivity) String() string {
	return name(int(s), "", "personal", "private", "company-confidential")
}

// name returns the nth name, or the number where there is none.
func name(n int, names ...string) string {
	if n >= 0 && n < len(names) && names[n] != "" {
		return names[n]
	}
	return fmt.Sprint(n)
}

// Extension is an extension of a heading, a recipient or a notification (X.420
// IPMSExtension). Unlike those of X.411 its value stands without a tag of its own;
// an absent one is NULL.
type Extension struct {
	_     ber.Sequence
	Type  asn1.OID
	Value ber.Raw `ber:"OPTIONAL"`
}

// IPN is a notification about a message, X.420 §8.
type IPN struct {
	_                      ber.Set
	SubjectIPM             IPMIdentifier
	IPNOriginator          *ORDescriptor                `ber:"[1] OPTIONAL"`
	IPMIntendedRecipient   *ORDescriptor                `ber:"[2] OPTIONAL"`
	ConversionEITs         *mts.EncodedInformationTypes `ber:"OPTIONAL"`
	NotificationExtensions []Extension                  `ber:"[3] SET OPTIONAL"`
	Fields                 NotificationFields           `ber:"[0]"`
	Unknown                []ber.Raw                    `ber:"..."`
}

// NotificationFields is what kind of notification an IPN is.
type NotificationFields struct {
	_          ber.Choice
	NonReceipt *NonReceiptFields `ber:"[0]"`
	Receipt    *ReceiptFields    `ber:"[1]"`
	Other      *[]Extension      `ber:"[2] SET"`
}

// NonReceiptFields are those of a non-receipt notification, X.420 §8.2.
type NonReceiptFields struct {
	_                  ber.Set
	NonReceiptReason   NonReceiptReason     `ber:"[0]"`
	DiscardReason      *DiscardReason       `ber:"[1] OPTIONAL"`
	AutoForwardComment asn1.PrintableString `ber:"[2] OPTIONAL"`
	ReturnedIPM        *IPM                 `ber:"[3] OPTIONAL"`
	NRNExtensions      []Extension          `ber:"[4] SET OPTIONAL"`
	Unknown            []ber.Raw            `ber:"..."`
}

// ReceiptFields are those of a receipt notification, X.420 §8.3.
type ReceiptFields struct {
	_                  ber.Set
	ReceiptTime        asn1.UTCTime         `ber:"[0]"`
	AcknowledgmentMode AcknowledgmentMode   `ber:"[1] DEFAULT"`
	SupplReceiptInfo   asn1.PrintableString `ber:"[2] OPTIONAL"`
	RNExtensions       []Extension          `ber:"[3] SET OPTIONAL"`
	Unknown            []ber.Raw            `ber:"..."`
}

// NonReceiptReason says why a message was not received, X.420 §8.2.1.
type NonReceiptReason asn1.Enumerated

// ASN1Type is that of the module.
func (NonReceiptReason) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module.
func (r NonReceiptReason) String() string { return name(int(r), "ipm-discarded", "ipm-auto-forwarded") }

// DiscardReason says why a message was discarded, X.420 §8.2.2.
type DiscardReason asn1.Enumerated

// ASN1Type is that of the module.
func (DiscardReason) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module; of value 3 that of the ISO text.
func (r DiscardReason) String() string {
	return name(int(r), "ipm-expired", "ipm-obsoleted", "user-subscription-terminated", "ipm-deleted")
}

// AcknowledgmentMode says whether a person acknowledged, X.420 §8.3.2.
type AcknowledgmentMode asn1.Enumerated

// ASN1Type is that of the module.
func (AcknowledgmentMode) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module.
func (m AcknowledgmentMode) String() string { return name(int(m), "manual", "automatic") }

// Decode reads a content of content-type 2 or 22. Octets after the object are an
// error. A body part or heading extension of unknown type is none: it is kept as
// it came.
//
// Errors are of kind Data and wrap a *ber.Error with the path and offset of what
// is wrong.
func Decode(content []byte) (InformationObject, error) {
	return DecodeLimited(content, ber.Limits{Octets: max(len(content), 1)})
}

// DecodeLimited is Decode with the limits given, for a content from outside whose
// size the caller has not bounded yet.
func DecodeLimited(content []byte, lim ber.Limits) (InformationObject, error) {
	var o InformationObject
	rest, err := ber.Unmarshal(content, &o, lim)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets after the content", len(rest))
	}
	if err != nil {
		return InformationObject{}, diag.E("ipms: decode", diag.Data, err)
	}
	return o, nil
}

// Encode returns the content octets of the object.
func (o InformationObject) Encode() ([]byte, error) {
	b, err := ber.Marshal(o)
	return b, diag.E("ipms: encode", diag.Data, err)
}

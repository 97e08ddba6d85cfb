// Package p772 is military messaging, STANAG 4406 Edition 2 (Annex A) and ACP 123,
// as values: what its contents have beside those of X.420. A military message is an
// interpersonal message, package ipms, with the heading extensions, recipient
// extensions, notifications and body parts that are here.
//
// An MTA never alters such a content; this package is for what shows one.
package p772

import (
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
)

// arc is id-mmhs, below which STANAG 4406 registers.
const arc = "1.3.26.0.4406.0."

// Heading extensions; the type of the value is that of the same name.
const (
	PrimaryPrecedenceID         asn1.OID = arc + "2.0" // Precedence
	CopyPrecedenceID            asn1.OID = arc + "2.1" // Precedence
	MessageTypeID               asn1.OID = arc + "2.2"
	AddressListIndicatorID      asn1.OID = arc + "2.3" // []AddressListDesignator
	ExemptedAddressID           asn1.OID = arc + "2.4" // []ipms.ORDescriptor
	ExtendedAuthorisationInfoID asn1.OID = arc + "2.5" // asn1.UTCTime
	DistributionCodesID         asn1.OID = arc + "2.6"
	HandlingInstructionsID      asn1.OID = arc + "2.7"  // []MilitaryString
	MessageInstructionsID       asn1.OID = arc + "2.8"  // []MilitaryString
	CodressMessageID            asn1.OID = arc + "2.9"  // int64, a number of groups
	OriginatorReferenceID       asn1.OID = arc + "2.10" // MilitaryString
	OtherRecipientsIndicatorID  asn1.OID = arc + "2.11" // []OtherRecipientDesignator
	PilotForwardingInfoID       asn1.OID = arc + "2.12" // []PilotInformation
	ACP127MessageIdentifierID   asn1.OID = arc + "2.13" // MilitaryString
	OriginatorPLADID            asn1.OID = arc + "2.14" // MilitaryString
	// SecurityInformationLabelsID is deprecated in favour of the label of RFC 2634.
	SecurityInformationLabelsID asn1.OID = arc + "2.17"
)

// Extensions of a recipient and of a notification.
const (
	ACP127NotificationRequestID  asn1.OID = arc + "2.15" // recipient: ACP127NotificationType
	ACP127NotificationResponseID asn1.OID = arc + "2.16" // other notification
)

// Body parts: the types of the data of extended body parts, and of their parameters.
const (
	DataADatP3             asn1.OID = arc + "7.0"  // ADatP3Data
	DataCorrections        asn1.OID = arc + "7.1"  // asn1.IA5String
	DataForwardedEncrypted asn1.OID = arc + "7.6"  // asn1.BitString
	DataMMMessage          asn1.OID = arc + "7.9"  // ipms.IPM
	DataACP127             asn1.OID = arc + "7.12" // asn1.IA5String

	ParametersADatP3             asn1.OID = arc + "7.2"  // int64
	ParametersCorrections        asn1.OID = arc + "7.3"  // int64
	ParametersForwardedEncrypted asn1.OID = arc + "7.7"  // ipms.MessageParameters
	ParametersMMMessage          asn1.OID = arc + "7.10" // ipms.MessageParameters
	ParametersACP127             asn1.OID = arc + "7.13" // int64
)

// names are those of the modules.
var names = map[asn1.OID]string{
	PrimaryPrecedenceID: "primary-precedence", CopyPrecedenceID: "copy-precedence", MessageTypeID: "message-type",
	AddressListIndicatorID: "address-list-indicator", ExemptedAddressID: "exempted-address",
	ExtendedAuthorisationInfoID: "extended-authorisation-info", DistributionCodesID: "distribution-codes",
	HandlingInstructionsID: "handling-instructions", MessageInstructionsID: "message-instructions",
	CodressMessageID: "codress-message", OriginatorReferenceID: "originator-reference",
	OtherRecipientsIndicatorID: "other-recipients-indicator", PilotForwardingInfoID: "pilot-forwarding-info",
	ACP127MessageIdentifierID: "acp127-message-identifier", OriginatorPLADID: "originator-plad",
	SecurityInformationLabelsID: "security-information-labels",
	ACP127NotificationRequestID: "acp127-notification-request", ACP127NotificationResponseID: "acp127-notification-response",
	DataADatP3: "adatp3", DataCorrections: "corrections", DataForwardedEncrypted: "forwarded-encrypted",
	DataMMMessage: "mm-message", DataACP127: "acp127-data",
	ParametersADatP3: "adatp3-parameters", ParametersCorrections: "corrections-parameters",
	ParametersForwardedEncrypted: "forwarded-encrypted-parameters", ParametersMMMessage: "mm-message-parameters",
	ParametersACP127: "acp127-data-parameters",
	arc + "6.1":      "atomal", arc + "6.2": "cryptosecurity", arc + "6.3": "special-handling-intel", arc + "6.4": "us-siop-esi",
	arc + "6.5": "eyes-only", arc + "6.6": "exclusive", arc + "6.7": "information-label",
	arc + "8.0": "priority-level-qualifier",
}

// Name returns the name of the modules of an object identifier registered by STANAG
// 4406, "" for any other.
func Name(o asn1.OID) string { return names[o] }

// ExtPriorityLevelQualifier is the extension of the envelope that tells the two
// precedences apart that share an MTS priority.
var ExtPriorityLevelQualifier = mts.NewPrivateExtension[PriorityLevelQualifier](arc+"8.0", "")

// PriorityLevelQualifier is the upper or lower half of an MTS priority.
type PriorityLevelQualifier asn1.Enumerated

// The values of PriorityLevelQualifier.
const (
	LowLevel  PriorityLevelQualifier = 0
	HighLevel PriorityLevelQualifier = 1
)

// ASN1Type implements ber.Typed.
func (PriorityLevelQualifier) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module, or the number.
func (q PriorityLevelQualifier) String() string { return named(int64(q), "low", "high") }

// named returns the nth name, or the number where there is none.
func named(n int64, names ...string) string {
	if n >= 0 && n < int64(len(names)) {
		return names[n]
	}
	return strconv.FormatInt(n, 10)
}

// MilitaryString is of 1 to 69 printable characters, the length of a teleprinter
// line.
type MilitaryString = asn1.PrintableString

// Precedence is the MMHSPrecedence. Values to 15 are NATO's, those from 16 to 31
// national.
type Precedence int64

// The precedences.
const (
	Deferred Precedence = iota
	Routine
	Priority
	Immediate
	Flash
	Override
)

// String returns the name of the module, or the number.
func (p Precedence) String() string {
	return named(int64(p), "deferred", "routine", "priority", "immediate", "flash", "override")
}

// MessageType says what kind of traffic a message is of.
type MessageType struct {
	_          ber.Set
	Type       TypeMessage    `ber:"[0]"`
	Identifier MilitaryString `ber:"[1] OPTIONAL"`
	Unknown    []ber.Raw      `ber:"..."`
}

// TypeMessage is the kind of traffic. Values to 127 are NATO's.
type TypeMessage int64

// String returns the name of the module, or the number.
func (t TypeMessage) String() string {
	return named(int64(t), "exercise", "operation", "project", "drill")
}

// AddressListDesignator names an address list among the recipients.
type AddressListDesignator struct {
	_                   ber.Set
	Type                AddressListType     `ber:"[0]"`
	ListName            ipms.ORDescriptor   `ber:"[1]"`
	NotificationRequest *AddressListRequest `ber:"[2] OPTIONAL"`
	ReplyRequest        *AddressListRequest `ber:"[3] OPTIONAL"`
	Unknown             []ber.Raw           `ber:"..."`
}

// AddressListType says whether the members of a list act or are informed.
type AddressListType int64

// String returns the name of the module, or the number.
func (t AddressListType) String() string {
	return named(int64(t), "primary-address-list", "copy-address-list")
}

// AddressListRequest says which members of a list are asked for something.
type AddressListRequest int64

// String returns the name of the module, or the number.
func (r AddressListRequest) String() string { return named(int64(r), "action", "info", "both") }

// DistributionCodes are the subject indicator codes of a message.
type DistributionCodes struct {
	_              ber.Set
	SICs           []asn1.PrintableString  `ber:"[0] OPTIONAL"`
	DistExtensions []DistributionExtension `ber:"[1] OPTIONAL"`
	Unknown        []ber.Raw               `ber:"..."`
}

// DistributionExtension is a distribution code of another kind.
type DistributionExtension struct {
	_         ber.Sequence
	DistType  asn1.OID
	DistValue ber.Raw
}

// OtherRecipientDesignator names a recipient who gets the message by other means.
type OtherRecipientDesignator struct {
	_          ber.Set
	Type       OtherRecipientType `ber:"[0]"`
	Designator MilitaryString     `ber:"[1]"`
	Unknown    []ber.Raw          `ber:"..."`
}

// OtherRecipientType says whether the recipient acts or is informed.
type OtherRecipientType int64

// String returns the name of the module, or the number.
func (t OtherRecipientType) String() string { return named(int64(t), "primary", "copy") }

// PilotInformation says how a message was forwarded.
type PilotInformation struct {
	_               ber.Sequence
	PilotPrecedence *Precedence         `ber:"[0] OPTIONAL"`
	PilotRecipient  []ipms.ORDescriptor `ber:"[1] OPTIONAL"`
	PilotSecurity   *mts.SecurityLabel  `ber:"[2] OPTIONAL"`
	PilotHandling   []MilitaryString    `ber:"[3] OPTIONAL"`
	Unknown         []ber.Raw           `ber:"..."`
}

// SecurityInformationLabels are the labels of a message, its heading and its body
// parts.
type SecurityInformationLabels struct {
	_                      ber.Sequence
	ContentSecurityLabel   mts.SecurityLabel       `ber:"[0]"`
	HeadingSecurityLabel   *mts.SecurityLabel      `ber:"[1] OPTIONAL"`
	BodyPartSecurityLabels []BodyPartSecurityLabel `ber:"[2] OPTIONAL"`
	Unknown                []ber.Raw               `ber:"..."`
}

// BodyPartSecurityLabel is the label of one body part.
type BodyPartSecurityLabel struct {
	_                      ber.Set
	BodyPartSecurityLabel  mts.SecurityLabel `ber:"[0]"`
	BodyPartSequenceNumber *int64            `ber:"[1] OPTIONAL"`
	Unknown                []ber.Raw         `ber:"..."`
}

// ACP127NotificationType says which notifications of a gateway to ACP 127 are asked
// for, or which one this is.
type ACP127NotificationType asn1.BitString

// ASN1Type implements ber.Typed.
func (ACP127NotificationType) ASN1Type() string { return "BIT STRING" }

// At reports whether a bit is set: 0 negative, 1 positive, 2 transfer.
func (t ACP127NotificationType) At(bit int) bool { return asn1.BitString(t).At(bit) }

// String returns the names of the module, separated by commas.
func (t ACP127NotificationType) String() string {
	s := ""
	for bit, name := range [...]string{"acp127-nn", "acp127-pn", "acp127-tn"} {
		if t.At(bit) {
			if s != "" {
				s += ","
			}
			s += name
		}
	}
	return s
}

// ACP127NotificationResponse is the notification of a gateway to ACP 127.
type ACP127NotificationResponse struct {
	_                       ber.Set
	ACP127NotificationType  ACP127NotificationType  `ber:"[0]"`
	ReceiptTime             asn1.UTCTime            `ber:"[1]"`
	AddressListIndicator    []AddressListDesignator `ber:"[2] OPTIONAL"`
	ACP127Recipient         asn1.PrintableString    `ber:"[3] OPTIONAL"`
	ACP127SupplementaryInfo asn1.PrintableString    `ber:"[4] OPTIONAL"`
	Unknown                 []ber.Raw               `ber:"..."`
}

// ADatP3Data is a formatted message of ADatP-3.
type ADatP3Data struct {
	_            ber.Choice
	LineOriented *asn1.IA5String   `ber:"[0]"`
	SetOriented  *[]asn1.IA5String `ber:"[1]"`
}

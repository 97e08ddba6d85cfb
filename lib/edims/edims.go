// Package edims is EDI messaging, X.435: the content of messages of content-type 35,
// as values. It knows headings, bodies and notifications; an interchange, what they
// carry, is octets to it.
//
// An MTA has no business in here: contents pass through it unread. This package is
// for what shows one.
package edims

import (
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// ContentPedi is the content type of EDI messages as the message store and the
// Directory know it.
const ContentPedi asn1.OID = arc + "10.0"

const (
	arc        = "2.6.7."
	idBodyPart = arc + "11."
	idAction   = arc + "13."
)

// EDIFACTISO646 is the type of an EDI body part that stands for an absent one.
const EDIFACTISO646 asn1.OID = idBodyPart + "0"

// ForAction is the action request that stands for an absent one.
const ForAction asn1.OID = idAction + "0"

var bodyPartNames = [...]string{
	"edifact-ISO646", "edifact-TeletexString", "edifact-octet", "ansiX12-ISO646", "ansiX12-TeletexString", "ansiX12-octet",
	"ansiX12-ebcdic", "untdi-ISO646", "untdi-TeletexString", "untdi-octet", "private-octet", "undefined-octet", "edifact-8859",
}

// Name returns the name of the modules of an object identifier that X.435 registers
// for body parts, which are encoded information types too, and action requests; ""
// for any other.
func Name(o asn1.OID) string {
	if o == ContentPedi {
		return "pedi"
	}
	for _, list := range [...]struct {
		arc   string
		names []string
	}{{idBodyPart, bodyPartNames[:]}, {idAction, []string{"for-action", "for-copy"}}} {
		rest, ok := strings.CutPrefix(string(o), list.arc)
		if !ok {
			continue
		}
		last, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(last); err == nil && n >= 0 && n < len(list.names) && (last == rest || n == 12) {
			return list.names[n] // below edifact-8859 are its character repertoires
		}
	}
	return ""
}

// InformationObject is what a content of type 35 holds: a message or a notification.
type InformationObject struct {
	_    ber.Choice
	EDIM *EDIM `ber:"[0]"`
	EDIN *EDIN `ber:"[1]"`
}

// EDIM is an EDI message.
type EDIM struct {
	_       ber.Sequence
	Heading Heading
	Body    Body
}

// Heading is the heading of an EDI message. An absent edi-bodypart-type is
// EDIFACTISO646.
type Heading struct {
	_                              ber.Sequence
	ThisEDIM                       EDIMIdentifier               `ber:"[1]"`
	Originator                     *oraddr.ORName               `ber:"[2] OPTIONAL"`
	Recipients                     []Recipient                  `ber:"[3] SET OPTIONAL"`
	EDINReceiver                   *EDINReceiver                `ber:"[4] OPTIONAL"`
	ResponsibilityForwarded        bool                         `ber:"[5] DEFAULT"`
	EDIBodypartType                asn1.OID                     `ber:"[6] OPTIONAL"`
	IncompleteCopy                 bool                         `ber:"[7] DEFAULT"`
	ExpiryTime                     asn1.UTCTime                 `ber:"[8] OPTIONAL"`
	RelatedMessages                []RelatedMessageReference    `ber:"[9] OPTIONAL"`
	ObsoletedEDIMs                 []EDIMIdentifier             `ber:"[10] OPTIONAL"`
	EDIApplicationSecurityElements *ApplicationSecurityElements `ber:"[11] OPTIONAL"`
	CrossReferencingInformation    []CrossReference             `ber:"[12] SET OPTIONAL"`
	EDIMessageType                 []asn1.TeletexString         `ber:"[13] SET OPTIONAL"`
	ServiceStringAdvice            *ServiceStringAdvice         `ber:"[14] OPTIONAL"`
	SyntaxIdentifier               *SyntaxIdentifier            `ber:"[15] OPTIONAL"`
	InterchangeSender              *InterchangeSender           `ber:"[16] OPTIONAL"`
	DateAndTimeOfPreparation       asn1.UTCTime                 `ber:"[17] OPTIONAL"`
	ApplicationReference           asn1.TeletexString           `ber:"[18] OPTIONAL"`
	HeadingExtensions              []EDIMExtension              `ber:"[19] SET OPTIONAL"`
	Unknown                        []ber.Raw                    `ber:"..."`
}

// EDIMIdentifier tells a message from all others its user ever sent.
type EDIMIdentifier struct {
	_                      ber.Set
	User                   oraddr.ORName        `ber:"[0]"`
	UserRelativeIdentifier asn1.PrintableString `ber:"[1]"`
}

// Recipient is one recipient and what is asked of it, with what the header of the
// interchange says of it.
type Recipient struct {
	_                            ber.Sequence
	Recipient                    oraddr.ORName             `ber:"[1]"`
	ActionRequest                asn1.OID                  `ber:"[2] OPTIONAL"` // absent: ForAction
	EDINotificationRequestsField *NotificationRequests     `ber:"[3] OPTIONAL"`
	ResponsibilityPassingAllowed bool                      `ber:"[4] DEFAULT"`
	InterchangeRecipient         *InterchangeRecipient     `ber:"[5] OPTIONAL"`
	RecipientReference           *RecipientReference       `ber:"[6] OPTIONAL"`
	InterchangeControlReference  asn1.TeletexString        `ber:"[7] OPTIONAL"`
	ProcessingPriorityCode       asn1.TeletexString        `ber:"[8] OPTIONAL"`
	AcknowledgementRequest       bool                      `ber:"[9] DEFAULT"`
	CommunicationsAgreementID    asn1.TeletexString        `ber:"[10] OPTIONAL"`
	TestIndicator                bool                      `ber:"[11] DEFAULT"`
	AuthorizationInformation     *AuthorizationInformation `ber:"[12] OPTIONAL"`
	RecipientExtensions          []EDIMExtension           `ber:"[13] SET OPTIONAL"`
	Unknown                      []ber.Raw                 `ber:"..."`
}

// NotificationRequests are the notifications asked for and their security.
type NotificationRequests struct {
	_                       ber.Sequence
	EDINotificationRequests NotificationBits `ber:"[0] DEFAULT"`
	EDINotificationSecurity SecurityBits     `ber:"[1] DEFAULT"`
	EDIReceptionSecurity    SecurityBits     `ber:"[2] DEFAULT"`
}

// NotificationBits are the notifications asked for.
type NotificationBits asn1.BitString

// ASN1Type is that of the module.
func (NotificationBits) ASN1Type() string { return "BIT STRING" }

// String returns the names of the module, separated by commas.
func (b NotificationBits) String() string { return bits(asn1.BitString(b), "pn", "nn", "fn") }

// SecurityBits say how something is to be proved.
type SecurityBits asn1.BitString

// ASN1Type is that of the module.
func (SecurityBits) ASN1Type() string { return "BIT STRING" }

// String returns the names of the module, separated by commas.
func (b SecurityBits) String() string { return bits(asn1.BitString(b), "proof", "non-repudiation") }

func bits(b asn1.BitString, names ...string) string {
	var words []string
	for i, name := range names {
		if b.At(i) {
			words = append(words, name)
		}
	}
	return strings.Join(words, ", ")
}

// EDINReceiver says who is to have the notifications instead of the originator.
type EDINReceiver struct {
	_                      ber.Sequence
	EDINReceiverName       oraddr.ORName   `ber:"[0]"`
	OriginalEDIMIdentifier *EDIMIdentifier `ber:"[1] OPTIONAL"`
	FirstRecipient         *oraddr.ORName  `ber:"[2] OPTIONAL"`
}

// RelatedMessageReference names a related message of EDI or of another kind.
type RelatedMessageReference struct {
	_                        ber.Choice
	EDIMessageReference      *EDIMIdentifier `ber:"[0]"`
	ExternalMessageReference *asn1.OID       `ber:"[1]"`
}

// ApplicationSecurityElements are those that applications have agreed on.
type ApplicationSecurityElements struct {
	_                                ber.Sequence
	EDIApplicationSecurityElement    *asn1.BitString `ber:"[0] OPTIONAL"`
	EDIEncryptedPrimaryBodypart      *bool           `ber:"[1] OPTIONAL"`
	EDIApplicationSecurityExtensions []EDIMExtension `ber:"[2] SET OPTIONAL"`
}

// CrossReference ties a body part to what an interchange calls it.
type CrossReference struct {
	_                         ber.Sequence
	ApplicationCrossReference []byte          `ber:"[0]"`
	MessageReference          *EDIMIdentifier `ber:"[1] OPTIONAL"`
	BodyPartReference         int64           `ber:"[2]"`
}

// ServiceStringAdvice are the separators of the interchange, one octet each.
type ServiceStringAdvice struct {
	_                             ber.Sequence
	ComponentDataElementSeparator []byte `ber:"[0]"`
	DataElementSeparator          []byte `ber:"[1]"`
	DecimalNotation               []byte `ber:"[2]"`
	ReleaseIndicator              []byte `ber:"[3] OPTIONAL"`
	Reserved                      []byte `ber:"[4] OPTIONAL"`
	SegmentTerminator             []byte `ber:"[5]"`
}

// SyntaxIdentifier names the syntax of the interchange.
type SyntaxIdentifier struct {
	_                ber.Sequence
	SyntaxIdentifier asn1.TeletexString
	SyntaxVersion    asn1.PrintableString
}

// InterchangeSender is the sender as the interchange names it.
type InterchangeSender struct {
	_                           ber.Sequence
	SenderIdentification        asn1.TeletexString `ber:"[0]"`
	IdentificationCodeQualifier asn1.TeletexString `ber:"[1] OPTIONAL"`
	AddressForReverseRouting    asn1.TeletexString `ber:"[2] OPTIONAL"`
}

// InterchangeRecipient is the recipient as the interchange names it.
type InterchangeRecipient struct {
	_                           ber.Sequence
	RecipientIdentification     asn1.TeletexString `ber:"[0]"`
	IdentificationCodeQualifier asn1.TeletexString `ber:"[1] OPTIONAL"`
	RoutingAddress              asn1.TeletexString `ber:"[2] OPTIONAL"`
}

// RecipientReference is a reference or password of the recipient's.
type RecipientReference struct {
	_                           ber.Sequence
	RecipientReference          asn1.TeletexString `ber:"[0]"`
	RecipientReferenceQualifier asn1.TeletexString `ber:"[1] OPTIONAL"`
}

// AuthorizationInformation is that of an ANSI X12 interchange.
type AuthorizationInformation struct {
	_                                 ber.Sequence
	AuthorizationInformation          asn1.TeletexString `ber:"[0]"`
	AuthorizationInformationQualifier asn1.TeletexString `ber:"[1] OPTIONAL"`
}

// EDIMExtension is an extension of X.435: unlike those of X.420 it may be critical.
type EDIMExtension struct {
	_           ber.Sequence
	Type        asn1.OID `ber:"[0]"`
	Criticality bool     `ber:"[1] DEFAULT"`
	Value       ber.Raw  `ber:"[2] OPTIONAL"` // absent is NULL
}

// Body is the body of an EDI message.
type Body struct {
	_                   ber.Sequence
	PrimaryBodyPart     PrimaryBodyPart
	AdditionalBodyParts []ExtendedBodyPart `ber:"OPTIONAL"`
}

// PrimaryBodyPart is an interchange, of the type that the heading names, or a
// forwarded message.
type PrimaryBodyPart struct {
	_             ber.Choice
	EDIBodyPart   *[]byte       `ber:"[0]"`
	ForwardedEDIM *EDIMBodyPart `ber:"[1]"`
}

// ExtendedBodyPart is a body part of X.420 beside the primary one.
type ExtendedBodyPart struct {
	_                 ber.Sequence
	BodyPartReference *int64                `ber:"[0] OPTIONAL"`
	ExtendedBodyPart  ipms.ExtendedBodyPart `ber:"[1]"`
}

// EDIMBodyPart is a forwarded EDI message, with what is known of its delivery.
type EDIMBodyPart struct {
	_          ber.Sequence
	Parameters *MessageParameters `ber:"[0] OPTIONAL"`
	Data       MessageData        `ber:"[1]"`
}

// MessageParameters say when and how a forwarded message had been delivered.
type MessageParameters struct {
	_                ber.Set
	DeliveryTime     asn1.UTCTime                     `ber:"[0] OPTIONAL"`
	DeliveryEnvelope *ipms.OtherMessageDeliveryFields `ber:"[1] OPTIONAL"`
	OtherParameters  asn1.TeletexString               `ber:"[2] OPTIONAL"`
}

// MessageData is a forwarded message, parts of whose body may have been removed.
type MessageData struct {
	_       ber.Sequence
	Heading Heading
	Body    BodyOrRemoved
}

// BodyOrRemoved is the body of a forwarded message.
type BodyOrRemoved struct {
	_                   ber.Sequence
	PrimaryOrRemoved    PrimaryOrRemoved
	AdditionalBodyParts []AdditionalBodyPart `ber:"OPTIONAL"`
}

// PrimaryOrRemoved is the primary body part, or that it was removed.
type PrimaryOrRemoved struct {
	_               ber.Choice
	RemovedEDIBody  *asn1.Null       `ber:"[0]"`
	PrimaryBodyPart *PrimaryBodyPart `ber:"[1] EXPLICIT"`
}

// AdditionalBodyPart is a further body part, or a place holder for a removed one.
type AdditionalBodyPart struct {
	_                ber.Choice
	ExternalBodyPart *ExtendedBodyPart `ber:"[0]"`
	PlaceHolder      *ExtendedBodyPart `ber:"[1]"`
}

// EDIN is an EDI notification.
type EDIN struct {
	_                     ber.Choice
	PositiveNotification  *PositiveNotification  `ber:"[0]"`
	NegativeNotification  *NegativeNotification  `ber:"[1]"`
	ForwardedNotification *ForwardedNotification `ber:"[2]"`
}

package presentation

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// BasicEncoding is the object identifier of the transfer syntax every context of
// MHS uses: joint-iso-itu-t asn1(1) basic-encoding(1).
const BasicEncoding asn1.OID = "2.1.1"

// Mode is the mode-value of the mode selector (X.226 §8.2).
type Mode int64

// The modes.
const (
	ModeX410   Mode = 0 // x410-1984-mode
	ModeNormal Mode = 1
)

// String names the mode as X.226 does.
func (m Mode) String() string {
	switch m {
	case ModeX410:
		return "x410-1984 mode"
	case ModeNormal:
		return "normal mode"
	}
	return fmt.Sprintf("mode %d", int64(m))
}

// ProviderReason is the provider reason of a CPR PPDU (X.226 §8.2).
type ProviderReason int64

// The provider reasons.
const (
	RefusedUnspecified         ProviderReason = 0
	RefusedCongestion          ProviderReason = 1 // temporary congestion
	RefusedLocalLimit          ProviderReason = 2
	RefusedAddressUnknown      ProviderReason = 3 // called presentation address unknown
	RefusedVersion             ProviderReason = 4 // protocol version not supported
	RefusedDefaultContext      ProviderReason = 5
	RefusedUserDataNotReadable ProviderReason = 6
	RefusedNoPSAPAvailable     ProviderReason = 7
)

var providerReasonNames = [...]string{
	"reason not specified", "temporary congestion", "local limit exceeded",
	"called presentation address unknown", "protocol version not supported",
	"default context not supported", "user data not readable", "no PSAP available",
}

// String names the reason.
func (r ProviderReason) String() string {
	if r >= 0 && int(r) < len(providerReasonNames) {
		return providerReasonNames[r]
	}
	return fmt.Sprintf("provider reason %d", int64(r))
}

// Persistent tells whether trying again will be answered the same way.
func (r ProviderReason) Persistent() bool {
	return r >= RefusedAddressUnknown && r <= RefusedUserDataNotReadable
}

// Result is the result of one proposed presentation context (X.226 §8.2).
type Result int64

// The results.
const (
	Acceptance        Result = 0
	UserRejection     Result = 1
	ProviderRejection Result = 2
)

// ContextReason is the provider reason of a rejected context (X.226 §8.2).
type ContextReason int64

// The context reasons.
const (
	ContextUnspecified               ContextReason = 0
	ContextAbstractSyntaxUnsupported ContextReason = 1
	ContextTransferSyntaxUnsupported ContextReason = 2
	ContextLocalLimitOnDCSExceeded   ContextReason = 3
)

// AbortReason is the provider reason of an ARP PPDU (X.226 §8.2).
type AbortReason int64

// The abort reasons. From AbortUnexpectedPPDU on, an event identifier belongs to
// the reason.
const (
	AbortUnspecified         AbortReason = 0
	AbortUnrecognizedPPDU    AbortReason = 1
	AbortUnexpectedPPDU      AbortReason = 2
	AbortUnexpectedPrimitive AbortReason = 3
	AbortUnrecognizedParam   AbortReason = 4
	AbortUnexpectedParam     AbortReason = 5
	AbortInvalidParamValue   AbortReason = 6
)

var abortReasonNames = [...]string{
	"reason not specified", "unrecognized PPDU", "unexpected PPDU",
	"unexpected session service primitive", "unrecognized PPDU parameter",
	"unexpected PPDU parameter", "invalid PPDU parameter value",
}

// String names the reason.
func (r AbortReason) String() string {
	if r >= 0 && int(r) < len(abortReasonNames) {
		return abortReasonNames[r]
	}
	return fmt.Sprintf("abort reason %d", int64(r))
}

// EventID is the event identifier of an ARP PPDU (X.226 §8.2): the PPDU or the
// session primitive that was wrong.
type EventID int64

// The event identifiers.
const (
	EventCP           EventID = 0
	EventCPA          EventID = 1
	EventCPR          EventID = 2
	EventARU          EventID = 3
	EventARP          EventID = 4
	EventTD           EventID = 7
	EventTTD          EventID = 8
	EventReleaseInd   EventID = 14
	EventReleaseCnf   EventID = 15
	EventTokenGive    EventID = 16
	EventTokenPlease  EventID = 17
	EventControlGive  EventID = 18
	EventSyncMinorInd EventID = 19
	EventSyncMinorCnf EventID = 20
	EventPException   EventID = 23
	EventUException   EventID = 24
	EventActStart     EventID = 25
	EventActResume    EventID = 26
	EventActIntInd    EventID = 27
	EventActIntCnf    EventID = 28
	EventActDisInd    EventID = 29
	EventActDisCnf    EventID = 30
	EventActEndInd    EventID = 31
	EventActEndCnf    EventID = 32
)

// ModeSelector is the Mode-selector (X.226 §8.2).
type ModeSelector struct {
	_    ber.Set `ber:"..."`
	Mode Mode    `ber:"[0]"`
}

// X410Parameters are the components of the RTSE APDU that X.410-1984 mode puts in
// the place of the presentation parameters (X.226 §8.2: COMPONENTS OF RTORQapdu,
// RTOACapdu).
type X410Parameters struct {
	_        ber.Set
	Elements []ber.Raw `ber:"..."`
}

// components are the elements; not nil, as even none of them tell the mode.
func (p *X410Parameters) components() []ber.Raw {
	if p.Elements == nil {
		return []ber.Raw{}
	}
	return p.Elements
}

// CP is the CP PPDU, connect presentation (X.226 §8.2). Unknown elements are
// ignored (X.226 §8.5).
type CP struct {
	_      ber.Set         `ber:"..."`
	Mode   ModeSelector    `ber:"[0]"`
	X410   *X410Parameters `ber:"[1] OPTIONAL"`
	Normal *CPNormal       `ber:"[2] OPTIONAL"`
}

// CPNormal are the normal mode parameters of a CP PPDU.
type CPNormal struct {
	_                        ber.Sequence        `ber:"..."`
	ProtocolVersion          *asn1.BitString     `ber:"[0] OPTIONAL"` // absent means version-1
	CallingSelector          []byte              `ber:"[1] OPTIONAL"`
	CalledSelector           []byte              `ber:"[2] OPTIONAL"`
	ContextDefinitionList    []ContextDefinition `ber:"[4] OPTIONAL"`
	DefaultContextName       *DefaultContext     `ber:"[6] OPTIONAL"`
	PresentationRequirements *asn1.BitString     `ber:"[8] OPTIONAL"`
	UserSessionRequirements  *asn1.BitString     `ber:"[9] OPTIONAL"`
	UserData                 *UserData           `ber:"OPTIONAL"`
}

// ContextDefinition is one item of the Context-list (X.226 §8.2).
type ContextDefinition struct {
	_                ber.Sequence
	Identifier       int64
	AbstractSyntax   asn1.OID
	TransferSyntaxes []asn1.OID
}

// DefaultContext is the Default-context-name (X.226 §8.2).
type DefaultContext struct {
	_              ber.Sequence
	AbstractSyntax asn1.OID `ber:"[0]"`
	TransferSyntax asn1.OID `ber:"[1]"`
}

// CPA is the CPA PPDU, connect presentation accept (X.226 §8.2).
type CPA struct {
	_      ber.Set
	Mode   ModeSelector    `ber:"[0]"`
	X410   *X410Parameters `ber:"[1] OPTIONAL"`
	Normal *CPANormal      `ber:"[2] OPTIONAL"`
}

// CPANormal are the normal mode parameters of a CPA PPDU.
type CPANormal struct {
	_                        ber.Sequence
	ProtocolVersion          *asn1.BitString `ber:"[0] OPTIONAL"`
	RespondingSelector       []byte          `ber:"[3] OPTIONAL"`
	ResultList               []ContextResult `ber:"[5] OPTIONAL"`
	PresentationRequirements *asn1.BitString `ber:"[8] OPTIONAL"`
	UserSessionRequirements  *asn1.BitString `ber:"[9] OPTIONAL"`
	UserData                 *UserData       `ber:"OPTIONAL"`
}

// ContextResult is one item of the Result-list (X.226 §8.2), in the order of the
// context definition list.
type ContextResult struct {
	_              ber.Sequence
	Result         Result         `ber:"[0]"`
	TransferSyntax asn1.OID       `ber:"[1] OPTIONAL"`
	Reason         *ContextReason `ber:"[2] OPTIONAL"`
}

// CPR is the CPR PPDU, connect presentation reject (X.226 §8.2).
type CPR struct {
	_      ber.Choice
	X410   *X410Parameters // RTORJapdu, a SET
	Normal *CPRNormal
}

// CPRNormal are the normal mode parameters of a CPR PPDU.
type CPRNormal struct {
	_                    ber.Sequence
	ProtocolVersion      *asn1.BitString `ber:"[0] OPTIONAL"`
	RespondingSelector   []byte          `ber:"[3] OPTIONAL"`
	ResultList           []ContextResult `ber:"[5] OPTIONAL"`
	DefaultContextResult *Result         `ber:"[7] OPTIONAL"`
	ProviderReason       *ProviderReason `ber:"[10] OPTIONAL"` // only if the provider refused
	UserData             *UserData       `ber:"OPTIONAL"`
}

// Abort is the Abort-type: what an S-U-ABORT carries (X.226 §8.2).
type Abort struct {
	_   ber.Choice
	ARU *ARU
	ARP *ARP
}

// ARU is the ARU PPDU, abnormal release user (X.226 §8.2).
type ARU struct {
	_      ber.Choice
	X410   *X410Parameters // RTABapdu, a SET
	Normal *ARUNormal      `ber:"[0]"`
}

// ARUNormal are the normal mode parameters of an ARU PPDU.
type ARUNormal struct {
	_                     ber.Sequence
	ContextIdentifierList []ContextIdentifier `ber:"[0] OPTIONAL"`
	UserData              *UserData           `ber:"OPTIONAL"`
}

// ContextIdentifier is one item of the Presentation-context-identifier-list
// (X.226 §8.2).
type ContextIdentifier struct {
	_              ber.Sequence
	Identifier     int64
	TransferSyntax asn1.OID
}

// ARP is the ARP PPDU, abnormal release provider (X.226 §8.2).
type ARP struct {
	_      ber.Sequence
	Reason *AbortReason `ber:"[0] OPTIONAL"`
	Event  *EventID     `ber:"[1] OPTIONAL"`
}

// UserData is the User-data of every PPDU (X.226 §8.2, §8.4.1). In MHS it is
// always fully encoded, since the context set has more than one member.
type UserData struct {
	_      ber.Choice
	Simple []byte    `ber:"[APPLICATION 0]"`
	Full   []PDVList `ber:"[APPLICATION 1]"`
}

// PDVList is the PDV-list: presentation data values of one context (X.226 §8.2).
type PDVList struct {
	_              ber.Sequence
	TransferSyntax asn1.OID `ber:"OPTIONAL"`
	Context        int64
	Values         PDVValues
}

// PDVValues are the presentation-data-values of a PDV-list.
type PDVValues struct {
	_            ber.Choice
	SingleASN1   ber.Raw         `ber:"[0]"`
	OctetAligned []byte          `ber:"[1]"`
	Arbitrary    *asn1.BitString `ber:"[2]"`
}

// PDV is one PDV-list as the PS-user sees it: the context and the octets of its
// values, in whichever of the three forms they came. Octets are one complete BER
// value each time the sender followed X.226 §8.4.2.5.
type PDV struct {
	Context        int64
	TransferSyntax asn1.OID // only in a CP that offers several for the context
	Octets         []byte
}

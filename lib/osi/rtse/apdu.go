package rtse

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// Object identifiers of the MHS (X.419 Annex A, X.411 Annex A): the application
// context of P1, and the abstract syntaxes that associations use.
const (
	MTSTransfer asn1.OID = "2.6.0.1.6" // id-ac-mts-transfer, P1

	SyntaxMTSE    asn1.OID = "2.6.0.2.7"  // id-as-mtse: the MTS-APDUs of P1
	SyntaxMTSRTSE asn1.OID = "2.6.0.2.8"  // id-as-mts-rtse: RTSE APDUs and the bind of P3
	SyntaxMSRTSE  asn1.OID = "2.6.0.2.10" // id-as-ms-rtse: RTSE APDUs and the bind of P7
	SyntaxMTARTSE asn1.OID = "2.6.0.2.12" // id-as-mta-rtse: RTSE APDUs and the bind of P1
)

// DialogueMode is the dialogue mode of an association (X.218 §9.1.1.2).
type DialogueMode int64

// The dialogue modes.
const (
	Monologue       DialogueMode = 0 // only the side with the initial turn transfers
	TwoWayAlternate DialogueMode = 1
)

// String names the mode.
func (m DialogueMode) String() string {
	switch m {
	case Monologue:
		return "monologue"
	case TwoWayAlternate:
		return "two-way alternate"
	}
	return fmt.Sprintf("dialogue mode %d", int64(m))
}

// RefuseReason is the refuseReason of an RTORJ APDU; X.410-1984 mode only (X.228
// §9).
type RefuseReason int64

// The refuse reasons.
const (
	RefuseBusy               RefuseReason = 0
	RefuseCannotRecover      RefuseReason = 1
	RefuseValidationFailure  RefuseReason = 2
	RefuseUnacceptableDialog RefuseReason = 3
)

// String names the reason as X.228 does.
func (r RefuseReason) String() string {
	switch r {
	case RefuseBusy:
		return "rtsBusy"
	case RefuseCannotRecover:
		return "cannotRecover"
	case RefuseValidationFailure:
		return "validationFailure"
	case RefuseUnacceptableDialog:
		return "unacceptableDialogueMode"
	}
	return fmt.Sprintf("refuse reason %d", int64(r))
}

// AbortReason is the abortReason of an RTAB APDU (X.228 §9).
type AbortReason int64

// The abort reasons.
const (
	LocalSystemProblem   AbortReason = 0
	InvalidParameter     AbortReason = 1
	UnrecognizedActivity AbortReason = 2
	TemporaryProblem     AbortReason = 3
	ProtocolError        AbortReason = 4
	PermanentProblem     AbortReason = 5
	UserError            AbortReason = 6 // the RTSE-user aborted
	TransferCompleted    AbortReason = 7 // an activity could not be discarded: it had been completed
)

var abortReasonNames = [...]string{
	"localSystemProblem", "invalidParameter", "unrecognizedActivity", "temporaryProblem",
	"protocolError", "permanentProblem", "userError", "transferCompleted",
}

// String names the reason as X.228 does.
func (r AbortReason) String() string {
	if r >= 0 && int(r) < len(abortReasonNames) {
		return abortReasonNames[r]
	}
	return fmt.Sprintf("abort reason %d", int64(r))
}

// RTORQ is the RTORQ APDU, RT-OPEN request (X.228 §9). An absent checkpoint size is
// 0, no checkpoints; an absent window size 3; an absent dialogue mode monologue.
type RTORQ struct {
	_                   ber.Set       `ber:"[16] ..."`
	CheckpointSize      *int64        `ber:"[0] OPTIONAL"`
	WindowSize          *int64        `ber:"[1] OPTIONAL"`
	DialogueMode        *DialogueMode `ber:"[2] OPTIONAL"`
	ConnectionData      ber.Raw       `ber:"[3]"`
	ApplicationProtocol *int64        `ber:"[4] OPTIONAL"` // X.410-1984 mode only
}

// RTOAC is the RTOAC APDU, RT-OPEN accept (X.228 §9).
type RTOAC struct {
	_              ber.Set `ber:"[17] ..."`
	CheckpointSize *int64  `ber:"[0] OPTIONAL"`
	WindowSize     *int64  `ber:"[1] OPTIONAL"`
	ConnectionData ber.Raw `ber:"[2]"`
}

// RTORJ is the RTORJ APDU, RT-OPEN reject (X.228 §9).
type RTORJ struct {
	_            ber.Set       `ber:"[18] ..."`
	RefuseReason *RefuseReason `ber:"[0] OPTIONAL"` // X.410-1984 mode only
	UserData     ber.Raw       `ber:"[1] OPTIONAL"` // normal mode only
}

// RTAB is the RTAB APDU, abort (X.228 §9).
type RTAB struct {
	_                  ber.Set         `ber:"[22] ..."`
	Reason             *AbortReason    `ber:"[0] OPTIONAL"`
	ReflectedParameter *asn1.BitString `ber:"[1] OPTIONAL"` // at most 8 bits, only with InvalidParameter
	UserData           ber.Raw         `ber:"[2] OPTIONAL"` // normal mode, only with UserError
}

// APDU is RTSE-apdus (X.228 §9): one of its alternatives.
type APDU struct {
	_     ber.Choice
	RTORQ *RTORQ
	RTOAC *RTOAC
	RTORJ *RTORJ
	RTTP  *int64 // RT-TURN-PLEASE: the priority
	RTTR  []byte // RT-TRANSFER: a piece of the encoded APDU
	RTAB  *RTAB
}

// The values that stand for an absent parameter (X.228 §9).
const (
	absentCheckpointSize = 0
	absentWindowSize     = 3
)

func orAbsent[T ~int64](p *T, absent T) T {
	if p == nil {
		return absent
	}
	return *p
}

// SessionConnectionIdentifier names a session connection to be recovered (X.228
// §9). The calling reference is an OCTET STRING in normal mode and a T61String in
// X.410-1984 mode.
type SessionConnectionIdentifier struct {
	_                   ber.Sequence
	CallingReference    CallingReference
	CommonReference     asn1.UTCTime
	AdditionalReference asn1.TeletexString `ber:"[0] OPTIONAL"`
}

// Names reports whether it names a session connection: by what is inside the references,
// whatever their types, as the references of an S-CONNECT are encoded.
func (s *SessionConnectionIdentifier) Names(c session.ConnectionIdentifier) bool {
	return len(s.CommonReference) > 0 && string(s.CommonReference) == string(ber.Raw(c.CommonReference).Contents()) &&
		bytes.Equal(s.CallingReference.octets(), ber.Raw(c.CallingReference).Contents()) &&
		string(s.AdditionalReference) == string(ber.Raw(c.AdditionalReference).Contents())
}

// nameable reports whether a session connection has the references that name it.
func nameable(c session.ConnectionIdentifier) bool {
	switch ber.Raw(c.CallingReference).Tag() {
	case tagT61String, tagOctetString:
		return len(ber.Raw(c.CommonReference).Contents()) > 0
	}
	return false
}

// named is the name of a session connection, with the references of its S-CONNECT.
func named(c session.ConnectionIdentifier) *SessionConnectionIdentifier {
	s := &SessionConnectionIdentifier{
		CommonReference:     asn1.UTCTime(ber.Raw(c.CommonReference).Contents()),
		AdditionalReference: asn1.TeletexString(ber.Raw(c.AdditionalReference).Contents()),
	}
	calling := ber.Raw(c.CallingReference)
	if calling.Tag() == tagT61String {
		text := asn1.TeletexString(calling.Contents())
		s.CallingReference.T61String = &text
	} else {
		s.CallingReference.OctetString = calling.Contents()
	}
	return s
}

// equal reports whether two names are of one session connection, whatever the types of
// their references.
func (s *SessionConnectionIdentifier) equal(o *SessionConnectionIdentifier) bool {
	return s.CommonReference == o.CommonReference && s.AdditionalReference == o.AdditionalReference &&
		bytes.Equal(s.CallingReference.octets(), o.CallingReference.octets())
}

// CallingReference is the CallingSSuserReference (X.228 §9).
type CallingReference struct {
	_           ber.Choice
	T61String   *asn1.TeletexString
	OctetString []byte
}

func (c CallingReference) octets() []byte {
	if c.T61String != nil {
		return []byte(*c.T61String)
	}
	return c.OctetString
}

// ConnectionData is what an RT-OPEN is about (X.228 §9): the user data of a new
// association, or the name of the one to recover. Both nil: open, without data.
type ConnectionData struct {
	Open    ber.Raw
	Recover *SessionConnectionIdentifier
}

var errConnectionData = errors.New("connectionData: neither open nor recover")

// encode gives the CHOICE as it is inside the field of RTORQ and RTOAC.
func (c ConnectionData) encode() (ber.Raw, error) {
	switch {
	case c.Recover != nil:
		return ber.MarshalWith(c.Recover, "[1]")
	case c.Open != nil:
		return append(ber.AppendHeader(nil, tagOpen, true, int64(len(c.Open))), c.Open...), nil
	}
	return ber.AppendHeader(nil, tagOpen, false, 0), nil // [0] IMPLICIT NULL
}

// decodeConnectionData reads the CHOICE.
func decodeConnectionData(b ber.Raw) (ConnectionData, error) {
	var c ConnectionData
	switch b.Tag() {
	case tagRecover:
		c.Recover = new(SessionConnectionIdentifier)
		_, err := ber.UnmarshalWith(b, c.Recover, "[1]", ber.Limits{})
		return c, err
	case tagOpen:
		open := b.Contents()
		if len(open) == 0 {
			return c, nil
		}
		var v ber.Raw
		rest, err := ber.Unmarshal(open, &v, ber.Limits{})
		if err == nil && len(rest) != 0 {
			err = fmt.Errorf("connectionData: %d octets behind the user data", len(rest))
		}
		c.Open = v
		return c, err
	}
	return c, errConnectionData
}

var (
	tagOpen        = asn1.Tag{Class: asn1.ContextSpecific, Number: 0}
	tagRecover     = asn1.Tag{Class: asn1.ContextSpecific, Number: 1}
	tagSingleASN1  = asn1.Tag{Class: asn1.ContextSpecific, Number: 0}
	tagAligned     = asn1.Tag{Class: asn1.ContextSpecific, Number: 1}
	tagInteger     = asn1.Tag{Class: asn1.Universal, Number: 2}
	tagOctetString = asn1.Tag{Class: asn1.Universal, Number: 4}
	tagT61String   = asn1.Tag{Class: asn1.Universal, Number: 20}
	tagExternal    = asn1.Tag{Class: asn1.Universal, Number: 8}
)

// The tags of the APDUs whose components X.410-1984 mode puts into the parameters of
// presentation (X.228 §9).
const (
	tagRTORQ = 16
	tagRTOAC = 17
	tagRTORJ = 18
	tagRTAB  = 22
)

// toX410 gives the components of an APDU.
func toX410(a *APDU) ([]ber.Raw, error) {
	b, err := ber.Marshal(a)
	if err != nil {
		return nil, err
	}
	elements := []ber.Raw{}
	for rest := []byte(ber.Raw(b).Contents()); len(rest) > 0; {
		var e ber.Raw
		if rest, err = ber.Unmarshal(rest, &e, ber.Limits{Octets: len(rest)}); err != nil {
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// fromX410 gives the APDU the components are of; number is that of its tag.
func fromX410(number uint32, elements []ber.Raw) (APDU, error) {
	n := 0
	for _, e := range elements {
		n += len(e)
	}
	b := ber.AppendHeader(nil, asn1.Tag{Class: asn1.ContextSpecific, Number: number}, true, int64(n))
	for _, e := range elements {
		b = append(b, e...)
	}
	var a APDU
	_, err := ber.Unmarshal(b, &a, ber.Limits{})
	return a, err
}

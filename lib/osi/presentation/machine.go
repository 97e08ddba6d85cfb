package presentation

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// State is the state of a presentation protocol machine (X.226 Annex A).
type State uint8

// The states.
const (
	Idle             State = iota // STAI0: no connection
	AwaitCPA                      // STAI1
	AwaitPConnectRsp              // STAI2
	Connected                     // STAt0
	Closed                        // STAI0 again; a machine serves one connection
)

// String names the state.
func (s State) String() string {
	switch s {
	case Idle:
		return "STAI0 idle"
	case AwaitCPA:
		return "STAI1 await CPA PPDU"
	case AwaitPConnectRsp:
		return "STAI2 await P-CONNECT response"
	case Connected:
		return "STAt0 connected"
	case Closed:
		return "closed"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Params are what is fixed for a connection before it begins.
type Params struct {
	// Selector is the presentation selector this side answers to; nil answers
	// to any. Another called selector is refused by the provider.
	Selector []byte
	// Syntaxes are the abstract syntaxes this side supports as responder; a
	// context of another one is rejected by the provider. Nil supports all.
	Syntaxes []asn1.OID
}

// A Machine is the presentation protocol machine of one presentation connection.
// It is not safe for concurrent use.
type Machine struct {
	params   Params
	state    State
	mode     Mode
	contexts []Context // as proposed; with results once negotiated: the defined context set
	rest     int64     // octets of a P-DATA that has been requested in part
	data     arriving  // the P-DATA that comes
	out      []Action
}

// New returns a machine without a connection.
func New(p Params) *Machine { return &Machine{params: p, mode: ModeNormal} }

// State returns the state.
func (m *Machine) State() State { return m.state }

// Step takes one event and returns the actions it leads to. The slice is valid
// until the next call.
func (m *Machine) Step(ev Event) []Action {
	m.out = m.out[:0]
	if s, ok := ev.(FromSession); ok {
		m.session(s.Primitive)
	} else if err := m.user(ev); err != nil {
		m.out = append(m.out[:0], ServiceError{Err: fmt.Errorf("presentation: %s: %w", name(ev), err)})
	}
	return m.out
}

func (m *Machine) up(a Action)             { m.out = append(m.out, a) }
func (m *Machine) down(p session.Event)    { m.out = append(m.out, ToSession{p}) }
func (m *Machine) enter(s State)           { m.state = s }
func name(v any) string                    { return strings.TrimPrefix(fmt.Sprintf("%T", v), "presentation.") }
func limits(b []byte) ber.Limits           { return ber.Limits{Octets: len(b)} }
func eventID(e EventID) *EventID           { return &e }
func (m *Machine) in(states ...State) bool { return slices.Contains(states, m.state) }

var errState = errors.New("not in this state")

// user deals with the requests and responses of the PS-user. An error leaves the
// state as it was.
func (m *Machine) user(ev Event) error {
	switch ev := ev.(type) {
	case PConnectRequest:
		if !m.in(Idle) {
			return m.wrongState()
		}
		return m.connectRequest(ev)
	case PConnectResponse:
		if !m.in(AwaitPConnectRsp) {
			return m.wrongState()
		}
		return m.connectResponse(ev)
	case PConnectRefusal:
		if !m.in(AwaitPConnectRsp) {
			return m.wrongState()
		}
		return m.connectRefusal(ev)
	case PUAbortRequest:
		if !m.in(AwaitCPA, AwaitPConnectRsp, Connected) {
			return m.wrongState()
		}
		return m.abortRequest(ev)
	}
	if !m.in(Connected) {
		return m.wrongState()
	}
	return m.transferRequest(ev)
}

func (m *Machine) wrongState() error { return fmt.Errorf("%w: %s", errState, m.state) }

// transferRequest deals with what a user may ask for once connected: the session
// primitive of the same name, with presentation data for user data (X.226 §7.3
// to §7.6).
func (m *Machine) transferRequest(ev Event) error {
	switch ev := ev.(type) {
	case PDataRequest:
		return m.dataRequest(ev)
	case PTypedDataRequest:
		segments, err := m.encoded(ev.Context, ev.Value, 0)
		if err != nil {
			return err
		}
		m.down(session.STypedDataRequest{UserData: segments})
	case PTokenPleaseRequest:
		data, err := m.userData(ev.UserData)
		if err != nil {
			return err
		}
		m.down(session.STokenPleaseRequest{Tokens: ev.Tokens, UserData: data})
	case PReleaseRequest:
		data, err := m.userData(ev.UserData)
		if err != nil {
			return err
		}
		m.down(session.SReleaseRequest{UserData: data})
	case PReleaseResponse:
		data, err := m.userData(ev.UserData)
		if err != nil {
			return err
		}
		m.down(session.SReleaseResponse{UserData: data})
		m.enter(Closed)
	case PControlGiveRequest:
		m.down(session.SControlGiveRequest{})
	case PSyncMinorRequest:
		m.down(session.SSyncMinorRequest{Type: ev.Type})
	case PSyncMinorResponse:
		m.down(session.SSyncMinorResponse{Serial: ev.Serial})
	case PActivityStartRequest:
		m.down(session.SActivityStartRequest{Activity: ev.Activity})
	case PActivityResumeRequest:
		m.down(session.SActivityResumeRequest{Activity: ev.Activity, OldActivity: ev.OldActivity, Serial: ev.Serial, OldConnection: ev.OldConnection})
	case PActivityInterruptRequest:
		m.rest = 0
		m.down(session.SActivityInterruptRequest{Reason: ev.Reason})
	case PActivityInterruptResponse:
		m.down(session.SActivityInterruptResponse{})
	case PActivityDiscardRequest:
		m.rest = 0
		m.down(session.SActivityDiscardRequest{Reason: ev.Reason})
	case PActivityDiscardResponse:
		m.down(session.SActivityDiscardResponse{})
	case PActivityEndRequest:
		m.down(session.SActivityEndRequest{})
	case PActivityEndResponse:
		m.down(session.SActivityEndResponse{})
	case PUExceptionReportRequest:
		m.down(session.SUExceptionReportRequest{Reason: ev.Reason})
	default:
		return errState
	}
	return nil
}

var errRest = errors.New("not what was to follow of the value")

// dataRequest begins a P-DATA, or goes on with one.
func (m *Machine) dataRequest(ev PDataRequest) error {
	first, n := m.rest == 0, ev.Rest
	for _, v := range ev.Value {
		n += int64(len(v))
	}
	if ev.Rest < 0 || !first && n != m.rest {
		return errRest
	}
	segments := ev.Value
	if first {
		var err error
		if segments, err = m.encoded(ev.Context, ev.Value, ev.Rest); err != nil {
			return err
		}
	}
	m.rest = ev.Rest
	m.down(session.SDataRequest{Enclosure: session.EnclosureWhole.Part(first, ev.Rest == 0), UserData: segments})
	return nil
}

// encoded puts the header of the user data in front of a value in segments, of which rest
// octets come later (X.226 §8.4.2.5 a: one value, so single-ASN1-type).
func (m *Machine) encoded(context int64, value [][]byte, rest int64) ([][]byte, error) {
	if m.mode == ModeX410 {
		return value, nil
	}
	if !isDefined(m.contexts, context) {
		return nil, contextError(context)
	}
	n := rest
	for _, v := range value {
		n += int64(len(v))
	}
	segments := make([][]byte, 1, 1+len(value))
	segments[0] = appendHeader(make([]byte, 0, 48), context, n)
	return append(segments, value...), nil
}

// userData encodes the user data of a request other than P-DATA.
func (m *Machine) userData(pdvs []PDV) ([]byte, error) {
	if m.mode == ModeNormal {
		return encodeUserData(pdvs)
	}
	var b []byte
	for _, v := range pdvs {
		b = append(b, v.Octets...)
	}
	return b, nil
}

// session deals with the indications and confirms of the session service. What a
// state does not expect is answered with ARP, reason unexpected session service
// primitive (X.226 Annex A).
func (m *Machine) session(p session.Action) {
	switch p := p.(type) {
	case session.SUAbortIndication:
		if m.in(AwaitCPA, AwaitPConnectRsp, Connected) {
			m.abortIndication(p)
			return
		}
	case session.SPAbortIndication:
		// Session tells of a CONNECT that cannot be read as well.
		if !m.in(Closed) {
			m.enter(Closed)
			m.up(PPAbortIndication{Session: &p, Err: p.Err})
			return
		}
	case session.SConnectIndication:
		if m.in(Idle) {
			m.connectIndication(p)
			return
		}
	case session.SConnectConfirm:
		if m.in(AwaitCPA) {
			m.connectConfirm(p)
			return
		}
	case session.SConnectRefused:
		if m.in(AwaitCPA) {
			m.connectRefused(p)
			return
		}
	case session.ServiceError:
		m.up(ServiceError{Err: p.Err})
		return
	default:
		if m.in(Connected) && m.transferIndication(p) {
			return
		}
	}
	if m.in(Closed) {
		return
	}
	m.abort(AbortUnexpectedPrimitive, nil, fmt.Errorf("%T in %s", p, m.state))
}

// transferIndication passes a primitive of the data phase up. It returns false
// for one that is not known.
func (m *Machine) transferIndication(p session.Action) bool {
	switch p := p.(type) {
	case session.SDataIndication:
		m.dataIndication(p)
	case session.STypedDataIndication:
		if v, ok := m.values(p.UserData, EventTTD); ok {
			m.up(PTypedDataIndication{UserData: v})
		}
	case session.STokenGiveIndication:
		if v, ok := m.values(p.UserData, EventTokenGive); ok {
			m.up(PTokenGiveIndication{Tokens: p.Tokens, UserData: v})
		}
	case session.STokenPleaseIndication:
		if v, ok := m.values(p.UserData, EventTokenPlease); ok {
			m.up(PTokenPleaseIndication{Tokens: p.Tokens, UserData: v})
		}
	case session.SControlGiveIndication:
		if v, ok := m.values(p.UserData, EventControlGive); ok {
			m.up(PControlGiveIndication{UserData: v})
		}
	case session.SSyncMinorIndication:
		if v, ok := m.values(p.UserData, EventSyncMinorInd); ok {
			m.up(PSyncMinorIndication{Type: p.Type, Serial: p.Serial, UserData: v})
		}
	case session.SSyncMinorConfirm:
		if v, ok := m.values(p.UserData, EventSyncMinorCnf); ok {
			m.up(PSyncMinorConfirm{Serial: p.Serial, UserData: v})
		}
	case session.SActivityStartIndication:
		if v, ok := m.values(p.UserData, EventActStart); ok {
			m.up(PActivityStartIndication{Activity: p.Activity, UserData: v})
		}
	case session.SActivityResumeIndication:
		if v, ok := m.values(p.UserData, EventActResume); ok {
			m.up(PActivityResumeIndication{Session: p, UserData: v})
		}
	case session.SActivityInterruptIndication:
		if v, ok := m.values(p.UserData, EventActIntInd); ok {
			m.up(PActivityInterruptIndication{Reason: p.Reason, UserData: v})
		}
	case session.SActivityInterruptConfirm:
		if v, ok := m.values(p.UserData, EventActIntCnf); ok {
			m.up(PActivityInterruptConfirm{UserData: v})
		}
	case session.SActivityDiscardIndication:
		if v, ok := m.values(p.UserData, EventActDisInd); ok {
			m.up(PActivityDiscardIndication{Reason: p.Reason, UserData: v})
		}
	case session.SActivityDiscardConfirm:
		if v, ok := m.values(p.UserData, EventActDisCnf); ok {
			m.up(PActivityDiscardConfirm{UserData: v})
		}
	case session.SActivityEndIndication:
		if v, ok := m.values(p.UserData, EventActEndInd); ok {
			m.up(PActivityEndIndication{Serial: p.Serial, UserData: v})
		}
	case session.SActivityEndConfirm:
		if v, ok := m.values(p.UserData, EventActEndCnf); ok {
			m.up(PActivityEndConfirm{Serial: p.Serial, UserData: v})
		}
	case session.SActivityEndCrossed:
		m.up(PActivityEndCrossed{})
	case session.SUExceptionReportIndication:
		if v, ok := m.values(p.UserData, EventUException); ok {
			m.up(PUExceptionReportIndication{Reason: p.Reason, UserData: v})
		}
	case session.SPExceptionReportIndication:
		m.up(PPExceptionReportIndication{Reflected: p.Reflected})
	case session.SReleaseIndication:
		if v, ok := m.values(p.UserData, EventReleaseInd); ok {
			m.up(PReleaseIndication{UserData: v})
		}
	case session.SReleaseConfirm:
		// There is nobody left to be told that the user data cannot be read.
		v, _ := m.decode(p.UserData)
		m.enter(Closed)
		m.up(PReleaseConfirm{UserData: v})
	default:
		return false
	}
	return true
}

// dataIndication passes on what has come of a P-DATA.
func (m *Machine) dataIndication(p session.SDataIndication) {
	if m.mode == ModeX410 {
		m.up(PDataIndication{Enclosure: p.Enclosure, PDV: PDV{Octets: p.UserData}})
		return
	}
	if p.Enclosure.Begins() {
		m.data.reset(m.contexts)
	}
	err := m.data.read(p.UserData, func(p PDataIndication) { m.up(p) })
	if err == nil && p.Enclosure.Ends() {
		err = m.data.end()
	}
	if err != nil {
		m.unreadable(EventTD, err)
	}
}

// decode decodes the user data of a session primitive.
func (m *Machine) decode(b []byte) ([]PDV, error) {
	switch {
	case m.mode != ModeX410:
		return decodeUserData(b, m.contexts)
	case len(b) == 0:
		return nil, nil
	}
	return []PDV{{Octets: b}}, nil
}

// values decodes the user data of a session primitive; on failure it aborts and
// returns false.
func (m *Machine) values(b []byte, e EventID) ([]PDV, bool) {
	v, err := m.decode(b)
	if err == nil {
		return v, true
	}
	m.unreadable(e, err)
	return nil, false
}

// unreadable aborts over the user data of a session primitive.
func (m *Machine) unreadable(e EventID, err error) {
	var ce contextError
	if errors.As(err, &ce) || errors.Is(err, errSimple) {
		m.abort(AbortInvalidParamValue, eventID(e), err)
	} else {
		m.abort(AbortUnrecognizedPPDU, nil, err)
	}
}

// abort is the provider's abnormal release: ARP to the peer, P-P-ABORT to the
// user (X.226 §6.4.3).
func (m *Machine) abort(r AbortReason, e *EventID, err error) {
	arp, encodeErr := ber.Marshal(&Abort{ARP: &ARP{Reason: &r, Event: e}})
	if encodeErr != nil {
		arp = nil
	}
	m.enter(Closed)
	m.down(session.SUAbortRequest{UserData: arp})
	m.up(PPAbortIndication{Reason: r, Event: e, Err: fmt.Errorf("presentation: %w", err)})
}

// abortRequest encodes ARU (X.226 §6.4.2). Its context identifier list names
// every context the data are in.
func (m *Machine) abortRequest(ev PUAbortRequest) error {
	var list []ContextIdentifier
	add := func(id int64) {
		for _, c := range m.contexts {
			if c.ID == id && !slices.ContainsFunc(list, func(i ContextIdentifier) bool { return i.Identifier == id }) {
				list = append(list, ContextIdentifier{Identifier: id, TransferSyntax: BasicEncoding})
			}
		}
	}
	for _, v := range ev.UserData {
		add(v.Context)
	}
	for _, id := range ev.Contexts {
		add(id)
	}
	aru := &ARU{Normal: &ARUNormal{ContextIdentifierList: list, UserData: fullyEncode(ev.UserData)}}
	if m.mode == ModeX410 {
		aru = &ARU{X410: &X410Parameters{Elements: ev.X410}}
	}
	data, err := ber.Marshal(&Abort{ARU: aru})
	if err != nil {
		return err
	}
	m.enter(Closed)
	m.down(session.SUAbortRequest{UserData: data})
	return nil
}

// abortIndication tells apart what an S-U-ABORT carries. Nothing is sent on
// account of an abort that cannot be read: the connection is over.
func (m *Machine) abortIndication(p session.SUAbortIndication) {
	defined := m.contexts
	if m.state != Connected {
		defined = nil
	}
	m.enter(Closed)
	if len(p.UserData) == 0 {
		m.up(PUAbortIndication{})
		return
	}
	var a Abort
	_, err := ber.Unmarshal(p.UserData, &a, limits(p.UserData))
	switch {
	case err != nil:
		m.up(PPAbortIndication{Reason: AbortUnrecognizedPPDU, Err: fmt.Errorf("presentation: abort: %w", err)})
	case a.ARP != nil:
		ind := PPAbortIndication{Event: a.ARP.Event}
		if a.ARP.Reason != nil {
			ind.Reason = *a.ARP.Reason
		}
		m.up(ind)
	case a.ARU.X410 != nil:
		m.up(PUAbortIndication{X410: a.ARU.X410.components()})
	default:
		v, err := a.ARU.Normal.UserData.values(defined)
		if err != nil {
			m.up(PPAbortIndication{Reason: AbortInvalidParamValue, Event: eventID(EventARU), Err: fmt.Errorf("presentation: ARU: %w", err)})
			return
		}
		m.up(PUAbortIndication{UserData: v})
	}
}

// selectorMatches compares a called selector with one's own; an absent selector
// is the empty one.
func selectorMatches(own, called []byte) bool { return own == nil || bytes.Equal(own, called) }

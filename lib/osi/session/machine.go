package session

import (
	"errors"

	"github.com/mtakit/mtakit/lib/diag"
)

// Role tells which side of the transport connection a machine serves. Only the
// side that opened it may send CN (X.225 §A.5.4.7, Vtca).
type Role uint8

// The roles.
const (
	Initiator Role = iota
	Responder
)

// Params are what is fixed for a connection before it begins.
type Params struct {
	Role Role
	// Versions are the protocol versions offered or accepted; zero means both.
	Versions Versions
	// MaxUserData bounds the user data of a received SSDU that comes in
	// segments, other than S-DATA, in octets; zero means 64 KiB. S-DATA is passed on as
	// it comes, and of any length.
	MaxUserData int
}

const (
	defaultMaxUserData = 64 << 10
	// supported are the functional units there are rows for in the table.
	supported = HalfDuplex | Duplex | MinorSync | ActivityManagement | Exceptions | TypedData
)

// A Machine is the session protocol machine of one session connection (X.225
// Annex A). It is not safe for concurrent use.
type Machine struct {
	params Params
	state  State

	version   Versions // selected; zero before
	selected  FunctionalUnits
	available Tokens
	owned     Tokens

	// Of the CN sent or received, what the answer is judged by.
	offered  Versions
	common   Versions
	proposed FunctionalUnits
	setting  TokenSetting

	vact         bool         // an activity is in progress
	va, vm       SerialNumber // V(A), V(M)
	vsc          bool         // minor synchronization points may be confirmed
	vcoll, vdnr  bool         // FN crossed FN; DN has come since
	connectData  []byte       // user data of CN waiting for OA, or for CDO to end
	connectBegun *CN          // the CN that CDO SPDUs complete
	begun        SPDU         // the first SPDU of an SSDU in segments
	dt, td       ssdu
	sending      bool // an S-DATA unit has been requested in part

	tsdu arriving // the TSDU that comes

	actions []Action
}

// New returns a machine whose transport connection is open (STA 01C).
func New(p Params) *Machine {
	if p.Versions == 0 {
		p.Versions = Version1 | Version2
	}
	if p.MaxUserData == 0 {
		p.MaxUserData = defaultMaxUserData
	}
	return &Machine{params: p, state: STA01C}
}

// Step takes one event and returns the actions it leads to, in order. The slice
// is the caller's.
//
// A TSDU for which there is no row in the state table is a protocol error: an
// SPAbortIndication, an AB and the wait for the peer to disconnect (X.225
// §A.4.1.2 a). A request for which there is none is answered with a ServiceError
// and changes nothing.
func (m *Machine) Step(ev Event) []Action {
	m.actions = nil
	switch ev := ev.(type) {
	case TDataIndication:
		m.receive(ev.TSDU, ev.More)
	case TDisconnectIndication:
		m.disconnected(ev.Err)
	case TimerExpired:
		if m.state == STA16 {
			m.state = STA01
			m.act(TDisconnectRequest{})
		}
	default:
		m.request(ev)
	}
	return m.actions
}

// State returns the state of the connection.
func (m *Machine) State() State { return m.state }

// Selected returns the functional units both sides agreed on; zero before.
func (m *Machine) Selected() FunctionalUnits { return m.selected }

// Version returns the protocol version agreed on; zero before.
func (m *Machine) Version() Versions { return m.version }

// Closed tells that the session connection is over and that at most the end of
// the transport connection is awaited.
func (m *Machine) Closed() bool { return m.state == STA01 || m.state == STA16 }

func (m *Machine) act(a ...Action) { m.actions = append(m.actions, a...) }

// disconnected is the column of the T-DISCONNECT indication (Table A.16).
func (m *Machine) disconnected(err error) {
	was := m.state
	m.state = STA01
	switch was {
	case STA01, STA01C, STA01D:
	case STA16:
		m.act(StopTimer{})
	default:
		m.act(SPAbortIndication{Reason: AbortTransportDisconnect, Err: err})
	}
}

// request takes a request or response of the SS-user.
func (m *Machine) request(ev Event) {
	in := inputOf(ev)
	r, err := m.find(&in)
	if err == nil && m.sending {
		switch in.kind {
		case inSDTreq:
		case inSACTDreq, inSACTIreq:
			m.act(TDataRequest{}) // the TSDU is cut short
		case inSUABreq:
			m.disconnect()
			return
		default:
			err = errAmid
		}
	}
	if err == nil {
		err = r.do(m, &in)
	}
	if err != nil {
		m.actions = []Action{ServiceError{Err: diag.E("session: "+requestName(in.kind), diag.Usage, err)}}
		return
	}
	if in.kind != inSDTreq {
		m.sending = false
	}
	if r.next != stay {
		m.state = r.next
	}
}

// disconnect ends the connection amid an S-DATA unit that has been requested in part. The
// peer may find an SSDU that is cut short malformed, before it comes to an AB behind it.
func (m *Machine) disconnect() {
	m.state, m.sending = STA01, false
	m.act(TDisconnectRequest{})
}

// errAmid is the cause when an SSDU goes on and something else comes.
var errAmid = errors.New("amid an SSDU")

// protocolError ends the connection over a TSDU (X.225 §A.4.1.2 a). In STA 16
// everything but the end is discarded.
func (m *Machine) protocolError(tsdu []byte, err error) {
	if m.Closed() {
		return
	}
	reason, transport := AbortProtocolError, ProtocolError
	if errors.Is(err, errTooMuch) {
		reason, transport = AbortImplementationLimit, ImplementationRestriction
	}
	ab := &AB{Transport: ReleaseTransport | transport}
	if transport == ProtocolError {
		ab.Reflected = tsdu[:min(len(tsdu), maxReflected)]
	}
	m.state = STA16
	m.begun, m.connectBegun, m.connectData = nil, nil, nil
	m.dt, m.td = ssdu{}, ssdu{}
	m.act(SPAbortIndication{Reason: reason, Err: diag.E("session", diag.Protocol, err)})
	if m.sending {
		m.disconnect()
		return
	}
	if b, err := Append(nil, ab); err == nil {
		m.act(TDataRequest{TSDU: [][]byte{b}})
	}
	m.act(StartTimer{})
}

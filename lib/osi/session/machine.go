package session

import (
	"bytes"
	"errors"
	"fmt"

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
	// segments, other than S-DATA, in octets; zero means 64 KiB.
	MaxUserData int
	// MaxSSDU bounds a received S-DATA or S-TYPED-DATA unit that comes in
	// segments, in octets; zero means 16 MiB. An SSDU in one SPDU is bounded
	// by the transport's limit on a TSDU instead.
	MaxSSDU int
}

const (
	defaultMaxUserData = 64 << 10
	defaultMaxSSDU     = 16 << 20
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

	actions []Action
}

// ssdu is an S-DATA or S-TYPED-DATA unit that comes in segments.
type ssdu struct {
	open bool
	data []byte
}

// New returns a machine whose transport connection is open (STA 01C).
func New(p Params) *Machine {
	if p.Versions == 0 {
		p.Versions = Version1 | Version2
	}
	if p.MaxUserData == 0 {
		p.MaxUserData = defaultMaxUserData
	}
	if p.MaxSSDU == 0 {
		p.MaxSSDU = defaultMaxSSDU
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
		m.receive(ev.TSDU)
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

// SetMaxSSDU sets what Params.MaxSSDU bounds, for the SSDU that is coming too.
func (m *Machine) SetMaxSSDU(octets int) { m.params.MaxSSDU = octets }

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
	if err == nil {
		err = r.do(m, &in)
	}
	if err != nil {
		m.actions = []Action{ServiceError{Err: diag.E("session: "+requestName(in.kind), diag.Usage, err)}}
		return
	}
	if r.next != stay {
		m.state = r.next
	}
}

// receive takes a TSDU.
func (m *Machine) receive(tsdu []byte) {
	if m.state == STA01 {
		return
	}
	switch m.state {
	case STA01C, STA01D, STA02A, STA02B:
		// Selectors, references and user data of establishment are kept for
		// as long as the connection lasts.
		tsdu = bytes.Clone(tsdu)
	}
	spdus, err := decode(tsdu)
	if err != nil {
		m.protocolError(tsdu, err)
		return
	}
	if len(spdus) > 2 {
		m.protocolError(tsdu, fmt.Errorf("%d spdus: extended concatenation was not agreed to", len(spdus)))
		return
	}
	// What is of category 2 comes before what it is concatenated with (X.225
	// §6.3.7.1).
	for i := len(spdus) - 1; i >= 0; i-- {
		if empty(spdus[i]) {
			continue
		}
		if err := m.take(spdus[i], tsdu, i); err != nil {
			m.protocolError(tsdu, fmt.Errorf("%s: %w", spdus[i].info().name, err))
			return
		}
	}
}

// empty tells of a GT or PT that says nothing. Alone it is as good as nothing,
// although X.225 §8.3.16.6 wants another SPDU behind it.
func empty(s SPDU) bool {
	switch s := s.(type) {
	case *GT:
		return s.Tokens == 0 && s.UserData == nil && s.Enclosure == EnclosureNone
	case *PT:
		return s.Tokens == 0 && s.UserData == nil && s.Enclosure == EnclosureNone
	}
	return false
}

// take takes one SPDU, number i of its TSDU.
func (m *Machine) take(s SPDU, tsdu []byte, i int) error {
	g := segmentOf(s)
	if _, cdo := s.(*CDO); g.data != nil && !cdo && m.state != STA16 {
		var err error
		if s, err = m.reassemble(s, g, tsdu, i); s == nil {
			return err
		}
	}
	in := m.inputFor(s)
	r, err := m.find(&in)
	if err != nil {
		return err
	}
	if r.do != nil {
		if err := r.do(m, &in); err != nil {
			return err
		}
	}
	if r.next != stay {
		m.state = r.next
	}
	return nil
}

// reassemble returns the SPDU with its whole user data, or nil until there is
// the last segment (X.225 §7.37.3).
func (m *Machine) reassemble(s SPDU, g segment, tsdu []byte, i int) (SPDU, error) {
	e := *g.enclosure
	if _, abort := s.(*AB); m.begun != nil && abort && e.begins() {
		// Only an abort may come between the segments of another.
		m.begun = nil
	}
	switch {
	case m.begun == nil && e.begins() && e.ends():
		return s, nil
	case m.begun == nil && e.begins():
		m.begun = again(tsdu, i)
		// Cut to its length so that appending leaves the TSDU alone.
		data := segmentOf(m.begun).data
		*data = (*data)[:len(*data):len(*data)]
		return nil, m.bound(len(*data))
	case m.begun == nil:
		return nil, errors.New("segment without a beginning")
	case e.begins() || s.info() != m.begun.info():
		return nil, fmt.Errorf("amid the segments of %s", m.begun.info().name)
	}
	whole := segmentOf(m.begun)
	if err := m.bound(len(*whole.data) + len(*g.data)); err != nil {
		return nil, err
	}
	*whole.data = append(*whole.data, *g.data...)
	if !e.ends() {
		return nil, nil
	}
	*whole.enclosure = EnclosureNone
	s, m.begun = m.begun, nil
	return s, nil
}

// again decodes SPDU i of a TSDU from a copy of the TSDU.
func again(tsdu []byte, i int) SPDU {
	spdus, err := decode(bytes.Clone(tsdu))
	if err != nil || i >= len(spdus) {
		return nil
	}
	return spdus[i]
}

// errTooMuch is the cause when the peer sends more than Params allow.
var errTooMuch = errors.New("more user data than are taken")

func (m *Machine) bound(n int) error {
	if n > m.params.MaxUserData {
		return fmt.Errorf("%w: limit %d octets", errTooMuch, m.params.MaxUserData)
	}
	return nil
}

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
	if b, err := Append(nil, ab); err == nil {
		m.act(TDataRequest{TSDU: [][]byte{b}})
	}
	m.act(StartTimer{})
}

package acse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/presentation"
)

// State is the state of an association control protocol machine (X.227 Annex A).
type State uint8

// The states. The collision states STA6 and STA7 need the duplex functional unit
// and both sides asking for release at once; the second FINISH is a session
// protocol error in half-duplex use.
const (
	Idle          State = iota // STA0: unassociated
	AwaitAARE                  // STA1
	AwaitResponse              // STA2: awaiting A-ASSOCIATE response
	AwaitRLRE                  // STA3
	AwaitRelease               // STA4: awaiting A-RELEASE response
	Associated                 // STA5
	Closed                     // STA0 again; a machine serves one association
)

var stateNames = [...]string{
	"STA0 unassociated", "STA1 awaiting AARE APDU", "STA2 awaiting A-ASSOCIATE response",
	"STA3 awaiting RLRE APDU", "STA4 awaiting A-RELEASE response", "STA5 associated", "closed",
}

// String names the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// A Machine is the association control protocol machine of one association. It
// is not safe for concurrent use.
type Machine struct {
	state   State
	context int64 // of the ACSE abstract syntax
	out     []Action
}

// New returns a machine without an association.
func New() *Machine { return &Machine{} }

// State returns the state.
func (m *Machine) State() State { return m.state }

// Step takes one event and returns the actions it leads to. The slice is valid
// until the next call.
func (m *Machine) Step(ev Event) []Action {
	m.out = m.out[:0]
	if p, ok := ev.(FromPresentation); ok {
		m.presentation(p.Primitive)
	} else if err := m.user(ev); err != nil {
		m.out = append(m.out[:0], ServiceError{Err: fmt.Errorf("acse: %s: %w", name(ev), err)})
	}
	return m.out
}

func (m *Machine) up(a Action)               { m.out = append(m.out, a) }
func (m *Machine) down(p presentation.Event) { m.out = append(m.out, ToPresentation{p}) }
func name(v any) string                      { return strings.TrimPrefix(fmt.Sprintf("%T", v), "acse.") }

var errState = errors.New("not in this state")

// user deals with the requests and responses of the service-user.
func (m *Machine) user(ev Event) error {
	switch ev := ev.(type) {
	case AAssociateRequest:
		if m.state == Idle {
			return m.associateRequest(ev)
		}
	case AAssociateResponse:
		if m.state == AwaitResponse {
			return m.associateResponse(ev)
		}
	case AReleaseRequest:
		if m.state == Associated {
			data, err := m.pdv(&APDU{RLRQ: &RLRQ{Reason: &ev.Reason, UserInformation: ev.UserInformation}})
			if err != nil {
				return err
			}
			m.state = AwaitRLRE
			m.down(presentation.PReleaseRequest{UserData: data})
			return nil
		}
	case AReleaseResponse:
		if m.state == AwaitRelease {
			data, err := m.pdv(&APDU{RLRE: &RLRE{Reason: &ev.Reason, UserInformation: ev.UserInformation}})
			if err != nil {
				return err
			}
			m.state = Closed
			m.down(presentation.PReleaseResponse{UserData: data})
			return nil
		}
	case AAbortRequest:
		if m.state != Idle && m.state != Closed {
			return m.sendABRT(&ABRT{Source: AbortServiceUser, UserInformation: ev.UserInformation})
		}
	}
	return fmt.Errorf("%w: %s", errState, m.state)
}

// pdv encodes an APDU in the context of the ACSE abstract syntax.
func (m *Machine) pdv(a *APDU) ([]presentation.PDV, error) {
	b, err := ber.Marshal(a)
	if err != nil {
		return nil, err
	}
	return []presentation.PDV{{Context: m.context, Octets: b}}, nil
}

func (m *Machine) associateRequest(ev AAssociateRequest) error {
	c, err := presentation.Find(ev.Presentation.Contexts, AbstractSyntax)
	if err != nil {
		return err
	}
	m.context = c.ID
	data, err := m.pdv(&APDU{AARQ: &AARQ{
		ApplicationContextName: ev.ApplicationContext,
		CalledAPTitle:          ev.CalledAPTitle,
		CalledAEQualifier:      ev.CalledAEQualifier,
		CallingAPTitle:         ev.CallingAPTitle,
		CallingAEQualifier:     ev.CallingAEQualifier,
		UserInformation:        ev.UserInformation,
	}})
	if err != nil {
		return err
	}
	p := ev.Presentation
	p.UserData = data
	m.state = AwaitAARE
	m.down(p)
	return nil
}

func (m *Machine) associateResponse(ev AAssociateResponse) error {
	diagnostic := ev.Diagnostic
	return m.sendAARE(&AARE{
		ApplicationContextName: ev.ApplicationContext,
		Result:                 ev.Result,
		Source:                 SourceDiagnostic{User: &diagnostic},
		UserInformation:        ev.UserInformation,
	}, ev.Accept, ev.Refuse)
}

// sendAARE answers an AARQ, by P-CONNECT response or refusal as the result says.
func (m *Machine) sendAARE(a *AARE, accept presentation.PConnectResponse, refuse presentation.PConnectRefusal) error {
	data, err := m.pdv(&APDU{AARE: a})
	if err != nil {
		return err
	}
	if a.Result == Accepted {
		accept.UserData = data
		m.state = Associated
		m.down(accept)
		return nil
	}
	refuse.UserData = data
	m.state = Closed
	m.down(refuse)
	return nil
}

// sendABRT aborts the association. The contexts of the user information go into
// the presentation context identifier list.
func (m *Machine) sendABRT(a *ABRT) error {
	var request presentation.PUAbortRequest
	if m.context != 0 {
		data, err := m.pdv(&APDU{ABRT: a})
		if err != nil {
			return err
		}
		request.UserData = data
		for _, e := range a.UserInformation {
			if e.IndirectReference != nil {
				request.Contexts = append(request.Contexts, *e.IndirectReference)
			}
		}
	}
	m.state = Closed
	m.down(request)
	return nil
}

// abort is the provider's: ABRT with the source ACSE service-provider to the
// peer, A-ABORT indication to the user (X.227 §7.3.3.4).
func (m *Machine) abort(cause error) {
	if err := m.sendABRT(&ABRT{Source: AbortServiceProvider}); err != nil {
		cause = errors.Join(cause, err)
	}
	m.up(AAbortIndication{Source: AbortServiceProvider, Err: fmt.Errorf("acse: %w", cause)})
}

// presentation deals with the indications and confirms of the presentation
// service.
func (m *Machine) presentation(p presentation.Action) {
	if m.state == Closed {
		return
	}
	switch p := p.(type) {
	case presentation.ServiceError:
		m.up(ServiceError(p))
		return
	case presentation.PPAbortIndication:
		m.state = Closed
		m.up(APAbortIndication{Presentation: p})
		return
	case presentation.PUAbortIndication:
		m.abortIndication(p)
		return
	case presentation.PConnectIndication:
		if m.state == Idle {
			m.associateIndication(p)
			return
		}
	case presentation.PConnectConfirm:
		if m.state == AwaitAARE {
			m.associateConfirm(p)
			return
		}
	case presentation.PConnectRefused:
		if m.state == AwaitAARE {
			m.associateRefused(p)
			return
		}
	case presentation.PReleaseIndication:
		if m.state == Associated {
			m.releaseIndication(p)
			return
		}
	case presentation.PReleaseConfirm:
		if m.state == AwaitRLRE {
			m.releaseConfirm(p)
			return
		}
	}
	m.abort(fmt.Errorf("%T in %s", p, m.state))
}

// decode reads the APDU among the user data: the value in the context of the
// ACSE abstract syntax. Without one it returns nil.
func (m *Machine) decode(data []presentation.PDV) (*APDU, error) {
	for _, v := range data {
		if v.Context != m.context {
			continue
		}
		var a APDU
		rest, err := ber.Unmarshal(v.Octets, &a, ber.Limits{Octets: len(v.Octets)})
		if err != nil {
			return nil, err
		}
		if len(rest) != 0 {
			return nil, fmt.Errorf("%d octets behind the APDU at offset %d", len(rest), len(v.Octets)-len(rest))
		}
		return &a, nil
	}
	return nil, nil
}

var errMissing = errors.New("the APDU is missing from the user data")

func (m *Machine) associateIndication(p presentation.PConnectIndication) {
	c, err := presentation.Find(p.Contexts, AbstractSyntax)
	if err != nil {
		m.abort(fmt.Errorf("AARQ: %w", err))
		return
	}
	m.context = c.ID
	a, err := m.decode(p.UserData)
	switch {
	case err != nil:
		m.abort(fmt.Errorf("AARQ: %w", err))
	case a == nil || a.AARQ == nil:
		m.abort(fmt.Errorf("AARQ: %w", errMissing))
	case a.AARQ.ProtocolVersion != nil && !a.AARQ.ProtocolVersion.At(0):
		d := ProviderNoCommonACSEVersion
		err := m.sendAARE(&AARE{
			ApplicationContextName: a.AARQ.ApplicationContextName,
			Result:                 RejectedPermanent,
			Source:                 SourceDiagnostic{Provider: &d},
		}, presentation.PConnectResponse{}, presentation.PConnectRefusal{})
		if err != nil {
			m.abort(err)
			return
		}
		m.up(AAbortIndication{Source: AbortServiceProvider, Err: fmt.Errorf("acse: refused: %s", d)})
	default:
		m.state = AwaitResponse
		m.up(AAssociateIndication{AARQ: *a.AARQ, Presentation: p})
	}
}

func (m *Machine) associateConfirm(p presentation.PConnectConfirm) {
	a, err := m.decode(p.UserData)
	switch {
	case err != nil:
		m.abort(fmt.Errorf("AARE: %w", err))
	case a == nil || a.AARE == nil:
		m.abort(fmt.Errorf("AARE: %w", errMissing))
	case a.AARE.Result != Accepted:
		m.abort(fmt.Errorf("AARE: %s on an accepted connection", a.AARE.Result))
	default:
		m.state = Associated
		m.up(AAssociateConfirm{AARE: a.AARE, Accepted: &p})
	}
}

// associateRefused passes a refusal up, with the AARE if the peer's association
// control refused. The connection is over: nothing more can be sent on it.
func (m *Machine) associateRefused(p presentation.PConnectRefused) {
	m.state = Closed
	confirm := AAssociateConfirm{Refused: &p}
	if p.Source == presentation.RefusedByUser {
		a, err := m.decode(p.UserData)
		switch {
		case err != nil:
			m.up(AAbortIndication{Source: AbortServiceProvider, Err: fmt.Errorf("acse: AARE: %w", err)})
			return
		case a != nil && a.AARE != nil && a.AARE.Result == Accepted:
			m.up(AAbortIndication{Source: AbortServiceProvider, Err: errors.New("acse: AARE: accepted on a refused connection")})
			return
		case a != nil:
			confirm.AARE = a.AARE
		}
	}
	m.up(confirm)
}

func (m *Machine) releaseIndication(p presentation.PReleaseIndication) {
	a, err := m.decode(p.UserData)
	if err == nil && (a == nil || a.RLRQ == nil) {
		err = errMissing
	}
	if err != nil {
		m.abort(fmt.Errorf("RLRQ: %w", err))
		return
	}
	m.state = AwaitRelease
	ind := AReleaseIndication{UserInformation: a.RLRQ.UserInformation}
	if a.RLRQ.Reason != nil {
		ind.Reason = *a.RLRQ.Reason
	}
	m.up(ind)
}

// releaseConfirm ends the association. An RLRE that cannot be read changes
// nothing about the release: the connection below is gone.
func (m *Machine) releaseConfirm(p presentation.PReleaseConfirm) {
	m.state = Closed
	var confirm AReleaseConfirm
	if a, err := m.decode(p.UserData); err == nil && a != nil && a.RLRE != nil {
		confirm.UserInformation = a.RLRE.UserInformation
		if a.RLRE.Reason != nil {
			confirm.Reason = *a.RLRE.Reason
		}
	}
	m.up(confirm)
}

func (m *Machine) abortIndication(p presentation.PUAbortIndication) {
	m.state = Closed
	ind := AAbortIndication{Source: AbortServiceUser}
	a, err := m.decode(p.UserData)
	switch {
	case err != nil:
		ind.Err = fmt.Errorf("acse: ABRT: %w", err)
	case a != nil && a.ABRT != nil:
		ind.Source, ind.Diagnostic, ind.UserInformation = a.ABRT.Source, a.ABRT.Diagnostic, a.ABRT.UserInformation
	}
	m.up(ind)
}

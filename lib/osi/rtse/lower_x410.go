package rtse

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// x410 is X.410-1984 mode: no association control, no contexts, session version 1.
// The components of the RTSE APDUs stand in presentation's parameters, and an RTTR is
// its bare octets (X.226 §8.4.3, X.227 §6.4).
type x410 struct {
	*lower

	// connect keeps what a response has to refer to.
	connect session.SConnectIndication
}

// applicationProtocolAbsent is what an absent applicationProtocol stands for: P1 of
// 1984, the default of X.410.
const applicationProtocolAbsent = 1

func (x *x410) open(a lowOpen) error {
	protocol := x.cfg.ApplicationProtocols[0]
	a.RTORQ.ApplicationProtocol = &protocol
	components, err := toX410(&APDU{RTORQ: &a.RTORQ})
	if err != nil {
		return err
	}
	s, err := x.sessionConnect(a.Turn, tagT61String)
	if err != nil {
		return err
	}
	x.toPres(presentation.PConnectRequest{X410: components, Session: s})
	return nil
}

func (x *x410) accept(a lowAccept) error {
	components, err := toX410(&APDU{RTOAC: &a.RTOAC})
	if err != nil {
		return err
	}
	s := x.sessionAccept(x.connect, tagT61String)
	s.Versions = session.Version1
	x.toPres(presentation.PConnectResponse{X410: components, Session: s})
	return nil
}

// refuse has a reason for an answer, and never user data.
func (x *x410) refuse(a lowRefuse) error {
	reason := RefuseValidationFailure
	switch {
	case a.RTORJ.RefuseReason != nil:
		reason = *a.RTORJ.RefuseReason
	case a.Transient:
		reason = RefuseBusy
	}
	components, err := toX410(&APDU{RTORJ: &RTORJ{RefuseReason: &reason}})
	x.toPres(presentation.PConnectRefusal{X410: components, Session: session.SConnectRefusal{
		Identifier: x.identifier(x.connect.Identifier, tagT61String)}})
	return err
}

func (x *x410) release()    { x.toPres(presentation.PReleaseRequest{}) }
func (x *x410) releaseAck() { x.toPres(presentation.PReleaseResponse{}) }

// abort is RTAB. Two of the reasons, and user data, are of normal mode only.
func (x *x410) abort(a lowAbort) error {
	rtab := RTAB{Reason: a.RTAB.Reason, ReflectedParameter: a.RTAB.ReflectedParameter}
	if r := orAbsent(rtab.Reason, LocalSystemProblem); r == PermanentProblem || r == UserError {
		problem := LocalSystemProblem
		rtab.Reason = &problem
	}
	components, err := toX410(&APDU{RTAB: &rtab})
	x.toPres(presentation.PUAbortRequest{X410: components})
	return err
}

func (x *x410) rttr(a lowData) presentation.PDataRequest {
	return presentation.PDataRequest{Value: a.Segments, Rest: a.Rest}
}

func (x *x410) octets(a presentation.PDataIndication) error {
	if len(a.Octets) > 0 {
		x.gather(a.Octets)
	}
	return nil
}

func (x *x410) indication(a presentation.Action) {
	switch a := a.(type) {
	case presentation.PConnectIndication:
		x.connectIndication(a)
	case presentation.PConnectConfirm:
		x.connectConfirm(a)
	case presentation.PConnectRefused:
		x.up(upRefused{Refusal: refusalOf(a)})
	case presentation.PReleaseIndication:
		x.up(upRelease{})
	case presentation.PReleaseConfirm:
		x.up(upReleaseAck{})
	case presentation.PUAbortIndication:
		ind := upAborted{Abort: &Abort{Layer: LayerPresentation, Reason: "no reason given"}}
		if apdu, err := fromX410(tagRTAB, a.X410); err == nil && a.X410 != nil {
			ind.RTAB = apdu.RTAB
		}
		x.up(ind)
	case presentation.PPAbortIndication:
		x.up(upAborted{Abort: providerAbort(a)})
	}
}

var (
	errX410    = errors.New("X.410-1984 mode asked for")
	errVersion = errors.New("X.410-1984 mode asked for without session version 1")
)

// connectIndication judges what the RTSE-user need not. Of the reasons to refuse,
// validationFailure is the one that keeps a peer from trying the same again at once.
func (x *x410) connectIndication(a presentation.PConnectIndication) {
	x.connect = a.Session
	reject := func(err error) {
		if e := x.refuse(lowRefuse{}); e != nil {
			err = errors.Join(err, e)
		}
		x.refused(LayerPresentation, err)
	}
	if len(x.cfg.ApplicationProtocols) == 0 {
		reject(errX410)
		return
	}
	if a.Session.Versions&session.Version1 == 0 {
		x.toSession(session.SConnectRefusal{Reason: session.RefuseVersion})
		x.refused(LayerSession, errVersion)
		return
	}
	apdu, err := fromX410(tagRTORQ, a.X410)
	if err != nil {
		x.up(upMalformed{fmt.Errorf("RTORQ: %w", err)})
		return
	}
	rq := apdu.RTORQ
	protocol := orAbsent(rq.ApplicationProtocol, applicationProtocolAbsent)
	if !slices.Contains(x.cfg.ApplicationProtocols, protocol) {
		reject(fmt.Errorf("application protocol %d is not ours", protocol))
		return
	}
	turn, err := turnOf(a.Session.Tokens)
	if err != nil {
		x.up(upMalformed{err})
		return
	}
	identifier := a.Session.Identifier
	identifier.CalledReference = x.reference(tagT61String)
	x.up(upOpen{RTORQ: *rq, Indication: OpenIndication{
		Turn: turn,
		Remote: Remote{
			SSEL:                a.Session.CallingSSEL,
			CalledSSEL:          a.Session.CalledSSEL,
			Identifier:          identifier,
			Version:             session.Version1,
			ApplicationProtocol: protocol,
		},
	}})
}

func (x *x410) connectConfirm(a presentation.PConnectConfirm) {
	if abort := x.checkUnits(); abort != nil {
		x.up(upMalformed{abort.Err})
		return
	}
	apdu, err := fromX410(tagRTOAC, a.X410)
	if err != nil {
		x.up(upMalformed{fmt.Errorf("RTOAC: %w", err)})
		return
	}
	identifier := x.asked
	identifier.CalledReference = a.Session.Identifier.CalledReference
	x.up(upAccepted{RTOAC: *apdu.RTOAC, Remote: Remote{
		SSEL:                a.Session.RespondingSSEL,
		Identifier:          identifier,
		Version:             x.sess.Version(),
		ApplicationProtocol: x.cfg.ApplicationProtocols[0],
	}})
}

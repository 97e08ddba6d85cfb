package rtse

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// lower is what the RTPM runs over: the layers from association control down to
// session in normal mode, session alone in X.410-1984 mode. It is pure.
type lower interface {
	// request carries out a low… request of the machine.
	request(a action) output
	// transport takes a primitive of the TS-provider, or the expiry of TIM.
	transport(ev session.Event) output
}

// output is what comes of an event in the lower layers: indications for the
// machine, and orders to transport and timer. It is valid until the next event.
type output struct {
	up   []event
	down []session.Action // TDataRequest, TDisconnectRequest, StartTimer, StopTimer
}

// normal is the lower of normal mode: three machines on top of one another, and
// the coding of the RTSE APDUs (X.228 §8).
type normal struct {
	cfg       Config
	initiator bool
	acse      *acse.Machine
	pres      *presentation.Machine
	sess      *session.Machine

	contexts []presentation.Context
	rtse     int64 // the context of the RTSE syntax; 0 until it is known

	// connect keeps what a response has to refer to.
	connect acse.AAssociateIndication

	wanted *presentation.PTokenPleaseRequest // asked for and not sent yet
	trying bool                              // wanted is being sent

	queue []work
	out   output
}

// work is an event for one of the machines.
type work struct {
	acse acse.Event
	pres presentation.Event
	sess session.Event
}

func newNormal(cfg Config, initiator bool) *normal {
	role := session.Responder
	params := presentation.Params{}
	if initiator {
		role = session.Initiator
	} else {
		params.Selector = cfg.CalledPSEL
		params.Syntaxes = append([]asn1.OID{acse.AbstractSyntax, cfg.RTSESyntax}, cfg.userSyntaxes()...)
	}
	return &normal{
		cfg:       cfg,
		initiator: initiator,
		acse:      acse.New(),
		pres:      presentation.New(params),
		sess:      session.New(session.Params{Role: role, Versions: cfg.SessionVersions}),
	}
}

func (n *normal) up(ev event)                  { n.out.up = append(n.out.up, ev) }
func (n *normal) toACSE(ev acse.Event)         { n.queue = append(n.queue, work{acse: ev}) }
func (n *normal) toPres(ev presentation.Event) { n.queue = append(n.queue, work{pres: ev}) }
func (n *normal) toSession(ev session.Event)   { n.queue = append(n.queue, work{sess: ev}) }

func (n *normal) begin() {
	n.out.up, n.out.down, n.queue = n.out.up[:0], n.out.down[:0], n.queue[:0]
}

func (n *normal) transport(ev session.Event) output {
	n.begin()
	n.toSession(ev)
	n.run()
	n.askForTurn()
	return n.out
}

// run works until nothing is left to do. What one machine gives is queued before
// any machine is stepped again, as its actions are valid until then only.
func (n *normal) run() {
	for len(n.queue) > 0 {
		w := n.queue[0]
		n.queue = n.queue[1:]
		switch {
		case w.acse != nil:
			for _, a := range n.acse.Step(w.acse) {
				n.fromACSE(a)
			}
		case w.pres != nil:
			for _, a := range n.pres.Step(w.pres) {
				n.fromPres(a)
			}
		default:
			for _, a := range n.sess.Step(w.sess) {
				n.fromSession(a)
			}
		}
	}
}

// fromSession sends what is transport's down, what is the connection's to a check
// of its own, and everything else up to presentation.
func (n *normal) fromSession(a session.Action) {
	switch a := a.(type) {
	case session.TDataRequest, session.TDisconnectRequest, session.StartTimer, session.StopTimer:
		n.out.down = append(n.out.down, a)
		return
	case session.SConnectIndication:
		if reason, err := n.checkConnect(a); err != nil {
			n.toSession(session.SConnectRefusal{Reason: reason})
			n.refused(LayerSession, err)
			return
		}
	}
	n.toPres(presentation.FromSession{Primitive: a})
}

// checkConnect looks at what of an S-CONNECT is not for presentation to judge.
func (n *normal) checkConnect(a session.SConnectIndication) (session.RefuseReason, error) {
	if n.cfg.CalledSSEL != nil && !slices.Equal(n.cfg.CalledSSEL, a.CalledSSEL) {
		return session.RefuseSelectorUnknown, fmt.Errorf("called session selector %x is not ours", a.CalledSSEL)
	}
	if !a.Requirements.Has(session.ForRTSE) {
		return session.RefuseUnspecified, fmt.Errorf("session functional units %s: want %s", a.Requirements, session.ForRTSE)
	}
	if _, err := turnOf(a.Tokens); err != nil {
		return session.RefuseUnspecified, err
	}
	return 0, nil
}

// turnOf reads the initial turn from the token setting: the three tokens are
// always together. A choice left to this side is the initiator's.
func turnOf(t session.TokenSetting) (Turn, error) {
	var at [2]int
	for _, token := range []session.Tokens{session.TokenData, session.TokenMinorSync, session.TokenMajorActivity} {
		if t.Side(token) == session.ResponderSide {
			at[TurnResponder]++
		} else {
			at[TurnInitiator]++
		}
	}
	switch {
	case at[TurnResponder] == 0:
		return TurnInitiator, nil
	case at[TurnInitiator] == 0:
		return TurnResponder, nil
	}
	return 0, fmt.Errorf("token setting %02x divides the turn", uint8(t))
}

// refused tells the machine that this side has refused.
func (n *normal) refused(l Layer, err error) {
	n.up(upAborted{Abort: &Abort{Layer: l, Local: true, Reason: "refused", Err: err}})
}

// fromPres sends what is association control's to it.
func (n *normal) fromPres(a presentation.Action) {
	switch a := a.(type) {
	case presentation.ToSession:
		n.toSession(a.Primitive)
	case presentation.ServiceError:
		n.notNow(a.Err)
	case presentation.PConnectIndication:
		if a.Mode == presentation.ModeX410 {
			n.refuseX410(a)
			return
		}
		n.toACSE(acse.FromPresentation{Primitive: a})
	case presentation.PConnectConfirm, presentation.PConnectRefused, presentation.PReleaseIndication,
		presentation.PReleaseConfirm, presentation.PUAbortIndication, presentation.PPAbortIndication:
		n.toACSE(acse.FromPresentation{Primitive: a})
	default:
		n.transfer(a)
	}
}

// refuseX410 refuses an association in X.410-1984 mode in that mode's terms. Of
// the reasons there, validationFailure is the one that keeps a peer from trying
// the same again at once.
func (n *normal) refuseX410(a presentation.PConnectIndication) {
	reason := ber.AppendHeader(nil, asn1.Tag{Class: asn1.ContextSpecific, Number: 0}, false, 1)
	n.toPres(presentation.PConnectRefusal{X410: []ber.Raw{append(reason, byte(RefuseValidationFailure))}})
	err := errX410
	if rq, decodeErr := fromX410(16, a.X410); decodeErr != nil || rq.RTORQ == nil {
		err = errors.Join(errX410, decodeErr)
	}
	n.refused(LayerPresentation, err)
}

var errX410 = errors.New("X.410-1984 mode asked for")

// fromACSE deals with the association as such.
func (n *normal) fromACSE(a acse.Action) {
	switch a := a.(type) {
	case acse.ToPresentation:
		n.toPres(a.Primitive)
	case acse.ServiceError:
		n.up(upError{a.Err})
	case acse.AAssociateIndication:
		n.associateIndication(a)
	case acse.AAssociateConfirm:
		n.associateConfirm(a)
	case acse.AReleaseIndication:
		n.up(upRelease{})
	case acse.AReleaseConfirm:
		n.up(upReleaseAck{})
	case acse.AAbortIndication:
		n.abortIndication(a)
	case acse.APAbortIndication:
		n.up(upAborted{Abort: providerAbort(a.Presentation)})
	}
}

// providerAbort says which layer below association control ended it.
func providerAbort(p presentation.PPAbortIndication) *Abort {
	s := p.Session
	switch {
	case s == nil:
		a := &Abort{Layer: LayerPresentation, Local: p.Err != nil, Reason: p.Reason.String(), Err: p.Err, Protocol: true}
		if p.Event != nil {
			a.Reason += fmt.Sprintf(", event %d", int64(*p.Event))
		}
		return a
	case s.Reason == session.AbortTransportDisconnect:
		broken := diag.KindOf(s.Err) == diag.Protocol
		return &Abort{Layer: LayerTransport, Local: broken, Reason: s.Reason.String(), Err: s.Err, Protocol: broken}
	}
	return &Abort{
		Layer: LayerSession, Local: s.Err != nil, Reason: s.Reason.String(), Err: s.Err,
		Protocol: s.Reason == session.AbortProtocolError,
	}
}

func (n *normal) abortIndication(a acse.AAbortIndication) {
	ind := upAborted{Abort: &Abort{
		Layer: LayerACSE, Local: a.Err != nil && a.Source == acse.AbortServiceProvider,
		Reason: a.Source.String(), Err: a.Err, Protocol: a.Source == acse.AbortServiceProvider,
	}}
	if apdu, err := n.userInformation(a.UserInformation); err == nil && apdu != nil {
		ind.RTAB = apdu.RTAB
	}
	n.up(ind)
}

// userInformation decodes the RTSE APDU in the user information of association
// control, nil if there is none.
func (n *normal) userInformation(list []acse.External) (*APDU, error) {
	for _, e := range list {
		if e.IndirectReference == nil || *e.IndirectReference != n.rtse {
			continue
		}
		octets := e.Octets()
		a := new(APDU)
		rest, err := ber.Unmarshal(octets, a, ber.Limits{Octets: max(len(octets), 1)})
		if err == nil && len(rest) != 0 {
			err = fmt.Errorf("%d octets behind the APDU at offset %d", len(rest), len(octets)-len(rest))
		}
		return a, err
	}
	return nil, nil
}

// external wraps an RTSE APDU for user information.
func (n *normal) external(a *APDU) ([]acse.External, error) {
	b, err := ber.Marshal(a)
	if err != nil || n.rtse == 0 {
		return nil, err
	}
	return []acse.External{acse.NewExternal(n.rtse, b)}, nil
}

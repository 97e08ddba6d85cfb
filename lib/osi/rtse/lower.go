package rtse

import (
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// output is what comes of an event in the lower layers: indications for the
// machine, and orders to transport and timer. It is valid until the next event.
type output struct {
	up   []event
	down []session.Action // TDataRequest, TDisconnectRequest, StartTimer, StopTimer
}

// lower is what the RTPM runs over: presentation on session, and on top what differs
// between normal mode and X.410-1984 mode. It is pure.
type lower struct {
	cfg       Config
	initiator bool
	mode      mode
	pres      *presentation.Machine
	sess      *session.Machine

	asked session.ConnectionIdentifier // the session connection, as its initiator asked for it

	rtse int64 // the context of the RTSE syntax; 0 until it is known, and in X.410-1984 mode

	wanted *presentation.PTokenPleaseRequest // asked for and not sent yet
	trying bool                              // wanted is being sent

	data arriving // RTTRs

	queue []work
	out   output
}

// mode is what differs between normal mode and X.410-1984 mode: association control,
// or what stands for it, and the coding of RTTRs (X.228 §8).
type mode interface {
	open(a lowOpen) error
	accept(a lowAccept) error
	refuse(a lowRefuse) error
	release()
	releaseAck()
	abort(a lowAbort) error
	// indication takes the indications and confirms of presentation that are
	// about the association as such.
	indication(a presentation.Action)
	// rttr is the RTTR of the octets; octets takes those of RTTRs that come.
	rttr(a lowData) presentation.PDataRequest
	octets(a presentation.PDataIndication) error
}

// work is an event for one of the machines; control is the step of association
// control.
type work struct {
	control func()
	pres    presentation.Event
	sess    session.Event
}

// newLower gives the lower of one association. An initiator is in the mode of its
// configuration; a responder will be in the mode it is called in.
func newLower(cfg Config, initiator bool) *lower {
	params := presentation.Params{}
	below := session.Params{Role: session.Initiator, Versions: cfg.SessionVersions}
	if !initiator {
		below.Role = session.Responder
		params.Selector = cfg.CalledPSEL
		params.Syntaxes = append([]asn1.OID{acse.AbstractSyntax, cfg.RTSESyntax}, cfg.userSyntaxes()...)
	}
	n := &lower{cfg: cfg, initiator: initiator, pres: presentation.New(params)}
	if initiator && len(cfg.ApplicationProtocols) > 0 {
		n.mode = &x410{lower: n}
		below.Versions = session.Version1
	} else {
		n.mode = &normal{lower: n, acse: acse.New()}
	}
	n.sess = session.New(below)
	return n
}

func (n *lower) up(ev event)                  { n.out.up = append(n.out.up, ev) }
func (n *lower) toPres(ev presentation.Event) { n.queue = append(n.queue, work{pres: ev}) }
func (n *lower) toSession(ev session.Event)   { n.queue = append(n.queue, work{sess: ev}) }

func (n *lower) begin() {
	n.out.up, n.out.down, n.queue = n.out.up[:0], n.out.down[:0], n.queue[:0]
}

// transport takes a primitive of the TS-provider, or the expiry of TIM.
func (n *lower) transport(ev session.Event) output {
	n.begin()
	n.toSession(ev)
	n.run()
	n.deliver()
	n.askForTurn()
	return n.out
}

// run works until nothing is left to do. What one machine gives is queued before
// any machine is stepped again, as its actions are valid until then only.
func (n *lower) run() {
	for len(n.queue) > 0 {
		w := n.queue[0]
		n.queue = n.queue[1:]
		switch {
		case w.control != nil:
			w.control()
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
func (n *lower) fromSession(a session.Action) {
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
func (n *lower) checkConnect(a session.SConnectIndication) (session.RefuseReason, error) {
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
func (n *lower) refused(l Layer, err error) {
	n.up(upAborted{Abort: &Abort{Layer: l, Local: true, Reason: "refused", Err: err}})
}

// fromPres gives the mode what is about the association.
func (n *lower) fromPres(a presentation.Action) {
	switch a := a.(type) {
	case presentation.ToSession:
		n.toSession(a.Primitive)
	case presentation.ServiceError:
		n.notNow(a.Err)
	case presentation.PConnectIndication:
		if a.Mode == presentation.ModeX410 {
			n.mode = &x410{lower: n}
		}
		n.mode.indication(a)
	case presentation.PConnectConfirm, presentation.PConnectRefused, presentation.PReleaseIndication,
		presentation.PReleaseConfirm, presentation.PUAbortIndication, presentation.PPAbortIndication:
		n.mode.indication(a)
	default:
		n.transfer(a)
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

package rtse

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// normal is the mode of that name: association control on presentation.
type normal struct {
	*lower
	acse     *acse.Machine
	contexts []presentation.Context

	// connect keeps what a response has to refer to.
	connect acse.AAssociateIndication
}

func (n *normal) toACSE(ev acse.Event) {
	n.queue = append(n.queue, work{control: func() {
		for _, a := range n.acse.Step(ev) {
			n.fromACSE(a)
		}
	}})
}

func (n *normal) indication(a presentation.Action) { n.toACSE(acse.FromPresentation{Primitive: a}) }

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

func (n *normal) release()    { n.toACSE(acse.AReleaseRequest{}) }
func (n *normal) releaseAck() { n.toACSE(acse.AReleaseResponse{}) }

func (n *normal) abort(a lowAbort) error {
	info, err := n.external(&APDU{RTAB: &a.RTAB})
	n.toACSE(acse.AAbortRequest{UserInformation: info})
	return err
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

// rttr puts the octets behind the header of an OCTET STRING, if they begin one.
func (n *normal) rttr(a lowData) presentation.PDataRequest {
	if !a.Enclosure.Begins() {
		return presentation.PDataRequest{Context: n.rtse, Value: a.Segments, Rest: a.Rest}
	}
	length := a.Rest
	for _, s := range a.Segments {
		length += int64(len(s))
	}
	value := make([][]byte, 1, 1+len(a.Segments))
	value[0] = ber.AppendHeader(make([]byte, 0, 16), tagOctetString, false, length)
	return presentation.PDataRequest{Context: n.rtse, Value: append(value, a.Segments...), Rest: a.Rest}
}

// The contexts an initiator proposes have the identifiers 1, 3, 5 … in the order
// ACSE, RTSE, user.
func (n *normal) propose() []presentation.Context {
	syntaxes := append([]asn1.OID{acse.AbstractSyntax, n.cfg.RTSESyntax}, n.cfg.userSyntaxes()...)
	contexts := make([]presentation.Context, len(syntaxes))
	for i, s := range syntaxes {
		contexts[i] = presentation.Context{
			ID:               int64(2*i + 1),
			AbstractSyntax:   s,
			TransferSyntaxes: []asn1.OID{presentation.BasicEncoding},
		}
	}
	return contexts
}

// open is the A-ASSOCIATE request with RTORQ.
func (n *normal) open(a lowOpen) error {
	n.contexts = n.propose()
	n.rtse = n.contexts[1].ID
	info, err := n.external(&APDU{RTORQ: &a.RTORQ})
	if err != nil {
		return err
	}
	s, err := n.sessionConnect(a.Turn, tagOctetString)
	if err != nil {
		return err
	}
	n.toACSE(acse.AAssociateRequest{
		ApplicationContext: n.cfg.ApplicationContext,
		UserInformation:    info,
		Presentation: presentation.PConnectRequest{
			CallingSelector: n.cfg.CallingPSEL,
			CalledSelector:  n.cfg.CalledPSEL,
			Contexts:        n.contexts,
			Session:         s,
		},
	})
	return nil
}

// accept is the positive A-ASSOCIATE response with RTOAC.
func (n *normal) accept(a lowAccept) error {
	info, err := n.external(&APDU{RTOAC: &a.RTOAC})
	if err != nil {
		return err
	}
	p := n.connect.Presentation
	n.toACSE(acse.AAssociateResponse{
		ApplicationContext: n.connect.AARQ.ApplicationContextName,
		Result:             acse.Accepted,
		UserInformation:    info,
		Accept: presentation.PConnectResponse{
			RespondingSelector: orOwn(n.cfg.CalledPSEL, p.CalledSelector),
			Session:            n.sessionAccept(p.Session, tagOctetString),
		},
	})
	return nil
}

// refuse is the negative A-ASSOCIATE response, with RTORJ.
func (n *normal) refuse(a lowRefuse) error {
	a.RTORJ.RefuseReason = nil
	info, err := n.external(&APDU{RTORJ: &a.RTORJ})
	if err != nil {
		return err
	}
	result := acse.RejectedPermanent
	if a.Transient {
		result = acse.RejectedTransient
	}
	n.toACSE(n.rejection(result, acse.UserDiagnostic(a.Diagnostic), info))
	return nil
}

func (n *normal) rejection(r acse.Result, d acse.UserDiagnostic, info []acse.External) acse.AAssociateResponse {
	if d == acse.UserNull {
		d = acse.UserNoReason
	}
	return acse.AAssociateResponse{
		ApplicationContext: n.connect.AARQ.ApplicationContextName,
		Result:             r,
		Diagnostic:         d,
		UserInformation:    info,
		Refuse: presentation.PConnectRefusal{Session: session.SConnectRefusal{
			Identifier: n.identifier(n.connect.Presentation.Session.Identifier, tagOctetString)}},
	}
}

// associateIndication judges what the RTSE-user need not: the application context
// and the presentation contexts it cannot do without.
func (n *normal) associateIndication(a acse.AAssociateIndication) {
	n.connect = a
	n.contexts = a.Presentation.Contexts
	reject := func(d acse.UserDiagnostic, l Layer, err error) {
		n.toACSE(n.rejection(acse.RejectedPermanent, d, nil))
		n.refused(l, err)
	}
	if name := a.AARQ.ApplicationContextName; n.cfg.ApplicationContext != "" && name != n.cfg.ApplicationContext {
		reject(acse.UserApplicationContextNameNotSupported, LayerACSE, fmt.Errorf("application context %s is not ours", name))
		return
	}
	for _, s := range []asn1.OID{n.cfg.UserSyntax, n.cfg.RTSESyntax} {
		c, err := presentation.Find(n.contexts, s)
		if err != nil {
			reject(acse.UserNoReason, LayerPresentation, err)
			return
		}
		n.rtse = c.ID
	}
	apdu, err := n.userInformation(a.AARQ.UserInformation)
	switch {
	case err != nil:
		n.up(upMalformed{fmt.Errorf("RTORQ: %w", err)})
		return
	case apdu == nil || apdu.RTORQ == nil:
		n.up(upMalformed{errors.New("RTORQ: missing from the user information")})
		return
	}
	s := a.Presentation.Session
	turn, err := turnOf(s.Tokens)
	if err != nil {
		n.up(upMalformed{err})
		return
	}
	identifier := s.Identifier
	identifier.CalledReference = n.reference(tagOctetString)
	n.up(upOpen{RTORQ: *apdu.RTORQ, Indication: OpenIndication{
		ApplicationContext: a.AARQ.ApplicationContextName,
		Turn:               turn,
		Remote: Remote{
			SSEL:       s.CallingSSEL,
			PSEL:       a.Presentation.CallingSelector,
			CalledSSEL: s.CalledSSEL,
			CalledPSEL: a.Presentation.CalledSelector,
			Identifier: identifier,
			Version:    n.sess.Version(),
			Contexts:   n.contexts,
		},
	}})
}

// associateConfirm takes the answer to open.
func (n *normal) associateConfirm(a acse.AAssociateConfirm) {
	if a.Accepted == nil {
		n.associateRefused(a)
		return
	}
	n.contexts = a.Accepted.Contexts
	for _, s := range []asn1.OID{n.cfg.RTSESyntax, n.cfg.UserSyntax} {
		if c, err := presentation.Find(n.contexts, s); err != nil {
			n.toACSE(acse.AAbortRequest{})
			n.up(upRefused{Refusal: &Refusal{Layer: LayerPresentation, Persistent: true, Context: &c}})
			return
		}
	}
	if abort := n.checkUnits(); abort != nil {
		n.toACSE(acse.AAbortRequest{})
		n.up(upAborted{Abort: abort})
		return
	}
	apdu, err := n.userInformation(a.AARE.UserInformation)
	switch {
	case err != nil:
		n.up(upMalformed{fmt.Errorf("RTOAC: %w", err)})
	case apdu == nil || apdu.RTOAC == nil:
		n.up(upMalformed{errors.New("RTOAC: missing from the user information")})
	default:
		s := a.Accepted.Session
		identifier := n.asked
		identifier.CalledReference = s.Identifier.CalledReference
		n.up(upAccepted{RTOAC: *apdu.RTOAC, Remote: Remote{
			SSEL:       s.RespondingSSEL,
			PSEL:       a.Accepted.RespondingSelector,
			Identifier: identifier,
			Version:    n.sess.Version(),
			Contexts:   n.contexts,
		}})
	}
}

// associateRefused says which layer of the peer refused.
func (n *normal) associateRefused(a acse.AAssociateConfirm) {
	r := refusalOf(*a.Refused)
	if a.AARE != nil && a.Refused.Source == presentation.RefusedByUser {
		r.Layer, r.Result, r.Source = LayerACSE, a.AARE.Result, a.AARE.Source
		r.Persistent = a.AARE.Result != acse.RejectedTransient
		if apdu, err := n.userInformation(a.AARE.UserInformation); err == nil && apdu != nil && apdu.RTORJ != nil {
			r.Layer, r.UserData, r.RefuseReason = LayerRTSE, apdu.RTORJ.UserData, apdu.RTORJ.RefuseReason
		}
	}
	n.up(upRefused{Refusal: r})
}

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
	common, err := ber.Marshal(asn1.NewUTCTime(n.cfg.Now))
	if err != nil {
		return err
	}
	side := session.InitiatorSide
	if a.Turn == TurnResponder {
		side = session.ResponderSide
	}
	n.toACSE(acse.AAssociateRequest{
		ApplicationContext: n.cfg.ApplicationContext,
		UserInformation:    info,
		Presentation: presentation.PConnectRequest{
			CallingSelector: n.cfg.CallingPSEL,
			CalledSelector:  n.cfg.CalledPSEL,
			Contexts:        n.contexts,
			Session: session.SConnectRequest{
				Identifier:   session.ConnectionIdentifier{CallingReference: n.reference(), CommonReference: common},
				CallingSSEL:  n.cfg.CallingSSEL,
				CalledSSEL:   n.cfg.CalledSSEL,
				Requirements: session.ForRTSE,
				Tokens:       session.AllTokens(side),
			},
		},
	})
	return nil
}

// reference is this side's SS-user reference: an OCTET STRING in normal mode
// (X.228 §9).
func (n *normal) reference() []byte {
	if n.cfg.CallingReference == "" {
		return nil
	}
	b := ber.AppendHeader(nil, tagOctetString, false, int64(len(n.cfg.CallingReference)))
	return append(b, n.cfg.CallingReference...)
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
			Session: session.SConnectResponse{
				Identifier:     n.identifier(),
				RespondingSSEL: orOwn(n.cfg.CalledSSEL, p.Session.CalledSSEL),
				Requirements:   session.ForRTSE,
				Tokens:         session.AllTokens(session.InitiatorSide),
			},
		},
	})
	return nil
}

// orOwn is the selector to respond with: the own one, or the one called if this
// side answers to any.
func orOwn(own, called []byte) []byte {
	if own != nil {
		return own
	}
	return called
}

// identifier is the session connection identifier of a response: the initiator's
// with this side's reference (X.225 §8.3.2.2).
func (n *normal) identifier() session.ConnectionIdentifier {
	asked := n.connect.Presentation.Session.Identifier
	return session.ConnectionIdentifier{
		CalledReference:     n.reference(),
		CommonReference:     asked.CommonReference,
		AdditionalReference: asked.AdditionalReference,
	}
}

// refuse is the negative A-ASSOCIATE response, with RTORJ.
func (n *normal) refuse(a lowRefuse) error {
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
		Refuse:             presentation.PConnectRefusal{Session: session.SConnectRefusal{Identifier: n.identifier()}},
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
	n.up(upOpen{RTORQ: *apdu.RTORQ, Indication: OpenIndication{
		ApplicationContext: a.AARQ.ApplicationContextName,
		Turn:               turn,
		Remote: Remote{
			SSEL:        s.CallingSSEL,
			PSEL:        a.Presentation.CallingSelector,
			CalledSSEL:  s.CalledSSEL,
			CalledPSEL:  a.Presentation.CalledSelector,
			APTitle:     a.AARQ.CallingAPTitle,
			AEQualifier: a.AARQ.CallingAEQualifier,
			Identifier:  s.Identifier,
			Version:     n.sess.Version(),
			Contexts:    n.contexts,
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
	if !n.sess.Selected().Has(session.ForRTSE) {
		n.toACSE(acse.AAbortRequest{})
		n.up(upAborted{Abort: &Abort{
			Layer: LayerSession, Local: true, Protocol: true,
			Err: fmt.Errorf("session functional units %s agreed on: want %s", n.sess.Selected(), session.ForRTSE),
		}})
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
		identifier := s.Identifier
		identifier.CallingReference = n.reference()
		n.up(upAccepted{RTOAC: *apdu.RTOAC, Remote: Remote{
			SSEL:        s.RespondingSSEL,
			PSEL:        a.Accepted.RespondingSelector,
			APTitle:     a.AARE.RespondingAPTitle,
			AEQualifier: a.AARE.RespondingAEQualifier,
			Identifier:  identifier,
			Version:     n.sess.Version(),
			Contexts:    n.contexts,
		}})
	}
}

// associateRefused says which layer of the peer refused.
func (n *normal) associateRefused(a acse.AAssociateConfirm) {
	p := a.Refused
	r := &Refusal{Session: p.Session.Reason}
	switch {
	case p.Source == presentation.RefusedBySession:
		r.Layer, r.Persistent = LayerSession, p.Session.Reason.Persistent()
	case p.Source == presentation.RefusedByProvider:
		r.Layer, r.Presentation, r.Persistent = LayerPresentation, p.ProviderReason, p.ProviderReason.Persistent()
	case p.X410 != nil:
		r.Layer, r.Persistent = LayerRTSE, true
		if apdu, err := fromX410(18, p.X410); err == nil && apdu.RTORJ != nil {
			r.RefuseReason = apdu.RTORJ.RefuseReason
			r.Persistent = orAbsent(r.RefuseReason, RefuseValidationFailure) != RefuseBusy
		}
	case a.AARE == nil:
		r.Layer, r.Persistent = LayerPresentation, true
	default:
		r.Layer, r.Result, r.Source = LayerACSE, a.AARE.Result, a.AARE.Source
		r.Persistent = a.AARE.Result != acse.RejectedTransient
		if apdu, err := n.userInformation(a.AARE.UserInformation); err == nil && apdu != nil && apdu.RTORJ != nil {
			r.Layer, r.UserData, r.RefuseReason = LayerRTSE, apdu.RTORJ.UserData, apdu.RTORJ.RefuseReason
		}
	}
	n.up(upRefused{Refusal: r})
}

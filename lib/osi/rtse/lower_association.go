package rtse

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// What both modes say to session about the association.

// sessionConnect is the session part of a P-CONNECT request.
func (n *lower) sessionConnect(t Turn, reference asn1.Tag) (session.SConnectRequest, error) {
	common, err := ber.Marshal(asn1.NewUTCTime(n.cfg.Now))
	side := session.InitiatorSide
	if t == TurnResponder {
		side = session.ResponderSide
	}
	n.asked = session.ConnectionIdentifier{CallingReference: n.reference(reference), CommonReference: common, AdditionalReference: n.additional()}
	return session.SConnectRequest{
		Identifier:   n.asked,
		CallingSSEL:  n.cfg.CallingSSEL,
		CalledSSEL:   n.cfg.CalledSSEL,
		Requirements: session.ForRTSE,
		Tokens:       session.AllTokens(side),
	}, err
}

// reference is this side's SS-user reference: an OCTET STRING in normal mode, a
// T61String in X.410-1984 mode (X.228 §9).
func (n *lower) reference(t asn1.Tag) []byte {
	if n.cfg.CallingReference == "" {
		return nil
	}
	b := ber.AppendHeader(nil, t, false, int64(len(n.cfg.CallingReference)))
	return append(b, n.cfg.CallingReference...)
}

// additional is the additional reference information, a T61String (X.228 §9).
func (n *lower) additional() []byte {
	if n.cfg.AdditionalReference == "" {
		return nil
	}
	b := ber.AppendHeader(nil, tagT61String, false, int64(len(n.cfg.AdditionalReference)))
	return append(b, n.cfg.AdditionalReference...)
}

// sessionAccept is the session part of a positive P-CONNECT response.
func (n *lower) sessionAccept(asked session.SConnectIndication, reference asn1.Tag) session.SConnectResponse {
	return session.SConnectResponse{
		Identifier:     n.identifier(asked.Identifier, reference),
		RespondingSSEL: orOwn(n.cfg.CalledSSEL, asked.CalledSSEL),
		Requirements:   session.ForRTSE,
		Tokens:         session.AllTokens(session.InitiatorSide),
	}
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
func (n *lower) identifier(asked session.ConnectionIdentifier, reference asn1.Tag) session.ConnectionIdentifier {
	return session.ConnectionIdentifier{
		CalledReference:     n.reference(reference),
		CommonReference:     asked.CommonReference,
		AdditionalReference: asked.AdditionalReference,
	}
}

// checkUnits tells what is wrong with the session functional units agreed on.
func (n *lower) checkUnits() *Abort {
	if n.sess.Selected().Has(session.ForRTSE) {
		return nil
	}
	return &Abort{
		Layer: LayerSession, Local: true, Protocol: true,
		Err: fmt.Errorf("session functional units %s agreed on: want %s", n.sess.Selected(), session.ForRTSE),
	}
}

// refusalOf says which layer below association control refused; the last resort is
// presentation.
func refusalOf(p presentation.PConnectRefused) *Refusal {
	r := &Refusal{Session: p.Session.Reason}
	switch {
	case p.Source == presentation.RefusedBySession:
		r.Layer, r.Persistent = LayerSession, p.Session.Reason.Persistent()
	case p.Source == presentation.RefusedByProvider:
		r.Layer, r.Presentation, r.Persistent = LayerPresentation, p.ProviderReason, p.ProviderReason.Persistent()
	case p.X410 != nil:
		r.Layer, r.Persistent = LayerRTSE, true
		if apdu, err := fromX410(tagRTORJ, p.X410); err == nil && apdu.RTORJ != nil {
			r.RefuseReason = apdu.RTORJ.RefuseReason
			r.Persistent = orAbsent(r.RefuseReason, RefuseValidationFailure) != RefuseBusy
		}
	default:
		r.Layer, r.Persistent = LayerPresentation, true
	}
	return r
}

package rtse

import (
	"fmt"
	"net"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// A Layer names the layer that refused or aborted.
type Layer string

// The layers.
const (
	LayerTransport    Layer = "transport"
	LayerSession      Layer = "session"
	LayerPresentation Layer = "presentation"
	LayerACSE         Layer = "acse"
	LayerRTSE         Layer = "rtse"
)

// Turn says which side has the turn when an association begins (X.218 §9.1.1.3).
type Turn uint8

// The turns.
const (
	TurnInitiator Turn = iota
	TurnResponder
)

// Remote is what is known of the peer and of what was agreed with it.
type Remote struct {
	Addr net.Addr

	// SSEL and PSEL are the peer's selectors: the calling ones seen by the
	// responder, the responding ones seen by the initiator; nil if not given.
	SSEL, PSEL []byte
	// CalledSSEL and CalledPSEL are the selectors an initiator called; nil at
	// the initiator.
	CalledSSEL, CalledPSEL []byte
	// Identifier is the session connection identifier, with the references of
	// both sides as far as they were given.
	Identifier session.ConnectionIdentifier
	Version    session.Versions
	Contexts   []presentation.Context // none in X.410-1984 mode
	// ApplicationProtocol is what X.410-1984 mode has in the place of the
	// application context. It is 0 in normal mode.
	ApplicationProtocol int64

	Checkpoint int64 // checkpoint size agreed on, units of 1024 octets; 0 is no checkpoints
	Window     int64 // checkpoints unconfirmed at most
	Mode       DialogueMode
}

// An OpenIndication is what a responder decides on: RT-OPEN indication (X.218
// §9.1).
type OpenIndication struct {
	ApplicationContext asn1.OID
	Remote             Remote // Checkpoint, Window and Mode as the initiator proposes them
	Turn               Turn
	UserData           ber.Raw // the bind argument, in normal mode with its tag [16]; nil if there is none
	// Recover is the association that is to be recovered (X.228 §7.8.3): this one takes
	// its place, and nobody has said who calls. Nil in all others.
	Recover *SessionConnectionIdentifier
}

// A Decision is the answer to an OpenIndication.
type Decision struct {
	Accept   bool
	UserData ber.Raw // the bind result [17] or the bind error [18]; X.410-1984 mode does without the tags, and without the error
	// Keeper keeps what this peer sends up to a checkpoint; see Config.
	Keeper Keeper
	// CheckpointSize and WindowSize are for this peer what they are in Config for all;
	// zero leaves it at that.
	CheckpointSize, WindowSize int
	// RefuseReason stands for the bind error in X.410-1984 mode; nil is rtsBusy if
	// Transient, else validationFailure.
	RefuseReason *RefuseReason
	// Transient and Diagnostic qualify a refusal; the zero values say rejected
	// permanently, and no reason.
	Transient  bool
	Diagnostic acse.UserDiagnostic
}

// A Refusal is the answer no to an RT-OPEN. Layer says who gave it, and then one
// of the other groups of fields means something. It is an error of kind
// diag.Permanent or diag.Temporary, whichever the peer made it.
type Refusal struct {
	Layer      Layer
	Persistent bool // trying again will be answered the same way

	Transport tp.Reason            // LayerTransport: the reason of the DR
	Session   session.RefuseReason // LayerSession: the reason of the RF

	// LayerPresentation: the provider reason of the CPR, or, if Context is set,
	// a context without which the association is of no use, and which was
	// rejected.
	Presentation presentation.ProviderReason
	Context      *presentation.Context

	// LayerACSE and LayerRTSE: the AARE.
	Result acse.Result
	Source acse.SourceDiagnostic

	// LayerRTSE: the RTORJ.
	RefuseReason *RefuseReason // X.410-1984 mode
	UserData     ber.Raw       // the bind error [18]; nil if there is none
}

func (r *Refusal) Error() string {
	switch r.Layer {
	case LayerTransport:
		return "refused by transport: " + r.Transport.String()
	case LayerSession:
		return "refused by session: " + r.Session.String()
	case LayerPresentation:
		if r.Context != nil {
			return fmt.Sprintf("refused by presentation: context %d of %s rejected", r.Context.ID, r.Context.AbstractSyntax)
		}
		return "refused by presentation: " + r.Presentation.String()
	case LayerACSE:
		return fmt.Sprintf("refused by acse: %s: %s", r.Result, r.Source)
	}
	switch {
	case r.RefuseReason != nil:
		return "refused by rtse: " + r.RefuseReason.String()
	case r.UserData != nil:
		return fmt.Sprintf("refused by the user: %s, bind error of %d octets", r.Result, len(r.UserData))
	}
	return fmt.Sprintf("refused by rtse: %s: %s", r.Result, r.Source)
}

// As lets diag.KindOf see the refusal as permanent or temporary.
func (r *Refusal) As(target any) bool {
	kind := diag.Temporary
	if r.Persistent {
		kind = diag.Permanent
	}
	return asDiag(target, kind, r)
}

// An Abort is the abnormal end of an association: RT-P-ABORT or RT-U-ABORT (X.218
// §9.6, §9.7). It is an error of kind diag.Protocol when a PDU was wrong and of
// diag.Temporary otherwise.
type Abort struct {
	Layer Layer // of the PDU that ended it
	Local bool  // this side aborted
	// Reason is the layer's own reason, in words.
	Reason string
	// RTAB is the abort reason of LayerRTSE.
	RTAB AbortReason
	// UserData is what the peer's user gave along, with UserError.
	UserData ber.Raw
	// Err is what was wrong, if this side knows: for a malformed PDU it names
	// path and offset.
	Err error
	// Protocol tells that a PDU broke the protocol, as seen by the side that
	// aborted.
	Protocol bool
}

func (a *Abort) Error() string {
	s := "aborted by the peer's " + string(a.Layer)
	switch {
	case a.Local:
		s = "aborted by our " + string(a.Layer)
	case a.Layer == LayerTransport:
		s = "aborted" // by whatever ended the connection
	}
	if a.Reason != "" {
		s += ": " + a.Reason
	}
	if a.Err != nil {
		s += ": " + a.Err.Error()
	}
	return s
}

func (a *Abort) Unwrap() error { return a.Err }

// As lets diag.KindOf see the abort as what it is.
func (a *Abort) As(target any) bool {
	kind := diag.Temporary
	if a.Protocol {
		kind = diag.Protocol
	}
	return asDiag(target, kind, a)
}

func asDiag(target any, kind diag.Kind, err error) bool {
	d, ok := target.(**diag.Error)
	if ok {
		*d = &diag.Error{Kind: kind, Err: err}
	}
	return ok
}

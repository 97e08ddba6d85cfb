package acse

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/presentation"
)

// An Event is what Machine.Step takes: a request or response of the ACSE
// service-user, or FromPresentation.
type Event interface{ isEvent() }

// An Action is what Machine.Step orders: an indication or confirm for the ACSE
// service-user, or ToPresentation. Actions are to be carried out in the order of
// the slice.
type Action interface{ isAction() }

// FromPresentation is an indication or confirm of the presentation service that
// is the association control's: connection, release and abort.
type FromPresentation struct{ Primitive presentation.Action }

// ToPresentation is a request or response to the presentation service.
type ToPresentation struct{ Primitive presentation.Event }

// The service primitives (X.217 §9). The presentation and session parameters ride
// along; their user data are this layer's own.
type (
	// AAssociateRequest is the A-ASSOCIATE request.
	AAssociateRequest struct {
		ApplicationContext asn1.OID
		CalledAPTitle      ber.Raw
		CalledAEQualifier  ber.Raw
		CallingAPTitle     ber.Raw
		CallingAEQualifier ber.Raw
		UserInformation    []External
		Presentation       presentation.PConnectRequest
	}

	// AAssociateIndication is the A-ASSOCIATE indication.
	AAssociateIndication struct {
		AARQ         AARQ
		Presentation presentation.PConnectIndication
	}

	// AAssociateResponse is the A-ASSOCIATE response. Accept goes with the
	// result Accepted, Refuse with the others, Diagnostic with either.
	AAssociateResponse struct {
		ApplicationContext asn1.OID
		Result             Result
		Diagnostic         UserDiagnostic
		UserInformation    []External
		Accept             presentation.PConnectResponse
		Refuse             presentation.PConnectRefusal
	}

	// AAssociateConfirm is the A-ASSOCIATE confirm. AARE is nil when a layer
	// below refused, and Accepted is nil unless the association stands.
	AAssociateConfirm struct {
		AARE     *AARE
		Accepted *presentation.PConnectConfirm
		Refused  *presentation.PConnectRefused
	}

	// AReleaseRequest is the A-RELEASE request.
	AReleaseRequest struct {
		Reason          ReleaseReason
		UserInformation []External
	}
	// AReleaseIndication is the A-RELEASE indication.
	AReleaseIndication struct {
		Reason          ReleaseReason
		UserInformation []External
	}
	// AReleaseResponse is the A-RELEASE response, affirmative: the session
	// functional unit negotiated release is not used.
	AReleaseResponse struct {
		Reason          ReleaseReason
		UserInformation []External
	}
	// AReleaseConfirm is the A-RELEASE confirm.
	AReleaseConfirm struct {
		Reason          ReleaseReason
		UserInformation []External
	}

	// AAbortRequest is the A-ABORT request.
	AAbortRequest struct{ UserInformation []External }

	// AAbortIndication is the A-ABORT indication. Err says what this side found
	// wrong; it is nil when the peer aborted.
	AAbortIndication struct {
		Source          AbortSource
		Diagnostic      *AbortDiagnostic
		UserInformation []External
		Err             error
	}

	// APAbortIndication is the A-P-ABORT indication: the presentation provider
	// or a layer below ended the association.
	APAbortIndication struct {
		Presentation presentation.PPAbortIndication
	}
)

// ServiceError tells the ACSE service-user that its request has no row in the
// state table or cannot be encoded: the state has not changed then. It also passes on
// that a layer below does not take what the request became, when the state has, and only
// an abort is left. Nothing was sent either way.
type ServiceError struct{ Err error }

func (FromPresentation) isEvent()   {}
func (AAssociateRequest) isEvent()  {}
func (AAssociateResponse) isEvent() {}
func (AReleaseRequest) isEvent()    {}
func (AReleaseResponse) isEvent()   {}
func (AAbortRequest) isEvent()      {}

func (ToPresentation) isAction()       {}
func (AAssociateIndication) isAction() {}
func (AAssociateConfirm) isAction()    {}
func (AReleaseIndication) isAction()   {}
func (AReleaseConfirm) isAction()      {}
func (AAbortIndication) isAction()     {}
func (APAbortIndication) isAction()    {}
func (ServiceError) isAction()         {}

package presentation

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// An Event is what Machine.Step takes: a request or response of the PS-user, or
// FromSession.
type Event interface{ isEvent() }

// An Action is what Machine.Step orders: an indication or confirm for the
// PS-user, or ToSession. Actions are to be carried out in the order of the slice.
type Action interface{ isAction() }

// FromSession is an indication or confirm of the session service.
type FromSession struct{ Primitive session.Action }

// ToSession is a request or response to the session service.
type ToSession struct{ Primitive session.Event }

// A Context is one presentation context: as proposed in a request, with the
// result as well in an indication, response or confirm.
type Context struct {
	ID               int64 // odd and distinct, when the initiator proposes it (X.226 §6.2.2.7)
	AbstractSyntax   asn1.OID
	TransferSyntaxes []asn1.OID

	Result         Result
	TransferSyntax asn1.OID      // the one chosen, when accepted
	Reason         ContextReason // when the provider rejected it
}

// The service primitives of connection establishment (X.216 §8.2). The session
// parameters ride along in Session, whose user data are this layer's own.
type (
	// PConnectRequest is the P-CONNECT request. With X410 it is one in
	// X.410-1984 mode: X410 stands for the user data there, and selectors and
	// contexts are none.
	PConnectRequest struct {
		CallingSelector []byte
		CalledSelector  []byte
		Contexts        []Context
		Session         session.SConnectRequest
		UserData        []PDV
		X410            []ber.Raw
	}

	// PConnectIndication is the P-CONNECT indication. The user answers with
	// PConnectResponse or PConnectRefusal; it may turn the result of a context
	// from Acceptance to UserRejection in its response. In X.410-1984 mode
	// there are no contexts, and X410 holds what stands for user data.
	PConnectIndication struct {
		Mode            Mode
		CallingSelector []byte
		CalledSelector  []byte
		Contexts        []Context
		Session         session.SConnectIndication
		UserData        []PDV
		X410            []ber.Raw
	}

	// PConnectResponse is the positive P-CONNECT response.
	PConnectResponse struct {
		RespondingSelector []byte
		Contexts           []Context // nil: the results as they were indicated
		Session            session.SConnectResponse
		UserData           []PDV
		X410               []ber.Raw // stands for the user data in X.410-1984 mode
	}

	// PConnectConfirm is the positive P-CONNECT confirm.
	PConnectConfirm struct {
		RespondingSelector []byte
		Contexts           []Context
		Session            session.SConnectConfirm
		UserData           []PDV
		X410               []ber.Raw // stands for the user data in X.410-1984 mode
	}

	// PConnectRefusal is the negative P-CONNECT response: a rejection by the
	// user. In X.410-1984 mode X410 stands for the user data.
	PConnectRefusal struct {
		RespondingSelector []byte
		Session            session.SConnectRefusal
		UserData           []PDV
		X410               []ber.Raw
	}

	// PConnectRefused is the negative P-CONNECT confirm.
	PConnectRefused struct {
		Source         RefusalSource
		ProviderReason ProviderReason // when Source is RefusedByProvider
		Contexts       []Context      // with results, when the peer gave them
		Session        session.SConnectRefused
		UserData       []PDV
		X410           []ber.Raw // the refusal was one in X.410-1984 mode
	}
)

// RefusalSource says which layer refused a connection.
type RefusalSource uint8

// The sources.
const (
	RefusedBySession  RefusalSource = iota // the session refused; there was no CPR PPDU
	RefusedByProvider                      // the presentation provider refused
	RefusedByUser                          // the PS-user refused
)

// The service primitives of information transfer (X.216 §10). In X.410-1984 mode
// there are no contexts: what a primitive carries is one PDV in context 0, bare
// octets that presentation does not look at (X.226 §8.4.3).
type (
	// PDataRequest is the P-DATA request with one value in one context. The
	// segments of Value together are one BER value; they are not copied. Of a value
	// that is not in memory whole they are what comes next of it, and Rest is how many
	// octets follow with further requests: the value is one, in one P-DATA, all the
	// same. Activity discard and interrupt, and abort, may cut it short.
	PDataRequest struct {
		Context int64
		Value   [][]byte
		Rest    int64
	}

	// PDataIndication is the P-DATA indication of one presentation data value, or of
	// the octets of one that have come, where Enclosure says so. They may be a part of
	// the TSDU that carried them. A value that is begun and not ended, because its
	// activity is, is none.
	PDataIndication struct {
		Enclosure session.Enclosure
		PDV
	}

	// PTypedDataRequest is the P-TYPED-DATA request.
	PTypedDataRequest struct {
		Context int64
		Value   [][]byte
	}

	// PTypedDataIndication is the P-TYPED-DATA indication.
	PTypedDataIndication struct{ UserData []PDV }
)

// The service primitives of dialogue control (X.216 §11): those of the session
// service, with presentation data for user data. Where a request has none here,
// MHS never sends any.
type (
	// PTokenGiveIndication is the P-TOKEN-GIVE indication.
	PTokenGiveIndication struct {
		Tokens   session.Tokens
		UserData []PDV
	}
	// PTokenPleaseRequest is the P-TOKEN-PLEASE request.
	PTokenPleaseRequest struct {
		Tokens   session.Tokens
		UserData []PDV
	}
	// PTokenPleaseIndication is the P-TOKEN-PLEASE indication.
	PTokenPleaseIndication struct {
		Tokens   session.Tokens
		UserData []PDV
	}
	// PControlGiveRequest is the P-CONTROL-GIVE request.
	PControlGiveRequest struct{}
	// PControlGiveIndication is the P-CONTROL-GIVE indication.
	PControlGiveIndication struct{ UserData []PDV }

	// PSyncMinorRequest is the P-SYNC-MINOR request.
	PSyncMinorRequest struct{ Type session.SyncType }
	// PSyncMinorIndication is the P-SYNC-MINOR indication.
	PSyncMinorIndication struct {
		Type     session.SyncType
		Serial   session.SerialNumber
		UserData []PDV
	}
	// PSyncMinorResponse is the P-SYNC-MINOR response.
	PSyncMinorResponse struct{ Serial session.SerialNumber }
	// PSyncMinorConfirm is the P-SYNC-MINOR confirm.
	PSyncMinorConfirm struct {
		Serial   session.SerialNumber
		UserData []PDV
	}

	// PActivityStartRequest is the P-ACTIVITY-START request.
	PActivityStartRequest struct{ Activity []byte }
	// PActivityStartIndication is the P-ACTIVITY-START indication.
	PActivityStartIndication struct {
		Activity []byte
		UserData []PDV
	}
	// PActivityResumeRequest is the P-ACTIVITY-RESUME request.
	PActivityResumeRequest struct {
		Activity, OldActivity []byte
		Serial                session.SerialNumber
		OldConnection         *session.ConnectionIdentifier // nil: this one
	}
	// PActivityResumeIndication is the P-ACTIVITY-RESUME indication.
	PActivityResumeIndication struct {
		Session  session.SActivityResumeIndication
		UserData []PDV
	}
	// PActivityInterruptRequest is the P-ACTIVITY-INTERRUPT request.
	PActivityInterruptRequest struct{ Reason session.ExceptionReason }
	// PActivityInterruptIndication is the P-ACTIVITY-INTERRUPT indication.
	PActivityInterruptIndication struct {
		Reason   session.ExceptionReason
		UserData []PDV
	}
	// PActivityInterruptResponse is the P-ACTIVITY-INTERRUPT response.
	PActivityInterruptResponse struct{}
	// PActivityInterruptConfirm is the P-ACTIVITY-INTERRUPT confirm.
	PActivityInterruptConfirm struct{ UserData []PDV }
	// PActivityDiscardRequest is the P-ACTIVITY-DISCARD request.
	PActivityDiscardRequest struct{ Reason session.ExceptionReason }
	// PActivityDiscardIndication is the P-ACTIVITY-DISCARD indication.
	PActivityDiscardIndication struct {
		Reason   session.ExceptionReason
		UserData []PDV
	}
	// PActivityDiscardResponse is the P-ACTIVITY-DISCARD response.
	PActivityDiscardResponse struct{}
	// PActivityDiscardConfirm is the P-ACTIVITY-DISCARD confirm.
	PActivityDiscardConfirm struct{ UserData []PDV }
	// PActivityEndRequest is the P-ACTIVITY-END request.
	PActivityEndRequest struct{}
	// PActivityEndIndication is the P-ACTIVITY-END indication.
	PActivityEndIndication struct {
		Serial   session.SerialNumber
		UserData []PDV
	}
	// PActivityEndResponse is the P-ACTIVITY-END response.
	PActivityEndResponse struct{}
	// PActivityEndConfirm is the P-ACTIVITY-END confirm.
	PActivityEndConfirm struct {
		Serial   session.SerialNumber
		UserData []PDV
	}

	// PActivityEndCrossed is session.SActivityEndCrossed.
	PActivityEndCrossed struct{}

	// PUExceptionReportRequest is the P-U-EXCEPTION-REPORT request.
	PUExceptionReportRequest struct{ Reason session.ExceptionReason }
	// PUExceptionReportIndication is the P-U-EXCEPTION-REPORT indication.
	PUExceptionReportIndication struct {
		Reason   session.ExceptionReason
		UserData []PDV
	}
	// PPExceptionReportIndication is the P-P-EXCEPTION-REPORT indication.
	PPExceptionReportIndication struct{ Reflected []byte }
)

// The service primitives of release and abort (X.216 §8.3 to §8.5).
type (
	// PReleaseRequest is the P-RELEASE request.
	PReleaseRequest struct{ UserData []PDV }
	// PReleaseIndication is the P-RELEASE indication.
	PReleaseIndication struct{ UserData []PDV }
	// PReleaseResponse is the positive P-RELEASE response.
	PReleaseResponse struct{ UserData []PDV }
	// PReleaseConfirm is the positive P-RELEASE confirm.
	PReleaseConfirm struct{ UserData []PDV }

	// PUAbortRequest is the P-U-ABORT request. Contexts are the contexts the
	// user data refer to inside, beyond their own; they and those of the data
	// make up the presentation context identifier list. In X.410-1984 mode X410
	// stands for the user data.
	PUAbortRequest struct {
		Contexts []int64
		UserData []PDV
		X410     []ber.Raw
	}
	// PUAbortIndication is the P-U-ABORT indication. In X.410-1984 mode X410
	// stands for the user data.
	PUAbortIndication struct {
		UserData []PDV
		X410     []ber.Raw
	}
	// PPAbortIndication is the P-P-ABORT indication. Err says what this side
	// found wrong; it is nil when the peer's presentation provider aborted.
	// Session is set when the session provider aborted and there is no ARP.
	PPAbortIndication struct {
		Reason  AbortReason
		Event   *EventID
		Session *session.SPAbortIndication
		Err     error
	}
)

// ServiceError tells the PS-user that its request has no row in the state table
// or cannot be encoded: the state has not changed then. It also passes on that session
// does not take what the request became, when the state may have; a user whose requests
// are ever refused so, other than for a token, aborts. Nothing was sent either way.
type ServiceError struct{ Err error }

func (FromSession) isEvent()                {}
func (PConnectRequest) isEvent()            {}
func (PConnectResponse) isEvent()           {}
func (PConnectRefusal) isEvent()            {}
func (PDataRequest) isEvent()               {}
func (PTypedDataRequest) isEvent()          {}
func (PTokenPleaseRequest) isEvent()        {}
func (PControlGiveRequest) isEvent()        {}
func (PSyncMinorRequest) isEvent()          {}
func (PSyncMinorResponse) isEvent()         {}
func (PActivityStartRequest) isEvent()      {}
func (PActivityResumeRequest) isEvent()     {}
func (PActivityInterruptRequest) isEvent()  {}
func (PActivityInterruptResponse) isEvent() {}
func (PActivityDiscardRequest) isEvent()    {}
func (PActivityDiscardResponse) isEvent()   {}
func (PActivityEndRequest) isEvent()        {}
func (PActivityEndResponse) isEvent()       {}
func (PUExceptionReportRequest) isEvent()   {}
func (PReleaseRequest) isEvent()            {}
func (PReleaseResponse) isEvent()           {}
func (PUAbortRequest) isEvent()             {}

func (ToSession) isAction()                    {}
func (PConnectIndication) isAction()           {}
func (PConnectConfirm) isAction()              {}
func (PConnectRefused) isAction()              {}
func (PDataIndication) isAction()              {}
func (PTypedDataIndication) isAction()         {}
func (PTokenGiveIndication) isAction()         {}
func (PTokenPleaseIndication) isAction()       {}
func (PControlGiveIndication) isAction()       {}
func (PSyncMinorIndication) isAction()         {}
func (PSyncMinorConfirm) isAction()            {}
func (PActivityStartIndication) isAction()     {}
func (PActivityResumeIndication) isAction()    {}
func (PActivityInterruptIndication) isAction() {}
func (PActivityInterruptConfirm) isAction()    {}
func (PActivityDiscardIndication) isAction()   {}
func (PActivityDiscardConfirm) isAction()      {}
func (PActivityEndIndication) isAction()       {}
func (PActivityEndConfirm) isAction()          {}
func (PActivityEndCrossed) isAction()          {}
func (PUExceptionReportIndication) isAction()  {}
func (PPExceptionReportIndication) isAction()  {}
func (PReleaseIndication) isAction()           {}
func (PReleaseConfirm) isAction()              {}
func (PUAbortIndication) isAction()            {}
func (PPAbortIndication) isAction()            {}
func (ServiceError) isAction()                 {}

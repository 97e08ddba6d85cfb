package session

// An Event is what Machine.Step takes: a request or response of the SS-user, an
// indication of the TS-provider, or the expiry of TIM.
type Event interface{ isEvent() }

// An Action is what Machine.Step orders: an indication or confirm for the
// SS-user, a request for the TS-provider, or an order to the timer TIM. Actions
// are to be carried out in the order of the slice.
type Action interface{ isAction() }

// A ConnectionIdentifier is the session connection identifier of X.215
// §12.1.2.1. Its references are opaque here; X.228 fills them with BER. A
// nil reference is absent.
type ConnectionIdentifier struct {
	CalledReference     []byte // called SS-user reference, ≤ 64 octets; only from the acceptor
	CallingReference    []byte // calling SS-user reference, ≤ 64 octets; only from the initiator
	CommonReference     []byte // ≤ 64 octets
	AdditionalReference []byte // ≤ 4 octets
}

// The service primitives of connection establishment (X.215 §12.1).
type (
	// SConnectRequest is the S-CONNECT request: SCONreq.
	SConnectRequest struct {
		Identifier   ConnectionIdentifier
		CallingSSEL  []byte // ≤ 16 octets
		CalledSSEL   []byte // ≤ 16 octets
		Requirements FunctionalUnits
		Tokens       TokenSetting // only the tokens the requirements make available count
		// InitialSerial is sent only when a synchronize functional unit is
		// proposed without activity management (X.225 §8.3.1.10).
		InitialSerial SerialNumber
		UserData      []byte
	}

	// SConnectIndication is the S-CONNECT indication: SCONind. The responder
	// answers with SConnectResponse or SConnectRefusal.
	SConnectIndication struct {
		Identifier    ConnectionIdentifier
		CallingSSEL   []byte
		CalledSSEL    []byte
		Requirements  FunctionalUnits // as the initiator proposed them
		Tokens        TokenSetting
		InitialSerial SerialNumber
		Versions      Versions // those both sides have
		UserData      []byte
	}

	// SConnectResponse is the positive S-CONNECT response: SCONrsp+.
	SConnectResponse struct {
		Identifier     ConnectionIdentifier
		RespondingSSEL []byte
		Requirements   FunctionalUnits // what the responder wants; the intersection is selected
		// Tokens answers the items the initiator left to the called user's
		// choice; the others are ignored.
		Tokens        TokenSetting
		InitialSerial SerialNumber
		// Versions restricts the protocol version to one of these; zero selects
		// the highest that both sides have.
		Versions Versions
		UserData []byte
	}

	// SConnectConfirm is the positive S-CONNECT confirm: SCONcnf+.
	SConnectConfirm struct {
		Identifier     ConnectionIdentifier
		RespondingSSEL []byte
		Requirements   FunctionalUnits // as the responder answered; Machine.Selected is the intersection
		Tokens         TokenSetting    // as they are now, of the available ones
		Please         Tokens          // what the responder asks for at once
		InitialSerial  SerialNumber
		UserData       []byte
	}

	// SConnectRefusal is the negative S-CONNECT response: SCONrsp–. With user
	// data the reason sent is RefuseUserData, whatever Reason says. The reasons
	// of the SPM are for the part of the user that knows the selectors.
	SConnectRefusal struct {
		Identifier ConnectionIdentifier
		Reason     RefuseReason
		UserData   []byte
	}

	// SConnectRefused is the negative S-CONNECT confirm: SCONcnf–.
	SConnectRefused struct {
		Identifier   ConnectionIdentifier
		Reason       RefuseReason
		Requirements FunctionalUnits // zero when the peer did not say
		Versions     Versions        // zero when the peer did not say
		UserData     []byte
	}
)

// The service primitives of data transfer (X.215 §13.1, §13.3).
type (
	// SDataRequest is the S-DATA request: SDTreq. The segments of UserData are
	// sent as one SSDU and are not copied; they must stay unchanged until the
	// TDataRequest that carries them has been carried out. An SSDU that is not in
	// memory whole is requested in parts, which Enclosure tells apart. It is one SSDU
	// in one TSDU all the same. Until it ends only three other requests are taken.
	// S-ACTIVITY-DISCARD and S-ACTIVITY-INTERRUPT cut it short, which is for a peer
	// that has raised an exception and reads no data any more; S-U-ABORT is the end of
	// the transport connection then.
	SDataRequest struct {
		Enclosure Enclosure
		UserData  [][]byte
	}

	// SDataIndication is the S-DATA indication: SDTind. UserData is a part of
	// the TSDU that carried it. Of an SSDU that came in several TDataIndications, or
	// in segments, it is what came with one, which may be nothing, and Enclosure says
	// where in the SSDU that stands. One begun that is not ended, by an activity
	// interrupt or discard or an exception, has none.
	SDataIndication struct {
		Enclosure Enclosure
		UserData  []byte
	}

	// STypedDataRequest is the S-TYPED-DATA request: STDreq.
	STypedDataRequest struct{ UserData [][]byte }

	// STypedDataIndication is the S-TYPED-DATA indication: STDind.
	STypedDataIndication struct{ UserData []byte }
)

// The service primitives of token management (X.215 §13.5 to §13.7).
type (
	// STokenGiveRequest is the S-TOKEN-GIVE request: SGTreq.
	STokenGiveRequest struct {
		Tokens   Tokens
		UserData []byte // version 2 only
	}
	// STokenGiveIndication is the S-TOKEN-GIVE indication: SGTind.
	STokenGiveIndication struct {
		Tokens   Tokens
		UserData []byte
	}
	// STokenPleaseRequest is the S-TOKEN-PLEASE request: SPTreq.
	STokenPleaseRequest struct {
		Tokens   Tokens
		UserData []byte
	}
	// STokenPleaseIndication is the S-TOKEN-PLEASE indication: SPTind.
	STokenPleaseIndication struct {
		Tokens   Tokens
		UserData []byte
	}
	// SControlGiveRequest is the S-CONTROL-GIVE request: SCGreq. All available
	// tokens go to the peer; no activity may be in progress.
	SControlGiveRequest struct {
		UserData []byte // version 2 only
	}
	// SControlGiveIndication is the S-CONTROL-GIVE indication: SCGind.
	SControlGiveIndication struct{ UserData []byte }
)

// The service primitives of minor synchronization (X.215 §13.8).
type (
	// SSyncMinorRequest is the S-SYNC-MINOR request: SSYNmreq. The serial
	// number is assigned by the machine: V(M) before the step.
	SSyncMinorRequest struct {
		Type     SyncType
		UserData []byte
	}
	// SSyncMinorIndication is the S-SYNC-MINOR indication: SSYNmind.
	SSyncMinorIndication struct {
		Type     SyncType
		Serial   SerialNumber
		UserData []byte
	}
	// SSyncMinorResponse is the S-SYNC-MINOR response: SSYNmrsp. It confirms
	// every point up to Serial.
	SSyncMinorResponse struct {
		Serial   SerialNumber
		UserData []byte
	}
	// SSyncMinorConfirm is the S-SYNC-MINOR confirm: SSYNmcnf.
	SSyncMinorConfirm struct {
		Serial   SerialNumber
		UserData []byte
	}
)

// The service primitives of activity management (X.215 §13.13 to §13.17).
type (
	// SActivityStartRequest is the S-ACTIVITY-START request: SACTSreq.
	SActivityStartRequest struct {
		Activity []byte // ≤ 6 octets
		UserData []byte
	}
	// SActivityStartIndication is the S-ACTIVITY-START indication: SACTSind.
	SActivityStartIndication struct {
		Activity []byte
		UserData []byte
	}
	// SActivityResumeRequest is the S-ACTIVITY-RESUME request: SACTRreq.
	SActivityResumeRequest struct {
		Activity    []byte // the new activity identifier
		OldActivity []byte
		Serial      SerialNumber // the last confirmed point; the next is Serial+1
		// OldConnection is absent when the activity was interrupted on this
		// very session connection.
		OldConnection *ConnectionIdentifier
		UserData      []byte
	}
	// SActivityResumeIndication is the S-ACTIVITY-RESUME indication: SACTRind.
	SActivityResumeIndication struct {
		Activity      []byte
		OldActivity   []byte
		Serial        SerialNumber
		OldConnection *ConnectionIdentifier
		UserData      []byte
	}
	// SActivityInterruptRequest is the S-ACTIVITY-INTERRUPT request: SACTIreq.
	SActivityInterruptRequest struct {
		Reason   ExceptionReason
		UserData []byte // version 2 only
	}
	// SActivityInterruptIndication is the S-ACTIVITY-INTERRUPT indication:
	// SACTIind.
	SActivityInterruptIndication struct {
		Reason   ExceptionReason
		UserData []byte
	}
	// SActivityInterruptResponse is the S-ACTIVITY-INTERRUPT response: SACTIrsp.
	SActivityInterruptResponse struct{ UserData []byte }
	// SActivityInterruptConfirm is the S-ACTIVITY-INTERRUPT confirm: SACTIcnf.
	// All tokens now belong to the side that interrupted.
	SActivityInterruptConfirm struct{ UserData []byte }

	// SActivityDiscardRequest is the S-ACTIVITY-DISCARD request: SACTDreq.
	SActivityDiscardRequest struct {
		Reason   ExceptionReason
		UserData []byte // version 2 only
	}
	// SActivityDiscardIndication is the S-ACTIVITY-DISCARD indication: SACTDind.
	SActivityDiscardIndication struct {
		Reason   ExceptionReason
		UserData []byte
	}
	// SActivityDiscardResponse is the S-ACTIVITY-DISCARD response: SACTDrsp.
	SActivityDiscardResponse struct{ UserData []byte }
	// SActivityDiscardConfirm is the S-ACTIVITY-DISCARD confirm: SACTDcnf. All
	// tokens now belong to the side that discarded.
	SActivityDiscardConfirm struct{ UserData []byte }

	// SActivityEndRequest is the S-ACTIVITY-END request: SACTEreq. The serial
	// number is assigned by the machine: V(M) before the step.
	SActivityEndRequest struct{ UserData []byte }
	// SActivityEndIndication is the S-ACTIVITY-END indication: SACTEind.
	SActivityEndIndication struct {
		Serial   SerialNumber
		UserData []byte
	}
	// SActivityEndResponse is the S-ACTIVITY-END response: SACTErsp.
	SActivityEndResponse struct{ UserData []byte }
	// SActivityEndConfirm is the S-ACTIVITY-END confirm: SACTEcnf.
	SActivityEndConfirm struct {
		Serial   SerialNumber
		UserData []byte
	}
	// SActivityEndCrossed is no primitive of X.215: AEA has come after AI or AD was
	// sent. The activity goes on to be interrupted or discarded, as in X.225 Table A.10,
	// where nobody hears of it; but the SS-user of the peer has issued S-ACTIVITY-END
	// response, and can have had no indication before it of what this side has asked for.
	SActivityEndCrossed struct{ Serial SerialNumber }
)

// The service primitives of exception reporting (X.215 §13.11, §13.12).
type (
	// SUExceptionReportRequest is the S-U-EXCEPTION-REPORT request: SUERreq.
	SUExceptionReportRequest struct {
		Reason   ExceptionReason
		UserData []byte
	}
	// SUExceptionReportIndication is the S-U-EXCEPTION-REPORT indication: SUERind.
	SUExceptionReportIndication struct {
		Reason   ExceptionReason
		UserData []byte
	}
	// SPExceptionReportIndication is the S-P-EXCEPTION-REPORT indication: SPERind.
	SPExceptionReportIndication struct{ Reflected []byte }
)

// The service primitives of release and abort (X.215 §14).
type (
	// SReleaseRequest is the S-RELEASE request: SRELreq.
	SReleaseRequest struct{ UserData []byte }
	// SReleaseIndication is the S-RELEASE indication: SRELind.
	SReleaseIndication struct{ UserData []byte }
	// SReleaseResponse is the positive S-RELEASE response: SRELrsp+. The
	// negative one belongs to the negotiated release functional unit, which
	// this package does not offer.
	SReleaseResponse struct{ UserData []byte }
	// SReleaseConfirm is the positive S-RELEASE confirm: SRELcnf+.
	SReleaseConfirm struct{ UserData []byte }

	// SUAbortRequest is the S-U-ABORT request: SUABreq. In version 1, and before
	// a version has been selected, at most 9 octets of user data fit (X.225
	// Annex D); longer data are left out there.
	SUAbortRequest struct{ UserData []byte }
	// SUAbortIndication is the S-U-ABORT indication: SUABind.
	SUAbortIndication struct{ UserData []byte }
	// SPAbortIndication is the S-P-ABORT indication: SPABind. Err names what was
	// found; it is nil when the peer or the transport ended the connection.
	SPAbortIndication struct {
		Reason    AbortReason
		Reflected []byte // reflect parameter values of an AB received
		Err       error
	}
)

// The primitives of the TS-provider (X.225 §6.1) and the timer TIM.
type (
	// TDataIndication is the T-DATA indication: one whole TSDU, or, of a long one, the
	// octets that have come; it goes on with the next indication if there is more.
	// Indications that follow from it may refer to TSDU, which must stay unchanged
	// until they have been dealt with; those of S-CONNECT do not.
	TDataIndication struct {
		TSDU []byte
		More bool
	}
	// TDisconnectIndication is the T-DISCONNECT indication: TDISind. Err is the
	// cause as the transport knows it and may be nil.
	TDisconnectIndication struct{ Err error }
	// TimerExpired tells that the timer TIM has run out (X.225 §7.7.2, §7.9.2).
	TimerExpired struct{}

	// TDataRequest is the T-DATA request: the segments are one TSDU, or a part of one
	// that goes on with the next request if there is more. Only what ends a TSDU that
	// was begun has no octets: it had to be cut short.
	TDataRequest struct {
		TSDU [][]byte
		More bool
	}
	// TDisconnectRequest is the T-DISCONNECT request: TDISreq. It closes the
	// transport connection; what was requested before must still be sent.
	TDisconnectRequest struct{}
	// StartTimer starts TIM, the local limit on waiting for the peer to
	// disconnect (X.225 §7.9.2).
	StartTimer struct{}
	// StopTimer stops TIM.
	StopTimer struct{}
)

// ServiceError tells the SS-user that its request had no row in the state table,
// lacked a token or a functional unit, or did not fit the protocol. The state has
// not changed and nothing was sent (X.225 §A.4.1.1 leaves this to the machine).
type ServiceError struct{ Err error }

func (SConnectRequest) isEvent()            {}
func (SConnectResponse) isEvent()           {}
func (SConnectRefusal) isEvent()            {}
func (SDataRequest) isEvent()               {}
func (STypedDataRequest) isEvent()          {}
func (STokenGiveRequest) isEvent()          {}
func (STokenPleaseRequest) isEvent()        {}
func (SControlGiveRequest) isEvent()        {}
func (SSyncMinorRequest) isEvent()          {}
func (SSyncMinorResponse) isEvent()         {}
func (SActivityStartRequest) isEvent()      {}
func (SActivityResumeRequest) isEvent()     {}
func (SActivityInterruptRequest) isEvent()  {}
func (SActivityInterruptResponse) isEvent() {}
func (SActivityDiscardRequest) isEvent()    {}
func (SActivityDiscardResponse) isEvent()   {}
func (SActivityEndRequest) isEvent()        {}
func (SActivityEndResponse) isEvent()       {}
func (SUExceptionReportRequest) isEvent()   {}
func (SReleaseRequest) isEvent()            {}
func (SReleaseResponse) isEvent()           {}
func (SUAbortRequest) isEvent()             {}
func (TDataIndication) isEvent()            {}
func (TDisconnectIndication) isEvent()      {}
func (TimerExpired) isEvent()               {}

func (SConnectIndication) isAction()           {}
func (SConnectConfirm) isAction()              {}
func (SConnectRefused) isAction()              {}
func (SDataIndication) isAction()              {}
func (STypedDataIndication) isAction()         {}
func (STokenGiveIndication) isAction()         {}
func (STokenPleaseIndication) isAction()       {}
func (SControlGiveIndication) isAction()       {}
func (SSyncMinorIndication) isAction()         {}
func (SSyncMinorConfirm) isAction()            {}
func (SActivityStartIndication) isAction()     {}
func (SActivityResumeIndication) isAction()    {}
func (SActivityInterruptIndication) isAction() {}
func (SActivityInterruptConfirm) isAction()    {}
func (SActivityDiscardIndication) isAction()   {}
func (SActivityDiscardConfirm) isAction()      {}
func (SActivityEndIndication) isAction()       {}
func (SActivityEndConfirm) isAction()          {}
func (SActivityEndCrossed) isAction()          {}
func (SUExceptionReportIndication) isAction()  {}
func (SPExceptionReportIndication) isAction()  {}
func (SReleaseIndication) isAction()           {}
func (SReleaseConfirm) isAction()              {}
func (SUAbortIndication) isAction()            {}
func (SPAbortIndication) isAction()            {}
func (TDataRequest) isAction()                 {}
func (TDisconnectRequest) isAction()           {}
func (StartTimer) isAction()                   {}
func (StopTimer) isAction()                    {}
func (ServiceError) isAction()                 {}

package rtse

import (
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// A Resumption says where a transfer that was interrupted goes on (X.218 §9.3, X.225
// §8.3.30: the linking information of ACTIVITY RESUME).
type Resumption struct {
	// Connection is the session connection on which the activity was interrupted;
	// nil is the one it is resumed on.
	Connection *session.ConnectionIdentifier
	// Old is the identifier the activity had there.
	Old []byte
	// Serial is the last checkpoint confirmed; the APDU goes on behind it.
	Serial session.SerialNumber
	// What follows is not transmitted. Octets is what came before that checkpoint, the
	// EXTERNAL's included, and Header how that begins.
	Octets int64
	Header []byte
	// Tries is how often it was tried to resume from there and nothing was confirmed
	// behind it.
	Tries int
	// Ended says that the end of the activity had been sent: the peer may have the
	// APDU.
	Ended bool
}

// An event is what machine.step takes: a request or response of the RTSE-user, or
// an indication of the lower layers. An action is what it orders: an indication
// or confirm for the RTSE-user, or a request to the lower layers.
type (
	event  interface{ isEvent() }
	action interface{ isAction() }
)

// The primitives of the RTSE-user (X.218 §9). RT-TRANSFER is in pieces here, as
// the APDU is streamed: rtTransfer, rtSegment …, rtEnd on the one side and
// rtTransferInd, rtDataInd …, rtEndInd on the other.
type (
	// rtOpen is the RT-OPEN request.
	rtOpen struct {
		Checkpoint int64 // units of 1024 octets
		Window     int64
		Mode       DialogueMode
		Turn       Turn
		UserData   ber.Raw
		Recover    *SessionConnectionIdentifier // the association to recover; nil: a new one
	}
	// rtOpenInd is the RT-OPEN indication.
	rtOpenInd struct{ OpenIndication }
	// rtOpenRsp is the positive RT-OPEN response, with this side's limits.
	rtOpenRsp struct {
		Checkpoint int64
		Window     int64
		UserData   ber.Raw
	}
	// rtOpenRefuse is the negative RT-OPEN response.
	rtOpenRefuse struct {
		Transient    bool
		Diagnostic   int64 // of the ACSE service-user
		UserData     ber.Raw
		RefuseReason *RefuseReason
	}
	// rtOpenCnf is the positive RT-OPEN confirm.
	rtOpenCnf struct {
		UserData ber.Raw
		Remote   Remote
	}
	// rtRefused is the negative RT-OPEN confirm.
	rtRefused struct{ Refusal *Refusal }

	// rtTransfer begins an RT-TRANSFER request.
	rtTransfer struct {
		Activity  []byte
		Resumable bool // the user can go back to a checkpoint
	}
	// rtResume goes on with an RT-TRANSFER request that was interrupted, behind
	// the last checkpoint confirmed (X.228 §7.8, transfer-resumption).
	rtResume struct {
		Activity []byte
		Resumption
	}
	// rtSegment hands over the octets of one RTTR, or what comes next of one that is
	// too long for memory: Rest octets follow with further rtSegments.
	rtSegment struct {
		Segments [][]byte
		Rest     int64
	}
	// rtEnd ends the APDU.
	rtEnd struct{}
	// rtDiscard gives the transfer up: the transfer time has passed, or the
	// source has failed.
	rtDiscard struct{ Reason session.ExceptionReason }
	// rtInterrupt stops the transfer, to be resumed later: the transfer time has passed.
	rtInterrupt struct{ Reason session.ExceptionReason }
	// rtWindow tells that the checkpoints up to Serial have been confirmed.
	rtWindow struct{ Serial session.SerialNumber }
	// rtInterruptCnf tells that the activity has been interrupted: rtResume may go
	// on with it at once.
	rtInterruptCnf struct{ Reason session.ExceptionReason }
	// rtTransferCnf is the RT-TRANSFER confirm.
	rtTransferCnf struct {
		Positive bool
		Reason   session.ExceptionReason // when negative
	}

	// rtTransferInd begins an RT-TRANSFER indication.
	rtTransferInd struct{ Activity []byte }
	// rtResumeInd goes on with an RT-TRANSFER indication that was interrupted. The
	// user takes it, or answers rtReject, or rtRepeated.
	rtResumeInd struct {
		Activity []byte
		Resumption
	}
	// rtRepeated tells that the APDU that is resumed has been accepted before.
	rtRepeated struct{}
	// rtDataInd brings the octets of RTTRs, as they come.
	rtDataInd struct{ Octets []byte }
	// rtCheckpoint asks for what came before it to be secured.
	rtCheckpoint struct{ Serial session.SerialNumber }
	// rtSecured answers rtCheckpoint.
	rtSecured struct{ Serial session.SerialNumber }
	// rtEndInd tells that the APDU is complete.
	rtEndInd struct{}
	// rtAccept tells that the APDU is secured: it may be acknowledged.
	rtAccept struct{}
	// rtReject tells that the APDU cannot be taken.
	rtReject struct{ Reason session.ExceptionReason }
	// rtWithdrawn tells that the sender wants to give up an APDU that has arrived whole.
	// The answer is rtAgree; or rtAccept, if it has been secured.
	rtWithdrawn struct{}
	// rtAgree agrees to that.
	rtAgree struct{}
	// rtGone tells that the sender has given the APDU up.
	rtGone struct {
		Interrupted bool
		Reason      session.ExceptionReason
	}

	// rtPlease is the RT-TURN-PLEASE request.
	rtPlease struct{ Priority int64 }
	// rtPleaseInd is the RT-TURN-PLEASE indication.
	rtPleaseInd struct{ Priority int64 }
	// rtGive is the RT-TURN-GIVE request.
	rtGive struct{}
	// rtGiveInd is the RT-TURN-GIVE indication.
	rtGiveInd struct{}

	// rtClose is the RT-CLOSE request.
	rtClose struct{}
	// rtCloseInd is the RT-CLOSE indication; it has been answered.
	rtCloseInd struct{}
	// rtCloseCnf is the RT-CLOSE confirm.
	rtCloseCnf struct{}
	// rtAbort is the RT-U-ABORT request, and what this side's provider aborts
	// with for a reason that is not the peer's.
	rtAbort struct {
		Reason   AbortReason
		UserData ber.Raw
		Err      error // for the user's own eyes
	}
	// rtAborted is the RT-P-ABORT or RT-U-ABORT indication.
	rtAborted struct{ Abort *Abort }
	// rtError tells the user that its request has no row in the state table.
	// The state has not changed and nothing was sent.
	rtError struct{ Err error }
)

// The requests to the lower layers: what the RTPM needs from presentation and,
// in normal mode, association control (X.228 §8).
type (
	lowOpen struct {
		RTORQ RTORQ
		Turn  Turn
	}
	lowAccept struct{ RTOAC RTOAC }
	lowRefuse struct {
		RTORJ      RTORJ
		Transient  bool
		Diagnostic int64
	}
	lowStart  struct{ Activity []byte }
	lowResume struct {
		Activity []byte
		Resumption
	}
	lowData struct { // one RTTR, or a part of one
		Enclosure session.Enclosure
		Segments  [][]byte
		Rest      int64
	}
	lowSync         struct{}
	lowSyncAck      struct{ Serial session.SerialNumber }
	lowEnd          struct{}
	lowEndAck       struct{}
	lowDiscard      struct{ Reason session.ExceptionReason }
	lowDiscardAck   struct{}
	lowInterrupt    struct{ Reason session.ExceptionReason }
	lowInterruptAck struct{}
	lowException    struct{ Reason session.ExceptionReason }
	lowPlease       struct{ Priority int64 }
	lowGive         struct{}
	lowRelease      struct{}
	lowReleaseAck   struct{}
	lowAbort        struct{ RTAB RTAB }
)

// The indications of the lower layers.
type (
	upOpen struct {
		RTORQ      RTORQ
		Indication OpenIndication // what the layers below know of it
	}
	upAccepted struct {
		RTOAC  RTOAC
		Remote Remote // what the layers below know of it
	}
	upRefused struct {
		Refusal *Refusal
		RTORJ   *RTORJ
	}
	upStart  struct{ Activity []byte }
	upResume struct {
		Activity []byte
		Resumption
	}
	upData         struct{ Octets []byte }
	upSync         struct{ Serial session.SerialNumber }
	upSyncAck      struct{ Serial session.SerialNumber }
	upEnd          struct{}
	upEndAck       struct{}
	upInterrupt    struct{ Reason session.ExceptionReason }
	upInterruptAck struct{}
	upDiscard      struct{ Reason session.ExceptionReason }
	upDiscardAck   struct{}
	upException    struct{ Reason session.ExceptionReason } // the peer's user, or its provider
	upPlease       struct{ Priority int64 }
	upGive         struct{}
	upRelease      struct{}
	upReleaseAck   struct{}
	upAborted      struct {
		Abort *Abort
		RTAB  *RTAB
	}
	upMalformed struct{ Err error } // an RTSE APDU that cannot be read or is out of place
	upError     struct{ Err error } // the layers below do not take the request
)

func (rtOpen) isEvent()       {}
func (rtOpenRsp) isEvent()    {}
func (rtOpenRefuse) isEvent() {}
func (rtTransfer) isEvent()   {}
func (rtResume) isEvent()     {}
func (rtRepeated) isEvent()   {}
func (rtSegment) isEvent()    {}
func (rtEnd) isEvent()        {}
func (rtInterrupt) isEvent()  {}
func (rtDiscard) isEvent()    {}
func (rtSecured) isEvent()    {}
func (rtAccept) isEvent()     {}
func (rtReject) isEvent()     {}
func (rtAgree) isEvent()      {}
func (rtPlease) isEvent()     {}
func (rtGive) isEvent()       {}
func (rtClose) isEvent()      {}
func (rtAbort) isEvent()      {}

func (upOpen) isEvent()         {}
func (upAccepted) isEvent()     {}
func (upRefused) isEvent()      {}
func (upStart) isEvent()        {}
func (upResume) isEvent()       {}
func (upData) isEvent()         {}
func (upSync) isEvent()         {}
func (upSyncAck) isEvent()      {}
func (upEnd) isEvent()          {}
func (upEndAck) isEvent()       {}
func (upInterrupt) isEvent()    {}
func (upInterruptAck) isEvent() {}
func (upDiscard) isEvent()      {}
func (upDiscardAck) isEvent()   {}
func (upException) isEvent()    {}
func (upPlease) isEvent()       {}
func (upGive) isEvent()         {}
func (upRelease) isEvent()      {}
func (upReleaseAck) isEvent()   {}
func (upAborted) isEvent()      {}
func (upMalformed) isEvent()    {}
func (upError) isEvent()        {}

func (rtOpenInd) isAction()      {}
func (rtOpenCnf) isAction()      {}
func (rtRefused) isAction()      {}
func (rtWindow) isAction()       {}
func (rtTransferCnf) isAction()  {}
func (rtTransferInd) isAction()  {}
func (rtInterruptCnf) isAction() {}
func (rtResumeInd) isAction()    {}
func (rtDataInd) isAction()      {}
func (rtCheckpoint) isAction()   {}
func (rtEndInd) isAction()       {}
func (rtWithdrawn) isAction()    {}
func (rtGone) isAction()         {}
func (rtPleaseInd) isAction()    {}
func (rtGiveInd) isAction()      {}
func (rtCloseInd) isAction()     {}
func (rtCloseCnf) isAction()     {}
func (rtAborted) isAction()      {}
func (rtError) isAction()        {}

func (lowOpen) isAction()         {}
func (lowAccept) isAction()       {}
func (lowRefuse) isAction()       {}
func (lowStart) isAction()        {}
func (lowData) isAction()         {}
func (lowSync) isAction()         {}
func (lowSyncAck) isAction()      {}
func (lowEnd) isAction()          {}
func (lowEndAck) isAction()       {}
func (lowDiscard) isAction()      {}
func (lowDiscardAck) isAction()   {}
func (lowInterrupt) isAction()    {}
func (lowInterruptAck) isAction() {}
func (lowResume) isAction()       {}
func (lowException) isAction()    {}
func (lowPlease) isAction()       {}
func (lowGive) isAction()         {}
func (lowRelease) isAction()      {}
func (lowReleaseAck) isAction()   {}
func (lowAbort) isAction()        {}

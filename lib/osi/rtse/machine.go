package rtse

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// state is the state of an association at this side (X.228 §7). Where the turn is
// is part of it: in the states from holding to awaitDiscardAck and in
// awaitReleaseAck it is here.
type state uint8

const (
	idle              state = iota // no association
	awaitRTOAC                     // RTORQ sent
	awaitOpenRsp                   // RTORQ received, the user decides
	holding                        // the turn is here, nothing in progress
	sending                        // an activity of this side's
	awaitEndAck                    // activity end sent
	awaitDiscardAck                // activity discard sent
	awaitInterruptAck              // activity interrupt sent
	awaitReleaseAck                // RLRQ sent
	waiting                        // the turn is at the peer, nothing in progress
	receiving                      // an activity of the peer's
	ended                          // its end received, the user secures the APDU
	withdrawn                      // … and the peer wants to discard or interrupt it
	rejecting                      // exception sent, the peer's discard or interrupt awaited
	closed                         // the association is over
)

var stateNames = [...]string{
	"idle", "await RTOAC", "await RT-OPEN response", "holding the turn", "sending",
	"await activity end confirm", "await activity discard confirm", "await activity interrupt confirm",
	"await release confirm",
	"waiting for the turn", "receiving", "APDU received", "APDU withdrawn", "APDU rejected", "closed",
}

// String names the state.
func (s state) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// machine is the reliable transfer protocol machine of one association, without
// its streams: X.228 §7 and Annex A for normal mode, as far as the layers below
// are concerned by way of the low and up primitives only.
type machine struct {
	state     state
	initiator bool
	turn      Turn // the initial one
	mode      DialogueMode

	recoverable bool                         // the user decides on associations to recover
	recover     *SessionConnectionIdentifier // this one, whichever side asks for it

	checkpoint int64 // agreed on, units of 1024 octets; 0 is none
	window     int64

	segments  int   // RTTRs of the activity sent since it was started or resumed
	rest      int64 // octets of the last that have not been sent
	issued    int64 // checkpoints of the activity sent
	confirmed int64
	reason    session.ExceptionReason // why the activity is being discarded or interrupted

	resumable bool  // the activity can be interrupted and resumed
	base      int64 // the checkpoint it was resumed from; 0: it was started
	endSent   bool  // its end was sent, or had been before it was resumed
	ending    bool  // its end was sent on this association
	secured   bool  // … and acknowledged, after it was to be discarded or interrupted
	repeated  bool  // the activity of the peer's has been accepted before
	accepted  bool  // it was accepted, and nothing has come since
	withdrawn rtGone

	out []action
}

// step takes one event and returns the actions it leads to. The slice is valid
// until the next call.
func (m *machine) step(ev event) []action {
	m.out = m.out[:0]
	known, err := m.user(ev)
	switch {
	case err != nil:
		m.out = append(m.out[:0], rtError{fmt.Errorf("rtse: %T: %w: %s", ev, err, m.state)})
	case !known && m.state != closed && !m.lower(ev):
		m.abort(ProtocolError, fmt.Errorf("%T in state %s", ev, m.state))
	}
	return m.out
}

func (m *machine) do(a action) { m.out = append(m.out, a) }

// in reports whether the state is one of states.
func (m *machine) in(states ...state) bool {
	for _, s := range states {
		if m.state == s {
			return true
		}
	}
	return false
}

// hasTurn reports whether the turn is at this side.
func (m *machine) hasTurn() bool { return m.state >= holding && m.state <= awaitReleaseAck }

// associated reports whether the association stands.
func (m *machine) associated() bool { return m.state >= holding && m.state < closed }

// mayTransfer reports whether the dialogue mode lets this side transfer at all.
func (m *machine) mayTransfer() bool {
	return m.mode == TwoWayAlternate || m.initiator == (m.turn == TurnInitiator)
}

// windowOpen reports whether another RTTR may be sent now. A window of 0 would
// never let a second one pass; it counts as 1.
func (m *machine) windowOpen() bool {
	return m.state == sending &&
		(m.segments == 0 || m.rest > 0 || m.checkpoint == 0 || m.issued-m.confirmed < max(m.window, 1))
}

var (
	errState      = errors.New("not in this state")
	errWindow     = errors.New("the window is closed")
	errRest       = errors.New("not what was to follow of the RTTR")
	errAmid       = errors.New("given up amid an RTTR")
	errCheckpoint = errors.New("there is no checkpoint to resume from")
	errMonologue  = errors.New("the dialogue is a monologue of the peer's")
	errInitiator  = errors.New("only the initiator closes an association")
)

// user deals with the requests of the RTSE-user. known is false for an event that
// is none; an error leaves everything as it was.
func (m *machine) user(ev event) (known bool, err error) {
	allowed := func(states ...state) bool {
		if !m.in(states...) {
			err = errState
		}
		return err == nil
	}
	switch ev := ev.(type) {
	case rtOpen:
		if allowed(idle) {
			m.openRequest(ev)
		}
	case rtOpenRsp:
		if allowed(awaitOpenRsp) {
			m.openResponse(ev)
		}
	case rtOpenRefuse:
		if allowed(awaitOpenRsp) {
			m.state = closed
			if m.recover != nil {
				cannot := RefuseCannotRecover
				ev.RefuseReason = &cannot
			}
			m.do(lowRefuse{RTORJ: RTORJ{RefuseReason: ev.RefuseReason, UserData: ev.UserData}, Transient: ev.Transient, Diagnostic: ev.Diagnostic})
		}
	case rtTransfer:
		if !m.mayTransfer() {
			return true, errMonologue
		}
		if allowed(holding) {
			m.activity(0, ev.Resumable, false)
			m.do(lowStart{Activity: ev.Activity})
		}
	case rtResume:
		if !m.mayTransfer() {
			return true, errMonologue
		}
		if allowed(holding) {
			m.activity(int64(ev.Serial), true, ev.Ended)
			m.do(lowResume(ev))
		}
	case rtSegment:
		if allowed(sending) {
			return true, m.segment(ev)
		}
	case rtEnd:
		if m.rest > 0 {
			return true, errRest
		}
		if allowed(sending) {
			m.state, m.endSent, m.ending = awaitEndAck, true, true
			m.do(lowEnd{})
		}
	case rtDiscard:
		switch {
		case !allowed(sending, awaitEndAck):
		case m.rest > 0:
			m.giveUpAmid(ev.Reason)
		default:
			m.discard(ev.Reason)
		}
	case rtInterrupt:
		switch {
		case !allowed(sending, awaitEndAck):
		case m.rest > 0:
			m.giveUpAmid(ev.Reason)
		case !m.resumable || m.confirmed == 0:
			return true, errCheckpoint
		default:
			m.interrupt(ev.Reason)
		}
	case rtSecured:
		if allowed(receiving, ended) {
			m.do(lowSyncAck(ev))
		}
	case rtAccept:
		switch {
		case m.state == withdrawn:
			m.abort(TransferCompleted, nil)
		case allowed(ended):
			m.state, m.accepted = waiting, true
			m.do(lowEndAck{})
		}
	case rtAgree:
		if allowed(withdrawn) {
			m.agree()
		}
	case rtRepeated:
		if allowed(receiving) {
			m.repeated = true
			return true, nil
		}
	case rtReject:
		switch {
		case m.state == withdrawn:
			m.agree()
		case allowed(receiving, ended):
			m.state = rejecting
			m.do(lowException(ev))
		}
	case rtPlease:
		if allowed(waiting, receiving, ended, withdrawn, rejecting) {
			m.do(lowPlease(ev))
		}
	case rtGive:
		if allowed(holding) {
			m.state = waiting
			m.do(lowGive{})
		}
	case rtClose:
		if !m.initiator {
			return true, errInitiator
		}
		if allowed(holding) {
			m.state = awaitReleaseAck
			m.do(lowRelease{})
		}
	case rtAbort:
		if m.in(idle, closed) {
			return true, errState
		}
		m.userAbort(ev)
	default:
		return false, nil
	}
	return true, err
}

func (m *machine) openRequest(ev rtOpen) {
	data, err := ConnectionData{Open: ev.UserData, Recover: ev.Recover}.encode()
	if err != nil {
		m.do(rtError{err})
		return
	}
	m.initiator, m.turn, m.mode = true, ev.Turn, ev.Mode
	m.checkpoint, m.window, m.recover = ev.Checkpoint, ev.Window, ev.Recover
	rq := RTORQ{CheckpointSize: &ev.Checkpoint, WindowSize: &ev.Window, ConnectionData: data}
	if ev.Mode != Monologue {
		rq.DialogueMode = &ev.Mode
	}
	m.state = awaitRTOAC
	m.do(lowOpen{RTORQ: rq, Turn: ev.Turn})
}

// openResponse answers with the smaller of the two sides' values; a checkpoint
// size of 0 proposes no limit, so that any value is smaller (X.228 §7.1).
func (m *machine) openResponse(ev rtOpenRsp) {
	data, err := ConnectionData{Open: ev.UserData, Recover: m.recover}.encode()
	if err != nil {
		m.do(rtError{err})
		return
	}
	m.checkpoint = smallerCheckpoint(m.checkpoint, ev.Checkpoint)
	m.window = min(m.window, ev.Window)
	m.establish()
	m.do(lowAccept{RTOAC{CheckpointSize: &m.checkpoint, WindowSize: &m.window, ConnectionData: data}})
}

func smallerCheckpoint(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// establish puts the turn where it begins.
func (m *machine) establish() {
	m.state = waiting
	if m.initiator == (m.turn == TurnInitiator) {
		m.state = holding
	}
}

// segment sends one RTTR, with a checkpoint between it and the one before it
// (X.228 §7.3), or a part of one.
func (m *machine) segment(ev rtSegment) error {
	first, n := m.rest == 0, ev.Rest
	for _, s := range ev.Segments {
		n += int64(len(s))
	}
	switch {
	case !m.windowOpen():
		return errWindow
	case ev.Rest < 0 || !first && n != m.rest:
		return errRest
	}
	if first && m.segments > 0 && m.checkpoint > 0 {
		m.issued++
		m.do(lowSync{})
	}
	if first {
		m.segments++
	}
	m.rest = ev.Rest
	m.do(lowData{Enclosure: session.EnclosureWhole.Part(first, ev.Rest == 0), Segments: ev.Segments, Rest: ev.Rest})
	return nil
}

// giveUpAmid gives up an activity amid an RTTR: by an abort (X.228 §7.8), since a peer that
// has not raised an exception still reads, and would find the RTTR cut short. It hears no
// reason: there is nothing but the end of the transport connection to tell it.
func (m *machine) giveUpAmid(r session.ExceptionReason) {
	reason := TemporaryProblem
	if r == session.ExceptionLocalUserError {
		reason = LocalSystemProblem
	}
	m.abort(reason, errAmid)
}

// activity begins one of this side's, or goes on with one behind checkpoint base.
func (m *machine) activity(base int64, resumable, ended bool) {
	m.state, m.segments, m.rest, m.issued, m.confirmed, m.reason = sending, 0, 0, base, base, 0
	m.base, m.resumable, m.endSent = base, resumable, ended
	m.ending, m.secured = false, false
}

// exception answers the peer's: a problem that may be over is answered by an
// interrupt, and the activity resumed, if a checkpoint has been confirmed since it
// was started or resumed; else, and after the other reasons, the activity is
// discarded (X.228 §7.6 to §7.8).
func (m *machine) exception(r session.ExceptionReason) {
	m.ending = false // a peer that acknowledges after an exception contradicts itself
	passing := r == session.ExceptionUnspecified || r == session.ExceptionLocalUserError
	if !passing || !m.resumable || m.confirmed <= m.base {
		m.discard(session.ExceptionUnspecified)
		m.reason = r
		return
	}
	m.interrupt(session.ExceptionUnspecified)
	m.reason = r
}

// interrupt stops the activity of this side's, to be resumed (X.228 §7.6).
func (m *machine) interrupt(r session.ExceptionReason) {
	m.state, m.reason, m.rest = awaitInterruptAck, r, 0
	m.do(lowInterrupt{Reason: r})
}

// discard gives up the activity of this side's (X.228 §7.7).
func (m *machine) discard(r session.ExceptionReason) {
	m.reason, m.rest = r, 0
	m.state = awaitDiscardAck
	m.do(lowDiscard{Reason: r})
}

// confirmSecured confirms a transfer whose acknowledgement has crossed its discard or
// interrupt, however the peer ends that.
func (m *machine) confirmSecured() {
	if m.secured {
		m.secured = false
		m.do(rtTransferCnf{Positive: true})
	}
}

func (m *machine) userAbort(ev rtAbort) {
	m.confirmSecured()
	m.state = closed
	reason := ev.Reason
	m.do(lowAbort{RTAB{Reason: &reason, UserData: ev.UserData}})
	m.do(rtAborted{&Abort{
		Layer: LayerRTSE, Local: true, Reason: reason.String(), RTAB: reason,
		Err: ev.Err, Protocol: reason == ProtocolError,
	}})
}

// abort is the provider's own: RTAB to the peer, RT-P-ABORT to the user.
func (m *machine) abort(reason AbortReason, err error) {
	m.confirmSecured()
	m.state = closed
	m.do(lowAbort{RTAB{Reason: &reason}})
	m.do(rtAborted{&Abort{
		Layer: LayerRTSE, Local: true, Reason: reason.String(), RTAB: reason,
		Err: err, Protocol: reason == ProtocolError,
	}})
}

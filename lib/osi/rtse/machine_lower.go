package rtse

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// lower deals with the indications of the lower layers. It returns false where the
// state table has no row, which is a protocol error.
func (m *machine) lower(ev event) bool {
	switch ev := ev.(type) {
	case upAborted:
		m.aborted(ev)
		return true
	case upMalformed:
		m.abort(ProtocolError, ev.Err)
		return true
	case upError:
		m.abort(LocalSystemProblem, ev.Err)
		return true
	case upPlease:
		// One that crosses the turn on its way is without object.
		if m.hasTurn() {
			m.do(rtPleaseInd(ev))
		}
		return m.associated()
	}
	switch m.state {
	case idle:
		if ev, ok := ev.(upOpen); ok {
			m.openIndication(ev)
			return true
		}
	case awaitRTOAC:
		switch ev := ev.(type) {
		case upAccepted:
			m.openConfirm(ev)
			return true
		case upRefused:
			m.state = closed
			m.do(rtRefused{ev.Refusal})
			return true
		}
	case waiting:
		return m.lowerWaiting(ev)
	case receiving, ended, rejecting:
		return m.lowerReceiving(ev)
	case withdrawn:
		return false
	case sending, awaitEndAck, awaitDiscardAck, awaitInterruptAck:
		return m.lowerSending(ev)
	case awaitReleaseAck:
		if _, ok := ev.(upReleaseAck); ok {
			m.state = closed
			m.do(rtCloseCnf{})
			return true
		}
	}
	return false
}

func (m *machine) lowerWaiting(ev event) bool {
	switch ev.(type) {
	case upDiscard, upInterrupt:
		// It has crossed the acknowledgement: what has been accepted cannot be
		// discarded (X.228 §7.7). A peer whose session does not tell it of the
		// acknowledgement learns so from the reason.
		if m.accepted {
			m.abort(TransferCompleted, nil)
		}
		return m.accepted
	}
	m.accepted = false
	switch ev := ev.(type) {
	case upStart:
		m.state, m.repeated = receiving, false
		m.do(rtTransferInd(ev))
	case upResume:
		m.state, m.repeated = receiving, false
		m.do(rtResumeInd(ev))
	case upGive:
		m.state = holding
		m.do(rtGiveInd{})
	case upRelease:
		m.state = closed
		m.do(lowReleaseAck{})
		m.do(rtCloseInd{})
	default:
		return false
	}
	return true
}

func (m *machine) lowerReceiving(ev event) bool {
	switch ev := ev.(type) {
	case upInterrupt:
		m.withdraw(rtGone{Interrupted: true, Reason: ev.Reason})
		return true
	case upDiscard:
		m.withdraw(rtGone{Reason: ev.Reason})
		return true
	}
	if m.state == rejecting {
		// What was on its way when the exception left.
		switch ev.(type) {
		case upData, upSync, upEnd:
			return true
		}
		return false
	}
	if m.state == ended {
		return false
	}
	switch ev := ev.(type) {
	case upData:
		m.do(rtDataInd(ev))
	case upSync:
		m.do(rtCheckpoint(ev))
	case upEnd:
		m.state = ended
		m.do(rtEndInd{})
	default:
		return false
	}
	return true
}

// withdraw lets the peer discard or interrupt its activity. Of one that has arrived whole
// the user may be about to accept it: it is asked.
func (m *machine) withdraw(g rtGone) {
	m.withdrawn = g
	switch {
	case m.repeated:
		// What has been accepted cannot be discarded (X.228 §7.7).
		m.abort(TransferCompleted, nil)
	case m.state == ended:
		m.state = withdrawn
		m.do(rtWithdrawn{})
	default:
		m.agree()
	}
}

// agree answers a discard or an interrupt.
func (m *machine) agree() {
	m.state = waiting
	if m.withdrawn.Interrupted {
		m.do(lowInterruptAck{})
	} else {
		m.do(lowDiscardAck{})
	}
	m.do(m.withdrawn)
}

func (m *machine) lowerSending(ev event) bool {
	discarding := m.state == awaitDiscardAck || m.state == awaitInterruptAck
	switch ev := ev.(type) {
	case upSyncAck:
		if !discarding {
			// Session has checked the number: one answer may confirm several.
			m.confirmed = min(int64(ev.Serial), m.issued)
			m.do(rtWindow{Serial: session.SerialNumber(m.confirmed)})
		}
		return true
	case upException:
		if !discarding {
			m.exception(ev.Reason)
		}
		return true
	case upEndAck:
		if m.state == awaitEndAck {
			m.state = holding
			m.do(rtTransferCnf{Positive: true})
			return true
		}
		// The peer has the APDU, and answers for it: the acknowledgement was on its way
		// when this side gave the transfer up.
		m.secured = m.secured || discarding && m.ending
		return discarding
	case upDiscardAck:
		if m.state == awaitDiscardAck {
			m.state = holding
			if m.secured {
				m.confirmSecured()
				return true
			}
			m.do(rtTransferCnf{Reason: m.reason})
			return true
		}
	case upInterruptAck:
		if m.state == awaitInterruptAck {
			m.state = holding
			if m.secured {
				m.confirmSecured()
				return true
			}
			m.do(rtInterruptCnf{Reason: m.reason})
			return true
		}
	}
	return false
}

// openIndication checks RTORQ. Association recovery (X.228 §7.8.3) is refused where the
// user knows nothing of it.
func (m *machine) openIndication(ev upOpen) {
	rq := ev.RTORQ
	m.checkpoint = orAbsent(rq.CheckpointSize, absentCheckpointSize)
	m.window = orAbsent(rq.WindowSize, absentWindowSize)
	m.mode = orAbsent(rq.DialogueMode, Monologue)
	m.turn = ev.Indication.Turn
	data, err := decodeConnectionData(rq.ConnectionData)
	switch {
	case err != nil:
		m.abort(ProtocolError, fmt.Errorf("RTORQ: %w", err))
		return
	case m.checkpoint < 0 || m.window < 0:
		m.abort(InvalidParameter, fmt.Errorf("RTORQ: checkpointSize %d, windowSize %d", m.checkpoint, m.window))
		return
	case m.mode != Monologue && m.mode != TwoWayAlternate:
		m.abort(InvalidParameter, fmt.Errorf("RTORQ: %s", m.mode))
		return
	case data.Recover != nil && !m.recoverable:
		m.state = closed
		cannot := RefuseCannotRecover
		m.do(lowRefuse{RTORJ: RTORJ{RefuseReason: &cannot}, Diagnostic: int64(acse.UserNoReason)})
		m.do(rtAborted{&Abort{Layer: LayerRTSE, Local: true, Reason: "refused", Err: errRecover}})
		return
	}
	m.state = awaitOpenRsp
	ind := ev.Indication
	ind.UserData, ind.Recover, m.recover = data.Open, data.Recover, data.Recover
	ind.Remote.Checkpoint, ind.Remote.Window, ind.Remote.Mode = m.checkpoint, m.window, m.mode
	m.do(rtOpenInd{ind})
}

var errRecover = errors.New("association recovery asked for, and nothing is known of the association")

// openConfirm takes the responder's values. One that answers more than was
// proposed is not obeyed, as sending in smaller pieces is always right.
func (m *machine) openConfirm(ev upAccepted) {
	ac := ev.RTOAC
	checkpoint, window := orAbsent(ac.CheckpointSize, absentCheckpointSize), orAbsent(ac.WindowSize, absentWindowSize)
	data, err := decodeConnectionData(ac.ConnectionData)
	switch {
	case err != nil:
		m.abort(ProtocolError, fmt.Errorf("RTOAC: %w", err))
		return
	case checkpoint < 0 || window < 0:
		m.abort(InvalidParameter, fmt.Errorf("RTOAC: checkpointSize %d, windowSize %d", checkpoint, window))
		return
	case data.Recover != nil && m.recover == nil:
		m.abort(ProtocolError, errors.New("RTOAC: recover in answer to open"))
		return
	case m.recover != nil && data.Recover == nil:
		m.abort(ProtocolError, errors.New("RTOAC: open in answer to recover"))
		return
	case m.recover != nil && !m.recover.equal(data.Recover):
		m.abort(ProtocolError, errors.New("RTOAC: recovers another association"))
		return
	}
	if checkpoint > 0 {
		checkpoint = smallerCheckpoint(m.checkpoint, checkpoint)
	}
	m.checkpoint, m.window = checkpoint, min(m.window, window)
	m.establish()
	remote := ev.Remote
	remote.Checkpoint, remote.Window, remote.Mode = m.checkpoint, m.window, m.mode
	m.do(rtOpenCnf{UserData: data.Open, Remote: remote})
}

// aborted ends the association. A transfer whose discarding, interrupting or resuming
// the peer answers with transferCompleted has succeeded (X.228 §7.7), if its end has
// been sent at all.
func (m *machine) aborted(ev upAborted) {
	a := *ev.Abort
	if ev.RTAB != nil {
		a.Layer = LayerRTSE
		a.RTAB = orAbsent(ev.RTAB.Reason, LocalSystemProblem)
		a.Reason, a.UserData = a.RTAB.String(), ev.RTAB.UserData
		a.Protocol = a.RTAB == ProtocolError
		if a.RTAB == TransferCompleted && m.endSent && m.in(sending, awaitEndAck, awaitDiscardAck, awaitInterruptAck) {
			m.secured = true
		}
	}
	m.confirmSecured()
	m.state = closed
	m.do(rtAborted{&a})
}

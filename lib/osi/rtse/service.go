package rtse

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// indicate takes an indication or confirm of the machine, and returns what there is
// to answer at once. It returns false for what is none. c.mu is held.
func (c *Conn) indicate(a action) (answer event, ok bool) {
	switch a := a.(type) {
	case rtOpenInd:
		c.opened = &a.OpenIndication
	case rtOpenCnf:
		c.answer, c.remote = &a, a.Remote
		c.remote.Addr = c.tc.RemoteAddr()
	case rtRefused:
		c.refuse = a.Refusal
		c.end(&Abort{Layer: a.Refusal.Layer, Reason: "refused", Err: a.Refusal})
	case rtWindow:
		c.sent.confirm(a.Serial)
	case rtInterruptCnf:
		c.broken = &a
	case rtTransferCnf:
		c.result = &a
	case rtTransferInd:
		c.beginInbound(a.Activity)
	case rtResumeInd:
		answer = c.resumeInbound(a)
	case rtDataInd:
		if !c.in.repeated {
			c.data(a.Octets)
		}
	case rtCheckpoint:
		// What came before it has been read: the goroutine that reads the
		// transport connection would not have got here otherwise.
		if c.in.keep == nil || !c.in.told || c.in.err != nil {
			answer = rtSecured(a)
			c.in.confirmed = a.Serial
			break
		}
		c.in.point(a.Serial)
	case rtEndInd:
		if c.in.repeated {
			c.in = nil
			answer = rtAccept{}
			break
		}
		c.in.eof = true
		c.tell()
	case rtWithdrawn:
		// Who has read it all may be securing it, and would not know that it comes again.
		if !c.in.told || len(c.in.chunk) > 0 || c.in.err != nil {
			answer = rtAgree{}
		}
	case rtGone:
		c.gone(&Discarded{Interrupted: a.Interrupted, Reason: a.Reason})
	case rtPleaseInd:
		c.pleased(a.Priority)
	case rtGiveInd:
		c.inbox = append(c.inbox, TurnGiven{})
	case rtCloseInd, rtCloseCnf:
		c.end(nil)
	case rtAborted:
		c.end(a.Abort)
	default:
		return nil, false
	}
	c.notify()
	return answer, true
}

// data takes the octets of the RTTRs in one TSDU. Those of the TSDU before have been read,
// or will not be.
func (c *Conn) data(octets []byte) {
	c.in.chunk, c.in.fresh = octets, len(octets) > 0
	c.tell()
}

// tell has the user told of the activity, when it has begun to arrive.
func (c *Conn) tell() {
	if !c.in.told {
		c.in.told = true
		go (&TransferIndication{Activity: c.in.activity, conn: c, in: c.in}).announce()
	}
}

// announce is the goroutine that reads the head of an APDU and then puts it into the
// inbox, unless its sender has given it up meanwhile, or the association is over.
func (t *TransferIndication) announce() {
	if !t.open() {
		return
	}
	c := t.conn
	c.mu.Lock()
	if c.in == t.in {
		c.inbox = append(c.inbox, t)
		c.notify()
	}
	c.mu.Unlock()
}

// drop takes an activity nobody has been told of out of the inbox.
func (c *Conn) drop() {
	c.inbox = slices.DeleteFunc(c.inbox, func(i Indication) bool {
		_, ok := i.(*TransferIndication)
		return ok
	})
}

// gone ends the peer's activity without an end.
func (c *Conn) gone(d *Discarded) {
	if c.in == nil {
		return // one that was refused to be resumed
	}
	if c.in.err == nil {
		c.in.err = d
	}
	how := asDropped
	if d.Interrupted {
		how = asLeft
	}
	c.in.keep.end(how)
	c.in.past.forget()
	c.drop()
	c.in = nil
}

// pleased keeps the most urgent request for the turn.
func (c *Conn) pleased(priority int64) {
	c.asked = true
	for i, ind := range c.inbox {
		if t, ok := ind.(TurnRequested); ok {
			c.inbox[i] = TurnRequested{Priority: min(priority, t.Priority)}
			return
		}
	}
	c.inbox = append(c.inbox, TurnRequested{Priority: priority})
}

// Receive returns the next indication. An error is that of the context; the
// association is as it was then.
func (c *Conn) Receive(ctx context.Context) (Indication, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.wait(ctx, nil, func() bool { return len(c.inbox) > 0 })
	switch {
	case err != nil:
		return nil, err
	case len(c.inbox) > 0:
		ind := c.inbox[0]
		c.inbox = slices.Delete(c.inbox, 0, 1)
		return ind, nil
	case c.abort != nil:
		return Aborted{c.abort}, nil
	}
	return Closed{}, nil
}

// open reads the head of the EXTERNAL around the APDU, which X.410-1984 mode does
// without. It returns false if there is no APDU after all: the sender has given it
// up, or the association is over.
func (t *TransferIndication) open() bool {
	if t.conn.remote.ApplicationProtocol != 0 {
		t.APDU = &apduReader{in: t.in, r: t.in}
		return true
	}
	context, apdu, err := openExternal(t.in)
	if err == nil {
		var ok bool
		if t.Syntax, ok = t.conn.remote.syntaxOf(context); !ok {
			err = externalError(0, contextError(context))
		}
	}
	if err != nil {
		t.in.finish(err)
		return false
	}
	t.APDU = &apduReader{in: t.in, r: apdu}
	return true
}

// HasTurn reports whether the turn is at this side.
func (c *Conn) HasTurn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine.hasTurn()
}

// TurnWanted reports whether the peer has asked for the turn that is here. Receive tells
// it, too, when it comes to that: whoever has just ended a transfer may be ahead of it.
func (c *Conn) TurnWanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked && c.machine.hasTurn()
}

// PleaseTurn is the RT-TURN-PLEASE request: it asks the peer for the turn. 0 is
// the highest priority, and kept for Close; what the others mean is the application
// context's (X.218 §9.4.1.1). It may be repeated with another priority.
func (c *Conn) PleaseTurn(priority int64) error { return c.simple("turn please", rtPlease{priority}) }

// GiveTurn is the RT-TURN-GIVE request. No transfer may be under way.
func (c *Conn) GiveTurn() error { return c.simple("turn give", rtGive{}) }

func (c *Conn) simple(op string, ev event) error {
	c.mu.Lock()
	err := c.over()
	if err == nil {
		err = c.step(ev)
	}
	if _, ok := ev.(rtGive); ok && err == nil {
		// None of this is true any more.
		c.asked = false
		c.inbox = slices.DeleteFunc(c.inbox, func(i Indication) bool {
			switch i.(type) {
			case TurnGiven, TurnRequested:
				return true
			}
			return false
		})
	}
	c.mu.Unlock()
	if err == nil {
		err = c.flush()
	}
	return diag.E("rtse: "+op, diag.KindOf(err), err)
}

// Close is the RT-CLOSE request: it releases the association and returns when the
// peer has agreed. Only the initiator closes (X.218 §9.2), and it needs the turn:
// where it is at the peer, Close asks for it with priority 0 and waits, while
// Receive still returns what arrives. If the turn does not come in time the
// association stands as before; if the answer does not, it is aborted.
func (c *Conn) Close(ctx context.Context) error {
	err := c.release(ctx)
	_ = c.flush() // the answer has come, or it is over
	return diag.E("rtse: close", diag.KindOf(err), err)
}

func (c *Conn) release(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.machine.initiator {
		return diag.E("", diag.Usage, errInitiator)
	}
	if c.abort != nil || c.closed {
		return c.abortOrNil()
	}
	c.closing = true
	defer func() { c.closing = false }()
	timer := time.NewTimer(c.cfg.Timers.Release)
	defer timer.Stop()
	if !c.machine.hasTurn() {
		if err := c.step(rtPlease{0}); err != nil {
			return err
		}
	}
	if err := c.wait(ctx, timer.C, func() bool { return c.machine.state == holding }); err != nil {
		return diag.E("", diag.Unavailable, err)
	}
	if c.over() != nil {
		return c.abortOrNil()
	}
	if err := c.step(rtClose{}); err != nil {
		return err
	}
	timer.Reset(c.cfg.Timers.Release)
	if err := c.wait(ctx, timer.C, func() bool { return false }); err != nil {
		c.giveUp(TemporaryProblem, err)
	}
	return c.abortOrNil()
}

// abortOrNil is the error of a Close that finds the association over.
func (c *Conn) abortOrNil() error {
	if c.abort != nil {
		return c.abort
	}
	return nil
}

// Abort ends the association at once: RT-U-ABORT with UserError, RT-P-ABORT with
// the other reasons. What is in transit is lost.
func (c *Conn) Abort(reason AbortReason) {
	c.mu.Lock()
	if c.over() == nil {
		if err := c.tc.SetWriteDeadline(time.Now().Add(c.cfg.Timers.Disconnect)); err != nil {
			c.tc.Close()
		}
		c.giveUp(reason, nil)
	}
	c.mu.Unlock()
	_ = c.flush() // it is over either way
}

// TransferResult tells how a Transfer ended.
type TransferResult struct {
	// Confirmed says that the peer has secured the APDU: the responsibility for
	// it has passed. Otherwise it is here still, though the peer may have the APDU
	// where it is InDoubt.
	Confirmed bool
	// Interrupted says, unless Confirmed, where the transfer may be resumed: on this
	// association if it stands, or on another with the peer.
	Interrupted *Resumption
	// Resumed says that the transfer went on behind the checkpoint it was asked to be
	// resumed from; it is false where the peer knew nothing of it, and the APDU was sent
	// from its beginning.
	Resumed bool
	// Reason is why the APDU was discarded, when the peer asked for that.
	Reason session.ExceptionReason
	// InDoubt says that the APDU was sent to its end and the association lost
	// before the answer: the peer may have it.
	InDoubt bool
	// Err is why this side gave the transfer up: what the reader of the APDU
	// returned, the end of the context, or the transfer time. The association
	// stands, unless it is one without checkpoints: an RTTR cannot be given up
	// in its midst but by an abort.
	Err error
}

// Transfer is RT-TRANSFER: it sends the APDU, one BER value of exactly size octets,
// in the abstract syntax Config.UserSyntax, and waits for the answer. This side
// must have the turn. An error says that the request was out of place, or, with
// *Abort in it, that the association is gone.
func (c *Conn) Transfer(ctx context.Context, apdu io.Reader, size int64) (TransferResult, error) {
	return c.TransferWith(ctx, apdu, size, TransferOptions{})
}

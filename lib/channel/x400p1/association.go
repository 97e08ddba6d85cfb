package x400p1

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// association is one association, whoever opened it.
type association struct {
	channel *Channel
	id      uint64
	peer    conf.Peer
	conn    *rtse.Conn
	inbound bool
	twoWay  bool

	mu        sync.Mutex
	changed   *sync.Cond // inUse
	inUse     int        // jobs whose outcome is not told, and objects being taken
	busy      bool       // a job is in progress
	wanted    bool       // the peer has asked for the turn
	releasing bool       // no job begins any more
	sealed    bool       // nor is an object taken
}

func newAssociation(c *Channel, id uint64, peer conf.Peer, conn *rtse.Conn, inbound bool) *association {
	a := &association{channel: c, id: id, peer: peer, conn: conn, inbound: inbound, twoWay: conn.Remote().Mode == rtse.TwoWayAlternate}
	a.changed = sync.NewCond(&a.mu)
	return a
}

// tell tells the scheduler that the association stands, and whose turn it is.
func (a *association) tell() {
	a.channel.host.Association(channel.Line{Assoc: a.id, Peer: a.peer.Name, State: channel.StateUp,
		Inbound: a.inbound, TwoWay: a.twoWay, Turn: a.conn.HasTurn()})
}

// from says who is at the other end, for the event log.
func (a *association) from() string {
	way := "to"
	if a.inbound {
		way = "from"
	}
	return fmt.Sprintf("%s %v", way, a.conn.Remote().Addr)
}

// receive takes what the peer sends until the association ends; nil is an orderly
// release.
func (a *association) receive() error {
	for {
		ind, err := a.conn.Receive(a.channel.ctx)
		if err != nil {
			a.conn.Abort(rtse.LocalSystemProblem)
			return err
		}
		switch ind := ind.(type) {
		case *rtse.TransferIndication:
			if !a.enter() {
				continue // it is about to be aborted, and the object to be sent again
			}
			err := a.take(ind)
			a.leave()
			if err != nil {
				return err
			}
		case rtse.TurnGiven:
			a.tell()
		case rtse.TurnRequested:
			a.asked()
		case rtse.Closed:
			return nil
		case rtse.Aborted:
			return ind.Abort
		}
	}
}

// asked gives the turn to a peer that asks for it, at once or after the transfer in
// progress.
func (a *association) asked() {
	a.mu.Lock()
	a.wanted = true
	give := !a.busy
	a.mu.Unlock()
	if give {
		a.give()
	}
}

// give gives the turn if the peer has asked for it and nothing is in progress.
func (a *association) give() {
	a.mu.Lock()
	give := a.wanted && !a.busy && !a.releasing && a.conn.HasTurn()
	if give {
		a.wanted = false
	}
	a.mu.Unlock()
	if !give {
		return
	}
	// An association that has ended tells so in receive.
	if a.conn.GiveTurn() == nil {
		a.tell()
	}
}

// begin claims the association for a job, until leave; it fails when the turn has gone
// or the association is being released.
func (a *association) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy || a.releasing || !a.conn.HasTurn() {
		return false
	}
	a.busy = true
	a.inUse++
	return true
}

// end ends a job, and gives the turn to a peer that has asked for it meanwhile. The
// scheduler must hear that the turn is gone before it hears that the job is done, or it
// would send the next one into the void.
func (a *association) end() {
	a.mu.Lock()
	a.busy = false
	a.mu.Unlock()
	a.give()
}

// enter claims the association for an object that arrives, until leave.
func (a *association) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sealed {
		return false
	}
	a.inUse++
	return true
}

func (a *association) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inUse--
	a.changed.Broadcast()
}

// finish lets no job begin any more and waits for the last.
func (a *association) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.releasing = true
	a.rest()
}

// rest waits until nothing is in progress. a.mu is held, but not while waiting.
func (a *association) rest() {
	for a.inUse > 0 {
		a.changed.Wait()
	}
}

// release closes the association: its initiator does, once what is in progress in
// either direction has ended. A responder waits for that, too, and then aborts.
func (a *association) release() {
	a.mu.Lock()
	if a.releasing {
		a.mu.Unlock()
		return
	}
	a.releasing = true
	a.rest()
	a.sealed = a.inbound
	a.mu.Unlock()
	if a.inbound {
		// X.218 §9.2: only the initiator closes. Its side learns by an abort that
		// we are stopping, with nothing in transit.
		a.conn.Abort(rtse.TemporaryProblem)
		return
	}
	// How it ends is told by receive.
	if err := a.conn.Close(a.channel.ctx); err == nil || errors.Is(err, net.ErrClosed) {
		return
	}
	// A peer that keeps the turn may be in the middle of something.
	a.mu.Lock()
	a.rest()
	a.sealed = true
	a.mu.Unlock()
	a.conn.Abort(rtse.LocalSystemProblem)
}

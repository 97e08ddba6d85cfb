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
	jobs    sync.WaitGroup

	mu        sync.Mutex
	busy      bool // a job is in progress
	wanted    bool // the peer has asked for the turn
	releasing bool
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
			if err := a.take(ind); err != nil {
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

// begin claims the association for a job; it fails when the turn has gone or the
// association is being released.
func (a *association) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.busy || a.releasing || !a.conn.HasTurn() {
		return false
	}
	a.busy = true
	a.jobs.Add(1)
	return true
}

func (a *association) end() {
	a.mu.Lock()
	a.busy = false
	a.mu.Unlock()
	a.jobs.Done()
	a.give()
}

// release closes the association: its initiator does, once what is in progress has
// ended. A responder waits for the initiator, and after that aborts.
func (a *association) release() {
	a.mu.Lock()
	if a.releasing {
		a.mu.Unlock()
		return
	}
	a.releasing = true
	a.mu.Unlock()
	a.jobs.Wait()
	if a.inbound {
		// X.218 §9.2: only the initiator closes. Its side learns by an abort that
		// we are stopping, with nothing in transit.
		a.conn.Abort(rtse.TemporaryProblem)
		return
	}
	// How it ends is told by receive.
	if err := a.conn.Close(a.channel.ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		a.conn.Abort(rtse.LocalSystemProblem)
	}
}

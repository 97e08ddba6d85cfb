package x400p1

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// association is one association, whoever opened it. What may be done when is decided
// by the machine; what it asks for is done here.
type association struct {
	channel *Channel
	id      uint64
	peer    conf.Peer
	conn    *rtse.Conn
	inbound bool
	twoWay  bool
	keeper  *peerKeeper // nil: nothing is kept
	mode    string      // conf.ModeNormal …
	subject string      // of the peer's certificate, with strong credentials
	remark  string      // about its recovery
	remote  netip.Addr  // of the peer; zero: not known

	// What was accepted last, and the peer is not known to have heard of; used by receive
	// only.
	answered   *spool.Envelope
	answeredAt time.Time

	mu          sync.Mutex
	use         p1.Association
	interrupted map[spool.ID]bool // messages whose transfer over it may be resumed
	replaced    bool              // recovered already by its initiator; guarded by the mutex of the channel
	due         chan struct{}     // closed when the turn, which a message waits for, is used; nil: none waits
	terminated  chan struct{}     // closed when the end can be told
}

func newAssociation(c *Channel, id uint64, peer conf.Peer, conn *rtse.Conn, keeper *peerKeeper, inbound bool, subject string) *association {
	a := &association{channel: c, id: id, peer: peer, conn: conn, keeper: keeper, inbound: inbound, subject: subject,
		twoWay: conn.Remote().Mode == rtse.TwoWayAlternate, mode: modeOf(conn.Remote()), terminated: make(chan struct{})}
	a.use.Unbinds = !inbound
	if conn.HasTurn() {
		a.use.Turn = p1.TurnOurs
	}
	return a
}

// tell tells the scheduler that the association stands, and whose turn it is.
func (a *association) tell() {
	a.mu.Lock() // what is told last must be what is so
	defer a.mu.Unlock()
	a.channel.host.Association(channel.Line{Assoc: a.id, Peer: a.peer.Name, State: channel.StateUp,
		Inbound: a.inbound, TwoWay: a.twoWay, Turn: a.use.Turn == p1.TurnOurs})
}

// from says who is at the other end, and how it talks, for the event log.
func (a *association) from() string {
	way := "to"
	if a.inbound {
		way = "from"
	}
	text := fmt.Sprintf("%s %v", way, a.conn.Remote().Addr)
	if a.mode != conf.ModeNormal {
		text += ", mode " + a.mode
	}
	if a.subject != "" {
		text += ", strong credentials of " + a.subject
	}
	if isNone(&a.peer) {
		text += ", no credentials"
	}
	if a.remark != "" {
		text += ", " + a.remark
	}
	return text
}

// step gives the machine an event, does what it asks for, and tells whether that is
// what was hoped for.
func (a *association) step(ev p1.AssociationEvent, hope ...p1.AssociationAction) bool {
	a.mu.Lock()
	actions := a.use.Step(ev)
	a.mu.Unlock()
	hoped := false
	for _, action := range actions {
		a.do(action)
		hoped = hoped || slices.Contains(hope, action)
	}
	return hoped
}

// do carries out an action. What waits for the peer has a goroutine of its own, because
// the present one may be that which hears the peer.
func (a *association) do(action p1.AssociationAction) {
	switch action {
	case p1.GiveTurn:
		// An association that has ended tells so in receive.
		if a.conn.GiveTurn() == nil {
			a.step(p1.TurnGone)
		}
	case p1.Tell:
		a.tell()
	case p1.Unbind:
		a.channel.tasks.Go(func() {
			// How it ends is told by receive.
			if err := a.conn.Close(a.channel.ctx); err != nil && !errors.Is(err, net.ErrClosed) {
				a.step(p1.UnbindFailed)
			}
		})
	case p1.Abort:
		// With nothing in transit. The side of an initiator learns so that we are stopping.
		reason := rtse.LocalSystemProblem
		if a.inbound {
			reason = rtse.TemporaryProblem
		}
		a.channel.tasks.Go(func() { a.conn.Abort(reason) })
	case p1.Terminate:
		close(a.terminated)
	}
}

// receive takes what the peer sends until the association ends; nil is an orderly
// release.
func (a *association) receive() (end error) {
	defer func() { a.unheard(end) }()
	for {
		ind, err := a.conn.Receive(a.channel.ctx)
		if err != nil {
			a.conn.Abort(rtse.LocalSystemProblem)
			return err
		}
		switch ind := ind.(type) {
		case *rtse.TransferIndication:
			if !a.step(p1.TransferIndication, p1.Take) {
				continue // it is about to be aborted, and the object to be sent again
			}
			err := a.take(ind)
			a.step(p1.TransferResponse)
			if err != nil {
				return err
			}
		case rtse.TurnGiven:
			a.keeper.Heard()
			a.answered = nil
			a.step(p1.TurnGiven)
		case rtse.TurnRequested:
			a.requested()
		case rtse.Closed:
			a.keeper.Heard()
			return nil
		case rtse.Aborted:
			return ind.Abort
		}
	}
}

// turnGrace is how long the turn is kept for the message it was asked for, when the peer
// wants it back at once.
const turnGrace = 200 * time.Millisecond

// please asks the peer for the turn on behalf of a message.
func (a *association) please(p spool.Priority) {
	a.mu.Lock()
	if a.due == nil {
		a.due = make(chan struct{})
	}
	a.mu.Unlock()
	// An association that has ended tells so itself.
	_ = a.conn.PleaseTurn(turnPriority(p))
}

// used notes that the turn is used that a message has waited for, if one has.
func (a *association) used() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.due != nil {
		close(a.due)
		a.due = nil
	}
}

// requested hears that the peer asks for the turn. It may have asked before this side
// could use the turn it had itself asked for, and the message, on its way here from the
// scheduler, would come too late and lose its place.
func (a *association) requested() {
	a.mu.Lock()
	due := a.due
	if a.use.Turn != p1.TurnOurs {
		due = nil
	}
	a.mu.Unlock()
	if due == nil {
		a.step(p1.TurnPlease)
		return
	}
	a.channel.tasks.Go(func() {
		select {
		case <-due:
		case <-time.After(turnGrace):
			a.used() // or nobody wants it any more
		case <-a.channel.ctx.Done():
		}
		a.step(p1.TurnPlease)
	})
}

// release closes the association: its initiator does, once what is in progress in
// either direction has ended. A responder waits for that, too, and then aborts.
func (a *association) release() { a.step(p1.UnbindRequest) }

// finish tells the machine that the association is over, and waits until the last
// outcome is told.
func (a *association) finish() {
	a.step(p1.End)
	<-a.terminated
}

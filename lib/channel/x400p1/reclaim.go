package x400p1

import (
	"errors"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

// Associations of ours that were lost with an activity that may be resumed, in either
// direction, are recovered when the next one is opened with the peer (X.228 §7.8.3). Each is
// asked for once: a peer that answers no, or that takes no part in this, would do so again.

// loseOurs remembers an association of ours that may be recovered.
func (r *recovery) loseOurs(l lost) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ours = addLost(r.ours, l)
}

// reclaim is the association with a peer that was lost last, which nobody else gets any more;
// nil if there is none, or it is not to be recovered.
func (r *recovery) reclaim(peer *conf.Peer) *lost {
	if !peer.Recovery || !peer.RecoverAssociations {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.now().Add(-r.age)
	r.ours = slices.DeleteFunc(r.ours, func(l lost) bool { return l.at.Before(old) })
	for i, l := range slices.Backward(r.ours) {
		if l.peer == peer.Name && ofMode(l.connection, peer.Mode) {
			r.ours = slices.Delete(r.ours, i, i+1)
			return &l
		}
	}
	return nil
}

// ofMode reports whether a session connection is one of a mode: it had a T61String for a
// calling reference in X.410-1984 mode, and an OCTET STRING in normal mode (X.228 §9).
func ofMode(c session.ConnectionIdentifier, mode string) bool {
	normal := ber.Raw(c.CallingReference).Tag() == asn1.Univ(asn1.NumberOctetString)
	return normal == (mode == conf.ModeNormal)
}

// sentAgain forgets an association of ours whose only use was to resume a message that is
// going over another.
func (r *recovery) sentAgain(peer string, id spool.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ours = slices.DeleteFunc(r.ours, func(l lost) bool {
		was := l.peer == peer && l.messages[id]
		delete(l.messages, id)
		return was && len(l.messages) == 0 && !l.theirs
	})
}

// comesAgain forgets an association of ours of which the peer resumes something over another.
// r.mu is held.
func (r *recovery) comesAgain(peer string, c session.ConnectionIdentifier) {
	refs := references(peer, c)
	r.ours = slices.DeleteFunc(r.ours, func(l lost) bool {
		return references(l.peer, l.connection) == refs && len(l.messages) == 0
	})
}

// resumable reports whether the peer may resume an activity of an association that is over:
// something of it is kept, or it was accepted and the peer has not gone on from there.
func (k *peerKeeper) resumable(c session.ConnectionIdentifier) bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	refs := references(k.peer, c)
	for name, p := range k.names {
		if strings.HasPrefix(name, refs) && p.mayBeResumed() {
			return true
		}
	}
	return false
}

// mayBeResumed is about a partial that nobody writes.
func (p *partial) mayBeResumed() bool { return p.accepted || len(p.secured) > 0 }

// interrupt notes whether the transfer of a message over the association has been interrupted
// and may be resumed.
func (a *association) interrupt(id spool.ID, interrupted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !interrupted {
		delete(a.interrupted, id)
		return
	}
	if a.interrupted == nil {
		a.interrupted = map[spool.ID]bool{}
	}
	a.interrupted[id] = true
}

// mourn remembers an association of ours that is lost, if it is of use to recover it. All
// that was in transit over it has ended.
func (c *Channel) mourn(a *association, end error) {
	if a.inbound || !a.peer.Recovery || !a.peer.RecoverAssociations || !isLoss(end) {
		return
	}
	l := lost{connection: a.conn.Remote().Identifier, peer: a.peer.Name, at: c.now()}
	a.mu.Lock()
	l.messages = a.interrupted // nothing is sent over it any more
	a.mu.Unlock()
	if l.theirs = a.keeper.resumable(l.connection); l.theirs || len(l.messages) > 0 {
		c.loseOurs(&a.peer, l)
	}
}

// loseOurs remembers an association of ours, unless the peer would have to answer with
// something else by now.
func (c *Channel) loseOurs(peer *conf.Peer, l lost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conf.knows(peer) {
		c.recovery.loseOurs(l)
	}
}

// isLoss reports whether an association ended in a way after which it may be recovered: the
// transport connection was lost, or a provider aborted for what may pass.
func isLoss(end error) bool {
	var a *rtse.Abort
	if !errors.As(end, &a) || a.Protocol {
		return false
	}
	return a.Layer != rtse.LayerRTSE || a.RTAB == rtse.LocalSystemProblem || a.RTAB == rtse.TemporaryProblem
}

package sched

import (
	"slices"

	"github.com/mtakit/mtakit/lib/spool"
)

// turnAnswers bounds how many associations are looked at for a turn to ask for.
const turnAnswers = 64

func (s *Scheduler) findAssoc(channel string, process int, id uint64) *assoc {
	c := s.byName[channel]
	if c == nil {
		return nil
	}
	proc := c.process(process)
	if proc == nil {
		return nil
	}
	return proc.assocs[id]
}

// openAssoc asks the channel's process for an association with a peer.
func (s *Scheduler) openAssoc(p *peer, priority int) *assoc {
	c := p.channel
	s.lastAssoc++
	a := &assoc{
		process: c.current, peer: p, id: s.lastAssoc, state: assocOpening,
		priority: priority, probe: p.failures > 0, call: p.callDue() && p.best() == priorities, idleAt: -1,
	}
	a.process.assocs[a.id] = a
	c.opened = s.now
	p.connect = false
	s.countHost(a, 1)
	if priority == urgent && p.reserved == 0 && p.usable+p.opening >= p.maxAtOnce() {
		a.reserved = true
		p.reserved++
	}
	c.assocs++
	c.openFor[priority]++
	if a.probe {
		c.probes++
	}
	p.opening++
	s.lastServed++
	p.served = s.lastServed
	s.touch(p)
	s.out.add(OpenAssociation{Channel: c.name, Process: a.process.number, Assoc: a.id, Peer: p.name})
	return a
}

// endOpening counts an association out that is no longer being opened.
func (s *Scheduler) endOpening(a *assoc) {
	c := a.peer.channel
	c.openFor[a.priority]--
	if a.probe {
		c.probes--
	}
	a.peer.opening--
	s.touch(a.peer)
}

// associationUp takes a new association, or news about the turn of an old one.
// Whoever opened it, the peer is alive: its wait is over.
func (s *Scheduler) associationUp(ev AssociationUp) {
	c := s.byName[ev.Channel]
	if c == nil {
		return
	}
	proc := c.process(ev.Process)
	if proc == nil {
		return
	}
	a := proc.assocs[ev.Assoc]
	switch {
	case a == nil:
		a = &assoc{
			process: proc, peer: s.peer(spool.Hop{Channel: ev.Channel, Peer: ev.Peer}),
			id: ev.Assoc, inbound: ev.Inbound, idleAt: -1,
		}
		proc.assocs[a.id] = a
		if !a.inbound {
			c.assocs++
			s.countHost(a, 1)
		}
	case a.state == assocOpening:
		s.endOpening(a)
	default:
		s.turn(a, ev.Turn)
		return
	}
	p := a.peer
	a.state, a.twoWay, a.turn, a.since = assocUp, ev.TwoWay, ev.Turn, s.now
	a.at = len(p.assocs)
	p.assocs = append(p.assocs, a)
	p.connect = false
	s.schedule(p)
	s.countTurn(a, 1)
	s.peerAlive(p)
	if proc.stopping {
		s.setClosing(a)
		return
	}
	s.makeIdle(a)
}

// countTurn keeps the numbers of associations a peer can give us work on.
func (s *Scheduler) countTurn(a *assoc, by int) {
	p := a.peer
	if a.canSend() {
		p.usable += by
		if a.reserved {
			p.usableReserved += by
		}
	}
	if a.twoWay && !a.turn {
		p.askable += by
		if a.reserved {
			p.askableReserved += by
		}
	}
	s.touch(p)
}

// turn notes who has the turn. Losing it while a job runs means that the job
// waits for it in the channel.
func (s *Scheduler) turn(a *assoc, ours bool) {
	if a.state != assocUp || a.turn == ours {
		return
	}
	s.countTurn(a, -1)
	a.turn = ours
	s.countTurn(a, 1)
	if !ours {
		s.unidle(a)
		s.lend(a)
		return
	}
	a.peer.channel.lent.drop(&a.loan)
	s.peerAlive(a.peer)
	s.answered(a)
	s.makeIdle(a)
}

// answered ends the wait for the turn of an association.
func (s *Scheduler) answered(a *assoc) {
	if p := a.peer; p.asked == a {
		p.asked, p.turnUntil = nil, 0
		s.setWake(p)
	}
}

// askTurn asks for the turn of one of a peer's associations, for work of a
// priority, unless that has been done.
func (s *Scheduler) askTurn(p *peer, priority int) {
	a := p.asked
	if a != nil && p.askedFor <= priority {
		return
	}
	if a == nil {
		for _, b := range p.assocs[:min(len(p.assocs), turnAnswers)] {
			if b.twoWay && !b.turn && (priority == urgent || !b.reserved) {
				a = b
				break
			}
		}
		if a == nil {
			return
		}
		p.turnUntil = s.later(s.config.TurnWait)
		s.setWake(p)
	}
	p.asked, p.askedFor = a, priority
	s.out.add(RequestTurn{
		Channel: p.channel.name, Process: a.process.number, Assoc: a.id,
		Peer: p.name, Priority: priorityOf(priority),
	})
}

// makeIdle offers an association to the next job.
func (s *Scheduler) makeIdle(a *assoc) {
	p := a.peer
	s.touch(p)
	s.lend(a)
	if a.state != assocUp || !a.turn || a.job != nil || a.idleAt >= 0 {
		return
	}
	a.idleAt = len(p.idle)
	p.idle = append(p.idle, a)
	if a.reserved {
		p.idleReserved++
	}
	a.idleSince = s.now
	if !a.inbound {
		p.channel.idle.put(a)
	}
	if p.off() || p.shut && p.best() == priorities || a.spent() {
		s.close(a)
	}
}

// lend remembers that the peer has the turn of an association of ours.
func (s *Scheduler) lend(a *assoc) {
	if a.state == assocUp && !a.inbound && a.twoWay && !a.turn && a.job == nil {
		a.loan.assoc, a.loan.since = a, s.now
		a.peer.channel.lent.put(&a.loan)
	}
}

func (s *Scheduler) unidle(a *assoc) {
	if a.idleAt < 0 {
		return
	}
	p := a.peer
	last := len(p.idle) - 1
	moved := p.idle[last]
	p.idle[a.idleAt], moved.idleAt = moved, a.idleAt
	p.idle[last] = nil
	p.idle = p.idle[:last]
	if a.reserved {
		p.idleReserved--
	}
	a.idleAt = -1
	p.channel.idle.drop(a)
	s.touch(p)
}

// close asks for the release of an idle association. Only its initiator may
// (X.228 §9.2), so the peer's stay.
func (s *Scheduler) close(a *assoc) {
	if a.inbound || a.state != assocUp {
		return
	}
	s.out.add(CloseAssociation{
		Channel: a.peer.channel.name, Process: a.process.number, Assoc: a.id, Peer: a.peer.name,
	})
	s.setClosing(a)
}

// setClosing takes an association that is up out of use.
func (s *Scheduler) setClosing(a *assoc) {
	s.unidle(a)
	s.detach(a)
	s.unreserve(a)
	a.state = assocClosing
	a.peer.closing++
	if !a.inbound {
		a.peer.channel.closing++
		if h := a.peer.host; h != nil {
			h.closing++
		}
	}
}

// spent reports whether an association has carried as much as one is to carry.
func (a *assoc) spent() bool {
	most := a.peer.channel.config.MaxTransfers
	return most > 0 && !a.inbound && a.done >= most
}

// unreserve gives up the place of an association that is for urgent messages only. It
// is not idle any more.
func (s *Scheduler) unreserve(a *assoc) {
	if a.reserved {
		a.reserved = false
		a.peer.reserved--
	}
}

// detach takes an association that is up away from its peer.
func (s *Scheduler) detach(a *assoc) {
	p := a.peer
	p.channel.lent.drop(&a.loan)
	last := len(p.assocs) - 1
	moved := p.assocs[last]
	p.assocs[a.at], moved.at = moved, a.at
	p.assocs[last] = nil
	p.assocs = p.assocs[:last]
	if len(p.assocs) == 0 {
		p.contact = s.now
		s.schedule(p)
	}
	s.countTurn(a, -1)
	s.answered(a)
}

// dropAssoc forgets an association in any state, but not its job.
func (s *Scheduler) dropAssoc(a *assoc) {
	c := a.peer.channel
	switch a.state {
	case assocOpening:
		s.endOpening(a)
	case assocUp:
		s.unidle(a)
		s.detach(a)
	case assocClosing:
		a.peer.closing--
		if !a.inbound {
			c.closing--
			if h := a.peer.host; h != nil {
				h.closing--
			}
		}
	}
	if !a.inbound {
		if c.assocs--; c.assocs == 0 {
			c.ended = s.now
		}
		s.countHost(a, -1)
	}
	s.unreserve(a)
	a.state = assocClosed
	delete(a.process.assocs, a.id)
	s.touch(a.peer)
}

// associationDown takes the end of an association, or of the attempt to open
// one.
func (s *Scheduler) associationDown(a *assoc, failed bool, why string) {
	state, p, working := a.state, a.peer, a.job != nil
	s.dropAssoc(a)
	if j := a.job; j != nil {
		s.doubt(j, why)
	}
	switch {
	case state == assocOpening && p.usable > 0:
		// It is alive and wants no more at once.
		p.crowdedUntil = s.later(s.config.PeerBackoff.Delay(1))
		s.setWake(p)
	case state == assocOpening && !a.process.stopping:
		s.peerFailed(p, why)
	case (state == assocUp || a.lost) && failed && a.done == 0 && p.usable == 0 && (working || !a.inbound):
		// It can be reached, but nothing gets through.
		s.peerFailed(p, why)
	}
}

// reclaim asks for the turn of associations of ours that the peer has had for long
// enough: whoever has nothing more to send may keep it, and without it they cannot be
// released.
func (s *Scheduler) reclaim(c *channel) {
	for range portion {
		l := c.lent.top()
		if l == nil || l.since+int64(c.config.IdleTime) > s.now {
			return
		}
		a := l.assoc
		if a.peer.keeps() {
			l.since = s.now
			c.lent.put(l)
			continue
		}
		c.lent.drop(l)
		if a.peer.asked != a {
			s.out.add(RequestTurn{
				Channel: c.name, Process: a.process.number, Assoc: a.id, Peer: a.peer.name,
				Priority: priorityOf(nonUrgent),
			})
		}
	}
}

// closeAssociations closes those without a job: of one peer, of a channel, or all.
func (s *Scheduler) closeAssociations(ev CloseAssociations) {
	for _, c := range s.channels {
		if ev.Channel != "" && c.name != ev.Channel {
			continue
		}
		for _, p := range c.peers {
			if ev.Peer != nil && p.name != *ev.Peer {
				continue
			}
			for _, a := range slices.Clone(p.assocs) {
				if a.job == nil {
					s.close(a)
				}
			}
		}
	}
}

// closeIdle closes associations that had no work for long enough.
func (s *Scheduler) closeIdle(c *channel) {
	for range portion {
		a := c.idle.top()
		if a == nil || a.idleSince+int64(c.config.IdleTime) > s.now {
			return
		}
		if c.up() && a.work() < priorities || a.peer.keeps() {
			// There is work, and only no place for it; or it is to be kept.
			a.idleSince = s.now
			c.idle.put(a)
			continue
		}
		s.close(a)
	}
}

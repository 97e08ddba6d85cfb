package sched

import (
	"slices"
	"time"
)

// callGrace is how long an association that was opened with nothing to send is kept from
// those who want its place, that the peer may ask for the turn.
const callGrace = 10 * time.Second

// pump starts whatever may be started now.
func (s *Scheduler) pump() {
	for _, p := range s.dirty {
		s.look(p)
	}
	s.runSweeps()
	s.reseatDirty()
	if s.draining {
		s.checkDrained()
		return
	}
	for _, c := range s.channels {
		c.wake = 0
	}
	// Opening goes first so that a peer without an association can take over one
	// that has just become free; and again, because jobs use associations up.
	before := s.out.count
	s.openAssociations()
	s.startJobs()
	if s.out.count != before {
		s.openAssociations()
	}
	for _, c := range s.channels {
		if s.wantsProcess(c) && c.restartAt <= s.now {
			c.starting = true
			s.out.add(StartChannel{Channel: c.name})
		}
	}
}

func (s *Scheduler) reseatDirty() {
	for len(s.dirty) > 0 {
		last := len(s.dirty) - 1
		p := s.dirty[last]
		s.dirty[last] = nil
		s.dirty = s.dirty[:last]
		p.dirty = false
		s.look(p)
		s.reseat(p)
		s.forget(p)
	}
}

// reseat works out what a peer may start, and gives it its places among the
// other peers of its channel accordingly.
func (s *Scheduler) reseat(p *peer) {
	c := p.channel
	usable := !p.config.Disabled && !p.order.disabled && p.blockedUntil == 0 && p.delayed == 0
	if usable && p.askable > 0 && p.best() < priorities && p.idleFor(p.best()) == 0 && c.up() && !s.draining {
		s.askTurn(p, p.best())
	}
	wanting, waits, work := false, false, false
	for q := range priorities {
		var run, want, probe bool
		open := usable && !p.withheld(q)
		if open && p.ready[q].n > 0 {
			if c.config.Associations {
				run = p.idleFor(q) > 0
				want, probe = p.wants(q)
			} else {
				run = p.failures == 0 && p.jobs < p.maxAtOnce()
				probe = p.failures > 0 && p.jobs == 0
			}
		}
		work = work || want || probe
		full := p.hostFull()
		if open && q == normal && p.ready[q].n == 0 && (p.lacks() || p.callDue()) {
			want, probe = p.failures == 0, p.failures > 0
			full = full || !work && p.ready[nonUrgent].n == 0 && p.givesWay()
		}
		if (want || probe) && full {
			waits, want, probe = true, false, false
		}
		if q != urgent && (s.config.Starvation > 0 || p.passed[q].waits) {
			could := open && p.failures == 0 && p.ready[q].n > 0 && !p.awaited()
			s.setPassed(p, q, could, run, want && p.opening == 0 && p.serves(q) == 0)
		}
		c.run[q].seat(&p.run[q], run)
		c.want[q].seat(&p.want[q], want)
		c.probe[q].seat(&p.probe[q], probe)
		wanting = wanting || want || probe
	}
	s.setHostWaits(p, waits)
	s.setHostWork(p, work)
	if wanting != p.wanting {
		p.wanting = wanting
		if wanting {
			c.wanters++
		} else {
			c.wanters--
		}
	}
}

// wants reports whether a peer with ready work of a priority should have one
// more association, or one to find out whether it is back. A peer starts slowly:
// at most as many are being opened as are up, and a further one only if enough
// messages wait for those. An urgent message that finds all busy that a peer may
// have gets one more, which is for urgent messages only.
func (p *peer) wants(priority int) (more, probe bool) {
	up, reserved := p.usable, p.reserved
	waitsForTurn := p.turnUntil != 0
	if !waitsForTurn {
		up -= p.askable // it keeps the turn of these
		reserved -= p.askableReserved
	}
	if p.idleFor(priority) > 0 || waitsForTurn && priority != urgent ||
		p.passive() || p.opening >= p.readyLists() {
		return false, false
	}
	forAll := up + p.opening - reserved
	if forAll >= p.maxAtOnce() && (priority != urgent || p.reserved > 0) {
		return false, false
	}
	if enough := p.channel.config.Threshold * (p.opening + 1); forAll > 0 && priority != urgent && p.readyLists() < enough {
		return false, false
	}
	if p.failures > 0 {
		return false, up == 0 && p.opening == 0
	}
	crowded := p.crowdedUntil != 0 && up > 0
	return !crowded && p.opening < max(up, 1), false
}

// seats is a heap of peers. One that has lost its place, or has got more in progress since
// it was given it, stays where it is until it comes to the top: most have a place again,
// and less in progress, before.
type seats struct{ heap[*seat] }

// seat gives a peer a place or takes it away.
func (h *seats) seat(x *seat, taken bool) {
	if x.taken = taken; !taken {
		return
	}
	if is := x.peer.share(); x.pos == 0 || is.less(x.was) {
		x.was = is
		h.put(x)
	}
}

// empty reports whether nobody can have a place.
func (h *seats) empty() bool { return len(h.heap) == 0 }

// peer returns the peer that is first.
func (h *seats) peer() *peer {
	for x := h.top(); x != nil; x = h.top() {
		switch is := x.peer.share(); {
		case !x.taken:
			h.drop(x)
		case is != x.was:
			x.was = is
			h.put(x)
		default:
			return x.peer
		}
	}
	return nil
}

// startJobs starts jobs, most urgent first, and those first that have been passed over for
// too long.
func (s *Scheduler) startJobs() {
	room := false
	for _, c := range s.channels {
		s.startOverdue(c)
		room = room || s.hasRoom(c)
	}
	for q := 0; q < priorities && room; q++ {
		for p := s.neediest(q); p != nil; p = s.neediest(q) {
			s.startJob(p, q)
			s.reseatDirty()
		}
	}
}

// neediest returns the peer to start a job of a priority for, nil if there is none: of
// the channel that has the least of its places in use.
func (s *Scheduler) neediest(q int) (found *peer) {
	for _, c := range s.channels {
		if found != nil && !c.needier(found.channel) {
			continue
		}
		if p := s.runnable(c, q); p != nil {
			found = p
		}
	}
	return found
}

// placeFor reports whether a channel has a place for one more job of a priority.
func (s *Scheduler) placeFor(c *channel, q int) bool {
	return c.up() && c.jobs.free(q, c.limits) && s.free(q) &&
		(c.current.maxJobs <= 0 || c.current.jobs < c.current.maxJobs)
}

// hasRoom reports whether a channel may have a place for a job of any priority. Often it
// has none, and nothing else need be looked at.
func (s *Scheduler) hasRoom(c *channel) bool {
	return c.jobs.total() < c.limits.max && (s.config.MaxJobs <= 0 || s.running.total() < s.config.MaxJobs) && c.up()
}

// runnable returns the peer a channel should start a job of a priority for, nil
// if it should not.
func (s *Scheduler) runnable(c *channel, q int) *peer {
	if c.run[q].empty() && c.probe[q].empty() || !s.placeFor(c, q) {
		return nil
	}
	if c.config.Associations {
		return c.run[q].peer()
	}
	return c.next(&c.run[q], &c.probe[q], c.config.MaxJobs)
}

// next chooses between those known to work and those to be probed. Probes go
// first, being few; but not where there is only one place for all.
func (c *channel) next(healthy, probe *seats, max int) *peer {
	p := probe.peer()
	if p == nil || c.probes >= c.maxProbes() || max == 1 && healthy.peer() != nil {
		return healthy.peer()
	}
	return p
}

// openAssociations opens what is wanted and may be, most urgent first.
func (s *Scheduler) openAssociations() {
	wanted := false
	for _, c := range s.channels {
		s.makeRoomAtHosts(c)
		s.openOverdue(c)
		wanted = wanted || c.wanters > 0 && s.hasRoom(c)
	}
	for q := 0; q < priorities && wanted; q++ {
		for _, c := range s.channels {
			for c.config.Associations && s.openOne(c, q) {
				s.reseatDirty()
			}
		}
	}
	s.reseatDirty()
}

func (s *Scheduler) openOne(c *channel, q int) bool {
	if c.want[q].empty() && c.probe[q].empty() || !c.up() || !c.jobs.free(q, c.limits) || !s.free(q) {
		return false
	}
	p := c.next(&c.want[q], &c.probe[q], c.assocLimits().max)
	if p == nil {
		return false
	}
	if at := c.mayOpen(); q != urgent && at > s.now {
		c.look(at)
		return false
	}
	return s.open(c, p, q, q) != nil
}

// open opens an association for messages of a priority if there is a place, and makes
// room if there is none, as for messages of the priority claim.
func (s *Scheduler) open(c *channel, p *peer, q, claim int) *assoc {
	most := c.assocLimits()
	inUse := c.busy
	for i, n := range c.openFor {
		inUse[i] += n
	}
	if !inUse.free(q, most) {
		return nil
	}
	if c.assocs >= most.max {
		for c.closing < c.wanters && s.makeRoom(p, claim) {
		}
		return nil
	}
	return s.openAssoc(p, q)
}

// makeRoom closes the association that has been idle longest, or the peer's own that is for
// urgent messages only, if a peer with work of a priority has a better claim to its place.
func (s *Scheduler) makeRoom(p *peer, q int) bool {
	a := s.longestIdle(p.channel)
	if a == nil || !s.yields(a, p, q) {
		if a = p.spare(q); a == nil || !s.yields(a, p, q) {
			return false
		}
	}
	s.close(a)
	return true
}

// spare returns an idle association of ours that cannot carry the peer's messages of a
// priority, nil if there is none.
func (p *peer) spare(q int) *assoc {
	if q == urgent || p.idleReserved == 0 {
		return nil
	}
	return p.idle[slices.IndexFunc(p.idle, func(a *assoc) bool { return a.reserved })]
}

// yields reports whether an idle association gives way to a peer with work of a priority.
func (s *Scheduler) yields(a *assoc, p *peer, q int) bool {
	if end := a.idleSince + int64(callGrace); a.call && q > urgent && end > s.now {
		p.channel.look(end)
		return false
	}
	holder := a.peer
	if a.overdue && a.done == 0 && a.work() < priorities {
		return false // or it would be opened again and again
	}
	switch best := a.work(); {
	case p.best() == priorities && p.lacks() && !p.callDue() && holder.keeps():
		return false // both only want one to stand, and would take it from each other for ever
	case best == priorities:
	case p.best() == priorities:
		return false // the one only wants to be called, and the other has got its place to send
	case p.serves(q) > 0 || best < q:
		return false
	case best == q && holder.serves(q) <= 1 && a.done < p.channel.config.Quantum:
		return false
	}
	return true
}

// longestIdle returns the association that has been idle longest, of those a permanent
// peer does not keep; those are looked at again later.
func (s *Scheduler) longestIdle(c *channel) *assoc {
	for range portion {
		a := c.idle.top()
		if a == nil || !a.peer.keeps() {
			return a
		}
		if a.idleSince == s.now {
			return nil // all that are left are kept
		}
		a.idleSince = s.now
		c.idle.put(a)
	}
	return nil
}

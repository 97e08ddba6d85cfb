package sched

import "github.com/mtakit/mtakit/lib/spool"

// each calls f for the recipients of a message that are not final: those
// numbered, or all for nil.
func (m *message) each(numbers []int, f func(i int32, r *recipient)) {
	if numbers == nil {
		for i := range m.recipients {
			if r := &m.recipients[i]; r.state != Finished {
				f(int32(i), r)
			}
		}
		return
	}
	for _, n := range numbers {
		if i := m.find(n); i >= 0 && m.recipients[i].state != Finished {
			f(i, &m.recipients[i])
		}
	}
}

func (r *recipient) at() *peer {
	if r.list == nil {
		return nil
	}
	return r.list.peer
}

func (s *Scheduler) hold(ev Hold) {
	m := s.message(ev.ID)
	if m == nil {
		return
	}
	why := cut(ev.Why)
	m.each(ev.N, func(_ int32, r *recipient) {
		switch {
		case r.state == InFlight || r.hops == nil:
			// Logged now: a restart before the outcome finds it held.
			s.markList(r.list)
			r.wish = wishHold
		case r.state == Held:
			return
		default:
			r.state, r.until = Held, 0
		}
		r.text = why
		s.out.addLog(m, r, ChangeHeld, 0, r.at())
	})
	s.settleAll(m)
}

func (s *Scheduler) release(ev Release) {
	m := s.message(ev.ID)
	if m == nil {
		return
	}
	m.each(ev.N, func(_ int32, r *recipient) {
		switch {
		case (r.state == InFlight || r.hops == nil) && r.wish == wishHold:
			r.wish, r.text = wishNone, ""
			if r.hops == nil {
				r.text = noHop
			}
		case r.state == Held && r.hops != nil:
			r.text = ""
			s.wait(m, r, 0)
		default:
			return
		}
		s.out.addLog(m, r, ChangeReleased, 0, r.at())
	})
	if s.pressing(m) {
		s.expire(m)
		return
	}
	s.settleAll(m)
}

func (s *Scheduler) retry(ev Retry) {
	if ev.ID != "" {
		m := s.message(ev.ID)
		if m == nil {
			return
		}
		m.each(ev.N, func(_ int32, r *recipient) {
			if r.state == Queued || r.state == Waiting {
				s.unblock(r.list.peer)
			}
			s.retryRecipient(m, r)
		})
		s.settleAll(m)
		return
	}
	for _, c := range s.channels {
		if ev.Channel != "" && c.name != ev.Channel {
			continue
		}
		if ev.Peer == nil {
			c.restartAt = 0
		}
		for _, p := range c.peers {
			if ev.Peer == nil || p.name == *ev.Peer {
				s.unblock(p)
				s.startSweep(p, true)
			}
		}
	}
}

// retryRecipient ends the wait after a failure.
func (s *Scheduler) retryRecipient(m *message, r *recipient) {
	if r.state != Waiting || r.until <= m.heldUntil(r) {
		return
	}
	r.doubts = 0
	s.wait(m, r, 0)
	s.out.addLog(m, r, ChangeRetried, r.until, r.at())
}

func (s *Scheduler) retryList(l *mlist) {
	for i := l.first; i >= 0; i = l.msg.recipients[i].next {
		s.retryRecipient(l.msg, &l.msg.recipients[i])
	}
}

// unblock lets a peer that failed be tried now. It still counts as failed until
// it was seen alive.
func (s *Scheduler) unblock(p *peer) {
	if p.blockedUntil != 0 || p.crowdedUntil != 0 || p.delayed != 0 {
		p.blockedUntil, p.crowdedUntil, p.delayed = 0, 0, 0
		s.setWake(p)
		s.touch(p)
	}
}

// giveUp makes recipients final by an operator's word, which for wishReject is an outcome.
func (s *Scheduler) giveUp(id spool.ID, numbers []int, word wish, rejected Outcome) {
	m := s.message(id)
	if m == nil {
		return
	}
	m.each(numbers, func(i int32, r *recipient) {
		switch {
		case r.state == InFlight:
			s.markList(r.list)
			r.wish = word
			if word == wishReject {
				r.list.job.reject(i, rejected)
			}
		case word != wishDelete && r.doubt:
			// It may be there: to say that it is not would be a guess.
		case word == wishExpire:
			if r.state == Held {
				r.text = "" // why it was held is no concern of the originator's
			}
			s.finish(m, i, s.expired(m, r), r.at())
		case word == wishReject:
			s.finish(m, i, rejected, r.at())
		default:
			s.finish(m, i, Outcome{Kind: Deleted, Text: r.text}, r.at())
		}
	})
	s.settleAll(m)
	s.checkDone(m)
}

// reject notes what a recipient fails by if it comes back.
func (j *job) reject(i int32, what Outcome) {
	if j.rejected == nil {
		j.rejected = map[int32]Outcome{}
	}
	j.rejected[i] = what
}

// makes tells whether a channel makes messages and sends nothing.
func (s *Scheduler) makes(c *channel) bool {
	return c.config.Makes || c.name == s.config.AlternateChannel
}

// decides tells whether hops lead only to the channel that makes children, and finds ways.
func (s *Scheduler) decides(hops []spool.Hop) bool {
	return s.config.AlternateChannel != "" && len(hops) == 1 && hops[0].Channel == s.config.AlternateChannel
}

func (s *Scheduler) reroute(ev Reroute) {
	m := s.message(ev.ID)
	if m == nil || len(ev.Hops) == 0 {
		return
	}
	m.each(ev.N, func(i int32, r *recipient) {
		if r.alternate == alternateNext {
			return // where it is to go is not a question of its address
		}
		if r.doubt && s.decides(ev.Hops) {
			return // it may be there: only the peers that have it, perhaps, can tell
		}
		old := r.hops
		if s.setHops(r, ev.Hops); r.hops == old {
			return // nothing new
		}
		if old == nil {
			if r.wish != wishHold {
				r.text = "" // it was held for want of a hop only
				s.wait(m, r, 0)
			}
			r.wish = wishNone
			s.attach(m, i, choose(m, r))
		}
		s.out.addRoutes(m, r, ev.Hops)
	})
	if s.pressing(m) {
		s.expire(m)
		return
	}
	s.settleAll(m)
}

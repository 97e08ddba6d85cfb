package sched

import "github.com/mtakit/mtakit/lib/spool"

// alternate is where a recipient stands with the one its originator requested in its
// stead (X.411 originator-requested-alternate-recipient).
type alternate uint8

const (
	alternateNone alternate = iota
	alternateRequested
	alternateNext // it has failed: its message is to be redirected
)

// allow gives whose alternate is next, since some time, a time in which the message is
// to be redirected.
func (m *message) allow(since int64) {
	end := m.expires
	if end != 0 && !m.latest {
		end = since + m.expires - max(m.accepted, m.deferred)
	}
	m.again = max(m.again, end)
}

// divert lets a recipient that has failed go to the channel that redirects it, if its
// originator has requested an alternate. What comes of that is final. A
// latest-delivery-time that has passed has passed for the alternate too; else it gets the
// time anew that the message had.
func (s *Scheduler) divert(m *message, i int32, what *Outcome, at *peer) bool {
	r := &m.recipients[i]
	late := m.latest && (m.expires <= s.now || what.Reason == reasonUnableToTransfer && what.Diagnostic == diagnosticMaximumTimeExpired)
	if r.alternate != alternateRequested || s.config.AlternateChannel == "" || late {
		return false
	}
	if r.wish == wishDelete {
		return false // it was to go nowhere any more
	}
	held := r.wish == wishHold
	r.alternate, r.wish, r.attempts, r.doubts, r.doubt, r.text = alternateNext, wishNone, 0, 0, false, cut(what.Text)
	l := Log{Ref: m.ref(), N: []int{int(r.n)}, Change: ChangeDiverted, Reason: what.Reason, Diagnostic: what.Diagnostic, Text: r.text}
	if at != nil {
		l.Channel, l.Peer = at.channel.name, at.name
	}
	s.out.add(l)
	m.allow(s.now)
	s.watch(m)
	s.setHops(r, []spool.Hop{{Channel: s.config.AlternateChannel}})
	if held {
		r.state, r.until = Held, 0
		s.out.addLog(m, r, ChangeHeld, 0, at) // who was held as what has failed, is no more
	} else {
		s.wait(m, r, 0)
	}
	if r.list == nil {
		s.attach(m, i, choose(m, r))
	}
	return true
}

// divertAnew lets one whose alternate is next follow the channel that redirects, if a
// reload has given that another name.
func (s *Scheduler) divertAnew(m *message, r *recipient) {
	name := s.config.AlternateChannel
	if r.alternate != alternateNext || name == "" || r.hops.peers[0].channel.name == name {
		return
	}
	hops := []spool.Hop{{Channel: name}}
	s.setHops(r, hops)
	s.out.addRoutes(m, r, hops)
}

// passOver lets a recipient, whose message cannot be written for a peer (unable-to-downgrade),
// go to the others of its way, if there are any and there is time. So does one that another
// of them may have got before, whatever this peer has against it: a non-delivery report
// would be a guess, and no time and no word makes it less of one.
func (s *Scheduler) passOver(m *message, i int32, what *Outcome, at *peer) bool {
	r := &m.recipients[i]
	held, unwritten := r.wish == wishHold, what.Diagnostic == diagnosticUnableToDowngrade
	doubt := r.doubt && (unwritten || r.doubted() != at)
	if !doubt && (!unwritten || r.wish != wishNone && !held || !held && m.over(r, s.now)) {
		return false
	}
	var others []spool.Hop
	for _, p := range r.hops.peers {
		if p != at {
			others = append(others, spool.Hop{Channel: p.channel.name, Peer: p.name})
		}
	}
	if len(others) == 0 {
		return false
	}
	if r.wish == wishDelete {
		s.finish(m, i, Outcome{Kind: Deleted, Text: what.Text}, at)
		return true
	}
	s.setHops(r, others)
	r.wish, r.doubts = wishNone, 0
	change := ChangeDeferred
	if r.doubt {
		change = ChangeInDoubt
	}
	if held {
		r.state = Held
		s.logHeld(m, r, change, what.Text, at)
	} else {
		r.text = what.Text
		s.wait(m, r, 0)
		s.out.addLog(m, r, change, 0, at)
	}
	s.out.addRoutes(m, r, others)
	return true
}

// miss has the peers called again that a recipient would have gone to had they not failed:
// while nothing goes there, nothing else would find out that they are back.
func (s *Scheduler) miss(r *recipient, taken *peer) {
	for _, p := range r.hops.peers {
		if p == taken {
			return
		}
		if p.failures > 0 && !p.missed && !p.passive() && p.channel.config.Associations {
			p.missed = true
			s.touch(p)
		}
	}
}

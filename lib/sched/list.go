package sched

import (
	"cmp"
	"slices"
	"time"
)

// The reports that the scheduler itself causes (X.411 §8.3.1.2.1).
const (
	reasonUnableToTransfer       = 1
	diagnosticMaximumTimeExpired = 5
)

// A message that a peer could not read may be read by another.
const diagnosticUnableToDowngrade = 47

const noHop = "no hop to try"

const overInDoubt = "its time is over; as it was sent and not answered for, it is tried until that is known"

// accept takes a message into the tree.
func (s *Scheduler) accept(in *Message) {
	known, hash := s.messages.find(in.Ref.ID)
	if known != nil {
		return
	}
	m := s.spares.message()
	m.id, m.letter, m.size = in.Ref.ID, in.Ref.Priority, in.Size
	m.kind = uint8(max(slices.Index(kinds[:], in.Kind), 0))
	m.accepted, m.deferred, m.expires = nanos(in.Accepted), nanos(in.Deferred), nanos(in.Expires)
	m.priority = uint8(priorityIndex(in.Ref.Priority))
	m.passOn = in.PassOn
	if m.recipients = m.one[:0]; len(in.Recipients) > len(m.one) {
		m.recipients = make([]recipient, 0, len(in.Recipients))
	}
	if m.accepted == 0 {
		m.accepted = s.now
	}
	m.latest = m.expires != 0
	if life := s.config.Expiry[m.priority]; life > 0 {
		// A message that was deferred has its life from then, or it could end untried. A
		// latest time allows nothing, it forbids.
		end := max(m.accepted, m.deferred) + int64(life)
		if m.expires == 0 || end < m.expires {
			m.expires, m.latest = end, false
		}
	}
	ordered := in.Recipients
	byNumber := func(a, b Recipient) int { return cmp.Compare(a.N, b.N) }
	if !slices.IsSortedFunc(ordered, byNumber) {
		ordered = slices.Clone(ordered)
		slices.SortStableFunc(ordered, byNumber)
	}
	s.messages.put(m, hash)
	s.link(m)
	for i := range ordered {
		if i > 0 && ordered[i].N == ordered[i-1].N {
			continue
		}
		s.acceptRecipient(m, &ordered[i])
	}
	s.expire(m)
}

func (s *Scheduler) acceptRecipient(m *message, in *Recipient) {
	m.recipients = append(m.recipients, recipient{
		n: int32(in.N), next: -1, state: Finished, text: cut(in.Text),
		attempts: uint16(min(max(in.Attempts, 0), 1<<16-1)), doubt: in.Doubt,
	})
	if in.State == Finished {
		return
	}
	i := int32(len(m.recipients) - 1)
	r := &m.recipients[i]
	m.left++
	s.counts.Recipients++
	switch {
	case !in.Diverted.IsZero():
		r.alternate = alternateNext
		m.allow(nanos(in.Diverted))
	case in.Alternate:
		r.alternate = alternateRequested
	}
	if in.Fail != nil && in.Diverted.IsZero() {
		s.finish(m, i, Outcome{
			Kind: Failed, Reason: in.Fail.Reason, Diagnostic: in.Fail.Diagnostic, Text: in.Fail.Text,
		}, nil)
		return
	}
	r.hops = s.hopset(in.Hops)
	switch {
	case r.hops == nil:
		// Nothing accepted is ever dropped: it stays until somebody gives it a hop.
		r.state = Held
		if in.State == Held {
			r.wish = wishHold
		} else {
			r.text = noHop
			s.out.addLog(m, r, ChangeNoHop, 0, nil)
		}
		return
	case in.State == Held:
		r.state = Held
	default:
		s.wait(m, r, nanos(in.Until))
	}
	s.attach(m, i, choose(m, r))
}

// heldUntil is until when the deferred-delivery-time holds a recipient up here.
func (m *message) heldUntil(r *recipient) int64 {
	if m.passOn && r.hops != nil && r.hops.peers[0].name != "" {
		return 0
	}
	return m.deferred
}

// wait lets a recipient be tried at a time, or at once if that has passed or is
// 0, but not before the deferred-delivery-time.
func (s *Scheduler) wait(m *message, r *recipient, until int64) {
	until = max(until, m.heldUntil(r))
	if until > s.now {
		r.state, r.until = Waiting, until
	} else {
		r.state, r.until = Queued, 0
	}
}

// choose returns the hop to try: of the best ones the first.
func choose(m *message, r *recipient) *peer {
	priority := int(m.priority)
	best := r.hops.peers[0]
	rank := best.rank(priority)
	for _, p := range r.hops.peers[1:] {
		if rank == works {
			break
		}
		if other := p.rank(priority); other < rank {
			best, rank = p, other
		}
	}
	return best
}

// attach gives a recipient to its message's list for a peer, which is to be
// settled then.
func (s *Scheduler) attach(m *message, i int32, p *peer) {
	if r := &m.recipients[i]; p != r.hops.peers[0] {
		s.miss(r, p)
	}
	l := p.recent
	if l == nil || l.msg != m {
		for l = m.lists; l != nil && l.peer != p; l = l.sibling {
		}
	}
	if l == nil {
		l = s.newList(m, p)
	}
	l.append(i)
	s.unsettle(l)
}

func (s *Scheduler) newList(m *message, p *peer) *mlist {
	s.lastSeq++
	l := &m.list
	if l.msg != nil {
		l = new(mlist) // it has one already
	}
	*l = mlist{msg: m, peer: p, sibling: m.lists, seq: s.lastSeq, first: -1, last: -1, state: Finished}
	m.lists, p.recent = l, l
	l.allPrev = p.all.last
	if l.allPrev != nil {
		l.allPrev.allNext = l
	} else {
		p.all.first = l
	}
	p.all.last = l
	p.lists[m.priority]++
	p.volume += m.size
	if m.late {
		p.late++
	}
	return l
}

func (s *Scheduler) removeList(l *mlist) {
	p, m := l.peer, l.msg
	s.setState(l, Finished)
	s.setDue(l, 0)
	s.setAlternates(l, false)
	if l.allPrev != nil {
		l.allPrev.allNext = l.allNext
	} else {
		p.all.first = l.allNext
	}
	if l.allNext != nil {
		l.allNext.allPrev = l.allPrev
	} else {
		p.all.last = l.allPrev
	}
	if p.sweep.cursor == l {
		p.sweep.cursor = l.allNext
	}
	if p.recent == l {
		p.recent = nil
	}
	for at := &m.lists; *at != nil; at = &(*at).sibling {
		if *at == l {
			*at = l.sibling
			break
		}
	}
	p.lists[m.priority]--
	p.volume -= m.size
	if m.late {
		p.late--
	}
	l.msg = nil
	s.touch(p)
}

// setState moves a list between the queues of its peer.
func (s *Scheduler) setState(l *mlist, state State) {
	if l.state == state {
		return
	}
	p, q := l.peer, &l.peer.ready[l.msg.priority]
	if l.state == Queued {
		q.remove(l)
		p.channel.ready--
	}
	if l.state != Finished {
		p.states[l.state]--
	}
	l.state = state
	if state != Finished {
		p.states[state]++
	}
	if state == Queued {
		q.push(l)
		p.channel.ready++
	}
	s.touch(p)
}

func (s *Scheduler) setDue(l *mlist, due int64) {
	if l.due == due {
		return
	}
	l.due = due
	if due == 0 {
		s.waiting.drop(l)
	} else {
		s.waiting.put(l, due)
	}
}

func (s *Scheduler) setAlternates(l *mlist, alternates bool) {
	if l.alternates == alternates {
		return
	}
	l.alternates = alternates
	if alternates {
		l.peer.elsewhere++
	} else {
		l.peer.elsewhere--
	}
}

// unsettle remembers that a list's recipients have changed.
func (s *Scheduler) unsettle(l *mlist) {
	if !l.unsettled {
		l.unsettled = true
		s.unsettled = append(s.unsettled, l)
	}
}

// settle puts a list where its recipients want it to be.
func (s *Scheduler) settle(l *mlist) {
	s.unsettle(l)
	s.settleRest()
}

func (s *Scheduler) settleAll(m *message) {
	for l := m.lists; l != nil; l = l.sibling {
		s.unsettle(l)
	}
	s.settleRest()
}

// settleRest settles what is unsettled. Recipients may move to other lists by
// that, each at most once: choose does not change its mind within a step.
func (s *Scheduler) settleRest() {
	for len(s.unsettled) > 0 {
		last := len(s.unsettled) - 1
		l := s.unsettled[last]
		s.unsettled[last] = nil
		s.unsettled = s.unsettled[:last]
		l.unsettled = false
		if l.state != InFlight {
			s.settleOne(l)
		}
	}
}

func (s *Scheduler) settleOne(l *mlist) {
	m, i := l.msg, l.first
	l.first, l.last = -1, -1
	var queued, waiting, alternates bool
	due := int64(0)
	for i >= 0 {
		r := &m.recipients[i]
		next := r.next
		if r.state == Waiting && r.until <= s.now {
			r.state, r.until = Queued, 0
		}
		if r.state == Queued {
			s.divertAnew(m, r)
			if p := choose(m, r); p != l.peer {
				s.attach(m, i, p)
				s.moves++
				i = next
				continue
			}
		}
		switch r.state {
		case Queued:
			queued = true
		case Waiting:
			waiting = true
			if due == 0 || r.until < due {
				due = r.until
			}
		}
		if r.state == Finished {
			r.list = nil
		} else {
			alternates = alternates || len(r.hops.peers) > 1
			l.append(i)
		}
		i = next
	}
	if l.first < 0 {
		s.removeList(l)
		return
	}
	s.setDue(l, due)
	s.setAlternates(l, alternates)
	switch {
	case queued:
		s.setState(l, Queued)
	case waiting:
		s.setState(l, Waiting)
	default:
		s.setState(l, Held)
	}
}

// finish makes a recipient final, unless it has failed and goes to its alternate. Its
// list is to be settled then, unless it is in flight.
func (s *Scheduler) finish(m *message, i int32, what Outcome, at *peer) {
	if what.Kind == Failed && s.divert(m, i, &what, at) {
		return
	}
	r := &m.recipients[i]
	r.state, r.wish, r.text, r.until = Finished, wishNone, "", 0
	s.dropHops(r.hops)
	r.hops = nil
	m.left--
	s.counts.Recipients--
	s.out.addFinal(m, r.n, &what, at)
}

// expire gives up whose time is over, and is not in flight and not held: hold means that
// nothing happens. What is in flight is given up when it comes back. What was sent, and
// not answered for, is tried on: it may be there, and whoever is told that it is not would
// hear of a delivery too.
func (s *Scheduler) expire(m *message) {
	for i := range m.recipients {
		r := &m.recipients[i]
		if r.state != Queued && r.state != Waiting || !m.over(r, s.now) {
			continue
		}
		if r.doubt {
			text := r.text
			r.text = overInDoubt
			s.out.addLog(m, r, ChangeInDoubt, r.until, r.list.peer)
			r.text = text
			continue
		}
		s.finish(m, int32(i), s.expired(m, r), r.list.peer)
	}
	s.settleAll(m)
	s.warn(m)
	s.watch(m)
	s.checkDone(m)
}

// watch lets a message be looked at when its next time is over.
func (s *Scheduler) watch(m *message) {
	next := int64(0)
	for _, at := range [...]int64{m.expires, m.again, s.lateAt(m)} {
		if at > s.now {
			next = sooner(next, at)
		}
	}
	if next == 0 {
		s.expiring.drop(m)
		return
	}
	s.expiring.put(m, next)
}

// expired is the outcome of a recipient whose time is over; the last reason
// tells what its time was spent on.
func (s *Scheduler) expired(m *message, r *recipient) Outcome {
	text := r.text
	if r.list != nil && r.list.peer.channel.name == s.config.AlternateChannel {
		// What is wrong with a directory is for whoever runs the switch.
		text = "not sent in time: the way could not be found"
	}
	if r.list != nil && r.list.peer.channel.config.Makes && r.list.peer.channel.name != s.config.AlternateChannel {
		text = "not sent in time: what is done with it before could not be done" // nor what is wrong with keys
	}
	if text == "" && r.list != nil {
		text = r.list.peer.reason
	}
	if text == "" && r.list != nil && r.list.peer.heldBack(int(m.priority)) {
		text = "not sent in time: traffic was limited by priority"
	}
	if text == "" && r.list != nil && r.list.peer.shutFor(int(m.priority)) {
		text = "not sent in time: outside the window of " + r.list.peer.name
	}
	if text == "" {
		text = "not sent in time"
	}
	return Outcome{
		Kind: Failed, Reason: reasonUnableToTransfer, Diagnostic: diagnosticMaximumTimeExpired, Text: text,
	}
}

// checkDone forgets a message whose recipients are all final.
func (s *Scheduler) checkDone(m *message) {
	if m.left > 0 || m.done {
		return
	}
	m.done = true
	s.expiring.drop(m)
	s.messages.drop(m)
	s.unlink(m)
	s.out.addDone(m)
	s.spares.done(m)
}

func (s *Scheduler) link(m *message) {
	m.prev = s.all.last
	if m.prev != nil {
		m.prev.next = m
	} else {
		s.all.first = m
	}
	s.all.last = m
	s.counts.Messages[m.priority]++
}

func (s *Scheduler) unlink(m *message) {
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		s.all.first = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		s.all.last = m.prev
	}
	m.prev, m.next = nil, nil
	s.counts.Messages[m.priority]--
}

// find returns the index of recipient n, -1 if there is none.
func (m *message) find(n int) int32 {
	// Most messages number theirs from 1, and leave none out.
	if n > 0 && n <= len(m.recipients) && int(m.recipients[n-1].n) == n {
		return int32(n - 1)
	}
	i, ok := slices.BinarySearchFunc(m.recipients, n, func(r recipient, n int) int {
		return cmp.Compare(int(r.n), n)
	})
	if !ok {
		return -1
	}
	return int32(i)
}

// startSweep begins a walk over all lists of a peer: to move what has an
// alternate hop and should use it, or also to end all waits.
func (s *Scheduler) startSweep(p *peer, retry bool) {
	if retry || p.elsewhere > 0 {
		s.sweepAll(p, retry)
	}
}

func (s *Scheduler) sweepAll(p *peer, retry bool) {
	if p.all.first == nil {
		return
	}
	w := &p.sweep
	if w.active && !retry && w.cursor != p.all.first {
		w.again = true // begun anew each time it might never come to its end
		return
	}
	w.cursor, w.limit, w.retry = p.all.first, s.lastSeq, w.retry || retry
	if !w.active {
		w.active = true
		s.sweeping = append(s.sweeping, p)
	}
}

// look notes how good a hop a peer is. If it is worse than it was, what waits there may
// go elsewhere; if it is better, what waits at peers that are worse may come.
func (s *Scheduler) look(p *peer) {
	is := p.ranks()
	if is == p.was {
		return
	}
	var better, worse bool
	for q, rank := range is {
		better, worse = better || rank < p.was[q], worse || rank > p.was[q]
	}
	p.was = is
	if worse {
		s.startSweep(p, false)
	}
	if !better {
		return
	}
	seen := []*peer{p}
	for _, set := range p.hopsets {
		for _, other := range set.peers {
			if slices.Contains(seen, other) {
				continue
			}
			seen = append(seen, other)
			for q := range priorities {
				if other.rank(q) > p.was[q] {
					s.startSweep(other, false)
					break
				}
			}
		}
	}
}

func (s *Scheduler) runSweeps() {
	for budget := portion; budget > 0 && len(s.sweeping) > 0; {
		p := s.sweeping[0]
		l := p.sweep.cursor
		if l == nil || l.seq > p.sweep.limit {
			if p.sweep.moved > 0 {
				s.out.add(Notice{Kind: NoticeRerouted, Channel: p.channel.name, Peer: p.name, Text: p.reason, Count: p.sweep.moved})
			}
			again := p.sweep.again
			p.sweep = sweep{}
			s.sweeping = slices.Delete(s.sweeping, 0, 1)
			if again {
				s.sweepAll(p, false) // whoever wanted it knew why
			}
			s.touch(p)
			continue
		}
		p.sweep.cursor = l.allNext
		budget--
		if p.sweep.retry {
			s.retryList(l)
		}
		before := s.moves
		s.settle(l)
		if s.moves > before {
			p.sweep.moved++
		}
	}
}

// delay is how long a recipient waits after an attempt.
func (s *Scheduler) delay(r *recipient) time.Duration {
	return s.config.MessageBackoff.Delay(max(int(r.attempts), 1))
}

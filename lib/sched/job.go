package sched

import (
	"fmt"
)

// jobOutcome takes the answer for recipients of a job.
func (s *Scheduler) jobOutcome(ev JobOutcome) {
	j := s.jobs.find(ev.Job)
	if j == nil || ev.Generation != s.generation {
		s.out.add(Notice{
			Kind: NoticeStale, Job: ev.Job,
			Text: fmt.Sprintf("outcome for job %d of generation %d, which is over", ev.Job, ev.Generation),
		})
		return
	}
	// The process works, however often it failed before.
	s.setFailures(j.process.channel, 0)
	l := j.list
	for _, res := range ev.Results {
		i := l.msg.find(res.N)
		if i < 0 {
			continue
		}
		if r := &l.msg.recipients[i]; r.state == InFlight && r.list == l {
			s.apply(j, i, &res)
		}
	}
	if j.left > 0 {
		s.settleRest() // of those that go to an alternate now
		return
	}
	s.endJob(j)
}

// apply gives a recipient in flight its outcome, and other hops if there are any.
func (s *Scheduler) apply(j *job, i int32, res *Result) {
	what, hops := res.Outcome, res.Hops
	m, p := j.list.msg, j.list.peer
	r := &m.recipients[i]
	j.left--
	j.lost = j.lost || what.Lost
	what.Text, what.Lost = cut(what.Text), false
	if r.doubt && r.alternate != alternateNext && p.channel.name == s.config.AlternateChannel {
		switch what.Kind {
		case Failed, Redirected, Expanded, Moved:
			// Somebody may have it: another copy, or a report, would be a guess.
			what = Outcome{Kind: Deferred, Text: what.Text}
		}
	}
	if what.Kind.Final() {
		what.Again = r.doubt && !what.Resumed && (what.Kind == Transferred || what.Kind == Delivered)
		what.Resumed = false
		if what.Kind != Failed || !s.passOver(m, i, &what, p) {
			s.finish(m, i, what, p)
		}
		return
	}
	wished := r.wish
	r.wish = wishNone
	routed := what.Kind == Deferred && !what.PeerFault && len(hops) > 0 && r.alternate != alternateNext
	byPolicy := routed && res.Hold != ""
	held := wished == wishHold || byPolicy
	why := "" // it is held
	switch {
	case wished == wishHold && byPolicy && r.text != "":
		why = cut(res.Hold + "; " + r.text)
	case byPolicy:
		why = cut(res.Hold)
	case held:
		why = r.text
	}
	r.text = what.Text
	until := int64(0)
	change := ChangeDeferred
	switch {
	case what.Kind == InDoubt:
		j.fault = true
		r.doubts = min(r.doubts+1, 1<<8-2)
		// What is redirected or expanded, or what policy requires, makes the same child again.
		if !s.makes(p.channel) {
			r.setDoubt(p)
		}
		// Once may be anybody's fault and is tried again soon; a message that is
		// in doubt again may be what breaks the association, and waits.
		if r.doubts > 1 {
			until = s.later(s.delay(r))
		}
	case what.PeerFault:
		r.doubts = 0
		r.attempts-- // not the message's failure
		j.fault = true
		s.peerFailed(p, what.Text)
	case routed:
		r.doubts = 0
		r.attempts-- // nothing was tried
		s.setHops(r, hops)
	default:
		r.doubts = 0
		until = nanos(what.Until)
		if until <= s.now {
			until = s.later(s.delay(r))
		}
	}
	if r.doubt {
		change = ChangeInDoubt // still, if this attempt was not; and not where nothing ever is
	}
	switch {
	case wished == wishDelete:
		s.finish(m, i, Outcome{Kind: Deleted, Text: r.text}, p)
	case !r.doubt && wished == wishReject:
		s.finish(m, i, j.rejected[i], p)
	case !r.doubt && (wished == wishExpire || !held && m.over(r, s.now)):
		s.finish(m, i, s.expired(m, r), p)
	case held:
		r.state, r.text = Held, why
		s.logHeld(m, r, change, what.Text, p)
	default:
		s.wait(m, r, until)
		s.out.addLog(m, r, change, r.until, p)
	}
	if routed && r.state != Finished && r.alternate != alternateNext {
		s.out.addRoutes(m, r, hops)
		if !held {
			r.text = "" // nothing has gone wrong
		}
	}
}

// logHeld logs the outcome of a recipient that was held in flight, and that it is held. The
// log has said that it may have been sent; only an outcome settles that for a restart.
func (s *Scheduler) logHeld(m *message, r *recipient, outcome Change, text string, p *peer) {
	held := r.text // says why
	r.text = text
	s.out.addLog(m, r, outcome, 0, p)
	r.text = held
	s.out.addLog(m, r, ChangeHeld, 0, p)
}

// doubt ends a job whose answer can no longer come.
func (s *Scheduler) doubt(j *job, why string) {
	l := j.list
	for i := l.first; i >= 0; i = l.msg.recipients[i].next {
		if l.msg.recipients[i].state == InFlight {
			s.apply(j, i, &Result{Outcome: Outcome{Kind: InDoubt, Text: why}})
		}
	}
	s.endJob(j)
}

// endJob ends a job whose recipients are all answered.
func (s *Scheduler) endJob(j *job) {
	l := j.list
	m, p, c := l.msg, l.peer, l.peer.channel
	s.jobs.drop(j)
	s.forgetMark(j)
	j.process.jobs--
	c.jobs[j.priority]--
	s.running[j.priority]--
	if j.overdue {
		c.overdue--
	}
	p.jobs--
	if j.probe {
		c.probes--
	}
	if !j.fault {
		s.peerAlive(p)
	}
	if a := j.assoc; a != nil {
		a.job = nil
		if !a.inbound {
			c.busy[j.priority]--
		}
		a.call = false
		if !j.fault {
			a.done++
		}
		if a.lost = j.lost && a.state == assocUp; a.lost {
			s.setClosing(a) // another job would be lost with it, and in doubt
		} else {
			s.makeIdle(a)
		}
	}
	l.job = nil
	s.setState(l, Finished)
	s.settle(l)
	s.checkDone(m)
	s.spares.ended(j)
}

// choose returns an idle association for a job of a priority, nil if there is none. An
// urgent one takes one that is for nobody else, if it can.
func (p *peer) choose(priority int) *assoc {
	var last *assoc
	for i := len(p.idle) - 1; i >= 0; i-- {
		switch a := p.idle[i]; {
		case a.reserved == (priority == urgent):
			return a
		case !a.reserved && last == nil:
			last = a
			if p.idleReserved == 0 {
				return last
			}
		}
	}
	return last
}

// startJob leases the first ready list of a priority to a process.
func (s *Scheduler) startJob(p *peer, priority int) *job {
	c := p.channel
	l := p.ready[priority].first
	m := l.msg
	s.lastJob++
	j := s.spares.job()
	j.id, j.list, j.process, j.priority, j.started = s.lastJob, l, c.current, priority, s.now
	if a := p.choose(priority); a != nil {
		j.assoc = a
		s.unidle(j.assoc)
		j.assoc.job = j
		if !j.assoc.inbound {
			c.busy[priority]++
		}
		j.process = j.assoc.process
	} else if p.failures > 0 {
		j.probe = true
		c.probes++
	}
	start := s.out.jobs.next()
	*start = StartJob{
		Job: j.id, Generation: s.generation, Version: s.config.Version,
		Channel: c.name, Process: j.process.number, Peer: p.name, Ref: m.ref(),
	}
	if j.assoc != nil {
		start.Assoc = j.assoc.id
	}
	for i := l.first; i >= 0; i = m.recipients[i].next {
		r := &m.recipients[i]
		if r.state != Queued && (r.state != Waiting || r.until > s.now) {
			continue
		}
		r.state, r.until = InFlight, 0
		r.attempts = min(r.attempts, 1<<16-2) + 1
		start.Attempt = max(start.Attempt, int(r.attempts))
		if j.left == 0 {
			start.Recipients = list(r.n)
		} else {
			start.Recipients = append(start.Recipients, int(r.n))
		}
		j.left++
	}
	s.setDue(l, 0)
	l.job = j
	s.setState(l, InFlight)
	s.jobs.put(j)
	s.toMark(j)
	j.process.jobs++
	c.jobs[priority]++
	p.jobs++
	s.lastServed++
	p.served, c.served = s.lastServed, s.lastServed
	s.running[priority]++
	p.passed[priority].again(s.now)
	s.out.add(start)
	return j
}

// peerFailed makes a peer wait. Several failures of one moment count once.
func (s *Scheduler) peerFailed(p *peer, why string) {
	if p.blockedUntil > s.now {
		return
	}
	p.failures++
	p.reason = cut(why)
	p.blockedUntil = s.later(s.config.PeerBackoff.Delay(p.failures))
	p.connect = false
	s.setWake(p)
	s.touch(p)
	s.out.add(Notice{
		Kind: NoticePeerDown, Channel: p.channel.name, Peer: p.name,
		Text: p.reason, Until: timeOf(p.blockedUntil), Count: p.failures,
	})
}

// peerTrouble remembers what happened to a peer before.
func (s *Scheduler) peerTrouble(ev PeerTrouble) {
	c := s.byName[ev.Channel]
	if c == nil || c.byName[ev.Peer] == nil {
		return
	}
	if p := c.byName[ev.Peer]; p.failures == 0 && !p.passive() {
		p.failures, p.reason = max(ev.Failures, 1), cut(ev.Why)
		s.touch(p)
	}
}

// peerAlive ends the wait of a peer that was seen to work.
func (s *Scheduler) peerAlive(p *peer) {
	if p.failures == 0 {
		return
	}
	p.failures, p.reason, p.blockedUntil, p.missed = 0, "", 0, false
	s.setWake(p)
	s.touch(p)
	s.out.add(Notice{Kind: NoticePeerUp, Channel: p.channel.name, Peer: p.name})
}

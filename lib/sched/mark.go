package sched

// What a job has sent is known here, and not to whoever comes after this instance was
// killed: a message whose time is over by then would be given up, though the peer may have
// it. So the log says of a job that takes long that its recipients may have been reached.
// Nearly all end before, and cost nothing.

// toMark lets a job be marked when it takes long.
func (s *Scheduler) toMark(j *job) {
	if s.config.DoubtAfter <= 0 || s.makes(j.list.peer.channel) {
		j.marked = true // never
		return
	}
	j.older = s.unmarked.last
	if j.older != nil {
		j.older.newer = j
	} else {
		s.unmarked.first = j
	}
	s.unmarked.last = j
}

// forgetMark takes a job from those that are to be marked.
func (s *Scheduler) forgetMark(j *job) {
	if j.marked {
		return
	}
	j.marked = true
	if j.older != nil {
		j.older.newer = j.newer
	} else {
		s.unmarked.first = j.newer
	}
	if j.newer != nil {
		j.newer.older = j.older
	} else {
		s.unmarked.last = j.older
	}
	j.older, j.newer = nil, nil
}

// markOld marks the jobs that take long. A clock that is put back makes them come early.
func (s *Scheduler) markOld() {
	for range portion {
		j := s.unmarked.first
		if j == nil || j.started <= s.now && s.now-j.started < int64(s.config.DoubtAfter) {
			return
		}
		s.markList(j.list)
	}
}

// markList has the log say that the recipients in flight of a list may have been reached.
func (s *Scheduler) markList(l *mlist) {
	if l == nil || l.job == nil || l.job.marked {
		return
	}
	s.forgetMark(l.job)
	for i := l.first; i >= 0; i = l.msg.recipients[i].next {
		if r := &l.msg.recipients[i]; r.state == InFlight && !r.doubt {
			text := r.text
			r.text = ""
			s.out.addLog(l.msg, r, ChangeSent, 0, l.peer)
			r.text = text
		}
	}
}

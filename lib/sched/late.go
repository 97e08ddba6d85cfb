package sched

// lateAt is when a message that is still here is late, 0 if that is never.
func (s *Scheduler) lateAt(m *message) int64 {
	if after := s.config.Warn[m.priority]; after > 0 && !m.late {
		return max(m.accepted, m.deferred) + int64(after)
	}
	return 0
}

// pressing reports whether the time of some recipient of a message may be over, or the
// message is late and it has not been said: then it is to be looked at now, as expire does.
func (s *Scheduler) pressing(m *message) bool {
	at := s.lateAt(m)
	return m.expired(s.now) || at != 0 && at <= s.now
}

// warn says once that a message is late. One that is held as a whole is not: whoever
// holds it knows.
func (s *Scheduler) warn(m *message) {
	if at := s.lateAt(m); at == 0 || at > s.now || m.left == 0 {
		return
	}
	for i := range m.recipients {
		r := &m.recipients[i]
		if r.state == Finished || r.state == Held {
			continue
		}
		if !m.late {
			m.late = true
			for l := m.lists; l != nil; l = l.sibling {
				l.peer.late++
			}
		}
		text, until := r.text, r.until
		if r.state == Queued {
			v := RecipientView{Text: text}
			r.list.peer.explain(&v, m, s.now)
			text, until = v.Text, nanos(v.Until)
		}
		s.out.addLate(m, r, text, until)
	}
}

package sched

// Most of what is done for a message is done for the next one too: what has gone through
// leaves its memory to what comes, and is no work for the garbage collector.

// maxSpares bounds how many messages are kept so.
const maxSpares = 1024

// spares are messages and jobs that are over.
type spares struct {
	gone     *message // in this step, which may still look at them; linked by next
	messages []*message
	jobs     []*job
}

// message returns an empty one.
func (s *spares) message() *message {
	last := len(s.messages) - 1
	if last < 0 {
		return new(message)
	}
	m := s.messages[last]
	s.messages = s.messages[:last]
	return m
}

// done takes a message that nothing leads to any more.
func (s *spares) done(m *message) { m.next, s.gone = s.gone, m }

// settle keeps what was done with in the step before.
func (s *spares) settle() {
	for m := s.gone; m != nil; {
		next := m.next
		if *m = (message{}); len(s.messages) < maxSpares {
			s.messages = append(s.messages, m)
		}
		m = next
	}
	s.gone = nil
}

// job returns an empty one.
func (s *spares) job() *job {
	last := len(s.jobs) - 1
	if last < 0 {
		return new(job)
	}
	j := s.jobs[last]
	s.jobs = s.jobs[:last]
	return j
}

// ended takes a job that is over.
func (s *spares) ended(j *job) {
	*j = job{}
	s.jobs = append(s.jobs, j)
}

package sched

import "github.com/mtakit/mtakit/lib/spool"

// The priorities as indices, most urgent first.
const (
	urgent = iota
	normal
	nonUrgent
	priorities
)

func priorityIndex(p spool.Priority) int {
	switch p {
	case spool.Urgent:
		return urgent
	case spool.NonUrgent:
		return nonUrgent
	}
	return normal
}

func priorityOf(index int) spool.Priority {
	return [...]spool.Priority{spool.Urgent, spool.Normal, spool.NonUrgent}[index]
}

// limits are a number of places with those among them kept for the more urgent.
type limits struct{ max, urgent, normal int }

// newLimits trims reservations so that each priority has at least one place left
// to use: a configuration cannot starve one for good.
func newLimits(max, reservedUrgent, reservedNormal int) limits {
	l := limits{max: max}
	l.urgent = min(reservedUrgent, max-1)
	l.urgent = clamp(l.urgent)
	l.normal = clamp(min(reservedNormal, max-1-l.urgent))
	return l
}

func clamp(n int) int { return max(n, 0) }

// places counts what is in progress by priority.
type places [priorities]int

func (p places) total() int { return p[urgent] + p[normal] + p[nonUrgent] }

// free reports whether one more of a priority may be started. Urgent ones take
// any place; the others never those reserved for the more urgent.
func (p places) free(priority int, l limits) bool {
	if p.total() >= l.max {
		return false
	}
	switch priority {
	case nonUrgent:
		if p[nonUrgent] >= l.max-l.urgent-l.normal {
			return false
		}
		fallthrough
	case normal:
		return p[normal]+p[nonUrgent] < l.max-l.urgent
	}
	return true
}

// setLimits gives a channel other limits.
func (s *Scheduler) setLimits(ev SetLimits) {
	c := s.byName[ev.Channel]
	if c == nil {
		return
	}
	cfg := c.config
	if ev.MaxJobs > 0 {
		cfg.MaxJobs = ev.MaxJobs
	}
	if ev.MaxPerPeer > 0 {
		cfg.MaxPerPeer = ev.MaxPerPeer
	}
	c.configure(cfg)
	for _, p := range c.peers {
		s.touch(p)
	}
}

// Free reports whether one more job of a priority may be started beside those in
// progress, each by priority from urgent to non-urgent.
func (c ChannelConfig) Free(inProgress [3]int, priority int) bool {
	c = c.withDefaults()
	return places(inProgress).free(priority, newLimits(c.MaxJobs, c.ReservedUrgent, c.ReservedNormal))
}

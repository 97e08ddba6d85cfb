package sched

import (
	"cmp"
	"slices"
	"time"
)

// A timetable is kept in UTC, whose days and weeks all have the same length: a time of
// the week is a number, no time comes twice or not at all, and what is due can be
// computed from any moment, however the clock has come to it.

const week = 7 * 24 * time.Hour

// monday is the first Monday of Unix time, 00:00 UTC.
const monday = int64(4 * 24 * time.Hour)

// Span is a part of every week, from Start until just before End, both counted from
// Monday 00:00 UTC. End may lie in the next week; one that is not after Start, or a week
// or more after it, makes the Span the whole week.
type Span struct{ Start, End time.Duration }

// timetable is what a peer's configuration says about times, ready to be asked.
type timetable struct {
	windows []Span          // ascending, apart from each other, inside the week; none: always open
	at      []time.Duration // ascending, in the week
	every   time.Duration
}

func newTimetable(pc PeerConfig) timetable {
	t := timetable{every: max(pc.CallEvery, 0)}
	for _, at := range pc.CallAt {
		t.at = append(t.at, inWeek(at))
	}
	slices.Sort(t.at)
	t.at = slices.Compact(t.at)
	for _, w := range pc.Windows {
		if w.End <= w.Start || w.End-w.Start >= week {
			t.windows = nil
			return t
		}
		start := inWeek(w.Start)
		end := start + w.End - w.Start
		if end > week {
			t.windows = append(t.windows, Span{0, end - week})
			end = week
		}
		t.windows = append(t.windows, Span{start, end})
	}
	slices.SortFunc(t.windows, func(a, b Span) int { return cmp.Compare(a.Start, b.Start) })
	merged := t.windows[:0]
	for _, w := range t.windows {
		if last := len(merged) - 1; last >= 0 && w.Start <= merged[last].End {
			merged[last].End = max(merged[last].End, w.End)
		} else {
			merged = append(merged, w)
		}
	}
	if t.windows = merged; len(merged) == 1 && merged[0] == (Span{0, week}) {
		t.windows = nil
	}
	return t
}

// inWeek brings a time into the week.
func inWeek(d time.Duration) time.Duration {
	d %= week
	if d < 0 {
		d += week
	}
	return d
}

// calls reports whether the peer is called with nothing to send.
func (t *timetable) calls() bool { return t.every > 0 || len(t.at) > 0 }

// split tells in which week a time is, and where in it.
func split(now int64) (start int64, in time.Duration) {
	in = inWeek(time.Duration(now - monday))
	return now - int64(in), in
}

// open tells whether a time is in a window, and when that changes; never is 0.
func (t *timetable) open(now int64) (open bool, until int64) {
	if len(t.windows) == 0 {
		return true, 0
	}
	start, in := split(now)
	first := t.windows[0]
	i, _ := slices.BinarySearchFunc(t.windows, in, func(w Span, in time.Duration) int {
		if w.End <= in {
			return -1
		}
		return 1
	})
	switch {
	case i == len(t.windows):
		return false, start + int64(week+first.Start)
	case t.windows[i].Start > in:
		return false, start + int64(t.windows[i].Start)
	case t.windows[i].End == week && first.Start == 0:
		return true, start + int64(week+first.End)
	}
	return true, start + int64(t.windows[i].End)
}

// next is the first of the times of day behind a time; there is one at least.
func (t *timetable) next(now int64) int64 {
	start, in := split(now)
	i, _ := slices.BinarySearch(t.at, in+1)
	if i == len(t.at) {
		return start + int64(week+t.at[0])
	}
	return start + int64(t.at[i])
}

// schedule works out anew what the time is for a peer: whether it is in a window, and
// when it is called next. It may be called at any moment.
func (s *Scheduler) schedule(p *peer) {
	t := &p.times
	open, until := t.open(s.now)
	if p.shut == open {
		p.shut = !open
		if p.shut {
			s.hangUp(p)
		}
	}
	p.windowAt, p.callAt = until, 0
	switch {
	case !t.calls() || p.passive() || !p.channel.config.Associations:
		p.due = false
	case len(p.assocs) > 0:
		p.due = false // the peer can send what it has
	case t.every > 0:
		p.contact = min(p.contact, s.now) // a clock that was put back
		if p.contact == 0 || p.contact+int64(t.every) <= s.now {
			p.due = true
		} else {
			p.callAt = p.contact + int64(t.every)
		}
	}
	if len(t.at) > 0 && !p.passive() && p.channel.config.Associations {
		if at := t.next(s.now); p.callAt == 0 || at < p.callAt {
			p.callAt = at
		}
	}
	s.setWake(p)
	s.touch(p)
}

// hangUp closes the associations of ours with a peer that are idle and have nothing to
// send.
func (s *Scheduler) hangUp(p *peer) {
	if p.best() < priorities {
		return
	}
	for _, a := range slices.Clone(p.idle) {
		s.close(a)
	}
}

// clockBack works everything out anew that was reckoned from a time that is to come
// again.
func (s *Scheduler) clockBack() {
	if len(s.orders) > 0 {
		s.applyOrders()
	}
	for _, c := range s.channels {
		s.clockBackPace(c)
		for _, p := range c.peers {
			if p.windowAt != 0 || p.callAt != 0 {
				s.schedule(p)
			}
		}
	}
}

// shutFor reports whether a message of a priority has to wait for the peer's window.
func (p *peer) shutFor(priority int) bool {
	return p.shut && (priority != urgent || !p.config.UrgentAnyTime)
}

// callDue reports whether the peer is to be called although nothing waits for it.
func (p *peer) callDue() bool {
	return p.opening == 0 && ((p.due || p.connect) && len(p.assocs) == 0 || p.missed && p.usable == 0)
}

// shutText says until when what is for the peer waits, for people.
func (p *peer) shutText(now int64) string {
	layout := "15:04"
	if p.windowAt-now >= int64(24*time.Hour) {
		layout = "Mon 15:04"
	}
	return "waits for the window at " + timeOf(p.windowAt).Format(layout) + " UTC"
}

// nextCall is when the peer is called although nothing waits for it, 0 if that is never:
// in a window.
func (p *peer) nextCall(now int64) int64 {
	at := p.callAt
	if p.due || p.missed && p.usable == 0 {
		at = max(now, p.blockedUntil)
	}
	if at == 0 {
		return 0
	}
	if open, until := p.times.open(at); !open {
		return until
	}
	return at
}

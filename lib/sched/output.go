package sched

import (
	"time"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/spool"
)

// output collects the actions of one step. Recipients of a message that meet the
// same fate one after the other share one action.
type output struct {
	actions []Action
	count   uint64 // of those added, in all steps
	jobs    room[StartJob]
	finals  room[Final]
	dones   room[Done]
	final   *Final // the last action
	log     Log
	open    pending // which of the two is being collected
}

// numbers are the recipients of most messages. What names one of them alone has no memory
// of its own for that.
var numbers = [...]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// list is a list of one number, not to be written to.
func list(n int32) []int {
	if n >= 0 && int(n) < len(numbers) {
		return numbers[n : n+1 : n+1]
	}
	return []int{int(n)}
}

// room is memory for actions of a kind that every message causes, used again in each step.
type room[T any] struct {
	all  []*T
	used int
}

// maxRoom bounds what is kept of it after a large step.
const maxRoom = 256

func (r *room[T]) next() *T {
	if r.used == len(r.all) {
		r.all = append(r.all, new(T))
	}
	r.used++
	return r.all[r.used-1]
}

func (r *room[T]) reset() {
	r.used = 0
	if len(r.all) > maxRoom {
		r.all = nil
	}
}

type pending uint8

const (
	pendingNone pending = iota
	pendingFinal
	pendingLog
)

func (o *output) reset() {
	clear(o.actions)
	o.actions = o.actions[:0]
	o.jobs.reset()
	o.finals.reset()
	o.dones.reset()
}

func (o *output) take() []Action {
	o.flush()
	return o.actions
}

func (o *output) flush() {
	if o.open == pendingLog {
		o.actions = append(o.actions, o.log)
	}
	o.open = pendingNone
}

func (o *output) add(a Action) {
	o.flush()
	o.count++
	o.actions = append(o.actions, a)
}

func (o *output) addFinal(m *message, n int32, what *Outcome, at *peer) {
	var channel, peer string
	if at != nil {
		channel, peer = at.channel.name, at.name
	}
	f := o.final
	if o.open == pendingFinal && f.Ref == m.ref() && f.Outcome == *what && f.Channel == channel && f.Peer == peer {
		f.N = append(f.N, int(n))
		return
	}
	f = o.finals.next()
	*f = Final{Ref: m.ref(), N: list(n), Outcome: *what, Channel: channel, Peer: peer}
	o.add(f)
	o.open, o.final = pendingFinal, f
}

func (o *output) addDone(m *message) {
	d := o.dones.next()
	d.Ref, d.Accepted = m.ref(), timeOf(m.accepted)
	o.add(d)
}

func (o *output) addLog(m *message, r *recipient, what Change, until int64, at *peer) {
	o.collect(m, r, Log{Change: what, Text: r.text, Until: timeOf(until)}, at)
}

// addLate says of a recipient that it is late, and what it waits for.
func (o *output) addLate(m *message, r *recipient, text string, until int64) {
	o.collect(m, r, Log{Change: ChangeLate, Text: text, Until: timeOf(until)}, r.list.peer)
}

func (o *output) collect(m *message, r *recipient, l Log, at *peer) {
	l.Ref, l.Attempts = m.ref(), int(r.attempts)
	if at != nil {
		l.Channel, l.Peer = at.channel.name, at.name
	}
	p := &o.log
	if o.open == pendingLog && p.Ref == l.Ref && p.Change == l.Change && p.Text == l.Text &&
		p.Until.Equal(l.Until) && p.Attempts == l.Attempts && p.Channel == l.Channel && p.Peer == l.Peer {
		p.N = append(p.N, int(r.n))
		return
	}
	o.flush()
	l.N = list(r.n)
	o.open, o.log = pendingLog, l
}

func (o *output) addRoutes(m *message, r *recipient, hops []spool.Hop) {
	if o.open == pendingLog && o.log.Ref == m.ref() && o.log.Change == ChangeRerouted {
		o.log.N = append(o.log.N, int(r.n))
		return
	}
	o.flush()
	o.open, o.log = pendingLog, Log{Ref: m.ref(), N: list(r.n), Change: ChangeRerouted, Hops: hops}
}

// cut bounds a text that is kept or logged, between characters.
func cut(text string) string {
	if len(text) <= textSize {
		return text
	}
	end := textSize
	for end > textSize-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	// A copy, so that a small piece does not keep a large text in memory.
	return string([]byte(text[:end]))
}

// later returns the time d after now.
func (s *Scheduler) later(d time.Duration) int64 { return s.now + int64(d) }

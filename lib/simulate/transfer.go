package simulate

import (
	"fmt"
	"math"
	"strconv"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
)

// open begins to open an association. That it cannot be opened is known after a round
// trip, or, when nobody says so, after the open-timeout of the channel.
func (w *world) open(o sched.OpenAssociation) error {
	p, l := w.process(o.Channel, o.Process), w.byTarget[target{o.Channel, o.Peer}]
	if p == nil || l == nil {
		return nonsense("an association with %s by process %s/%d", o.Peer, o.Channel, o.Process)
	}
	a := &assoc{process: p, link: l, id: o.Assoc}
	p.assocs[a.id], l.assocs[a.id] = a, a
	p.channel.assocs.add(w.now, 1)
	l.count.opened++
	took := int64(openTrips * l.Latency)
	switch {
	case l.silent > 0:
		took = p.channel.wait
	case l.down > 0 || l.full():
		took = int64(l.Latency)
	}
	w.at(w.now+took, opens, a, 0)
	return nil
}

// full tells that the peer takes no more associations.
func (l *link) full() bool { return l.Accepts > 0 && l.count.up.now >= l.Accepts }

func (w *world) opened(a *assoc) {
	l := a.link
	if a.gone {
		return
	}
	name, number := a.process.channel.config.Name, a.process.number
	if l.down > 0 || l.full() {
		l.count.refusedOpenings++
		w.forget(a)
		why := "busy"
		if l.down > 0 {
			why = "out of order"
		}
		w.step(sched.AssociationFailed{Channel: name, Process: number, Assoc: a.id, Why: why})
		return
	}
	a.up = true
	l.count.up.add(w.now, 1)
	w.step(sched.AssociationUp{Channel: name, Process: number, Assoc: a.id, Peer: l.peer, TwoWay: true, Turn: true})
}

// forget takes an association out of the world.
func (w *world) forget(a *assoc) {
	if a.gone {
		return
	}
	a.gone = true
	delete(a.process.assocs, a.id)
	delete(a.link.assocs, a.id)
	if a.up {
		a.link.count.up.add(w.now, -1)
	}
	if !a.inbound {
		a.process.channel.assocs.add(w.now, -1)
	}
}

// endAssoc ends an association; a transfer on it is lost.
func (w *world) endAssoc(a *assoc, failed bool, why string) {
	if a.gone {
		return
	}
	w.forget(a)
	if a.job != nil {
		w.lose(a.job)
	}
	w.step(sched.AssociationDown{Channel: a.process.channel.config.Name, Process: a.process.number, Assoc: a.id, Failed: failed, Why: why})
	w.endStopped(a.process)
}

// call lets a peer call, if it can and there is somebody to answer.
func (w *world) call(l *link) {
	w.at(w.now+int64(l.CallEvery), calls, l, 0)
	c := l.channel
	if l.down > 0 || len(c.processes) == 0 || l.full() {
		return
	}
	w.calls++
	a := &assoc{process: c.processes[len(c.processes)-1], link: l, id: 1<<32 + w.calls, inbound: true, up: true}
	a.process.assocs[a.id], l.assocs[a.id] = a, a
	l.count.up.add(w.now, 1)
	w.at(w.now+int64(l.CallFor), hangsUp, a, 0)
	w.step(sched.AssociationUp{Channel: c.config.Name, Process: a.process.number, Assoc: a.id, Peer: l.peer, Inbound: true, TwoWay: true, Turn: true})
}

// hangUp ends an association that the peer has opened; it takes the turn first, so that a
// transfer in progress comes to its end.
func (w *world) hangUp(a *assoc) {
	switch {
	case a.gone:
	case a.job == nil:
		w.endAssoc(a, false, "")
	default:
		a.leaving = true
		w.step(sched.AssociationUp{Channel: a.process.channel.config.Name, Process: a.process.number, Assoc: a.id, Peer: a.link.peer, Inbound: true, TwoWay: true})
	}
}

// startJob begins a transfer. The switch does its own part of it first, one transfer after
// the other.
func (w *world) startJob(s sched.StartJob) error {
	p := w.process(s.Channel, s.Process)
	l := w.byTarget[target{s.Channel, s.Peer}]
	number, err := strconv.ParseUint(string(s.Ref.ID), 10, 64)
	if p == nil || l == nil || err != nil {
		return nonsense("job %d for %s by process %s/%d", s.Job, s.Peer, s.Channel, s.Process)
	}
	j := &job{StartJob: s, process: p, link: l, began: w.now, pos: -1}
	if s.Assoc != 0 {
		if j.assoc = p.assocs[s.Assoc]; j.assoc == nil || !j.assoc.up || j.assoc.job != nil {
			return nonsense("job %d on association %d", s.Job, s.Assoc)
		}
		j.assoc.job = j
	}
	w.jobs[s.Job], p.jobs[s.Job] = j, j
	p.channel.jobs.add(w.now, 1)
	r := w.ledger.of(number)
	j.priority, j.finish = int(r.priority), float64(r.size)
	p.channel.places.add(&p.channel.config, w.now, j.priority, 1)
	w.figures.Attempts++
	l.count.attempts++
	w.freeAt = max(w.freeAt, w.now) + int64(w.day.Switch.Work)
	w.at(w.freeAt, begins, j, 0)
	return nil
}

// begin puts the octets on the line.
func (w *world) begin(j *job) {
	switch {
	case j.gone:
	case j.link.busy.rate == 0:
		w.sent(j)
	default:
		j.link.busy.add(w.now, j)
		w.awaitPassed(j.link)
	}
}

func (w *world) awaitPassed(l *link) {
	l.busy.version++
	if at, ok := l.busy.next(); ok {
		w.at(at, passes, l, l.busy.version)
	}
}

// passed: the last octets of a transfer are at the peer.
func (w *world) passed(l *link, version uint64) {
	if version != l.busy.version {
		return // others have come or gone since
	}
	j := l.busy.first(w.now)
	w.sent(j)
	w.awaitPassed(l)
}

// sent waits for the answer to what is at the peer.
func (w *world) sent(j *job) {
	w.at(w.now+int64(j.link.Latency+j.link.Answer), answers, j, 0)
}

// answer is the peer's.
func (w *world) answer(j *job) {
	if j.gone {
		return
	}
	l, a := j.link, j.assoc
	w.drop(j)
	if a != nil {
		a.job = nil
	}
	outcome := sched.Outcome{Kind: sched.Transferred}
	if !l.channel.config.Associations {
		outcome = sched.Outcome{Kind: sched.Delivered, Time: w.time()}
	}
	if l.Deferred+l.Refused > 0 {
		switch u := l.chance.Float64(); {
		case u < l.Deferred:
			outcome = sched.Outcome{Kind: sched.Deferred, Text: "try again"}
		case u < l.Deferred+l.Refused:
			outcome = sched.Outcome{Kind: sched.Failed, Text: "refused"}
		}
	}
	results := make([]sched.Result, len(j.Recipients))
	for i, n := range j.Recipients {
		results[i] = sched.Result{N: n, Outcome: outcome}
	}
	w.count.answering = j
	w.step(sched.JobOutcome{Job: j.Job, Generation: j.Generation, Results: results})
	if a != nil && a.leaving {
		w.endAssoc(a, false, "")
	}
	w.endStopped(j.process)
}

// lose ends a transfer that nobody answers.
func (w *world) lose(j *job) {
	if j.gone {
		return
	}
	j.gone = true
	w.drop(j)
	w.figures.Lost++
	if j.pos >= 0 {
		j.link.busy.remove(w.now, j)
		w.awaitPassed(j.link)
	}
}

func (w *world) drop(j *job) {
	delete(w.jobs, j.Job)
	delete(j.process.jobs, j.Job)
	c := j.process.channel
	c.jobs.add(w.now, -1)
	c.places.add(&c.config, w.now, j.priority, -1)
}

func nonsense(format string, args ...any) error {
	return diag.E("simulate", diag.Internal, fmt.Errorf("the scheduler wants "+format, args...))
}

// flows are transfers that share a line: each has the same part of it. A transfer needs
// as many octets as it has; done counts the octets that each one has got that was there
// from the beginning, so that who comes later is through at done plus its own.
type flows struct {
	rate    float64 // octets per nanosecond; 0 is no limit
	done    float64
	since   int64 // when done was that
	heap    []*job
	version uint64
	octets  float64 // of all transfers so far, less what was lost of them
}

func (f *flows) advance(now int64) {
	if n := len(f.heap); n > 0 {
		f.done += float64(float64(now-f.since) * f.rate / float64(n))
	}
	f.since = now
}

// next is when the first is through.
func (f *flows) next() (int64, bool) {
	if len(f.heap) == 0 {
		return 0, false
	}
	rest := max(f.heap[0].finish-f.done, 0)
	return f.since + int64(math.Ceil(float64(rest*float64(len(f.heap)))/f.rate)), true
}

func (f *flows) add(now int64, j *job) {
	f.advance(now)
	if len(f.heap) == 0 {
		f.done = 0
	}
	f.octets += j.finish
	j.finish += f.done
	j.pos = len(f.heap)
	f.heap = append(f.heap, j)
	f.up(j.pos)
}

// passed is how many octets have, of all transfers.
func (f *flows) passed(now int64) float64 {
	f.advance(now)
	passed := f.octets
	for _, j := range f.heap {
		passed -= max(j.finish-f.done, 0)
	}
	return passed
}

// first takes the one out that is through first.
func (f *flows) first(now int64) *job {
	j := f.heap[0]
	f.remove(now, j)
	return j
}

func (f *flows) remove(now int64, j *job) {
	f.advance(now)
	i, last := j.pos, len(f.heap)-1
	f.swap(i, last)
	f.heap[last] = nil
	f.heap = f.heap[:last]
	if i < last {
		f.down(f.up(i))
	}
	f.octets -= max(j.finish-f.done, 0)
	j.pos = -1
}

func (f *flows) less(i, k int) bool {
	a, b := f.heap[i], f.heap[k]
	if a.finish != b.finish {
		return a.finish < b.finish
	}
	return a.Job < b.Job
}

func (f *flows) swap(i, k int) {
	f.heap[i], f.heap[k] = f.heap[k], f.heap[i]
	f.heap[i].pos, f.heap[k].pos = i, k
}

func (f *flows) up(i int) int {
	for i > 0 && f.less(i, (i-1)/2) {
		f.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	return i
}

func (f *flows) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(f.heap); c++ {
			if f.less(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		f.swap(i, least)
		i = least
	}
}

package sched

import (
	"maps"
	"slices"
	"time"
)

// heal lets everything succeed until nothing is left but what is held, and fails
// if that takes for ever.
func (w *world) heal() {
	w.t.Helper()
	for round := 0; ; round++ {
		if round > 20000 {
			w.t.Fatalf("no end: %v %+v", w.owed, w.s.Tree())
		}
		switch {
		case w.healOne():
		case w.s.Counts().Recipients == w.countHeld() || w.draining && len(w.processes) == 0:
			return
		case w.s.Next().IsZero():
			w.t.Fatalf("nothing to wait for, yet %v %+v", w.owed, w.s.Tree())
		default:
			if next := w.s.Next(); next.After(w.now) {
				w.now = next
			}
			w.step(Tick{})
		}
	}
}

// rest lets time go by when everything is sent: what stands stands, nothing is opened and
// closed without end, and whatever had failed is found to be back.
func (w *world) rest() {
	w.t.Helper()
	end := w.now.Add(3 * time.Hour)
	for round := 0; w.now.Before(end); round++ {
		if round > 3000 {
			w.t.Fatalf("no rest: %+v", w.s.Tree())
		}
		if w.healOne() {
			continue
		}
		next := w.s.Next()
		if next.IsZero() {
			break
		}
		if next.After(w.now) {
			w.now = next
		}
		w.step(Tick{})
	}
	for _, c := range w.s.channels {
		if c.failures >= channelGivenUp && !c.off() {
			w.t.Fatalf("%s is thought to fail", c.name)
		}
		for _, p := range c.peers {
			if p.missed {
				w.t.Fatalf("%s/%s is thought to be down, and is not called", c.name, p.name)
			}
		}
	}
}

func (w *world) healOne() bool {
	w.t.Helper()
	if channels := slices.Sorted(maps.Keys(w.starting)); len(channels) > 0 {
		w.processUp(channels[0])
		return true
	}
	for _, p := range w.running(true) {
		if !slices.ContainsFunc(w.jobIDs(), func(id uint64) bool { return w.jobs[id].Process == p.process }) {
			w.processDown(p.channel, p.process, false)
			return true
		}
	}
	if ids := w.jobIDs(); len(ids) > 0 {
		var results []Result
		for _, n := range w.jobs[ids[0]].left {
			results = append(results, Result{N: n, Outcome: Outcome{Kind: Transferred}})
		}
		w.answer(ids[0], results)
		return true
	}
	paths := w.paths(func(a *worldAssoc) bool { return !a.up || a.closing || a.asked })
	if len(paths) == 0 {
		return w.call()
	}
	switch a := w.assocs[paths[0]]; {
	case !a.up:
		w.assocUp(paths[0], true, false)
	case a.closing:
		w.assocEnds(paths[0], false)
	default:
		w.turn(paths[0], true)
	}
	return true
}

// call lets a peer call that nobody else can: what may have been sent to it before is not
// given up, however long that takes.
func (w *world) call() bool {
	w.t.Helper()
	for _, c := range w.s.Tree() {
		for _, p := range c.Peers {
			usable := func(a AssociationView) bool { return a.Turn || a.TwoWay }
			if !p.Passive || slices.ContainsFunc(p.Associations, usable) || p.Ready == [3]int{} || p.Shut[0] || c.Process == 0 {
				continue
			}
			w.calls++
			path := worldPath{c.Name, c.Process, 1<<33 + uint64(w.calls)}
			w.assocs[path] = &worldAssoc{peer: p.Name, inbound: true}
			w.assocUp(path, true, false)
			return true
		}
	}
	return false
}

func (w *world) countHeld() (n int) {
	each(w.s, func(v MessageView) {
		for _, r := range v.Recipients {
			if r.State == Held {
				n++
			}
		}
	})
	return n
}

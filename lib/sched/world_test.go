package sched

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

// world is everything outside a scheduler: processes, peers, the daemon. It
// carries actions out and holds every one of them to what it may be.
type world struct {
	t      rapid.TB
	s      *Scheduler
	twin   *Scheduler // is given the same events and must do the same
	now    time.Time
	config Config

	starting  map[string]bool
	processes map[string]map[int]*worldProcess
	jobs      map[uint64]*worldJob
	assocs    map[worldPath]*worldAssoc
	owed      map[spool.ID]map[int]bool // recipients not final
	held      map[spool.ID]map[int]bool
	doubt     map[spool.ID]map[int]bool // recipients that may have been reached
	hops      map[who][]spool.Hop
	logged    map[who]bool        // recipients that a restart would take for such
	doubtAt   map[who][]spool.Hop // those that may have got it here and have not refused it
	messages  int
	lastProc  int
	calls     int
	disabled  []Enable // what undoes the orders
	draining  bool
	drained   bool
}

// who is a recipient.
type who struct {
	id spool.ID
	n  int
}

type worldProcess struct{ stopping bool }

type worldPath struct {
	channel string
	process int
	assoc   uint64
}

type worldAssoc struct {
	peer             string
	up, turn, twoWay bool
	inbound, closing bool
	asked            bool
	job              uint64
}

type worldJob struct {
	StartJob
	left []int
}

func newWorld(t rapid.TB, cfg Config) *world {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return &world{
		t: t, now: now, config: cfg, s: New(cfg, now), twin: New(cfg, now),
		starting: map[string]bool{}, processes: map[string]map[int]*worldProcess{},
		jobs: map[uint64]*worldJob{}, assocs: map[worldPath]*worldAssoc{},
		owed: map[spool.ID]map[int]bool{}, held: map[spool.ID]map[int]bool{},
		doubt: map[spool.ID]map[int]bool{}, logged: map[who]bool{}, hops: map[who][]spool.Hop{}, doubtAt: map[who][]spool.Hop{},
	}
}

func (w *world) step(ev Event) {
	w.t.Helper()
	w.take(w.s.Step(w.now, ev), w.twin.Step(w.now, ev))
}

func (w *world) reconfigure(cfg Config) {
	w.t.Helper()
	w.config = cfg
	w.take(w.s.Reconfigure(cfg, w.now), w.twin.Reconfigure(cfg, w.now))
}

func (w *world) take(actions, twins []Action) {
	w.t.Helper()
	if !slices.Equal(show(actions), show(twins)) {
		w.t.Fatalf("the same events, yet\n%q\n%q", show(actions), show(twins))
	}
	order := map[string]int{}
	for _, a := range actions {
		if j, ok := a.(*StartJob); ok {
			q := priorityIndex(j.Ref.Priority)
			if w.s.jobs.find(j.Job).overdue {
				w.checkOverdue(*j)
			} else if q < order[j.Channel] {
				w.t.Fatalf("job %d is started after less urgent ones", j.Job)
			} else {
				order[j.Channel] = q
			}
		}
		w.carryOut(a)
	}
	checkTree(w.t, w.s)
	checkViews(w.t, w.s)
	w.checkPlaces()
	w.checkStall()
	w.checkLog()
	if w.s.Next() != w.twin.Next() {
		w.t.Fatal("the same events, yet another time")
	}
}

func (w *world) carryOut(a Action) {
	w.t.Helper()
	switch a := a.(type) {
	case StartChannel:
		if w.starting[a.Channel] || w.draining {
			w.t.Fatalf("channel %s started again", a.Channel)
		}
		w.starting[a.Channel] = true
	case StopChannel:
		p := w.processes[a.Channel][a.Process]
		if p == nil || p.stopping {
			w.t.Fatalf("stop of process %s/%d", a.Channel, a.Process)
		}
		p.stopping = true
	case OpenAssociation:
		w.working(a.Channel, a.Process)
		w.open(a.Channel, a.Peer, true)
		path := worldPath{a.Channel, a.Process, a.Assoc}
		if w.assocs[path] != nil || a.Assoc >= 1<<32 {
			w.t.Fatalf("association %v opened twice", path)
		}
		w.assocs[path] = &worldAssoc{peer: a.Peer}
	case CloseAssociation:
		as := w.assocs[worldPath{a.Channel, a.Process, a.Assoc}]
		if as == nil || !as.up || as.closing || as.inbound || as.job != 0 {
			w.t.Fatalf("close of association %d: %+v", a.Assoc, as)
		}
		as.closing = true
	case RequestTurn:
		as := w.assocs[worldPath{a.Channel, a.Process, a.Assoc}]
		if as == nil || !as.up || as.turn || !as.twoWay || as.closing {
			w.t.Fatalf("turn of association %d: %+v", a.Assoc, as)
		}
		as.asked = true
	case *StartJob:
		w.startJob(*a)
	case *Final:
		for _, n := range a.N {
			if !w.owed[a.Ref.ID][n] {
				w.t.Fatalf("%s %d is final twice", a.Ref.ID, n)
			}
			if !a.Outcome.Kind.Final() {
				w.t.Fatalf("%s %d is final, %v", a.Ref.ID, n, a.Outcome.Kind)
			}
			if w.doubt[a.Ref.ID][n] && a.Outcome.Kind == Failed && a.Outcome.Diagnostic == diagnosticMaximumTimeExpired {
				w.t.Fatalf("%s %d may have been reached, and is given up", a.Ref.ID, n)
			}
			if a.Outcome.Kind == Failed {
				w.checkSettled(who{a.Ref.ID, n})
			}
			delete(w.owed[a.Ref.ID], n)
		}
	case Log:
		for _, n := range a.N {
			r := who{a.Ref.ID, n}
			switch a.Change {
			case ChangeInDoubt, ChangeSent:
				w.logged[r] = true
			case ChangeDeferred:
				w.logged[r] = false
			case ChangeDiverted:
				w.logged[r] = false
				w.checkSettled(r)
				delete(w.doubt[a.Ref.ID], n)
				delete(w.doubtAt, r)
			case ChangeRerouted:
				w.hops[r] = a.Hops
			}
		}
	case *Done:
		left, known := w.owed[a.Ref.ID]
		if !known || len(left) > 0 {
			w.t.Fatalf("%s is done with %d recipients left", a.Ref.ID, len(left))
		}
		delete(w.owed, a.Ref.ID)
	case Drained:
		if len(w.jobs) > 0 || w.drained || !w.draining {
			w.t.Fatal("drained with jobs in progress, twice, or unasked")
		}
		w.drained = true
	}
}

// checkSettled holds what is reported as not delivered to what is known: none of the peers
// that are left to it may have got it.
func (w *world) checkSettled(r who) {
	w.t.Helper()
	for _, h := range w.doubtAt[r] {
		if slices.Contains(w.hops[r], h) {
			w.t.Fatalf("%v may be at %v, and has failed", r, h)
		}
	}
}

// checkLog compares what a restart would know of those in doubt with what is known here. Of
// who is in flight it may know that.
func (w *world) checkLog() {
	w.t.Helper()
	each(w.s, func(v MessageView) {
		for _, r := range v.Recipients {
			if got := w.logged[who{v.Ref.ID, r.N}]; got != r.Doubt && r.State != Finished && r.State != InFlight {
				w.t.Fatalf("%s %d: in doubt is %v, the log says %v", v.Ref.ID, r.N, r.Doubt, got)
			}
		}
	})
}

// checkOverdue holds what goes before the more urgent to its bounds.
func (w *world) checkOverdue(j StartJob) {
	w.t.Helper()
	overdue := 0
	for id := range w.jobs {
		if other := w.s.jobs.find(id); other != nil && other.overdue && w.jobs[id].Channel == j.Channel {
			overdue++
		}
	}
	if overdue > 0 || w.config.Starvation <= 0 || j.Ref.Priority == spool.Urgent {
		w.t.Fatalf("job %d goes before its time, beside %d others", j.Job, overdue)
	}
}

func (w *world) working(channel string, process int) {
	w.t.Helper()
	if p := w.processes[channel][process]; p == nil || p.stopping || w.draining {
		w.t.Fatalf("work for process %s/%d", channel, process)
	}
}

// open holds work for a peer to its windows.
func (w *world) open(channel, peer string, urgent bool) {
	w.t.Helper()
	for _, pc := range w.config.Peers {
		if pc.Channel != channel || pc.Name != peer || urgent && pc.UrgentAnyTime || pc.Windows == nil {
			continue
		}
		at := w.now.Sub(time.Unix(0, monday)) % week
		if !slices.ContainsFunc(pc.Windows, func(s Span) bool { return s.Start <= at && at < s.End || s.Start <= at+week && at+week < s.End }) {
			w.t.Fatalf("work for %s/%s at %v, outside its windows", channel, peer, w.now)
		}
	}
}

func (w *world) startJob(a StartJob) {
	w.t.Helper()
	w.working(a.Channel, a.Process)
	w.open(a.Channel, a.Peer, a.Ref.Priority == spool.Urgent)
	if len(a.Recipients) == 0 || a.Attempt < 1 {
		w.t.Fatalf("job %+v", a)
	}
	for _, j := range w.jobs {
		if j.Ref.ID != a.Ref.ID {
			continue
		}
		if j.Channel == a.Channel && j.Peer == a.Peer {
			w.t.Fatalf("jobs %d and %d for one mlist", j.Job, a.Job)
		}
		for _, n := range a.Recipients {
			if slices.Contains(j.Recipients, n) {
				w.t.Fatalf("recipient %d is in jobs %d and %d", n, j.Job, a.Job)
			}
		}
	}
	for _, n := range a.Recipients {
		if !w.owed[a.Ref.ID][n] {
			w.t.Fatalf("job %d for recipient %d, which is final", a.Job, n)
		}
		if w.held[a.Ref.ID][n] {
			w.t.Fatalf("job %d for recipient %d, which is held", a.Job, n)
		}
	}
	if a.Assoc != 0 {
		as := w.assocs[worldPath{a.Channel, a.Process, a.Assoc}]
		if as == nil || !as.up || !as.turn || as.closing || as.job != 0 || as.peer != a.Peer {
			w.t.Fatalf("job %d over association %d: %+v", a.Job, a.Assoc, as)
		}
		as.job = a.Job
	}
	w.jobs[a.Job] = &worldJob{a, slices.Clone(a.Recipients)}
}

// checkPlaces holds every channel to its limits and reservations. A
// configuration may have shrunk under jobs in progress: those may only end.
func (w *world) checkPlaces() {
	w.t.Helper()
	if all := w.config.MaxJobs; all > 0 && len(w.jobs) > all {
		w.t.Fatalf("%d jobs of %d", len(w.jobs), all)
	}
	for _, cc := range w.config.Channels {
		var n [3]int
		for _, j := range w.jobs {
			if j.Channel == cc.Name {
				n[priorityIndex(j.Ref.Priority)]++
			}
		}
		if n[0]+n[1]+n[2] > cc.MaxJobs || n[1]+n[2] > cc.MaxJobs-cc.ReservedUrgent ||
			n[2] > cc.MaxJobs-cc.ReservedUrgent-cc.ReservedNormal {
			w.t.Fatalf("%s runs %v jobs of %d, %d and %d reserved", cc.Name, n, cc.MaxJobs, cc.ReservedUrgent, cc.ReservedNormal)
		}
		w.checkHost(cc)
		if cc.MaxAssociations > 0 {
			ours := 0
			for path, a := range w.assocs {
				if path.channel == cc.Name && !a.inbound {
					ours++
				}
			}
			if ours > cc.MaxAssociations {
				w.t.Fatalf("%s has %d associations", cc.Name, ours)
			}
		}
	}
}

// checkStall finds a list that could be tried and is not.
func (w *world) checkStall() {
	w.t.Helper()
	if w.draining || len(w.s.sweeping) > 0 {
		return
	}
	for _, c := range w.s.channels {
		if !c.up() {
			if c.ready > 0 && !c.off() && !c.starting && c.restartAt <= w.s.now {
				w.t.Fatalf("%s has work, and no process is started", c.name)
			}
			continue
		}
		for _, p := range c.peers {
			for q := range priorities {
				if p.ready[q].n == 0 || p.off() || p.withheld(q) || p.blockedUntil > w.s.now || p.delayed > w.s.now || !c.jobs.free(q, c.limits) || !w.s.free(q) ||
					c.current.maxJobs > 0 && c.current.jobs >= c.current.maxJobs {
					continue
				}
				if p.blockedUntil != 0 {
					w.t.Fatalf("%s is blocked until %d at %d", p.name, p.blockedUntil, w.s.now)
				}
				stalled := false
				if !c.config.Associations {
					stalled = p.jobs < p.maxAtOnce() && (p.failures == 0 || p.jobs == 0 && c.probes < c.maxProbes())
				} else {
					// An urgent message gets one of its own beside any number of busy ones.
					none := p.usable == 0 || p.failures == 0 && p.crowdedUntil == 0 && p.turnUntil == 0 && p.serves(q) == 0 || q == urgent && p.reserved == 0 && p.failures == 0 && p.crowdedUntil == 0
					stalled = p.idleFor(q) > 0 ||
						!p.passive() && none && !p.hostFull() && p.opening == 0 && c.assocs < c.assocLimits().max && c.openFor.total() == 0 &&
							c.busy.free(q, c.assocLimits())
				}
				if stalled && c.wake == 0 {
					w.t.Fatalf("%s/%s has work of priority %d, and nothing is done", c.name, p.name, q)
				}
			}
		}
	}
}

// checkHost holds the peers of a host to the associations it may have. All of a channel
// are at one.
func (w *world) checkHost(cc ChannelConfig) {
	w.t.Helper()
	ours := 0
	for path, a := range w.assocs {
		if path.channel == cc.Name && !a.inbound && slices.ContainsFunc(w.config.Peers, func(p PeerConfig) bool {
			return p.Channel == cc.Name && p.Name == a.peer && p.Host != ""
		}) {
			ours++
		}
	}
	if cc.MaxPerHost > 0 && ours > cc.MaxPerHost {
		w.t.Fatalf("%s has %d associations with one host", cc.Name, ours)
	}
}

// accept gives the scheduler a message.
func (w *world) accept(m Message) {
	w.t.Helper()
	w.messages++
	m.Ref.ID = spool.ID(fmt.Sprintf("m%06d", w.messages))
	m.Accepted = w.now
	w.owed[m.Ref.ID] = map[int]bool{}
	for _, r := range m.Recipients {
		w.owed[m.Ref.ID][r.N] = true
		w.hops[who{m.Ref.ID, r.N}] = r.Hops
		if w.logged[who{m.Ref.ID, r.N}] = r.Doubt; r.Doubt {
			w.doubted(m.Ref.ID, r.N)
		}
	}
	w.step(Accepted{m})
}

// answer reports what became of a job's recipients, and forgets it when that was
// the last.
func (w *world) answer(id uint64, results []Result) {
	w.t.Helper()
	j := w.jobs[id]
	for _, r := range results {
		if r.Kind == InDoubt {
			w.unanswered(j, r.N)
		}
		if r.Kind == Failed {
			at := who{j.Ref.ID, r.N}
			w.doubtAt[at] = slices.DeleteFunc(w.doubtAt[at], func(h spool.Hop) bool { return h == spool.Hop{Channel: j.Channel, Peer: j.Peer} })
		}
		j.left = slices.DeleteFunc(j.left, func(n int) bool { return n == r.N })
	}
	if len(j.left) == 0 {
		delete(w.jobs, id)
		if a := w.assocs[worldPath{j.Channel, j.Process, j.Assoc}]; a != nil {
			a.job = 0
		}
	}
	w.step(JobOutcome{Job: id, Generation: w.config.Generation, Results: results})
	path := worldPath{j.Channel, j.Process, j.Assoc}
	if w.assocs[path] != nil && slices.ContainsFunc(results, func(r Result) bool { return r.Lost }) {
		if w.assocs[path].job != 0 && w.assocs[path].job != id {
			w.t.Fatalf("job %d over association %d, which is over", w.assocs[path].job, j.Assoc)
		}
		w.assocEnds(path, true)
	}
}

// unanswered notes that nobody knows whether recipients of a job were reached. Whoever
// redirects makes the same child again.
func (w *world) unanswered(j *worldJob, numbers ...int) {
	if j.Channel == w.config.AlternateChannel {
		return
	}
	for _, n := range numbers {
		w.doubted(j.Ref.ID, n)
		r := who{j.Ref.ID, n}
		w.doubtAt[r] = append(w.doubtAt[r], spool.Hop{Channel: j.Channel, Peer: j.Peer})
	}
}

func (w *world) doubted(id spool.ID, n int) {
	if w.doubt[id] == nil {
		w.doubt[id] = map[int]bool{}
	}
	w.doubt[id][n] = true
}

func (w *world) processUp(channel string) {
	w.t.Helper()
	delete(w.starting, channel)
	w.lastProc++
	if w.processes[channel] == nil {
		w.processes[channel] = map[int]*worldProcess{}
	}
	w.processes[channel][w.lastProc] = &worldProcess{}
	w.step(ChannelUp{Channel: channel, Process: w.lastProc})
}

func (w *world) processDown(channel string, process int, failed bool) {
	w.t.Helper()
	delete(w.processes[channel], process)
	maps.DeleteFunc(w.jobs, func(_ uint64, j *worldJob) bool {
		if j.Channel != channel || j.Process != process {
			return false
		}
		w.unanswered(j, j.left...)
		return true
	})
	maps.DeleteFunc(w.assocs, func(p worldPath, _ *worldAssoc) bool { return p.channel == channel && p.process == process })
	w.step(ChannelDown{Channel: channel, Process: process, Failed: failed, Why: "process ended"})
}

func (w *world) assocEnds(path worldPath, failed bool) {
	w.t.Helper()
	a := w.assocs[path]
	delete(w.assocs, path)
	if j := w.jobs[a.job]; j != nil {
		w.unanswered(j, j.left...)
	}
	delete(w.jobs, a.job)
	if a.up {
		w.step(AssociationDown{path.channel, path.process, path.assoc, failed, "association ended"})
	} else {
		w.step(AssociationFailed{path.channel, path.process, path.assoc, "cannot connect"})
	}
}

func (w *world) assocUp(path worldPath, turn, twoWay bool) {
	w.t.Helper()
	a := w.assocs[path]
	a.up, a.turn, a.twoWay = true, turn, twoWay
	w.step(AssociationUp{path.channel, path.process, path.assoc, a.peer, a.inbound, twoWay, turn})
}

func (w *world) turn(path worldPath, ours bool) {
	w.t.Helper()
	a := w.assocs[path]
	a.turn, a.asked = ours, false
	w.step(AssociationUp{path.channel, path.process, path.assoc, a.peer, a.inbound, a.twoWay, ours})
}

// The lists of what is there, in an order.

func (w *world) jobIDs() []uint64 { return slices.Sorted(maps.Keys(w.jobs)) }

func (w *world) paths(f func(*worldAssoc) bool) (list []worldPath) {
	for p, a := range w.assocs {
		if f(a) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b worldPath) int {
		return cmp.Or(cmp.Compare(a.channel, b.channel), cmp.Compare(a.process, b.process), cmp.Compare(a.assoc, b.assoc))
	})
	return list
}

func (w *world) running(stopping bool) (list []worldPath) {
	for c, all := range w.processes {
		for n, p := range all {
			if p.stopping == stopping {
				list = append(list, worldPath{channel: c, process: n})
			}
		}
	}
	slices.SortFunc(list, func(a, b worldPath) int { return cmp.Compare(a.process, b.process) })
	return list
}

package bench

import (
	"fmt"
	"runtime"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// Scheduled is what a scheduler did with a queue of a length.
type Scheduled struct {
	Queued             int     `json:"queued"`
	Events             int     `json:"events"`
	Seconds            float64 `json:"seconds"`
	EventsPerSecond    float64 `json:"eventsPerSecond"`
	CPUPerEvent        float64 `json:"cpuNanosecondsPerEvent"`
	OctetsPerRecipient float64 `json:"octetsPerRecipient"`
}

// peers is how many peers the messages are for.
const peers = 100

var priorities = [...]spool.Priority{spool.Urgent, spool.Normal, spool.NonUrgent}

// simulation is a scheduler and the channel process that it believes to have. What it
// does itself is counted with the scheduler, so it is kept small: the texts and lists of
// an event are made beforehand, but for the identifier, which the scheduler keeps.
type simulation struct {
	sched   *sched.Scheduler
	now     time.Time          // a microsecond later with every event
	hops    [peers][]spool.Hop // where the messages go: a peer, and another behind it
	to      [1]sched.Recipient // of the message being accepted
	answer  [1]sched.Result    // of every job
	id      [20]byte           // of the last message: digits, as many as a spool's have characters
	next    int                // number of the next message
	due     time.Time          // when the scheduler is to be asked again
	events  int
	pending []sched.Event // that associations cause
	jobs    []uint64      // in progress, oldest first
}

func newSimulation() *simulation {
	s := &simulation{now: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}
	for i := range s.id {
		s.id[i] = '0'
	}
	for i := range s.hops {
		s.hops[i] = []spool.Hop{{Channel: "p1", Peer: fmt.Sprintf("MTA-%d", i)}, {Channel: "p1", Peer: "BACKUP"}}
	}
	s.answer[0] = sched.Result{N: 1, Outcome: sched.Outcome{Kind: sched.Transferred}}
	s.sched = sched.New(sched.Config{
		Generation: 1,
		Channels: []sched.ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 64, ReservedUrgent: 8, ReservedNormal: 8,
			MaxAssociations: 2 * peers, MaxPerPeer: 4}},
		Expiry: [3]time.Duration{24 * time.Hour, 48 * time.Hour, 96 * time.Hour},
	}, s.now)
	return s
}

// step takes an event, asks when the next is due, as mtarun does, and does what is to be
// done: associations stand and end at once, jobs begin.
func (s *simulation) step(ev sched.Event) {
	s.events++
	s.now = s.now.Add(time.Microsecond)
	for _, a := range s.sched.Step(s.now, ev) {
		switch a := a.(type) {
		case sched.OpenAssociation:
			s.pending = append(s.pending, sched.AssociationUp{Channel: "p1", Process: 1, Assoc: a.Assoc, Peer: a.Peer, Turn: true})
		case sched.CloseAssociation:
			s.pending = append(s.pending, sched.AssociationDown{Channel: "p1", Process: 1, Assoc: a.Assoc})
		case *sched.StartJob:
			s.jobs = append(s.jobs, a.Job)
		}
	}
	s.due = s.sched.Next()
}

// settle lets happen what associations cause.
func (s *simulation) settle() {
	for len(s.pending) > 0 {
		last := len(s.pending) - 1
		ev := s.pending[last]
		s.pending = s.pending[:last]
		s.step(ev)
	}
}

// identifier returns the next one.
func (s *simulation) identifier() spool.ID {
	i := len(s.id) - 1
	for ; s.id[i] == '9'; i-- {
		s.id[i] = '0'
	}
	s.id[i]++
	return spool.ID(s.id[:])
}

// accept takes a message with one recipient, for one of the peers.
func (s *simulation) accept() {
	i := s.next
	s.next++
	s.to[0] = sched.Recipient{N: 1, Hops: s.hops[i%peers]}
	s.step(sched.Accepted{Message: sched.Message{
		Ref:  spool.Ref{ID: s.identifier(), Priority: priorities[i%len(priorities)]},
		Kind: spool.KindMessage, Accepted: s.now, Size: 2000, Recipients: s.to[:],
	}})
}

// transfer ends the oldest job well.
func (s *simulation) transfer() error {
	if len(s.jobs) == 0 {
		return diag.New("bench: sched", diag.Internal, "nothing is in progress")
	}
	job := s.jobs[0]
	s.jobs = s.jobs[:copy(s.jobs, s.jobs[1:])]
	s.step(sched.JobOutcome{Job: job, Generation: 1, Results: s.answer[:]})
	s.settle()
	return nil
}

// Sched queues so many messages and measures as many events of others that pass by.
func Sched(queued, events int) (Scheduled, error) {
	before := heap()
	s := newSimulation()
	for range queued {
		s.accept() // the channel has no process: they wait
	}
	held := float64(heap() - before)
	s.step(sched.ChannelUp{Channel: "p1", Process: 1})
	s.settle()
	s.events = 0
	begun := time.Now()
	own, err := measure.Own()
	if err != nil {
		return Scheduled{}, err
	}
	for s.events < events {
		s.accept()
		s.settle()
		if err := s.transfer(); err != nil {
			return Scheduled{}, err
		}
	}
	took := time.Since(begun)
	after, err := measure.Own()
	if err != nil {
		return Scheduled{}, err
	}
	r := Scheduled{Queued: queued, Events: s.events, Seconds: measure.Round(took.Seconds(), 3), EventsPerSecond: measure.PerSecond(int64(s.events), took),
		CPUPerEvent: measure.Round(float64(after.Since(own).CPU)/float64(s.events), 0)}
	if queued > 0 {
		r.OctetsPerRecipient = measure.Round(max(held, 0)/float64(queued), 0)
	}
	return r, nil
}

// heap is how many octets are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

package sched

import (
	"fmt"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

// TestStarvationIsBounded floods a channel with urgent messages and holds others to what
// mta-sched(7) says of them: t being the time of Starvation, T the longest transfer and k
// how many peers and priorities are passed over, the message behind n others of its own
// goes after (n+1)(t+(k+1)T) at the latest. Urgent messages have all but one of the
// places meanwhile.
func TestStarvationIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const longest = time.Minute
		after := time.Duration(rapid.IntRange(1, 20).Draw(t, "after")) * time.Minute
		associations := rapid.Bool().Draw(t, "associations")
		now := benchTime
		s := New(Config{
			Starvation: after,
			Channels: []ChannelConfig{{Name: "c", Associations: associations, Listens: true, ReservedUrgent: 1,
				MaxJobs: rapid.IntRange(2, 5).Draw(t, "jobs"), MaxAssociations: rapid.IntRange(2, 5).Draw(t, "open"), MaxPerHost: 1}},
			Peers: []PeerConfig{{Channel: "c", Name: "P0", Host: "full"}, {Channel: "c", Name: "H", Host: "full"}},
		}, now)
		f := &flood{t: t, s: s, at: map[uint64]time.Time{}, jobs: map[uint64]StartJob{}, bound: map[spool.ID]time.Time{}}
		f.step(now, ChannelUp{Channel: "c", Process: 1})
		f.urgent(now, 6)
		others := rapid.IntRange(1, 3).Draw(t, "others")
		before := map[string]int{}
		if rapid.Bool().Draw(t, "full host") {
			// It may never go, and is to be in nobody's way.
			f.accept(now, "stuck", normal, "H")
			before["H"] = 1
		}
		type queued struct {
			id   spool.ID
			n    int
			name string
		}
		var all []queued
		for i := range rapid.IntRange(1, 12).Draw(t, "messages") {
			peer, q := fmt.Sprint("P", rapid.IntRange(1, others).Draw(t, "peer")), rapid.IntRange(normal, nonUrgent).Draw(t, "priority")
			name := fmt.Sprint(peer, q)
			all = append(all, queued{spool.ID(fmt.Sprint("low", i)), before[name], name})
			before[name]++
			f.accept(now, all[i].id, q, peer)
		}
		for _, m := range all {
			f.bound[m.id] = now.Add(time.Duration(m.n+1) * (after + time.Duration(len(before)+1)*longest))
		}
		for len(f.bound) > 0 {
			id, end := f.first()
			if end.Before(now) {
				t.Fatalf("at %v", end)
			}
			now = end
			for id, latest := range f.bound {
				if now.After(latest) {
					t.Fatalf("%s has not gone %v after its time", id, now.Sub(latest))
				}
			}
			f.urgent(now, 6)
			f.end(now, id)
		}
	})
}

// flood is a scheduler that has always more urgent messages to send than it can.
type flood struct {
	t     *rapid.T
	s     *Scheduler
	n     int
	at    map[uint64]time.Time // when a job or the opening of an association ends
	jobs  map[uint64]StartJob
	bound map[spool.ID]time.Time // when who has not gone yet goes at the latest
}

func (f *flood) accept(now time.Time, id spool.ID, q int, peer string) {
	f.step(now, Accepted{Message{Ref: spool.Ref{ID: id, Priority: priorityOf(q)}, Kind: spool.KindMessage, Accepted: now, Size: 1,
		Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "c", Peer: peer}}}}}})
}

// urgent lets so many urgent messages wait for each peer.
func (f *flood) urgent(now time.Time, most int) {
	for i := range 4 {
		name := fmt.Sprint("P", i)
		for ready := f.ready(name); ready < most; ready++ {
			f.n++
			f.accept(now, spool.ID(fmt.Sprint("urgent", f.n)), urgent, name)
		}
	}
}

func (f *flood) ready(name string) int {
	for _, c := range f.s.Tree() {
		for _, p := range c.Peers {
			if p.Name == name {
				return p.Ready[urgent]
			}
		}
	}
	return 0
}

func (f *flood) step(now time.Time, ev Event) {
	var associations []Event
	for _, a := range f.s.Step(now, ev) {
		took := time.Duration(rapid.IntRange(1, 29).Draw(f.t, "seconds")) * time.Second
		switch a := a.(type) {
		case *StartJob:
			if end, waits := f.bound[a.Ref.ID]; waits {
				if now.After(end) {
					f.t.Fatalf("%s goes %v too late", a.Ref.ID, now.Sub(end))
				}
				delete(f.bound, a.Ref.ID)
			}
			f.jobs[a.Job], f.at[a.Job] = *a, now.Add(took)
			f.places()
		case OpenAssociation:
			associations = append(associations, AssociationUp{Channel: "c", Process: 1, Assoc: a.Assoc, Peer: a.Peer, Turn: true})
		case CloseAssociation:
			associations = append(associations, AssociationDown{Channel: "c", Process: 1, Assoc: a.Assoc})
		}
	}
	for _, ev := range associations {
		f.step(now, ev)
	}
}

// places holds those that are not urgent to one place.
func (f *flood) places() {
	low := 0
	for _, j := range f.jobs {
		if j.Ref.Priority != spool.Urgent {
			low++
		}
	}
	if low > 1 {
		f.t.Fatalf("%d places are taken from urgent messages", low)
	}
}

func (f *flood) first() (first uint64, end time.Time) {
	for id, at := range f.at {
		if end.IsZero() || at.Before(end) || at.Equal(end) && id < first {
			first, end = id, at
		}
	}
	return first, end
}

func (f *flood) end(now time.Time, id uint64) {
	delete(f.at, id)
	delete(f.jobs, id)
	f.step(now, JobOutcome{Job: id, Results: []Result{{N: 1, Outcome: Outcome{Kind: Transferred}}}})
}

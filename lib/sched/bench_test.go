package sched

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

var benchTime = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// benchMessage is one recipient's message for one of a hundred peers, an
// alternate behind it.
func benchMessage(i int, now time.Time) Message {
	return Message{
		Ref:  spool.Ref{ID: spool.ID(fmt.Sprintf("%020d", i)), Priority: priorityOf(i % 3)},
		Kind: spool.KindMessage, Accepted: now, Size: 2000,
		Recipients: []Recipient{{N: 1, Hops: []spool.Hop{
			{Channel: "p1", Peer: fmt.Sprintf("MTA-%d", i%100)}, {Channel: "p1", Peer: "BACKUP"},
		}}},
	}
}

func benchScheduler(maxAssociations int) *Scheduler {
	return New(Config{
		Generation: 1,
		Channels:   []ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 64, ReservedUrgent: 8, ReservedNormal: 8, MaxAssociations: maxAssociations, MaxPerPeer: 4}},
		Expiry:     [3]time.Duration{24 * time.Hour, 48 * time.Hour, 96 * time.Hour},
	}, benchTime)
}

// fill queues messages that cannot be sent: the channel has no process.
func fill(s *Scheduler, n int) {
	for i := range n {
		s.Step(benchTime.Add(time.Duration(i)*time.Microsecond), Accepted{benchMessage(i, benchTime)})
	}
}

// TestBytesPerRecipient measures what a queued recipient of its own message
// costs in memory, the text of its identifier and the queue's own growth
// included: the number the package promises.
func TestBytesPerRecipient(t *testing.T) {
	const n, promised = 100_000, 400
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s := benchScheduler(4)
	fill(s, n)
	each := float64(heap()-before) / n
	t.Logf("%.0f octets per recipient", each)
	if each > promised {
		t.Errorf("a queued recipient takes %.0f octets, more than %d", each, promised)
	}
	runtime.KeepAlive(s)
}

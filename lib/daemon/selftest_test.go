package daemon

import (
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/sched"
)

// Messages wait for a place, or for a further association, or for something that no limit
// has to do with.
func TestWaiting(t *testing.T) {
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	cfg := conf.New()
	cfg.Peers = []conf.Peer{{Name: "OWN", MaxAssociations: 2}}
	p1, local := conf.NewChannel(), conf.NewChannel()
	p1.Kind, local.Kind = conf.KindX400P1, conf.KindLocal
	channel := func(jobs [3]int, peer sched.PeerView, busy, idle int) sched.ChannelView {
		for range busy + idle {
			peer.Associations = append(peer.Associations, sched.AssociationView{})
		}
		peer.InProgress = busy
		return sched.ChannelView{Process: 1, MaxJobs: 8, MaxPerPeer: 2, Jobs: jobs, Peers: []sched.PeerView{peer}}
	}
	ready := [3]int{0, 1, 0}
	cfg.Schedule.MaxJobs, cfg.Schedule.ReservedUrgent, cfg.Schedule.ReservedNormal = 20, 0, 0
	down := channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready}, 2, 0)
	down.Process = 0
	for name, c := range map[string]struct {
		v           sched.ChannelView
		ch          conf.Channel
		jobs, peers bool
	}{
		"no message":             {channel([3]int{8, 0, 0}, sched.PeerView{}, 2, 0), p1, false, false},
		"every place is taken":   {channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready}, 2, 0), p1, true, false},
		"the last is for urgent": {channel([3]int{0, 7, 0}, sched.PeerView{Ready: ready}, 1, 1), p1, true, false},
		"and this one is urgent": {channel([3]int{0, 7, 0}, sched.PeerView{Ready: [3]int{1, 0, 0}}, 1, 1), p1, false, false},
		"the peer has two, busy": {channel([3]int{0, 2, 0}, sched.PeerView{Ready: ready}, 2, 0), p1, false, true},
		"one of them is idle":    {channel([3]int{0, 1, 0}, sched.PeerView{Ready: ready}, 1, 1), p1, false, false},
		"one is being opened":    {channel([3]int{0, 1, 0}, sched.PeerView{Ready: ready, Opening: 1}, 1, 0), p1, false, true},
		"one may be opened":      {channel([3]int{0, 1, 0}, sched.PeerView{Ready: ready}, 1, 0), p1, false, false},
		"its limit is its own":   {channel([3]int{0, 2, 0}, sched.PeerView{Name: "OWN", Ready: ready}, 2, 0), p1, false, false},
		"it is delayed":          {channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready, DelayUntil: now.Add(1)}, 2, 0), p1, false, false},
		"it was delayed":         {channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready, DelayUntil: now}, 2, 0), p1, true, false},
		"it is shut":             {channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready, Shut: [3]bool{false, true, true}}, 2, 0), p1, false, false},
		"it is disabled":         {channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready, Disabled: true}, 2, 0), p1, false, false},
		"it is held back":        {channel([3]int{8, 0, 0}, sched.PeerView{Ready: ready, HeldBack: [3]bool{false, true, true}}, 2, 0), p1, false, false},
		"its host is full":       {channel([3]int{0, 2, 0}, sched.PeerView{Ready: ready, HostFull: true}, 2, 0), p1, false, false},
		"no process":             {down, p1, false, false},
		"two deliveries":         {channel([3]int{0, 2, 0}, sched.PeerView{Ready: ready, InProgress: 2}, 2, 0), local, false, true},
		"one delivery":           {channel([3]int{0, 1, 0}, sched.PeerView{Ready: ready}, 1, 0), local, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if held := waiting(&c.v, c.v.Jobs, &c.ch, cfg, now); held != [2]bool{c.jobs, c.peers} {
				t.Errorf("%v", held)
			}
			if held := waiting(&c.v, [3]int{0, 20, 0}, &c.ch, cfg, now); held != [2]bool{} {
				t.Errorf("%v, though all channels together have no place left", held)
			}
		})
	}
}

// A window is measured from its beginning to its end, and forgotten then; what was begun
// in the one before counts in the one in which it ends. Nothing is told while it is off.
func TestWindows(t *testing.T) {
	now := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	cfg := conf.New()
	ch := conf.NewChannel()
	ch.Name, ch.Kind = "p1", conf.KindX400P1
	ch.MaxJobsLeast, ch.MaxJobsMost = 4, 16
	cfg.Channels = []conf.Channel{ch}
	test := newSelfTest(cfg, false, nil, now)
	full := []sched.ChannelView{{Name: "p1", Process: 1, MaxJobs: 8, MaxPerPeer: 4, Jobs: [3]int{8, 0, 0}, Peers: []sched.PeerView{{Ready: [3]int{1, 0, 0}}}}}
	window := func(jobs int, took time.Duration) string {
		t.Helper()
		for i := range jobs {
			test.started(&sched.StartJob{Job: uint64(i), Channel: "p1", Process: 1}, now.Add(-took))
			test.answered(line(uint64(i)), true, now)
			test.answered(line(uint64(i)), true, now) // in pieces
		}
		test.barrier(took)
		text := ""
		for range samples {
			if now = now.Add(2 * time.Second); !now.Equal(test.next()) {
				t.Errorf("a look at %v, and due at %v", now, test.next())
			}
			for _, c := range test.look(full, now) {
				text += c.String()
			}
		}
		return text
	}
	if got, want := window(300, time.Second), "max-jobs 8 to 9: messages waited for it in 100 % of 30s, at 10.0 a second"; got != want {
		t.Errorf("%q", got)
	}
	row := test.row()
	if c := row.Channels[0]; c.Jobs != 300 || c.PerSecond != 10 || c.Job.Max != 1000 || row.Barriers != 1 || row.Barrier.Max != 1000 || row.Seconds != 30 {
		t.Errorf("%+v", row)
	}
	if l := row.Limits[0]; len(row.Limits) != 1 || l.Now != 9 || l.Moved() != "max-jobs 8 to 9" || !l.Since.Equal(now) || l.Reason == "" {
		t.Errorf("%+v", row.Limits)
	}
	if got, want := window(0, time.Second), "max-jobs 9 to 8: no gain: 0.0 a second with 9, 10.0 before"; got != want {
		t.Errorf("%q", got)
	}
	// A reload begins with what is configured, and knows the jobs in progress.
	test.started(&sched.StartJob{Job: 1, Channel: "p1", Process: 1}, now)
	test.started(&sched.StartJob{Job: 2, Channel: "p1", Process: 2}, now)
	test = newSelfTest(cfg, false, test, now)
	test.ended(2)
	test.answered(line(1), true, now)
	test.answered(line(2), true, now)
	if row := test.row(); row.Limits[0].Now != 8 || test.work["p1"].Count() != 1 || len(test.jobs) != 0 {
		t.Errorf("%+v, %d jobs", row, test.work["p1"].Count())
	}
	// A clock that is set back begins a window.
	if test.look(full, now.Add(-time.Hour)); !test.since.Equal(now.Add(-time.Hour)) {
		t.Error(test.since)
	}
	cfg.SelfTest.Enabled = false
	for _, off := range []*selfTest{newSelfTest(cfg, false, nil, now), newSelfTest(conf.New(), true, nil, now)} {
		off.started(&sched.StartJob{Job: 1}, now)
		if off.row() != nil || !off.next().IsZero() || len(off.jobs) > 0 {
			t.Error("measured, though it is off")
		}
	}
}

func line(job uint64) *channel.Line { return &channel.Line{Type: channel.TypeOutcome, Job: job} }

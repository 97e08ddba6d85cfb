package daemon

import (
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/tune"
)

// samples is how often in a window it is looked at who waits for what.
const samples = 15

// selfTest measures the switch while it runs, window by window, and has the limits moved
// that have bounds. The rule is lib/tune's; here is what it is told.
type selfTest struct {
	conf  *conf.Config
	off   bool
	tuner *tune.Tuner
	jobs  map[uint64]begun // in progress

	since    time.Time // the window's beginning
	looked   time.Time
	looks    int
	held     map[string]*[2]int // in how many of them messages waited for each limit, by channel
	barriers measure.Latencies
	work     map[string]*measure.Latencies // of jobs that ended well, by channel
	last     *queue.SelfTestRow            // of the window before
}

// begun is a job in progress.
type begun struct {
	at      time.Time
	channel string
	process int
}

// newSelfTest begins anew with the limits of a configuration; jobs in progress are still
// those of before. It does nothing in a run of mtarun --once, which ends by itself.
func newSelfTest(cfg *conf.Config, once bool, before *selfTest, now time.Time) *selfTest {
	t := &selfTest{conf: cfg, off: once || !cfg.SelfTest.Enabled, jobs: map[uint64]begun{}, looked: now}
	if before != nil {
		t.jobs = before.jobs
	}
	tc := tune.Config{Barrier: cfg.SelfTest.Barrier.D()}
	for _, ch := range cfg.Channels {
		c := tune.Channel{Name: ch.Name}
		c.Limits[tune.Jobs] = tune.Setting{Configured: ch.MaxJobs, Least: ch.MaxJobsLeast, Most: ch.MaxJobsMost}
		c.Limits[tune.PerPeer] = tune.Setting{Configured: ch.MaxPerPeer, Least: ch.MaxPerPeerLeast, Most: ch.MaxPerPeerMost}
		tc.Channels = append(tc.Channels, c)
	}
	t.tuner = tune.New(tc)
	t.begin(now)
	return t
}

func (t *selfTest) begin(now time.Time) {
	t.since, t.looks, t.barriers = now, 0, measure.Latencies{}
	t.held, t.work = map[string]*[2]int{}, map[string]*measure.Latencies{}
	for _, ch := range t.conf.Channels {
		t.held[ch.Name], t.work[ch.Name] = new([2]int), &measure.Latencies{}
	}
}

// started notes the beginning of a job.
func (t *selfTest) started(j *sched.StartJob, now time.Time) {
	if !t.off {
		t.jobs[j.Job] = begun{now, j.Channel, j.Process}
	}
}

// answered counts a job by the first that is told of it.
func (t *selfTest) answered(l *channel.Line, well bool, now time.Time) {
	j, ok := t.jobs[l.Job]
	if !ok {
		return
	}
	delete(t.jobs, l.Job)
	if w := t.work[j.channel]; w != nil && well {
		w.Add(now.Sub(j.at))
	}
}

// ended forgets the jobs of a process.
func (t *selfTest) ended(process int) {
	for id, j := range t.jobs {
		if j.process == process {
			delete(t.jobs, id)
		}
	}
}

// barrier counts one.
func (t *selfTest) barrier(took time.Duration) {
	if !t.off {
		t.barriers.Add(took)
	}
}

// next is when look is due; zero is never.
func (t *selfTest) next() time.Time {
	switch {
	case t.off:
		return time.Time{}
	case t.tuner.Moves():
		return t.looked.Add(t.conf.SelfTest.Interval.D() / samples)
	}
	return t.since.Add(t.conf.SelfTest.Interval.D())
}

// look notes who waits for what, and ends the window when its time has come: then it
// returns what is to be moved. A clock that was set back begins a new window.
func (t *selfTest) look(tree []sched.ChannelView, now time.Time) []tune.Change {
	t.looked = now
	if now.Before(t.since) {
		t.begin(now)
	}
	t.looks++
	var all [3]int
	for i := range tree {
		for q, n := range tree[i].Jobs {
			all[q] += n
		}
	}
	for i := range tree {
		held := t.held[tree[i].Name]
		if cfg, ok := t.conf.Channel(tree[i].Name); ok && held != nil {
			for limit, waits := range waiting(&tree[i], all, cfg, t.conf, now) {
				if waits {
					held[limit]++
				}
			}
		}
	}
	length := now.Sub(t.since)
	if length < t.conf.SelfTest.Interval.D() {
		return nil
	}
	m := tune.Measured{Length: length, Barriers: int(t.barriers.Count()), Barrier: t.barriers.Quantile(0.99), Channels: map[string]tune.Work{}}
	row := &queue.SelfTestRow{Since: t.since, Seconds: measure.Round(length.Seconds(), 3), Barriers: m.Barriers, Barrier: t.barriers.Summary()}
	for _, ch := range t.conf.Channels {
		w, held := t.work[ch.Name], t.held[ch.Name]
		work := tune.Work{Jobs: int(w.Count())}
		for limit := range held {
			work.Held[limit] = float64(held[limit]) / float64(t.looks)
		}
		m.Channels[ch.Name] = work
		row.Channels = append(row.Channels, queue.MeasuredRow{Channel: ch.Name, Jobs: work.Jobs, PerSecond: measure.PerSecond(int64(work.Jobs), length), Job: w.Summary()})
	}
	changes := t.tuner.Step(m, now)
	t.last = row
	t.begin(now)
	return changes
}

// waiting tells for which limits of a channel messages wait that could be begun now. All
// are the jobs of all channels, by priority.
func waiting(v *sched.ChannelView, all [3]int, ch *conf.Channel, cfg *conf.Config, now time.Time) (held [2]bool) {
	if v.Process == 0 || v.Disabled {
		return held
	}
	places := sched.ChannelConfig{MaxJobs: v.MaxJobs, ReservedUrgent: ch.ReservedUrgent, ReservedNormal: ch.ReservedNormal}
	together := sched.ChannelConfig{MaxJobs: cfg.Schedule.MaxJobs, ReservedUrgent: cfg.Schedule.ReservedUrgent, ReservedNormal: cfg.Schedule.ReservedNormal}
	for i := range v.Peers {
		p := &v.Peers[i]
		if p.Disabled || p.DelayUntil.After(now) {
			continue
		}
		full := p.InProgress >= v.MaxPerPeer
		if ch.Kind == conf.KindX400P1 {
			full = len(p.Associations)+p.Opening >= v.MaxPerPeer && p.InProgress >= len(p.Associations)
		}
		own, known := cfg.Peer(p.Name)
		full = full && (!known || own.MaxAssociations == 0) && !p.HostFull && !v.OpenAt.After(now)
		for q, n := range p.Ready {
			if n == 0 || p.Shut[q] || p.HeldBack[q] || cfg.Schedule.MaxJobs > 0 && !together.Free(all, q) {
				continue
			}
			if !places.Free(v.Jobs, q) {
				held[tune.Jobs] = true
			} else if full {
				held[tune.PerPeer] = true
			}
		}
	}
	return held
}

// row is what tools are told; nil when nothing is measured.
func (t *selfTest) row() *queue.SelfTestRow {
	if t.off {
		return nil
	}
	row := queue.SelfTestRow{Since: t.since}
	if t.last != nil {
		row = *t.last
	}
	for _, s := range t.tuner.States() {
		if s.Most > 0 {
			row.Limits = append(row.Limits, queue.LimitRow{Channel: s.Channel, Limit: s.Limit.String(), Configured: s.Configured, Least: s.Least, Most: s.Most,
				Now: s.Now, Since: s.Since, Reason: s.Reason})
		}
	}
	return &row
}

// selfTest looks at the switch if that is due, and moves what is to be moved.
func (c *core) selfTest() {
	now := c.now()
	if next := c.test.next(); next.IsZero() || now.Before(next) && !now.Before(c.test.looked) || c.draining || c.failed != nil {
		return
	}
	var tree []sched.ChannelView
	if c.test.tuner.Moves() {
		tree = c.keeper.Tree()
	}
	for _, change := range c.test.look(tree, now) {
		limits := sched.SetLimits{Channel: change.Channel}
		if change.Limit == tune.Jobs {
			limits.MaxJobs = change.To
		} else {
			limits.MaxPerPeer = change.To
		}
		c.step(limits)
		c.keeper.Event(now, audit.Record{Event: audit.LimitMoved, Channel: change.Channel, Text: change.String()})
		c.log.Info(audit.LimitMoved, "channel", change.Channel, "text", change.String())
	}
}

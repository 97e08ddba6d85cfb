package simulate

import (
	"strconv"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/sched"
)

// Figures are what became of a day. Times and waits are seconds.
type Figures struct {
	Title    string           `json:"title"`
	Begins   time.Time        `json:"begins"`
	Seconds  float64          `json:"seconds"`
	Seed     int              `json:"seed"`
	Messages int64            `json:"messages"`
	Attempts int64            `json:"attempts"`
	Lost     int64            `json:"lost"`
	Events   int64            `json:"events"`
	Classes  []Class          `json:"classes"`
	Channels []ChannelFigures `json:"channels"`
	Peers    []PeerFigures    `json:"peers"`
	Outages  []OutageFigures  `json:"outages"`
	Series   []Sample         `json:"series"`
}

// Class is what became of the recipients of messages of a priority.
type Class struct {
	Priority string  `json:"priority"`
	Arrived  int64   `json:"arrived"`
	Sent     int64   `json:"sent"`
	Failed   int64   `json:"failed"`
	Expired  int64   `json:"expired"`
	Queued   int64   `json:"queued"`
	Most     int64   `json:"most"`
	MostAt   float64 `json:"mostAt"`
	Oldest   float64 `json:"oldest"`
	Wait     Waits   `json:"wait"`
	Transit  Waits   `json:"transit"`
}

// Waits are the median, the 99th percentile and the longest of times.
type Waits struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// ChannelFigures are what was used of a channel.
type ChannelFigures struct {
	Channel  string  `json:"channel"`
	MaxJobs  int     `json:"maxJobs"`
	Jobs     int     `json:"jobs"`     // most at once
	JobsMean float64 `json:"jobsMean"` // on average
	// The shares of the time in which there was no place left for one more of a priority.
	FullUrgent    float64 `json:"fullUrgent"`
	FullNormal    float64 `json:"fullNormal"`
	FullNonUrgent float64 `json:"fullNonUrgent"`
	MaxAssocs     int     `json:"maxAssociations"`
	Assocs        int     `json:"associations"`
	AssocsMean    float64 `json:"associationsMean"`
	Processes     int     `json:"processes"` // started
}

// PeerFigures are what became of the way to a peer, or of a delivery.
type PeerFigures struct {
	Peer     string  `json:"peer"`
	Channel  string  `json:"channel"`
	Arrived  int64   `json:"arrived"` // recipients meant for it
	Sent     int64   `json:"sent"`    // that it has got
	Attempts int64   `json:"attempts"`
	Failures int64   `json:"failures"` // times the peer was found down
	Opened   int64   `json:"opened"`
	Refused  int64   `json:"refused"`
	Assocs   int     `json:"associations"`
	Mean     float64 `json:"associationsMean"`
	Line     float64 `json:"line"` // share of what the line could have carried
	Wait     Waits   `json:"wait"`
}

// OutageFigures repeat an outage.
type OutageFigures struct {
	Peer    string  `json:"peer,omitempty"`
	Channel string  `json:"channel,omitempty"`
	From    float64 `json:"from"`
	Until   float64 `json:"until"`
}

// Sample is the time since the moment of the one before: the most there was at once of
// what is queued and in use, and what happened.
type Sample struct {
	At        float64 `json:"at"`     // its end
	Urgent    int64   `json:"urgent"` // queued
	Normal    int64   `json:"normal"`
	NonUrgent int64   `json:"nonUrgent"`
	Jobs      int     `json:"jobs"`
	Assocs    int     `json:"associations"`
	Processes int     `json:"processes"`
	Arrived   int64   `json:"arrived"`
	Sent      int64   `json:"sent"`
	// The 99th percentile of the waits of those sent since.
	WaitUrgent    float64 `json:"waitUrgent"`
	WaitNormal    float64 `json:"waitNormal"`
	WaitNonUrgent float64 `json:"waitNonUrgent"`
}

// gauge is a number that changes: its greatest value and its average.
type gauge struct {
	now, most, recent int // at the moment, in all, and since the last sample
	since             int64
	area              float64
}

func (g *gauge) add(now int64, by int) {
	g.pass(now)
	g.now += by
	g.most, g.recent = max(g.most, g.now), max(g.recent, g.now)
}

// take is the most since it was taken last.
func (g *gauge) take() int {
	most := g.recent
	g.recent = g.now
	return most
}

func (g *gauge) pass(now int64) {
	took := now - g.since
	g.area += float64(float64(g.now) * float64(took))
	g.since = now
}

func (g *gauge) mean(end int64) float64 {
	g.pass(end)
	return measure.Round(g.area/float64(end), 3)
}

type linkCounters struct {
	arrived, sent, attempts, failures, opened, refusedOpenings int64
	up                                                         gauge
	wait                                                       measure.Latencies
}

// counters are the figures while they grow.
type counters struct {
	arrived, sent, failed, expired, most, mostAt [priorities]int64
	wait, transit                                [priorities]measure.Latencies
	recent                                       [priorities]measure.Latencies
	recentMost                                   [priorities]int64
	recentArrived, recentSent                    int64
	processes                                    int
	answering                                    *job
}

func (c *counters) queued(q int) int64 { return c.arrived[q] - c.sent[q] - c.failed[q] - c.expired[q] }

func (c *counters) arrive(now int64, q, n int) {
	c.arrived[q] += int64(n)
	c.recentArrived += int64(n)
	queued := c.queued(q)
	if queued > c.most[q] {
		c.most[q], c.mostAt[q] = queued, now
	}
	c.recentMost[q] = max(c.recentMost[q], queued)
}

// record is what is remembered of a message that is queued.
type record struct {
	arrived  int64
	size     int64
	left     int32
	priority uint8
}

// ledger has the records of messages by number, in pieces that are let go of when all of
// their messages are done.
type ledger struct {
	pieces []*piece
	next   uint64
}

const pieceSize = 1024

type piece struct {
	records [pieceSize]record
	left    int
}

func (l *ledger) add(now int64, priority, recipients int) uint64 {
	n := l.next
	l.next++
	if n%pieceSize == 0 {
		l.pieces = append(l.pieces, &piece{left: pieceSize})
	}
	*l.of(n) = record{arrived: now, priority: uint8(priority), left: int32(recipients)}
	return n
}

func (l *ledger) of(n uint64) *record { return &l.pieces[n/pieceSize].records[n%pieceSize] }

// done takes recipients of a message away.
func (l *ledger) done(n uint64, recipients int) {
	p := l.pieces[n/pieceSize]
	r := &p.records[n%pieceSize]
	if r.left -= int32(recipients); r.left > 0 {
		return
	}
	if p.left--; p.left == 0 {
		l.pieces[n/pieceSize] = nil
	}
}

// oldest is when the one came that has been queued longest, by priority; -1: none.
func (l *ledger) oldest() (at [priorities]int64) {
	at = [priorities]int64{-1, -1, -1}
	for i, p := range l.pieces {
		if p == nil {
			continue
		}
		for k := range min(pieceSize, int(l.next)-i*pieceSize) {
			if r := &p.records[k]; r.left > 0 && at[r.priority] < 0 {
				at[r.priority] = r.arrived
			}
		}
	}
	return at
}

// final counts recipients whose outcome is final.
func (w *world) final(a sched.Final) {
	number, _ := strconv.ParseUint(string(a.Ref.ID), 10, 64) // it was made from a number
	r := w.ledger.of(number)
	q, n, c := int(r.priority), int64(len(a.N)), &w.count
	switch {
	case a.Outcome.Kind == sched.Transferred || a.Outcome.Kind == sched.Delivered:
		c.sent[q] += n
		c.recentSent += n
		l := c.answering.link
		l.count.sent += n
		wait, transit := time.Duration(c.answering.began-r.arrived), time.Duration(w.now-r.arrived)
		for range a.N {
			c.wait[q].Add(wait)
			c.transit[q].Add(transit)
			c.recent[q].Add(wait)
			l.count.wait.Add(wait)
		}
	case a.Outcome.Diagnostic == diagnosticExpired:
		c.expired[q] += n
	default:
		c.failed[q] += n
	}
	w.ledger.done(number, len(a.N))
}

// places notes how long there was no place left, by priority.
type places struct {
	taken [priorities]int
	since int64
	full  [priorities]int64
}

func (p *places) add(c *sched.ChannelConfig, now int64, priority, by int) {
	for q := range priorities {
		if !c.Free(p.taken, q) {
			p.full[q] += now - p.since
		}
	}
	p.since = now
	p.taken[priority] += by
}

func (p *places) share(q int, end int64) float64 {
	return measure.Round(float64(p.full[q])/float64(end), 4)
}

func newFigures(d *Day, w *world) *Figures {
	f := &Figures{Title: d.Day.Title, Begins: w.begins, Seconds: seconds(w.end), Seed: d.Day.Seed, Outages: []OutageFigures{}}
	for _, o := range d.Outages {
		f.Outages = append(f.Outages, OutageFigures{Peer: o.Peer, Channel: o.Channel, From: seconds(int64(o.From)), Until: seconds(int64(o.From + o.Lasts))})
	}
	return f
}

// sample adds a point to the series.
func (w *world) sample() {
	c := &w.count
	s := Sample{At: seconds(w.now), Urgent: c.recentMost[urgent], Normal: c.recentMost[normal], NonUrgent: c.recentMost[nonUrgent],
		Processes: c.processes, Arrived: c.recentArrived, Sent: c.recentSent,
		WaitUrgent: inSeconds(c.recent[urgent].Quantile(0.99)), WaitNormal: inSeconds(c.recent[normal].Quantile(0.99)), WaitNonUrgent: inSeconds(c.recent[nonUrgent].Quantile(0.99))}
	for _, ch := range w.channels {
		s.Jobs += ch.jobs.take()
		s.Assocs += ch.assocs.take()
	}
	for q := range priorities {
		c.recentMost[q] = c.queued(q)
	}
	c.recent, c.recentArrived, c.recentSent = [priorities]measure.Latencies{}, 0, 0
	w.figures.Series = append(w.figures.Series, s)
}

// finish adds everything up.
func (w *world) finish() *Figures {
	f, c := w.figures, &w.count
	f.Messages = int64(w.ledger.next)
	if n := len(f.Series); n == 0 || f.Series[n-1].At < seconds(w.end) {
		w.sample()
	}
	oldest := w.ledger.oldest()
	for q := range priorities {
		class := Class{Priority: priorityNames[q], Arrived: c.arrived[q], Sent: c.sent[q], Failed: c.failed[q], Expired: c.expired[q],
			Queued: c.queued(q), Most: c.most[q], MostAt: seconds(c.mostAt[q]), Wait: waits(&c.wait[q]), Transit: waits(&c.transit[q])}
		if oldest[q] >= 0 {
			class.Oldest = seconds(w.end - oldest[q])
		}
		f.Classes = append(f.Classes, class)
	}
	for _, ch := range w.channels {
		if ch.config.Name != conf.KindExpand || ch.starts > 0 {
			ch.places.add(&ch.config, w.end, 0, 0)
			f.Channels = append(f.Channels, ChannelFigures{Channel: ch.config.Name, MaxJobs: ch.config.MaxJobs, Jobs: ch.jobs.most, JobsMean: ch.jobs.mean(w.end),
				FullUrgent: ch.places.share(urgent, w.end), FullNormal: ch.places.share(normal, w.end), FullNonUrgent: ch.places.share(nonUrgent, w.end), MaxAssocs: ch.config.MaxAssociations, Assocs: ch.assocs.most,
				AssocsMean: ch.assocs.mean(w.end), Processes: ch.starts})
		}
	}
	for _, l := range w.links {
		n := &l.count
		if n.arrived+n.sent+n.attempts+n.opened == 0 {
			continue
		}
		p := PeerFigures{Peer: l.peer, Channel: l.channel.config.Name, Arrived: n.arrived, Sent: n.sent, Attempts: n.attempts, Failures: n.failures,
			Opened: n.opened, Refused: n.refusedOpenings, Assocs: n.up.most, Mean: n.up.mean(w.end), Wait: waits(&n.wait)}
		if l.busy.rate > 0 {
			p.Line = measure.Round(l.busy.passed(w.end)/(l.busy.rate*float64(w.end)), 4)
		}
		f.Peers = append(f.Peers, p)
	}
	return f
}

func waits(l *measure.Latencies) Waits {
	return Waits{inSeconds(l.Quantile(0.5)), inSeconds(l.Quantile(0.99)), inSeconds(l.Max())}
}

func inSeconds(d time.Duration) float64 { return seconds(int64(d)) }

func seconds(nanoseconds int64) float64 {
	return measure.Round(float64(nanoseconds)/1e9, 6)
}

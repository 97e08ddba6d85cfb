package simulate

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// Times in the world are nanoseconds since the beginning of the day.

// What is sent and answered before the peer says yes to an association: TCP, the
// transport connection, and the bind.
const openTrips = 3

// diagnosticExpired is maximum-time-expired (X.411 §8.3.1.2.1).
const diagnosticExpired = 5

// world is everything outside the scheduler.
type world struct {
	day    *Day
	mind   *sched.Scheduler
	begins time.Time
	now    int64
	end    int64

	events   events
	pending  []sched.Action
	channels []*channel
	byName   map[string]*channel
	links    []*link
	byTarget map[target]*link
	streams  []*stream
	ledger   ledger
	jobs     map[uint64]*job
	freeAt   int64 // when the switch itself has done its work
	calls    uint64
	figures  *Figures
	count    counters
}

// channel is a channel and its processes.
type channel struct {
	config    sched.ChannelConfig
	wait      int64 // open-timeout
	last      int   // number of the last process
	processes []*process
	starting  bool
	down      int // outages
	jobs      gauge
	places    places
	assocs    gauge // opened from here
	starts    int
	links     []*link
}

type process struct {
	channel  *channel
	number   int
	stopping bool
	jobs     map[uint64]*job
	assocs   map[uint64]*assoc
}

type assoc struct {
	process *process
	link    *link
	id      uint64
	up      bool
	gone    bool
	inbound bool
	leaving bool // the peer ends it when it can
	job     *job
}

// job is a transfer, or a delivery.
type job struct {
	sched.StartJob
	priority int
	process  *process
	link     *link
	assoc    *assoc
	began    int64
	gone     bool // lost
	finish   float64
	pos      int
}

// link is the way to a target, with what is on it.
type link struct {
	target
	Link
	number  int
	channel *channel
	hops    []spool.Hop
	chance  chancer
	down    int // outages
	silent  int // those of them in which nobody says no
	assocs  map[uint64]*assoc
	busy    flows
	count   linkCounters
}

type chancer interface{ Float64() float64 }

// kind says what an event is.
type kind uint8

const (
	arrives kind = iota
	starts
	opens
	closes
	begins
	passes
	answers
	fails
	heals
	calls
	hangsUp
	samples
)

// event is something that is to happen in the world.
type event struct {
	at      int64
	seq     uint64
	kind    kind
	version uint64
	of      any
}

type events struct {
	heap []event
	seq  uint64
}

func (w *world) at(t int64, k kind, of any, version uint64) {
	w.events.seq++
	w.events.push(event{at: max(t, w.now), seq: w.events.seq, kind: k, of: of, version: version})
}

func (e *event) before(other *event) bool {
	if e.at != other.at {
		return e.at < other.at
	}
	return e.seq < other.seq
}

func (h *events) push(e event) {
	h.heap = append(h.heap, e)
	for i := len(h.heap) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.heap[i].before(&h.heap[up]) {
			break
		}
		h.heap[i], h.heap[up] = h.heap[up], h.heap[i]
		i = up
	}
}

func (h *events) pop() event {
	top, last := h.heap[0], len(h.heap)-1
	h.heap[0], h.heap[last] = h.heap[last], event{}
	h.heap = h.heap[:last]
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < last; c++ {
			if h.heap[c].before(&h.heap[least]) {
				least = c
			}
		}
		if least == i {
			return top
		}
		h.heap[i], h.heap[least] = h.heap[least], h.heap[i]
		i = least
	}
}

// Run lets the day happen to a scheduler with a configuration, which is what mtarun makes
// of cfg. An error has kind Internal: the scheduler has asked for what makes no sense.
func Run(d *Day, cfg *conf.Config, mind sched.Config) (*Figures, error) {
	w := newWorld(d, cfg, mind)
	if err := w.run(); err != nil {
		return nil, err
	}
	return w.finish(), nil
}

func newWorld(d *Day, cfg *conf.Config, mind sched.Config) *world {
	w := &world{day: d, begins: d.Day.Begins.UTC(), end: int64(d.Day.Lasts + d.Day.After),
		byName: map[string]*channel{}, byTarget: map[target]*link{}, jobs: map[uint64]*job{}}
	w.mind = sched.New(mind, w.begins)
	for _, c := range mind.Channels {
		ch := &channel{config: c}
		if own, ok := cfg.Channel(c.Name); ok {
			ch.wait = int64(own.OpenTimeout)
		}
		w.channels, w.byName[c.Name] = append(w.channels, ch), ch
	}
	given := map[target]Link{}
	for _, l := range d.Links {
		name := l.Peer
		if name == "" {
			name = l.Channel
		}
		t, _ := targetOf(cfg, name)
		given[t] = l
	}
	add := func(t target) {
		ch := w.byName[t.channel]
		if ch == nil {
			return
		}
		spec, ok := given[t]
		if !ok {
			spec = NewLink()
		}
		l := &link{target: t, Link: spec, channel: ch, number: len(w.links), chance: chance(d, 2, uint64(len(w.links))), assocs: map[uint64]*assoc{}}
		l.busy.rate = spec.Bandwidth.perNanosecond()
		w.links, w.byTarget[t], ch.links = append(w.links, l), l, append(ch.links, l)
	}
	for _, p := range cfg.Peers {
		add(target{p.Channel, p.Name})
	}
	for _, c := range cfg.Channels {
		if c.Kind != conf.KindX400P1 {
			add(target{channel: c.Name})
		}
	}
	for _, l := range w.links {
		l.hops = append(l.hops, spool.Hop{Channel: l.channel.config.Name, Peer: l.peer})
		for _, name := range l.Alternates {
			t, _ := targetOf(cfg, name)
			l.hops = append(l.hops, spool.Hop{Channel: t.channel, Peer: t.peer})
		}
		if l.CallEvery > 0 {
			w.at(int64(float64(l.CallEvery)*l.chance.Float64()), calls, l, 0)
		}
	}
	for i := range d.Traffic {
		t := &d.Traffic[i]
		var to []*link
		for _, name := range t.To {
			at, _ := targetOf(cfg, name)
			to = append(to, w.byTarget[at])
		}
		if len(to) == 0 {
			for _, p := range cfg.Peers {
				to = append(to, w.byTarget[target{p.Channel, p.Name}])
			}
		}
		s := newStream(d, i, t, to)
		w.streams = append(w.streams, s)
		w.awaitArrival(s)
	}
	for i := range d.Outages {
		o := &d.Outages[i]
		w.at(int64(o.From), fails, o, 0)
		w.at(int64(o.From+o.Lasts), heals, o, 0)
	}
	w.figures = newFigures(d, w)
	w.at(int64(d.sample()), samples, nil, 0)
	return w
}

func (w *world) awaitArrival(s *stream) {
	if at, ok := s.next(); ok {
		w.at(int64(at), arrives, s, 0)
	}
}

// run is the day.
func (w *world) run() error {
	for ticks := 0; ; {
		next := w.end + 1
		if len(w.events.heap) > 0 {
			next = w.events.heap[0].at
		}
		due := next + 1
		if t := w.mind.Next(); !t.IsZero() {
			due = max(int64(t.Sub(w.begins)), w.now)
		}
		if min(next, due) > w.end {
			w.now = w.end
			return nil
		}
		if due > next {
			ticks = 0
			e := w.events.pop()
			w.now = e.at
			if err := w.happen(&e); err != nil {
				return err
			}
		} else {
			if due > w.now {
				ticks = 0
			}
			if ticks++; ticks > 1_000_000 {
				return diag.New("simulate", diag.Internal, "the scheduler wants to be asked again at once, for ever")
			}
			w.now = due
			w.step(sched.Tick{})
		}
		if err := w.obey(); err != nil {
			return err
		}
	}
}

func (w *world) time() time.Time { return w.begins.Add(time.Duration(w.now)) }

// step tells the scheduler of something and keeps what is to be done.
func (w *world) step(ev sched.Event) {
	w.figures.Events++
	for _, a := range w.mind.Step(w.time(), ev) {
		w.pending = append(w.pending, sched.Keep(a))
	}
}

// obey does what is to be done.
func (w *world) obey() error {
	for i := 0; i < len(w.pending); i++ {
		if err := w.do(w.pending[i]); err != nil {
			return err
		}
	}
	clear(w.pending)
	w.pending = w.pending[:0]
	return nil
}

func (w *world) do(a sched.Action) error {
	switch a := a.(type) {
	case *sched.StartJob:
		return w.startJob(*a)
	case sched.OpenAssociation:
		return w.open(a)
	case sched.CloseAssociation:
		as := w.assoc(a.Channel, a.Process, a.Assoc)
		if as == nil {
			return nil // it has ended meanwhile
		}
		w.at(w.now+int64(as.link.Latency), closes, as, 0)
	case sched.RequestTurn:
		// Only a peer that calls ever has it, and gives it at once, or ends.
	case sched.StartChannel:
		c := w.byName[a.Channel]
		c.starting = true
		w.at(w.now+int64(w.day.Switch.Start), starts, c, 0)
	case sched.StopChannel:
		if p := w.process(a.Channel, a.Process); p != nil {
			p.stopping = true
			w.endStopped(p)
		}
	case *sched.Final:
		w.final(*a)
	case sched.Notice:
		if l := w.byTarget[target{a.Channel, a.Peer}]; l != nil && a.Kind == sched.NoticePeerDown {
			l.count.failures++
		}
	}
	return nil
}

// happen lets an event happen.
func (w *world) happen(e *event) error {
	switch e.kind {
	case arrives:
		w.arrive(e.of.(*stream))
	case starts:
		w.started(e.of.(*channel))
	case opens:
		w.opened(e.of.(*assoc))
	case closes:
		w.endAssoc(e.of.(*assoc), false, "")
	case begins:
		w.begin(e.of.(*job))
	case passes:
		w.passed(e.of.(*link), e.version)
	case answers:
		w.answer(e.of.(*job))
	case fails:
		return w.fail(e.of.(*Outage))
	case heals:
		w.heal(e.of.(*Outage))
	case calls:
		w.call(e.of.(*link))
	case hangsUp:
		w.hangUp(e.of.(*assoc))
	case samples:
		w.sample()
		w.at(w.now+int64(w.day.sample()), samples, nil, 0)
	}
	return nil
}

// arrive brings a message.
func (w *world) arrive(s *stream) {
	number := w.ledger.add(w.now, s.priority, s.recipients)
	m := sched.Message{
		Ref:  spool.Ref{ID: spool.ID(strconv.FormatUint(number, 10)), Priority: s.letter},
		Kind: spool.KindMessage, Accepted: w.time(), Size: s.size(), Recipients: make([]sched.Recipient, s.recipients),
	}
	w.ledger.of(number).size = m.Size
	for i := range m.Recipients {
		l := s.target()
		l.count.arrived++
		m.Recipients[i] = sched.Recipient{N: i + 1, Hops: l.hops}
	}
	w.count.arrive(w.now, s.priority, s.recipients)
	w.awaitArrival(s)
	w.step(sched.Accepted{Message: m})
}

func (w *world) process(channel string, number int) *process {
	for _, p := range w.byName[channel].processes {
		if p.number == number {
			return p
		}
	}
	return nil
}

func (w *world) assoc(channel string, number int, id uint64) *assoc {
	if p := w.process(channel, number); p != nil {
		return p.assocs[id]
	}
	return nil
}

// started is the hello of a process, or its failure.
func (w *world) started(c *channel) {
	c.starting = false
	c.last++
	if c.down > 0 {
		w.step(sched.ChannelDown{Channel: c.config.Name, Process: c.last, Failed: true, Why: "out of order"})
		return
	}
	c.starts++
	p := &process{channel: c, number: c.last, jobs: map[uint64]*job{}, assocs: map[uint64]*assoc{}}
	c.processes = append(c.processes, p)
	w.count.processes++
	w.step(sched.ChannelUp{Channel: c.config.Name, Process: p.number, MaxJobs: c.config.MaxJobs, MaxAssociations: c.config.MaxAssociations})
}

// endProcess ends a process and everything it has.
func (w *world) endProcess(p *process, failed bool, why string) {
	c := p.channel
	c.processes = slices.DeleteFunc(c.processes, func(x *process) bool { return x == p })
	w.count.processes--
	for _, id := range slices.Sorted(maps.Keys(p.assocs)) {
		w.forget(p.assocs[id])
	}
	for _, id := range slices.Sorted(maps.Keys(p.jobs)) {
		w.lose(p.jobs[id])
	}
	w.step(sched.ChannelDown{Channel: c.config.Name, Process: p.number, Failed: failed, Why: why})
}

// endStopped ends a process that was asked to, when it has nothing to do any more.
func (w *world) endStopped(p *process) {
	if p.stopping && len(p.jobs) == 0 {
		w.endProcess(p, false, "")
	}
}

// fail begins an outage.
func (w *world) fail(o *Outage) error {
	if o.Channel != "" {
		c := w.byName[o.Channel]
		c.down++
		for _, p := range slices.Clone(c.processes) {
			w.endProcess(p, true, "out of order")
		}
		return nil
	}
	for _, l := range w.links {
		if l.peer != o.Peer {
			continue
		}
		l.down++
		if o.Silent {
			l.silent++
		}
		all := slices.SortedFunc(maps.Values(l.assocs), func(a, b *assoc) int {
			return cmp.Or(cmp.Compare(a.process.number, b.process.number), cmp.Compare(a.id, b.id))
		})
		for _, a := range all {
			if !a.up {
				continue
			}
			w.endAssoc(a, true, "out of order")
			// Before the next one ends: it may be given work now.
			if err := w.obey(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) heal(o *Outage) {
	if o.Channel != "" {
		w.byName[o.Channel].down--
		return
	}
	for _, l := range w.links {
		if l.peer == o.Peer {
			l.down--
			if o.Silent {
				l.silent--
			}
		}
	}
}

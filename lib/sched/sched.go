package sched

import (
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// portion bounds how much of a large piece of work one step does; the rest is
// due at once.
const portion = 256

// textSize bounds the reasons kept in memory, in octets.
const textSize = 256

// Scheduler is the queue manager's mind. It must not be used by two goroutines
// at once.
type Scheduler struct {
	config     Config
	generation uint64
	now        int64

	messages  table
	all       struct{ first, last *message }
	channels  []*channel
	byName    map[string]*channel
	hopsets   map[string]*hopset
	keyBuffer []byte
	jobs      leases
	unmarked  struct{ first, last *job } // by their start

	waiting   agenda[*mlist]
	expiring  agenda[*message]
	wakes     agenda[*peer]
	sweeping  []*peer
	dirty     []*peer
	unsettled []*mlist
	moves     int // recipients given to another list

	lastJob, lastAssoc, lastServed, lastSeq, lastNumber uint64

	limits  limits              // of the jobs of all channels
	running places              // jobs of all channels
	orders  map[place]*standing // of operators
	orderAt int64               // when one of them begins or ends

	draining, drained bool
	counts            Counts
	out               output
	spares            spares
}

// New returns a scheduler without messages. Channels that listen are asked for
// by the first Step.
func New(cfg Config, now time.Time) *Scheduler {
	s := &Scheduler{
		generation: cfg.Generation,
		now:        nanos(now),
		messages:   newTable(),
		byName:     map[string]*channel{},
		hopsets:    map[string]*hopset{},
		orders:     map[place]*standing{},
		jobs:       newLeases(),
	}
	s.configure(cfg)
	return s
}

// Reconfigure takes a new configuration. Limits count from now on, for what is
// in progress too, though nothing is interrupted. Processes of channels that are
// gone are stopped; expiry times of messages already accepted stay. Recipients
// keep their hops until they are told others by Reroute; those that are to be redirected
// go to the AlternateChannel there is now. A process that must reread the configuration
// is replaced by RestartChannel.
func (s *Scheduler) Reconfigure(cfg Config, now time.Time) []Action {
	s.begin(now)
	s.configure(cfg)
	s.pump()
	return s.out.take()
}

// Step takes an event that happened now and returns what is to be done. The
// slice is valid until the next call. Now may go backwards, as clocks do; waits
// then take longer by as much.
func (s *Scheduler) Step(now time.Time, ev Event) []Action {
	s.begin(now)
	s.advance()
	s.dispatch(ev)
	s.pump()
	return s.out.take()
}

// Next returns when Step is due if nothing happens before: Step(now, Tick{}).
// It may lie in the past. The zero time is never.
func (s *Scheduler) Next() time.Time {
	next := int64(0)
	at := func(t int64) {
		if t != 0 && (next == 0 || t < next) {
			next = t
		}
	}
	if len(s.sweeping) > 0 {
		at(s.now)
	}
	for _, first := range [...]int64{s.waiting.next(), s.expiring.next(), s.wakes.next()} {
		at(first)
	}
	at(s.orderAt)
	if j := s.unmarked.first; j != nil {
		at(j.started + int64(s.config.DoubtAfter))
	}
	if !s.draining {
		for _, c := range s.channels {
			at(c.wake)
			if c.failures >= channelGivenUp && c.current != nil {
				at(s.lasts(c.current))
			}
			if s.wantsProcess(c) {
				at(max(c.restartAt, s.now))
			}
			if a := c.idle.top(); a != nil {
				at(a.idleSince + int64(c.config.IdleTime))
			}
			if l := c.lent.top(); l != nil {
				at(l.since + int64(c.config.IdleTime))
			}
		}
	}
	return timeOf(next)
}

func (s *Scheduler) begin(now time.Time) {
	before := s.now
	s.now = nanos(now)
	s.spares.settle()
	s.out.reset()
	if s.now < before {
		s.clockBack()
	}
}

func (s *Scheduler) dispatch(ev Event) {
	switch ev := ev.(type) {
	case Accepted:
		s.accept(&ev.Message)
	case Tick:
	case ChannelUp:
		s.channelUp(ev)
	case ChannelDown:
		s.channelDown(ev)
	case AssociationUp:
		s.associationUp(ev)
	case AssociationDown:
		if a := s.findAssoc(ev.Channel, ev.Process, ev.Assoc); a != nil {
			s.associationDown(a, ev.Failed, ev.Why)
		}
	case AssociationFailed:
		if a := s.findAssoc(ev.Channel, ev.Process, ev.Assoc); a != nil {
			s.associationDown(a, true, ev.Why)
		}
	case JobOutcome:
		s.jobOutcome(ev)
	case Hold:
		s.hold(ev)
	case Release:
		s.release(ev)
	case Retry:
		s.retry(ev)
	case Expire:
		s.giveUp(ev.ID, ev.N, wishExpire, Outcome{})
	case Reject:
		s.giveUp(ev.ID, ev.N, wishReject, Outcome{Kind: Failed, Reason: ev.Reason, Diagnostic: ev.Diagnostic, Text: cut(ev.Text)})
	case Delete:
		s.giveUp(ev.ID, ev.N, wishDelete, Outcome{})
	case Reroute:
		s.reroute(ev)
	case PeerTrouble:
		s.peerTrouble(ev)
	case RestartChannel:
		if c := s.byName[ev.Channel]; c != nil && c.current != nil {
			c.replace = true
		}
	case CloseAssociations:
		s.closeAssociations(ev)
	case SetLimits:
		s.setLimits(ev)
	case Minimize:
		s.minimize(ev)
	case Disable:
		s.disable(ev.Channel, ev.Peer, true, ev.Why)
	case Enable:
		s.disable(ev.Channel, ev.Peer, false, "")
	case Delay:
		s.delayPeers(ev)
	case Connect:
		s.callPeer(ev)
	case Drain:
		s.drain()
	}
}

// advance does what has become due.
func (s *Scheduler) advance() {
	for range portion {
		l, at := s.waiting.top()
		if l == nil || at > s.now {
			break
		}
		s.settle(l)
	}
	for range portion {
		m, at := s.expiring.top()
		if m == nil || at > s.now {
			break
		}
		s.expiring.drop(m)
		s.expire(m)
	}
	for range portion {
		p, at := s.wakes.top()
		if p == nil || at > s.now {
			break
		}
		s.awake(p)
	}
	s.markOld()
	if s.orderAt != 0 && s.orderAt <= s.now {
		s.applyOrders()
	}
	if s.draining {
		return
	}
	for _, c := range s.channels {
		if c.failures >= channelGivenUp && c.current != nil && s.lasts(c.current) <= s.now {
			s.setFailures(c, 0)
		}
		s.reclaim(c)
		s.closeIdle(c)
	}
}

// awake ends the waits of a peer that are over.
func (s *Scheduler) awake(p *peer) {
	for _, t := range []*int64{&p.blockedUntil, &p.crowdedUntil, &p.turnUntil, &p.delayed} {
		if *t <= s.now {
			*t = 0
		}
	}
	if p.callAt != 0 && p.callAt <= s.now {
		p.due = true
	}
	s.schedule(p)
}

func (s *Scheduler) setWake(p *peer) {
	p.wake = 0
	for _, t := range []int64{p.blockedUntil, p.crowdedUntil, p.turnUntil, p.delayed, p.windowAt, p.callAt} {
		if t != 0 && (p.wake == 0 || t < p.wake) {
			p.wake = t
		}
	}
	if p.wake == 0 {
		s.wakes.drop(p)
	} else {
		s.wakes.put(p, p.wake)
	}
}

// message returns the message with an identifier, nil if there is none.
func (s *Scheduler) message(id spool.ID) *message {
	m, _ := s.messages.find(id)
	return m
}

// touch remembers that what a peer may start must be worked out anew.
func (s *Scheduler) touch(p *peer) {
	if !p.dirty {
		p.dirty = true
		s.dirty = append(s.dirty, p)
	}
}

func (s *Scheduler) configure(cfg Config) {
	renamed := s.config.AlternateChannel != cfg.AlternateChannel
	s.config = cfg.withDefaults()
	s.limits = newLimits(cfg.MaxJobs, cfg.ReservedUrgent, cfg.ReservedNormal)
	named := map[string]bool{}
	for _, cc := range cfg.Channels {
		c := s.channel(cc.Name)
		named[cc.Name] = true
		c.configure(cc.withDefaults())
		c.known = true
	}
	peers := map[*peer]bool{}
	for _, pc := range cfg.Peers {
		p := s.peer(spool.Hop{Channel: pc.Channel, Peer: pc.Name})
		peers[p] = true
		if pc.Passive && !p.config.Passive { // it is not called any more: no delay to wait out
			p.failures, p.reason, p.blockedUntil, p.missed = 0, "", 0, false
			s.setWake(p)
		}
		p.config, p.known, p.times = pc, true, newTimetable(pc)
		s.schedule(p)
	}
	for _, c := range s.channels {
		c.known = named[c.name]
	}
	s.applyOrders()
	for _, c := range s.channels {
		if c.off() {
			s.stopProcesses(c)
		}
		for _, p := range slices.Clone(c.peers) {
			if !peers[p] {
				p.known, p.missed, p.config, p.times = false, false, PeerConfig{}, timetable{}
				s.schedule(p)
			}
			if renamed {
				s.sweepAll(p, false)
			} else {
				s.startSweep(p, false)
			}
			s.touch(p)
		}
		s.setHosts(c)
		s.dropChannel(c)
	}
}

// channel returns the channel of a name. One that is not configured starts
// nothing; what is meant for it waits, or goes to an alternate hop.
func (s *Scheduler) channel(name string) *channel {
	c := s.byName[name]
	if c == nil {
		s.lastNumber++
		c = &channel{name: name, number: s.lastNumber, byName: map[string]*peer{}}
		c.configure(ChannelConfig{Name: name}.withDefaults())
		s.byName[name] = c
		s.channels = append(s.channels, c)
		s.orderChannel(c)
	}
	return c
}

func (s *Scheduler) peer(hop spool.Hop) *peer {
	c := s.channel(hop.Channel)
	p := c.byName[hop.Peer]
	if p == nil {
		s.lastNumber++
		p = &peer{channel: c, name: hop.Peer, number: s.lastNumber}
		for q := range priorities {
			p.run[q].peer, p.want[q].peer, p.probe[q].peer = p, p, p
			p.passed[q] = passed{peer: p, priority: uint8(q)}
		}
		c.byName[hop.Peer] = p
		c.peers = append(c.peers, p)
		s.orderPeer(p)
		s.touch(p)
	}
	return p
}

// hopset returns the shared list of a recipient's hops, nil for none, counting
// one more use of it.
func (s *Scheduler) hopset(hops []spool.Hop) *hopset {
	if len(hops) == 0 {
		return nil
	}
	key := s.keyBuffer[:0]
	for _, h := range hops {
		key = append(append(append(append(key, h.Channel...), 0), h.Peer...), 0)
	}
	s.keyBuffer = key
	set := s.hopsets[string(key)]
	if set == nil {
		set = &hopset{key: string(key)}
		for _, h := range hops {
			p := s.peer(h)
			p.hopsets = append(p.hopsets, set)
			set.peers = append(set.peers, p)
		}
		s.hopsets[set.key] = set
	}
	set.refs++
	return set
}

// setHops gives a recipient another list of hops.
func (s *Scheduler) setHops(r *recipient, hops []spool.Hop) {
	old, doubted := r.hops, r.doubted()
	r.hops = s.hopset(hops)
	r.doubtAt = r.hops.at(doubted)
	s.dropHops(old)
}

// dropHops ends one use of a list of hops.
func (s *Scheduler) dropHops(set *hopset) {
	if set == nil {
		return
	}
	set.refs--
	if set.refs > 0 {
		return
	}
	delete(s.hopsets, set.key)
	for _, p := range set.peers {
		p.hopsets = slices.DeleteFunc(p.hopsets, func(x *hopset) bool { return x == set })
		s.touch(p)
	}
}

// forget drops a peer nobody speaks of any more.
func (s *Scheduler) forget(p *peer) {
	c := p.channel
	if p.known || len(p.hopsets) > 0 || p.all.first != nil || p.jobs > 0 || p.opening > 0 ||
		p.closing > 0 || len(p.assocs) > 0 || p.sweep.active {
		return
	}
	p.blockedUntil, p.crowdedUntil, p.turnUntil, p.delayed, p.windowAt, p.callAt = 0, 0, 0, 0, 0, 0
	s.setWake(p)
	for q := range priorities {
		c.run[q].drop(&p.run[q])
		c.want[q].drop(&p.want[q])
		c.probe[q].drop(&p.probe[q])
	}
	if p.wanting {
		c.wanters-- // it was to be called
	}
	delete(c.byName, p.name)
	c.peers = slices.DeleteFunc(c.peers, func(x *peer) bool { return x == p })
	s.dropChannel(c)
}

// dropChannel drops a channel that is not configured and has nothing left.
func (s *Scheduler) dropChannel(c *channel) {
	if c.known || len(c.peers) > 0 || len(c.processes) > 0 || c.starting {
		return
	}
	delete(s.byName, c.name)
	// A new list: whoever goes through the old one goes through to its end.
	s.channels = slices.DeleteFunc(slices.Clone(s.channels), func(x *channel) bool { return x == c })
}

// farthest is as far from 1970 as a time can be here, and leaves room for what is reckoned
// from it: two hundred years.
const farthest = 200 * 365 * 24 * time.Hour

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	// By seconds: what is farther has no number of nanoseconds.
	if at := t.Unix(); at > int64(farthest/time.Second) {
		return int64(farthest)
	} else if at < -int64(farthest/time.Second) {
		return -int64(farthest)
	}
	return t.UnixNano()
}

func timeOf(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

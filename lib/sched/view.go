package sched

import (
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// Counts are totals over the queue.
type Counts struct {
	Messages   [3]int // not done, by priority: urgent, normal, non-urgent
	Recipients int    // not final
	Jobs       int    // in progress
}

// Counts returns the totals; it takes no time.
func (s *Scheduler) Counts() Counts {
	c := s.counts
	c.Jobs = s.jobs.n
	return c
}

// ChannelView shows a channel.
type ChannelView struct {
	Name         string
	Known        bool // configured
	Disabled     bool
	Process      int       // 0 if none takes work
	Failures     int       // of its process, in a row
	RestartAt    time.Time // when waited for
	Reason       string    // of the last failure, or why it was disabled by order
	MaxJobs      int
	MaxPerPeer   int       // 0 is no limit
	Jobs         [3]int    // in progress by priority
	Associations int       // opened by us: being opened, up or being closed
	Overdue      int       // those of the jobs that went because they had been passed over
	OpenAt       time.Time // when the next one may be opened, if an interval has to go by
	HeldBack     [3]bool   // by priority, for all its peers: what is for them waits by order
	HeldUntil    time.Time // when that ends, if by itself
	Peers        []PeerView
}

// PeerView shows a peer of a channel. Numbers are messages, a message counting
// once for each peer its recipients go to.
type PeerView struct {
	Name         string
	Known        bool // configured
	Disabled     bool
	Queued       [3]int // all of them, by priority
	Ready        [3]int // those to be tried now, by priority
	Waiting      int    // those waiting for a time of their own
	Held         int
	InProgress   int
	Volume       int64     // content octets
	Oldest       time.Time // acceptance of the one here longest
	Failures     int       // in a row; 0 if the peer is not known to be down
	DelayUntil   time.Time // after a failure
	Reason       string    // of the last failure
	Associations []AssociationView
	Opening      int
	Passive      bool      // only it opens associations
	Awaited      bool      // and it has none that takes messages: what is for it waits until it calls
	Shut         [3]bool   // by priority: what is for it waits for its window
	WindowAt     time.Time // when its window opens or ends; zero if it has none
	NextCall     time.Time // when it is called with or without work; zero if it is not
	Waits        string    // what is waited for, if for anything but an end of its delay
	Late         int       // messages that have waited for longer than Config.Warn
	HeldBack     [3]bool   // by priority: what is for it waits by order
	HeldUntil    time.Time // when that ends, if by itself
	Ordered      bool      // Disabled is by order
	HostFull     bool      // no association more may be opened with its host
}

// AssociationView shows an association that is up.
type AssociationView struct {
	Process int
	Assoc   uint64
	Inbound bool
	TwoWay  bool
	Turn    bool
	Job     uint64 // 0 if idle
	Done    int    // jobs
	Since   time.Time
}

// Tree shows every channel and peer, in order of appearance. It costs time for
// each of them, none for messages.
func (s *Scheduler) Tree() []ChannelView {
	views := make([]ChannelView, 0, len(s.channels))
	for _, c := range s.channels {
		v := ChannelView{
			Name: c.name, Known: c.known, Disabled: c.config.Disabled || c.disabled, Failures: c.failures,
			MaxJobs: c.config.MaxJobs, MaxPerPeer: c.config.MaxPerPeer, Jobs: c.jobs, Associations: c.assocs, Overdue: c.overdue,
		}
		if c.failures > 0 {
			v.Reason = c.reason
		}
		if c.disabled {
			v.Reason = reason("disabled by order", c.disabledWhy)
		}
		o := s.orderOf(c, place{channel: c.name, all: true})
		for q := range priorities {
			v.HeldBack[q] = q > nonUrgent-o.held
		}
		v.HeldUntil = timeOf(o.until)
		if at := c.mayOpen(); at > s.now {
			v.OpenAt = timeOf(at)
		}
		if c.current != nil {
			v.Process = c.current.number
		}
		if s.wantsProcess(c) {
			v.RestartAt = timeOf(c.restartAt)
		}
		for _, p := range c.peers {
			v.Peers = append(v.Peers, p.view(s.now))
		}
		views = append(views, v)
	}
	return views
}

func (p *peer) view(now int64) PeerView {
	v := PeerView{
		Name: p.name, Known: p.known, Disabled: p.config.Disabled || p.order.disabled, Ordered: p.order.disabled,
		Late: p.late, HostFull: p.hostFull(), HeldUntil: timeOf(p.order.until),
		Queued: p.lists, Waiting: p.states[Waiting], Held: p.states[Held], InProgress: p.states[InFlight],
		Volume: p.volume, Failures: p.failures, DelayUntil: timeOf(max(p.blockedUntil, p.delayed)), Reason: p.reason,
		Opening: p.opening, Passive: p.passive(), Awaited: p.awaited(),
	}
	for q := range p.ready {
		v.Ready[q], v.Shut[q], v.HeldBack[q] = p.ready[q].n, p.shutFor(q), p.heldBack(q)
	}
	v.WindowAt = timeOf(p.windowAt)
	if !p.off() {
		v.NextCall = timeOf(p.nextCall(now))
	}
	switch {
	case p.order.disabled:
		v.Waits = reason("disabled by order", p.order.disabledWhy)
	case p.shut:
		v.Waits = p.shutText(now)
	case p.order.held > 0:
		v.Waits = p.heldText()
	case p.delayed != 0:
		v.Waits = delayedText
	case p.hostWaits:
		v.Waits = hostText
	case v.Awaited && p.failures == 0:
		v.Waits = awaited
	case p.beginning():
		v.Waits = opening
	}
	if l := p.all.first; l != nil {
		v.Oldest = timeOf(l.msg.accepted)
	}
	for _, a := range p.assocs {
		av := AssociationView{
			Process: a.process.number, Assoc: a.id, Inbound: a.inbound, TwoWay: a.twoWay, Turn: a.turn,
			Done: a.done, Since: timeOf(a.since),
		}
		if a.job != nil {
			av.Job = a.job.id
		}
		v.Associations = append(v.Associations, av)
	}
	return v
}

// MessageView shows a message in the queue.
type MessageView struct {
	Ref                         spool.Ref
	Kind                        spool.Kind
	Accepted, Deferred, Expires time.Time
	Size                        int64
	Late                        bool // it has waited for longer than Config.Warn
	Recipients                  []RecipientView
}

// awaited is what a recipient waits for whose peer is passive and has no association that
// takes it.
const awaited = "waits for the peer to call"

// explain says what a recipient of a message that is ready waits for, if not for its
// place.
func (p *peer) explain(v *RecipientView, m *message, now int64) {
	c := p.channel
	switch {
	case c.known && c.off():
		v.Text = reason("channel "+c.name+" is disabled", c.disabledWhy)
	case c.known && p.off():
		v.Text = reason("peer "+p.name+" is disabled", p.order.disabledWhy)
	case p.shutFor(int(m.priority)):
		v.Until, v.Text = timeOf(p.windowAt), p.shutText(now)
	case p.heldBack(int(m.priority)):
		v.Until, v.Text = timeOf(p.order.until), p.heldText()
	case p.delayed != 0:
		v.Until, v.Text = timeOf(p.delayed), delayedText
	case p.known && p.awaited():
		v.Text = awaited
	case p.failures > 0:
		v.Until, v.Text = timeOf(p.blockedUntil), p.reason
	case c.failures > 0 && c.current == nil:
		v.Until, v.Text = timeOf(c.restartAt), "channel "+c.name+": "+c.reason
	case !c.known, p.name != "" && !p.known:
		v.Text = "no longer configured"
	case p.beginning():
		v.Text = opening
	case p.hostWaits && p.serves(int(m.priority)) == 0:
		v.Text = hostText
	case c.config.Associations && p.serves(int(m.priority)) == 0 && c.mayOpen() > now && m.priority != urgent:
		v.Text = "waits for the interval between associations of channel " + c.name
	}
}

const (
	delayedText = "delayed by order"
	hostText    = "its host has as many associations as it may have"
)

// opening is what a recipient waits for whose peer is being called.
const opening = "an association is being opened"

// beginning tells that the peer is being called, and that there is no other association.
func (p *peer) beginning() bool { return p.opening > 0 && p.usable == 0 && p.failures == 0 }

// RecipientView shows a recipient. Until and Text of one that is queued are those of its
// peer or channel, if that is what it waits for.
type RecipientView struct {
	N        int
	State    State
	Wish     string // what is done if it comes back: hold, expire, delete; usually empty
	Channel  string
	Peer     string
	Attempts int
	Until    time.Time
	Since    time.Time // of one in flight
	Text     string
	Doubt    bool // sent before, and not answered for
}

// Has tells whether a message is known: accepted, and not done with.
func (s *Scheduler) Has(id spool.ID) bool { return s.message(id) != nil }

// InFlight tells whether recipient n of a message is being tried.
func (s *Scheduler) InFlight(id spool.ID, n int) bool {
	m := s.message(id)
	if m == nil {
		return false
	}
	i := m.find(n)
	return i >= 0 && m.recipients[i].state == InFlight
}

// JobOf returns the message of a job in progress.
func (s *Scheduler) JobOf(job uint64) (spool.ID, bool) {
	j := s.jobs.find(job)
	if j == nil {
		return "", false
	}
	return j.list.msg.id, true
}

// Refs returns where all messages lie, in order of arrival here.
func (s *Scheduler) Refs() []spool.Ref {
	refs := make([]spool.Ref, 0, s.messages.n)
	for m := s.all.first; m != nil; m = m.next {
		refs = append(refs, m.ref())
	}
	return refs
}

// Arrival is a message and when it was accepted.
type Arrival struct {
	Ref      spool.Ref
	Accepted time.Time
}

// Arrivals returns all messages and when they were accepted, in no order.
func (s *Scheduler) Arrivals() []Arrival {
	all := make([]Arrival, 0, s.messages.n)
	for m := s.all.first; m != nil; m = m.next {
		all = append(all, Arrival{m.ref(), timeOf(m.accepted)})
	}
	return all
}

// View shows one message.
func (s *Scheduler) View(id spool.ID) (MessageView, bool) {
	m := s.message(id)
	if m == nil {
		return MessageView{}, false
	}
	return m.view(s.now), true
}

// givenUp is when the next recipient is given up, or when the last was.
func (m *message) givenUp(now int64) int64 {
	next := int64(0)
	for _, at := range [...]int64{m.expires, m.again} {
		if at > now {
			next = sooner(next, at)
		}
	}
	if next == 0 {
		return m.expires
	}
	return next
}

func (m *message) view(now int64) MessageView {
	v := MessageView{
		Ref: m.ref(), Kind: kinds[m.kind], Size: m.size,
		Accepted: timeOf(m.accepted), Deferred: timeOf(m.deferred), Expires: timeOf(m.givenUp(now)), Late: m.late,
		Recipients: make([]RecipientView, len(m.recipients)),
	}
	for i := range m.recipients {
		r := &m.recipients[i]
		rv := RecipientView{
			N: int(r.n), State: r.state, Wish: r.wish.String(), Attempts: int(r.attempts),
			Until: timeOf(r.until), Text: r.text, Doubt: r.doubt,
		}
		if r.list != nil {
			p := r.list.peer
			rv.Channel, rv.Peer = p.channel.name, p.name
			switch {
			case r.state == Queued:
				p.explain(&rv, m, now)
			case r.state == InFlight && r.list.job != nil:
				rv.Since = timeOf(r.list.job.started)
			}
		}
		v.Recipients[i] = rv
	}
	return v
}

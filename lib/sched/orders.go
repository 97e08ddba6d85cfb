package sched

import (
	"time"
)

// place is what an operator's order is about: one peer of a channel, all of a channel,
// or, without a channel, all channels that have associations.
type place struct {
	channel, peer string
	all           bool
}

func placeOf(channel string, peer *string) place {
	if peer == nil {
		return place{channel: channel, all: true}
	}
	return place{channel: channel, peer: *peer}
}

// standing is what has been ordered of a place, and not taken back.
type standing struct {
	disabled    bool
	disabledWhy string
	held        int // how many priorities are held back, the least urgent first
	from, until int64
	heldWhy     string
}

// order is what holds for a peer now, by all the orders that concern it.
type order struct {
	disabled    bool
	disabledWhy string
	held        int
	until       int64 // when that ends; 0: not by itself
	heldWhy     string
}

func (s *Scheduler) standing(at place) *standing {
	o := s.orders[at]
	if o == nil {
		o = new(standing)
		s.orders[at] = o
	}
	return o
}

func (s *Scheduler) minimize(ev Minimize) {
	o := s.standing(placeOf(ev.Channel, ev.Peer))
	o.held = nonUrgent - priorityIndex(ev.Through)
	o.from, o.until, o.heldWhy = nanos(ev.From), nanos(ev.Until), cut(ev.Why)
	s.applyOrders()
}

func (s *Scheduler) disable(channel string, peer *string, off bool, why string) {
	if channel == "" {
		return
	}
	o := s.standing(placeOf(channel, peer))
	o.disabled, o.disabledWhy = off, cut(why)
	s.applyOrders()
}

// Recall lets an order, [Disable] or [Minimize], hold that was given before this scheduler
// was. It is for the time before the first Step, which does what follows.
func (s *Scheduler) Recall(ev Event) { s.dispatch(ev) }

// applyOrders works out anew what holds for every channel and peer.
func (s *Scheduler) applyOrders() {
	s.orderAt = 0
	for at, o := range s.orders {
		if o.held > 0 && o.until != 0 && o.until <= s.now {
			o.held = 0
		}
		switch {
		case o.held == 0 && !o.disabled:
			delete(s.orders, at)
		case o.held > 0 && o.from > s.now:
			s.orderAt = sooner(s.orderAt, o.from)
		case o.held > 0:
			s.orderAt = sooner(s.orderAt, o.until)
		}
	}
	for _, c := range s.channels {
		s.orderChannel(c)
		for _, p := range c.peers {
			s.orderPeer(p)
		}
	}
}

// sooner is the earlier of two times, of which 0 is never.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func (s *Scheduler) orderChannel(c *channel) {
	was := c.disabled
	c.disabled, c.disabledWhy = false, ""
	if o := s.orders[place{channel: c.name, all: true}]; o != nil {
		c.disabled, c.disabledWhy = o.disabled, o.disabledWhy
	}
	if c.disabled == was {
		return
	}
	if c.off() {
		s.stopProcesses(c)
	}
	for _, p := range c.peers {
		s.touch(p)
	}
}

func (s *Scheduler) orderPeer(p *peer) {
	was := p.order
	at := place{channel: p.channel.name, peer: p.name}
	p.order = s.orderOf(p.channel, at)
	if o := s.orders[at]; o != nil {
		p.order.disabled, p.order.disabledWhy = o.disabled, o.disabledWhy
	}
	if p.order != was {
		s.touch(p)
	}
}

// orderOf is how traffic is limited at a place of a channel: the strictest of what is
// ordered of the switch, the channel and the place counts.
func (s *Scheduler) orderOf(c *channel, last place) (now order) {
	for _, at := range [...]place{{all: true}, {channel: c.name, all: true}, last} {
		o := s.orders[at]
		if o == nil || at.channel == "" && !c.config.Associations {
			continue
		}
		if o.held > now.held && o.from <= s.now {
			now.held, now.until, now.heldWhy = o.held, o.until, o.heldWhy
		}
	}
	return now
}

// heldBack reports whether messages of a priority wait by an operator's order.
func (p *peer) heldBack(priority int) bool { return priority > nonUrgent-p.order.held }

// withheld reports whether messages of a priority wait for a time or a word, whoever is
// free.
func (p *peer) withheld(priority int) bool { return p.shutFor(priority) || p.heldBack(priority) }

// HeldBack begins the text of what waits by [Minimize].
const HeldBack = "held back: MINIMIZE, "

// heldText says what messages that are held back wait for, for people.
func (p *peer) heldText() string {
	text := HeldBack + "only urgent goes"
	if p.order.held == 1 {
		text = HeldBack + "only urgent and normal go"
	}
	if p.order.until != 0 {
		text += ", until " + timeOf(p.order.until).Format(time.RFC3339)
	}
	if p.order.heldWhy != "" {
		text += ": " + p.order.heldWhy
	}
	return text
}

// reason adds why to a text, if anybody has said so.
func reason(text, why string) string {
	if why == "" {
		return text
	}
	return text + ": " + why
}

// ordered calls f for the peers an order names.
func (s *Scheduler) ordered(channel string, name *string, f func(*peer)) {
	c := s.byName[channel]
	if c == nil {
		return
	}
	if name == nil {
		for _, p := range c.peers {
			f(p)
		}
	} else if p := c.byName[*name]; p != nil {
		f(p)
	}
}

func (s *Scheduler) delayPeers(ev Delay) {
	s.ordered(ev.Channel, ev.Peer, func(p *peer) {
		if p.delayed = nanos(ev.Until); p.delayed <= s.now {
			p.delayed = 0
		}
		s.setWake(p)
		s.touch(p)
	})
}

// callPeer lets a peer be called at once, with or without anything to send.
func (s *Scheduler) callPeer(ev Connect) {
	s.ordered(ev.Channel, &ev.Peer, func(p *peer) {
		if p.channel.config.Associations && !p.passive() && len(p.assocs) == 0 {
			p.connect = true
			s.unblock(p)
			s.touch(p)
		}
	})
}

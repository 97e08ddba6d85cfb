package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// order is a standing order of an operator, as mtaspool(5) has it: a line of ctl/orders.
type order struct {
	Verb    string    `json:"verb"`              // VerbDisable or VerbMinimize
	Channel string    `json:"channel,omitempty"` // none: all that have associations
	Peer    *string   `json:"peer,omitempty"`    // none: the whole channel
	Through string    `json:"through,omitempty"` // of minimize: urgent or normal
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Reason  string    `json:"reason,omitempty"`
	Who     string    `json:"who,omitempty"`
	Time    time.Time `json:"time,omitzero"` // it was given
}

// about tells whether two orders say something of the same kind about the same.
func (o *order) about(other *order) bool {
	same := o.Peer == nil && other.Peer == nil || o.Peer != nil && other.Peer != nil && *o.Peer == *other.Peer
	return o.Verb == other.Verb && o.Channel == other.Channel && same
}

// event is what the scheduler hears of an order.
func (o *order) event() sched.Event {
	if o.Verb == VerbDisable {
		return sched.Disable{Channel: o.Channel, Peer: o.Peer, Why: o.Reason}
	}
	through, err := spool.ParsePriority(o.Through)
	if err != nil {
		through = spool.NonUrgent
	}
	return sched.Minimize{Channel: o.Channel, Peer: o.Peer, Through: through, From: o.From, Until: o.Until, Why: o.Reason}
}

// recallOrders lets the orders hold that an earlier holder of the spool was given.
func (k *Keeper) recallOrders() error {
	text, err := k.spool.Orders()
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var o order
		if err := json.Unmarshal(line, &o); err != nil || o.Verb != VerbDisable && o.Verb != VerbMinimize {
			k.log.Error("a standing order cannot be read and does not hold", "order", string(line), "error", err)
			continue
		}
		if o.Until.IsZero() || o.Until.After(k.now) {
			k.orders = append(k.orders, o)
			k.mind.Recall(o.event())
		}
	}
	return nil
}

// keepOrders writes what holds from now on; it is durable when this returns.
func (k *Keeper) keepOrders(orders []order) error {
	var text bytes.Buffer
	for _, o := range orders {
		line, err := json.Marshal(o)
		if err != nil {
			return diag.E("orders", diag.Internal, err)
		}
		text.Write(append(line, '\n'))
	}
	return k.spool.SetOrders(text.Bytes())
}

// Disabled tells whether a channel does nothing by an operator's order.
func (k *Keeper) Disabled(channel string) bool {
	return slices.ContainsFunc(k.orders, func(o order) bool { return o.Verb == VerbDisable && o.Channel == channel && o.Peer == nil })
}

// place finds out what an order is about.
func (k *Keeper) place(q Request) (channel string, peer *string, err error) {
	channel = q.Filter.Channel
	if q.Filter.Peer == "" {
		if channel == "" && q.Verb != VerbMinimize {
			return "", nil, diag.E("", diag.Usage, fmt.Errorf("%s wants a channel or a peer: --channel, --peer", q.Verb))
		}
		return channel, nil, nil
	}
	var at []string
	for _, c := range k.mind.Tree() {
		for _, p := range c.Peers {
			if p.Name == q.Filter.Peer && (channel == "" || channel == c.Name) {
				at = append(at, c.Name)
			}
		}
	}
	switch len(at) {
	case 0:
		return "", nil, diag.E(q.Filter.Peer, diag.NoInput, errors.New("there is no such peer of channel "+channel))
	case 1:
		return at[0], &q.Filter.Peer, nil
	}
	return "", nil, diag.WithHint(diag.E(q.Filter.Peer, diag.NoInput, errors.New("several channels have it")), "name one of "+strings.Join(at, ", "))
}

// order carries out a verb that is about a channel or a peer, and not about messages. What
// is to hold over a restart is durable before anything goes by it.
func (i *Inquiry) order() error {
	k, q := i.k, i.q
	channel, peer, err := k.place(q)
	if err != nil {
		return err
	}
	a := &ActRow{Verb: q.Verb, Channel: channel, Until: q.Until}
	r := audit.Record{Channel: channel, Until: q.Until, Text: q.Reason, Who: q.Who}
	if peer != nil {
		a.Peer, r.Peer = *peer, *peer
	}
	var event sched.Event
	o := order{Verb: q.Verb, Channel: channel, Peer: peer, From: q.From, Until: q.Until, Reason: q.Reason, Who: q.Who, Time: k.now}
	standing := slices.Clone(k.orders)
	drop := func() int {
		before := len(standing)
		standing = slices.DeleteFunc(standing, func(other order) bool { return o.about(&other) })
		return before - len(standing)
	}
	switch q.Verb {
	case VerbMinimize:
		r.Event = audit.Minimized
		o.Through = q.Through
		had := drop()
		event = o.event()
		switch q.Through {
		case "urgent", "normal":
			if !q.Until.IsZero() && !q.Until.After(k.now) {
				return diag.E("", diag.Usage, fmt.Errorf("until %s: that has passed", q.Until.Format(time.RFC3339)))
			}
			standing = append(standing, o)
			r.Text = strings.TrimSuffix(map[string]string{"urgent": "only urgent goes", "normal": "only urgent and normal go"}[q.Through]+"; "+q.Reason, "; ")
		case "off":
			if had == 0 {
				a.Note = "not limited"
			}
			r.Text = strings.TrimSuffix("everything goes; "+q.Reason, "; ")
		default:
			return diag.E("", diag.Usage, fmt.Errorf("%q is not urgent, normal or off", q.Through))
		}
	case VerbDisable:
		r.Event = audit.Disabled
		if drop() > 0 {
			a.Note = "disabled already"
		}
		standing = append(standing, o)
		event = o.event()
	case VerbEnable:
		r.Event = audit.Enabled
		o.Verb = VerbDisable
		event = sched.Enable{Channel: channel, Peer: peer}
		if drop() == 0 {
			a.Note = "not disabled by order"
			if k.disabledByConfig(channel, peer) {
				a.Note += ": the configuration says enabled = false"
			}
		}
	case VerbDelay:
		r.Event = audit.Delayed
		event = sched.Delay{Channel: channel, Peer: peer, Until: q.Until}
	case VerbConnect, VerbDisconnect:
		if peer == nil {
			return diag.E("", diag.Usage, fmt.Errorf("%s wants a peer", q.Verb))
		}
		if event = (sched.Connect{Channel: channel, Peer: *peer}); q.Verb == VerbDisconnect {
			event = sched.CloseAssociations{Channel: channel, Peer: peer}
		}
		if k.Quiet {
			return diag.E("", diag.Unavailable, ErrNotRunning)
		}
	}
	i.emit(Answer{Act: a})
	if q.DryRun {
		return nil
	}
	switch q.Verb {
	case VerbMinimize, VerbDisable, VerbEnable:
		if err := k.keepOrders(standing); err != nil {
			i.answers = nil
			return err
		}
		k.orders = standing
	}
	if r.Event != "" {
		i.changed = true
		k.Event(k.now, r)
	}
	k.Step(k.now, event)
	return nil
}

func (k *Keeper) disabledByConfig(channel string, peer *string) bool {
	if peer == nil {
		c, ok := k.conf.Channel(channel)
		return ok && !c.Enabled
	}
	p, ok := k.conf.Peer(*peer)
	return ok && !p.Enabled
}

// limits are what the configuration says a channel may have.
func (r *ChannelRow) limits(c *conf.Channel) {
	r.ReservedUrgent, r.ReservedNormal = c.ReservedUrgent, c.ReservedNormal
	if c.Kind == conf.KindX400P1 {
		r.MaxAssociations, r.MaxPerHost = c.MaxAssociations, c.MaxPerHost
	}
}

// minimized is the order that limits a channel or peer as a whole, in a word.
func minimized(held [3]bool) string {
	switch {
	case held[1]:
		return "urgent"
	case held[2]:
		return "normal"
	}
	return ""
}

package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// Bounds of a day: what a machine of today simulates in minutes.
const (
	maxMessages   = 20_000_000
	maxRecipients = 1000
	maxSamples    = 5000
	maxParts      = 10_000
	maxLasts      = 31 * 24 * time.Hour
	maxSize       = 1 << 31
)

// ErrForeign says that a day brings no channels and no other configuration was given.
var ErrForeign = errors.New("the day has no [[channel]], and needs a configuration")

// Read reads and checks a day: text, which is called name in errors. It is one for other,
// or, where other is nil, for the channels and peers that it brings; the configuration it
// is for is returned too. The error is ErrForeign, or has kind Config.
func Read(text []byte, name string, other *conf.Config) (*Day, *conf.Config, error) {
	d, cfg := New(), other
	foreign := false
	err := tableconf.Decode(text, name, d, func() []*conf.Fault {
		var faults []*conf.Fault
		if cfg == nil {
			if foreign = !d.Own(); foreign {
				return nil
			}
			cfg = d.config()
			faults = cfg.Faults()
		}
		return append(faults, d.faults(cfg)...)
	})
	switch {
	case err != nil:
		return nil, nil, err
	case foreign:
		return nil, nil, diag.E(name, diag.Config, ErrForeign)
	}
	return d, cfg, nil
}

// config is the configuration of a switch that has the channels and peers of the day, and
// peers for the links that have none.
func (d *Day) config() *conf.Config {
	c := conf.New()
	c.Identity = conf.Identity{MTA: "SIMULATED", Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "SIMULATED"}}
	c.Schedule, c.Channels, c.Peers = d.Schedule, d.Channels, slices.Clone(d.Peers)
	var associated []string
	for _, ch := range c.Channels {
		if ch.Kind == conf.KindX400P1 {
			associated = append(associated, ch.Name)
		}
	}
	for i, name := range associated {
		// Somebody may call: its process runs without work.
		l := conf.NewListener()
		l.Address, l.Channel = fmt.Sprintf("127.0.0.1:%d", i+1), name
		c.Listeners = append(c.Listeners, l)
	}
	for _, l := range d.Links {
		if _, known := c.Peer(l.Peer); known || l.Peer == "" {
			continue
		}
		p := conf.NewPeer()
		p.Name, p.Channel = l.Peer, l.Channel
		if p.Channel == "" && len(associated) > 0 {
			p.Channel = associated[0]
		}
		c.Peers = append(c.Peers, p)
	}
	for i := range c.Peers {
		p := &c.Peers[i]
		calls := slices.ContainsFunc(d.Links, func(l Link) bool { return l.Peer == p.Name && l.CallEvery > 0 })
		if len(p.Calls()) == 0 && !calls {
			p.Address = "Internet=127.0.0.1"
		}
	}
	c.Complete()
	return c
}

// checker collects what is wrong with a day.
type checker struct {
	all []*conf.Fault
	at  conf.Fault // where it looks
}

func (c *checker) in(table string, index int, name string) {
	c.at = conf.Fault{Table: table, Index: index, Name: name}
}

func (c *checker) faultf(key, format string, args ...any) {
	f := c.at
	f.Key, f.Err = key, fmt.Errorf(format, args...)
	c.all = append(c.all, &f)
}

func (c *checker) between(key string, v, least, most int) {
	if v < least || v > most {
		c.faultf(key, "%d is not from %d to %d", v, least, most)
	}
}

func (c *checker) span(key string, d conf.Duration, least, most time.Duration) {
	if d.D() < least || d.D() > most {
		c.faultf(key, "%v is not from %v to %v", d, conf.Duration(least), conf.Duration(most))
	}
}

func (c *checker) share(key string, v float64) {
	if !(v >= 0 && v <= 1) {
		c.faultf(key, "%v is not from 0 to 1", v)
	}
}

// weights checks numbers of which one at least is above zero.
func (c *checker) weights(key string, all []float64, want int) {
	sum := 0.0
	for _, v := range all {
		if !(v >= 0 && v <= 1e9) {
			c.faultf(key, "%v is not from 0 to 1000000000", v)
			return
		}
		sum += v
	}
	switch {
	case len(all) > 0 && sum == 0:
		c.faultf(key, "all are 0")
	case want >= 0 && len(all) > 0 && len(all) != want:
		c.faultf(key, "%d weights for %d", len(all), want)
	case len(all) > maxParts:
		c.faultf(key, "%d parts; the limit is %d", len(all), maxParts)
	}
}

// target checks that a name is that of somebody who gets messages.
func (c *checker) target(key string, cfg *conf.Config, name string) {
	if _, ok := targetOf(cfg, name); !ok {
		c.faultf(key, "%.64q is neither a peer nor a channel that delivers", name)
	}
}

func (d *Day) faults(cfg *conf.Config) []*conf.Fault {
	c := &checker{}
	c.in("day", -1, "")
	c.span("lasts", d.Day.Lasts, time.Second, maxLasts)
	c.span("after", d.Day.After, 0, maxLasts)
	c.span("sample", d.Day.Sample, 0, maxLasts)
	if d.Day.Begins.Year() < 1970 || d.Day.Begins.Year() > 2200 {
		c.faultf("begins", "is not from 1970 to 2200")
	}
	whole := d.Day.Lasts.D() + d.Day.After.D()
	if s := d.sample(); s < time.Millisecond || whole/s > maxSamples {
		c.faultf("sample", "%v makes more than %d points", conf.Duration(s), maxSamples)
	}
	c.in("switch", -1, "")
	c.span("start", d.Switch.Start, 0, time.Hour)
	c.span("work", d.Switch.Work, 0, time.Hour)
	d.trafficFaults(c, cfg)
	d.linkFaults(c, cfg)
	for i, o := range d.Outages {
		c.in("outage", i, o.Peer+o.Channel)
		c.span("from", o.From, 0, maxLasts)
		c.span("lasts", o.Lasts, time.Millisecond, maxLasts)
		switch {
		case (o.Peer == "") == (o.Channel == ""):
			c.faultf("", "has either peer or channel")
		case o.Peer != "":
			if _, ok := cfg.Peer(o.Peer); !ok {
				c.faultf("peer", "there is no peer %.64q", o.Peer)
			}
		default:
			if _, ok := cfg.Channel(o.Channel); !ok {
				c.faultf("channel", "there is no channel %.64q", o.Channel)
			}
			if o.Silent {
				c.faultf("silent", "is for peers")
			}
		}
	}
	return c.all
}

func (d *Day) trafficFaults(c *checker, cfg *conf.Config) {
	if len(d.Traffic) == 0 {
		c.in("", -1, "")
		c.faultf("", "no [[traffic]]: nothing would happen")
	}
	total := 0
	for i, t := range d.Traffic {
		c.in("traffic", i, t.Name)
		c.between("messages", t.Messages, 1, maxMessages)
		c.between("recipients", t.Recipients, 1, maxRecipients)
		if total += min(t.Messages, maxMessages+1) * max(t.Recipients, 1); total > maxMessages {
			c.faultf("messages", "more than %d recipients in all", maxMessages)
			total = 0
		}
		if _, ok := priorityOf(t.Priority); !ok {
			c.faultf("priority", "%.64q is not urgent, normal or non-urgent", t.Priority)
		}
		end := t.end(d).D()
		if end > d.Day.Lasts.D() || t.From.D() >= end {
			c.faultf("until", "from %v until %v is no part of a day of %v", t.From, conf.Duration(end), d.Day.Lasts)
		}
		c.weights("shape", t.Shape, -1)
		for _, name := range t.To {
			c.target("to", cfg, name)
		}
		if len(t.To) == 0 && len(cfg.Peers) == 0 {
			c.faultf("to", "there is no peer")
		}
		c.weights("to-weights", t.ToWeights, len(t.To))
		if len(t.ToWeights) > 0 && len(t.To) == 0 {
			c.faultf("to-weights", "there is no to")
		}
		for _, size := range t.Size {
			if size > maxSize {
				c.faultf("size", "%v is more than %v", size, quantity.Octets(maxSize))
			}
		}
		c.weights("size-weights", t.SizeWeights, max(len(t.Size), 1))
	}
}

func (d *Day) linkFaults(c *checker, cfg *conf.Config) {
	seen := map[string]bool{}
	for i, l := range d.Links {
		c.in("link", i, l.Peer+l.Channel)
		name := l.Peer
		if name == "" {
			name = l.Channel
		}
		if name == "" {
			c.faultf("", "has neither peer nor channel")
			continue
		}
		c.target(map[bool]string{true: "peer", false: "channel"}[l.Peer != ""], cfg, name)
		if p, ok := cfg.Peer(l.Peer); ok && l.Channel != "" && p.Channel != l.Channel {
			c.faultf("channel", "peer %s is one of channel %s", l.Peer, p.Channel)
		}
		if seen[name] {
			c.faultf("", "%.64q has a link already", name)
		}
		seen[name] = true
		c.span("latency", l.Latency, 0, time.Hour)
		c.span("answer", l.Answer, 0, time.Hour)
		c.between("accepts", l.Accepts, 0, 10_000)
		for _, a := range l.Alternates {
			c.target("alternates", cfg, a)
			if a == name {
				c.faultf("alternates", "%.64q is no alternate of its own", a)
			}
		}
		if len(l.Alternates) > conf.MaxAlternates {
			c.faultf("alternates", "%d; the limit is %d", len(l.Alternates), conf.MaxAlternates)
		}
		c.share("deferred", l.Deferred)
		c.share("refused", l.Refused)
		if l.Deferred+l.Refused > 1 {
			c.faultf("refused", "more than 1 with deferred")
		}
		if l.CallEvery > 0 {
			c.span("call-every", l.CallEvery, time.Second, maxLasts)
			if l.Peer == "" {
				c.faultf("call-every", "is for peers")
			}
		}
		c.span("call-for", l.CallFor, time.Second, maxLasts)
	}
}

// end is when traffic ends.
func (t *Traffic) end(d *Day) conf.Duration {
	if t.Until > 0 {
		return t.Until
	}
	return d.Day.Lasts
}

var priorityNames = [priorities]string{"urgent", "normal", "non-urgent"}

const (
	urgent = iota
	normal
	nonUrgent
	priorities
)

func priorityOf(name string) (int, bool) {
	i := slices.Index(priorityNames[:], strings.TrimSpace(name))
	return i, i >= 0
}

// target is who gets messages by a name: a peer, or a channel that delivers.
type target struct{ channel, peer string }

func targetOf(cfg *conf.Config, name string) (target, bool) {
	if p, ok := cfg.Peer(name); ok {
		return target{p.Channel, p.Name}, true
	}
	ch, ok := cfg.Channel(name)
	return target{channel: name}, ok && ch.Kind != conf.KindX400P1
}

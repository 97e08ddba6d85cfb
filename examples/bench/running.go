package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// settled is how long it takes until outcomes are written and files removed after the last
// message has arrived: that belongs to the cost of a message.
const settled = time.Second

// newSource is one that sends to the switch.
func newSource(change func(*load.SourceConfig), size, priority string) (*load.Source, error) {
	cfg := load.SourceConfig{Own: load.End{Name: "SOURCE", Password: "secret of SOURCE"}, MTA: load.End{Name: "MTA-A", Password: "secret of MTA-A"},
		To: conf.Address{Host: switchAt}, Mode: conf.ModeNormal, Associations: 1, Timeout: time.Minute}
	for text, address := range map[string]*oraddr.Address{from: &cfg.From} {
		a, err := oraddr.Parse(text)
		if err != nil {
			return nil, err
		}
		*address = a
	}
	a, err := oraddr.Parse(to)
	if err != nil {
		return nil, err
	}
	cfg.Recipients = []oraddr.Address{a}
	if cfg.Sizes, err = load.ParseSizes(size); err != nil {
		return nil, err
	}
	if cfg.Priorities, err = load.ParsePriorities(priority); err != nil {
		return nil, err
	}
	change(&cfg)
	return load.NewSource(cfg)
}

// newSink is one that takes what the switch sends.
func newSink() (*load.Sink, error) {
	sink := load.NewSink()
	_, err := sink.Listen(sinkAt, load.SinkConfig{Own: load.End{Name: "SINK", Password: "secret of SINK"},
		MTA: load.End{Name: "MTA-A", Password: "secret of MTA-A"}, Timeout: time.Minute})
	return sink, err
}

// relayed has messages cross the switch, all of them or it is an error.
func (p *place) relayed(ctx context.Context, messages, associations int, size string, rate float64) (*load.Relayed, error) {
	source, err := newSource(func(c *load.SourceConfig) {
		c.Messages, c.Associations, c.Rate = uint64(messages), associations, rate
	}, size, "normal")
	if err != nil {
		return nil, err
	}
	sink, err := newSink()
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	r, err := load.Relay(ctx, source, sink, time.Minute)
	if err == nil && (r.Arrived != int64(messages) || r.Missing+r.Altered+r.Refused+r.InDoubt > 0) {
		err = fmt.Errorf("of %d messages %d were accepted, %d arrived as they were sent, %d as something else, %d did not, %d were refused, %d in doubt",
			messages, r.Accepted, r.Arrived, r.Altered, r.Missing, r.Refused, r.InDoubt)
	}
	return r, err
}

// relayedByPostfix has messages cross Postfix by its own source and sink, and returns how
// many there were in a second.
func (p *place) relayedByPostfix(messages, sessions int) (perSecond float64, err error) {
	sink := exec.Command("smtp-sink", "-u", "nobody", "-M", strconv.Itoa(messages), smtpSinkAt, "1000")
	if err := sink.Start(); err != nil {
		return 0, err
	}
	over := make(chan error, 1)
	go func() { over <- sink.Wait() }()
	if err := until(context.Background(), 10*time.Second, func() (bool, error) { return answers(smtpSinkAt), nil }); err != nil {
		return 0, err
	}
	begun := time.Now()
	_, err = command("smtp-source", "-d", "-s", strconv.Itoa(sessions), "-m", strconv.Itoa(messages), "-l", "1024",
		"-f", "from@source.test", "-t", "to@sink.test", postfixAt)
	if err != nil {
		return 0, errors.Join(err, sink.Process.Kill())
	}
	select {
	case err = <-over:
	case <-time.After(2 * time.Minute):
		err = errors.Join(errors.New("not everything arrives"), sink.Process.Kill())
	}
	return measure.PerSecond(int64(messages), time.Since(begun)), err
}

// cost is what a relay and the disk have done.
type cost struct {
	cpu     time.Duration
	flushes int64
}

func (p *place) cost(g *group) (c cost, err error) {
	if c.cpu, err = g.cpu(); err != nil {
		return c, err
	}
	c.flushes, err = p.disk.Flushes()
	return c, err
}

// relay is small messages, as fast as they go.
func (p *place) relay(ctx context.Context) error {
	if err := p.both(ctx); err != nil {
		return err
	}
	for range p.rounds {
		for _, sessions := range []int{1, 10, 50} {
			messages := p.scale.relay
			if sessions == 1 {
				messages /= 4
			}
			for _, side := range []string{ours, theirs} {
				g := p.mta.group
				if side == theirs {
					g = p.postfix.group
				}
				time.Sleep(settled)
				before, err := p.cost(g)
				if err != nil {
					return err
				}
				var rate float64
				if side == ours {
					r, err := p.relayed(ctx, messages, sessions, "1KiB", 0)
					if err != nil {
						return err
					}
					rate = measure.PerSecond(r.Arrived, r.Taken.Last.Sub(r.Begun))
				} else if rate, err = p.relayedByPostfix(messages, sessions); err != nil {
					return err
				}
				time.Sleep(settled)
				after, err := p.cost(g)
				if err != nil {
					return err
				}
				flushes := float64(after.flushes-before.flushes) / float64(messages)
				err = p.adds(side, map[string]float64{
					fmt.Sprintf("rate%d", sessions):     rate,
					fmt.Sprintf("cpu%d", sessions):      float64(after.cpu-before.cpu) / float64(time.Millisecond) / float64(messages),
					fmt.Sprintf("flushes%d", sessions):  flushes,
					fmt.Sprintf("barriers%d", sessions): flushes / p.flushes,
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (p *place) adds(side string, figures map[string]float64) error {
	for key, v := range figures {
		if err := p.add(p.system, key, side, v); err != nil {
			return err
		}
	}
	return nil
}

// perSecond is how many messages there are when it is latency that is measured.
const perSecond = 20

// latency is one message at a time, through relays that have nothing else to do.
func (p *place) latency(ctx context.Context) error {
	if err := p.both(ctx); err != nil {
		return err
	}
	for range p.rounds {
		r, err := p.relayed(ctx, p.scale.latency, 1, "1KiB", perSecond)
		if err != nil {
			return err
		}
		s := r.Taken.Arrival.Summary()
		if err := p.adds(ours, map[string]float64{"idle50": s.P50, "idle99": s.P99}); err != nil {
			return err
		}
		if s, err = p.postfixLatency(ctx, p.scale.latency, nil); err != nil {
			return err
		}
		if err := p.adds(theirs, map[string]float64{"idle50": s.P50, "idle99": s.P99}); err != nil {
			return err
		}
	}
	return nil
}

// postfixLatency sends messages to Postfix one after the other, while meanwhile does
// something else.
func (p *place) postfixLatency(ctx context.Context, messages int, meanwhile func(context.Context) error) (measure.Summary, error) {
	sink, err := listenSMTP()
	if err != nil {
		return measure.Summary{}, err
	}
	defer func() { _ = sink.close() }() // nothing was written
	source, err := dialSMTP()
	if err != nil {
		return measure.Summary{}, err
	}
	beside, stop := context.WithCancel(ctx)
	other := make(chan error, 1)
	if meanwhile == nil {
		meanwhile = func(context.Context) error { return nil }
	}
	go func() { other <- meanwhile(beside) }()
	begun := time.Now()
	for i := range messages {
		due := begun.Add(time.Duration(i) * time.Second / perSecond)
		time.Sleep(time.Until(due))
		if err == nil {
			err = source.send(1024, due)
		}
	}
	stop()
	if err := errors.Join(err, <-other, source.close()); err != nil {
		return measure.Summary{}, err
	}
	err = until(ctx, time.Minute, func() (bool, error) {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		return sink.latency.Count() >= uint64(messages), nil
	})
	sink.mu.Lock()
	defer sink.mu.Unlock()
	return sink.latency.Summary(), err
}

// large is one large message through relays that have just begun, and then urgent ones
// while large ones come, one after the other.
func (p *place) large(ctx context.Context) error {
	size := strconv.FormatInt(p.scale.big, 10)
	for range p.rounds {
		if err := p.both(ctx); err != nil {
			return err
		}
		for _, side := range []string{ours, theirs} {
			// From the bind or the call to the last octet: to make so much content takes as long.
			g, cross := p.mta.group, func() (time.Duration, error) {
				r, err := p.relayed(ctx, 1, 1, size, 0)
				if err != nil {
					return 0, err
				}
				return r.Taken.Last.Sub(r.Begun), nil
			}
			if side == theirs {
				g, cross = p.postfix.group, func() (time.Duration, error) {
					begun := time.Now()
					err := p.largeByPostfix(ctx)
					return time.Since(begun), err
				}
			}
			time.Sleep(settled)
			if err := g.restart(); err != nil {
				return err
			}
			idle, err := g.memories()
			if err != nil {
				return err
			}
			before, err := g.cpu()
			if err != nil {
				return err
			}
			took, err := cross()
			if err != nil {
				return err
			}
			after, err := g.cpu()
			if err != nil {
				return err
			}
			then, err := g.memories()
			if err != nil {
				return err
			}
			err = p.adds(side, map[string]float64{"large": above(idle, then), "largecpu": (after - before).Seconds(),
				"largerate": float64(p.scale.big) / 1e6 / took.Seconds()})
			if err != nil {
				return err
			}
		}
		ms, err := p.urgentBesideLarge(ctx, size)
		if err != nil {
			return err
		}
		if err := p.adds(ours, map[string]float64{"beside99": ms.P99}); err != nil {
			return err
		}
		s, err := p.postfixLatency(ctx, p.scale.urgent, func(ctx context.Context) error {
			for ctx.Err() == nil {
				if err := p.sendLarge(); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := p.adds(theirs, map[string]float64{"beside99": s.P99}); err != nil {
			return err
		}
	}
	return nil
}

// above is by how many MB the process that grew most was above what it, or before it
// existed another of its name, had when there was nothing to do.
func above(idle, then map[int]memory) float64 {
	byName := map[string]int64{}
	for _, m := range idle {
		byName[m.name] = max(byName[m.name], m.resident)
	}
	most := int64(0)
	for pid, m := range then {
		before := byName[m.name]
		if was, ok := idle[pid]; ok {
			before = was.resident
		}
		if before > 0 {
			most = max(most, m.peak-before)
		}
	}
	return float64(most) / 1e6
}

func (p *place) sendLarge() error {
	source, err := dialSMTP()
	if err != nil {
		return err
	}
	return errors.Join(source.send(p.scale.big, time.Time{}), source.close())
}

func (p *place) largeByPostfix(ctx context.Context) error {
	sink, err := listenSMTP()
	if err != nil {
		return err
	}
	if err := p.sendLarge(); err != nil {
		return errors.Join(err, sink.close())
	}
	err = until(ctx, time.Minute, func() (bool, error) {
		n, _, _ := sink.taken()
		return n == 1, nil
	})
	return errors.Join(err, sink.close())
}

// urgentBesideLarge is how long urgent messages take while large non-urgent ones come.
func (p *place) urgentBesideLarge(ctx context.Context, size string) (s measure.Summary, err error) {
	sink, err := newSink()
	if err != nil {
		return s, err
	}
	defer sink.Close()
	large, err := newSource(func(c *load.SourceConfig) {}, size, "non-urgent")
	if err != nil {
		return s, err
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	sink.Watch(large)
	var sent *load.Sent
	var failed error
	var other sync.WaitGroup
	other.Go(func() { sent, failed = large.Run(beside) })
	s, err = p.urgentOver(ctx, sink)
	stop()
	other.Wait()
	if err := errors.Join(err, failed); err != nil {
		return s, err
	}
	return s, until(ctx, 2*time.Minute, func() (bool, error) {
		n, _ := sink.Arrived(large)
		return n >= sent.Accepted, nil
	})
}

// urgentOver sends urgent messages to a sink that listens.
func (p *place) urgentOver(ctx context.Context, sink *load.Sink) (s measure.Summary, err error) {
	urgent, err := newSource(func(c *load.SourceConfig) {
		c.Messages, c.Rate, c.Associations = uint64(p.scale.urgent), perSecond, 2
	}, "1KiB", "urgent")
	if err != nil {
		return s, err
	}
	sink.Watch(urgent)
	if _, err := urgent.Run(ctx); err != nil {
		return s, err
	}
	err = until(ctx, 2*time.Minute, func() (bool, error) {
		n, latency := sink.Arrived(urgent)
		s = latency.Summary()
		return n == int64(p.scale.urgent), nil
	})
	return s, err
}

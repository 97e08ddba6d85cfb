package main

import (
	"context"
	"errors"
	"math"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/measure"
)

// sourceFigures is what bench source prints.
type sourceFigures struct {
	Run               string          `json:"run"`
	Accepted          int64           `json:"accepted"`
	Refused           int64           `json:"refused"`
	InDoubt           int64           `json:"inDoubt"`
	Octets            int64           `json:"octets"`
	Seconds           float64         `json:"seconds"`
	MessagesPerSecond float64         `json:"messagesPerSecond"`
	Associations      int             `json:"associations"`
	Binds             int64           `json:"binds"`
	FailedBinds       int64           `json:"failedBinds"`
	Transfer          measure.Summary `json:"transfer"`
	Own               ownUsage        `json:"own"`
	MTA               *mtaUsage       `json:"mta,omitempty"`
}

func benchSource(c *ucli.Context) error {
	if err := limits(c); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	source, cfg, err := sourceOf(ctx, c)
	if err != nil {
		return err
	}
	m, err := newMeter(c, cfg)
	if err != nil {
		return err
	}
	sent, failed := source.Run(ctx)
	if sent.Binds == 0 {
		return failed
	}
	took := sent.Confirmed.Sub(sent.Begun)
	f := sourceFigures{Run: sent.Run, Accepted: sent.Accepted, Refused: sent.Refused, InDoubt: sent.InDoubt, Octets: sent.Octets,
		Seconds: measure.Round(max(took, 0).Seconds(), 3), MessagesPerSecond: measure.PerSecond(sent.Accepted, took),
		Associations: sent.Associations, Binds: sent.Binds, FailedBinds: sent.FailedBinds, Transfer: sent.Transfer.Summary()}
	if f.Own, f.MTA, err = m.read(sent.Accepted); err != nil {
		return err
	}
	if sent.Refused+sent.InDoubt > 0 {
		failed = errors.Join(failed, cli.ErrNo)
	}
	return errors.Join(printFigures(c, f), failed)
}

// sinkFigures is what bench sink prints.
type sinkFigures struct {
	Messages          int64            `json:"messages"`
	Distinct          int64            `json:"distinct"`
	Twice             int64            `json:"twice"`
	Reports           int64            `json:"reports"`
	Probes            int64            `json:"probes"`
	Octets            int64            `json:"octets"`
	Seconds           float64          `json:"seconds"`
	MessagesPerSecond float64          `json:"messagesPerSecond"`
	Associations      int              `json:"associations"`
	Binds             int64            `json:"binds"`
	Arrival           *measure.Summary `json:"arrival,omitempty"`
	Own               ownUsage         `json:"own"`
	MTA               *mtaUsage        `json:"mta,omitempty"`
}

func benchSink(c *ucli.Context) error {
	if err := limits(c); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	p, cfg, err := part(c, c.String("peer"))
	if err != nil {
		return err
	}
	m, err := newMeter(c, cfg)
	if err != nil {
		return err
	}
	sink := load.NewSink()
	if err := sinkAt(ctx, c, sink, p); err != nil {
		sink.Close()
		return err
	}
	if d := c.Duration("duration"); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	most := int64(c.Uint64("messages"))
	if most == 0 {
		most = math.MaxInt64
	}
	sink.Wait(ctx, most)
	taken := sink.Close()
	took := taken.Last.Sub(taken.First)
	f := sinkFigures{Messages: taken.Messages, Distinct: taken.Distinct, Twice: taken.Twice, Reports: taken.Reports, Probes: taken.Probes, Octets: taken.Octets,
		Seconds: measure.Round(took.Seconds(), 3), MessagesPerSecond: measure.PerSecond(taken.Messages, took),
		Associations: taken.Associations, Binds: taken.Binds}
	if taken.Arrival.Count() > 0 {
		s := taken.Arrival.Summary()
		f.Arrival = &s
	}
	if f.Own, f.MTA, err = m.read(taken.Messages); err != nil {
		return err
	}
	return printFigures(c, f)
}

// relayFigures is what bench relay prints.
type relayFigures struct {
	Run                   string          `json:"run"`
	Accepted              int64           `json:"accepted"`
	Refused               int64           `json:"refused"`
	InDoubt               int64           `json:"inDoubt"`
	Arrived               int64           `json:"arrived"`
	Missing               int64           `json:"missing"`
	Twice                 int64           `json:"twice"`
	Altered               int64           `json:"altered"`
	Reports               int64           `json:"reports"`
	Octets                int64           `json:"octets"`
	AcceptedPerSecond     float64         `json:"acceptedPerSecond"`
	Seconds               float64         `json:"seconds"`
	MessagesPerSecond     float64         `json:"messagesPerSecond"`
	HalfMessagesPerSecond float64         `json:"halfMessagesPerSecond"`
	Associations          int             `json:"associations"`
	Binds                 int64           `json:"binds"`
	FailedBinds           int64           `json:"failedBinds"`
	Transfer              measure.Summary `json:"transfer"`
	Arrival               measure.Summary `json:"arrival"`
	Own                   ownUsage        `json:"own"`
	MTA                   *mtaUsage       `json:"mta,omitempty"`
}

// sinksOf begins to take what the MTA sends to the sinks of bench relay.
func sinksOf(ctx context.Context, c *ucli.Context, sink *load.Sink) error {
	peers := c.StringSlice("sink-peer")
	if len(peers) == 0 {
		p := load.Part{Own: load.End{Name: c.String("sink-as"), Password: c.String("sink-password")},
			MTA: load.End{Name: c.String("mta"), Password: c.String("mta-password")}, Address: c.String("listen")}
		return sinkAt(ctx, c, sink, p)
	}
	if c.IsSet("sink-as") || c.IsSet("sink-password") || c.IsSet("listen") {
		return cli.Usage("--sink-peer says who listens where: it goes without --sink-as, --sink-password and --listen")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	for _, name := range peers {
		p, err := load.Play(cfg, name)
		if err != nil {
			return err
		}
		if p.Address == "" {
			return diag.New(name, diag.Config, "it has no address to listen at")
		}
		if err := sinkAt(ctx, c, sink, p); err != nil {
			return err
		}
	}
	return nil
}

func benchRelay(c *ucli.Context) error {
	if err := limits(c); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	source, cfg, err := sourceOf(ctx, c)
	if err != nil {
		return err
	}
	sink := load.NewSink()
	defer sink.Close()
	if err := sinksOf(ctx, c, sink); err != nil {
		return err
	}
	m, err := newMeter(c, cfg)
	if err != nil {
		return err
	}
	r, failed := load.Relay(ctx, source, sink, c.Duration("timeout"))
	if r.Binds == 0 {
		return failed
	}
	took := r.Taken.Last.Sub(r.Begun)
	f := relayFigures{Run: r.Run, Accepted: r.Accepted, Refused: r.Refused, InDoubt: r.InDoubt, Octets: r.Octets,
		Arrived: r.Arrived, Missing: r.Missing, Twice: r.Twice, Altered: r.Altered, Reports: r.Taken.Reports,
		AcceptedPerSecond: measure.PerSecond(r.Accepted, r.Confirmed.Sub(r.Begun)),
		Seconds:           measure.Round(max(took, 0).Seconds(), 3), MessagesPerSecond: measure.PerSecond(r.Arrived, took),
		HalfMessagesPerSecond: measure.PerSecond(2*r.Arrived, took),
		Associations:          r.Associations, Binds: r.Binds, FailedBinds: r.FailedBinds,
		Transfer: r.Transfer.Summary(), Arrival: r.Taken.Arrival.Summary()}
	if f.Own, f.MTA, err = m.read(r.Arrived); err != nil {
		return err
	}
	if r.Refused+r.InDoubt+r.Missing > 0 {
		failed = errors.Join(failed, cli.ErrNo)
	}
	return errors.Join(printFigures(c, f), failed)
}

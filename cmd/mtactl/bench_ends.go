package main

import (
	"context"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/load"
)

// part says who is played against the MTA: a peer of its configuration, if one is named,
// or what the flags say. cfg is nil then.
func part(c *ucli.Context, peer string) (p load.Part, cfg *conf.Config, err error) {
	if peer == "" {
		p.Own, p.MTA = load.End{Name: c.String("as"), Password: c.String("password")}, load.End{Name: c.String("mta"), Password: c.String("mta-password")}
		p.Mode, p.Switch.Host, p.Address = c.String("mode"), c.String("to"), c.String("listen")
		return p, nil, nil
	}
	for _, name := range []string{"as", "password", "mta", "mta-password", "mode"} {
		if c.IsSet(name) {
			return p, nil, cli.Usage("--peer says who binds: it goes without --%s", name)
		}
	}
	if cfg, err = cli.Config(c); err != nil {
		return p, nil, err
	}
	if p, err = load.Play(cfg, peer); err != nil {
		return p, nil, err
	}
	if c.IsSet("to") {
		p.Switch = conf.Address{Host: c.String("to")}
	}
	if c.IsSet("listen") {
		p.Address = c.String("listen")
	}
	return p, cfg, nil
}

// reachable is an address that may be used.
func reachable(ctx context.Context, c *ucli.Context, address string) (string, error) {
	if c.Bool("beyond-loopback") {
		return address, nil
	}
	return load.Loopback(ctx, address)
}

// sourceOf makes the source of a command line; cfg is that of the switch, if it is known.
func sourceOf(ctx context.Context, c *ucli.Context) (s *load.Source, cfg *conf.Config, err error) {
	p, cfg, err := part(c, c.String("peer"))
	if err != nil {
		return nil, nil, err
	}
	switch {
	case p.Switch.Host == "" && cfg != nil:
		return nil, nil, diag.New(c.String("peer"), diag.Config, "its channel has no listener without TLS to call")
	case p.Switch.Host == "" || p.Own.Name == "" || p.MTA.Name == "":
		return nil, nil, cli.Usage("--to, --as and --mta are needed, or --peer")
	case c.String("from") == "" || len(c.StringSlice("recipient")) == 0:
		return nil, nil, cli.Usage("--from and --recipient are needed")
	case p.Mode != conf.ModeNormal && p.Mode != conf.ModeX410 && p.Mode != conf.Mode1984:
		return nil, nil, cli.Usage("--mode %q is neither normal, x410 nor 1984", p.Mode)
	}
	if p.Switch, err = called(p.Switch); err != nil {
		return nil, nil, err
	}
	if p.Switch.Host, err = reachable(ctx, c, p.Switch.Host); err != nil {
		return nil, nil, err
	}
	config := load.SourceConfig{Own: p.Own, MTA: p.MTA, To: p.Switch, Mode: p.Mode}
	if err := addressed(c, &config); err != nil {
		return nil, nil, err
	}
	if err := amounts(c, &config); err != nil {
		return nil, nil, err
	}
	s, err = load.NewSource(config)
	return s, cfg, err
}

// called is where the MTA is: --to has host:port, or a presentation address.
func called(a conf.Address) (conf.Address, error) {
	if !strings.Contains(a.Host, "=") {
		return a, nil
	}
	all := (&conf.Peer{Address: a.Host}).Calls()
	if len(all) == 0 {
		return a, cli.Usage("--to %q is neither host:port nor a presentation address such as \"psel\"/\"ssel\"/\"tsel\"/Internet=host+port", a.Host)
	}
	return all[0], nil
}

// addressed says who writes to whom.
func addressed(c *ucli.Context, s *load.SourceConfig) (err error) {
	if s.From, err = cli.Address("originator", c.String("from")); err != nil {
		return err
	}
	recipients := c.StringSlice("recipient")
	if len(recipients) > 10_000 {
		return cli.Usage("%d recipients; the limit is 10000", len(recipients))
	}
	for _, text := range recipients {
		a, err := cli.Address("recipient", text)
		if err != nil {
			return err
		}
		s.Recipients = append(s.Recipients, a)
	}
	return nil
}

const week = 7 * 24 * time.Hour

// limits are those that source, sink and relay have in common.
func limits(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("it takes no operand")
	}
	if c.IsSet("messages") {
		if err := number("messages", c.Uint64("messages"), 1, load.MaxMessages); err != nil {
			return err
		}
	}
	if c.IsSet("duration") {
		if err := span(c, "duration", time.Millisecond, week); err != nil {
			return err
		}
	}
	if c.IsSet("pid") {
		if err := number("pid", c.Int("pid"), 1, 1<<31-1); err != nil {
			return err
		}
	}
	if err := span(c, "delay", 0, time.Hour); err != nil {
		return err
	}
	return span(c, "timeout", 100*time.Millisecond, time.Hour)
}

// amounts says how much of what is sent.
func amounts(c *ucli.Context, s *load.SourceConfig) (err error) {
	s.Messages, s.Duration, s.PerAssociation = c.Uint64("messages"), c.Duration("duration"), c.Uint64("per-association")
	s.Associations, s.Rate, s.Timeout = c.Int("associations"), c.Float64("rate"), c.Duration("timeout")
	if s.Messages == 0 && s.Duration == 0 {
		s.Messages = 1000
	}
	if err := number("associations", s.Associations, 1, 1000); err != nil {
		return err
	}
	if c.IsSet("rate") {
		if err := number("rate", s.Rate, 0.001, 1e6); err != nil {
			return err
		}
	}
	return mixes(c, s)
}

// mixes says what kinds of it.
func mixes(c *ucli.Context, s *load.SourceConfig) (err error) {
	if s.Sizes, err = load.ParseSizes(c.String("size")); err != nil {
		return diag.E("--size", diag.Usage, err)
	}
	s.Priorities, err = load.ParsePriorities(c.String("priority"))
	return diag.E("--priority", diag.Usage, err)
}

// sinkAt begins to take what the MTA sends to a part that is played.
func sinkAt(ctx context.Context, c *ucli.Context, s *load.Sink, p load.Part) error {
	if p.Address == "" {
		return cli.Usage("--listen is needed: where to listen")
	}
	address, err := reachable(ctx, c, p.Address)
	if err != nil {
		return err
	}
	config := load.SinkConfig{Own: p.Own, MTA: p.MTA, Delay: c.Duration("delay"), Timeout: c.Duration("timeout")}
	at, err := s.Listen(address, config)
	if err == nil {
		listening(c, at)
	}
	return err
}

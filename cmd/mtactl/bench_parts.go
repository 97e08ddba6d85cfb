package main

import (
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/bench"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/spool"
)

func benchFill(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("bench fill takes no operand")
	}
	if err := number("messages", c.Uint64("messages"), 1, load.MaxMessages); err != nil {
		return err
	}
	if c.String("peer") == "" || c.String("from") == "" || len(c.StringSlice("recipient")) == 0 {
		return cli.Usage("--peer, --from and --recipient are needed")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	part, err := load.Play(cfg, c.String("peer"))
	if err != nil {
		return err
	}
	config := load.SourceConfig{Own: part.Own, MTA: part.MTA, To: part.Switch, Mode: part.Mode}
	if err := addressed(c, &config); err != nil {
		return err
	}
	if err := mixes(c, &config); err != nil {
		return err
	}
	source, err := load.NewSource(config)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	filled, err := bench.Fill(ctx, cfg, part.Own.Name, source, c.Uint64("messages"))
	if err != nil {
		return err
	}
	return printFigures(c, filled)
}

func benchSpool(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("bench spool wants one directory")
	}
	writers, err := numberList("writers", c.String("writers"), 1, 1024)
	if err != nil {
		return err
	}
	var size quantity.Octets
	if err := size.UnmarshalText([]byte(c.String("size"))); err != nil || size > 16<<20 {
		return cli.Usage("--size %q is not a size up to 16MiB", c.String("size"))
	}
	if err := span(c, "duration", time.Millisecond, 10*time.Minute); err != nil {
		return err
	}
	if err := number("rounds", c.Int("rounds"), 1, 100); err != nil {
		return err
	}
	barrier := spool.BarrierMode(c.String("barrier"))
	if barrier != spool.BarrierSyncfs && barrier != spool.BarrierFsync {
		return cli.Usage("--barrier %q is neither syncfs nor fsync", barrier)
	}
	t := table{Printer: cli.NewPrinter(c)}
	for _, n := range writers {
		r, err := bench.Spool(bench.SpoolConfig{Dir: c.Args().First(), Writers: n, Size: int64(size),
			Duration: c.Duration("duration"), Rounds: c.Int("rounds"), Barrier: barrier})
		if err == nil {
			err = t.row(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func benchSched(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("bench sched takes no operand")
	}
	queued, err := numberList("queued", c.String("queued"), 0, 10_000_000)
	if err != nil {
		return err
	}
	if err := number("events", c.Int("events"), 1, 100_000_000); err != nil {
		return err
	}
	t := table{Printer: cli.NewPrinter(c)}
	for _, n := range queued {
		r, err := bench.Sched(n, c.Int("events"))
		if err == nil {
			err = t.row(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func benchRoute(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("bench route takes no operand")
	}
	nodes, err := numberList("nodes", c.String("nodes"), 1, 10_000_000)
	if err != nil {
		return err
	}
	if err := number("lookups", c.Int("lookups"), 1, 100_000_000); err != nil {
		return err
	}
	t := table{Printer: cli.NewPrinter(c)}
	for _, n := range nodes {
		r, err := bench.Route(n, c.Int("lookups"))
		if err == nil {
			err = t.row(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/bench"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/spool"
)

func benchSpool(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("bench spool wants one directory")
	}
	writers, err := numberList("writers", c.String("writers"), 1, 1024)
	if err != nil {
		return err
	}
	var size conf.Octets
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
	queued, err := numberList("queued", c.String("queued"), 0, 5_000_000)
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

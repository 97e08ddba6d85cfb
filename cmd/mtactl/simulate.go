package main

import (
	"errors"
	"io"
	"os"
	"slices"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/simulate"
)

func simulateCommand() *ucli.Command {
	return &ucli.Command{Name: "simulate", Usage: "let a described day happen to the scheduler", ArgsUsage: "FILE|-", Action: simulateDay,
		Flags: []ucli.Flag{cli.JSONFlag(),
			&ucli.StringFlag{Name: "svg", Usage: "draw a picture into `FILE`"},
			&ucli.IntFlag{Name: "seed", Usage: "another `NUMBER` than the day has"},
		}}
}

func simulateDay(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("simulate wants one file")
	}
	day, cfg, err := readDay(c)
	if err != nil {
		return err
	}
	if c.IsSet("seed") {
		day.Day.Seed = c.Int("seed")
	}
	f, err := simulate.Run(day, cfg, queue.SchedConfig(cfg, 1))
	if err != nil {
		return err
	}
	if path := c.String("svg"); path != "" {
		if err := os.WriteFile(path, f.SVG(), 0o644); err != nil {
			return diag.E("", diag.CantCreate, err)
		}
	}
	return printDay(c, f)
}

// readDay reads the day, and the configuration it is for: the one -C names, else its own,
// else the one that the other commands would read.
func readDay(c *ucli.Context) (*simulate.Day, *conf.Config, error) {
	name := c.Args().First()
	in, err := cli.Input(c)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(in, tableconf.MaxSize+1))
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, nil, diag.E(name, diag.IO, err)
	}
	if !slices.ContainsFunc(c.Lineage(), func(up *ucli.Context) bool { return up.IsSet("C") }) {
		day, cfg, err := simulate.Read(text, name, nil)
		if !errors.Is(err, simulate.ErrForeign) {
			return day, cfg, err
		}
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return nil, nil, err
	}
	return simulate.Read(text, name, cfg)
}

// printDay prints the figures: an object, or tables with an empty line in between.
func printDay(c *ucli.Context, f *simulate.Figures) error {
	p := cli.NewPrinter(c)
	if p.JSON() {
		return errors.Join(p.Record(f), p.Flush())
	}
	first := true
	for _, rows := range [][]any{anys(f.Classes), anys(f.Channels), anys(f.Peers), anys(f.Series)} {
		if len(rows) > 0 && !first {
			p.Text("\n")
		}
		t := table{Printer: p}
		for _, row := range rows {
			first = false
			if err := t.row(row); err != nil {
				return err
			}
		}
	}
	return p.Flush()
}

func anys[T any](rows []T) (all []any) {
	for _, r := range rows {
		all = append(all, r)
	}
	return all
}

package main

import (
	"context"
	"fmt"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
)

// The flags of mtactl bench, in the groups of mtactl-bench(1).
var (
	benchEnds = []ucli.Flag{
		&ucli.StringFlag{Name: "as", Usage: "MTA `NAME` to bind with"},
		&ucli.StringFlag{Name: "password", Usage: "that goes with it: a `PASSWORD`"},
		&ucli.StringFlag{Name: "mta", Usage: "`NAME` the MTA is to have"},
		&ucli.StringFlag{Name: "mta-password", Usage: "`PASSWORD` the MTA is to present"},
		&ucli.StringFlag{Name: "peer", Usage: "play the peer `NAME` of the configuration"},
	}
	benchSender = []ucli.Flag{
		&ucli.StringFlag{Name: "to", Usage: "`HOST:PORT` of the MTA"},
		&ucli.StringFlag{Name: "mode", Usage: "normal, x410 or 1984: the `MODE`", Value: conf.ModeNormal},
		&ucli.StringFlag{Name: "from", Usage: "originator: an `ADDRESS`"},
		&ucli.StringSliceFlag{Name: "recipient", Usage: "an `ADDRESS`; messages go to one after the other"},
	}
	benchReceiver = []ucli.Flag{
		&ucli.StringFlag{Name: "listen", Usage: "`HOST:PORT` to listen at"},
		&ucli.DurationFlag{Name: "delay", Usage: "say yes after `DURATION`"},
	}
	benchSinks = []ucli.Flag{
		&ucli.StringFlag{Name: "sink-as", Usage: "MTA `NAME` of the sink"},
		&ucli.StringFlag{Name: "sink-password", Usage: "that goes with it: a `PASSWORD`"},
		&ucli.StringSliceFlag{Name: "sink-peer", Usage: "play the peer `NAME` of the configuration at the sink"},
	}
	benchEndings = []ucli.Flag{
		&ucli.Uint64Flag{Name: "messages", Usage: "`NUMBER` of messages", DefaultText: "of a source 1000, or no limit if there is a duration"},
		&ucli.DurationFlag{Name: "duration", Usage: "`DURATION` to go on for"},
	}
	benchTraffic = []ucli.Flag{
		&ucli.IntFlag{Name: "associations", Usage: "`NUMBER` of associations at once", Value: 1},
		&ucli.Uint64Flag{Name: "per-association", Usage: "`NUMBER` of messages on an association"},
		&ucli.Float64Flag{Name: "rate", Usage: "`NUMBER` of messages begun per second"},
		&ucli.StringFlag{Name: "size", Usage: "octets of a content, with weights: a `LIST`", Value: "1KiB"},
		&ucli.StringFlag{Name: "priority", Usage: "urgent, normal and non-urgent, with weights: a `LIST`", Value: "normal"},
	}
	benchLimits = []ucli.Flag{
		&ucli.DurationFlag{Name: "timeout", Usage: "give up what is not answered for `DURATION`", Value: time.Minute},
		&ucli.IntFlag{Name: "pid", Usage: "the main `PROCESS` of the MTA measured"},
		&ucli.BoolFlag{Name: "beyond-loopback", Usage: "use addresses that are not loopback addresses"},
		cli.JSONFlag(),
	}
)

func benchCommand() *ucli.Command {
	return &ucli.Command{Name: "bench", Usage: "measure an MTA, or parts of one", Subcommands: []*ucli.Command{
		{Name: "source", Usage: "transfer messages to an MTA", Action: benchSource,
			Flags: flags(benchEnds, benchSender, benchEndings, benchTraffic, benchLimits)},
		{Name: "sink", Usage: "take messages from an MTA and throw them away", Action: benchSink,
			Flags: flags(benchEnds, benchReceiver, benchEndings, benchLimits)},
		{Name: "relay", Usage: "both, with an MTA in between", Action: benchRelay,
			Flags: flags(benchEnds, benchSender, benchReceiver, benchSinks, benchEndings, benchTraffic, benchLimits)},
		{Name: "fill", Usage: "put messages into the spool of a switch that does not run", Action: benchFill,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.StringFlag{Name: "peer", Usage: "the peer `NAME` of the configuration that they come from"},
				benchSender[2], benchSender[3],
				&ucli.Uint64Flag{Name: "messages", Usage: "`NUMBER` of messages", Value: 1000},
				benchTraffic[3], benchTraffic[4],
			}},
		{Name: "spool", Usage: "accept messages in a spool, beside plain files", ArgsUsage: "DIRECTORY", Action: benchSpool,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.StringFlag{Name: "writers", Usage: "numbers of writers: a `LIST`", Value: "1,8,64"},
				&ucli.StringFlag{Name: "size", Usage: "`OCTETS` of a message", Value: "1KiB"},
				&ucli.DurationFlag{Name: "duration", Usage: "`DURATION` of each measurement", Value: 2 * time.Second},
				&ucli.IntFlag{Name: "rounds", Usage: "`NUMBER` of rounds", Value: 3},
				&ucli.StringFlag{Name: "barrier", Usage: "syncfs or fsync: the `KIND`", Value: conf.BarrierSyncfs},
			}},
		{Name: "route", Usage: "look addresses up in routing trees", Action: benchRoute,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.StringFlag{Name: "nodes", Usage: "user agents in the tree: a `LIST`", Value: "1000,10000,100000,1000000"},
				&ucli.IntFlag{Name: "lookups", Usage: "`NUMBER` of addresses looked up", Value: 200_000},
			}},
		{Name: "sched", Usage: "have the scheduler work, without anything around it", Action: benchSched,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.StringFlag{Name: "queued", Usage: "messages in the queue: a `LIST`", Value: "10000,1000000"},
				&ucli.IntFlag{Name: "events", Usage: "`NUMBER` of events", Value: 500_000},
			}},
	}}
}

func flags(groups ...[]ucli.Flag) (all []ucli.Flag) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// number is a flag that must be a number within bounds.
func number[T int | uint64 | float64](name string, v, least, most T) error {
	if v < least || v > most || v != v {
		return cli.Usage("--%s must be from %v to %v", name, least, most)
	}
	return nil
}

// span is a flag that must be a time span within bounds.
func span(c *ucli.Context, name string, least, most time.Duration) error {
	if d := c.Duration(name); d < least || d > most {
		return cli.Usage("--%s must be from %v to %v", name, conf.Duration(least), conf.Duration(most))
	}
	return nil
}

// numberList reads a list of numbers within bounds.
func numberList(name, text string, least, most int) (all []int, err error) {
	items := strings.Split(text, ",")
	if len(items) > 16 {
		return nil, cli.Usage("--%s has %d elements; the limit is 16", name, len(items))
	}
	for _, item := range items {
		n, err := strconv.Atoi(item)
		if err != nil || n < least || n > most {
			return nil, cli.Usage("--%s: %q is not a number from %d to %d", name, item, least, most)
		}
		all = append(all, n)
	}
	return all, nil
}

// interruptible is a context that ends with SIGINT or SIGTERM; a second one ends the
// process.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// listening tells where a sink can be called.
func listening(c *ucli.Context, address fmt.Stringer) {
	fmt.Fprintf(c.App.ErrWriter, "mtactl: listening at %v\n", address)
}

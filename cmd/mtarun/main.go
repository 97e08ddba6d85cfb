// Command mtarun is the daemon of an X.400 message switch, and the body of its
// channel processes; see mtarun(8).
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/daemon"
	"github.com/mtakit/mtakit/lib/diag"
)

func main() { os.Exit(cli.Main(app(), os.Args)) }

func app() *ucli.App {
	return &ucli.App{
		Name:  "mtarun",
		Usage: "the daemon of an X.400 message switch",
		Flags: []ucli.Flag{
			cli.ConfigFlag(),
			&ucli.BoolFlag{Name: "once", Usage: "move what can be moved now, then exit"},
			&ucli.IntFlag{Name: "ready-fd", Usage: "tell readiness on descriptor `NUMBER`", Value: -1},
			&ucli.BoolFlag{Name: "log-json", Usage: "log JSON Lines"},
		},
		Action: run,
		Commands: []*ucli.Command{{
			Name:      "channel",
			Usage:     "be a channel process",
			ArgsUsage: "NAME",
			Action:    runChannel,
		}},
	}
}

func run(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("unknown operand %q", c.Args().First())
	}
	ready, err := daemon.ReadyOn(c.Int("ready-fd"))
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return diag.E("own executable", diag.System, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	abort, reload := make(chan struct{}), make(chan struct{}, 1)
	signals := make(chan os.Signal, 4)
	signal.Ignore(syscall.SIGPIPE) // whoever read the log may have gone; the switch goes on
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			switch {
			case s == syscall.SIGHUP:
				select {
				case reload <- struct{}{}:
				default: // one that waits will do
				}
			case ctx.Err() == nil:
				stop()
			default:
				close(abort)
				return
			}
		}
	}()
	return daemon.Run(ctx, daemon.Options{
		Load:    func() (*conf.Config, error) { return cli.Config(c) },
		Program: program,
		Once:    c.Bool("once"),
		Ready:   ready.Tell,
		Reload:  reload,
		Abort:   abort,
		Log:     logger(c.Bool("log-json")),
		Now:     time.Now,
	})
}

func logger(asJSON bool) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

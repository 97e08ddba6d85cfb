// Command mtarun is the daemon of an X.400 message switch, and the body of its
// channel processes; see mtarun(8).
package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/confine"
	"github.com/mtakit/mtakit/lib/daemon"
	"github.com/mtakit/mtakit/lib/diag"
)

// lastWords is how long an end waits for whoever reads standard error.
const lastWords = 2 * time.Second

func main() {
	out := daemon.NewOutlet(os.Stderr)
	status := cli.Main(app(out), os.Args)
	out.Close(lastWords)
	os.Exit(status)
}

// app is the command; what it says goes to out.
func app(out *daemon.Outlet) *ucli.App {
	return &ucli.App{
		Name:      "mtarun",
		Usage:     "the daemon of an X.400 message switch",
		ErrWriter: out,
		Flags: []ucli.Flag{
			cli.ConfigFlag(),
			&ucli.BoolFlag{Name: "once", Usage: "move what can be moved now, then exit"},
			&ucli.IntFlag{Name: "ready-fd", Usage: "tell readiness on descriptor `NUMBER`", Value: -1},
			&ucli.BoolFlag{Name: "log-json", Usage: "log JSON Lines"},
		},
		Action: func(c *ucli.Context) error { return run(c, out) },
		Commands: []*ucli.Command{{
			Name:      "channel",
			Usage:     "be a channel process",
			ArgsUsage: "NAME",
			Action:    runChannel,
		}},
	}
}

func run(c *ucli.Context, out *daemon.Outlet) error {
	if c.NArg() > 0 {
		return cli.Usage("unknown operand %q", c.Args().First())
	}
	ready, err := daemon.ReadyOn(c.Int("ready-fd"))
	if err != nil {
		return err
	}
	path, err := cli.ConfigPath(c)
	if err != nil {
		return err
	}
	rights, err := takeUser(path)
	if err != nil {
		return err
	}
	if err := confine.Private(); err != nil { // it has the passwords of all channels
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return diag.E("own executable", diag.System, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	abort, reload, changed := make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	signals := make(chan os.Signal, 4)
	signal.Ignore(syscall.SIGPIPE) // whoever read the log may have gone; the switch goes on
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		for s := range signals {
			switch {
			case s == syscall.SIGHUP:
				again(reload)
			case ctx.Err() == nil:
				stop()
			default:
				close(abort)
				return
			}
		}
	}()
	log := logger(out, c.Bool("log-json"))
	config := live.New(path, time.Now, log)
	renew := make(chan struct{}, 1)
	go watchResolver(ctx, func() { again(renew) })
	go config.Watch(ctx, func() { again(changed) })
	return daemon.Run(ctx, daemon.Options{
		Config:  config,
		Rights:  rights,
		Program: program,
		Once:    c.Bool("once"),
		Ready:   ready.Tell,
		Reload:  reload,
		Changed: changed,
		Abort:   abort,
		Renew:   renew,
		Log:     log,
		Stderr:  out,
		Now:     time.Now,
	})
}

// takeUser has mtarun act as the user the spool of a configuration belongs to, if root has
// started it. Of a file that does not say where the spool is, daemon.Run tells what is wrong.
func takeUser(config string) (*daemon.Rights, error) {
	dir, err := tableconf.SpoolDir(config)
	if err != nil {
		return nil, nil
	}
	return daemon.TakeUser(dir)
}

// again has the configuration read again; one request that waits will do.
func again(reload chan<- struct{}) {
	select {
	case reload <- struct{}{}:
	default:
	}
}

// resolverEach is how often it is looked whether the files by which names of hosts are
// looked up are others now.
const resolverEach = 10 * time.Second

// watchResolver tells when confined processes cannot read any more what names of hosts are
// looked up by. Where none is confined by files nobody has to.
func watchResolver(ctx context.Context, changed func()) {
	if confine.ABI() == 0 {
		return
	}
	tick := time.NewTicker(resolverEach)
	defer tick.Stop()
	for was := confine.Resolver(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := confine.Resolver(); now != was {
			was = now
			changed()
		}
	}
}

// logger logs to out, which says in the same form what it could not write.
func logger(out *daemon.Outlet, asJSON bool) *slog.Logger {
	to := func(w io.Writer) *slog.Logger {
		if asJSON {
			return slog.New(slog.NewJSONHandler(w, nil))
		}
		return slog.New(slog.NewTextHandler(w, nil))
	}
	out.Say(func(dropped int) []byte {
		var line bytes.Buffer
		to(&line).Warn("log lines were dropped: standard error was not read", "lines", dropped)
		return line.Bytes()
	})
	return to(out)
}

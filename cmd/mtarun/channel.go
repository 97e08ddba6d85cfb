package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/channel/expand"
	"github.com/mtakit/mtakit/lib/channel/local"
	"github.com/mtakit/mtakit/lib/channel/secure"
	"github.com/mtakit/mtakit/lib/channel/x400p1"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/confine"
	"github.com/mtakit/mtakit/lib/diag"
)

// garbagePercent is GOGC of a channel process.
const garbagePercent = 400

func runChannel(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("mtarun channel wants one name")
	}
	name := c.Args().First()
	if os.Getenv("GOGC") == "" {
		// What a channel has in memory is small, short-lived and, however much it
		// carries, of the same size: collecting less often costs a few MiB and saves a
		// tenth of the CPU time.
		debug.SetGCPercent(garbagePercent)
	}
	// The scheduler says when to stop; a signal meant for the whole group of
	// processes must not cut transfers off. They are caught and not ignored, because what
	// is ignored stays so in the delivery programs, which must be able to be interrupted
	// and to end with the reader of their pipe.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	stream, files, err := channel.Inherited()
	if err != nil {
		return err
	}
	return channel.Run(context.Background(), name, stream, files, func(h *channel.Host, cfg *conf.Config) (channel.Kind, error) {
		own, ok := cfg.Channel(name)
		if !ok {
			return nil, diag.New("channel "+name, diag.Config, "not in the configuration")
		}
		if err := confined(h, cfg, own.Kind); err != nil {
			return nil, err
		}
		switch own.Kind {
		case conf.KindLocal:
			return local.New(h, cfg, time.Now)
		case conf.KindExpand:
			return expand.New(h, cfg, time.Now)
		case conf.KindSecure:
			return secure.New(h, cfg, time.Now)
		case conf.KindX400P1:
			return x400p1.New(h, cfg, time.Now)
		}
		return nil, diag.New("channel "+name, diag.Config, "unknown kind "+own.Kind)
	})
}

// confined takes from the process what it has no use for, before it reads anything from
// outside, and tells how far that went. Started by hand, it opens the files it needs itself.
func confined(h *channel.Host, cfg *conf.Config, kind string) error {
	if h.Files == nil {
		return nil
	}
	text, err := confine.For(cfg, kind).Apply()
	if err != nil {
		return err
	}
	h.Event(audit.Record{Time: time.Now(), Event: audit.Confined, Text: text})
	return nil
}

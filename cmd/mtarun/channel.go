package main

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/channel/local"
	"github.com/mtakit/mtakit/lib/channel/x400p1"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

func runChannel(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("mtarun channel wants one name")
	}
	name := c.Args().First()
	// The scheduler says when to stop; a signal meant for the whole group of
	// processes must not cut transfers off.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	stream, err := channel.Inherited()
	if err != nil {
		return err
	}
	return channel.Run(context.Background(), name, stream, func(h *channel.Host, cfg *conf.Config) (channel.Kind, error) {
		own, ok := cfg.Channel(name)
		if !ok {
			return nil, diag.New("channel "+name, diag.Config, "not in the configuration")
		}
		switch own.Kind {
		case conf.KindLocal:
			return local.New(h, cfg, time.Now)
		case conf.KindX400P1:
			return x400p1.New(h, cfg, time.Now)
		}
		return nil, diag.New("channel "+name, diag.Config, "unknown kind "+own.Kind)
	})
}

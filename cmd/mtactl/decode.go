package main

import (
	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
)

func decodeAction(c *ucli.Context) error { return cli.Usage("decode") }

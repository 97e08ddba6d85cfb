package main

import (
	"errors"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
)

// decodeAction prints what an encoding says.
func decodeAction(c *ucli.Context) (err error) {
	layer, err := decode.ParseLayer(c.String("as"))
	if err != nil {
		return diag.E("--as", diag.Usage, err)
	}
	in, err := cli.Input(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, diag.E("", diag.NoInput, in.Close())) }()
	read := decode.Read
	if c.Bool("hex") {
		read = decode.ReadHex
	}
	octets, err := read(in, 0)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	err = decode.Decode(octets, layer, decode.Limits{}, func(n decode.Node) error {
		if p.JSON() {
			return p.Record(n)
		}
		return n.WriteText(p.Writer())
	})
	return errors.Join(err, p.Flush())
}

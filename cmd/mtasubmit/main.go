// Command mtasubmit puts a message or probe into the spool of an X.400 message
// switch; see mtasubmit(1).
package main

import (
	"os"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
)

func main() { os.Exit(cli.Main(app(), os.Args)) }

func app() *ucli.App {
	return &ucli.App{
		Name:      "mtasubmit",
		Usage:     "put a message or probe into the spool",
		ArgsUsage: "[FILE|-]",
		Flags: []ucli.Flag{
			cli.ConfigFlag(),
			&ucli.StringFlag{Name: "from", Usage: "originator's O/R `ADDRESS`"},
			&ucli.StringSliceFlag{Name: "to", Usage: "a recipient's O/R `ADDRESS`; may be repeated"},
			&ucli.StringFlag{Name: "subject", Usage: "subject `TEXT`"},
			&ucli.StringFlag{Name: "priority", Usage: "urgent, normal or non-urgent", Value: "normal"},
			&ucli.StringFlag{Name: "report", Usage: "none, non-delivery or delivery", Value: "non-delivery"},
			&ucli.StringSliceFlag{Name: "attach", Usage: "attach `FILE`; may be repeated"},
			&ucli.StringFlag{Name: "content-id", Usage: "content identifier"},
			&ucli.StringFlag{Name: "content-type", Usage: "content `TYPE` of --raw", Value: "22"},
			&ucli.BoolFlag{Name: "return-content", Usage: "return the content with a non-delivery report"},
			&ucli.BoolFlag{Name: "no-disclosure", Usage: "do not disclose the recipients to each other"},
			&ucli.StringFlag{Name: "deferred", Usage: "do not deliver before `TIME`"},
			&ucli.StringFlag{Name: "latest", Usage: "give up after `TIME`"},
			&ucli.BoolFlag{Name: "raw", Usage: "the input is the content, octet for octet"},
			&ucli.BoolFlag{Name: "probe", Usage: "submit a probe"},
			&ucli.Int64Flag{Name: "probe-size", Usage: "content length in `OCTETS` the probe asks about"},
			cli.JSONFlag(),
			&ucli.BoolFlag{Name: "n", Usage: "check and route, write nothing"},
		},
		Action: submitAction,
	}
}

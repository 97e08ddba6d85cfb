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
	to := new(recipients)
	return &ucli.App{
		Name:      "mtasubmit",
		Usage:     "put a message or probe into the spool",
		ArgsUsage: "--from ADDRESS --to ADDRESS [FILE|-]",
		Flags: []ucli.Flag{
			cli.ConfigFlag(),
			&ucli.StringFlag{Name: "from", Usage: "originator's O/R `ADDRESS`"},
			to.flag("to", "a recipient's O/R `ADDRESS`; may be repeated"),
			&ucli.StringFlag{Name: "subject", Usage: "subject `TEXT`"},
			&ucli.StringFlag{Name: "priority", Usage: "urgent, normal or non-urgent", DefaultText: "normal"},
			&ucli.StringFlag{Name: "report", Usage: "none, non-delivery or delivery", DefaultText: "non-delivery"},
			&ucli.StringSliceFlag{Name: "attach", Usage: "attach `FILE`; may be repeated"},
			&ucli.StringFlag{Name: "content-id", Usage: "content identifier"},
			&ucli.StringFlag{Name: "label", Usage: "security `LABEL` of the envelope, or none"},
			&ucli.StringFlag{Name: "correlator", Usage: "content correlator `TEXT`"},
			&ucli.BoolFlag{Name: "return-content", Usage: "return the content with a non-delivery report"},
			&ucli.BoolFlag{Name: "no-disclosure", Usage: "do not disclose the recipients to each other"},
			&ucli.StringFlag{Name: "defer-until", Usage: "do not deliver before `TIME`"},
			&ucli.StringFlag{Name: "latest", Usage: "give up after `TIME`"},
			&ucli.StringFlag{Name: "alternate", Usage: "try `ADDRESS` for each recipient that cannot be reached"},
			&ucli.BoolFlag{Name: "allow-alternate", Usage: "a recipient's domain may choose another recipient"},
			&ucli.BoolFlag{Name: "no-redirect", Usage: "recipients may not have the message redirected"},
			&ucli.BoolFlag{Name: "no-dl", Usage: "do not expand distribution lists"},
			&ucli.BoolFlag{Name: "no-conversion", Usage: "do not convert unless asked"},
			&ucli.BoolFlag{Name: "no-lossy-conversion", Usage: "do not convert if anything is lost"},
			&ucli.StringSliceFlag{Name: "delivery-method", Usage: "deliver by `METHOD`; may be repeated, the preferred one first"},
			to.flag("its-report", "what --report says, for the recipient of the --to before it: `REQUEST`"),
			to.flag("its-alternate", "try `ADDRESS` if the recipient of the --to before it cannot be reached"),
			to.flag("its-delivery-method", "deliver to the recipient of the --to before it by `METHOD`; may be repeated"),
			&ucli.StringSliceFlag{Name: "extension", Usage: "add the extension of the message in `FILE`; may be repeated"},
			&ucli.BoolFlag{Name: "raw", Usage: "the input is the content, octet for octet"},
			&ucli.StringFlag{Name: "content-type", Usage: "content `TYPE` of --raw", DefaultText: "22"},
			&ucli.BoolFlag{Name: "probe", Usage: "submit a probe"},
			&ucli.Int64Flag{Name: "content-length", Usage: "content length in `OCTETS` the probe asks about"},
			&ucli.StringFlag{Name: "envelope", Usage: "begin with the envelope in `FILE`, as mtaqueue show --json prints it"},
			&ucli.StringFlag{Name: "resubmit", Usage: "submit again the message in `FILE` of a spool, or with this identifier"},
			cli.JSONFlag(),
			&ucli.BoolFlag{Name: "n", Usage: "check and route, write nothing"},
		},
		Action: func(c *ucli.Context) error { return submitAction(c, to) },
	}
}

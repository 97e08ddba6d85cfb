package main

import (
	"errors"
	"io"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/submit"
	"github.com/mtakit/mtakit/lib/trial"
)

func policyCommand() *ucli.Command {
	text := func(name, usage string) ucli.Flag { return &ucli.StringFlag{Name: name, Usage: usage} }
	return &ucli.Command{Name: "policy", Usage: "what the rules decide about a message, and tests of them", Subcommands: []*ucli.Command{
		{Name: "explain", Usage: "how every rule is answered that is asked", ArgsUsage: "[ID|FILE|-]", Action: policyExplain,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.StringSliceFlag{Name: "to", Usage: "to this `ADDRESS` instead of its recipients; may be repeated"},
				text("from", "as if from this `ADDRESS`"),
				text("kind", "as if it were a message or probe: the `KIND`"),
				text("priority", "as if it had this `PRIORITY`"),
				text("content-type", "as if it had a content of this `TYPE`"),
				text("size", "as if the content had this `SIZE`"),
				&ucli.IntFlag{Name: "recipients", Usage: "as if it had this `NUMBER` of recipients"},
				&ucli.StringSliceFlag{Name: "sic", Usage: "as if it had this subject indicator `CODE`; may be repeated"},
				text("signature", "as if the signature were none, valid or invalid: the `WORD`"),
				&ucli.StringSliceFlag{Name: "signer", Usage: "as if this `NAME` had signed; may be repeated"},
				text("label", "as if it had this security `LABEL`, or none"),
				text("time", "as if it came at this `TIME`"),
				text("channel-in", "as if it came by this `CHANNEL`"),
				text("peer-in", "as if it came from this `PEER`"),
				text("client-address", "as if it came from this IP `ADDRESS`"),
				text("identity", "as if this `NAME` had been authenticated"),
				text("mechanism", "as if that had been by this `MECHANISM`"),
				text("channel-out", "as if it went by this `CHANNEL`"),
				text("peer-out", "as if it went to this `PEER`"),
			}},
		{Name: "test", Usage: "exit 0 if the rules decide what a file says, 1 if not", ArgsUsage: "FILE|-", Action: policyTest,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.BoolFlag{Name: "all", Usage: "print the cases that are right, too"},
				&ucli.BoolFlag{Name: "untested", Usage: "print the rules that match in no case, too"}}},
	}}
}

// policyDoor is the door whose rules are asked; nothing passes it.
func policyDoor(cfg *conf.Config) (*submit.Door, error) {
	return submit.NewDoor(cfg, nil, time.Now, conf.OpenFile)
}

// policyTest answers whether the rules decide what a file says.
func policyTest(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("policy test wants one file")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	in, err := cli.Input(c)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(in, tableconf.MaxSize+1))
	name := c.Args().First()
	if err = errors.Join(err, in.Close()); err != nil {
		return diag.E(name, diag.NoInput, err)
	}
	door, err := policyDoor(cfg)
	if err != nil {
		return err
	}
	cases, err := trial.Read(text, name, cfg, door, time.Now())
	if err != nil {
		return err
	}
	p, right := cli.NewPrinter(c), true
	untested, err := trial.Run(door, cfg, cases, func(r trial.Result) error {
		right = right && r.Right
		if r.Right && !c.Bool("all") {
			return nil
		}
		return printCase(p, &r)
	})
	if err == nil && c.Bool("untested") {
		right = right && len(untested) == 0
		for _, u := range untested {
			_ = p.Record(u, "untested", u.Set, u.Name, u.Line) // kept for Flush
		}
	}
	if err = errors.Join(err, p.Flush()); err != nil || right {
		return err
	}
	return cli.ErrNo
}

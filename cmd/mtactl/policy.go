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
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/spool"
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

func policyExplain(c *ucli.Context) error {
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	door, err := policyDoor(cfg)
	if err != nil {
		return err
	}
	var env *spool.Envelope
	switch {
	case c.NArg() > 1:
		return cli.Usage("policy explain wants one message")
	case c.NArg() == 1:
		if env, err = asked(c, cfg, door); err != nil {
			return err
		}
	case c.String("from") == "" || len(c.StringSlice("to")) == 0:
		return cli.Usage("which message? Or, of none: --from and --to")
	}
	facts, err := factsOf(c)
	if err != nil {
		return err
	}
	var wrong []error
	q := facts.Question(cfg, door, env, func(term string, err error) {
		kind := diag.Usage
		if k := diag.KindOf(err); k == diag.NoInput || k == diag.Data {
			kind = k
		}
		wrong = append(wrong, diag.E("--"+term, kind, err))
	})
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	all, err := door.Explain(q)
	if err != nil {
		return err
	}
	came := map[int]*spool.Recipient{}
	if env != nil && q.To == nil {
		for i := range env.Recipients {
			came[env.Recipients[i].N] = &env.Recipients[i]
		}
	}
	p, goes := cli.NewPrinter(c), true
	for i := range all {
		r := trial.NewRecipient(&all[i], came[all[i].N])
		goes = goes && r.Goes()
		printDecisions(p, &r)
	}
	if err := p.Flush(); err != nil || goes {
		return err
	}
	return cli.ErrNo
}

// factsOf are those of the flags.
func factsOf(c *ucli.Context) (*trial.Facts, error) {
	f := &trial.Facts{From: c.String("from"), To: c.StringSlice("to"), Kind: c.String("kind"), Priority: c.String("priority"),
		ContentType: c.String("content-type"), Recipients: c.Int("recipients"), SIC: c.StringSlice("sic"),
		Signature: c.String("signature"), Signer: c.StringSlice("signer"), Label: c.String("label"), Time: c.String("time"),
		ChannelIn: c.String("channel-in"), PeerIn: c.String("peer-in"), ClientAddress: c.String("client-address"),
		Identity: c.String("identity"), Mechanism: c.String("mechanism"), ChannelOut: c.String("channel-out"), PeerOut: c.String("peer-out")}
	if len(f.To) == 0 {
		f.To = nil
	}
	if c.IsSet("size") {
		f.Size = new(quantity.Octets)
		if err := f.Size.UnmarshalText([]byte(c.String("size"))); err != nil {
			return nil, diag.E("--size", diag.Usage, err)
		}
	}
	return f, nil
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
	cases, err := trial.Read(text, name, cfg, door)
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

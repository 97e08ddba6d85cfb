package main

import (
	"errors"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/trial"
)

// policyExplain tells how the rules come to what they decide.
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
	q := facts.Question(cfg, door, env, time.Now(), func(term string, err error) {
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
	for is := range all {
		r := trial.NewRecipient(&is, came[is.N])
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

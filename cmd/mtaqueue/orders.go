package main

import (
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/queue"
)

// places are the flags of verbs that are about a channel or a peer.
func places() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "channel", Usage: "of channel `NAME`"},
		&ucli.StringFlag{Name: "peer", Usage: "of peer `NAME`"},
		cli.JSONFlag(),
		&ucli.BoolFlag{Name: "n", Usage: "show what would be changed"},
		&ucli.StringFlag{Name: "reason", Usage: "`TEXT` for the logs"},
	}
}

// order does a verb that takes no operand.
func order(verb string) ucli.ActionFunc {
	return func(c *ucli.Context) error {
		if c.NArg() > 0 {
			return cli.Usage("%s takes no operand", verb)
		}
		return put(c, queue.Request{Verb: verb})
	}
}

func minimize(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("minimize wants urgent, normal or off")
	}
	q := queue.Request{Verb: queue.VerbMinimize, Through: c.Args().First()}
	var err error
	if q.From, err = moment(c, "from"); err != nil {
		return err
	}
	if q.Until, err = moment(c, "until"); err != nil {
		return err
	}
	length, err := cli.Duration("--for", c.String("for"))
	switch {
	case err != nil:
		return err
	case length > 0 && !q.Until.IsZero():
		return cli.Usage("--until and --for say the same")
	case length > 0:
		begin := q.From
		if begin.IsZero() {
			begin = time.Now()
		}
		q.Until = begin.Add(length).UTC().Truncate(time.Second)
	}
	return put(c, q)
}

func delay(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("delay wants a duration, 0s for none")
	}
	q := queue.Request{Verb: queue.VerbDelay}
	length, err := cli.Duration("delay:", c.Args().First())
	if err != nil {
		return err
	}
	if length > 0 {
		q.Until = time.Now().Add(length).UTC().Truncate(time.Second)
	}
	return put(c, q)
}

// moment reads a flag that is a time; the zero time is none.
func moment(c *ucli.Context, name string) (time.Time, error) {
	if c.String(name) == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, c.String(name))
	if err != nil {
		return time.Time{}, cli.Usage("--%s %q is not a time such as 2026-11-27T18:00:00Z", name, c.String(name))
	}
	return at.UTC(), nil
}

// put asks for a verb that is about a channel or a peer. Silence is success.
func put(c *ucli.Context, q queue.Request) error {
	q.Filter = queue.Filter{Channel: c.String("channel"), Peer: c.String("peer")}
	q.DryRun, q.Reason, q.Who = c.Bool("n"), c.String("reason"), queue.Who()
	return ask(c, q, func(p *cli.Printer, a queue.Answer) error {
		r := a.Act
		if !p.JSON() && !q.DryRun && r.Note == "" {
			return nil
		}
		return p.Record(r, r.Channel, r.Peer, r.Verb, r.Until, r.Note)
	})
}

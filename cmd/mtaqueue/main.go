// Command mtaqueue looks at the queue of an X.400 message switch and changes it; see
// mtaqueue(1).
package main

import (
	"os"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/queue"
)

func main() { os.Exit(cli.Main(app(), os.Args)) }

func app() *ucli.App {
	return &ucli.App{
		Name:  "mtaqueue",
		Usage: "look at the queue and change it",
		Flags: []ucli.Flag{cli.ConfigFlag()},
		Commands: []*ucli.Command{
			{Name: "list", Usage: "one line a queued recipient", ArgsUsage: "[ID ...|-|ALL]",
				Flags: append(filters(), cli.JSONFlag()), Action: list},
			{Name: "show", Usage: "everything about a message", ArgsUsage: "ID ...|-",
				Flags:  []ucli.Flag{cli.JSONFlag(), &ucli.BoolFlag{Name: "content", Usage: "write the content octets"}},
				Action: show},
			{Name: "tree", Usage: "channels, peers, and what waits there", Flags: []ucli.Flag{cli.JSONFlag()}, Action: tree},
			verb(queue.VerbHold, "stop trying to deliver"),
			verb(queue.VerbRelease, "undo hold"),
			verb(queue.VerbRetry, "try now"),
			verb(queue.VerbExpire, "give up, with a non-delivery report"),
			rejectCommand(),
			verb(queue.VerbDelete, "remove without a report"),
			verb(queue.VerbCancel, "cancel deferred delivery"),
			{Name: queue.VerbMinimize, Usage: "hold back what is less urgent", ArgsUsage: "urgent|normal|off",
				Flags: append(places(),
					&ucli.StringFlag{Name: "from", Usage: "not before `TIME`"},
					&ucli.StringFlag{Name: "until", Usage: "only before `TIME`"},
					&ucli.StringFlag{Name: "for", Usage: "only for `DURATION`"}),
				Action: minimize},
			{Name: queue.VerbDisable, Usage: "do not use a channel or peer", Flags: places(), Action: order(queue.VerbDisable)},
			{Name: queue.VerbEnable, Usage: "undo disable", Flags: places(), Action: order(queue.VerbEnable)},
			{Name: queue.VerbDelay, Usage: "leave a peer alone for a while", ArgsUsage: "DURATION", Flags: places(), Action: delay},
			{Name: queue.VerbConnect, Usage: "open an association with a peer", Flags: places(), Action: order(queue.VerbConnect)},
			{Name: queue.VerbDisconnect, Usage: "release the idle associations with a peer", Flags: places(), Action: order(queue.VerbDisconnect)},
		},
	}
}

func verb(name, usage string) *ucli.Command {
	return &ucli.Command{Name: name, Usage: usage, ArgsUsage: "ID ...|-|ALL",
		Flags: append(filters(), cli.JSONFlag(),
			&ucli.BoolFlag{Name: "n", Usage: "show what would be changed"},
			&ucli.StringFlag{Name: "reason", Usage: "`TEXT` for the logs"}),
		Action: func(c *ucli.Context) error { return act(c, name, nil) }}
}

func rejectCommand() *ucli.Command {
	return &ucli.Command{Name: queue.VerbReject, Usage: "give up for a reason, with a non-delivery report", ArgsUsage: "ID ...|-|ALL",
		Flags: append(filters(), cli.JSONFlag(),
			&ucli.BoolFlag{Name: "n", Usage: "show what would be changed"},
			&ucli.BoolFlag{Name: "held", Usage: "only the recipients that are held"},
			&ucli.StringFlag{Name: "text", Usage: "`TEXT` that tells the originator why"},
			&ucli.StringFlag{Name: "reason", Usage: "non-delivery-reason-`CODE`", DefaultText: "transfer-failure-for-security-reason"},
			&ucli.StringFlag{Name: "diagnostic", Usage: "non-delivery-diagnostic-`CODE`", DefaultText: "security-policy-violation"}),
		Action: reject}
}

func filters() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "channel", Usage: "waits for channel `NAME`"},
		&ucli.StringFlag{Name: "peer", Usage: "waits for peer `NAME`"},
		&ucli.StringFlag{Name: "priority", Usage: "urgent, normal or non-urgent"},
		&ucli.StringFlag{Name: "state", Usage: "queued, active, deferred, held or reporting"},
		&ucli.StringFlag{Name: "older", Usage: "accepted longer ago than `DURATION`"},
		&ucli.StringFlag{Name: "newer", Usage: "accepted less long ago than `DURATION`"},
		&ucli.StringFlag{Name: "from", Usage: "originator matches `PATTERN`"},
		&ucli.StringFlag{Name: "to", Usage: "some recipient matches `PATTERN`"},
		&ucli.StringFlag{Name: "held-by", Usage: "held by `RULE` when it came"},
		&ucli.BoolFlag{Name: "late", Usage: "has waited for longer than it should"},
	}
}

func filter(c *ucli.Context) (queue.Filter, error) {
	f := queue.Filter{Channel: c.String("channel"), Peer: c.String("peer"), Priority: c.String("priority"), State: c.String("state"),
		From: c.String("from"), To: c.String("to"), HeldBy: c.String("held-by"), Late: c.Bool("late")}
	var err error
	if f.Older, err = cli.Duration("--older", c.String("older")); err == nil {
		f.Newer, err = cli.Duration("--newer", c.String("newer"))
	}
	return f, err
}

// request names the messages an action is about. An empty list on standard input
// names none: then there is nothing to ask, and named is false.
func request(c *ucli.Context, verb string) (q queue.Request, named bool, err error) {
	pass, err := filter(c)
	if err != nil {
		return q, false, err
	}
	ids, err := cli.SpoolIdentifiers(c)
	q = queue.Request{Verb: verb, IDs: ids, Filter: pass, DryRun: c.Bool("n"), Reason: c.String("reason"), Who: queue.Who()}
	if len(ids) == 1 && ids[0] == "ALL" {
		q.IDs, q.All = nil, true
	}
	return q, len(ids) > 0 || c.NArg() == 0, err
}

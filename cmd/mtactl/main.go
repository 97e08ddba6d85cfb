// Command mtactl sets up, watches and examines an X.400 message switch; see
// mtactl(1).
package main

import (
	"os"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
)

func main() { os.Exit(cli.Main(app(), os.Args)) }

func app() *ucli.App {
	return &ucli.App{
		Name:  "mtactl",
		Usage: "set up, watch and examine an X.400 message switch",
		Flags: []ucli.Flag{cli.ConfigFlag()},
		Commands: []*ucli.Command{
			{Name: "init", Usage: "write a working configuration and an empty spool", ArgsUsage: "DIRECTORY", Action: initialise,
				Flags: []ucli.Flag{
					&ucli.StringFlag{Name: "name", Usage: "`MTA` name", Value: "MTA-A"},
					&ucli.StringFlag{Name: "domain", Usage: "global `DOMAIN`", Value: "/PRMD=ALPHA/ADMD=TEST/C=GB/"},
					&ucli.StringFlag{Name: "listen", Usage: "`ADDRESS` to listen on", Value: "127.0.0.1:10102"},
				}},
			configCommand(),
			directoryCommand(),
			{Name: "status", Usage: "whether the daemon runs", Flags: []ucli.Flag{cli.JSONFlag()}, Action: status},
			{Name: "track", Usage: "what happened to messages", ArgsUsage: "ID ...|-", Action: track,
				Flags: []ucli.Flag{cli.JSONFlag(), &ucli.StringFlag{Name: "since", Usage: "read the event log from `TIME` on"}}},
			{Name: "check", Usage: "verify the spool", Action: check,
				Flags: []ucli.Flag{cli.JSONFlag(), &ucli.BoolFlag{Name: "no-data", Usage: "do not verify the contents"},
					&ucli.BoolFlag{Name: "repair", Usage: "bring the spool into order first, while no mtarun has it"}}},
			{Name: "ping", Usage: "bind with a peer and say who answered", ArgsUsage: "PEER", Action: ping,
				Flags: []ucli.Flag{cli.JSONFlag(), &ucli.DurationFlag{Name: "timeout", Usage: "give up after `DURATION`", Value: 30 * time.Second}}},
			{Name: "trace", Usage: "send a probe and show the way it took", ArgsUsage: "ADDRESS", Action: trace,
				Flags: []ucli.Flag{cli.JSONFlag(),
					&ucli.StringFlag{Name: "from", Usage: "the user of this MTA to send as: an `ADDRESS`"},
					&ucli.BoolFlag{Name: "message", Usage: "send a message instead of a probe"},
					&ucli.DurationFlag{Name: "wait", Usage: "give up after `DURATION`", Value: 60 * time.Second},
				}},
			{Name: "read", Usage: "show messages of a mailbox", ArgsUsage: "FILE ...", Action: read,
				Flags: []ucli.Flag{&ucli.StringFlag{Name: "save", Usage: "save attached files in `DIRECTORY`"}}},
			{Name: "report", Usage: "what a report says, and what can be done about it", ArgsUsage: "FILE|ID ...|-", Action: explainReports,
				Flags: []ucli.Flag{cli.JSONFlag()}},
			{Name: "decode", Usage: "print what an encoding says", ArgsUsage: "[FILE|-]", Action: decodeAction,
				Flags: []ucli.Flag{
					&ucli.BoolFlag{Name: "hex", Usage: "the input is hexadecimal"},
					&ucli.StringFlag{Name: "as", Usage: "tpdu, spdu, ppdu, acse, rtse, mts-apdu, envelope, ipm, edim, or-name or ber: the `LAYER`", Value: "ber"},
					cli.JSONFlag(),
				}},
			labelCommand(),
			benchCommand(),
			policyCommand(),
			simulateCommand(),
			smimeCommand(),
			{Name: "selftest", Usage: "measure this machine, and say which limits fit", Action: selfTest,
				Flags: []ucli.Flag{cli.JSONFlag(), &ucli.DurationFlag{Name: "duration", Usage: "`DURATION` of each measurement of the disk", Value: time.Second}}},
		},
	}
}

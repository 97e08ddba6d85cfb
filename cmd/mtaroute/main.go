// Command mtaroute tells where an O/R address goes, and why; see mtaroute(1).
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/route"
)

func main() { os.Exit(cli.Main(app(), os.Args)) }

func app() *ucli.App {
	return &ucli.App{
		Name:      "mtaroute",
		Usage:     "ask where an O/R address goes, and why",
		ArgsUsage: "ADDRESS ...|-",
		Flags:     []ucli.Flag{cli.ConfigFlag(), cli.JSONFlag(), fromFlag(), downFlag(), asOfFlag()},
		Action:    func(c *ucli.Context) error { return each(c, printHops(c.StringSlice("simulate-down"))) },
		Commands: []*ucli.Command{
			{
				Name:      "explain",
				Usage:     "tell every rule tried",
				ArgsUsage: "ADDRESS ...|-",
				Flags:     []ucli.Flag{cli.JSONFlag(), fromFlag(), asOfFlag()},
				Action: func(c *ucli.Context) error {
					if err := without(c, "simulate-down"); err != nil {
						return err
					}
					return each(c, printExplanation)
				},
			},
			{
				Name:      "check",
				Usage:     "exit 0 if every address has a way, 1 if not",
				ArgsUsage: "[ADDRESS ...]",
				Flags:     []ucli.Flag{cli.JSONFlag(), asOfFlag()},
				Action:    check,
			},
			{
				Name:      "test",
				Usage:     "exit 0 if every address goes where a file says, 1 if not",
				ArgsUsage: "FILE|-",
				Flags:     []ucli.Flag{cli.JSONFlag(), asOfFlag()},
				Action:    test,
			},
			{
				Name:      "diff",
				Usage:     "tell which addresses go another way by another configuration",
				ArgsUsage: "[ADDRESS ...]",
				Flags:     []ucli.Flag{cli.JSONFlag(), &ucli.StringFlag{Name: "against", Usage: "the other `CONFIGURATION`"}},
				Action:    diff,
			},
			graphCommand(),
		},
	}
}

// hop is what --json prints of one address.
type hop struct {
	Address string         `json:"address"`
	Local   bool           `json:"local"`
	Hops    []route.Hop    `json:"hops,omitempty"`
	Fail    *route.Failure `json:"fail,omitempty"`
	Rule    string         `json:"rule,omitempty"`

	PresentationAddresses map[string][]string `json:"presentationAddresses,omitempty"` // by peer

	Waits       bool   `json:"waits,omitempty"`       // every peer is down, or a routing tree is unavailable
	Unavailable string `json:"unavailable,omitempty"` // why it is
}

// without refuses flags that a verb has no use for and would have to ignore.
func without(c *ucli.Context, flags ...string) error {
	for _, name := range flags {
		for _, l := range c.Lineage() {
			if l.IsSet(name) {
				return cli.Usage("--%s is not for %s", name, c.Command.Name)
			}
		}
	}
	return nil
}

func fromFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "from", Usage: "as if `ADDRESS` were the originator"}
}

func downFlag() ucli.Flag {
	return &ucli.StringSliceFlag{Name: "simulate-down", Usage: "as if `PEER` could not be reached"}
}

func asOfFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "as-of-peer", Usage: "as the switch `MTA` of the same directory sees it"}
}

// configuration is that of this switch, or of the one that --as-of-peer names.
func configuration(c *ucli.Context) (*conf.Config, error) {
	for _, l := range c.Lineage() { // the flag may stand in front of the verb, too
		if mta := l.String("as-of-peer"); mta != "" {
			path, err := cli.ConfigPath(c)
			if err != nil {
				return nil, err
			}
			return live.AsOf(path, mta)
		}
	}
	return cli.Config(c)
}

func router(c *ucli.Context) (*route.Router, *conf.Config, error) {
	cfg, err := configuration(c)
	if err != nil {
		return nil, nil, err
	}
	r, err := route.New(cfg)
	return r, cfg, err
}

// look has nodes of routing trees that are not held looked up by mtarun: only it talks to the
// directory.
func look(cfg *conf.Config) route.Look {
	return func(tree string, path []oraddr.RDN) ([]conf.Node, error) {
		nodes, err := queue.Look(cfg.Spool.Dir, tree, ldapconf.PathNames(path))
		if errors.Is(err, queue.ErrNotRunning) {
			err = fmt.Errorf("routing tree %s: %w, and looks nothing up", tree, queue.ErrNotRunning)
		}
		return nodes, err
	}
}

// decide returns where an address goes, or that this cannot be known now.
func decide(r *route.Router, q route.Query) (route.Decision, error) {
	d := r.Advise(q)
	if d.Unavailable == "" {
		return d, nil
	}
	return d, diag.WithHint(diag.New(q.Address.String(), diag.Unavailable, d.Unavailable), "what is for it waits in the queue until that can be told")
}

// called is where a peer is called, in the order to try.
func called(cfg *conf.Config, name string) (texts []string) {
	if peer, ok := cfg.Peer(name); ok {
		for _, a := range peer.Calls() {
			texts = append(texts, a.String())
		}
	}
	return texts
}

// remedies are for whoever has seen the rules that were tried.
var remedies = map[string]string{
	route.NoRoute: "a [[route]] of mta.toml(5) that matches it, or a [[node]] above it, leads to a peer",
	route.NoUser:  "a [[user]] of mta.toml(5) with this address makes it one of this MTA's",
	route.NoEntry: "a [[node]] of mta.toml(5) with this address, below the one that says it has all, makes it one",
}

// each prints something about every address. The status says whether all of them
// have a way.
func each(c *ucli.Context, print func(*cli.Printer, *conf.Config, *route.Router, route.Query) error) error {
	r, cfg, err := router(c)
	if err != nil {
		return err
	}
	addresses, err := cli.Operands(c)
	if err != nil {
		return err
	}
	if len(addresses) == 0 {
		return cli.Usage("which address?")
	}
	q := route.Query{Look: look(cfg)}
	for _, l := range c.Lineage() { // the flag may stand in front of the verb, too
		if from := l.String("from"); from != "" {
			if q.Originator, err = cli.Address("--from", from); err != nil {
				return err
			}
		}
	}
	p := cli.NewPrinter(c)
	var errs []error
	for _, text := range addresses {
		if q.Address, err = cli.Address(text, text); err != nil {
			errs = append(errs, err)
			continue
		}
		if err := print(p, cfg, r, q); err != nil {
			return err
		}
		d, err := decide(r, q)
		if err != nil {
			errs = append(errs, err)
		} else if d.Fail != nil {
			err := route.Refused(q.Address.String(), d.Fail.Text, d.Fail.Alternatives)
			if hint := remedies[d.Fail.Text]; c.Command.Name == "explain" && hint != "" {
				err = diag.WithHint(err, hint)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.Flush())...)
}

// printHops prints the hops that are left when the peers in down cannot be reached.
func printHops(down []string) func(*cli.Printer, *conf.Config, *route.Router, route.Query) error {
	return func(p *cli.Printer, cfg *conf.Config, r *route.Router, q route.Query) error {
		for _, name := range down {
			if _, ok := cfg.Peer(name); !ok {
				return cli.Usage("--simulate-down: there is no peer %q", name)
			}
		}
		a, d := q.Address, r.Advise(q)
		up := slices.DeleteFunc(slices.Clone(d.Hops), func(h route.Hop) bool { return slices.Contains(down, h.Peer) })
		waits := len(up) == 0 && len(d.Hops) > 0
		if waits {
			up = d.Hops[:1]
		}
		if p.JSON() {
			h := hop{Address: a.String(), Local: d.User != nil, Hops: up, Fail: d.Fail, Rule: d.Rule, Waits: waits || d.Unavailable != "", Unavailable: d.Unavailable}
			for _, to := range up {
				if texts := called(cfg, to.Peer); len(texts) > 0 {
					if h.PresentationAddresses == nil {
						h.PresentationAddresses = map[string][]string{}
					}
					h.PresentationAddresses[to.Peer] = texts
				}
			}
			return p.Record(h)
		}
		switch {
		case d.Fail != nil:
			return p.Record(nil, a.String(), "-", "-", 0, d.Fail.Told())
		case d.Unavailable != "":
			return nil // an error tells
		}
		for _, h := range up {
			columns := []any{a.String(), h.Channel, h.Peer, slices.Index(d.Hops, h) + 1, d.Rule, strings.Join(called(cfg, h.Peer), ", ")}
			if waits {
				columns = append(columns, "waits")
			}
			if err := p.Record(nil, columns...); err != nil {
				return err
			}
		}
		return nil
	}
}

func printExplanation(p *cli.Printer, _ *conf.Config, r *route.Router, q route.Query) error {
	e := r.Explain(q)
	if p.JSON() {
		return p.Record(e)
	}
	// The address may be a stranger's.
	for line := range strings.Lines(e.String()) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i := range columns {
			columns[i] = cli.Safe(columns[i])
		}
		p.Text("%s\n", strings.Join(columns, "\t"))
	}
	return nil
}

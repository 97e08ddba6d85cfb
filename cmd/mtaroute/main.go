// Command mtaroute tells where an O/R address goes, and why; see mtaroute(1).
package main

import (
	"errors"
	"os"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
)

func main() { os.Exit(cli.Main(app(), os.Args)) }

func app() *ucli.App {
	return &ucli.App{
		Name:      "mtaroute",
		Usage:     "ask where an O/R address goes, and why",
		ArgsUsage: "ADDRESS ...|-",
		Flags:     []ucli.Flag{cli.ConfigFlag(), cli.JSONFlag()},
		Action:    func(c *ucli.Context) error { return each(c, printHops) },
		Commands: []*ucli.Command{
			{
				Name:      "explain",
				Usage:     "tell every rule tried",
				ArgsUsage: "ADDRESS ...|-",
				Flags:     []ucli.Flag{cli.JSONFlag()},
				Action:    func(c *ucli.Context) error { return each(c, printExplanation) },
			},
			{
				Name:      "check",
				Usage:     "exit 0 if every address has a way, 1 if not",
				ArgsUsage: "[ADDRESS ...]",
				Flags:     []ucli.Flag{cli.JSONFlag()},
				Action:    check,
			},
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
}

func router(c *ucli.Context) (*route.Router, *conf.Config, error) {
	cfg, err := cli.Config(c)
	if err != nil {
		return nil, nil, err
	}
	r, err := route.New(cfg)
	return r, cfg, err
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
	route.NoRoute: "a [[route]] of mta.toml(5) that matches it leads to a peer",
	route.NoUser:  "a [[user]] of mta.toml(5) with this address makes it one of this MTA's",
}

// each prints something about every address. The status says whether all of them
// have a way.
func each(c *ucli.Context, print func(*cli.Printer, *conf.Config, *route.Router, oraddr.Address) error) error {
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
	p := cli.NewPrinter(c)
	var errs []error
	for _, text := range addresses {
		a, err := cli.Address(text, text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if err := print(p, cfg, r, a); err != nil {
			return err
		}
		if d := r.Route(a); d.Fail != nil {
			err := route.Refused(a.String(), d.Fail.Text)
			if hint := remedies[d.Fail.Text]; c.Command.Name == "explain" && hint != "" {
				err = diag.WithHint(err, hint)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.Flush())...)
}

func printHops(p *cli.Printer, cfg *conf.Config, r *route.Router, a oraddr.Address) error {
	d := r.Route(a)
	if p.JSON() {
		h := hop{Address: a.String(), Local: d.User != nil, Hops: d.Hops, Fail: d.Fail, Rule: d.Rule}
		for _, to := range d.Hops {
			if texts := called(cfg, to.Peer); len(texts) > 0 {
				if h.PresentationAddresses == nil {
					h.PresentationAddresses = map[string][]string{}
				}
				h.PresentationAddresses[to.Peer] = texts
			}
		}
		return p.Record(h)
	}
	if d.Fail != nil {
		return p.Record(nil, a.String(), "-", "-", 0, d.Fail.Text)
	}
	for i, h := range d.Hops {
		if err := p.Record(nil, a.String(), h.Channel, h.Peer, i+1, d.Rule, strings.Join(called(cfg, h.Peer), ", ")); err != nil {
			return err
		}
	}
	return nil
}

func printExplanation(p *cli.Printer, _ *conf.Config, r *route.Router, a oraddr.Address) error {
	e := r.Explain(a)
	if p.JSON() {
		return p.Record(e)
	}
	p.Text("%s", e)
	return nil
}

// check prints the addresses that have no way.
func check(c *ucli.Context) error {
	r, _, err := router(c)
	if err != nil {
		return err
	}
	addresses := c.Args().Slice()
	if len(addresses) == 0 || len(addresses) == 1 && addresses[0] == "-" {
		if addresses, err = cli.Lines(c.App.Reader); err != nil {
			return err
		}
	}
	p := cli.NewPrinter(c)
	answer := error(nil)
	var errs []error
	for _, text := range addresses {
		a, err := cli.Address(text, text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if d := r.Route(a); d.Fail != nil {
			answer = cli.ErrNo
			if err := p.Record(hop{Address: a.String(), Fail: d.Fail, Rule: d.Rule}, a.String(), d.Fail.Text); err != nil {
				return err
			}
		}
	}
	if err := errors.Join(append(errs, p.Flush())...); err != nil {
		return err
	}
	return answer
}

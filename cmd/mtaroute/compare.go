package main

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
)

// operands are the addresses given, or those on standard input if none is.
func operands(c *ucli.Context) ([]string, error) {
	addresses := c.Args().Slice()
	if len(addresses) == 0 || len(addresses) == 1 && addresses[0] == "-" {
		return cli.Lines(c.App.Reader)
	}
	return addresses, nil
}

// judge asks about every operand; found prints what is to be told of one, if anything, and
// says whether that is a no.
func judge(c *ucli.Context, found func(*cli.Printer, oraddr.Address) (no bool, err error)) error {
	addresses, err := operands(c)
	if err != nil {
		return err
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
		no, err := found(p, a)
		if diag.KindOf(err) == diag.Unavailable {
			errs = append(errs, err)
		} else if err != nil {
			return err
		}
		if no {
			answer = cli.ErrNo
		}
	}
	if err := errors.Join(append(errs, p.Flush())...); err != nil {
		return err
	}
	return answer
}

// check prints the addresses that have no way.
func check(c *ucli.Context) error {
	if err := without(c, "from", "simulate-down"); err != nil {
		return err
	}
	r, cfg, err := router(c)
	if err != nil {
		return err
	}
	return judge(c, func(p *cli.Printer, a oraddr.Address) (bool, error) {
		d, err := decide(r, route.Query{Address: a, Look: look(cfg)})
		if err != nil || d.Fail == nil {
			return false, err
		}
		return true, p.Record(hop{Address: a.String(), Fail: d.Fail, Rule: d.Rule}, a.String(), d.Fail.Text)
	})
}

// way is where an address goes first, as columns of text have it.
type way struct {
	Channel string `json:"channel"`
	Peer    string `json:"peer"`
}

// difference is an address that does not go where it should, or did.
type difference struct {
	Address string `json:"address"`
	Line    int    `json:"line,omitempty"` // of a file
	Was     way    `json:"was"`
	Is      way    `json:"is"`
	Why     string `json:"why,omitempty"` // what decides, or why it goes nowhere
}

// wayOf is a hop of the way, counted from 1.
func wayOf(d route.Decision, n int) way {
	w := way{"-", "-"}
	if n <= len(d.Hops) {
		w.Channel = d.Hops[n-1].Channel
		if d.Hops[n-1].Peer != "" {
			w.Peer = d.Hops[n-1].Peer
		}
	}
	return w
}

// why is what decides and who gets it instead, or the reason why an address goes nowhere.
func why(d route.Decision) string {
	switch {
	case d.Fail != nil:
		return d.Fail.Text
	case d.Alternate != nil:
		return d.Rule + ": " + d.Alternate.Address
	}
	return d.Rule
}

func (d difference) print(p *cli.Printer) error {
	return p.Record(d, d.Address, d.Was.Channel, d.Was.Peer, d.Is.Channel, d.Is.Peer, d.Why)
}

// test compares the ways of addresses with those that a file expects.
func test(c *ucli.Context) error {
	if err := without(c, "from", "simulate-down"); err != nil {
		return err
	}
	r, cfg, err := router(c)
	if err != nil {
		return err
	}
	if c.NArg() != 1 {
		return cli.Usage("which file, of lines with address, channel and peer?")
	}
	in, err := cli.Input(c)
	if err != nil {
		return err
	}
	defer in.Close()
	p := cli.NewPrinter(c)
	name, answer := c.Args().First(), error(nil)
	var errs []error
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	read := 0
	for n := 1; lines.Scan(); n++ {
		read = n
		columns := strings.Split(lines.Text(), "\t")
		if text := strings.TrimSpace(lines.Text()); text == "" || text[0] == '#' {
			continue
		}
		if len(columns) < 3 {
			errs = append(errs, diag.New(fmt.Sprintf("%s:%d", name, n), diag.Data, "not an address, a channel and a peer, separated by tabs"))
			continue
		}
		a, err := cli.Address(fmt.Sprintf("%s:%d", name, n), columns[0])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		position := 1
		d, err := decide(r, route.Query{Address: a, Look: look(cfg)})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(columns) > 3 {
			if position, err = strconv.Atoi(columns[3]); err != nil || position < 1 {
				position = 1 // of an address that goes nowhere it is 0
			}
		}
		diff := difference{Address: a.String(), Line: n, Was: way{columns[1], columns[2]}, Is: wayOf(d, position), Why: why(d)}
		if diff.Was != diff.Is {
			answer = cli.ErrNo
			if err := diff.print(p); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, diag.E(fmt.Sprintf("%s:%d", name, read+1), diag.Data, err))
	}
	if err := errors.Join(append(errs, p.Flush())...); err != nil {
		return err
	}
	return answer
}

// maxLine bounds a line of a test, in octets.
const maxLine = 1 << 20

// same tells whether two decisions lead to the same.
func same(a, b route.Decision) bool {
	var users [2]string
	for i, d := range []route.Decision{a, b} {
		if d.User != nil {
			users[i] = d.User.Address
		}
		if d.List != nil {
			users[i] = d.List.Address + " " + strings.Join(d.List.Members, " ")
		}
		if d.Alternate != nil {
			users[i] = d.Alternate.Address
		}
	}
	return a.String() == b.String() && users[0] == users[1]
}

// diff compares the ways of addresses by two configurations.
func diff(c *ucli.Context) error {
	if err := without(c, "from", "simulate-down"); err != nil {
		return err
	}
	was, cfg, err := router(c)
	if err != nil {
		return err
	}
	if c.String("against") == "" {
		return cli.Usage("--against which configuration?")
	}
	other, err := tableconf.Load(c.String("against"))
	if err != nil {
		return err
	}
	if other.InDirectory() {
		return diag.WithHint(diag.New(c.String("against"), diag.Usage, "has its configuration in a directory"), "mtactl config import makes a file of that")
	}
	is, err := route.New(other)
	if err != nil {
		return err
	}
	return judge(c, func(p *cli.Printer, a oraddr.Address) (bool, error) {
		q := route.Query{Address: a, Look: look(cfg)}
		before, err := decide(was, q)
		if err != nil {
			return false, err
		}
		after, err := decide(is, q)
		if err != nil || same(before, after) {
			return false, err
		}
		return true, difference{Address: a.String(), Was: wayOf(before, 1), Is: wayOf(after, 1), Why: why(after)}.print(p)
	})
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
)

// labelIn is what a command of labels is about.
type labelIn struct {
	set       *spif.Set
	label     *label.Label // nil for a clearance, and where there is none
	clearance *label.Clearance
}

// labelInput reads the policies and the operand, or standard input, in its form. An
// empty input is no label, where the command can answer about that.
func labelInput(c *ucli.Context, optional bool) (*labelIn, error) {
	set, err := spif.Load(c.StringSlice("spif")...)
	if err != nil {
		return nil, err
	}
	for _, p := range set.Policies() {
		if w := p.Info().Warnings; len(w) > 0 {
			cli.Warn(c, passedOver(w))
		}
	}
	octets, err := labelOctets(c)
	if err != nil {
		return nil, err
	}
	in := &labelIn{set: set}
	switch kind, empty := c.String("type"), strings.TrimSpace(string(octets)) == ""; {
	case empty && optional:
	case empty:
		err = diag.New("label", diag.Data, "there is none")
	case kind == "clearance":
		in.clearance, err = label.ParseAnyClearance(octets, set)
	case kind == "label", kind == "":
		in.label, err = labelFrom(c, set, octets)
	default:
		err = cli.Usage("--type %q is neither label nor clearance", kind)
	}
	return in, err
}

// maxLabelInput bounds what is read of a label: the text that follows it may be long.
const maxLabelInput = 1 << 20

func labelOctets(c *ucli.Context) ([]byte, error) {
	switch {
	case c.NArg() > 1:
		return nil, cli.Usage("more than one label: quote what has blanks")
	case c.NArg() == 1 && c.Args().First() != "-":
		return []byte(c.Args().First()), nil
	}
	octets, err := bounded(c.App.Reader)
	return octets, diag.E("standard input", diag.NoInput, err)
}

func bounded(r io.Reader) ([]byte, error) {
	octets, err := io.ReadAll(io.LimitReader(r, maxLabelInput+1))
	if err == nil && len(octets) > maxLabelInput {
		err = fmt.Errorf("more than %d octets", maxLabelInput)
	}
	return octets, err
}

func boundedFile(name string) (octets []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return bounded(f)
}

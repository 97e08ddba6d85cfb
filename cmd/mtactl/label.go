package main

import (
	"errors"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
)

func labelCommand() *ucli.Command {
	spifs := &ucli.StringSliceFlag{Name: "spif", Usage: "a security policy: a `FILE`"}
	from := &ucli.StringFlag{Name: "from", Usage: "auto, marking, subject, flot, x-header or sio-label: the `FORM` of the input", Value: "auto"}
	to := func(form string) ucli.Flag {
		return &ucli.StringFlag{Name: "to", Usage: "text, der, hex, base64, marking, subject, flot, x-header or sio-label: the `FORM` of the output", Value: form}
	}
	kind := &ucli.StringFlag{Name: "type", Usage: "label or clearance: the `TYPE` of the input", Value: "label"}
	carrier := []ucli.Flag{
		&ucli.StringFlag{Name: "carrier", Usage: "`PLACE` of a marking, such as pageTop or xHeader", Value: "pageTop"},
		&ucli.StringFlag{Name: "header", Usage: "`NAME` of the field of x-header"},
		&ucli.StringFlag{Name: "open", Usage: "`TEXT` before a marking in a subject"},
		&ucli.StringFlag{Name: "close", Usage: "`TEXT` after a marking in a subject"},
		&ucli.BoolFlag{Name: "after", Usage: "a marking stands after the subject, not before"},
	}
	written := []ucli.Flag{
		&ucli.StringFlag{Name: "lang", Usage: "`LANGUAGE` of a marking"},
		&ucli.StringFlag{Name: "line", Usage: "the subject to put a marking in: a `TEXT`"},
		&ucli.BoolFlag{Name: "x411", Usage: "hold the output to X.411"},
	}
	flags := func(more ...ucli.Flag) []ucli.Flag {
		return append(append([]ucli.Flag{cli.JSONFlag(), spifs, from}, carrier...), more...)
	}
	return &ucli.Command{Name: "label", Usage: "security labels, clearances and policies", Subcommands: []*ucli.Command{
		{Name: "parse", Usage: "what a label or clearance says", ArgsUsage: "[LABEL|-]", Action: labelParse, Flags: flags(kind)},
		{Name: "print", Usage: "how a label reads, or its octets", ArgsUsage: "[LABEL|-]", Action: labelPrint, Flags: flags(append(written, kind, to("marking"))...)},
		{Name: "check", Usage: "whether a label is valid", ArgsUsage: "[LABEL|-]", Action: labelCheck, Flags: flags(
			&ucli.StringFlag{Name: "default", Usage: "the `LABEL` that none stands for"},
			&ucli.StringSliceFlag{Name: "only", Usage: "refuse labels of other policies than this `POLICY`"})},
		{Name: "convert", Usage: "a label in another form or policy", ArgsUsage: "[LABEL|-]", Action: labelConvert, Flags: flags(append(written, to("text"),
			&ucli.StringFlag{Name: "to-policy", Usage: "the `POLICY` of the output"},
			&ucli.StringFlag{Name: "as", Usage: "encrypt or decrypt: whose `SIDE` of equivalences is meant", Value: "encrypt"})...)},
		{Name: "decide", Usage: "whether a clearance reaches a label", ArgsUsage: "[LABEL|-]", Action: labelDecide, Flags: flags(
			&ucli.StringSliceFlag{Name: "clearance", Usage: "a `CLEARANCE`"},
			&ucli.StringSliceFlag{Name: "clearance-file", Usage: "a `FILE` with a clearance"})},
	}}
}

// labelParse prints the components of a label or clearance.
func labelParse(c *ucli.Context) error {
	in, err := labelInput(c, false)
	if err != nil {
		return err
	}
	if in.clearance != nil {
		return showClearance(c, in.set, in.clearance)
	}
	return showLabel(c, in.set, in.label)
}

// labelPrint prints a label in a form; of one that its policy does not know it says why.
func labelPrint(c *ucli.Context) error {
	in, err := labelInput(c, false)
	if err != nil {
		return err
	}
	if in.clearance != nil {
		return writeClearance(c, in.set, in.clearance)
	}
	return writeLabel(c, in.set, in.label, spif.Verdict{Allowed: true})
}

// labelCheck says whether a label is valid, and admitted.
func labelCheck(c *ucli.Context) error {
	in, err := labelInput(c, true)
	if err != nil {
		return err
	}
	rules := spif.Rules{Require: true}
	if text := c.String("default"); text != "" {
		if rules.Default, err = label.ParseAny([]byte(text), in.set); err != nil {
			return diag.E("--default", diag.KindOf(err), err)
		}
	}
	for _, name := range c.StringSlice("only") {
		p, err := in.set.Find(name)
		if err != nil {
			return diag.E("--only", diag.Usage, err)
		}
		rules.Policies = append(rules.Policies, p.ID())
	}
	l, v := in.set.Admit(in.label, rules, time.Now())
	return showVerdict(c, in.set, l, v)
}

// labelConvert prints a label in another form, perhaps of another policy.
func labelConvert(c *ucli.Context) error {
	in, err := labelInput(c, false)
	if err != nil {
		return err
	}
	l, v := in.label, spif.Verdict{Allowed: true}
	if name := c.String("to-policy"); name != "" {
		to, err := in.set.Find(name)
		if err != nil {
			return diag.E("--to-policy", diag.Usage, err)
		}
		as, ok := map[string]spif.Applied{"encrypt": spif.Encrypt, "decrypt": spif.Decrypt}[c.String("as")]
		if !ok {
			return cli.Usage("--as %q is neither encrypt nor decrypt", c.String("as"))
		}
		l, v = in.set.ExplainConvert(l, to.ID(), as, time.Now())
	}
	return writeLabel(c, in.set, l, v)
}

// labelDecide says whether one of the clearances reaches a label, and how it came to that.
func labelDecide(c *ucli.Context) error {
	in, err := labelInput(c, true)
	if err != nil {
		return err
	}
	var clearances []*label.Clearance
	add := func(flag string, octets []byte, err error) error {
		if err != nil {
			return diag.E(flag, diag.NoInput, err)
		}
		one, err := label.ParseAnyClearance(octets, in.set)
		if err != nil {
			return diag.E(flag, diag.KindOf(err), err)
		}
		clearances = append(clearances, one)
		return nil
	}
	for _, text := range c.StringSlice("clearance") {
		err = errors.Join(err, add("--clearance", []byte(text), nil))
	}
	for _, name := range c.StringSlice("clearance-file") {
		octets, read := boundedFile(name)
		err = errors.Join(err, add("--clearance-file "+name, octets, read))
	}
	if err != nil {
		return err
	}
	return showVerdict(c, in.set, in.label, in.set.Explain(in.label, time.Now(), clearances...))
}

package main

import (
	"errors"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
)

// writeLabel prints a label in the form that --to names. What stands in the way, or is
// remarked upon, is told on standard error: standard output is the label.
func writeLabel(c *ucli.Context, set *spif.Set, l *label.Label, v spif.Verdict) error {
	if cli.JSON(c) && c.String("to") == "der" {
		return cli.Usage("--to der with --json: octets are no JSON, take base64")
	}
	out := ""
	if v.Allowed {
		var more spif.Verdict
		var err error
		if out, more, err = written(c, set, l); err != nil {
			return err
		}
		v.Allowed, v.Reasons, v.Remarks = more.Allowed, more.Reasons, append(v.Remarks, more.Remarks...)
	}
	p := cli.NewPrinter(c)
	if p.JSON() {
		r := recordOf(v)
		if v.Allowed {
			r.Label, r.Output = l.Text(set), strings.TrimRight(out, "\r\n")
		}
		_ = p.Record(r) // kept for Flush
		return errors.Join(p.Flush(), answer(v))
	}
	for _, r := range append(v.Reasons, v.Remarks...) {
		cli.Warn(c, string(r.Word)+": "+r.Text)
	}
	p.Text("%s", out)
	return errors.Join(p.Flush(), answer(v))
}

// written is a label in the form that --to names.
func written(c *ucli.Context, set *spif.Set, l *label.Label) (string, spif.Verdict, error) {
	form, fine := c.String("to"), spif.Verdict{Allowed: true}
	octets, err := encodedLabel(c, l)
	if err != nil {
		return "", fine, err
	}
	if text, ok := inForm(octets, form); ok {
		return text, fine, nil
	}
	base64, _ := inForm(octets, "base64")
	switch form {
	case "text":
		return l.Text(set) + "\n", fine, nil
	case "x-header":
		if c.String("header") == "" {
			return "", fine, cli.Usage("--to x-header wants the name of the field: --header NAME")
		}
		return c.String("header") + ": " + base64, fine, nil
	case "marking", "subject", "flot", "sio-label":
	default:
		return "", fine, cli.Usage("--to %q is none of text, der, hex, base64, marking, subject, flot, x-header, sio-label", form)
	}
	carrier, err := carrierOf(c, form)
	if err != nil {
		return "", fine, err
	}
	policy := set.Of(l.Policy)
	if policy == nil {
		return "", spif.Deny(spif.UnknownPolicy, "the policy of the label is not loaded, and only it knows how the label reads: --spif FILE"), nil
	}
	marking, v := policy.Marking(l, carrier, c.String("lang"))
	if !v.Allowed {
		return "", v, nil
	}
	text, err := carried(c, policy, l, octets, marking)
	return text, v, diag.E("--to "+form, diag.Data, err)
}

// carried puts a marking on its carrier.
func carried(c *ucli.Context, p *spif.Policy, l *label.Label, octets []byte, marking string) (text string, err error) {
	switch c.String("to") {
	case "subject":
		text, err = frameOf(c).Put(c.String("line"), marking)
	case "flot":
		return label.PutFirstLine("", marking)
	case "sio-label":
		field, err := label.NewSIOLabel(l, marking)
		if err != nil {
			return "", err
		}
		field.Octets = octets
		if k, ok := p.Classification(*l.Classification); ok {
			field.Color(k.Color)
		}
		text = "SIO-Label: " + field.String()
	default:
		text = marking
	}
	return text + "\n", err
}

// encodedLabel is the encoding of a label, within X.411 where --x411 is given.
func encodedLabel(c *ucli.Context, l *label.Label) ([]byte, error) {
	if !c.Bool("x411") {
		return l.DER()
	}
	w, lost, err := l.ForX411()
	if err != nil {
		return nil, err
	}
	for _, what := range lost {
		cli.Warn(c, "X.411 has no place for the "+what)
	}
	return ber.Marshal(w)
}

// writeClearance prints a clearance in the form that --to names.
func writeClearance(c *ucli.Context, set *spif.Set, cl *label.Clearance) error {
	octets, err := cl.DER()
	if err != nil {
		return err
	}
	text, ok := inForm(octets, c.String("to"))
	switch {
	case ok:
	case c.String("to") == "text" || !c.IsSet("to"):
		text = cl.Text(set) + "\n"
	default:
		return cli.Usage("--to %q: a clearance is text, der, hex or base64", c.String("to"))
	}
	p := cli.NewPrinter(c)
	p.Text("%s", text)
	return p.Flush()
}

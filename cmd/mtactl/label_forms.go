package main

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
)

// carrierOf is the place of a marking that a form has, or that --carrier names.
func carrierOf(c *ucli.Context, form string) (spif.Carrier, error) {
	switch form {
	case "subject":
		return spif.Subject, nil
	case "flot":
		return spif.FirstLineOfText, nil
	case "x-header":
		return spif.XHeader, nil
	}
	if carrier, ok := spif.ParseCarrier(c.String("carrier")); ok {
		return carrier, nil
	}
	return 0, cli.Usage("--carrier %q is none of %v", c.String("carrier"), spif.Carriers())
}

func frameOf(c *ucli.Context) label.Frame {
	return label.Frame{Open: c.String("open"), Close: c.String("close"), After: c.Bool("after")}
}

// labelFrom reads a label in the form that --from names.
func labelFrom(c *ucli.Context, set *spif.Set, octets []byte) (*label.Label, error) {
	form, text := c.String("from"), string(octets)
	carrier, err := carrierOf(c, form)
	if err != nil {
		return nil, err
	}
	found := true
	switch form {
	case "auto":
		return label.ParseAny(octets, set)
	case "sio-label":
		field, err := label.ParseSIOLabel(afterName(text, "SIO-Label"))
		if err != nil {
			return nil, err
		}
		l, err := field.Label()
		if err == nil && l == nil {
			return set.Parse(field.Marking, spif.XHeader)
		}
		return l, err
	case "x-header":
		if name := c.String("header"); name != "" {
			text = afterName(text, name)
		}
		if l, ok, err := label.ParseField(text); ok {
			return l, err
		}
	case "subject":
		text, _, found = frameOf(c).Cut(afterName(text, "Subject"))
	case "flot":
		text, _, found = label.CutFirstLine(text)
	case "marking":
	default:
		return nil, cli.Usage("--from %q is none of auto, marking, subject, flot, x-header, sio-label", form)
	}
	if !found {
		return nil, diag.New("--from "+form, diag.Data, "there is no marking in its place")
	}
	return set.Parse(text, carrier)
}

// afterName takes the name of a field off it.
func afterName(text, name string) string {
	if before, after, found := strings.Cut(text, ":"); found && strings.EqualFold(strings.TrimSpace(before), name) {
		return after
	}
	return text
}

// inForm returns the octets of DER in the form that --to names, and whether it is one
// of those.
func inForm(octets []byte, form string) (string, bool) {
	switch form {
	case "der":
		return string(octets), true
	case "hex":
		return hex.EncodeToString(octets) + "\n", true
	case "base64":
		return base64.StdEncoding.EncodeToString(octets) + "\n", true
	}
	return "", false
}

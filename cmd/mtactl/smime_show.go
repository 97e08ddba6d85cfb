package main

import (
	"encoding/base64"
	"errors"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/diag"
)

func smimeStrip(c *ucli.Context) error {
	m, _, err := smimeMessage(c)
	if err != nil {
		return err
	}
	stripped, err := m.Strip()
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(stripped)
	return diag.E("standard output", diag.IO, err)
}

func smimeLabel(c *ucli.Context) error {
	label, err := signedLabel(c)
	if err != nil {
		return err
	}
	if label == nil {
		return cli.ErrNo
	}
	if c.Bool("base64") {
		label = []byte(base64.StdEncoding.EncodeToString(label) + "\n")
	}
	_, err = c.App.Writer.Write(label)
	return diag.E("standard output", diag.IO, err)
}

// signedLabel is the label that was signed, verified or not; nil: there is none to tell of.
func signedLabel(c *ucli.Context) ([]byte, error) {
	if !c.Bool("unverified") {
		v, err := smimeJudge(c)
		if err != nil {
			return nil, err
		}
		switch {
		case !v.Valid:
			cli.Warn(c, "the signature is not valid: "+reasons(v.All()))
		case v.Label == nil:
			cli.Warn(c, "the signature is valid, and no label is signed")
		}
		return v.Label, nil
	}
	m, _, err := smimeMessage(c)
	if err != nil {
		return nil, err
	}
	cli.Warn(c, "nothing is verified: anybody can have made this label")
	if signers := m.Layers()[0].Signers; len(signers) > 0 {
		return signers[0].Label, nil
	}
	return nil, nil
}

func smimeShow(c *ucli.Context) error {
	m, _, err := smimeMessage(c)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	if !p.JSON() {
		p.Text("UNVERIFIED: what follows is what the message says of itself\n")
	}
	var errs []error
	for _, l := range m.Layers() {
		if p.JSON() {
			errs = append(errs, p.Record(l))
			continue
		}
		showLayer(p, &l)
	}
	return errors.Join(errors.Join(errs...), p.Flush())
}

func showLayer(p *cli.Printer, l *cms.Layer) {
	indent := strings.Repeat("  ", l.Layer-1)
	line := func(name string, value any) {
		if text := cli.Field(value); text != "-" {
			p.Text("%s%s: %s\n", indent, name, text)
		}
	}
	p.Text("%slayer %d: %s\n", indent, l.Layer, l.Shape)
	line("object", l.ContentType)
	line("content type", l.EContentType)
	line("octets", l.Octets)
	line("inside", l.Inner)
	if l.ContentType != "" {
		line("headers covered, it says", string(l.Headers))
	}
	for _, s := range l.Certificates {
		line("certificate", s)
	}
	for _, s := range l.Signers {
		line("claims to be signed by", cli.Field(s.Subject))
		line("  algorithms", s.Digest+" "+s.Algorithm)
		line("  time", s.SigningTime)
		line("  label", base64.StdEncoding.EncodeToString(s.Label))
		line("  attributes", strings.Join(s.Attributes, ", "))
	}
}

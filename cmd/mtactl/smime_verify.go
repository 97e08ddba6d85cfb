package main

import (
	"encoding/base64"
	"errors"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// smimeTrust reads what a signature is judged by; anybody says that the signer need not be
// the originator.
func smimeTrust(c *ucli.Context) (o *cms.Options, anybody bool, err error) {
	o = &cms.Options{AllowSHA1: c.Bool("allow-sha1"), AllowNoAttributes: c.Bool("allow-no-attributes")}
	if o.Time, err = atTime(c.String("at")); err != nil {
		return nil, false, err
	}
	if c.Bool("require-revocation") {
		o.Revocation = cms.RevocationRequired
	}
	if path := c.String("roots"); path != "" {
		if o.Roots, err = readPart("roots", path, cms.ReadCertificates); err != nil {
			return nil, false, err
		}
	}
	if path := c.String("intermediates"); path != "" {
		if o.Intermediates, err = readPart("intermediates", path, cms.ReadCertificates); err != nil {
			return nil, false, err
		}
	}
	for _, path := range c.StringSlice("crl") {
		lists, err := readPart("crl", path, cms.ReadLists)
		if err != nil {
			return nil, false, err
		}
		o.Lists = append(o.Lists, lists...)
	}
	for _, path := range c.StringSlice("ocsp") {
		r, err := readPart("ocsp", path, cms.ReadResponse)
		if err != nil {
			return nil, false, err
		}
		o.OCSP = append(o.OCSP, r)
	}
	switch from := c.String("from"); {
	case from == "any":
		anybody = true
	case from == "":
	case strings.Contains(from, "@") && !strings.ContainsAny(from, "/;="):
		o.Originators.Mail = []string{from}
	default:
		a, err := cli.Address("--from", from)
		if err != nil {
			return nil, false, err
		}
		o.Originators.OR = []oraddr.Address{a}
	}
	return o, anybody, nil
}

// readPart reads a file of what signatures are judged by or made with.
func readPart[T any](flag, path string, parse func([]byte) (T, error)) (T, error) {
	var none T
	octets, err := readFile(flag, path, maxTrust)
	if err != nil {
		return none, err
	}
	all, err := parse(octets)
	return all, diag.E("--"+flag+": "+path, diag.Config, err)
}

func smimeVerify(c *ucli.Context) error {
	v, err := smimeJudge(c)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	if p.JSON() {
		err = p.Record(v)
	} else {
		err = writeVerdict(p, v)
	}
	if err = errors.Join(err, p.Flush()); err == nil && !v.Valid {
		err = cli.ErrNo
	}
	return err
}

// smimeJudge judges the input by the flags.
func smimeJudge(c *ucli.Context) (*cms.MessageVerdict, error) {
	o, anybody, err := smimeTrust(c)
	if err != nil {
		return nil, err
	}
	m, content, err := smimeMessage(c)
	if err != nil {
		return nil, err
	}
	return m.Verify(content, o, anybody), nil
}

func writeVerdict(p *cli.Printer, v *cms.MessageVerdict) error {
	inner := v.Inner
	if inner == "" {
		inner = v.ContentType
	}
	errs := []error{p.Record(nil, "message", validity(v.Valid), string(v.Shape), string(v.Headers), inner, v.Octets,
		base64.StdEncoding.EncodeToString(v.Label), reasons(v.Reasons))}
	for _, s := range v.Signers {
		errs = append(errs, p.Record(nil, "signer", validity(s.Valid), s.Subject, strings.Join(s.Addresses, ", "), s.SigningTime,
			s.Digest+" "+s.Algorithm, reasons(s.Reasons)))
	}
	for _, f := range v.Fields {
		if f.Outer != "same" {
			errs = append(errs, p.Record(nil, "header", f.Name, f.Outer, f.Value))
		}
	}
	return errors.Join(errs...)
}

func validity(valid bool) string {
	if valid {
		return "valid"
	}
	return "invalid"
}

func reasons(all []cms.Reason) string {
	var text []string
	for _, r := range all {
		text = append(text, r.String())
	}
	return strings.Join(text, "; ")
}

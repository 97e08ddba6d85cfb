package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/diag"
)

func smimeCommand() *ucli.Command {
	content := &ucli.StringFlag{Name: "content", Usage: "`FILE` with what is signed, where it comes apart"}
	trust := []ucli.Flag{
		&ucli.StringFlag{Name: "roots", Usage: "`FILE` with the authorities that are trusted"},
		&ucli.StringFlag{Name: "intermediates", Usage: "`FILE` with further certificates"},
		&ucli.StringSliceFlag{Name: "crl", Usage: "`FILE` with certificate revocation lists"},
		&ucli.StringSliceFlag{Name: "ocsp", Usage: "`FILE` with an OCSP response"},
		&ucli.BoolFlag{Name: "require-revocation", Usage: "something must be known of every certificate"},
		&ucli.StringFlag{Name: "from", Usage: "the `ADDRESS` the signer must have, or any"},
		&ucli.StringFlag{Name: "at", Usage: "judge as at this `TIME`"},
		&ucli.BoolFlag{Name: "allow-sha1", Usage: "take SHA-1 and short RSA keys"},
		&ucli.BoolFlag{Name: "allow-no-attributes", Usage: "take signatures without signed attributes"},
		content,
	}
	return &ucli.Command{Name: "smime", Usage: "sign messages, verify and take off signatures", Subcommands: []*ucli.Command{
		{Name: "sign", Usage: "sign a message", ArgsUsage: "[FILE|-]", Action: withoutEmpty(smimeSign), Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "key", Usage: "`FILE` with the private key"},
			&ucli.StringFlag{Name: "cert", Usage: "`FILE` with its certificate"},
			&ucli.StringFlag{Name: "chain", Usage: "`FILE` with those above it"},
			&ucli.StringFlag{Name: "passphrase", Usage: "`FILE` with the passphrase of the key, or credential:NAME"},
			&ucli.StringFlag{Name: "form", Usage: "multipart, opaque or der: the `FORM`", Value: string(cms.Multipart)},
			&ucli.StringFlag{Name: "headers", Usage: "none, rfc9788 or rfc822: the `FORM` in which the header is covered", Value: "none"},
			&ucli.StringFlag{Name: "digest", Usage: "sha256, sha384 or sha512: the `DIGEST`"},
			&ucli.BoolFlag{Name: "pss", Usage: "RSASSA-PSS"},
			&ucli.StringFlag{Name: "label", Usage: "security `LABEL`, itself or in a file"},
			&ucli.StringSliceFlag{Name: "equivalent-label", Usage: "the same under another policy: a `LABEL`"},
			&ucli.StringSliceFlag{Name: "spif", Usage: "a security policy, whose names labels may have: a `FILE`"},
			&ucli.StringFlag{Name: "econtent-type", Usage: "data, p2, p22, p772 or an object identifier: the `TYPE`", Value: "data"},
			&ucli.BoolFlag{Name: "detached", Usage: "without the content"},
			&ucli.BoolFlag{Name: "replace", Usage: "in place of the outermost signature"},
			content,
		}},
		{Name: "verify", Usage: "whether the outermost signature is valid", ArgsUsage: "[FILE|-]", Action: withoutEmpty(smimeVerify), Flags: append(trust, cli.JSONFlag())},
		{Name: "label", Usage: "the security label that is signed", ArgsUsage: "[FILE|-]", Action: withoutEmpty(smimeLabel), Flags: append(trust[:len(trust):len(trust)],
			&ucli.BoolFlag{Name: "unverified", Usage: "without verifying anything"}, &ucli.BoolFlag{Name: "base64", Usage: "as a line of base64"})},
		{Name: "strip", Usage: "take the outermost signature off, without verifying it", ArgsUsage: "[FILE|-]", Action: withoutEmpty(smimeStrip)},
		{Name: "show", Usage: "the structure, without verifying it", ArgsUsage: "[FILE|-]", Action: withoutEmpty(smimeShow), Flags: []ucli.Flag{cli.JSONFlag()}},
	}}
}

// withoutEmpty refuses options without a value, such as those of a script whose variable is not
// set: --from "" would take the signature of anybody, --label "" sign without a label.
func withoutEmpty(action ucli.ActionFunc) ucli.ActionFunc {
	return func(c *ucli.Context) error {
		for _, f := range c.Command.Flags {
			name, empty := f.Names()[0], false
			switch f.(type) {
			case *ucli.StringFlag:
				empty = c.String(name) == ""
			case *ucli.StringSliceFlag:
				empty = slices.Contains(c.StringSlice(name), "")
			}
			if empty && c.IsSet(name) {
				return cli.Usage("--%s has no value", name)
			}
		}
		return action(c)
	}
}

// maxTrust bounds a file of certificates, lists, labels or a key.
const maxTrust = 256 << 20

// readAll reads a stream of at most so many octets.
func readAll(r io.Reader, most int) ([]byte, error) {
	octets, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return nil, diag.E("", diag.NoInput, err)
	}
	if len(octets) > most {
		return nil, diag.E("", diag.Data, fmt.Errorf("more than %d octets", most))
	}
	return octets, nil
}

// readFile reads a file of at most so many octets; flag names it in an error.
func readFile(flag, path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, diag.E("--"+flag, diag.NoInput, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	octets, err := readAll(f, most)
	if err != nil {
		return nil, diag.E("--"+flag+": "+path, diag.KindOf(err), err)
	}
	return octets, nil
}

// smimeInput reads the input of a verb.
func smimeInput(c *ucli.Context) ([]byte, error) {
	in, err := cli.Input(c)
	if err != nil {
		return nil, err
	}
	octets, err := readAll(in, cms.DefaultLimits().Octets)
	return octets, errors.Join(err, diag.E("", diag.NoInput, in.Close()))
}

// smimeMessage reads the input as what may be signed, and the content that comes apart; nil:
// none is given.
func smimeMessage(c *ucli.Context) (m *cms.Message, content []byte, err error) {
	octets, err := smimeInput(c)
	if err != nil {
		return nil, nil, err
	}
	if m, err = cms.Read(octets, cms.Limits{}); err != nil {
		return nil, nil, err
	}
	path := c.String("content")
	if path == "" {
		return m, nil, nil
	}
	if m.Shape != cms.Bare {
		return nil, nil, cli.Usage("--content is for an object alone: a message has its own")
	}
	content, err = readFile("content", path, cms.DefaultLimits().Octets)
	return m, content, err
}

// atTime reads --at; without it, it is now.
func atTime(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, cli.Usage("--at %q is not a time such as 2026-11-28 or 2026-11-28T09:00:00Z", text)
}

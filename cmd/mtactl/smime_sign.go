package main

import (
	"crypto"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/rfc822"
)

func smimeSign(c *ucli.Context) error {
	shape, form := cms.Shape(c.String("form")), rfc822.Form(c.String("headers"))
	switch {
	case c.String("key") == "":
		return cli.Usage("--key: the file with the private key is needed")
	case !slices.Contains([]cms.Shape{cms.Multipart, cms.Opaque, cms.Bare}, shape):
		return cli.Usage("--form %q is none of multipart, opaque and der", string(shape))
	case !slices.Contains([]rfc822.Form{rfc822.Unprotected, rfc822.RFC9788, rfc822.Wrapped}, form):
		return cli.Usage("--headers %q is none of none, rfc9788 and rfc822", string(form))
	case shape != cms.Bare && c.IsSet("econtent-type"), shape != cms.Bare && c.Bool("detached"):
		return cli.Usage("--econtent-type and --detached go with --form der")
	case shape == cms.Bare && c.IsSet("headers"):
		return cli.Usage("--headers is for messages: with --form der there is no header")
	case c.Bool("replace") && (c.IsSet("form") || c.IsSet("headers") || c.IsSet("econtent-type") || c.IsSet("detached")):
		return cli.Usage("--replace keeps the form of the signature it replaces")
	case c.IsSet("content") && !c.Bool("replace"):
		return cli.Usage("--content goes with --replace")
	}
	s, err := signing(c)
	if err != nil {
		return err
	}
	signed, err := signInput(c, s, shape, form)
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(signed)
	return diag.E("standard output", diag.IO, err)
}

func signInput(c *ucli.Context, s *cms.Signing, shape cms.Shape, form rfc822.Form) ([]byte, error) {
	if c.Bool("replace") {
		m, content, err := smimeMessage(c)
		if err != nil {
			return nil, err
		}
		return s.Replace(m, content)
	}
	octets, err := smimeInput(c)
	if err != nil {
		return nil, err
	}
	if shape == cms.Bare {
		return s.Sign(octets, c.Bool("detached"))
	}
	return s.Mail(octets, shape, form)
}

// signing reads the key, the certificates and the labels.
func signing(c *ucli.Context) (*cms.Signing, error) {
	how := cms.How{PSS: c.Bool("pss")}
	var err error
	if how.ContentType, err = contentType(c.String("econtent-type")); err != nil {
		return nil, err
	}
	hashes := map[string]crypto.Hash{"": 0, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}
	var known bool
	if how.Hash, known = hashes[c.String("digest")]; !known {
		return nil, cli.Usage("--digest %q is none of sha256, sha384 and sha512", c.String("digest"))
	}
	names, err := spif.Load(c.StringSlice("spif")...)
	if err != nil {
		return nil, err
	}
	if text := c.String("label"); text != "" {
		if how.Label, err = readLabel("--label", text, names); err != nil {
			return nil, err
		}
	}
	for _, text := range c.StringSlice("equivalent-label") {
		label, err := readLabel("--equivalent-label", text, names)
		if err != nil {
			return nil, err
		}
		how.EquivalentLabels = append(how.EquivalentLabels, label)
	}
	key, chain, err := signingKey(c)
	if err != nil {
		return nil, err
	}
	return cms.NewSigning(key, chain, how)
}

// maxKey bounds a file with a private key.
const maxKey = 1 << 20

// signingKey reads the key, and its certificates from wherever they are.
func signingKey(c *ucli.Context) (crypto.Signer, []*x509.Certificate, error) {
	path := c.String("key")
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, diag.E("--key", diag.NoInput, err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, nil, diag.WithHint(diag.New("--key: "+path, diag.Config, "everybody has access to it"), "chmod 600 "+path)
	}
	passphrase := ""
	if file := c.String("passphrase"); file != "" {
		if passphrase, err = conf.ReadSecret(file, conf.MaxSecret); err != nil {
			return nil, nil, diag.E("--passphrase", diag.Config, err)
		}
	}
	octets, err := readFile("key", path, maxKey)
	if err != nil {
		return nil, nil, err
	}
	key, chain, err := cms.ReadKey(octets, passphrase)
	if err != nil {
		return nil, nil, diag.E("--key: "+path, diag.Config, err)
	}
	if file := c.String("cert"); file != "" {
		if chain, err = readPart("cert", file, cms.ReadCertificates); err != nil {
			return nil, nil, err
		}
	}
	if chain == nil {
		return nil, nil, cli.Usage("--cert: the file with the certificate of the key is needed")
	}
	if file := c.String("chain"); file != "" {
		more, err := readPart("chain", file, cms.ReadCertificates)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, more...)
	}
	return key, chain, nil
}

// readLabel reads a label in any form from a file or, where there is none of that name, from the
// operand of the flag itself.
func readLabel(flag, text string, names label.Names) ([]byte, error) {
	octets, err := boundedFile(text)
	absent := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.ENOTDIR)
	if err != nil && !absent {
		return nil, diag.E(flag, diag.NoInput, err)
	}
	if absent {
		octets = []byte(text)
	}
	l, wrong := label.ParseAny(octets, names)
	switch {
	case wrong == nil:
	case absent && !strings.Contains(text, "="): // more like the name of a file than a label
		return nil, diag.E(flag, diag.NoInput, err)
	default:
		return nil, diag.E(flag, diag.KindOf(wrong), wrong)
	}
	octets, err = l.ForESS("")
	return octets, diag.E(flag, diag.Data, err)
}

func contentType(text string) (asn1.OID, error) {
	known := map[string]asn1.OID{"data": cms.Data, "p2": cms.P2, "p22": cms.P22, "p772": cms.P772}
	if o, ok := known[text]; ok {
		return o, nil
	}
	if o := asn1.OID(text); o.Valid() == nil {
		return o, nil
	}
	return "", cli.Usage("--econtent-type %q is none of data, p2, p22, p772 and no object identifier", text)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/examples/ldap"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/diag"
)

func directoryCommand() *ucli.Command {
	return &ucli.Command{Name: "directory", Usage: "a directory that switches are configured from", Subcommands: []*ucli.Command{
		{Name: "schema", Usage: "print the schema, for ldapadd", Action: directorySchema},
		{Name: "init", Usage: "add the base of a network and entries to a directory", ArgsUsage: "[FILE ...]", Action: directoryInit,
			Flags: []ucli.Flag{cli.JSONFlag(),
				&ucli.StringFlag{Name: "url", Usage: "`URL` of the server"},
				&ucli.StringFlag{Name: "base", Usage: "distinguished `NAME` above the network of switches"},
				&ucli.StringFlag{Name: "bind-dn", Usage: "distinguished `NAME` to bind as; without it by SASL EXTERNAL on ldapi://"},
				&ucli.StringFlag{Name: "password-file", Usage: "`FILE` with the password"},
				&ucli.BoolFlag{Name: "start-tls", Usage: "begin with TLS"},
				&ucli.StringFlag{Name: "tls-ca", Usage: "`FILE` with the certificates of those who certify servers"},
				&ucli.BoolFlag{Name: "schema", Usage: "add the schema to cn=config first"},
			}},
	}}
}

func directorySchema(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("directory schema takes no operand")
	}
	for i, name := range ldap.Schema {
		text, err := ldap.Files.ReadFile(name)
		if err != nil {
			return diag.E(name, diag.Internal, err)
		}
		if i > 0 {
			text = append([]byte("\n"), text...)
		}
		if _, err := c.App.Writer.Write(text); err != nil {
			return diag.E("standard output", diag.IO, err)
		}
	}
	return nil
}

// schemaEntries are the entries that cn=config takes.
func schemaEntries() (all []ldapconf.Entry, err error) {
	for _, name := range ldap.Schema {
		f, err := ldap.Files.Open(name)
		if err != nil {
			return nil, diag.E(name, diag.Internal, err)
		}
		entries, err := ldapconf.ReadLDIF(f, name)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// server is the directory that the flags name.
func server(c *ucli.Context) (*ldapconf.Source, error) {
	if c.String("url") == "" || c.String("base") == "" {
		return nil, cli.Usage("--url and --base are needed")
	}
	file := conf.New()
	d := &file.Directory
	d.URLs, d.Base, d.MTA = []string{c.String("url")}, c.String("base"), "-"
	d.StartTLS, d.TLSCA = c.Bool("start-tls"), c.String("tls-ca")
	switch {
	case c.String("bind-dn") != "":
		d.Bind, d.BindDN, d.PasswordFile = conf.BindSimple, c.String("bind-dn"), c.String("password-file")
	default:
		d.Bind = conf.BindExternal
	}
	if faults := file.Faults(); len(faults) > 0 {
		return nil, cli.Usage("--%s: %w", faults[0].Key, faults[0].Err)
	}
	return ldapconf.NewSource(file, "/", time.Now)
}

// loaded is what directory init prints.
type loaded struct {
	ldapconf.Added
	Schema  int     `json:"schema"` // entries of it that were added
	Seconds float64 `json:"seconds"`
}

func directoryInit(c *ucli.Context) error {
	s, err := server(c)
	if err != nil {
		return err
	}
	base, err := ldapconf.NewLayout(c.String("base"), "-")
	if err != nil {
		return err
	}
	entries, err := base.Units()
	if err != nil {
		return err
	}
	for _, name := range c.Args().Slice() {
		more, err := readLDIF(c, name)
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	ctx, began := context.Background(), time.Now()
	var out loaded
	if c.Bool("schema") {
		schema, err := schemaEntries()
		if err != nil {
			return err
		}
		n, err := s.AddSchema(ctx, schema)
		if err != nil {
			return err
		}
		out.Schema = n.Added
	}
	out.Added, err = s.Add(ctx, entries)
	out.Seconds = time.Since(began).Seconds()
	p := cli.NewPrinter(c)
	return errors.Join(p.Record(out, out.Schema, out.Added.Added, out.There, fmt.Sprintf("%.3f", out.Seconds)), p.Flush(), err)
}

func readLDIF(c *ucli.Context, name string) ([]ldapconf.Entry, error) {
	if name == "-" {
		return ldapconf.ReadLDIF(c.App.Reader, name)
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, diag.E("", diag.NoInput, err)
	}
	entries, err := ldapconf.ReadLDIF(f, name)
	return entries, errors.Join(err, f.Close())
}

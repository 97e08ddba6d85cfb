package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/spool"
)

// initialise writes a configuration and a spool; what exists is never touched.
func initialise(c *ucli.Context) error {
	if c.NArg() == 0 && c.String("C") != "" && c.NumFlags() == 0 {
		return initialiseSpool(c)
	}
	if c.NArg() != 1 || c.String("C") != "" {
		return diag.WithHint(cli.Usage("init wants one directory"), "mtactl -C FILE init makes the spool of a configuration that there is")
	}
	dir := c.Args().First()
	domain, err := oraddr.ParseDomain(c.String("domain"))
	if err != nil {
		return diag.E("--domain", diag.Usage, err)
	}
	listen, err := freeAddress(c.String("listen"))
	if err != nil {
		return err
	}
	text := tableconf.Default(c.String("name"), tableconf.Options{Domain: domain, Listen: listen})
	path := filepath.Join(dir, "mta.toml")
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return diag.E("init", diag.System, err)
	}
	cfg, err := tableconf.Parse(text, path, absolute)
	if err != nil {
		return diag.E("init", diag.Usage, err) // a name or an address that cannot be configured
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return diag.WithHint(diag.E("init", diag.CantCreate, fmt.Errorf("%s exists already", path)),
			"mtactl -C "+path+" init makes the spool of a configuration that there is")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return diag.E("init", diag.CantCreate, err)
	}
	if err := spool.Init(cfg.Spool.Dir); err != nil {
		return err
	}
	// The configuration comes last: a directory with one is ready. It will hold
	// passwords.
	return diag.E("init", diag.CantCreate, durable.WriteFile(path, text, 0o600))
}

// initialiseSpool makes the spool of a configuration that there is.
func initialiseSpool(c *ucli.Context) error {
	path, err := cli.ConfigPath(c)
	if err != nil {
		return err
	}
	cfg, err := tableconf.Load(path) // a directory has nothing to do with it
	if err != nil {
		return err
	}
	return spool.Init(cfg.Spool.Dir)
}

// freeAddress makes a port of 0 one that is free now.
func freeAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", diag.E("--listen", diag.Usage, err)
	}
	if port != "0" {
		return address, nil
	}
	address, err = tp.UnusedAddress(host)
	return address, diag.E("--listen", diag.Unavailable, err)
}

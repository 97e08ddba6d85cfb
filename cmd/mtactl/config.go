package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
)

// The forms of a configuration.
const (
	formTOML = "toml"
	formLDIF = "ldif"
)

func configCommand() *ucli.Command {
	return &ucli.Command{Name: "config", Usage: "the configuration", Subcommands: []*ucli.Command{
		{Name: "check", Usage: "say what is wrong with the configuration", ArgsUsage: "[FILE]", Action: configCheck,
			Flags: []ucli.Flag{cli.JSONFlag()}},
		{Name: "status", Usage: "where the running configuration comes from", Action: configStatus,
			Flags: []ucli.Flag{cli.JSONFlag()}},
		{Name: "show", Usage: "print the configuration, without passwords", Action: configShow,
			Flags: []ucli.Flag{cli.JSONFlag(), &ucli.BoolFlag{Name: "effective", Usage: "with every default"}}},
		{Name: "get", Usage: "print a value", ArgsUsage: "KEY", Action: configGet},
		{Name: "set", Usage: "change a value in the file", ArgsUsage: "KEY VALUE", Action: configSet},
		{Name: "diff", Usage: "tell what is different in another file", ArgsUsage: "FILE", Action: configDiff,
			Flags: []ucli.Flag{cli.JSONFlag()}},
		{Name: "edit", Usage: "change the file in an editor, and take it if it is right", Action: configEdit},
		{Name: "export", Usage: "print the configuration, as a file or as entries of a directory", Action: configExport,
			Flags: []ucli.Flag{
				&ucli.StringFlag{Name: "to", Usage: "`FORM` to print: toml or ldif", Value: formTOML},
				&ucli.StringFlag{Name: "base", Usage: "distinguished `NAME` above the network of switches, for ldif"},
			}},
		{Name: "import", Usage: "print the configuration that entries of a directory are, as a file", ArgsUsage: "[FILE|-]", Action: configImport,
			Flags: []ucli.Flag{
				&ucli.StringFlag{Name: "base", Usage: "distinguished `NAME` above the network of switches"},
				&ucli.StringFlag{Name: "name", Usage: "`MTA` name of the switch"},
			}},
	}}
}

// configStatus tells what mtarun goes by and what stands in the way of something else.
func configStatus(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("config status takes no operand")
	}
	path, err := cli.ConfigPath(c)
	if err != nil {
		return err
	}
	dir, err := tableconf.SpoolDir(path)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	err = queue.AskDaemon(&conf.Config{Spool: conf.Spool{Dir: dir}}, queue.Request{Verb: queue.VerbStatus}, func(a queue.Answer) error {
		s := a.Status.Config
		if s == nil {
			return diag.New("mtarun", diag.Unavailable, "does not tell where its configuration comes from")
		}
		return recordStatus(p, s)
	})
	if errors.Is(err, queue.ErrNotRunning) {
		return errors.Join(notRunningStatus(p, path), p.Flush(), cli.ErrNo)
	}
	return errors.Join(err, p.Flush())
}

func recordStatus(p *cli.Printer, s *live.Status) error {
	if p.JSON() {
		return p.Record(s)
	}
	p.Text("source\t%s\nversion\t%s\nsince\t%s\nread\t%s\n", cli.Field(s.Source), cli.Field(s.Version), cli.Field(s.Since), cli.Field(s.Read))
	if s.Entries > 0 {
		p.Text("entries\t%d\n", s.Entries)
	}
	if s.Kept {
		p.Text("kept\tthe last good one: the directory has none that can be used\n")
	}
	for line := range strings.Lines(s.Trouble) {
		p.Text("trouble\t%s\n", cli.Field(strings.TrimSpace(line)))
	}
	return nil
}

// notRunningStatus tells what mtarun would start with if the directory could not be had.
func notRunningStatus(p *cli.Printer, path string) error {
	cfg, err := live.Config(path)
	if err != nil {
		return err
	}
	return recordStatus(p, &live.Status{Source: path, Version: cfg.Version})
}

func configExport(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("config export takes no operand")
	}
	to, base := c.String("to"), c.String("base")
	switch {
	case to != formTOML && to != formLDIF:
		return cli.Usage("--to %q is neither toml nor ldif", to)
	case to == formLDIF && base == "":
		return cli.Usage("--to ldif wants --base, the distinguished name above the network of switches")
	case to == formTOML && base != "":
		return cli.Usage("--base is for --to ldif")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	cfg.Directory = conf.New().Directory // what is printed is all there is
	if to == formTOML {
		return writeTOML(c, cfg)
	}
	cli.Warn(c, "the entry of "+cfg.Identity.MTA+" has no address that other switches call: add mtakitAddress to it, or nobody becomes its neighbour")
	layout, err := ldapconf.NewLayout(base, cfg.Identity.MTA)
	if err != nil {
		return err
	}
	entries, err := ldapconf.Encode(cfg, layout)
	if err != nil {
		return err
	}
	return ldapconf.WriteLDIF(c.App.Writer, entries)
}

func writeTOML(c *ucli.Context, cfg *conf.Config) error {
	text, err := tableconf.Encode(cfg)
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(text)
	return diag.E("standard output", diag.IO, err)
}

// configImport reads entries as mtarun does, with everything that it would refuse.
func configImport(c *ucli.Context) error {
	in, err := cli.Input(c)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	name := c.Args().First()
	if name == "" {
		name = "-"
	}
	if c.String("base") == "" || c.String("name") == "" {
		return cli.Usage("--base and --name are needed")
	}
	layout, err := ldapconf.NewLayout(c.String("base"), c.String("name"))
	if err != nil {
		return err
	}
	entries, err := ldapconf.ReadLDIF(in, name)
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return diag.E("", diag.System, err)
	}
	cfg := conf.New()
	if path, err := cli.ConfigPath(c); err == nil {
		if file, err := tableconf.Load(path); err == nil {
			cfg.Spool, cfg.Events, cfg.Run = file.Spool, file.Events, file.Run
			dir = filepath.Dir(path)
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return diag.E("", diag.System, err)
	}
	if err := ldapconf.Decode(cfg, entries, layout, dir); err != nil {
		return err
	}
	return writeTOML(c, cfg)
}

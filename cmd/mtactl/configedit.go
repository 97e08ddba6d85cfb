package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	ucli "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
)

// configShow prints the configuration without its passwords.
func configShow(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("config show takes no operand")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	if p.JSON() {
		return errors.Join(p.Record(cfg.Redacted()), p.Flush())
	}
	write := tableconf.Encode
	if c.Bool("effective") {
		write = tableconf.EncodeAll
	}
	text, err := write(cfg.Redacted())
	if err != nil {
		return err
	}
	p.Text("%s", text)
	return p.Flush()
}

// configGet prints one value.
func configGet(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("config get wants one key")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	cfg = cfg.Redacted()
	key, err := tableconf.FindKey(cfg, c.Args().First())
	if err != nil {
		return err
	}
	text, err := tableconf.Get(cfg, key)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	if text != "" {
		p.Text("%s\n", text)
	}
	return p.Flush()
}

// theFile is the configuration file, which must have everything itself.
func theFile(c *ucli.Context) (path string, text []byte, cfg *conf.Config, err error) {
	if path, err = cli.ConfigPath(c); err != nil {
		return path, nil, nil, err
	}
	if cfg, err = tableconf.Load(path); err != nil {
		return path, nil, nil, err
	}
	text, err = os.ReadFile(path)
	return path, text, cfg, diag.E("", diag.KindOf(err), err)
}

// configSet changes one value in the file.
func configSet(c *ucli.Context) error {
	if c.NArg() != 2 {
		return cli.Usage("config set wants a key and a value")
	}
	path, err := cli.ConfigPath(c)
	if err != nil {
		return err
	}
	return exclusively(path, func() error { return setOne(c) })
}

func setOne(c *ucli.Context) error {
	path, text, cfg, err := theFile(c)
	if err != nil {
		return err
	}
	key, err := tableconf.FindKey(cfg, c.Args().First())
	if err != nil && cfg.InDirectory() {
		return diag.WithHint(err, "what this switch does is in its directory, and is changed there, with ldapmodify: see mta-directory(7)")
	}
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return diag.E("", diag.System, err)
	}
	next, err := tableconf.Set(text, path, dir, key, c.Args().Get(1))
	if err != nil && cfg.InDirectory() {
		return diag.WithHint(err, "what this switch does is in its directory, and is changed there, with ldapmodify: see mta-directory(7)")
	}
	if err != nil {
		return err
	}
	return replace(path, text, next)
}

// exclusively does something with a file while nobody else does so. The lock is that of its
// directory: the file becomes another one when it is replaced.
func exclusively(path string, do func() error) (err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return diag.E("", diag.KindOf(err), err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return diag.E("", diag.KindOf(err), err)
	}
	defer func() { _ = dir.Close() }() // which ends the lock
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		return diag.E(dir.Name(), diag.System, err)
	}
	return do()
}

// replace puts another text in the place of a file that has not changed meanwhile, with the
// permissions that it has.
func replace(path string, was, is []byte) error {
	st, err := os.Stat(path)
	if err != nil {
		return diag.E("", diag.KindOf(err), err)
	}
	now, err := os.ReadFile(path)
	if err != nil {
		return diag.E("", diag.KindOf(err), err)
	}
	if !bytes.Equal(now, was) {
		return diag.New(path, diag.Temporary, "somebody else has changed it; it stays")
	}
	// What is behind a symbolic link is replaced, and not the link.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return diag.E("", diag.KindOf(err), err)
	}
	if err := durable.WriteFile(path, is, st.Mode().Perm()); err != nil {
		return diag.E("", diag.CantCreate, err)
	}
	// Who may read it is who could.
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		return diag.WithHint(diag.E("", diag.KindOf(err), err), "it is changed, and belongs to who changed it: see that mtarun can read it")
	}
	return nil
}

// configDiff tells what is different in another file.
func configDiff(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("config diff wants one file")
	}
	was, err := cli.Config(c)
	if err != nil {
		return err
	}
	is, err := live.Config(c.Args().First())
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	answer := error(nil)
	for _, d := range tableconf.Diff(was.Redacted(), is.Redacted()) {
		answer = cli.ErrNo
		if err := p.Record(d, d.Key, d.Was, d.Is); err != nil {
			return err
		}
	}
	if secrets := passwordsDiffer(was, is); len(secrets) > 0 {
		answer = cli.ErrNo
		for _, key := range secrets {
			if err := p.Record(tableconf.Difference{Key: key, Was: "***", Is: "***"}, key, "***", "***"); err != nil {
				return err
			}
		}
	}
	return errors.Join(p.Flush(), answer)
}

// passwordsDiffer names the passwords that are others, which nobody prints.
func passwordsDiffer(was, is *conf.Config) (keys []string) {
	for i := range was.Peers {
		a := &was.Peers[i]
		b, ok := is.Peer(a.Name)
		if !ok {
			continue
		}
		for key, differ := range map[string]bool{
			"password-in":  a.PasswordIn != b.PasswordIn && a.PasswordIn != "" && b.PasswordIn != "",
			"password-out": a.PasswordOut != b.PasswordOut && a.PasswordOut != "" && b.PasswordOut != "",
		} {
			if differ {
				keys = append(keys, fmt.Sprintf("peer[%s].%s", a.Name, key))
			}
		}
	}
	return keys
}

// configEdit lets an editor change a copy of the file, and takes it if it is right.
func configEdit(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("config edit takes no operand")
	}
	path, err := cli.ConfigPath(c)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path) // it may be wrong: that is what it is edited for
	if err != nil {
		return diag.E("", diag.KindOf(err), err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return diag.E("", diag.System, err)
	}
	copied, err := os.CreateTemp(dir, ".mta.*.toml") // mode 0600
	if err != nil {
		return diag.E("", diag.CantCreate, err)
	}
	_, err = copied.Write(text)
	if err = errors.Join(err, copied.Close()); err != nil {
		return diag.E("", diag.IO, errors.Join(err, os.Remove(copied.Name())))
	}
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	run := exec.Command("sh", "-c", editor+` "$1"`, "sh", copied.Name())
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := run.Run(); err != nil {
		return diag.E(editor, diag.System, errors.Join(err, os.Remove(copied.Name())))
	}
	next, err := os.ReadFile(copied.Name())
	if err != nil {
		return diag.E("", diag.IO, err)
	}
	if _, err := tableconf.Parse(next, copied.Name(), dir); err != nil {
		return diag.WithHint(err, "nothing was changed; what was written is in "+copied.Name())
	}
	if !bytes.Equal(next, text) {
		if err := exclusively(path, func() error { return replace(path, text, next) }); err != nil {
			return diag.WithHint(err, "what was written is in "+copied.Name())
		}
	}
	return diag.E("", diag.IO, os.Remove(copied.Name()))
}

package live

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxKept bounds the files in the spool with what is from the directory.
const maxKept = 2 << 30

// kept is what stays on disk: the configuration and the entries it was made of. Both have
// passwords in them.
type kept struct {
	version         string
	config, entries []byte
}

// model is a configuration as it is kept. One that a program with other keys has kept is made
// anew, of the entries: it lacks what it did not know of, and the defaults of that.
type model struct {
	Keys   string          `json:"keys"`
	Config json.RawMessage `json:"config"`
}

// keys is a digest of the names and types of all keys that this program knows.
var keys = func() string {
	h := sha256.New()
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		fmt.Fprintln(h, t)
		switch t.Kind() {
		case reflect.Slice, reflect.Pointer:
			walk(t.Elem())
		case reflect.Struct:
			if seen[t] {
				return
			}
			seen[t] = true
			for i := range t.NumField() {
				fmt.Fprintln(h, t.Field(i).Name, t.Field(i).Tag)
				walk(t.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[conf.Config]())
	return hex.EncodeToString(h.Sum(nil)[:8])
}()

func newKept(c *conf.Config, entries []ldapconf.Entry) (*kept, error) {
	config, err := json.Marshal(c)
	if err == nil {
		config, err = json.Marshal(model{keys, config})
	}
	if err != nil {
		return nil, diag.E("keep the configuration", diag.Internal, err)
	}
	var text bytes.Buffer
	if err := ldapconf.WriteLDIF(&text, entries); err != nil {
		return nil, err
	}
	return &kept{c.Version, config, text.Bytes()}, nil
}

// write writes both files. What a program that was killed has left of its own attempt is removed:
// it has passwords in it, too.
func (k *kept) write(dir string) error {
	for _, f := range []struct {
		name string
		data []byte
	}{{spool.DirectoryName, k.entries}, {spool.ConfigName, k.config}} {
		path := filepath.Join(dir, f.name)
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"*"))
		for _, name := range left {
			err = errors.Join(err, os.Remove(name))
		}
		if err == nil {
			err = durable.WriteFile(path, f.data, 0o600)
		}
		if err != nil {
			return diag.E("keep the configuration", diag.IO, err)
		}
	}
	return nil
}

// open opens one of the files that are kept.
func open(path string) (*os.File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.WithHint(diag.New(path, diag.Unavailable, "no configuration was read from the directory yet"),
			"mtarun reads it at its start: only it talks to the directory")
	}
	return f, diag.E("", diag.KindOf(err), err)
}

// keptFor returns the configuration from the directory that the switch with a file goes by, or
// went by last, if it is right by what this program knows. Where messages are is what the file says
// now. The error has kind Unavailable if there is none.
func keptFor(file *conf.Config, dir string) (*conf.Config, error) {
	path := filepath.Join(file.Spool.Dir, spool.ConfigName)
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxKept))
	if err != nil {
		return nil, diag.E(path, diag.IO, err)
	}
	var m model
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, diag.E(path, diag.Data, fmt.Errorf("cannot be read: %w", err))
	}
	c := conf.New()
	if m.Keys == keys {
		err = json.Unmarshal(m.Config, c)
	} else {
		c, err = ofEntries(file, dir)
	}
	switch {
	case err != nil:
		return nil, diag.E(path, diag.Data, fmt.Errorf("cannot be read: %w", err))
	case c.Identity.MTA != file.Directory.MTA:
		return nil, diag.E(path, diag.Config, fmt.Errorf("is of %s, and the file is of %s", c.Identity.MTA, file.Directory.MTA))
	}
	c.Spool, c.Events, c.Run = file.Spool, file.Events, file.Run
	c.Complete()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.Directory = file.Directory
	return c, nil
}

// ofEntries makes the configuration anew of the entries that were kept.
func ofEntries(file *conf.Config, dir string) (*conf.Config, error) {
	entries, err := keptEntries(file.Spool.Dir)
	if err != nil {
		return nil, err
	}
	source, err := ldapconf.NewSource(file, dir, time.Now)
	if err != nil {
		return nil, err
	}
	return source.Decode(entries)
}

func keptEntries(dir string) ([]ldapconf.Entry, error) {
	name := filepath.Join(dir, spool.DirectoryName)
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return ldapconf.ReadLDIF(f, name)
}

// Config returns the configuration in the file at path, as whoever runs a command has it:
// if it is in a directory, the one the switch goes by, or went by last.
func Config(path string) (*conf.Config, error) {
	c, err := tableconf.Load(path)
	if err != nil || !c.InDirectory() {
		return c, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, diag.E("conf: "+path, diag.System, err)
	}
	return keptFor(c, dir)
}

// AsOf returns the configuration of another switch, as far as the directory that the one with
// the file at path has it from lets that one read it.
func AsOf(path, mta string) (*conf.Config, error) {
	c, err := tableconf.Load(path)
	if err != nil {
		return nil, err
	}
	if !c.InDirectory() {
		return nil, diag.WithHint(diag.New(path, diag.Usage, "has no [directory]: nothing is known of other switches"), "mta-directory(7) tells how switches share one")
	}
	entries, err := keptEntries(c.Spool.Dir)
	if err != nil {
		return nil, err
	}
	layout, err := ldapconf.NewLayout(c.Directory.Base, mta)
	if err != nil {
		return nil, err
	}
	other := conf.New()
	other.Spool = c.Spool
	return other, ldapconf.Decode(other, entries, layout, filepath.Dir(path))
}

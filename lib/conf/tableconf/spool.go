package tableconf

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// SpoolDir returns the spool directory that a configuration file names, which may have
// errors everywhere else: whoever is to look at the switch that runs by an earlier version
// of the file finds it there. The error has kind NoInput or Denied if the file cannot be
// read, Config if that cannot be told.
func SpoolDir(path string) (string, error) {
	text, err := read(path)
	if err != nil {
		return "", err
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", diag.E("conf: "+path, diag.System, err)
	}
	dir, ok := spoolDir(text)
	if !ok {
		return "", diag.E("conf: "+path, diag.Config, errors.New("spool.dir cannot be told"))
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(base, dir)
	}
	return dir, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, diag.E("conf", diag.KindOf(err), err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	return text, diag.E("conf: "+path, diag.KindOf(err), err)
}

// spoolDir reads the one line the key is on, whatever the others are.
func spoolDir(text []byte) (dir string, ok bool) {
	if len(text) > MaxSize {
		return "", false
	}
	l, _ := scan(text) // as far as it goes
	n, found := l.exact["spool.dir"]
	if !found {
		return conf.New().Spool.Dir, true
	}
	lines := strings.SplitN(string(text), "\n", n+1)
	var line struct {
		Dir   string `toml:"dir"` // below [spool]
		Spool struct {
			Dir string `toml:"dir"`
		} `toml:"spool"`
	}
	if _, err := toml.Decode(strings.TrimSuffix(lines[n-1], "\r"), &line); err != nil {
		return "", false
	}
	for _, dir := range []string{line.Dir, line.Spool.Dir} {
		if dir != "" {
			return dir, true
		}
	}
	return "", false
}

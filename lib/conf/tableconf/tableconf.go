// Package tableconf loads a configuration from a file of tables, the TOML form
// that mta.toml(5) describes.
//
// It is strict: an unknown key is an error, and so is a key that differs from a
// known one by letter case. Every error says the file, the line, the table and the
// key, and all that can be found are reported together.
//
// The TOML library keeps one position for all entries of an array of tables and
// stops at the first value that does not fit, so the package finds the line of
// every key itself, in the same pass that bounds nesting before the library, which
// recurses, sees the text; and it hands the library one value at a time.
package tableconf

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"

	"github.com/BurntSushi/toml"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// MaxSize is the largest file accepted, in octets: room for some fifty thousand
// routes.
const MaxSize = 8 << 20

// maxErrors bounds what one bad file prints, maxKept what it costs.
const (
	maxErrors = 50
	maxKept   = 1000
)

// The places looked in when neither a flag nor the environment names a file.
const (
	nearFile   = "mta.toml"
	systemFile = "/etc/mta/mta.toml"
	variable   = "MTA_CONFIG"
)

// Find returns the configuration file to read: the one the flag -C named, else
// MTA_CONFIG, else ./mta.toml, else /etc/mta/mta.toml. The first two are taken
// whether or not they exist. The error has kind NoInput.
func Find(flag string) (string, error) {
	for _, named := range []string{flag, os.Getenv(variable)} {
		if named != "" {
			return named, nil
		}
	}
	for _, path := range []string{nearFile, systemFile} {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", diag.WithHint(
		diag.New("conf", diag.NoInput, "neither ./"+nearFile+" nor "+systemFile+" exists"),
		"mtactl init makes a configuration; -C or "+variable+" names one")
}

// Load reads, completes and validates the configuration file at path. Relative
// paths in it become absolute, from the directory of the file. The error has kind
// NoInput or Denied if the file cannot be read, Config if it cannot be used.
func Load(path string) (*conf.Config, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, diag.E("conf: "+path, diag.System, err)
	}
	return Parse(text, path, dir)
}

// Parse is Load for a text in memory: name stands in errors, relative paths begin
// at dir.
func Parse(text []byte, name, dir string) (*conf.Config, error) {
	if len(text) > MaxSize {
		return nil, diag.E(name, diag.Config, fmt.Errorf("more than %d octets", MaxSize))
	}
	l := &loader{name: name, dir: dir, conf: conf.New()}
	l.load(text)
	if len(l.errs) > 0 {
		return nil, l.err()
	}
	sum := sha256.Sum256(text)
	l.conf.Version = hex.EncodeToString(sum[:8])
	return l.conf, nil
}

// Decode reads another file of tables as strictly: text goes into the struct that into
// points to, by its toml tags, and check then says what is wrong with it as a whole.
// Entries of a list of tables begin with the defaults that mta.toml(5) gives them, or
// that their method Default returns. The error has kind Config.
func Decode(text []byte, name string, into any, check func() []*conf.Fault) error {
	if len(text) > MaxSize {
		return diag.E(name, diag.Config, fmt.Errorf("more than %d octets", MaxSize))
	}
	l := &loader{name: name}
	if l.tables(text, reflect.ValueOf(into).Elem()) {
		l.faults(check())
	}
	return l.err()
}

// located is an error at a line of the file; line 0 is the file as a whole.
type located struct {
	line int
	err  error
}

type loader struct {
	name, dir string
	conf      *conf.Config
	lines     *lines
	errs      []located
	dropped   int // errors beyond maxKept
}

func (l *loader) fail(line int, err error) {
	if len(l.errs) == maxKept {
		l.dropped++
		return
	}
	l.errs = append(l.errs, located{line, err})
}

// err joins the errors in the order of their lines.
func (l *loader) err() error {
	slices.SortStableFunc(l.errs, func(a, b located) int { return cmp.Compare(a.line, b.line) })
	var all []error
	for i, e := range l.errs {
		if i == maxErrors {
			all = append(all, fmt.Errorf("%s: and %d more", l.name, len(l.errs)-i+l.dropped))
			break
		}
		place := l.name
		if e.line > 0 {
			place += ":" + strconv.Itoa(e.line)
		}
		all = append(all, fmt.Errorf("%s: %w", place, e.err))
	}
	return diag.E("", diag.Config, errors.Join(all...))
}

func (l *loader) load(text []byte) {
	if !l.tables(text, reflect.ValueOf(l.conf).Elem()) {
		return
	}
	l.conf.Absolute(l.dir)
	l.conf.Complete()
	l.faults(l.conf.Faults())
}

func (l *loader) faults(all []*conf.Fault) {
	for _, f := range all {
		l.fail(l.lines.at(f.Path()), f)
	}
}

// tables puts the text into v. A model with holes where values were unreadable would
// only add errors that are not there: then it says no.
func (l *loader) tables(text []byte, v reflect.Value) bool {
	var err error
	if l.lines, err = scan(text); err != nil {
		l.fail(l.lines.line, err)
		return false
	}
	var file toml.Primitive
	meta, err := toml.Decode(string(text), &file)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			l.fail(pe.Position.Line, errors.New(pe.Message))
		} else {
			l.fail(0, errors.New(plain(err)))
		}
		return false
	}
	f := filler{loader: l, meta: meta}
	f.fill("", file, v)
	return len(l.errs) == 0
}

package live

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

const examples = "../../../examples/ldap/"

// machine is the file of MTA-A, with a spool, and its directory.
func machine(t *testing.T, url string) (path, dir string) {
	t.Helper()
	top := t.TempDir()
	path, dir = filepath.Join(top, "mta.toml"), filepath.Join(top, "spool")
	if err := os.WriteFile(path, fmt.Appendf(nil, "[directory]\nurls = [%q]\nbase = \"o=Example\"\nmta = \"MTA-A\"\n", url), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := spool.Init(dir); err != nil {
		t.Fatal(err)
	}
	return path, dir
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// A switch has no configuration before the directory has been read once; then it has the one
// it accepted last, whatever becomes of the directory.
func TestKept(t *testing.T) {
	server, err := slapdtest.New(t.TempDir(), examples, slapdtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	path, dir := machine(t, server.URL())
	if _, err := New(path, time.Now, quiet()).Load(t.Context(), false); err == nil {
		t.Errorf("an empty directory: %v", err)
	}
	network, err := os.Open(examples + "network.ldif")
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	if err := server.Add(network); err != nil {
		t.Fatal(err)
	}
	if _, err := Config(path); diag.KindOf(err) != diag.Unavailable {
		t.Errorf("nobody has read it: %v", err)
	}
	l := New(path, time.Now, quiet())
	c, err := l.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Config(path); diag.KindOf(err) != diag.Unavailable {
		t.Errorf("nobody has accepted it: %v", err)
	}
	if err := l.Accept("another", dir); err != nil || l.Status().Version != "" {
		t.Errorf("what was not read is accepted: %v, %+v", err, l.Status())
	}
	if err := l.Accept(c.Version, dir); err != nil {
		t.Fatal(err)
	}
	if s := l.Status(); s.Version != c.Version || s.Source != server.URL() || s.Entries == 0 || s.Kept || s.Trouble != "" {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{spool.ConfigName, spool.DirectoryName} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v: there are passwords in it", name, st.Mode(), err)
		}
	}
	kept, err := Config(path)
	if err != nil || kept.Version != c.Version || len(kept.Peers) != len(c.Peers) || kept.Spool.Dir != dir {
		t.Errorf("%v, %+v", err, kept)
	}
	other, err := AsOf(path, "MTA-B")
	if err != nil || other.Identity.MTA != "MTA-B" || len(other.Peers) != 2 {
		t.Errorf("as of MTA-B: %v, %+v", err, other)
	}

	server.Stop()
	if _, err := l.Load(t.Context(), false); !errors.Is(err, ErrAway) {
		t.Errorf("a running switch: %v", err)
	}
	if s := l.Status(); s.Version != c.Version || !strings.Contains(s.Trouble, server.URL()) {
		t.Errorf("%+v", s)
	}
	next := New(path, time.Now, quiet())
	again, err := next.Load(t.Context(), false)
	if err != nil || again.Version != c.Version {
		t.Fatalf("a start: %v", err)
	}
	if err := next.Accept(again.Version, dir); err != nil {
		t.Fatal(err)
	}
	if s := next.Status(); !s.Kept || s.Trouble == "" {
		t.Errorf("%+v", s)
	}
}

// A switch goes by its file as it is now, also where the directory is the same.
func TestFileBesideTheDirectory(t *testing.T) {
	server, err := slapdtest.New(t.TempDir(), examples, slapdtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	network, err := os.ReadFile(examples + "network.ldif")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Add(strings.NewReader(string(network))); err != nil {
		t.Fatal(err)
	}
	path, dir := machine(t, server.URL())
	var log strings.Builder
	l := New(path, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
	c, err := l.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Accept(c.Version, dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, "[events]\ndir = \"elsewhere\"\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	next, err := l.Load(t.Context(), false)
	if err != nil || filepath.Base(next.Events.Dir) != "elsewhere" || next.Version == c.Version {
		t.Fatalf("%v, %+v", err, next)
	}
	// What is refused is told until something is accepted.
	l.Refuse(errors.New("no such listener"))
	if s := l.Status(); s.Trouble != "no such listener" {
		t.Errorf("%+v", s)
	}
	if err := l.Accept(next.Version, dir); err != nil || l.Status().Trouble != "" || !strings.Contains(log.String(), "is mended") {
		t.Errorf("%v, %+v\n%s", err, l.Status(), log.String())
	}
}

// A file that has everything needs no directory, and nothing is kept of it.
func TestFileAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mta.toml")
	text := "[identity]\nmta = \"MTA-A\"\ndomain = \"/ADMD=T/C=GB/\"\n[[channel]]\nname = \"p1\"\nkind = \"x400p1\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(path, time.Now, quiet())
	c, err := l.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := l.Accept(c.Version, dir); err != nil || l.Status().Source != path {
		t.Errorf("%v, %+v", err, l.Status())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := AsOf(path, "MTA-B"); diag.KindOf(err) != diag.Usage {
		t.Errorf("%v", err)
	}
	l.Refuse(errors.New("no listener"))
	if s := l.Status(); s.Version != c.Version || s.Trouble != "no listener" {
		t.Errorf("%+v", s)
	}
}

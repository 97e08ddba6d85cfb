package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/durable"
)

// What members of a group make is the group's, whatever their umask; what was there stays as
// it was.
func TestShared(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	var d durable.Shared
	if err := os.WriteFile(at("old"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Mkdir(at("dir")); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(string) (durable.File, error){"new": d.Create, "log": d.AppendTo, "old": d.AppendTo} {
		f, err := open(at(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("y")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Create(at("new")); !os.IsExist(err) {
		t.Errorf("created twice: %v", err)
	}
	if _, err := d.AppendTo(at("none/log")); !os.IsNotExist(err) {
		t.Errorf("a log without a directory: %v", err)
	}
	for name, want := range map[string]os.FileMode{"dir": durable.SharedDir | os.ModeDir, "new": 0o660, "log": 0o660, "old": 0o600} {
		st, err := os.Stat(at(name))
		if err != nil || st.Mode() != want {
			t.Errorf("%s: %v, want %v; %v", name, st.Mode(), want, err)
		}
	}
	if text, err := os.ReadFile(at("old")); err != nil || string(text) != "xy" {
		t.Errorf("%q, %v", text, err)
	}
}

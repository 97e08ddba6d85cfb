package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/spool"
)

// Whoever shares the spool leads nobody out of it by a link: in the place of a message it is one that
// cannot be read, and stays; in the place of a log nothing is written or read through it.
func TestLinksAreNotFollowed(t *testing.T) {
	s := openSpool(t)
	l := lock(t, s)
	ref, path, whole := raw(t, s, "content")
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	write(t, elsewhere, whole)
	log := path + ".log"
	if err := os.Symlink(elsewhere, log); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ReadLog(ref); !errors.Is(err, unix.ELOOP) {
		t.Errorf("read: %v", err)
	}
	if err := s.Append(ref, spool.Record{Kind: spool.RecordHold, Time: then}); !errors.Is(err, unix.ELOOP) {
		t.Errorf("written: %v", err)
	}
	if b, err := os.ReadFile(elsewhere); err != nil || string(b) != string(whole) {
		t.Errorf("%q, %v", b, err)
	}
	for _, err := range []error{os.Remove(log), os.Remove(path), os.Symlink(elsewhere, path)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.OpenMessage(ref); !errors.Is(err, unix.ELOOP) {
		t.Errorf("opened: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lock(t, s)
	items := load(t, s)
	if len(items) != 1 || !errors.Is(items[0].Damaged, unix.ELOOP) || !exists(path) {
		t.Errorf("%+v", items)
	}
}

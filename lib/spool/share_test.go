package spool

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/durable"
)

// mode is that of a file below a spool.
func mode(t *testing.T, s *Spool, name string) fs.FileMode {
	t.Helper()
	st, err := os.Lstat(filepath.Join(s.Dir(), name))
	if err != nil {
		t.Fatal(err)
	}
	return st.Mode()
}

// A spool is its user's alone, until it is shared: then what is in it already, and what is
// made by anybody from then on, is the group's as well where channels work.
func TestShare(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	s := openSpool(t)
	lock, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	write := func(id ID) Ref {
		t.Helper()
		ref := Ref{ID: id, Priority: Normal}
		w, err := s.CreateInPlace(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Finish(&Envelope{Kind: KindMessage, Priority: Normal, Recipients: []Recipient{{N: 1, Address: "/S=Smith/"}}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return ref
	}
	before := write("00000000000000000001")
	if s.Shared() || s.FileMode() != 0o600 || mode(t, s, before.String()) != 0o600 || mode(t, s, "q").Perm() != 0o700 {
		t.Fatalf("not its user's alone: %v, %v", mode(t, s, before.String()), mode(t, s, "q"))
	}
	if err := s.MakeTokens(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again after a start
		if err := s.Share(); err != nil {
			t.Fatal(err)
		}
	}
	dir := fs.ModeDir | durable.SharedDir
	after := write("00000000000000000102")
	partial, err := s.CreatePartial("00000000000000000203", PartialRecord{Kind: PartialActivity})
	if err != nil {
		t.Fatal(err)
	}
	if err := partial.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := s.CreateNew("00000000000000000304")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(&Envelope{Kind: KindMessage, Priority: Normal, Recipients: []Recipient{{N: 1, Address: "/S=Smith/"}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o750, "q": dir, "q/n": dir, filepath.Dir(before.String()): dir, filepath.Dir(after.String()): dir, "partial": dir, "tokens": dir,
		"new": fs.ModeDir | fs.ModeSetgid | 0o710, "tmp": fs.ModeDir | fs.ModeSetgid | 0o700, "ctl": fs.ModeDir | 0o700, "bad": fs.ModeDir | 0o700,
		"lock": 0o600, before.String(): 0o660, after.String(): 0o660, "new/00000000000000000304": 0o660,
		"partial/00000000000000000203": 0o660, "partial/00000000000000000203.log": 0o660,
	} {
		if got := mode(t, s, name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	again, err := Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !again.Shared() || again.FileMode() != durable.SharedFile {
		t.Error("who opens it does not know that it is shared")
	}
	// Who is of its group may work there and do nothing else, and who is of another nothing.
	again.uid++
	if err := again.working("write"); err != nil {
		t.Error(err)
	}
	if _, err := again.Lock(); err == nil || !strings.Contains(err.Error(), "belongs to user") {
		t.Errorf("somebody else has the lock: %v", err)
	}
	s.shared = false
	s.uid++
	if err := s.working("write"); err == nil {
		t.Error("somebody else writes into a spool that is not shared")
	}
}

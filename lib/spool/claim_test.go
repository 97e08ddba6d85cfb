package spool

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Whoever checks a spool asks for a moment whether the writer of a file lives. That is
// nobody who writes it: what is claimed meanwhile would else be left for ever to a writer
// who has died.
func TestCheckIsNoWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *os.File {
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	checks := open()
	if alive(checks) {
		t.Fatal("nobody writes it")
	}
	release := time.AfterFunc(5*time.Millisecond, func() { _ = checks.Close() })
	defer release.Stop()
	holder := open()
	if err := claim(holder); err != nil {
		t.Errorf("with a check at work: %v", err)
	}
	if err := claim(open()); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("what somebody has is claimed: %v", err)
	}
	if !alive(open()) {
		t.Error("whoever has it does not live")
	}
}

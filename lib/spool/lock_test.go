package spool_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

func word(t *testing.T, s *spool.Spool) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Dir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestInitTwiceAndOtherFormat(t *testing.T) {
	dir := filepath.Join(tempDir(t), "a/b")
	if _, err := spool.Open(dir); diag.KindOf(err) != diag.NoInput || diag.HintOf(err) == "" {
		t.Errorf("open of nothing: %v", err)
	}
	for range 2 {
		if err := spool.Init(dir); err != nil {
			t.Fatal(err)
		}
	}
	// An Init that was interrupted can be repeated.
	os.Remove(filepath.Join(dir, "format"))
	os.RemoveAll(filepath.Join(dir, "tmp"))
	if err := spool.Init(dir); err != nil {
		t.Fatal(err)
	}
	if s, err := spool.Open(dir); err != nil || s.Dir() != dir {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "format"), []byte("mtaspool 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := spool.Init(dir); diag.KindOf(err) != diag.Config {
		t.Errorf("init of another format: %v", err)
	}
	if _, err := spool.Open(dir); diag.KindOf(err) != diag.Config {
		t.Errorf("open of another format: %v", err)
	}
}

func TestOneHolder(t *testing.T) {
	s := openSpool(t)
	if got := word(t, s); got != "clean\n" {
		t.Errorf("a new spool is %q", got)
	}
	l := lock(t, s)
	if got := word(t, s); got != "open \n" {
		t.Errorf("a held spool is %q", got)
	}
	other, err := spool.Open(s.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Lock(); diag.KindOf(err) != diag.Unavailable || diag.HintOf(err) == "" {
		t.Errorf("second holder: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := other.LockWait(ctx); diag.KindOf(err) != diag.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := word(t, s); got != "clean\n" {
		t.Errorf("after an orderly end it is %q", got)
	}
	if err := l.Close(); err == nil {
		t.Error("closed twice")
	}
	next, err := other.LockWait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	next.File().Close()
}

// A process that has inherited the descriptor keeps a successor waiting.
func TestOrphanHoldsTheLock(t *testing.T) {
	s := openSpool(t)
	l := lock(t, s)
	orphan := exec.Command("sleep", "60")
	orphan.ExtraFiles = []*os.File{l.File()}
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	l.File().Close() // the holder dies
	if _, err := s.Lock(); diag.KindOf(err) != diag.Unavailable {
		t.Errorf("with an orphan: %v", err)
	}
	orphan.Process.Kill()
	orphan.Wait()
	next, err := s.LockWait(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// Nothing was loaded, and the predecessor died: who comes next must still
	// not trust the contents.
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if got := word(t, s); got != "open \n" {
		t.Errorf("without a load it is %q", got)
	}
	next = lock(t, s)
	load(t, s)
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if got := word(t, s); got != "clean\n" {
		t.Errorf("after a load it is %q", got)
	}
	next = lock(t, s)
	next.Doubt()
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	if got := word(t, s); got == "clean\n" {
		t.Error("a holder in doubt says clean")
	}
}

// Contents are read at a start if the last end was not an orderly one, and
// only then.
func TestContentsAreReadAfterADisorderlyEnd(t *testing.T) {
	s := openSpool(t)
	l := lock(t, s)
	_, path, whole := raw(t, s, "content")
	whole[0] ^= 1
	write(t, path, whole)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = lock(t, s)
	if items := load(t, s); len(items) != 1 || items[0].Damaged != nil {
		t.Errorf("after an orderly end: %+v", items)
	}
	l.File().Close()
	lock(t, s)
	if items := load(t, s); len(items) != 1 || !errors.Is(items[0].Damaged, spool.ErrDamaged) {
		t.Errorf("after a disorderly end: %+v", items)
	}
}

func TestWake(t *testing.T) {
	s := openSpool(t)
	if err := s.Wake(); err != nil {
		t.Errorf("nobody listens: %v", err)
	}
	f, err := s.OpenWake()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.Wake(); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if err := f.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d, %v", n, err)
	}
	// A FIFO that is full does not keep anybody waiting.
	for range 70000 {
		if err := s.Wake(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFind(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	for _, ref := range []spool.Ref{
		{ID: "1hqnpc7cucj8l1234567", Priority: spool.Normal},
		{ID: "1hqnpc7cucj8l1234599", Priority: spool.Urgent},
		{ID: "1hqnpc7cucj9l0000000", Priority: spool.Normal},
	} {
		accept(t, s, ref, nil, envelope())
	}
	w, err := s.CreateNew("1hqnpc7cucj8l0000001")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Finish(envelope()), w.Commit()); err != nil {
		t.Fatal(err)
	}
	for prefix, want := range map[string]string{
		"1hqnpc7cucj8l":        "q/u/99/1hqnpc7cucj8l1234599 q/n/67/1hqnpc7cucj8l1234567 new/1hqnpc7cucj8l0000001 ",
		"1hqnpc7cucj8l12345":   "q/u/99/1hqnpc7cucj8l1234599 q/n/67/1hqnpc7cucj8l1234567 ",
		"1hqnpc7cucj9":         "q/n/00/1hqnpc7cucj9l0000000 ",
		"1hqnpc7cucj8l1234567": "q/n/67/1hqnpc7cucj8l1234567 ",
		"1hqnpc7cucj8l0000001": "new/1hqnpc7cucj8l0000001 ",
		"1hqnpc7cucj8l0000002": "",
		"2":                    "",
	} {
		refs, err := s.Find(prefix)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, ref := range refs {
			got += ref.String() + " "
		}
		if got != want {
			t.Errorf("%s: %s, want %s", prefix, got, want)
		}
	}
	for _, bad := range []string{"", "..", "1HQ", "1hqnpc7cucj8l12345678"} {
		if _, err := s.Find(bad); diag.KindOf(err) != diag.Usage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

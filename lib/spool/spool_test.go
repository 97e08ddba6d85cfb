package spool_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

var then = time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC)

func openSpool(t testing.TB) *spool.Spool {
	t.Helper()
	dir := filepath.Join(tempDir(t), "spool")
	if err := spool.Init(dir); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// tempDir prefers a file system in memory, where a barrier costs nothing and
// does not wait for what others write.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mtaspool")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func lock(t testing.TB, s *spool.Spool) *spool.Lock {
	t.Helper()
	l, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.File().Close() })
	return l
}

func envelope() *spool.Envelope {
	return &spool.Envelope{
		Kind:        spool.KindMessage,
		MTSID:       "[/PRMD=ACME/ADMD= /C=DE/;1]",
		Priority:    spool.Normal,
		Originator:  "/S=Jones/O=Acme/PRMD=ACME/ADMD= /C=DE/",
		ContentType: "2.6.1.10.1",
		Subject:     "a < b & c > d",
		Accepted:    then,
		Source:      spool.Source{Channel: "p1", Peer: "MTA-B", Association: "7"},
		Wire:        []byte{0x31, 0x80, 0, 0},
		Recipients: []spool.Recipient{
			{N: 1, Address: "/S=Smith/C=GB/", Hops: []spool.Hop{{Channel: "p1", Peer: "MTA-C"}}, Report: "non-delivery"},
			{N: 4, Address: "/S=Nobody/C=GB/", Fail: &spool.Failure{Reason: 1, Diagnostic: 0, Text: "unknown"}},
		},
	}
}

// accept writes a message in place and runs the barrier.
func accept(t testing.TB, s *spool.Spool, ref spool.Ref, content []byte, env *spool.Envelope) {
	t.Helper()
	w, err := s.CreateInPlace(ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(env); err != nil {
		t.Fatal(err)
	}
	if err := s.Barrier(&spool.Batch{Refs: []spool.Ref{ref}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s *spool.Spool) []spool.Item {
	t.Helper()
	var items []spool.Item
	if err := s.Load(func(i spool.Item) error { items = append(items, i); return nil }); err != nil {
		t.Fatal(err)
	}
	return items
}

func content(t *testing.T, s *spool.Spool, ref spool.Ref) []byte {
	t.Helper()
	m, err := s.OpenMessage(ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.VerifyContent(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(m.Content())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLifeOfAMessage(t *testing.T) {
	for _, mode := range []spool.BarrierMode{spool.BarrierSyncfs, spool.BarrierFsync} {
		t.Run(string(mode), func(t *testing.T) {
			s := openSpool(t)
			if err := s.SetBarrier(mode); err != nil {
				t.Fatal(err)
			}
			l := lock(t, s)
			ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Urgent}
			env := envelope()
			accept(t, s, ref, []byte("content"), env)

			record := spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{1},
				Outcome: "deferred", Reason: 2, Text: "no <answer>\nat all", Until: then.Add(time.Minute)}
			if err := s.Append(ref, record, record); err != nil {
				t.Fatal(err)
			}
			want := []spool.Item{{Ref: ref, Envelope: env, Log: []spool.Record{record, record}}}
			if diff := cmp.Diff(want, load(t, s)); diff != "" {
				t.Errorf("loaded (-want +got):\n%s", diff)
			}
			if got := content(t, s, ref); string(got) != "content" {
				t.Errorf("content %q", got)
			}
			if err := s.Remove(ref); err != nil {
				t.Fatal(err)
			}
			if err := s.Barrier(nil); err != nil {
				t.Fatal(err)
			}
			if err := s.RemoveLog(ref); err != nil {
				t.Fatal(err)
			}
			if got := load(t, s); len(got) != 0 {
				t.Errorf("after removal %v", got)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSubmissionWithoutScheduler(t *testing.T) {
	s := openSpool(t)
	id := spool.NewID(then)
	w, err := s.CreateNew(id)
	if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16)
	if _, err := io.Copy(w, bytes.NewReader(big)); err != nil {
		t.Fatal(err)
	}
	env := envelope()
	if err := w.Finish(env); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.ScanNew(); err != nil || len(ids) != 0 {
		t.Fatalf("before the commit new/ has %v, %v", ids, err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	lock(t, s)
	ids, err := s.ScanNew()
	if err != nil || !cmp.Equal(ids, []spool.ID{id}) {
		t.Fatalf("new/ has %v, %v", ids, err)
	}
	item, err := s.Adopt(id)
	if err != nil {
		t.Fatal(err)
	}
	ref := item.Ref
	if diff := cmp.Diff(env, item.Envelope); diff != "" {
		t.Error(diff)
	}
	if want := (spool.Ref{ID: id, Priority: spool.Normal}); ref != want {
		t.Errorf("adopted as %v", ref)
	}
	if !bytes.Equal(content(t, s, ref), big) {
		t.Error("content changed")
	}
}

func TestCreateTwice(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}
	w, err := s.CreateInPlace(ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateInPlace(ref); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second creation: %v", err)
	}
	if err := s.Discard(ref); diag.KindOf(err) != diag.Temporary {
		t.Errorf("discard under a living writer: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(s.Dir(), ref.String())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished file stays after Close: %v", err)
	}
	accept(t, s, ref, nil, envelope())
	if err := s.Discard(ref); diag.KindOf(err) != diag.Denied {
		t.Errorf("discard of a whole file: %v", err)
	}
}

func TestHolderOnly(t *testing.T) {
	s := openSpool(t)
	ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}
	for name, call := range map[string]func() error{
		"append":  func() error { return s.Append(ref, spool.Record{}) },
		"remove":  func() error { return s.Remove(ref) },
		"log":     func() error { return s.RemoveLog(ref) },
		"barrier": func() error { return s.Barrier(nil) },
		"load":    func() error { return s.Load(nil) },
		"adopt":   func() error { _, err := s.Adopt(ref.ID); return err },
		"discard": func() error { return s.Discard(ref) },
	} {
		if err := call(); diag.KindOf(err) != diag.Denied {
			t.Errorf("%s without the lock: %v", name, err)
		}
	}
}

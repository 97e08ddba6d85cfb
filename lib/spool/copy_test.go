package spool_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtakit/mtakit/lib/spool"
)

// A copy is octet for octet what it is made of, however large, and is found damaged if
// that is.
func TestCopyContent(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	for _, size := range []int{0, 5, 64 << 10, 64<<10 + 1, 3<<20 + 7} {
		content := bytes.Repeat([]byte("octets of a content. "), size/21+1)[:size]
		from := spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}
		accept(t, s, from, content, envelope())
		for _, damaged := range []bool{false, true} {
			if damaged {
				if size < 1000 {
					continue // there is nothing where damage is done
				}
				damage(t, filepath.Join(s.Dir(), from.String()))
			}
			to := copyOf(t, s, from)
			m, err := s.OpenMessage(to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(m.Content())
			if err != nil || !damaged && !bytes.Equal(got, content) {
				t.Errorf("%d octets became %d others: %v", size, len(got), err)
			}
			err = m.VerifyContent()
			if errors.Is(err, spool.ErrDamaged) != damaged {
				t.Errorf("%d octets, damaged %v: %v", size, damaged, err)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func damage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[10] ^= 1
	write(t, path, b)
}

func copyOf(t *testing.T, s *spool.Spool, from spool.Ref) spool.Ref {
	t.Helper()
	m, err := s.OpenMessage(from)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}
	w, err := s.CreateInPlace(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.CopyContent(m); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Finish(envelope()), s.Barrier(&spool.Batch{Refs: []spool.Ref{ref}}), w.Close()); err != nil {
		t.Fatal(err)
	}
	return ref
}

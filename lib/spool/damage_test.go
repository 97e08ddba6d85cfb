package spool_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// raw returns a whole message file and where it lies.
func raw(t testing.TB, s *spool.Spool, octets string) (spool.Ref, string, []byte) {
	t.Helper()
	ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}
	accept(t, s, ref, []byte(octets), envelope())
	path := filepath.Join(s.Dir(), ref.String())
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return ref, path, b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// A file cut off anywhere was never accepted, if its writer died with the holder; after
// a holder who let go in order it was, and is kept.
func TestTruncatedAtEveryLength(t *testing.T) {
	s := openSpool(t)
	l := lock(t, s)
	ref, path, whole := raw(t, s, "content")
	bad := filepath.Join(s.Dir(), "bad", string(ref.ID))
	for n := range whole {
		for _, clean := range []bool{false, true} {
			write(t, path, whole[:n])
			if _, err := s.OpenMessage(ref); !errors.Is(err, spool.ErrIncomplete) || diag.KindOf(err) != diag.Data {
				t.Errorf("cut at %d of %d: %v", n, len(whole), err)
			}
			if clean {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				l.File().Close() // as a holder that dies
			}
			l = lock(t, s)
			items := load(t, s)
			if len(items) != 1 || items[0].Removed == clean || errors.Is(items[0].Damaged, spool.ErrBad) != clean {
				t.Errorf("cut at %d of %d, clean %v: %+v", n, len(whole), clean, items)
			}
			if exists(path) || exists(bad) != clean {
				t.Errorf("cut at %d of %d, clean %v: still there %v, in bad/ %v", n, len(whole), clean, exists(path), exists(bad))
			}
			os.Remove(bad)
			os.Remove(bad + ".why")
		}
	}
}

// An accepted message of which one octet has changed is not delivered and not
// removed: the change is seen wherever it is.
func TestEveryOctetChanged(t *testing.T) {
	s := openSpool(t)
	l := lock(t, s)
	ref, path, whole := raw(t, s, "content")
	if err := s.Append(ref, spool.Record{Time: then, Kind: spool.RecordHold}); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + ".log")
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		l.File().Close() // as a holder that dies
		l = lock(t, s)
		b := bytes.Clone(whole)
		b[i] ^= 1
		write(t, path, b)
		write(t, path+".log", log)
		items := load(t, s)
		if len(items) != 1 || items[0].Damaged == nil || items[0].Envelope != nil {
			t.Fatalf("octet %d changed: %+v", i, items)
		}
		bad := filepath.Join(s.Dir(), "bad", string(ref.ID))
		if got, _ := os.ReadFile(bad); !bytes.Equal(got, b) || exists(path) || exists(path+".log") || !exists(bad+".log") {
			t.Fatalf("octet %d changed: not moved to bad/", i)
		}
		why, err := os.ReadFile(bad + ".why")
		if err != nil || strings.TrimSpace(string(why)) != items[0].Damaged.Error() {
			t.Fatalf("octet %d changed: why: %q, %v", i, why, err)
		}
		for _, name := range []string{bad, bad + ".log", bad + ".why"} {
			os.Remove(name)
		}
	}
}

// Content that looks like the end of a message file, in a file cut just behind
// it, is not taken for a message: it cannot know the identifier.
func TestForgedEnd(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	_, _, forged := raw(t, s, "forged")
	for _, behind := range []string{"", "the rest of the content"} {
		ref, path, whole := raw(t, s, string(forged)+behind)
		if got := content(t, s, ref); string(got) != string(forged)+behind {
			t.Errorf("content %q", got)
		}
		write(t, path, whole[:len(forged)])
		if m, err := s.OpenMessage(ref); err == nil {
			t.Errorf("taken for a message: %+v", m.Envelope)
		}
	}
}

// In bad/ nothing is replaced.
func TestBadIsNeverReplaced(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	ref, path, whole := raw(t, s, "content")
	whole[len(whole)-20] ^= 1
	for range 3 {
		write(t, path, whole)
		load(t, s)
	}
	got, err := os.ReadDir(filepath.Join(s.Dir(), "bad"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range got {
		names = append(names, strings.TrimPrefix(e.Name(), string(ref.ID)))
	}
	want := []string{"", "+", "++", "++.why", "+.why", ".why"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

// What is named like a message but cannot be read stays, and is reported.
func TestUnreadableStays(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Urgent}
	path := filepath.Join(s.Dir(), ref.String())
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	good := spool.Ref{ID: spool.NewID(then), Priority: spool.NonUrgent}
	accept(t, s, good, nil, envelope())
	items := load(t, s)
	if len(items) != 2 || items[0].Damaged == nil || items[1].Ref != good || !exists(path) {
		t.Errorf("%+v", items)
	}
}

func records(n int) []spool.Record {
	var rs []spool.Record
	for i := range n {
		rs = append(rs, spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{i + 1}, Outcome: "delivered"})
	}
	return rs
}

// A log torn anywhere loses the record that was torn and no other, even when
// the log is written on.
func TestLogTornAtEveryOctet(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	ref, path, _ := raw(t, s, "")
	path += ".log"
	three := records(3)
	var ends []int
	for i := range three {
		if err := s.Append(ref, three[i]); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(b))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := ends[1]; n < len(whole); n++ {
		for _, rest := range [][]byte{nil, make([]byte, len(whole)-n), bytes.Repeat([]byte{0xff}, 7)} {
			write(t, path, append(bytes.Clone(whole[:n]), rest...))
			if err := s.Append(ref, three[0]); err != nil {
				t.Fatal(err)
			}
			got, torn, err := s.ReadLog(ref)
			if err != nil {
				t.Fatal(err)
			}
			want := []spool.Record{three[0], three[1], three[0]}
			if n == len(whole)-1 && len(got) == 4 {
				// Only the last newline is missing: the record is whole.
				want = []spool.Record{three[0], three[1], three[2], three[0]}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("torn at %d, then %q:\n%s", n, rest, diff)
			}
			if limit := 1; torn > limit {
				t.Errorf("torn at %d, then %q: %d torn", n, rest, torn)
			}
		}
	}
}

// A record of which any octet changed is skipped, and the others are read.
func TestLogEveryOctetChanged(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	ref, path, _ := raw(t, s, "")
	three := records(3)
	if err := s.Append(ref, three...); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path + ".log")
	if err != nil {
		t.Fatal(err)
	}
	for i := len(whole) / 3; i < 2*len(whole)/3; i++ {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		write(t, path+".log", b)
		got, torn, err := s.ReadLog(ref)
		if err != nil {
			t.Fatal(err)
		}
		// A newline between two records that has changed may cost a line of its
		// own or nothing at all.
		edge := whole[i] == '\n'
		if !edge && (torn != 1 || !cmp.Equal(got, []spool.Record{three[0], three[2]})) {
			t.Errorf("octet %d %q changed: %d torn, %v", i, whole[i], torn, got)
		}
		if edge && (!cmp.Equal(got[0], three[0]) || len(got) < 2) {
			t.Errorf("newline %d changed: %d torn, %v", i, torn, got)
		}
	}
}

// FuzzReadMessage: whatever a file holds, it is either refused as incomplete or
// damaged, or its lengths add up and it has the name it was opened by.
func FuzzReadMessage(f *testing.F) {
	s := openSpool(f)
	lock(f, s)
	ref, path, whole := raw(f, s, "content")
	f.Add(whole)
	f.Add(whole[1:])
	f.Add(append(bytes.Repeat([]byte("x"), 10000), whole[7:]...))
	f.Add([]byte("mta1 "))
	f.Add(append(make([]byte, 300), whole[len(whole)-spool.LastLineSize:]...))
	f.Fuzz(func(t *testing.T, data []byte) {
		write(t, path, data)
		m, err := s.OpenMessage(ref)
		if err != nil {
			if !errors.Is(err, spool.ErrIncomplete) && !errors.Is(err, spool.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		defer m.Close()
		if m.Envelope.ID != ref.ID || m.Envelope.Size < 0 || m.Envelope.Size > int64(len(data)) || len(m.Envelope.Recipients) == 0 {
			t.Fatalf("%+v", m.Envelope)
		}
		if err := m.VerifyContent(); err != nil && !errors.Is(err, spool.ErrDamaged) {
			t.Fatal(err)
		}
	})
}

// FuzzReadLog: whatever a log holds, reading it gives records that were written,
// and a record appended is read.
func FuzzReadLog(f *testing.F) {
	s := openSpool(f)
	lock(f, s)
	ref, path, _ := raw(f, s, "")
	if err := s.Append(ref, records(2)...); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path + ".log")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add([]byte("\n00000000 {}\n"))
	f.Add([]byte("00000000 "))
	f.Add([]byte("\n\n\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		write(t, path+".log", data)
		before, torn, err := s.ReadLog(ref)
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(data, []byte("\n")) + 1; len(before)+torn > lines {
			t.Fatalf("%d records and %d torn in %d lines", len(before), torn, lines)
		}
		last := records(1)[0]
		if err := s.Append(ref, last); err != nil {
			t.Fatal(err)
		}
		after, _, err := s.ReadLog(ref)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(before, last), after); diff != "" {
			t.Fatal(diff)
		}
	})
}

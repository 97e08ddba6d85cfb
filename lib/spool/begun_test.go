package spool

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
)

// What a holder that was killed had begun to transfer may have been sent, and only that:
// what the log says since then is known, what lies longer back is in the log.
func TestBegun(t *testing.T) {
	dir := newSpool(t)
	at := time.Unix(1_800_000_000, 0)
	accept := func(recipients int) Ref {
		t.Helper()
		env := &Envelope{ID: NewID(at)}
		for n := range recipients {
			env.Recipients = append(env.Recipients, Recipient{N: n + 1, Address: "/C=GB/"})
		}
		return put(t, dir, env)
	}
	answered, held, sent, several, many, old, gone := accept(1), accept(1), accept(1), accept(3), accept(20), accept(1), accept(1)
	s, lock := openOn(t, dir, BarrierSyncfs, durable.OS{})
	begin := func(after time.Duration, ref Ref, n ...int) {
		t.Helper()
		if err := s.Begin(at.Add(after), ref.ID, n); err != nil {
			t.Fatal(err)
		}
	}
	log := func(after time.Duration, ref Ref, kind RecordKind, n ...int) {
		t.Helper()
		if err := s.Append(ref, Record{Time: at.Add(after), Kind: kind, Recipients: n, Outcome: "deferred"}); err != nil {
			t.Fatal(err)
		}
	}
	var all []int
	for n := range 20 {
		all = append(all, n+1)
	}
	begin(0, old, 1)
	log(0, sent, RecordOutcome, 1) // an earlier attempt
	begin(10*time.Second, answered, 1)
	begin(10*time.Second, held, 1)
	begin(11*time.Second, sent, 1)
	begin(11*time.Second, several, 1, 3)
	begin(11*time.Second, many, all...)
	begin(11*time.Second, gone, 1)
	log(12*time.Second, answered, RecordOutcome, 1)
	log(12*time.Second, held, RecordHold, 1)
	log(12*time.Second, several, RecordOutcome, 3)
	if err := s.Remove(gone); err != nil {
		t.Fatal(err)
	}

	want := map[Ref][]int{held: {1}, sent: {1}, several: {1}, many: all}
	for again := range 2 { // a second crash finds the same
		if err := errors.Join(lock.f.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		s, lock = openOn(t, dir, BarrierSyncfs, durable.OS{})
		got := map[Ref][]int{}
		if err := s.Load(func(i Item) error {
			marks := 0
			for _, r := range i.Log {
				if r.Outcome == OutcomeInDoubt {
					got[i.Ref] = r.Recipients
					marks++
				}
			}
			if marks > 1 {
				t.Errorf("%v is marked %d times", i.Ref, marks)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("crash %d: in doubt are %v, not %v", again+1, got, want)
		}
	}

	// After an end in order nothing is in doubt, whatever is still written there.
	begin(20*time.Second, old, 1)
	if err := errors.Join(lock.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s, lock = openOn(t, dir, BarrierSyncfs, durable.OS{})
	if err := s.Load(func(i Item) error {
		if i.Ref == old && len(i.Log) > 0 {
			t.Errorf("%v", i.Log)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lock.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// The file is a ring of lines that people can read, and stays as long as it is.
func TestBegunIsARing(t *testing.T) {
	s, lock := openOn(t, newSpool(t), BarrierSyncfs, durable.OS{})
	defer func() { _ = errors.Join(lock.Close(), s.Close()) }()
	at := time.Unix(1_800_000_000, 5)
	id := NewID(at)
	for i := range begunLines + 1 {
		if err := s.Begin(at.Add(time.Duration(i)), id, []int{i}); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(s.dir + "/" + begunName)
	if err != nil || len(data) != begunLines*begunSize {
		t.Fatalf("%d octets, %v", len(data), err)
	}
	for line, want := range map[int]string{
		0: fmt.Sprintf("18000000000000%05d %s %d", begunLines+5, id, begunLines),
		1: fmt.Sprintf("1800000000000000006 %s 1", id),
	} {
		if got := string(data[line*begunSize:][:len(want)]); got != want {
			t.Errorf("line %d: %q, not %q", line, got, want)
		}
	}
}

// FuzzBegun: a line that means something means the same when it is written again.
func FuzzBegun(f *testing.F) {
	f.Add([]byte("1800000000000000006 1hqnpc7cucj8l1234567 1,2,3     \n"))
	f.Add([]byte("1800000000000000006 1hqnpc7cucj8l1234567\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		l, ok := parseBegun(line)
		if !ok {
			return
		}
		again, ok := parseBegun(appendBegun(nil, l.time, l.id, l.recipients))
		if !ok || !again.time.Equal(l.time) || again.id != l.id || again.recipients != nil && !slices.Equal(again.recipients, l.recipients) {
			t.Errorf("%q is %v, and then %v", line, l, again)
		}
	})
}

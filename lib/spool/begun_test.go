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
// what the log says since then is known, whatever the clock did meanwhile.
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
	answered, held, sent, several, many, gone := accept(1), accept(1), accept(1), accept(3), accept(2000), accept(1)
	s, lock := openOn(t, dir, BarrierSyncfs, durable.OS{})
	clock := at
	begin := func(ref Ref, n ...int) {
		t.Helper()
		if err := s.Begin(clock, ref, n); err != nil {
			t.Fatal(err)
		}
	}
	log := func(ref Ref, kind RecordKind, n ...int) {
		t.Helper()
		if err := s.Append(ref, Record{Time: clock, Kind: kind, Recipients: n, Outcome: "deferred"}); err != nil {
			t.Fatal(err)
		}
	}
	var most []int
	for n := range 1999 {
		most = append(most, n+2)
	}
	log(sent, RecordOutcome, 1) // an earlier attempt
	log(many, RecordOutcome, 1) // it goes to somebody else, who is not there
	clock = at.Add(-time.Hour)  // the clock was put back
	begin(answered, 1)
	begin(held, 1)
	begin(sent, 1)
	begin(several, 3, 1)
	begin(many, most...)
	begin(gone, 1)
	log(answered, RecordOutcome, 1)
	log(held, RecordHold, 1)
	log(several, RecordOutcome, 3)
	if err := s.Remove(gone); err != nil {
		t.Fatal(err)
	}

	want := map[Ref][]int{held: {1}, sent: {1}, several: {1}, many: most}
	for again := range 2 { // a second crash finds the same
		if err := errors.Join(lock.f.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		s, lock = openOn(t, dir, BarrierSyncfs, durable.OS{})
		if got := inDoubt(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("crash %d: in doubt are %v, not %v", again+1, got, want)
		}
	}

	// After an end in order nothing is in doubt, whatever is still written there.
	begin(answered, 1)
	if err := errors.Join(lock.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s, lock = openOn(t, dir, BarrierSyncfs, durable.OS{})
	if got := inDoubt(t, s); got[answered] != nil {
		t.Errorf("%v", got)
	}
	if err := errors.Join(lock.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// inDoubt loads a spool and returns who is in doubt by the logs.
func inDoubt(t *testing.T, s *Spool) map[Ref][]int {
	t.Helper()
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
	return got
}

// A disk that is full when the switch starts again takes no marks: whoever loads the spool
// knows all the same, and so does who loads it after that, and what was begun meanwhile
// stands beside it. Only when all of it has been written down the spool counts as loaded.
func TestBegunOnAFullDisk(t *testing.T) {
	dir := newSpool(t)
	at := time.Unix(1_800_000_000, 0)
	first := put(t, dir, &Envelope{ID: NewID(at), Recipients: []Recipient{{N: 1, Address: "/C=GB/"}}})
	second := put(t, dir, &Envelope{ID: NewID(at.Add(1)), Recipients: []Recipient{{N: 1, Address: "/C=GB/"}}})
	s, lock := openOn(t, dir, BarrierSyncfs, durable.OS{})
	if err := errors.Join(s.Begin(at, first, []int{1}), lock.f.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(dir+"/"+begunName, begunSize+10); err != nil { // it was full then, too
		t.Fatal(err)
	}
	s, lock = openOn(t, dir, BarrierSyncfs, full{})
	if got := inDoubt(t, s); fmt.Sprint(got) != fmt.Sprint(map[Ref][]int{first: {1}}) {
		t.Errorf("the first start: %v", got)
	}
	if err := s.Begin(at, second, []int{1}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lock.Close(), s.Close()); err != nil { // in order
		t.Fatal(err)
	}
	s, lock = openOn(t, dir, BarrierSyncfs, durable.OS{})
	if got := inDoubt(t, s); fmt.Sprint(got) != fmt.Sprint(map[Ref][]int{first: {1}, second: {1}}) {
		t.Errorf("the second start: %v", got)
	}
	if err := errors.Join(lock.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	s, lock = openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer func() { _ = errors.Join(lock.Close(), s.Close()) }()
	if b, err := s.Recover(); err != nil || b.Crashed() {
		t.Errorf("not loaded whole, %v", err)
	}
}

// The file is a ring of lines that people can read, and stays as long as it is; numbers that
// do not fit are refused.
func TestBegunIsARing(t *testing.T) {
	s, lock := openOn(t, newSpool(t), BarrierSyncfs, durable.OS{})
	defer func() { _ = errors.Join(lock.Close(), s.Close()) }()
	at := time.UnixMilli(1_800_000_000_005)
	ref := Ref{ID: NewID(at), Priority: Normal}
	for i := range begunLines + 1 {
		if err := s.Begin(at.Add(time.Duration(i)*time.Millisecond), ref, []int{i + 1, i + 3, i + 4}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Begin(at, ref, []int{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23}); !errors.Is(err, ErrCrowded) {
		t.Error(err)
	}
	data, err := os.ReadFile(s.dir + "/" + begunName)
	if err != nil || len(data) != begunLines*begunSize {
		t.Fatalf("%d octets, %v", len(data), err)
	}
	for line, want := range map[int]string{
		0: fmt.Sprintf("18000000%05d %s 0 %d,%d-%d ", begunLines+5, ref.ID, begunLines+1, begunLines+3, begunLines+4),
		1: fmt.Sprintf("1800000000006 %s 0 2,4-5 ", ref.ID),
	} {
		if got := string(data[line*begunSize:][:len(want)]); got != want {
			t.Errorf("line %d: %q, not %q", line, got, want)
		}
	}
}

// FuzzBegun: a line that means something means the same when it is written again.
func FuzzBegun(f *testing.F) {
	f.Add([]byte("1800000000000 1hqnpc7cucj8l1234567 0 1,2,3     \n"))
	f.Add([]byte("1800000000000 1hqnpc7cucj8l1234567 212 1-3,7\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		l, ok := parseBegun(line)
		if !ok {
			return
		}
		b, ok := appendBegun(nil, l)
		if !ok {
			return // it is longer than any that is written
		}
		again, ok := parseBegun(b)
		if !ok || !again.time.Equal(l.time) || again.id != l.id || again.after != l.after || !slices.Equal(again.recipients, l.recipients) {
			t.Errorf("%q is %v, and then %v", line, l, again)
		}
	})
}

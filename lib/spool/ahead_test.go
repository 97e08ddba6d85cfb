package spool

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
)

// However many files there are, each is visited once and in its turn, with its log if it
// has one, and what an error of the visitor leaves over is visited the next time.
func TestLoadOfMany(t *testing.T) {
	dir := newSpool(t)
	const n = 3*ahead + 7
	var want []Ref
	damaged := map[ID]bool{}
	logged := map[ID]bool{}
	for i := range n {
		ref := put(t, dir, &Envelope{ID: NewID(time.Unix(int64(n-i), 0))})
		want = append(want, ref)
		path := filepath.Join(dir, ref.String())
		switch i % 20 {
		case 5:
			logged[ref.ID] = true
		case 9:
			damaged[ref.ID] = true
			if err := os.Truncate(path, 10); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.SortFunc(want, Ref.Compare)
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	for _, ref := range want {
		if logged[ref.ID] {
			if err := s.Append(ref, Record{Time: time.Unix(1, 0), Kind: RecordHold, Recipients: []int{1}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	backlog, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	var got []Ref
	enough := errors.New("enough")
	for _, stop := range []int{ahead + 3, 2 * ahead, n} {
		err := backlog.Load(func(i Item) error {
			if len(got) == stop {
				return enough
			}
			got = append(got, i.Ref)
			switch {
			case damaged[i.Ref.ID] != (i.Damaged != nil || i.Removed):
				t.Errorf("%v: damaged %v, removed %v", i.Ref, i.Damaged, i.Removed)
			case !damaged[i.Ref.ID] && i.Envelope.ID != i.Ref.ID:
				t.Errorf("%v has the envelope of %v", i.Ref, i.Envelope.ID)
			case logged[i.Ref.ID] != (len(i.Log) == 1):
				t.Errorf("%v has a log of %d records", i.Ref, len(i.Log))
			}
			return nil
		})
		if stop < n && !errors.Is(err, enough) || stop == n && err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d files are visited, not the %d there are, each once and in order", len(got), len(want))
	}
}

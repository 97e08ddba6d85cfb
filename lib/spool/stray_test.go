package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
)

// What lies where nobody would look for it, or twice, is told of and stays; of two the
// more urgent one is served, with what the other remembers. What a message remembers that
// somebody may put back stays where it is.
func TestStrays(t *testing.T) {
	dir := newSpool(t)
	twice := put(t, dir, &Envelope{ID: NewID(time.Unix(1, 0))})
	lost := put(t, dir, &Envelope{ID: NewID(time.Unix(2, 0))})
	octets, err := os.ReadFile(filepath.Join(dir, twice.String()))
	if err != nil {
		t.Fatal(err)
	}
	urgent := filepath.Join(dir, Ref{ID: twice.ID, Priority: Urgent}.String())
	elsewhere := filepath.Join(dir, "q/n/vv")
	for _, err := range []error{
		os.MkdirAll(filepath.Dir(urgent), 0o700),
		os.WriteFile(urgent, octets, 0o600),
		os.MkdirAll(elsewhere, 0o700),
		os.Rename(filepath.Join(dir, lost.String()), filepath.Join(elsewhere, string(lost.ID))),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	for _, ref := range []Ref{twice, lost} {
		if err := s.Append(ref, Record{Kind: RecordOutcome, Outcome: "transferred"}); err != nil {
			t.Fatal(err)
		}
	}
	s.Check(CheckOptions{}, func(f Finding) {
		if f.Kind != FoundMisplaced {
			t.Errorf("%v", f)
		}
	})
	told := map[Ref]string{}
	var good []Ref
	if err := s.Load(func(i Item) error {
		if i.Damaged != nil {
			told[i.Ref] = i.Damaged.Error()
		} else {
			good = append(good, i.Ref)
			if len(i.Log) != 1 {
				t.Errorf("%v remembers %v", i.Ref, i.Log)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(good) != 1 || good[0].Priority != Urgent {
		t.Errorf("served: %v", good)
	}
	if len(told) != 2 || !strings.Contains(told[twice], "there too") || !strings.Contains(told[lost], "q/n/vv") {
		t.Errorf("told: %q", told)
	}
	for _, path := range []string{filepath.Join(dir, twice.String()), filepath.Join(elsewhere, string(lost.ID)),
		filepath.Join(dir, lost.String()+".log")} {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
}

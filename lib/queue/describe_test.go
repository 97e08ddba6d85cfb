package queue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
)

// A message to very many is in the event log with every recipient, in records that its
// readers do not find too long.
func TestManyRecipientsAreTold(t *testing.T) {
	w := newWorld(t)
	const many = 8000
	to := make([]string, many)
	for i := range to {
		to[i] = fmt.Sprintf("/S=Somebody-%d/OU=Department of Long Names/OU=Department of Longer Names/O=Organization of Names that Fill a Line/PRMD=ALPHA/ADMD=TEST/C=GB/", i)
	}
	env := w.submit(to...)
	w.start()
	w.stop()
	records, err := audit.Track(w.conf.Events.Dir, time.Time{}, string(env.ID))
	if err != nil {
		t.Fatal(err)
	}
	told := map[int]string{}
	for _, r := range records {
		if r.Event != audit.Submitted {
			continue
		}
		for i, n := range r.N {
			told[n] = r.Recipients[i]
		}
	}
	if len(told) != many || told[1] != to[0] || told[many] != to[many-1] {
		t.Errorf("%d of %d recipients are told, the first %q, the last %q", len(told), many, told[1], told[many])
	}
}

// A barrier that failed is in the event log, if the disk takes that: it is why mtarun ended.
func TestFailedBarrierIsTold(t *testing.T) {
	w := newWorld(t)
	w.submit(ann)
	w.start()
	_, settle := w.keeper.Begin()
	settle(errors.New("input/output error"))
	w.stop()
	var last audit.Record
	if _, err := audit.Scan(w.conf.Events.Dir, time.Time{}, func(r audit.Record) error {
		last = r
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if last.Event != audit.Poisoned || last.Text != "input/output error" {
		t.Errorf("last is %+v", last)
	}
}

// The event log is for people: that its file was removed, as whoever compresses it does,
// or cannot be made durable is told to the operator and stops nothing.
func TestEventLogStopsNothing(t *testing.T) {
	for _, barrier := range []string{"syncfs", "fsync"} {
		w := newWorld(t)
		w.conf.Spool.Barrier = barrier
		w.submit(ann)
		w.start()
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		days, err := filepath.Glob(filepath.Join(w.conf.Events.Dir, "*.jsonl"))
		if err != nil || len(days) != 1 {
			t.Fatalf("%q, %v", days, err)
		}
		barriers := func(n int) {
			for range n {
				w.keeper.Event(w.now, audit.Record{Event: audit.Reloaded})
				run, settle := w.keeper.Begin()
				settle(run())
			}
			if w.keeper.failed != nil {
				t.Fatalf("%s: %v", barrier, w.keeper.failed)
			}
		}
		if err := os.Remove(days[0]); err != nil {
			t.Fatal(err)
		}
		barriers(2)
		text, err := os.ReadFile(days[0])
		if err != nil || strings.Count(string(text), audit.Reloaded) != 2 {
			t.Errorf("%s: %q, %v", barrier, text, err)
		}
		// A file on another file system, that takes everything and cannot be synced.
		if err := errors.Join(os.Remove(days[0]), os.Symlink("/dev/null", days[0])); err != nil {
			t.Fatal(err)
		}
		barriers(2)
		if !strings.Contains(w.said.String(), "invalid argument") {
			t.Errorf("%s: the operator is not told: %s", barrier, w.said.String())
		}
		w.kill()
	}
}

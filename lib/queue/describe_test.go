package queue

import (
	"errors"
	"fmt"
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

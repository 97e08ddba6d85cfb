package sched

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mtakit/mtakit/lib/spool"
)

// Messages come and go in any order: the table finds those that are there, and the agenda
// has the one whose time comes first on top.
func TestTableAndAgenda(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	table, due := newTable(), agenda[*message](nil)
	have, times := map[spool.ID]*message{}, map[spool.ID]int64{}
	check := func(id spool.ID) {
		t.Helper()
		if m, _ := table.find(id); m != have[id] {
			t.Fatalf("%s is %v, not %v", id, m, have[id])
		}
	}
	for i := range 20_000 {
		id := spool.ID(fmt.Sprint(r.IntN(3000)))
		m, hash := table.find(id)
		at := 1 + r.Int64N(1000)
		switch {
		case m == nil:
			m = &message{id: id}
			table.put(m, hash)
			due.put(m, at)
			have[id], times[id] = m, at
		case r.IntN(3) == 0:
			due.put(m, at)
			times[id] = at
		case r.IntN(3) > 0 || i < 8000:
			table.drop(m)
			due.drop(m)
			delete(have, id)
			delete(times, id)
		}
		check(id)
		if table.n != len(have) || len(due) != len(have) {
			t.Fatalf("the table has %d, the agenda %d of %d", table.n, len(due), len(have))
		}
	}
	for i := range 3000 {
		check(spool.ID(fmt.Sprint(i)))
	}
	if len(table.buckets) < 1000 {
		t.Errorf("%d buckets for %d messages", len(table.buckets), table.n)
	}
	for last := int64(0); len(due) > 0; {
		m, at := due.top()
		if at < last || at != times[m.id] || at != due.next() {
			t.Fatalf("%s comes at %d after %d, not at %d", m.id, at, last, times[m.id])
		}
		last = at
		due.drop(m)
	}
	if due.next() != 0 {
		t.Error("there is a next one in an empty agenda")
	}
}

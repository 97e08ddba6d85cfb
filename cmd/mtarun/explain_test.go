package main

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/submit"
)

// accepted are the spool identifiers under which a switch has accepted each object,
// and when it did, by MTS identifier; and out those under which it goes on.
func (k *chaos) accepted(m *mta) (copies, out map[string]map[string]bool, times map[string][]time.Time) {
	k.t.Helper()
	copies, out, times = map[string]map[string]bool{}, map[string]map[string]bool{}, map[string][]time.Time{}
	_, err := audit.Scan(filepath.Join(m.dir, "log"), time.Time{}, func(r audit.Record) error {
		if r.Event != audit.TransferIn && r.Event != audit.Child && r.Event != audit.Recovered {
			return nil
		}
		if r.Step == submit.StepSecure { // it was here before
			add(out, r.MTSID, r.ID)
			return nil
		}
		if !copies[r.MTSID][r.ID] {
			add(copies, r.MTSID, r.ID)
			times[r.MTSID] = append(times[r.MTSID], r.Time)
		}
		if m != k.b || slices.ContainsFunc(r.Recipients, func(to string) bool { return !strings.Contains(to, "/PRMD=TANGO/") }) {
			add(out, r.MTSID, r.ID) // the other recipients go in a message that B makes
		}
		return nil
	})
	if err != nil {
		k.t.Fatal(err)
	}
	return copies, out, times
}

// checkOverlaps asks that no mlist was moved by two processes at a time: the same
// object on two associations at once must be two objects in the switch.
func (k *chaos) checkOverlaps() {
	k.t.Helper()
	for _, w := range []struct {
		book *p1driver.Book
		from *mta
	}{{k.reports, k.a}, {k.beyond, k.c}} {
		copies, _, _ := k.accepted(w.from)
		for _, o := range w.book.Overlaps() {
			if len(copies[o.MTSID]) < 2 {
				k.t.Errorf("%s transfers %s twice at the same time: %+v", w.from.name, o.MTSID, o)
			}
		}
	}
}

// explain finds for every copy too many, hop by hop, the kill that caused it.
func (k *chaos) explain() {
	k.t.Helper()
	type hop struct {
		name      string
		from, to  *mta
		out, back int
	}
	hops := []*hop{{name: "source-A", to: k.a}, {name: "A-B", from: k.a, to: k.b}, {name: "B-C", from: k.b, to: k.c}, {name: "C-sink", from: k.c}}
	copies, out, times := map[*mta]map[string]map[string]bool{}, map[*mta]map[string]map[string]bool{}, map[*mta]map[string][]time.Time{}
	for _, m := range k.network.switches {
		copies[m], out[m], times[m] = k.accepted(m)
	}
	_, delivered := k.deliveries()
	for id, ids := range delivered {
		for spoolID := range ids {
			add(copies[k.c], id, spoolID)
		}
	}
	entries := k.source.Entries()
	// A kill of either end after the object came to be and before it arrived for the
	// last time sends each copy once more at most.
	judge := func(h *hop, id string, sent, got int, first, last time.Time) int {
		sent = max(1, sent)
		kills, latest := 0, span{}
		for _, m := range []*mta{h.from, h.to} {
			for _, dying := range k.kills[m] {
				if dying.to.After(first) && dying.from.Before(last) {
					kills++
					if dying.from.After(latest.from) {
						latest = dying
					}
				}
			}
		}
		if got > sent && kills > 0 {
			k.duplicate(h.name, id, got, sent, kills, latest)
		}
		if got > sent*(1+kills) {
			k.t.Errorf("%s: %s arrived %d times and was sent %d, with %d kills from %v to %v", h.name, id, got, sent, kills, first, last)
		}
		return max(0, got-sent)
	}
	for id, e := range entries {
		doubts := 0
		for _, a := range e.Attempts {
			if a.Outcome == p1driver.InDoubt {
				doubts++
			}
		}
		first, last := e.Attempts[0].Started, e.Attempts[len(e.Attempts)-1].Ended
		hops[0].out += judge(hops[0], id, 1, len(copies[k.a][id]), first, last)
		if n := len(copies[k.a][id]); n > 1+doubts {
			k.t.Errorf("A has accepted %s %d times, and the source was in doubt %d times", id, n, doubts)
		}
		for _, h := range hops[1:3] {
			if t := times[h.to][id]; len(t) > 0 {
				h.out += judge(h, id, len(out[h.from][id]), len(copies[h.to][id]), first, t[len(t)-1])
			}
		}
	}
	for id, at := range arrivals(k.beyond) {
		first := entries[id].Attempts[0].Started
		hops[3].out += judge(hops[3], id, len(copies[k.c][id]), len(at), first, at[len(at)-1])
	}
	for id, at := range arrivals(k.reports) {
		first := at[0]
		for _, m := range k.network.switches {
			if t := times[m][id]; len(t) > 0 && t[0].Before(first) {
				first = t[0]
			}
		}
		first = first.Add(-near)
		last := at[len(at)-1]
		hops[2].back += judge(&hop{name: "C-B", from: k.c, to: k.b}, id, len(copies[k.c][id]), len(copies[k.b][id]), first, last)
		hops[1].back += judge(&hop{name: "B-A", from: k.b, to: k.a}, id, len(copies[k.b][id]), len(copies[k.a][id]), first, last)
		hops[0].back += judge(&hop{name: "A-source", from: k.a}, id, len(copies[k.a][id]), len(at), first, last)
	}
	for _, h := range hops {
		k.t.Logf("copies made between %s: %d messages, %d reports", h.name, h.out, h.back)
	}
	k.t.Logf("%d arrivals too many", k.extra())
}

// arrivals are when each object arrived at a sink.
func arrivals(b *p1driver.Book) map[string][]time.Time {
	at := map[string][]time.Time{}
	for _, a := range b.Arrivals() {
		at[a.MTSID] = append(at[a.MTSID], a.Stored)
	}
	return at
}

package queue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/spool"
)

// randomRow has some of its members, with texts of all kinds.
func randomRow(random *rand.Rand) *Row {
	texts := []string{"", "x", "/S=Jones/PRMD=SINK/ADMD=TEST/C=GB/", `a"b`, `a\b`, "ä", "a\tb\n", "<&>", "\u2028", "\x7f", "}", "\",\"x\":1", "\xff"}
	if random.IntN(2) == 0 {
		texts = texts[:3]
	}
	r := new(Row)
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		if random.IntN(3) == 0 {
			continue
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(texts[random.IntN(len(texts))])
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Struct:
			f.Set(reflect.ValueOf(time.Unix(random.Int64N(1e10), random.Int64N(1e9)).UTC()))
		default:
			f.SetInt(random.Int64() >> random.IntN(63))
		}
	}
	return r
}

// A line is what package json would write, and is read as package json would read it.
func TestLinesOfLists(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	byHand := 0
	for range 5000 {
		a := Answer{Row: randomRow(random)}
		if random.IntN(50) == 0 {
			a.End = true
		}
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.AppendLine([]byte("before"))
		if err != nil || string(got) != "before"+string(want)+"\n" {
			t.Fatalf("%v\n%s\n%s", err, got, want)
		}
		var read, likewise Answer
		line := got[len("before"):]
		if err := read.ParseLine(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := json.Unmarshal(line, &likewise); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(likewise, read); diff != "" {
			t.Fatalf("%s: %s", line, diff)
		}
		if parseRow(line[len(`{"row":`):], new(Row)) {
			byHand++
		}
	}
	if byHand < 500 {
		t.Errorf("only %d of 5000 lines were read by hand", byHand)
	}
	for _, line := range []string{``, `{`, `{"row":{}}`, `{"row":{"id":"x"}}`, `{"row":{"id":"x"},"end":true}`, `{"row":{"id":"x"}} `, `{"row":{"n":x}}`, `{"row":{"id":"x","id":"y"}}`, `{"end":true}`} {
		var read, likewise Answer
		got, want := read.ParseLine([]byte(line)), json.Unmarshal([]byte(line), &likewise)
		if (got == nil) != (want == nil) || !cmp.Equal(read, likewise) {
			t.Errorf("%s: %+v, %v; not %+v, %v", line, read, got, likewise, want)
		}
	}
}

// FuzzParseLine: whatever the line, it is read as package json would.
func FuzzParseLine(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		a := Answer{Row: randomRow(random)}
		line, err := a.AppendLine(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var read, likewise Answer
		got, want := read.ParseLine(line), json.Unmarshal(line, &likewise)
		if (got == nil) != (want == nil) {
			t.Fatalf("%v, and package json %v", got, want)
		}
		if a, err := json.Marshal(read); got == nil && err == nil {
			if b, err := json.Marshal(likewise); err == nil && !bytes.Equal(a, b) {
				t.Fatalf("%s\n%s", a, b)
			}
		}
	})
}

// A brief gives back what it was made of, and there is a bound on all of them.
func TestBriefs(t *testing.T) {
	env := &spool.Envelope{ID: "x", MTSID: "[/C=GB/;1]", Originator: "/S=A/C=GB/", Subject: "ä\n", ContentType: "2.6.1.10.1", ProbeSize: 1 << 40,
		Deferred: time.Date(2026, 11, 27, 12, 0, 0, 1e6, time.UTC), Recipients: []spool.Recipient{{N: 1, Address: "/S=B/"}, {N: 300, Address: ""}, {N: 4, Address: "/S=C/"}}}
	var r Row
	to := newBrief(env).read(&r)
	want := Row{MTSID: env.MTSID, Originator: env.Originator, Subject: env.Subject, ContentType: env.ContentType, ProbeSize: env.ProbeSize, Deferred: env.Deferred}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	rest := to
	for n, address := range map[int]string{1: "/S=B/", 300: "", 4: "/S=C/", 5: ""} {
		if got := to.address(n, &rest); got != address {
			t.Errorf("recipient %d is %q, not %q", n, got, address)
		}
	}
	if r := (Row{}); newBrief(&spool.Envelope{}).read(&r).address(1, &rest) == "/S=B/" || !r.Deferred.IsZero() {
		t.Errorf("%+v", r)
	}
	var all briefs
	for i := range 500_000 {
		all.put(&spool.Envelope{ID: spool.ID(fmt.Sprint(i % 450_000)), MTSID: "x", Originator: "/S=Smith/PRMD=SOURCE/ADMD=TEST/C=GB/"})
	}
	if all.octets < maxBriefs || all.octets > maxBriefs+1000 || len(all.of) == 450_000 {
		t.Errorf("%d octets of %d", all.octets, len(all.of))
	}
	for id := range all.of {
		all.drop(id)
		all.drop(id)
	}
	if all.octets != 0 {
		t.Errorf("%d octets of nothing", all.octets)
	}
}

package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
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

// encoded is a row as package json writes it, without escapes for HTML. What is not UTF-8
// is read once before: a reader finds the replacement in its place.
func encoded(t *testing.T, r *Row) string {
	t.Helper()
	octets, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if r = new(Row); json.Unmarshal(octets, r) != nil {
		t.Fatalf("%s", octets)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// A line is what package json would write, and is read as package json would read it.
func TestLinesOfLists(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var read Answer // one after the other, as a list is read
	for range 5000 {
		a := Answer{Row: randomRow(random)}
		want := rowBegin + encoded(t, a.Row) + rowEnd
		if random.IntN(50) == 0 {
			a.End = true
			octets, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			want = string(octets) + "\n"
		}
		line, err := a.AppendLine([]byte("before"))
		if err != nil || string(line) != "before"+want {
			t.Fatalf("%v\n%s\n%s", err, line, want)
		}
		line = line[len("before"):]
		if err := read.ParseLine(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if (read.row != nil) == a.End {
			t.Errorf("%s: read by hand: %v", line, read.row != nil)
		}
		var likewise Answer
		if err := json.Unmarshal(line, &likewise); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(likewise.Row, read.Row); diff != "" || read.End != a.End {
			t.Fatalf("%s: %s", line, diff)
		}
		if row, err := read.AppendRow(nil); err != nil || string(row) != encoded(t, a.Row) {
			t.Fatalf("%s: %s", line, row)
		}
	}
	for _, line := range []string{``, `{`, `{"row":{}}`, `{"row":{"id":"x"}}`, `{"row":{"id":"x"},"end":true}`, `{"row":{"id":"x"}} `, `{"row":{"n":x}}`, `{"row":{"id":"x","id":"y"}}`, `{"end":true}`} {
		read = Answer{}
		var likewise Answer
		got, want := read.ParseLine([]byte(line)), json.Unmarshal([]byte(line), &likewise)
		if (got == nil) != (want == nil) || !cmp.Equal(read.Row, likewise.Row) || read.End != likewise.End || read.row != nil {
			t.Errorf("%s: %+v, %v; not %+v, %v", line, read, got, likewise, want)
		}
	}
}

// What AppendJSON would not have written is read by package json, though it be near to it.
func TestLinesOfOtherHands(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 5e8, time.UTC)
	r := &Row{ID: "x", Age: 7, Accepted: at, Expires: at, ProbeSize: 1, N: 1, Recipient: `"ä"`, Subject: "s", Late: true}
	line, err := (&Answer{Row: r}).AppendLine(nil)
	if err != nil || new(Answer).ParseLine(line) != nil {
		t.Fatalf("%s, %v", line, err)
	}
	for _, change := range [][2]string{{`{"id"`, `{ "id"`}, {`"age":7`, `"age":-0`}, {`"probeSize":1`, `"probeSize":0`},
		{`"subject":"s"`, `"subject":""`}, {`"subject":"s"`, `"subject":"\u0073"`}, {`"subject":"s"`, `"subject":"\u003c"`}, {`"subject":"s"`, "\"subject\":\"\xff\""}, {`ä`, `\u00e4`},
		{`"subject":"s"`, `"more":"s"`}, {`.5Z`, `.50Z`}, {`.5Z`, `,5Z`}, {`.5Z`, `.5+01:00`}, {`.5Z`, `.5+00:00`}, {`.5Z`, `.0Z`}, {`.5Z`, `.5000000001Z`}, {`"late":true`, `"late":false`}, {`"n":1`, `"n":1,"n":1`},
		{`"expires":"2026-11-27T12:00:00.5Z"`, `"expires":"0001-01-01T00:00:00Z"`}, {"}}\n", "}}\r\n"}, {"}}\n", `},"end":true}`}, {"}}\n", "}}"}} {
		other := strings.Replace(string(line), change[0], change[1], 1)
		var read, likewise Answer
		if err := errors.Join(read.ParseLine([]byte(other)), json.Unmarshal([]byte(other), &likewise)); err != nil {
			t.Errorf("%s: %v", other, err)
			continue
		}
		if other == string(line) || read.row != nil {
			t.Errorf("taken as it came: %s", other)
		}
		if row, err := read.AppendRow(nil); err != nil || string(row) != encoded(t, likewise.Row) {
			t.Errorf("%s, %v: %s", other, err, row)
		}
	}
	for _, change := range [][2]string{{"11-27", "11-31"}, {"11-27", "13-27"}, {"11-27", "02-29"}, {"11-27", "11-00"}, {"T12", "T24"}, {"12:00", "12:60"}, {"00.5", "60.5"}, {"T12", "t12"},
		{`"age":7`, `"age":7.0`}, {`"age":7`, `"age":7e0`}, {`"age":7`, `"age":07`}, {`"age":7`, `"age":`}, {`"age":7`, `"age":9223372036854775808`}, {`"x"`, `"x`}, {`"x"`, "\"x\t\""}, {`"s"`, `"s\`}} {
		other := strings.Replace(string(line), change[0], change[1], 1)
		if err := new(Answer).ParseLine([]byte(other)); err == nil || other == string(line) {
			t.Errorf("no error: %s", other)
		}
	}
}

// FuzzParseLine: whatever the line, it is read as package json would, and written as this
// program writes it, into an answer that is new and into one with a row.
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
		for _, read := range []Answer{{}, {Row: randomRow(random)}} {
			var likewise Answer
			got, want := read.ParseLine(line), json.Unmarshal(line, &likewise)
			if (got == nil) != (want == nil) {
				t.Fatalf("%v, and package json %v", got, want)
			}
			if a, err := json.Marshal(read); got == nil && err == nil {
				if b, err := json.Marshal(likewise); err == nil && !bytes.Equal(a, b) {
					t.Fatalf("%s\n%s", a, b)
				}
			}
			if got == nil && read.Row != nil {
				row, err := read.AppendRow(nil)
				again, wrong := likewise.Row.AppendJSON(nil)
				if (err == nil) != (wrong == nil) || err == nil && string(row) != string(again) {
					t.Fatalf("%s, %v\n%s, %v", row, err, again, wrong)
				}
			}
		}
	})
}

// A brief gives back what it was made of, and there is a bound on all of them.
func TestBriefs(t *testing.T) {
	env := &spool.Envelope{ID: "x", MTSID: "[/C=GB/;1]", Originator: "/S=A/C=GB/", Subject: "ä\n", ContentType: "2.6.1.10.1", ProbeSize: 1 << 40,
		Deferred: time.Date(2026, 11, 27, 12, 0, 0, 1e6, time.UTC), Recipients: []spool.Recipient{{N: 1, Address: "/S=B/"}, {N: 300, Address: "", Rule: "set/a", Hold: "why"}, {N: 4, Address: "/S=C/", Rule: "set/b"}}}
	var r Row
	to := newBrief(env).read(&r)
	want := Row{MTSID: env.MTSID, Originator: env.Originator, Subject: env.Subject, ContentType: env.ContentType, ProbeSize: env.ProbeSize, Deferred: env.Deferred}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	rest := to
	for n, address := range map[int]string{1: "/S=B/", 300: "", 4: "/S=C/", 5: ""} {
		got, by := to.recipient(n, &rest)
		if got != address || (by == "set/a") != (n == 300) || by != "" && n != 300 {
			t.Errorf("recipient %d is %q, held by %q, not %q", n, got, by, address)
		}
	}
	r = Row{}
	none := newBrief(&spool.Envelope{}).read(&r)
	if got, _ := none.recipient(1, &rest); got == "/S=B/" || !r.Deferred.IsZero() {
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

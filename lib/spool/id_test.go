package spool_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

func TestIDsSortByTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Int64Range(0, 1<<63-1)
		a, b := nano.Draw(t, "a"), nano.Draw(t, "b")
		x, y := spool.NewID(time.Unix(0, a)), spool.NewID(time.Unix(0, b))
		if a != b && (x < y) != (a < b) {
			t.Fatalf("%d %s, %d %s", a, x, b, y)
		}
		if got := x.Time().UnixNano(); got != a {
			t.Fatalf("%s is of %d, not %d", x, got, a)
		}
		if got, err := spool.ParseID(string(x)); err != nil || got != x {
			t.Fatalf("parse %s: %v", x, err)
		}
	})
}

func TestIDsAreNew(t *testing.T) {
	seen := make(map[spool.ID]bool)
	for range 10000 {
		id := spool.NewID(then)
		if seen[id] {
			t.Fatalf("%s twice", id)
		}
		seen[id] = true
	}
}

func TestParseIDRefuses(t *testing.T) {
	for _, s := range []string{"", "1hqnpc7cucj8l123456", "1hqnpc7cucj8l12345678", "1hqnpc7cucj8l123456w",
		"1HQNPC7CUCJ8L1234567", "ghqnpc7cucj8l1234567", "1hqnpc7cucj8l12345/7", "../../../../../../xx",
		strings.Repeat("x", 1000), "1hqnpc7cucj8l12345é"} {
		if id, err := spool.ParseID(s); err == nil || diag.KindOf(err) != diag.Usage || len(err.Error()) > 200 {
			t.Errorf("%.40q: %q, %v", s, id, err)
		}
	}
}

// "35 bits of the SHA-256 of three lines": the same from a shell.
func TestChildIDIsThatOfThePage(t *testing.T) {
	parent := spool.ID("1hqnpc7cucj8l1234567")
	got := spool.ChildID(parent, "shape", []int{9, 2, 9, 11})
	out, err := exec.Command("sh", "-c",
		`printf '%s\n%s\n%s\n' `+string(parent)+` shape 2,9,11 | sha256sum | cut -c 1-10`).Output()
	if err != nil {
		t.Fatal(err)
	}
	var bits uint64
	for _, c := range strings.TrimSpace(string(out)) {
		bits = bits<<4 | uint64(strings.IndexRune("0123456789abcdef", c))
	}
	bits >>= 5 // 40 to 35
	var tail [7]byte
	for i := range tail {
		tail[i] = "0123456789abcdefghijklmnopqrstuv"[bits>>(30-5*i)&31]
	}
	if want := parent[:13] + spool.ID(tail[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, other := range map[string]spool.ID{
		"step":       spool.ChildID(parent, "shape2", []int{2, 9, 11}),
		"recipients": spool.ChildID(parent, "shape", []int{2, 9}),
		"joined":     spool.ChildID(parent, "shape", []int{29, 11}),
	} {
		if other == got {
			t.Errorf("another %s gives the same identifier", name)
		}
	}
	if other := spool.ChildID(parent, "shape", []int{2, 11, 9}); other != got {
		t.Errorf("another order gives %s", other)
	}
}

func TestRefJSON(t *testing.T) {
	ref := spool.Ref{ID: "1hqnpc7cucj8l1234567", Priority: spool.Urgent}
	for want, ref := range map[string]spool.Ref{
		`{"id":"1hqnpc7cucj8l1234567","priority":"u"}`: ref,
		`{"id":"1hqnpc7cucj8l1234567"}`:                {ID: ref.ID},
	} {
		b, err := json.Marshal(ref)
		if err != nil || string(b) != want {
			t.Errorf("%s, %v, want %s", b, err, want)
		}
		var back spool.Ref
		if err := json.Unmarshal(b, &back); err != nil || back != ref {
			t.Errorf("%s read as %v, %v", b, back, err)
		}
	}
	var got spool.Ref
	if err := json.Unmarshal([]byte(`{"priority":"urgent","id":"1hqnpc7cucj8l1234567","more":1}`), &got); err != nil || got != ref {
		t.Errorf("the word: %v, %v", got, err)
	}
	for _, bad := range []string{`{"id":"../../etc/passwd","priority":"u"}`, `{"priority":"u"}`, `[]`,
		`{"id":"1hqnpc7cucj8l1234567","priority":"x"}`, `{"id":"1hqnpc7cucj8l1234567","priority":"/"}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestRefOrder(t *testing.T) {
	want := []spool.Ref{
		{ID: "2hqnpc7cucj8l1234567", Priority: spool.Urgent},
		{ID: "1hqnpc7cucj8l1234567", Priority: spool.Normal},
		{ID: "3hqnpc7cucj8l1234567", Priority: spool.Normal},
		{ID: "0hqnpc7cucj8l1234567", Priority: spool.NonUrgent},
		{ID: "0hqnpc7cucj8l0234567"},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, spool.Ref.Compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPriorities(t *testing.T) {
	for _, p := range spool.Priorities() {
		for _, s := range []string{p.String(), string(p)} {
			if got, err := spool.ParsePriority(s); err != nil || got != p {
				t.Errorf("%q: %v, %v", s, got, err)
			}
		}
	}
	if p, err := spool.ParsePriority("low"); diag.KindOf(err) != diag.Data {
		t.Errorf("low: %v, %v", p, err)
	}
	if _, err := json.Marshal(spool.Priority(0)); err == nil {
		t.Error("no priority is written as one")
	}
}

package audit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is added is read once, when it is whole, in a file that appears later too.
func TestTail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	tail, err := NewTail(dir)
	if err != nil {
		t.Fatal(err)
	}
	read := func(tail *Tail, want ...string) {
		t.Helper()
		var got []string
		if err := tail.Next(func(r Record) { got = append(got, r.Event+" "+r.ID) }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	read(tail)
	write(t, dir, Record{Time: noon, Event: Submitted, ID: "a"})
	read(tail, "submitted a")
	read(tail)
	late, err := NewTail(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "2026-11-24.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []string{"{\"event\":\"del", "ivered\",\"id\":\"b\"}\nnonsense\n{\"event\":\"removed\""} {
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			read(late)
		} else {
			read(late, "delivered b")
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, Record{Time: noon, Event: Removed, ID: "c"}, Record{Time: noon.Add(24 * time.Hour), Event: Removed, ID: "d"})
	read(late, "removed c", "removed d")
	read(tail, "delivered b", "removed c", "removed d")
}

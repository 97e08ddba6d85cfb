package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/diag"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func write(t *testing.T, dir string, records ...Record) {
	t.Helper()
	l, err := Open(dir, "MTA-A", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := l.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string, since time.Time) (events []string, skipped int) {
	t.Helper()
	skipped, err := Scan(dir, since, func(r Record) error {
		events = append(events, r.Event+" "+r.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events, skipped
}

func TestOneFileADayReadInOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, Record{Time: noon, Event: Submitted, ID: "a"}, Record{Time: noon.Add(24 * time.Hour), Event: TransferOut, ID: "a"})
	write(t, dir, Record{Time: noon.Add(25 * time.Hour), Event: Removed, ID: "a"})
	got, _ := read(t, dir, time.Time{})
	if diff := cmp.Diff([]string{"submitted a", "transfer-out a", "removed a"}, got); diff != "" {
		t.Error(diff)
	}
	got, _ = read(t, dir, noon.Add(24*time.Hour))
	if diff := cmp.Diff([]string{"transfer-out a", "removed a"}, got); diff != "" {
		t.Errorf("since the second day: %s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "2026-11-25.jsonl")); err != nil {
		t.Error(err)
	}
}

// A cut may leave half a line at the end of a file. It is skipped, and does not
// take the record that is appended after it along.
func TestTornLineSwallowsNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, Record{Time: noon, Event: Submitted, ID: "a"}, Record{Time: noon, Event: Submitted, ID: "b"})
	name := filepath.Join(dir, "2026-11-24.jsonl")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.IndexByte(whole, '\n') + 1
	for cut := second + 1; cut < len(whole)-1; cut++ {
		if err := os.WriteFile(name, whole[:cut], 0o640); err != nil {
			t.Fatal(err)
		}
		write(t, dir, Record{Time: noon, Event: Removed, ID: "a"})
		got, skipped := read(t, dir, time.Time{})
		if diff := cmp.Diff([]string{"submitted a", "removed a"}, got); diff != "" || skipped != 1 {
			t.Fatalf("cut at %d: skipped %d, %s", cut, skipped, diff)
		}
	}
}

func TestOverlongLineIsSkipped(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, Record{Time: noon, Event: Submitted, ID: "a"})
	f, err := os.OpenFile(filepath.Join(dir, "2026-11-24.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append(bytes.Repeat([]byte("x"), 3*maxRecord), '\n')); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, Record{Time: noon, Event: Removed, ID: "a"})
	got, skipped := read(t, dir, time.Time{})
	if diff := cmp.Diff([]string{"submitted a", "removed a"}, got); diff != "" || skipped != 1 {
		t.Errorf("skipped %d, %s", skipped, diff)
	}
}

// What somebody outside makes long does not keep the event from those who read it.
func TestLongTextIsCut(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, Record{Time: noon, Event: Refused, ID: "a", Text: "x" + strings.Repeat("\u20ac", maxRecord)},
		Record{Time: noon, Event: Refused, ID: "b", Text: strings.Repeat("\x01", maxRecord)})
	var texts []string
	skipped, err := Scan(dir, time.Time{}, func(r Record) error {
		texts = append(texts, r.Text)
		return nil
	})
	if err != nil || skipped != 0 || len(texts) != 2 {
		t.Fatalf("skipped %d of %d, %v", skipped, len(texts), err)
	}
	for _, text := range texts {
		if len(text) > maxText || len(text) < maxText-3 || strings.ContainsRune(text, '\ufffd') {
			t.Errorf("%d octets, %q", len(text), text[len(text)-5:])
		}
	}
}

func TestMissingLogIsNamed(t *testing.T) {
	_, err := Scan(filepath.Join(t.TempDir(), "none"), time.Time{}, func(Record) error { return nil })
	if diag.KindOf(err) != diag.NoInput {
		t.Errorf("err = %v", err)
	}
}

// An auditor's question is answered with everything that belongs to the message:
// what was made of it here, and the reports that came back about it.
func TestTrackFollowsTheFamily(t *testing.T) {
	dir := t.TempDir()
	write(t, dir,
		Record{Time: noon, Event: Submitted, ID: "aaaa1", MTSID: "[x;1]", ContentID: "invoice"},
		Record{Time: noon, Event: Submitted, ID: "bbbb1", MTSID: "[x;2]"},
		Record{Time: noon, Event: TransferOut, ID: "aaaa1"},
		Record{Time: noon, Event: Child, ID: "aaaa2", MTSID: "[x;r]", Parent: "aaaa1"},
		Record{Time: noon, Event: TransferIn, ID: "cccc1", MTSID: "[y;r]", Subject: "[x;1]"},
		Record{Time: noon, Event: Delivered, ID: "cccc1"},
		Record{Time: noon, Event: PeerDown, Peer: "MTA-B"},
		Record{Time: noon, Event: Removed, ID: "aaaa1"},
	)
	all := []string{"submitted aaaa1", "transfer-out aaaa1", "child aaaa2", "transfer-in cccc1", "delivered cccc1", "removed aaaa1"}
	for _, id := range []string{"aaaa1", "[x;1]", "invoice"} {
		records, err := Track(dir, time.Time{}, id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range records {
			got = append(got, r.Event+" "+r.ID)
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("track %s: %s", id, diff)
		}
	}
	// A large family is followed to its end.
	for i := range 2 * maxNames {
		write(t, dir, Record{Time: noon, Event: Child, ID: fmt.Sprintf("eeee%d", i), Parent: "aaaa1"})
	}
	write(t, dir, Record{Time: noon, Event: Delivered, ID: fmt.Sprintf("eeee%d", 2*maxNames-1)})
	if records, err := Track(dir, time.Time{}, "aaaa1"); err != nil || len(records) != len(all)+2*maxNames+1 {
		t.Errorf("%d records, %v", len(records), err)
	}
	// A name is found however JSON writes it.
	write(t, dir, Record{Time: noon, Event: Submitted, ID: "dddd1", MTSID: "[x;<&>\"3\"]"}, Record{Time: noon, Event: Removed, ID: "dddd1"})
	if records, err := Track(dir, time.Time{}, "[x;<&>\"3\"]"); err != nil || len(records) != 2 {
		t.Errorf("%v, %v", records, err)
	}
	if records, err := Track(dir, time.Time{}, "zzzz"); err != nil || len(records) > 0 {
		t.Errorf("of nothing: %v, %v", records, err)
	}
}

// Asked for a child, track begins with what it was made from; brothers belong to the
// story too, and what came in the same nanosecond does not.
func TestTrackFindsTheWayBack(t *testing.T) {
	dir := t.TempDir()
	const moment = "1hqu70l2f1hos"
	write(t, dir,
		Record{Time: noon, Event: Submitted, ID: moment + "aaaaaaa", MTSID: "[x;1]"},
		Record{Time: noon, Event: Submitted, ID: moment + "zzzzzzz", MTSID: "[x;2]"},
		Record{Time: noon, Event: Child, ID: moment + "bbbbbbb", MTSID: "[x;1]", Parent: moment + "aaaaaaa"},
		Record{Time: noon, Event: Child, ID: moment + "ccccccc", MTSID: "[x;r]", Parent: moment + "bbbbbbb"},
		Record{Time: noon, Event: Removed, ID: moment + "aaaaaaa"},
	)
	for _, id := range []string{"aaaaaaa", "bbbbbbb", "ccccccc", "ccccc"} {
		records, err := Track(dir, time.Time{}, moment+id)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range records {
			got = append(got, r.Event+" "+r.ID[len(moment):])
		}
		if diff := cmp.Diff([]string{"submitted aaaaaaa", "child bbbbbbb", "child ccccccc", "removed aaaaaaa"}, got); diff != "" {
			t.Errorf("track %s: %s", id, diff)
		}
	}
}

// What cannot be read is not an empty log: a question about it has no answer.
func TestUnreadableLogIsNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Scan(dir, time.Time{}, func(Record) error { return nil }); err == nil {
		t.Error("a file was read as a directory")
	}
}

// What a full disk refuses is written when there is room, and no record is torn.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, "MTA-A", nil)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	put := func(text string) {
		t.Helper()
		if err := l.Append(Record{Time: at, Event: Submitted, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	put("first")
	real := l.file
	if l.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err == nil {
		t.Error("written to a full disk")
	}
	put("second")
	if err := l.file.Close(); err != nil {
		t.Fatal(err)
	}
	l.file = real
	put("third")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	if skipped, err := Scan(dir, time.Time{}, func(r Record) error {
		got = append(got, r.Text)
		return nil
	}); err != nil || skipped > 0 {
		t.Errorf("%d skipped, %v", skipped, err)
	}
	if strings.Join(got, " ") != "first second third" {
		t.Errorf("%q", got)
	}
	// There is an end to what is held.
	if l.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	l.day = at.Format(time.DateOnly)
	for range 3 {
		put(strings.Repeat("x", maxHeld/2))
		_ = l.Flush() // it is refused
	}
	if l.buf.Len() > maxHeld {
		t.Errorf("%d octets are held", l.buf.Len())
	}
	if err := l.file.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whoever compresses the file of today removes it: another one is begun, and no record
// goes to where nobody can read it.
func TestFileOfTodayIsRemoved(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, "MTA-A", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if err := errors.Join(l.Append(Record{Time: noon, Event: Submitted, ID: id}), l.Flush(), l.Unsynced()()); err != nil {
			t.Fatal(err)
		}
		if id == "a" {
			if err := os.Remove(filepath.Join(dir, "2026-11-24.jsonl")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, skipped := read(t, dir, time.Time{}); !slices.Equal(got, []string{"submitted b"}) || skipped > 0 {
		t.Errorf("%q, %d skipped", got, skipped)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// What was written before midnight is synced after it, by the descriptor it was written
// by; what cannot be synced is an error, and nothing is left open.
func TestSyncedByTheirOwnDescriptors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/dev/null", filepath.Join(dir, "2026-11-24.jsonl")); err != nil { // which cannot be synced
		t.Fatal(err)
	}
	var asked []string
	covered := false
	l, err := Open(dir, "MTA-A", func(f *os.File) bool {
		asked = append(asked, filepath.Base(f.Name()))
		return covered
	})
	if err != nil {
		t.Fatal(err)
	}
	sync := func(from, to time.Time) error {
		t.Helper()
		asked = nil
		for _, at := range []time.Time{from, to} {
			if err := errors.Join(l.Append(Record{Time: at, Event: Submitted, ID: "a"}), l.Flush()); err != nil {
				t.Fatal(err)
			}
		}
		past := l.past
		err := l.Unsynced()()
		for _, f := range past {
			if e := f.Close(); !errors.Is(e, os.ErrClosed) {
				t.Errorf("%s was left open", f.Name())
			}
		}
		return err
	}
	day := 24 * time.Hour
	if err := sync(noon, noon.Add(day)); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a file that cannot be synced: %v", err)
	}
	if !slices.Equal(asked, []string{"2026-11-24.jsonl", "2026-11-25.jsonl"}) {
		t.Errorf("synced are %q", asked)
	}
	if err := l.Unsynced()(); err != nil || len(asked) != 2 {
		t.Errorf("nothing written since: %v, %q", err, asked)
	}
	covered = true
	if err := sync(noon, noon); err != nil {
		t.Errorf("what somebody else makes durable: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

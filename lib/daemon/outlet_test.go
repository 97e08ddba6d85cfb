package daemon

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// While nobody reads, nobody waits, and what is kept is bounded; the reader then gets the
// lines in their order, and is told how many are not there.
func TestOutletWaitsForNobody(t *testing.T) {
	r, w := io.Pipe()
	o := NewOutlet(w)
	o.Say(func(n int) []byte { return fmt.Appendf(nil, "dropped %d\n", n) })
	const lines, length = 3000, 1000
	for i := range lines {
		line := fmt.Appendf(nil, "%d %s\n", i, strings.Repeat("x", length-len(fmt.Sprint(i))-2))
		n, err := o.Write(line)
		if n != len(line) || err != nil {
			t.Fatalf("line %d: %d, %v", i, n, err)
		}
		clear(line) // the caller's
	}
	got, next, dropped := bufio.NewScanner(r), 0, 0
	for next+dropped < lines && got.Scan() {
		var n int
		if _, err := fmt.Sscanf(got.Text(), "dropped %d", &n); err == nil {
			dropped += n
			break
		}
		if _, err := fmt.Sscanf(got.Text(), "%d ", &n); err != nil || n != next {
			t.Fatalf("%q instead of line %d", got.Text(), next)
		}
		next++
	}
	if dropped == 0 || next+dropped != lines || next*length > maxOutlet+2*length {
		t.Errorf("%d lines and %d dropped of %d", next, dropped, lines)
	}
	if _, err := o.Write([]byte("after\n")); err != nil || !got.Scan() || got.Text() != "after" {
		t.Errorf("%q, %v", got.Text(), err)
	}
	o.Close(time.Minute)
}

func TestOutletBoundsTheNumberOfWrites(t *testing.T) {
	_, w := io.Pipe()
	o := NewOutlet(w)
	for range maxOutletWrites + 100 {
		if _, err := o.Write(nil); err != nil {
			t.Fatal(err)
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > maxOutletWrites || o.dropped < 99 {
		t.Errorf("%d writes are kept, %d dropped", len(o.queue), o.dropped)
	}
}

func TestOutletCloses(t *testing.T) {
	var all bytes.Buffer
	o := NewOutlet(&all)
	for range 100 {
		if _, err := o.Write([]byte("line\n")); err != nil {
			t.Fatal(err)
		}
	}
	o.Close(time.Minute)
	if n := strings.Count(all.String(), "line\n"); n != 100 {
		t.Errorf("%d lines are written", n)
	}
	// A reader that is stuck does not keep anybody.
	_, w := io.Pipe()
	stuck := NewOutlet(w)
	if _, err := stuck.Write([]byte("line\n")); err != nil {
		t.Fatal(err)
	}
	stuck.Close(time.Millisecond)
}

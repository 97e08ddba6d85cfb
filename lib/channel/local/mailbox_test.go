package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
)

// A mailbox on a file system that hangs stops the deliveries into it and no others, be
// they the first into theirs or not.
func TestHungMailboxStopsNoOther(t *testing.T) {
	dir := t.TempDir()
	var b mailboxes
	hung := b.get(filepath.Join(dir, "hung"))
	hung.mu.Lock() // as whoever waits for its disk has it
	opened := make(chan error, 2)
	go func() {
		opened <- b.open(filepath.Join(dir, "other"))
		opened <- b.open(filepath.Join(dir, "other"))
	}()
	for range 2 {
		select {
		case err := <-opened:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("another mailbox waits for it")
		}
	}
	waits := make(chan error, 1)
	go func() { waits <- b.open(filepath.Join(dir, "hung")) }()
	hung.mu.Unlock()
	if err := <-waits; err != nil {
		t.Error(err)
	}
	// One that somebody has taken away is made again.
	if err := os.Remove(filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	if err := b.open(filepath.Join(dir, "other")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other")); err != nil {
		t.Error(err)
	}
}

// A delivery that is repeated writes both files anew: what the disk refused of those that
// are there it may refuse no more, and they be lost all the same. Nothing else is left.
func TestRepeatedDeliveryWritesAnew(t *testing.T) {
	m := stored(t)
	dir := filepath.Join(t.TempDir(), "mailbox/ann")
	var c Channel
	open := map[string]*os.File{} // so that no number is given again
	for n, want := range []string{"", "was delivered before", "was delivered before"} {
		if n == 2 { // it was cut off in the content
			if err := os.WriteFile(filepath.Join(dir, "x.content.part"), []byte("con"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := c.intoMailbox(dir, m, &Delivery{Name: "x", N: n}, noon)
		if r.Outcome != channel.OutcomeDelivered || r.Text != want {
			t.Fatalf("%+v", r)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 {
			t.Fatalf("%v, %v", entries, err)
		}
		for _, name := range []string{"x.content", "x.json"} {
			f, err := os.Open(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = f.Close() })
			if before := open[name]; before != nil && same(t, before, f) {
				t.Errorf("%s is the file that was there", name)
			}
			open[name] = f
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "x.content")); err != nil || len(text) != int(m.Envelope.Size) {
		t.Errorf("%d octets, %v", len(text), err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "x.json")); err != nil || !strings.Contains(string(text), `"n": 0`) {
		t.Errorf("the envelope was changed: %s, %v", text, err)
	}
}

func same(t *testing.T, a, b *os.File) bool {
	t.Helper()
	sa, err := a.Stat()
	if err != nil {
		t.Fatal(err)
	}
	sb, err := b.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(sa, sb)
}

package local

import (
	"os"
	"path/filepath"
	"testing"
	"time"
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

package spool

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
)

// sweeping takes new files away before their writers have locked them, so many of them.
type sweeping struct {
	durable.Disk
	left int
}

func (d *sweeping) Create(path string) (durable.File, error) {
	f, err := d.Disk.Create(path)
	if err == nil && d.left > 0 {
		d.left--
		err = os.Remove(path)
	}
	return f, err
}

// A writer on its own begins again when somebody who starts takes its file for that of one
// that has died; what it writes then is there.
func TestSweeperIsQuicker(t *testing.T) {
	s := openSpool(t)
	s.disk = &sweeping{s.disk, createTries - 1}
	w, err := s.CreateNew(NewID(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.tmpPath(w.ID())); err != nil {
		t.Error(err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	s.disk = &sweeping{s.disk, createTries}
	if _, err := s.CreateNew(NewID(time.Now())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v where it never lasts", err)
	}
}

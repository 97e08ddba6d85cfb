package spool

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"golang.org/x/sys/unix"
)

// The words in the lock file, of one length so that one replaces the other in a
// single write within a sector.
const (
	wordOpen  = "open \n"
	wordClean = "clean\n"
)

// Lock is the right to write logs, to move and to remove. The kernel takes it
// back when the last process that has the descriptor is gone.
type Lock struct {
	s        *Spool
	f        *os.File
	wasClean bool // the word found, or a whole Load since
}

// Lock takes the lock without waiting; kind Unavailable says that somebody
// else has it, Denied that the spool belongs to another user. On return the word in
// the lock file is "open" and durable.
func (s *Spool) Lock() (*Lock, error) {
	if err := s.owned("lock"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(s.dir+"/lock", os.O_RDWR, 0)
	if err != nil {
		return nil, fail("lock", err)
	}
	if err := claim(f); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, diag.WithHint(diag.New("spool: lock "+s.dir, diag.Unavailable,
				"held by another process"), "is mtarun, or a channel of it, still running?")
		}
		return nil, fail("lock", err)
	}
	l := &Lock{s: s, f: f}
	word := make([]byte, len(wordClean)+1)
	n, _ := f.ReadAt(word, 0)
	l.wasClean = string(word[:n]) == wordClean
	if err := l.write(wordOpen); err != nil {
		f.Close()
		return nil, fail("lock", err)
	}
	s.mu.Lock()
	s.lock = l
	s.mu.Unlock()
	return l, nil
}

// LockWait takes the lock, waiting for processes of a predecessor to go. It
// returns the context's error, with kind Unavailable, if that ends first.
func (s *Spool) LockWait(ctx context.Context) (*Lock, error) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		l, err := s.Lock()
		if err == nil || diag.KindOf(err) != diag.Unavailable {
			return l, err
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, diag.E("spool: lock "+s.dir, diag.Unavailable,
				errors.Join(errors.New("held by another process"), ctx.Err()))
		}
	}
}

// File returns the locked descriptor, for channel processes to inherit.
func (l *Lock) File() *os.File { return l.f }

// Doubt has Close leave the word as it is: something may lie in q/ that nobody has looked
// at since its writer died.
func (l *Lock) Doubt() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.wasClean = false
}

// Close lets go of the lock. If the spool was found clean or has been loaded
// whole since, and no barrier failed, it runs a last barrier and writes the
// word "clean", which spares the next holder the reading of all contents. No
// other process may have the descriptor any more; a holder that cannot wait for
// its channels exits without Close.
func (l *Lock) Close() error {
	s := l.s
	s.mu.Lock()
	held, clean, failed := s.lock == l, l.wasClean, s.failed
	s.mu.Unlock()
	if !held {
		return diag.New("spool: unlock "+s.dir, diag.Internal, "not held")
	}
	var err error
	if clean && failed == nil {
		err = s.Barrier(nil)
		if err == nil && s.mode == BarrierFsync {
			err = s.syncfs() // what nobody has noted, too
		}
		if err == nil {
			err = l.write(wordClean)
		}
	}
	s.mu.Lock()
	s.lock = nil
	s.mu.Unlock()
	if e := l.f.Close(); err == nil {
		err = e
	}
	return fail("unlock", err)
}

func (l *Lock) write(word string) error {
	if err := l.s.disk.Overwrite(l.f, []byte(word)); err != nil {
		return err
	}
	return l.s.disk.SyncOpen(l.f)
}

// holding fails unless this process has the lock.
func (s *Spool) holding(op string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return diag.New("spool: "+op, diag.Denied, "the lock of "+s.dir+" is not held")
	}
	return nil
}

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
)

// BarrierMode is the way a barrier is made.
type BarrierMode string

const (
	// BarrierSyncfs is one syncfs(2), however much waits.
	BarrierSyncfs BarrierMode = "syncfs"
	// BarrierFsync is fsync(2) of every file and directory concerned; for a
	// spool that shares its file system with something that writes a lot.
	BarrierFsync BarrierMode = "fsync"
)

// SetBarrier chooses the mode; a spool opens with BarrierSyncfs. It is to be
// called before the first use. One that this machine cannot vouch for is refused
// with kind Config.
func (s *Spool) SetBarrier(mode BarrierMode) error {
	if mode != BarrierSyncfs && mode != BarrierFsync {
		return diag.New("spool: barrier", diag.Config, fmt.Sprintf("%q is not syncfs or fsync", clip(string(mode))))
	}
	if mode == BarrierSyncfs && !durable.SyncfsTells() {
		return diag.WithHint(diag.New("spool: barrier", diag.Config,
			"before Linux 5.8 syncfs(2) does not say what could not be written"), `set barrier = "fsync" in [spool]`)
	}
	s.mode = mode
	return nil
}

// ErrBarrier says that a barrier failed, this one or one before it.
var ErrBarrier = errors.New("barrier failed")

// Batch is what others have written and wait for. What this Spool has itself
// appended, renamed or removed need not be in it.
type Batch struct {
	Refs []Ref // files written in place by channels
	Logs []Ref // logs
	// Partials are partials that channels have written to.
	Partials []ID
}

// pending collects what this Spool changed since the last barrier began.
type pending struct {
	files map[string]struct{}
	dirs  map[string]struct{}
}

func (p *pending) file(path string) {
	if p.files == nil {
		p.files = make(map[string]struct{})
	}
	p.files[path] = struct{}{}
}

func (p *pending) dir(path string) {
	if p.dirs == nil {
		p.dirs = make(map[string]struct{})
	}
	p.dirs[path] = struct{}{}
}

// changed notes files and directories for the next barrier.
func (s *Spool) changed(files, dirs []string) {
	if s.mode == BarrierSyncfs {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range files {
		s.pending.file(path)
	}
	for _, path := range dirs {
		s.pending.dir(path)
	}
}

// Barrier makes durable what b lists and everything this Spool did before the
// call began; b may be nil. An error, ErrBarrier of kind IO, means that some of it may be
// lost: nobody may be told yes, and every later Barrier of this Spool fails
// too, because the kernel reports a lost page only once. The way on is a new
// process, and Load. One of kind Temporary says that the barrier has not begun, for want
// of descriptors, and is to be called again with the same b.
func (s *Spool) Barrier(b *Batch) error {
	if err := s.holding("barrier"); err != nil {
		return err
	}
	return s.sync(func(p pending) error {
		if s.mode == BarrierSyncfs {
			return s.disk.Syncfs(s.root)
		}
		return s.syncEach(b, p)
	})
}

// Covers tells whether a Barrier makes durable what has been written to f, which is no
// file of the spool.
func (s *Spool) Covers(f *os.File) bool {
	if s.mode != BarrierSyncfs {
		return false
	}
	var own, other unix.Stat_t
	err := errors.Join(unix.Fstat(int(s.root.Fd()), &own), unix.Fstat(int(f.Fd()), &other))
	return err == nil && own.Dev == other.Dev
}

// syncfs is a barrier of one syncfs(2), whatever the mode: it reaches what nobody has
// noted. What somebody has is synced one by one too in the other mode, whose choice may
// have been for want of a syncfs that tells of lost pages.
func (s *Spool) syncfs() error {
	return s.sync(func(p pending) error {
		err := s.disk.Syncfs(s.root)
		if err == nil && s.mode == BarrierFsync {
			err = s.syncEach(nil, p)
		}
		return err
	})
}

// sync makes barriers one after the other: the kernel tells of a lost page only one of
// those who ask by the same descriptor, and the others must not take its silence for
// success.
func (s *Spool) sync(all func(pending) error) error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	p, failed := s.pending, s.failed
	s.pending = pending{}
	s.mu.Unlock()
	if failed != nil {
		return diag.E("spool", diag.IO, fmt.Errorf("an earlier %w", failed))
	}
	if err := all(p); unopened(err) {
		s.mu.Lock()
		for path := range p.files {
			s.pending.file(path)
		}
		for path := range p.dirs {
			s.pending.dir(path)
		}
		s.mu.Unlock()
		return diag.E("spool", diag.Temporary, fmt.Errorf("barrier: %w", err))
	} else if err != nil {
		err = fmt.Errorf("%w: %w", ErrBarrier, err)
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
		return diag.E("spool", diag.IO, err)
	}
	return nil
}

// syncNow makes the names in a directory durable, outside of any barrier. An error counts
// as that of a barrier: a second try would succeed and mean nothing.
func (s *Spool) syncNow(dir string) error {
	s.mu.Lock()
	err := s.failed
	s.mu.Unlock()
	if err != nil {
		return err
	}
	err = s.disk.Sync(dir)
	if err != nil && !unopened(err) {
		err = fmt.Errorf("%w: %w", ErrBarrier, err)
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
	}
	return err
}

// unopened tells that a file could not be opened to be synced for want of descriptors or
// memory: nothing is lost by that.
func unopened(err error) bool {
	var at *fs.PathError
	return errors.As(err, &at) && at.Op == "open" &&
		(errors.Is(at.Err, unix.EMFILE) || errors.Is(at.Err, unix.ENFILE) || errors.Is(at.Err, unix.ENOMEM))
}

// syncEach makes a barrier of single fsyncs: files first, then the directories
// that name them, then the directories that name those.
func (s *Spool) syncEach(b *Batch, p pending) error {
	if b != nil {
		for _, ref := range b.Refs {
			p.file(s.path(ref))
			p.dir(s.shardPath(ref))
		}
		for _, ref := range b.Logs {
			p.file(s.logPath(ref))
			p.dir(s.shardPath(ref))
		}
		for _, id := range b.Partials {
			p.file(s.partialPath(id))
			p.file(s.partialPath(id) + ".log")
			p.dir(parentDir(s.partialPath(id)))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		// What has been removed meanwhile needs no data; that it is gone
		// becomes durable with its directory.
		if err := s.disk.Sync(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	parents := make(map[string]struct{})
	for _, path := range slices.Sorted(maps.Keys(p.dirs)) {
		if err := s.disk.Sync(path); err != nil {
			return err
		}
		s.mu.Lock()
		if !s.synced[path] {
			parents[parentDir(path)] = struct{}{}
		}
		s.mu.Unlock()
	}
	for _, path := range slices.Sorted(maps.Keys(parents)) {
		if err := s.disk.Sync(path); err != nil {
			return err
		}
	}
	s.mu.Lock()
	for path := range p.dirs {
		s.synced[path] = true
	}
	s.mu.Unlock()
	return nil
}

func parentDir(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "/"
}

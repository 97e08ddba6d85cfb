package spool

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/durable"
)

// disk is every call by which the spool changes the file system. The tests put
// a disk in its place that fails at a chosen call, or that records the calls
// and replays what a cut may have left of them.
type disk interface {
	create(path string) (file, error)   // O_EXCL
	appendTo(path string) (file, error) // O_APPEND
	rename(from, to string) error
	unlink(path string) error
	mkdir(path string) error
	sync(path string) error // fsync of a file or a directory
	syncfs(root *os.File) error
}

// file is an open file being written.
type file interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
	os() *os.File
}

type osDisk struct{}

type osFile struct{ *os.File }

func (f osFile) os() *os.File { return f.File }

func (osDisk) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) appendTo(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) unlink(path string) error     { return unix.Unlink(path) }
func (osDisk) mkdir(path string) error      { return os.Mkdir(path, 0o700) }
func (osDisk) sync(path string) error       { return durable.SyncFile(path) }
func (osDisk) syncfs(root *os.File) error   { return durable.Syncfs(root) }

// claim locks a file for the one who writes or removes it; it fails with
// EWOULDBLOCK if a living process has it. The lock goes with the descriptor, so
// a writer that dies leaves a file that can be claimed.
func claim(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }

// own locks a file for its writer, who has just created it, and fails with
// ErrNotExist if a sweeper was quicker. A sweeper holds the lock until the file
// is gone, so afterwards nobody removes it.
func own(f *os.File) error {
	if err := flock(f, unix.LOCK_EX); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return err
	}
	if st.Nlink == 0 {
		return os.ErrNotExist
	}
	return nil
}

// alive says whether the writer of f lives.
func alive(f *os.File) bool { return flock(f, unix.LOCK_SH|unix.LOCK_NB) != nil }

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

package spool

import (
	"io/fs"
	"os"
	"time"

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
	truncate(path string, size int64) error
	sync(path string) error // fsync of a file or a directory
	syncOpen(f *os.File) error
	syncfs(root *os.File) error
}

// file is an open file being written.
type file interface {
	Write(p []byte) (int, error)
	Sync() error
	Close() error
	fd() int
}

type osDisk struct{}

func (osDisk) create(path string) (file, error) {
	return openFile(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

func (osDisk) appendTo(path string) (file, error) {
	return openFile(path, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND)
}

func (osDisk) rename(from, to string) error           { return os.Rename(from, to) }
func (osDisk) mkdir(path string) error                { return os.Mkdir(path, 0o700) }
func (osDisk) truncate(path string, size int64) error { return os.Truncate(path, size) }
func (osDisk) sync(path string) error                 { return durable.SyncFile(path) }
func (osDisk) syncOpen(f *os.File) error              { return f.Sync() }
func (osDisk) syncfs(root *os.File) error             { return durable.Syncfs(root) }

// unlink does not try rmdir as os.Remove does: no directory is ever removed.
func (osDisk) unlink(path string) error {
	err := again(func() error { return unix.Unlink(path) })
	return pathError("unlink", path, err)
}

// rawFile is a file without the poller of package os, which would double the
// calls that a small message costs.
type rawFile struct {
	n    int // the descriptor, -1 when closed
	path string
}

func openFile(path string, flags int) (file, error) {
	f := &rawFile{path: path}
	err := again(func() (err error) {
		f.n, err = unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return f, nil
}

func (f *rawFile) fd() int { return f.n }

func (f *rawFile) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		var n int
		err := again(func() (err error) {
			n, err = unix.Write(f.n, p[done:])
			return err
		})
		if err != nil {
			return done, pathError("write", f.path, err)
		}
		done += n
	}
	return done, nil
}

func (f *rawFile) Sync() error {
	return pathError("sync", f.path, again(func() error { return unix.Fsync(f.n) }))
}

// Close closes the file once; a second call does no harm.
func (f *rawFile) Close() error {
	if f.n < 0 {
		return nil
	}
	// Never repeated: Linux has freed the descriptor even when it is interrupted.
	err := unix.Close(f.n)
	f.n = -1
	if err == unix.EINTR {
		err = nil
	}
	return pathError("close", f.path, err)
}

func pathError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

// again calls until the call is not interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// onFile calls with the descriptor of f, which Fd would make a blocking one
// with two more calls.
func onFile(f *os.File, call func(fd int) error) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if e := c.Control(func(fd uintptr) { err = call(int(fd)) }); e != nil {
		return e
	}
	return err
}

// claim locks a file for the one who writes or removes it; it fails with
// EWOULDBLOCK if a living process has it. The lock goes with the descriptor, so
// a writer that dies leaves a file that can be claimed. A check that asks at this very
// moment whether the writer lives is not taken for one: it lets go at once.
func claim(f *os.File) error {
	return onFile(f, func(fd int) error {
		for try := 0; ; try++ {
			err := flock(fd, unix.LOCK_EX|unix.LOCK_NB)
			if err != unix.EWOULDBLOCK || try == claimTries || flock(fd, unix.LOCK_SH|unix.LOCK_NB) != nil {
				return err
			}
			time.Sleep(claimPause)
		}
	})
}

const (
	claimTries = 100
	claimPause = time.Millisecond
)

// own locks a file for its writer, who has just created it, and fails with
// ErrNotExist if a sweeper was quicker. A sweeper holds the lock until the file
// is gone, so afterwards nobody removes it.
func own(fd int) error {
	if err := flock(fd, unix.LOCK_EX); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Nlink == 0 {
		return os.ErrNotExist
	}
	return nil
}

// alive says whether the writer of f lives.
func alive(f *os.File) bool {
	return onFile(f, func(fd int) error { return flock(fd, unix.LOCK_SH|unix.LOCK_NB) }) != nil
}

func flock(fd, how int) error { return again(func() error { return unix.Flock(fd, how) }) }

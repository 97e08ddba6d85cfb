package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Disk is every call by which whoever keeps messages changes a file system. It is OS;
// the tests put its recording twin in its place, which fails at a chosen call, or replays
// what a cut may have left.
type Disk interface {
	Create(path string) (File, error)   // O_EXCL
	AppendTo(path string) (File, error) // O_APPEND
	Rename(from, to string) error
	Unlink(path string) error
	Mkdir(path string) error
	Truncate(path string, size int64) error
	Overwrite(f *os.File, data []byte) error // all of a small file
	Sync(path string) error                  // fsync of a file or a directory
	SyncOpen(f *os.File) error
	Syncfs(root *os.File) error
}

// File is an open file being written.
type File interface {
	Write(p []byte) (int, error)
	// CopyFrom appends n octets from an offset of src, copied by the kernel, which may
	// share blocks. With errors.ErrUnsupported nothing was copied.
	CopyFrom(src *os.File, offset, n int64) error
	Sync() error
	Close() error
	FD() int
}

// OS is the file system of the machine.
type OS struct{}

// Create makes a new file.
func (OS) Create(path string) (File, error) {
	return openFile(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// AppendTo opens a file, or makes it.
func (OS) AppendTo(path string) (File, error) {
	return openFile(path, unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND)
}

// Rename gives a file another name.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Mkdir makes a directory that only its user may enter.
func (OS) Mkdir(path string) error { return os.Mkdir(path, 0o700) }

// Truncate shortens a file.
func (OS) Truncate(path string, size int64) error { return os.Truncate(path, size) }

// Overwrite replaces what a small file has, with one write.
func (OS) Overwrite(f *os.File, data []byte) error {
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(data)))
}

// Sync is SyncFile.
func (OS) Sync(path string) error { return SyncFile(path) }

// SyncOpen makes an open file durable.
func (OS) SyncOpen(f *os.File) error { return f.Sync() }

// Syncfs is the function of that name.
func (OS) Syncfs(root *os.File) error { return Syncfs(root) }

// Unlink does not try rmdir as os.Remove does: no directory is ever removed.
func (OS) Unlink(path string) error {
	err := again(func() error { return unix.Unlink(path) })
	return pathError("unlink", path, err)
}

// rawFile is a file without the poller of package os, which would double the
// calls that a small message costs.
type rawFile struct {
	n    int // the descriptor, -1 when closed
	path string
}

// openFile follows no link: who shares the directory could lead its user elsewhere by one.
func openFile(path string, flags int) (File, error) {
	f := &rawFile{path: path}
	err := again(func() (err error) {
		f.n, err = unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		return nil, pathError("open", path, err)
	}
	return f, nil
}

func (f *rawFile) FD() int { return f.n }

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

func (f *rawFile) CopyFrom(src *os.File, offset, n int64) error {
	for done := int64(0); done < n; {
		from := offset + done
		var m int
		err := onFile(src, func(fd int) error {
			return again(func() (err error) {
				m, err = unix.CopyFileRange(fd, &from, f.n, nil, int(n-done), 0)
				return err
			})
		})
		switch {
		case err == unix.ENOSYS, err == unix.EXDEV, err == unix.EINVAL, err == unix.EOPNOTSUPP:
			if done == 0 {
				return errors.ErrUnsupported
			}
			return pathError("copy_file_range", f.path, err)
		case err != nil:
			return pathError("copy_file_range", f.path, err)
		case m == 0:
			return pathError("copy_file_range", f.path, io.ErrUnexpectedEOF)
		}
		done += int64(m)
	}
	return nil
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

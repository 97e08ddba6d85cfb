// Package durable makes files that outlive a power cut.
//
// A file is durable when its octets have been synced and the directory that
// names it has been synced after the name was made. The functions here do both,
// in the order in which no cut can show a name with half a content. All of them
// are for Linux; errors are those of the file system, wrapped with the operation
// and the path, and mean that nothing may be said to be durable.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// WriteFile replaces the file path with data, durably: a cut leaves the old
// file or the new one, and after a nil return the new one.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	// The temporary file must lie in the same directory, or the rename could
	// cross file systems.
	dir := filepath.Dir(path)
	if err := renameio.WriteFile(path, data, perm,
		renameio.WithTempDir(dir), renameio.WithStaticPermissions(perm)); err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	return SyncDir(dir)
}

// MkdirAll makes the directory path and those above it that are missing, and makes
// the names of all of them durable as far up as the file system reaches, the names of
// those that were there too: whoever made them may not have come to that. Where a
// directory may not be read it stays as it is.
func MkdirAll(path string, perm fs.FileMode) error {
	path, err := filepath.Abs(path)
	if err == nil {
		err = os.MkdirAll(path, perm)
	}
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	var lowest unix.Stat_t
	if err := unix.Stat(path, &lowest); err != nil {
		return fmt.Errorf("make directory %s: %w", path, err)
	}
	for dir := path; dir != "/"; {
		dir = filepath.Dir(dir)
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil {
			return fmt.Errorf("make directory %s: %w", dir, err)
		}
		if st.Dev != lowest.Dev {
			return nil
		}
		if err := SyncDir(dir); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// SyncDir makes the names in the directory path durable.
func SyncDir(path string) error { return SyncFile(path) }

// SyncFile makes the file or directory path durable, whoever wrote it.
func SyncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}

// Syncfs makes durable everything written so far to the file system that f lies
// on. Where SyncfsTells it also reports, once for each open file, that the kernel could not write
// some page since f was opened or asked last; f must therefore have been opened
// before the writes that are to be vouched for.
func Syncfs(f *os.File) error {
	for {
		err := unix.Syncfs(int(f.Fd()))
		switch err {
		case nil:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("syncfs %s: %w", f.Name(), err)
		}
	}
}

// SyncfsTells says whether the kernel of this machine lets Syncfs know of pages that it
// could not write: Linux does since 5.8.
func SyncfsTells() bool {
	var name unix.Utsname
	return unix.Uname(&name) == nil && tells(unix.ByteSliceToString(name.Release[:]))
}

func tells(release string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor) // what has no such form tells nothing
	return n == 2 && (major > 5 || major == 5 && minor >= 8)
}

// StartWriteback asks the kernel to begin writing n octets of the open file fd
// from offset off to the disk, and does not wait. It promises nothing about
// durability: it only shortens a later sync. File systems that cannot do it are
// left alone.
func StartWriteback(fd int, off, n int64) error {
	return rangeSync(fd, off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// WaitWriteback waits until the writing of n octets of fd from offset off, begun
// by StartWriteback, is over. An error says that some of them are lost.
func WaitWriteback(fd int, off, n int64) error {
	return rangeSync(fd, off, n, unix.SYNC_FILE_RANGE_WAIT_BEFORE|
		unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}

func rangeSync(fd int, off, n int64, flags int) error {
	for {
		err := unix.SyncFileRange(fd, off, n, flags)
		switch err {
		case nil, unix.ENOSYS, unix.EINVAL, unix.ESPIPE:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("write back: %w", err)
		}
	}
}

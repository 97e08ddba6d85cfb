package durable

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Modes of what Shared makes. The group is the directory's, which has the set-group-ID bit.
const (
	SharedFile = 0o660
	SharedDir  = 0o770 | fs.ModeSetgid
)

// Shared is OS for directories that the members of a group work in, each as himself: what it
// makes is the group's to read and write, whatever the umask is.
type Shared struct{ OS }

// Create makes a new file.
func (Shared) Create(path string) (File, error) {
	return shared(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
}

// AppendTo opens a file, or makes it.
func (Shared) AppendTo(path string) (File, error) {
	for {
		f, err := openFile(path, unix.O_WRONLY|unix.O_APPEND)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		f, err = shared(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_APPEND)
		if !errors.Is(err, fs.ErrExist) { // else somebody was quicker
			return f, err
		}
	}
}

func shared(path string, flags int) (File, error) {
	f, err := openFile(path, flags)
	if err != nil {
		return nil, err
	}
	if err := again(func() error { return unix.Fchmod(f.FD(), SharedFile) }); err != nil {
		return nil, errors.Join(pathError("chmod", path, err), f.Close())
	}
	return f, nil
}

// Mkdir makes a directory.
func (Shared) Mkdir(path string) error {
	if err := os.Mkdir(path, 0o770); err != nil {
		return err
	}
	// By the descriptor: a process that is confined changes the mode of nothing else.
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Chmod(SharedDir), d.Close())
}

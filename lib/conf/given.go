package conf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxFile bounds one file that [security] names: lists of revoked certificates are long.
	MaxFile = 256 << 20
	// maxGiven bounds them all together, as they are held.
	maxGiven = 1 << 30
)

// ReadFile returns what is in a file of at most so many octets. A pipe nobody writes into is
// empty, and nobody waits long for who has opened one and writes nothing. The error names the
// file.
func (open Opener) ReadFile(path string, most int) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	_ = f.SetReadDeadline(time.Now().Add(secretTime)) // a file on a disk has none
	octets, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(octets) > most {
		err = fmt.Errorf("%s: more than %d octets", path, most)
	}
	return octets, errors.Join(err, f.Close())
}

// Given are the files that the table [security] of one configuration names, as they were when it
// was read. Whoever judges by the configuration judges by these, whenever his process started:
// one that vanishes, or is written at the moment, keeps nobody from coming up and makes no two
// processes judge differently. It is immutable; the zero value has none.
type Given struct{ files map[string][]byte }

// ReadGiven reads them. Where nobody asks, without rules and steps, there are none. The error
// names the file.
func ReadGiven(cfg *Config, open Opener) (Given, error) {
	g := Given{map[string][]byte{}}
	if len(cfg.RuleSets)+len(cfg.Steps) == 0 {
		return g, nil
	}
	left := maxGiven
	for _, names := range cfg.Security.files() {
		for _, name := range names {
			if _, ok := g.files[name]; ok {
				continue
			}
			octets, err := open.ReadFile(name, min(MaxFile, left))
			if err != nil {
				return Given{}, err
			}
			g.files[name], left = octets, left-len(octets)
		}
	}
	return g, nil
}

// Descriptor returns a descriptor of a file of its own in memory that has what was in a file, to
// be read once and not to be written; -1 if it is none of them.
func (g Given) Descriptor(path string) (int, error) {
	octets, ok := g.files[path]
	if !ok {
		return -1, nil
	}
	// Where vm.memfd_noexec is 2 none is made that might be executed; kernels before 6.3 do not know
	// the flag.
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("given", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("given", flags)
	}
	if err != nil {
		return -1, &fs.PathError{Op: "memfd_create", Path: path, Err: err}
	}
	for at := 0; at < len(octets) && err == nil; {
		var n int
		n, err = unix.Pwrite(fd, octets[at:], int64(at))
		at += n
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		return -1, errors.Join(&fs.PathError{Op: "write", Path: path, Err: err}, unix.Close(fd))
	}
	return fd, nil
}

// Open is the Opener of whoever holds them: it has no other files.
func (g Given) Open(path string) (*os.File, error) {
	fd, err := g.Descriptor(path)
	switch {
	case err != nil:
		return nil, err
	case fd < 0:
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return os.NewFile(uintptr(fd), path), nil
}

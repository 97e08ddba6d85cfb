package spool

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

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

// errSwept says that a file was removed before its writer had locked it, as that of a
// writer that has died would be.
var errSwept = fmt.Errorf("a sweeper was quicker: %w", os.ErrNotExist)

// own locks a file for its writer, who has just created it, and fails with
// errSwept if a sweeper was quicker. A sweeper holds the lock until the file
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
		return errSwept
	}
	return nil
}

// alive says whether the writer of f lives.
func alive(f *os.File) bool {
	return onFile(f, func(fd int) error { return flock(fd, unix.LOCK_SH|unix.LOCK_NB) }) != nil
}

func flock(fd, how int) error { return again(func() error { return unix.Flock(fd, how) }) }

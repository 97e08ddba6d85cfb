package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// Wake tells the holder, if one listens, that something is in new/. That it
// does not hear is no error: it looks from time to time.
func (s *Spool) Wake() error {
	// Not by package os, whose Fd method would make the write a blocking one.
	fd, err := unix.Open(s.dir+"/ctl/wake", unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ENXIO {
		return nil
	}
	if err != nil {
		return fail("wake", err)
	}
	defer unix.Close(fd)
	// A full FIFO has woken it already.
	if _, err := unix.Write(fd, []byte{'\n'}); err != nil && err != unix.EAGAIN {
		return fail("wake", err)
	}
	return nil
}

// OpenWake opens the FIFO for the listener. Octets read from it mean nothing
// but "look into new/"; any number may be taken at once. Reads can be
// interrupted with SetReadDeadline and Close.
func (s *Spool) OpenWake() (*os.File, error) {
	// Open for writing as well, so that it does not end when a writer closes.
	f, err := os.OpenFile(s.dir+"/ctl/wake", os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail("wake", err)
	}
	return f, nil
}

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/examples/loopdisk"
)

// mode is what a cut leaves of what was not synced.
type mode int

// The modes of FS_IOC_SHUTDOWN; the third, 0, flushes everything first.
const (
	log   mode = 1 // the journal reaches the disk, data do not: names without contents
	noLog mode = 2 // nothing does
)

func (m mode) String() string {
	if m == log {
		return "log"
	}
	return "nolog"
}

// cut cuts the power. Every call that needs the disk fails from now on.
func cut(d *loopdisk.Disk, m mode) error {
	f, err := os.Open(d.Mount)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	const shutdown = 0x8004587d      // FS_IOC_SHUTDOWN, _IOR('X', 125, __u32)
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, int(m)); err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	return nil
}

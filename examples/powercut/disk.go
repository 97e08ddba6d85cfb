package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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

// disk is a file system of its own, in an image on a loop device.
type disk struct {
	dir, mount, loop string
}

// imageSize is wholly allocated, so that the file system below has nothing to decide.
const imageSize = 1 << 30

func newDisk(below, system string) (d *disk, err error) {
	d = &disk{}
	if d.dir, err = os.MkdirTemp(below, "mtakit-powercut."); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove())
		}
	}()
	image := filepath.Join(d.dir, "image")
	f, err := os.OpenFile(image, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, imageSize), f.Close()); err != nil {
		return nil, err
	}
	options := map[string][]string{
		"ext4": {"-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"},
		"xfs":  {"-q", "-f"},
	}
	if _, err := command("mkfs."+system, append(options[system], image)...); err != nil {
		return nil, err
	}
	if d.loop, err = command("losetup", "--direct-io=on", "-f", "--show", image); err != nil {
		return nil, err
	}
	d.mount = filepath.Join(d.dir, "disk")
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		return nil, err
	}
	_, err = command("mount", d.loop, d.mount)
	return d, err
}

// cut cuts the power. Every call that needs the disk fails from now on.
func (d *disk) cut(m mode) error {
	f, err := os.Open(d.mount)
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

// again takes the file system off and mounts it, which replays the journal.
func (d *disk) again() error {
	if err := d.unmount(); err != nil {
		return err
	}
	_, err := command("mount", d.loop, d.mount)
	return err
}

// unmount waits for whoever was killed to be gone.
func (d *disk) unmount() error {
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = unix.Unmount(d.mount, 0); err == nil || err == unix.EINVAL {
			return nil // or it is not mounted
		}
	}
	return fmt.Errorf("unmount %s: %w", d.mount, err)
}

func (d *disk) remove() error {
	if d.mount != "" {
		if err := d.unmount(); err != nil {
			return err
		}
	}
	if d.loop != "" {
		if _, err := command("losetup", "-d", d.loop); err != nil {
			return err
		}
	}
	return os.RemoveAll(d.dir)
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

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

// disk is a file system of its own, in an image on a loop device. The image has no name,
// and the kernel lets go of the device when the file system is taken off: whatever happens
// to this program, nothing is left but an empty directory.
type disk struct {
	dir, mount string
	image      *os.File
}

// imageSize is wholly allocated, so that the file system below has nothing to decide. XFS
// takes no less than 300 MiB.
const imageSize = 320 << 20

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
	name := filepath.Join(d.dir, "image")
	if d.image, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Fallocate(int(d.image.Fd()), 0, 0, imageSize); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	options := map[string][]string{
		"ext4": {"-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"},
		"xfs":  {"-q", "-f"},
	}
	if _, err := command("mkfs."+system, append(options[system], name)...); err != nil {
		return nil, err
	}
	if err := os.Remove(name); err != nil {
		return nil, err
	}
	d.mount = filepath.Join(d.dir, "disk")
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		return nil, err
	}
	return d, d.putOn()
}

// putOn mounts the image, on a loop device that goes when nobody uses it any more.
func (d *disk) putOn() error {
	device, err := d.attach()
	if err != nil {
		return fmt.Errorf("no loop device for an image: %w", err)
	}
	_, err = command("mount", device.Name(), d.mount)
	return errors.Join(err, device.Close())
}

// attach makes a loop device of the image. It is there as long as it is open, or mounted.
func (d *disk) attach() (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = control.Close() }() // it was only asked
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", control.Name(), err)
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		err = unix.IoctlLoopConfigure(int(device.Fd()), &unix.LoopConfig{Fd: uint32(d.image.Fd()),
			Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR | unix.LO_FLAGS_DIRECT_IO}})
		if err == nil {
			return device, nil
		}
		if err = errors.Join(err, device.Close()); !errors.Is(err, unix.EBUSY) { // somebody else was quicker
			return nil, fmt.Errorf("%s: %w", device.Name(), err)
		}
	}
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
	return d.putOn()
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
	err := os.RemoveAll(d.dir)
	if d.image != nil {
		err = errors.Join(err, d.image.Close())
	}
	return err
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

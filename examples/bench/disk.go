package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a file system of its own, in an image on a loop device.
type disk struct {
	dir, mount, loop string
}

func newDisk(below, system string, size int64) (d *disk, err error) {
	d = &disk{}
	if d.dir, err = os.MkdirTemp(below, "mtakit-bench."); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove())
		}
	}()
	if err := os.Chmod(d.dir, 0o755); err != nil { // Postfix works under several users
		return nil, err
	}
	image := filepath.Join(d.dir, "image")
	f, err := os.OpenFile(image, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, size), f.Close()); err != nil {
		return nil, err
	}
	options := map[string][]string{
		// An inode for every 4 KiB: a million messages are a million files.
		"ext4": {"-q", "-F", "-i", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"},
		"xfs":  {"-q", "-f"},
	}[system]
	if options == nil {
		return nil, errors.New("neither ext4 nor xfs")
	}
	if _, err := command("mkfs."+system, append(options, image)...); err != nil {
		return nil, err
	}
	if d.loop, err = command("losetup", "--direct-io=on", "-f", "--show", image); err != nil {
		return nil, err
	}
	d.mount = filepath.Join(d.dir, "disk")
	if err := os.Mkdir(d.mount, 0o755); err != nil {
		return nil, err
	}
	if _, err = command("mount", d.loop, d.mount); err != nil {
		return nil, err
	}
	return d, os.Chmod(d.mount, 0o755)
}

// forget takes the file system off and mounts it again: nothing of it is in memory then.
func (d *disk) forget() error {
	if err := d.unmount(); err != nil {
		return err
	}
	_, err := command("mount", d.loop, d.mount)
	return err
}

// unmount waits for whoever has just ended.
func (d *disk) unmount() error {
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
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

// flushes is how often the file system has told its device to make durable what it has.
func (d *disk) flushes() (int64, error) {
	text, err := os.ReadFile("/sys/block/" + filepath.Base(d.loop) + "/stat")
	if err != nil {
		return 0, err
	}
	const flushes = 15 // block/stat of the kernel's documentation: since Linux 5.5
	fields := strings.Fields(string(text))
	if len(fields) <= flushes {
		return 0, errors.New("this kernel does not count flushes")
	}
	return strconv.ParseInt(fields[flushes], 10, 64)
}

// flushesOfOne is how many flushes one fsync of a new file is: what a barrier costs.
func (d *disk) flushesOfOne() (float64, error) {
	const files = 200
	before, err := d.flushes()
	if err != nil {
		return 0, err
	}
	for i := range files {
		f, err := os.Create(filepath.Join(d.mount, "flush."+strconv.Itoa(i)))
		if err != nil {
			return 0, err
		}
		_, err = f.Write(make([]byte, 2048))
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return 0, err
		}
	}
	after, err := d.flushes()
	if err != nil {
		return 0, err
	}
	for i := range files {
		if err := os.Remove(filepath.Join(d.mount, "flush."+strconv.Itoa(i))); err != nil {
			return 0, err
		}
	}
	return float64(after-before) / files, nil
}

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

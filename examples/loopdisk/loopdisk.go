// Package loopdisk makes file systems of their own for programs that measure a disk, or cut
// it off: each in an image that is wholly allocated, on a loop device that goes past the
// page cache of the file system below. It wants root, mkfs.ext4 and mkfs.xfs.
//
// The image has no name, and the kernel lets go of the device when the file system is taken
// off: whatever happens to the program, nothing is left but an empty directory and, until
// its last user has gone, a mount.
package loopdisk

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

// Disk is a mounted file system.
type Disk struct {
	Dir    string // a directory beside it, for what must outlive it
	Mount  string
	make   string // of mkfs
	option string // of mount; empty: as it comes
	device string
	image  *os.File
}

// mkfs are the options with which a file system is made. A queue has an inode for each of
// its messages, and what is not initialized now would be while somebody measures.
var mkfs = map[string][]string{
	"ext4": {"-q", "-F", "-i", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"},
	"xfs":  {"-q", "-f"},
}

// New makes a file system below a directory, of so many octets; XFS takes no less than
// 300 MiB. kind is ext4 or xfs and, behind a colon, options of mount(8).
func New(below, kind string, size int64) (d *Disk, err error) {
	d = &Disk{}
	d.make, d.option, _ = strings.Cut(kind, ":")
	options, known := mkfs[d.make]
	if !known {
		return nil, fmt.Errorf("%q is neither ext4 nor xfs", d.make)
	}
	if d.Dir, err = os.MkdirTemp(below, "mtakit-disk."); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Remove())
		}
	}()
	name := filepath.Join(d.Dir, "image")
	if d.image, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Fallocate(int(d.image.Fd()), 0, 0, size); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := run("mkfs."+d.make, append(options, name)...); err != nil {
		return nil, err
	}
	if err := os.Remove(name); err != nil {
		return nil, err
	}
	d.Mount = filepath.Join(d.Dir, "disk")
	// Some programs work under several users.
	if err := errors.Join(os.Mkdir(d.Mount, 0o755), os.Chmod(d.Dir, 0o755)); err != nil {
		return nil, err
	}
	if err := d.putOn(); err != nil {
		return nil, err
	}
	return d, os.Chmod(d.Mount, 0o755)
}

func (d *Disk) putOn() error {
	device, err := d.attach()
	if err != nil {
		return fmt.Errorf("no loop device for an image: %w", err)
	}
	d.device = device.Name()
	args := []string{d.device, d.Mount}
	if d.option != "" {
		args = append([]string{"-o", d.option}, args...)
	}
	return errors.Join(run("mount", args...), device.Close())
}

// attach makes a loop device of the image. It is there as long as it is open, or mounted.
func (d *Disk) attach() (*os.File, error) {
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

// Again takes the file system off and mounts it: nothing of it is in memory then, and a
// journal that was cut off has been replayed.
func (d *Disk) Again() error {
	if err := d.unmount(); err != nil {
		return err
	}
	return d.putOn()
}

// unmount waits for whoever has just ended, or was killed.
func (d *Disk) unmount() error {
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = unix.Unmount(d.Mount, 0); err == nil || err == unix.EINVAL {
			return nil // or it is not mounted
		}
	}
	return fmt.Errorf("unmount %s: %w", d.Mount, err)
}

// Remove takes the file system off and gives back what it took.
func (d *Disk) Remove() error {
	if d.Mount != "" {
		if err := d.unmount(); err != nil {
			return err
		}
	}
	err := os.RemoveAll(d.Dir)
	if d.image != nil {
		err = errors.Join(err, d.image.Close())
	}
	return err
}

// Flushes is how often the file system has told its device to make durable what it has.
func (d *Disk) Flushes() (int64, error) {
	text, err := os.ReadFile("/sys/block/" + filepath.Base(d.device) + "/stat")
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

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

package channel

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// packets is a pair of connected sockets of packets.
func packets(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range pair {
		f := os.NewFile(uintptr(fd), "packets")
		c, err := net.FileConn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		ends[i] = c.(*net.UnixConn)
		t.Cleanup(func() { _ = c.Close() })
	}
	return ends[0], ends[1]
}

// A process is given the files that the configuration names for it, whoever may read them,
// and no others; a nil Files opens what the process itself may.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"key", "other"} {
		if err := os.WriteFile(at(name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	ours, theirs := packets(t)
	served := make(chan bool)
	go func() {
		ServeFiles(ours, func(path string) bool { return path != at("other") }, OpenFile)
		close(served)
	}()
	files := NewFiles(theirs)
	long := at(strings.Repeat("x", maxPath))
	for path, want := range map[string]string{
		at("key"):   "",
		at("other"): "the configuration does not name it for this channel",
		at("none"):  "no such file or directory",
		dir:         "neither a regular file nor a pipe",
		long:        "the configuration does not name it for this channel",
	} {
		f, err := files.Open(path)
		var p *fs.PathError
		switch {
		case err != nil && (want == "" || !errors.As(err, &p) || p.Op != "open" || p.Path != path || p.Err.Error() != want):
			t.Errorf("%.80s: %v, want %q", path, err, want)
		case err == nil && want != "":
			t.Errorf("%.80s was opened", path)
		case err == nil:
			text, err := io.ReadAll(f)
			if string(text) != filepath.Base(path) || err != nil || f.Name() != path {
				t.Errorf("%s: %q, %v", f.Name(), text, err)
			}
			_ = f.Close()
		}
	}
	// Nobody waits for whoever writes into a pipe.
	if f, err := files.Open(at("pipe")); err != nil {
		t.Error(err)
	} else if n, err := f.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d octets of a pipe that nobody writes to, %v", n, err)
	} else {
		_ = f.Close()
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			f, err := files.Open(at("key"))
			if err != nil {
				t.Error(err)
				return
			}
			_ = f.Close()
		})
	}
	all.Wait()
	if err := theirs.Close(); err != nil {
		t.Error(err)
	}
	<-served
	if _, err := files.Open(at("key")); err == nil {
		t.Error("opened by nobody")
	}
	f, err := (*Files)(nil).Open(at("other"))
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
}

// Descriptors that a process sends are nobody's, and one that is not answered in full is told
// of.
func TestFilesOfAStranger(t *testing.T) {
	ours, theirs := packets(t)
	go ServeFiles(ours, func(string) bool { return false }, OpenFile)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	before, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, _, err := theirs.WriteMsgUnix([]byte("x"), unix.UnixRights(int(null.Fd())), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadDir("/proc/self/fd")
	if err != nil || len(after) > len(before)+50 {
		t.Errorf("%d descriptors, %d before, %v", len(after), len(before), err)
	}

	ours, theirs = packets(t)
	files := NewFiles(theirs)
	go func() {
		_, _ = ours.Read(make([]byte, 10))
		_, _ = ours.Write([]byte(fileOpened))
	}()
	if _, err := files.Open("x"); err == nil || !strings.Contains(err.Error(), "no descriptor") {
		t.Errorf("an answer without a descriptor: %v", err)
	}
}

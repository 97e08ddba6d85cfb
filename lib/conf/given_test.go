package conf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGiven proves that what was read is given whatever becomes of the files, whole to each who
// opens it, not to be written, and nothing else.
func TestGiven(t *testing.T) {
	dir := t.TempDir()
	one, two, other := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "other")
	long := bytes.Repeat([]byte("roots "), 100_000)
	for name, octets := range map[string][]byte{one: []byte("policy"), two: long, other: []byte("key")} {
		if err := os.WriteFile(name, octets, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := &Config{Steps: []Step{{Name: "a"}}, Security: Security{Policies: []string{one, one}, Roots: []string{two}}}
	g, err := ReadGiven(cfg, OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(two, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for name, want := range map[string][]byte{one: []byte("policy"), two: long} {
			f, err := g.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d octets, %v", name, len(got), err)
			}
			if st, err := f.Stat(); err != nil || st.Mode()&0o111 != 0 && noexec(t) {
				t.Errorf("%s has mode %v, %v", name, st.Mode(), err)
			}
			if _, err := f.WriteAt([]byte("x"), 0); err == nil {
				t.Errorf("%s was written", name)
			}
			if err := f.Truncate(0); err == nil {
				t.Errorf("%s was cut", name)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if f, err := g.Open(other); err == nil || !os.IsNotExist(err) {
		t.Errorf("another file: %v, %v", f, err)
	}
	if fd, err := g.Descriptor(other); fd != -1 || err != nil {
		t.Errorf("another file: %d, %v", fd, err)
	}
	// One that cannot be read leaves nothing to judge by, and nobody reads what nobody asks for.
	if _, err := ReadGiven(cfg, OpenFile); err == nil || !strings.Contains(err.Error(), one) {
		t.Errorf("without a file: %v", err)
	}
	cfg.Steps = nil
	if _, err := ReadGiven(cfg, OpenFile); err != nil {
		t.Errorf("nobody asks: %v", err)
	}
}

// noexec tells whether the kernel makes files in memory that cannot be executed.
func noexec(t *testing.T) bool {
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return false
	}
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	return true
}

// TestReadFile: what is too long is read no further than the bound.
func TestReadFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := Opener(OpenFile)
	if octets, err := open.ReadFile(name, 5); err != nil || string(octets) != "12345" {
		t.Errorf("%q, %v", octets, err)
	}
	if _, err := open.ReadFile(name, 4); err == nil || err.Error() != name+": more than 4 octets" {
		t.Errorf("%v", err)
	}
	if _, err := open.ReadFile("/dev/zero", 1000); err == nil {
		t.Error("a file without an end was read")
	}
	if _, err := open.ReadFile(name+".gone", 5); !os.IsNotExist(err) {
		t.Errorf("%v is not %v", err, fs.ErrNotExist)
	}
}

// Who has opened a pipe and writes nothing holds nobody up for long: a step is read again while
// others wait, and a configuration while the switch runs.
func TestReadFileOfASilentWriter(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	silent, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }() // nothing was written
	if octets, err := Opener(OpenFile).ReadFile(fifo, 100); !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), fifo) {
		t.Errorf("%q, %v", octets, err)
	}
}

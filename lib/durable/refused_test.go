package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/durable"
)

// refusing calls f on a thread of its own, which ends with it, and for which the system
// call fails with EIO.
func refusing(t *testing.T, call uint32, f func()) {
	t.Helper()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	apart(t, func() error {
		return errors.Join(
			unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
			unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0))
	}, f)
}

// powerless calls f on a thread of its own without the capabilities of root, for whom no
// directory is closed.
func powerless(t *testing.T, f func()) {
	t.Helper()
	apart(t, func() error {
		var none [2]unix.CapUserData
		return unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0])
	}, f)
}

func apart(t *testing.T, change func() error, f func()) {
	t.Helper()
	end := make(chan error)
	go func() {
		runtime.LockOSThread() // until its end
		err := change()
		if err == nil {
			f()
		}
		end <- err
	}()
	if err := <-end; err != nil {
		t.Fatal(err)
	}
}

// What cannot be synced is not said to be durable.
func TestRefusedSyncIsTold(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("text"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		call uint32
		do   func() error
	}{
		"directory":     {unix.SYS_FSYNC, func() error { return durable.SyncDir(dir) }},
		"file":          {unix.SYS_FSYNC, func() error { return durable.SyncFile(f.Name()) }},
		"new directory": {unix.SYS_FSYNC, func() error { return durable.MkdirAll(filepath.Join(dir, "a/b"), 0o700) }},
		"old directory": {unix.SYS_FSYNC, func() error { return durable.MkdirAll(dir, 0o700) }},
		"file system":   {unix.SYS_SYNCFS, func() error { return durable.Syncfs(f) }},
		"start":         {unix.SYS_SYNC_FILE_RANGE, func() error { return durable.StartWriteback(int(f.Fd()), 0, 4) }},
		"wait":          {unix.SYS_SYNC_FILE_RANGE, func() error { return durable.WaitWriteback(int(f.Fd()), 0, 4) }},
	} {
		refusing(t, c.call, func() { err = c.do() })
		if !errors.Is(err, unix.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file is replaced by what is synced, and has its name when the directory is.
func TestRefusedReplacementIsTold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := durable.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	refusing(t, unix.SYS_FSYNC, func() { err = durable.WriteFile(path, []byte("new"), 0o600) })
	if text, e := os.ReadFile(path); e != nil || string(text) != "old" || !errors.Is(err, unix.EIO) {
		t.Errorf("the file cannot be synced: %q, %v, said %v", text, e, err)
	}
	if err := os.Chmod(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	powerless(t, func() { err = durable.WriteFile(path, []byte("new"), 0o600) })
	if text, e := os.ReadFile(path); e != nil || string(text) != "new" || !errors.Is(err, unix.EACCES) {
		t.Errorf("the directory cannot be: %q, %v, said %v", text, e, err)
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A program and all its children are run so that a chosen call on a file of theirs fails,
// counted over all of them in the order in which the kernel meets the calls: strace counts
// for each thread by itself. The kernel asks this process about every call of faultable
// (seccomp_unotify(2)) and is told to go on, or what to fail with; or the caller is killed.

// faultable are the calls that may fail, with the argument that says what file they are on.
var faultable = map[int]struct {
	name string
	arg  int
	path bool // a path, not a descriptor
}{
	unix.SYS_OPENAT:    {"openat", 1, true},
	unix.SYS_READ:      {"read", 0, false},
	unix.SYS_PREAD64:   {"pread64", 0, false},
	unix.SYS_WRITE:     {"write", 0, false},
	unix.SYS_PWRITE64:  {"pwrite64", 0, false},
	unix.SYS_FTRUNCATE: {"ftruncate", 0, false},
	unix.SYS_FSYNC:     {"fsync", 0, false},
	unix.SYS_SYNCFS:    {"syncfs", 0, false},
	unix.SYS_RENAMEAT:  {"renameat", 1, true},
	unix.SYS_RENAMEAT2: {"renameat2", 1, true},
	unix.SYS_UNLINKAT:  {"unlinkat", 1, true},
	unix.SYS_MKDIRAT:   {"mkdirat", 1, true},
}

// faultyEnv is set for the process that becomes the program: the socket of its parent.
const faultyEnv = "MTAKIT_TEST_FAULTY"

func init() {
	if fd, err := strconv.Atoi(os.Getenv(faultyEnv)); err == nil {
		runtime.LockOSThread() // the filter is this thread's, until the exec
		fmt.Fprintln(os.Stderr, becomeFaulty(fd, os.Args[1:]))
		os.Exit(99)
	}
}

// becomeFaulty hands the parent the descriptor that the kernel asks by, and becomes the
// program.
func becomeFaulty(fd int, argv []string) error {
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for n := range faultable {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(n), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	env := os.Environ()
	for i, v := range env {
		if strings.HasPrefix(v, faultyEnv+"=") {
			env[i] = "_=" // those it starts are under the same filter
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	listener, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if err := unix.Sendmsg(fd, []byte{0}, unix.UnixRights(int(listener)), nil, 0); err != nil {
		return err
	}
	unix.CloseOnExec(fd)
	return syscall.Exec(argv[0], argv, env)
}

// notice and verdict are struct seccomp_notif and seccomp_notif_resp.
type notice struct {
	id         uint64
	pid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

type verdict struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// fault is what happens at which call.
type fault struct {
	below   []string // directories whose files count
	at      int      // the call, from 1; 0: none
	errno   syscall.Errno
	forGood bool // at every later one too
	kill    bool // the caller is killed, instead
}

// faulted is what has been seen.
type faulted struct {
	calls  []string // on files that count, as "name path"
	struck string
}

// faulty runs a command with a fault, for no longer than limit.
func (n *network) faulty(cmd *exec.Cmd, f fault, limit time.Duration) (seen *faulted, err error) {
	n.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	own, theirs := os.NewFile(uintptr(pair[0]), "own"), os.NewFile(uintptr(pair[1]), "theirs")
	self, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd.Args = append([]string{self, cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.ExtraFiles = self, []*os.File{theirs}
	cmd.Env = append(os.Environ(), faultyEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := errors.Join(cmd.Start(), theirs.Close()); err != nil {
		n.t.Fatal(err)
	}
	listener, err := receive(own)
	if err != nil {
		n.t.Fatalf("%v: is seccomp allowed here? %v", err, cmd.Wait())
	}
	seen = &faulted{}
	var supervised sync.WaitGroup
	supervised.Go(func() { supervise(listener, f, seen) })
	timer := time.AfterFunc(limit, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	timer.Stop()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // those it has left
	supervised.Wait()
	return seen, errors.Join(err, unix.Close(listener))
}

// receive takes the descriptor.
func receive(own *os.File) (listener int, err error) {
	c, err := net.FileConn(own)
	if err = errors.Join(err, own.Close()); err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, oobn, _, _, err := c.(*net.UnixConn).ReadMsgUnix(b, oob)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return 0, fmt.Errorf("no descriptor: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// supervise answers the kernel until nobody is left whom it could ask about.
func supervise(listener int, f fault, seen *faulted) {
	for {
		poll := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err == unix.EINTR {
			continue
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return
		}
		var asked notice
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&asked))); errno != 0 {
			continue // it is gone
		}
		answer := verdict{id: asked.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if call := describe(&asked, f.below); call != "" {
			seen.calls = append(seen.calls, call)
			if n := len(seen.calls); n == f.at || f.at > 0 && n > f.at && f.forGood {
				if seen.struck == "" {
					seen.struck = call
				}
				if f.kill {
					_ = syscall.Kill(int(asked.pid), syscall.SIGKILL)
				} else {
					answer.error, answer.flags = -int32(f.errno), 0
				}
			}
		}
		// Whoever was killed meanwhile needs no answer.
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
	}
}

// describe is a call on a file that counts, "" for another.
func describe(asked *notice, below []string) string {
	call := faultable[int(asked.nr)]
	path := ""
	if call.path {
		text := make([]byte, 4096)
		at, local := asked.args[call.arg], unix.Iovec{Base: &text[0]}
		// What lies behind the end of the page may not be there.
		size := min(len(text), 4096-int(at%4096))
		local.SetLen(size)
		n, err := unix.ProcessVMReadv(int(asked.pid), []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(at), Len: size}}, 0)
		if err != nil {
			return ""
		}
		path, _, _ = strings.Cut(string(text[:n]), "\x00")
	} else {
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", asked.pid, int32(asked.args[call.arg])))
	}
	for _, dir := range below {
		if rest, ok := strings.CutPrefix(path, dir+"/"); ok || path == dir {
			return call.name + " " + filepath.Join(filepath.Base(dir), rest)
		}
	}
	return ""
}

// faults are the ways in which a call fails; each of a sweep has another, in turn, and
// with -faults.all each has all.
var faults = []fault{
	{errno: syscall.EIO}, {kill: true}, {errno: syscall.ENOSPC, forGood: true}, {errno: syscall.EMFILE},
	{errno: syscall.EIO, forGood: true}, {kill: true}, {errno: syscall.ENOSPC}, {errno: syscall.EMFILE, forGood: true},
}

func (f fault) String() string {
	how := f.errno.Error()
	if f.kill {
		how = "SIGKILL"
	}
	if f.forGood {
		how += " for good"
	}
	return how
}

// sweep has each call of a program fail: try runs it with the fault, judges, and says what
// it saw. It stops when a run has come to its end before the call.
func sweep(t *testing.T, what string, all bool, try func(f fault) *faulted) {
	kinds, calls, runs := map[string]int{}, 0, 0
	for n := 1; calls == 0 && !t.Failed(); n++ {
		some := faults
		if !all {
			i := n % (len(faults) / 2)
			some = []fault{faults[2*i], faults[2*i+1]}
		}
		for _, f := range some {
			f.at = n
			seen := try(f)
			runs++
			if seen.struck == "" {
				calls = len(seen.calls)
				continue
			}
			name, _, _ := strings.Cut(seen.struck, " ")
			kinds[name]++
		}
	}
	var text bytes.Buffer
	for _, call := range faultable {
		if kinds[call.name] > 0 {
			fmt.Fprintf(&text, " %s %d", call.name, kinds[call.name])
		}
	}
	t.Logf("proof\t%s\treal\t%d calls\t%d faults\t0 violations;%s", what, calls, runs, &text)
}

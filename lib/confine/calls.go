package confine

import (
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"runtime"
	"slices"
	"unsafe"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// refused are the system calls that no confined process has a use for. Those a machine does
// not have are left out on it. It is no list of those that are let pass: what the runtime
// asks for differs from one version of Go, and of the kernel, to the next.
var refused = []string{
	// Another program.
	"execve", "execveat", "uselib", "memfd_create",
	// Another process: its memory, its descriptors, its end.
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_open", "pidfd_getfd",
	"pidfd_send_signal", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "perf_event_open",
	// Another view of the file system, or another way to its files.
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "setns", "unshare", "name_to_handle_at", "open_by_handle_at", "fanotify_init",
	"symlink", "symlinkat", "link", "linkat", "mknod", "mknodat",
	// What files are, which Landlock lets be changed where it lets nothing be opened.
	"chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat", "utime", "utimes", "utimensat", "futimesat",
	"setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
	// Another user.
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
	// The kernel: its code, its keys, its clock and names, and what is large and rarely audited in it.
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "bpf",
	"keyctl", "add_key", "request_key", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "clock_adjtime",
	"adjtimex", "sethostname", "setdomainname", "syslog", "iopl", "ioperm", "modify_ldt", "personality", "vhangup",
	"nfsservctl", "lookup_dcookie",
	// Whoever is to be called back is handed the connection by mtarun.
	"listen",
}

// unknown are calls that are refused as if the kernel did not have them: what they are asked
// for cannot be seen by a filter, and whoever asks knows the older call.
var unknown = []string{"clone3"}

// sockets are refused where nothing is to be called.
var sockets = []string{"socket", "bind", "connect"}

// namespaces are the flags of clone that make one.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// policy returns what of the limits a filter of system calls holds, and how many calls it
// refuses without looking at their arguments.
func (l *Limits) policy(machine *arch.Info) (seccomp.Policy, int) {
	names := refused
	if !l.Connect {
		names = append(slices.Clone(names), sockets...)
	}
	known := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := machine.SyscallNames[name]; return !ok })
	}
	here := known(names)
	self := uint64(os.Getpid())
	other := func(name string, of uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.NotEqual, Value: of}}}
	}
	byArgument := []seccomp.NameWithConditions{
		// The runtime interrupts its own threads, and asks for its own limits.
		other("kill", self), other("tgkill", self), other("prlimit64", 0),
		{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: namespaces}}},
		// A file that is shared with the group is let be by who has made it, and with nobody else.
		{Name: "fchmod", Conditions: seccomp.ArgumentConditions{{Argument: 1, Operation: seccomp.BitsSet, Value: unix.S_ISUID | 0o007}}},
	}
	if l.Connect {
		// Landlock holds no pathname of a socket in most kernels: tools command the daemon over one.
		byArgument = append(byArgument, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_INET}, {Argument: 0, Operation: seccomp.NotEqual, Value: unix.AF_INET6},
		}})
	}
	no := seccomp.ActionErrno | seccomp.Action(unix.EPERM)
	return seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: []seccomp.SyscallGroup{
		{Action: no, Names: here},
		{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: known(unknown)},
		{Action: no, NamesWithCondtions: byArgument},
	}}, len(here)
}

// errNoFilter says that this kernel, or whoever confines us, has no filters of system calls
// for us, or that the calls of this machine are not known.
var errNoFilter = errors.New("no filter of system calls")

// errOneThread says that a thread has a filter of its own, so that none was set for all.
var errOneThread = errors.New("a filter of system calls cannot be set for all threads")

// filter has the system calls refused from now on, for all threads.
func (l *Limits) filter() (int, error) {
	machine, err := arch.GetInfo("")
	if err != nil || !seccomp.Supported() {
		return 0, errNoFilter
	}
	// The kernel looks at the no_new_privs of the thread that asks, and gives it to the others.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := seccomp.SetNoNewPrivs(); err != nil {
		return 0, err
	}
	if err := onlyNative(machine); err != nil {
		return 0, err
	}
	policy, n := l.policy(machine)
	if err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy}); err != nil {
		return 0, err
	}
	// The library takes the number of a thread that cannot follow for success.
	if unix.Listen(-1, 0) != unix.EPERM {
		return 0, errOneThread
	}
	return n, nil
}

// onlyNative refuses every call that the filter by names cannot see for what it is: those of another
// table of the machine, which have other numbers, the newer ones that have no name here, and two
// requests to a terminal, of which the kernel looks at 32 bits and the filter by names at 64.
func onlyNative(machine *arch.Info) error {
	filter := native(machine)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	failed, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	switch {
	case errno != 0:
		return errno
	case failed != 0: // the number of a thread
		return errOneThread
	}
	return nil
}

// In struct seccomp_data.
const (
	numberOffset = 0
	archOffset   = 4
	secondOffset = 16 + 8 // the second argument
)

// native is a filter that lets the calls of one table pass. Those beyond the table are newer than it,
// or of x32, which has the machine in common with x86_64, and are answered as an older kernel would.
func native(machine *arch.Info) []unix.SockFilter {
	low := uint32(secondOffset)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		low += 4
	}
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		above  = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K
		answer = unix.BPF_RET | unix.BPF_K
	)
	return []unix.SockFilter{
		{Code: load, K: archOffset},
		{Code: equal, K: uint32(machine.ID), Jf: 7},
		{Code: load, K: numberOffset},
		{Code: above, K: uint32(slices.Max(slices.Collect(maps.Keys(machine.SyscallNumbers)))), Jt: 6},
		{Code: equal, K: uint32(machine.SyscallNames["ioctl"]), Jf: 3},
		// Whoever types into the terminal that mtarun was started from gives orders.
		{Code: load, K: low},
		{Code: equal, K: unix.TIOCSTI, Jt: 2},
		{Code: equal, K: unix.TIOCLINUX, Jt: 1},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
	}
}

package confine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
)

func config(dir string) *conf.Config {
	c := conf.New()
	c.Spool.Dir = dir
	return c
}

// Who reads octets from outside reaches its places in the spool and what names are looked
// up by, and nothing else; who expands lists, the queue; who runs programs is not confined.
func TestFor(t *testing.T) {
	c := config("/var/spool/mta")
	for kind, want := range map[string]*Limits{
		conf.KindX400P1: {
			Read:    []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/services"},
			Work:    []string{"/var/spool/mta/q", "/var/spool/mta/partial", "/var/spool/mta/tokens"},
			Connect: true,
		},
		conf.KindExpand: {Work: []string{"/var/spool/mta/q"}},
		conf.KindLocal:  nil,
	} {
		if diff := cmp.Diff(want, For(c, kind)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

// Every call that is refused is one of some machine, and those that matter are of each.
func TestCallsExist(t *testing.T) {
	machines := []*arch.Info{arch.X86_64, arch.AARCH64, arch.I386}
	for _, name := range slices.Concat(refused, unknown, sockets) {
		if !slices.ContainsFunc(machines, func(m *arch.Info) bool { _, ok := m.SyscallNames[name]; return ok }) {
			t.Errorf("no machine has %s", name)
		}
	}
	for _, m := range machines[:2] {
		for _, name := range []string{"execve", "execveat", "ptrace", "mount", "bpf", "keyctl", "finit_module", "kexec_load", "symlinkat", "listen"} {
			if _, ok := m.SyscallNames[name]; !ok || !slices.Contains(refused, name) {
				t.Errorf("%s: %s is not refused", m.Name, name)
			}
		}
		for _, l := range []*Limits{{Connect: true}, {}} {
			p, n := l.policy(m)
			if _, err := p.Assemble(); err != nil || n < 60 {
				t.Errorf("%s: %d calls, %v", m.Name, n, err)
			}
		}
	}
}

// What the child of a test is to do, and what came of it.
const (
	childKind    = "CONFINE_KIND"    // the kind of channel whose limits hold
	childWithout = "CONFINE_WITHOUT" // the system call that its kernel does not have
	childDir     = "CONFINE_DIR"
	childListens = "CONFINE_LISTENS"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(childKind); kind != "" {
		if err := child(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child applies limits and tries what a process might that has been taken over, on threads
// that were there before.
func child(kind string) error {
	if call := os.Getenv(childWithout); call != "" {
		number := map[string]uint32{"landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET, "seccomp": unix.SYS_SECCOMP}[call]
		if err := without(number); err != nil {
			return err
		}
	}
	const threads = 4
	begin, results := make(chan bool), make(chan map[string]string, threads)
	for i := range threads {
		go func() {
			runtime.LockOSThread()
			<-begin
			results <- attempts(os.Getenv(childDir), i)
		}()
	}
	for range threads {
		begin <- true // a goroutine that has taken it has a thread of its own
	}
	before := map[string]string{}
	for range threads {
		before = <-results
	}
	// Again, now for those that wait while the limits are applied.
	ready := make(chan bool, threads)
	for i := range threads {
		go func() {
			runtime.LockOSThread()
			ready <- true
			<-begin
			results <- attempts(os.Getenv(childDir), i)
		}()
	}
	for range threads {
		<-ready
	}
	said, err := For(config(os.Getenv(childDir)), kind).Apply()
	if err != nil {
		return err
	}
	close(begin)
	after := map[string]string{}
	for range threads {
		for what, came := range <-results {
			if other, ok := after[what]; ok && other != came {
				return fmt.Errorf("%s: %s on one thread, %s on another", what, came, other)
			}
			after[what] = came
		}
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(outcome{said, before, after, dumpable, core.Max})
}

type outcome struct {
	Said          string
	Before, After map[string]string // what came of it: "" is success
	Dumpable      int
	Core          uint64
}

// attempts tries everything once.
func attempts(dir string, n int) map[string]string {
	all := map[string]string{}
	try := func(what string, f func() error) {
		all[what] = ""
		if err := f(); err != nil {
			all[what] = "refused"
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	read := func(path string) func() error {
		return func() error { _, err := os.ReadFile(path); return err }
	}
	q := in(fmt.Sprint("q/n/", n))
	try("read a key", read(in("keys/key.pem")))
	try("list keys", func() error { _, err := os.ReadDir(in("keys")); return err })
	try("read the configuration kept", read(in("ctl/config.json")))
	try("read what is bad", read(in("bad/x")))
	try("write to new", func() error { return os.WriteFile(in(fmt.Sprint("new/", n)), nil, 0o600) })
	try("read hosts", read("/etc/hosts"))
	try("read passwd", read("/etc/passwd"))
	try("read its memory by file", read("/proc/self/environ"))
	try("make a directory in q", func() error { return os.MkdirAll(q, 0o700) })
	try("write, shorten, rename and remove in q", func() error {
		for _, err := range []error{os.WriteFile(q+"/a", []byte("text"), 0o600), os.Truncate(q+"/a", 1), os.Rename(q+"/a", q+"/b"), os.Remove(q + "/b")} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	try("link in q", func() error { defer os.Remove(q + "/link"); return os.Symlink(in("ctl/config.json"), q+"/link") })
	try("let others read a key", func() error { return os.Chmod(in("keys/key.pem"), 0o600) })
	try("let its group at a file in q", func() error { return chmodOpen(q+"/own", 0o660) })
	try("let everybody at a file in q", func() error { return chmodOpen(q+"/own", 0o664) })
	try("give a file in q the rights of its owner", func() error { return chmodOpen(q+"/own", 0o4700) })
	try("run a program", func() error { return exec.Command("/bin/true").Run() })
	try("listen", func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Listen(fd, 1)
	})
	try("call", func() error {
		c, err := net.Dial("tcp", os.Getenv(childListens))
		if err != nil {
			return err
		}
		return c.Close()
	})
	try("command the daemon", func() error {
		c, err := net.Dial("unix", in("ctl/socket"))
		if err != nil {
			return err
		}
		return c.Close()
	})
	try("signal another process", func() error { return unix.Kill(os.Getppid(), 0) })
	try("signal itself", func() error { return unix.Tgkill(os.Getpid(), unix.Gettid(), 0) })
	try("limit another process", func() error { return unix.Prlimit(os.Getppid(), unix.RLIMIT_CORE, nil, new(unix.Rlimit)) })
	return all
}

// chmodOpen changes the mode of a file that is open.
func chmodOpen(path string, mode uint32) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Fchmod(int(f.Fd()), mode)
}

// without lets a system call fail as if the kernel did not have it, for all threads.
func without(call uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return errno
	}
	return nil
}

// run has a child tell what it can still do.
func run(t *testing.T, kind, without string) outcome {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"q/n", "partial", "tokens", "new", "ctl", "bad", "keys"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"keys/key.pem", "ctl/config.json", "bad/x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	control, err := net.Listen("unix", filepath.Join(dir, "ctl/socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childKind+"="+kind, childWithout+"="+without, childDir+"="+dir, childListens+"="+l.Addr().String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for what, came := range o.Before {
		if came != "" {
			t.Errorf("%s: refused before there were limits", what)
		}
	}
	return o
}

// What a kernel holds is what the process says that it does: with Landlock files, with a
// filter programs, links, listeners and other processes, and with both all of it.
func TestApply(t *testing.T) {
	byLandlock := []string{"read a key", "list keys", "read the configuration kept", "read what is bad", "write to new",
		"read passwd", "read its memory by file", "link in q", "run a program"}
	byFilter := []string{"link in q", "let others read a key", "let everybody at a file in q", "give a file in q the rights of its owner", "run a program", "listen", "command the daemon", "signal another process", "limit another process"}
	for name, c := range map[string]struct {
		kind, without string
	}{
		"what calls and is called":  {conf.KindX400P1, ""},
		"what has no peers":         {conf.KindExpand, ""},
		"a kernel without Landlock": {conf.KindX400P1, "landlock_create_ruleset"},
		"a kernel without filters":  {conf.KindX400P1, "seccomp"},
		"what runs programs":        {conf.KindLocal, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := run(t, c.kind, c.without)
			var want []string
			landlock := ABI() > 0 && c.without != "landlock_create_ruleset"
			filter := c.without != "seccomp"
			var parts []string
			switch {
			case c.kind == conf.KindLocal:
				parts, landlock, filter = []string{"not confined, as it runs programs"}, false, false
			case landlock:
				parts = append(parts, fmt.Sprintf("Landlock ABI %d", ABI()))
			default:
				parts = append(parts, "no Landlock in this kernel")
			}
			if landlock {
				want = append(want, byLandlock...)
				if c.kind == conf.KindExpand {
					want = append(want, "read hosts")
				}
				if ABI() >= 6 {
					want = append(want, "signal another process")
				}
				if ABI() >= 9 {
					want = append(want, "command the daemon")
				}
			}
			switch {
			case filter:
				want = append(want, byFilter...)
				if c.kind == conf.KindExpand {
					want = append(want, "call")
				}
				parts = append(parts, " system calls refused")
			case c.kind != conf.KindLocal:
				parts = append(parts, "no filter of system calls")
			}
			parts = append(parts, "no core file")
			slices.Sort(want)
			want = slices.Compact(want)
			var got []string
			for what, came := range o.After {
				if came != "" {
					got = append(got, what)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			if o.Dumpable != 0 || c.kind != conf.KindLocal && o.Core != 0 {
				t.Errorf("dumpable %d, a core file of %d octets", o.Dumpable, o.Core)
			}
			said := strings.Split(o.Said, "; ")
			if !slices.EqualFunc(said, parts, func(s, part string) bool { return strings.HasSuffix(s, part) }) {
				t.Errorf("said %q, want %q", o.Said, parts)
			}
		})
	}
}

// Calls of another table of the machine are not let pass because they have other numbers, nor those
// that have no name here; and nobody types into a terminal.
func TestOnlyNative(t *testing.T) {
	const (
		pass    = uint32(unix.SECCOMP_RET_ALLOW)
		refused = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
		x32     = 0x40000000
	)
	read, ioctl := uint32(arch.X86_64.SyscallNames["read"]), uint32(arch.X86_64.SyscallNames["ioctl"])
	for _, c := range []struct {
		name            string
		machine, number uint32
		second          uint64
		want            uint32
	}{
		{"its own", uint32(arch.X86_64.ID), read, 0, pass},
		{"of 32 bits", uint32(arch.I386.ID), read, 0, refused},
		{"of another machine", uint32(arch.AARCH64.ID), read, 0, refused},
		{"execve of x32", uint32(arch.X86_64.ID), x32 + 520, 0, unknown},
		{"one of later", uint32(arch.X86_64.ID), 9999, 0, unknown},
		{"ioctl", uint32(arch.X86_64.ID), ioctl, unix.TCGETS, pass},
		{"typing", uint32(arch.X86_64.ID), ioctl, unix.TIOCSTI, refused},
		{"typing, with bits that the kernel does not look at", uint32(arch.X86_64.ID), ioctl, 1<<32 | unix.TIOCSTI, refused},
		{"pasting", uint32(arch.X86_64.ID), ioctl, unix.TIOCLINUX, refused},
		{"what is no ioctl", uint32(arch.X86_64.ID), read, unix.TIOCSTI, pass},
	} {
		if got := evaluate(t, native(arch.X86_64), c.machine, c.number, c.second); got != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}

// evaluate runs a filter that looks at the machine, the number and the second argument.
func evaluate(t *testing.T, filter []unix.SockFilter, machine, number uint32, second uint64) uint32 {
	t.Helper()
	data := binary.NativeEndian.AppendUint32(nil, number)
	data = binary.NativeEndian.AppendUint32(data, machine)
	data = binary.NativeEndian.AppendUint64(append(data, make([]byte, 16)...), second)
	var a uint32
	for i := 0; i < len(filter); i++ {
		f := filter[i]
		jump := func(is bool) {
			if is {
				i += int(f.Jt)
			} else {
				i += int(f.Jf)
			}
		}
		switch f.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = binary.NativeEndian.Uint32(data[f.K:])
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			jump(a == f.K)
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			jump(a > f.K)
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		default:
			t.Fatalf("instruction %d is %x", i, f.Code)
		}
	}
	t.Fatal("the filter does not end")
	return 0
}

// The files that names are looked up by are known by what they are, not by their names.
func TestResolver(t *testing.T) {
	if now := Resolver(); now != Resolver() || !strings.Contains(now, "/etc/hosts ") {
		t.Errorf("%q, then %q", now, Resolver())
	}
}

package confine

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
)

// working are the rights below Limits.Work. That to remove a directory is not among them:
// those of a spool stay.
const working landlock.AccessFSSet = ll.AccessFSReadFile | ll.AccessFSReadDir | ll.AccessFSWriteFile | ll.AccessFSTruncate |
	ll.AccessFSMakeReg | ll.AccessFSMakeDir | ll.AccessFSRemoveFile

// ABI returns the version of Landlock that this kernel has, 0 for none.
func ABI() int {
	v, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return v
}

// Apply has the limits hold from now on, for this process and whatever it starts, and says
// for people what holds: a kernel that lacks something is told of and is no error. An error,
// of kind System, says that the process is not confined although it could be.
func (l *Limits) Apply() (string, error) {
	if l == nil {
		return "not confined, as it runs programs; no core file", Private()
	}
	_ = time.Local.String() // has what it needs of /etc read
	var said []string
	if abi := ABI(); abi == 0 {
		said = append(said, "no Landlock in this kernel")
	} else {
		if err := l.landlock(); err != nil {
			return "", diag.E("landlock", diag.System, err)
		}
		said = append(said, fmt.Sprintf("Landlock ABI %d", abi))
	}
	n, err := l.filter()
	switch {
	case errors.Is(err, errNoFilter):
		said = append(said, err.Error())
	case err != nil:
		return "", diag.E("seccomp", diag.System, err)
	default:
		said = append(said, fmt.Sprintf("%d system calls refused", n))
	}
	said = append(said, "no core file")
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return "", diag.E("setrlimit", diag.System, err)
	}
	return strings.Join(said, "; "), Private()
}

// Private keeps the memory of this process from core files, and from others of its user who
// would trace it. What it starts by execve(2) is as it would have been.
func Private() error {
	return diag.E("prctl", diag.System, unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
}

// landlock restricts files, what is sent to other processes, and, where nothing is to be
// called, the network.
func (l *Limits) landlock() error {
	c := landlock.V11
	if l.Connect {
		c.HandledAccessNet = 0
	}
	var rules []landlock.Rule
	for _, path := range l.Read {
		rules = append(rules, landlock.PathAccess(ll.AccessFSReadFile, path).IgnoreIfMissing())
		if dir := replacedIn(path); dir != "" {
			rules = append(rules, landlock.PathAccess(ll.AccessFSReadFile, dir).IgnoreIfMissing())
		}
	}
	for _, path := range l.Work {
		rules = append(rules, landlock.PathAccess(working, path))
	}
	return c.BestEffort().Restrict(rules...)
}

// replacedIn returns the directory in which a file that is a link is replaced by those who
// make it, if there is nothing else in there: /run has no keys.
func replacedIn(path string) string {
	at, err := filepath.EvalSymlinks(path)
	if err != nil || !strings.HasPrefix(at, "/run/") || filepath.Dir(at) == "/run" {
		return ""
	}
	return filepath.Dir(at)
}

// Resolver tells which files names of hosts are looked up by now. A process that is confined
// reads those that were there when it was: where another is put in the place of one, it
// cannot read that, and a new process can.
func Resolver() string {
	var all strings.Builder
	for _, path := range resolver() {
		if replacedIn(path) != "" {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil { // else it is not there, and looking up does without
			fmt.Fprintf(&all, "%s %d:%d\n", path, st.Dev, st.Ino)
		}
	}
	return all.String()
}

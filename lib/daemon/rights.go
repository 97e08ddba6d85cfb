package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Rights are those of root that mtarun was started with and uses for four things alone: to
// listen, to open the files of keys, to start the process of a channel as its user, and to
// kill it. For everything else mtarun acts as the user the spool belongs to. A nil *Rights
// has none, or the spool is root's.
type Rights struct {
	self syscall.Credential // the user the spool belongs to
	of   uint32             // the group of the spool's directory
}

// TakeUser makes this process, started by root, act as the user the spool in dir belongs to,
// in all threads. Where there is no such spool, Run will say so.
func TakeUser(dir string) (*Rights, error) {
	var st unix.Stat_t
	if os.Geteuid() != 0 || unix.Stat(dir, &st) != nil || st.Uid == 0 {
		return nil, nil
	}
	// One without a name has its number, and the group of the spool.
	r := &Rights{self: syscall.Credential{Uid: st.Uid, Gid: st.Gid}, of: st.Gid}
	u, err := user.LookupId(strconv.Itoa(int(st.Uid)))
	if err == nil {
		r.self, err = credentialOf(u)
	}
	if unknown := user.UnknownUserIdError(0); err != nil && !errors.As(err, &unknown) {
		return nil, diag.E("user of "+dir, diag.System, err)
	}
	r.join(&r.self)
	var groups []int
	for _, g := range r.self.Groups {
		groups = append(groups, int(g))
	}
	// The saved user stays root: a thread may become root again, for as long as it takes.
	if err := errors.Join(syscall.Setgroups(groups), syscall.Setresgid(int(r.self.Gid), int(r.self.Gid), int(r.self.Gid)),
		syscall.Setresuid(int(r.self.Uid), int(r.self.Uid), 0)); err != nil {
		return nil, diag.E("act as the user of "+dir, diag.System, err)
	}
	return r, nil
}

// join makes the group of the spool one of a user's.
func (r *Rights) join(c *syscall.Credential) {
	if !slices.Contains(c.Groups, r.of) {
		c.Groups = append(c.Groups, r.of)
	}
}

// credentialOf is what a process of a user has.
func credentialOf(u *user.User) (c syscall.Credential, err error) {
	ids, err := u.GroupIds()
	if err != nil {
		return c, err
	}
	number := func(text string) uint32 {
		n, e := strconv.ParseUint(text, 10, 32)
		err = errors.Join(err, e)
		return uint32(n)
	}
	c.Uid, c.Gid = number(u.Uid), number(u.Gid)
	for _, id := range ids {
		c.Groups = append(c.Groups, number(id))
	}
	return c, err
}

// as returns who a user of the configuration is; the error has kind Config.
func (r *Rights) as(name string) (*syscall.Credential, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if byNumber, e := user.LookupId(name); e == nil {
			u, err = byNumber, nil
		}
	}
	if err != nil {
		return nil, diag.E("", diag.Config, err)
	}
	c, err := credentialOf(u)
	switch {
	case err != nil:
		return nil, diag.E(name, diag.Config, err)
	case c.Uid == 0:
		return nil, diag.New(name, diag.Config, "is the super-user, who is kept from nothing")
	case c.Uid == uint32(os.Geteuid()):
		return &c, nil
	case r == nil && os.Geteuid() == 0:
		return nil, diag.WithHint(diag.New(name, diag.Config, "the spool belongs to root, who must not work where others write"),
			"chown -R gives it to a user of its own")
	case r == nil:
		return nil, diag.WithHint(diag.New(name, diag.Denied, "only root can start a process as somebody else"), "start mtarun as root, or leave [run] out")
	case r.of == 0:
		return nil, diag.WithHint(diag.New(name, diag.Config, "would share the spool with the group root"), "chgrp -R gives it a group of its own")
	}
	r.join(&c)
	return &c, nil
}

// check tells whether processes can be started as the configuration wants, and whether any
// of them is somebody else than the spool belongs to.
func (r *Rights) check(cfg *conf.Config) (others bool, err error) {
	var errs []error
	for i := range cfg.Channels {
		kind := cfg.Channels[i].Kind
		name := cfg.Run.As(kind)
		if name == "" {
			continue
		}
		c, err := r.as(name)
		if err != nil {
			errs = append(errs, diag.E("[run]: "+kind, diag.KindOf(err), err))
			continue
		}
		others = others || c.Uid != uint32(os.Geteuid())
	}
	return others, errors.Join(errs...)
}

// credential is as whom a process of a kind of channel is to be started; nil is as this one.
func (r *Rights) credential(cfg *conf.Config, kind string) (*syscall.Credential, error) {
	name := cfg.Run.As(kind)
	switch {
	case r == nil:
		return nil, nil // check has seen to it that nobody else is wanted
	case name == "":
		return &r.self, nil
	}
	return r.as(name)
}

// use calls f with the rights of root, on a thread of its own meanwhile. What f has other
// goroutines do it has them do without.
func (r *Rights) use(f func() error) error {
	if r == nil {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const same = ^uintptr(0)
	// Of the thread alone, as the system calls are and those of package syscall are not.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, 0, same); errno != 0 {
		return diag.E("act as root", diag.System, errno)
	}
	defer func() {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, same, uintptr(r.self.Uid), same); errno != 0 {
			panic(fmt.Sprintf("daemon: the rights of root cannot be given up: %v", errno))
		}
	}()
	return f()
}

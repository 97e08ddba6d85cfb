package daemon

import (
	"errors"
	"os"
	"os/user"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Nobody runs processes as root, as nobody there is, or as somebody else without being root.
func TestRunAs(t *testing.T) {
	with := func(name string) *conf.Config {
		c := conf.New()
		c.Channels = []conf.Channel{{Name: "p1", Kind: conf.KindX400P1}, {Name: "local", Kind: conf.KindLocal}}
		c.Run.X400P1 = name
		return c
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if others, err := (*Rights)(nil).check(with("")); others || err != nil {
		t.Errorf("as ever: %v, %v", others, err)
	}
	shared := &Rights{self: syscall.Credential{Uid: 1}, of: 60}
	for name, c := range map[string]struct {
		rights *Rights
		user   string
		kind   diag.Kind
		text   string
	}{
		"root":                 {shared, "root", diag.Config, "super-user"},
		"root by number":       {shared, "0", diag.Config, "super-user"},
		"unknown":              {shared, "no-such-user", diag.Config, "unknown user"},
		"without rights":       {nil, "nobody", diag.Denied, "only root"},
		"in the group of root": {&Rights{self: syscall.Credential{Uid: 1}}, "nobody", diag.Config, "group root"},
	} {
		if c.rights == nil && os.Geteuid() == 0 {
			c.kind, c.text = diag.Config, "belongs to root"
		}
		_, err := c.rights.check(with(c.user))
		if diag.KindOf(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "[run]: x400p1") {
			t.Errorf("%s: %v, want %v with %q", name, err, c.kind, c.text)
		}
	}
	others, err := shared.check(with("nobody"))
	if !others || err != nil {
		t.Errorf("nobody: %v, %v", others, err)
	}
	got, err := shared.credential(with("nobody"), conf.KindX400P1)
	if err != nil || got.Uid == 0 || got.Groups[len(got.Groups)-1] != 60 {
		t.Errorf("%+v, %v: the group of the spool is missing", got, err)
	}
	if got, err := shared.credential(with("nobody"), conf.KindLocal); err != nil || got.Uid != 1 {
		t.Errorf("%+v, %v: not the user of the spool", got, err)
	}
	if me.Uid != "0" {
		if others, err := (*Rights)(nil).check(with(me.Username)); others || err != nil {
			t.Errorf("oneself: %v, %v", others, err)
		}
	}
}

// The rights of root are there for as long as they are used, and for nobody else; without
// any nothing changes.
func TestUseOfRights(t *testing.T) {
	failed := errors.New("failed")
	before := unix.Geteuid()
	if err := (*Rights)(nil).use(func() error { return failed }); err != failed {
		t.Error(err)
	}
	r := &Rights{self: syscall.Credential{Uid: uint32(before)}}
	within := -1
	err := r.use(func() error {
		within = unix.Geteuid()
		return failed
	})
	switch {
	case before == 0 && (within != 0 || err != failed):
		t.Errorf("user %d, %v", within, err)
	case before != 0 && (within != -1 || !errors.Is(err, unix.EPERM)):
		t.Errorf("somebody becomes root: user %d, %v", within, err)
	}
	if unix.Geteuid() != before {
		t.Errorf("user %d, was %d", unix.Geteuid(), before)
	}
}

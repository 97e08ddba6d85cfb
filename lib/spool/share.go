package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
)

// shared tells whether the spool in dir is its group's as well as its user's.
func shared(dir string) bool {
	st, err := os.Stat(dir + "/q")
	return err == nil && st.Mode()&fs.ModeSetgid != 0 && st.Mode().Perm()&0o020 != 0
}

// Shared tells whether the members of the group of the spool work in it as well as its user.
func (s *Spool) Shared() bool { return s.shared }

// FileMode is that of a file which the others who work in the spool need.
func (s *Spool) FileMode() fs.FileMode {
	if s.shared {
		return durable.SharedFile
	}
	return 0o600
}

// Share lets the members of the group of the spool's directory write messages and partials, as
// whoever they are, and read and remove those of each other; the rest stays its user's. It
// stays so. The caller has the lock, and nobody else has the spool open.
func (s *Spool) Share() error {
	if err := s.holding("share"); err != nil {
		return err
	}
	if err := s.shareAll(); err != nil {
		return fail("share "+s.dir, err)
	}
	if _, ok := s.disk.(durable.OS); ok {
		s.disk = durable.Shared{}
	}
	s.shared = true
	return nil
}

func (s *Spool) shareAll() error {
	var top unix.Stat_t
	if err := unix.Fstat(int(s.root.Fd()), &top); err != nil {
		return err
	}
	gid := int(top.Gid)
	give := func(path string, mode fs.FileMode) error {
		return errors.Join(os.Lchown(path, -1, gid), os.Chmod(path, mode))
	}
	below := func(dir string) error {
		return filepath.WalkDir(filepath.Join(s.dir, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
				return give(path, durable.SharedDir)
			case d.Type().IsRegular():
				return give(path, durable.SharedFile)
			}
			return nil
		})
	}
	if err := below("new"); err != nil {
		return err
	}
	// What is made in tmp/ and new/ goes to q/ with the group it has.
	for name, mode := range map[string]fs.FileMode{".": 0o750, "tmp": 0o700 | fs.ModeSetgid, "new": 0o710 | fs.ModeSetgid} {
		if err := give(filepath.Join(s.dir, name), mode); err != nil {
			return err
		}
	}
	// That of q/ itself says that all of this was done.
	if shared(s.dir) {
		return errors.Join(below("partial"), below(TokensDir))
	}
	for _, dir := range []string{"partial", TokensDir, "q/u", "q/n", "q/d"} {
		if err := below(dir); err != nil {
			return err
		}
	}
	return give(filepath.Join(s.dir, "q"), durable.SharedDir)
}

// working refuses to write for who is neither the user of the spool nor, where that is
// shared, one of its group.
func (s *Spool) working(op string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.root.Fd()), &st); err != nil {
		return fail(op, err)
	}
	if !s.shared || int(st.Uid) == s.uid {
		return s.owned(op)
	}
	groups, err := os.Getgroups()
	if err != nil {
		return diag.E("spool: "+op, diag.System, err)
	}
	for _, g := range append(groups, os.Getegid()) {
		if g == int(st.Gid) {
			return nil
		}
	}
	return s.owned(op)
}

package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/mtakit/mtakit/lib/diag"
)

// Remove unlinks a message with which everything has been done: every recipient
// is final, and the child of every report owed is eligible. Its log stays; it
// goes with RemoveLog, after the next Barrier and not before, or a cut could
// bring the message back without its memory.
func (s *Spool) Remove(ref Ref) error {
	return s.remove("remove "+ref.String(), ref, s.path)
}

// RemoveLog unlinks the log of a message whose removal is durable. That there
// is none is no error.
func (s *Spool) RemoveLog(ref Ref) error {
	err := s.remove("remove the log of "+ref.String(), ref, s.logPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Spool) remove(op string, ref Ref, path func(Ref) string) error {
	if err := s.holding(op); err != nil {
		return err
	}
	if err := ref.valid(); err != nil {
		return err
	}
	if err := s.disk.Unlink(path(ref)); err != nil {
		return fail(op, err)
	}
	s.changed(nil, []string{s.shardPath(ref)})
	return nil
}

// ScanNew lists new/, oldest first. The names it returns are durable, so that
// renaming them cannot lose what their writers have not finished syncing.
func (s *Spool) ScanNew() ([]ID, error) {
	names, err := readNames(s.dir + "/new")
	if err != nil {
		return nil, fail("scan new", err)
	}
	var ids []ID
	for _, name := range names {
		if isID(name) {
			ids = append(ids, ID(name))
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if err := s.syncNow(s.dir + "/new"); err != nil {
		return nil, fail("scan new", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// Adopt takes new/ID, listed by ScanNew, into the queue of its priority. The
// message counts as accepted before as after; where it lies is durable after
// the next Barrier. It has a log if it was adopted before, and a cut took that back.
// A file that is not whole goes to bad/, with ErrBad.
func (s *Spool) Adopt(id ID) (*Item, error) {
	op := "adopt " + Ref{ID: id}.String()
	if err := s.holding(op); err != nil {
		return nil, err
	}
	m, err := s.OpenNew(id)
	if errors.Is(err, ErrIncomplete) || errors.Is(err, ErrDamaged) {
		// It was synced before it got this name, so it was accepted once.
		return nil, s.toBad(Ref{ID: id}, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.Close() }() // it was only read
	item := &Item{Ref: Ref{ID: id, Priority: m.Envelope.Priority}, Envelope: m.Envelope}
	// Before it has its new name: what is without its memory stays where it is.
	if item.Log, item.Torn, err = s.ReadLog(item.Ref); err != nil {
		return nil, err
	}
	if err := s.keepShard(item.Ref); err != nil {
		return nil, fail(op, err)
	}
	if err := s.disk.Rename(s.newPath(id), s.path(item.Ref)); err != nil {
		return nil, fail(op, err)
	}
	s.changed(nil, []string{s.dir + "/new", s.shardPath(item.Ref)})
	return item, nil
}

// Condemn moves a message with which nothing more can be done to bad/, with a copy of its
// log, and writes down why. The log itself stays, as with Remove, and goes with RemoveLog
// after the next Barrier: the message is whole, perhaps, and a cut must not bring it back
// without its memory. That there is none is fs.ErrNotExist.
func (s *Spool) Condemn(ref Ref, why error) error {
	op := "condemn " + ref.String()
	if err := s.holding(op); err != nil {
		return err
	}
	if err := ref.valid(); err != nil {
		return err
	}
	if _, err := os.Lstat(s.path(ref)); err != nil {
		return fail(op, err)
	}
	bad, err := s.inBad(ref.ID)
	if err != nil {
		return fail(op, err)
	}
	files := []string{bad + ".why"}
	if err := s.writeAnew(bad+".why", []byte(why.Error()+"\n")); err != nil {
		return fail(op, err)
	}
	log, err := os.ReadFile(s.logPath(ref))
	if err == nil {
		files = append(files, bad+".log")
		err = s.writeAnew(bad+".log", log)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(op, err)
	}
	if err := s.disk.Rename(s.path(ref), bad); err != nil {
		return fail(op, err)
	}
	s.changed(files, []string{s.dir + "/bad", s.shardPath(ref)})
	return nil
}

// ErrBad says that a damaged message lies in bad/ now.
var ErrBad = errors.New("moved to bad/")

// toBad moves a damaged file, its log first, to bad/ and writes down why. It returns why
// with ErrBad, or why and what kept it from being moved.
func (s *Spool) toBad(ref Ref, why error) error {
	if err := s.moveToBad(ref, why); err != nil {
		return errors.Join(why, fail("move to bad", err))
	}
	return bad{why}
}

// bad is an error that is ErrBad too, in its own words.
type bad struct{ error }

func (b bad) Unwrap() []error { return []error{b.error, ErrBad} }

func (s *Spool) moveToBad(ref Ref, why error) error {
	bad, err := s.inBad(ref.ID)
	if err != nil {
		return err
	}
	if err := s.writeAnew(bad+".why", []byte(why.Error()+"\n")); err != nil {
		return err
	}
	dirs := []string{s.dir + "/bad", s.dir + "/new"}
	if ref.Priority != 0 {
		dirs[1] = s.shardPath(ref)
		if err := s.disk.Rename(s.logPath(ref), bad+".log"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := s.disk.Rename(s.path(ref), bad); err != nil {
		return err
	}
	s.changed([]string{bad + ".why"}, dirs)
	return nil
}

// inBad is where a file goes in bad/, in which nothing is ever replaced.
func (s *Spool) inBad(id ID) (string, error) {
	bad := s.dir + "/bad/" + string(id)
	for n := 0; ; n++ {
		if _, err := os.Lstat(bad); errors.Is(err, fs.ErrNotExist) {
			return bad, nil
		} else if err != nil {
			return "", err
		} else if n == 1000 {
			return "", fmt.Errorf("%d files of this name are there", n)
		}
		bad += "+"
	}
}

// writeAnew writes a file beside one in bad/. One may be left from a move that was
// interrupted.
func (s *Spool) writeAnew(path string, text []byte) error {
	if err := s.disk.Unlink(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := s.disk.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// Discard removes a file that was begun in place and never finished, so that
// it, a child above all, can be begun again. It fails with kind Temporary while
// the writer lives and with Denied if the file is whole.
func (s *Spool) Discard(ref Ref) error {
	op := "discard " + ref.String()
	if err := s.holding(op); err != nil {
		return err
	}
	if err := ref.valid(); err != nil {
		return err
	}
	f, err := openRead(s.path(ref))
	if err != nil {
		return fail(op, err)
	}
	defer f.Close()
	if err := claim(f); err != nil {
		return diag.E("spool: "+op, diag.Temporary, err)
	}
	if _, err := newMessage(f, ref); !errors.Is(err, ErrIncomplete) {
		if err == nil {
			err = errors.New("the file is whole")
		}
		return diag.E("spool: "+op, diag.Denied, err)
	}
	return s.remove(op, ref, s.path)
}

// readNames lists a directory; one that does not exist is empty.
func readNames(path string) ([]string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

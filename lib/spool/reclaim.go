package spool

import (
	"errors"
	"io/fs"
)

// Reclaim looks in q/ for what a channel that died has left: files that known
// does not know and that no living writer has locked. What is whole is made
// durable and then visited, as if it had been told of; what is not is removed,
// or goes to bad/ and is visited with Damaged. The holder calls it when a
// channel has died, after Load and between two events, so that known speaks of now; it
// may be told of a file by the channel's last words after it was visited. A
// child visited here may lack its record in the log of its parent. What the disk does
// not give, and what visit does not take, is in the error; everything else has been
// visited.
func (s *Spool) Reclaim(known func(Ref) bool, visit func(Item) error) error {
	if err := s.holding("reclaim"); err != nil {
		return err
	}
	var items []Item
	var batch Batch
	var left []error
	err := s.eachName(func(p Priority, _, name string) error {
		ref := Ref{ID: ID(name), Priority: p}
		if !isID(name) || known(ref) {
			return nil
		}
		item, err := s.reclaim(ref)
		switch {
		case err != nil:
			left = append(left, fail("reclaim "+ref.String(), err))
		case item != nil && item.Damaged != nil: // it is in bad/, where nobody finds it again
			left = append(left, visit(*item))
		case item != nil:
			items = append(items, *item)
			batch.Refs = append(batch.Refs, ref)
		}
		return nil
	})
	if err != nil {
		left = append(left, fail("reclaim", err))
	}
	if len(items) > 0 {
		if err := s.Barrier(&batch); err != nil {
			return errors.Join(append(left, err)...)
		}
	}
	for _, item := range items {
		left = append(left, visit(item))
	}
	return errors.Join(left...)
}

func (s *Spool) reclaim(ref Ref) (*Item, error) {
	f, err := openRead(s.path(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if claim(f) != nil {
		return nil, nil
	}
	m, err := newMessage(f, ref)
	switch {
	case err == nil:
		item := &Item{Ref: ref, Envelope: m.Envelope}
		if item.Log, item.Torn, err = s.ReadLog(ref); err != nil {
			return nil, err
		}
		return item, nil
	case errors.Is(err, ErrIncomplete):
		if err := s.disk.Unlink(s.path(ref)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		s.changed(nil, []string{s.shardPath(ref)})
		return nil, nil
	case errors.Is(err, ErrDamaged):
		if err = s.toBad(ref, err); errors.Is(err, ErrBad) {
			return &Item{Ref: ref, Damaged: err}, nil
		}
	}
	return nil, err
}

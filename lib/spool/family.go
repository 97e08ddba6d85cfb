package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// findKin groups what may be parent and child of each other: identifiers with
// one time. Almost every message is alone with its nanosecond.
func (b *Backlog) findKin() error {
	all := make([]Ref, 0, len(b.refs)+len(b.fresh))
	all = append(all, b.refs...)
	for id := range b.fresh {
		all = append(all, Ref{ID: id})
	}
	slices.SortStableFunc(all, func(x, y Ref) int { return cmp.Compare(x.ID, y.ID) })
	b.kin = make(map[string][]Ref)
	for i := 0; i < len(all); {
		j := i + 1
		for j < len(all) && all[j].ID[:timeSize] == all[i].ID[:timeSize] {
			j++
		}
		for k := i + 1; k < j; k++ {
			if all[k].ID == all[k-1].ID && all[k].Priority != 0 {
				// The more urgent one is served.
				b.stray(all[k], fmt.Errorf("%s is there too", all[k-1]))
				b.drop(all[k])
				if err := b.inherit(all[k], all[k-1]); err != nil {
					return err
				}
			}
		}
		if j > i+1 {
			b.kin[string(all[i].ID[:timeSize])] = slices.Clone(all[i:j])
		}
		i = j
	}
	return nil
}

// inherit gives what one file of a message remembers to the other, which is served.
func (b *Backlog) inherit(from, to Ref) error {
	if _, logged := b.logs[from]; !logged || to.Priority == 0 {
		return nil
	}
	if err := b.joinLog(from, to); err != nil {
		return err
	}
	b.s.changed(nil, []string{b.s.shardPath(from), b.s.shardPath(to)})
	delete(b.logs, from)
	b.logs[to] = struct{}{}
	return nil
}

// drop takes a reference off the list.
func (b *Backlog) drop(ref Ref) {
	if i, found := slices.BinarySearchFunc(b.refs, ref, Ref.Compare); found {
		b.refs = slices.Delete(b.refs, i, i+1)
	}
}

// nameChildren settles the family of ref before any member of it is visited:
// a durable child that the log of its parent does not name is named there. A
// child that nobody names and whose content is not what was written was never
// durable, and is removed; the parent makes it again.
func (b *Backlog) nameChildren(ref Ref) error {
	family := b.kin[string(ref.ID[:timeSize])]
	if family == nil {
		return nil
	}
	parents := map[ID]ID{}
	var hidden []ID
	var why error
	for _, child := range family {
		if child.Priority == 0 {
			continue // committed without a scheduler: nobody's child
		}
		m, err := b.openMessage(child)
		if err != nil { // its own turn deals with it
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrIncomplete) && !errors.Is(err, ErrDamaged) {
				hidden, why = append(hidden, child.ID), err
			}
			continue
		}
		parents[child.ID] = m.Envelope.Parent
		did, err := b.nameChild(family, m)
		m.Close()
		b.named = b.named || did
		if err != nil {
			return fail("recover "+child.String(), err)
		}
	}
	for _, id := range hidden {
		if secret, err := b.secret(family, parents, id); err != nil || secret {
			return fail("recover "+ref.String(), errors.Join(why, err))
		}
	}
	if b.named { // for this family, or one that was not settled then
		if err := b.s.syncfs(); err != nil {
			return fail("recover "+ref.String(), err)
		}
		b.named = false
	}
	delete(b.kin, string(ref.ID[:timeSize]))
	return nil
}

// secret says whether a member that the disk does not give now may be a child that no record
// names: it is named by none, and there is somebody who does not descend from it.
func (b *Backlog) secret(family []Ref, parents map[ID]ID, hidden ID) (bool, error) {
	strange := false
	for _, ref := range family {
		if _, logged := b.logs[ref]; logged {
			log, _, err := b.readLog(ref)
			if err != nil {
				return false, err
			}
			if slices.ContainsFunc(log, func(r Record) bool { return r.Kind == RecordChild && r.Child == hidden }) {
				return false, nil
			}
		}
		id := ref.ID
		for range family {
			if id == hidden || id == "" {
				break
			}
			id = parents[id]
		}
		strange = strange || id != hidden
	}
	return strange, nil
}

// settleFresh does this for the families of what lies in new/, which may be adopted at any
// moment from now on. What is in the way now is met again when their turn comes.
func (b *Backlog) settleFresh() error {
	for _, time := range slices.Sorted(maps.Keys(b.kin)) {
		family := b.kin[time]
		if !slices.ContainsFunc(family, func(r Ref) bool { return r.Priority == 0 }) {
			continue
		}
		if err := b.nameChildren(family[0]); errors.Is(err, ErrBarrier) {
			return err
		}
	}
	return nil
}

// nameChild does this for one member, and says whether it wrote a record.
func (b *Backlog) nameChild(family []Ref, child *Message) (bool, error) {
	i := slices.IndexFunc(family, func(r Ref) bool { return r.ID == child.Envelope.Parent })
	if i < 0 {
		return false, nil // no parent, or one that is done with
	}
	parent := family[i]
	if parent.Priority == 0 {
		m, err := b.openMessage(parent)
		if err != nil {
			return false, nil // Adopt deals with it
		}
		parent.Priority = m.Envelope.Priority // where it will be adopted to
		m.Close()
	}
	var log []Record
	if _, ok := b.logs[parent]; ok {
		var err error
		if log, _, err = b.readLog(parent); err != nil {
			return false, err
		}
		if names(log, child.Envelope) {
			return false, nil
		}
	}
	unlink := rivals(log, child.Envelope)
	if !unlink && (b.verify || b.proof) {
		// A content the disk will not give is not one that was never written.
		unlink = errors.Is(child.VerifyContent(), ErrDamaged)
	}
	if unlink {
		if err := b.s.disk.Unlink(b.s.path(child.Ref)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		b.s.changed(nil, []string{b.s.shardPath(child.Ref)})
		return false, nil
	}
	// The clock is not this package's; the child was made when it was accepted.
	record := ChildRecord(child.Envelope, child.Envelope.Accepted)
	text, err := appendRecord(nil, &record)
	if err != nil {
		return false, err
	}
	if err := b.s.appendLog(parent, text); err != nil {
		return false, err
	}
	b.logs[parent] = struct{}{}
	return true, nil
}

// names says whether a log has what makes child eligible: records that name it for all of its
// parent's recipients. Of several a cut may have left the first.
func names(log []Record, child *Envelope) bool {
	left := slices.Clone(child.ParentRecipients)
	named := false
	for i := range log {
		if r := &log[i]; r.Kind == RecordChild && r.Child == child.ID {
			named = true
			left = slices.DeleteFunc(left, func(n int) bool { return slices.Contains(r.Recipients, n) })
		}
	}
	return named && len(left) == 0
}

// rivals says whether a log tells of another way for a recipient of the parent that child stands
// for: another child has it, made by somebody who died since, or it has ended, or is held, or has
// failed and goes to its alternate. Nothing was done yet with a child that no record names. One that
// is named for some of its recipients is the way of all of them: its records were written together.
func rivals(log []Record, child *Envelope) bool {
	if slices.ContainsFunc(log, func(r Record) bool { return r.Kind == RecordChild && r.Child == child.ID }) {
		return false
	}
	return slices.ContainsFunc(child.ParentRecipients, func(n int) bool {
		held := false
		for i := range log {
			r := &log[i]
			if len(r.Recipients) > 0 && !slices.Contains(r.Recipients, n) {
				continue
			}
			if r.Kind == RecordChild && (r.Step == StepReport) == (child.Step == StepReport) {
				return true
			}
			if child.Step == StepReport {
				continue // it ends nobody
			}
			switch r.Kind {
			case RecordHold:
				held = true
			case RecordRelease:
				held = false
			case RecordDivert:
				if child.Step != StepRedirect {
					return true
				}
				held = false
			case RecordOutcome:
				if r.Outcome != outcomeDeferred && r.Outcome != OutcomeInDoubt {
					return true
				}
			}
		}
		return held
	})
}

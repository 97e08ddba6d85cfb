package queue

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// childOf writes a message for Ann into q/ as the child of parent, for its recipients 1,
// and tells nobody.
func (w *world) childOf(parent spool.ID) spool.Ref {
	w.t.Helper()
	env := w.receive(w.channelProcess(nil))
	was := spool.Ref{ID: env.ID, Priority: env.Priority}
	path := func(r spool.Ref) string { return filepath.Join(w.conf.Spool.Dir, r.String()) }
	sp, err := spool.Open(w.conf.Spool.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = sp.Close() }() // nothing is left to be written
	m, err := sp.OpenMessage(was)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = m.Close() }() // it was only read
	ref := spool.Ref{ID: spool.ChildID(parent, submit.StepExpand, []int{1}), Priority: was.Priority}
	child, err := sp.CreateInPlace(ref)
	if err != nil {
		w.t.Fatal(err)
	}
	env = m.Envelope
	env.ID, env.Parent, env.Step, env.ParentRecipients = ref.ID, parent, submit.StepExpand, []int{1}
	_, err = io.Copy(child, m.Content())
	if err := errors.Join(err, child.Finish(env), child.Close(), os.Remove(path(was))); err != nil {
		w.t.Fatal(err)
	}
	return ref
}

func (w *world) has(ref spool.Ref) bool {
	_, err := os.Stat(filepath.Join(w.conf.Spool.Dir, ref.String()))
	return err == nil
}

// What the disk does not give at start is nobody's to remove, and is served when the
// disk gives it.
func TestUnreadAtStart(t *testing.T) {
	w := newWorld(t)
	ref := w.childOf(spool.NewID(w.now)) // its parent has left
	log := filepath.Join(w.conf.Spool.Dir, ref.String()+".log")
	if err := os.Mkdir(log, 0o700); err != nil { // no log can be read here
		t.Fatal(err)
	}
	var again func() error
	w.startWith(func(backlog *spool.Backlog) error {
		again = func() error {
			return backlog.Load(func(i spool.Item) error {
				w.keeper.Load(w.now, []spool.Item{i}, backlog.Crashed())
				return nil
			})
		}
		return again()
	})
	w.reclaim()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if !w.has(ref) || len(w.delivered) > 0 {
		t.Fatalf("while it cannot be read: there %v, delivered %v", w.has(ref), w.delivered)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.to) != 1 || w.has(ref) {
		t.Errorf("delivered to %v, still there %v", w.to, w.has(ref))
	}
	if told := w.events("damaged"); len(told) != 1 {
		t.Errorf("told of %v", told)
	}
	w.kill()
}

// A child that was there at start, and that its maker finds before the reading of the
// spool has come to it, is the maker's: it is eligible when its parent names it, and once.
func TestChildIsTakenBeforeItIsRead(t *testing.T) {
	w := newWorld(t)
	j, _ := w.queued(ann)
	defer w.kill()
	ref := w.childOf(j.Ref.ID)
	m, err := w.spool.OpenMessage(ref)
	if err != nil {
		t.Fatal(err)
	}
	item := spool.Item{Ref: ref, Envelope: m.Envelope}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	w.keeper.Commit(w.now, item.Envelope, func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	load := func(when string) {
		t.Helper()
		w.keeper.Load(w.now, []spool.Item{item}, true)
		if w.keeper.mind.Has(ref.ID) {
			t.Errorf("%s it is eligible", when)
		}
	}
	load("before its parent names it")
	w.keeper.Step(w.now, sched.JobOutcome{Job: j.Job, Generation: j.Generation,
		Results: []sched.Result{{N: 1, Outcome: sched.Outcome{Kind: sched.Expanded, Child: ref.ID}}}})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.to) == 0 || w.has(ref) {
		t.Fatalf("delivered to %v, still there %v", w.to, w.has(ref))
	}
	load("when it has gone")
}

// Who waits for what the disk did not give does not wait when it is gone.
func TestUnreadAndGone(t *testing.T) {
	w := newWorld(t)
	w.start()
	defer w.kill()
	parent := spool.Ref{ID: spool.NewID(w.now), Priority: spool.Normal}
	w.keeper.Load(w.now, []spool.Item{{Ref: parent, Damaged: errors.New("no descriptor")}}, true)
	ref := w.childOf(parent.ID)
	if err := w.keeper.Reclaim(w.now); err == nil {
		t.Error("a child is taken in before its parent is read")
	}
	w.keeper.Loaded()
	w.reclaim()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.to) != 1 || w.has(ref) {
		t.Errorf("delivered to %v, still there %v", w.to, w.has(ref))
	}
}

// A child that its parent names, or whose parent has left, is as good as any message.
func TestReclaimedChildIsKept(t *testing.T) {
	for name, prepare := range map[string]func(w *world) spool.ID{
		"its parent has left": func(w *world) spool.ID { return spool.NewID(w.now) },
		"its parent names it": func(w *world) spool.ID {
			env := w.submit(ann, ann)
			ref := spool.Ref{ID: env.ID, Priority: env.Priority}
			child := spool.Envelope{ID: spool.ChildID(env.ID, submit.StepExpand, []int{1}), Step: submit.StepExpand, ParentRecipients: []int{1}}
			hold := spool.Record{Time: w.now, Kind: spool.RecordHold, Recipients: []int{2}}
			if err := w.spool.Append(ref, spool.ChildRecord(&child, w.now), hold); err != nil {
				w.t.Fatal(err)
			}
			if _, err := w.keeper.AdoptNew(w.now); err != nil {
				w.t.Fatal(err)
			}
			return env.ID
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.start()
			ref := w.childOf(prepare(w))
			w.reclaim()
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			if len(w.to) == 0 || w.has(ref) {
				t.Errorf("delivered to %v, still there %v", w.to, w.has(ref))
			}
			w.kill()
		})
	}
}

// A cut may take back that a message was taken over from new/, but not what has happened
// to it since.
func TestAdoptedAgainWithItsLog(t *testing.T) {
	w := newWorld(t)
	env := w.submit(ann, ann)
	ref := spool.Ref{ID: env.ID, Priority: env.Priority}
	shard := filepath.Dir(filepath.Join(w.conf.Spool.Dir, ref.String()))
	w.start()
	if err := w.spool.Append(ref, spool.Record{Time: w.now, Kind: spool.RecordOutcome, Recipients: []int{1}, Outcome: "delivered"}); err != nil {
		t.Fatal(err)
	}
	w.kill()
	if err := os.Rename(filepath.Join(shard, string(ref.ID)), filepath.Join(w.conf.Spool.Dir, "new", string(ref.ID))); err != nil {
		t.Fatal(err)
	}
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.to) != 1 {
		t.Errorf("delivered to %v: recipient 1 had it already", w.to)
	}
	w.kill()
}

// Of a message that lies in two places one is served. The other is nobody's, and stays:
// not even a channel that dies later is a reason to send it again.
func TestTwinStays(t *testing.T) {
	w := newWorld(t)
	env := w.receive(w.channelProcess(nil))
	path := func(p spool.Priority) string {
		return filepath.Join(w.conf.Spool.Dir, spool.Ref{ID: env.ID, Priority: p}.String())
	}
	octets, err := os.ReadFile(path(env.Priority))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(path(spool.NonUrgent)), 0o700), os.WriteFile(path(spool.NonUrgent), octets, 0o600)); err != nil {
		t.Fatal(err)
	}
	w.start()
	for range 2 {
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		w.reclaim()
	}
	if !w.has(spool.Ref{ID: env.ID, Priority: spool.NonUrgent}) || len(w.to) != 1 {
		t.Errorf("delivered to %v, the twin is there: %v", w.to, w.has(spool.Ref{ID: env.ID, Priority: spool.NonUrgent}))
	}
	w.kill()
}

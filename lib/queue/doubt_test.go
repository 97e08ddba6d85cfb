package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
)

// Who was being tried when the switch was killed may have been reached: a restart does not
// give him up, though his time is over, and neither does an operator. What is known not to
// have been sent is given up.
func TestInDoubtOutlivesRestart(t *testing.T) {
	late := 100 * time.Hour // behind every expiry
	for name, test := range map[string]struct {
		before func(w *world, j sched.StartJob) // the kill
		given  bool                             // up
		makes  bool                             // the channel sends nothing: policy requires what it makes
	}{
		"killed while it was sent for long": {before: func(w *world, _ sched.StartJob) {
			w.now = w.now.Add(doubtAfter)
			w.keeper.Step(w.now, sched.Tick{})
		}},
		"sent without an answer": {before: func(w *world, j sched.StartJob) { w.outcome(j, 1, sched.InDoubt) }},
		"held while it was sent": {before: func(w *world, j sched.StartJob) {
			w.keeper.Step(w.now, sched.Hold{ID: j.Ref.ID})
			w.keeper.Step(w.now, sched.Release{ID: j.Ref.ID})
		}},
		"killed while what policy requires was made": {given: true, makes: true, before: func(w *world, _ sched.StartJob) {
			w.now = w.now.Add(doubtAfter)
			w.keeper.Step(w.now, sched.Tick{})
		}},
		"the answer was no": {given: true, before: func(w *world, j sched.StartJob) {
			w.now = w.now.Add(doubtAfter)
			w.keeper.Step(w.now, sched.Tick{})
			w.outcome(j, 1, sched.Deferred)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if ch, ok := w.conf.Channel("local"); ok && test.makes {
				ch.Kind = conf.KindSecure
			}
			j, _ := w.queued(ann)
			test.before(w, j)
			w.kill()
			w.now = w.now.Add(late)
			w.start()
			w.keeper.Serve(w.now, Request{Verb: VerbExpire, IDs: []string{string(j.Ref.ID)}}, func(a Answer) {
				refused := a.Error != nil && a.Error.Kind == diag.Permanent && strings.HasPrefix(a.Error.Text, string(j.Ref.ID)+": "+inDoubt)
				if refused == test.given {
					t.Errorf("expire: %+v", a.Error)
				}
			}, func() {})
			if v, ok := w.keeper.mind.View(j.Ref.ID); ok == test.given || ok && !v.Recipients[0].Doubt {
				t.Errorf("after the restart: %+v, %v", v, ok)
			}
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{false: "1 delivered", true: "1 not delivered"}[test.given]
			if got := w.reported(); len(got) != 1 || len(got[want]) != 1 {
				t.Errorf("reported: %v; want once %q", got, want)
			}
			if left := w.left(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A message with one recipient in doubt: the others are given up, and it is said who is
// not.
func TestExpireLeavesWhoIsInDoubt(t *testing.T) {
	w := newWorld(t)
	j, _ := w.queued(ann, nobody, ann) // the second has no way
	w.keeper.Step(w.now, sched.Hold{ID: j.Ref.ID})
	w.outcome(j, j.Recipients[0], sched.InDoubt)
	w.outcome(j, j.Recipients[1], sched.Deferred)
	var notes []string
	states := map[bool]int{}
	emit := func(a Answer) {
		if a.Act != nil {
			notes = append(notes, a.Act.Note)
		}
		if a.Row != nil {
			states[a.Row.InDoubt]++
			if a.Row.InDoubt != strings.Contains(a.Row.Reason, inDoubt) {
				t.Errorf("in doubt %v, and the reason is %q", a.Row.InDoubt, a.Row.Reason)
			}
		}
	}
	w.keeper.Serve(w.now, Request{Verb: VerbList}, emit, func() {})
	if states[true] != 1 || states[false] != 1 {
		t.Errorf("in doubt: %v", states)
	}
	w.keeper.Serve(w.now, Request{Verb: VerbExpire, IDs: []string{string(j.Ref.ID)}}, emit, func() {})
	if len(notes) != 1 || notes[0] != "not recipient 1: "+inDoubt {
		t.Errorf("notes: %q", notes)
	}
	v, _ := w.keeper.mind.View(j.Ref.ID)
	if got := v.Recipients; len(got) != 3 || got[0].State != sched.Held || got[2].State != sched.Finished {
		t.Errorf("afterwards: %+v", got)
	}
}

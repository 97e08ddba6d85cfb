package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const crew = "/CN=Crew/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"

// sharer is a channel that makes one child for all recipients of a job, two lists, and expands
// these when the child comes to it.
type sharer struct {
	*maker
	went  map[string][]spool.ID // by list: the children in which it was expanded
	dies  bool                  // before it tells of the next child
	holds []int                 // recipients that an operator holds while it is dead
	id    spool.ID
}

func newSharer(t *testing.T) *sharer {
	m := newListWorld(t)
	other := m.w.conf.Lists[0]
	other.Address = crew
	m.w.conf.Lists = append(m.w.conf.Lists, other)
	s := &sharer{maker: m, went: map[string][]spool.ID{}}
	m.w.expand = s.do
	s.id = m.w.submit(staff, crew).ID
	return s
}

func (s *sharer) do(j sched.StartJob) {
	t, w := s.w.t, s.w
	parent, err := w.spool.OpenMessage(j.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Close() }()
	env := parent.Envelope
	if env.Parent != "" {
		for i := range env.Recipients {
			r := &env.Recipients[i]
			if env.Step == submit.StepForward && slices.Contains(j.Recipients, r.N) && !slices.Contains(s.went[r.Address], env.ID) {
				s.went[r.Address] = append(s.went[r.Address], env.ID)
			}
		}
		s.maker.do(j)
		return
	}
	child := s.share(parent, j)
	if s.dies {
		s.dies = false
		w.keeper.Step(w.now, sched.ChannelDown{Channel: j.Channel, Process: w.process[j.Channel], Failed: true, Why: "killed"})
		if err := w.keeper.Reclaim(w.now); err != nil {
			t.Fatal(err)
		}
		if s.holds != nil {
			w.keeper.Step(w.now, sched.Hold{ID: j.Ref.ID, N: s.holds, Why: "wait"})
		}
		return
	}
	w.keeper.Commit(w.now, child, func(err error) {
		if err != nil {
			return
		}
		o := sched.JobOutcome{Job: j.Job, Generation: j.Generation}
		for _, n := range j.Recipients {
			o.Results = append(o.Results, sched.Result{N: n, Outcome: sched.Outcome{Kind: sched.Moved, Child: child.ID}})
		}
		s.answer(o)
	})
}

// share makes the child, or finds it made.
func (s *sharer) share(parent *spool.Message, j sched.StartJob) *spool.Envelope {
	t, w := s.w.t, s.w
	door, err := submit.NewDoor(w.conf, s.maker, func() time.Time { return w.now }, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	original, err := p1.ReadOriginal(parent.Envelope.Wire, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var places []int
	for _, n := range j.Recipients {
		places = append(places, n-1)
	}
	raw, err := original.Processed(places, original.ContentType, nil, p1.Action{Domain: mts.NewGlobalDomainIdentifier(w.conf.Identity.Domain), MTA: "MTA-A", Arrived: w.now, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := door.Derive(spool.Source{Channel: j.Channel}, submit.Child{Parent: j.Ref.ID, Step: submit.StepForward, Recipients: j.Recipients, Priority: parent.Envelope.Priority}, raw)
	if err != nil {
		t.Fatal(err)
	}
	env := tx.Envelope()
	if err = tx.CopyContent(parent); err == nil {
		env, err = tx.Commit(context.Background())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return env
}

// end runs what is left, as an operator who holds nothing any more, and checks that each list was
// expanded in one child, and nothing is left.
func (s *sharer) end(t *testing.T, when string) {
	t.Helper()
	w := s.w
	w.keeper.Step(w.now, sched.Release{ID: s.id})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{staff, crew} {
		if n := len(s.went[list]); n != 1 {
			t.Errorf("%s: %s went in %d children", when, list, n)
		}
	}
	if left := w.left(); len(left) > 0 || len(w.keeper.unnamed) > 0 {
		t.Errorf("%s: left %v, and %d children without a name", when, left, len(w.keeper.unnamed))
	}
}

// Wherever the process is killed while recipients move into a child that they share, each goes in
// one child: after a channel has died, too, and when the recipients are not the same any more
// when it is made again.
func TestSharedChildKilledBeforeAnyBarrier(t *testing.T) {
	for _, c := range []struct {
		name  string
		dies  bool
		holds []int
	}{{"in one go", false, nil}, {"the channel dies", true, nil}, {"and one is held meanwhile", true, []int{2}}, {"and the first is", true, []int{1}}} {
		t.Run(c.name, func(t *testing.T) {
			for k := 0; ; k++ {
				s := newSharer(t)
				s.dies, s.holds = c.dies, c.holds
				s.w.start()
				s.w.barriers = k
				err := s.w.run()
				if err == nil {
					s.w.barriers = -1
					s.end(t, "not killed")
					s.w.kill()
					if k < 4 {
						t.Errorf("only %d barriers", k)
					}
					return
				}
				s.w.kill()
				s.w.barriers = -1
				s.w.start()
				if err := s.w.run(); err != nil {
					t.Fatal(err)
				}
				for _, n := range c.holds {
					if list := []string{staff, crew}[n-1]; len(s.went[list]) > 0 {
						t.Errorf("killed at barrier %d: %s went though it was held", k, list)
					}
				}
				s.end(t, fmt.Sprintf("killed at barrier %d", k))
				s.w.kill()
			}
		})
	}
}

// Of recipients who share a child none ends by it alone: a channel that answers for some of them
// is not believed.
func TestSharedChildEndsAllOrNone(t *testing.T) {
	for name, lie := range map[string]func(*sched.Result){
		"one is tried again":              func(r *sched.Result) { r.Outcome = sched.Outcome{Kind: sched.Deferred, Text: "not this one"} },
		"one is tried again, by its name": func(r *sched.Result) { r.Kind = sched.Deferred },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSharer(t)
			through, lied := s.answer, false
			s.answer = func(o sched.JobOutcome) {
				if !lied && len(o.Results) == 2 {
					lied = true
					lie(&o.Results[1])
				}
				through(o)
			}
			s.w.start()
			if err := s.w.run(); err != nil {
				t.Fatal(err)
			}
			if !lied || len(s.went) > 0 || s.w.keeper.mind.Counts().Recipients != 2 {
				t.Fatalf("expanded %v", s.went)
			}
			s.w.now = s.w.keeper.Next()
			s.w.keeper.Step(s.w.now, sched.Tick{})
			s.end(t, "after a lie")
			s.w.kill()
		})
	}
}

// Who is deleted, the channel having died without an answer, takes the child along; the other goes in
// another one.
func TestSharedChildOfADeletedRecipient(t *testing.T) {
	s := newSharer(t)
	through, deleted := s.answer, false
	s.answer = func(o sched.JobOutcome) {
		if !deleted && len(o.Results) == 2 {
			deleted = true
			s.w.keeper.Step(s.w.now, sched.Delete{ID: s.id, N: []int{1}})
			s.w.keeper.Step(s.w.now, sched.ChannelDown{Channel: "expand", Process: s.w.process["expand"], Failed: true, Why: "killed"})
			return
		}
		through(o)
	}
	s.w.start()
	if err := s.w.run(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if next := s.w.keeper.Next(); next.After(s.w.now) {
			s.w.now = next
		}
		s.w.keeper.Step(s.w.now, sched.Tick{})
		if err := s.w.run(); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.went[staff]) != 0 || len(s.went[crew]) != 1 || len(s.w.left()) > 0 {
		t.Errorf("expanded %v, left %v", s.went, s.w.left())
	}
	s.w.kill()
}

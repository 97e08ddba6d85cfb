package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const (
	bob   = "/G=Bob/S=Jones/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	staff = "/CN=Staff/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
)

// maker is a channel that expands lists into bob and a recipient who is nobody. What
// it does between being told that its child is durable and its answer is the test's.
type maker struct {
	w      *world
	made   map[spool.ID]bool // every child there ever was
	answer func(sched.JobOutcome)
	mute   bool // it dies before it tells of the child

	redirects bool // instead of expanding
}

// newListWorld is a world with a list.
func newListWorld(t *testing.T) *maker {
	t.Helper()
	w := newWorld(t)
	w.conf.Users = append(w.conf.Users, conf.User{Address: bob, Channel: "local", Mailbox: filepath.Join(w.dir, "bob")})
	list := conf.NewList()
	list.Address, list.Members = staff, []string{bob, nobody}
	list.Reports = conf.ReportsToNobody
	w.conf.Lists = []conf.List{list}
	m := &maker{w: w, made: map[spool.ID]bool{}}
	m.answer = func(o sched.JobOutcome) { w.keeper.Step(w.now, o) }
	w.expand = m.do
	return m
}

// Create and Commit are those of a channel process.
func (m *maker) Create(ref spool.Ref) (*spool.Writer, error) { return m.w.spool.CreateInPlace(ref) }

func (m *maker) Commit(_ context.Context, w *spool.Writer, env *spool.Envelope) error {
	return w.Close()
}

func (m *maker) do(j sched.StartJob) {
	t, w := m.w.t, m.w
	door, err := submit.NewDoor(w.conf, m, func() time.Time { return w.now }, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	parent, err := w.spool.OpenMessage(j.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Close() }()
	for _, n := range j.Recipients {
		m.one(door, parent, j, n)
	}
}

func name(t *testing.T, text string) oraddr.ORName {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	name, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func (m *maker) one(door *submit.Door, parent *spool.Message, j sched.StartJob, n int) {
	t, w := m.w.t, m.w
	outcome := func(o sched.Outcome) sched.JobOutcome {
		return sched.JobOutcome{Job: j.Job, Generation: j.Generation, Results: []sched.Result{{N: n, Outcome: o}}}
	}
	if parent.Envelope.Kind == spool.KindReport {
		m.answer(outcome(sched.Outcome{Kind: sched.Moved}))
		return
	}
	action := p1.Action{Domain: mts.NewGlobalDomainIdentifier(w.conf.Identity.Domain), MTA: "MTA-A", Arrived: w.now, Now: w.now}
	step, kind := submit.StepExpand, sched.Expanded
	original, err := p1.ReadOriginal(parent.Envelope.Wire, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := original.Expand(n-1, p1.Expansion{List: name(t, staff), Members: []oraddr.ORName{name(t, bob), name(t, nobody)}}, action)
	if m.redirects {
		step, kind = submit.StepRedirect, sched.Redirected
		raw, err = original.Redirect(n-1, name(t, bob), mts.OriginatorRequestedAlternateRecipient, action)
	}
	if err != nil {
		t.Fatal(err)
	}
	tx, err := door.Derive(spool.Source{Channel: j.Channel}, submit.Child{Parent: j.Ref.ID, Step: step, Recipients: []int{n}, Priority: parent.Envelope.Priority}, raw)
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
	m.made[env.ID] = true
	if m.mute {
		return
	}
	w.keeper.Commit(w.now, env, func(err error) {
		if err == nil {
			m.answer(outcome(sched.Outcome{Kind: kind, Child: env.ID}))
		}
	})
}

// check compares what came of it with what should: one child, each member once in it,
// nothing left.
func (m *maker) check(t *testing.T, when string) {
	t.Helper()
	w := m.w
	if len(m.made) != 1 {
		t.Errorf("%s: %d children", when, len(m.made))
	}
	if got := w.reported(); len(got["1 delivered"]) != 1 || len(got["2 delivered"]) != 1 || len(got) != 2 {
		t.Errorf("%s: reported %v", when, got)
	}
	if !slices.Contains(w.to, bob) {
		t.Errorf("%s: only %v have it", when, w.to)
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("%s: left %v", when, left)
	}
}

// Wherever the process is killed while a list is expanded, there is one child, its
// members have the message, and the originator hears from the list once.
func TestExpansionKilledBeforeAnyBarrier(t *testing.T) {
	for k := 0; ; k++ {
		m := newListWorld(t)
		m.w.submit(ann, staff)
		m.w.start()
		m.w.barriers = k
		if err := m.w.run(); err == nil {
			if k < 4 {
				t.Fatalf("only %d barriers: child, record, report and record cannot have been made in order", k)
			}
			m.check(t, "not killed")
			m.w.kill()
			return
		}
		m.w.kill()
		m.w.barriers = -1
		m.w.start()
		if err := m.w.run(); err != nil {
			t.Fatal(err)
		}
		m.check(t, fmt.Sprintf("killed at barrier %d", k))
		m.w.kill()
	}
}

// A channel that dies before its answer finds its child again.
func TestChannelDiesBetweenChildAndOutcome(t *testing.T) {
	m := newListWorld(t)
	w, died := m.w, false
	through := m.answer
	m.answer = func(o sched.JobOutcome) {
		if len(o.Results) == 1 && o.Results[0].Kind == sched.Expanded && !died {
			died = true
			w.keeper.Step(w.now, sched.ChannelDown{Channel: "expand", Process: w.process["expand"], Failed: true, Why: "killed"})
			if err := w.keeper.Reclaim(w.now); err != nil {
				t.Fatal(err)
			}
			return
		}
		through(o)
	}
	w.submit(ann, staff)
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	m.check(t, "died once")
	w.kill()
}

// A child that was made and never told of is the parent's: it is neither run before the
// parent names it, nor made again.
func TestReclaimedChildWaitsForItsName(t *testing.T) {
	m := newListWorld(t)
	w := m.w
	inner := w.expand
	m.mute = true
	w.expand = func(j sched.StartJob) {
		inner(j)
		if !m.mute {
			return
		}
		m.mute = false
		w.keeper.Step(w.now, sched.ChannelDown{Channel: "expand", Process: w.process["expand"], Failed: true, Why: "killed"})
		if err := w.keeper.Reclaim(w.now); err != nil {
			t.Fatal(err)
		}
		if len(w.keeper.unnamed) != 1 {
			t.Errorf("%d children wait for a name", len(w.keeper.unnamed))
		}
	}
	w.submit(ann, staff)
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	m.check(t, "reclaimed")
	w.kill()
}

// An operator who deletes the message while its child waits for the outcome deletes the
// child too.
func TestDeletedParentTakesItsChildAlong(t *testing.T) {
	m := newListWorld(t)
	w := m.w
	var id spool.ID
	m.answer = func(o sched.JobOutcome) {
		w.keeper.Step(w.now, sched.Delete{ID: id})
		w.keeper.Step(w.now, sched.ChannelDown{Channel: "expand", Process: w.process["expand"], Failed: true, Why: "killed"})
	}
	id = w.submit(staff).ID
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.to) > 0 || len(w.left()) > 0 || len(w.keeper.unnamed) > 0 {
		t.Errorf("delivered to %v, left %v, unnamed %v", w.to, w.left(), w.keeper.unnamed)
	}
	w.kill()
}

// A channel dies with a child that it has not told of, and the recipient is given up for
// it. Its child is taken in before that, so that wherever the power goes the recipient has
// gone one way.
func TestGivenUpWithAChildNobodyToldOf(t *testing.T) {
	for cut := range 4 {
		m := newListWorld(t)
		w := m.w
		inner := w.expand
		m.mute = true
		var id spool.ID
		w.expand = func(j sched.StartJob) {
			inner(j)
			if !m.mute {
				return
			}
			m.mute, w.barriers = false, cut-2
			w.keeper.Step(w.now, sched.Expire{ID: id})
			if cut == 0 {
				w.barriers = 0
				return
			}
			if err := w.keeper.Reclaim(w.now); err != nil {
				t.Fatal(err)
			}
			if cut == 1 {
				w.barriers = 0
				return
			}
			w.keeper.Step(w.now, sched.ChannelDown{Channel: "expand", Process: w.process["expand"], Failed: true, Why: "killed"})
		}
		id = w.submit(staff).ID
		w.start()
		if err := w.run(); err != nil {
			w.kill()
			w.barriers = -1
			w.start()
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
		}
		expired, expanded := len(w.reported()["1 not delivered"]) > 0, slices.Contains(w.to, bob)
		if expired == expanded || len(w.left()) > 0 {
			t.Errorf("cut %d: given up %v, expanded %v, left %v", cut, expired, expanded, w.left())
		}
		w.kill()
	}
}

// A channel cannot end a recipient by naming what is not there.
func TestOutcomeThatNamesNoChild(t *testing.T) {
	m := newListWorld(t)
	w := m.w
	through, lied := m.answer, false
	m.answer = func(o sched.JobOutcome) {
		if o.Results[0].Kind == sched.Expanded && !lied {
			lied = true
			o.Results[0].Child = spool.NewID(w.now)
		}
		through(o)
	}
	w.submit(ann, staff)
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	v := w.keeper.mind.Counts()
	if !lied || v.Recipients != 1 {
		t.Fatalf("%d recipients wait", v.Recipients)
	}
	w.now = w.keeper.Next()
	w.keeper.Step(w.now, sched.Tick{})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	m.check(t, "after a lie")
	w.kill()
}

// Wherever the process is killed while a recipient that has failed is redirected to the
// alternate that its originator requested, the alternate has the message, from one child,
// and nobody is told that the recipient has failed.
func TestDiversionKilledBeforeAnyBarrier(t *testing.T) {
	for k := 0; ; k++ {
		m := newListWorld(t)
		w := m.w
		m.redirects = true
		w.alternate = bob
		w.submit(ann, nobody)
		w.start()
		w.barriers = k
		err := w.run()
		if err != nil {
			w.kill()
			w.barriers = -1
			w.start()
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
		}
		m.check(t, fmt.Sprintf("killed at barrier %d", k))
		w.kill()
		if err == nil {
			if k < 4 {
				t.Fatalf("only %d barriers", k)
			}
			return
		}
	}
}

// X.402, report-from-dl: a list that leaves it to its members to tell does not tell of its
// expansion, wherever the process is killed.
func TestExpansionThatNobodyIsToldOf(t *testing.T) {
	for k := -1; k < 5; k++ {
		m := newListWorld(t)
		m.w.conf.Lists[0].Reports, m.w.conf.Lists[0].ReportFromDL = conf.ReportsToOriginator, conf.ReportWhenNoPropagation
		m.w.submit(ann, staff)
		m.w.start()
		m.w.barriers = k
		if err := m.w.run(); err != nil {
			m.w.kill()
			m.w.barriers = -1
			m.w.start()
			if err := m.w.run(); err != nil {
				t.Fatal(err)
			}
		}
		if got := m.w.reported(); len(got["1 delivered"]) != 1 || len(got) != 1 || len(m.made) != 1 || !slices.Contains(m.w.to, bob) {
			t.Errorf("killed at barrier %d: reported %v, %d children, to %v", k, got, len(m.made), m.w.to)
		}
		if left := m.w.left(); len(left) > 0 {
			t.Errorf("killed at barrier %d: left %v", k, left)
		}
		m.w.kill()
	}
}

package queue

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// barrier runs one, and returns what it has made durable at least: the power may go at
// once, with all that was done since it began.
func (w *world) barrier() (durable string) {
	w.t.Helper()
	durable = w.t.TempDir()
	run, settle := w.keeper.Begin()
	for _, part := range []string{"new", "q"} {
		if err := os.CopyFS(filepath.Join(durable, part), os.DirFS(filepath.Join(w.conf.Spool.Dir, part))); err != nil {
			w.t.Fatal(err)
		}
	}
	settle(run())
	return durable
}

// cut is a start after the power has gone.
func (w *world) cut(durable string) {
	w.t.Helper()
	w.kill()
	for _, part := range []string{"new", "q"} {
		dir := filepath.Join(w.conf.Spool.Dir, part)
		if err := os.RemoveAll(dir); err != nil {
			w.t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(durable, part))); err != nil {
			w.t.Fatal(err)
		}
	}
	w.start()
}

// What an operator has been told is deleted is deleted, though its child had to go first.
func TestDeletedWhenItIsSaid(t *testing.T) {
	m := newListWorld(t)
	w := m.w
	var id spool.ID
	said := false
	m.answer = func(sched.JobOutcome) {
		w.keeper.Step(w.now, sched.ChannelDown{Channel: "expand", Process: w.process["expand"], Failed: true, Why: "killed"})
		w.keeper.Serve(w.now, Request{Verb: VerbDelete, IDs: []string{string(id)}}, func(a Answer) {
			if a.Act == nil || a.Act.Waits {
				t.Errorf("%+v", a)
			}
		}, func() { said = true })
	}
	id = w.submit(staff).ID
	w.start()
	for range 100 {
		if len(w.jobs) > 0 {
			j := w.jobs[0]
			w.jobs = w.jobs[1:]
			w.job(j)
			continue
		}
		durable := w.barrier()
		if !said {
			continue
		}
		w.cut(durable)
		m.answer = func(o sched.JobOutcome) { w.keeper.Step(w.now, o) }
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		if len(w.to) > 0 || len(w.left()) > 0 {
			t.Errorf("delivered to %v, left %v", w.to, w.left())
		}
		w.kill()
		return
	}
	t.Fatal("the operator hears nothing")
}

// Where the child cannot be removed, the operator hears that it is not done for good; it is
// when it can be.
func TestDeletedWhenTheDiskTakesIt(t *testing.T) {
	m := newListWorld(t)
	w := m.w
	var id spool.ID
	var trouble []string
	m.answer = func(sched.JobOutcome) {
		for child := range m.made {
			path := filepath.Join(w.conf.Spool.Dir, spool.Ref{ID: child, Priority: spool.Normal}.String())
			if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "full"), 0o700)); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}()
		}
		w.keeper.Step(w.now, sched.ChannelDown{Channel: "expand", Process: w.process["expand"], Failed: true, Why: "killed"})
		w.keeper.Serve(w.now, Request{Verb: VerbDelete, IDs: []string{string(id)}}, func(a Answer) {
			if a.Error != nil {
				trouble = append(trouble, a.Error.Text)
			}
		}, func() {})
	}
	id = w.submit(staff).ID
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(trouble) != 1 || !strings.Contains(trouble[0], "not written down yet") {
		t.Errorf("the operator hears %q", trouble)
	}
	if len(w.to) > 0 || len(w.left()) > 0 {
		t.Errorf("delivered to %v, left %v", w.to, w.left())
	}
	w.kill()
}

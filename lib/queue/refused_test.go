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

// queued starts with one message whose job has been started, and returns its file.
func (w *world) queued(to ...string) (j sched.StartJob, path string) {
	w.t.Helper()
	w.submit(to...)
	w.start()
	for j.Job == 0 {
		if len(w.jobs) == 0 {
			w.t.Fatal("no job is started")
		}
		if j, w.jobs = w.jobs[0], w.jobs[1:]; j.Job == 0 {
			w.job(j)
		}
	}
	return j, filepath.Join(w.conf.Spool.Dir, j.Ref.String())
}

// outcome answers a job for one recipient.
func (w *world) outcome(j sched.StartJob, n int, kind sched.Kind) {
	w.keeper.Step(w.now, sched.JobOutcome{Job: j.Job, Generation: j.Generation,
		Results: []sched.Result{{N: n, Outcome: sched.Outcome{Kind: kind, Time: w.now}}}})
}

// A message that cannot be read at the moment when a report is owed about it is not
// removed by what happens afterwards: the report is made when it can be read again.
func TestReportSurvivesAnUnreadableMessage(t *testing.T) {
	w := newWorld(t)
	j, path := w.queued(ann, ann)
	defer w.kill()
	away := path + ".away"
	if err := errors.Join(os.Rename(path, away), os.Symlink(path, path)); err != nil {
		t.Fatal(err)
	}
	w.outcome(j, 1, sched.Delivered)
	w.outcome(j, 2, sched.Transferred)
	for range 3 {
		if run, settle := w.keeper.Begin(); true {
			settle(run())
		}
	}
	if err := errors.Join(os.Remove(path), os.Rename(away, path)); err != nil {
		t.Fatal("the message was removed: ", err)
	}
	w.keeper.Serve(w.now, Request{Verb: VerbList}, func(a Answer) {
		if a.Row == nil || a.Row.State != StateReporting || !strings.Contains(a.Row.Reason, "symbolic links") {
			t.Errorf("listed as %+v", a)
		}
	}, func() {})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if got := w.reported()["1 delivered"]; len(got) != 1 {
		t.Errorf("told by %d reports", len(got))
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// A report that no log names is for nobody as long as its message cannot be removed: a
// start that finds the message again would make another.
func TestReportWaitsUntilItsMessageHasLeft(t *testing.T) {
	w := newWorld(t)
	j, path := w.queued(ann)
	w.outcome(j, 1, sched.Delivered)
	away := path + ".away"
	if err := errors.Join(os.Rename(path, away), os.MkdirAll(filepath.Join(path, "full"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		run, settle := w.keeper.Begin()
		settle(run())
		for len(w.jobs) > 0 {
			j := w.jobs[0]
			w.jobs = w.jobs[1:]
			w.job(j)
		}
	}
	if len(w.reports) > 0 {
		t.Errorf("%d reports are delivered", len(w.reports))
	}
	w.kill()
	if err := errors.Join(os.RemoveAll(path), os.Rename(away, path)); err != nil {
		t.Fatal(err)
	}
	w.start()
	defer w.kill()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if got := w.reported()["1 delivered"]; len(got) != 1 {
		t.Errorf("told by %d reports", len(got))
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// A report is open until the barrier for it has ended: while it is, the kernel cannot
// forget that writing it failed.
func TestReportIsOpenUntilItsBarrier(t *testing.T) {
	w := newWorld(t)
	j, _ := w.queued(ann)
	defer w.kill()
	reports := func() (n int) {
		t.Helper()
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			path, _ := os.Readlink("/proc/self/fd/" + fd.Name()) // that of the list itself is gone
			if strings.HasPrefix(path, filepath.Join(w.conf.Spool.Dir, "q")) && filepath.Base(path) != string(j.Ref.ID) {
				n++
			}
		}
		return n
	}
	w.outcome(j, 1, sched.Delivered)
	run, settle := w.keeper.Begin()
	before := reports()
	err := run()
	after := reports()
	settle(err)
	if before != 1 || after != 1 || reports() != 0 || err != nil {
		t.Errorf("%d are open before the barrier, %d after it, %d when it has ended; %v", before, after, reports(), err)
	}
}

// When it has left at last, its report goes.
func TestReportOfAMessageThatLeavesLate(t *testing.T) {
	w := newWorld(t)
	j, path := w.queued(ann)
	defer w.kill()
	w.outcome(j, 1, sched.Delivered)
	if err := errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "full"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		run, settle := w.keeper.Begin()
		settle(run())
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if got := w.reported()["1 delivered"]; len(got) != 1 {
		t.Errorf("told by %d reports", len(got))
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// A message that is gone, or damaged, is not waited for: somebody has to look at it.
func TestUselessMessageIsPutAside(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"gone": os.Remove,
		"damaged": func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text[len(text)-spool.LastLineSize-2] ^= 1 // in the envelope
			return os.WriteFile(path, text, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			j, path := w.queued(ann, ann)
			defer w.kill()
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			w.outcome(j, 1, sched.Delivered)
			w.outcome(j, 2, sched.Transferred)
			if err := w.run(); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(w.said.String(), "no report can be made") {
				t.Errorf("said %s", &w.said)
			}
			want := map[string]string{"gone": "", "damaged": "bad/" + string(j.Ref.ID)}[name]
			var got []string
			for _, path := range w.left() {
				if filepath.Ext(path) == "" {
					got = append(got, strings.TrimPrefix(path, w.conf.Spool.Dir+"/"))
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("left %v, not %s", got, want)
			}
		})
	}
}

// What the file system refused to log is logged in its order: a hold that comes after
// its release would be a hold. Whoever asked for it hears that it is not safe.
func TestRefusedRecordsKeepTheirOrder(t *testing.T) {
	w := newWorld(t)
	env := w.submit(ann)
	w.start()
	ask := func(verb string) (failed bool) {
		t.Helper()
		answered := false
		w.keeper.Serve(w.now, Request{Verb: verb, IDs: []string{string(env.ID)}},
			func(a Answer) { failed = failed || a.Error != nil }, func() { answered = true })
		for !answered {
			run, settle := w.keeper.Begin()
			settle(run())
		}
		return failed
	}
	log := filepath.Join(w.conf.Spool.Dir, spool.Ref{ID: env.ID, Priority: env.Priority}.String()+".log")
	if err := os.Mkdir(log, 0o700); err != nil {
		t.Fatal(err)
	}
	if !ask(VerbHold) {
		t.Error("hold is said to be safe")
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	if !ask(VerbRelease) {
		t.Error("release is said to be safe though hold is not")
	}
	w.jobs = nil // nobody delivers
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.kill()
	w.start()
	defer w.kill()
	v, _ := w.keeper.mind.View(env.ID)
	if got := v.Recipients[0].State; got == sched.Held {
		t.Errorf("after a restart it is %v", got)
	}
}

// However much the file system refuses, one line in a while says so, and nothing is
// forgotten.
func TestRefusalsAreToldOnce(t *testing.T) {
	w := newWorld(t)
	const n = 600
	for range n {
		w.submit(ann)
	}
	w.start()
	defer w.kill()
	var logs []string
	for _, path := range w.left() {
		logs = append(logs, path+".log")
		if err := os.Mkdir(path+".log", 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.jobs = nil // nobody delivers
	w.keeper.Serve(w.now, Request{Verb: VerbHold, All: true}, func(Answer) {}, func() {})
	for range 3 {
		w.now = w.keeper.Next()
		w.keeper.Step(w.now, sched.Tick{})
	}
	if got := strings.Count(w.said.String(), "will be repeated"); got != 1 {
		t.Errorf("said %d times", got)
	}
	for _, path := range logs {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	for _, path := range logs {
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
}

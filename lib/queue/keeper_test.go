package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const (
	ann    = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	nobody = "/S=Nobody/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
)

// world runs a keeper with channels that deliver whatever they get.
type world struct {
	t      *testing.T
	dir    string
	conf   *conf.Config
	spool  *spool.Spool
	lock   *spool.Lock
	keeper *Keeper
	now    time.Time
	jobs   []sched.StartJob
	up     int

	priority  mts.Priority // of what is submitted
	content   []byte       // of it, to be returned; nil: a short one, not to be
	delivered []string     // "mtsid n" of every delivery
	to        []string     // who got a message, each time
	expand    func(sched.StartJob)
	aside     func(func(), func(time.Time))
	alternate string         // requested for the last recipient of what is submitted
	process   map[string]int // of each channel
	reports   []*mts.Report
	said      bytes.Buffer // the log
	urgent    int          // reports that were
	barriers  int          // left until the power goes; negative: it stays
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	text := tableconf.Default("MTA-A", tableconf.Options{})
	cfg, err := tableconf.Parse(text, "mta.toml", dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := spool.Init(cfg.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	// A tool that works on the quiet spool has the clock of the machine: a world with
	// another would see its messages expire.
	return &world{t: t, dir: dir, conf: cfg, now: time.Now().UTC().Truncate(time.Second), barriers: -1, process: map[string]int{}}
}

// start opens the spool as mtarun does.
func (w *world) start() {
	w.t.Helper()
	w.startWith(func(backlog *spool.Backlog) error {
		return backlog.Load(func(i spool.Item) error {
			w.keeper.Load(w.now, []spool.Item{i}, backlog.Crashed())
			return nil
		})
	})
}

// startWith lets load read what is there.
func (w *world) startWith(load func(*spool.Backlog) error) {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	var err error
	if w.spool, err = spool.Open(w.conf.Spool.Dir); err != nil {
		w.t.Fatal(err)
	}
	if w.lock, err = w.spool.Lock(); err != nil {
		w.t.Fatal(err)
	}
	backlog, err := w.spool.Recover()
	if err != nil {
		w.t.Fatal(err)
	}
	w.jobs = nil
	log := slog.New(slog.NewTextHandler(&w.said, nil))
	if w.keeper, err = NewKeeper(w.spool, w.conf, conf.OpenFile, w.now, log, w.do); err != nil {
		w.t.Fatal(err)
	}
	w.keeper.Aside = w.aside
	if err := load(backlog); err != nil {
		w.t.Fatal(err)
	}
	for more := true; more; {
		if more, err = w.keeper.AdoptNew(w.now); err != nil {
			w.t.Fatal(err)
		}
	}
}

// kill ends it as SIGKILL does: whatever was written is there, and the next start finds
// that nobody has let go in order.
func (w *world) kill() {
	w.t.Helper()
	if err := errors.Join(w.lock.File().Close(), w.spool.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// stop ends it in order.
func (w *world) stop() {
	w.t.Helper()
	if err := errors.Join(w.keeper.Close(), w.lock.Close(), w.spool.Close()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) do(a sched.Action) {
	switch a := a.(type) {
	case sched.StartChannel:
		w.up++
		w.jobs = append(w.jobs, sched.StartJob{Channel: a.Channel, Process: w.up}) // a channel to be told up
	case *sched.StartJob:
		w.jobs = append(w.jobs, *a)
	}
}

var errKilled = errors.New("killed")

// run lets everything happen that can, until nothing is left to do; errKilled when
// the barriers run out first.
func (w *world) run() error {
	for range 1000 {
		switch {
		case len(w.jobs) > 0:
			j := w.jobs[0]
			w.jobs = w.jobs[1:]
			w.job(j)
		case w.keeper.Dirty():
			if w.barriers == 0 {
				return errKilled
			}
			w.barriers--
			run, settle := w.keeper.Begin()
			settle(run())
		default:
			next := w.keeper.Next()
			if next.IsZero() || next.Sub(w.now) > time.Minute {
				return nil
			}
			w.now = next
			w.keeper.Step(w.now, sched.Tick{})
		}
	}
	w.t.Fatal("it does not come to rest")
	return nil
}

// job delivers.
func (w *world) job(j sched.StartJob) {
	if j.Job == 0 {
		w.process[j.Channel] = j.Process
		w.keeper.Step(w.now, sched.ChannelUp{Channel: j.Channel, Process: j.Process, MaxJobs: 8})
		return
	}
	if j.Channel == "expand" {
		w.expand(j)
		return
	}
	m, err := w.spool.OpenMessage(j.Ref)
	if err != nil {
		w.t.Fatal(err)
	}
	env := m.Envelope
	if err := m.Close(); err != nil {
		w.t.Fatal(err)
	}
	var results []sched.Result
	for _, n := range j.Recipients {
		w.delivered = append(w.delivered, fmt.Sprintf("%s %d", env.MTSID, n))
		if env.Kind == spool.KindMessage {
			w.to = append(w.to, env.Recipients[slices.IndexFunc(env.Recipients, func(r spool.Recipient) bool { return r.N == n })].Address)
		}
		results = append(results, sched.Result{N: n, Outcome: sched.Outcome{Kind: sched.Delivered, Time: w.now}})
	}
	if env.Kind == spool.KindReport {
		r, err := p1.DecodeReport(env.Wire, p1.Limits{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.reports = append(w.reports, r)
		if j.Ref.Priority == spool.Urgent {
			w.urgent++
		}
	}
	w.keeper.Step(w.now, sched.JobOutcome{Job: j.Job, Generation: j.Generation, Results: results})
}

// submit puts a message into new/, asking for delivery reports.
func (w *world) submit(to ...string) *spool.Envelope {
	w.t.Helper()
	sp, err := spool.Open(w.conf.Spool.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = sp.Close() }()
	door, err := submit.NewDoor(w.conf, submit.Alone{Spool: sp}, func() time.Time { return w.now }, conf.OpenFile)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []oraddr.Address
	for _, text := range append([]string{ann}, to...) {
		a, err := oraddr.Parse(text)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, a)
	}
	s, err := submit.New(all[0], all[1:]...)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Priority = w.priority
	content := []byte("content")
	if w.content != nil {
		content = w.content
		s.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitContentReturnRequest)
	}
	s.Ask(mts.ReportAlways)
	if w.alternate != "" {
		f := &s.PerRecipientFields[len(to)-1]
		if f.Extensions, err = mts.SetExt(nil, mts.ExtOriginatorRequestedAlternateRecipient, name(w.t, w.alternate)); err != nil {
			w.t.Fatal(err)
		}
	}
	tx, err := door.Submit(spool.Source{}, *s)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tx.Write(content); err != nil {
		w.t.Fatal(err)
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return env
}

// reported are the outcomes reported about a subject, by the identifier of the report.
func (w *world) reported() map[string][]string {
	all := map[string][]string{}
	for _, r := range w.reports {
		for _, f := range r.Content.PerRecipientFields {
			what := "delivered"
			if f.LastTraceInformation.ReportType.NonDelivery != nil {
				what = "not delivered"
			}
			key := fmt.Sprintf("%d %s", f.OriginallySpecifiedRecipientNumber, what)
			if id := r.Envelope.ReportIdentifier.String(); !slices.Contains(all[key], id) {
				all[key] = append(all[key], id)
			}
		}
	}
	return all
}

// left is what is in the spool apart from its own files.
func (w *world) left() []string {
	var left []string
	for _, pattern := range []string{"new/*", "q/*/*/*", "tmp/*", "bad/*"} {
		names, err := filepath.Glob(filepath.Join(w.conf.Spool.Dir, pattern))
		if err != nil {
			w.t.Fatal(err)
		}
		left = append(left, names...)
	}
	return left
}

// Wherever the process is killed, nothing is lost, one report is made for each
// recipient, and the spool is empty in the end.
func TestKilledBeforeAnyBarrier(t *testing.T) {
	for k := 0; ; k++ {
		w := newWorld(t)
		w.submit(ann, nobody, ann)
		w.start()
		w.barriers = k
		err := w.run()
		if err == nil {
			if k < 3 {
				t.Fatalf("only %d barriers: the reports cannot have been made in order", k)
			}
			return
		}
		w.kill()
		w.barriers = -1
		w.start()
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		got := w.reported()
		for _, want := range []string{"1 delivered", "2 not delivered", "3 delivered"} {
			if len(got[want]) != 1 {
				t.Errorf("killed at barrier %d: %s is told by %d reports", k, want, len(got[want]))
			}
		}
		if len(got) != 3 {
			t.Errorf("killed at barrier %d: reported %v", k, got)
		}
		if left := w.left(); len(left) > 0 {
			t.Errorf("killed at barrier %d: left %v", k, left)
		}
		w.kill()
	}
}

// Nobody hears yes before the barrier that covers the message, and when that fails
// nobody does, then or later.
func TestFailedBarrierSaysNoForEver(t *testing.T) {
	w := newWorld(t)
	w.start()
	defer w.kill()
	put := func() *spool.Envelope {
		ref := spool.Ref{ID: spool.NewID(w.now), Priority: spool.Urgent}
		f, err := w.spool.CreateInPlace(ref)
		if err != nil {
			t.Fatal(err)
		}
		env := &spool.Envelope{Kind: spool.KindMessage, Priority: spool.Urgent, Originator: ann, Accepted: w.now,
			Recipients: []spool.Recipient{{N: 1, Address: ann, Hops: []spool.Hop{{Channel: "local"}}}}}
		if err := errors.Join(f.Finish(env), f.Close()); err != nil {
			t.Fatal(err)
		}
		return env
	}
	var heard []error
	hear := func(err error) { heard = append(heard, err) }
	w.keeper.Commit(w.now, put(), hear)
	if len(heard) > 0 {
		t.Fatalf("heard %v before the barrier", heard)
	}
	run, settle := w.keeper.Begin()
	w.keeper.Commit(w.now, put(), hear) // after this barrier has begun
	settle(run())
	if len(heard) != 1 || heard[0] != nil {
		t.Fatalf("heard %v after a barrier that covers the first", heard)
	}
	_, settle = w.keeper.Begin()
	settle(diag.New("syncfs", diag.IO, "input/output error"))
	w.keeper.Commit(w.now, put(), hear)
	if len(heard) != 3 || diag.KindOf(heard[1]) != diag.IO || diag.KindOf(heard[2]) != diag.IO {
		t.Fatalf("heard %v after a failed barrier", heard)
	}
	w.keeper.Step(w.now, sched.Tick{})
	if n := len(w.jobs); slices.ContainsFunc(w.jobs, func(j sched.StartJob) bool { return j.Job != 0 && n > 2 }) {
		t.Errorf("the instance goes on: %+v", w.jobs)
	}
}

// A message that is held, released and deleted, on a live and on a quiet spool alike.
func TestVerbs(t *testing.T) {
	w := newWorld(t)
	env := w.submit(ann)
	ask := func(q Request) (answers []Answer) {
		t.Helper()
		if err := Ask(w.conf, q, func(a Answer) error {
			answers = append(answers, a)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return answers
	}
	one := []string{string(env.ID[:12])}
	state := func() string {
		rows := ask(Request{Verb: VerbList, IDs: one})
		if len(rows) != 1 || rows[0].Row == nil {
			t.Fatalf("%+v", rows)
		}
		return rows[0].Row.State
	}
	if got := state(); got != StateQueued {
		t.Errorf("at first %s", got)
	}
	ask(Request{Verb: VerbHold, IDs: one, Reason: "to be looked at", Who: "ann"})
	if got := state(); got != StateHeld {
		t.Errorf("after hold %s", got)
	}
	ask(Request{Verb: VerbRelease, IDs: one, DryRun: true})
	if got := state(); got != StateHeld {
		t.Errorf("after a dry run of release %s", got)
	}
	detail := ask(Request{Verb: VerbShow, IDs: one})[0].Detail
	if len(detail.Log) != 1 || detail.Log[0].Who != "ann" || !strings.Contains(detail.Path, string(env.ID)) {
		t.Errorf("show: %+v", detail)
	}
	ask(Request{Verb: VerbRelease, IDs: one})
	if got := state(); got != StateQueued {
		t.Errorf("after release %s", got)
	}
	if rows := ask(Request{Verb: VerbDelete, All: true, Filter: Filter{Priority: "urgent"}}); len(rows) != 0 {
		t.Errorf("a filter that lets nothing through deleted %+v", rows)
	}
	ask(Request{Verb: VerbDelete, All: true, Filter: Filter{To: "S=Sm*"}})
	if left := w.left(); len(left) > 0 {
		t.Errorf("after delete: %v", left)
	}
	err := Ask(w.conf, Request{Verb: VerbHold, IDs: one}, func(Answer) error { return nil })
	if diag.KindOf(err) != diag.NoInput {
		t.Errorf("hold of what is gone: %v", err)
	}
}

// Criteria of a filter are joined by and; one that is not set never decides.
func TestFilter(t *testing.T) {
	rows := []Row{
		{Priority: "urgent", State: StateQueued, Age: 100, Channel: "p1", Peer: "MTA-B", Originator: ann, Recipient: "/S=Jones/O=Org/C=FR/"},
		{Priority: "urgent", State: StateHeld, Age: 100, Channel: "local", Originator: ann, Recipient: nobody},
	}
	for _, c := range []struct {
		filter Filter
		want   bool
	}{
		{Filter{}, true},
		{Filter{Peer: "MTA-B"}, true},
		{Filter{Peer: "MTA-C"}, false},
		{Filter{Channel: "local", Peer: "MTA-B"}, true},
		{Filter{Priority: "urgent", State: StateHeld}, true},
		{Filter{Priority: "normal"}, false},
		{Filter{Older: 99 * time.Second}, true},
		{Filter{Older: 100 * time.Second}, false},
		{Filter{Newer: time.Minute}, false},
		{Filter{From: "S=Smith"}, true},
		{Filter{From: "S=Jones"}, false},
		{Filter{To: "C=FR; S=J*"}, true},
		{Filter{To: "C=FR; S=N*"}, false},
	} {
		m, err := newMatcher(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.passes(rows); got != c.want {
			t.Errorf("%+v: %v", c.filter, got)
		}
	}
	for _, bad := range []Filter{{Priority: "n"}, {State: "asleep"}, {From: "no address"}} {
		if _, err := newMatcher(bad); diag.KindOf(err) != diag.Usage {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// While a barrier runs, what waits for it is still to come: mtarun --once must not
// take the pause for the end.
func TestNotIdleWhileABarrierRuns(t *testing.T) {
	w := newWorld(t)
	w.submit(nobody) // leaves nothing but a report behind it
	w.start()
	defer w.kill()
	for w.keeper.Dirty() {
		run, settle := w.keeper.Begin()
		if w.keeper.Idle() {
			t.Fatal("idle with a barrier running")
		}
		settle(run())
	}
	if len(w.jobs) == 0 {
		t.Error("the report is not on its way")
	}
}

// A report overtakes what its subject would have overtaken; one on a message that can
// wait does not wait for its like.
func TestReportHasThePriorityOfAnUrgentSubject(t *testing.T) {
	for p, want := range map[mts.Priority]int{mts.Urgent: 1, mts.Normal: 0, mts.NonUrgent: 0} {
		w := newWorld(t)
		w.priority = p
		w.submit(ann)
		w.start()
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		w.kill()
		if len(w.reports) != 1 || w.urgent != want {
			t.Errorf("%v: %d reports, %d urgent", p, len(w.reports), w.urgent)
		}
	}
}

package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

const abby = "/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"

// peers is the configuration with peers, and a route for BRAVO by way of the first.
func (w *world) peers(names ...string) *conf.Config {
	w.t.Helper()
	text := string(tableconf.Default("MTA-A", tableconf.Options{}))
	for _, name := range names {
		text += fmt.Sprintf("[[peer]]\nname = %q\nchannel = \"p1\"\n", name)
	}
	if len(names) > 0 {
		text += fmt.Sprintf("[[route]]\nmatch = \"/PRMD=BRAVO/ADMD=TEST/C=GB/\"\npeers = [%q]\n", names[0])
	}
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return cfg
}

// way is the peer a message waits for.
func (w *world) way(id spool.ID) string {
	w.t.Helper()
	v, ok := w.keeper.mind.View(id)
	if !ok {
		w.t.Fatal("the message is gone")
	}
	return v.Recipients[0].Peer
}

// What is in the queue goes the way the configuration has, after a reload and after a
// restart; where that has no way, it stays as it was.
func TestQueueIsRoutedAgain(t *testing.T) {
	w := newWorld(t)
	w.conf = w.peers("MTA-B", "MTA-C")
	env := w.submit(abby)
	w.start()
	if got := w.way(env.ID); got != "MTA-B" {
		t.Fatalf("at first by way of %s", got)
	}
	reload := func(cfg *conf.Config) {
		t.Helper()
		told := false
		if w.reconfigure(cfg, func() { told = true }); !told {
			t.Fatal("nobody was told")
		}
		w.jobs = slices.DeleteFunc(w.jobs, func(sched.StartJob) bool { return true }) // no channel comes up
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		w.conf = cfg
	}
	restart := func() {
		t.Helper()
		w.kill()
		w.start()
	}
	reload(w.peers("MTA-C"))
	if got := w.way(env.ID); got != "MTA-C" {
		t.Errorf("after a reload by way of %s", got)
	}
	restart()
	if got := w.way(env.ID); got != "MTA-C" {
		t.Errorf("after a restart by way of %s", got)
	}
	reload(w.peers())
	if got := w.way(env.ID); got != "MTA-C" {
		t.Errorf("without a route by way of %s", got)
	}
	w.conf = w.peers("MTA-D")
	restart()
	if got := w.way(env.ID); got != "MTA-D" {
		t.Errorf("after a restart with another configuration by way of %s", got)
	}
	// A message that was on its way in, with a hop that is gone.
	ref := spool.Ref{ID: spool.NewID(w.now), Priority: spool.Normal}
	f, err := w.spool.CreateInPlace(ref)
	if err != nil {
		t.Fatal(err)
	}
	late := &spool.Envelope{Kind: spool.KindMessage, Originator: ann, Accepted: w.now,
		Recipients: []spool.Recipient{{N: 1, Address: abby, Hops: []spool.Hop{{Channel: "p1", Peer: "MTA-B"}}}}}
	if err := f.Finish(late); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w.keeper.Commit(w.now, late, func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	w.jobs = nil
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if got := w.way(late.ID); got != "MTA-D" {
		t.Errorf("what was on its way in goes by way of %s", got)
	}
	w.kill()
}

// A long queue is routed again in portions, and not at the price of everything else.
func TestRoutingAgainTakesTurns(t *testing.T) {
	w := newWorld(t)
	w.conf = w.peers("MTA-B", "MTA-C")
	var ids []spool.ID
	for range 3 * routePortion {
		ids = append(ids, w.submit(abby).ID)
	}
	w.start()
	defer w.kill()
	w.reconfigure(w.peers("MTA-C", "MTA-B"), func() {})
	var moved []string
	for w.keeper.Next().Equal(w.now) {
		w.keeper.Step(w.now, sched.Tick{})
		n := 0
		for _, id := range ids {
			if w.way(id) == "MTA-C" {
				n++
			}
		}
		moved = append(moved, fmt.Sprint(n))
		if len(moved) > 10 {
			t.Fatal("it does not come to an end")
		}
	}
	if got := strings.Join(moved, " "); !strings.HasPrefix(got, fmt.Sprintf("%d %d %d", routePortion, 2*routePortion, 3*routePortion)) {
		t.Errorf("moved %s", got)
	}
	if w.keeper.Next().Before(w.now.Add(time.Second)) && !w.keeper.Next().IsZero() {
		t.Errorf("the keeper wants to go on at %v", w.keeper.Next())
	}
}

// A peer without an address is waited for: it is not called, so it cannot fail, and a
// switch that has nothing else to do is idle.
func TestPeerThatOnlyCallsIsAwaited(t *testing.T) {
	w := newWorld(t)
	w.conf = w.peers("MTA-B")
	env := w.submit(abby)
	w.start()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if !w.keeper.Idle() {
		t.Error("not idle")
	}
	v, _ := w.keeper.mind.View(env.ID)
	rows, err := w.keeper.rows(nil, v.Ref)
	if err != nil || len(rows) != 1 || rows[0].State != StateQueued || rows[0].Reason != "waits for the peer to call" {
		t.Errorf("%+v, %v", rows, err)
	}
	for _, c := range w.keeper.tree() {
		for _, p := range c.Peers {
			if p.Peer == "MTA-B" && (!p.Calls || p.Failures != 0 || !p.DelayUntil.IsZero() || p.Normal != 1 || p.Reason != rows[0].Reason) {
				t.Errorf("%+v", p)
			}
		}
	}
	if down := w.events(audit.PeerDown); len(down) > 0 {
		t.Errorf("%d peer-down events", len(down))
	}
	w.kill()
}

// What is to be redirected goes to the channel that does so, whatever a reload or the
// configuration of the next start calls it.
func TestRedirectionFollowsItsChannel(t *testing.T) {
	named := func(w *world, name string) *conf.Config {
		t.Helper()
		text := string(tableconf.Default("MTA-A", tableconf.Options{})) + fmt.Sprintf("[[channel]]\nname = %q\nkind = \"expand\"\n", name)
		cfg, err := tableconf.Parse([]byte(text), "mta.toml", w.dir)
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	w := newWorld(t)
	w.alternate = ann
	env := w.submit(nobody)
	at := func() string {
		t.Helper()
		v, ok := w.keeper.mind.View(env.ID)
		if !ok {
			t.Fatal("the message is gone")
		}
		return v.Recipients[0].Channel
	}
	w.start()
	if got := at(); got != "expand" {
		t.Fatalf("at first at %s", got)
	}
	w.conf = named(w, "spread")
	w.reconfigure(w.conf, func() {})
	w.jobs = nil
	w.keeper.Step(w.now, sched.Tick{})
	if got := at(); got != "spread" {
		t.Errorf("after a reload at %s", got)
	}
	if told := w.events(audit.Rerouted); !slices.Equal(told, []string{string(env.ID)}) {
		t.Errorf("the event log tells that %v goes another way", told)
	}
	w.kill()
	w.conf = named(w, "fan-out")
	w.start()
	defer w.kill()
	if got := at(); got != "fan-out" {
		t.Errorf("after a restart at %s", got)
	}
}

// A recipient that has no hop is held until a configuration has one: that of the next
// start, too. What an operator holds besides stays held.
func TestRecipientWithoutAHop(t *testing.T) {
	w := newWorld(t)
	w.start() // what a foreign channel may tell has no hop
	f, err := w.spool.CreateInPlace(spool.Ref{ID: spool.NewID(w.now), Priority: spool.Normal})
	if err != nil {
		t.Fatal(err)
	}
	env := &spool.Envelope{Kind: spool.KindMessage, Originator: ann, Accepted: w.now,
		Recipients: []spool.Recipient{{N: 1, Address: abby}, {N: 2, Address: abby}}}
	if err := f.Finish(env); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	w.keeper.Commit(w.now, env, func(err error) {
		if err != nil {
			t.Error(err)
		}
	})
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	state := func() (states [2]sched.State) {
		t.Helper()
		v, ok := w.keeper.mind.View(env.ID)
		if !ok {
			t.Fatal("the message is gone")
		}
		return [...]sched.State{v.Recipients[0].State, v.Recipients[1].State}
	}
	if got := state(); got != [...]sched.State{sched.Held, sched.Held} {
		t.Errorf("without a hop %v", got)
	}
	w.keeper.Step(w.now, sched.Hold{ID: env.ID, N: []int{2}, Why: "ask first"})
	w.kill()
	w.conf = w.peers("MTA-B")
	w.start()
	defer w.kill()
	if got := state(); got != [...]sched.State{sched.Queued, sched.Held} {
		t.Errorf("after a restart with a hop %v", got)
	}
}

// reconfigure changes over to another configuration.
func (w *world) reconfigure(cfg *conf.Config, ready func()) {
	w.t.Helper()
	p, err := w.keeper.Prepare(cfg, conf.OpenFile)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keeper.Reconfigure(w.now, p, ready)
}

// Who is routed by a channel goes on by hops that there are; by others, of a configuration that the
// keeper has not yet, or not any more, it is tried again.
func TestRoutedElsewhere(t *testing.T) {
	w := newWorld(t)
	w.conf = w.peers("MTA-B", "MTA-C")
	j, _ := w.queued(ann)
	defer w.kill()
	routed := func(j sched.StartJob, peer string) {
		w.keeper.Step(w.now, sched.JobOutcome{Job: j.Job, Generation: j.Generation, Results: []sched.Result{{N: 1,
			Outcome: sched.Outcome{Kind: sched.Deferred, Text: "by a node"}, Hops: []spool.Hop{{Channel: "p1", Peer: peer}}}}})
	}
	routed(j, "MTA-X")
	if got := w.way(j.Ref.ID); got != "" {
		t.Errorf("by a hop that there is not it goes to %q", got)
	}
	w.now = w.now.Add(2 * soon)
	w.keeper.Step(w.now, sched.Tick{})
	for len(w.jobs) > 0 && w.jobs[0].Job == 0 {
		w.job(w.jobs[0])
		w.jobs = w.jobs[1:]
	}
	if len(w.jobs) != 1 {
		t.Fatalf("%d jobs", len(w.jobs))
	}
	routed(w.jobs[0], "MTA-C")
	if got := w.way(j.Ref.ID); got != "MTA-C" {
		t.Errorf("by a hop that there is it goes to %q", got)
	}
}

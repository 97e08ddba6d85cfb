package queue

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mtakit/mtakit/lib/durable/twin"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// These tests have the whole switch, its keeper on the twin of a disk, go every way a
// message can go, and cut the power, or fail a call, or kill the process, at every
// operation of each. What is left is started again, as mtarun does, works until it comes to
// rest, and is compared with what the same life came to without a cut:
//
//   - what was accepted arrives at every recipient, or its originator hears that it does not;
//   - it arrives once, or again only where its outcome was not under a barrier;
//   - one report tells of each recipient, and of none that it was and was not delivered;
//   - what was not accepted arrives whole and at everybody, or at nobody;
//   - nothing stays in the spool, and mtactl check finds nothing in it.

// ways are all the ways a message can go.
var ways = []struct {
	name string
	live func(s *stage)
}{
	{"accept, deliver, report", func(s *stage) {
		s.begin()
		s.accept(bob, nobody)
		s.rest()
		s.reclaim()
		s.rest()
	}},
	{"submit, adopt", func(s *stage) {
		s.submit([]byte("text"), urgent, bob, nobody)
		s.adopt()
		s.rest()
	}},
	{"relay, defer, in doubt", func(s *stage) {
		s.accept(far)
		s.accept(far, slow, odd)
		s.rest()
	}},
	{"expand a list", func(s *stage) {
		s.accept(staff, ann)
		s.rest()
	}},
	{"redirect", func(s *stage) {
		s.submit([]byte("text"), func(m *submit.Submission) {
			f := &m.PerRecipientFields[0]
			var err error
			f.Extensions, err = mts.SetExt(nil, mts.ExtOriginatorRequestedAlternateRecipient, s.name(bob))
			s.must(err)
		}, nobody)
		s.adopt()
		s.rest()
	}},
	{"hold, release", func(s *stage) {
		s.accept(slow)
		s.untilDeferred()
		s.verb(func(id spool.ID) sched.Event { return sched.Hold{ID: id, Why: "to be looked at"} })
		s.barrier()
		s.verb(func(id spool.ID) sched.Event { return sched.Release{ID: id} })
		s.rest()
	}},
	{"expire", func(s *stage) {
		s.accept(slow, bob)
		s.untilDeferred()
		s.verb(func(id spool.ID) sched.Event { return sched.Expire{ID: id} })
		s.rest()
	}},
	{"reject", func(s *stage) {
		s.accept(slow, bob)
		s.untilDeferred()
		s.verb(func(id spool.ID) sched.Event { return sched.Hold{ID: id, Why: "to be looked at"} })
		s.barrier()
		s.verb(func(id spool.ID) sched.Event {
			return sched.Reject{ID: id, Reason: 8, Diagnostic: spool.NoDiagnostic, Text: "no"}
		})
		s.rest()
	}},
	{"return a content", func(s *stage) {
		s.submit([]byte(strings.Repeat("content", 9000)), nil, nobody)
		s.adopt()
		s.rest()
	}},
	{"end and start in order", func(s *stage) {
		s.accept(slow)
		s.untilDeferred()
		s.stop()
		s.start()
		s.accept(ann)
		s.rest()
	}},
	{"a channel dies", func(s *stage) {
		s.accept(staff)
		s.untilDeferred() // the list is being expanded
		s.begin()
		s.unheard()
		s.reclaim()
		s.rest()
	}},
	{"killed with a list half expanded", func(s *stage) {
		s.accept(staff)
		s.barrier()
		if len(s.jobs) > 0 {
			s.job() // of the channel that comes up
		}
		s.unheard()
		s.kill()
		s.start()
		s.rest()
	}},
}

func urgent(m *submit.Submission) { m.Priority = mts.Urgent }

// untilDeferred lets everything happen that can without time going by.
func (s *stage) untilDeferred() {
	for len(s.jobs) > 0 || s.keeper.Dirty() {
		if len(s.jobs) > 0 {
			s.job()
		} else {
			s.barrier()
		}
	}
}

// verb says something of every message.
func (s *stage) verb(of func(id spool.ID) sched.Event) {
	for _, ref := range s.keeper.mind.Refs() {
		if m, err := s.spool.OpenMessage(ref); err == nil {
			s.seen.verbs[m.Envelope.MTSID] = verb{s.at(), never}
			_ = m.Close() // it was only read
		}
		s.keeper.Step(s.now, of(ref.ID))
	}
}

// unheard has channels write a message, and a child of a list that is to be expanded, and
// die before they tell of them.
func (s *stage) unheard() {
	s.put(mute{s}, []byte("never told of"), s.submission(nil, bob))
	for _, j := range s.jobs {
		if j.Job == 0 || j.Channel != "expand" {
			continue
		}
		m, err := s.spool.OpenWhole(j.Ref)
		if err != nil {
			continue
		}
		s.child(mute{s}, j, m, j.Recipients[0])
		_ = m.Close() // it was only read
	}
}

// mute is a channel that dies between the last line of a file and the telling of it.
type mute struct{ *stage }

func (mute) Commit(_ context.Context, w *spool.Writer, _ *spool.Envelope) error { return w.Close() }

// reclaim is what mtarun does when channels have died.
func (s *stage) reclaim() {
	for _, f := range s.begun {
		_ = f.Close()
	}
	s.begun = nil
	_ = s.keeper.Reclaim(s.now)                                                           // what the disk did not give is looked at again
	s.jobs = slices.DeleteFunc(s.jobs, func(j sched.StartJob) bool { return j.Job != 0 }) // they die with it
	s.keeper.Step(s.now, sched.ChannelDown{Channel: "local", Process: s.process("local"), Failed: true, Why: "killed"})
	s.keeper.Step(s.now, sched.ChannelDown{Channel: "expand", Process: s.process("expand"), Failed: true, Why: "killed"})
}

func (s *stage) process(channel string) int {
	for _, c := range s.keeper.mind.Tree() {
		if c.Name == channel {
			return c.Process
		}
	}
	return 0
}

// begun at the spool, recorded, and lived: the stage after one life without trouble.
func lived(t twin.Fataler, dir string, barrier spool.BarrierMode, live func(*stage)) *stage {
	s := newStage(t, dir, barrier)
	s.record()
	s.start()
	live(s)
	s.end(t)
	return s
}

// end checks that nothing is left, and ends it.
func (s *stage) end(t twin.Fataler) {
	var left []string
	for _, pattern := range []string{"new/*", "q/*/*/*", "tmp/*", "bad/*"} {
		names, err := filepath.Glob(filepath.Join(s.conf.Spool.Dir, pattern))
		s.must(err)
		for _, path := range names {
			left = append(left, strings.TrimPrefix(path, s.conf.Spool.Dir+"/"))
		}
	}
	left = slices.DeleteFunc(left, func(path string) bool { return strings.HasPrefix(path, "bad/") }) // which compare judges
	if len(left) > 0 {
		t.Fatalf("left %v: %+v, %s", left, s.keeper.mind.Tree(), &s.said)
	}
	s.check(t, s.spool)
	s.kill()
}

// check is mtactl check.
func (s *stage) check(t twin.Fataler, sp *spool.Spool) {
	sp.Check(spool.CheckOptions{ReadData: true}, func(f spool.Finding) {
		if f.Kind != spool.FoundBad {
			t.Fatalf("mtactl check: %+v", f)
		}
	})
}

// moment tells apart what the world had seen before operation k.
func (s *seen) moment(k int) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(s.accepted)) {
		fmt.Fprint(&b, s.accepted[id] <= k, " ")
	}
	for _, e := range s.events {
		fmt.Fprint(&b, e.at <= k, e.sealed <= k, " ")
	}
	for _, id := range slices.Sorted(maps.Keys(s.verbs)) {
		fmt.Fprint(&b, s.verbs[id].at <= k, s.verbs[id].sealed <= k, " ")
	}
	return b.String()
}

// before is what the world had seen at k.
func (s *seen) before(k int) *seen {
	b := &seen{accepted: maps.Clone(s.accepted), content: s.content, verbs: map[string]verb{}}
	for id, at := range b.accepted {
		if at > k {
			b.accepted[id] = never
		}
	}
	for _, e := range s.events {
		if e.at <= k {
			if e.sealed > k {
				e.sealed = never
			}
			b.events = append(b.events, e)
		}
	}
	return b
}

// judge starts again what a cut at k has left below dir of a life, and compares what comes
// of it with the life.
func judge(t twin.Fataler, dir string, barrier spool.BarrierMode, life *stage, k int) {
	s := newStage(t, dir, barrier)
	s.now = life.now
	s.seen = life.seen.before(k)
	s.start()
	s.rest()
	for _, ref := range s.keeper.mind.Refs() { // what is held
		s.keeper.Step(s.now, sched.Release{ID: ref.ID})
	}
	s.rest()
	s.end(t)
	s.seen.compare(t, life.seen, k)
}

// compare compares what has happened with what happened in the life.
func (s *seen) compare(t twin.Fataler, life *seen, k int) {
	type count struct {
		times, open int
		reports     map[string]bool
	}
	sum := func(events []event) map[string]map[string]*count {
		all := map[string]map[string]*count{}
		for _, e := range events {
			if all[e.subject] == nil {
				all[e.subject] = map[string]*count{}
			}
			c := all[e.subject][e.what]
			if c == nil {
				c = &count{reports: map[string]bool{}}
				all[e.subject][e.what] = c
			}
			c.times++
			c.reports[e.report] = true
			if e.at <= k && e.sealed == never {
				c.open++
			}
		}
		return all
	}
	want, got := sum(life.events), sum(s.events)
	for id := range life.accepted {
		v, spoken := life.verbs[id]
		spoken = spoken && v.sealed > k
		if s.accepted[id] == never && len(got[id]) == 0 {
			continue // nobody was told that it was accepted
		}
		for what := range want[id] {
			if c := got[id][what]; c == nil && !spoken {
				t.Fatalf("LOST: %s, %s: %v", id, what, slices.Sorted(maps.Keys(got[id])))
			}
		}
		for what, c := range got[id] {
			if c.times > 1+c.open {
				t.Fatalf("TWICE: %s, %s, %d times, %d of them before an outcome was under a barrier", id, what, c.times, c.open)
			}
			if len(c.reports) > 1 {
				t.Fatalf("TOLD TWICE: %s, %s, by %v", id, what, slices.Sorted(maps.Keys(c.reports)))
			}
			if want[id][what] == nil && !spoken {
				t.Fatalf("NEVER MEANT: %s, %s", id, what)
			}
			if n, yes := strings.CutSuffix(what, ": delivered"); yes && got[id][n+": not delivered"] != nil {
				t.Fatalf("BOTH: %s, %s", id, n)
			}
		}
	}
}

// where adds to a failure the state it occurred in.
type where struct {
	twin.Fataler
	text string
}

func (w *where) Fatal(args ...any) { w.Fataler.Fatalf("%s: %s", w.text, fmt.Sprint(args...)) }
func (w *where) Fatalf(format string, args ...any) {
	w.Fataler.Fatalf("%s: %s", w.text, fmt.Sprintf(format, args...))
}

// lossesOfProof are those that readers tell apart; lib/spool loses data in other ways too.
var lossesOfProof = []string{"all", "none", "zeroed head"}

// cutAll visits every state that a cut may leave of a life, what is the same with the same
// promises behind it once.
func cutAll(d *twin.Disk, life *stage, visit func(*twin.State)) (states int) {
	type judged struct {
		image  [sha256.Size]byte
		moment string
	}
	seen := map[judged]bool{}
	for k := range d.Len() + 1 {
		moment := life.seen.moment(k)
		d.StatesOf(k, lossesOfProof, func(st *twin.State) {
			if key := (judged{st.Key(), moment}); !seen[key] {
				seen[key] = true
				states++
				visit(st)
			}
		})
	}
	return states
}

// The power is cut at every operation of every way.
func TestProofOfCuts(t *testing.T) {
	for _, way := range ways {
		for _, barrier := range []spool.BarrierMode{spool.BarrierSyncfs, spool.BarrierFsync} {
			t.Run(way.name+" "+string(barrier), func(t *testing.T) {
				t.Parallel()
				scratch := twin.Dir(t)
				life := lived(t, filepath.Join(scratch, "life"), barrier, way.live)
				image := filepath.Join(scratch, "image")
				states := cutAll(life.twin, life, func(st *twin.State) {
					fatal := &where{t, st.String()}
					st.Write(fatal, filepath.Join(image, "spool"))
					judge(fatal, image, barrier, life, st.At)
					fatal.must(os.RemoveAll(image))
				})
				t.Logf("proof\t%s\t%s\t%d operations\t%d cuts\t0 violations", way.name, barrier, life.twin.Len(), states)
			})
		}
	}
}

func (w *where) must(err error) {
	if err != nil {
		w.Fatal(err)
	}
}

// stopped is that the switch ends itself, as mtarun does when it meets an error that it
// cannot answer for.
type stopped struct{ text string }

type stopper struct{}

func (stopper) Fatal(args ...any)                 { panic(stopped{fmt.Sprint(args...)}) }
func (stopper) Fatalf(format string, args ...any) { panic(stopped{fmt.Sprintf(format, args...)}) }

// try lives until the end, or until the switch ends itself.
func (s *stage) try(live func(*stage)) (ended bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stopped); !ok {
				panic(p)
			}
			ended = true
		}
	}()
	s.tb = stopper{}
	s.start()
	live(s)
	return false
}

// killed is the fault that is no error: the process is gone at that call.
const killed = syscall.Errno(0)

// Every call that changes the disk fails, once or from then on, with each error, and the
// process is killed at it, in every way. If it does not end itself it has to come to the
// same without help once the disk works again; else, or killed, a start has to.
func TestProofOfFaults(t *testing.T) {
	for _, way := range ways {
		for _, barrier := range []spool.BarrierMode{spool.BarrierSyncfs, spool.BarrierFsync} {
			t.Run(way.name+" "+string(barrier), func(t *testing.T) {
				t.Parallel()
				scratch := twin.Dir(t)
				calls, runs := 0, 0
				for n := 1; calls == 0; n++ {
					for _, errno := range []syscall.Errno{killed, syscall.EIO, syscall.ENOSPC, syscall.EMFILE} {
						for _, forGood := range []bool{false, true} {
							if errno == killed && forGood {
								continue
							}
							fatal := &where{t, fmt.Sprintf("call %d fails with %v, for good: %v", n, errno, forGood)}
							dir := filepath.Join(scratch, "life")
							if total := failing(fatal, dir, barrier, way.live, n, errno, forGood); total < n {
								calls = total
							}
							fatal.must(os.RemoveAll(dir))
							runs++
						}
					}
				}
				t.Logf("proof\t%s\t%s\t%d calls\t%d faults\t0 violations", way.name, barrier, calls, runs)
			})
		}
	}
}

// failing lives with one fault, and judges. It returns how many calls there were.
func failing(t *where, dir string, barrier spool.BarrierMode, live func(*stage), n int, errno syscall.Errno, forGood bool) int {
	s := newStage(t, dir, barrier)
	s.record()
	s.twin.Fault = func(call int, _, path string) error {
		switch {
		case call < n, call > n && !forGood:
			return nil
		case errno == killed && filepath.Base(path) == "lock": // whoever cannot write it does no more, and closes it
			return syscall.EIO
		case errno == killed:
			panic(stopped{"killed"})
		}
		return errno
	}
	s.ailing = forGood
	ended := s.try(live)
	s.ailing = false
	calls, at := s.twin.Calls(), s.at()
	s.twin.Fault = nil
	s.tb = t
	if !ended {
		// Room has returned: what was refused comes to the same without a start.
		s.rest()
		s.adopt()
		_ = s.keeper.Reclaim(s.now)
		s.rest()
		t.must(s.keeper.Sweep(s.now.Add(2 * abandoned))) // of mtasubmit, which could not remove it
		s.end(t)
		s.seen.consider(t)
		return calls
	}
	s.kill()
	again := newStage(t, dir, barrier)
	again.now, again.seen, again.tried = s.now, s.seen, s.tried
	again.seen.freeze(at)
	again.start()
	again.rest()
	for _, ref := range again.keeper.mind.Refs() { // what is held
		again.keeper.Step(again.now, sched.Release{ID: ref.ID})
	}
	again.rest()
	again.end(t)
	again.seen.consider(t)
	return calls
}

// freeze has what was open stay open: the process has ended.
func (s *seen) freeze(at int) {
	for i := range s.events {
		if s.events[i].sealed > at {
			s.events[i].sealed = never
		}
	}
}

// consider compares what has happened with what was promised, where there is no life to
// compare it with: whoever was addressed and known has the message, and a report each.
func (s *seen) consider(t twin.Fataler) {
	type of struct{ subject, what string }
	times, open, reports := map[of]int{}, map[of]int{}, map[of]map[string]bool{}
	for _, e := range s.events {
		key := of{e.subject, e.what}
		times[key]++
		if e.sealed == never {
			open[key]++
		}
		if reports[key] == nil {
			reports[key] = map[string]bool{}
		}
		reports[key][e.report] = true
	}
	for key := range times {
		if times[key] > max(1, open[key]) && times[key] > 1+open[key] {
			t.Fatalf("TWICE: %v, %d times, %d of them before an outcome was under a barrier", key, times[key], open[key])
		}
		if len(reports[key]) > 1 {
			t.Fatalf("TOLD TWICE: %v, by %v", key, slices.Sorted(maps.Keys(reports[key])))
		}
		if n, yes := strings.CutSuffix(key.what, ": delivered"); yes && times[of{key.subject, n + ": not delivered"}] > 0 {
			t.Fatalf("BOTH: %v", key)
		}
	}
	for id, at := range s.accepted {
		if _, spoken := s.verbs[id]; at == never || spoken {
			continue
		}
		for _, what := range s.due[id] {
			if times[of{id, what}] == 0 {
				t.Fatalf("LOST: %s, %s", id, what)
			}
		}
	}
}

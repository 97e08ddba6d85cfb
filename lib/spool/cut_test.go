package spool

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/durable/twin"
)

// cutEverywhere judges every state that a cut may have left of what the agent did, at
// every operation. What is the same, with the same promises behind it, is judged once.
func cutEverywhere(t *testing.T, a *agent, scratch string) (states int) {
	type judged struct {
		image   [sha256.Size]byte
		promise string
	}
	seen := make(map[judged]bool)
	for k := range a.disk.Len() + 1 {
		promise := a.truth.at(k)
		a.disk.States(k, func(s *twin.State) {
			key := judged{s.Key(), promise}
			if seen[key] {
				return
			}
			seen[key] = true
			states++
			dir := filepath.Join(scratch, "image")
			fatal := &where{t, s.String()}
			s.Write(fatal, dir)
			a.truth.judge(fatal, dir, a.mode, durable.OS{}, k)
			os.RemoveAll(dir)
		})
	}
	return states
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

// lives returns what a switch may do from an empty spool to an empty spool: one
// life without trouble, one in which a parent leaves when its only child is
// durable, one in which a child is made and not used, one in which the switch is killed with a child that it had not come
// to name.
func lives() map[string]func(a *agent) {
	return map[string]func(a *agent){
		"all well": func(a *agent) {
			a.submit(2)
			a.begin(Normal)
			a.finish(2)
			a.barrier()
			a.adopt()
			a.deliver(0)
			a.convert(0)
			a.barrier()
			a.deliver(1)
			a.barrier()
			for range 4 {
				a.deliver(0)
			}
			a.remove()
			a.barrier()
			a.barrier()
		},
		"brief": func(a *agent) {
			a.brief = true
			a.begin(Normal)
			a.finish(2)
			a.barrier()
			a.deliver(0)
			a.convert(0)
			a.barrier()
			a.barrier()
			a.deliver(0)
			a.remove()
			a.barrier()
			a.barrier()
		},
		"abandoned": func(a *agent) {
			a.begin(Normal)
			a.finish(2)
			a.barrier()
			a.deliver(0)
			a.abandon(0)
			a.deliver(0)
			a.barrier()
			a.remove()
			a.barrier()
			a.barrier()
		},
		"condemned": func(a *agent) {
			a.begin(Normal)
			a.finish(2)
			a.barrier()
			a.deliver(0)
			a.barrier()
			a.condemn(0)
		},
		"killed": func(a *agent) {
			a.begin(Normal)
			a.finish(2)
			a.barrier()
			a.convert(0)
			a.kill()
			a.deliver(0)
			a.deliver(0)
			a.removeChildren()
			a.barrier()
			a.remove()
			a.barrier()
			a.barrier()
		},
	}
}

// Every step of the lives is cut.
func TestCutEverywhere(t *testing.T) {
	for name, live := range lives() {
		for _, mode := range []BarrierMode{BarrierSyncfs, BarrierFsync} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				scratch := twin.Dir(t)
				a := newAgent(t, filepath.Join(scratch, "spool"), mode)
				live(a)
				if len(a.order) > 0 {
					t.Fatalf("%d messages are left", len(a.order))
				}
				states := cutEverywhere(t, a, scratch)
				t.Logf("proof\tspool: %s\t%s\t%d operations\t%d cuts\t0 violations", name, mode, a.disk.Len(), states)
			})
		}
	}
}

// giver gives up at the first failure.
type giver struct{}

func (giver) Fatal(args ...any)                 { panic(stopped{fmt.Sprint(args...)}) }
func (giver) Fatalf(format string, args ...any) { panic(stopped{fmt.Sprintf(format, args...)}) }

// violated tells whether some cut of the disk breaks a promise.
func (a *agent) violated(d *twin.Disk, scratch string) (broken string) {
	defer func() {
		if p := recover(); p != nil {
			s, ok := p.(stopped)
			if !ok {
				panic(p)
			}
			broken = s.text
		}
	}()
	image := filepath.Join(scratch, "image")
	defer os.RemoveAll(image)
	for k := range d.Len() + 1 {
		d.StatesOf(k, []string{"all", "none"}, func(s *twin.State) {
			s.Write(giver{}, image)
			a.truth.judge(giver{}, image, a.mode, durable.OS{}, k)
			os.RemoveAll(image)
		})
	}
	return ""
}

// For every kind of sync that the lives do there is one that must not be left out: a disk
// that says it has done it and has not breaks a promise.
func TestEverySyncIsNeeded(t *testing.T) {
	needed := map[string]string{}
	digits := regexp.MustCompile("[0-9a-v]{20}")
	shard := regexp.MustCompile("^q/./..(/|$)")
	for name, live := range lives() {
		for _, mode := range []BarrierMode{BarrierSyncfs, BarrierFsync} {
			scratch := twin.Dir(t)
			a := newAgent(t, filepath.Join(scratch, "spool"), mode)
			live(a)
			a.die()
			for i, op := range a.disk.Ops() {
				kind := op.Kind.String() + " " + shard.ReplaceAllString(digits.ReplaceAllString(op.Path, "ID"), "q/P/XX$1")
				if !op.Syncs() || needed[kind] != "" {
					continue
				}
				if needed[kind] = a.violated(a.disk.Without(i), scratch); needed[kind] != "" {
					t.Logf("%s, in the life %s: without it: %.90s", kind, name, needed[kind])
				}
			}
		}
	}
	for _, kind := range []string{"fsync tmp/ID", "fsync new", "fsync q/P/XX", "fsync q/P/XX/ID", "fsync q/P/XX/ID.log", "fsync q/n", "fsync q/u", "syncfs "} {
		if needed[kind] == "" {
			t.Errorf("%s: no life needs it", kind)
		}
	}
}

// Any history, cut anywhere, and the start after it cut again.
func TestCutAnyHistory(t *testing.T) {
	scratch := twin.Dir(t)
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(scratch, "")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		mode := rapid.SampledFrom([]BarrierMode{BarrierSyncfs, BarrierFsync}).Draw(rt, "barrier")
		a := newAgent(rt, filepath.Join(dir, "spool"), mode)
		a.brief = rapid.Bool().Draw(rt, "brief")
		small := rapid.IntRange(0, 5)
		priority := rapid.SampledFrom([]Priority{Urgent, Normal, NonUrgent})
		steps := map[string]func(){
			"barrier": a.barrier,
			"submit":  func() { a.submit(2) },
			"begin":   func() { a.begin(priority.Draw(rt, "priority")) },
			"finish":  func() { a.finish(2) },
			"adopt":   a.adopt,
			"deliver": func() { a.deliver(small.Draw(rt, "message")) },
			"convert": func() { a.convert(small.Draw(rt, "message")) },
			"abandon": func() { a.abandon(small.Draw(rt, "message")) },
			"remove":  a.remove,
			"kill":    a.kill,
		}
		names := slices.Sorted(maps.Keys(steps))
		// Barriers are what everything waits for.
		names = append(names, "barrier", "barrier", "deliver")
		for range rapid.IntRange(1, 40).Draw(rt, "length") {
			steps[rapid.SampledFrom(names).Draw(rt, "step")]()
		}
		a.die()
		for range 3 {
			k := rapid.IntRange(0, a.disk.Len()).Draw(rt, "cut")
			image := filepath.Join(dir, "image")
			anyState(rt, a.disk, k).Write(rt, image)
			again := twin.New(rt, image)
			a.truth.judge(rt, image, mode, again, k)

			k2 := rapid.IntRange(0, again.Len()).Draw(rt, "second cut")
			second := filepath.Join(dir, "second")
			anyState(rt, again, k2).Write(rt, second)
			a.truth.judge(rt, second, mode, durable.OS{}, k)
			os.RemoveAll(image)
			os.RemoveAll(second)
		}
	})
}

// anyState draws what a cut leaves: which changes of names survive, and how the data of
// each file are lost.
func anyState(rt *rapid.T, d *twin.Disk, k int) *twin.State {
	keep := d.Closed(k, func(int) bool { return rapid.Bool().Draw(rt, "name") })
	ways := slices.Sorted(maps.Keys(twin.Losses()))
	return d.State(k, keep, func(string) string { return rapid.SampledFrom(ways).Draw(rt, "loss") })
}

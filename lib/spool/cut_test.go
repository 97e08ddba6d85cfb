package spool

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// cutEverywhere judges every state that a cut may have left of what the agent
// did: at every operation, with many ways to lose changes of names, and every
// way to lose data.
func cutEverywhere(t *testing.T, a *agent, scratch string) {
	states := 0
	ways := losses()
	for k := range len(a.disk.ops) + 1 {
		for _, cut := range a.disk.cuts(k) {
			for _, way := range slices.Sorted(maps.Keys(ways)) {
				states++
				dir := filepath.Join(scratch, "image")
				fatal := &where{t, fmt.Sprintf("cut at %d of %d, names %v, data lost: %s", k, len(a.disk.ops), cut, way)}
				a.disk.image(fatal, dir, k, cut, ways[way])
				a.truth.judge(fatal, dir, a.mode, osDisk{}, k)
				os.RemoveAll(dir)
			}
		}
	}
	t.Logf("%d operations, %d states", len(a.disk.ops), states)
}

// where adds to a failure the state it occurred in.
type where struct {
	fataler
	text string
}

func (w *where) Fatal(args ...any) { w.fataler.Fatalf("%s: %s", w.text, fmt.Sprint(args...)) }
func (w *where) Fatalf(format string, args ...any) {
	w.fataler.Fatalf("%s: %s", w.text, fmt.Sprintf(format, args...))
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
				scratch := memoryDir(t)
				a := newAgent(t, filepath.Join(scratch, "spool"), mode)
				live(a)
				if len(a.order) > 0 {
					t.Fatalf("%d messages are left", len(a.order))
				}
				cutEverywhere(t, a, scratch)
			})
		}
	}
}

// Any history, cut anywhere, and the start after it cut again.
func TestCutAnyHistory(t *testing.T) {
	scratch := memoryDir(t)
	ways := losses()
	wayNames := slices.Sorted(maps.Keys(ways))
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
			k := rapid.IntRange(0, len(a.disk.ops)).Draw(rt, "cut")
			image := filepath.Join(dir, "image")
			a.disk.image(rt, image, k, anyNames(rt, a.disk, k), drawn(rt, ways, wayNames))
			again := newCutDisk(rt, image)
			a.truth.judge(rt, image, mode, again, k)

			k2 := rapid.IntRange(0, len(again.ops)).Draw(rt, "second cut")
			second := filepath.Join(dir, "second")
			again.image(rt, second, k2, anyNames(rt, again, k2), drawn(rt, ways, wayNames))
			a.truth.judge(rt, second, mode, osDisk{}, k)
			os.RemoveAll(image)
			os.RemoveAll(second)
		}
	})
}

// anyNames draws which changes of names survive.
func anyNames(rt *rapid.T, d *cutDisk, k int) survivors {
	return d.closed(k, func(int) bool { return rapid.Bool().Draw(rt, "name") })
}

// drawn loses the data of each file in its own way.
func drawn(rt *rapid.T, ways map[string]loss, names []string) loss {
	return func(b []byte) []byte {
		return ways[rapid.SampledFrom(names).Draw(rt, "loss")](b)
	}
}

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
// did: at every operation, with every beginning of the changes of names, and
// every way to lose data.
func cutEverywhere(t *testing.T, a *agent, scratch string) {
	states := 0
	ways := losses()
	for k := range len(a.disk.ops) + 1 {
		for _, cut := range a.disk.cuts(k) {
			for _, way := range slices.Sorted(maps.Keys(ways)) {
				states++
				dir := filepath.Join(scratch, "image")
				fatal := &where{t, fmt.Sprintf("cut at %d of %d, names up to %d, data lost: %s", k, len(a.disk.ops), cut, way)}
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

func TestCutEverywhere(t *testing.T) {
	for _, mode := range []BarrierMode{BarrierSyncfs, BarrierFsync} {
		t.Run(string(mode), func(t *testing.T) {
			scratch := memoryDir(t)
			a := newAgent(t, filepath.Join(scratch, "spool"), mode)
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
			a.move(0, NonUrgent)
			for range 4 {
				a.deliver(0)
			}
			a.remove()
			a.barrier()
			a.barrier()
			if len(a.order) > 0 {
				t.Fatalf("the scenario left %d messages", len(a.order))
			}
			cutEverywhere(t, a, scratch)
		})
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
			"remove":  a.remove,
			"move":    func() { a.move(small.Draw(rt, "message"), priority.Draw(rt, "priority")) },
			"kill":    a.kill,
		}
		names := slices.Sorted(maps.Keys(steps))
		// Barriers are what everything waits for.
		names = append(names, "barrier", "barrier", "deliver")
		for range rapid.IntRange(1, 40).Draw(rt, "length") {
			steps[rapid.SampledFrom(names).Draw(rt, "step")]()
		}
		a.lock.f.Close()
		for range 3 {
			k := rapid.IntRange(0, len(a.disk.ops)).Draw(rt, "cut")
			image := filepath.Join(dir, "image")
			cut := rapid.SampledFrom(a.disk.cuts(k)).Draw(rt, "names")
			a.disk.image(rt, image, k, cut, drawn(rt, ways, wayNames))
			again := newCutDisk(rt, image)
			a.truth.judge(rt, image, mode, again, k)

			k2 := rapid.IntRange(0, len(again.ops)).Draw(rt, "second cut")
			second := filepath.Join(dir, "second")
			cut = rapid.SampledFrom(again.cuts(k2)).Draw(rt, "names")
			again.image(rt, second, k2, cut, drawn(rt, ways, wayNames))
			a.truth.judge(rt, second, mode, osDisk{}, k)
			os.RemoveAll(image)
			os.RemoveAll(second)
		}
	})
}

// drawn loses the data of each file in its own way.
func drawn(rt *rapid.T, ways map[string]loss, names []string) loss {
	return func(b []byte) []byte {
		return ways[rapid.SampledFrom(names).Draw(rt, "loss")](b)
	}
}

package measure

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A quantile is never below the true one, and at most 1 % above it.
func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64), 1, 200).Draw(t, "values")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var l Latencies
		for _, v := range values {
			l.Add(time.Duration(v))
		}
		slices.Sort(values)
		want := values[max(int(math.Ceil(q*float64(len(values))))-1, 0)]
		got := int64(l.Quantile(q))
		if got < want || float64(got-want) > 0.01*float64(want) {
			t.Fatalf("the quantile %v of %v is %d, not %d", q, values, got, want)
		}
		if max := values[len(values)-1]; int64(l.Max()) != max || l.Count() != uint64(len(values)) {
			t.Fatalf("max %d, count %d of %v", l.Max(), l.Count(), values)
		}
	})
}

// What is counted apart and merged is what is counted together.
func TestMerge(t *testing.T) {
	durations := rapid.SliceOf(rapid.Int64Range(0, int64(time.Hour)))
	rapid.Check(t, func(t *rapid.T) {
		var a, b, both Latencies
		for _, v := range durations.Draw(t, "a") {
			a.Add(time.Duration(v))
			both.Add(time.Duration(v))
		}
		for _, v := range durations.Draw(t, "b") {
			b.Add(time.Duration(v))
			both.Add(time.Duration(v))
		}
		a.Merge(&b)
		if diff := cmp.Diff(both, a, cmp.AllowUnexported(Latencies{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSummary(t *testing.T) {
	var l Latencies
	if got := l.Summary(); got != (Summary{}) {
		t.Errorf("of nothing: %+v", got)
	}
	l.Add(-time.Second)
	if got := l.Summary(); got != (Summary{}) {
		t.Errorf("of a clock that was set back: %+v", got)
	}
	for range 99 {
		l.Add(100 * time.Nanosecond)
	}
	l.Add(1234567 * time.Nanosecond)
	if got := l.Quantile(0.99); got != 100*time.Nanosecond {
		t.Errorf("the 99th percentile is %v", got)
	}
	if got := l.Summary().Max; got != 1.235 {
		t.Errorf("the longest is %v ms", got)
	}
}

func TestPerSecond(t *testing.T) {
	for _, c := range []struct {
		n    int64
		d    time.Duration
		want float64
	}{{100, 2 * time.Second, 50}, {1, 3 * time.Second, 0.3}, {5, 0, 0}, {0, 0, 0}, {0, -time.Second, 0}} {
		if got := PerSecond(c.n, c.d); got != c.want {
			t.Errorf("%d in %v: %v, want %v", c.n, c.d, got, c.want)
		}
	}
}

func TestTree(t *testing.T) {
	proc := t.TempDir()
	add := func(pid, parent int, name string, ticks, kib int) {
		t.Helper()
		dir := filepath.Join(proc, fmt.Sprint(pid))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		stat := fmt.Sprintf("%d (%s) S %d 1 1 0 -1 4194560 1 2 3 4 %d 2 3 4 20 0 1 0 99", pid, name, parent, ticks)
		if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
		status := fmt.Sprintf("Name:\tx\nVmHWM:\t%8d kB\nVmRSS:\t%8d kB\n", 2*kib, kib)
		if err := os.WriteFile(filepath.Join(dir, "status"), []byte(status), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	add(1, 0, "init", 1000, 1000)
	add(20, 1, "mtarun", 10, 100)
	add(21, 20, "odd) S 1 (name", 20, 10)
	add(22, 21, "grandchild", 30, 1)
	add(30, 1, "other", 1000, 1000)
	if err := os.Mkdir(filepath.Join(proc, "self"), 0o755); err != nil {
		t.Fatal(err)
	}
	all, err := processes(proc)
	if err != nil {
		t.Fatal(err)
	}
	want := Usage{Processes: 3, CPU: (10 + 20 + 30 + 3*9) * 10 * time.Millisecond, Resident: 111 << 10, Peak: 222 << 10}
	if diff := cmp.Diff(want, tree(all, 20)); diff != "" {
		t.Error(diff)
	}
	for _, line := range []string{"", "1", "1 (x", "1 (x)", "1 (x) S a 1 1 0 -1 4194560 1 2 3 4 1 2 3 4", "1 (x) S 1 1 1 0 -1 4194560 1 2 3 4 1 2 3 x"} {
		if p, ok := parseStat(line); ok {
			t.Errorf("%q: %+v", line, p)
		}
	}
}

func TestThisProcess(t *testing.T) {
	own, err := Own()
	if err != nil || own.CPU <= 0 || own.Peak < 1<<20 {
		t.Errorf("%+v, %v", own, err)
	}
	u, err := Tree(os.Getpid())
	if err != nil || u.Processes < 1 || u.Resident < 1<<20 || u.Peak < u.Resident {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := Tree(-1); err == nil {
		t.Error("there is a process -1")
	}
}

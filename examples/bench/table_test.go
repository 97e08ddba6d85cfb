package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The table says of every figure that is wanted what it is, what Postfix's is, and whether
// it is met; one that was not measured is not met.
func TestTable(t *testing.T) {
	s := &system{name: "ext4", flushes: 2, runs: map[string]*sides{
		"rate50":     {ours: []float64{4100, 3900, 5200}, theirs: []float64{400, 410, 380}},
		"rate10":     {ours: []float64{2399}, theirs: []float64{400}},
		"rate1":      {ours: []float64{720}},
		"cpu50":      {ours: []float64{0.2501}, theirs: []float64{2.5}},
		"barriers50": {ours: []float64{0.2}},
		"loaded1":    {ours: []float64{5000}},
		"first1":     {ours: []float64{3.004}},
		"drained1":   {ours: []float64{1234567}},
	}}
	var b strings.Builder
	table(&b, "Postfix", full.rows(), s)
	text := b.String()
	for _, want := range []string{
		"| relay 1 KiB, 50 sessions | ≥ 10 × Postfix | 4,100 msg/s [3,900–5,200] | 400 msg/s [380–410] | 10.25 | yes |\n",
		"| relay 1 KiB, 10 sessions | ≥ 6 × Postfix | 2,399 msg/s | 400 msg/s | 6.00 | no |\n",
		"| relay 1 KiB, 1 session | ≥ 1.8 × Postfix | 720 msg/s |  |  | no |\n", // without a peer nothing is met
		"| CPU a message, all processes, 50 sessions | ≤ 0.25 ms | 0.250 ms | 2.500 ms | 0.10 | no |\n",
		"| barriers a message, 50 sessions | ≤ 0.2 | 0.20 |  |  | yes |\n",
		"| barriers a message, 10 sessions |  | not measured |  |  | no |\n",
		"| restart with 1,000,000 queued: first out | ≤ 3 s | 3.00 s |  |  | no |\n",
		"| the same: read and served | ≥ 5,000/s | 5,000 /s |  |  | yes |\n",
		"| the same: sent on, meanwhile and after |  | 1,234,567 /s |  |  |  |\n",
		"| `mtaqueue list` of 100,000 | ≤ 0.5 s | not measured |  |  | no |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no line %q in\n%s", want, text)
		}
	}
}

func TestMedian(t *testing.T) {
	for want, runs := range map[float64][]float64{3: {3}, 2: {9, 1, 2}, 2.5: {1, 4, 2, 3}} {
		if got := median(runs); got != want {
			t.Errorf("the median of %v is %v, not %v", runs, got, want)
		}
	}
}

// Pictures are whole, and their axes begin at 0.
func TestPictures(t *testing.T) {
	b := &bench{options: options{rounds: 3}, systems: []*system{{name: "ext4", runs: map[string]*sides{
		"rate1": {ours: []float64{700, 650}, theirs: []float64{280}}, "rate50": {ours: []float64{4100}}, "cpu10": {ours: []float64{0.2}}}}}}
	seen := []sample{{0, 0, map[string]memory{"mtarun": {resident: 20e6, descriptors: 12}}}, {60, 90_000, map[string]memory{"mtarun": {resident: 21e6, descriptors: 12}}}}
	for name, picture := range map[string]string{"bench": b.picture(), "memory": drawn("a million: so", seen), "nothing": (&bench{}).picture()} {
		for d := xml.NewDecoder(strings.NewReader(picture)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
		if name != "nothing" && !strings.Contains(picture, ">0</text>") {
			t.Errorf("%s: an axis does not begin at 0", name)
		}
		if strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") {
			t.Errorf("%s: something is nowhere", name)
		}
	}
}

func TestNice(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.03: 0.05, 1: 1, 1.1: 2, 820: 1000} {
		if got := nice(v); got != want {
			t.Errorf("nice(%v) is %v, not %v", v, got, want)
		}
	}
}

// What is there so far is written, and can be read.
func TestWrite(t *testing.T) {
	b := &bench{options: options{out: t.TempDir(), rounds: 1, scale: quick}, machine: [][2]string{{"CPUs", "2"}}, alone: &system{}}
	raw, err := os.Create(filepath.Join(b.out, "runs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	b.raw = raw
	s := &system{name: "xfs", flushes: 1.5, runs: map[string]*sides{}}
	b.systems = append(b.systems, s)
	for _, side := range []string{ours, theirs} {
		if err := b.add(s, "rate10", side, 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.write(), raw.Close()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"bench.md": "## On xfs\n", "bench.svg": "</svg>", "runs.jsonl": `"figure":"rate10","of":"postfix","run":1,"value":100`} {
		text, err := os.ReadFile(filepath.Join(b.out, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// Growth compares the second quarter of the time with the last.
func TestGrowth(t *testing.T) {
	var seen []sample
	for i := range 8 {
		seen = append(seen, sample{float64(i), 0, map[string]memory{"mtarun": {resident: int64(i) * 1e6, descriptors: 10 + i}}})
	}
	if got, want := growth("mtarun", seen), "mtarun: 2.5 MB in the second quarter of the time, 6.5 MB in the last; 12 and 16 descriptors\n"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

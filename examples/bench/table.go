package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// row is a line of the table: a figure that is wanted.
type row struct {
	key    string
	work   string
	wanted string
	unit   string
	digits int
	bound  bound
	limit  float64
	note   bool // told, and nothing is wanted of it
}

// bound is what is wanted of a figure.
type bound int

const (
	atMost bound = iota
	atLeast
	timesTheirs // at least so many times that of Postfix
)

// rows are those of one file system.
func (s scale) rows() []row {
	n := func(v int) string { return thousands(int64(v)) }
	size := fmt.Sprintf("%d MB", s.big/1_000_000)
	return []row{
		{key: "rate50", work: "relay 1 KiB, 50 sessions", wanted: "≥ 10 × Postfix", unit: "msg/s", bound: timesTheirs, limit: 10},
		{key: "rate10", work: "relay 1 KiB, 10 sessions", wanted: "≥ 6 × Postfix", unit: "msg/s", bound: timesTheirs, limit: 6},
		{key: "rate1", work: "relay 1 KiB, 1 session", wanted: "≥ 1.8 × Postfix", unit: "msg/s", bound: timesTheirs, limit: 1.8},
		{key: "cpu50", work: "CPU a message, all processes, 50 sessions", wanted: "≤ 0.25 ms", unit: "ms", digits: 3, limit: 0.25},
		{key: "cpu10", work: "CPU a message, all processes, 10 sessions", wanted: "≤ 0.25 ms", unit: "ms", digits: 3, limit: 0.25},
		{key: "cpu1", work: "CPU a message, all processes, 1 session", wanted: "≤ 0.25 ms", unit: "ms", digits: 3, limit: 0.25},
		{key: "barriers50", work: "barriers a message, 50 sessions", wanted: "≤ 0.2", digits: 2, limit: 0.2},
		{key: "barriers10", work: "barriers a message, 10 sessions", digits: 2, note: true},
		{key: "barriers1", work: "barriers a message, 1 session", wanted: "≤ 1", digits: 2, limit: 1},
		{key: "idle50", work: "idle latency in → out, p50", wanted: "≤ 2.5 ms", unit: "ms", digits: 1, limit: 2.5},
		{key: "idle99", work: "idle latency in → out, p99", wanted: "≤ 7 ms", unit: "ms", digits: 1, limit: 7},
		{key: "overtake99", work: "urgent message, " + n(s.backlog) + " non-urgent queued, p99", wanted: "≤ 20 ms", unit: "ms", digits: 1, limit: 20},
		{key: "list", work: "`mtaqueue list` of " + n(s.list), wanted: "≤ 0.5 s", unit: "s", digits: 2, limit: 0.5},
		{key: "first0", work: "restart with " + n(s.restart[0]) + " queued: first out", wanted: "≤ 1 s", unit: "s", digits: 2, limit: 1},
		{key: "loaded0", work: "the same: read and served", wanted: "≥ 5,000/s", unit: "/s", bound: atLeast, limit: 5000},
		{key: "drained0", work: "the same: sent on, meanwhile and after", unit: "/s", note: true},
		{key: "first1", work: "restart with " + n(s.restart[1]) + " queued: first out", wanted: "≤ 3 s", unit: "s", digits: 2, limit: 3},
		{key: "loaded1", work: "the same: read and served", wanted: "≥ 5,000/s", unit: "/s", bound: atLeast, limit: 5000},
		{key: "drained1", work: "the same: sent on, meanwhile and after", unit: "/s", note: true},
		{key: "beside99", work: "urgent message while " + size + " non-urgent arrive, p99", wanted: "≤ 30 ms", unit: "ms", digits: 1, limit: 30},
		{key: "large", work: size + " relayed: above idle in any process", wanted: "< 32 MB", unit: "MB", digits: 1, limit: 32},
		{key: "largecpu", work: size + " relayed: CPU, all processes", unit: "s", digits: 2, note: true},
		{key: "largerate", work: size + " relayed: MB/s", unit: "MB/s", note: true},
	}
}

// signedRows are those of messages whose signature is verified and replaced, beside openssl.
func (s scale) signedRows() (all []row) {
	n := thousands(int64(s.signed))
	for _, k := range []struct{ key, name string }{{"p256", "ECDSA P-256"}, {"rsa", "RSA 2048"}} {
		all = append(all,
			row{key: "signed" + k.key + "rate", work: n + " messages verified and signed anew, " + k.name, unit: "msg/s", note: true},
			row{key: "signed" + k.key + "cpu", work: "the same: CPU a message, all processes", unit: "ms", digits: 2, note: true},
			row{key: "plain" + k.key + "rate", work: "the same messages relayed as they are", unit: "msg/s", note: true},
			row{key: "plain" + k.key + "cpu", work: "the same: CPU a message", unit: "ms", digits: 2, note: true},
			row{key: "signed" + k.key + "50", work: "20 a second, in → out, p50", unit: "ms", digits: 1, note: true},
			row{key: "signed" + k.key + "bad50", work: "the same, while 10 bad ones a second come", unit: "ms", digits: 1, note: true},
			row{key: "signed" + k.key + "99", work: "20 a second, in → out, p99", unit: "ms", digits: 1, note: true},
			row{key: "signed" + k.key + "bad99", work: "the same, while 10 bad ones a second come", unit: "ms", digits: 1, note: true})
	}
	return all
}

// schedRows are those that no file system has a part in.
func (s scale) schedRows() []row {
	n := func(v int) string { return thousands(int64(v)) }
	return []row{
		{key: "events0", work: "scheduler, simulated, " + n(s.sched[0]) + " queued", wanted: "≥ 1,000,000 events/s", unit: "/s", bound: atLeast, limit: 1e6},
		{key: "event0", work: "CPU of an event at " + n(s.sched[0]), unit: "ns", note: true},
		{key: "dearer", work: "cost of an event at " + n(s.sched[1]), wanted: "≤ 3 × at " + n(s.sched[0]), unit: "×", digits: 2, limit: 3},
		{key: "octets1", work: "memory a queued recipient at " + n(s.sched[1]), wanted: "≤ 400 octets", unit: "octets", limit: 400},
	}
}

// median is the middle of some runs, or the mean of the two that are.
func median(runs []float64) float64 {
	sorted := slices.Sorted(slices.Values(runs))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// met tells whether a figure is what is wanted.
func (r row) met(s *sides) bool {
	v := median(s.ours)
	switch r.bound {
	case atLeast:
		return v >= r.limit
	case timesTheirs:
		return len(s.theirs) > 0 && v >= r.limit*median(s.theirs)
	}
	return v <= r.limit
}

// cells are the row with what was measured.
func (r row) cells(s *sides) []string {
	verdict := "no"
	if s == nil || len(s.ours) == 0 {
		return []string{r.work, r.wanted, "not measured", "", "", "no"}
	}
	if r.note {
		verdict = ""
	} else if r.met(s) {
		verdict = "yes"
	}
	peer, ratio := "", ""
	if len(s.theirs) > 0 {
		peer = r.spread(s.theirs)
		if t := median(s.theirs); t > 0 {
			ratio = strconv.FormatFloat(median(s.ours)/t, 'f', 2, 64)
		}
	}
	return []string{r.work, r.wanted, r.spread(s.ours), peer, ratio, verdict}
}

// spread is the median of some runs and, if they differ, the least and the greatest.
func (r row) spread(runs []float64) string {
	text := r.value(median(runs))
	if r.unit != "" {
		text += " " + r.unit
	}
	if least, most := r.value(slices.Min(runs)), r.value(slices.Max(runs)); least != most {
		text += " [" + least + "–" + most + "]"
	}
	return text
}

func (r row) value(v float64) string {
	if r.digits == 0 {
		return thousands(int64(v + 0.5))
	}
	return strconv.FormatFloat(v, 'f', r.digits, 64)
}

// thousands is a number with a comma between each three digits.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// write writes what there is so far.
func (b *bench) write() error {
	var t strings.Builder
	t.WriteString("# mtakit and Postfix, relaying side by side\n\n")
	t.WriteString("Written by `make bench`; how it measures is in `examples/bench/main.go`, what the figures mean in\n`man/mta-performance.7`. ")
	fmt.Fprintf(&t, "Medians of %d runs, and the least and the greatest in brackets. Both relays ran in\nturn, in one run, on one file system. ", b.rounds)
	t.WriteString("The ratio is ours to theirs; where less is better, less than 1 is.\n\n")
	for _, fact := range b.machine {
		fmt.Fprintf(&t, "- %s: %s\n", fact[0], fact[1])
	}
	for _, s := range b.systems {
		kind, mounted, _ := strings.Cut(s.name, ":")
		if mounted != "" {
			mounted = ", mounted with " + mounted
		}
		fmt.Fprintf(&t, "\n## On %s%s\n\nA loop device, journaled, direct I/O. One fsync of a new file is %.1f flushes of the device: a barrier. ", kind, mounted, s.flushes)
		t.WriteString("Barriers are\nflushes seen at the device, divided by that.\n\n")
		table(&t, "Postfix", b.asked(b.scale.rows(), s), s)
		if b.wants("signed") {
			t.WriteString("\nSigned messages, beside a process of openssl that verifies and one that signs each, two at once and\nnothing synced:\n\n")
			table(&t, openssl, b.scale.signedRows(), s)
		}
	}
	if b.alone != nil {
		t.WriteString("\n## Without a file system\n\n")
		table(&t, "", b.scale.schedRows(), b.alone)
	}
	t.WriteString(`
Every message that arrived was compared with what was sent: MTS identifier, recipient and its number, SHA-256 of
the content; a run in which one was missing, altered or refused is no run, and ends the program. Urgent messages
came 20 a second. "Read and served" is from the start of the process until it knew of every message, while it was
already sending them on. Restarts of more than ` + thousands(int64(b.scale.restart[0])) + ` messages were measured once. Postfix's long queue is one
deferred message and copies of it; it is restarted with postqueue -f. It knows no priority: where urgent messages
are measured its figure is that of ordinary ones. Source and sink run on the same machine. raw/runs.jsonl has
every run.
`)
	if err := os.WriteFile(filepath.Join(b.out, "bench.md"), []byte(t.String()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, "bench.svg"), []byte(b.picture()), 0o644)
}

// asked are the rows that were to be measured: of some works alone, those that were.
func (b *bench) asked(all []row, s *system) []row {
	if len(b.only) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(r row) bool { return s.runs[r.key] == nil })
}

func table(t *strings.Builder, peer string, rows []row, s *system) {
	if len(rows) == 0 {
		return
	}
	line := func(cells ...string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }
	line("work", "wanted", "mtakit", peer, "ratio", "met")
	line("---", "---", "---", "---", "---", "---")
	for _, r := range rows {
		line(r.cells(s.runs[r.key])...)
	}
}

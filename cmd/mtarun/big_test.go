package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	bigContent = 50_000_000
	// bigMemory is what a process may have resident at its peak, whatever the size of
	// the content: a copy buffer, and a Go program around it.
	bigMemory = 64 << 20
)

// A content of 50 million octets crosses three switches: it arrives as it was, and no
// process on its way has held it in memory.
func TestBigContent(t *testing.T) {
	n, a, b, c := chain(t)
	carol := c.user("Carol", "Brown")
	// What the kernel calls the peak of a process, ru_maxrss, counts the process it
	// was forked from until it has called execve. So the test itself must be small.
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil { // VmHWM begins anew
		t.Fatal(err)
	}
	for _, m := range n.switches {
		m.start()
	}

	random := rand.NewChaCha8([32]byte{'b', 'i', 'g'})
	digest := sha256.New()
	cmd := n.command("mtasubmit", "-C", a.config(), "--raw", "--from", a.addressOf("Ann", "Smith"), "--to", carol, "--report", "delivery")
	// Through a pipe: its length is not known beforehand.
	cmd.Stdin = io.TeeReader(io.LimitReader(random, bigContent), digest)
	if _, err := cmd.Output(); err != nil {
		t.Fatalf("mtasubmit: %s", said(err))
	}

	n.until("Carol has the message", func() bool { return len(c.mailbox("carol")) == 1 })
	d := c.mailbox("carol")[0]
	if d.Size != bigContent {
		t.Errorf("%d octets arrived, not %d", d.Size, bigContent)
	}
	if got, want := digestOf(t, c.content("carol", d)), hex.EncodeToString(digest.Sum(nil)); got != want {
		t.Errorf("the SHA-256 of what arrived is %s, of what was sent %s", got, want)
	}
	// The report has passed all of them in the other direction, and nothing is left.
	n.until("Ann has the report", func() bool { return len(a.mailbox("ann")) == 1 })
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
	}

	// What a parent is told by wait4 is the largest of the child and of all that the
	// child has itself waited for: one figure for mtarun and its channel processes,
	// from their first moment to their last.
	peaks := map[string]*syscall.Rusage{"mtasubmit": cmd.ProcessState.SysUsage().(*syscall.Rusage)}
	for _, m := range []*mta{a, b, c} {
		if len(m.processes()) < 2 {
			t.Errorf("%s has no channel process", m.name)
		}
		m.stop()
		peaks[m.name] = m.usage
	}
	if own := ownPeak(t); own > bigMemory {
		t.Fatalf("the test has grown to %d MiB and cannot measure others", own>>20)
	}
	for name, usage := range peaks {
		peak := usage.Maxrss << 10
		t.Logf("%s: %.1f MiB at the peak", name, float64(peak)/(1<<20))
		if peak > bigMemory {
			t.Errorf("%s: %d MiB at the peak, more than %d MiB", name, peak>>20, bigMemory>>20)
		}
	}
}

func digestOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ownPeak is what this process has had resident at most.
func ownPeak(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	number, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatalf("VmHWM: %v", err)
	}
	return kib << 10
}

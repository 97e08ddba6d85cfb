package queue

import (
	"bytes"
	"errors"
	"io"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// theReport is the content of the one report in the queue.
func (w *world) theReport() []byte {
	w.t.Helper()
	var reports []spool.Ref
	for _, ref := range w.keeper.mind.Refs() {
		m, err := w.spool.OpenMessage(ref)
		if err != nil {
			w.t.Fatal(err)
		}
		if m.Envelope.Kind == spool.KindReport {
			reports = append(reports, ref)
		}
		if err := m.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	if len(reports) != 1 {
		w.t.Fatalf("%d reports are in the queue", len(reports))
	}
	m, err := w.spool.OpenWhole(reports[0])
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	content, err := io.ReadAll(m.Content())
	if err != nil {
		w.t.Fatal(err)
	}
	return content
}

// settle runs barriers until nothing waits for one.
func (w *world) settle() {
	w.t.Helper()
	for w.keeper.Dirty() {
		run, settle := w.keeper.Begin()
		settle(run())
	}
}

// The contents that reports return are read and written aside, one after the other, while
// the keeper does other things; and until that is done nothing has come to rest.
func TestContentsAreReturnedAside(t *testing.T) {
	w := newWorld(t)
	w.content = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	w.submit(nobody)
	w.now = w.now.Add(time.Second)
	w.submit(nobody)
	var longs, thens []func()
	w.aside = func(long func(), then func(time.Time)) {
		longs, thens = append(longs, long), append(thens, func() { then(w.now) })
	}
	w.start()
	defer w.kill()
	for n := range 2 {
		w.settle()
		if len(longs) != n+1 {
			t.Fatalf("%d are at it at once", len(longs)-n)
		}
		if w.keeper.Idle() || !w.keeper.Busy() {
			t.Error("at rest with a content to be copied")
		}
		if err := w.keeper.Reclaim(w.now); err != nil { // what is being written is nobody's remains
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			longs[n]()
		}()
		w.keeper.Event(w.now, record(&spool.Envelope{}, "reloaded"))
		w.keeper.Step(w.now, sched.Tick{})
		<-done
		if err := w.keeper.Reclaim(w.now); err != nil {
			t.Fatal(err)
		}
		thens[n]()
		if n == 0 {
			w.settle()
			if !bytes.Equal(w.theReport(), w.content) {
				t.Error("what is returned is not the content")
			}
		}
	}
	w.settle()
	if w.keeper.Busy() {
		t.Error("it does not come to rest")
	}
}

// A drain does not wait for the contents whose turn has not come: the next start makes
// those reports.
func TestDrainLeavesContentsToTheNextStart(t *testing.T) {
	w := newWorld(t)
	w.content = []byte("to be returned")
	for range 3 {
		w.submit(nobody)
		w.now = w.now.Add(time.Second)
	}
	var longs []func()
	w.aside = func(long func(), then func(time.Time)) {
		longs = append(longs, func() { long(); then(w.now) })
	}
	w.start()
	w.settle()
	w.keeper.Step(w.now, sched.Drain{})
	longs[0]()
	w.settle()
	if len(longs) != 1 || w.keeper.Busy() {
		t.Errorf("%d were copied", len(longs))
	}
	w.kill()
	w.aside = nil
	w.start()
	defer w.kill()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if len(w.reports) != 3 {
		t.Errorf("%d reports", len(w.reports))
	}
}

// A report does not wait for room for the content it should return.
func TestNoRoomForReturnedContent(t *testing.T) {
	w := newWorld(t)
	w.content = make([]byte, 1<<20)
	w.submit(nobody)
	var limits unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limits); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	w.aside = func(long func(), then func(time.Time)) {
		err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100 << 10, Max: limits.Max})
		long()
		if err = errors.Join(err, unix.Setrlimit(unix.RLIMIT_FSIZE, &limits)); err != nil {
			t.Fatal(err)
		}
		then(w.now)
	}
	w.start()
	defer w.kill()
	w.settle()
	if got := w.theReport(); len(got) > 0 {
		t.Errorf("%d octets are returned", len(got))
	}
	if !bytes.Contains(w.said.Bytes(), []byte("a content is not returned")) {
		t.Errorf("the operator is not told: %s", w.said.String())
	}
}

// Whatever else the disk refuses is tried again, with the content.
func TestReturnedContentIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.content = []byte("to be returned")
	w.submit(nobody)
	failed := false
	w.aside = func(long func(), then func(time.Time)) {
		long()
		if l := &w.keeper.longs[0]; !failed {
			failed = true
			done := l.then
			l.then = func(error) { done(diag.New("read", diag.IO, "input/output error")) }
		}
		then(w.now)
	}
	w.start()
	defer w.kill()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if !failed || len(w.reports) != 1 {
		t.Errorf("failed: %v, %d reports", failed, len(w.reports))
	}
}

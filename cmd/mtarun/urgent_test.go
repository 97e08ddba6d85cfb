package main

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// A large transfer is in the middle of the only association that a peer may have; an
// urgent message gets there all the same, and a normal one waits.
func TestUrgentPassesALargeTransfer(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.set("[[channel]]", "max-per-peer = 1")
	book := p1driver.NewBook()
	release := make(chan struct{})
	var stalled, bound atomic.Int32
	a.sink("SINK", p1driver.SinkConfig{Book: book, Verdict: func(m p1driver.Moment) p1driver.Verdict {
		switch {
		case m == p1driver.OnBind:
			bound.Add(1)
		case m == p1driver.OnCheckpoint && stalled.CompareAndSwap(0, 1):
			<-release
		}
		return p1driver.Proceed
	}}, "two-way = false")
	a.start()
	submit := func(content string, args ...string) {
		t.Helper()
		a.submit(strings.NewReader(content), append(args, "--from", a.addressOf("Ann", "Smith"), "--to", "/S=Smith/PRMD=SINK/ADMD=TEST/C=GB/")...)
	}
	submit(strings.Repeat("0123456789abcde\n", 64<<10))
	n.until("the large transfer is under way", func() bool { return stalled.Load() == 1 })
	submit("normal")
	begin := time.Now()
	submit("urgent", "--priority", "urgent")
	n.until("the urgent message is there", func() bool { return book.Len() == 1 })
	t.Logf("urgent after %v", time.Since(begin))
	submit("urgent again", "--priority", "urgent")
	n.until("and the next one", func() bool { return book.Len() == 2 })
	if bound.Load() != 2 {
		t.Errorf("%d associations, not 2", bound.Load())
	}
	close(release)
	n.until("all are there", func() bool { return book.Len() == 4 })
	a.stop()
	a.check()
}

package daemon

import (
	"io"
	"sync"
	"time"
)

const (
	// maxOutlet bounds what an Outlet keeps for a reader that is slow, in octets, and
	// maxOutletWrites in calls.
	maxOutlet       = 512 << 10
	maxOutletWrites = 8192
)

// Outlet is standard error for a process that must go on while nobody reads it. A pipe
// that is open and full blocks whoever writes to it, and the core may never wait for that
// reader: Write only puts what it is given into a queue, from which one goroutine writes.
// What finds the queue full is dropped and counted, until half of it is free; then the
// count is written in its place.
type Outlet struct {
	w io.Writer

	mu      sync.Mutex
	more    *sync.Cond // something to write, or closed
	queue   [][]byte
	size    int
	dropped int
	say     func(dropped int) []byte
	closed  bool
	done    chan struct{}
}

// NewOutlet returns an Outlet to w. Whoever has written the last calls Close.
func NewOutlet(w io.Writer) *Outlet {
	o := &Outlet{w: w, done: make(chan struct{}), say: func(int) []byte { return nil }}
	o.more = sync.NewCond(&o.mu)
	go o.run()
	return o
}

// Say sets how it is written that so many Writes were dropped.
func (o *Outlet) Say(line func(dropped int) []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.say = line
}

// Write takes p, a line, or drops it. It never waits, and it never fails.
func (o *Outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	octets, writes := maxOutlet, maxOutletWrites
	if o.dropped > 0 {
		octets, writes = octets/2, writes/2
	}
	if o.size+len(p) > octets || len(o.queue) >= writes || o.closed {
		o.dropped++
		return len(p), nil
	}
	o.confess()
	o.put(append([]byte(nil), p...))
	return len(p), nil
}

func (o *Outlet) put(p []byte) {
	o.queue = append(o.queue, p)
	o.size += len(p)
	o.more.Signal()
}

// confess says what was dropped where it would have stood.
func (o *Outlet) confess() {
	if o.dropped > 0 {
		o.put(o.say(o.dropped))
		o.dropped = 0
	}
}

// run writes until Close. An error means that the reader is gone, and no other can come.
func (o *Outlet) run() {
	defer close(o.done)
	for {
		p, ok := o.next()
		if !ok {
			return
		}
		_, _ = o.w.Write(p)
	}
}

func (o *Outlet) next() (p []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		if len(o.queue) == 0 {
			o.confess()
		}
		if len(o.queue) > 0 {
			p, o.queue[0] = o.queue[0], nil
			o.queue = o.queue[1:]
			o.size -= len(p)
			return p, true
		}
		if o.closed {
			return nil, false
		}
		o.more.Wait()
	}
}

// Close waits until everything is written, or patience is over.
func (o *Outlet) Close(patience time.Duration) {
	o.mu.Lock()
	o.closed = true
	o.more.Signal()
	o.mu.Unlock()
	select {
	case <-o.done:
	case <-time.After(patience):
	}
}

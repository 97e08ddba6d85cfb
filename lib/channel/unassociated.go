package channel

import (
	"context"
	"net"
	"sync"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/spool"
)

// Unassociated is a Kind that has no associations, but for its Configure: its jobs are done
// here and need no peer. Each goes by the settings that were in force when it began, which
// do not change.
type Unassociated[S any] struct {
	Host *Host
	// Ctx ends when what is in progress is to be given up.
	Ctx context.Context

	cancel context.CancelFunc
	work   func(*S, Job) []Result
	jobs   sync.WaitGroup

	mu       sync.Mutex
	settings *S
	most     int // jobs at once
}

// NewUnassociated makes one. work does a job and returns the outcomes that it has not told
// itself; it is called on goroutines of its own.
func NewUnassociated[S any](h *Host, work func(*S, Job) []Result) *Unassociated[S] {
	u := &Unassociated[S]{Host: h, work: work}
	u.Ctx, u.cancel = context.WithCancel(context.Background())
	return u
}

// Use has the jobs that begin from now on go by the settings, which are those of a
// configuration.
func (u *Unassociated[S]) Use(cfg *conf.Config, settings *S) {
	most := 1
	if own, ok := cfg.Channel(u.Host.Name); ok {
		most = own.MostJobs()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.settings, u.most = settings, most
}

// Capacity is what the configuration allows; there are no associations.
func (u *Unassociated[S]) Capacity() Capacity {
	u.mu.Lock()
	defer u.mu.Unlock()
	return Capacity{Jobs: u.most}
}

// Do does a job.
func (u *Unassociated[S]) Do(j Job) {
	u.mu.Lock()
	s := u.settings
	u.mu.Unlock()
	u.jobs.Go(func() {
		if results := u.work(s, j); len(results) > 0 {
			u.Host.Results(j, results...)
		}
	})
}

// Drain waits for what is in progress.
func (u *Unassociated[S]) Drain(context.Context) { u.jobs.Wait() }

// Abort gives up what is in progress, and waits until it has ended: the scheduler's next
// process may begin the same.
func (u *Unassociated[S]) Abort() {
	u.cancel()
	u.jobs.Wait()
}

// Accept closes the connection: nobody is served here.
func (u *Unassociated[S]) Accept(conn net.Conn, _ string, _ []byte) {
	_ = conn.Close() // nothing was said on it
}

// Open tells that there are no associations.
func (u *Unassociated[S]) Open(assoc uint64, peer string) {
	u.Host.Association(Line{Assoc: assoc, Peer: peer, State: StateFailed, Reason: "channel " + u.Host.Name + " has no associations"})
}

// Close has nothing to release.
func (u *Unassociated[S]) Close(uint64) {}

// Turn has nobody to ask.
func (u *Unassociated[S]) Turn(uint64, spool.Priority) {}

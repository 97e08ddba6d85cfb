package bench

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// Filled is what was put into a spool.
type Filled struct {
	Run               string  `json:"run"`
	Messages          int64   `json:"messages"`
	Seconds           float64 `json:"seconds"`
	MessagesPerSecond float64 `json:"messagesPerSecond"`
	Barriers          int64   `json:"barriers"`
}

// fillers is how many messages share a barrier at most.
const fillers = 512

// Fill puts messages of a source into the spool of a switch that does not run, as if the
// peer had transferred them: through the same door, every one on the disk at the end.
func Fill(ctx context.Context, cfg *conf.Config, peer string, source *load.Source, messages uint64) (filled Filled, err error) {
	s, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return Filled{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.SetBarrier(spool.BarrierMode(cfg.Spool.Barrier)); err != nil {
		return Filled{}, err
	}
	lock, err := s.Lock()
	if err != nil {
		return Filled{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	c := &committer{spool: s, waiting: make(chan waiter, fillers)}
	door, err := submit.NewDoor(cfg, c, time.Now, conf.OpenFile)
	if err != nil {
		return Filled{}, err
	}
	src := spool.Source{Peer: peer}
	if p, err := cfg.NamedPeer(peer); err == nil {
		src.Channel = p.Channel
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run()
	}()
	var next, put atomic.Int64
	var mu sync.Mutex
	var failed error
	var tasks sync.WaitGroup
	begun := time.Now()
	for range min(fillers, messages) {
		tasks.Go(func() {
			var err error
			for n := next.Add(1); err == nil && uint64(n) <= messages && ctx.Err() == nil; n = next.Add(1) {
				err = fill(ctx, door, src, source, uint64(n))
				for errors.Is(err, fs.ErrExist) { // an identifier met twice
					err = fill(ctx, door, src, source, uint64(n))
				}
				if err == nil {
					put.Add(1)
				}
			}
			if err != nil {
				next.Store(int64(messages)) // the others end, too
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			}
		})
	}
	tasks.Wait()
	close(c.waiting)
	<-done
	took := time.Since(begun)
	return Filled{Run: source.Name(), Messages: put.Load(), Seconds: measure.Round(took.Seconds(), 3),
		MessagesPerSecond: measure.PerSecond(put.Load(), took), Barriers: c.barriers}, failed
}

// fill is what an inbound channel does with a message.
func fill(ctx context.Context, door *submit.Door, src spool.Source, source *load.Source, n uint64) error {
	apdu, _, err := source.APDU(n, time.Now())
	if err != nil {
		return err
	}
	in, err := p1.ReadAPDU(apdu, p1.Limits{})
	if err != nil {
		return err
	}
	tx, err := door.Message(src, in.Envelope, in.Message)
	if err != nil {
		return err
	}
	if _, err = io.Copy(tx, in.Content); err == nil {
		err = in.Finish()
	}
	if err != nil {
		return errors.Join(err, tx.Abort())
	}
	_, err = tx.Commit(ctx)
	return err
}

// Create and Commit are the committer as the door knows it.
func (c *committer) Create(ref spool.Ref) (*spool.Writer, error) { return c.spool.CreateInPlace(ref) }

func (c *committer) Commit(_ context.Context, w *spool.Writer, _ *spool.Envelope) error {
	durable := make(chan error, 1)
	c.waiting <- waiter{w.Ref(), durable}
	if err := <-durable; err != nil {
		return errors.Join(diag.E("", diag.IO, err), w.Abort())
	}
	return w.Close()
}

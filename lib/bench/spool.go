// Package bench measures parts of a switch alone: how a spool accepts, and how a
// scheduler works.
package bench

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/spool"
)

// SpoolConfig is how a spool is measured.
type SpoolConfig struct {
	Dir      string // a directory on the file system to measure
	Writers  int
	Size     int64         // octets of a content
	Duration time.Duration // of each measurement
	Rounds   int
	Barrier  spool.BarrierMode
	Files    int64 // at most; 0 is what a measurement writes at most
	Alone    bool  // without plain files beside it
}

// Accepted is what a spool did, and what the file system did without it.
type Accepted struct {
	Writers            int             `json:"writers"`
	Size               int64           `json:"size"`
	Messages           int64           `json:"messages"`
	MessagesPerSecond  float64         `json:"messagesPerSecond"`
	Accept             measure.Summary `json:"accept"`
	BarriersPerMessage float64         `json:"barriersPerMessage"`
	PlainPerSecond     float64         `json:"plainPerSecond"`
	Plain              measure.Summary `json:"plain"`
	Ratio              float64         `json:"ratio"`
}

// What one measurement writes at most.
const (
	maxFiles  = 200_000
	maxOctets = 1 << 30
)

// Spool measures in a directory of its own below Dir, which it removes.
func Spool(cfg SpoolConfig) (result Accepted, err error) {
	dir, err := os.MkdirTemp(cfg.Dir, "mtactl-bench.")
	if err != nil {
		return Accepted{}, diag.E("", diag.CantCreate, err)
	}
	defer func() { err = errors.Join(err, diag.E("", diag.IO, os.RemoveAll(dir))) }()
	var rounds []Accepted
	for i := range cfg.Rounds {
		accepted, barriers, err := acceptInto(filepath.Join(dir, fmt.Sprintf("spool%d", i)), cfg)
		if err != nil {
			return Accepted{}, err
		}
		plain := &pass{}
		if !cfg.Alone {
			plain, err = writePlain(filepath.Join(dir, fmt.Sprintf("plain%d", i)), cfg)
		}
		if err != nil {
			return Accepted{}, err
		}
		r := Accepted{Writers: cfg.Writers, Size: cfg.Size, Messages: accepted.count, MessagesPerSecond: accepted.rate(), Accept: accepted.latencies.Summary(),
			BarriersPerMessage: measure.Round(float64(barriers)/float64(accepted.count), 3), PlainPerSecond: plain.rate(), Plain: plain.latencies.Summary()}
		r.Ratio = measure.Round(r.MessagesPerSecond/r.PlainPerSecond, 2)
		rounds = append(rounds, r)
	}
	slices.SortFunc(rounds, func(a, b Accepted) int { return cmp.Compare(a.Ratio, b.Ratio) })
	return rounds[len(rounds)/2], nil
}

// pass is what several writers did.
type pass struct {
	count     int64
	took      time.Duration
	latencies measure.Latencies
}

func (p *pass) rate() float64 { return measure.PerSecond(p.count, p.took) }

// writers has so many write, each one file after the other, until the time, or what may
// be written, is over. The first of each is written whatever the time.
func (cfg SpoolConfig) writers(write func() error) (*pass, error) {
	most := min(cmp.Or(cfg.Files, maxFiles), max(maxOctets/max(cfg.Size, 1), int64(cfg.Writers)))
	var p pass
	var mu sync.Mutex
	var begun atomic.Int64
	var failed error
	var tasks sync.WaitGroup
	start := time.Now()
	for range cfg.Writers {
		tasks.Go(func() {
			var own measure.Latencies
			var err error
			for first := true; err == nil && begun.Add(1) <= most && (first || time.Since(start) < cfg.Duration); first = false {
				at := time.Now()
				if err = write(); err == nil {
					own.Add(time.Since(at))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			p.latencies.Merge(&own)
			failed = errors.Join(failed, err)
		})
	}
	tasks.Wait()
	p.took, p.count = time.Since(start), int64(p.latencies.Count())
	return &p, failed
}

// acceptInto accepts messages in a spool as mtarun does: a file in place, and then a
// barrier for all that wait.
func acceptInto(dir string, cfg SpoolConfig) (p *pass, barriers int64, err error) {
	if err := spool.Init(dir); err != nil {
		return nil, 0, err
	}
	s, err := spool.Open(dir)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.SetBarrier(cfg.Barrier); err != nil {
		return nil, 0, err
	}
	lock, err := s.Lock()
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	c := committer{spool: s, waiting: make(chan waiter, cfg.Writers)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run()
	}()
	content := noise(cfg.Size)
	p, err = cfg.writers(func() error { return c.accept(content) })
	close(c.waiting)
	<-done
	return p, c.barriers, err
}

// committer runs barriers back to back, each for all that wait when it begins.
type committer struct {
	spool    *spool.Spool
	waiting  chan waiter
	barriers int64
}

type waiter struct {
	ref     spool.Ref
	durable chan error
}

func (c *committer) run() {
	for first := range c.waiting {
		all := []waiter{first}
		batch := spool.Batch{Refs: []spool.Ref{first.ref}}
	collect:
		for {
			select {
			case w, ok := <-c.waiting:
				if !ok {
					break collect
				}
				all = append(all, w)
				batch.Refs = append(batch.Refs, w.ref)
			default:
				break collect
			}
		}
		err := c.spool.Barrier(&batch)
		c.barriers++
		for _, w := range all {
			w.durable <- err
		}
	}
}

// accept is what an inbound channel does with a message.
func (c *committer) accept(content []byte) error {
	now := time.Now()
	ref := spool.Ref{ID: spool.NewID(now), Priority: spool.Normal}
	w, err := c.spool.CreateInPlace(ref)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Finish(envelope(now)); err != nil {
		return errors.Join(err, w.Abort())
	}
	durable := make(chan error, 1)
	c.waiting <- waiter{ref, durable}
	if err := <-durable; err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// envelope is one as a message of one recipient from a peer has it.
func envelope(now time.Time) *spool.Envelope {
	return &spool.Envelope{
		Kind: spool.KindMessage, MTSID: "[/PRMD=SOURCE/ADMD=TEST/C=GB/;bench.abcde.1.1]", Priority: spool.Normal, Accepted: now,
		Originator: "/S=Smith/PRMD=SOURCE/ADMD=TEST/C=GB/", ContentType: "2.6.1.10.1", ContentID: "bench.abcde",
		Source: spool.Source{Channel: "p1", Peer: "SOURCE"}, Wire: make([]byte, 300),
		Recipients: []spool.Recipient{{N: 1, Address: "/S=Jones/PRMD=SINK/ADMD=TEST/C=GB/", Hops: []spool.Hop{{Channel: "p1", Peer: "SINK"}}, Report: "non-delivery"}},
	}
}

// noise is octets that no file system makes shorter.
func noise(size int64) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // it never fails
	return b
}

// writePlain creates, writes and syncs files of as many octets, and nothing else.
func writePlain(dir string, cfg SpoolConfig) (*pass, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, diag.E("", diag.CantCreate, err)
	}
	content := noise(cfg.Size)
	var n atomic.Int64
	return cfg.writers(func() error {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%020d", n.Add(1))), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return diag.E("", diag.CantCreate, err)
		}
		_, err = f.Write(content)
		if err == nil {
			err = f.Sync()
		}
		return diag.E("", diag.IO, errors.Join(err, f.Close()))
	})
}

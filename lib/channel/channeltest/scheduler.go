// Package channeltest is what the tests of channels without associations share: the other end of
// one, in a spool of its own.
package channeltest

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/spool"
)

// Scheduler gives jobs to a channel and takes its outcomes. What goes wrong ends the test.
type Scheduler struct {
	T     testing.TB
	Spool *spool.Spool

	stream *channel.Stream
	jobs   uint64
}

// Start runs a channel of a configuration, in the spool that it names and that is made, until the
// test ends. Begin makes the body of the channel.
func Start(t testing.TB, cfg *conf.Config, name string, begin func(*channel.Host, *conf.Config) (channel.Kind, error)) *Scheduler {
	t.Helper()
	if err := spool.Init(cfg.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		t.Fatal(err)
	}
	in, toChannel := io.Pipe()
	fromChannel, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- channel.Run(context.Background(), name, channel.NewPipe(in, out), nil, begin) }()
	s := &Scheduler{T: t, Spool: sp, stream: channel.NewPipe(fromChannel, toChannel)}
	t.Cleanup(func() {
		s.Send(channel.Line{Type: channel.TypeStop})
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = s.stream.Close() // nothing is on its way
		_ = sp.Close()       // nothing is left to be written
	})
	s.Configure(cfg)
	own, _ := cfg.Channel(name) // the channel would have said that there is none
	if l := s.Receive(); l.Type != channel.TypeHello || l.Capacity.Jobs != own.MostJobs() {
		t.Fatalf("%+v", l)
	}
	return s
}

// Configure sends a configuration.
func (s *Scheduler) Configure(cfg *conf.Config) {
	s.T.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		s.T.Fatal(err)
	}
	s.Send(channel.Line{Type: channel.TypeConfig, Config: text})
}

// Send sends a line.
func (s *Scheduler) Send(l channel.Line) {
	if err := s.stream.Send(l); err != nil {
		s.T.Error(err)
	}
}

// Receive waits for the next line.
func (s *Scheduler) Receive() channel.Line {
	s.T.Helper()
	l, _, err := s.stream.Receive()
	if err != nil {
		s.T.Fatal(err)
	}
	return l
}

// Job gives recipients of a message, and returns the number of the job.
func (s *Scheduler) Job(ref spool.Ref, recipients ...int) uint64 {
	s.jobs++
	s.Send(channel.Line{Type: channel.TypeJob, Job: s.jobs, Ref: &ref, Recipients: recipients})
	return s.jobs
}

// Put writes a message, accepted at a time, into the spool, with normal priority.
func (s *Scheduler) Put(env *spool.Envelope, content []byte, now time.Time) spool.Ref {
	s.T.Helper()
	ref := spool.Ref{ID: spool.NewID(now), Priority: spool.Normal}
	w, err := s.Spool.CreateInPlace(ref)
	if err != nil {
		s.T.Fatal(err)
	}
	env.Priority = ref.Priority
	if _, err = w.Write(content); err == nil {
		err = w.Finish(env)
	}
	if err != nil {
		s.T.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.T.Fatal(err)
	}
	return ref
}

package channel

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// body is a channel kind that commits a message for each job.
type body struct {
	dir     string // of the spool
	host    *Host  // touched by the channel only
	hosts   chan *Host
	errs    chan error
	drained chan struct{}
	aborted chan struct{}
}

func (b *body) Configure(*conf.Config) error             { return nil }
func (b *body) Accept(conn net.Conn, _ string, _ []byte) { _ = conn.Close() }
func (b *body) Open(uint64, string)                      {}
func (b *body) Close(uint64)                             {}
func (b *body) Turn(uint64, spool.Priority)              {}
func (b *body) Abort()                                   { close(b.aborted) }
func (b *body) Capacity() Capacity                       { return Capacity{Jobs: 3} }
func (b *body) Drain(context.Context)                    { <-b.drained }
func (b *body) Do(j Job)                                 { go func() { b.errs <- b.commit(j.Ref) }() }
func (b *body) commit(ref spool.Ref) (err error) {
	w, err := b.host.Create(ref)
	if err != nil {
		return err
	}
	env := &spool.Envelope{Kind: spool.KindMessage, Originator: "/C=GB/", Accepted: time.Unix(1, 0), Wire: []byte{1},
		Recipients: []spool.Recipient{{N: 1, Address: "/C=GB/"}}}
	if err := w.Finish(env); err != nil {
		return err
	}
	return b.host.Commit(context.Background(), w, env)
}

// start runs a channel over a socket pair and returns the scheduler's end, after hello.
func start(t *testing.T) (*Stream, *body, chan error) {
	t.Helper()
	dir := t.TempDir() + "/spool"
	if err := spool.Init(dir); err != nil {
		t.Fatal(err)
	}
	ours, theirs := pair(t)
	b := &body{dir: dir, hosts: make(chan *Host, 1), errs: make(chan error, 10), drained: make(chan struct{}), aborted: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- Run(context.Background(), "test", theirs, nil, func(h *Host, _ *conf.Config) (Kind, error) {
			b.host = h
			b.hosts <- h
			return b, nil
		})
	}()
	cfg := conf.New()
	cfg.Spool.Dir = dir
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	send(t, ours, Line{Type: TypeConfig, Config: text})
	if l := receive(t, ours); l.Type != TypeHello || l.Version != Version || l.Capacity.Jobs != 3 {
		t.Fatalf("instead of hello: %+v", l)
	}
	return ours, b, ended
}

func send(t *testing.T, s *Stream, l Line) {
	t.Helper()
	if err := s.Send(l); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, s *Stream) Line {
	t.Helper()
	l, _, err := s.Receive()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ref(n int64) *spool.Ref {
	return &spool.Ref{ID: spool.NewID(time.Unix(n, 0)), Priority: spool.Normal}
}

// Commit must not return before the scheduler has said durable, and never nil when
// it has said anything else.
func TestCommitWaitsForDurable(t *testing.T) {
	s, b, _ := start(t)
	send(t, s, Line{Type: TypeJob, Job: 1, Ref: ref(1)})
	commit := receive(t, s)
	if commit.Type != TypeCommit || commit.Envelope == nil || len(commit.Envelope.Wire) != 0 {
		t.Fatalf("%+v", commit)
	}
	select {
	case err := <-b.errs:
		t.Fatalf("Commit returned %v before the barrier", err)
	case <-time.After(50 * time.Millisecond):
	}
	send(t, s, Line{Type: TypeDurable, Txn: commit.Txn})
	if err := <-b.errs; err != nil {
		t.Error(err)
	}
	send(t, s, Line{Type: TypeJob, Job: 2, Ref: ref(2)})
	send(t, s, Line{Type: TypeRefused, Txn: receive(t, s).Txn, Text: "a barrier failed"})
	if err := <-b.errs; diag.KindOf(err) != diag.Temporary {
		t.Errorf("refused: %v", err)
	}
}

// When the scheduler is gone nobody can say durable any more: no yes, and everything
// the channel has in progress ends.
func TestEndOfStreamAborts(t *testing.T) {
	s, b, ended := start(t)
	send(t, s, Line{Type: TypeJob, Job: 1, Ref: ref(1)})
	receive(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-b.errs; diag.KindOf(err) != diag.Unavailable {
		t.Errorf("commit: %v", err)
	}
	<-b.aborted
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// A channel that is told to stop still hears of the messages it has committed.
func TestDrainingChannelHearsDurable(t *testing.T) {
	s, b, ended := start(t)
	send(t, s, Line{Type: TypeJob, Job: 1, Ref: ref(1)})
	commit := receive(t, s)
	send(t, s, Line{Type: TypeStop})
	send(t, s, Line{Type: TypeDurable, Txn: commit.Txn})
	if err := <-b.errs; err != nil {
		t.Error(err)
	}
	close(b.drained)
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, _, err := s.Receive(); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("the stream is still open: %v", err)
	}
}

// A file that waits for its answer is locked, so that nobody takes it for remains of
// the dead. What was accepted stays, what was refused goes, and what was not answered
// is left to whoever holds the spool next.
func TestFileStaysLockedUntilAnswered(t *testing.T) {
	s, b, _ := start(t)
	for i, c := range []struct {
		answer func(txn uint64)
		stays  bool
	}{
		{func(txn uint64) { send(t, s, Line{Type: TypeDurable, Txn: txn}) }, true},
		{func(txn uint64) { send(t, s, Line{Type: TypeRefused, Txn: txn, Text: "a barrier failed"}) }, false},
		{func(uint64) { _ = s.Close() }, true},
	} {
		send(t, s, Line{Type: TypeJob, Job: uint64(i), Ref: ref(int64(i))})
		commit := receive(t, s)
		path := filepath.Join(b.dir, spool.Ref{ID: commit.Envelope.ID, Priority: commit.Envelope.Priority}.String())
		if !locked(t, path) {
			t.Errorf("%d: nobody has locked the file", i)
		}
		c.answer(commit.Txn)
		<-b.errs
		if _, err := os.Stat(path); (err == nil) != c.stays {
			t.Errorf("%d: the file after the answer: %v", i, err)
		}
		if c.stays && locked(t, path) {
			t.Errorf("%d: the file is still open", i)
		}
	}
}

func locked(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// A channel answers whoever asks whether it lives, before it is told to stop and after.
func TestPing(t *testing.T) {
	s, b, ended := start(t)
	ping := func() {
		t.Helper()
		send(t, s, Line{Type: TypePing})
		if l := receive(t, s); l.Type != TypePong {
			t.Errorf("answered by %+v", l)
		}
	}
	ping()
	send(t, s, Line{Type: TypeStop})
	ping()
	close(b.drained)
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// A look is answered with nodes or with why there are none, in any order, while draining too; and
// no answer comes any more when the stream has ended.
func TestLook(t *testing.T) {
	ours, b, ended := start(t)
	type answer struct {
		nodes []conf.Node
		err   error
	}
	host := <-b.hosts
	look := func(tree string) <-chan answer {
		got := make(chan answer, 1)
		go func() {
			nodes, err := host.Look(context.Background(), tree, []string{"c=GB"})
			got <- answer{nodes, err}
		}()
		return got
	}
	one := look("cn=one")
	first := receive(t, ours)
	if first.Type != TypeLook || first.Tree != "cn=one" || len(first.Names) != 1 || first.Names[0] != "c=GB" {
		t.Fatalf("instead of a look: %+v", first)
	}
	two := look("cn=two")
	second := receive(t, ours)
	send(t, ours, Line{Type: TypeLooked, Txn: second.Txn, Nodes: []conf.Node{{Tree: "cn=two"}}})
	send(t, ours, Line{Type: TypeLooked, Txn: second.Txn, Text: "twice"}) // means nothing
	if a := <-two; a.err != nil || len(a.nodes) != 1 || a.nodes[0].Tree != "cn=two" {
		t.Errorf("%+v", a)
	}
	send(t, ours, Line{Type: TypeStop})
	send(t, ours, Line{Type: TypeLooked, Txn: first.Txn, Text: "no server answers"})
	if a := <-one; diag.KindOf(a.err) != diag.Temporary || a.err.Error() != "no server answers" {
		t.Errorf("%+v", a)
	}
	three := look("cn=three")
	receive(t, ours)
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if a := <-three; a.err == nil {
		t.Errorf("%+v", a)
	}
	if a := <-look("cn=four"); a.err == nil {
		t.Errorf("%+v", a)
	}
	close(b.drained)
	<-ended
}

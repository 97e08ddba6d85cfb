package load

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/channel/x400p1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// End is one end of an association: an MTA name and its password.
type End struct{ Name, Password string }

// SourceConfig is whom to transfer to, what, and how.
type SourceConfig struct {
	Own, MTA End
	To       conf.Address
	Mode     string // conf.ModeNormal …

	From       oraddr.Address
	Recipients []oraddr.Address // at least one; messages go to one after the other
	Sizes      Mix[int64]
	Priorities Mix[mts.Priority]
	Wrapping   *Wrapping // nil: contents are sent as they are

	Messages       uint64        // 0: no limit but MaxMessages
	Duration       time.Duration // within which transfers begin; 0: no limit
	Associations   int           // at once, at least 1
	PerAssociation uint64        // messages on one; 0: no limit
	Rate           float64       // messages that are due in a second; 0: the next when one has ended

	Timeout time.Duration // for an association to stand, for an answer, and without any association
}

// Wrapping is what is made of a content before it is sent, such as a signed one. A Sink that
// watches takes it off what arrives, which may have been wrapped anew on the way, and compares.
type Wrapping struct {
	Type mts.ContentType // of what is sent
	// Wrap returns what is sent as message n, always the same.
	Wrap func(n uint64, content []byte) ([]byte, error)
	// Unwrap returns what is in the content that has arrived as message n. Both are called from
	// several goroutines.
	Unwrap func(n uint64, content []byte) ([]byte, error)
}

// Sent is what a Source has done.
type Sent struct {
	Run       string
	Accepted  int64
	Refused   int64 // the MTA has not got it
	InDoubt   int64 // the association was lost before it said
	Octets    int64 // of contents accepted
	Begun     time.Time
	Confirmed time.Time // the last
	Transfer  measure.Latencies

	Associations int // that stood at once, at most
	Binds        int64
	FailedBinds  int64

	accepted numbers
}

// A Source transfers messages to an MTA over several associations.
type Source struct {
	cfg   SourceConfig
	run   string
	maker *maker
	conf  *conf.Config // of the MTA that the source plays
	peer  *conf.Peer

	mu       sync.Mutex
	next     uint64
	sent     Sent
	standing int
	stood    time.Time // when there last was an association
	failed   error     // nothing more is sent because of it
	over     chan struct{}
	ended    bool
}

// NewSource makes the messages ready.
func NewSource(cfg SourceConfig) (*Source, error) {
	s := &Source{cfg: cfg, run: newRun(), over: make(chan struct{})}
	var err error
	if s.maker, err = newMaker(s.run, cfg.From, cfg.Recipients, cfg.Sizes, cfg.Priorities, cfg.Wrapping); err != nil {
		return nil, err
	}
	if cfg.Mode == conf.Mode1984 && cfg.Wrapping == nil {
		s.maker.content = mts.NewContentType(mts.InterpersonalMessaging1984)
	}
	channel := conf.NewChannel()
	channel.Name = "bench"
	channel.OpenTimeout, channel.TransferTimeout = conf.Duration(cfg.Timeout), conf.Duration(cfg.Timeout)
	peer := conf.NewPeer()
	peer.Name, peer.Channel, peer.Mode, peer.Addresses = cfg.MTA.Name, channel.Name, cfg.Mode, []conf.Address{cfg.To}
	peer.PasswordIn, peer.PasswordOut, peer.TwoWay = cfg.MTA.Password, cfg.Own.Password, false
	s.peer = &peer
	s.conf = conf.New()
	s.conf.Identity.MTA, s.conf.Channels, s.conf.Peers = cfg.Own.Name, []conf.Channel{channel}, []conf.Peer{peer}
	return s, nil
}

// Run transfers until there is nothing more to do, or ctx is over, and then lets what is
// in progress end. The first association must stand; afterwards there is an error only
// when none has stood for the whole timeout.
func (s *Source) Run(ctx context.Context) (*Sent, error) {
	first, err := s.open(ctx)
	if err != nil {
		return &s.sent, err
	}
	s.sent.Run, s.sent.Begun = s.run, time.Now()
	var workers sync.WaitGroup
	for range s.cfg.Associations {
		a := first
		first = nil
		workers.Go(func() { s.work(ctx, a) })
	}
	workers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return &s.sent, s.failed
}

// APDU is message number n, whose transfer begins at a time, for whoever brings it there
// another way, and its size.
func (s *Source) APDU(n uint64, begun time.Time) (io.Reader, int64, error) {
	m, err := s.maker.make(n, begun)
	return m.apdu, m.size, err
}

// Name is the run that the messages are of.
func (s *Source) Name() string { return s.run }

// association is one that stands.
type association struct {
	conn *rtse.Conn
	gone chan struct{} // closed when it has ended
}

// open opens an association.
func (s *Source) open(ctx context.Context) (*association, error) {
	call, err := x400p1.Dial(ctx, s.conf, s.peer, time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.sent.FailedBinds++
		return nil, diag.E(s.peer.Name+": "+x400p1.LayerOf(err), diag.KindOf(err), err)
	}
	s.sent.Binds++
	s.standing++
	s.sent.Associations = max(s.sent.Associations, s.standing)
	a := &association{call.Conn, make(chan struct{})}
	go func() {
		defer close(a.gone)
		for {
			ind, err := a.conn.Receive(context.Background())
			if err != nil {
				return
			}
			switch ind.(type) {
			case rtse.Closed, rtse.Aborted:
				return
			}
		}
	}()
	return a, nil
}

// close releases an association, or notes that it has ended.
func (s *Source) close(a *association) {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Timeout)
	defer cancel()
	if a.conn.Close(ctx) != nil {
		a.conn.Abort(rtse.UserError)
	}
	<-a.gone
	s.mu.Lock()
	defer s.mu.Unlock()
	s.standing--
	s.stood = time.Now()
}

// due is a message to be transferred.
type due struct {
	n  uint64
	at time.Time // when it is; zero: at once
}

// take takes the next message; ok is false when there is none.
func (s *Source) take() (d due, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, left := s.left()
	if !left {
		s.end(nil)
		return d, false
	}
	s.next++
	d.n = s.next
	if s.cfg.Rate > 0 {
		d.at = at
	}
	return d, true
}

// left tells whether there is a next message, and when it is due. s.mu is held.
func (s *Source) left() (at time.Time, left bool) {
	most := s.cfg.Messages
	if most == 0 {
		most = MaxMessages
	}
	at = time.Now()
	if s.cfg.Rate > 0 {
		at = s.sent.Begun.Add(time.Duration(float64(s.next) / s.cfg.Rate * float64(time.Second)))
	}
	inTime := s.cfg.Duration == 0 || at.Sub(s.sent.Begun) < s.cfg.Duration
	return at, !s.ended && s.next < most && inTime
}

// end tells everybody that no more messages are taken. s.mu is held.
func (s *Source) end(err error) {
	if s.failed == nil {
		s.failed = err
	}
	if !s.ended {
		s.ended = true
		close(s.over)
	}
}

// work is one association after the other. A message is taken when there is one to send
// it over: who waits for an association keeps none from the others.
func (s *Source) work(ctx context.Context, a *association) {
	var d due
	taken := false
	for {
		if a == nil {
			if a = s.reopen(ctx, taken); a == nil {
				return
			}
		}
		for n := uint64(0); s.cfg.PerAssociation == 0 || n < s.cfg.PerAssociation; n++ {
			if !taken {
				if d, taken = s.take(); !taken {
					break
				}
			}
			if !s.wait(ctx, a, d.at) {
				break // the association has ended before the message, which goes over the next
			}
			s.transfer(a, d)
			taken = false
		}
		s.close(a)
		a = nil
		s.mu.Lock()
		_, left := s.left()
		s.mu.Unlock()
		if ctx.Err() != nil || !taken && !left {
			return
		}
	}
}

// wait waits until a message is due, and tells whether it can be sent.
func (s *Source) wait(ctx context.Context, a *association, at time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-a.gone:
		return false
	default:
	}
	pause := time.Until(at)
	if pause <= 0 {
		return true
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-a.gone:
		return false
	case <-timer.C:
		return true
	}
}

// The pause after an association could not be opened, the first and the longest.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = 2 * time.Second
)

// reopen opens an association, trying until no association has stood for the whole
// timeout, or, unless there is a message that waits for it, until no more are taken; nil,
// then.
func (s *Source) reopen(ctx context.Context, waits bool) *association {
	over := s.over
	if waits {
		over = nil
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		a, err := s.open(ctx)
		if err == nil {
			return a
		}
		s.mu.Lock()
		if s.standing == 0 && time.Since(s.stood) > s.cfg.Timeout {
			s.end(err)
		}
		failed := s.failed
		s.mu.Unlock()
		if failed != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-over:
			return nil
		case <-time.After(pause):
		}
	}
}

// errMessage is a message that cannot be made.
var errMessage = errors.New("the message cannot be encoded")

// transfer transfers a message and counts what became of it.
func (s *Source) transfer(a *association, d due) {
	begun := time.Now()
	if !d.at.IsZero() {
		begun = d.at // how late it is counts
	}
	m, err := s.maker.make(d.n, begun)
	if err != nil {
		s.mu.Lock()
		s.end(diag.E("", diag.KindOf(err), errors.Join(errMessage, err)))
		s.mu.Unlock()
		return
	}
	result, _ := a.conn.Transfer(context.Background(), m.apdu, m.size) // the result says it
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case result.Confirmed:
		s.sent.Accepted++
		s.sent.Octets += m.of
		s.sent.Transfer.Add(now.Sub(begun))
		s.sent.Confirmed = now
		s.sent.accepted.add(d.n)
	case result.InDoubt:
		s.sent.InDoubt++
	default:
		s.sent.Refused++
	}
}

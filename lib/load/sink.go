package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
)

// SinkConfig is who a Sink is, and whom it takes from.
type SinkConfig struct {
	Own     End
	MTA     End           // whoever else calls is refused; without a name nobody is
	Delay   time.Duration // between the last octet of an object and the yes
	Timeout time.Duration // for a caller to bind, and to go on with an object
}

// Taken is what a Sink has taken.
type Taken struct {
	Messages, Reports, Probes int64
	Octets                    int64 // of contents
	Distinct, Twice           int64 // messages of sources: different ones, and those that had arrived before
	Altered                   int64 // and those of a watched source that are not what it sent
	First, Last               time.Time
	Arrival                   measure.Latencies // of the messages of sources

	Associations int // that stood at once, at most
	Binds        int64
}

// run is the messages of a run, as they have arrived.
type run struct {
	arrived numbers
	twice   int64
	altered int64
	latency measure.Latencies
}

// maxRuns bounds the runs whose messages a Sink notes one by one.
const maxRuns = 1000

// maxSink bounds the connections of a Sink; more than that are closed at once.
const maxSink = 1000

// maxOpening is the largest TSDU before the bind: a CN SPDU with 10240 octets of user data
// (X.225 §8.3.1). Afterwards an RTTR may be a whole message.
const maxOpening = 32 << 10

// A Sink answers associations, takes what comes over them and throws it away.
type Sink struct {
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu          sync.Mutex
	listeners   []net.Listener
	taken       Taken
	standing    int
	unused      map[*rtse.Conn]context.CancelFunc // associations that nothing has come over yet
	connections int
	changed     chan struct{}     // closed, and replaced, when something has been taken
	watched     map[string]*maker // sources whose messages are compared with what they sent, by run
	runs        map[string]*run
}

// NewSink makes one that listens nowhere yet.
func NewSink() *Sink {
	s := &Sink{changed: make(chan struct{}), unused: map[*rtse.Conn]context.CancelFunc{}, watched: map[string]*maker{}, runs: map[string]*run{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Listen takes what comes to an address, too, and returns the address with its port.
func (s *Sink) Listen(address string, cfg SinkConfig) (net.Addr, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, diag.E("listen", diag.Unavailable, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	s.tasks.Go(func() { s.accept(l, cfg) })
	return l.Addr(), nil
}

// lull is between the end of the associations that were not used and that of the others.
const lull = 100 * time.Millisecond

// Close ends every association, taking nothing more, and returns what has been taken. A
// responder can only abort (X.218 §9.2), and an MTA that has just been aborted with nothing
// done over any association may take that for a failure: those that were used are the last.
func (s *Sink) Close() Taken {
	s.mu.Lock()
	for _, l := range s.listeners {
		_ = l.Close() // nobody comes any more either way
	}
	wait := len(s.unused) > 0 && len(s.unused) < s.standing
	for _, end := range s.unused {
		end()
	}
	s.mu.Unlock()
	if wait {
		time.Sleep(lull)
	}
	s.cancel()
	s.tasks.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// Watch compares the messages of a source with what it sends.
func (s *Sink) Watch(source *Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched[source.run] = source.maker
	s.runs[source.run] = &run{}
}

// Arrived is how many messages of a watched source have arrived, each once, and how long
// they took.
func (s *Sink) Arrived(source *Source) (n int64, latency measure.Latencies) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[source.run]
	latency.Merge(&r.latency)
	return r.arrived.count, latency
}

// Taken is what has been taken so far.
func (s *Sink) Taken() Taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken.clone()
}

// clone is a copy that does not change any more.
func (t *Taken) clone() Taken {
	c := *t
	c.Arrival = measure.Latencies{}
	c.Arrival.Merge(&t.Arrival)
	return c
}

// Wait returns when so many messages have been taken, or ctx is over.
func (s *Sink) Wait(ctx context.Context, messages int64) {
	for {
		s.mu.Lock()
		done, changed := s.taken.Messages >= messages, s.changed
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (s *Sink) accept(l net.Listener, cfg SinkConfig) {
	for {
		nc, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			select { // descriptors have run out, which others give back
			case <-s.ctx.Done():
				return
			case <-time.After(firstPause):
			}
			continue
		}
		s.mu.Lock()
		crowded := s.connections == maxSink
		if !crowded {
			s.connections++
		}
		s.mu.Unlock()
		if crowded {
			_ = nc.Close() // it hears so
			continue
		}
		s.tasks.Go(func() {
			s.serve(nc, cfg)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.connections--
		})
	}
}

// serve is the life of a connection. What is wrong with it, who has called sees.
func (s *Sink) serve(nc net.Conn, cfg SinkConfig) {
	stop := context.AfterFunc(s.ctx, func() { _ = nc.SetReadDeadline(time.Now()) })
	conn, err := s.answer(nc, cfg)
	stop()
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	s.mu.Lock()
	s.taken.Binds++
	s.standing++
	s.taken.Associations = max(s.taken.Associations, s.standing)
	s.unused[conn] = cancel
	s.mu.Unlock()
	defer func() {
		conn.Abort(rtse.UserError) // nothing, if it is over
		s.mu.Lock()
		defer s.mu.Unlock()
		s.standing--
		delete(s.unused, conn)
	}()
	for {
		ind, err := conn.Receive(ctx)
		if err != nil {
			return
		}
		switch ind := ind.(type) {
		case *rtse.TransferIndication:
			s.mu.Lock()
			delete(s.unused, conn)
			s.mu.Unlock()
			if !s.take(ind, cfg.Delay) {
				return
			}
		case rtse.Closed, rtse.Aborted:
			return
		}
	}
}

// answer answers an association, up to and including the bind; nc is closed if there is
// none.
func (s *Sink) answer(nc net.Conn, cfg SinkConfig) (*rtse.Conn, error) {
	if err := nc.SetReadDeadline(time.Now().Add(cfg.Timeout)); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	_, octets, err := tp.PeekCR(nc)
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	if err := nc.SetReadDeadline(time.Time{}); err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	tc, _, err := tp.Accept(nc, octets, tp.Params{MaxTSDU: maxOpening, Timeout: cfg.Timeout})
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	c := p1.AssociationConfig()
	c.ApplicationProtocols = []int64{p1.ApplicationProtocol1988, p1.ApplicationProtocol1984}
	c.CheckpointSize, c.WindowSize = 1024, 16 // whatever is proposed
	c.CallingReference = cfg.Own.Name
	c.Timers.Open, c.Timers.Transfer, c.Timers.Idle = cfg.Timeout, cfg.Timeout, cfg.Timeout
	return rtse.Accept(s.ctx, tc, c, func(ind rtse.OpenIndication) rtse.Decision {
		d := cfg.decide(ind)
		if d.Accept {
			tc.SetMaxTSDU(0)
		}
		return d
	})
}

// decide lets in whom the configuration names, or, if nobody, whoever calls.
func (cfg *SinkConfig) decide(ind rtse.OpenIndication) rtse.Decision {
	argument, err := p1.DecodeBindArgument(ind.UserData)
	if err == nil && cfg.MTA.Name != "" {
		err = p1.Peer{Name: cfg.MTA.Name, Password: cfg.MTA.Password}.CheckInitiator(argument)
	}
	result, e := p1.BindResult(cfg.Own.Name, cfg.Own.Password, ind.Remote.ApplicationProtocol)
	if err != nil || e != nil {
		reason := p1.RefuseReason(mts.AuthenticationError)
		return rtse.Decision{UserData: p1.BindError(mts.AuthenticationError), RefuseReason: &reason}
	}
	return rtse.Decision{Accept: true, UserData: result}
}

// take takes an object; false ends the association.
func (s *Sink) take(ind *rtse.TransferIndication, delay time.Duration) bool {
	in, err := p1.ReadAPDU(ind.APDU, p1.Limits{})
	if err != nil {
		return false
	}
	h := sha256.New()
	wrapped := bytes.Buffer{}
	wrapping := s.wrapping(in)
	to := io.Writer(h)
	if wrapping != nil {
		to = &wrapped
	}
	octets, err := io.Copy(to, in.Content)
	if err == nil {
		err = in.Finish()
	}
	var discarded *rtse.Discarded
	switch {
	case errors.As(err, &discarded):
		return true // and the sender may send it again
	case err != nil:
		return false
	}
	at := time.Now()
	if delay > 0 {
		select {
		case <-s.ctx.Done():
			return false
		case <-time.After(delay):
		}
	}
	if err := ind.Accept(); err != nil {
		return errors.As(err, &discarded)
	}
	var digest [sha256.Size]byte
	h.Sum(digest[:0])
	if wrapping != nil {
		digest = wrapping.digest(in, wrapped.Bytes())
	}
	s.count(in, octets, at, digest)
	return true
}

// wrapping is that of the source whose message comes; nil if it has none.
func (s *Sink) wrapping(in *p1.Incoming) *Wrapping {
	if in.Kind != p1.Message {
		return nil
	}
	id, ours := identify(string(in.Message.MessageIdentifier.LocalIdentifier))
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.watched[id.run]; ours && of != nil {
		return of.wrapping
	}
	return nil
}

// digest is that of what is in a content; none if nothing is, which no message has.
func (w *Wrapping) digest(in *p1.Incoming, content []byte) (d [sha256.Size]byte) {
	id, _ := identify(string(in.Message.MessageIdentifier.LocalIdentifier))
	if plain, err := w.Unwrap(id.n, content); err == nil {
		d = sha256.Sum256(plain)
	}
	return d
}

// count counts an object that was taken.
func (s *Sink) count(in *p1.Incoming, octets int64, at time.Time, digest [sha256.Size]byte) {
	var id identity
	var ours, altered bool
	if in.Kind == p1.Message {
		id, ours = identify(string(in.Message.MessageIdentifier.LocalIdentifier))
	}
	s.mu.Lock()
	of := s.watched[id.run]
	s.mu.Unlock()
	if ours && of != nil {
		altered = !of.is(id.n, in.Message, digest)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken.First.IsZero() {
		s.taken.First = at
	}
	s.taken.Last = at
	s.taken.Octets += octets
	switch in.Kind {
	case p1.Report:
		s.taken.Reports++
	case p1.Probe:
		s.taken.Probes++
	default:
		s.taken.Messages++
		if ours {
			s.taken.Arrival.Add(at.Sub(id.begun))
			s.note(id, altered, at)
		}
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// note notes a message of a run. s.mu is held.
func (s *Sink) note(id identity, altered bool, at time.Time) {
	r := s.runs[id.run]
	if r == nil {
		if len(s.runs) == maxRuns {
			return
		}
		r = &run{}
		s.runs[id.run] = r
	}
	if s.watched[id.run] != nil {
		r.latency.Add(at.Sub(id.begun))
	}
	switch {
	case altered:
		r.altered++
		s.taken.Altered++
	case r.arrived.add(id.n):
		s.taken.Distinct++
	default:
		r.twice++
		s.taken.Twice++
	}
}

package p1driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Outcome is how an attempt to transfer a message ended.
type Outcome int

// The outcomes.
const (
	Acknowledged Outcome = iota // the peer has taken responsibility
	Refused                     // the peer said not now
	Lost                        // the association ended before the message was whole
	InDoubt                     // it ended after that, without an answer
)

// Attempt is one attempt to transfer a message.
type Attempt struct {
	Association int
	Started     time.Time
	Ended       time.Time
	Outcome     Outcome
	Octets      int  // of the object that were sent
	Resumed     bool // behind what was sent before
	Recovered   bool // over an association that recovered another
}

// Entry is what the source knows of a message.
type Entry struct {
	Message  *Message
	Attempts []Attempt
}

// Acknowledged tells whether the peer has taken responsibility.
func (e *Entry) Acknowledged() bool {
	return slices.ContainsFunc(e.Attempts, func(a Attempt) bool { return a.Outcome == Acknowledged })
}

// SourceConfig says what a source is.
type SourceConfig struct {
	Address      string // of the peer, loopback
	TSEL         string
	Own          Bind
	PeerPassword string
	Associations int
	Manner       func(association int) Manner // nil: as we like it ourselves
	Interval     time.Duration                // between two messages of one association; 0: one after the other
	Retry        time.Duration                // after a failure; 0: 50 ms
	Book         *Book                        // of what the peer sends when it gets the turn; nil: it never does
}

// Source transfers messages, each until it is acknowledged.
type Source struct {
	config SourceConfig

	mu       sync.Mutex
	entries  map[string]*Entry
	stopped  map[string]*stopped // by MTS identifier
	failures map[string]int
}

// NewSource makes a source.
func NewSource(config SourceConfig) *Source {
	if config.Manner == nil {
		config.Manner = func(int) Manner { return Manner{Checkpoint: 64, Window: 3, Monologue: config.Book == nil} }
	}
	if config.Retry == 0 {
		config.Retry = 50 * time.Millisecond
	}
	return &Source{config: config, entries: map[string]*Entry{}, stopped: map[string]*stopped{}, failures: map[string]int{}}
}

// Entries returns the source's book, by MTS identifier. It is to be called when Run
// has returned.
func (s *Source) Entries() map[string]*Entry { return s.entries }

// Failures counts what went wrong, by reason.
func (s *Source) Failures() map[string]int { return s.failures }

// Run transfers what comes from next, until that says there is no more and
// everything is acknowledged, or ctx is done.
func (s *Source) Run(ctx context.Context, next func() (*Message, bool)) error {
	var all sync.WaitGroup
	errs := make([]error, s.config.Associations)
	for i := range s.config.Associations {
		all.Go(func() { errs[i] = s.work(ctx, i, next) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// line is an association of a source, opened when it is needed.
type line struct {
	*association
	inbox inbox
	old   []byte // the association that was lost, to be recovered

	mu   sync.Mutex
	conn net.Conn
}

func (s *Source) work(ctx context.Context, number int, next func() (*Message, bool)) error {
	l := &line{}
	defer l.close()
	stop := context.AfterFunc(ctx, l.cut)
	defer stop()
	for {
		m, ok := next()
		if !ok {
			return s.release(l)
		}
		started := time.Now()
		for !s.try(ctx, l, number, m) {
			if err := pause(ctx, s.config.Retry); err != nil {
				return err
			}
		}
		if s.config.Interval > 0 {
			if err := pause(ctx, s.config.Interval-time.Since(started)); err != nil {
				return err
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(0, d)):
		return nil
	}
}

// try makes one attempt, over a new association if there is none.
func (s *Source) try(ctx context.Context, l *line, number int, m *Message) bool {
	a := Attempt{Association: number, Started: time.Now()}
	err := s.ready(ctx, l, number)
	if err == nil {
		err = s.transfer(l, number, m, &a)
	} else {
		a.Outcome = Lost
	}
	a.Ended = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[m.MTSID()]
	if e == nil {
		e = &Entry{Message: m}
		s.entries[m.MTSID()] = e
	}
	e.Attempts = append(e.Attempts, a)
	if err != nil {
		s.failures[reason(err)]++
		if a.Outcome != Refused {
			if s.stopped[m.MTSID()] != nil && s.config.Manner(number).Recover && l.association != nil {
				l.old = l.asked
			}
			l.close()
		}
	}
	return a.Outcome == Acknowledged
}

// ready gets an association with the turn.
func (s *Source) ready(ctx context.Context, l *line, number int) error {
	if l.association == nil {
		conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", s.config.Address)
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.conn = conn
		l.mu.Unlock()
		if err := ctx.Err(); err != nil { // from now on cut sees conn
			return errors.Join(err, conn.Close())
		}
		a, err := initiate(conn, s.config.TSEL, s.config.Own, s.config.PeerPassword, s.config.Manner(number), l.old)
		l.old = nil
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		l.association = a
		if s.config.Book != nil {
			a.heard = s.config.Book.asks
			l.inbox = inbox{book: s.config.Book, verdict: func(Moment) Verdict { return Proceed }, association: s.config.Book.association()}
		}
	}
	if l.wants && l.turn {
		if s.config.Book == nil {
			return errors.New("asked for the turn without a book for what comes")
		}
		if err := l.giveTurn(); err != nil {
			return err
		}
	}
	return l.await(2)
}

// await gets the turn back, taking what the peer sends meanwhile.
func (l *line) await(priority byte) error {
	if l.turn {
		return nil
	}
	if err := l.askTurn(priority); err != nil {
		return err
	}
	for !l.turn {
		if err := l.step(&l.inbox); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) release(l *line) error {
	if l.association == nil {
		return nil
	}
	if err := l.await(0); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	if err := l.association.release(); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// cut ends what the association waits for.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close() // it may have ended
	}
}

func (l *line) close() {
	if l.association == nil {
		return
	}
	l.cut()
	if l.inbox.book != nil {
		l.inbox.drop()
	}
	l.association = nil
}

// transfer sends a message, or what is missing of it.
func (s *Source) transfer(l *line, number int, m *Message, a *Attempt) (err error) {
	s.mu.Lock()
	from := s.stopped[m.MTSID()]
	delete(s.stopped, m.MTSID())
	s.mu.Unlock()
	if from == nil {
		from = &stopped{octets: l.style.append(nil, m.apdu(s.config.Own.MTA, a.Started, l.protocol))}
	}
	a.Resumed, a.Recovered = from.serial > 0, l.recovers
	l.cutAt, l.noted, l.atEnd = 0, nil, nil
	if from.serial == 0 {
		manner := s.config.Manner(number)
		l.cutAt, l.noted, l.atEnd = manner.CutAt, manner.Confirmed, manner.AtEnd
	}
	before := l.sent
	a.Outcome, err = l.association.transfer(from)
	a.Octets = l.sent - before
	if s.config.Manner(number).Resume && (a.Outcome == Lost || a.Outcome == InDoubt) && from.serial > 0 {
		s.mu.Lock()
		s.stopped[m.MTSID()] = from
		s.mu.Unlock()
	}
	return err
}

// transfer sends one object, from where it was stopped, and waits for its
// acknowledgement. It notes how far it gets.
func (a *association) transfer(o *stopped) (Outcome, error) {
	rest := o.octets[o.at:]
	a.activity++
	id := append([]byte{2, byte(len(integer(a.activity)))}, integer(a.activity)...)
	if o.serial > 0 {
		a.send(after(siGT, o.spdu(id)))
	} else {
		a.send(after(siGT, item(siAS, item(piActivity, id))))
	}
	o.connection, o.activity = append(append([]byte(nil), a.called...), a.asked...), id
	issued, confirmed := o.serial, o.serial
	bounds := map[int]int{}
	for {
		n := len(rest)
		if a.checkpoint > 0 {
			n = min(n, a.checkpoint)
		}
		a.data(rest[:n])
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
		issued++
		bounds[issued] = len(o.octets) - len(rest)
		a.send(after(siGT, item(siMIP, serial(issued))))
		for issued-confirmed >= a.window {
			s, err := a.answerOf(siMIA)
			if err != nil {
				return a.ended(err)
			}
			confirmed = decimal(param(s.params, piSerial))
			o.serial, o.at = confirmed, bounds[confirmed]
			if a.noted != nil {
				a.noted(confirmed)
			}
			if a.cutAt > 0 && confirmed >= a.cutAt {
				return Lost, errors.Join(errCut, a.conn.Close())
			}
		}
	}
	a.send(after(siGT, item(siAE, serial(issued+1))))
	if a.atEnd != nil {
		err := a.flush()
		a.atEnd()
		return InDoubt, errors.Join(errCut, err, a.conn.Close())
	}
	if _, err := a.answerOf(siAEA); err != nil {
		outcome, err := a.ended(err)
		if outcome == Lost {
			outcome = InDoubt
		}
		return outcome, err
	}
	return Acknowledged, nil
}

var errException = errors.New("exception")

// answerOf waits for an SPDU of the receiving side.
func (a *association) answerOf(si byte) (spdu, error) {
	if err := a.flush(); err != nil {
		return spdu{}, err
	}
	for {
		s, err := a.next()
		switch {
		case err != nil:
			return s, err
		case s.alone && s.si == siPT:
		case !s.alone && (s.si == siED || s.si == siER):
			return s, fmt.Errorf("%w: % x", errException, s.params)
		case !s.alone && s.si == si:
			return s, nil
		case !s.alone && s.si == siMIA:
		default:
			return s, fmt.Errorf("SPDU %d is not expected", s.si)
		}
	}
}

// ended discards the activity after an exception; other errors are the end of the
// association.
func (a *association) ended(err error) (Outcome, error) {
	if !errors.Is(err, errException) {
		return Lost, err
	}
	a.send(after(siGT, item(siAD, item(piReason, []byte{0}))))
	if _, e := a.answerOf(siADA); e != nil {
		return Lost, e
	}
	return Refused, err
}

func decimal(digits []byte) int {
	n := 0
	for _, d := range digits[:min(len(digits), 6)] {
		n = n*10 + int(d-'0')
	}
	return n
}

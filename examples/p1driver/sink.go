package p1driver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Moment is a point of an association at which a sink may be told what to do.
type Moment int

// The moments.
const (
	OnConnect    Moment = iota // CR TPDU: Refuse answers DR
	OnBind                     // Refuse answers bind error busy
	OnStart                    // ACTIVITY START has come
	OnData                     // a piece of an object has come
	OnCheckpoint               // MINOR SYNC has come and is not confirmed
	OnEnd                      // an object is whole and not stored: Refuse answers EXCEPTION DATA
	OnStored                   // it is stored and not acknowledged
)

// Verdict is what to do at a moment.
type Verdict int

// The verdicts. Delay is up to whoever is asked.
const (
	Proceed Verdict = iota
	Refuse          // where the moment allows it; elsewhere Cut
	Cut             // close the connection without a word
)

// maxAssociations bounds the associations of one sink.
const maxAssociations = 256

// SinkConfig says what a sink is.
type SinkConfig struct {
	Listen  string            // loopback address and port
	Own     Bind              // as it answers
	Peers   map[string]string // MTA names that may call, and their passwords
	Verdict func(Moment) Verdict
	Book    *Book
	Resume  bool // take up what was interrupted
	// Last is what an association sends itself: it asks for the turn for it before it
	// acknowledges an object, and uses the turn when it is asked to give it back.
	Last *Message
	// Protocol is the application protocol of X.410-1984 mode in which the peers call;
	// 0 is normal mode.
	Protocol int
}

// Sink takes associations and objects until it is closed.
type Sink struct {
	config SinkConfig
	l      net.Listener
	all    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	errs  map[string]int
	attic *attic
}

// Listen starts a sink.
func Listen(config SinkConfig) (*Sink, error) {
	l, err := net.Listen("tcp", config.Listen)
	if err != nil {
		return nil, err
	}
	if config.Verdict == nil {
		config.Verdict = func(Moment) Verdict { return Proceed }
	}
	s := &Sink{config: config, l: l, conns: map[net.Conn]struct{}{}, errs: map[string]int{}}
	if config.Resume {
		s.attic = &attic{kept: map[string]*remains{}}
	}
	s.all.Go(s.accept)
	return s, nil
}

// Addr is where the sink listens.
func (s *Sink) Addr() string { return s.l.Addr().String() }

// Errors counts how associations ended that were not released, by reason.
func (s *Sink) Errors() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for k, n := range s.errs {
		out[k] = n
	}
	return out
}

// Close ends every association.
func (s *Sink) Close() error {
	err := s.l.Close()
	s.mu.Lock()
	for conn := range s.conns {
		if e := conn.Close(); !errors.Is(e, net.ErrClosed) { // its association may just have ended
			err = errors.Join(err, e)
		}
	}
	s.mu.Unlock()
	s.all.Wait()
	return err
}

func (s *Sink) accept() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		full := len(s.conns) >= maxAssociations
		if !full {
			s.conns[conn] = struct{}{}
		}
		s.mu.Unlock()
		if full {
			_ = conn.Close() // the caller will call again
			continue
		}
		s.all.Go(func() {
			err := s.serve(conn)
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, conn)
			if err != nil {
				s.errs[reason(err)]++
			}
		})
	}
}

// reason is an error without what differs from one association to the next.
func reason(err error) string {
	var op *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return "connection lost"
	case errors.Is(err, errCut):
		return "cut as told"
	case errors.Is(err, errAborted):
		return "aborted by the peer"
	}
	return err.Error()
}

func (s *Sink) serve(conn net.Conn) error {
	defer func() { _ = conn.Close() }() // Close may have come first
	a, err := respond(conn, s.config.Own, s.config.Peers, s.config.Protocol, s.config.Verdict)
	if err != nil {
		return err
	}
	in := &inbox{book: s.config.Book, verdict: s.config.Verdict, association: s.config.Book.association(), attic: s.attic, asks: s.config.Last != nil}
	defer in.lose()
	for {
		if err := a.step(in); err != nil {
			if errors.Is(err, errReleased) {
				return nil
			}
			return err
		}
		if a.turn && a.wants {
			if err := s.sendLast(a); err != nil {
				return err
			}
		}
	}
}

// sendLast uses the turn, and gives it back.
func (s *Sink) sendLast(a *association) error {
	octets := a.style.append(nil, s.config.Last.apdu(s.config.Own.MTA, time.Now(), a.protocol))
	if _, err := a.transfer(&stopped{octets: octets}); err != nil {
		return err
	}
	return a.giveTurn()
}

var (
	errReleased = errors.New("released")
	errCut      = errors.New("cut as told")
)

// inbox is the object that is coming over an association.
type inbox struct {
	book        *Book
	verdict     func(Moment) Verdict
	association int

	octets   []byte
	started  time.Time
	moving   *object // what is known of it
	refusing bool    // EXCEPTION DATA was sent

	asks bool // for the turn

	attic    *attic // nil: nothing is kept
	name     string // of the activity
	bounds   []int  // where its checkpoints were
	received int    // octets, over this association
	rttrs    int    // that they came in
	resumed  bool
	repeated bool // it is stored already
}

// begin begins with an activity.
func (in *inbox) begin(a *association, params []byte) {
	in.drop()
	in.started = time.Now()
	in.name = activityName(a.asked, param(params, piActivity))
}

// drop forgets the object.
func (in *inbox) drop() {
	if in.moving != nil {
		in.book.stops(in.association, in.moving)
	}
	in.moving, in.octets, in.bounds = nil, in.octets[:0], nil
	in.name, in.received, in.rttrs, in.resumed, in.repeated = "", 0, 0, false, false
}

// at asks for the verdict of a moment that cannot be refused.
func (in *inbox) at(m Moment) error {
	if in.verdict(m) != Proceed {
		return errCut
	}
	return nil
}

// step takes one SPDU of a peer that has the turn.
func (a *association) step(in *inbox) error {
	s, err := a.next()
	if err != nil {
		return err
	}
	if in.moving != nil {
		in.book.lives(in.association, in.moving)
	}
	if s.alone {
		return a.stepAlone(s)
	}
	if in.refusing && s.si != siAD && s.si != siAI {
		return nil
	}
	switch s.si {
	case siAS:
		in.begin(a, s.params)
		return in.at(OnStart)
	case siAR:
		return a.resume(in, s)
	case siDT:
		part, err := a.piece(s.user)
		if err != nil {
			return err
		}
		in.received += len(part)
		in.rttrs++
		if in.repeated {
			return nil
		}
		if in.octets = append(in.octets, part...); len(in.octets) > maxObject {
			return errors.New("object too long")
		}
		in.look(a.protocol)
		return in.at(OnData)
	case siMIP:
		if err := in.at(OnCheckpoint); err != nil {
			return err
		}
		in.bounds = append(in.bounds, len(in.octets))
		a.send(after(siPT, item(siMIA, item(piSerial, param(s.params, piSerial)))))
		return a.flush()
	case siAE:
		return a.end(in, s)
	case siAD, siAI:
		in.refusing = false
		answer := byte(siADA)
		if s.si == siAI {
			answer = siAIA
			in.lose()
		}
		in.drop()
		a.send(after(siPT, []byte{answer, 0}))
		return a.flush()
	}
	return fmt.Errorf("SPDU %d is not expected", s.si)
}

// stepAlone takes an SPDU about turn or release.
func (a *association) stepAlone(s spdu) error {
	switch s.si {
	case siGTC:
		a.turn = true
		a.send([]byte{siGTA, 0})
		return a.flush()
	case siPT, siAA:
		return nil
	case siFN:
		rlre := []byte{0x61, 12, 0x30, 10, 2, 1, contextACSE, 0xa0, 5, 0x63, 3, 0x80, 1, 0}
		if a.protocol != 0 {
			a.send([]byte{siDN, 0})
		} else {
			a.send(item(siDN, item(piUserData, rlre)))
		}
		if err := a.flush(); err != nil {
			return err
		}
		return errReleased
	}
	return fmt.Errorf("SPDU %d is not expected", s.si)
}

// look finds out, as early as the octets allow, what it is that is coming.
func (in *inbox) look(protocol int) {
	if in.moving != nil {
		return
	}
	t, _, _ := parse(in.octets, 0) // there may be more to come
	if protocol != 0 {
		t = c(0x28, c(0xa0, t)) // the EXTERNAL that normal mode has
	}
	o := &object{}
	if message, ok := t.find(0xa0, 0xa0, 0x31); ok {
		to, there := message.find(0xa2)
		for _, r := range to.parts {
			n, _ := r.find(0x80)
			indicators, ok := r.find(0x81)
			there = there && ok
			if ok && len(indicators.octets) > 1 && indicators.octets[1]&0x80 != 0 {
				o.numbers = append(o.numbers, n.int())
			}
		}
		if !there {
			return
		}
		o.mtsID, _ = readMTSID(message)
	} else if report, ok := t.find(0xa0, 0xa1, 0x31); ok {
		o.numbers = []int{1}
		o.mtsID, _ = readMTSID(report)
	}
	if o.mtsID != "" {
		in.moving = o
		in.book.moves(in.association, o)
	}
}

// end takes ACTIVITY END: the object is stored, then acknowledged.
func (a *association) end(in *inbox, s spdu) error {
	if in.repeated {
		in.drop()
		a.send(after(siPT, item(siAEA, item(piSerial, param(s.params, piSerial)))))
		return a.flush()
	}
	switch in.verdict(OnEnd) {
	case Cut:
		return errCut
	case Refuse:
		const temporarilyUnable = 1
		in.refusing = true
		a.send(after(siPT, item(siED, item(piReason, []byte{temporarilyUnable}))))
		return a.flush()
	}
	o, err := readObject(in.octets, a.protocol)
	if err != nil {
		return err
	}
	index := in.book.arrived(Arrival{MTSID: o.mtsID, Numbers: o.numbers, Defined: o.defined, Digest: o.digest, Size: o.size, Report: o.report,
		Association: in.association, Started: in.started, Stored: time.Now(), Octets: in.received, RTTRs: in.rttrs, Resumed: in.resumed})
	in.attic.put(in.name, &remains{bounds: in.bounds, taken: true})
	in.bounds = nil // there is nothing to lose any more
	if err := in.at(OnStored); err != nil {
		return err
	}
	if in.asks {
		if err := a.askTurn(2); err != nil {
			return err
		}
	}
	a.send(after(siPT, item(siAEA, item(piSerial, param(s.params, piSerial)))))
	if err := a.flush(); err != nil {
		return err
	}
	in.book.answered(index)
	in.drop()
	return nil
}

package rtse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// A Conn is an association at one of its sides. Its methods may be called from
// several goroutines: the usual arrangement is one that calls Receive in a loop
// and one that transfers.
type Conn struct {
	cfg    Config
	tc     *tp.Conn
	remote Remote

	mu      sync.Mutex
	changed chan struct{} // closed when anything below changes; nil while nobody waits for that
	machine machine
	low     *lower

	keeper Keeper       // of what the peer sends
	inbox  []Indication // bounded: one transfer, one turn given, one turn requested
	asked  bool         // the peer has asked for the turn since it was given to it
	in     *inbound     // the activity of the peer's that is in progress
	opened *OpenIndication
	answer *rtOpenCnf
	refuse *Refusal
	result *rtTransferCnf  // of this side's activity
	broken *rtInterruptCnf // it has been interrupted
	sent   *outbound       // this side's activity
	abort  *Abort          // how the association ended …
	closed bool            // … or that it was released

	busy     bool   // a Transfer is under way
	closing  bool   // a Close is under way
	activity uint32 // the identifier last used
	buffer   []byte // of Transfer

	outbox      // what is to be written
	dead   bool // the transport connection is closed

	keeping bool // the octets of the TSDU last read are being kept

	tim    *time.Timer // TIM of X.225
	linger *time.Timer
}

func newConn(tc *tp.Conn, cfg Config, initiator bool) *Conn {
	c := &Conn{cfg: cfg, tc: tc, low: newLower(cfg, initiator), keeper: cfg.Keeper}
	c.toWrite.L, c.wrote.L = &c.mu, &c.mu
	c.machine.initiator, c.machine.recoverable = initiator, cfg.Recoverable
	return c
}

// start starts the two goroutines of a connection. Both end when it is closed.
func (c *Conn) start() {
	go c.read()
	go c.write()
}

// Open opens an association as its initiator over a stream that is open already:
// T-CONNECT to RT-OPEN confirm. userData is the bind argument, in normal mode with
// its tag [16]; nil is none, as where Config.Recover is set. result is the bind result, in normal mode with its tag [17].
// The error is not nil whenever the Conn is; *Refusal or *Abort within it says who refused
// or aborted, and why, and with neither there was no connection, or no answer in time.
// Open takes nc over: it is closed if no association comes about.
func Open(ctx context.Context, nc net.Conn, cfg Config, userData ber.Raw) (_ *Conn, result ber.Raw, _ error) {
	cfg, err := cfg.complete()
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timers.Open)
	defer cancel()
	if cfg.Transport.Timeout == 0 {
		cfg.Transport.Timeout = cfg.Timers.Open
	}
	tc, err := tp.Connect(ctx, nc, cfg.Transport)
	if err != nil {
		nc.Close()
		return nil, nil, fmt.Errorf("rtse: open: %w", refusedByTransport(err))
	}
	if cfg.Connected != nil {
		cfg.Connected()
	}
	c := newConn(tc, cfg, true)
	mode := Monologue
	if cfg.TwoWayAlternate {
		mode = TwoWayAlternate
	}
	c.mu.Lock() // before anything is read: the peer may send what it has no reason to yet
	defer c.mu.Unlock()
	c.start()
	request := rtOpen{
		Checkpoint: int64(cfg.CheckpointSize), Window: int64(cfg.WindowSize),
		Mode: mode, Turn: cfg.InitialTurn, UserData: userData,
	}
	if cfg.Recover != nil {
		request.Recover = named(*cfg.Recover)
	}
	err = c.step(request)
	if err != nil {
		tc.Close()
		return nil, nil, diag.E("rtse: open", diag.Usage, err)
	}
	err = c.wait(ctx, nil, func() bool { return c.answer != nil || c.refuse != nil })
	switch {
	case c.answer != nil:
		return c, c.answer.UserData, nil
	case c.refuse != nil:
		return nil, nil, fmt.Errorf("rtse: open: %w", c.refuse)
	case c.abort != nil:
		return nil, nil, fmt.Errorf("rtse: open: %w", c.abort)
	}
	c.giveUp(TemporaryProblem, err)
	return nil, nil, diag.E("rtse: open", diag.Unavailable, err)
}

// refusedByTransport makes a Refusal of one, and leaves a connection that failed as it is.
func refusedByTransport(err error) error {
	var r *tp.Refused
	if errors.As(err, &r) {
		return &Refusal{Layer: LayerTransport, Transport: r.Reason, Persistent: r.Reason.Persistent()}
	}
	return err
}

// Accept answers an association as its responder, on a transport connection that
// stands: RT-OPEN indication to response. decide is asked once, unless a layer has
// refused before it came to that. The error is not nil whenever the Conn is, then
// tc is closed, or will be as soon as the peer has the answer. When decide refused
// it holds ErrRefused.
func Accept(ctx context.Context, tc *tp.Conn, cfg Config, decide func(OpenIndication) Decision) (*Conn, error) {
	cfg, err := cfg.complete()
	if err != nil {
		tc.Close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timers.Open)
	defer cancel()
	c := newConn(tc, cfg, false)
	c.start()
	c.mu.Lock()
	err = c.wait(ctx, nil, func() bool { return c.opened != nil })
	if c.opened == nil {
		defer c.mu.Unlock()
		if c.abort != nil {
			return nil, fmt.Errorf("rtse: accept: %w", c.abort)
		}
		c.giveUp(TemporaryProblem, err)
		return nil, diag.E("rtse: accept", diag.Unavailable, err)
	}
	ind := *c.opened
	ind.Remote.Addr = tc.RemoteAddr()
	c.mu.Unlock()

	d := decide(ind)

	c.mu.Lock()
	c.remote = ind.Remote
	c.keeper = d.Keeper
	if d.Accept {
		if d.CheckpointSize != 0 {
			c.cfg.CheckpointSize = max(d.CheckpointSize, 0)
		}
		if d.WindowSize > 0 {
			c.cfg.WindowSize = d.WindowSize
		}
		err = c.step(rtOpenRsp{Checkpoint: int64(c.cfg.CheckpointSize), Window: int64(c.cfg.WindowSize), UserData: d.UserData})
		c.remote.Checkpoint, c.remote.Window = c.machine.checkpoint, c.machine.window
	} else {
		err = c.step(rtOpenRefuse{Transient: d.Transient, Diagnostic: int64(d.Diagnostic), UserData: d.UserData, RefuseReason: d.RefuseReason})
		c.end(&Abort{Layer: LayerRTSE, Local: true, Reason: "refused", Err: ErrRefused})
	}
	if c.abort != nil {
		err = c.abort
	}
	c.mu.Unlock()
	if ferr := c.flush(); err == nil {
		err = ferr
	}
	if err != nil {
		return nil, fmt.Errorf("rtse: accept: %w", err)
	}
	return c, nil
}

// ErrRefused is within the error of Accept when the user decided to refuse.
var ErrRefused = errors.New("refused by the user")

// Remote returns what is known of the peer and was agreed with it.
func (c *Conn) Remote() Remote { return c.remote }

// step has the machine take an event and carries out what comes of it: requests
// go to the layers below at once, and what these indicate is the machine's next
// event. c.mu is held. The error is that of a request the state does not allow.
func (c *Conn) step(ev event) error {
	var failure error
	before, confirmed := c.machine.state, c.machine.confirmed
	events := []event{ev}
	for len(events) > 0 {
		for _, a := range c.machine.step(events[0]) {
			if e, ok := a.(rtError); ok {
				failure = diag.E("", diag.Usage, e.Err)
				continue
			}
			answer, ok := c.indicate(a)
			if answer != nil {
				events = append(events, answer)
			}
			if !ok {
				out := c.low.request(a)
				events = append(events, out.up...)
				c.perform(out.down)
			}
		}
		events = events[1:]
	}
	if c.machine.state != before || c.machine.confirmed != confirmed {
		c.notify()
	}
	return failure
}

// fromTransport has the layers below take a primitive of transport. c.mu is held.
func (c *Conn) fromTransport(ev session.Event) {
	out := c.low.transport(ev)
	events := append([]event(nil), out.up...)
	c.perform(out.down)
	for _, ev := range events {
		// An indication is never a request out of place.
		_ = c.step(ev)
	}
}

// perform queues what is for transport and sets the timer. c.mu is held.
func (c *Conn) perform(down []session.Action) {
	for _, a := range down {
		switch a := a.(type) {
		case session.TDataRequest:
			c.enqueue(outgoing{octets: tp.Octets{Segments: a.TSDU, More: a.More}})
		case session.TDisconnectRequest:
			c.enqueue(outgoing{disconnect: true})
		case session.StartTimer:
			c.tim = time.AfterFunc(c.cfg.Timers.Disconnect, func() {
				c.mu.Lock()
				c.fromTransport(session.TimerExpired{})
				c.mu.Unlock()
			})
		case session.StopTimer:
			if c.tim != nil {
				c.tim.Stop()
			}
		}
	}
}

// read is the goroutine that reads the transport connection. It holds at most one
// TSDU, or one part of a long one, and reads no more before the user has taken its octets,
// nor while the peer does not take its answers.
func (c *Conn) read() {
	for {
		c.mu.Lock()
		c.expect()
		c.mu.Unlock()
		octets, more, err := c.tc.ReadTSDU()
		c.mu.Lock()
		switch {
		case err == nil:
			c.fromTransport(session.TDataIndication{TSDU: octets, More: more})
		case errors.Is(err, os.ErrDeadlineExceeded) && c.over() == nil:
			c.giveUp(TemporaryProblem, fmt.Errorf("nothing from the peer within %s", c.cfg.Timers.Idle))
		default:
			c.disconnected(err)
			c.dead = true
			c.toWrite.Signal()
			c.notify()
			c.mu.Unlock()
			c.tc.Close()
			return
		}
		for c.keeping || c.in != nil && c.in.pending() || len(c.queue) > maxQueue && c.writeErr == nil {
			c.waitChange()
		}
		c.mu.Unlock()
	}
}

// disconnected tells the layers that the transport connection is gone. c.mu is
// held.
func (c *Conn) disconnected(err error) {
	if c.writeErr != nil {
		err = c.writeErr
	} else if err == io.EOF {
		err = nil
	}
	c.fromTransport(session.TDisconnectIndication{Err: err})
	if c.over() == nil {
		c.end(&Abort{Layer: LayerTransport, Reason: session.AbortTransportDisconnect.String(), Err: err})
	}
	for _, t := range []*time.Timer{c.tim, c.linger} {
		if t != nil {
			t.Stop()
		}
	}
}

// expect bounds the wait for the next TSDU, or the next part of a long one, while the peer
// owes one. c.mu is held.
func (c *Conn) expect() {
	var t time.Time
	if c.machine.in(receiving, rejecting) {
		t = time.Now().Add(c.cfg.Timers.Idle)
	}
	// A connection that cannot have a deadline cannot be read either.
	_ = c.tc.SetReadDeadline(t)
}

// end records how the association ended, once, and makes sure that the transport
// connection does. c.mu is held.
func (c *Conn) end(a *Abort) {
	if c.over() != nil {
		return
	}
	c.abort, c.closed = a, a == nil
	c.letGo()
	if c.in != nil && c.in.err == nil && a != nil && !c.in.eof {
		c.in.err = a
	}
	c.drop()
	if c.in != nil {
		how := asLeft
		if a != nil && a.Local && a.Protocol {
			how = asDropped // it would be as wrong the next time
		}
		c.in.keep.end(how)
		c.in.past.forget()
	}
	c.in = nil
	// The session machine sees to the end of the connection, by TIM at the
	// latest; this is for a peer that does not even take what is written.
	c.linger = time.AfterFunc(3*c.cfg.Timers.Disconnect, func() { c.tc.Close() })
	c.notify()
}

// over returns the error of what is asked of an association that has ended, nil
// while it stands. c.mu is held.
func (c *Conn) over() error {
	switch {
	case c.abort != nil:
		return c.abort
	case c.closed:
		return diag.E("", diag.Unavailable, net.ErrClosed)
	}
	return nil
}

// giveUp aborts for a reason of this side's. c.mu is held.
func (c *Conn) giveUp(reason AbortReason, err error) {
	if c.step(rtAbort{Reason: reason, Err: err}) != nil {
		c.tc.Close()
	}
	c.end(&Abort{Layer: LayerRTSE, Local: true, Reason: reason.String(), RTAB: reason, Err: err})
}

// notify wakes everybody who waits for a change. c.mu is held.
func (c *Conn) notify() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// change is closed at the next change. c.mu is held.
func (c *Conn) change() <-chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

// waitChange waits for a change. c.mu is held, but not while waiting.
func (c *Conn) waitChange() {
	ch := c.change()
	c.mu.Unlock()
	<-ch
	c.mu.Lock()
}

var errTime = errors.New("no answer from the peer in time")

// wait waits until done is true or the association is over. It returns an error
// if the context, or the timer, ended before. c.mu is held, but not while waiting.
func (c *Conn) wait(ctx context.Context, timer <-chan time.Time, done func() bool) error {
	c.letGo()
	for !done() && c.over() == nil {
		ch := c.change()
		c.mu.Unlock()
		var err error
		select {
		case <-ch:
		case <-timer:
			err = errTime
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		c.mu.Lock()
		if err != nil && !done() && c.over() == nil {
			return err
		}
	}
	return nil
}

package rtse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// TransferOptions say more about a Transfer.
type TransferOptions struct {
	// Syntax is the abstract syntax of the APDU; empty is Config.UserSyntax.
	Syntax asn1.OID
	// MaxRTTR is the most octets in one RTTR; zero leaves it to the checkpoint
	// size.
	MaxRTTR int

	sizes []int // of the first RTTRs; tests compare octets with it
}

var (
	errBusy    = errors.New("a transfer is under way")
	errClosing = errors.New("the association is being closed")
	errSize    = errors.New("negative size")
)

type contextError int64

func (e contextError) Error() string {
	return fmt.Sprintf("presentation context %d has not been accepted", int64(e))
}

// outbound is one APDU on its way out.
type outbound struct {
	*Conn
	apdu   io.Reader
	header []byte // of the EXTERNAL, until it is sent
	left   int64  // octets still to be sent, header included
	size   int    // of an RTTR
	sizes  []int
	timer  *time.Timer
	ended  bool // activity end was sent
}

// TransferWith is Transfer with options.
func (c *Conn) TransferWith(ctx context.Context, apdu io.Reader, size int64, o TransferOptions) (TransferResult, error) {
	out, err := c.begin(apdu, size, o)
	if err != nil {
		return TransferResult{}, diag.E("rtse: transfer", diag.KindOf(err), err)
	}
	defer out.timer.Stop()
	cause := out.send(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if cause != nil && c.over() == nil && c.result == nil {
		out.discard(cause)
	}
	c.busy = false
	if r := c.result; r != nil {
		return TransferResult{Confirmed: r.Positive, Reason: r.Reason, Err: unless(r.Positive, cause)}, nil
	}
	return TransferResult{InDoubt: out.ended, Err: cause}, fmt.Errorf("rtse: transfer: %w", c.over())
}

func unless(confirmed bool, err error) error {
	if confirmed {
		return nil
	}
	return err
}

// begin starts the activity.
func (c *Conn) begin(apdu io.Reader, size int64, o TransferOptions) (*outbound, error) {
	if size < 0 {
		return nil, diag.E("", diag.Usage, errSize)
	}
	if o.Syntax == "" {
		o.Syntax = c.cfg.UserSyntax
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.over(); err != nil {
		return nil, err
	}
	switch {
	case c.busy:
		return nil, diag.E("", diag.Usage, errBusy)
	case c.closing:
		return nil, diag.E("", diag.Usage, errClosing)
	}
	header, err := c.remote.header(o.Syntax, size)
	if err != nil {
		return nil, err
	}
	id, err := c.nextActivity()
	if err != nil {
		return nil, err
	}
	c.result = nil
	if err := c.step(rtTransfer{Activity: id}); err != nil {
		return nil, err
	}
	c.busy = true
	out := &outbound{
		Conn: c, apdu: apdu, header: header, left: int64(len(header)) + size, sizes: o.sizes,
		size:  withoutCheckpoints,
		timer: time.NewTimer(c.cfg.Timers.Transfer),
	}
	if c.machine.checkpoint > 0 {
		out.size = int(min(c.machine.checkpoint, int64(c.cfg.CheckpointSize))) * checkpointUnit
	}
	if o.MaxRTTR > 0 {
		out.size = min(out.size, o.MaxRTTR)
	}
	if n := int(min(int64(out.size), out.left)); len(c.buffer) < n {
		c.buffer = make([]byte, n)
	}
	return out, nil
}

// nextActivity gives activity identifiers as INTEGERs that count up. Six octets
// hold 31 bits (X.225 §8.3.25.2).
func (c *Conn) nextActivity() ([]byte, error) {
	c.activity = c.activity&0x7fffffff + 1
	return ber.Marshal(int64(c.activity & 0x7fffffff))
}

// send sends the APDU and waits for the answer. An error is a reason of this
// side's for giving up; whatever else happens is in the Conn.
func (o *outbound) send(ctx context.Context) error {
	// Errors of writing are met by the goroutine that reads.
	_ = o.flush()
	for o.left > 0 {
		octets, err := o.next()
		if err != nil {
			return fmt.Errorf("reading the APDU: %w", err)
		}
		if going, err := o.segment(ctx, octets); err != nil || !going {
			return err
		}
		_ = o.flush()
	}
	o.mu.Lock()
	if o.machine.state == sending {
		o.ended = o.step(rtEnd{}) == nil
	}
	o.mu.Unlock()
	_ = o.flush()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.await(ctx, func() bool { return o.result != nil })
}

// next reads the octets of the next RTTR.
func (o *outbound) next() ([]byte, error) {
	n := int64(o.size)
	if len(o.sizes) > 0 {
		n, o.sizes = int64(o.sizes[0]), o.sizes[1:]
	}
	b := o.buffer[:min(n, o.left)]
	head := copy(b, o.header)
	o.header = o.header[head:]
	if _, err := io.ReadFull(o.apdu, b[head:]); err != nil {
		return nil, noEOF(err)
	}
	o.left -= int64(len(b))
	return b, nil
}

// segment queues one RTTR when the window lets it pass. going is false if the
// transfer is no longer under way.
func (o *outbound) segment(ctx context.Context, octets []byte) (going bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := ctx.Err(); err != nil && o.machine.state == sending {
		return false, context.Cause(ctx)
	}
	if !o.machine.windowOpen() {
		err := o.await(ctx, func() bool { return o.machine.windowOpen() || o.machine.state != sending })
		if err != nil {
			return false, err
		}
	}
	if o.over() == nil && o.machine.state != sending {
		// The peer has raised an exception; the discard has been sent.
		return false, o.await(ctx, func() bool { return o.result != nil })
	}
	if o.over() != nil {
		return false, nil
	}
	return true, o.step(rtSegment{Segments: [][]byte{octets}})
}

// await waits within the transfer time.
func (o *outbound) await(ctx context.Context, done func() bool) error {
	o.timer.Reset(o.cfg.Timers.Transfer)
	return o.wait(ctx, o.timer.C, done)
}

// discard gives the transfer up for a reason of this side's, and waits for the
// peer to agree. c.mu is held.
func (o *outbound) discard(cause error) {
	reason := session.ExceptionLocalUserError
	if errors.Is(cause, errTime) {
		reason = session.ExceptionUnspecified
	}
	if o.machine.in(sending, awaitEndAck) {
		if err := o.step(rtDiscard{Reason: reason}); err != nil {
			o.giveUp(LocalSystemProblem, err)
			return
		}
	}
	o.timer.Reset(o.cfg.Timers.Idle)
	err := o.wait(context.Background(), o.timer.C, func() bool { return o.result != nil })
	if err != nil {
		o.giveUp(TemporaryProblem, err)
	}
}

package rtse

import (
	"bytes"
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
	// Resumable says that the transfer may be interrupted and resumed; the APDU must be
	// an io.Seeker then.
	Resumable bool
	// Resume is where the transfer of the same APDU, octet for octet, was interrupted:
	// TransferResult.Interrupted. It goes on there, or, if the peer knows nothing of it,
	// begins anew.
	Resume *Resumption
	// Progress, if not nil, hears from time to time where the transfer could be resumed,
	// which is what remains to know if this process ends before the transfer does.
	Progress func(Resumption)

	sizes []int // of the first RTTRs; tests compare octets with it
}

var (
	errBusy    = errors.New("a transfer is under way")
	errClosing = errors.New("the association is being closed")
	errResume  = errors.New("not a place where this APDU can be resumed")
	errSize    = errors.New("negative size")
)

type contextError int64

func (e contextError) Error() string {
	return fmt.Sprintf("presentation context %d has not been accepted", int64(e))
}

// outbound is one APDU on its way out.
type outbound struct {
	*Conn
	apdu     io.Reader
	seeker   io.Seeker // of apdu; nil if it cannot be resumed
	header   []byte    // of the EXTERNAL
	pos      int64     // octets of header and apdu that have been read
	total    int64
	size     int  // of an RTTR, or of a part of the only one
	single   bool // there are no checkpoints, and one RTTR
	sizes    []int
	progress func(Resumption)
	timer    *time.Timer
	ended    bool // activity end was sent, on this association or before

	// What is needed to resume it; guarded by the mutex of the Conn.
	name    []byte     // of the activity
	from    Resumption // where the activity was resumed; Serial 0: it was started
	refused bool       // the peer would not resume it
	told    int64      // octets, as Progress last heard
	marks   []Mark     // checkpoints not yet confirmed
	secured Mark       // the last confirmed
}

// confirm takes the checkpoints up to one as confirmed.
func (o *outbound) confirm(serial session.SerialNumber) {
	for len(o.marks) > 0 && o.marks[0].Serial <= serial {
		o.secured, o.marks = o.marks[0], o.marks[1:]
	}
}

// resumption is where the transfer may be resumed, nil if it may not. Where nothing was
// confirmed since it was resumed, and the peer did not refuse, it can be as before.
func (o *outbound) resumption() *Resumption {
	r := o.from
	switch {
	case o.seeker == nil || o.refused:
		return nil
	case o.secured.Serial > o.from.Serial:
		r = o.here()
	case o.from.Serial == 0 || o.from.Tries >= maxTries || o.abort != nil && o.abort.Layer != LayerTransport:
		// A peer that has answered by an abort would do so again.
		return nil
	default:
		r.Tries++
		if r.Connection == nil {
			id := o.identifier()
			r.Connection = &id
		}
	}
	r.Ended = o.ended
	return &r
}

// maxTries bounds how often a transfer is resumed in vain from one place. A peer may be
// there that just ends the connection.
const maxTries = 2

// here is the last checkpoint confirmed. o.mu is held.
func (o *outbound) here() Resumption {
	id := o.identifier()
	return Resumption{Connection: &id, Old: o.name, Serial: o.secured.Serial, Octets: o.secured.Octets, Header: o.header, Ended: o.ended}
}

// TransferWith is Transfer with options.
func (c *Conn) TransferWith(ctx context.Context, apdu io.Reader, size int64, o TransferOptions) (TransferResult, error) {
	out, err := c.begin(apdu, size, o)
	if err != nil {
		return TransferResult{}, diag.E("rtse: transfer", diag.KindOf(err), err)
	}
	defer out.timer.Stop()
	cause := out.transfer(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if cause != nil && c.over() == nil && c.result == nil {
		out.stop(ctx, cause)
	}
	c.busy = false
	if r := c.result; r != nil {
		return TransferResult{Confirmed: r.Positive, Reason: r.Reason, Resumed: out.from.Serial > 0, Err: unless(r.Positive, cause)}, nil
	}
	result := TransferResult{InDoubt: out.ended, Interrupted: out.resumption(), Resumed: out.from.Serial > 0, Err: cause}
	if err := c.over(); err != nil {
		return result, fmt.Errorf("rtse: transfer: %w", err)
	}
	return result, nil // interrupted, and given up meanwhile
}

func unless(confirmed bool, err error) error {
	if confirmed {
		return nil
	}
	return err
}

// transfer sends the APDU as often as it takes: once, and again behind the last
// checkpoint when the peer had the activity interrupted, or from the beginning when it
// would not resume it.
func (o *outbound) transfer(ctx context.Context) error {
	for {
		if err := o.send(ctx); err != nil {
			return err
		}
		o.mu.Lock()
		again, err := o.again()
		o.mu.Unlock()
		if err != nil || !again {
			return err
		}
	}
}

// again begins the next activity for the APDU, if there is to be one. o.mu is held.
func (o *outbound) again() (bool, error) {
	if o.over() != nil {
		return false, nil
	}
	switch {
	case o.broken != nil:
		o.broken = nil
		o.from = o.here()
		o.from.Connection = nil // this one
	case o.result != nil && !o.result.Positive && o.from.Serial > 0 && o.secured.Serial == o.from.Serial && o.result.Reason != session.ExceptionJeopardized:
		// Nothing is known of it, or no more.
		o.refused, o.from = true, Resumption{}
	default:
		return false, nil
	}
	return true, o.activate()
}

// activate starts or resumes the activity. o.mu is held.
func (o *outbound) activate() error {
	id, err := o.nextActivity()
	if err != nil {
		return err
	}
	if o.from.Serial > 0 || o.pos > 0 {
		if _, err := o.seeker.Seek(max(0, o.from.Octets-int64(len(o.header))), io.SeekStart); err != nil {
			return fmt.Errorf("reading the APDU: %w", err)
		}
	}
	o.name, o.pos, o.marks = id, o.from.Octets, nil
	o.secured = Mark{Serial: o.from.Serial, Octets: o.from.Octets}
	o.result, o.broken, o.sent = nil, nil, o
	if o.from.Serial == 0 {
		return o.step(rtTransfer{Activity: id, Resumable: o.seeker != nil})
	}
	return o.step(rtResume{Activity: id, Resumption: o.from})
}

// begin starts the activity, or resumes it.
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
	out := &outbound{
		Conn: c, apdu: apdu, header: header, total: int64(len(header)) + size, sizes: o.sizes,
		size: partSize, single: c.machine.checkpoint == 0, progress: o.Progress,
	}
	if o.Resumable {
		out.seeker, _ = apdu.(io.Seeker)
	}
	if !out.single {
		out.size = int(min(c.machine.checkpoint, c.cfg.ownLimit())) * checkpointUnit
	}
	if r := o.Resume; r != nil {
		if out.seeker == nil || r.Serial < 1 || r.Octets < 0 || r.Octets > out.total {
			return nil, diag.E("", diag.Usage, errResume)
		}
		out.ended = r.Ended
		// In another context, or another mode, it would not be the same octets.
		if bytes.Equal(r.Header, header) {
			out.from = *r
			if r.Connection != nil && sameConnection(*r.Connection, c.identifier()) {
				out.from.Connection = nil
			}
		}
	}
	if n := int(min(int64(out.size), out.total)); len(c.buffer) < n {
		c.buffer = make([]byte, n)
	}
	if err := out.activate(); err != nil {
		return nil, err
	}
	// What is one RTTR is written with what comes before and after it.
	c.held = out.total-out.pos <= int64(out.size)
	c.busy = true
	out.timer = time.NewTimer(c.cfg.Timers.Transfer)
	return out, nil
}

// nextActivity gives activity identifiers as INTEGERs that count up. Six octets
// hold 31 bits (X.225 §8.3.25.2).
func (c *Conn) nextActivity() ([]byte, error) {
	c.activity++
	if c.cfg.NextActivity != nil {
		c.activity = c.cfg.NextActivity()
	}
	return ber.Marshal(int64(c.activity & 0x7fffffff))
}

// send sends the APDU and waits for the answer. An error is a reason of this
// side's for giving up; whatever else happens is in the Conn.
func (o *outbound) send(ctx context.Context) error {
	for o.pos < o.total {
		octets, err := o.next()
		if err != nil {
			return fmt.Errorf("reading the APDU: %w", err)
		}
		if going, err := o.segment(ctx, octets); err != nil || !going {
			return err
		}
		if o.pos < o.total {
			_ = o.flush() // its octets are the next one's; an error is met by the goroutine that reads
		}
		o.tell()
	}
	o.mu.Lock()
	if o.machine.state == sending {
		o.ended = o.step(rtEnd{}) == nil || o.ended
	}
	err := o.await(ctx, o.settled)
	o.mu.Unlock()
	_ = o.flush() // likewise; an answer may have come before all was written
	return err
}

// progressEach is how many octets are confirmed between two calls of Progress.
const progressEach = 16 << 20

// tell tells Progress, outside the mutex of the Conn.
func (o *outbound) tell() {
	if o.progress == nil {
		return
	}
	o.mu.Lock()
	tell := o.over() == nil && o.secured.Octets-o.told >= progressEach
	var here Resumption
	if tell {
		o.told = o.secured.Octets
		here = o.here()
	}
	o.mu.Unlock()
	if tell {
		o.progress(here)
	}
}

// settled reports whether the activity is over. o.mu is held.
func (o *outbound) settled() bool { return o.result != nil || o.broken != nil }

// next reads the octets of the next RTTR, or of the next part of the only one.
func (o *outbound) next() ([]byte, error) {
	n := int64(o.size)
	if len(o.sizes) > 0 {
		n, o.sizes = int64(o.sizes[0]), o.sizes[1:]
	}
	b := o.buffer[:min(n, o.total-o.pos)]
	head := 0
	if o.pos < int64(len(o.header)) {
		head = copy(b, o.header[o.pos:])
	}
	if _, err := io.ReadFull(o.apdu, b[head:]); err != nil {
		return nil, noEOF(err)
	}
	o.pos += int64(len(b))
	return b, nil
}

// segment queues one RTTR, or a part of the only one, when the window lets it pass. going
// is false if the transfer is no longer under way.
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
		// The peer has raised an exception; the discard, or the interrupt, has been sent.
		return false, o.await(ctx, o.settled)
	}
	if o.over() != nil {
		return false, nil
	}
	issued := o.machine.issued
	segment := rtSegment{Segments: [][]byte{octets}}
	if o.single {
		segment.Rest = o.total - o.pos
	}
	err = o.step(segment)
	if o.machine.issued > issued && o.seeker != nil {
		o.marks = append(o.marks, Mark{Serial: session.SerialNumber(o.machine.issued), Octets: o.pos - int64(len(octets))})
	}
	return true, err
}

// await waits within the transfer time.
func (o *outbound) await(ctx context.Context, done func() bool) error {
	o.timer.Reset(o.cfg.Timers.Transfer)
	return o.wait(ctx, o.timer.C, done)
}

// sameConnection reports whether two identifiers are of one session connection.
func sameConnection(a, b session.ConnectionIdentifier) bool {
	return bytes.Equal(a.CallingReference, b.CallingReference) && bytes.Equal(a.CommonReference, b.CommonReference) &&
		bytes.Equal(a.AdditionalReference, b.AdditionalReference)
}

// stop interrupts the transfer when its time is over, or discards it for another reason
// of this side's, and waits for the peer to agree. c.mu is held.
func (o *outbound) stop(ctx context.Context, cause error) {
	timeOver := ctx.Err() != nil || errors.Is(cause, errTime)
	var request event = rtDiscard{Reason: session.ExceptionLocalUserError}
	switch {
	case timeOver && o.seeker != nil && o.machine.confirmed > 0:
		request = rtInterrupt{Reason: session.ExceptionUnspecified}
	case errors.Is(cause, errTime):
		request = rtDiscard{Reason: session.ExceptionUnspecified}
	}
	if o.machine.in(sending, awaitEndAck) {
		if err := o.step(request); err != nil {
			o.giveUp(LocalSystemProblem, err)
			return
		}
	}
	o.timer.Reset(o.cfg.Timers.Idle)
	err := o.wait(context.Background(), o.timer.C, o.settled)
	if err != nil {
		o.giveUp(TemporaryProblem, err)
	}
}

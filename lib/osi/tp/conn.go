package tp

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// Params are the parameters of a transport connection.
type Params struct {
	CallingTSEL []byte // Connect: calling selector; nil sends none
	CalledTSEL  []byte // Connect: called selector; nil sends none. Accept: responding selector; nil returns the called one
	// TPDUSize is the largest TPDU to propose or accept, 128 to 65531 octets;
	// zero means 65531, the default of RFC 1006 §5.
	TPDUSize int
	// MaxTSDU bounds a TSDU of the peer's, in octets; zero means that nothing does. It
	// need not for the sake of memory, which a TSDU of any length takes little of.
	MaxTSDU int
	// Timeout bounds establishment as a whole; zero means 60 s.
	Timeout time.Duration
}

const (
	defaultTimeout = time.Minute
	// gatherBelow is the size up to which a TSDU is copied together instead
	// of being gathered by the kernel: one Write then, on any net.Conn.
	gatherBelow = 4096
	// readBuffer holds several small TPKTs; a larger one is read past it.
	readBuffer = 8192
	// writeBuffer is a record of TLS (RFC 8446 §5.1).
	writeBuffer = 16 << 10
	// enough is how many octets of a TSDU ReadTSDU returns without waiting for the rest:
	// an RTTR of 63 times 1024 octets, the checkpoint size that most have, comes whole.
	enough   = 64 << 10
	dtHeader = 3
	// maxSegment is the TSDU octets of one DT; RFC 1006 §6 names 65524 where
	// its own lengths would allow four more.
	maxSegment = 65524
)

func (p Params) complete() (Params, error) {
	if p.TPDUSize == 0 {
		p.TPDUSize = defaultTPDUSize
	}
	if p.TPDUSize < 128 || p.TPDUSize > maxTPDU {
		return p, diag.New("tp", diag.Usage, fmt.Sprintf("tpdu size %d: want 128 to %d", p.TPDUSize, maxTPDU))
	}
	if p.Timeout == 0 {
		p.Timeout = defaultTimeout
	}
	return p, nil
}

// A Conn is a transport connection (X.214) over a stream. One goroutine may read
// while another writes; neither may be done by two at a time.
type Conn struct {
	nc   net.Conn
	r    *bufio.Reader
	w    *bufio.Writer // nil where the kernel gathers
	size int           // TPDU size agreed on
	max  atomic.Int64  // largest TSDU taken; zero: any

	tsdu []byte // what was last read of a TSDU
	read int64  // octets of the TSDU that has not ended, before those
	amid bool   // one has not ended: reading …
	open bool   // … and writing

	out     net.Buffers // the buffers of a gathered write; kept for its capacity
	pending net.Buffers // what net.Buffers.WriteTo eats
	scratch []byte      // what is small, with its headers
	full    [tpktHeader + dtHeader]byte
	last    [tpktHeader + dtHeader]byte
}

func newConn(nc net.Conn, size, max int) *Conn {
	c := &Conn{nc: nc, r: bufio.NewReaderSize(nc, readBuffer), size: size}
	if _, kernel := nc.(syscall.Conn); !kernel {
		c.w = bufio.NewWriterSize(nc, writeBuffer)
	}
	c.SetMaxTSDU(max)
	return c
}

// Connect opens a transport connection over a stream: T-CONNECT request to confirm
// (RFC 1006 §5). When the peer refuses, the error holds a *Refused. The caller closes nc
// when it fails.
func Connect(ctx context.Context, nc net.Conn, p Params) (*Conn, error) {
	p, err := p.complete()
	if err != nil {
		return nil, err
	}
	release := bind(ctx, nc, p.Timeout)
	c, err := connect(nc, p)
	if cause := release(); cause != nil {
		return nil, diag.E("tp", diag.Unavailable, cause)
	}
	return c, err
}

func connect(nc net.Conn, p Params) (*Conn, error) {
	cr := propose(p, reference())
	octets, err := appendTPKT(nil, cr)
	if err != nil {
		return nil, diag.E("", diag.Usage, err)
	}
	if len(octets) > maxCR {
		return nil, diag.New("tp", diag.Usage, fmt.Sprintf("cr of %d octets: selectors leave room for %d", len(octets), maxCR))
	}
	if _, err := nc.Write(octets); err != nil {
		return nil, diag.E("tp: cr", diag.Unavailable, err)
	}
	c := newConn(nc, 0, p.MaxTSDU)
	octets, err = readTPKT(c.r, maxTPKT)
	if err != nil {
		return nil, classify(fmt.Errorf("awaiting cc: %w", unexpected(err)))
	}
	t, err := Decode(octets[tpktHeader:])
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case *CC:
		c.size, err = confirm(cr, t)
		if err != nil {
			return nil, diag.E("tp", diag.Protocol, err)
		}
		return c, nil
	case *DR:
		return nil, diag.E("tp", diag.Unavailable, &Refused{Reason: t.Reason, AdditionalInfo: t.AdditionalInfo})
	case *ER:
		return nil, diag.New("tp", diag.Protocol, fmt.Sprintf("peer reports an error in the cr: cause %d at octet %d", t.Cause, len(t.Invalid)))
	default:
		return nil, diag.New("tp", diag.Protocol, name(t)+": want cc")
	}
}

// Accept completes a transport connection whose CR a listener has read: already
// is the whole TPKT with the CR, as PeekCR returned it, and nothing after it may
// have been read from nc. A CR to which class 0 is no valid response is answered
// with a DR, and the error holds a *Refused. The caller closes nc when Accept
// fails.
func Accept(nc net.Conn, already []byte, p Params) (*Conn, *CR, error) {
	p, err := p.complete()
	if err != nil {
		return nil, nil, err
	}
	cr, err := parseCR(already)
	if err != nil {
		return nil, nil, classify(err)
	}
	if err := nc.SetWriteDeadline(time.Now().Add(p.Timeout)); err != nil {
		return nil, cr, diag.E("tp: cc", diag.IO, err)
	}
	cc, refused := answer(cr, p, reference())
	if refused != nil {
		// The DR is a courtesy: whether it got through changes nothing.
		_ = Refuse(nc, cr, refused.Reason)
		return nil, cr, diag.E("tp", diag.Protocol, refused)
	}
	octets, err := appendTPKT(nil, cc)
	if err != nil {
		return nil, cr, diag.E("", diag.Usage, err)
	}
	if _, err := nc.Write(octets); err != nil {
		return nil, cr, diag.E("tp: cc", diag.Unavailable, err)
	}
	if err := nc.SetWriteDeadline(time.Time{}); err != nil {
		return nil, cr, diag.E("tp: cc", diag.IO, err)
	}
	return newConn(nc, cc.Parameters.size(), p.MaxTSDU), cr, nil
}

// Refuse answers a CR with a DR (X.224 §13.5). The caller then closes the stream.
func Refuse(w io.Writer, cr *CR, reason Reason) error {
	octets, err := appendTPKT(nil, &DR{DestinationReference: cr.SourceReference, Reason: reason})
	if err != nil {
		return diag.E("", diag.Usage, err)
	}
	_, err = w.Write(octets)
	return diag.E("tp: dr", diag.Unavailable, err)
}

// Octets are those of a TSDU, or of a part of one that goes on with the next. Only what
// ends one may be empty.
type Octets struct {
	Segments [][]byte
	More     bool
}

// WriteTSDU sends the segments as one TSDU, or as the last of one that WritePart has begun:
// T-DATA request. A TSDU that fits one TPDU costs one write. The segments are not kept.
// After an error, a write deadline that has passed among them, nothing more can be sent.
func (c *Conn) WriteTSDU(segments ...[]byte) error { return c.Write(Octets{Segments: segments}) }

// WritePart sends the segments as octets of a TSDU that goes on with the next WritePart or
// WriteTSDU.
func (c *Conn) WritePart(segments ...[]byte) error {
	return c.Write(Octets{Segments: segments, More: true})
}

// Write is WriteTSDU and WritePart for several, one after the other. Small ones cost one
// write together.
func (c *Conn) Write(all ...Octets) error {
	c.scratch = c.scratch[:0]
	room := min(c.size-dtHeader, maxSegment)
	for _, o := range all {
		total := 0
		for _, s := range o.Segments {
			total += len(s)
		}
		if total == 0 && (o.More || !c.open) {
			return diag.New("tp", diag.Usage, "empty tsdu")
		}
		c.open = o.More
		small := total <= room && total <= gatherBelow
		if !small || len(c.scratch)+len(c.last)+total > gatherBelow {
			if err := c.writeScratch(); err != nil {
				return err
			}
		}
		if small {
			c.setHeader(&c.last, total, mark(o))
			c.scratch = append(c.scratch, c.last[:]...)
			for _, s := range o.Segments {
				c.scratch = append(c.scratch, s...)
			}
			continue
		}
		c.gather(o.Segments, total, room, mark(o))
		err := c.writeOut()
		// Nothing of the caller's may stay reachable from here.
		clear(c.out)
		if err != nil {
			return diag.E("tp: dt", diag.Unavailable, err)
		}
	}
	return c.writeScratch()
}

// mark is the EOT mark of the last DT of o.
func mark(o Octets) byte {
	if o.More {
		return 0
	}
	return eot
}

// writeScratch writes what is small and has been put together.
func (c *Conn) writeScratch() error {
	if len(c.scratch) == 0 {
		return nil
	}
	_, err := c.nc.Write(c.scratch)
	c.scratch = c.scratch[:0]
	return diag.E("tp: dt", diag.Unavailable, err)
}

// writeOut writes c.out: all at once where the kernel gathers, else, as over TLS, in
// pieces that fill a record.
func (c *Conn) writeOut() error {
	if c.w == nil {
		c.pending = c.out
		_, err := c.pending.WriteTo(c.nc)
		return err
	}
	for _, b := range c.out {
		if _, err := c.w.Write(b); err != nil {
			return err
		}
	}
	return c.w.Flush()
}

// gather cuts total octets of a TSDU into DTs of at most room octets and leaves their
// buffers in c.out. All DTs but the last, which has the mark, share one header.
func (c *Conn) gather(segments [][]byte, total, room int, mark byte) {
	c.out = c.out[:0]
	c.setHeader(&c.full, room, 0)
	left := 0 // what the open DT still takes
	for _, s := range segments {
		for len(s) > 0 {
			if left == 0 {
				header := &c.full
				left = room
				if total <= room {
					header, left = &c.last, total
					c.setHeader(header, left, mark)
				}
				c.out = append(c.out, header[:])
				total -= left
			}
			n := min(left, len(s))
			c.out = append(c.out, s[:n])
			s = s[n:]
			left -= n
		}
	}
}

func (c *Conn) setHeader(h *[tpktHeader + dtHeader]byte, data int, last byte) {
	*h = [...]byte{tpktVersion, 0, 0, 0, 2, codeDT, last}
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)+data))
}

// ReadTSDU returns the next TSDU, or, of a long one, the octets that come next: T-DATA
// indication in parts. more tells that the TSDU goes on with the next call; a part then has
// 64 KiB and at most a TPDU more. The slice is valid until the next call. When the peer
// closes between two TSDUs the error is io.EOF, which is the release of class 0 (X.224
// §6.7.1.4). Any other error ends the connection; a violation of the protocol is of kind
// diag.Protocol.
func (c *Conn) ReadTSDU() (octets []byte, more bool, err error) {
	c.tsdu = c.tsdu[:0]
	if !c.amid {
		c.read = 0
	}
	for {
		more, err := c.readDT()
		switch {
		case err == io.EOF && !c.amid:
			return nil, false, io.EOF
		case err != nil:
			return nil, false, classify(unexpected(err))
		}
		if c.amid = more; !more || len(c.tsdu) >= enough {
			c.read += int64(len(c.tsdu))
			return c.tsdu, more, nil
		}
	}
}

// readDT reads one TPKT, appends the data of its DT to c.tsdu and tells whether
// the TSDU goes on.
func (c *Conn) readDT() (more bool, err error) {
	h, err := c.r.Peek(tpktHeader + dtHeader)
	if err != nil {
		if len(h) > 0 {
			err = unexpected(err)
		}
		return false, err
	}
	size, err := tpktSize([tpktHeader]byte(h), maxTPKT)
	if err != nil {
		return false, err
	}
	if h[4] != 2 || h[5]&0xf0 != codeDT {
		return false, c.notDT(size)
	}
	n := size - len(h)
	if n+dtHeader > c.size {
		return false, fmt.Errorf("dt: tpdu of %d octets: %d were agreed on", n+dtHeader, c.size)
	}
	if most := c.max.Load(); most > 0 && c.read+int64(len(c.tsdu)+n) > most {
		return false, fmt.Errorf("dt: tsdu longer than %d octets", most)
	}
	more = h[6]&eot == 0
	if more && n == 0 {
		// A peer that sends these without end would never be heard again.
		return false, fmt.Errorf("dt: no data and no end of tsdu")
	}
	if _, err := c.r.Discard(len(h)); err != nil {
		return false, err
	}
	have := len(c.tsdu)
	c.tsdu = grow(c.tsdu, n)
	_, err = io.ReadFull(c.r, c.tsdu[have:])
	return more, unexpected(err)
}

// notDT reads the TPKT that begins the buffer and says what it holds.
func (c *Conn) notDT(size int) error {
	octets, err := readTPKT(c.r, maxTPKT)
	if err != nil {
		return err
	}
	t, err := decode(octets[tpktHeader:])
	if err != nil {
		return err
	}
	if e, ok := t.(*ER); ok {
		return fmt.Errorf("er: peer reports an error: cause %d at octet %d", e.Cause, len(e.Invalid))
	}
	return fmt.Errorf("%s: want dt", name(t))
}

// grow extends b by n octets.
func grow(b []byte, n int) []byte {
	if len(b)+n <= cap(b) {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}

// SetMaxTSDU sets what Params.MaxTSDU bounds, for the TSDU that is being read too. A
// responder takes little from a peer until it knows who that is.
func (c *Conn) SetMaxTSDU(octets int) { c.max.Store(int64(octets)) }

// SetReadDeadline bounds the wait of ReadTSDU, as net.Conn has it.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline bounds the wait of WriteTSDU, as net.Conn has it.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.nc.SetWriteDeadline(t) }

// RemoteAddr returns the address of the peer.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Close is the T-DISCONNECT request: it closes the stream (RFC 1006 §5).
func (c *Conn) Close() error { return c.nc.Close() }

// reference chooses a reference: any number but zero (X.224 §6.5.4 a). There is
// but one transport connection to a stream, so that they cannot be confused.
func reference() uint16 { return uint16(1 + rand.N(0xffff)) }

// bind lets the end of ctx, or of the timeout, interrupt what is done on nc. The
// function returned ends that and says why it was interrupted, if it was.
func bind(ctx context.Context, nc net.Conn, timeout time.Duration) (release func() error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	return func() error {
		defer cancel()
		if !stop() {
			return context.Cause(ctx)
		}
		return nil
	}
}

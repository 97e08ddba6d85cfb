package ber

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
)

// Header announces an element of a stream.
type Header struct {
	Tag         asn1.Tag
	Constructed bool
	Length      int64 // of the contents; -1 where it is indefinite
	Offset      int64 // of the first identifier octet
}

// Reader reads elements from a stream one header at a time, for encodings that
// must not enter memory whole. Next announces an element; then Enter, Raw,
// Decode, OctetString or Skip deals with it. An element not dealt with is skipped
// by the Next or Leave that follows, so that a reader of some components need not
// know the others. Definite and indefinite lengths look alike.
//
// The first error ends the reading: every later call returns it again. Errors of
// the source are wrapped, malformed input is an *Error with the offset.
//
// Limits.Octets bounds what Raw and Decode hold, not the length of the stream;
// Limits.Elements bounds the elements announced, not those skipped over.
type Reader struct {
	src      source
	off      int64
	lim      Limits
	elements int
	stack    []frame
	err      error

	state   readerState
	current Header
	head    [maxHeader]byte // identifier and length octets of current
	headLen int

	capture *capture // set while Raw reads

	segments   int   // state inString: the stack as it was before the string
	left       int64 // state inString: octets left of the present segment
	generation int   // counts strings, so that one read too late is found out
}

type source interface {
	io.Reader
	io.ByteReader
}

type readerState uint8

const (
	atHeader  readerState = iota // the next octet begins an element, or ends one
	announced                    // the contents of current come next
	inString                     // OctetString has begun
)

// frame is a constructed element that has been entered.
type frame struct {
	start int64
	end   int64 // of the contents; -1 where the length is indefinite
	bound int64 // no octet of the contents lies at it or beyond; -1: none known
	ended bool  // the end-of-contents octets have been read
}

type capture struct {
	octets []byte
	max    int
}

var (
	errNotAnnounced = errors.New("no element has been announced")
	errNotEntered   = errors.New("no constructed element has been entered")
	errStale        = errors.New("string read after the reader has moved on")
)

// NewReader returns a Reader of src. Unless src can read single octets
// (io.ByteReader) it is buffered, and more of it consumed than has been read.
func NewReader(src io.Reader, lim Limits) *Reader {
	s, ok := src.(source)
	if !ok {
		s = bufio.NewReader(src)
	}
	lim = lim.orDefault()
	return &Reader{src: s, lim: lim, elements: lim.Elements}
}

// Offset returns the number of octets read from the start of the stream.
func (r *Reader) Offset() int64 { return r.off }

// Next announces the next element at the present depth. At the end of the
// element entered last it returns ErrEnd, and again until Leave is called; at the
// end of the stream, between outermost elements, io.EOF.
func (r *Reader) Next() (Header, error) {
	if err := r.settle(); err != nil {
		return Header{}, err
	}
	if err := r.announce(true); err != nil {
		return Header{}, err
	}
	return r.current, nil
}

// Enter descends into the element announced, which must be constructed.
func (r *Reader) Enter() error {
	if err := r.expectAnnounced(); err != nil {
		return err
	}
	if !r.current.Constructed {
		return r.fail(malformedf(r.current.Offset, "%w: %w", ErrSyntax, errForm))
	}
	return r.push()
}

// Leave skips what is left of the element entered last and ascends.
func (r *Reader) Leave() error {
	if err := r.settle(); err != nil {
		return err
	}
	if len(r.stack) == 0 {
		return r.fail(&Error{Offset: r.off, Err: errNotEntered})
	}
	return r.leave()
}

// Skip skips the element announced. Its contents are read to find their end where
// lengths are indefinite, and otherwise not looked into.
func (r *Reader) Skip() error {
	if r.err == nil && r.state == inString {
		return r.settle()
	}
	if err := r.expectAnnounced(); err != nil {
		return err
	}
	return r.skip(false)
}

// Raw returns the element announced, bit for bit. An element of more than limit
// octets, header included, or of more than Limits.Octets is refused with ErrLimit
// before it is read.
func (r *Reader) Raw(limit int) (Raw, error) {
	if err := r.expectAnnounced(); err != nil {
		return nil, err
	}
	limit = min(limit, r.lim.Octets)
	if n := r.current.Length; r.headLen > limit || n > int64(limit-r.headLen) {
		return nil, r.fail(malformed(r.current.Offset, errOctets))
	}
	c := &capture{max: limit}
	// Half a page to begin with: a length that is claimed is not yet a length sent.
	c.octets = make([]byte, 0, r.headLen+int(min(max(r.current.Length, 64), 2048)))
	c.octets = append(c.octets, r.head[:r.headLen]...)
	r.capture = c
	err := r.skip(true)
	r.capture = nil
	if err != nil {
		return nil, err
	}
	return c.octets, nil
}

// Decode decodes the element announced into what v points to, as UnmarshalWith
// does, within Limits.Octets. Offsets in errors are those of the stream.
func (r *Reader) Decode(v any, params string) error {
	at := r.current.Offset
	raw, err := r.Raw(r.lim.Octets)
	if err != nil {
		return err
	}
	if _, err = UnmarshalWith(raw, v, params, r.lim); err != nil {
		var e *Error
		if errors.As(err, &e) && e.Offset >= 0 {
			e.Offset += at
		}
		return r.fail(err)
	}
	return nil
}

// OctetString returns the contents of the element announced as a stream: the
// contents octets where it is primitive, the segments joined where it is
// constructed, at whatever depth they lie (X.690 §8.7.3: these are OCTET STRINGs,
// and nothing else is accepted). The tag of the element itself is not looked at, as
// an implicit tag hides that of the type. The stream must be read before
// the Reader is used again; what is left of it then is skipped.
func (r *Reader) OctetString() io.Reader {
	s := &stringReader{r: r}
	if err := r.expectAnnounced(); err != nil {
		return s
	}
	r.generation++
	s.generation = r.generation
	r.segments, r.left = len(r.stack), 0
	if !r.current.Constructed {
		r.left = r.current.Length
	} else if r.push() != nil {
		return s
	}
	r.state = inString
	return s
}

type stringReader struct {
	r          *Reader
	generation int
	done       bool
}

func (s *stringReader) Read(p []byte) (int, error) {
	r := s.r
	switch {
	case s.done:
		return 0, io.EOF
	case r.err != nil:
		return 0, r.err
	case r.state != inString || s.generation != r.generation:
		return 0, &Error{Offset: r.off, Err: errStale}
	case len(p) == 0:
		return 0, nil
	}
	if err := r.segment(); err != nil {
		s.done = err == io.EOF
		return 0, err
	}
	n, err := r.src.Read(p[:min(int64(len(p)), r.left)])
	r.off += int64(n)
	r.left -= int64(n)
	if err != nil && (n == 0 || err != io.EOF) {
		return n, r.broken(err)
	}
	return n, nil
}

// segment advances to the next octets of a string; io.EOF when there are none.
func (r *Reader) segment() error {
	for r.left == 0 {
		if len(r.stack) == r.segments {
			r.state = atHeader
			return io.EOF
		}
		switch err := r.announce(false); {
		case err == ErrEnd:
			r.pop()
			continue
		case err != nil:
			return err
		}
		t := r.current.Tag
		if t != asn1.Univ(asn1.NumberOctetString) {
			return r.fail(malformedf(r.current.Offset, "%w: %v as a segment of a string", ErrUnexpected, t))
		}
		if r.current.Constructed {
			if err := r.push(); err != nil {
				return err
			}
		} else {
			r.left = r.current.Length
		}
		r.state = inString
	}
	return nil
}

func (r *Reader) expectAnnounced() error {
	if r.err == nil && r.state != announced {
		return r.fail(&Error{Offset: r.off, Err: errNotAnnounced})
	}
	return r.err
}

// settle deals with an element that nothing else has dealt with.
func (r *Reader) settle() error {
	switch {
	case r.err != nil:
		return r.err
	case r.state == announced:
		return r.skip(false)
	case r.state == inString:
		if err := r.discard(r.left); err != nil {
			return err
		}
		r.left = 0
		for len(r.stack) > r.segments {
			if err := r.leave(); err != nil {
				return err
			}
		}
		r.state = atHeader
	}
	return nil
}

// announce reads the next header at the present depth.
func (r *Reader) announce(counted bool) error {
	bound, indefinite := int64(-1), false
	if n := len(r.stack); n > 0 {
		f := &r.stack[n-1]
		bound, indefinite = f.bound, f.end < 0
		if f.ended || !indefinite && r.off == f.end {
			return ErrEnd
		}
	}
	start := r.off
	outside := func() error { return r.fail(malformed(start, errOutside)) }
	var t token
	for r.headLen = 0; t.size == 0; {
		if bound >= 0 && r.off >= bound {
			return outside()
		}
		c, err := r.octet()
		if err == io.EOF && r.headLen == 0 && len(r.stack) == 0 {
			return io.EOF
		}
		if err != nil {
			return r.broken(err)
		}
		r.head[r.headLen] = c
		r.headLen++
		if indefinite && r.headLen == 1 && c == 0 {
			continue // the first of two end-of-contents octets, or nothing valid
		}
		if indefinite && r.headLen == 2 && r.head[0] == 0 && c == 0 {
			r.stack[len(r.stack)-1].ended = true
			return ErrEnd
		}
		if cause := parseToken(&t, r.head[:r.headLen]); cause != nil {
			return r.fail(malformedf(start, "%w: %w", ErrSyntax, cause))
		}
	}
	if counted {
		if r.elements--; r.elements < 0 {
			return r.fail(malformed(start, errElements))
		}
	}
	switch {
	case t.length > math.MaxInt64-r.off:
		return r.fail(malformedf(start, "%w: %w", ErrSyntax, errLength))
	case bound >= 0 && t.length > bound-r.off:
		return outside()
	}
	r.current = Header{Tag: t.tag, Constructed: t.constructed, Length: t.length, Offset: start}
	r.state = announced
	return nil
}

func (r *Reader) push() error {
	if len(r.stack) >= r.lim.Depth {
		return r.fail(malformed(r.current.Offset, errDepth))
	}
	f := frame{start: r.current.Offset, end: -1, bound: -1}
	if r.current.Length >= 0 {
		f.end = r.off + r.current.Length
		f.bound = f.end
	} else if n := len(r.stack); n > 0 {
		f.bound = r.stack[n-1].bound
	}
	r.stack = append(r.stack, f)
	r.state = atHeader
	return nil
}

func (r *Reader) pop() {
	r.stack = r.stack[:len(r.stack)-1]
	r.state = atHeader
}

// leave reads to the end of the element entered last.
func (r *Reader) leave() error {
	f := r.stack[len(r.stack)-1]
	switch {
	case f.end >= 0:
		if err := r.discard(f.end - r.off); err != nil {
			return err
		}
	case !f.ended:
		if err := r.untilEnd(r.capture != nil); err != nil {
			return err
		}
	}
	r.pop()
	return nil
}

// skip reads to the end of the element announced.
func (r *Reader) skip(counted bool) error {
	if r.current.Length >= 0 {
		r.state = atHeader
		return r.discard(r.current.Length)
	}
	if err := r.push(); err != nil {
		return err
	}
	if err := r.untilEnd(counted); err != nil {
		return err
	}
	r.pop()
	return nil
}

// untilEnd reads the contents of the element entered last, of indefinite length,
// up to and including their end. It keeps a stack rather than recurse.
func (r *Reader) untilEnd(counted bool) error {
	for base := len(r.stack); ; {
		err := r.announce(counted)
		switch {
		case err == ErrEnd && len(r.stack) == base:
			return nil
		case err == ErrEnd:
			r.pop()
		case err != nil:
			return err
		case r.current.Length < 0:
			if err := r.push(); err != nil {
				return err
			}
		default:
			r.state = atHeader
			if err := r.discard(r.current.Length); err != nil {
				return err
			}
		}
	}
}

// octet reads one octet and captures it.
func (r *Reader) octet() (byte, error) {
	c, err := r.src.ReadByte()
	if err != nil {
		return 0, err
	}
	r.off++
	if k := r.capture; k != nil {
		if len(k.octets) == k.max {
			return 0, malformed(r.off-1, errOctets)
		}
		k.octets = append(k.octets, c)
	}
	return c, nil
}

// discard reads n octets, to the capture if there is one.
func (r *Reader) discard(n int64) error {
	if n == 0 {
		return nil
	}
	if k := r.capture; k != nil {
		if n > int64(k.max-len(k.octets)) {
			return r.fail(malformed(r.off, errOctets))
		}
		for n > 0 {
			step := int(min(n, 32<<10))
			at := len(k.octets)
			k.octets = append(k.octets, make([]byte, step)...)
			got, err := io.ReadFull(r.src, k.octets[at:])
			r.off += int64(got)
			n -= int64(got)
			if err != nil {
				return r.broken(err)
			}
		}
		return nil
	}
	got, err := io.CopyN(io.Discard, r.src, n)
	r.off += got
	if err != nil {
		return r.broken(err)
	}
	return nil
}

// broken is the error of a source that has failed or ended within an element.
func (r *Reader) broken(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return r.fail(e)
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return r.fail(malformed(r.off, ErrTruncated))
	}
	return r.fail(&Error{Offset: r.off, Err: fmt.Errorf("read: %w", err), kind: diag.Internal})
}

func (r *Reader) fail(err error) error {
	r.err = err
	return err
}

package cms

import (
	"fmt"
	"math"

	"github.com/mtakit/mtakit/lib/diag"
)

// Limits bound what reading an object costs. A field that is zero has the value of
// DefaultLimits.
type Limits struct {
	Octets   int // of the object
	Depth    int // levels of elements within one another
	Elements int // in all, the segments of contents included
}

// DefaultLimits returns the limits that stand for zero: 256 MiB, 32 levels, 2^18 elements,
// which in segments of the 4096 octets that OpenSSL makes are 1 GiB.
func DefaultLimits() Limits { return Limits{Octets: 256 << 20, Depth: 32, Elements: 1 << 18} }

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Octets <= 0 {
		l.Octets = d.Octets
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Elements <= 0 {
		l.Elements = d.Elements
	}
	return l
}

// DER returns an element in the form that X.690 §10 demands of lengths and strings: lengths
// definite and no longer than need be, the segments of a string joined. What has it already
// is returned as it is, without a copy, so that the octets a signature is over stay what
// they are. The order of a SET OF is left alone, and so is what is inside an OCTET STRING.
//
// The input is one element and nothing after it. An error has kind diag.Data and says at
// which octet.
func DER(in []byte, lim Limits) ([]byte, error) {
	w := walker{in: in, Limits: lim.orDefault()}
	if len(in) > w.Octets {
		return nil, malformed("%d octets; at most %d are taken", len(in), w.Octets)
	}
	end, err := w.measure(0, len(in), 0)
	switch {
	case err != nil:
		return nil, err
	case end != len(in):
		return nil, w.fail(end, "%d octets after the object", len(in)-end)
	case w.same:
		return in, nil
	}
	w.out, w.next = make([]byte, 0, w.marks[0].size()), 0
	w.write()
	return w.out, nil
}

// mark is what measure has found out of an element.
type mark struct {
	start, body int  // offsets of the first octet and of the contents
	length      int  // of the contents in DER
	id          int  // octets of the identifier
	constructed bool // as it comes
	join        bool // a string in segments
	same        bool // DER as it is
	end         int  // offset after it
}

func (m *mark) size() int { return m.id + lengthSize(m.length) + m.length }

type walker struct {
	in    []byte
	marks []mark // in the order of the elements
	same  bool   // the element measured last is DER as it is
	out   []byte
	next  int // of marks, while writing
	Limits
}

func malformed(format string, args ...any) error {
	return diag.E("CMS object", diag.Data, fmt.Errorf(format, args...))
}

func (w *walker) fail(at int, format string, args ...any) error {
	return malformed("at octet %d: "+format, append([]any{at}, args...)...)
}

// measure walks an element that begins at start and must end by end, and says where it
// ends.
func (w *walker) measure(start, end, depth int) (int, error) {
	if len(w.marks) >= w.Elements {
		return 0, w.fail(start, "more than %d elements", w.Elements)
	}
	m := mark{start: start}
	length, minimal, err := w.header(&m, end)
	if err != nil {
		return 0, err
	}
	at := len(w.marks)
	w.marks = append(w.marks, m)
	if !m.constructed {
		m.length, m.same, m.end = length, minimal, m.body+length
		w.marks[at], w.same = m, minimal
		return m.end, nil
	}
	if depth >= w.Depth {
		return 0, w.fail(start, "more than %d levels of elements", w.Depth)
	}
	m.join = isString(w.in[start])
	stop := end
	if length >= 0 {
		stop = m.body + length
	}
	m.same = minimal && length >= 0 && !m.join
	for m.end = m.body; ; {
		if length >= 0 && m.end == stop {
			break
		}
		if length < 0 && stop-m.end >= 2 && w.in[m.end] == 0 && w.in[m.end+1] == 0 {
			m.end += 2
			break
		}
		if length < 0 && m.end >= stop {
			return 0, w.fail(start, "truncated: no end-of-contents")
		}
		piece := len(w.marks)
		if m.end, err = w.measure(m.end, stop, depth+1); err != nil {
			return 0, err
		}
		p := &w.marks[piece]
		if m.join {
			// X.690 §8.7.3.2: of the same type, and themselves perhaps in segments.
			if w.in[p.start]&^0x20 != w.in[start]&^0x20 {
				return 0, w.fail(p.start, "a segment of another type than its string")
			}
			if w.in[start]&0x1f == 3 {
				return 0, w.fail(p.start, "a BIT STRING in segments")
			}
			m.length += p.length
		} else {
			m.length += p.size()
		}
		m.same = m.same && w.same
	}
	w.marks[at], w.same = m, m.same
	return m.end, nil
}

// header reads identifier and length; a length of -1 is indefinite.
func (w *walker) header(m *mark, end int) (length int, minimal bool, err error) {
	b := w.in[m.start:end]
	if len(b) < 2 {
		return 0, false, w.fail(m.start, "truncated: no element")
	}
	m.constructed, m.id = b[0]&0x20 != 0, 1
	switch {
	case b[0]&0x1f == 0x1f:
		return 0, false, w.fail(m.start, "a tag number above 30, which no CMS object has")
	case b[0] == 0:
		return 0, false, w.fail(m.start, "end-of-contents out of place")
	}
	first := b[1]
	m.body = m.start + 2
	switch {
	case first < 0x80:
		length, minimal = int(first), true
	case first == 0x80:
		if !m.constructed {
			return 0, false, w.fail(m.start, "a primitive element of indefinite length")
		}
		return -1, false, nil
	default:
		n := int(first & 0x7f)
		// Sixteen are more than any sender pads to.
		if n > 16 || len(b) < 2+n {
			return 0, false, w.fail(m.start, "truncated, or a length of %d octets", n)
		}
		for _, o := range b[2 : 2+n] {
			if length > math.MaxInt32 {
				return 0, false, w.fail(m.start, "a length that is too large")
			}
			length = length<<8 | int(o)
		}
		m.body += n
		minimal = lengthSize(length) == 1+n
	}
	if length > end-m.body {
		return 0, false, w.fail(m.start, "truncated, or longer than the element around it: %d octets of %d", end-m.body, length)
	}
	return length, minimal, nil
}

// isString tells whether a universal type is a string, whose constructed form is segments.
func isString(identifier byte) bool {
	n := identifier & 0x1f
	return identifier>>6 == 0 && (n == 3 || n == 4 || n == 12 || n >= 18 && n <= 22 || n >= 25 && n <= 30)
}

// write appends the element of the next mark in DER.
func (w *walker) write() {
	m := w.marks[w.next]
	if m.same {
		w.out = append(w.out, w.in[m.start:m.end]...)
		w.skip(m.end)
		return
	}
	identifier := w.in[m.start]
	if m.join {
		identifier &^= 0x20
	}
	w.out = appendHeader(w.out, identifier, m.length)
	w.inside(m)
}

// inside appends the contents of the element of the next mark.
func (w *walker) inside(m mark) {
	w.next++
	if !m.constructed {
		w.out = append(w.out, w.in[m.body:m.end]...)
		return
	}
	for w.next < len(w.marks) && w.marks[w.next].start < m.end {
		if m.join {
			w.inside(w.marks[w.next])
		} else {
			w.write()
		}
	}
}

// skip passes over the marks of what lies before an offset.
func (w *walker) skip(end int) {
	for w.next < len(w.marks) && w.marks[w.next].start < end {
		w.next++
	}
}

// lengthSize is how many octets the length of contents takes in DER.
func lengthSize(n int) int {
	size := 1
	if n < 0x80 {
		return size
	}
	for ; n > 0; n >>= 8 {
		size++
	}
	return size
}

func appendHeader(b []byte, identifier byte, length int) []byte {
	b = append(b, identifier)
	size := lengthSize(length)
	if size == 1 {
		return append(b, byte(length))
	}
	b = append(b, 0x80|byte(size-1))
	for i := size - 2; i >= 0; i-- {
		b = append(b, byte(length>>(8*i)))
	}
	return b
}

// element returns an element of the contents given, in pieces.
func element(identifier byte, pieces ...[]byte) []byte {
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	b := appendHeader(make([]byte, 0, 6+n), identifier, n)
	for _, p := range pieces {
		b = append(b, p...)
	}
	return b
}

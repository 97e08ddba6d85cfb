package ber

import (
	"errors"
	"math"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Limits bound what one call may cost. A field that is zero has the value of
// DefaultLimits.
type Limits struct {
	Depth    int // levels of constructed elements within one another
	Elements int // elements in all, those of skipped ones included
	Octets   int // octets of the outermost element, and of what a Reader holds in memory
}

// DefaultLimits returns the limits that stand for zero: 48 levels, 262 144
// elements, 16 MiB.
func DefaultLimits() Limits {
	return Limits{Depth: 48, Elements: 1 << 18, Octets: 16 << 20}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Elements <= 0 {
		l.Elements = d.Elements
	}
	if l.Octets <= 0 {
		l.Octets = d.Octets
	}
	return l
}

// maxHeader is the greatest number of identifier and length octets accepted: a
// tag number of 32 bits takes five octets after the first, and of length octets
// after the first there may be 16, more than any sensible sender pads to.
const (
	maxLengthOctets = 16
	maxHeader       = 1 + 5 + 1 + maxLengthOctets
)

var (
	errTagNumber  = errors.New("tag number is too large")
	errTagPadded  = errors.New("tag number begins with a zero octet")
	errTagHigh    = errors.New("tag number below 31 in the long form")
	errLength     = errors.New("length is too large")
	errLengthForm = errors.New("length octet 255 is reserved")
	errIndefinite = errors.New("primitive element of indefinite length")
	errEOC        = errors.New("end-of-contents out of place")
)

// token is the identifier and length octets of one element, X.690 §8.1.2 and
// §8.1.3.
type token struct {
	tag         asn1.Tag
	constructed bool
	length      int64 // -1: indefinite
	size        int   // octets taken
}

// parseToken reads the identifier and length octets at the start of b. A cause
// of nil with a size of zero means that b ends within them.
func parseToken(t *token, b []byte) error {
	t.size = 0
	if len(b) < 2 {
		if len(b) == 1 && b[0] == 0 {
			return errEOC
		}
		return nil
	}
	first := b[0]
	t.tag.Class = asn1.Class(first >> 6)
	t.constructed = first&0x20 != 0
	i := 1
	if number := first & 0x1f; number < 0x1f {
		if first == 0 {
			return errEOC
		}
		t.tag.Number = uint32(number)
	} else {
		var n uint64
		for {
			if i == len(b) {
				return nil
			}
			c := b[i]
			if i == 1 && c == 0x80 {
				return errTagPadded
			}
			n = n<<7 | uint64(c&0x7f)
			if n > math.MaxUint32 {
				return errTagNumber
			}
			i++
			if c < 0x80 {
				break
			}
		}
		if n < 0x1f {
			return errTagHigh
		}
		t.tag.Number = uint32(n)
	}
	if i == len(b) {
		return nil
	}
	l := b[i]
	i++
	switch {
	case l < 0x80:
		t.length = int64(l)
	case l == 0x80:
		if !t.constructed {
			return errIndefinite
		}
		t.length = -1
	case l == 0xff:
		return errLengthForm
	case l&0x7f > maxLengthOctets:
		return errLength
	default:
		var n uint64
		for range l & 0x7f {
			if i == len(b) {
				return nil
			}
			if n > math.MaxInt64>>8 {
				return errLength
			}
			n = n<<8 | uint64(b[i])
			i++
		}
		t.length = int64(n)
	}
	t.size = i
	return nil
}

// AppendHeader appends identifier octets and the shortest length octets of an
// element of length octets of contents; a negative length appends the indefinite
// form, whose end-of-contents octets 00 00 the caller owes.
func AppendHeader(dst []byte, t asn1.Tag, constructed bool, length int64) []byte {
	var buf [maxHeader]byte
	i := prependHeader(buf[:], len(buf), t, constructed, length)
	return append(dst, buf[i:]...)
}

// HeaderLen returns the number of octets that AppendHeader appends.
func HeaderLen(t asn1.Tag, length int64) int {
	n := 2
	if t.Number >= 0x1f {
		for v := t.Number; v > 0; v >>= 7 {
			n++
		}
	}
	if length >= 0x80 {
		for ; length > 0; length >>= 8 {
			n++
		}
	}
	return n
}

// prependHeader writes a header that ends before b[i] and returns where it
// begins. There must be room for maxHeader octets.
func prependHeader(b []byte, i int, t asn1.Tag, constructed bool, length int64) int {
	switch {
	case length < 0:
		i--
		b[i] = 0x80
	case length < 0x80:
		i--
		b[i] = byte(length)
	default:
		end := i
		for ; length > 0; length >>= 8 {
			i--
			b[i] = byte(length)
		}
		n := end - i
		i--
		b[i] = 0x80 | byte(n)
	}
	first := byte(t.Class) << 6
	if constructed {
		first |= 0x20
	}
	if t.Number < 0x1f {
		i--
		b[i] = first | byte(t.Number)
		return i
	}
	more := byte(0)
	for n := t.Number; n > 0; n >>= 7 {
		i--
		b[i] = byte(n)&0x7f | more
		more = 0x80
	}
	i--
	b[i] = first | 0x1f
	return i
}

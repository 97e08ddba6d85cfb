package ber

import (
	"math"
	"reflect"
	"sync"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Marshal returns the encoding of v, a value or a pointer to one. Errors are
// *Error and wrap ErrValue, ErrMissing or ErrType.
func Marshal(v any) ([]byte, error) { return MarshalWith(v, "") }

// MarshalWith is Marshal of a type in a place, params saying which in the words
// of a field tag: "[16] EXPLICIT".
func MarshalWith(v any, params string) ([]byte, error) {
	return appendWith(nil, v, params)
}

// Append appends the encoding of v to dst. On an error dst is returned as it was.
func Append(dst []byte, v any) ([]byte, error) { return appendWith(dst, v, "") }

var encoders = sync.Pool{New: func() any { return &encoder{buf: make([]byte, 4096)} }}

// keptBuffer is the largest buffer worth keeping for the next encoding.
const keptBuffer = 1 << 20

// maxDepth bounds the levels of a value to encode, lest one that contains itself
// exhaust the stack.
const maxDepth = 256

func appendWith(dst []byte, v any, params string) ([]byte, error) {
	value := reflect.ValueOf(v)
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.IsValid() || value.Kind() == reflect.Pointer {
		return dst, unencodable("%w: nil %T", ErrValue, v)
	}
	root, err := rootOf(value.Type(), params)
	if err != nil {
		return dst, err
	}
	e := encoders.Get().(*encoder)
	e.pos, e.depth = len(e.buf), maxDepth
	if bad := e.node(root, value); bad != nil {
		err = bad.under(root.rootName())
	} else {
		dst = append(dst, e.buf[e.pos:]...)
	}
	if len(e.buf) <= keptBuffer {
		encoders.Put(e)
	}
	return dst, err
}

// encoder writes backwards: buf[pos:] is what has been written.
type encoder struct {
	buf   []byte
	pos   int
	depth int
}

func (e *encoder) written() int { return len(e.buf) - e.pos }

// room makes place for n more octets.
func (e *encoder) room(n int) {
	if n <= e.pos {
		return
	}
	used := e.written()
	grown := make([]byte, max(2*len(e.buf), used+n+maxHeader))
	pos := len(grown) - used
	copy(grown[pos:], e.buf[e.pos:])
	e.buf, e.pos = grown, pos
}

func (e *encoder) octets(b []byte) {
	e.room(len(b))
	e.pos -= len(b)
	copy(e.buf[e.pos:], b)
}

func (e *encoder) text(s string) {
	e.room(len(s))
	e.pos -= len(s)
	copy(e.buf[e.pos:], s)
}

func (e *encoder) octet(c byte) {
	e.room(1)
	e.pos--
	e.buf[e.pos] = c
}

func (e *encoder) header(t asn1.Tag, constructed bool, length int) {
	e.room(maxHeader)
	e.pos = prependHeader(e.buf, e.pos, t, constructed, int64(length))
}

// node encodes a value with all its tags.
func (e *encoder) node(n *node, v reflect.Value) *Error {
	if n.pointer {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return unencodable("%w", ErrMissing)
			}
			v = v.Elem()
		}
	}
	if e.depth--; e.depth < 0 {
		return unencodable("%w: nested too deeply", ErrValue)
	}
	end := e.written()
	if err := e.contents(n.plan, v); err != nil {
		return err
	}
	e.depth++
	i := len(n.tags) - 1
	if !n.untagged() {
		e.header(n.tags[i], n.constructed(), e.written()-end)
		i--
	}
	for ; i >= 0; i-- {
		e.header(n.tags[i], true, e.written()-end)
	}
	return nil
}

// contents encodes the contents octets of a type; of a CHOICE or open type, the
// whole element.
func (e *encoder) contents(p *plan, v reflect.Value) *Error {
	switch p.kind {
	case kindBoolean:
		c := byte(0)
		if v.Bool() {
			c = 0xff
		}
		e.octet(c)
	case kindInteger:
		e.integer(v.Int())
	case kindUnsigned:
		n := v.Uint()
		for ; n > math.MaxInt64; n >>= 8 {
			e.octet(byte(n))
		}
		e.integer(int64(n))
	case kindOctets:
		b := v.Bytes()
		if p.number == asn1.NumberInteger && len(b) == 0 {
			return unencodable("%w: INTEGER without contents octets", ErrValue)
		}
		e.octets(b)
	case kindText:
		e.text(v.String())
	case kindWide:
		b, err := encodeWide(p.number, v.String())
		if err != nil {
			return unencodable("%w", err)
		}
		e.octets(b)
	case kindBitString:
		return e.bitString(v.Field(0).Bytes(), int(v.Field(1).Int()))
	case kindOID:
		var buf [32]byte
		b, err := appendOID(buf[:0], asn1.OID(v.String()))
		if err != nil {
			return unencodable("%w", err)
		}
		e.octets(b)
	case kindSequence, kindSet:
		return e.fields(p, v)
	case kindOf:
		for i := v.Len() - 1; i >= 0; i-- {
			if err := e.node(p.elem, v.Index(i)); err != nil {
				return err.underIndex(i)
			}
		}
	case kindChoice:
		return e.choice(p, v)
	case kindRaw:
		return e.raw(v.Bytes())
	}
	return nil
}

func (e *encoder) fields(p *plan, v reflect.Value) *Error {
	for i := len(p.fields) - 1; i >= 0; i-- {
		f := &p.fields[i]
		value := f.of(v)
		if f.presence == extension {
			for j := value.Len() - 1; j >= 0; j-- {
				if err := e.raw(value.Index(j).Bytes()); err != nil {
					return err.underIndex(j).under(f.name)
				}
			}
			continue
		}
		if f.presence != mandatory && f.absent(value) {
			continue
		}
		if err := e.node(&f.node, value); err != nil {
			return err.under(f.name)
		}
	}
	return nil
}

func (e *encoder) choice(p *plan, v reflect.Value) *Error {
	chosen := -1
	for i := range p.fields {
		if p.fields[i].of(v).IsNil() {
			continue
		}
		if chosen >= 0 {
			return unencodable("%w: CHOICE with both %s and %s", ErrValue, p.fields[chosen].name, p.fields[i].name)
		}
		chosen = i
	}
	if chosen < 0 {
		return unencodable("%w: CHOICE without an alternative", ErrMissing)
	}
	f := &p.fields[chosen]
	if err := e.node(&f.node, f.of(v)); err != nil {
		return err.under(f.name)
	}
	return nil
}

// integer writes n in the fewest octets, X.690 §8.3.2.
func (e *encoder) integer(n int64) {
	for {
		c := byte(n)
		e.octet(c)
		n >>= 8
		if n == 0 && c < 0x80 || n == -1 && c >= 0x80 {
			return
		}
	}
}

func (e *encoder) bitString(b []byte, bits int) *Error {
	if bits < 0 || (bits+7)/8 != len(b) {
		return unencodable("%w: BIT STRING of %d bits in %d octets", ErrValue, bits, len(b))
	}
	unused := len(b)*8 - bits
	if unused > 0 && b[len(b)-1]&(1<<unused-1) != 0 {
		return unencodable("%w: BIT STRING with ones beyond its %d bits", ErrValue, bits)
	}
	e.octets(b)
	e.octet(byte(unused))
	return nil
}

// raw writes an encoding as it is, having made sure that it is one.
func (e *encoder) raw(b []byte) *Error {
	if len(b) == 0 {
		return unencodable("%w", ErrMissing)
	}
	d := newDecoder(b, Limits{Octets: len(b)})
	var h header
	err := d.header(&h, 0, len(b))
	next := 0
	if err == nil {
		next, err = d.skip(&h)
	}
	if err != nil {
		return unencodable("%w: octets kept as they came: %w", ErrValue, err.Err)
	}
	if next != len(b) {
		return unencodable("%w: octets kept as they came: %d after the element", ErrValue, len(b)-next)
	}
	e.octets(b)
	return nil
}

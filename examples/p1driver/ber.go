package p1driver

import (
	"errors"
	"fmt"
)

// maxDepth bounds the nesting of what is read.
const maxDepth = 40

// tlv is one data value: of a constructed one the parts count, else the octets.
type tlv struct {
	id     byte
	octets []byte
	parts  []tlv
}

const constructed = 0x20

// p makes a primitive value, c a constructed one.
func p(id byte, octets ...byte) tlv { return tlv{id: id, octets: octets} }
func text(id byte, s string) tlv    { return tlv{id: id, octets: []byte(s)} }
func c(id byte, parts ...tlv) tlv   { return tlv{id: id, parts: parts} }
func number(id byte, n int) tlv     { return tlv{id: id, octets: integer(n)} }
func (t tlv) isConstructed() bool   { return t.id&constructed != 0 }
func octetString(octets []byte) tlv { return tlv{id: 0x04, octets: octets} }
func oid(octets ...byte) tlv        { return tlv{id: 0x06, octets: octets} }

// integer is the contents of a non-negative INTEGER.
func integer(n int) []byte {
	out := []byte{byte(n)}
	for n >>= 8; n > 0; n >>= 8 {
		out = append([]byte{byte(n)}, out...)
	}
	if out[0] >= 0x80 {
		out = append([]byte{0}, out...)
	}
	return out
}

// style is how values are encoded.
type style struct {
	indefinite bool // lengths, and OCTET STRINGs in pieces of chunk octets
	chunk      int
}

// append encodes t.
func (s style) append(b []byte, t tlv) []byte {
	switch {
	case t.isConstructed() && s.indefinite:
		b = append(b, t.id, 0x80)
		for _, part := range t.parts {
			b = s.append(b, part)
		}
		return append(b, 0, 0)
	case t.isConstructed():
		b = appendHeader(b, t.id, s.length(t))
		for _, part := range t.parts {
			b = s.append(b, part)
		}
		return b
	case t.id == 0x04 && s.indefinite:
		b = append(b, t.id|constructed, 0x80)
		for rest := t.octets; len(rest) > 0; {
			n := min(len(rest), s.chunk)
			b = append(appendHeader(b, 0x04, n), rest[:n]...)
			rest = rest[n:]
		}
		return append(b, 0, 0)
	}
	return append(appendHeader(b, t.id, len(t.octets)), t.octets...)
}

// length is that of the contents, in the definite style.
func (s style) length(t tlv) int {
	if !t.isConstructed() {
		return len(t.octets)
	}
	n := 0
	for _, part := range t.parts {
		l := s.length(part)
		n += len(appendHeader(nil, part.id, l)) + l
	}
	return n
}

func appendHeader(b []byte, id byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(b, id, byte(n))
	case n < 0x100:
		return append(b, id, 0x81, byte(n))
	case n < 0x10000:
		return append(b, id, 0x82, byte(n>>8), byte(n))
	case n < 0x1000000:
		return append(b, id, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, id, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

// errShort is a value that goes on after the octets there are.
var errShort = errors.New("octets are missing")

// parse reads one value from the beginning of b; constructed ones are taken apart.
// With errShort the value has what there is of it.
func parse(b []byte, depth int) (t tlv, rest []byte, err error) {
	if depth > maxDepth {
		return t, nil, errors.New("nested too deeply")
	}
	if len(b) < 2 {
		return t, nil, errShort
	}
	t.id = b[0]
	if t.id&0x1f == 0x1f {
		return t, nil, errors.New("identifier of several octets")
	}
	n, b, indefinite, err := parseLength(b[1:])
	if err != nil {
		return t, nil, err
	}
	if indefinite {
		if !t.isConstructed() {
			return t, nil, errors.New("primitive of indefinite length")
		}
		for {
			if len(b) < 2 {
				return t, nil, errShort
			}
			if b[0] == 0 && b[1] == 0 {
				return t, b[2:], nil
			}
			var part tlv
			part, b, err = parse(b, depth+1)
			t.parts = append(t.parts, part)
			if err != nil {
				return t, nil, err
			}
		}
	}
	var short error
	if n > len(b) {
		n, short = len(b), errShort
	}
	inside, rest := b[:n], b[n:]
	if !t.isConstructed() {
		t.octets = inside
		return t, rest, short
	}
	for len(inside) > 0 {
		var part tlv
		part, inside, err = parse(inside, depth+1)
		t.parts = append(t.parts, part)
		if err != nil {
			return t, nil, err
		}
	}
	return t, rest, short
}

func parseLength(b []byte) (n int, rest []byte, indefinite bool, err error) {
	if len(b) == 0 {
		return 0, nil, false, errShort
	}
	first, b := b[0], b[1:]
	switch k := int(first & 0x7f); {
	case first < 0x80:
		return int(first), b, false, nil
	case k == 0:
		return 0, b, true, nil
	case k > 4:
		return 0, nil, false, errors.New("length of more than four octets")
	case k > len(b):
		return 0, nil, false, errShort
	default:
		for _, o := range b[:k] {
			n = n<<8 | int(o)
		}
		return n, b[k:], false, nil
	}
}

// find follows identifiers down, each time to the first part that has it.
func (t tlv) find(path ...byte) (tlv, bool) {
	for _, id := range path {
		i := 0
		for i < len(t.parts) && t.parts[i].id != id {
			i++
		}
		if i == len(t.parts) {
			return tlv{}, false
		}
		t = t.parts[i]
	}
	return t, true
}

// must is find of what cannot be left out.
func (t tlv) must(path ...byte) (tlv, error) {
	v, ok := t.find(path...)
	if !ok {
		return v, fmt.Errorf("no % x in %02x", path, t.id)
	}
	return v, nil
}

// flat is the octets of a string, primitive or in pieces.
func (t tlv) flat() []byte {
	if !t.isConstructed() {
		return t.octets
	}
	var all []byte
	for _, part := range t.parts {
		all = append(all, part.flat()...)
	}
	return all
}

// int is the value of a small INTEGER or ENUMERATED.
func (t tlv) int() int {
	n := 0
	for _, o := range t.octets[:min(len(t.octets), 4)] {
		n = n<<8 | int(o)
	}
	return n
}

package p1

import (
	"errors"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// An edit works on an envelope that has been read within limits before, so here
// nothing is counted again, and nothing is copied: elements are cut out of the
// octets they lie in.

var errElement = errors.New("not one whole element")

// elements returns the elements within a constructed one. They share its octets.
func elements(raw ber.Raw) ([]ber.Raw, error) {
	h, ok := header(raw)
	if !ok || !h.constructed || span(raw) != len(raw) {
		return nil, malformed("", 0, errElement)
	}
	rest := raw[h.size:]
	if h.length < 0 {
		rest = rest[:len(rest)-2]
	}
	all := make([]ber.Raw, 0, 8)
	for len(rest) > 0 {
		n := span(rest)
		if n == 0 {
			return nil, malformed("", int64(len(raw)-len(rest)), errElement)
		}
		all = append(all, rest[:n:n])
		rest = rest[n:]
	}
	return all, nil
}

// head is the identifier and length octets of an element.
type head struct {
	size        int
	length      int // -1: indefinite
	constructed bool
}

// header reads the header that b begins with. It is false for one that does not
// end within b, for the end-of-contents octets, and for what X.690 §8.1 forbids
// or no envelope can be large enough for.
func header(b []byte) (h head, ok bool) {
	if len(b) < 2 || b[0] == 0 {
		return h, false
	}
	h.constructed = b[0]&0x20 != 0
	i := 1
	if b[0]&0x1f == 0x1f {
		for i < len(b) && b[i] >= 0x80 {
			i++
		}
		i++
	}
	if i >= len(b) {
		return h, false
	}
	l := int(b[i])
	i++
	switch {
	case l == 0x80:
		h.length = -1
		ok = h.constructed
	case l < 0x80:
		h.length, ok = l, true
	default:
		for l &= 0x7f; l > 0; l-- {
			if i == len(b) || h.length > len(b) {
				return h, false
			}
			h.length = h.length<<8 | int(b[i])
			i++
		}
		ok = true
	}
	h.size = i
	return h, ok
}

// span returns the size of the element that b begins with, 0 where it does not
// end within b. It keeps count of the indefinite lengths it is in rather than
// recurse.
func span(b []byte) int {
	at, open := 0, 0
	for {
		rest := b[at:]
		if open > 0 && len(rest) >= 2 && rest[0] == 0 && rest[1] == 0 {
			open--
			at += 2
		} else {
			h, ok := header(rest)
			switch {
			case !ok || h.length > len(rest)-h.size:
				return 0
			case h.length < 0:
				open++
				at += h.size
			default:
				at += h.size + h.length
			}
		}
		if open == 0 {
			return at
		}
	}
}

// join returns an element like the one given but with these elements in it, its
// length definite.
func join(like ber.Raw, parts []ber.Raw) ber.Raw {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	tag := like.Tag()
	out := make([]byte, 0, ber.HeaderLen(tag, int64(size))+size)
	out = ber.AppendHeader(out, tag, true, int64(size))
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// set returns a SET of the given elements.
func set(parts []ber.Raw) ber.Raw { return join(ber.Raw{0x31, 0x00}, parts) }

// same reports whether two lists hold the very same octets, not just equal ones.
func same(a, b []ber.Raw) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != len(b[i]) || len(a[i]) > 0 && &a[i][0] != &b[i][0] {
			return false
		}
	}
	return true
}

package p1

import (
	"errors"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

var errElement = errors.New("not one whole element")

// elements returns the elements within a constructed one. They share its octets.
func elements(raw ber.Raw) ([]ber.Raw, error) {
	rest := raw.Contents()
	if rest == nil {
		return nil, malformed("", 0, errElement)
	}
	all := make([]ber.Raw, 0, 8)
	for len(rest) > 0 {
		n := definite(rest)
		if n == 0 {
			var first ber.Raw
			after, err := ber.Unmarshal(rest, &first, ber.Limits{Octets: len(rest)})
			if err != nil {
				return nil, err
			}
			n = len(rest) - len(after)
		}
		all = append(all, ber.Raw(rest[:n:n]))
		rest = rest[n:]
	}
	return all, nil
}

// definite returns the size of the element that b begins with, if its tag number
// is below 31 and its length is definite, as nearly all are; otherwise, and where
// b is too short, 0, and package ber has to look.
func definite(b []byte) int {
	if len(b) < 2 || b[0]&0x1f == 0x1f || b[0] == 0 {
		return 0
	}
	size, length := 2, int(b[1])
	if length >= 0x80 {
		n := length & 0x7f
		if n == 0 || n > 4 || len(b) < 2+n {
			return 0
		}
		length = 0
		for _, c := range b[2 : 2+n] {
			length = length<<8 | int(c)
		}
		size += n
	}
	if length > len(b)-size {
		return 0
	}
	return size + length
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

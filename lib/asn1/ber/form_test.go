package ber_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// indefinite re-encodes elements of definite length with indefinite lengths, and
// the universal strings among them in segments of at most n octets.
func indefinite(t testing.TB, b []byte, n int) []byte {
	t.Helper()
	return reform(t, b, func(h asn1.Tag, contents []byte) []byte {
		if h.Class != asn1.Universal || !segmentable(h.Number) || len(contents) <= n {
			out := ber.AppendHeader(nil, h, false, int64(len(contents)))
			return append(out, contents...)
		}
		out := ber.AppendHeader(nil, h, true, -1)
		for len(contents) > 0 {
			k := min(n, len(contents))
			out = ber.AppendHeader(out, asn1.Univ(asn1.NumberOctetString), false, int64(k))
			out = append(out, contents[:k]...)
			contents = contents[k:]
		}
		return append(out, 0, 0)
	})
}

func segmentable(n uint32) bool {
	return n == asn1.NumberOctetString || n >= asn1.NumberNumericString && n <= asn1.NumberBMPString
}

func reform(t testing.TB, b []byte, primitive func(asn1.Tag, []byte) []byte) []byte {
	t.Helper()
	r := ber.NewReader(bytes.NewReader(b), ber.Limits{Depth: 1000, Elements: 1 << 20})
	var out []byte
	for {
		h, err := r.Next()
		switch {
		case err == ber.ErrEnd:
			out = append(out, 0, 0)
			err = r.Leave()
		case err != nil:
			return out
		case h.Constructed:
			out = ber.AppendHeader(out, h.Tag, true, -1)
			err = r.Enter()
		default:
			var raw ber.Raw
			if raw, err = r.Raw(1 << 20); err == nil {
				out = append(out, primitive(h.Tag, raw.Contents())...)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sameRaw compares open types by what they mean: their octets differ between the
// forms of length.
var sameRaw = cmp.Comparer(func(a, b ber.Raw) bool {
	return bytes.Equal(canonical(a), canonical(b))
})

// canonical re-encodes with definite lengths.
func canonical(b []byte) []byte {
	r := ber.NewReader(bytes.NewReader(b), ber.Limits{Depth: 1000, Elements: 1 << 20})
	out, _ := canonicalLevel(r)
	return out
}

func canonicalLevel(r *ber.Reader) ([]byte, error) {
	var out []byte
	for {
		h, err := r.Next()
		if err != nil {
			return out, err
		}
		var contents []byte
		constructed := h.Constructed
		switch {
		case constructed && h.Tag.Class == asn1.Universal && segmentable(h.Tag.Number):
			constructed = false
			contents = make([]byte, 0)
			buf := make([]byte, 512)
			s := r.OctetString()
			for err == nil {
				var n int
				n, err = s.Read(buf)
				contents = append(contents, buf[:n]...)
			}
		case constructed:
			if err = r.Enter(); err != nil {
				return out, err
			}
			if contents, err = canonicalLevel(r); err != ber.ErrEnd {
				return out, err
			}
			if err = r.Leave(); err != nil {
				return out, err
			}
		default:
			raw, err := r.Raw(1 << 20)
			if err != nil {
				return out, err
			}
			contents = raw.Contents()
		}
		out = ber.AppendHeader(out, h.Tag, constructed, int64(len(contents)))
		out = append(out, contents...)
	}
}

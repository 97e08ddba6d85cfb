package ber_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// alike compares what decoding cannot tell apart: no list and an empty one where
// both are left out of the encoding.
var alike = cmp.Options{
	cmpopts.IgnoreUnexported(Kitchen{}),
	cmp.Transformer("bits", func(b asn1.BitString) string { return b.String() }),
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := kitchens().Draw(t, "value")
		out, err := ber.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Kitchen
		rest, err := ber.Unmarshal(append(out, 1, 2, 3), &got, ber.Limits{})
		if err != nil || len(rest) != 3 {
			t.Fatalf("%d octets left, %v of %x", len(rest), err, out)
		}
		if diff := cmp.Diff(want, got, alike); diff != "" {
			t.Fatal(diff)
		}
		again, err := ber.Append([]byte("before"), &got)
		if err != nil || !bytes.Equal(again, append([]byte("before"), out...)) {
			t.Fatalf("encoded again: %x, %v", again, err)
		}
	})
}

// Where the lengths are definite or not, and strings whole or in segments, is for
// the sender to choose, X.690 §8.1.3.2 and §8.7.
func TestFormsDecodeAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := kitchens().Draw(rt, "value")
		definite, err := ber.Marshal(value)
		if err != nil {
			rt.Fatal(err)
		}
		other := indefinite(t, definite, rapid.IntRange(1, 100).Draw(rt, "segment"))
		var want, got Kitchen
		if _, err := ber.Unmarshal(definite, &want, ber.Limits{}); err != nil {
			rt.Fatal(err)
		}
		rest, err := ber.Unmarshal(other, &got, ber.Limits{})
		if err != nil || len(rest) != 0 {
			rt.Fatalf("%d octets left, %v of %x", len(rest), err, other)
		}
		if diff := cmp.Diff(want, got, alike, sameRaw); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// The elements of a SET come in any order, X.690 §8.11.3.
func TestSetOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type four struct {
			_ ber.Set
			A int            `ber:"[0]"`
			B asn1.IA5String `ber:"OPTIONAL"`
			C []int          `ber:"[1]"`
			D Inner
		}
		want := four{A: rapid.Int().Draw(t, "a"), B: "b", C: []int{1, 2}, D: Inner{No: &asn1.Null{}}}
		var parts [][]byte
		for _, p := range []struct {
			v      any
			params string
		}{{want.A, "[0]"}, {want.B, ""}, {want.C, "[1]"}, {want.D, ""}} {
			b, err := ber.MarshalWith(p.v, p.params)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, b)
		}
		in := bytes.Join(rapid.Permutation(parts).Draw(t, "order"), nil)
		in = append(ber.AppendHeader(nil, asn1.Univ(asn1.NumberSet), true, int64(len(in))), in...)
		var got four
		if _, err := ber.Unmarshal(in, &got, ber.Limits{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestHeaderLenIsThatOfAppendHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tag := asn1.Tag{
			Class:  asn1.Class(rapid.IntRange(0, 3).Draw(t, "class")),
			Number: rapid.Uint32Min(1).Draw(t, "number"),
		}
		length := rapid.Int64Min(-1).Draw(t, "length")
		b := ber.AppendHeader(nil, tag, true, length)
		if ber.HeaderLen(tag, length) != len(b) {
			t.Fatalf("%v of %d octets: %x, not %d", tag, length, b, ber.HeaderLen(tag, length))
		}
		h, err := ber.NewReader(bytes.NewReader(b), ber.Limits{}).Next()
		want := ber.Header{Tag: tag, Constructed: true, Length: length}
		if length > 1<<62 {
			return // its end is beyond what an offset can say
		}
		if err != nil || h != want {
			t.Fatalf("%x reads as %v, %v", b, h, err)
		}
	})
}

// What Explain accepts is what Unmarshal accepts, and its nodes lie within one
// another.
func TestExplainCoversTheInput(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in, err := ber.Marshal(kitchens().Draw(rt, "value"))
		if err != nil {
			rt.Fatal(err)
		}
		if rapid.Bool().Draw(rt, "indefinite") {
			in = indefinite(t, in, 10)
		}
		n, err := ber.Explain(in, Kitchen{}, "", ber.Limits{})
		if err != nil {
			rt.Fatal(err)
		}
		if n.Length != int64(len(in)) {
			rt.Fatalf("%d of %d octets", n.Length, len(in))
		}
		if err := within(n, in); err != nil {
			rt.Fatal(err)
		}
	})
}

package ber_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// What hostile input may cost: a refusal, and no more memory than the limits say.
func TestHostileInputIsRefusedCheaply(t *testing.T) {
	million := append([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x31, 0x00}, 1_000_000)...)
	million = append(million, 0, 0)
	tests := []struct {
		name string
		in   []byte
	}{
		{"a million empty elements", million},
		{"a million levels", bytes.Repeat([]byte{0x30, 0x80}, 1_000_000)},
		{"a million levels of a recursive type", bytes.Repeat([]byte{0xa1, 0x80}, 1_000_000)},
		{"a million levels of a string", bytes.Repeat([]byte{0x24, 0x80}, 1_000_000)},
		{"a million levels of definite length", definiteLevels(1_000_000)},
		{"17 MiB", append([]byte{0x30, 0x84, 0x01, 0x10, 0x00, 0x00}, make([]byte, 17<<20)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list []Members
			_, err := ber.Unmarshal(tt.in, &list, ber.Limits{})
			refused(t, "list", err)
			var raw ber.Raw
			_, err = ber.Unmarshal(tt.in, &raw, ber.Limits{})
			if tt.in[1] == 0x80 { // contents of definite length are not looked into
				refused(t, "open type", err)
			}
			var filter Filter
			_, err = ber.Unmarshal(tt.in, &filter, ber.Limits{})
			if tt.in[1] == 0x80 {
				refused(t, "recursive type", err)
			}
			var octets []byte
			_, err = ber.Unmarshal(tt.in, &octets, ber.Limits{})
			refused(t, "string", err)
			_, err = ber.Explain(tt.in, []Members{}, "", ber.Limits{})
			refused(t, "explained", err)
			refused(t, "dumped", ber.Dump(io.Discard, tt.in, ber.Limits{}))
			refused(t, "walked", drain(ber.NewReader(bytes.NewReader(tt.in), ber.Limits{})))
		})
	}
}

func refused(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: accepted", what)
	}
}

// definiteLevels nests n elements whose lengths grow outwards.
func definiteLevels(n int) []byte {
	var reversed []byte
	length := 0
	for range n {
		h := ber.AppendHeader(nil, asn1.Univ(asn1.NumberSequence), true, int64(length))
		for i := len(h) - 1; i >= 0; i-- {
			reversed = append(reversed, h[i])
		}
		length += len(h)
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return reversed
}

// A length claimed must not be memory taken.
func TestReaderAllocatesWhatArrives(t *testing.T) {
	claim := []byte{0x04, 0x84, 0x00, 0xf0, 0x00, 0x00, 1, 2, 3}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const times = 16
	for range times {
		r := ber.NewReader(bytes.NewReader(claim), ber.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Raw(16 << 20); !errors.Is(err, ber.ErrTruncated) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / times; each > 128<<10 {
		t.Errorf("%d octets allocated for three sent", each)
	}
}

// What was skipped over is not paid for in limits, as long as it is not held.
func TestSkippingIsNotCounted(t *testing.T) {
	in := append([]byte{0x30, 0x80}, bytes.Repeat([]byte{0x05, 0x00}, 1000)...)
	in = append(in, 0, 0, 5, 0)
	r := ber.NewReader(bytes.NewReader(in), ber.Limits{Elements: 2})
	for _, want := range []asn1.Tag{asn1.Univ(asn1.NumberSequence), asn1.Univ(asn1.NumberNull)} {
		h, err := r.Next()
		if err != nil || h.Tag != want {
			t.Fatalf("%v, %v", h.Tag, err)
		}
		if err := r.Skip(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
}

func BenchmarkReadMessage(b *testing.B) {
	in := unhex(b, message)
	b.ReportAllocs()
	src := bytes.NewReader(in)
	var envelope Envelope
	for b.Loop() {
		src.Reset(in)
		r := ber.NewReader(src, ber.Limits{})
		for _, step := range []func() error{
			next(r), r.Enter, next(r), func() error { return r.Decode(&envelope, "") }, next(r),
			func() error { _, err := io.Copy(io.Discard, r.OctetString()); return err }, r.Leave,
		} {
			if err := step(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func next(r *ber.Reader) func() error {
	return func() error { _, err := r.Next(); return err }
}

func BenchmarkStreamContent(b *testing.B) {
	content := make([]byte, 16<<20)
	in := append(ber.AppendHeader(nil, asn1.Univ(asn1.NumberOctetString), false, int64(len(content))), content...)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r := ber.NewReader(bytes.NewReader(in), ber.Limits{})
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r.OctetString()); err != nil {
			b.Fatal(err)
		}
	}
}

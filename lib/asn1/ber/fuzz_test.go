package ber_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// small limits let a fuzzer reach them.
var small = ber.Limits{Depth: 12, Elements: 400, Octets: 4096}

func seed(f *testing.F) {
	in := unhex(f, message)
	f.Add(in)
	f.Add(indefinite(f, in, 20))
	k := Kitchen{
		Serial: []byte{1}, Choice: Alternative{List: []asn1.OID{"2.6.0.2.7", "2.999.3"}},
		Octets: []byte("octets"), Bits: asn1.Bits(0, 9), Null: &asn1.Null{}, BMP: "bmp", Universal: "u",
		Names: []string{"a", "b"}, Filter: &Filter{And: []Filter{{Not: &Filter{Item: ptr[asn1.IA5String]("x")}}}},
		Shared: Shared{Two: ptr[int32](-3)}, Members: Members{B: "b"}, Time: "2611240430Z",
		Any: ber.Raw{0x30, 0x80, 5, 0, 0, 0}, Unknown: []ber.Raw{{0x9f, 100, 0}},
	}
	b, err := ber.Marshal(k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(indefinite(f, b, 2))
	for _, s := range []string{"", "00 00", "30 80 00 00", "24 80 04 01 41 24 80 00 00 00 00", "1f ff ff ff ff 0f 01 00",
		"30 84 ff ff ff ff", "04 ff", "bf 81 00 00", "23 80 03 02 00 ff 03 02 07 80 00 00"} {
		f.Add(unhex(f, s))
	}
}

// Whatever decodes can be encoded, and what that gives decodes to the same.
func FuzzUnmarshalNeverPanics(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		decodes[APDU](t, in)
		decodes[Kitchen](t, in)
		decodes[Filter](t, in)
		decodes[[]Members](t, in)
		decodes[asn1.BitString](t, in)
		decodes[asn1.OID](t, in)
		decodes[ber.Raw](t, in)
	})
}

func decodes[T any](t *testing.T, in []byte) {
	var v, w T
	rest, err := ber.Unmarshal(in, &v, small)
	if err != nil {
		located(t, err, in)
		return
	}
	if !bytes.HasSuffix(in, rest) {
		t.Fatalf("%x is not the rest", rest)
	}
	out, err := ber.Marshal(v)
	if err != nil {
		t.Fatalf("%T decodes but does not encode: %v", v, err)
	}
	if _, err := ber.Unmarshal(out, &w, ber.Limits{}); err != nil {
		t.Fatalf("%T encodes as %x: %v", v, out, err)
	}
	again, err := ber.Marshal(w)
	if err != nil || !bytes.Equal(out, again) {
		t.Fatalf("%T encodes as %x, then as %x: %v", v, out, again, err)
	}
}

// located demands of every error that it says where, within the input.
func located(t *testing.T, err error, in []byte) {
	t.Helper()
	var e *ber.Error
	if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(in)) {
		t.Fatalf("error does not say where: %v", err)
	}
}

func FuzzReaderAgreesWithUnmarshal(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var want ber.Raw
		rest, err := ber.Unmarshal(in, &want, small)
		r := ber.NewReader(bytes.NewReader(in), small)
		var got ber.Raw
		h, rerr := r.Next()
		if rerr == nil {
			got, rerr = r.Raw(small.Octets)
		}
		if (err == nil) != (rerr == nil) {
			t.Fatalf("Unmarshal: %v; Reader: %v", err, rerr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(want, got) || int64(len(in)-len(rest)) != r.Offset() || h.Tag != want.Tag() {
			t.Fatalf("Unmarshal: %x; Reader: %x, at %d", want, got, r.Offset())
		}

		var octets []byte
		_, err = ber.UnmarshalWith(in, &octets, word(h.Tag), small)
		r = ber.NewReader(bytes.NewReader(in), ber.Limits{Depth: small.Depth})
		if _, rerr = r.Next(); rerr != nil {
			t.Fatal(rerr)
		}
		streamed, rerr := io.ReadAll(r.OctetString())
		switch {
		case errors.Is(err, ber.ErrLimit):
			// The Reader accepts longer strings.
		case h.Tag.Class == asn1.Universal && h.Tag.Number != asn1.NumberOctetString:
			// The tag word names another type than the OCTET STRING it is read as.
		case (err == nil) != (rerr == nil) && !errors.Is(err, ber.ErrUnexpected):
			t.Fatalf("string: Unmarshal: %v; Reader: %v", err, rerr)
		case err == nil && !bytes.Equal(octets, streamed):
			t.Fatalf("string: Unmarshal: %x; Reader: %x", octets, streamed)
		}
		if rerr == nil && r.Offset() != int64(len(in)-len(rest)) {
			t.Fatalf("string ends at %d instead of %d", r.Offset(), len(in)-len(rest))
		}

		// A walk through everything ends where the element does.
		r = ber.NewReader(bytes.NewReader(in), small)
		if drain(r) == nil && r.Offset() != int64(len(in)) {
			t.Fatalf("walk ends at %d of %d", r.Offset(), len(in))
		}
	})
}

func word(t asn1.Tag) string {
	if t.Class == asn1.ContextSpecific {
		return fmt.Sprintf("[%d]", t.Number)
	}
	return fmt.Sprintf("[%v %d]", t.Class, t.Number)
}

func FuzzDump(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		if err := ber.Dump(&out, in, small); err != nil {
			located(t, err, in)
		}
		if len(in) > 0 && out.Len() == 0 {
			t.Fatal("nothing shown")
		}
	})
}

func FuzzExplain(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		explains[APDU](t, in)
		explains[Kitchen](t, in)
		explains[ber.Raw](t, in)
	})
}

func explains[T any](t *testing.T, in []byte) {
	var v T
	rest, want := ber.Unmarshal(in, &v, small)
	n, err := ber.Explain(in, v, "", small)
	if fmt.Sprint(want) != fmt.Sprint(err) {
		t.Fatalf("%T: Unmarshal: %v; Explain: %v", v, want, err)
	}
	if err == nil && n.Length != int64(len(in)-len(rest)) {
		t.Fatalf("%T: %d octets explained", v, n.Length)
	}
	if err := within(n, in); err != nil {
		t.Fatal(err)
	}
	var text, object bytes.Buffer
	if err := errors.Join(n.WriteText(&text), n.WriteJSON(&object)); err != nil {
		t.Fatal(err)
	}
}

// within reports a node that does not lie within its parent, after its elder
// brother, or whose octets are not those of the input.
func within(n ber.Node, in []byte) error {
	if n.Offset < 0 || n.Length < 0 || n.Offset+n.Length > int64(len(in)) {
		return fmt.Errorf("node %s at %d, %d octets, outside the input", n.Name, n.Offset, n.Length)
	}
	if !cmp.Equal(n.Raw, in[n.Offset:n.Offset+n.Length]) && n.Length > 0 {
		return fmt.Errorf("node %s at %d has octets that are not its own", n.Name, n.Offset)
	}
	from := n.Offset
	for _, c := range n.Children {
		if c.Offset < from || c.Offset+c.Length > n.Offset+n.Length {
			return fmt.Errorf("node %s at %d, %d octets, outside its place", c.Name, c.Offset, c.Length)
		}
		from = c.Offset + c.Length
		if err := within(c, in); err != nil {
			return err
		}
	}
	return nil
}

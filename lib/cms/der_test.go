package cms

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDER(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"primitive", "02 01 05", "02 01 05"},
		{"long length", "02 81 01 05", "02 01 05"},
		{"padded length", "30 84 00 00 00 03 02 01 05", "30 03 02 01 05"},
		{"indefinite", "30 80 02 01 05 00 00", "30 03 02 01 05"},
		{"indefinite in definite", "30 07 30 80 02 01 05 00 00", "30 05 30 03 02 01 05"},
		{"nested indefinite", "30 80 30 80 00 00 a0 80 05 00 00 00 00 00", "30 06 30 00 a0 02 05 00"},
		{"segments", "24 80 04 01 41 04 02 42 43 00 00", "04 03 41 42 43"},
		{"segments of definite length", "24 07 04 01 41 04 02 42 43", "04 03 41 42 43"},
		{"segments in segments", "24 80 24 80 04 01 41 00 00 04 01 42 00 00", "04 02 41 42"},
		{"no segments", "24 80 00 00", "04 00"},
		{"text in segments", "33 80 13 01 41 13 01 42 00 00", "13 02 41 42"},
		{"definite, and nothing to do inside", "30 80 30 03 02 01 05 02 81 01 06 00 00", "30 08 30 03 02 01 05 02 01 06"},
		{"what is inside a string stays", "04 07 30 80 02 01 05 00 00", "04 07 30 80 02 01 05 00 00"},
		{"a tag of its own hides a string", "a0 80 04 01 41 04 01 42 00 00", "a0 06 04 01 41 04 01 42"},
	} {
		got, err := DER(unhex(t, c.in), Limits{})
		if err != nil || hex.EncodeToString(got) != strings.ReplaceAll(c.want, " ", "") {
			t.Errorf("%s: %x, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestDERRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "at octet 0: truncated"},
		{"half a header", "30", "at octet 0: truncated"},
		{"too long for what is there", "30 05 02 01 05", "at octet 0: truncated"},
		{"longer than what is around it", "30 03 02 02 05 00", "at octet 2: truncated, or longer"},
		{"no end-of-contents", "30 80 02 01 05", "at octet 0: truncated: no end-of-contents"},
		{"half an end-of-contents", "30 80 02 01 05 00", "at octet 5: truncated"},
		{"end-of-contents out of place", "30 02 00 00", "at octet 2: end-of-contents"},
		{"indefinite primitive", "04 80 00 00", "at octet 0: a primitive element of indefinite length"},
		{"trailing octets", "05 00 05 00", "at octet 2: 2 octets after the object"},
		{"length of 127 octets", "30 ff 00", "at octet 0: truncated, or a length"},
		{"length of 64 bits", "30 88 ff ff ff ff ff ff ff ff 00", "at octet 0: a length that is too large"},
		{"high tag number", "1f 81 00 00", "at octet 0: a tag number"},
		{"segment of another type", "24 80 13 01 41 00 00", "at octet 2: a segment of another type"},
		{"BIT STRING in segments", "23 80 03 02 00 41 00 00", "at octet 2: a BIT STRING in segments"},
	} {
		_, err := DER(unhex(t, c.in), Limits{})
		if err == nil || !strings.Contains(err.Error(), c.want) || diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v, of kind %v; want %q", c.name, err, diag.KindOf(err), c.want)
		}
	}
}

// What is DER already is not copied: tens of megabytes of content are not, either.
func TestDERDoesNotCopy(t *testing.T) {
	in := element(idSequence, element(idOctetString, make([]byte, 1<<20)))
	out, err := DER(in, Limits{})
	if err != nil || &out[0] != &in[0] {
		t.Errorf("a copy was made (%v)", err)
	}
}

// Nesting ends the process of who reads it by recursion without a bound: package pkcs7
// turns 10 MB of it into a stack that no program survives.
func TestDERBoundsNesting(t *testing.T) {
	deep := bytes.Repeat([]byte{0x30, 0x80}, 5<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := DER(deep, Limits{})
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "more than 32 levels") {
		t.Error(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d octets allocated for it", n)
	}
}

func TestDERBoundsElementsAndOctets(t *testing.T) {
	many := element(idSequence, bytes.Repeat([]byte{5, 0}, 100))
	if _, err := DER(many, Limits{Elements: 100}); err == nil || !strings.Contains(err.Error(), "more than 100 elements") {
		t.Error(err)
	}
	if _, err := DER(many, Limits{Elements: 101}); err != nil {
		t.Error(err)
	}
	if _, err := DER(many, Limits{Octets: 100}); err == nil || !strings.Contains(err.Error(), "at most 100 are taken") {
		t.Error(err)
	}
}

// Whatever DER takes it brings into a form that it does not change again, that package ber
// reads, and that is no longer than what came.
func FuzzDERIsStable(f *testing.F) {
	for _, s := range []string{"3080020105000000", "248004014124800000000000", "30840000000302010500", "a080308000000000", "1f810000", "308030803080"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		lim := Limits{Octets: 4096, Depth: 8, Elements: 200}
		out, err := DER(in, lim)
		if err != nil {
			if diag.KindOf(err) != diag.Data {
				t.Fatalf("kind %v", diag.KindOf(err))
			}
			return
		}
		if len(out) > len(in) {
			t.Fatalf("%x became longer: %x", in, out)
		}
		again, err := DER(out, lim)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%x became %x and then %x, %v", in, out, again, err)
		}
		var raw ber.Raw
		if rest, err := ber.Unmarshal(out, &raw, ber.Limits{}); err != nil || len(rest) > 0 {
			t.Fatalf("%x: %v", out, err)
		}
	})
}

func ExampleDER() {
	der, err := DER([]byte{0x24, 0x80, 4, 1, 'a', 4, 1, 'b', 0, 0}, Limits{})
	fmt.Printf("%x %v\n", der, err)
	// Output: 04026162 <nil>
}

package ber_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

type (
	pair struct {
		A int            `ber:"[0]"`
		B asn1.IA5String `ber:"[1] OPTIONAL"`
	}
	open struct {
		_       ber.Sequence
		A       int       `ber:"[0]"`
		B       bool      `ber:"[1] DEFAULT"`
		Unknown []ber.Raw `ber:"..."`
	}
	lenient struct {
		_ ber.Set `ber:"..."`
		A int     `ber:"[0]"`
	}
	external struct {
		_       ber.Sequence `ber:"[UNIVERSAL 8]"`
		Context int
		Single  ber.Raw `ber:"[0]"`
	}
)

// Values and their encodings; lax ones are accepted but not what we send.
var vectors = []struct {
	name   string
	value  any
	params string
	hex    string
	lax    []string
}{
	{"boolean", true, "", "01 01 FF", []string{"01 01 01", "01 81 01 FF", "01 84 00 00 00 01 FF"}},
	{"false", false, "", "01 01 00", nil},
	{"integer 0", 0, "", "02 01 00", []string{"02 03 00 00 00"}},
	{"integer 127", 127, "", "02 01 7F", nil},
	{"integer 128", 128, "", "02 02 00 80", []string{"02 0A 00 00 00 00 00 00 00 00 00 80"}},
	{"integer -128", -128, "", "02 01 80", []string{"02 02 FF 80"}},
	{"integer -129", -129, "", "02 02 FF 7F", nil},
	{"integer min", math.MinInt64, "", "02 08 80 00 00 00 00 00 00 00", []string{"02 09 FF 80 00 00 00 00 00 00 00"}},
	{"integer max", uint64(math.MaxUint64), "", "02 09 00 FF FF FF FF FF FF FF FF", nil},
	{"unsigned 2^63", uint64(1 << 63), "", "02 09 00 80 00 00 00 00 00 00 00", nil},
	{"enumerated", asn1.Enumerated(2), "", "0A 01 02", nil},
	{"typed", Colour(1), "", "DF 84 A2 70 01 01", nil},
	{"typed, tag replaced", Colour(1), "[3]", "83 01 01", nil},
	{"typed, wrapped", Colour(1), "[3] EXPLICIT", "A3 06 DF 84 A2 70 01 01", []string{"A3 80 DF 84 A2 70 01 01 00 00"}},
	{"null", asn1.Null{}, "", "05 00", []string{"05 81 00"}},
	{"object identifier", asn1.OID("2.6.0.2.7"), "", "06 04 56 00 02 07", nil},
	{"object identifier 1.3.26", asn1.OID("1.3.26.0.4406.0.4.1"), "", "06 08 2B 1A 00 A2 36 00 04 01", nil},
	{"object identifier 2.999", asn1.OID("2.999"), "", "06 02 88 37", nil},
	{"object identifier of a UUID", asn1.OID("2.25.329800735698586629295641978511506172918"), "",
		"06 14 69 83 F0 9D A7 EB CF DE E0 C7 A1 A7 B2 C0 94 8C C8 F9 D7 76", nil},
	{"octet string", []byte{1, 2, 3}, "", "04 03 01 02 03",
		[]string{"24 05 04 03 01 02 03", "24 80 04 01 01 24 80 04 02 02 03 00 00 04 00 00 00"}},
	{"empty octet string", []byte{}, "", "04 00", []string{"24 00", "24 80 00 00"}},
	{"bit string", asn1.Bits(0, 1, 3), "", "03 02 04 D0", []string{"03 02 04 DF", "23 04 03 02 04 D0"}},
	{"bit string of 12", asn1.BitString{Bytes: []byte{0xab, 0xc0}, BitLength: 12}, "[1]", "81 03 04 AB C0",
		[]string{"A1 80 03 02 00 AB 23 04 03 02 04 C0 00 00"}},
	{"empty bit string", asn1.BitString{Bytes: []byte{}}, "", "03 01 00", []string{"23 80 00 00"}},
	{"IA5String", asn1.IA5String("Jones"), "", "16 05 4A 6F 6E 65 73",
		[]string{"36 09 04 03 4A 6F 6E 04 02 65 73", "36 09 16 03 4A 6F 6E 16 02 65 73"}},
	{"string by word", "Jones", "VisibleString", "1A 05 4A 6F 6E 65 73", nil},
	{"BMPString", asn1.BMPString("é€😀"), "", "1E 08 00 E9 20 AC D8 3D DE 00", nil},
	{"UniversalString", asn1.UniversalString("é😀"), "", "1C 08 00 00 00 E9 00 01 F6 00",
		[]string{"3C 0C 04 03 00 00 00 04 05 E9 00 01 F6 00"}},
	{"UTCTime", asn1.UTCTime("261124043000Z"), "[0]", "80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A", nil},
	{"INTEGER of any length", []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "INTEGER", "02 0A 01 00 00 00 00 00 00 00 00 00", nil},
	{"sequence", pair{A: 1, B: "x"}, "", "30 06 80 01 01 81 01 78", []string{"30 80 80 01 01 81 01 78 00 00"}},
	{"sequence, absent", pair{A: 1}, "", "30 03 80 01 01", nil},
	{"sequence of", []int{1, 2}, "", "30 06 02 01 01 02 01 02", []string{"30 80 02 01 01 02 01 02 00 00"}},
	{"set of", []int{1, 2}, "SET", "31 06 02 01 01 02 01 02", nil},
	{"words for elements", []string{"a"}, "[7] SEQUENCE OF [APPLICATION 3] IA5String", "A7 03 43 01 61", nil},
	{"empty sequence of", []int{}, "[1]", "A1 00", []string{"A1 80 00 00"}},
	{"unknown elements", open{A: 1, B: true, Unknown: []ber.Raw{{0x85, 1, 9}, {0xa6, 0x80, 5, 0, 0, 0}}}, "",
		"30 0F 80 01 01 81 01 FF 85 01 09 A6 80 05 00 00 00", []string{"30 0F 85 01 09 80 01 01 A6 80 05 00 00 00 81 01 01"}},
	{"default", open{A: 1}, "", "30 03 80 01 01", []string{"30 06 80 01 01 81 01 00"}},
	{"extensible set", lenient{A: 1}, "", "31 03 80 01 01", []string{"31 07 81 02 05 00 80 01 01"}},
	{"choice", Alternative{Number: ptr(5)}, "", "9E 01 05", nil},
	{"choice, wrapped", Alternative{Number: ptr(5)}, "[2]", "A2 03 9E 01 05", []string{"A2 80 9E 01 05 00 00"}},
	{"choice within a choice", Alternative{Inner: &Inner{No: &asn1.Null{}}}, "", "9A 00", nil},
	{"choice of an empty list", Alternative{List: []asn1.OID{}}, "", "BD 00", nil},
	{"unknown alternative", Filter{More: ber.Raw{0x1e, 0}}, "", "1E 00", nil},
	{"tagged choice", CountryName{Printable: ptr[asn1.PrintableString]("GB")}, "", "61 04 13 02 47 42", nil},
	{"tagged choice, tag replaced", CountryName{Printable: ptr[asn1.PrintableString]("GB")}, "[0]", "A0 04 13 02 47 42", nil},
	{"open type", ber.Raw{0x30, 0x80, 5, 0, 0, 0}, "", "30 80 05 00 00 00", nil},
	{"open type, wrapped", ber.Raw{5, 0}, "[1]", "A1 02 05 00", nil},
	{"external", external{Context: 5, Single: ber.Raw{5, 0}}, "", "28 07 02 01 05 A0 02 05 00", nil},
	{"two tags", 1, "[21] EXPLICIT [22] EXPLICIT", "B5 05 B6 03 02 01 01", nil},
	{"long tag", 1, "[4294967295]", "9F 8F FF FF FF 7F 01 01", nil},
}

func TestVectors(t *testing.T) {
	for _, tt := range vectors {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			got, err := ber.MarshalWith(tt.value, tt.params)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("encoding: %s", diff)
			}
			for _, in := range append(tt.lax, tt.hex) {
				v := reflect.New(reflect.TypeOf(tt.value))
				rest, err := ber.UnmarshalWith(unhex(t, in), v.Interface(), tt.params, ber.Limits{})
				if err != nil || len(rest) != 0 {
					t.Errorf("%s: %d octets left, %v", in, len(rest), err)
					continue
				}
				if diff := cmp.Diff(tt.value, v.Elem().Interface()); diff != "" {
					t.Errorf("%s: %s", in, diff)
				}
				if _, err := ber.Explain(unhex(t, in), tt.value, tt.params, ber.Limits{}); err != nil {
					t.Errorf("%s explained: %v", in, err)
				}
			}
		})
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	nested := func(n int, header, end string) string {
		return strings.Repeat(header, n) + strings.Repeat(end, n)
	}
	tests := []struct {
		name   string
		into   any
		params string
		in     string
		want   error
		path   string
		offset int64
	}{
		{"nothing", new(int), "", "", ber.ErrTruncated, "", 0},
		{"half a header", new(int), "", "02", ber.ErrTruncated, "", 0},
		{"half an integer", new(int), "", "02 02 01", ber.ErrTruncated, "", 0},
		{"wrong tag", new(int), "", "04 01 01", ber.ErrUnexpected, "", 0},
		{"integer without octets", new(int), "", "02 00", ber.ErrSyntax, "", 0},
		{"integer too long", new(int), "", "02 09 01 00 00 00 00 00 00 00 00", ber.ErrRange, "", 0},
		{"integer too negative", new(int64), "", "02 09 FF 7F FF FF FF FF FF FF FF", ber.ErrRange, "", 0},
		{"below zero", new(uint8), "", "02 01 FF", ber.ErrRange, "", 0},
		{"constructed integer", new(int), "", "22 03 02 01 01", ber.ErrSyntax, "", 0},
		{"boolean of two", new(bool), "", "01 02 00 00", ber.ErrSyntax, "", 0},
		{"null of one", new(asn1.Null), "", "05 01 00", ber.ErrSyntax, "", 0},
		{"oid without octets", new(asn1.OID), "", "06 00", ber.ErrSyntax, "", 0},
		{"oid cut short", new(asn1.OID), "", "06 02 56 80", ber.ErrSyntax, "", 0},
		{"oid padded", new(asn1.OID), "", "06 03 56 80 01", ber.ErrSyntax, "", 0},
		{"bit string without octets", new(asn1.BitString), "", "03 00", ber.ErrSyntax, "", 0},
		{"bit string with eight unused", new(asn1.BitString), "", "03 02 08 00", ber.ErrSyntax, "", 0},
		{"bit string of unused bits only", new(asn1.BitString), "", "03 01 01", ber.ErrSyntax, "", 0},
		{"bit string goes on after unused bits", new(asn1.BitString), "", "23 08 03 02 01 00 03 02 00 00", ber.ErrSyntax, "", 6},
		{"bit string of octet strings", new(asn1.BitString), "", "23 04 04 02 00 00", ber.ErrUnexpected, "", 2},
		{"string of integers", new([]byte), "", "24 03 02 01 01", ber.ErrUnexpected, "", 2},
		{"BMPString of three", new(asn1.BMPString), "", "1E 03 00 41 00", ber.ErrSyntax, "", 0},
		{"BMPString with half a pair", new(asn1.BMPString), "", "1E 02 D8 00", ber.ErrSyntax, "", 0},
		{"UniversalString beyond Unicode", new(asn1.UniversalString), "", "1C 04 FF FF FF FF", ber.ErrSyntax, "", 0},
		{"primitive sequence", new(pair), "", "10 00", ber.ErrSyntax, "pair", 0},
		{"missing", new(pair), "", "30 00", ber.ErrMissing, "pair.a", 0},
		{"missing before another", new(pair), "", "30 03 81 01 41", ber.ErrMissing, "pair.a", 2},
		{"out of order", new(pair), "", "30 06 81 01 41 80 01 01", ber.ErrMissing, "pair.a", 2},
		{"repeated", new(pair), "", "30 06 80 01 01 80 01 01", ber.ErrDuplicate, "pair.a", 5},
		{"repeated where extensible", new(open), "", "30 06 80 01 01 80 01 01", ber.ErrDuplicate, "open.a", 5},
		{"unknown", new(pair), "", "30 06 80 01 01 85 01 01", ber.ErrUnexpected, "pair", 5},
		{"repeated in a set", new(lenient), "", "31 06 80 01 01 80 01 02", ber.ErrDuplicate, "lenient.a", 5},
		{"missing from a set", new(lenient), "", "31 00", ber.ErrMissing, "lenient.a", 0},
		{"within a list", new([]pair), "", "30 0A 30 03 80 01 01 30 03 80 01", ber.ErrTruncated, "", 0},
		{"within a list that has no end", new([]pair), "", "30 80 30 03 80 01 01 30 03 80 01", ber.ErrTruncated, "[1]", 7},
		{"within a list, later", new([]pair), "", "30 0A 30 03 80 01 01 30 03 80 02 01", ber.ErrSyntax, "[1]", 9},
		{"no alternative", new(Alternative), "", "05 00", ber.ErrUnexpected, "alternative", 0},
		{"explicit tag around nothing", new(int), "[0] EXPLICIT", "A0 00", ber.ErrMissing, "", 0},
		{"explicit tag around two", new(int), "[0] EXPLICIT", "A0 06 02 01 01 02 01 02", ber.ErrUnexpected, "", 5},
		{"explicit tag, primitive", new(int), "[0] EXPLICIT", "80 01 01", ber.ErrSyntax, "", 0},
		{"end-of-contents in a definite element", new(ber.Raw), "[1]", "A1 04 05 00 00 00", ber.ErrUnexpected, "", 4},
		{"end-of-contents alone", new(ber.Raw), "", "00 00", ber.ErrSyntax, "", 0},
		{"child outlasts parent", new(pair), "", "30 03 80 02 01 01", ber.ErrSyntax, "pair", 2},
		{"no end-of-contents", new(pair), "", "30 80 80 01 01", ber.ErrTruncated, "pair", 0},
		{"indefinite primitive", new([]byte), "", "04 80 00 00", ber.ErrSyntax, "", 0},
		{"length 255", new([]byte), "", "04 FF", ber.ErrSyntax, "", 0},
		{"length of 17 octets", new([]byte), "", "04 91" + strings.Repeat(" 00", 17), ber.ErrSyntax, "", 0},
		{"length beyond 63 bits", new([]byte), "", "04 88 80 00 00 00 00 00 00 00", ber.ErrSyntax, "", 0},
		{"length of what is not there", new([]byte), "", "04 84 7F FF FF FF", ber.ErrTruncated, "", 0},
		{"tag padded", new(ber.Raw), "", "9F 80 1F 00", ber.ErrSyntax, "", 0},
		{"tag in the long form for nothing", new(ber.Raw), "", "9F 1E 00", ber.ErrSyntax, "", 0},
		{"tag number beyond 32 bits", new(ber.Raw), "", "9F 90 80 80 80 00 00", ber.ErrSyntax, "", 0},
		{"nested deeply", new(ber.Raw), "", nested(49, "30 80", "00 00"), ber.ErrLimit, "", 96},
		{"nested deeply in a string", new([]byte), "", nested(49, "24 80", "00 00"), ber.ErrLimit, "", 96},
		{"nested deeply in a type", new(Filter), "", nested(49, "A1 80", "00 00"), ber.ErrLimit, "", 96},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			_, err := ber.UnmarshalWith(in, tt.into, tt.params, ber.Limits{})
			var e *ber.Error
			if !errors.Is(err, tt.want) || !errors.As(err, &e) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if e.Offset != tt.offset || e.Path != tt.path && !strings.HasPrefix(e.Path, "filter.and[0]") {
				t.Errorf("at %d in %q, want %d in %q: %v", e.Offset, e.Path, tt.offset, tt.path, err)
			}
			if diag.KindOf(err) != diag.Data {
				t.Errorf("kind %v", diag.KindOf(err))
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	in := unhex(t, message)
	in[258+2] = 0x80 // originally-specified-recipient-number
	in = append(in[:258], append([]byte{0x85, 1}, in[260:]...)...)
	var a APDU
	_, err := ber.Unmarshal(in, &a, ber.Limits{})
	want := "ber: APDU.message.envelope.recipients[0] at octet 258: unexpected element: [5]"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestMarshalRefuses(t *testing.T) {
	loop := &Filter{}
	loop.Not = loop
	tests := []struct {
		name  string
		value any
		want  error
		path  string
	}{
		{"nil", nil, ber.ErrValue, ""},
		{"nil pointer", (*pair)(nil), ber.ErrValue, ""},
		{"no alternative", Alternative{}, ber.ErrMissing, "alternative"},
		{"two alternatives", Alternative{Number: ptr(1), Octets: []byte{}}, ber.ErrValue, "alternative"},
		{"mandatory pointer", struct{ P *int }{}, ber.ErrMissing, "p"},
		{"mandatory open type", external{}, ber.ErrMissing, "external.single"},
		{"octets kept that are no element", open{Unknown: []ber.Raw{{5}}}, ber.ErrValue, "open.unknown[0]"},
		{"octets kept that are more", ber.Raw{5, 0, 0}, ber.ErrValue, ""},
		{"object identifier", asn1.OID("3.1"), ber.ErrValue, ""},
		{"bits without octets", asn1.BitString{BitLength: 9, Bytes: []byte{0}}, ber.ErrValue, ""},
		{"ones among unused bits", asn1.BitString{BitLength: 1, Bytes: []byte{0xff}}, ber.ErrValue, ""},
		{"not UTF-8", asn1.BMPString("\xff"), ber.ErrValue, ""},
		{"value within itself", loop, ber.ErrValue, ""},
		{"map", map[int]int{}, ber.ErrType, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := []byte("before")
			b, err := ber.Append(before, tt.value)
			var e *ber.Error
			if !errors.Is(err, tt.want) || !errors.As(err, &e) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if e.Path != tt.path && tt.name != "value within itself" {
				t.Errorf("path %q, want %q", e.Path, tt.path)
			}
			if string(b) != "before" {
				t.Errorf("left %q", b)
			}
			if diag.KindOf(err) != diag.Internal {
				t.Errorf("kind %v", diag.KindOf(err))
			}
		})
	}
}

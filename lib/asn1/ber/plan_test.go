package ber_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

func TestCheckAcceptsTheTypesOfTheTests(t *testing.T) {
	for _, v := range []any{APDU{}, &Kitchen{}, Filter{}, open{}, external{}, []Members{}, 1, ber.Raw{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestCheckFindsMistakes(t *testing.T) {
	type anyChoice struct {
		_    ber.Choice
		A    *int
		Rest ber.Raw `ber:"..."`
	}
	type endless struct {
		_ ber.Choice
		A *struct {
			_ ber.Choice
			B *endlessChoice
		}
	}
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"alternatives alike", struct {
			_    ber.Choice
			A, B *int
		}{}, "a and b both begin with INTEGER"},
		{"alternative like one of an inner CHOICE", struct {
			_ ber.Choice
			A *Inner
			B *int `ber:"[26]"`
		}{}, "a and b both begin with [26]"},
		{"members of a SET alike", struct {
			_ ber.Set
			A asn1.IA5String
			B int
			C asn1.IA5String
		}{}, "a and c both begin with IA5String"},
		{"optional component like the next", struct {
			A *int `ber:"OPTIONAL"`
			B bool `ber:"DEFAULT"`
			C int
		}{}, "a and c both begin with INTEGER"},
		{"open type after an optional component", struct {
			A *int `ber:"OPTIONAL"`
			B ber.Raw
		}{}, "a and b: an open type can be anything"},
		{"optional open type before a component", struct {
			A *anyChoice `ber:"OPTIONAL"`
			B int
		}{}, "a and b: an open type can be anything"},
		{"mistake far below", struct{ A []struct{ B *Twins } }{}, "both begin with [1]"},

		{"string without a type", struct{ S string }{}, "field S: type cannot be compiled to a plan: string: a string needs a built-in type"},
		{"unknown word", struct {
			A int `ber:"OPTONAL"`
		}{}, `unknown word "OPTONAL"`},
		{"not a tag", struct {
			A int `ber:"[APPLICATION x]"`
		}{}, "is no tag"},
		{"tag 0 of the universal class", struct {
			A int `ber:"[UNIVERSAL 0]"`
		}{}, "is no tag"},
		{"EXPLICIT alone", struct {
			A int `ber:"EXPLICIT"`
		}{}, "EXPLICIT without a tag"},
		{"OPTIONAL and DEFAULT", struct {
			A *int `ber:"OPTIONAL DEFAULT"`
		}{}, "both OPTIONAL and DEFAULT"},
		{"OPTIONAL number", struct {
			A int `ber:"OPTIONAL"`
		}{}, "cannot be seen to be absent"},
		{"OPTIONAL struct", struct {
			A pair `ber:"OPTIONAL"`
		}{}, "cannot be seen to be absent"},
		{"DEFAULT of a string", struct {
			A asn1.IA5String `ber:"DEFAULT 3"`
		}{}, "DEFAULT 3 does not fit"},
		{"DEFAULT too large", struct {
			A int8 `ber:"DEFAULT 128"`
		}{}, "overflows int8"},
		{"DEFAULT below zero", struct {
			A uint `ber:"DEFAULT -1"`
		}{}, "does not fit"},
		{"DEFAULT of a pointer", struct {
			A *int `ber:"DEFAULT 3"`
		}{}, "no DEFAULT value"},
		{"alternative by value", struct {
			_ ber.Choice
			A int
		}{}, "an alternative is a pointer"},
		{"open alternative", struct {
			_ ber.Choice
			A ber.Raw
		}{}, "in a CHOICE needs a tag"},
		{"CHOICE within itself", endless{}, "CHOICE within itself"},
		{"unknown elements of another type", struct {
			A [][]byte `ber:"..."`
		}{}, "... belongs once"},
		{"unknown elements twice", struct {
			A, B []ber.Raw `ber:"..."`
		}{}, "... belongs once"},
		{"tagged field that is not exported", struct {
			a int `ber:"[0]"`
		}{}, "field a is not exported"},
		{"float", struct{ A float64 }{}, "stands for no ASN.1 type"},
		{"ENUMERATED string", struct {
			A string `ber:"ENUMERATED"`
		}{}, "cannot be of type ENUMERATED"},
		{"marker of another type", struct {
			_ int
			A int
		}{}, "is no marker"},
		{"COMPONENTS OF a number", struct {
			A int `ber:"COMPONENTS OF"`
		}{}, "COMPONENTS OF what is no struct"},
		{"nil", nil, "nil has no type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := ber.Check(tt.v)
			if !errors.Is(err, ber.ErrType) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

type endlessChoice struct {
	_ ber.Choice
	A *endlessChoice
}

type Twins struct {
	_ ber.Choice
	A *asn1.OID      `ber:"[1]"`
	B []asn1.UTCTime `ber:"[1]"`
}

func TestDefaultsAreSetWhenAbsent(t *testing.T) {
	type defaults struct {
		_ ber.Set
		A int  `ber:"[0] DEFAULT -3"`
		B bool `ber:"[1] DEFAULT TRUE"`
		C uint `ber:"[2] DEFAULT 7"`
		D int  `ber:"[3] DEFAULT"`
		E bool `ber:"[4] DEFAULT FALSE"`
	}
	got := defaults{A: 9, D: 9, E: true} // to be overwritten
	if _, err := ber.Unmarshal(unhex(t, "31 00"), &got, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	if want := (defaults{A: -3, B: true, C: 7}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	out, err := ber.Marshal(got)
	if err != nil || len(out) != 2 {
		t.Errorf("%x, %v", out, err)
	}
}

// Nothing decoded refers to the input, which a caller may use again.
func TestDecodedValuesKeepTheirOctets(t *testing.T) {
	in := unhex(t, message)
	var a APDU
	if _, err := ber.Unmarshal(in, &a, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	want := unhex(t, message)
	clear(in)
	got, err := ber.Marshal(a)
	if err != nil || string(got) != string(want) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestTypesCompileConcurrently(t *testing.T) {
	type deep struct {
		Next  []deep `ber:"[0] OPTIONAL"`
		Other *struct {
			Back *deep `ber:"[1] OPTIONAL"`
		} `ber:"OPTIONAL"`
		F Filter
	}
	v := deep{Next: []deep{{F: Filter{And: []Filter{}}}}, F: Filter{And: []Filter{}}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			b, err := ber.Marshal(v)
			if err != nil {
				t.Error(err)
			}
			var got deep
			if _, err := ber.Unmarshal(b, &got, ber.Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestRaw(t *testing.T) {
	tests := []struct {
		hex, contents string
		tag           asn1.Tag
	}{
		{"04 02 01 02", "01 02", asn1.Univ(asn1.NumberOctetString)},
		{"A3 80 05 00 00 00", "05 00", asn1.Context(3)},
		{"BF 1F 00", "", asn1.Context(31)},
		{"04 02 01", "", asn1.Univ(asn1.NumberOctetString)},
		{"04 01 01 01", "", asn1.Univ(asn1.NumberOctetString)},
		{"", "", asn1.Tag{}},
		{"04", "", asn1.Tag{}},
	}
	for _, tt := range tests {
		r := ber.Raw(unhex(t, tt.hex))
		if r.Tag() != tt.tag || string(r.Contents()) != string(unhex(t, tt.contents)) {
			t.Errorf("%s: %v, %x", tt.hex, r.Tag(), r.Contents())
		}
	}
}

func TestComponentsAreNamedAsInASN1(t *testing.T) {
	n, err := ber.Explain(unhex(t, "30 0E A0 00 A1 00 A2 00 A3 00 A4 00 A5 00 A6 00"), struct {
		PerRecipientFields []int `ber:"[0]"`
		OriginalEITs       []int `ber:"[1]"`
		X121Address        []int `ber:"[2]"`
		MTSIdentifier      []int `ber:"[3]"`
		IA5Text            []int `ber:"[4]"`
		ThisIPM            []int `ber:"[5]"`
		O                  []int `ber:"[6]"`
	}{}, "", ber.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range n.Children {
		names = append(names, c.Name)
	}
	want := "per-recipient-fields original-EITs x121-address MTS-identifier IA5-text this-IPM o"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Values larger than the buffer an encoder starts with, and than what decoded
// strings share.
func TestLargeValues(t *testing.T) {
	type large struct {
		Text   asn1.IA5String
		Octets []byte
		Names  []asn1.PrintableString
	}
	want := large{Text: asn1.IA5String(strings.Repeat("text", 9000)), Octets: make([]byte, 70000)}
	for range 5000 {
		want.Names = append(want.Names, "name")
	}
	b, err := ber.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got large
	if _, err := ber.Unmarshal(b, &got, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

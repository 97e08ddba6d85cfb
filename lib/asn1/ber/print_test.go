package ber_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

type shown struct {
	_       ber.Set `ber:"[APPLICATION 5]"`
	Name    asn1.TeletexString
	Colour  Colour `ber:"[0]"`
	Seen    bool
	Bits    asn1.BitString `ber:"OPTIONAL"`
	Object  asn1.OID       `ber:"OPTIONAL"`
	Serial  []byte         `ber:"INTEGER OPTIONAL"`
	Choice  Alternative    `ber:"[1]"`
	Value   ber.Raw        `ber:"[2]"`
	Unknown []ber.Raw      `ber:"..."`
}

var shownValue = shown{
	Name: "caf\xe9 \"x\"", Colour: 1, Bits: asn1.Bits(1), Object: "2.6.0.2.7", Serial: []byte{0xff, 0x7f},
	Choice: Alternative{List: []asn1.OID{"2.6"}}, Value: ber.Raw{0x30, 0x80, 0x02, 1, 5, 0, 0},
	Unknown: []ber.Raw{{0x85, 5, 'H', 'e', 'l', 'l', 'o'}, {0xa6, 2, 0xff, 0xff}},
}

func TestPrint(t *testing.T) {
	var text bytes.Buffer
	if err := ber.Print(&text, shownValue); err != nil {
		t.Fatal(err)
	}
	want := `
      0      59  shown [APPLICATION 5]
      2      10    name TeletexString "caf\xe9 \"x\""
     12       3    colour Colour [0] 1 red
     15       3    seen BOOLEAN FALSE
     18       4    bits BIT STRING '01'B
     22       6    object OBJECT IDENTIFIER 2.6.0.2.7
     28       4    serial INTEGER -129
     32       7    choice Alternative [1]
     34       5      list SEQUENCE OF OBJECT IDENTIFIER [29]
     36       3        [0] OBJECT IDENTIFIER 2.6
     39       9    value [2]
     41       7      SEQUENCE
     43       3        INTEGER 5
     48       7    [5] "Hello"
     55       4    [6] ffff
`
	got := "\n" + text.String()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestJSON(t *testing.T) {
	b, err := ber.JSON(pair{A: 1, B: "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"pair","tag":"SEQUENCE","offset":0,"length":8,"children":[` +
		`{"name":"a","type":"INTEGER","tag":"[0]","offset":2,"length":3,"value":"1"},` +
		`{"name":"b","type":"IA5String","tag":"[1]","offset":5,"length":3,"value":"x"}]}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
	b, err = ber.JSON(shownValue)
	if err != nil || !json.Valid(b) {
		t.Errorf("%s, %v", b, err)
	}
	var line bytes.Buffer
	n, err := ber.Tree(shownValue)
	if err = errors.Join(err, n.WriteJSON(&line)); err != nil || line.String() != string(b)+"\n" {
		t.Errorf("%s, %v", &line, err)
	}
}

func TestExplainShowsWhatPrecedesAFault(t *testing.T) {
	in := unhex(t, "30 80 80 01 01 81 01 78 85 01 00 00 00")
	n, err := ber.Explain(in, pair{}, "", ber.Limits{})
	var e *ber.Error
	if !errors.As(err, &e) || !errors.Is(err, ber.ErrUnexpected) || e.Offset != 8 {
		t.Errorf("error %v", err)
	}
	var text bytes.Buffer
	if err := n.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	want := `
      0      13  pair
      2       3    a INTEGER [0] 1
      5       3    b IA5String [1] "x"
`
	if diff := cmp.Diff(want, "\n"+text.String()); diff != "" {
		t.Error(diff)
	}
	if !n.Indefinite {
		t.Error("indefinite length not shown")
	}
}

func TestExplainShowsElementsThatAreDropped(t *testing.T) {
	n, err := ber.Explain(unhex(t, "31 07 82 02 05 00 80 01 01"), &lenient{}, "", ber.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Children) != 2 || n.Children[0].Tag != asn1.Context(2) || n.Children[0].Value != "0500" {
		t.Errorf("%+v", n.Children)
	}
}

func TestDump(t *testing.T) {
	tests := []struct {
		name, in, want string
		offset         int64 // of the error; -1: none
	}{
		{"empty", "", "\n", -1},
		{"elements", "30 80 01 01 FF A1 0A 02 01 FB 80 05 41 42 43 44 45 04 00 00 00 05 00 DF 84 A2 70 01 07", `
      0  SEQUENCE indefinite
      2    BOOLEAN 1 TRUE
      5    [1] 10
      7      INTEGER 1 -5
     10      [0] 5 "ABCDE"
     17    OCTET STRING 0
     19  end-of-contents
     21  NULL 0
     23  [PRIVATE 70000] 1 07
`, -1},
		{"types whose octets disagree", "01 02 00 00 06 01 80 03 01 09 1E 01 41 14 02 41 E9 1E 02 00 41 0A 01 03", `
      0  BOOLEAN 2 0000
      4  OBJECT IDENTIFIER 1 80
      7  BIT STRING 1 09
     10  BMPString 1 41
     13  TeletexString 2 "A\xe9"
     17  BMPString 2 "A"
     21  ENUMERATED 1 3
`, -1},
		{"junk behind", "05 00 FF FF", `
      0  NULL 0
      2  ? ffff
`, 2},
		{"cut short within", "30 80 A0 03 02 01 01 04 05 01 02", `
      0  SEQUENCE indefinite
      2    [0] 3
      4      INTEGER 1 1
      7  ? 04050102
`, 7},
		{"no end-of-contents", "30 80 05 00", `
      0  SEQUENCE indefinite
      2    NULL 0
      0  ? 30800500
`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := ber.Dump(&out, unhex(t, tt.in), ber.Limits{})
			if diff := cmp.Diff(tt.want, "\n"+out.String()); diff != "" {
				t.Error(diff)
			}
			var e *ber.Error
			if tt.offset < 0 && err != nil || tt.offset >= 0 && (!errors.As(err, &e) || e.Offset != tt.offset) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestDumpBeyondTheLimit(t *testing.T) {
	var out bytes.Buffer
	err := ber.Dump(&out, unhex(t, "05 00 05 00 05 00"), ber.Limits{Octets: 4})
	if !errors.Is(err, ber.ErrLimit) || !strings.HasSuffix(out.String(), "      4  ? 0500\n") {
		t.Errorf("%v:\n%s", err, &out)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestPrintingReportsTheWriter(t *testing.T) {
	if err := ber.Dump(failingWriter{}, []byte{5, 0}, ber.Limits{}); err == nil {
		t.Error("Dump is content")
	}
	if err := ber.Print(failingWriter{}, 1); err == nil {
		t.Error("Print is content")
	}
}

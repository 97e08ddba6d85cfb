package mts

import (
	"bytes"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// The octets of the extension, by X.411 §9.1: ExtensionField ::= SEQUENCE { type [0] …,
// criticality [1] … DEFAULT {}, value [2] … }, with private-extension [3] OBJECT IDENTIFIER.
func TestSection22_4_AlternativeAddressInformation(t *testing.T) {
	a, err := oraddr.Parse("/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if err != nil {
		t.Fatal(err)
	}
	one, err := NewAlternativeAddress(a)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := SetExt(nil, ExtAlternativeAddressInformation, []AlternativeAddress{one})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ber.Marshal(fields[0])
	if err != nil {
		t.Fatal(err)
	}
	const (
		oid     = "83 0B 2B 06 01 04 01 83 45 07 03 03 01"                                                                                                    // [3] 1.3.6.1.4.1.453.7.3.3.1, and no criticality
		address = "30 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41 83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E" // ORAddress
		want    = "30 43 " + oid + "A2 34 31 32 30 30 " + address + "31 00"                                                                                   // [2], SET OF, SEQUENCE, other-useful-info
	)
	if !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("% X, want %s", got, want)
	}
	if back := Alternatives(fields); len(back) != 1 || !back[0].Equal(a) {
		t.Errorf("read back: %v", back)
	}
	if fields[0].Criticality.For(ForTransfer) || fields[0].Criticality.For(ForDelivery) || fields[0].Criticality.For(ForSubmission) {
		t.Error("it is critical")
	}

	// Another MTA may tell the name of an entry, alone or before its address, and attributes.
	const name = "30 0D 31 0B 30 09 06 03 55 04 03 0C 02 41 6E"
	for _, c := range []struct {
		what, octets string
		want         int
	}{
		{"a name alone", "31 13 30 11 " + name + "31 00", 0},
		{"the name of the root alone", "31 06 30 04 30 00 31 00", 0},
		{"a name and an address", "31 41 30 3F " + name + address + "31 00", 1},
		{"neither", "31 04 30 02 31 00", 0},
		{"attributes", "31 3F 30 3D " + address + "31 0D 30 0B 06 03 55 04 03 31 04 0C 02 41 6E", 1},
		{"none", "31 00", 0},
		{"no set of sequences", "31 02 05 00", 0},
	} {
		field := ExtensionField{Type: ExtAlternativeAddressInformation.Type(), Value: unhex(t, c.octets)}
		if got := Alternatives([]ExtensionField{field}); len(got) != c.want || c.want == 1 && !got[0].Equal(a) {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}

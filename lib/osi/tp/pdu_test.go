package tp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/diag"
)

func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTPDUs(t *testing.T) {
	selectors := Parameters{CallingTSEL: []byte("MTAA"), CalledTSEL: []byte("MTAB"), TPDUSize: 13}
	for _, c := range []struct {
		name, octets string
		want         TPDU
	}{
		{"cr", "15 E0 00 00 00 01 00 C0 01 0D C1 04 4D 54 41 41 C2 04 4D 54 41 42",
			&CR{SourceReference: 1, Parameters: selectors, UserData: []byte{}}},
		{"cc", "15 D0 00 01 00 02 00 C0 01 0D C1 04 4D 54 41 41 C2 04 4D 54 41 42",
			&CC{DestinationReference: 1, SourceReference: 2, Parameters: selectors, UserData: []byte{}}},
		{"dr", "06 80 00 01 00 00 03",
			&DR{DestinationReference: 1, Reason: ReasonAddressUnknown}},
		{"dr with information", "0A 80 00 01 00 00 01 E0 02 41 42",
			&DR{DestinationReference: 1, Reason: ReasonCongestion, AdditionalInfo: []byte("AB")}},
		{"last dt", "02 F0 80 01 00 2D 05 29 03 02 01 01",
			&DT{EndOfTSDU: true, Data: octets(t, "01 00 2D 05 29 03 02 01 01")}},
		{"dt with more to come", "02 F0 00 AA", &DT{Data: []byte{0xaa}}},
		{"er", "09 70 00 01 02 C1 03 02 10 80", &ER{DestinationReference: 1, Cause: 2, Invalid: []byte{2, 0x10, 0x80}}},
		{"cr without parameters", "06 E0 00 00 12 34 00", &CR{SourceReference: 0x1234, UserData: []byte{}}},
		{"cr with preferred size, alternatives and options",
			"14 E0 00 00 00 07 42 C0 01 0B C6 01 00 C7 02 20 00 F0 02 01 FF",
			&CR{SourceReference: 7, Class: 4, Options: 2, Alternatives: []uint8{2, 0}, UserData: []byte{},
				Parameters: Parameters{TPDUSize: 11, PreferredTPDUSize: 511, AdditionalOptions: []byte{0}}}},
		{"cc with nil selector", "08 D0 00 01 00 02 00 C2 00",
			&CC{DestinationReference: 1, SourceReference: 2, Parameters: Parameters{CalledTSEL: []byte{}}, UserData: []byte{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := octets(t, c.octets)
			got, err := Decode(b)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("decoded (-want +got):\n%s", d)
			}
			if c.name == "cr with preferred size, alternatives and options" {
				// Ours puts the parameters in another order.
				return
			}
			again, err := got.Append(nil)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, b) {
				t.Errorf("encoded % x, want % x", again, b)
			}
		})
	}
}

func TestDecodeLeniency(t *testing.T) {
	for _, c := range []struct {
		name, octets string
		want         TPDU
	}{
		{"unknown parameter in cr is ignored", "09 E0 00 00 00 01 00 DD 01 00", &CR{SourceReference: 1}},
		{"last of duplicates counts", "0C E0 00 00 00 01 00 C0 01 07 C0 01 09", &CR{SourceReference: 1, Parameters: Parameters{TPDUSize: 9}}},
		{"parameters in any order", "0C E0 00 00 00 01 00 C2 01 42 C1 01 41", &CR{SourceReference: 1, Parameters: Parameters{CallingTSEL: []byte("A"), CalledTSEL: []byte("B")}}},
		{"user data in cr", "06 E0 00 00 00 01 00 68 69", &CR{SourceReference: 1, UserData: []byte("hi")}},
		{"parameters of other classes in cc", "09 D0 00 01 00 02 00 C4 01 01", &CC{DestinationReference: 1, SourceReference: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode(octets(t, c.octets))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, cmpEmpty); d != "" {
				t.Error(d)
			}
		})
	}
}

var cmpEmpty = cmp.Comparer(bytes.Equal)

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ octets, want string }{
		{"", "tp: tpdu of 0 octets: too short"},
		{"02", "tp: tpdu of 1 octets: too short"},
		{"00 F0", "tp: tpdu of 2 octets: length indicator 0"},
		{"03 F0 80", "tp: tpdu of 3 octets: length indicator 3"},
		{"FF F0 80", "tp: tpdu of 3 octets: length indicator 255"},
		{"01 F0", "tp: dt: length indicator 1: want 2 in class 0"},
		{"04 F0 80 00 00", "tp: dt: length indicator 4: want 2 in class 0"},
		{"05 E0 00 00 00 01", "tp: cr: length indicator 5: want 6 or more"},
		{"05 D0 00 00 00 01", "tp: cc: length indicator 5: want 6 or more"},
		{"05 80 00 00 00 01", "tp: dr: length indicator 5: want 6 or more"},
		{"03 70 00 00", "tp: er: length indicator 3: want 4 or more"},
		{"06 E0 00 00 00 01 50", "tp: cr: octet 7: class 5: unknown"},
		{"07 E0 00 00 00 01 00 C0", "tp: cr: octet 8: parameter without length"},
		{"08 E0 00 00 00 01 00 C0 01", "tp: cr: parameter c0 at octet 8: length 1 runs past the header"},
		{"09 E0 00 00 00 01 00 C0 01 06", "tp: cr: parameter c0 at octet 8: tpdu size 06: want 07 to 0d"},
		{"0A E0 00 00 00 01 00 F0 02 00 00", "tp: cr: parameter f0 at octet 8: preferred maximum tpdu size 00 00: want 1 to 4 octets, not zero"},
		{"0D E0 00 00 00 01 00 F0 05 00 00 00 00 01", "tp: cr: parameter f0 at octet 8: preferred maximum tpdu size 00 00 00 00 01: want 1 to 4 octets, not zero"},
		{"09 E0 00 00 00 01 00 C7 01 50", "tp: cr: parameter c7 at octet 8: alternative class 5: unknown"},
		{"09 D0 00 00 00 01 00 DD 01 00", "tp: cc: parameter dd at octet 8: unknown"},
		{"02 10 80 41", "tp: expedited data tpdu: not agreed to"},
		{"02 C0 80", "tp: tpdu code c0: unknown"},
	} {
		_, err := Decode(octets(t, c.octets))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error %q, want %q", c.octets, err, c.want)
		}
		if diag.KindOf(err) != diag.Protocol {
			t.Errorf("%s: kind %v", c.octets, diag.KindOf(err))
		}
	}
}

func TestAppendTooLong(t *testing.T) {
	cr := &CR{Parameters: Parameters{CallingTSEL: make([]byte, 122), CalledTSEL: make([]byte, 122)}}
	if b, err := cr.Append(nil); err != nil || b[0] != 254 {
		t.Errorf("header of 254 octets: %v", err)
	}
	cr.CalledTSEL = make([]byte, 256)
	if b, err := cr.Append([]byte("x")); err == nil || string(b) != "x" {
		t.Errorf("header of 388 octets: %q, %v", b, err)
	}
}

// FuzzDecodeKeepsMeaning: what Decode accepts encodes, unless the header has
// grown past its limit, to a TPDU with the same meaning.
func FuzzDecodeKeepsMeaning(f *testing.F) {
	for _, s := range []string{
		"15 E0 00 00 00 01 00 C0 01 0D C1 04 4D 54 41 41 C2 04 4D 54 41 42",
		"15 D0 00 01 00 02 00 C0 01 0D C1 04 4D 54 41 41 C2 04 4D 54 41 42",
		"06 80 00 01 00 00 03", "09 70 00 01 02 C1 03 02 10 80", "02 F0 80 01 00 2D 05 29 03 02 01 01",
		"14 E0 00 00 00 07 42 C0 01 0B C6 01 00 C7 02 20 00 F0 02 01 FF", "06 E0 00 00 00 01 00 68 69",
	} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(b)
		if err != nil {
			return
		}
		again, err := got.Append(nil)
		if err != nil {
			return
		}
		got2, err := Decode(again)
		if err != nil {
			t.Fatalf("% x encoded as % x: %v", b, again, err)
		}
		if d := cmp.Diff(got, got2, cmpEmpty); d != "" {
			t.Fatal(d)
		}
	})
}

package presentation

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	octetsCP = `31 81 85 A0 03 80 01 01 A2 7E 81 02 00 01 82 02 00 01
		A4 33 30 0F 02 01 01 06 04 52 01 00 01 30 04 06 02 51 01
		30 0F 02 01 03 06 04 56 00 02 0C 30 04 06 02 51 01
		30 0F 02 01 05 06 04 56 00 02 07 30 04 06 02 51 01
		61 3F 30 3D 02 01 01 A0 38 60 36 A1 06 06 04 56 00 01 06 BE 2C 28 2A 02 01 03 A0 25
		B0 23 80 01 3F 81 01 03 82 01 01 A3 18 A0 16 B0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	octetsCPA = `31 72 A0 03 80 01 01 A2 6B 83 02 00 01
		A5 1B 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01
		61 48 30 46 02 01 01 A0 41 61 3F A1 06 06 04 56 00 01 06 A2 03 02 01 00 A3 05 A1 03 02 01 00
		BE 29 28 27 02 01 03 A0 22 B1 20 80 01 3F 81 01 03 A2 18 A0 16 B1 14
		A1 12 80 05 4D 54 41 2D 42 A1 09 16 07 73 65 63 72 65 74 42`
	octetsCPR = `30 4E A5 1B 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01
		61 2F 30 2D 02 01 01 A0 28 61 26 A1 06 06 04 56 00 01 06 A2 03 02 01 01 A3 05 A1 03 02 01 01
		BE 10 28 0E 02 01 03 A0 09 B2 07 A1 05 B2 03 02 01 02`
	octetsARU = `A0 30 A0 12 30 07 02 01 01 06 02 51 01 30 07 02 01 03 06 02 51 01
		61 1A 30 18 02 01 01 A0 13 64 11 80 01 00 BE 0C 28 0A 02 01 03 A0 05 B6 03 80 01 04`
	octetsARP    = `30 06 80 01 02 81 01 07`
	octetsCPX410 = `31 2B A0 03 80 01 00 A1 24 80 01 3F 81 01 03 82 01 01 A3 16 A0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41 84 01 0C`
	octetsCPAX410 = `31 25 A0 03 80 01 00 A1 1E 80 01 3F 81 01 03 A2 16 A0 14
		A1 12 80 05 4D 54 41 2D 42 A1 09 16 07 73 65 63 72 65 74 42`
	octetsCPRX410 = `31 03 80 01 02`
)

func TestTypes(t *testing.T) {
	for _, v := range []any{CP{}, CPA{}, CPR{}, Abort{}, UserData{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

// Every PPDU decodes and encodes to the same octets.
func TestPPDU(t *testing.T) {
	for _, tt := range []struct {
		name, octets string
		v            any
	}{
		{"CP", octetsCP, new(CP)},
		{"CPA", octetsCPA, new(CPA)},
		{"CPR", octetsCPR, new(CPR)},
		{"ARU", octetsARU, new(Abort)},
		{"ARP", octetsARP, new(Abort)},
		{"CP x410", octetsCPX410, new(CP)},
		{"CPA x410", octetsCPAX410, new(CPA)},
		{"CPR x410", octetsCPRX410, new(CPR)},
		{"ARU x410", `31 03 80 01 04`, new(Abort)},
		{"user data", `61 0A 30 08 02 01 03 A0 03 02 01 04`, new(UserData)},
		{"user data, octet aligned", `61 0A 30 08 02 01 03 81 03 02 01 04`, new(UserData)},
		{"user data, simple", `40 03 02 01 04`, new(UserData)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.octets)
			rest, err := ber.Unmarshal(b, tt.v, ber.Limits{})
			if err != nil || len(rest) != 0 {
				t.Fatalf("decode: %v, %d octets left", err, len(rest))
			}
			got, err := ber.Marshal(tt.v)
			if err != nil || !bytes.Equal(got, b) {
				t.Errorf("encode: %x, %v\nwant    %x", got, err, b)
			}
		})
	}
}

// A CP from a later version of the protocol is read with what is known of it
// (X.226 §8.5); a CPA is not.
func TestExtensibility(t *testing.T) {
	cp := unhex(t, `31 16 A0 06 80 01 01 81 01 07 A2 0A 80 02 06 C0 9F 50 03 01 02 03 A7 00`)
	var v CP
	if _, err := ber.Unmarshal(cp, &v, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	if v.Normal == nil || v.Normal.ProtocolVersion == nil || !v.Normal.ProtocolVersion.At(0) {
		t.Errorf("decoded %+v", v.Normal)
	}
	if _, err := ber.Unmarshal(unhex(t, `31 0A A0 03 80 01 01 A2 00 A7 01 00`), new(CPA), ber.Limits{}); err == nil {
		t.Error("a CPA with an unknown element was accepted")
	}
}

func TestHeader(t *testing.T) {
	for _, n := range []int{2, 100, 118, 119, 120, 121, 127, 128, 240, 255, 256, 65535, 65536, 1 << 20} {
		for _, id := range []int64{1, 3, 127, 128, 255, 70000} {
			value := append(ber.AppendHeader(nil, asn1.Tag{Number: 4}, false, int64(n)), make([]byte, n)...)
			b := append(appendHeader(nil, id, int64(len(value))), value...)
			want, err := encodeUserData([]PDV{{Context: id, Octets: value}})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b, want) {
				t.Errorf("header for %d octets in context %d: % x, want % x", n, id, b[:20], want[:20])
			}
			got, err := decodeUserData(b, nil)
			if err != nil || len(got) != 1 || got[0].Context != id || !bytes.Equal(got[0].Octets, value) {
				t.Errorf("decode %d octets in context %d: %v", n, id, err)
			}
		}
	}
}

// What has been decoded encodes to what decodes to the same.
func FuzzPPDURoundTrip(f *testing.F) {
	for _, s := range []string{
		octetsCP, octetsCPA, octetsCPR, octetsARU, octetsARP, octetsCPX410, octetsCPAX410, octetsCPRX410,
		`61 0A 30 08 02 01 03 A0 03 02 01 04`, `31 80 A0 80 80 01 01 00 00 A2 80 82 02 00 01 00 00 00 00`,
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []func() any{
			func() any { return new(CP) }, func() any { return new(CPA) }, func() any { return new(CPR) },
			func() any { return new(Abort) }, func() any { return new(UserData) },
		} {
			one := v()
			if _, err := ber.Unmarshal(b, one, ber.Limits{}); err != nil {
				continue
			}
			first, err := ber.Marshal(one)
			if err != nil {
				t.Fatalf("%T: %v", one, err)
			}
			two := v()
			if _, err := ber.Unmarshal(first, two, ber.Limits{}); err != nil {
				t.Fatalf("%T: decode what was encoded: %v", one, err)
			}
			second, err := ber.Marshal(two)
			if err != nil || !bytes.Equal(first, second) {
				t.Errorf("%T: %x became %x, %v", one, first, second, err)
			}
		}
	})
}

package oraddr

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const annOctets = `60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41 83 03 4F 72 67
	A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E`

var ann = Address{C: "GB", ADMD: "TEST", PRMD: "ALPHA", O: "Org", PN: PersonalName{S: "Smith", G: "Ann"}}

func TestOctets(t *testing.T) {
	for _, c := range []struct {
		name, octets string
		want         Address
	}{
		{"mnemonic", annOctets, ann},
		{"common name", `60 20 30 0D 61 04 13 02 47 42 62 05 13 03 4E 41 54 31 0F 30 0D 80 01 01 A1 08 13 06 4D 54 41 20 20 31`,
			Address{C: "GB", ADMD: "NAT", CN: "MTA  1"}},
		{"no address", `60 02 30 00`, Address{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n ORName
			rest, err := ber.Unmarshal(unhex(t, c.octets), &n, ber.Limits{})
			if err != nil || len(rest) > 0 {
				t.Fatal(err, rest)
			}
			got, err := n.Address()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Fatal(d)
			}
			n2, err := got.ORName()
			if err != nil {
				t.Fatal(err)
			}
			b, err := ber.Marshal(n2)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(unhex(t, c.octets), b); d != "" {
				t.Fatal(d)
			}
		})
	}
}

func TestText(t *testing.T) {
	const slash = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	const labelled = "G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=GB"
	if got := ann.String(); got != slash {
		t.Error(got)
	}
	if got := ann.Labelled(); got != labelled {
		t.Error(got)
	}
	for _, s := range []string{slash, labelled, "X.400:" + labelled, "/C=GB/A=TEST/P=ALPHA/O=Org/S=Smith/G=Ann/"} {
		a, err := Parse(s)
		if err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(ann, a); d != "" {
			t.Error(s, d)
		}
	}
}

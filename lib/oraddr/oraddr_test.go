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

// everything has an attribute of every type; the octets below were read back by an
// independent decoder.
const (
	everything = `/G=A*A*Ä/S=s*{200}u*Ü*de/CN=c*c*c/UA-ID=12/X121=99/T-ID=ti/T-TY=ia5/NET-PSAP="p"$/"s"$/"t"$/NS+4700/PD-SERVICE=sn/PD-OFFICE=of*of*of/PD-STREET=s*s*s/PD-ADDRESS=x|y*z*w/PD-LOCAL=l*l*l/PD-CODE=AB1/PD-C=GB/DD.t*t*t=v*v*v/OU=b*b*b/OU=a*a*a/O=o*o*o/ADMD= /C=GB/`

	everythingOctets = `
	608201AC302A6104130247426203130120800239398102746983016F84023132A5068001
	73810141A60613016113016230083006130174130176318201723008800101A103130163
	3008800102A1031401633008800103A10314016F300E800104A10931078002C875810141
	300D800105A1083006140161140162300F800106A10A3008300614017414017630098001
	07A1041302736E3009800108A10413024742300A800109A1051303414231300F80010AA1
	0A310813026F6614026F663012800110A10D310B300613017813017914017A300D800111
	A1083106130173140173300D800115A108310613016C14016C301E800116A119A017A003
	040170A103040173A203040174A3063104040247003008800117A103020107300B800118
	A10631041E020063300B800119A10631041E02006F301780011AA1123110A0081E0200DC
	13026465A1041E0200C4301380011BA10E300C31041E02006131041E020062301580011C
	A110300E300C31041E02007431041E020076300D80011DA10831061E04006F0066300B80
	0123A10631041E020077300B800124A10631041E020073300B800128A10631041E02006C`
)

func TestEverything(t *testing.T) {
	a, err := Parse(everything)
	if err != nil {
		t.Fatal(err)
	}
	if s := a.String(); s != everything {
		t.Error(s)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	b, err := ber.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(unhex(t, everythingOctets), b); d != "" {
		t.Error(d)
	}
	back, err := n.Address()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, back); d != "" {
		t.Error(d)
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

func TestTypes(t *testing.T) {
	for _, v := range []any{ORName{}, ORAddress{}, NumericOrPrintable{}, ExtensionAttribute{}, teletexPersonalName{}, teletexDDA{},
		pdsParameter{}, unformattedPostalAddress{}, extendedNetworkAddress{}, universalString{}, universalPersonalName{}, universalDDA{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

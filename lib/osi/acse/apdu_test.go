package acse

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

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
	octetsAARQ = `60 36 A1 06 06 04 56 00 01 06 BE 2C 28 2A 02 01 03 A0 25
		B0 23 80 01 3F 81 01 03 82 01 01 A3 18 A0 16 B0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	octetsAARE = `61 3F A1 06 06 04 56 00 01 06 A2 03 02 01 00 A3 05 A1 03 02 01 00
		BE 29 28 27 02 01 03 A0 22 B1 20 80 01 3F 81 01 03 A2 18 A0 16 B1 14
		A1 12 80 05 4D 54 41 2D 42 A1 09 16 07 73 65 63 72 65 74 42`
	octetsAAREj = `61 26 A1 06 06 04 56 00 01 06 A2 03 02 01 01 A3 05 A1 03 02 01 01
		BE 10 28 0E 02 01 03 A0 09 B2 07 A1 05 B2 03 02 01 02`
	octetsABRT = `64 11 80 01 00 BE 0C 28 0A 02 01 03 A0 05 B6 03 80 01 04`
	octetsRLRQ = `62 03 80 01 00`
	octetsRLRE = `63 03 80 01 00`
	// Titles: a directory name and a relative distinguished name; invocation
	// identifiers; the authentication functional unit; what a later version adds.
	octetsFull = `60 4F 80 02 07 80 A1 06 06 04 56 00 01 06 A2 04 06 02 51 01 A3 03 02 01 07
		A6 0D 30 0B 31 09 30 07 06 03 55 04 03 05 00 A7 0B 31 09 30 07 06 03 55 04 03 05 00
		A8 03 02 01 01 A9 03 02 01 02 8A 02 07 80 8B 02 51 01 AC 04 80 02 68 69 AD 02 05 00`
)

func TestTypes(t *testing.T) {
	if err := ber.Check(APDU{}); err != nil {
		t.Error(err)
	}
}

func TestAPDU(t *testing.T) {
	for _, tt := range []struct {
		name, octets string
		in           func(a *APDU) bool
	}{
		{"AARQ", octetsAARQ, func(a *APDU) bool {
			return a.AARQ.ApplicationContextName == "2.6.0.1.6" && *a.AARQ.UserInformation[0].IndirectReference == 3
		}},
		{"AARQ in full", octetsFull, func(a *APDU) bool {
			return len(a.AARQ.CallingAPTitle) == 13 && *a.AARQ.CallingAEInvocationID == 2 && len(a.AARQ.Unknown) == 1
		}},
		{"AARE accepted", octetsAARE, func(a *APDU) bool { return a.AARE.Result == Accepted && *a.AARE.Source.User == UserNull }},
		{"AARE rejected", octetsAAREj, func(a *APDU) bool { return a.AARE.Result == RejectedPermanent && *a.AARE.Source.User == UserNoReason }},
		{"AARE, provider", `61 14 A1 06 06 04 56 00 01 06 A2 03 02 01 01 A3 05 A2 03 02 01 02`, func(a *APDU) bool { return *a.AARE.Source.Provider == ProviderNoCommonACSEVersion }},
		{"RLRQ", octetsRLRQ, func(a *APDU) bool { return *a.RLRQ.Reason == ReleaseNormal }},
		{"RLRE", octetsRLRE, func(a *APDU) bool { return *a.RLRE.Reason == ReleaseNormal }},
		{"ABRT", octetsABRT, func(a *APDU) bool {
			return a.ABRT.Source == AbortServiceUser && len(a.ABRT.UserInformation[0].Octets()) == 5
		}},
		{"ABRT, diagnostic", `64 06 80 01 01 81 01 02`, func(a *APDU) bool { return *a.ABRT.Diagnostic == AbortProtocolError }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.octets)
			a := new(APDU)
			if rest, err := ber.Unmarshal(b, a, ber.Limits{}); err != nil || len(rest) > 0 {
				t.Fatalf("decode: %v, %d octets left", err, len(rest))
			}
			if !tt.in(a) {
				t.Errorf("decoded %+v", a)
			}
			if got, err := ber.Marshal(a); err != nil || !bytes.Equal(got, b) {
				t.Errorf("encode: %x, %v\nwant    %x", got, err, b)
			}
		})
	}
}

func TestExternal(t *testing.T) {
	for _, tt := range []struct{ name, octets, want string }{
		{"single ASN.1 type", `28 08 02 01 03 A0 03 02 01 07`, `02 01 07`},
		{"octet aligned", `28 08 02 01 03 81 03 02 01 07`, `02 01 07`},
		{"arbitrary, whole octets", `28 09 02 01 03 82 04 00 02 01 07`, `02 01 07`},
		{"arbitrary, broken", `28 09 02 01 03 82 04 01 02 01 06`, ``},
		{"with direct reference", `28 0C 06 02 51 01 02 01 03 A0 03 02 01 07`, `02 01 07`},
	} {
		var e External
		if _, err := ber.Unmarshal(unhex(t, tt.octets), &e, ber.Limits{}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := e.Octets(); !bytes.Equal(got, unhex(t, tt.want)) {
			t.Errorf("%s: %x", tt.name, got)
		}
	}
}

// Whatever decodes encodes to what decodes to the same.
func FuzzAPDURoundTrip(f *testing.F) {
	for _, s := range []string{octetsAARQ, octetsAARE, octetsAAREj, octetsABRT, octetsRLRQ, octetsRLRE, octetsFull} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var one, two APDU
		if _, err := ber.Unmarshal(b, &one, ber.Limits{}); err != nil {
			return
		}
		first, err := ber.Marshal(&one)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ber.Unmarshal(first, &two, ber.Limits{}); err != nil {
			t.Fatalf("decode what was encoded: %v", err)
		}
		if second, err := ber.Marshal(&two); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%x became %x, %v", first, second, err)
		}
	})
}

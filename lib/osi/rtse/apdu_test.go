package rtse

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
	octetsRTORQ = `B0 23 80 01 3F 81 01 03 82 01 01 A3 18 A0 16 B0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	octetsRTOAC = `B1 20 80 01 3F 81 01 03 A2 18 A0 16 B1 14
		A1 12 80 05 4D 54 41 2D 42 A1 09 16 07 73 65 63 72 65 74 42`
	octetsRTORJ = `B2 07 A1 05 B2 03 02 01 02`
	octetsRTAB  = `B6 03 80 01 04`
)

func TestTypes(t *testing.T) {
	for _, v := range []any{APDU{}, SessionConnectionIdentifier{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestAPDU(t *testing.T) {
	for _, tt := range []struct {
		name, octets string
		in           func(a APDU) bool
	}{
		{"RTORQ", octetsRTORQ, func(a APDU) bool { return *a.RTORQ.CheckpointSize == 63 && *a.RTORQ.DialogueMode == TwoWayAlternate }},
		{"RTOAC", octetsRTOAC, func(a APDU) bool { return *a.RTOAC.WindowSize == 3 }},
		{"RTORJ", octetsRTORJ, func(a APDU) bool { return bytes.Equal(a.RTORJ.UserData, []byte{0xb2, 3, 2, 1, 2}) }},
		{"RTORJ x410", `B2 03 80 01 02`, func(a APDU) bool { return *a.RTORJ.RefuseReason == RefuseValidationFailure }},
		{"RTTP", `02 01 04`, func(a APDU) bool { return *a.RTTP == 4 }},
		{"RTTR", `04 03 01 02 03`, func(a APDU) bool { return len(a.RTTR) == 3 }},
		{"RTAB", octetsRTAB, func(a APDU) bool { return *a.RTAB.Reason == ProtocolError }},
		{"RTAB with data", `B6 0B 80 01 06 A2 06 30 04 02 02 01 00`, func(a APDU) bool { return *a.RTAB.Reason == UserError && len(a.RTAB.UserData) == 6 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.octets)
			var a APDU
			if rest, err := ber.Unmarshal(b, &a, ber.Limits{}); err != nil || len(rest) > 0 {
				t.Fatalf("decode: %v, %d octets left", err, len(rest))
			}
			if !tt.in(a) {
				t.Errorf("decoded %+v", a)
			}
			if got, err := ber.Marshal(&a); err != nil || !bytes.Equal(got, b) {
				t.Errorf("encode: %x, %v\nwant    %x", got, err, b)
			}
		})
	}
}

// Parameters that are not known are ignored.
func TestUnknownParameters(t *testing.T) {
	var a APDU
	if _, err := ber.Unmarshal(unhex(t, `B0 0B 80 01 05 A3 02 80 00 9F 33 01 07`), &a, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	if *a.RTORQ.CheckpointSize != 5 {
		t.Errorf("decoded %+v", a.RTORQ)
	}
}

func TestConnectionData(t *testing.T) {
	for _, tt := range []struct {
		name, octets string
		want         ConnectionData
		bad          bool
	}{
		{name: "open with data", octets: `A0 05 B0 03 02 01 07`, want: ConnectionData{Open: unhex(t, `B0 03 02 01 07`)}},
		{name: "open without data", octets: `80 00`},
		{name: "open, two values", octets: `A0 06 02 01 07 02 01 07`, bad: true},
		{name: "another alternative", octets: `82 01 00`, bad: true},
		{name: "recover", octets: `A1 16 04 05 4D 54 41 2D 41 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A`, want: ConnectionData{
			Recover: &SessionConnectionIdentifier{CallingReference: CallingReference{OctetString: []byte("MTA-A")}, CommonReference: "261124043000Z"}}},
		{name: "recover, X.410-1984 mode", octets: `A1 1A 14 05 4D 54 41 2D 41 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 80 02 30 31`, want: ConnectionData{
			Recover: &SessionConnectionIdentifier{CallingReference: CallingReference{}, CommonReference: "261124043000Z", AdditionalReference: "01"}}},
		{name: "recover what", octets: `A1 00`, bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.octets)
			got, err := decodeConnectionData(b)
			if tt.bad != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if tt.bad {
				return
			}
			if !bytes.Equal(got.Open, tt.want.Open) || (got.Recover == nil) != (tt.want.Recover == nil) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if got.Recover != nil && (got.Recover.CommonReference != tt.want.Recover.CommonReference ||
				got.Recover.AdditionalReference != tt.want.Recover.AdditionalReference ||
				!bytes.Equal(got.Recover.CallingReference.OctetString, tt.want.Recover.CallingReference.OctetString)) {
				t.Errorf("recover %+v, want %+v", got.Recover, tt.want.Recover)
			}
			if again, err := got.encode(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("encode: %x, %v\nwant    %x", again, err, b)
			}
		})
	}
}

// The components of an RTSE APDU in the presentation parameters of X.410-1984 mode
// are that APDU.
func TestFromX410(t *testing.T) {
	a, err := fromX410(16, []ber.Raw{unhex(t, `80 01 3F`), unhex(t, `82 01 01`), unhex(t, `A3 02 80 00`), unhex(t, `84 01 0C`)})
	if err != nil || a.RTORQ == nil {
		t.Fatalf("%+v, %v", a, err)
	}
	if *a.RTORQ.CheckpointSize != 63 || *a.RTORQ.DialogueMode != TwoWayAlternate || *a.RTORQ.ApplicationProtocol != 12 {
		t.Errorf("%+v", a.RTORQ)
	}
	if _, err := fromX410(16, []ber.Raw{unhex(t, `80 01 3F`)}); err == nil {
		t.Error("an RTORQ without connection data was taken")
	}
}

// Whatever decodes encodes to what decodes to the same.
func FuzzAPDURoundTrip(f *testing.F) {
	for _, s := range []string{octetsRTORQ, octetsRTOAC, octetsRTORJ, octetsRTAB, `02 01 04`, `24 80 04 01 07 00 00`,
		`B0 80 A3 80 A1 80 04 01 41 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 00 00 00 00 00 00`} {
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
		second, err := ber.Marshal(&two)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%x became %x, %v", first, second, err)
		}
		if one.RTORQ != nil {
			c, err := decodeConnectionData(one.RTORQ.ConnectionData)
			if err != nil {
				return
			}
			if _, err := c.encode(); err != nil {
				t.Errorf("connection data do not encode: %v", err)
			}
		}
	})
}

package session

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
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serialNumber is a pointer to n, for the fields that may be absent.
func serialNumber(n SerialNumber) *SerialNumber { return &n }

const connectTSDU = `0D BD
	01 1A  0A 07 04 05 4D 54 41 2D 41  0B 0F 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A
	05 09  13 01 00  16 01 02  1A 01 00
	14 02  02 49   33 02  00 01   34 02  00 01
	C1 88 31 81 85 A0 03 80 01 01 A2 7E 81 02 00 01 82 02 00 01 A4 33 30 0F 02 01 01 06 04 52 01 00 01 30 04 06
	02 51 01 30 0F 02 01 03 06 04 56 00 02 0C 30 04 06 02 51 01 30 0F 02 01 05 06 04 56 00 02 07 30 04 06 02 51
	01 61 3F 30 3D 02 01 01 A0 38 60 36 A1 06 06 04 56 00 01 06 BE 2C 28 2A 02 01 03 A0 25 B0 23 80 01 3F 81 01
	03 82 01 01 A3 18 A0 16 B0 14 A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`

const acceptTSDU = `0E A5
	01 1A 09 07 04 05 4D 54 41 2D 42 0B 0F 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A
	05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49 34 02 00 01
	C1 74 31 72 A0 03 80 01 01 A2 6B 83 02 00 01 A5 1B 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01 30
	07 80 01 00 81 02 51 01 61 48 30 46 02 01 01 A0 41 61 3F A1 06 06 04 56 00 01 06 A2 03 02 01 00 A3 05 A1 03
	02 01 00 BE 29 28 27 02 01 03 A0 22 B1 20 80 01 3F 81 01 03 A2 18 A0 16 B1 14 A1 12 80 05 4D 54 41 2D 42 A1
	09 16 07 73 65 63 72 65 74 42`

func TestSPDUs(t *testing.T) {
	connect, accept := octets(t, connectTSDU), octets(t, acceptTSDU)
	mtaA, mtaB := []byte("\x04\x05MTA-A"), []byte("\x04\x05MTA-B")
	common := []byte("\x17\x0d2611240430" + "00Z")
	for _, c := range []struct {
		name, octets string
		want         []SPDU
	}{
		{"CN", connectTSDU, []SPDU{&CN{
			Identifier:   ConnectionIdentifier{CallingReference: mtaA, CommonReference: common},
			Item:         ConnectAcceptItem{Versions: Version2},
			Requirements: ForRTSE,
			CallingSSEL:  []byte{0, 1}, CalledSSEL: []byte{0, 1},
			UserData: connect[len(connect)-0x88:],
		}}},
		{"AC", acceptTSDU, []SPDU{&AC{
			Identifier:     ConnectionIdentifier{CalledReference: mtaB, CommonReference: common},
			Item:           ConnectAcceptItem{Versions: Version2},
			Requirements:   ForRTSE,
			RespondingSSEL: []byte{0, 1},
			UserData:       accept[len(accept)-0x74:],
		}}},
		{"AS", "01 00 2D 05 29 03 02 01 01", []SPDU{&GT{}, &AS{Activity: []byte{2, 1, 1}}}},
		{"DT", "01 00 01 00 61 81 DE 00", []SPDU{&GT{}, &DT{UserInformation: []byte{0x61, 0x81, 0xde, 0}}}},
		{"DT in segments", "01 00 01 03 19 01 01 41", []SPDU{&GT{}, &DT{Enclosure: EnclosureBeginning, UserInformation: []byte("A")}}},
		{"MIP", "01 00 31 03 2A 01 31", []SPDU{&GT{}, &MIP{Serial: 1}}},
		{"MIP without confirmation", "01 00 31 06 0F 01 01 2A 01 37", []SPDU{&GT{}, &MIP{Type: SyncOptional, Serial: 7}}},
		{"MIA", "02 00 32 03 2A 01 31", []SPDU{&PT{}, &MIA{Serial: 1}}},
		{"MIA with user data", "02 00 32 0B 2A 06 39 39 39 39 39 39 2E 01 41", []SPDU{&PT{}, &MIA{Serial: 999999, UserData: []byte("A")}}},
		{"AE", "01 00 29 03 2A 01 32", []SPDU{&GT{}, &AE{Serial: 2}}},
		{"AE giving the tokens", "01 03 10 01 15 29 03 2A 01 32", []SPDU{&GT{Tokens: 0x15}, &AE{Serial: 2}}},
		{"AEA", "02 00 2A 03 2A 01 32", []SPDU{&PT{}, &MAA{Serial: 2}}},
		{"MAP", "01 00 29 06 0F 01 01 2A 01 32", []SPDU{&GT{}, &MAP{Serial: 2}}},
		{"AI", "01 00 19 03 32 01 05", []SPDU{&GT{}, &AI{Reason: ExceptionLocalUserError}}},
		{"AIA", "02 00 1A 00", []SPDU{&PT{}, &AIA{}}},
		{"AD", "01 00 39 03 32 01 00", []SPDU{&GT{}, &AD{}}},
		{"ADA", "02 00 3A 00", []SPDU{&PT{}, &ADA{}}},
		{"ED", "02 00 30 03 32 01 01", []SPDU{&PT{}, &ED{Reason: ExceptionJeopardized}}},
		{"ER", "02 00 00 04 31 02 01 00", []SPDU{&PT{}, &ER{Reflected: []byte{1, 0}}}},
		{"AR", `01 00 1D 32 21 2B 09 07 04 05 4D 54 41 2D 42 0A 07 04 05 4D 54 41 2D 41
			0B 0F 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 29 03 02 01 05 2A 01 33 29 03 02 01 06`,
			[]SPDU{&GT{}, &AR{
				OldConnection: ConnectionIdentifier{CalledReference: mtaB, CallingReference: mtaA, CommonReference: common},
				OldActivity:   []byte{2, 1, 5}, Serial: 3, Activity: []byte{2, 1, 6},
			}}},
		{"PT with RTTP", "02 11 10 01 01 C1 0C 61 0A 30 08 02 01 03 A0 03 02 01 04",
			[]SPDU{&PT{Tokens: TokenData, UserData: octets(t, "61 0A 30 08 02 01 03 A0 03 02 01 04")}}},
		{"GT alone", "01 03 10 01 15", []SPDU{&GT{Tokens: TokenData | TokenMinorSync | TokenMajorActivity}}},
		{"GTC", "15 00", []SPDU{&GTC{}}},
		{"GTA", "16 00", []SPDU{&GTA{}}},
		{"FN", "09 13 11 01 01 C1 0E 61 0C 30 0A 02 01 01 A0 05 62 03 80 01 00",
			[]SPDU{&FN{Transport: ReleaseTransport, UserData: octets(t, "61 0C 30 0A 02 01 01 A0 05 62 03 80 01 00")}}},
		{"DN", "0A 10 C1 0E 61 0C 30 0A 02 01 01 A0 05 63 03 80 01 00",
			[]SPDU{&DN{UserData: octets(t, "61 0C 30 0A 02 01 01 A0 05 63 03 80 01 00")}}},
		{"NF", "08 00", []SPDU{&NF{}}},
		{"AB by the user", "19 07 11 01 03 C1 02 A0 00", []SPDU{&AB{Transport: ReleaseTransport | UserAbort, UserData: []byte{0xa0, 0}}}},
		{"AB for an error", "19 07 11 01 05 31 02 2D 00", []SPDU{&AB{Transport: ReleaseTransport | ProtocolError, Reflected: []byte{0x2d, 0}}}},
		{"AA", "1A 00", []SPDU{&AA{}}},
		{"RF", "0C 06 11 01 01 32 01 81", []SPDU{&RF{Transport: ReleaseTransport, ReasonCode: []byte{0x81}}}},
		{"OA", "10 03 16 01 02", []SPDU{&OA{Versions: Version2}}},
		{"OA with a limit", "10 09 15 04 08 00 04 00 16 01 02", []SPDU{&OA{MaxTSDU: MaxTSDU{2048, 1024}, Versions: Version2}}},
		{"CDO", "0F 06 19 01 02 C1 01 41", []SPDU{&CDO{Enclosure: EnclosureEnd, UserData: []byte("A")}}},
		{"TD", "21 00 68 69", []SPDU{&TD{UserInformation: []byte("hi")}}},
		{"EX", "05 00 68 69", []SPDU{&EX{UserInformation: []byte("hi")}}},
		{"CD", "01 00 3D 03 C1 01 41", []SPDU{&GT{}, &CD{UserData: []byte("A")}}},
		{"CDA", "02 00 3E 00", []SPDU{&PT{}, &CDA{}}},
		{"RS", "01 00 35 09 1A 01 15 1B 01 01 2A 01 30", []SPDU{&GT{}, &RS{Tokens: 0x15, Type: 1}}},
		{"RA", "02 00 22 06 1A 01 15 2A 01 30", []SPDU{&PT{}, &RA{Tokens: 0x15}}},
		{"PR", "07 03 18 01 02", []SPDU{&PR{Type: 2}}},
		{"AC, last segment", "0E 06 19 01 02 C1 01 41", []SPDU{&AC{Enclosure: EnclosureEnd, UserData: []byte("A")}}},
		{"MIA, middle segment", "02 00 32 06 19 01 00 2E 01 41", []SPDU{&PT{}, &MIA{Enclosure: EnclosureMiddle, UserData: []byte("A")}}},
		{"RF, last segment", "0C 06 19 01 02 32 01 41", []SPDU{&RF{Enclosure: EnclosureEnd, ReasonCode: []byte("A")}}},
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
			again, err := Append([]byte("before"), got...)
			if err != nil {
				t.Fatal(err)
			}
			if want := append([]byte("before"), b...); !bytes.Equal(again, want) {
				t.Errorf("encoded % x\nwant    % x", again[6:], b)
			}
		})
	}
}

// TestReceived are octets one may receive but would not send.
func TestReceived(t *testing.T) {
	units := FunctionalUnits(0x0249)
	for _, c := range []struct {
		name, octets string
		want         []SPDU
	}{
		{"defaults of CN", "0D 00", []SPDU{&CN{Item: ConnectAcceptItem{Versions: Version1}, Requirements: 0x0349}}},
		{"empty parameters of CN", "0D 06 01 00 05 00 14 00", []SPDU{&CN{Item: ConnectAcceptItem{Versions: Version1}, Requirements: 0x0349}}},
		{"reserved bits of CN", "0D 0C 05 06 13 01 FE 16 01 FF 14 02 F2 49",
			[]SPDU{&CN{Item: ConnectAcceptItem{Versions: Version1 | Version2}, Requirements: 0x1249}}},
		{"extended user data", "0D 03 C2 01 41", []SPDU{&CN{Item: ConnectAcceptItem{Versions: Version1}, Requirements: 0x0349, UserData: []byte("A")}}},
		{"initial serial number with zeros", "0D 07 05 05 17 03 30 30 37",
			[]SPDU{&CN{Item: ConnectAcceptItem{Versions: Version1, InitialSerial: serialNumber(7)}, Requirements: 0x0349}}},
		{"unknown parameters", "0D 10 03 02 AA BB 05 05 16 01 02 63 00 FE FF 00 01 41",
			[]SPDU{&CN{Item: ConnectAcceptItem{Versions: Version2}, Requirements: 0x0349}}},
		{"order does not matter", "01 00 2D 08 C1 01 41 29 03 02 01 01", []SPDU{&GT{}, &AS{Activity: []byte{2, 1, 1}, UserData: []byte("A")}}},
		{"long form of a short length", "01 00 2D FF 00 07 29 FF 00 03 02 01 01", []SPDU{&GT{}, &AS{Activity: []byte{2, 1, 1}}}},
		{"AR behind PT", "02 00 1D 0F 21 08 29 03 02 01 05 2A 01 33 29 03 02 01 06",
			[]SPDU{&PT{}, &AR{OldActivity: []byte{2, 1, 5}, Serial: 3, Activity: []byte{2, 1, 6}}}},
		{"MIA behind GT", "01 00 32 03 2A 01 31", []SPDU{&GT{}, &MIA{Serial: 1}}},
		{"AI without reason", "01 00 19 00", []SPDU{&GT{}, &AI{}}},
		{"FN without transport disconnect", "09 00", []SPDU{&FN{Transport: ReleaseTransport}}},
		{"RF, requirements and data", "0C 0F 11 01 00 14 02 02 49 16 01 02 32 03 02 68 69",
			[]SPDU{&RF{Requirements: &units, Versions: Version2, ReasonCode: []byte("\x02hi")}}},
		{"whole SSDU said to be whole", "01 00 01 03 19 01 03 41", []SPDU{&GT{}, &DT{Enclosure: EnclosureWhole, UserInformation: []byte("A")}}},
		{"empty DT", "01 00 01 00", []SPDU{&GT{}, &DT{}}},
		{"extended concatenation", "01 00 2D 05 29 03 02 01 01 31 03 2A 01 31 01 00 41",
			[]SPDU{&GT{}, &AS{Activity: []byte{2, 1, 1}}, &MIP{Serial: 1}, &DT{UserInformation: []byte("A")}}},
	} {
		got, err := Decode(octets(t, c.octets))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ octets, want string }{
		{"", "session: octet 0: 0 octets: too short for an spdu"},
		{"01", "session: octet 0: 1 octets: too short for an spdu"},
		{"0D 01", "session: si 13 at octet 0: length runs past the tsdu"},
		{"0D FF 00", "session: si 13 at octet 0: length runs past the tsdu"},
		{"63 00", "session: si 99 at octet 0: unknown in this place"},
		{"01 00 0D 00", "session: si 13 at octet 2: unknown in this place"},
		{"15 00 01 00", "session: GTC: octet 2: another spdu follows"},
		{"02 06 10 01 01 C1 01 41 32 03 2A 01 31", "session: PT: octet 8: another spdu follows user data"},
		{"01 00 2D 00 2D 00", "session: AS: parameter 41 at octet 4: missing"},
		{"01 00 3A 00 3A 00 3A 00 3A 00", "session: octet 8: more than 4 spdus"},
		{"0D 02 05 01", "session: CN: parameter 5 at octet 2: length 1 with 0 octets left"},
		{"0D 01 05", "session: CN: parameter 5 at octet 2: no length"},
		{"0D 04 05 02 16 01", "session: CN: parameter 22 at octet 4: length 1 with 0 octets left"},
		{"0D 06 05 04 16 02 01 02", "session: CN: parameter 22 at octet 4: 2 octets: want 1"},
		{"0D 03 14 01 02", "session: CN: parameter 20 at octet 2: 1 octets: want 2"},
		{"0D 05 05 03 15 01 00", "session: CN: parameter 21 at octet 4: 1 octets: want 4"},
		{"0D 13 33 11 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00", "session: CN: parameter 51 at octet 2: 17 octets: at most 16 fit"},
		{"0D 06 C1 01 41 C2 01 42", "session: CN: parameter 194 at octet 2: beside user data"},
		{"0D 06 33 01 41 33 01 42", "session: CN: parameter 51 at octet 5: given twice"},
		{"01 00 31 03 2A 01 41", `session: MIP: parameter 42 at octet 4: serial number "A": not a digit`},
		{"01 00 31 09 2A 07 31 31 31 31 31 31 31", "session: MIP: parameter 42 at octet 4: serial number of 7 digits: at most 6"},
		{"01 00 31 00", "session: MIP: parameter 42 at octet 4: missing"},
		{"01 00 2D 09 29 07 01 02 03 04 05 06 07", "session: AS: parameter 41 at octet 4: 7 octets: at most 6 fit"},
		{"01 00 1D 05 29 03 02 01 06", "session: AR: parameter 33 at octet 4: missing"},
		{"01 00 1D 0C 21 05 29 03 02 01 05 29 03 02 01 06", "session: AR: parameter 42 at octet 6: missing"},
		{"02 00 30 00", "session: ED: parameter 50 at octet 4: missing"},
		{"10 00", "session: OA: parameter 22 at octet 2: missing"},
		{"19 0F 11 01 05 31 0A 00 01 02 03 04 05 06 07 08 09", "session: AB: parameter 49 at octet 5: 10 octets: at most 9 fit"},
		{"05 00 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E", "session: EX: 15 octets: at most 14 fit"},
	} {
		_, err := Decode(octets(t, c.octets))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: error %q, want %q", c.octets, err, c.want)
		} else if diag.KindOf(err) != diag.Protocol {
			t.Errorf("%s: kind %v", c.octets, diag.KindOf(err))
		}
	}
}

func TestAppendErrors(t *testing.T) {
	for _, c := range []struct {
		spdu SPDU
		want string
	}{
		{&CN{CallingSSEL: make([]byte, 17)}, "session: CN: parameter 51: 17 octets: at most 16 fit"},
		{&CN{Identifier: ConnectionIdentifier{CommonReference: make([]byte, 65)}}, "session: CN: parameter 11: 65 octets: at most 64 fit"},
		{&CN{UserData: make([]byte, 10241)}, "session: CN: parameter 194: 10241 octets: at most 10240 fit"},
		{&MIP{Serial: 1000000}, "session: MIP: parameter 42: serial number 1000000: at most 999999"},
		{&AS{}, "session: AS: parameter 41: missing"},
		{&DN{UserData: make([]byte, 65536)}, "session: DN: parameter 193: 65536 octets: at most 65535 fit"},
		{&DN{UserData: make([]byte, 65535)}, "session: DN: parameter 10: 65539 octets: at most 65535 fit"},
		{&EX{UserInformation: make([]byte, 15)}, "session: EX: 15 octets: at most 14 fit"},
	} {
		b, err := Append([]byte("x"), c.spdu)
		if err == nil || err.Error() != c.want || diag.KindOf(err) != diag.Usage {
			t.Errorf("%T: error %q, want %q", c.spdu, err, c.want)
		}
		if string(b) != "x" {
			t.Errorf("%T: %d octets left behind", c.spdu, len(b))
		}
	}
}

func TestLongUserData(t *testing.T) {
	for _, n := range []int{0, 1, 254, 255, 256, 512, 513, 10240, 65527} {
		s := SPDU(&CN{Item: ConnectAcceptItem{Versions: Version2}, Requirements: ForRTSE})
		if n <= maxExtendedUserData {
			s.(*CN).UserData = make([]byte, n)
		} else {
			s = &DN{UserData: make([]byte, n)}
		}
		b, err := Append(nil, s)
		if err != nil {
			t.Fatal(n, err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatal(n, err)
		}
		if d := cmp.Diff([]SPDU{s}, got, cmp.Comparer(bytes.Equal)); d != "" {
			t.Errorf("%d octets:\n%s", n, d)
		}
		if len(b) > 0 && n > 512 && n <= maxExtendedUserData && !bytes.Contains(b, []byte{pgiExtendedUserData, 255, byte(n >> 8), byte(n)}) {
			t.Errorf("%d octets are not extended user data", n)
		}
	}
}

// FuzzDecodeKeepsMeaning: what Decode accepts encodes to octets that decode to
// the same SPDUs, and these octets do not change any more.
func FuzzDecodeKeepsMeaning(f *testing.F) {
	for _, s := range []string{
		connectTSDU, acceptTSDU,
		"01 00 2D 05 29 03 02 01 01", "01 00 01 00 61 81 DE 00", "02 00 32 03 2A 01 31", "01 00 29 06 0F 01 01 2A 01 32",
		"01 00 1D 0F 21 08 29 03 02 01 05 2A 01 33 29 03 02 01 06", "02 11 10 01 01 C1 0C 61 0A 30 08 02 01 03 A0 03 02 01 04",
		"0C 0F 11 01 00 14 02 02 49 16 01 02 32 03 02 68 69", "0E 06 19 01 02 C1 01 41", "0F 06 19 01 02 C1 01 41",
		"01 00 2D 05 29 03 02 01 01 31 03 2A 01 31 01 00 41", "19 07 11 01 05 31 02 2D 00", "0D 07 05 05 17 03 30 30 37",
		"01 00 29 06 0F 01 00 2A 01 30", "01 00 29 06 0F 01 01 19 01 32",
	} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Append(nil, first...)
		if err != nil {
			if len(b) > 60000 {
				// A header near its limit may grow past it.
				return
			}
			t.Fatal(err)
		}
		second, err := Decode(again)
		if err != nil {
			t.Fatalf("% x encoded as % x: %v", b, again, err)
		}
		if d := cmp.Diff(first, second); d != "" {
			t.Fatalf("% x encoded as % x:\n%s", b, again, d)
		}
		third, err := Append(nil, second...)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("% x then % x (%v)", again, third, err)
		}
	})
}

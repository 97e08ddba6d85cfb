package rtse

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// value is a BER value of n octets altogether.
func value(n int) []byte {
	for content := max(n-6, 0); ; content++ {
		b := ber.AppendHeader(nil, asn1.Tag{Number: 4}, false, int64(content))
		if len(b)+content >= n {
			for i := range content {
				b = append(b, byte(i))
			}
			return b
		}
	}
}

func TestExternal(t *testing.T) {
	apdu := unhex(t, `A0 05 31 03 02 01 07`)
	for _, tt := range []struct {
		name, octets string
		want         []byte
	}{
		{"definite", `28 0C 02 01 05 A0 07 A0 05 31 03 02 01 07`, apdu},
		{"definite, lengths in long form", `28 82 00 0F 02 01 05 A0 83 00 00 07 A0 05 31 03 02 01 07`, apdu},
		{"outer indefinite", `28 80 02 01 05 A0 07 A0 05 31 03 02 01 07 00 00`, apdu},
		{"inner indefinite", `28 10 02 01 05 A0 80 A0 05 31 03 02 01 07 00 00 00`, nil},
		{"both indefinite", `28 80 02 01 05 A0 80 A0 05 31 03 02 01 07 00 00 00 00`, apdu},
		{"inner indefinite, outer definite", `28 0E 02 01 05 A0 80 A0 05 31 03 02 01 07 00 00`, apdu},
		{"indefinite throughout", `28 80 02 01 05 A0 80 A0 80 31 80 02 01 07 00 00 00 00 00 00 00 00`, unhex(t, `A0 80 31 80 02 01 07 00 00 00 00`)},
		{"direct reference and descriptor", `28 15 06 02 51 01 02 01 05 07 03 61 62 63 A0 07 A0 05 31 03 02 01 07`, apdu},
		{"octet aligned", `28 0C 02 01 05 81 07 A0 05 31 03 02 01 07`, apdu},
		{"octet aligned, constructed", `28 80 02 01 05 A1 80 04 03 A0 05 31 24 80 04 04 03 02 01 07 00 00 00 00 00 00`, apdu},
		{"high tag number inside", `28 80 02 01 05 A0 80 BF 8F 7F 80 02 01 07 00 00 00 00 00 00`, unhex(t, `BF 8F 7F 80 02 01 07 00 00`)},
		{"long length inside", `28 80 02 01 05 A0 80 04 81 03 07 08 09 00 00 00 00`, unhex(t, `04 81 03 07 08 09`)},
		{"empty value inside", `28 80 02 01 05 A0 80 31 00 00 00 00 00`, unhex(t, `31 00`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, wrap := range map[string]func(io.Reader) io.Reader{"": func(r io.Reader) io.Reader { return r }, "one octet at a time": iotest.OneByteReader} {
				got, err := readExternal(t, unhex(t, tt.octets), wrap)
				if tt.want == nil {
					if err == nil {
						t.Errorf("%s: taken as %x", name, got)
					}
					continue
				}
				if err != nil || !bytes.Equal(got, tt.want) {
					t.Errorf("%s: %x, %v\nwant %x", name, got, err, tt.want)
				}
			}
		})
	}
}

func readExternal(t testing.TB, octets []byte, wrap func(io.Reader) io.Reader) ([]byte, error) {
	t.Helper()
	context, apdu, err := openExternal(bytes.NewReader(octets))
	if err != nil {
		return nil, err
	}
	if context != 5 {
		t.Errorf("context %d", context)
	}
	return io.ReadAll(wrap(apdu))
}

// What is malformed is found, and the error says where.
func TestExternalMalformed(t *testing.T) {
	for _, tt := range []struct{ name, octets, want string }{
		{"nothing", ``, "EXTERNAL at octet 0: unexpected EOF"},
		{"not an EXTERNAL", `30 03 02 01 05`, "EXTERNAL at octet 0: not an EXTERNAL"},
		{"no context", `28 04 A0 02 05 00`, "EXTERNAL at octet 2: EXTERNAL without an indirect reference"},
		{"no encoding", `28 03 02 01 05`, "EXTERNAL at octet 5: EXTERNAL in neither single-ASN1-type nor octet-aligned encoding"},
		{"arbitrary", `28 07 02 01 05 82 02 00 31`, "EXTERNAL at octet 5: EXTERNAL in neither single-ASN1-type nor octet-aligned encoding"},
		{"truncated in the value", `28 0C 02 01 05 A0 07 A0 05 31`, "EXTERNAL at octet 10: unexpected EOF"},
		{"truncated in an indefinite value", `28 80 02 01 05 A0 80 A0 80 31`, "EXTERNAL at octet 10: unexpected EOF"},
		{"truncated before the ends", `28 80 02 01 05 A0 80 31 00 00`, "EXTERNAL at octet 10: unexpected EOF"},
		{"something behind it", `28 07 02 01 05 A0 02 05 00 00`, "EXTERNAL at octet 9: octets behind the EXTERNAL"},
		{"lengths disagree", `28 08 02 01 05 A0 02 05 00 00`, "EXTERNAL at octet 5: lengths of the EXTERNAL and its encoding do not agree"},
		{"two values", `28 80 02 01 05 A0 80 05 00 05 00 00 00 00 00`, "EXTERNAL at octet 9: lengths of the EXTERNAL and its encoding do not agree"},
		{"end-of-contents for a value", `28 80 02 01 05 A0 80 00 00 00 00`, "EXTERNAL at octet 9: malformed encoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readExternal(t, unhex(t, tt.octets), func(r io.Reader) io.Reader { return r })
			if err == nil {
				t.Fatalf("taken as %x", got)
			}
			if err.Error() != tt.want {
				t.Errorf("error %q\nwant  %q", err, tt.want)
			}
		})
	}
}

func TestExternalDepth(t *testing.T) {
	b := unhex(t, `28 80 02 01 05 A0 80`)
	for range maxDepth + 1 {
		b = append(b, 0x30, 0x80)
	}
	if _, err := readExternal(t, b, func(r io.Reader) io.Reader { return r }); !errors.Is(err, errDepth) {
		t.Errorf("error %v", err)
	}
}

func TestAppendExternal(t *testing.T) {
	for _, n := range []int{2, 118, 119, 120, 121, 122, 123, 124, 130, 250, 260, 65530, 1 << 20} {
		v := value(n)
		b, err := appendExternal(nil, 5, int64(len(v)))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, v...)
		var whole ber.Raw
		if rest, err := ber.Unmarshal(b, &whole, ber.Limits{}); err != nil || len(rest) != 0 {
			t.Errorf("%d octets: %v, %d octets left", n, err, len(rest))
		}
		if got, err := readExternal(t, b, func(r io.Reader) io.Reader { return r }); err != nil || !bytes.Equal(got, v) {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// Reading an EXTERNAL ends, and what is taken in one go is taken the same octet by
// octet.
func FuzzExternal(f *testing.F) {
	for _, s := range []string{
		`28 0C 02 01 05 A0 07 A0 05 31 03 02 01 07`,
		`28 80 02 01 05 A0 80 A0 80 31 80 02 01 07 00 00 00 00 00 00 00 00`,
		`28 80 02 01 05 A1 80 04 03 A0 05 31 24 80 04 04 03 02 01 07 00 00 00 00 00 00`,
		`28 80 02 01 05 A0 80 BF 8F 7F 80 02 01 07 00 00 00 00 00 00`,
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(wrap func(io.Reader) io.Reader) (string, error) {
			_, apdu, err := openExternal(bytes.NewReader(b))
			if err != nil {
				return "", err
			}
			got, err := io.ReadAll(wrap(apdu))
			return string(got), err
		}
		one, err1 := read(func(r io.Reader) io.Reader { return r })
		two, err2 := read(iotest.OneByteReader)
		if one != two || (err1 == nil) != (err2 == nil) {
			t.Errorf("%x, %v; octet by octet %x, %v", one, err1, two, err2)
		}
	})
}

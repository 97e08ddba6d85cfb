package decode_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
)

// What is in the vectors of contents comes back bit for bit from the types that it is
// shown by.
func TestContentsComeBack(t *testing.T) {
	for _, file := range []string{"military.ipm.hex", "bodyparts.ipm.hex", "headings.ipm.hex", "notifications.ipm.hex", "edi.edim.hex"} {
		b, layer := vector(t, file)
		for i := 1; len(b) > 0; i++ {
			var again []byte
			var rest []byte
			var err error
			if layer == decode.EDIM {
				again, rest, err = comeBack[edims.InformationObject](b)
			} else {
				again, rest, err = comeBack[ipms.InformationObject](b)
			}
			if err != nil {
				t.Fatalf("%s, object %d: %v", file, i, err)
			}
			if want := b[:len(b)-len(rest)]; !bytes.Equal(again, want) {
				t.Errorf("%s, object %d:\n got %x\nwant %x", file, i, again, want)
			}
			b = rest
		}
	}
}

func comeBack[T any](b []byte) (again, rest []byte, err error) {
	var v T
	if rest, err = ber.Unmarshal(b, &v, ber.Limits{}); err == nil {
		again, err = ber.Marshal(v)
	}
	return again, rest, err
}

// A heading extension reads as its type; one that is not of it, or that nobody knows,
// reads all the same.
func TestHeadingExtension(t *testing.T) {
	for _, c := range []struct {
		x    ipms.Extension
		want string
		ok   bool
	}{
		{ipms.Extension{Type: p772.PrimaryPrecedenceID, Value: ber.Raw{0x02, 0x01, 0x04}}, "4 flash", true},
		{ipms.Extension{Type: ipms.ExtIncompleteCopy}, "{}", true},
		{ipms.Extension{Type: "1.2.3", Value: ber.Raw{0x02, 0x01, 0x04}}, "4", true},
		{ipms.Extension{Type: p772.PrimaryPrecedenceID, Value: ber.Raw{0x16, 0x01, 'x'}}, "78 {undecoded unexpected element: IA5String instead of INTEGER 160178}", false},
	} {
		n, err := decode.HeadingExtension(c.x, decode.Limits{})
		if (err == nil) != c.ok || err != nil && diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v", c.x.Type, err)
		}
		if got := n.Line(200); got != c.want {
			t.Errorf("%s: %q, want %q", c.x.Type, got, c.want)
		}
	}
}

// A body part or content that does not hold what its type says is a fault that is
// told, and its octets are shown.
func TestContentOfAnotherType(t *testing.T) {
	for _, c := range []struct{ name, hex, want string }{
		{"an ia5-text that is an INTEGER", "A019 3105 6B03 130131 3010 AF0E 280C 0604 5601 0400 A004 0202 0102", "IA5String"},
		{"a bilaterally-defined with more behind it", "A01A 3105 6B03 130131 3011 AF0F 280D 0604 5601 0409 8105 0401 07 0500", "octets after the value"},
		{"precedence that is a string", "A01E 311A 6B03 130131 AF13 3011 0608 2B1A00A236000200 1305 464C415348 3000", "INTEGER"},
	} {
		b, err := decode.ReadHex(strings.NewReader(c.hex), 0)
		if err != nil {
			t.Fatal(err)
		}
		text, err := show(b, decode.IPM, decode.Limits{})
		if diag.KindOf(err) != diag.Data || !strings.Contains(text, c.want) || !strings.Contains(text, "undecoded") {
			t.Errorf("%s: %v\n%s", c.name, err, text)
		}
	}
}

package oraddr

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The forms of RFC 1278, what they mean, and how they are written.
func TestPresentationAddress(t *testing.T) {
	internet := func(host string, port uint16) []NetworkAddress { return []NetworkAddress{{Host: host, Port: port}} }
	for _, c := range []struct {
		text  string
		want  PresentationAddress
		again string // if it is written otherwise
	}{
		{`"591"/"591"/"591"/Internet-RFC-1006=192.0.2.10+102`,
			PresentationAddress{[]byte("591"), []byte("591"), []byte("591"), internet("192.0.2.10", 102)},
			`"591"/"591"/"591"/Internet=192.0.2.10+102`},
		{`#1/#2/'4D5441'H/TELEX+00728722+RFC-1006+03+192.0.2.10`,
			PresentationAddress{[]byte{0, 1}, []byte{0, 2}, []byte("MTA"), internet("192.0.2.10", 0)},
			`'0001'H/'0002'H/"MTA"/Internet=192.0.2.10`},
		{`"psel"/"ssel"/"tsel"/Internet=mta.example+10102`,
			PresentationAddress{[]byte("psel"), []byte("ssel"), []byte("tsel"), internet("mta.example", 10102)}, ""},
		{`"S"/"T"/internet=mta.example`, PresentationAddress{nil, []byte("S"), []byte("T"), internet("mta.example", 0)}, `"S"/"T"/Internet=mta.example`},
		{`"P"//"T"/Internet=a`, PresentationAddress{[]byte("P"), nil, []byte("T"), internet("a", 0)}, ""},
		{`""/Internet=a`, PresentationAddress{nil, nil, []byte{}, internet("a", 0)}, ""},
		{`Internet=a+102+1`, PresentationAddress{Networks: internet("a", 102)}, `Internet=a+102`},
		{`Internet=[2001:DB8::1]+102`, PresentationAddress{Networks: internet("2001:db8::1", 102)}, `Internet=[2001:db8::1]+102`},
		{`Internet=2001:db8::1`, PresentationAddress{Networks: internet("2001:db8::1", 0)}, `Internet=[2001:db8::1]`},
		{`"T"/Internet=a+1_Internet=b`, PresentationAddress{TSEL: []byte("T"), Networks: []NetworkAddress{{Host: "a", Port: 1}, {Host: "b"}}}, ""},
		{`NS+54007287220319200000201000102f`, PresentationAddress{Networks: []NetworkAddress{
			{[]byte("\x54\x00\x72\x87\x22\x03\x19\x20\x00\x00\x20\x10\x00\x10\x2f"), "192.0.2.10", 102}}}, `Internet=192.0.2.10+102`},
		{`NS+540072872203010000000006`, PresentationAddress{Networks: []NetworkAddress{
			{[]byte("\x54\x00\x72\x87\x22\x03\x01\x00\x00\x00\x00\x06"), "10.0.0.6", 0}}}, `Internet=10.0.0.6`},
		// UDP, and networks of other kinds, are addresses, and no hosts.
		{`NS+5400728722030100000000060000900002`, PresentationAddress{Networks: []NetworkAddress{
			{NSAP: []byte("\x54\x00\x72\x87\x22\x03\x01\x00\x00\x00\x00\x06\x00\x00\x90\x00\x02")}}}, ""},
		{`NS+4700ab`, PresentationAddress{Networks: []NetworkAddress{{NSAP: []byte{0x47, 0, 0xab}}}}, `NS+4700AB`},
	} {
		got, err := ParsePresentationAddress(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
		if c.again == "" {
			c.again = c.text
		}
		if got.String() != c.again {
			t.Errorf("%s: written %s, not %s", c.text, got, c.again)
		}
	}
	for _, text := range []string{"", `"T"`, `"T"/`, `"T/Internet=a`, `"A"/"B"/"C"/"D"/Internet=a`, "Internet=", "Internet=a+", "Internet=a+0",
		"Internet=a+65536", "Internet=a+102+2", "Internet=a+102+1+1", "Internet=a b", "Internet=a/b", "Internet=[a]", "Internet=[::1", "Internet=[1.2.3.4]",
		"NS+", "NS+123", "NS+xy", "Int-X25(80)=23421920030013", "LOCAL-ETHER+1", "a+102", `#65536/Internet=a`, `'4'H/Internet=a`, `Internet=a_`} {
		if p, err := ParsePresentationAddress(text); err == nil {
			t.Errorf("%s: read as %s", text, p)
		}
	}
}

// A PSAP address of an O/R address knows the same forms, and one text of each.
func TestPSAPOfInternet(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`"T"/Internet=192.0.2.10+102`, `"T"/NS+54007287220319200000201000102F`},
		{`TELEX+00728722+RFC-1006+03+10.0.0.6`, `NS+540072872203010000000006`},
		{`NS+540072872203010000000006`, `NS+540072872203010000000006`},
	} {
		if got, err := canonicalPSAP(c.text); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"Internet=mta.example", "Internet=::1"} {
		if got, err := canonicalPSAP(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// FuzzPresentationAddressRoundTrip: what is read is written so that the same is read.
func FuzzPresentationAddressRoundTrip(f *testing.F) {
	for _, s := range []string{`"591"/"591"/"591"/Internet-RFC-1006=192.0.2.10+102`, `#1/#2/'4D5441'H/TELEX+00728722+RFC-1006+03+192.0.2.10`,
		`NS+54007287220319200000201000102f`, `"T"/Internet=[::1]+1_NS+47`, `""//Internet=a`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePresentationAddress(s)
		if err != nil {
			return
		}
		again, err := ParsePresentationAddress(p.String())
		if err != nil {
			t.Fatalf("%q written %q: %v", s, p, err)
		}
		if again.String() != p.String() || !bytes.Equal(again.TSEL, p.TSEL) || len(again.Networks) != len(p.Networks) {
			t.Fatalf("%q written %q, read as %q", s, p, again)
		}
	})
}

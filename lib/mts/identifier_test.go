package mts

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func domain(c, admd, prmd string) GlobalDomainIdentifier {
	return NewGlobalDomainIdentifier(oraddr.Domain{C: c, ADMD: admd, PRMD: prmd})
}

func TestMTSIdentifierText(t *testing.T) {
	for _, c := range []struct {
		domain GlobalDomainIdentifier
		local  string
		text   string
	}{
		{domain("GB", "TEST", "ALPHA"), "MTA-A.0001", "[/PRMD=ALPHA/ADMD=TEST/C=GB/;MTA-A.0001]"},
		{domain("GB", " ", ""), "x", "[/ADMD= /C=GB/;x]"},
		{domain("234", "81", ""), "1;2]/;3", "[/ADMD=81/C=234/;1;2]/;3]"},
		{domain("GB", "A/B", ""), "x", "[/ADMD=A$/B/C=GB/;x]"},
		{domain("GB", "TEST", "ALPHA"), "a\\b\nc\x00\xff", `[/PRMD=ALPHA/ADMD=TEST/C=GB/;a\\b\x0ac\x00\xff]`},
	} {
		i := MTSIdentifier{GlobalDomainIdentifier: c.domain, LocalIdentifier: asn1.IA5String(c.local)}
		if got := i.String(); got != c.text {
			t.Errorf("String = %s, want %s", got, c.text)
			continue
		}
		back, err := ParseMTSIdentifier(c.text)
		if err != nil || !back.Equal(i) {
			t.Errorf("ParseMTSIdentifier(%s) = %v, %v", c.text, back, err)
		}
	}
}

func TestParseMTSIdentifierRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "[]", "[;x]", "/PRMD=ALPHA/ADMD=TEST/C=GB/;x", "[/PRMD=ALPHA/ADMD=TEST/C=GB/;]",
		"[/PRMD=ALPHA/ADMD=TEST/C=GB;x]", "[/PRMD=ALPHA/ADMD=TEST/;x]", `[/ADMD=TEST/C=GB/;a\qb]`,
		`[/ADMD=TEST/C=GB/;a\x1]`, "[/S=Smith/ADMD=TEST/C=GB/;x]",
		"[/ADMD=TEST/C=GB/;" + strings.Repeat("x", 33) + "]",
	} {
		i, err := ParseMTSIdentifier(bad)
		if err == nil {
			t.Errorf("ParseMTSIdentifier(%q) = %v, want an error", bad, i)
		} else if diag.KindOf(err) != diag.Data {
			t.Errorf("ParseMTSIdentifier(%q): kind %v, want data", bad, diag.KindOf(err))
		}
	}
}

// Every identifier, whatever octets a peer has put into it, prints as one line
// of ASCII and is read back as itself.
func TestMTSIdentifierTextIsLossless(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z0-9 '()+,\-./:=?]{0,10}[A-Za-z0-9'()+,\-./:=?]`)
	rapid.Check(t, func(t *rapid.T) {
		i := MTSIdentifier{
			GlobalDomainIdentifier: domain(rapid.StringMatching(`[A-Z]{2}`).Draw(t, "c"),
				name.Draw(t, "admd"), rapid.OneOf(rapid.Just(""), name).Draw(t, "prmd")),
			LocalIdentifier: asn1.IA5String(rapid.SliceOfN(rapid.Byte(), 1, UbLocalIDLength).Draw(t, "local")),
		}
		s := i.String()
		for _, c := range []byte(s) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has an octet %#x", s, c)
			}
		}
		back, err := ParseMTSIdentifier(s)
		if err != nil || !back.Equal(i) {
			t.Fatalf("%s is read as %v, %v", s, back, err)
		}
	})
}

func FuzzParseMTSIdentifier(f *testing.F) {
	f.Add("[/PRMD=ALPHA/ADMD=TEST/C=GB/;MTA-A.0001]")
	f.Add(`[/ADMD=A$/B/C=GB/;\x00\\]`)
	f.Add("[/ADMD= /C=GB/;1;2]/;3]")
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseMTSIdentifier(s)
		if err != nil {
			return
		}
		back, err := ParseMTSIdentifier(i.String())
		if err != nil || !back.Equal(i) {
			t.Fatalf("%q is %v, which is read as %v, %v", s, i, back, err)
		}
	})
}

func TestDomainsEqual(t *testing.T) {
	for _, c := range []struct {
		a, b GlobalDomainIdentifier
		want bool
	}{
		{domain("GB", "TEST", "ALPHA"), domain("gb", "test", "Alpha"), true},
		{domain("GB", "TEST", "ALPHA"), domain("GB", "TEST", "BRAVO"), false},
		{domain("GB", "TEST", "ALPHA"), domain("GB", "TEST", ""), false},
		{domain("GB", "A  B", ""), domain("GB", " a b ", ""), true},
		{domain("GB", "", "X"), domain("GB", " ", "X"), true},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%v equals %v: %v", c.a, c.b, got)
		}
	}
	printable := domain("GB", "81", "")
	p := asn1.PrintableString("81")
	printable.AdministrationDomainName = oraddr.NumericOrPrintable{Printable: &p}
	if !printable.Equal(domain("GB", "81", "")) {
		t.Error("the string type of a number counts")
	}
}

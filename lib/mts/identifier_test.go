package mts

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
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
		}
	}
}

// Every identifier, whatever octets a peer has put into it, prints as one line of ASCII,
// and no other in the same way.
func TestMTSIdentifierTextIsLossless(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z0-9 '()+,\-./:=?]{0,10}[A-Za-z0-9'()+,\-./:=?]`)
	local := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 1, UbLocalIDLength),
		rapid.SliceOfN(rapid.SampledFrom([]byte("\\x0a\n")), 1, 5))
	rapid.Check(t, func(t *rapid.T) {
		i := MTSIdentifier{
			GlobalDomainIdentifier: domain(rapid.StringMatching(`[A-Z]{2}`).Draw(t, "c"),
				name.Draw(t, "admd"), rapid.OneOf(rapid.Just(""), name).Draw(t, "prmd")),
			LocalIdentifier: asn1.IA5String(local.Draw(t, "local")),
		}
		s := i.String()
		for _, c := range []byte(s) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q has an octet %#x", s, c)
			}
		}
		j := i
		j.LocalIdentifier = asn1.IA5String(local.Draw(t, "other"))
		if (j.String() == s) != j.Equal(i) {
			t.Fatalf("%q and %q have the texts %s and %s", i.LocalIdentifier, j.LocalIdentifier, s, j)
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

package oraddr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// Generators of values that are awkward in every syntax.
var (
	genPrintable = rapid.StringMatching(`[A-Za-z0-9 '()+,./:=?;$*{}@|_-]{0,12}`)
	genTeletex   = rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) asn1.TeletexString { return asn1.TeletexString(b) })
	genText      = rapid.StringOfN(rapid.RuneFrom([]rune("aZ9 /;=$*{}é漢🙂\t")), 0, 8, -1)
	genDigits    = rapid.StringMatching(`[0-9]{0,8}`)
)

func genLocalized(t *rapid.T) Localized {
	l := Localized{Text: genText.Draw(t, "universal")}
	if l.Text != "" {
		l.Language = rapid.SampledFrom([]string{"", "de", "en-GB"}).Draw(t, "language")
	}
	return l
}

func genVaried(t *rapid.T) Text {
	return Text{genPrintable.Draw(t, "printable"), genTeletex.Draw(t, "teletex"), genLocalized(t)}
}

// full returns a value with every variant, as a member of a list has to be for
// its list to come back as it was.
func genFull(t *rapid.T) Text {
	v := genVaried(t)
	v.Printable += "p"
	v.Teletex += "t"
	v.Universal.Text += "u"
	return v
}

func genAddress(t *rapid.T) Address {
	a := Address{
		C:    rapid.SampledFrom([]string{"GB", "us", "234"}).Draw(t, "C"),
		ADMD: rapid.SampledFrom([]string{" ", "0", "TEST", "a b", "12 34"}).Draw(t, "ADMD"),
		PRMD: genPrintable.Draw(t, "PRMD"),
		UAID: genDigits.Draw(t, "UA-ID"), X121: genDigits.Draw(t, "X121"), TID: genPrintable.Draw(t, "T-ID"),
		TTY: rapid.SampledFrom([]string{"", "tlx", "ia5", "99"}).Draw(t, "T-TY"),
	}
	if rapid.Bool().Draw(t, "psap") {
		a.PSAP = rapid.SampledFrom([]string{"NS+00", `"p"/'00'H//NS+47AB_NS+01`, `"*{"/NS+01`}).Draw(t, "PSAP")
	} else if a.NetNumber = genDigits.Draw(t, "NET-NUM"); a.NetNumber != "" {
		a.NetSub = genDigits.Draw(t, "NET-SUB")
	}
	for i := range table {
		e := &table[i]
		switch to := e.field(&a); {
		case to.teletex != nil && rapid.Bool().Draw(t, e.key):
			to.set(genVaried(t))
		case e.key == "PD-SERVICE", e.key == "PD-C", e.key == "PD-CODE":
			*to.printable = genPrintable.Draw(t, e.key)
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "units") {
		a.setUnit(i, genFull(t))
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "ddas") {
		a.setDDA(i, Attribute{genFull(t), genFull(t)})
	}
	for range rapid.IntRange(0, 2).Draw(t, "extras") {
		a.Extra = append(a.Extra, ExtensionAttribute{Type: rapid.IntRange(41, 200).Draw(t, "number"), Value: ber.Raw{0x30, 0x80, 0x05, 0, 0, 0}})
	}
	return a
}

// A domain survives JSON and configurations, and none is one too.
func TestDomainTextRoundTrip(t *testing.T) {
	for _, d := range []Domain{{}, {C: "GB", ADMD: "TEST"}, {C: "GB", ADMD: " ", PRMD: "A/B=C"}} {
		text, err := d.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		got := Domain{C: "XX"}
		if err := got.UnmarshalText(text); err != nil || got != d {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, d)
		}
	}
	if err := new(Domain).UnmarshalText([]byte("/S=Smith/C=GB/")); err == nil {
		t.Error("a user's address was taken for a domain")
	}
}

// Equal compares what Key writes, without writing it.
func TestDomainEqual(t *testing.T) {
	value := rapid.SampledFrom([]string{"", " ", "  ", "GB", "gb", "234", "235", "A B", "a  b ", "ä", "Ä", "/", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		domain := func() Domain {
			return Domain{value.Draw(t, "C"), value.Draw(t, "ADMD"), value.Draw(t, "PRMD")}
		}
		d, e := domain(), domain()
		if d.Equal(e) != (d.Key() == e.Key()) {
			t.Fatalf("%+v and %+v: equal is %v, keys %q and %q", d, e, d.Equal(e), d.Key(), e.Key())
		}
	})
}

// TestTextRoundTrip proves that both text forms carry every address.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genAddress(t)
		for _, s := range []string{a.String(), a.Labelled()} {
			back, err := Parse(s)
			if err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			if d := cmp.Diff(a, back, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s: %s", s, d)
			}
			if again := back.String(); again != a.String() {
				t.Fatalf("%s written again as %s", a.String(), again)
			}
		}
	})
}

// TestOctetsRoundTrip proves that the octets carry every address.
func TestOctetsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genAddress(t)
		n, err := a.ORName()
		if err != nil {
			t.Fatal(err)
		}
		b, err := ber.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var m ORName
		if rest, err := ber.Unmarshal(b, &m, ber.Limits{}); err != nil || len(rest) > 0 {
			t.Fatal(err, rest)
		}
		back, err := m.Address()
		if err != nil {
			t.Fatal(err)
		}
		sorted := cmpopts.SortSlices(func(x, y ExtensionAttribute) bool { return x.Type < y.Type })
		if d := cmp.Diff(a, back, cmpopts.EquateEmpty(), sorted); d != "" {
			t.Fatal(d)
		}
		if !a.Equal(back) {
			t.Fatalf("keys %q and %q", a.Key(), back.Key())
		}
	})
}

// TestPatternOfAddress proves that an address without asterisks, read as a
// pattern, matches itself.
func TestPatternOfAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Address{C: "GB", ADMD: " ", PRMD: genPrintable.Draw(t, "PRMD"), O: genPrintable.Draw(t, "O"), CN: genPrintable.Draw(t, "CN")}
		p, err := ParsePattern(a.String())
		if err != nil {
			t.Fatal(err)
		}
		if ok, why := p.Match(a); !ok {
			t.Fatalf("%s: %s", a, why)
		}
	})
}

// FuzzParseRoundTrip: what Parse accepts, String and Labelled write so that it is
// read as the same address.
func FuzzParseRoundTrip(f *testing.F) {
	for _, s := range []string{
		"/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"G=john; S=smith; O=a;;bank; DDA:a==b=c=d; P=abl; A= ; C=aq",
		"/DD.t*{165}=v*{166}/OU=b*{165}/OU=a/O=a$/b$;**é*de/C=GB/",
		"/DD.*{165}=v*{166}/OU=a/C=GB/",
		`/NET-PSAP="p"$/'00ff'H$/#259$/NS+4700_ns+ab/T-TY=7/C=GB/`,
		"/PD-ADDRESS=one|t{124}wo*{165}*é/C=234/", "PD-A1=a; PD-A2=b|c; ISDN=1x2; PN=A.B.Cé",
		"/EXT.77=130141/RFC-822=x(a)y/C=GB/", "X.400:/OU1=a/OU2=é/ADMD=//C=GB//",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		for _, text := range []string{a.String(), a.Labelled()} {
			back, err := Parse(text)
			if err != nil {
				t.Fatalf("%q read and written as %q: %v", s, text, err)
			}
			if d := cmp.Diff(a, back, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%q read and written as %q: %s", s, text, d)
			}
		}
		a.Valid()
		n, err := a.ORName()
		if err != nil || !even(a) {
			return
		}
		back, err := n.Address()
		if err != nil || !back.Equal(a) {
			t.Fatalf("%q encoded and decoded is %q, %v", a.Key(), back.Key(), err)
		}
	})
}

// even reports whether all members of a list have the same variants. Where they
// have not, which X.402 does not know, a variant that some lack is not sent.
func even(a Address) bool {
	same := func(texts []Text) bool {
		for _, t := range texts {
			if (t.Printable == "") != (texts[0].Printable == "") || (t.Teletex == "") != (texts[0].Teletex == "") ||
				(t.Universal.Text == "") != (texts[0].Universal.Text == "") {
				return false
			}
		}
		return true
	}
	var ddas []Text
	for _, d := range a.DomainDefined() {
		ddas = append(ddas, d.Type, d.Value)
	}
	return same(a.Units()) && same(ddas)
}

// FuzzORName: an O/R name that can be decoded to an address can be shown, read and
// encoded again as an equal one.
func FuzzORName(f *testing.F) {
	for _, a := range []string{
		"/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"/OU=b*{165}/OU=a**é*de/DD.t=v*{165}/T-TY=7/CN=a*b*c/C=GB/",
		`/NET-PSAP="p"$/NS+4700/PD-S=a*b*c/PD-A=a|b*c*d/PD-C=GB/PD-PC=1/PD-SN=x/C=GB/`,
	} {
		n, err := mustParse(f, a).ORName()
		if err != nil {
			f.Fatal(err)
		}
		b, err := ber.Marshal(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var n ORName
		if _, err := ber.Unmarshal(b, &n, ber.Limits{}); err != nil {
			return
		}
		a, err := n.Address()
		if err != nil || a.IsZero() {
			return
		}
		back, err := Parse(a.String())
		if err != nil {
			t.Fatalf("%x is %q: %v", b, a.String(), err)
		}
		if !back.Equal(a) {
			t.Fatalf("%x is %q, which is read as %q", b, a.Key(), back.Key())
		}
		m, err := a.ORName()
		if err != nil || !even(a) {
			return
		}
		again, err := m.Address()
		if err != nil || !again.Equal(a) {
			t.Fatalf("%x: %q encoded and decoded is %q, %v", b, a.Key(), again.Key(), err)
		}
	})
}

// FuzzPattern: a pattern that matches an address demands of each attribute a value
// the address has.
func FuzzPattern(f *testing.F) {
	f.Add("/S=Sm*/O=*/PRMD=ALPHA/ADMD=TEST/C=GB/", "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/")
	f.Add("DDA:x=*{042}; OU2=é*; C=234; A=", "DDA:x=a{042}; OU1=a; OU2=éa; C=GB")
	f.Fuzz(func(t *testing.T, pattern, address string) {
		p, err := ParsePattern(pattern)
		if err != nil {
			return
		}
		if p.Weight() <= 0 {
			t.Fatalf("%q weighs %d", pattern, p.Weight())
		}
		a, err := Parse(address)
		if err != nil {
			return
		}
		ok, why := p.Match(a)
		if ok != (why == "") {
			t.Fatalf("%q and %q: %v, %q", pattern, address, ok, why)
		}
		if matches := p.Matches(a); matches != ok {
			t.Fatalf("%q and %q: Matches is %v, Match %v", pattern, address, matches, ok)
		}
		var x Index
		x.Add(p)
		if found := x.Match(&a, nil); (len(found) == 1) != ok {
			t.Fatalf("%q and %q: the index finds %v, Match %v", pattern, address, found, ok)
		}
	})
}

package downgrade

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

var gateway = oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}

func name(t testing.TB, text string) oraddr.ORName {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func upgraded(n oraddr.ORName) oraddr.ORName {
	n, _ = UpgradeName(n, gateway)
	return n
}

func textOf(t testing.TB, n oraddr.ORName) string {
	t.Helper()
	a, err := n.Address()
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

func octetsOf(t testing.TB, v any) string {
	t.Helper()
	b, err := ber.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// The examples are those of RFC 1328 §3, with the domain of the gateway in place of
// an address of it.
func TestName(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/S=Smith/O=A/PRMD=P/ADMD=B/C=GB/", "/S=Smith/O=A/PRMD=P/ADMD=B/C=GB/"},
		{"/CN=Postmaster/O=A/ADMD=B/C=GB/", "/DD.Common=Postmaster/O=A/ADMD=B/C=GB/"},
		{"/CN=Postmaster/DD.b=2/DD.a=1/O=A/ADMD=B/C=GB/", "/DD.Common=Postmaster/DD.b=2/DD.a=1/O=A/ADMD=B/C=GB/"},
		{"/PD-ADDRESS=Empire State Building/PRMD=XX/ADMD=ZZ/C=US/",
			"/DD.X400-88=$/PD-ADDRESS$=Empire State Building$/PRMD$=XX$/ADMD$=ZZ$/C$=US$//PRMD=ALPHA/ADMD=TEST/C=GB/"},
		// Common is taken, and there is room for no fifth attribute.
		{"/CN=b/DD.common=a/ADMD=B/C=GB/", "/DD.X400-88=$/CN$=b$/DD.common$=a$/ADMD$=B$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/"},
		{"/CN=b/DD.d=4/DD.c=3/DD.b=2/DD.a=1/ADMD=B/C=GB/",
			"/DD.X400-88=$/CN$=b$/DD.d$=4$/DD.c$=3$/DD.b$=2$/DD.a$=1$/ADMD$=B$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/"},
		// A teletex variant is IA5 text in the standard's writing, and printable by
		// RFC 2156 §3.4.
		{"/CN=yen*{165}/ADMD=B/C=GB/", "/DD.X400-88=$/CN$=yen(042)(123)165(125)$/ADMD$=B$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/"},
	} {
		got, err := Name(name(t, c.text), gateway)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if s := textOf(t, got); s != c.want {
			t.Errorf("%s: %s, want %s", c.text, s, c.want)
		}
		if back := textOf(t, upgraded(got)); back != c.text && c.text != c.want {
			t.Errorf("%s came back as %s", c.text, back)
		}
	}
}

func TestNameOctets(t *testing.T) {
	got, err := Name(name(t, "/CN=MTA1/S=Smith/ADMD=TEST/C=GB/"), gateway)
	if err != nil {
		t.Fatal(err)
	}
	// 60 ORName { 30 standard attributes { C, ADMD, [5] surname }, 30 { 30 { Common, MTA1 } } }
	const want = "602b" + "3017" + "6104" + "13024742" + "6206" + "130454455354" + "a507" + "8005536d697468" +
		"3010" + "300e" + "1306436f6d6d6f6e" + "13044d544131"
	if s := octetsOf(t, got); s != want {
		t.Errorf("%s, want %s", s, want)
	}
}

func TestLongNameIsCut(t *testing.T) {
	long := "/CN=" + strings.Repeat("a b", 20) + "/PD-S=" + strings.Repeat("s ", 14) + "s*" + strings.Repeat("{165}", 8) +
		"/O=" + strings.Repeat("o", 64) + "/PD-C=GB/PD-PC=1/ADMD=TEST/C=GB/"
	got, err := Name(name(t, long), gateway)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.DomainDefinedAttributes); n < 2 {
		t.Fatalf("%d attributes", n)
	}
	for i, d := range got.DomainDefinedAttributes {
		v := string(d.Value)
		if string(d.Type) != ddaWhole[i] || len(v) > boundDDAValue || v != strings.TrimSpace(v) {
			t.Errorf("%s=%q", d.Type, v)
		}
	}
	a, _ := name(t, long).Address()
	if back := textOf(t, upgraded(got)); back != a.String() {
		t.Errorf("%s came back as %s", a, back)
	}
	// The order in which they stand does not matter.
	got.DomainDefinedAttributes[0], got.DomainDefinedAttributes[1] = got.DomainDefinedAttributes[1], got.DomainDefinedAttributes[0]
	if back := textOf(t, upgraded(got)); back != a.String() {
		t.Errorf("%s came back as %s", a, back)
	}
	var no *Impossible
	if _, err := Name(name(t, "/PD-L=**"+strings.Repeat("漢", 200)+"/ADMD=TEST/C=GB/"), gateway); !errors.As(err, &no) {
		t.Errorf("an address that needs more than four attributes: %v", err)
	}
}

func TestRecipient(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/S=Smith/O=A/ADMD=B/C=GB/", "/S=Smith/O=A/ADMD=B/C=GB/"},
		{"/CN=Postmaster/O=A/ADMD=B/C=GB/", "/DD.Common=Postmaster/O=A/ADMD=B/C=GB/"},
		{"/CN=yen*y{165}n**/S=a**b/O=A/ADMD=B/C=GB/", "/S=a/DD.Common=yen/O=A/ADMD=B/C=GB/"},
		{"/CN=*{165}/O=A/ADMD=B/C=GB/", ""},
		{"/PD-S=x/CN=a/ADMD=B/C=GB/", ""},
		{"/CN=b/DD.common=a/ADMD=B/C=GB/", ""},
		{"/T-TY=tlx/X121=1/ADMD=B/C=GB/", ""},
	} {
		got, err := Recipient(name(t, c.text))
		var no *Impossible
		switch {
		case c.want == "" && !errors.As(err, &no):
			t.Errorf("%s: %v, %v", c.text, got, err)
		case c.want == "":
		case err != nil:
			t.Errorf("%s: %v", c.text, err)
		case textOf(t, got) != c.want:
			t.Errorf("%s: %s, want %s", c.text, textOf(t, got), c.want)
		}
	}
}

// What only looks like one of Name's stays as it is.
func TestUpgradeLeavesOthersAlone(t *testing.T) {
	for _, text := range []string{
		"/S=Smith/ADMD=B/C=GB/",
		"/DD.RFC-822=a(a)b/ADMD=B/C=GB/",
		"/DD.X400-88=$/S$=a$/C$=GB$//PRMD=OTHER/ADMD=TEST/C=GB/",     // of another gateway
		"/DD.X400-88=$/S$=a$/C$=GB$//O=A/PRMD=ALPHA/ADMD=TEST/C=GB/", // more than the gateway
		"/DD.X400-88=nonsense/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"/DD.X400-C1=$/S$=a$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/",
		"/DD.Common=a/DD.Common=b/ADMD=B/C=GB/",
		"/DD.Common=a/CN=b/ADMD=B/C=GB/",
		"/DD.Common=" + strings.Repeat("a", 65) + "/ADMD=B/C=GB/",
	} {
		n := name(t, text)
		if got, changed := UpgradeName(n, gateway); changed || octetsOf(t, got) != octetsOf(t, n) {
			t.Errorf("%s became %s", text, textOf(t, got))
		}
	}
}

func TestDirectoryNameIsLeftOut(t *testing.T) {
	n := name(t, "/S=Smith/ADMD=B/C=GB/")
	want := octetsOf(t, n)
	n.DirectoryName = ber.Raw{0x30, 0}
	if got, err := Name(n, gateway); err != nil || octetsOf(t, got) != want {
		t.Errorf("%v, %v", got, err)
	}
	var no *Impossible
	if _, err := Name(oraddr.ORName{DirectoryName: ber.Raw{0x30, 0}}, gateway); !errors.As(err, &no) {
		t.Errorf("a name without address: %v", err)
	}
}

var (
	genValue   = rapid.StringMatching(`[A-Za-z0-9'()+,./:=? -]{1,24}`)
	genTeletex = rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 8), func(b []byte) asn1.TeletexString { return asn1.TeletexString(b) })
	genText    = rapid.StringOfN(rapid.RuneFrom([]rune("aZ9 /;=$*{}()é漢🙂")), 1, 8, -1)
)

// genAddress makes addresses with any of the attributes of either edition.
func genAddress(t *rapid.T) oraddr.Address {
	some := func(what string) bool { return rapid.IntRange(0, 3).Draw(t, what) == 0 }
	a := oraddr.Address{C: "GB", ADMD: rapid.SampledFrom([]string{" ", "TEST", "a b", "12"}).Draw(t, "ADMD")}
	for what, to := range map[string]*string{"PRMD": &a.PRMD, "O": &a.O, "S": &a.PN.S, "T-ID": &a.TID} {
		if some(what) {
			*to = genValue.Draw(t, what)
		}
	}
	for what, to := range map[string]*oraddr.Text{"PD-S": &a.PD.Street, "PD-O": &a.PD.O, "PD-A": &a.PD.Address} {
		if some(what) {
			*to = oraddr.Text{Printable: genValue.Draw(t, what), Teletex: genTeletex.Draw(t, what), Universal: oraddr.Localized{Text: genText.Draw(t, what)}}
		}
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "DDAs") {
		a.DDA = append(a.DDA, oraddr.DDA{Type: "t" + string(rune('0'+i)), Value: genValue.Draw(t, "DDA")})
	}
	if rapid.Bool().Draw(t, "CN") {
		a.CN = genValue.Draw(t, "CN")
	}
	if some("teletex CN") {
		a.Teletex.CN = genTeletex.Draw(t, "teletex CN")
	}
	if some("universal O") {
		a.Universal.O = oraddr.Localized{Text: genText.Draw(t, "universal O"), Language: "de"}
	}
	if some("NET") {
		a.NetNumber = "123"
	}
	if some("T-TY") {
		a.TTY = "ia5"
	}
	if some("extra") {
		a.Extra = []oraddr.ExtensionAttribute{{Type: 77, Value: ber.Raw{0x13, 1, 'x'}}}
	}
	return a
}

// TestNameRoundTrip: what Name writes has nothing that 1984 lacks and is within its
// bounds, and UpgradeName makes the same address of it, octet for octet.
func TestNameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, err := genAddress(t).ORName()
		if err != nil {
			return // no octets: nothing that could arrive
		}
		got, err := Name(n, gateway)
		var no *Impossible
		if errors.As(err, &no) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(got.ExtensionAttributes) > 0 || len(got.DirectoryName) > 0 || len(got.Unknown) > 0 {
			t.Fatalf("not of 1984: %+v", got)
		}
		if len(got.DomainDefinedAttributes) > maxDDAs {
			t.Fatalf("%d domain-defined attributes", len(got.DomainDefinedAttributes))
		}
		for _, d := range got.DomainDefinedAttributes {
			if d.Value.Valid() != nil || len(d.Value) > boundDDAValue {
				t.Fatalf("%q", d.Value)
			}
		}
		b, err := ber.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ber.Marshal(upgraded(got))
		if err != nil || string(back) != string(b) {
			t.Fatalf("%x came back as %x", b, back)
		}
	})
}

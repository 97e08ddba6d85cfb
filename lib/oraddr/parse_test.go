package oraddr

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// TestParse reads every key and rule of both text forms. Where canonical is given
// it is what String makes of the address.
func TestParse(t *testing.T) {
	gb := func(a Address) Address { a.C, a.ADMD = "GB", "TEST"; return a }
	for _, c := range []struct {
		name, text string
		want       Address
		canonical  string
	}{
		{"labelled", "G=john; S=smith; O=a bank ltd; P=abl; A=snomail; C=aq",
			Address{C: "aq", ADMD: "snomail", PRMD: "abl", O: "a bank ltd", PN: PersonalName{S: "smith", G: "john"}},
			"/G=john/S=smith/O=a bank ltd/PRMD=abl/ADMD=snomail/C=aq/"},
		{"prefix", "x.400: C=GB;A=TEST;S=x", gb(Address{PN: PersonalName{S: "x"}}), ""},
		{"prefix and slash", "X400:/C=GB/A=TEST/S=x", gb(Address{PN: PersonalName{S: "x"}}), ""},
		{"any case and space", " /s= x /c=GB / aDmD=TEST /\n", gb(Address{PN: PersonalName{S: "x"}}), ""},
		{"mixed delimiters", "/S=x;C=GB;A=TEST/", gb(Address{PN: PersonalName{S: "x"}}), ""},
		{"no ADMD", "C=GB; S=x", Address{C: "GB", ADMD: " ", PN: PersonalName{S: "x"}}, "/S=x/ADMD= /C=GB/"},
		{"empty ADMD", "/S=x/PRMD=p/ADMD=/C=GB/", Address{C: "GB", ADMD: " ", PRMD: "p", PN: PersonalName{S: "x"}}, "/S=x/PRMD=p/ADMD= /C=GB/"},
		{"empty ADMD before a slash", "/S=x/ADMD=//C=GB/", Address{C: "GB", ADMD: " ", PN: PersonalName{S: "x"}}, "/S=x/ADMD= /C=GB/"},
		{"space as ADMD", "S=x; A= ; C=GB", Address{C: "GB", ADMD: " ", PN: PersonalName{S: "x"}}, ""},

		{"quoted", "/O=a$/b$=c$$d/ADMD=TEST/C=GB/", gb(Address{O: "a/b=c$d"}), "/O=a$/b$=c$$d/ADMD=TEST/C=GB/"},
		{"doubled slash", "/O=a//b/ADMD=TEST/C=GB", gb(Address{O: "a/b"}), "/O=a$/b/ADMD=TEST/C=GB/"},
		{"doubled semicolon", "O=a;;b; A=TEST; C=GB", gb(Address{O: "a;b"}), "/O=a$;b/ADMD=TEST/C=GB/"},
		{"slash in labelled", "O=a/b; A=TEST; C=GB", gb(Address{O: "a/b"}), ""},
		{"dollar in labelled", "O=$5; A=TEST; C=GB", gb(Address{O: "$5"}), "/O=$$5/ADMD=TEST/C=GB/"},
		{"equals in value", "O=a=b; A=TEST; C=GB", gb(Address{O: "a=b"}), "/O=a$=b/ADMD=TEST/C=GB/"},
		{"escape in printable", "O=a{064}b{032}; A=TEST; C=GB", gb(Address{O: "a@b "}), "/O=a@b{032}/ADMD=TEST/C=GB/"},
		{"asterisk", "/O=a$*b/ADMD=TEST/C=GB/", gb(Address{O: "a*b"}), "/O=a{042}b/ADMD=TEST/C=GB/"},

		{"bare units, least first", "/OU=c/OU=b/OU=a/O=o/ADMD=TEST/C=GB/", gb(Address{O: "o", OU: []string{"a", "b", "c"}}), "/OU=c/OU=b/OU=a/O=o/ADMD=TEST/C=GB/"},
		{"bare units, most first", "/C=GB/ADMD=TEST/O=o/OU=a/OU=b/OU=c/", gb(Address{O: "o", OU: []string{"a", "b", "c"}}), "/OU=c/OU=b/OU=a/O=o/ADMD=TEST/C=GB/"},
		{"bare units, no O, most first", "/C=GB/ADMD=TEST/OU=a/OU=b/", gb(Address{OU: []string{"a", "b"}}), ""},
		{"bare units, no O, least first", "/OU=b/OU=a/ADMD=TEST/C=GB/", gb(Address{OU: []string{"a", "b"}}), ""},
		{"numbered units", "OU2=b; OU1=a; OU3=c; A=TEST; C=GB", gb(Address{OU: []string{"a", "b", "c"}}), ""},

		{"DDA listed", "DDA:one=1; DDA:two=2; A=TEST; C=GB", gb(Address{DDA: []DDA{{"one", "1"}, {"two", "2"}}}), "/DD.two=2/DD.one=1/ADMD=TEST/C=GB/"},
		{"DD rightmost first", "/DD.two=2/DD.one=1/ADMD=TEST/C=GB/", gb(Address{DDA: []DDA{{"one", "1"}, {"two", "2"}}}), ""},
		{"DD inverted", "/C=GB/ADMD=TEST/DD.one=1/DD:two=2/", gb(Address{DDA: []DDA{{"one", "1"}, {"two", "2"}}}), ""},
		{"DD numbered", "/DD2.two=2/DD1:one=1/ADMD=TEST/C=GB/", gb(Address{DDA: []DDA{{"one", "1"}, {"two", "2"}}}), ""},
		{"DDA with equals", "DDA:a==b=c=d; A=TEST; C=GB", gb(Address{DDA: []DDA{{"a=b", "c=d"}}}), "/DD.a$=b=c$=d/ADMD=TEST/C=GB/"},
		{"DD with quoted equals", "/DD.a$=b=c$=d/ADMD=TEST/C=GB/", gb(Address{DDA: []DDA{{"a=b", "c=d"}}}), ""},
		{"RFC-822", "/RFC-822=fred(a)widget.example/ADMD=TEST/C=GB/", gb(Address{DDA: []DDA{{"RFC-822", "fred(a)widget.example"}}}), "/DD.RFC-822=fred(a)widget.example/ADMD=TEST/C=GB/"},

		{"human name", "/PN=Ann.M.T.Smith/ADMD=TEST/C=GB/", gb(Address{PN: PersonalName{S: "Smith", G: "Ann", I: "MT"}}), "/G=Ann/I=MT/S=Smith/ADMD=TEST/C=GB/"},
		{"human name, initial", "/PN=J.Smith/GQ=Jr/ADMD=TEST/C=GB/", gb(Address{PN: PersonalName{S: "Smith", I: "J", Q: "Jr"}}), ""},
		{"human name, surname", "/GQ=Jr/PN=Smith/ADMD=TEST/C=GB/", gb(Address{PN: PersonalName{S: "Smith", Q: "Jr"}}), ""},

		{"teletex", "/CN=yen*{165}/ADMD=TEST/C=GB/", gb(Address{CN: "yen", Teletex: Teletex{CN: "\xa5"}}), "/CN=yen*{165}/ADMD=TEST/C=GB/"},
		{"teletex only", "CN=*M{200}uller; A=TEST; C=GB", gb(Address{Teletex: Teletex{CN: "M\xc8uller"}}), ""},
		{"teletex as text", "CN=*Müller; A=TEST; C=GB", gb(Address{Teletex: Teletex{CN: "M\xc8uller"}}), "/CN=*M{200}uller/ADMD=TEST/C=GB/"},
		{"universal", "S=Müller; A=TEST; C=GB", gb(Address{Universal: Universal{PN: UniversalName{S: Localized{Text: "Müller"}}}}), "/S=Müller/ADMD=TEST/C=GB/"},
		{"all variants", "/O=Muller*M{200}uller*Müller*de/ADMD=TEST/C=GB/",
			gb(Address{O: "Muller", Teletex: Teletex{O: "M\xc8uller"}, Universal: Universal{O: Localized{"Müller", "de"}}}), ""},
		{"teletex units", "/OU=b*{165}/OU=a/O=o/ADMD=TEST/C=GB/", gb(Address{O: "o", OU: []string{"a", "b"}, Teletex: Teletex{OU: []asn1.TeletexString{"", "\xa5"}}}), ""},
		{"teletex DDA", "/DD.t*{165}=v*{166}/ADMD=TEST/C=GB/", gb(Address{DDA: []DDA{{"t", "v"}}, Teletex: Teletex{DDA: []TeletexDDA{{"\xa5", "\xa6"}}}}), ""},

		{"terminal", "/X.121=234219200300/T-ID=t1/T-TY=ia5-terminal/C=GB/A=TEST",
			gb(Address{X121: "234219200300", TID: "t1", TTY: "ia5"}), "/X121=234219200300/T-ID=t1/T-TY=ia5/ADMD=TEST/C=GB/"},
		{"numeric", "N-ID=12345; A=TEST; C=GB", gb(Address{UAID: "12345"}), "/UA-ID=12345/ADMD=TEST/C=GB/"},
		{"isdn", "ISDN=441234x99; A=TEST; C=GB", gb(Address{NetNumber: "441234", NetSub: "99"}), "/NET-NUM=441234/NET-SUB=99/ADMD=TEST/C=GB/"},
		{"E.164", "E.164=441234; A=TEST; C=GB", gb(Address{NetNumber: "441234"}), ""},
		{"psap", `/NET-PSAP="p"$/'00ff'H$/#259$/NS+4700_ns+ab/ADMD=TEST/C=GB/`,
			gb(Address{PSAP: `"p"/'00FF'H/'0103'H/NS+4700_NS+AB`}), `/NET-PSAP="p"$/'00FF'H$/'0103'H$/NS+4700_NS+AB/ADMD=TEST/C=GB/`},
		{"postal", "PD-SN=svc; PD-C=GB; PD-PC=AB1 2CD; PD-OF=of; PD-OFN=ofn; PD-EA=ea; PD-PN=pn; PD-O=po; PD-ED=ed; PD-S=st; PD-B=bx; PD-R=rs; PD-U=un; PD-L=lo; A=TEST; C=GB",
			gb(Address{PD: Postal{Service: "svc", C: "GB", Code: "AB1 2CD", Office: Text{Printable: "of"}, OfficeNumber: Text{Printable: "ofn"},
				ExtAddress: Text{Printable: "ea"}, PN: Text{Printable: "pn"}, O: Text{Printable: "po"}, ExtDelivery: Text{Printable: "ed"}, Street: Text{Printable: "st"},
				Box: Text{Printable: "bx"}, Restante: Text{Printable: "rs"}, Unique: Text{Printable: "un"}, Local: Text{Printable: "lo"}}}),
			"/PD-SERVICE=svc/PD-PN=pn/PD-EXT-ADDRESS=ea/PD-EXT-DELIVERY=ed/PD-OFFICE-NUM=ofn/PD-OFFICE=of/PD-O=po/PD-STREET=st/PD-UNIQUE=un/PD-LOCAL=lo/PD-RESTANTE=rs/PD-BOX=bx/PD-CODE=AB1 2CD/PD-C=GB/ADMD=TEST/C=GB/"},
		{"postal lines", "PD-A2=two; PD-A1=one; PD-C=GB; A=TEST; C=GB", gb(Address{PD: Postal{C: "GB", Address: Text{Printable: "one\ntwo"}}}),
			"/PD-ADDRESS=one|two/PD-C=GB/ADMD=TEST/C=GB/"},
		{"postal bars", "/PD-ADDRESS=one|t{124}wo*{165}/ADMD=TEST/C=GB/", gb(Address{PD: Postal{Address: Text{Printable: "one\nt|wo", Teletex: "\xa5"}}}), ""},
		{"unknown extension", "/EXT.77=130141/S=x/ADMD=TEST/C=GB/", gb(Address{PN: PersonalName{S: "x"}, Extra: []ExtensionAttribute{{Type: 77, Value: ber.Raw{0x13, 1, 0x41}}}}), "/S=x/EXT.77=130141/ADMD=TEST/C=GB/"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Fatal(d)
			}
			if c.canonical != "" && got.String() != c.canonical {
				t.Errorf("written as %s, want %s", got.String(), c.canonical)
			}
			for _, s := range []string{got.String(), got.Labelled()} {
				again, err := Parse(s)
				if err != nil {
					t.Fatalf("%s: %v", s, err)
				}
				if d := cmp.Diff(got, again); d != "" {
					t.Errorf("%s: %s", s, d)
				}
			}
		})
	}
}

// TestParseErrors proves that an error names the attribute and its place.
func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "at 0: the address is empty"},
		{" / ", "at 0: the address is empty"},
		{"Smith", "Smith at 0: no = after the label"},
		{"S=a; Smith; C=GB", "Smith at 5: no = after the label"},
		{"S=a; FOO=b", "FOO at 5: unknown label"},
		{"OU5=a", "OU5 at 0: unknown label"},
		{"DD=a", "DD at 0: unknown label"},
		{"DDA:=a", "DDA: at 0: unknown label"},
		{"S=a; s=b", "s at 5: given twice"},
		{"O=a; CN=", "CN at 5: the value is empty"},
		{"/S=*/C=GB", "S at 1: the value is empty"},
		{"/S=a$", "S=a at 1: nothing after the quoting $"},
		{"/S=a/C=GB*x/", "C at 5: the attribute has no variant but the printable"},
		{"/S=a/PRMD=é/", "PRMD at 5: the attribute has no variant but the printable"},
		{"/S=a*b*c*d*e/", "S at 1: too many variants: printable*teletex*universal*language"},
		{"/S=é*x/", "S at 1: character 'é' at 0 is not in PrintableString"},
		{"/S=*漢/", "S at 1: character '漢' at 0 is not in TeletexString"},
		{"/S={12}/", "S at 1: offset 0: an escape holds decimal triplets, 000 to 255"},
		{"OU=a; OU1=b", "OU1 at 0: numbered and unnumbered ones may not be mixed"},
		{"OU1=a; OU3=b", "OU3 at 0: the one before it is missing"},
		{"DDA:a=b; DD1.c=d", "DD1 at 0: numbered and unnumbered ones may not be mixed"},
		{"DD2.a=b", "DD2 at 0: the one before it is missing"},
		{"PD-A2=b", "PD-A2 at 0: the one before it is missing"},
		{"PN=a.b; S=c", "S at 8: given twice"},
		{"S=c; PN=a.b", "PN at 5: given twice"},
		{"ISDN=1; NET-NUM=2", "NET-NUM at 8: given twice"},
		{"/OU=a/O=o/OU=b/", "OU at 10: organizational units on both sides of O: which is the most significant?"},
		{"NET-PSAP=x", "NET-PSAP at 0: a network address is Internet=host+port or NS+hexadecimal"},
		{"EXT.x=00", "EXT.x at 0: unknown label"},
		{"EXT.1=130141", "EXT.1 at 0: the attribute of this number has a key of its own"},
		{"EXT.9=13", "EXT.9 at 0: the value is one BER element in hexadecimal"},
		{"S=a/O=b/C=GB", "O at 0: delimited by a slash in an address that does not start with one"},
		{"S=" + strings.Repeat("x", maxText), "at 0: the address is too long"},
	} {
		_, err := Parse(c.text)
		if err == nil || err.Error() != "oraddr: parse: "+c.want {
			t.Errorf("%.40q: %v, want %s", c.text, err, c.want)
			continue
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || diag.KindOf(err) != diag.Data {
			t.Errorf("%q: %T of kind %v", c.text, err, diag.KindOf(err))
		}
	}
	if _, err := Parse("S=a/C=GB"); diag.HintOf(err) == "" {
		t.Error("no hint about the forgotten slash")
	}
}

func TestDomain(t *testing.T) {
	d, err := ParseDomain("/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if err != nil || d != (Domain{"GB", "TEST", "ALPHA"}) {
		t.Error(d, err)
	}
	if s := d.String(); s != "/PRMD=ALPHA/ADMD=TEST/C=GB/" {
		t.Error(s)
	}
	if d := ann.Domain(); d != (Domain{"GB", "TEST", "ALPHA"}) {
		t.Error(d)
	}
	if !d.Equal(Domain{"234", " test ", "Alpha"}) || d.Equal(Domain{"GB", "TEST", ""}) {
		t.Error("equality of domains")
	}
	for text, want := range map[string]string{
		"A=x":                 "oraddr: domain A=x: no country",
		"C=GB; O=x":           "oraddr: domain C=GB; O=x: O is no attribute of a domain",
		"C=GB; OU1=x":         "oraddr: domain C=GB; OU1=x: OU1 is no attribute of a domain",
		"C=GB; DDA:x=y; A=z ": "oraddr: domain C=GB; DDA:x=y; A=z : DDA:x is no attribute of a domain",
	} {
		if _, err := ParseDomain(text); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

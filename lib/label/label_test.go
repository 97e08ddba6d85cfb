package label

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The label of RFC 4134 §4.10, as the attribute of its example has it: the privacy
// mark stands before the categories, which is not the order of DER.
const rfc4134 = "315c 020101 06072a030405060708 131b5448495320495320412050524956414359204d41524b2054455354" +
	"3131302f80082a03040506078678a12313215448495320495320412054455354205345435552495459 2d43415445474f52592e"

// every is labels of each syntax, and what their text form is.
var every = []struct{ name, octets, text string }{
	{"RFC 7444", "31 06 06 01 29 02 01 03", "policy=1.1; class=3"},
	{"the other order", "31 06 02 01 03 06 01 29", "policy=1.1; class=3"},
	{"RFC 4134", rfc4134, "policy=1.2.3.4.5.6.7.8; class=1; " +
		`type:1.2.3.4.5.6.7.888="EyFUSElTIElTIEEgVEVTVCBTRUNVUklUWS1DQVRFR09SWS4="; mark=THIS IS A PRIVACY MARK TEST`},
	{"nothing", "31 00", ""},
	{"UTF-8", "31 0d 0c 0b 42 C3A4 72 20 6f 6e 6c 79 21 21", "mark=Bär only!!"},
	{"indefinite", "31 80 02 01 00 00 00", "class=0"},
	{"ACP 145 restrictive", "31 1e 31 1c 30 1a 80 0a 60 86 48 01 65 02 01 08 03 00 a1 0c 30 0a 06 03 88 37 01 03 03 05 a0 20",
		"2.999.1:restrictive=0,2,10"},
	{"ACP 145 enumerated permissive", "31 27 31 25 30 23 80 0a 60 86 48 01 65 02 01 08 03 01 a1 15 30 13 06 03 88 37 01 31 0c 02 01 00 02 01 7f 02 04 00 ff ff ff",
		"2.999.1:enumerated-permissive=0,127,16777215"},
	{"ACP 145 enumerated restrictive", "31 1e 31 1c 30 1a 80 0a 60 86 48 01 65 02 01 08 03 04 a1 0c 30 0a 06 03 88 37 01 31 03 02 01 05",
		"2.999.1:enumerated-restrictive=5"},
	{"ACP 145 permissive", "31 1d 31 1b 30 19 80 0a 60 86 48 01 65 02 01 08 03 02 a1 0b 30 09 06 03 88 37 01 03 02 06 40",
		"2.999.1:permissive=1"},
	{"ACP 145 informative bits", "31 1d 31 1b 30 19 80 0a 60 86 48 01 65 02 01 08 03 03 a1 0b 30 09 06 03 88 37 01 03 02 06 40",
		"2.999.1:informative=1"},
	{"ACP 145 informative integers", "31 1e 31 1c 30 1a 80 0a 60 86 48 01 65 02 01 08 03 03 a1 0c 30 0a 06 03 88 37 01 31 03 02 01 01",
		"2.999.1:enumerated-informative=1"},
	{"no bits at all", "31 1c 31 1a 30 18 80 0a 60 86 48 01 65 02 01 08 03 02 a1 0a 30 08 06 03 88 37 01 03 01 00",
		"2.999.1:permissive="},
	{"SDN.801", "31 3f 31 3d 30 3b 80 09 60 86 48 01 65 02 01 08 01 a1 2e 31 2c 30 2a 06 03 88 37 01 30 23" +
		"a1 04 03 02 05 20  a2 05 31 03 02 01 09  a6 04 03 02 07 80  a7 04 03 02 06 40  a7 08 31 06 02 01 01 02 01 02",
		"sdn801:2.999.1:restrictive=2; sdn801:2.999.1:enumerated=9; sdn801:2.999.1:permissive=0; " +
			"sdn801:2.999.1:informative=1; sdn801:2.999.1:enumerated-informative=1,2"},
	{"SDN.801 with a policy", "31 2a 31 28 30 26 80 09 60 86 48 01 65 02 01 08 01 a1 19 30 17 06 03 88 37 05 31 10 30 0e 06 03 88 37 01 30 07" +
		"a1 05 03 03 05 00 20", "sdn801/2.999.5:2.999.1:restrictive=10"},
	{"SDN.801 with a level of its own", "3124312230208009608648016502010801a1133111300f06038837013008a106020103030100",
		`type:2.16.840.1.101.2.1.8.1="MREwDwYDiDcBMAihBgIBAwMBAA=="`},
	{"STANAG 4406", "31 14 31 12 30 10 80 08 2b 1a 00 a2 36 00 06 01 a1 04 04 02 05 00", `type:1.3.26.0.4406.0.6.1="BAIFAA=="`},
	{"what no standard knows", "31 06 02 01 02 87 01 05", "class=2; unknown=hwEF"},
}

func TestLabels(t *testing.T) {
	for _, c := range every {
		t.Run(c.name, func(t *testing.T) {
			in := octets(t, c.octets)
			l, err := Decode(in)
			if err != nil {
				t.Fatal(err)
			}
			if got := l.Text(nil); got != c.text {
				t.Errorf("text %q\nwant %q", got, c.text)
			}
			back, err := Parse(l.String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !back.Equal(l) {
				t.Errorf("%v read back is %v", l, back)
			}
			der(t, l)
			der(t, back)
		})
	}
}

// der sees that the encoding of a label is in the order of DER, and stable.
func der(t *testing.T, l *Label) []byte {
	t.Helper()
	out, err := l.DER()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(out)
	if err != nil {
		t.Fatalf("% x: %v", out, err)
	}
	if !again.Equal(l) {
		t.Fatalf("%v became %v", l, again)
	}
	twice, err := again.DER()
	if err != nil || !bytes.Equal(out, twice) {
		t.Fatalf("% x, then % x, %v", out, twice, err)
	}
	var set struct {
		_   ber.Set
		All []ber.Raw `ber:"..."`
	}
	if _, err := ber.Unmarshal(out, &set, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(set.All, func(a, b ber.Raw) int {
		return cmp.Or(cmp.Compare(a.Tag().Class, b.Tag().Class), cmp.Compare(a.Tag().Number, b.Tag().Number))
	}) {
		t.Fatalf("% x is not in order", out)
	}
	return out
}

// The tags of elements decide their order: INTEGER, OBJECT IDENTIFIER, UTF8String,
// SET, PrintableString, and what is not known by its tag.
func TestDERIsInOrder(t *testing.T) {
	l := &Label{
		Policy: "1.2.3", Classification: new(mts.Secret), PrivacyMark: "é",
		Categories: []Category{
			{Type: "1.9.9", Value: ber.Raw{5, 0}}, {Type: "1.2.9", Value: ber.Raw{5, 0}},
		},
		Unknown: []ber.Raw{{0x87, 0x00}, {0x01, 0x01, 0xff}},
	}
	want := octets(t, "31 26 01 01 ff 02 01 04 06 02 2a 03 0c 02 c3 a9"+
		"31 14 30 08 80 02 2a 09 a1 02 05 00 30 08 80 02 31 09 a1 02 05 00 87 00")
	if got := der(t, l); !bytes.Equal(got, want) {
		t.Errorf("% x\nwant % x", got, want)
	}
}

// What is wrong is an error that says where, and costs little.
func TestBadLabels(t *testing.T) {
	manyBits := append(octets(t, "30 82 20 0b 06 03 88 37 01 03 82 20 02 00"), bytes.Repeat([]byte{0xff}, 0x2001)...)
	for _, c := range []struct{ name, octets, says string }{
		{"empty", "", "truncated"},
		{"truncated", "31 06 06 01", "truncated"},
		{"no SET", "30 06 02 01 03 06 01 29", "unexpected"},
		{"more after it", "31 03 02 01 03 00", "1 octets too many, at octet 5"},
		{"negative", "31 03 02 01 ff", "classification -1"},
		{"huge classification", "31 07 02 05 01 00 00 00 00", "classification 4294967296"},
		{"twice", "31 06 02 01 03 02 01 04", "repeated"},
		{"two privacy marks", "31 06 13 01 41 0c 01 42", "two privacy marks"},
		{"not an integer", "31 1e 31 1c 30 1a 80 0a 60 86 48 01 65 02 01 08 03 04 a1 0c 30 0a 06 03 88 37 01 31 03 04 01 05", "where an INTEGER belongs"},
		{"below zero", "31 1e 31 1c 30 1a 80 0a 60 86 48 01 65 02 01 08 03 04 a1 0c 30 0a 06 03 88 37 01 31 03 02 01 85", "category 1, 2.16.840.1.101.2.1.8.3.4: value 1: value out of range: INTEGER below zero"},
		{"the value of another syntax", "31 1e 31 1c 30 1a 80 0a 60 86 48 01 65 02 01 08 03 00 a1 0c 30 0a 06 03 88 37 01 31 03 02 01 05", "category 1"},
	} {
		l, err := Decode(octets(t, c.octets))
		if l != nil || err == nil || !strings.Contains(err.Error(), c.says) || diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v, of kind %v; want %q", c.name, err, diag.KindOf(err), c.says)
		}
	}
	hostile := mts.SecurityLabel{SecurityCategories: []mts.SecurityCategory{{Type: syntaxRestrictive, Value: manyBits}}}
	if _, err := FromMTS(&hostile); !errors.Is(err, ber.ErrLimit) {
		t.Errorf("bit 65535: %v", err)
	}
	hostile.SecurityCategories[0].Value = make(ber.Raw, maxOctets+1)
	if _, err := FromMTS(&hostile); !errors.Is(err, ber.ErrLimit) {
		t.Errorf("65 KiB: %v", err)
	}
	hostile.SecurityCategories = make([]mts.SecurityCategory, maxCategories+1)
	if _, err := FromMTS(&hostile); !errors.Is(err, ber.ErrLimit) {
		t.Errorf("257 categories: %v", err)
	}
	deep := bytes.Repeat([]byte{0x31, 0x80}, 20000)
	if _, err := Decode(deep); err == nil {
		t.Error("20000 levels are accepted")
	}
	if _, err := Decode(make([]byte, maxOctets+1)); !errors.Is(err, ber.ErrLimit) {
		t.Errorf("too long: %v", err)
	}
}

// An integer may exceed 64 bits, and stays what it is.
func TestBigValues(t *testing.T) {
	const big = "115792089237316195423570985008687907853269984665640564039457584007913129639935" // 2^256 - 1
	if _, err := Parse("2.999.1:enumerated-permissive="+big, nil); err == nil {
		t.Error("2 to the power of 256 is accepted")
	}
	if _, err := Parse("2.999.1:enumerated-permissive=57896044618658097711785492504343953926634992332820282019728792003956564819968", nil); err == nil {
		t.Error("2 to the power of 255 is accepted")
	}
	const most = "57896044618658097711785492504343953926634992332820282019728792003956564819967" // 2^255 - 1: 32 octets
	l, err := Parse("2.999.1:enumerated-permissive=7,"+most+",18446744073709551616", nil)
	if err != nil {
		t.Fatal(err)
	}
	der(t, l)
	if got := l.String(); got != "2.999.1:enumerated-permissive=7,18446744073709551616,"+most {
		t.Error(got)
	}
	if _, err := Parse("2.999.1:permissive=16384", nil); err == nil {
		t.Error("bit 16384 is accepted")
	}
}

func TestForX411AndESS(t *testing.T) {
	l := &Label{Classification: new(mts.Restricted), PrivacyMark: "für alle"}
	if _, err := l.ForESS(""); err == nil || !strings.Contains(err.Error(), "needs a policy") {
		t.Errorf("an ESS label without a policy: %v", err)
	}
	ess, err := l.ForESS("2.999.1")
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeESS(ess)
	if err != nil || back.Policy != "2.999.1" || back.PrivacyMark != l.PrivacyMark {
		t.Errorf("%v, %v", back, err)
	}
	if _, err := DecodeESS(octets(t, "31 03 02 01 03")); err == nil {
		t.Error("an ESS label without a policy is accepted")
	}
	w, lost, err := back.ForX411()
	if err != nil || w.PrivacyMark != "" || w.ESSPrivacyMark != "" || len(lost) != 1 || !strings.Contains(lost[0], "für alle") {
		t.Errorf("%v, lost %q, %v", w, lost, err)
	}
	back.PrivacyMark = strings.Repeat("A", 129)
	if _, lost, err = back.ForX411(); err != nil || len(lost) != 1 {
		t.Errorf("lost %q, %v", lost, err)
	}
	back.PrivacyMark = "FOR ALL"
	if w, lost, err = back.ForX411(); err != nil || lost != nil || w.PrivacyMark != "FOR ALL" {
		t.Errorf("%v, lost %q, %v", w, lost, err)
	}
	for _, over := range []*Label{
		{Classification: new(mts.SecurityClassification(257))},
		{Categories: make([]Category, 65)},
	} {
		if _, _, err := over.ForX411(); err == nil {
			t.Errorf("%v fits X.411", over)
		}
	}
	fields, err := mts.SetExt(nil, mts.ExtMessageSecurityLabel, w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OfMessage(fields)
	if err != nil || !got.Equal(back) {
		t.Errorf("the label of the message: %v, %v", got, err)
	}
	if got, err := OfMessage(nil); got != nil || err != nil {
		t.Errorf("a message without a label has %v, %v", got, err)
	}
	fields[0].Value = ber.Raw{0x31, 0x03, 0x02, 0x01, 0xff}
	if got, err := OfMessage(fields); got != nil || err == nil {
		t.Errorf("a negative classification: %v, %v", got, err)
	}
}

func TestEquivalentLabels(t *testing.T) {
	all, err := DecodeEquivalent(octets(t, "30 10 31 06 06 01 29 02 01 03 31 06 02 01 04 06 01 2a"))
	if err != nil || len(all) != 2 || all[1].Policy != "1.2" || *all[1].Classification != mts.Secret {
		t.Fatalf("%v, %v", all, err)
	}
	for _, bad := range []string{"31 00", "30 05 31 03 02 01 04", "30 02 05 00"} {
		if _, err := DecodeEquivalent(octets(t, bad)); err == nil || diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestEqual(t *testing.T) {
	parse := func(text string) *Label {
		l, err := Parse(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	a := parse("policy=2.999.1; class=4; 2.999.2:permissive=1; 2.999.3:restrictive=2")
	if !a.Equal(parse("policy=2.999.1; class=4; sdn801:2.999.3:restrictive=2; 2.999.2:permissive=1")) {
		t.Error("order and syntax count")
	}
	for _, other := range []string{
		"policy=2.999.1; class=3; 2.999.2:permissive=1; 2.999.3:restrictive=2",
		"policy=2.999.1; 2.999.2:permissive=1; 2.999.3:restrictive=2",
		"policy=2.999.2; class=4; 2.999.2:permissive=1; 2.999.3:restrictive=2",
		"policy=2.999.1; class=4; 2.999.2:permissive=1,3; 2.999.3:restrictive=2",
		"policy=2.999.1; class=4; 2.999.2:permissive=1; 2.999.3:enumerated-restrictive=2",
		"policy=2.999.1; class=4; 2.999.2:permissive=1",
		"policy=2.999.1; class=4; 2.999.2:permissive=1; 2.999.3:restrictive=2; mark=X",
	} {
		if a.Equal(parse(other)) || parse(other).Equal(a) {
			t.Errorf("%v equals %v", a, other)
		}
	}
	if a.Equal(nil) || (*Label)(nil).Equal(a) || !(*Label)(nil).Equal(nil) {
		t.Error("an absent label equals one that is there, or none")
	}
}

func TestClearances(t *testing.T) {
	for _, c := range []struct{ name, octets, text string }{
		{"RFC 5755", "30 09 06 03 88 37 01 03 02 03 f8", "policy=2.999.1; class=0,1,2,3,4"},
		{"the DEFAULT", "30 05 06 03 88 37 01", "policy=2.999.1; class=1"},
		{"explicitly empty", "30 08 06 03 88 37 01 03 01 00", "policy=2.999.1; class="},
		{"with tags", "30 09 80 03 88 37 01 81 02 03 f8", "policy=2.999.1; class=0,1,2,3,4"},
		{"categories", "30 26 06 03 88 37 01 03 02 03 08 31 1b 30 19 80 0a 60 86 48 01 65 02 01 08 03 02 a1 0b 30 09 06 03 88 37 01 03 02 06 40",
			"policy=2.999.1; class=4; 2.999.1:permissive=1"},
		{"categories with tags", "30 26 80 03 88 37 01 81 02 03 08 a2 1b 30 19 80 0a 60 86 48 01 65 02 01 08 03 02 a1 0b 30 09 06 03 88 37 01 03 02 06 40",
			"policy=2.999.1; class=4; 2.999.1:permissive=1"},
		{"SDN.801", "30 35 06 03 88 37 01 31 2e 30 2c 80 09 60 86 48 01 65 02 01 08 02 a1 1f 31 1d 30 1b 06 03 88 37 01 30 14" +
			"81 02 05 20 a2 06 02 01 09 02 01 0a 86 02 07 80 86 02 06 40",
			"policy=2.999.1; class=1; sdn801:2.999.1:restrictive=2; sdn801:2.999.1:enumerated=9,10; sdn801:2.999.1:permissive=0; sdn801:2.999.1:permissive=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := DecodeClearance(octets(t, c.octets))
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != c.text {
				t.Errorf("text %q, want %q", got, c.text)
			}
			out, err := got.DER()
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeClearance(out)
			if err != nil || !again.Equal(got) {
				t.Errorf("% x is %v, %v", out, again, err)
			}
			parsed, err := ParseClearance(c.text, nil)
			if err != nil || !parsed.Equal(got) {
				t.Errorf("parsed %v, %v", parsed, err)
			}
		})
	}
	for _, bad := range []string{"", "30 00", "31 05 06 03 88 37 01", "30 05 06 03 88 37 81", "30 06 06 03 88 37 01 05",
		"30 10 80 03 88 37 01 81 02 03 f8 83 05 00 00 00 00 00"} {
		if c, err := DecodeClearance(octets(t, bad)); err == nil || diag.KindOf(err) != diag.Data {
			t.Errorf("%q: %v, %v", bad, c, err)
		}
	}
}

// OpenSSL, which shares no code with us, sees in our octets what was meant.
func TestOpenSSLReadsLabels(t *testing.T) {
	l, err := Parse("policy=2.999.1; class=4; 2.999.2:permissive=1; mark=über alles", nil)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("openssl", "asn1parse", "-inform", "DER")
	cmd.Stdin = bytes.NewReader(der(t, l))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var shape []string
	for line := range strings.Lines(string(out)) {
		_, rest, _ := strings.Cut(line, ": ")
		shape = append(shape, strings.Join(strings.Fields(rest), " "))
	}
	want := []string{"SET", "INTEGER :04", "OBJECT :2.999.1", "UTF8STRING :über alles", "SET", "SEQUENCE",
		"cont [ 0 ]", "cont [ 1 ]", "SEQUENCE", "OBJECT :2.999.2", "BIT STRING"}
	if !slices.Equal(shape, want) {
		t.Errorf("openssl sees %q", shape)
	}
}

func TestSyntaxNames(t *testing.T) {
	for syntax, want := range map[asn1.OID]string{
		SyntaxSDN801: "SDN.801", syntaxPermissive: "ACP 145(A)", "1.3.26.0.4406.0.6.5": "STANAG 4406 eyes-only",
		"1.3.26.0.4406.0.6.8": "", "1.3.26.0.4406.0.6.0": "", "1.2.3": "",
	} {
		if got := SyntaxName(syntax); got != want {
			t.Errorf("%s is %q, want %q", syntax, got, want)
		}
	}
}

// A label of many tags is refused, in octets and in text: each costs whoever decides.
func TestTagsAreBounded(t *testing.T) {
	for n, ok := range map[int]bool{maxTags: true, maxTags + 1: false} {
		c := Category{Type: SyntaxSDN801, Policy: "2.999.1"}
		for range n {
			c.Tags = append(c.Tags, NewTag("2.999.1.1", Restrictive, "1"))
		}
		l := &Label{Policy: "2.999.1", Categories: []Category{c}}
		octets, err := l.DER()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(octets); (err == nil) != ok || err != nil && !errors.Is(err, ber.ErrLimit) {
			t.Errorf("%d tags: %v", n, err)
		}
		for _, element := range []string{"; 2.999.1.1:restrictive=1", "; sdn801:2.999.1.1:restrictive=1"} {
			if _, err := Parse("policy=2.999.1"+strings.Repeat(element, n), nil); (err == nil) != ok {
				t.Errorf("%d times %s: %v", n, element, err)
			}
		}
	}
}

// What the envelope has no place for is no difference; whatever restricts somebody is one.
func TestCarriedAs(t *testing.T) {
	long := strings.Repeat("x", ubPrivacyMark+1)
	for _, c := range []struct {
		signed, envelope string
		want             bool
	}{
		{"policy=2.999.1; class=4; mark=ANN", "policy=2.999.1; class=4; mark=ANN", true},
		{"policy=2.999.1; class=4; mark=für Ann", "policy=2.999.1; class=4", true},
		{"policy=2.999.1; class=4; mark=" + long, "policy=2.999.1; class=4", true},
		{"policy=2.999.1; class=4; mark=für Ann", "policy=2.999.1; class=4; mark=ANN", false},
		{"policy=2.999.1; class=4; mark=ANN", "policy=2.999.1; class=4", false},
		{"policy=2.999.1; class=4; mark=für Ann", "policy=2.999.1; class=3", false},
		{"policy=2.999.1; class=4", "policy=2.999.1; class=4; mark=für Ann", false},
	} {
		signed, err := Parse(c.signed, nil)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := Parse(c.envelope, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := signed.CarriedAs(envelope); got != c.want {
			t.Errorf("%s as %s: %v", c.signed, c.envelope, got)
		}
	}
	var none *Label
	if some := new(Label); !none.CarriedAs(nil) || some.CarriedAs(nil) || none.CarriedAs(some) {
		t.Error("no label")
	}
}

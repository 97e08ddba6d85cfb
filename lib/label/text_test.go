package label

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// What is wrong in a text is told with its place.
func TestBadTexts(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"policy", "at octet 7: a = is missing"},
		{"=1", "at octet 1: a name is missing"},
		{"class=4; policy=2.999.1", "at octet 10: the policy comes first"},
		{"policy=2.999.1; policy=2.999.1", "policy is given twice"},
		{"policy=ALLIANCE", "no object identifier, and no policy is loaded"},
		{"class=SECRET", "is no number, and no policy is loaded"},
		{"class=1,2", "takes one value"},
		{"class<=2", "class<= is for clearances"},
		{"mark<=2", "<= is for class alone"},
		{`mark="a`, "the closing quotation mark is missing"},
		{`mark="a"b`, "after a quoted text"},
		{`mark=a"b"`, "quote it whole"},
		{`mark="\q"`, "stands before"},
		{`mark="\xzz"`, "no octet"},
		{"Releasable=X", "no policy is loaded that knows"},
		{"2.999.1:sideways=1", "no policy is loaded"},
		{"2.999.1:permissive=x", "no whole number"},
		{"2.999.1:permissive=99999999999999999999", "no position of a bit"},
		{"1:2:3:4=5", "a category is"},
		{"sdn801:2.999.1:sideways=1", "no tag set and kind"},
		{"sdn801/x:2.999.1:permissive=1", "no object identifier"},
		{"type:1.2.3=!", "illegal base64"},
		{"type:1.2.3=BQ==", "truncated"},
		{"type:x=BQA=", "no object identifier"},
		{"type:2.16.840.1.101.2.1.8.3.0=BQA=", "unexpected"},
		{"unknown=BQAA", "too many"},
		{strings.Repeat("unknown=BQA=;", 1025), "more than 1024 elements"},
		{strings.Repeat("x", maxText+1), "a text of"},
	} {
		_, err := Parse(c.text, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || diag.KindOf(err) != diag.Data {
			t.Errorf("%.60q: %v, of kind %v; want %q", c.text, err, diag.KindOf(err), c.says)
		}
	}
	for _, c := range []struct{ text, says string }{
		{"class=1", "policy= is missing"},
		{"policy=2.999.1; class=16384", "beyond 16383"},
		{"policy=2.999.1; class<=SECRET", "needs a policy"},
		{"policy=2.999.1; mark=X", "not part of a clearance"},
		{"policy=2.999.1; Releasable=*", "no policy is loaded"},
	} {
		_, err := ParseClearance(c.text, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || diag.KindOf(err) != diag.Data {
			t.Errorf("%q: %v, of kind %v; want %q", c.text, err, diag.KindOf(err), c.says)
		}
	}
}

// Blanks, order and quotes are as one likes.
func TestTextsAreEasyGoing(t *testing.T) {
	want, err := Parse("policy=2.999.1; class=4; 2.999.2:permissive=1,2", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`policy = 2.999.1 ;class= 4;2.999.2 : permissive = 2 , 1 ;`,
		`policy="2.999.1"; 2.999.2:permissive=1,2,2; class=004`,
		"policy=2.999.1;\n  class=#4;\n  2.999.2:permissive=01,2\n",
	} {
		got, err := Parse(text, nil)
		if err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	several, err := Parse("sdn801/2.999.5:2.999.1:permissive=1; sdn801:2.999.1:permissive=1; sdn801/2.999.6:2.999.1:enumerated=1", nil)
	if err != nil || len(several.Categories) != 3 || several.Categories[0].Policy != "2.999.5" || several.Categories[1].Policy != "" {
		t.Fatalf("%v, %v", several, err)
	}
	der(t, several)
	if back, err := Parse(several.String(), nil); err != nil || !back.Equal(several) {
		t.Errorf("%v became %v, %v", several, back, err)
	}
	odd := &Label{PrivacyMark: " a;b=\"c\"\\ \x00\xff\u202eé"}
	got, err := Parse(odd.String(), nil)
	if err != nil || got.PrivacyMark != odd.PrivacyMark {
		t.Errorf("%s: %q, %v", odd, got.PrivacyMark, err)
	}
}

// A clearance keeps the policy that a category names, for it limits what is granted.
func TestClearanceKeepsPolicies(t *testing.T) {
	c, err := ParseClearance("policy=2.999.1; class=4; sdn801/2.999.5:2.999.1:permissive=1; sdn801:2.999.1:permissive=2", nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.DER()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeClearance(out)
	if err != nil || !back.Equal(c) || !strings.Contains(back.String(), "sdn801/2.999.5:2.999.1:permissive=1") {
		t.Errorf("%v became %v, %v", c, back, err)
	}
	c.Categories = []Category{{Type: SyntaxSDN801Clearance, Policy: "2.999.5", Tags: []Tag{NewTag("2.999.1", Permissive, "1")}}}
	if out, err := c.DER(); err == nil {
		t.Errorf("the policy is left out: % x", out)
	}
}

// Whatever octets come, they are a label or an error of kind Data; a label has a text
// that reads back as the same label, and an encoding that does.
func FuzzDecode(f *testing.F) {
	for _, c := range every {
		f.Add(octets(f, c.octets))
	}
	f.Add([]byte("1\x1e\x7f\xff\xff\xff0\n0000000000\xa1\f000000000000")) // a tag with a large number
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := Decode(in)
		if err != nil {
			if diag.KindOf(err) != diag.Data {
				t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
			}
			return
		}
		back, err := Parse(l.String(), nil)
		if err != nil || !back.Equal(l) {
			t.Fatalf("%s: %v, %v", l, back, err)
		}
		if _, err := l.DER(); err == nil {
			der(t, l)
		}
		if _, _, err := l.ForX411(); err != nil && diag.KindOf(err) != diag.Data {
			t.Fatal(err)
		}
	})
}

// The same of clearances.
func FuzzDecodeClearance(f *testing.F) {
	f.Add(octets(f, "30 26 06 03 88 37 01 03 02 03 08 31 1b 30 19 80 0a 60 86 48 01 65 02 01 08 03 02 a1 0b 30 09 06 03 88 37 01 03 02 06 40"))
	f.Add(octets(f, "30 09 80 03 88 37 01 81 02 03 f8"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := DecodeClearance(in)
		if err != nil {
			if diag.KindOf(err) != diag.Data {
				t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
			}
			return
		}
		back, err := ParseClearance(c.String(), nil)
		if err != nil || !back.Equal(c) {
			t.Fatalf("%s: %v, %v", c, back, err)
		}
		out, err := c.DER()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := DecodeClearance(out); err != nil || !again.Equal(c) {
			t.Fatalf("%v became %v, %v", c, again, err)
		}
	})
}

// Whatever text comes, it is a label or an error of kind Data; of a label the text
// form is stable.
func FuzzParse(f *testing.F) {
	for _, c := range every {
		f.Add(c.text)
	}
	f.Add(`policy="2.999.1"; mark="\x00\"\\"; sdn801/2.999.5:2.999.1:permissive=1`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (string, error){
			func(s string) (string, error) {
				l, err := Parse(s, nil)
				if err != nil {
					return "", err
				}
				return l.String(), nil
			},
			func(s string) (string, error) {
				c, err := ParseClearance(s, nil)
				if err != nil {
					return "", err
				}
				return c.String(), nil
			},
		} {
			once, err := parse(text)
			if err != nil {
				if diag.KindOf(err) != diag.Data {
					t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
				}
				continue
			}
			if twice, err := parse(once); err != nil || twice != once {
				t.Fatalf("%q became %q, %v", once, twice, err)
			}
		}
	})
}

func TestParseAny(t *testing.T) {
	for _, in := range []string{
		"\x31\x06\x06\x01\x29\x02\x01\x03", "31 06 06 01 29\n02 01 03\n", "310606012902 0103", "MQYGASkCAQM=", "MQYGA\r\n SkCAQM=\n", "policy=1.1; class=3\n",
	} {
		l, err := ParseAny([]byte(in), nil)
		if err != nil || l.String() != "policy=1.1; class=3" {
			t.Errorf("%q: %v, %v", in, l, err)
		}
	}
	// What only looks like an encoding is a text; what is one is not read as a text.
	if l, err := ParseAny([]byte("1.2.3:restrictive=1"), nil); err != nil || l.String() != "1.2.3:restrictive=1" {
		t.Errorf("%v, %v", l, err)
	}
	for in, says := range map[string]string{"31 06 06 01": "truncated", "\x31\x06\x06\x01": "truncated", "MQYGASkCAQ": "a = is missing", "MEOW=": "no policy is loaded", " \n": "an empty text is none"} {
		if l, err := ParseAny([]byte(in), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, %v; want %q", in, l, err, says)
		}
	}
	for _, in := range []string{"30 09 06 03 88 37 01 03 02 03 f8", "MAkGA4g3AQMCA/g=", "policy=2.999.1; class=0,1,2,3,4"} {
		c, err := ParseAnyClearance([]byte(in), nil)
		if err != nil || c.String() != "policy=2.999.1; class=0,1,2,3,4" {
			t.Errorf("%q: %v, %v", in, c, err)
		}
	}
}

func TestParseField(t *testing.T) {
	l, ok, err := ParseField(" MQYGA\r\n\tSkCAQM=\r\n")
	if err != nil || !ok || l.String() != "policy=1.1; class=3" {
		t.Errorf("%v, %v, %v", l, ok, err)
	}
	for _, marking := range []string{"", "ALLIANCE SECRET", "RESTRICTED", "MIDDLING", "AAAA"} {
		if l, ok, err := ParseField(marking); l != nil || ok || err != nil {
			t.Errorf("%q is base64: %v, %v, %v", marking, l, ok, err)
		}
	}
	if l, ok, err := ParseField("MQMCAf8="); l != nil || !ok || err == nil {
		t.Errorf("a negative classification: %v, %v, %v", l, ok, err)
	}
}

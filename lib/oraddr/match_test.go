package oraddr

import (
	"slices"
	"testing"
)

func mustParse(t testing.TB, s string) Address {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		equal      bool
	}{
		{"itself", "S=x; A=a; C=GB", "S=x; A=a; C=GB", true},
		{"case and spaces", "S=van  der Berg; A=a; C=gb", "s=VAN DER BERG; A=A; C=GB", true},
		{"spaces at the ends", "S={032}x{032}; A=a; C=GB", "S=x; A=a; C=GB", true},
		{"another value", "S=x; A=a; C=GB", "S=y; A=a; C=GB", false},
		{"one more attribute", "S=x; A=a; C=GB", "G=g; S=x; A=a; C=GB", false},
		{"country by code", "S=x; A=a; C=234", "S=x; A=a; C=GB", true},
		{"country by another code", "S=x; A=a; C=310", "S=x; A=a; C=311", true},
		{"country by unknown code", "S=x; A=a; C=999", "S=x; A=a; C=GB", false},
		{"no ADMD and space", "S=x; C=GB", "S=x; A= ; C=GB", true},
		{"space and zero", "S=x; A=0; C=GB", "S=x; A= ; C=GB", false},
		{"printable and teletex", "S=x; A=a; C=GB", "S=*x; A=a; C=GB", true},
		{"teletex and universal", "S=Müller; A=a; C=GB", "S=*M{200}uller; A=a; C=GB", true},
		{"printable before others", "S=Muller*M{200}uller; A=a; C=GB", "S=muller; A=a; C=GB", true},
		{"language", "S=**Müller*de; A=a; C=GB", "S=Müller; A=a; C=GB", true},
		{"units in another order", "OU1=a; OU2=b; A=a; C=GB", "OU1=b; OU2=a; A=a; C=GB", false},
		{"DDA type in another case", "DDA:RFC-822=u; A=a; C=GB", "DDA:rfc-822=U; A=a; C=GB", true},
		{"DDAs in another order", "DDA:a=1; DDA:b=2; A=a; C=GB", "DDA:b=2; DDA:a=1; A=a; C=GB", false},
		{"the quoting cannot be forged", "O=a/S$=b; A=a; C=GB", "O=a; S=b; A=a; C=GB", false},
		{"attributes are not each other", "O=x; A=a; C=GB", "OU1=x; A=a; C=GB", false},
		{"extras in any order", "EXT.90=0500; EXT.91=0500; A=a; C=GB", "EXT.91=0500; EXT.90=0500; A=a; C=GB", true},
		{"other extras", "EXT.90=0500; A=a; C=GB", "EXT.90=0100; A=a; C=GB", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := mustParse(t, c.a), mustParse(t, c.b)
			if a.Equal(b) != c.equal || b.Equal(a) != c.equal {
				t.Errorf("keys %q and %q", a.Key(), b.Key())
			}
		})
	}
}

func TestAlpha2(t *testing.T) {
	for code, want := range map[string]string{"234": "GB", "208": "FR", "748": "UY", "202": "GR", "203": "203",
		"411": "PK", "640": "TZ", "725": "BR", "220": "220", "340": "340", "362": "362", "GB": "GB", "": "", "2345": "2345"} {
		if got := Alpha2(code); got != want {
			t.Errorf("%s: %s, want %s", code, got, want)
		}
	}
	if !slices.IsSortedFunc(dataCountryCodes[:], func(a, b [2]string) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	}) {
		t.Error("the table is not sorted")
	}
	for _, row := range dataCountryCodes {
		if len(row[0]) != 3 || row[0][0] < '2' || row[0][0] > '7' || len(row[1]) != 2 || Alpha2(row[0]) != row[1] {
			t.Errorf("%v is no pair of a data country code and letters", row)
		}
	}
}

// TestPattern proves what matches and, if it does not, what is said.
func TestPattern(t *testing.T) {
	const ann = "G=Ann; S=Smith; O=Org; OU1=Sales; OU2=North; P=ALPHA; A=TEST; C=GB"
	for _, c := range []struct{ name, pattern, address, why string }{
		{"itself", ann, ann, ""},
		{"less", "/PRMD=alpha/ADMD=test/C=gb/", ann, ""},
		{"other PRMD", "/PRMD=BRAVO/ADMD=TEST/C=GB/", ann, "PRMD is ALPHA, not BRAVO"},
		{"most significant first", "/S=Jones/PRMD=BRAVO/ADMD=TEST/C=GB/", ann, "PRMD is ALPHA, not BRAVO"},
		{"missing", "/CN=x/C=GB/", ann, "CN is missing, not x"},
		{"presence", "/O=*/C=GB/", ann, ""},
		{"no presence", "/CN=*/C=GB/", ann, "CN is missing"},
		{"absence", "/CN=/C=GB/", ann, ""},
		{"no absence", "/O=/C=GB/", ann, "O is Org, not absent"},
		{"beginning", "/S=Sm*/C=GB/", ann, ""},
		{"end", "/S=*th/C=GB/", ann, ""},
		{"middle", "/S=S*i*h/C=GB/", ann, ""},
		{"no overlap", "/S=Smit*ith/C=GB/", ann, "S is Smith, not Smit*ith"},
		{"any of the middle", "/S=*x*/C=GB/", ann, "S is Smith, not *x*"},
		{"space before the wild card", "S=van *; C=GB", "S=Van  Berg; A=a; C=GB", ""},
		{"space is a character", "S=van *; C=GB", "S=Vandal; A=a; C=GB", "S is Vandal, not van *"},
		{"first unit", "/OU=Sales/O=Org/C=GB/", ann, ""},
		{"first unit is not the second", "/OU=North/O=Org/C=GB/", ann, "OU1 is Sales, not North"},
		{"both units", "/OU=N*/OU=Sales/O=Org/C=GB/", ann, ""},
		{"both units, most significant first", "/C=GB/O=Org/OU=Sales/OU=N*/", ann, ""},
		{"second unit", "OU2=North; C=GB", ann, ""},
		{"third unit", "OU3=x; C=GB", ann, "OU3 is missing, not x"},
		{"country code", "C=234", ann, ""},
		{"any ADMD", "/ADMD=*/C=GB/", "S=x; C=GB", ""},
		{"space ADMD", "/ADMD=/C=GB/", "S=x; C=GB", ""},
		{"space ADMD is no other", "/ADMD= /C=GB/", ann, `ADMD is TEST, not " "`},
		{"other ADMD is no space", "/ADMD=TEST/C=GB/", "S=x; C=GB", `ADMD is " ", not TEST`},
		{"DDA", "/DD.RFC-822=*@example.com/C=GB/", "DDA:x=y; DDA:rfc-822=fred{064}EXAMPLE.com; A=a; C=GB", ""},
		{"other DDA", "/DD.RFC-822=*(a)y/C=GB/", "DDA:RFC-822=fred(a)x; A=a; C=GB", "DDA:rfc-822 is fred(a)x, not *(a)y"},
		{"no DDA", "/RFC-822=*/C=GB/", ann, "DDA:rfc-822 is missing"},
		{"teletex variant", "S=müller; C=GB", "S=Muller*M{200}uller; A=a; C=GB", ""},
		{"printable variant", "S=m*r; C=GB", "S=Muller*M{200}uller; A=a; C=GB", ""},
		{"terminal type", "T-TY=ia5-terminal; C=GB", "X121=1; T-TY=7; A=a; C=GB", ""},
		{"everything", "C=*", ann, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := ParsePattern(c.pattern)
			if err != nil {
				t.Fatal(err)
			}
			ok, why := p.Match(mustParse(t, c.address))
			if ok != (c.why == "") || why != c.why {
				t.Errorf("%v, %q, want %q", ok, why, c.why)
			}
			if p.String() != c.pattern {
				t.Errorf("written as %q", p)
			}
		})
	}
	if ok, _ := (Pattern{}).Match(mustParse(t, ann)); !ok {
		t.Error("the zero pattern does not match")
	}
}

func TestPatternErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "at 0: the address is empty",
		"FOO=x":            "FOO at 0: unknown label",
		"S=a; S=*":         "S at 5: given twice",
		"PN=a.b":           "PN at 0: not in a pattern",
		"EXT.90=0500":      "EXT.90 at 0: not in a pattern",
		"PD-A1=x":          "PD-A1 at 0: not in a pattern",
		"OU=a; OU2=b":      "OU at 0: numbered and unnumbered ones may not be mixed",
		"OU1=a; OU1=b":     "OU1 at 7: given twice",
		"/OU=a/O=o/OU=b/":  "OU at 0: organizational units on both sides of O: which is the most significant?",
		"S={1}":            "S at 0: offset 0: an escape holds decimal triplets, 000 to 255",
		"DDA:{1}=x":        "DDA:{1} at 0: offset 0: an escape holds decimal triplets, 000 to 255",
		"DDA:a=b; DD.A=c ": "DD.A at 9: given twice",
	} {
		if _, err := ParsePattern(text); err == nil || err.Error() != "oraddr: parse pattern: "+want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestWeight proves the order of the longest match: each pattern says more than
// the one before it.
func TestWeight(t *testing.T) {
	order := []string{
		"C=*",
		"C=G*",
		"C=GB",
		"C=GB; P=*",
		"C=GB; A=*",
		"C=GB; A=*; P=*",
		"C=GB; P=AL*",
		"C=GB; S=Smith",
		"C=GB; P=ALPHA",
		"C=GB; A=TEST",
		"C=GB; A=TEST; P=*",
		"C=GB; A=TEST; P=ALPHA",
		"C=GB; A=TEST; P=ALPHA; O=O*",
		"C=GB; A=TEST; P=ALPHA; O=Org",
		"C=GB; A=TEST; P=ALPHA; O=Org; S=*",
		"C=GB; A=TEST; P=ALPHA; O=Org; DDA:x=y",
		"C=GB; A=TEST; P=ALPHA; O=Org; S=Smith",
		"C=GB; A=TEST; P=ALPHA; O=Org; OU2=b",
		"C=GB; A=TEST; P=ALPHA; O=Org; OU1=a",
		"C=GB; A=TEST; P=ALPHA; O=Org; OU1=a; OU2=b",
	}
	last := Pattern{}
	for _, text := range order {
		p, err := ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if p.Weight() <= last.Weight() {
			t.Errorf("%q weighs %d, no more than %q with %d", p, p.Weight(), last, last.Weight())
		}
		last = p
	}
}

package oraddr

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// TestASCIIOf: the examples of RFC 2156 §3.4, and what is none.
func TestASCIIOf(t *testing.T) {
	for value, want := range map[string]string{
		"a demo.": "a demo.", "foo(a)bar": "foo@bar", "(q)(u)(p)(q)": `"_%"`, "(a)": "@", "(A)": "@", "(l)a(r)": "(a)", "(126)": "~", "(": "(",
		"(128)": "(128)", "(+12)": "(+12)", "(x)": "(x)", "(1": "(1", "(12)": "(12)", "b(b)c": "b!c", "((a)": "(@",
	} {
		if got := asciiOf(value); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

// TestRFC822: of every attribute in every variant it is told which address it is, or that nobody
// can tell.
func TestRFC822(t *testing.T) {
	one := func(typ, value string) Address { return Address{DDA: []DDA{{"X", "no(a)one.org"}, {typ, value}}} }
	teletex, universal := one("RFC-822", "a(a)b"), one("RFC-822", "a(a)b")
	teletex.Teletex.DDA = []TeletexDDA{{}, {"rfc-822", "c@d"}}
	universal.Universal.DDA = []UniversalDDA{{}, {Localized{Text: "RFC-822"}, Localized{Text: "c@d"}}}
	only := Address{Universal: Universal{DDA: []UniversalDDA{{Localized{Text: " rfc-822 "}, Localized{Text: "c@d."}}}}}
	for name, c := range map[string]struct {
		of    Address
		want  string
		whole bool
	}{
		"none":               {one("Y", "a(a)b"), "", true},
		"no address":         {Address{}, "", true},
		"one":                {one("rfc-822", "Ann.B(a)Example.com"), "Ann.B@Example.com", true},
		"final dot":          {one("RFC-822", "a(a)b.c."), "a@b.c", true},
		"percent":            {one("RFC-822", "a(p)b(a)c"), "a%b@c", true},
		"two":                {Address{DDA: []DDA{{"RFC-822", "a(a)b"}, {"RFC-822", "c(a)d"}, {"RFC-822", "a(a)b"}}}, "a@b c@d", true},
		"teletex":            {teletex, "a@b c@d", true},
		"universal":          {universal, "a@b c@d", true},
		"universal only":     {only, "c@d", true},
		"one of two unclear": {Address{DDA: []DDA{{"RFC-822", "a(a)b"}, {"RFC-822", "c"}}}, "a@b", false},
		"phrase":             {one("RFC-822", "Ann (060)a(a)b(062)"), "", false},
		"brackets":           {one("RFC-822", "(060)a(a)b(062)"), "", false},
		"route":              {one("RFC-822", "(a)c,(a)d:a(a)b"), "", false},
		"quoted":             {one("RFC-822", "(q)a(q)(a)b"), "", false},
		"comment":            {one("RFC-822", "a(l)x(r)(a)b"), "", false},
		"literal":            {one("RFC-822", "a(a)(091)192.0.2.1(093)"), "", false},
		"space":              {one("RFC-822", "a(a) b"), "", false},
		"line":               {one("RFC-822", "a(a)b(010)"), "", false},
		"two dots":           {one("RFC-822", "a(a)b.."), "", false},
		"empty name":         {one("RFC-822", "a(a)b..c"), "", false},
		"no domain":          {one("RFC-822", "a(a)"), "", false},
		"no local part":      {one("RFC-822", "(a)b"), "", false},
		"no at":              {one("RFC-822", "b.c"), "", false},
		"two at":             {one("RFC-822", "a(a)b(a)c"), "", false},
		"no ASCII":           {Address{Universal: Universal{DDA: []UniversalDDA{{Localized{Text: "RFC-822"}, Localized{Text: "a@b\u3002c"}}}}}, "", false},
		"goes on":            {Address{DDA: []DDA{{"RFC-822", "a(a)b"}, {"RFC822C1", ".c"}}}, "a@b", false},
	} {
		got, err := c.of.RFC822()
		if strings.Join(got, " ") != c.want || (err == nil) != c.whole || err != nil && diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

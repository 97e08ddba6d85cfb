package charset

import (
	"testing"

	"pgregory.net/rapid"
)

func TestEncodePrintable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Smith, A.", "Smith, A."},
		{"ann@example_x", "ann(a)example(u)x"},
		{`50%! "a"(b)`, "50(p)(b) (q)a(q)(l)b(r)"},
		{"a*b$", "a(042)b(036)"},
		{"é", "(195)(169)"},
	} {
		if got := EncodePrintable(c.text); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
		if got := DecodePrintable(c.want); got != c.text {
			t.Errorf("%q back: %q, want %q", c.want, got, c.text)
		}
	}
	for _, s := range []string{"(x)", "(256)", "(12)", "(", "(a", "(+12)"} {
		if got := DecodePrintable(s); got != s {
			t.Errorf("%q is no escape, and became %q", s, got)
		}
	}
}

func TestPrintableRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		encoded := EncodePrintable(s)
		for i := range len(encoded) {
			if !inPrintable(encoded[i]) {
				t.Fatalf("%q in %q", encoded[i], encoded)
			}
		}
		if got := DecodePrintable(encoded); got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

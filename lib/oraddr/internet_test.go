package oraddr

import "testing"

// TestRFC822: the examples of RFC 2156 §3.4, and what is none.
func TestRFC822(t *testing.T) {
	for value, want := range map[string]string{
		"a demo.": "a demo.", "foo(a)bar": "foo@bar", "(q)(u)(p)(q)": `"_%"`, "(a)": "@", "(A)": "@", "(l)a(r)": "(a)", "(126)": "~", "(": "(",
		"(128)": "(128)", "(+12)": "(+12)", "(x)": "(x)", "(1": "(1", "(12)": "(12)", "b(b)c": "b!c", "((a)": "(@",
	} {
		a := Address{C: "GB", DDA: []DDA{{"X", "no(a)one"}, {"rfc-822", value}}}
		if got := a.RFC822(); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
	a := Address{C: "GB", DDA: []DDA{{"X", "no(a)one"}}}
	if got := a.RFC822(); got != "" {
		t.Errorf("without one: %q", got)
	}
}

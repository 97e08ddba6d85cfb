package rule

import "testing"

// Codes that are said are those of a rule that says the same.
func TestCodesAreThoseOfRules(t *testing.T) {
	for _, c := range []struct{ reason, diagnostic string }{
		{"", ""}, {"unable-to-transfer", ""}, {"", "content-too-long"}, {"5", "none"}, {"restricted-delivery", "300"}, {"", "none"},
	} {
		text := "a: then refuse"
		if c.reason != "" {
			text += " reason " + c.reason
		}
		if c.diagnostic != "" {
			text += " diagnostic " + c.diagnostic
		}
		rules, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if r, d, err := Codes(c.reason, c.diagnostic); err != nil || r != rules[0].Action.Reason || d != rules[0].Action.Diagnostic {
			t.Errorf("%s: %v %v %v", text, r, d, err)
		}
	}
	for _, c := range []struct{ reason, diagnostic string }{{"x", ""}, {"", "x"}, {"none", ""}, {"-1", ""}, {"", "32768"}} {
		if r, d, err := Codes(c.reason, c.diagnostic); err == nil {
			t.Errorf("%v: %v %v", c, r, d)
		}
	}
}

package conf

import (
	"strings"
	"testing"
)

// What RFC 1801, appendix E, says of each construction.
func TestRegexOfRFC1801AppendixE(t *testing.T) {
	for _, tt := range []struct {
		expression string
		yes, no    string // texts, separated by spaces
	}{
		{"^9262", "92621234 9262", "19262 926"},
		{"abc", "ABC xabcx aBc", "ab"}, // case does not matter
		{"", "a 1", ""},
		{"a.c", "abc a-c", "ac"},
		{`a\.c`, "a.c", "abc"},
		{"a^b", "a^b", "ab"}, // not at the start
		{"a$b", "a$b", "ab"}, // not at the end
		{"^ab$", "ab AB", "abc xab"},
		{"x(^a|b$)y", "", "xay xby"},
		{"[abcxyz]", "a Z", "d"},
		{"^[^45678]$", "a 9", "4 8"},
		{"^[4^]$", "^ 4", "5"},
		{"^[]a]$", "] a", "b"},
		{"^[^]a]$", "b", "] a"},
		{"^[0-9]+$", "0 42", "a"},
		{"^[-a]$", "- a", "b"},
		{"^[a-]$", "- a", "b"},
		{`^[\]$`, `\`, "a"}, // ordinary between brackets
		{"^[[:x]$", "[ : x", "y"},
		{"^[a-z][a-z]*$", "a ab", "a1"},
		{"^[a-z]?[0-9]*$", "a12 12 a", "ab"},
		{"^a{2}$", "aa", "a aaa"},
		{"^a{2,}$", "aa aaa", "a"},
		{"^a{0,2}$", "a aa", "aaa"},
		{"^a|b$", "ax xb", "xax"},
		{"^a\nb$", "ax xb", "xax"},
		{"^(ab|c)d$", "abd cd", "d abc"},
		{`^\d`, "", ""},
	} {
		re, err := CompileRegex(tt.expression)
		if tt.yes == "" && tt.no == "" {
			if err == nil {
				t.Errorf("%q is taken", tt.expression)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", tt.expression, err)
			continue
		}
		for _, text := range strings.Fields(tt.yes) {
			if !re.MatchString(text) {
				t.Errorf("%q does not match %q", tt.expression, text)
			}
		}
		for _, text := range strings.Fields(tt.no) {
			if re.MatchString(text) {
				t.Errorf("%q matches %q", tt.expression, text)
			}
		}
	}
}

// What is no expression of the appendix is refused, and says where.
func TestRegexErrors(t *testing.T) {
	for expression, want := range map[string]string{
		`\d`:                     "octet number 1: a backslash",
		`a\`:                     "octet number 2: a backslash",
		"a[bc":                   "octet number 2: a square bracket that is not closed",
		"a{":                     "octet number 2: a brace that is not closed",
		"a{256}":                 "octet number 2: {256} is no range of occurrences from 0 to 255",
		"a{x}":                   "octet number 2: {x} is no range",
		"(?i)a":                  "octet number 2: nothing is there to be repeated",
		"a**":                    "octet number 3: two closures in a row",
		"a*?":                    "octet number 3: two closures in a row",
		"*":                      "missing argument to repetition operator",
		"(a":                     "missing closing )",
		"[z-a]":                  "invalid character class range",
		"((a{200}){200}){200}":   "",
		strings.Repeat("a", 257): "257 octets; a regular expression has at most 256",
	} {
		if _, err := CompileRegex(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", expression, err, want)
		}
	}
}

// No text makes the compiler fail otherwise than with an error.
func FuzzRegex(f *testing.F) {
	for _, seed := range []string{"^9262", "[]a]", "(a|b){2,3}$", `\.`, "a$b^c"} {
		f.Add(seed, "text")
	}
	f.Fuzz(func(t *testing.T, expression, text string) {
		if re, err := CompileRegex(expression); err == nil {
			re.MatchString(text)
		}
	})
}

package wild

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestMatch compares with regular expressions.
func TestMatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab*]{0,8}`).Draw(t, "pattern")
		text := rapid.StringMatching(`[ab]{0,8}`).Draw(t, "text")
		want := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$").MatchString(text)
		if got := Match(strings.Split(pattern, "*"), text); got != want {
			t.Fatalf("%q and %q: %v", pattern, text, got)
		}
	})
}

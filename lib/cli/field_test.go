package cli

import (
	"testing"
	"time"
)

// A column is never empty and never has more than one column in it.
func TestField(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{"", "-"}, {"a b", "a b"}, {"a\tb\nc\x7f", "a b c "}, {"ä€", "ä€"}, {"a\xffb", "a\uFFFDb"},
		{"\x1b[2Ja\u009b31m", " [2Ja 31m"}, {"gpj.\u202eexe", "gpj.\uFFFDexe"}, {"a\u2066b\u2028c\u200bd\U000E0041", "a\uFFFDb\uFFFDc\uFFFDd\uFFFD"}, {"می\u200cخواهم", "می\u200cخواهم"},
		{0, "0"}, {-7, "-7"}, {int64(1) << 40, "1099511627776"}, {true, "true"}, {1.5, "1.5"},
		{time.Time{}, "-"}, {time.Date(2026, 11, 27, 12, 0, 0, 0, time.FixedZone("", 3600)), "2026-11-27T11:00:00Z"},
	} {
		if got := Field(c.v); got != c.want {
			t.Errorf("%v is %q, not %q", c.v, got, c.want)
		}
	}
}

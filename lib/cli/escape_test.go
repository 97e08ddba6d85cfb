package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// What a terminal would obey, or what turns text around, stands escaped in JSON, and is the same for
// whoever reads it.
func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{
		"Zoë € \uFFFD":                "Zoë € \uFFFD",
		"gpj.\u202eexe\u2066\u2069":   `gpj.\u202eexe\u2066\u2069`,
		"a\u009b31mb":                 `a\u009b31mb`,
		"\u200b\U000E0041":            `\u200b\udb40\udc41`,
		"می\u200cخواهم":               "می\u200cخواهم",
		"\u200e\u061c\u2028\u00ad":    `\u200e\u061c\u2028\u00ad`,
		"\U0001F600 plain\x7f":        "\U0001F600 plain\x7f",
		"\x1b[2J, which it escapes":   `\u001b[2J, which it escapes`,
		"octets \xff that are no one": `octets \ufffd that are no one`,
	} {
		var out bytes.Buffer
		p := &Printer{w: bufio.NewWriter(&out), asJSON: true}
		if err := errors.Join(p.Record(text), p.Flush()); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(out.String(), "\n"); got != `"`+want+`"` {
			t.Errorf("%q: %s, not %s", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if n, err := (escaper{&out}).Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != text {
			t.Fatalf("%q became %q: %v", text, out.String(), err)
		}
		for _, r := range out.String() {
			if r >= utf8.RuneSelf && deceptive(r) {
				t.Fatalf("%q has %U", out.String(), r)
			}
		}
	})
}

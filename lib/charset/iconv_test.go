package charset

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// iconv converts each of the characters by itself, with the C library's own table; what
// it has no octets for is nil.
func iconv(t *testing.T, charset string, runes []rune) [][]byte {
	t.Helper()
	var in strings.Builder
	for _, r := range runes {
		in.WriteRune(r)
		in.WriteByte('\n')
	}
	cmd := exec.Command("iconv", "-c", "-f", "UTF-8", "-t", charset)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output() // exit status 1 tells that something was left out
	lines := bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
	if len(lines) != len(runes) {
		t.Fatalf("iconv: %v: %d lines of %d", err, len(lines), len(runes))
	}
	for i, l := range lines {
		if len(l) == 0 {
			lines[i] = nil
		}
	}
	return lines
}

// TestT61AgainstIconv holds the table to that of the C library, which is not ours, in
// both directions, over the whole Basic Multilingual Plane. Where they differ is
// written down here.
func TestT61AgainstIconv(t *testing.T) {
	var runes []rune
	for r := rune(' '); r <= 0xffff; r++ {
		if !unicode.IsControl(r) && !unicode.Is(unicode.Cs, r) && norm.NFC.IsNormalString(string(r)) {
			runes = append(runes, r)
		}
	}
	shared := 0
	for i, theirs := range iconv(t, "T.61-8BIT", runes) {
		r := runes[i]
		ours, err := EncodeT61(string(r))
		switch {
		case r == 'Ð':
			// 14/2 is the D with a stroke and the Icelandic letter alike. To iconv it is
			// the latter; the other is more common, and pairs with the small letter in 15/2.
			if err == nil || DecodeT61(theirs) != "Đ" {
				t.Errorf("%q: % x, iconv % x", r, ours, theirs)
			}
		case r == 'Đ':
			if err != nil || ours[0] != 0xe2 {
				t.Errorf("%q: % x, %v", r, ours, err)
			}
		case r == 'Ω':
			// The ohm sign is the same letter in NFC; iconv has the sign alone.
			if err != nil || ours[0] != 0xe0 {
				t.Errorf("%q: % x, %v", r, ours, err)
			}
		case theirs != nil:
			shared++
			if err != nil || !bytes.Equal(ours, theirs) || DecodeT61(theirs) != string(r) {
				t.Errorf("%q: % x, %v; iconv has % x, which decodes to %q", r, ours, err, theirs, DecodeT61(theirs))
			}
		case err == nil && (len(ours) != 2 || ours[0]>>4 != 0xc):
			// Marks before letters with which T.61 does not list them are decoded, and
			// sent; iconv knows the combinations that T.61 lists. Nothing else.
			t.Errorf("%q: % x; iconv has nothing", r, ours)
		}
	}
	if shared < 300 {
		t.Errorf("only %d characters in common", shared)
	}
}

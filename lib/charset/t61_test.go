package charset

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestT61(t *testing.T) {
	for _, c := range []struct {
		name, octets, text string
	}{
		{"ascii", "Hello, world", "Hello, world"},
		{"line", "a\r\nb", "a\r\nb"},
		{"umlaut", "M\xc8uller", "Müller"},
		{"sharp s", "Stra\xfbe", "Straße"},
		{"spacing acute", "\xc2 x", "´x"},
		{"tilde", "\xc4 x", "~x"},
		{"hash and dollar", "\xa6\xa4", "#$"},
		{"ring and stroke", "\xcaA\xe9", "ÅØ"},
		{"ae acute", "\xc2\xf1", "ǽ"},
		{"no composed form", "\xc2q", "q\u0301"},
		{"yen", "\xa5", "¥"},
		{"ohm", "\xe0", "Ω"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := DecodeT61([]byte(c.octets)); got != c.text {
				t.Errorf("decoded %q, want %q", got, c.text)
			}
			b, err := EncodeT61(c.text)
			if err != nil || !bytes.Equal(b, []byte(c.octets)) {
				t.Errorf("encoded %x, %v, want %x", b, err, c.octets)
			}
		})
	}
}

// TestT61Liberal lists what is read and never sent.
func TestT61Liberal(t *testing.T) {
	for _, c := range []struct{ name, octets, text string }{
		{"seven-bit hash", "#", "#"},
		{"seven-bit dollar", "$", "$"},
		{"older umlaut", "\xc9u", "ü"},
		{"unassigned", "a{b\\", "a{123}b{092}"},
		{"control", "a\x1b[b\x07", "a{027}[b{007}"},
		{"mark before a digit", "\xc81", "{200}1"},
		{"mark at the end", "a\xc8", "a{200}"},
		{"column without a set", "\x80\xff", "{128}{255}"},
		{"mark before a mark", "\xc8\xc2e", "{200}é"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := DecodeT61([]byte(c.octets)); got != c.text {
				t.Errorf("decoded %q, want %q", got, c.text)
			}
		})
	}
}

func TestT61Refuses(t *testing.T) {
	for _, c := range []struct {
		text   string
		r      rune
		offset int
	}{
		{"a€", '€', 1},
		{"{", '{', 0},
		{"漢", '漢', 0},
		{"x\\", '\\', 1},
		{"\x00", 0, 0},
		{"a\u0301\u0302", 0x302, 2}, // offset in the composed text
		{"\xff", 0xff, 0},
	} {
		_, err := EncodeT61(c.text)
		var r *RepertoireError
		if !errors.As(err, &r) || r.Rune != c.r || r.Offset != c.offset {
			t.Errorf("%q: %v, want %q at %d", c.text, err, c.r, c.offset)
		}
	}
}

func TestEscape(t *testing.T) {
	for _, c := range []struct{ octets, text string }{
		{"yen", "yen"},
		{"\xa5", "{165}"},
		{"\xc8u\xc8\xc8", "{200}u{200200}"},
		{"{}", "{123125}"},
		{"a\x00b ~", "a{000}b ~"},
		{"", ""},
	} {
		if got := EscapeT61([]byte(c.octets)); got != c.text {
			t.Errorf("%q escaped as %q, want %q", c.octets, got, c.text)
		}
		if b, err := UnescapeT61(c.text); err != nil || string(b) != c.octets {
			t.Errorf("%q read as %q, %v", c.text, b, err)
		}
	}
	if b, err := UnescapeT61("Mü{200}u"); err != nil || string(b) != "M\xc8u\xc8u" {
		t.Errorf("characters are not encoded: %q, %v", b, err)
	}
	if s, err := Unescape("ü{065}{066067}"); err != nil || s != "üABC" {
		t.Errorf("%q, %v", s, err)
	}
}

func TestEscapeErrors(t *testing.T) {
	for _, s := range []string{"{", "}", "{}", "{12}", "{1234}", "{256}", "{1a2}", "a{123", "a}b", "{ 12}"} {
		if b, err := UnescapeT61(s); err == nil {
			t.Errorf("%q read as %q", s, b)
		}
		if b, err := Unescape(s); err == nil {
			t.Errorf("%q read as %q", s, b)
		}
	}
}

func TestIA5(t *testing.T) {
	if got := DecodeIA5([]byte("a\xe9\r\n")); got != "a{233}\r\n" {
		t.Errorf("%q", got)
	}
	if _, err := EncodeIA5("aé"); err == nil || err.Error() != "character 'é' at 1 is not in IA5String" {
		t.Error(err)
	}
}

// TestT61RoundTrip proves that what EncodeT61 accepts comes back, in NFC.
func TestT61RoundTrip(t *testing.T) {
	letters := []rune("aZ 09#$@_|[]'()+,-./:=?àÉîõÜåÇňőąŸæßŁ¿¥µ÷\u0301\u0308ǽ´~^`")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom(letters)).Draw(t, "text")
		b, err := EncodeT61(s)
		if err != nil {
			return
		}
		if got := DecodeT61(b); got != norm.NFC.String(s) {
			t.Fatalf("%q encoded as %x decoded as %q", s, b, got)
		}
	})
}

func FuzzT61(f *testing.F) {
	for _, s := range []string{"Hello", "M\xc8uller", "\xc8\xc2e", "{\x1b(B", "\xc9 \xcc_"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		back, err := UnescapeT61(EscapeT61(b))
		if err != nil || !bytes.Equal(back, b) {
			t.Fatalf("%x escaped and read again is %x, %v", b, back, err)
		}
		s := DecodeT61(b)
		if strings.ContainsRune(s, 0xfffd) {
			t.Fatalf("%x decodes to a replacement character", b)
		}
		again, err := EncodeT61(s)
		if err == nil && DecodeT61(again) != s {
			t.Fatalf("%q encoded as %x decodes to %q", s, again, DecodeT61(again))
		}
		if err != nil && !strings.Contains(s, "{") {
			t.Fatalf("%x decodes to %q, which has no encoding: %v", b, s, err)
		}
	})
}

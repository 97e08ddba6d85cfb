package charset

import (
	"bytes"
	"testing"
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
		{"ring", "\xcaA\xe9", "ÅØ"},
		{"ae acute", "\xc2\xf1", "ǽ"},
		{"no composed form", "\xc2q", "q\u0301"},
		{"yen", "\xa5", "¥"},
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

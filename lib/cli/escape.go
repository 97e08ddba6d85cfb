package cli

import (
	"io"
	"unicode/utf8"
)

// escaper writes JSON, a whole value at a time, in which every character beyond ASCII is part of a
// string: those that a terminal would obey, or that are not what they look like, become escapes of
// JSON, which whoever reads it takes for the same characters.
type escaper struct{ w io.Writer }

func (e escaper) Write(b []byte) (int, error) {
	if _, err := e.w.Write(EscapeJSON(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// EscapeJSON is JSON with such characters escaped; octets that are no UTF-8 become U+FFFD.
func EscapeJSON(b []byte) []byte {
	at := 0
	for at < len(b) && b[at] < utf8.RuneSelf {
		at++
	}
	if at == len(b) {
		return b
	}
	const digits = "0123456789abcdef"
	out := append(make([]byte, 0, len(b)+64), b[:at]...)
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		switch {
		case r < utf8.RuneSelf, !(r == utf8.RuneError && size == 1) && !deceptive(r):
			out = append(out, b[at:at+size]...)
		default:
			units := []rune{r}
			if r > 0xFFFF {
				units = []rune{0xD800 + (r-0x10000)>>10, 0xDC00 + (r-0x10000)&0x3FF}
			}
			for _, u := range units {
				out = append(out, '\\', 'u', digits[u>>12&15], digits[u>>8&15], digits[u>>4&15], digits[u&15])
			}
		}
		at += size
	}
	return out
}

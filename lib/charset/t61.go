package charset

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The teletex repertoire of T.61: the primary set (ISO-IR 102) in columns 2 to
// 7, the supplementary set (ISO-IR 103) in columns 10 to 15. A diacritical mark
// of column 12 stands before the letter it belongs to.
//
// 2/3 and 2/4 show as # and $: T.61 gives 2/4 to the currency sign, but what
// arrives there was typed as a dollar on a seven-bit keyboard, and T.61 itself
// lets a terminal show either. Sent are 10/6 and 10/4, which are beyond doubt.

// t61Upper maps columns 10 to 15 without the marks of column 12. Zero is
// unassigned.
var t61Upper = [0x60]rune{
	0x01: '¡', 0x02: '¢', 0x03: '£', 0x04: '$', 0x05: '¥', 0x06: '#', 0x07: '§',
	0x08: '¤', 0x0b: '«',
	0x10: '°', 0x11: '±', 0x12: '²', 0x13: '³', 0x14: '×', 0x15: 'µ', 0x16: '¶', 0x17: '·',
	0x18: '÷', 0x1b: '»', 0x1c: '¼', 0x1d: '½', 0x1e: '¾', 0x1f: '¿',
	0x40: 'Ω', 0x41: 'Æ', 0x42: 'Đ', 0x43: 'ª', 0x44: 'Ħ', 0x46: 'Ĳ', 0x47: 'Ŀ',
	0x48: 'Ł', 0x49: 'Ø', 0x4a: 'Œ', 0x4b: 'º', 0x4c: 'Þ', 0x4d: 'Ŧ', 0x4e: 'Ŋ', 0x4f: 'ŉ',
	0x50: 'ĸ', 0x51: 'æ', 0x52: 'đ', 0x53: 'ð', 0x54: 'ħ', 0x55: 'ı', 0x56: 'ĳ', 0x57: 'ŀ',
	0x58: 'ł', 0x59: 'ø', 0x5a: 'œ', 0x5b: 'ß', 0x5c: 'þ', 0x5d: 'ŧ', 0x5e: 'ŋ',
}

// t61Mark maps column 12 to the combining character of Unicode, which stands
// after its letter. 12/9 is the older code of the umlaut.
var t61Mark = [0x10]rune{
	0x1: 0x0300, 0x2: 0x0301, 0x3: 0x0302, 0x4: 0x0303, 0x5: 0x0304, 0x6: 0x0306, 0x7: 0x0307,
	0x8: 0x0308, 0x9: 0x0308, 0xa: 0x030a, 0xb: 0x0327, 0xc: 0x0332, 0xd: 0x030b, 0xe: 0x0328, 0xf: 0x030c,
}

// t61Alone maps a mark before a space to the spacing character it makes.
var t61Alone = [0x10]rune{
	0x1: '`', 0x2: '´', 0x3: '^', 0x4: '~', 0x5: '¯', 0x6: '˘', 0x7: '˙', 0x8: '¨', 0xa: '˚', 0xb: '¸', 0xd: '˝', 0xe: '˛', 0xf: 'ˇ',
}

// t61Primary reports whether octet c of columns 0 to 7 stands for the ASCII
// character of the same code.
func t61Primary(c byte) bool {
	switch c {
	case '\n', '\f', '\r':
		return true
	case '\\', '^', '`', '{', '}', '~', 0x7f:
		return false
	}
	return c >= ' ' && c < 0x80
}

// DecodeT61 returns the text of a TeletexString. Letters with diacritical marks
// come out composed (NFC). An octet that T.61 leaves unassigned, a control
// function other than LF, FF and CR, and a mark before something that is no
// letter become escapes, {nnn} in decimal; no input is refused, and since T.61
// has no brace an escape cannot be mistaken for text.
func DecodeT61(b []byte) string {
	out := make([]byte, 0, len(b)+len(b)/4)
	marked := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case t61Primary(c):
			out = append(out, c)
		case c>>4 == 0xc && t61Mark[c&0xf] != 0:
			if i+1 < len(b) && b[i+1] == ' ' && t61Alone[c&0xf] != 0 {
				out = utf8.AppendRune(out, t61Alone[c&0xf])
				i++
			} else if base := markBase(b, i+1); base != 0 {
				out = utf8.AppendRune(out, base)
				out = utf8.AppendRune(out, t61Mark[c&0xf])
				marked = true
				i++
			} else {
				out = appendEscape(out, c)
			}
		case c >= 0xa0 && t61Upper[c-0xa0] != 0:
			out = utf8.AppendRune(out, t61Upper[c-0xa0])
		default:
			out = appendEscape(out, c)
		}
	}
	if marked {
		return norm.NFC.String(string(out))
	}
	return string(out)
}

// markBase returns the letter at b[i] that a diacritical mark may stand before,
// or 0.
func markBase(b []byte, i int) rune {
	if i >= len(b) {
		return 0
	}
	c := b[i]
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		return rune(c)
	case c == 0xe1 || c == 0xe9 || c == 0xf1 || c == 0xf9: // Æ Ø æ ø
		return t61Upper[c-0xa0]
	}
	return 0
}

// EncodeT61 returns the T.61 octets of s, or a *RepertoireError naming the
// first character T.61 lacks. DecodeT61 gives the text back, in NFC. Escapes
// are not read: text is text (see UnescapeT61).
func EncodeT61(s string) ([]byte, error) {
	out := make([]byte, 0, len(s))
	text := norm.NFC.String(s)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			return nil, &RepertoireError{"TeletexString", rune(text[i]), i}
		}
		mark, m := utf8.DecodeRuneInString(text[i+n:])
		if c, ok := t61MarkOf(mark); ok {
			if letter, ok := t61Letter(r); ok {
				out = append(out, c, letter)
				i += n + m
				continue
			}
		}
		var ok bool
		if out, ok = appendT61(out, r); !ok {
			return nil, &RepertoireError{"TeletexString", r, i}
		}
		i += n
	}
	return out, nil
}

// appendT61 appends the octets of one composed character.
func appendT61(out []byte, r rune) ([]byte, bool) {
	switch {
	case r == '#':
		return append(out, 0xa6), true
	case r == '$':
		return append(out, 0xa4), true
	case r < 0x80 && t61Primary(byte(r)):
		return append(out, byte(r)), true
	}
	if c, ok := t61UpperOf(r); ok {
		return append(out, c), true
	}
	for i, alone := range t61Alone {
		if alone == r && alone != 0 {
			return append(out, 0xc0|byte(i), ' '), true
		}
	}
	var buf [utf8.UTFMax * 4]byte
	d := norm.NFD.AppendString(buf[:0], string(r))
	base, n := utf8.DecodeRune(d)
	mark, m := utf8.DecodeRune(d[n:])
	if n+m != len(d) {
		return out, false
	}
	letter, isLetter := t61Letter(base)
	c, isMark := t61MarkOf(mark)
	if !isLetter || !isMark {
		return out, false
	}
	return append(out, c, letter), true
}

func t61UpperOf(r rune) (byte, bool) {
	for i, u := range t61Upper {
		if u == r && u != 0 {
			return byte(0xa0 + i), true
		}
	}
	return 0, false
}

func t61MarkOf(r rune) (byte, bool) {
	for i, u := range t61Mark {
		if u == r && u != 0 {
			return byte(0xc0 + i), true
		}
	}
	return 0, false
}

// t61Letter returns the octet of a letter that a diacritical mark may precede.
func t61Letter(r rune) (byte, bool) {
	c, ok := byte(r), r > 0 && r < 0x80
	if !ok {
		c, ok = t61UpperOf(r)
	}
	return c, ok && markBase([]byte{c}, 0) != 0
}

// EscapeT61 writes octets in the t61-string form of RFC 2156 §4.1.1: visible
// ASCII as itself, everything else, braces included, as decimal triplets within
// braces: {165}, {200117}. UnescapeT61 gives the octets back.
func EscapeT61(b []byte) string {
	out := make([]byte, 0, len(b)+8)
	open := false
	for _, c := range b {
		plain := c >= ' ' && c < 0x7f && c != '{' && c != '}'
		switch {
		case plain && open:
			out, open = append(out, '}', c), false
		case plain:
			out = append(out, c)
		case open:
			out = append(out, '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			out, open = append(out, '{', '0'+c/100, '0'+c/10%10, '0'+c%10), true
		}
	}
	if open {
		out = append(out, '}')
	}
	return string(out)
}

var (
	errBrace   = errors.New("unmatched brace in an escape")
	errTriplet = errors.New("an escape holds decimal triplets, 000 to 255")
)

// UnescapeT61 reads what EscapeT61 writes (RFC 2156 §4.1.1). Beyond that a
// character outside ASCII is taken as text and encoded as EncodeT61 does.
func UnescapeT61(s string) ([]byte, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		n := 1
		switch c := s[i]; {
		case c == '{' || c == '}':
			octets, size, err := escape(s[i:])
			if err != nil {
				return nil, fmt.Errorf("offset %d: %w", i, err)
			}
			out, n = append(out, octets...), size
		case c < 0x80:
			out = append(out, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			var ok bool
			if out, ok = appendT61(out, r); !ok || r == utf8.RuneError {
				return nil, &RepertoireError{"TeletexString", r, i}
			}
			n = size
		}
		i += n
	}
	return out, nil
}

// Unescape replaces the escapes in s, as EscapeT61 writes them, by their octets
// and leaves everything else as it is.
func Unescape(s string) (string, error) {
	n := strings.IndexAny(s, "{}")
	if n < 0 {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; ; {
		out = append(out, s[i:i+n]...)
		i += n
		if i == len(s) {
			return string(out), nil
		}
		octets, size, err := escape(s[i:])
		if err != nil {
			return "", fmt.Errorf("offset %d: %w", i, err)
		}
		out = append(out, octets...)
		i += size
		if n = strings.IndexAny(s[i:], "{}"); n < 0 {
			n = len(s) - i
		}
	}
}

// escape reads the escape at the start of s and returns its size.
func escape(s string) (octets []byte, size int, err error) {
	end := strings.IndexByte(s, '}')
	if s[0] != '{' || end < 0 {
		return nil, 0, errBrace
	}
	if end == 1 || (end-1)%3 != 0 {
		return nil, 0, errTriplet
	}
	for i := 1; i < end; i += 3 {
		n := 0
		for _, c := range []byte(s[i : i+3]) {
			if c < '0' || c > '9' {
				return nil, 0, errTriplet
			}
			n = n*10 + int(c-'0')
		}
		if n > 0xff {
			return nil, 0, errTriplet
		}
		octets = append(octets, byte(n))
	}
	return octets, end + 1, nil
}

package charset

import (
	"strconv"
	"strings"
)

// The characters of IA5 that RFC 2156 §3.4 writes as a letter in parentheses where
// only the PrintableString repertoire is to be had.
var printableLetters = map[byte]byte{'@': 'a', '%': 'p', '!': 'b', '"': 'q', '_': 'u', '(': 'l', ')': 'r'}

// EncodePrintable returns s in the repertoire of PrintableString, as RFC 2156 §3.4
// writes what is not in it: (a) for @, (p), (b), (q), (u), (l), (r), and (nnn), the
// code in three decimal digits, for every other octet, those above 127 included.
func EncodePrintable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter, lettered := printableLetters[c]
		switch {
		case lettered:
			b.Write([]byte{'(', letter, ')'})
		case inPrintable(c):
			b.WriteByte(c)
		default:
			b.WriteByte('(')
			b.WriteString(strconv.Itoa(1000 + int(c))[1:])
			b.WriteByte(')')
		}
	}
	return b.String()
}

// DecodePrintable is the inverse of EncodePrintable. Parentheses around anything
// else are taken as they stand.
func DecodePrintable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, n := printableEscape(s[i:]); n > 0 {
			b.WriteByte(c)
			i += n - 1
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// printableEscape reads the escape that s begins with and returns its length, 0
// if it begins with none.
func printableEscape(s string) (byte, int) {
	if len(s) >= 3 && s[0] == '(' && s[2] == ')' {
		for c, letter := range printableLetters {
			if s[1]|0x20 == letter {
				return c, 3
			}
		}
	}
	if len(s) >= 5 && s[0] == '(' && s[4] == ')' && strings.Trim(s[1:4], "0123456789") == "" {
		if n, err := strconv.ParseUint(s[1:4], 10, 8); err == nil {
			return byte(n), 5
		}
	}
	return 0, 0
}

// inPrintable is the repertoire of PrintableString, X.680 table 10.
func inPrintable(c byte) bool {
	letter := c | 0x20
	return '0' <= c && c <= '9' || 'a' <= letter && letter <= 'z' || strings.IndexByte(" '()+,-./:=?", c) >= 0
}

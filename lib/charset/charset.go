// Package charset turns the repertoires of X.400 into UTF-8 and back: T.61 as
// TeletexString uses it, IA5, and the registered sets that general-text names.
// (What belongs to PrintableString and NumericString, the types of package asn1
// say.)
//
// Two kinds of function live here and are not to be confused. The Decode and
// Encode functions serve people: they show text, and refuse a character the
// repertoire lacks. EscapeT61 and UnescapeT61 serve the text form of O/R
// addresses: they carry every octet there and back.
package charset

import "fmt"

// RepertoireError names a character that a repertoire does not have.
type RepertoireError struct {
	Repertoire string // the ASN.1 or ISO name
	Rune       rune
	Offset     int // in octets of the UTF-8 text
}

func (e *RepertoireError) Error() string {
	return fmt.Sprintf("character %q at %d is not in %s", e.Rune, e.Offset, e.Repertoire)
}

// DecodeIA5 returns the text of IA5 octets. An octet above 127 is no IA5 and
// becomes an escape, {nnn} in decimal.
func DecodeIA5(b []byte) string {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if c < 0x80 {
			out = append(out, c)
		} else {
			out = appendEscape(out, c)
		}
	}
	return string(out)
}

// EncodeIA5 returns the IA5 octets of s, or a *RepertoireError.
func EncodeIA5(s string) ([]byte, error) {
	for i, r := range s {
		if r >= 0x80 {
			return nil, &RepertoireError{"IA5String", r, i}
		}
	}
	return []byte(s), nil
}

func appendEscape(dst []byte, c byte) []byte {
	return append(dst, '{', '0'+c/100, '0'+c/10%10, '0'+c%10, '}')
}

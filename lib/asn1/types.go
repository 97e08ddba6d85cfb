package asn1

import (
	"errors"
	"fmt"
)

// Null is the NULL type, X.680 §24.
type Null struct{}

// Enumerated is a value of the enumerated type, X.680 §20. A type of its own
// (type Priority asn1.Enumerated) is an integer to package ber until it says
// otherwise; see ber.Typed.
type Enumerated int64

// The restricted character string types, X.680 §41, each holding the octets of
// the wire. Their repertoires are not enforced when decoding: what a peer has
// put on the wire must be relayed as it came. Where it matters, call Valid.
type (
	IA5String        string
	PrintableString  string
	NumericString    string
	TeletexString    string
	VideotexString   string
	GraphicString    string
	VisibleString    string
	GeneralString    string
	UTF8String       string
	ObjectDescriptor string
)

// BMPString and UniversalString, X.680 §41: UTF-16 and UTF-32, most significant
// octet first, on the wire; UTF-8 in memory.
type (
	BMPString       string
	UniversalString string
)

// ErrRepertoire is wrapped by the Valid methods of the string types.
var ErrRepertoire = errors.New("asn1: character outside the repertoire")

func repertoire[S ~string](s S, name string, ok func(byte) bool) error {
	for i := 0; i < len(s); i++ {
		if !ok(s[i]) {
			return fmt.Errorf("%w of %s: octet %#02x at %d", ErrRepertoire, name, s[i], i)
		}
	}
	return nil
}

// Valid reports whether every character belongs to the International Reference
// Alphabet, T.50: the octets 0 to 127.
func (s IA5String) Valid() error {
	return repertoire(s, "IA5String", func(c byte) bool { return c < 0x80 })
}

// Valid reports whether every character is one of X.680 table 10: letters,
// digits, space and '()+,-./:=?.
func (s PrintableString) Valid() error {
	return repertoire(s, "PrintableString", isPrintable)
}

// Valid reports whether every character is a digit or a space, X.680 table 9.
func (s NumericString) Valid() error {
	return repertoire(s, "NumericString", func(c byte) bool { return c == ' ' || '0' <= c && c <= '9' })
}

// Valid reports whether every character is a graphic one of T.50 or the space.
func (s VisibleString) Valid() error {
	return repertoire(s, "VisibleString", func(c byte) bool { return 0x20 <= c && c <= 0x7e })
}

func isPrintable(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case ' ', '\'', '(', ')', '+', ',', '-', '.', '/', ':', '=', '?':
		return true
	}
	return false
}

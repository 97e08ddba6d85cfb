package ber

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
)

// parseInt reads two's complement contents octets, X.690 §8.3. Superfluous
// leading octets are accepted as long as the value fits.
func parseInt(b []byte) (int64, error) {
	if len(b) == 0 {
		return 0, fmt.Errorf("%w: INTEGER without contents octets", ErrSyntax)
	}
	fill := byte(0)
	if b[0] >= 0x80 {
		fill = 0xff
	}
	significant := b
	for len(significant) > 8 && significant[0] == fill {
		significant = significant[1:]
	}
	n := int64(int8(significant[0]))
	if len(significant) > 8 || byte(n>>63) != fill {
		return 0, fmt.Errorf("%w: INTEGER of %d octets", ErrRange, len(b))
	}
	for _, c := range significant[1:] {
		n = n<<8 | int64(c)
	}
	return n, nil
}

func parseUint(b []byte) (uint64, error) {
	if len(b) == 9 && b[0] == 0 {
		b = b[1:]
	} else if n, err := parseInt(b); err != nil || n >= 0 {
		return uint64(n), err
	} else {
		return 0, fmt.Errorf("%w: %d below zero", ErrRange, n)
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n, nil
}

// maxOID bounds the contents octets of an object identifier: printing one takes
// time that grows with the square of its components' length.
const maxOID = 256

var errOID = fmt.Errorf("%w: OBJECT IDENTIFIER", ErrSyntax)

// decodeOID reads the contents octets of an object identifier, X.690 §8.19.
func decodeOID(b []byte) (asn1.OID, error) {
	if len(b) == 0 || len(b) > maxOID {
		return "", fmt.Errorf("%w of %d octets", errOID, len(b))
	}
	if b[len(b)-1] >= 0x80 {
		return "", fmt.Errorf("%w ends within a component", errOID)
	}
	var buf [64]byte
	text := buf[:0]
	for len(b) > 0 {
		if b[0] == 0x80 {
			return "", fmt.Errorf("%w has a component that begins with a zero octet", errOID)
		}
		n := 1
		for b[n-1] >= 0x80 {
			n++
		}
		text = appendArc(text, b[:n], len(text) == 0)
		b = b[n:]
	}
	return asn1.OID(text), nil
}

// appendArc appends one subidentifier in decimal; the first stands for the first
// two components.
func appendArc(text []byte, b []byte, leading bool) []byte {
	if len(b) > 8 {
		n := new(big.Int)
		for _, c := range b {
			n.Lsh(n, 7).Or(n, big.NewInt(int64(c&0x7f)))
		}
		if leading {
			text = append(text, '2')
			n.Sub(n, big.NewInt(80))
		}
		return n.Append(append(text, '.'), 10)
	}
	var n uint64
	for _, c := range b {
		n = n<<7 | uint64(c&0x7f)
	}
	if leading {
		root := min(n/40, 2)
		text = append(text, byte('0'+root))
		n -= root * 40
	}
	return strconv.AppendUint(append(text, '.'), n, 10)
}

// appendOID appends the contents octets of an object identifier.
func appendOID(dst []byte, oid asn1.OID) ([]byte, error) {
	if err := oid.Valid(); err != nil {
		return dst, fmt.Errorf("%w: %w: %q", ErrValue, err, string(oid))
	}
	root, rest, _ := strings.Cut(string(oid), ".")
	start := len(dst)
	plus := uint64(root[0]-'0') * 40
	for more := true; more; plus = 0 {
		var arc string
		arc, rest, more = strings.Cut(rest, ".")
		n, err := strconv.ParseUint(arc, 10, 63)
		if err != nil || n > 1<<62 {
			dst = appendBigArc(dst, arc, plus)
		} else {
			dst = appendBase128(dst, n+plus)
		}
		if len(dst)-start > maxOID {
			return dst, fmt.Errorf("%w: OBJECT IDENTIFIER of more than %d octets", ErrValue, maxOID)
		}
	}
	return dst, nil
}

func appendBase128(dst []byte, n uint64) []byte {
	shift := 0
	for n>>shift >= 0x80 {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		dst = append(dst, byte(n>>shift)|0x80)
	}
	return append(dst, byte(n)&0x7f)
}

func appendBigArc(dst []byte, arc string, plus uint64) []byte {
	if len(arc) > maxOID*3 {
		return append(dst, make([]byte, maxOID+1)...)
	}
	n, _ := new(big.Int).SetString(arc, 10)
	n.Add(n, new(big.Int).SetUint64(plus))
	for shift := (n.BitLen() - 1) / 7 * 7; shift >= 0; shift -= 7 {
		c := byte(new(big.Int).Rsh(n, uint(shift)).Uint64()) & 0x7f
		if shift > 0 {
			c |= 0x80
		}
		dst = append(dst, c)
	}
	return dst
}

var errWide = errors.New("not a sequence of characters")

// decodeWide turns the octets of a BMPString or UniversalString into UTF-8. Pairs
// of surrogates, which no BMPString should have and some do, become the character
// they mean.
func decodeWide(number uint32, b []byte) (string, error) {
	width := 2
	if number == asn1.NumberUniversalString {
		width = 4
	}
	if len(b)%width != 0 {
		return "", fmt.Errorf("%v of %d octets: %w", asn1.Univ(number), len(b), errWide)
	}
	text := make([]byte, 0, len(b)/width)
	for i := 0; i < len(b); i += width {
		var r rune
		if width == 4 {
			n := uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3])
			r = rune(min(n, utf8.MaxRune+1))
		} else {
			r = rune(b[i])<<8 | rune(b[i+1])
			if utf16.IsSurrogate(r) && i+4 <= len(b) {
				if pair := utf16.DecodeRune(r, rune(b[i+2])<<8|rune(b[i+3])); pair != utf8.RuneError {
					r = pair
					i += 2
				}
			}
		}
		if !utf8.ValidRune(r) {
			return "", fmt.Errorf("%v: %w", asn1.Univ(number), errWide)
		}
		text = utf8.AppendRune(text, r)
	}
	return string(text), nil
}

func encodeWide(number uint32, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%w: %v: not UTF-8", ErrValue, asn1.Univ(number))
	}
	b := make([]byte, 0, 2*len(s))
	for _, r := range s {
		switch {
		case number == asn1.NumberUniversalString:
			b = append(b, byte(r>>24), byte(r>>16), byte(r>>8), byte(r))
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			b = append(b, byte(hi>>8), byte(hi), byte(lo>>8), byte(lo))
		default:
			b = append(b, byte(r>>8), byte(r))
		}
	}
	return b, nil
}

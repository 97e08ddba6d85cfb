package charset

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// A right-hand set of ISO 8859 (or what is coded like one): 96 characters in
// columns 10 to 15, designated to G1 by ESC 2/13 and a final octet (ISO 2022).
// The registration numbers are those of the ISO International Register.
type rightHalf struct {
	registration int
	final        byte
	set          *charmap.Charmap
}

// rightHalves are in the order EncodeGeneral tries them: the Latin alphabets
// before the others, number 1 first, as RFC 1502 prefers them.
var rightHalves = [...]rightHalf{
	{100, 'A', charmap.ISO8859_1},
	{101, 'B', charmap.ISO8859_2},
	{109, 'C', charmap.ISO8859_3},
	{110, 'D', charmap.ISO8859_4},
	{148, 'M', charmap.ISO8859_9},
	{157, 'V', charmap.ISO8859_10},
	{179, 'Y', charmap.ISO8859_13},
	{199, '_', charmap.ISO8859_14},
	{203, 'b', charmap.ISO8859_15},
	{126, 'F', charmap.ISO8859_7},
	{144, 'L', charmap.ISO8859_5},
	{138, 'H', charmap.ISO8859_8},
	{127, 'G', charmap.ISO8859_6},
}

// Registration numbers of the sets that are in G0 and C0 unless something else is
// said: the control characters of ISO 646, and ASCII.
const (
	regControls = 1
	regASCII    = 6
)

// regUTF8 are the registrations of UTF-8 as a coding system of its own. They are
// read; they are not sent, since no profile of X.400 asks a receiver to know them.
var regUTF8 = [...]int{190, 191, 192, 196}

const esc = 0x1b

// DecodeGeneral returns the text of a GeneralString or GraphicString whose
// registered character sets are given (X.420 general-text; nil where the type
// has none). Designations in the data go before the registrations. Octets
// with no meaning in the sets in force become escapes, {nnn} in decimal.
func DecodeGeneral(b []byte, registrations []int) string {
	var right *charmap.Charmap
	unicode := false
	for _, n := range registrations {
		unicode = unicode || slices.Contains(regUTF8[:], n)
		for _, h := range rightHalves {
			if h.registration == n && right == nil {
				right = h.set
			}
		}
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		c := b[i]
		if c == esc {
			if n, set, utf := designation(b[i:]); n > 0 {
				i += n
				if set != nil {
					right = set
				}
				unicode = unicode && set == nil || utf
				continue
			}
		}
		n := 1
		switch {
		case c < 0x80 && c != esc:
			out = append(out, c)
		case unicode:
			var r rune
			if r, n = utf8.DecodeRune(b[i:]); r == utf8.RuneError && n == 1 {
				out = appendEscape(out, c)
			} else {
				out = append(out, b[i:i+n]...)
			}
		case right != nil && c >= 0xa0 && right.DecodeByte(c) != utf8.RuneError:
			out = utf8.AppendRune(out, right.DecodeByte(c))
		default:
			out = appendEscape(out, c)
		}
		i += n
	}
	return string(out)
}

// designation reads an escape sequence that designates ASCII to G0 (ESC 2/8 4/2),
// the controls of ISO 646 to C0 (ESC 2/1 4/0), a right half to G1 (ESC 2/13 and
// its final octet) or switches to UTF-8 (ESC 2/5 4/7, or with 2/15 before a level
// 4/7 to 4/9). It returns the length, 0 if it is none of them.
func designation(b []byte) (n int, right *charmap.Charmap, utf bool) {
	switch {
	case len(b) < 3:
		return 0, nil, false
	case b[1] == '(' && b[2] == 'B', b[1] == '!' && b[2] == '@':
		return 3, nil, false
	case b[1] == '%' && b[2] == 'G':
		return 3, nil, true
	case len(b) > 3 && b[1] == '%' && b[2] == '/' && b[3] >= 'G' && b[3] <= 'I':
		return 4, nil, true
	case b[1] == '-':
		for _, h := range rightHalves {
			if h.final == b[2] {
				return 3, h.set, false
			}
		}
	}
	return 0, nil, false
}

// EncodeGeneral returns the octets of s as a GeneralString in ASCII and one right
// half of ISO 8859, the first that has every character, and the registration
// numbers that general-text names beside it. The sets are designated at the
// start, as RFC 1502 asks for; text that is all ASCII needs no designation.
// A *RepertoireError names the first character that ISO 8859-1 lacks if no set
// has them all.
func EncodeGeneral(s string) (octets []byte, registrations []int, err error) {
	latin1 := -1
	for i, r := range s {
		if r == esc {
			return nil, nil, &RepertoireError{"GeneralString", r, i}
		}
		if latin1 < 0 && (r > 0xff || r >= 0x80 && r < 0xa0) {
			latin1 = i
		}
	}
	if ascii(s) {
		return []byte(s), []int{regControls, regASCII}, nil
	}
	for _, h := range rightHalves {
		if octets, ok := encodeRight(s, h); ok {
			return octets, []int{regControls, regASCII, h.registration}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s[latin1:])
	return nil, nil, &RepertoireError{"any one part of ISO 8859", r, latin1}
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func encodeRight(s string, h rightHalf) ([]byte, bool) {
	out := make([]byte, 0, len(s)+6)
	out = append(out, esc, '(', 'B', esc, '-', h.final)
	for _, r := range s {
		c, ok := h.set.EncodeRune(r)
		if !ok || c >= 0x80 && c < 0xa0 || r < 0x80 && c != byte(r) {
			return nil, false
		}
		out = append(out, c)
	}
	return out, true
}

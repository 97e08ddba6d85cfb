package oraddr

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/diag"
)

// maxText bounds an address text. The longest a valid address can be, all
// attributes at their upper bounds and every character escaped, is well below.
const maxText = 64 << 10

// SyntaxError says what is wrong with an address text, and where.
type SyntaxError struct {
	Label  string // of the offending attribute, as written; may be empty
	Offset int    // of the attribute in the text, in octets
	Err    error
}

func (e *SyntaxError) Error() string {
	if e.Label == "" {
		return fmt.Sprintf("at %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("%s at %d: %v", e.Label, e.Offset, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

var (
	errEmpty     = errors.New("the address is empty")
	errLong      = errors.New("the address is too long")
	errNoEquals  = errors.New("no = after the label")
	errLabel     = errors.New("unknown label")
	errTwice     = errors.New("given twice")
	errNoValue   = errors.New("the value is empty")
	errDollar    = errors.New("nothing after the quoting $")
	errVariants  = errors.New("too many variants: printable*teletex*universal*language")
	errUnvaried  = errors.New("the attribute has no variant but the printable")
	errNumbering = errors.New("numbered and unnumbered ones may not be mixed")
	errGap       = errors.New("the one before it is missing")
	errOrder     = errors.New("organizational units on both sides of O: which is the most significant?")
	errInPattern = errors.New("not in a pattern")
	errKnown     = errors.New("the attribute of this number has a key of its own")
	errHex       = errors.New("the value is one BER element in hexadecimal")
)

// Parse reads an address in either text form and tells them apart by itself:
//
//   - RFC 2156 §4.1, which starts with a slash: /G=Ann/S=Smith/…/C=GB/. $ quotes
//     the next character; a semicolon delimits as well. Of repeated OU or DD. the
//     rightmost is the most significant, unless O (or without it, the domain)
//     stands left of them: then the text is read the other way round (§4.3.4.1).
//   - RFC 1685 F.3, labelled: G=Ann; S=Smith; …; C=GB. Delimited by semicolons,
//     or by slashes if it starts with one; a doubled delimiter is a character.
//     Domain-defined attributes (DDA:type=value) count in the order written.
//
// Keys of both forms are accepted in both, in any case, as is "X.400:" before
// them. An ADMD missing or empty where a country is given becomes a single space
// (RFC 2156 §4.1.3). Lengths and repertoires are for Valid to judge; but a value
// with characters outside ASCII is taken as its universal variant.
//
// Errors are of kind Data and wrap a *SyntaxError.
func Parse(s string) (Address, error) {
	a, err := parse(s)
	if err != nil {
		return Address{}, diag.E("oraddr: parse", diag.Data, err)
	}
	return a, nil
}

func parse(s string) (a Address, err error) {
	pairs, err := split(s)
	if err != nil {
		return a, err
	}
	b := builder{seen: make(map[string]bool, len(pairs))}
	for _, p := range pairs {
		if err := b.add(p); err != nil {
			return a, &SyntaxError{p.label, p.offset, err}
		}
	}
	if err := b.finish(); err != nil {
		return a, err
	}
	return b.a, nil
}

// pair is one attribute of a text: quoting undone, variants and escapes not.
type pair struct {
	label, value string
	offset       int
}

// split cuts a text into its pairs.
func split(s string) ([]pair, error) {
	if len(s) > maxText {
		return nil, &SyntaxError{Err: errLong}
	}
	i := len(s) - len(strings.TrimLeft(s, " \t\r\n"))
	for _, prefix := range [...]string{"X.400:", "X400:"} {
		if len(s)-i >= len(prefix) && strings.EqualFold(s[i:i+len(prefix)], prefix) {
			i += len(prefix)
			i += len(s[i:]) - len(strings.TrimLeft(s[i:], " \t\r\n"))
		}
	}
	slash := i < len(s) && s[i] == '/'
	var pairs []pair
	for i < len(s) {
		p, next, err := splitPair(s, i, slash)
		if err != nil {
			return nil, err
		}
		if p != (pair{}) {
			pairs = append(pairs, p)
		}
		i = next
	}
	if len(pairs) == 0 {
		return nil, &SyntaxError{Err: errEmpty}
	}
	if len(pairs) == 1 && !slash {
		if label, ok := hiddenLabel(pairs[0].value); ok {
			return nil, diag.WithHint(&SyntaxError{label, pairs[0].offset, errors.New("delimited by a slash in an address that does not start with one")},
				"put a / before the address, or write ; between its attributes")
		}
	}
	return pairs, nil
}

// hiddenLabel finds the label of an attribute in a value: what a slash is taken
// for when the one before the address has been forgotten.
func hiddenLabel(v string) (string, bool) {
	for {
		_, after, ok := strings.Cut(v, "/")
		if !ok {
			return "", false
		}
		if label, _, ok := strings.Cut(after, "="); ok && known(label) {
			return label, true
		}
		v = after
	}
}

// splitPair reads the attribute at s[i:] and returns the offset after its
// delimiter. Between two delimiters there may be nothing.
func splitPair(s string, i int, slash bool) (p pair, next int, err error) {
	start := i
	for start < len(s) && strings.IndexByte(" \t\r\n", s[start]) >= 0 {
		start++
	}
	var text []byte
	equals := -1 // in text
	for i = start; i < len(s); i++ {
		c := s[i]
		double := i+1 < len(s) && s[i+1] == c
		switch {
		case slash && c == '$':
			i++
			if i == len(s) {
				return p, 0, &SyntaxError{string(text), start, errDollar}
			}
			if s[i] == '*' { // a character here, no mark between variants
				text = append(text, "{042}"...)
			} else {
				text = append(text, s[i])
			}
		case c == '=' && double && equals < 0 && isDDA(string(text)):
			text = append(text, c)
			i++
		case c == '=' && equals < 0:
			equals = len(text)
			text = append(text, c)
		case c == ';' || slash && c == '/':
			if equals < 0 && len(text) == 0 {
				return p, i + 1, nil
			}
			// A doubled delimiter is a character, but not at the end, and not
			// where a value is yet to begin: /ADMD=//C=GB/ has an empty one.
			if !double || i+2 == len(s) && slash || equals == len(text)-1 && slash {
				return cut(text, equals, start, i+1)
			}
			text = append(text, c)
			i++
		default:
			text = append(text, c)
		}
	}
	if equals < 0 && len(strings.TrimSpace(string(text))) == 0 {
		return p, i, nil
	}
	return cut(text, equals, start, i)
}

func cut(text []byte, equals, start, next int) (pair, int, error) {
	if equals < 0 {
		return pair{}, 0, &SyntaxError{string(text), start, errNoEquals}
	}
	label := strings.Trim(string(text[:equals]), " \t\r\n")
	value := strings.Trim(string(text[equals+1:]), " \t\r\n")
	return pair{label, value, start}, next, nil
}

// isDDA reports whether text begins as the label of a domain-defined attribute
// does.
func isDDA(text string) bool {
	_, _, _, ok := ddaLabel(text)
	return ok
}

// ddaLabel reads a label DDA:type, DD.type, DD:type or one of these with a number
// from 1 to 4 after the letters (RFC 2156 §4.1.1, RFC 1685 F.3). Listed says that
// the most significant attribute comes first.
func ddaLabel(label string) (typ string, number int, listed, ok bool) {
	rest, ok := cutFold(label, "DDA")
	if listed = ok; !ok {
		if rest, ok = cutFold(label, "DD"); !ok {
			return "", 0, false, false
		}
	}
	if rest != "" && '1' <= rest[0] && rest[0] <= '4' {
		number = int(rest[0] - '0')
		rest = rest[1:]
	}
	if rest == "" || rest[0] != '.' && rest[0] != ':' {
		return "", 0, false, false
	}
	return rest[1:], number, listed, true
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// numbered reads a label that is prefix and one digit.
func numbered(label, prefix string, limit int) (int, bool) {
	rest, ok := cutFold(label, prefix)
	if !ok || len(rest) != 1 || rest[0] < '1' || int(rest[0]-'0') > limit {
		return 0, false
	}
	return int(rest[0] - '0'), true
}

// known reports whether label is one.
func known(label string) bool {
	_, ou := numbered(label, "OU", maxUnits)
	_, line := numbered(label, "PD-A", maxPostalLines)
	switch strings.ToUpper(label) {
	case "OU", "PN", "ISDN", "RFC-822":
		return true
	}
	return ou || line || isDDA(label) || lookup(label) != nil
}

// parseText reads a value with its variants and escapes.
func parseText(s string) (t Text, err error) {
	parts := strings.Split(s, "*")
	if len(parts) > 4 {
		return t, errVariants
	}
	if len(parts) == 1 && !ascii(s) && utf8.ValidString(s) {
		t.Universal.Text, err = charset.Unescape(s)
		return t, err
	}
	if t.Printable, err = unescapeASCII(parts[0], "PrintableString"); err != nil {
		return t, err
	}
	if len(parts) > 1 {
		octets, err := charset.UnescapeT61(parts[1])
		if err != nil {
			return t, err
		}
		t.Teletex = asn1.TeletexString(octets)
	}
	if len(parts) > 2 {
		if t.Universal.Text, err = charset.Unescape(parts[2]); err != nil {
			return t, err
		}
	}
	if len(parts) > 3 {
		t.Universal.Language, err = unescapeASCII(parts[3], "PrintableString")
	}
	return t, err
}

// unescapeASCII reads a part whose characters, escapes apart, are ASCII.
func unescapeASCII(s, repertoire string) (string, error) {
	for i, r := range s {
		if r >= 0x80 {
			return "", &charset.RepertoireError{Repertoire: repertoire, Rune: r, Offset: i}
		}
	}
	return charset.Unescape(s)
}

// personalName reads the human form of a name, Given.I.I.Surname: what comes
// first and is longer than one letter is the given name, single letters after it
// are initials, the rest is the surname (RFC 2156 §4.2).
func personalName(s string) PersonalName {
	var n PersonalName
	parts := strings.Split(s, ".")
	last := len(parts) - 1
	i := 0
	if i < last && len(parts[0]) > 1 {
		n.G = parts[0]
		i++
	}
	for ; i < last && len(parts[i]) == 1; i++ {
		n.I += parts[i]
	}
	n.S = strings.Join(parts[i:], ".")
	return n
}

// extraAttribute reads EXT.number=hexadecimal.
func extraAttribute(label, v string) (ExtensionAttribute, error) {
	rest, _ := cutFold(label, "EXT.")
	number, err := strconv.Atoi(rest)
	if err != nil {
		return ExtensionAttribute{}, errLabel
	}
	octets, err := hex.DecodeString(v)
	if err != nil || !oneElement(octets) {
		return ExtensionAttribute{}, errHex
	}
	e := ExtensionAttribute{Type: number, Value: ber.Raw(octets)}
	var a Address
	if err := a.setExtension(e); err != nil || len(a.Extra) == 0 {
		return ExtensionAttribute{}, errKnown
	}
	return e, nil
}

package oraddr

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/mtakit/mtakit/lib/charset"
)

// Equal reports whether a and b are the same O/R address by the matching rules
// of X.402 §18.4: the case of letters and the number of spaces do not matter, a
// country may be given by its letters or its X.121 code, a number is a number in
// either string type, and a value may be given in any of its variants.
//
// Equal is an equivalence, which the rules are not: where both addresses carry
// several variants of a value it compares the one String shows, the printable
// before the others. A Pattern tries them all.
func (a Address) Equal(b Address) bool { return a.Key() == b.Key() }

// Key returns a text that is the same for two addresses exactly if they are
// Equal: for maps and sorting, not for people. Keys sort by hierarchy.
func (a Address) Key() string {
	a.ADMD = a.Domain().ADMD
	var b strings.Builder
	for _, v := range a.values() {
		s := fold(v.text.best())
		switch {
		case v.kind == dda:
			b.WriteString("DD.")
			writeQuoted(&b, fold(v.typ.best()))
		case v.kind == unit:
			b.WriteString("OU")
		default:
			switch {
			case v.attr.key == "C":
				s = fold(Alpha2(v.text.Printable))
			case v.attr.key == "ADMD" && s == "":
				s = " "
			}
			b.WriteString(v.attr.key)
		}
		b.WriteByte('=')
		writeQuoted(&b, s)
		b.WriteByte('/')
	}
	extras := make([]string, len(a.Extra))
	for i, e := range a.Extra {
		extras[i] = "EXT." + strconv.Itoa(e.Type) + "=" + hex.EncodeToString(e.Value) + "/"
	}
	slices.Sort(extras)
	for _, e := range extras {
		b.WriteString(e)
	}
	return b.String()
}

func writeQuoted(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		if s[i] == '/' || s[i] == '=' || s[i] == '$' || s[i] == ';' {
			b.WriteByte('$')
		}
		b.WriteByte(s[i])
	}
}

// appendFolded appends s folded, and quoted as writeQuoted does.
func appendFolded(b []byte, s string) []byte {
	if whole, ok := appendFoldedASCII(b, s, true); ok {
		return whole
	}
	var w strings.Builder
	writeQuoted(&w, fold(s))
	return append(b, w.String()...)
}

// appendFoldedASCII appends s folded, and if asked quoted; it is false, and b as it was, if s has
// characters outside ASCII.
func appendFoldedASCII(b []byte, s string, quoted bool) ([]byte, bool) {
	s = strings.Trim(s, " ")
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return b, false
		}
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == ' ' && s[i-1] == ' ': // none is the first
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case quoted && (c == '/' || c == '=' || c == '$' || c == ';'):
			b = append(b, '$')
		}
		b = append(b, c)
	}
	return b, true
}

// best returns the variant that stands for the value: printable, else universal,
// else teletex.
func (t Text) best() string {
	switch {
	case t.Printable != "":
		return t.Printable
	case t.Universal.Text != "":
		return t.Universal.Text
	}
	return charset.DecodeT61([]byte(t.Teletex))
}

// Variants returns every variant present, as text.
func (t Text) Variants() []string {
	var all []string
	if t.Printable != "" {
		all = append(all, t.Printable)
	}
	if t.Universal.Text != "" {
		all = append(all, t.Universal.Text)
	}
	if t.Teletex != "" {
		all = append(all, charset.DecodeT61([]byte(t.Teletex)))
	}
	return all
}

// folded returns every variant present, folded.
func (t Text) folded() []string {
	all := t.Variants()
	for i := range all {
		all[i] = fold(all[i])
	}
	return all
}

// fold makes letters small, removes leading and trailing spaces, and makes one
// of several (X.402 §18.4).
func fold(s string) string {
	s = strings.Trim(s, " ")
	plain := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' || c >= 0x80 || c == ' ' && s[i+1] == ' ' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	if utf8.ValidString(s) {
		s = norm.NFC.String(strings.ToLower(s))
	} else {
		s = lowerASCII(s)
	}
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// lowerASCII keeps octets that are no UTF-8, which strings.ToLower would make
// all alike.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

package oraddr

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/charset"
)

// A value's variants stand in one text, separated by asterisks:
//
//	printable*teletex*universal*language
//
// The first two are RFC 2156 §4.1.1's teletex-and-or-ps, the others an extension
// of it. In every part {nnn} stands for octets by their decimal value (several
// triplets may share the braces); so are written, besides control characters and
// octets above 127 in the teletex and printable parts, braces and asterisks
// everywhere, and spaces at either end of a part. A value that is universal only
// and not all ASCII is written plainly: there is no other way to read it.

// String returns the address as RFC 2156 §4.1 writes it, the most significant
// attribute last: /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/. It is the
// canonical text form: Parse gives the address back. The zero Address gives "".
func (a Address) String() string {
	w := writer{slash: true}
	ddas, units := a.DomainDefined(), a.Units()
	for _, e := range userOrder {
		w.single(&a, e)
	}
	w.extras(a.Extra)
	for i := len(ddas) - 1; i >= 0; i-- {
		w.pair("DD."+w.typ(ddas[i].Type), ddas[i].Value)
	}
	for i := len(units) - 1; i >= 0; i-- {
		w.pair("OU", units[i])
	}
	for _, e := range domainOrder {
		w.single(&a, e)
	}
	if w.b.Len() > 0 {
		w.b.WriteByte('/')
	}
	return w.b.String()
}

// Labelled returns the address in the labelled format of RFC 1685 F.3 (F.401
// annex B): G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=GB.
func (a Address) Labelled() string {
	w := writer{}
	for _, e := range userOrder {
		w.single(&a, e)
	}
	w.extras(a.Extra)
	for _, d := range a.DomainDefined() {
		w.start("DDA:" + w.typ(d.Type))
		value := w.text(d.Value)
		if rest, ok := strings.CutPrefix(value, "="); ok {
			value = "{061}" + rest // not to be taken for a doubled one of the type
		}
		w.b.WriteString(value)
	}
	w.single(&a, domainOrder[0])
	for i, t := range a.Units() {
		w.pair("OU"+strconv.Itoa(i+1), t)
	}
	for _, e := range domainOrder[1:] {
		w.single(&a, e)
	}
	s := w.b.String()
	if label, value, ok := strings.Cut(s, "="); ok && w.pairs == 1 {
		// Alone, a value like a/O=b would look as if a slash had been forgotten at
		// the start.
		if _, hidden := hiddenLabel(value); hidden {
			return label + "=" + strings.ReplaceAll(value, "/", "{047}")
		}
	}
	return s
}

// userOrder is what stands before the organization in both forms, and domainOrder that
// and what stands behind it.
var (
	userOrder = attributes(
		"G", "I", "S", "GQ", "CN", "UA-ID", "X121", "T-ID", "T-TY", "NET-NUM", "NET-SUB", "NET-PSAP",
		"PD-SERVICE", "PD-PN", "PD-EXT-ADDRESS", "PD-EXT-DELIVERY", "PD-OFFICE-NUM", "PD-OFFICE",
		"PD-O", "PD-STREET", "PD-ADDRESS", "PD-UNIQUE", "PD-LOCAL", "PD-RESTANTE", "PD-BOX", "PD-CODE", "PD-C",
	)
	domainOrder = attributes("O", "PRMD", "ADMD", "C")
)

// attributes finds single-valued attributes once and for all.
func attributes(keys ...string) []*attribute {
	all := make([]*attribute, len(keys))
	for i, key := range keys {
		all[i] = lookup(key)
	}
	return all
}

type writer struct {
	b     strings.Builder
	slash bool // RFC 2156, else RFC 1685
	pairs int
}

func (w *writer) single(a *Address, e *attribute) {
	t := e.field(a).get()
	if t.IsZero() {
		return
	}
	label := e.label
	if w.slash {
		label = e.key
	}
	if e.key == "PD-ADDRESS" {
		w.lines(label, t)
		return
	}
	w.pair(label, t)
}

// lines writes unformatted-postal-address: its lines one attribute each, as
// RFC 1685 has it, or in one with bars between, as RFC 2156 has it and as is the
// only way to write the other variants.
func (w *writer) lines(label string, t Text) {
	var lines []string
	if t.Printable != "" {
		lines = strings.Split(t.Printable, "\n")
	}
	if !w.slash && len(lines) <= maxPostalLines && t == (Text{Printable: t.Printable}) && !slices.Contains(lines, "") {
		for i, line := range lines {
			w.pair(label+strconv.Itoa(i+1), Text{Printable: line})
		}
		return
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(escapeOctets(line), "|", "{124}")
	}
	w.start(label)
	w.b.WriteString(w.variants(strings.Join(lines, "|"), t))
}

func (w *writer) extras(all []ExtensionAttribute) {
	for _, e := range all {
		w.start("EXT." + strconv.Itoa(e.Type))
		w.b.WriteString(hex.EncodeToString(e.Value))
	}
}

func (w *writer) pair(label string, t Text) {
	w.start(label)
	if label == "ADMD" || label == "A" {
		if strings.Trim(t.Printable, " ") == "" { // nothing at its end to be lost
			w.b.WriteString(t.Printable)
			return
		}
	}
	w.b.WriteString(w.text(t))
}

func (w *writer) start(label string) {
	w.pairs++
	switch {
	case w.slash:
		w.b.WriteByte('/')
	case w.b.Len() > 0:
		w.b.WriteString("; ")
	}
	w.b.WriteString(label)
	w.b.WriteByte('=')
}

func (w *writer) text(t Text) string { return w.variants(escapeOctets(t.Printable), t) }

// typ writes the type of a domain-defined attribute.
func (w *writer) typ(t Text) string {
	if w.slash {
		return w.text(t)
	}
	return strings.ReplaceAll(w.text(t), "=", "==")
}

// variants joins the printable variant, already escaped, and the others.
func (w *writer) variants(printable string, t Text) string {
	u := t.Universal
	if printable == "" && t.Teletex == "" && u.Language == "" && !ascii(u.Text) && utf8.ValidString(u.Text) {
		return w.quote(escapeText(u.Text))
	}
	parts := [...]string{printable, escapeOctets(string(t.Teletex)),
		escapeText(u.Text), escapeOctets(u.Language)}
	n := len(parts)
	for n > 1 && parts[n-1] == "" {
		n--
	}
	return w.quote(strings.Join(parts[:n], "*"))
}

// quote applies the quoting of the syntax: $ before what has a meaning in RFC
// 2156, a second semicolon in RFC 1685. An equals sign needs it in the type of a
// domain-defined attribute only, but RFC 2156 asks for it everywhere.
func (w *writer) quote(s string) string {
	if !w.slash {
		return strings.ReplaceAll(s, ";", ";;")
	}
	if !strings.ContainsAny(s, "/=$;") {
		return s
	}
	var b strings.Builder
	writeQuoted(&b, s)
	return b.String()
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// escapeOctets escapes a printable or teletex part.
func escapeOctets(s string) string {
	if s == "" {
		return ""
	}
	s = charset.EscapeT61([]byte(s))
	s = strings.ReplaceAll(s, "*", "{042}")
	if strings.HasPrefix(s, " ") {
		s = "{032}" + s[1:]
	}
	if strings.HasSuffix(s, " ") {
		s = s[:len(s)-1] + "{032}"
	}
	return s
}

// escapeText escapes a universal part, which is UTF-8 and shows as such.
func escapeText(s string) string {
	if !utf8.ValidString(s) {
		return escapeOctets(s)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c == 0x7f || c == '{' || c == '}',
			c == '*', c == ' ' && (i == 0 || i == len(s)-1):
			writeEscape(&b, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func writeEscape(b *strings.Builder, c byte) {
	b.Write([]byte{'{', '0' + c/100, '0' + c/10%10, '0' + c%10, '}'})
}

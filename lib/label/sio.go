package label

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/diag"
)

// SIOLabel is the field SIO-Label, RFC 7444 §4: how a label is shown, and the label
// itself. Neither is bound to the message by anything.
type SIOLabel struct {
	Marking          string // how the label reads; may be absent if there is a label
	FgColor, BgColor string // only with a marking: "#rrggbb" or one of the names of RFC 7444
	Type             string // ":ess", ":x411", ":xml" or a URI; "" where there is no label
	Octets           []byte // the label, base64 taken off
}

// The types of labels in SIO-Label.
const (
	TypeESS  = ":ess"
	TypeX411 = ":x411"
	TypeXML  = ":xml"
)

const (
	maxField = 256 << 10 // of a field of a header, unfolded or not
	maxParts = 4096      // continuations of a parameter
)

// colors are the names of RFC 7444 §4, its spelling kept.
var colors = []string{"aqua", "black", "blue", "fuschia", "gray", "green", "lime", "maroon", "navy", "olive",
	"purple", "red", "silver", "teal", "white", "yellow", "orange"}

// ParseSIOLabel reads the value of the field, folded or not, with parameters
// continued and encoded as RFC 2231 has it. Parameters that are not known are left
// out, as §4 recommends; a known one that occurs twice is an error. Errors are of
// kind Data.
func ParseSIOLabel(value string) (*SIOLabel, error) {
	s, err := parseSIOLabel(value)
	return s, diag.E("SIO-Label", diag.Data, err)
}

func parseSIOLabel(value string) (*SIOLabel, error) {
	if len(value) > maxField {
		return nil, fmt.Errorf("a field of %d octets", len(value))
	}
	p := &parameters{text: value, of: map[string]*parameter{}}
	if err := p.parse(); err != nil {
		return nil, err
	}
	s := &SIOLabel{}
	var err error
	get := func(name string) string {
		text, e := p.value(name)
		if err == nil && e != nil {
			err = fmt.Errorf("%s: %w", name, e)
		}
		return text
	}
	s.Marking, s.FgColor, s.BgColor, s.Type = get("marking"), get("fgcolor"), get("bgcolor"), get("type")
	octets := get("label")
	if err != nil {
		return nil, err
	}
	if s.Type != "" && octets != "" {
		if s.Octets, err = base64.StdEncoding.DecodeString(octets); err != nil {
			return nil, fmt.Errorf("label: %w", err)
		}
	}
	if (s.Type == "") != (octets == "") {
		return nil, fmt.Errorf("type and label belong together, RFC 7444 §4")
	}
	if err := s.valid(); err != nil {
		return nil, err
	}
	return s, nil
}

// valid holds the field to RFC 7444 §4.
func (s *SIOLabel) valid() error {
	switch {
	case s.Marking == "" && s.Type == "":
		return fmt.Errorf("neither a marking nor a label, RFC 7444 §4")
	case s.Marking == "" && s.FgColor+s.BgColor != "":
		return fmt.Errorf("a color without a marking, RFC 7444 §4")
	}
	for _, c := range []string{s.FgColor, s.BgColor} {
		_, hex := strconv.ParseUint(strings.TrimPrefix(c, "#"), 16, 32)
		if c != "" && !slices.Contains(colors, strings.ToLower(c)) && (len(c) != 7 || c[0] != '#' || hex != nil) {
			return fmt.Errorf("%q is no color, RFC 7444 §4", clip(c))
		}
	}
	return nil
}

// Label returns the label of a field of type ":ess" or ":x411", and nil where the
// field has a marking alone. Of other types it cannot tell, which is an error.
func (s *SIOLabel) Label() (*Label, error) {
	switch s.Type {
	case "":
		return nil, nil
	case TypeESS:
		return DecodeESS(s.Octets)
	case TypeX411:
		return Decode(s.Octets)
	}
	return nil, diag.E("SIO-Label", diag.Data, fmt.Errorf("a label of type %q is not understood", clip(s.Type)))
}

// NewSIOLabel returns the field of a label, of type ":ess" if it names a policy
// and else ":x411".
func NewSIOLabel(l *Label, marking string) (*SIOLabel, error) {
	s := &SIOLabel{Marking: marking, Type: TypeESS}
	if l.Policy == "" {
		s.Type = TypeX411
	}
	var err error
	s.Octets, err = l.DER()
	return s, err
}

// Color sets the background to the color that a policy has for a classification, and
// the foreground to one that can be read on it; "" and what is no color of RFC 7444
// change nothing.
func (s *SIOLabel) Color(color string) {
	was := *s
	s.BgColor, s.FgColor = color, "black"
	if slices.Contains([]string{"black", "blue", "green", "gray", "maroon", "navy", "olive", "purple", "red", "teal"}, strings.ToLower(color)) {
		s.FgColor = "white"
	}
	if color == "" || s.Marking == "" || s.valid() != nil {
		*s = was
	}
}

// lineOctets is what a line of a field should not exceed, RFC 5322 §2.1.1.
const lineOctets = 78

// String returns the value of the field, folded where lines would exceed 78
// octets, without the end of the line. What is not ASCII is encoded as RFC 2231
// has it, in UTF-8.
func (s *SIOLabel) String() string {
	var f folding
	f.column = len("SIO-Label: ")
	if s.Marking != "" {
		f.parameter("marking", s.Marking)
		if s.FgColor != "" {
			f.put("fgcolor=" + s.FgColor)
		}
		if s.BgColor != "" {
			f.put("bgcolor=" + s.BgColor)
		}
	}
	if s.Type != "" {
		f.parameter("type", s.Type)
		f.parameter("label", base64.StdEncoding.EncodeToString(s.Octets))
	}
	return f.b.String()
}

// folding writes parameters, in new lines where they do not fit.
type folding struct {
	b      strings.Builder
	column int
}

func (f *folding) put(p string) {
	switch {
	case f.b.Len() == 0:
	case f.column+2+len(p)+1 > lineOctets:
		f.b.WriteString(";\r\n    ")
		f.column = 4
	default:
		f.b.WriteString("; ")
		f.column += 2
	}
	f.b.WriteString(p)
	f.column += len(p)
}

// parameter writes a quoted string, or pieces of one; or, where it is not ASCII,
// pieces in the encoding of RFC 2231 §4.
func (f *folding) parameter(name, text string) {
	const room = lineOctets - len("SIO-Label: marking*00*=UTF-8'';")
	plain := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	escape := func(c byte) string {
		switch {
		case plain && (c == '"' || c == '\\'):
			return `\` + string(c)
		case plain, 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return string(c)
		}
		return fmt.Sprintf("%%%02X", c)
	}
	var pieces []string
	piece := ""
	for _, c := range []byte(text) {
		e := escape(c)
		if len(piece)+len(e) > room {
			pieces, piece = append(pieces, piece), ""
		}
		piece += e
	}
	pieces = append(pieces, piece)
	for i, piece := range pieces {
		key := name
		if len(pieces) > 1 {
			key += "*" + strconv.Itoa(i)
		}
		switch {
		case plain:
			f.put(key + `="` + piece + `"`)
		case i == 0:
			f.put(key + "*=UTF-8''" + piece)
		default:
			f.put(key + "*=" + piece)
		}
	}
}

// parameters are those of a field, RFC 2045 with RFC 2231.
type parameters struct {
	text string
	at   int
	of   map[string]*parameter
}

type parameter struct {
	parts map[int]part
	whole bool // given as one, not in parts
}

type part struct {
	text    string
	encoded bool
}

func (p *parameters) errorf(format string, args ...any) error {
	return fmt.Errorf("at octet %d: %w", p.at+1, fmt.Errorf(format, args...))
}

func (p *parameters) blanks() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parameters) token() string {
	from := p.at
	for p.at < len(p.text) && p.text[p.at] > ' ' && p.text[p.at] < 0x7f && strings.IndexByte(`()<>@,;:\"/[]?=`, p.text[p.at]) < 0 {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *parameters) parse() error {
	for p.blanks(); p.at < len(p.text); p.blanks() {
		if p.text[p.at] == ';' {
			p.at++
			continue
		}
		name := strings.ToLower(p.token())
		if p.blanks(); name == "" || p.at == len(p.text) || p.text[p.at] != '=' {
			return p.errorf("a parameter NAME=VALUE is expected")
		}
		p.at++
		p.blanks()
		value, err := p.parameterValue()
		if err != nil {
			return err
		}
		if err := p.add(name, value); err != nil {
			return err
		}
		if p.blanks(); p.at < len(p.text) && p.text[p.at] != ';' {
			return p.errorf("a ; is expected")
		}
	}
	return nil
}

func (p *parameters) parameterValue() (string, error) {
	if p.at == len(p.text) || p.text[p.at] != '"' {
		// A color may begin with #, which is a character of tokens.
		if token := p.token(); token != "" {
			return token, nil
		}
		return "", p.errorf("a value is missing")
	}
	var b strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case '"':
			p.at++
			return b.String(), nil
		case '\\':
			if p.at++; p.at < len(p.text) {
				b.WriteByte(p.text[p.at])
			}
		case '\r', '\n':
			// Folding: the blank that follows stays.
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorf("the closing quotation mark is missing")
}

// add keeps a parameter; its name may end in *N, *N* or *, RFC 2231 §§3, 4.
func (p *parameters) add(name, value string) error {
	base, suffix, starred := strings.Cut(name, "*")
	one := part{text: value}
	number := 0
	whole := !starred || suffix == ""
	if starred {
		digits, encoded := strings.CutSuffix(suffix, "*")
		one.encoded = encoded || suffix == ""
		if digits != "" {
			n, err := strconv.ParseUint(digits, 10, 16)
			if err != nil || n >= maxParts || len(digits) > 1 && digits[0] == '0' {
				return p.errorf("%q is no part of a parameter", clip(name))
			}
			number, whole = int(n), false
		} else if suffix != "" {
			return p.errorf("%q is no part of a parameter", clip(name))
		}
	}
	q := p.of[base]
	if q == nil {
		q = &parameter{parts: map[int]part{}, whole: whole}
		p.of[base] = q
	}
	if _, twice := q.parts[number]; twice || whole != q.whole {
		return p.errorf("%s is given twice", clip(base))
	}
	q.parts[number] = one
	return nil
}

// value joins the parts of a parameter.
func (p *parameters) value(name string) (string, error) {
	q := p.of[name]
	if q == nil {
		return "", nil
	}
	var b strings.Builder
	charset := ""
	for i := range len(q.parts) {
		one, ok := q.parts[i]
		if !ok {
			return "", fmt.Errorf("part %d is missing", i)
		}
		text := one.text
		if one.encoded {
			if i == 0 {
				var found bool
				charset, text, found = strings.Cut(text, "'")
				if _, text, ok = strings.Cut(text, "'"); !found || !ok {
					return "", fmt.Errorf("no character set before the value, RFC 2231 §4")
				}
			}
			octets, err := unpercent(text)
			if err != nil {
				return "", err
			}
			text = octets
		}
		b.WriteString(text)
	}
	return decoded(charset, b.String())
}

func unpercent(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i+3 > len(text) {
			return "", fmt.Errorf("%%, and not two hexadecimal digits after it")
		}
		n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%%, and %q after it, which are not two hexadecimal digits", text[i+1:i+3])
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), nil
}

// decoded turns the octets of a character set into UTF-8.
func decoded(charset, text string) (string, error) {
	switch strings.ToLower(charset) {
	case "", "us-ascii", "utf-8":
	case "iso-8859-1":
		runes := make([]rune, len(text))
		for i := range runes {
			runes[i] = rune(text[i])
		}
		text = string(runes)
	default:
		return "", fmt.Errorf("character set %q is none of US-ASCII, UTF-8 and ISO-8859-1", clip(charset))
	}
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("the octets are not of their character set")
	}
	return text, nil
}

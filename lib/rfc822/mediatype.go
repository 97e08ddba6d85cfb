package rfc822

import (
	"mime"
	"strconv"
	"strings"
	"unicode"

	"github.com/mtakit/mtakit/lib/diag"
)

// MediaType is what a Content-Type field says, RFC 2045 §5.1.
type MediaType struct {
	Type   string            // type/subtype, in small letters
	Params map[string]string // the names in small letters, RFC 2231 undone
}

// Multipart tells whether there are parts.
func (m MediaType) Multipart() bool { return strings.HasPrefix(m.Type, "multipart/") }

// maxMediaType bounds the text of a Content-Type.
const maxMediaType = 16 << 10

// ParseMediaType reads the value of a Content-Type field. Comments in it are left out, the
// pieces of a parameter put together (RFC 2231 §3). A parameter that is there in two ways is an
// error: readers differ in which they take.
func ParseMediaType(value string) (MediaType, error) {
	if len(value) > maxMediaType {
		return MediaType{}, malformed("Content-Type: %d octets; at most %d are taken", len(value), maxMediaType)
	}
	if i := strings.IndexFunc(value, otherSpace); i >= 0 {
		// Package mime takes it for white space.
		return MediaType{}, malformed("Content-Type: control characters, or white space of other alphabets, in %.80q", value)
	}
	value = withoutComments(value)
	t, params, err := mime.ParseMediaType(value)
	if err != nil {
		return MediaType{}, diag.E("Content-Type", diag.Data, err)
	}
	if name := ambiguous(value); name != "" {
		return MediaType{}, malformed("Content-Type: the parameter %.80q in two ways, or in pieces that do not fit", name)
	}
	if strings.Count(t, "/") != 1 {
		return MediaType{}, malformed("Content-Type: %.80q is no type", value)
	}
	return MediaType{t, params}, nil
}

func otherSpace(r rune) bool {
	return r != ' ' && r != '\t' && (unicode.IsControl(r) || unicode.IsSpace(r))
}

// ambiguous names a parameter that is there as it is and in pieces, in pieces and encoded in
// one, with a piece twice or with one missing; "": there is none. Package mime takes one of
// these without a word.
func ambiguous(value string) string {
	const whole, encoded, pieces = "whole", "encoded", "pieces"
	ways := map[string]string{}
	numbers, highest := map[string]map[int]bool{}, map[string]int{}
	for _, p := range parameters(value) {
		name, _, _ := strings.Cut(p, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		base, rest, starred := strings.Cut(name, "*")
		way := whole
		switch {
		case starred && rest == "":
			way = encoded
		case starred:
			way = pieces
			rest = strings.TrimSuffix(rest, "*")
			n, err := strconv.Atoi(rest)
			if err != nil || n < 0 || strconv.Itoa(n) != rest || numbers[base][n] {
				return base
			}
			if numbers[base] == nil {
				numbers[base] = map[int]bool{}
			}
			numbers[base][n] = true
			highest[base] = max(highest[base], n)
		}
		if had := ways[base]; had != "" && had != way {
			return base
		}
		ways[base] = way
	}
	for base, all := range numbers {
		if len(all) != highest[base]+1 {
			return base
		}
	}
	return ""
}

// parameters are the parts of a value after the first, between semicolons that are not quoted.
func parameters(value string) []string {
	var all []string
	begin, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			all = append(all, value[begin:i])
			begin = i + 1
		}
	}
	return append(all, value[begin:])[1:]
}

// withoutComments leaves out what RFC 822 allows between any two tokens, which parts them as a
// blank does.
func withoutComments(s string) string {
	var out strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && (quoted || depth > 0) && i+1 < len(s):
			if depth == 0 {
				out.WriteString(s[i : i+2])
			}
			i++
			continue
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			if depth == 0 {
				out.WriteByte(' ')
			}
			depth++
			continue
		case c == ')' && depth > 0:
			depth--
			continue
		}
		if depth == 0 {
			out.WriteByte(c)
		}
	}
	return strings.TrimRight(strings.Trim(out.String(), " \t"), "; \t")
}

// ContentType returns that of an entity, text/plain if it has none (RFC 2045 §5.2). Two are
// an error.
func (e *Entity) ContentType() (MediaType, error) {
	switch all := e.All("Content-Type"); len(all) {
	case 0:
		return MediaType{Type: "text/plain", Params: map[string]string{}}, nil
	case 1:
		return ParseMediaType(all[0].Value())
	default:
		return MediaType{}, malformed("Content-Type: there are %d of them", len(all))
	}
}

// WithParameter returns the field of the media type with a parameter more, or with another
// value of it.
func (m MediaType) WithParameter(name, value string) MediaType {
	params := map[string]string{name: value}
	for k, v := range m.Params {
		if k != name {
			params[k] = v
		}
	}
	return MediaType{m.Type, params}
}

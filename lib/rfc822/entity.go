package rfc822

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of one header and of one body.
const (
	maxHeader = 1 << 20 // octets
	maxFields = 2000
	maxParts  = 1000
)

// Field is a header field, its line ends and folding with it.
type Field struct {
	Name string
	Raw  []byte // with the name and the line end
}

// Value returns the field body unfolded (RFC 5322 §2.2.3), without blanks and tabs around it: what
// else is white space to some is a character to others.
func (f Field) Value() string {
	_, body, _ := bytes.Cut(f.Raw, []byte(":"))
	body = bytes.ReplaceAll(body, []byte("\r\n"), nil)
	return strings.Trim(string(bytes.ReplaceAll(body, []byte("\n"), nil)), " \t")
}

// Is tells whether the field has a name, which is the same in capitals.
func (f Field) Is(name string) bool { return strings.EqualFold(f.Name, name) }

// Entity is a header and a body, RFC 2045 §2.4: a message, or a part of one.
type Entity struct {
	Octets []byte // all of it
	Fields []Field
	Body   []byte // what comes after the empty line
	Empty  []byte // the empty line; none: the entity ends with its header

	at int // where a part begins in the body around it
}

func malformed(format string, args ...any) error {
	return diag.E("message", diag.Data, fmt.Errorf(format, args...))
}

// Unbox returns a message without the line "From " that mailboxes have before it, which is
// not part of it.
func Unbox(octets []byte) []byte {
	if bytes.HasPrefix(octets, []byte("From ")) {
		return octets[len(line(octets)):]
	}
	return octets
}

// Parse reads the header at the start of octets, all of which are the entity.
func Parse(octets []byte) (*Entity, error) {
	e := &Entity{Octets: octets}
	for at, n := 0, 1; at < len(octets); n++ {
		l := line(octets[at:])
		if len(text(l)) == 0 {
			e.Empty, e.Body = l, octets[at+len(l):]
			return e, nil
		}
		if at+len(l) > maxHeader {
			return nil, malformed("line %d: a header of more than %d octets", n, maxHeader)
		}
		if bytes.ContainsAny(bytes.TrimSuffix(bytes.TrimSuffix(l, []byte("\r\n")), []byte("\n")), "\r\x00") {
			// Where some see a line end, and the field after it, and others the end of everything.
			return nil, malformed("line %d: NUL, or CR alone, in a header", n)
		}
		switch {
		case l[0] == ' ' || l[0] == '\t':
			if len(e.Fields) == 0 {
				return nil, malformed("line %d: a folded line that continues nothing", n)
			}
			last := &e.Fields[len(e.Fields)-1]
			last.Raw = octets[at-len(last.Raw) : at+len(l)]
		case len(e.Fields) == maxFields:
			return nil, malformed("line %d: more than %d header fields", n, maxFields)
		default:
			name, ok := fieldName(l)
			if !ok {
				return nil, malformed("line %d: no header field, and no empty line before it", n)
			}
			e.Fields = append(e.Fields, Field{Name: name, Raw: octets[at : at+len(l)]})
		}
		at += len(l)
	}
	return e, nil
}

// fieldName is the name of a field at the start of a line, RFC 5322 §3.6.8.
func fieldName(l []byte) (string, bool) {
	i := bytes.IndexByte(l, ':')
	if i < 1 {
		return "", false
	}
	name := bytes.TrimRight(l[:i], " \t") // RFC 5322 §4.5.8
	for _, c := range name {
		if c < '!' || c > '~' {
			return "", false
		}
	}
	return string(name), len(name) > 0
}

// line is the first line of octets with its end.
func line(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

// text is a line without its end.
func text(l []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(l, []byte("\n")), []byte("\r"))
}

// All returns the fields of a name, in order.
func (e *Entity) All(name string) []Field {
	var all []Field
	for _, f := range e.Fields {
		if f.Is(name) {
			all = append(all, f)
		}
	}
	return all
}

// byName are the fields, in order, by their names in small letters.
func (e *Entity) byName() map[string][]Field {
	all := map[string][]Field{}
	for _, f := range e.Fields {
		name := strings.ToLower(f.Name)
		all[name] = append(all[name], f)
	}
	return all
}

// Value returns that of the first field of a name; "": there is none.
func (e *Entity) Value(name string) string {
	if all := e.All(name); len(all) > 0 {
		return all[0].Value()
	}
	return ""
}

// Header returns the octets of the header, without the empty line.
func (e *Entity) Header() []byte {
	return e.Octets[:len(e.Octets)-len(e.Empty)-len(e.Body)]
}

// Parts returns the parts of a multipart, RFC 2046 §5.1: each begins after the line of its
// delimiter and ends before the line end that the next one begins with. A multipart that is
// cut short, without its closing delimiter, is an error, and so is one in a transfer encoding, which
// RFC 2045 §6.4 does not allow: what is there could be read in two ways.
func (e *Entity) Parts() ([]*Entity, error) {
	mt, err := e.ContentType()
	if err != nil {
		return nil, err
	}
	if !mt.Multipart() {
		return nil, malformed("%s has no parts", mt.Type)
	}
	if encoding, err := e.encoding(); err != nil || encoding == "base64" || encoding == "quoted-printable" {
		return nil, malformed("%s in the transfer encoding %.80q", mt.Type, encoding)
	}
	boundary := mt.Params["boundary"]
	// A backslash may be of a quoted-pair, or as it stands: not everybody reads it the same.
	if boundary == "" || len(boundary) > 70 || strings.HasSuffix(boundary, " ") || strings.ContainsAny(boundary, `\"`) {
		return nil, malformed("%s: the boundary %.80q is none", mt.Type, boundary)
	}
	alone := malformed("%s: a delimiter beside CR alone, which is a line end to some", mt.Type)
	if bytes.Contains(e.Body, []byte("\r--"+boundary)) {
		return nil, alone
	}
	var parts []*Entity
	start := -1 // of the part that is open
	for at := 0; at < len(e.Body); {
		l := line(e.Body[at:])
		rest, delimiter := bytes.CutPrefix(text(l), []byte("--"+boundary))
		closing := false
		if delimiter {
			if bytes.IndexByte(rest, '\r') >= 0 {
				return nil, alone
			}
			after, end := bytes.CutPrefix(rest, []byte("--"))
			if end {
				rest = after
			}
			closing = end
			delimiter = len(bytes.TrimRight(rest, " \t")) == 0
		}
		if delimiter {
			if closing && start < 0 {
				return nil, malformed("%s: the closing delimiter comes first", mt.Type)
			}
			if start >= 0 {
				if len(parts) == maxParts {
					return nil, malformed("%s: more than %d parts", mt.Type, maxParts)
				}
				// The line end before a delimiter belongs to it.
				part, err := Parse(text(e.Body[start:at]))
				if err != nil {
					return nil, diag.E(fmt.Sprintf("part %d", len(parts)+1), diag.Data, err)
				}
				part.at = start
				parts = append(parts, part)
			}
			if closing {
				return parts, nil
			}
			start = at + len(l)
		}
		at += len(l)
	}
	return nil, malformed("%s: truncated: no closing delimiter of boundary %q", mt.Type, boundary)
}

// Canonical returns octets with all line ends CRLF, as they are sent and signed (RFC 8551
// §3.1.1); they themselves where they have no other.
func Canonical(b []byte) []byte {
	n := 0
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') {
			n++
		}
	}
	if n == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+n)
	for i, c := range b {
		if c == '\n' && (i == 0 || b[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}

package rfc822

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of what relays leave alone, RFC 5322 §2.1.1, and of how deep we look for the rest.
const (
	maxLine  = 998 // octets of a line without its end
	maxDepth = 16  // entities in one another
)

// fragile says what a relay may change of octets, "" if nothing: a multipart/signed must not
// have it (RFC 8551 §3.1.3, RFC 1847 §2.1). Of a header it is fewer things: its white space is
// left out, and no line of it begins with "From ".
func fragile(b []byte, header bool) string {
	for len(b) > 0 {
		l := line(b)
		t := text(l)
		switch {
		case bytes.ContainsFunc(t, func(r rune) bool { return r >= 0x80 }):
			return "octets of more than 7 bits"
		case bytes.IndexByte(t, 0) >= 0, bytes.IndexByte(t, '\r') >= 0:
			return "NUL, or CR alone"
		case len(t) > maxLine:
			return fmt.Sprintf("a line of more than %d octets", maxLine)
		case header:
		case len(t) > 0 && (t[len(t)-1] == ' ' || t[len(t)-1] == '\t'):
			return "white space at the end of a line"
		case bytes.HasPrefix(t, []byte("From ")):
			return `a line that begins with "From "`
		}
		b = b[len(l):]
	}
	return ""
}

// Sturdy returns an entity with CRLF throughout in such a form that relays change nothing of
// it: a body they might is in base64 or quoted-printable. What is sturdy is returned as it
// is. What is signed or encrypted inside, and headers, cannot be written in another way: the
// error, of kind diag.Data, says what is wrong with them.
func Sturdy(octets []byte) ([]byte, error) {
	e, err := Parse(octets)
	if err != nil {
		return nil, err
	}
	return e.sturdy(0)
}

// tidy is the entity without white space at the end of lines of its header, where it means nothing
// (RFC 5322 §3.2.2): to a relay what is signed is a body, headers and all.
func (e *Entity) tidy() *Entity {
	header := e.Header()
	var out []byte
	for rest := header; len(rest) > 0; {
		l := line(rest)
		rest = rest[len(l):]
		// A line of nothing else would become the end of the header.
		if t := bytes.TrimRight(text(l), " \t"); len(t) > 0 {
			out = append(append(out, t...), l[len(text(l)):]...)
		}
	}
	if len(out) == len(header) {
		return e
	}
	tidy, err := Parse(slices.Concat(out, e.Empty, e.Body))
	if err != nil {
		return e // fragile finds out what is wrong with it
	}
	return tidy
}

func (e *Entity) sturdy(depth int) ([]byte, error) {
	e = e.tidy()
	if why := fragile(e.Header(), true); why != "" {
		return nil, unsturdy("a header has %s", why)
	}
	why := fragile(e.Body, false)
	if why == "" {
		return e.Octets, nil
	}
	mt, err := e.ContentType()
	if err != nil {
		return nil, err
	}
	switch {
	case depth == maxDepth:
		return nil, unsturdy("more than %d entities in one another have %s", maxDepth, why)
	case mt.Secured():
		return nil, unsturdy("%s has %s", mt.Type, why)
	case mt.Multipart():
		return e.sturdyParts(depth)
	case mt.Type == "message/rfc822" && e.Value("Content-Transfer-Encoding") != "base64":
		inner, err := Parse(e.Body)
		if err != nil {
			return nil, err
		}
		body, err := inner.sturdy(depth + 1)
		if err != nil {
			return nil, err
		}
		return e.with("7bit", body), nil
	}
	return e.encoded()
}

func unsturdy(format string, args ...any) error {
	return diag.WithHint(malformed("%s, which a relay may change: a multipart/signed cannot have it", fmt.Sprintf(format, args...)), "sign it opaque")
}

// sturdyParts has the parts of a multipart sturdy, and what is between them as it is.
func (e *Entity) sturdyParts(depth int) ([]byte, error) {
	parts, err := e.Parts()
	if err != nil {
		return nil, err
	}
	var body []byte
	at := 0
	for _, p := range parts {
		body = append(body, e.Body[at:p.at]...)
		part, err := p.sturdy(depth + 1)
		if err != nil {
			return nil, err
		}
		body = append(body, part...)
		at = p.at + len(p.Octets)
	}
	body = append(body, e.Body[at:]...)
	if why := fragile(body, false); why != "" {
		return nil, unsturdy("a multipart has, between its parts, %s", why)
	}
	return e.with("7bit", body), nil
}

// encoded has a body in quoted-printable where it is text, and in base64 else.
func (e *Entity) encoded() ([]byte, error) {
	content, err := e.Content(len(e.Body))
	if err != nil {
		return nil, err
	}
	mt, err := e.ContentType()
	if err != nil {
		return nil, err
	}
	lines := bytes.ReplaceAll(content, []byte("\r\n"), nil)
	if !strings.HasPrefix(mt.Type, "text/") || bytes.ContainsAny(lines, "\r\n\x00") {
		return e.with("base64", EncodeBase64(content)), nil
	}
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	_, err = w.Write(content)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	body := bytes.ReplaceAll(out.Bytes(), []byte("\r\nFrom "), []byte("\r\n=46rom "))
	if bytes.HasPrefix(body, []byte("From ")) {
		body = append([]byte("=46"), body[1:]...)
	}
	return e.with("quoted-printable", body), nil
}

// with is the entity with another body, in another transfer encoding.
func (e *Entity) with(encoding string, body []byte) []byte {
	field := Field{Name: "Content-Transfer-Encoding", Raw: []byte("Content-Transfer-Encoding: " + encoding + "\r\n")}
	var fields []Field
	had := false
	for _, f := range e.Fields {
		if f.Is(field.Name) {
			f, had = field, true
		}
		fields = append(fields, f)
	}
	if !had && encoding != "7bit" {
		fields = append(fields, field)
	}
	return append(append(Join(fields), "\r\n"...), body...)
}

package rfc822

import (
	"bytes"
	"mime"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// Form is a way to put the header fields of a message where its signature covers them.
type Form string

// The forms.
const (
	Unprotected Form = "none"
	// RFC9788: the fields are copied to the header of what is signed, marked by the
	// parameter hp of its Content-Type.
	RFC9788 Form = "rfc9788"
	// Wrapped: what is signed is a message/rfc822 (RFC 8551 §3.1). We mark it by the parameter
	// forwarded=no, which tells it from a message that is sent on.
	Wrapped Form = "rfc822"
	// Draft: as RFC9788, marked by protected-headers="v1", as drafts before it had it. It
	// is read only.
	Draft Form = "protected-headers"
)

// Protection is what is covered of a header.
type Protection struct {
	Form   Form
	Cipher bool // the sender says that it was encrypted
	// Message is the message that is covered; nil where the header is not.
	Message *Entity
	Fields  []ProtectedField
}

// ProtectedField is a header field that is covered, or that should have been.
type ProtectedField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Outer string `json:"outer"` // same, differs or absent: what the header around it says; added: only it has the field
}

// Structural tells whether a field is of the structure of MIME (RFC 9787 §1.1.1), which is
// never copied.
func (f Field) Structural() bool {
	return f.Is("MIME-Version") || len(f.Name) >= 8 && strings.EqualFold(f.Name[:8], "Content-")
}

// transit are the fields that relays add, which nobody can sign beforehand, and one that
// nobody else may see.
var transit = []string{"Return-Path", "Received", "Received-SPF", "Delivered-To", "DKIM-Signature", "Authentication-Results", "Bcc", "HP-Outer"}

// copied tells whether a field is covered where headers are.
func (f Field) copied() bool {
	if f.Structural() || len(f.Name) >= 4 && strings.EqualFold(f.Name[:4], "ARC-") || len(f.Name) >= 7 && strings.EqualFold(f.Name[:7], "Resent-") {
		return false
	}
	return !slices.ContainsFunc(transit, f.Is)
}

// Protect returns what is to be signed of a message, and the fields of the header that goes
// around it: all but those of its content. m has CRLF throughout.
func Protect(m *Entity, form Form) (outer []Field, payload []byte, err error) {
	var inner []Field
	for _, f := range m.Fields {
		version := f.Is("MIME-Version")
		if version || !f.Structural() {
			outer = append(outer, f)
		}
		// Inside, the version makes what is signed a message by itself.
		if f.Structural() && !version || form == RFC9788 && (version || f.copied()) {
			inner = append(inner, f)
		}
	}
	mt, err := m.ContentType()
	if err != nil {
		return nil, nil, err
	}
	switch form {
	case Wrapped:
		return outer, slices.Concat([]byte("Content-Type: message/rfc822; forwarded=no\r\n\r\n"), m.Octets), nil
	case RFC9788:
		if mt.Secured() {
			return nil, nil, diag.WithHint(malformed("the message is %s: what says that its header is covered belongs inside", mt.Type), "cover it with --headers rfc822, or sign what is inside")
		}
		if inner, err = marked(inner, mt); err != nil {
			return nil, nil, err
		}
	}
	return outer, slices.Concat(Join(inner), []byte("\r\n"), m.Body), nil
}

// Join returns fields one after the other.
func Join(fields []Field) []byte {
	var out []byte
	for _, f := range fields {
		out = append(out, f.Raw...)
		if !bytes.HasSuffix(f.Raw, []byte("\n")) {
			out = append(out, "\r\n"...)
		}
	}
	return out
}

// marked puts hp="clear" to the Content-Type, RFC 9788 §2.1.1.
func marked(fields []Field, mt MediaType) ([]Field, error) {
	const hp = `; hp="clear"`
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Is("Content-Type") })
	if i < 0 {
		return append(fields, Field{Name: "Content-Type", Raw: []byte(`Content-Type: text/plain; charset="us-ascii"` + hp + "\r\n")}), nil
	}
	fields = slices.Clone(fields)
	if mt.Params["hp"] == "" && mt.Params["protected-headers"] == "" {
		raw := bytes.TrimRight(fields[i].Raw, "; \t\r\n")
		field := Field{Name: fields[i].Name, Raw: append(slices.Clone(raw), hp+"\r\n"...)}
		// In a comment that is never closed, or after an empty hp, nobody sees it.
		if seen, err := ParseMediaType(field.Value()); err == nil && seen.Params["hp"] == "clear" {
			fields[i] = field
			return fields, nil
		}
	}
	params := mt.WithParameter("hp", "clear").Params
	delete(params, "protected-headers")
	text := mime.FormatMediaType(mt.Type, params)
	if text == "" {
		return nil, malformed("Content-Type: a parameter that cannot be written")
	}
	fields[i].Raw = []byte("Content-Type: " + text + "\r\n")
	return fields, nil
}

// Secured tells whether an entity is a layer of S/MIME or of another way to sign or encrypt.
func (m MediaType) Secured() bool {
	switch m.Type {
	case "multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	}
	return false
}

// Protected finds out what is covered of the header of a message by a signature over
// payload.
//
// A payload that is a message/rfc822 is the message itself if it is marked so, or is not
// marked and fits RFC 9788 §4.10.1 and has the From and the Message-ID of the header around
// it: else it is somebody's message sent on, and to take it for the sender's would make his
// signature that of another.
func Protected(outer, payload *Entity) (*Protection, error) {
	mt, err := payload.ContentType()
	if err != nil {
		return nil, err
	}
	p := &Protection{Form: Unprotected}
	switch hp := strings.ToLower(mt.Params["hp"]); {
	case mt.Secured(): // another layer: marked is what is inside the last one (RFC 9788 §2.1.1)
	case hp == "clear" || hp == "cipher":
		p.Form, p.Cipher, p.Message = RFC9788, hp == "cipher", payload
	case mt.Params["protected-headers"] == "v1":
		p.Form, p.Message = Draft, payload
	case mt.Type == "message/rfc822" || mt.Type == "message/global":
		if err := p.wrapped(outer, payload, mt); err != nil {
			return nil, err
		}
	}
	if p.Message == nil {
		return p, nil
	}
	p.compare(outer)
	return p, nil
}

// compare tells of every field that is covered what the header around it says, and of every
// other that is added there. A name is looked at once, however many fields there are of it.
func (p *Protection) compare(outer *Entity) {
	inner, around := p.Message.byName(), outer.byName()
	said := map[string]string{}
	for name, fields := range inner {
		said[name] = compareAll(around[name], fields)
	}
	for _, f := range p.Message.Fields {
		if !f.Structural() && !f.Is("HP-Outer") {
			p.Fields = append(p.Fields, ProtectedField{f.Name, f.Value(), said[strings.ToLower(f.Name)]})
		}
	}
	for _, f := range outer.Fields {
		if f.copied() && len(inner[strings.ToLower(f.Name)]) == 0 {
			p.Fields = append(p.Fields, ProtectedField{f.Name, f.Value(), "added"})
		}
	}
}

func (p *Protection) wrapped(outer, payload *Entity, mt MediaType) error {
	octets, err := payload.Content(len(payload.Body))
	if err != nil {
		return err
	}
	inner, err := Parse(octets)
	if err != nil {
		return err
	}
	it, err := inner.ContentType()
	if err != nil {
		return err
	}
	switch forwarded := strings.ToLower(mt.Params["forwarded"]); {
	case forwarded == "no":
	case forwarded != "", it.Secured(), it.Params["hp"] != "", !sameMessage(outer, inner):
		return nil
	}
	p.Form, p.Message = Wrapped, inner
	return nil
}

// sameMessage tells whether two headers are those of one message.
func sameMessage(a, b *Entity) bool {
	for _, name := range []string{"From", "Message-ID"} {
		if compareAll(a.All(name), b.All(name)) != "same" {
			return false
		}
	}
	return len(a.All("From")) > 0
}

// compareAll says what the header around has of the fields of one name.
func compareAll(outer, inner []Field) string {
	if len(outer) == 0 && len(inner) > 0 {
		return "absent"
	}
	if !slices.EqualFunc(outer, inner, func(a, b Field) bool {
		// Relays fold lines anew.
		return slices.Equal(words(a.Value()), words(b.Value()))
	}) {
		return "differs"
	}
	return "same"
}

// words are what is between blanks and tabs: other white space is not what folding leaves.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' })
}

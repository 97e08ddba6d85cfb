package cms

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/rfc822"
)

// Shape is how a signed object comes.
type Shape string

// The shapes.
const (
	Bare      Shape = "der"       // the object alone, as the content of a message of X.400 is
	Multipart Shape = "multipart" // multipart/signed, RFC 8551 §3.5.3
	Opaque    Shape = "opaque"    // application/pkcs7-mime, RFC 8551 §3.5.2
	Unsigned  Shape = "none"      // a message without a layer of S/MIME
)

// Message is what may have a signature on it: a message of the Internet, or a CMS object
// alone. Of layers within one another it is about the outermost.
type Message struct {
	Shape  Shape
	Header *rfc822.Entity // of the message; nil where Bare
	Object *Object        // nil where Unsigned
	Part   []byte         // the signed part of a Multipart, as it came

	limits Limits
}

// Read tells what octets are, and reads it: an object in BER, PEM or base64, or else a
// message, with line ends of either kind. The error has kind diag.Data.
func Read(octets []byte, lim Limits) (*Message, error) {
	lim = lim.orDefault()
	if len(octets) > lim.Octets {
		return nil, malformed("%d octets; at most %d are taken", len(octets), lim.Octets)
	}
	m := &Message{Shape: Bare, limits: lim}
	bare, err := encoded(octets, lim)
	if err != nil {
		return nil, err
	}
	if bare != nil {
		m.Object, err = Parse(bare, lim)
		return m, err
	}
	return m, m.mail(octets)
}

// encoded is the BER in octets that are, or stand for, an object alone; nil: they are not.
func encoded(octets []byte, lim Limits) ([]byte, error) {
	// What begins with the digit 0 is a header field only if text comes after it.
	if len(octets) > 2 && octets[0] == idSequence && (octets[1] >= 0x80 || octets[2] == idOID) {
		return octets, nil
	}
	trimmed := bytes.TrimSpace(octets)
	if bytes.HasPrefix(trimmed, []byte("-----BEGIN ")) {
		block, rest := pem.Decode(trimmed)
		// Package pem passes over what is damaged: the first that is read need not be the first.
		if bytes.Count(trimmed, []byte("-----BEGIN ")) > 1 || len(bytes.TrimSpace(rest)) > 0 {
			return nil, malformed("PEM with more in it than one object")
		}
		if block == nil || block.Type != "CMS" && block.Type != "PKCS7" && block.Type != "PKCS #7 SIGNED DATA" {
			return nil, malformed("PEM that is no CMS object")
		}
		return block.Bytes, nil
	}
	// In base64, the first two octets of an object begin with MI.
	if !bytes.HasPrefix(trimmed, []byte("MI")) || bytes.IndexByte(trimmed[:min(len(trimmed), 78)], ':') >= 0 {
		return nil, nil
	}
	return rfc822.Base64(trimmed, lim.Octets)
}

// mail reads a message, and its outermost layer.
func (m *Message) mail(octets []byte) error {
	var err error
	m.Shape = Unsigned
	if m.Header, err = rfc822.Parse(rfc822.Unbox(octets)); err != nil {
		return err
	}
	if len(m.Header.Fields) == 0 {
		return malformed("neither a CMS object nor a message")
	}
	mt, err := m.Header.ContentType()
	if err != nil {
		return err
	}
	err = m.layered(mt)
	if err == nil && m.Shape != Unsigned {
		err = parted(m.Header)
	}
	return err
}

// parted refuses a header that ends sooner for some readers than for others: at a field with blanks
// before its colon, which RFC 5322 §4.5.8 has of old. What comes after is text to those readers, and
// nobody has signed it.
func parted(e *rfc822.Entity) error {
	for _, f := range e.Fields {
		if f.Raw[len(f.Name)] != ':' {
			return malformed("blanks after %.80q in the header around a signature: not everybody takes it for a field", f.Name)
		}
	}
	return nil
}

// layered reads the outermost layer by its media type.
func (m *Message) layered(mt rfc822.MediaType) error {
	switch mt.Type {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return m.opaque(m.Header)
	case "application/octet-stream":
		// What some senders call it whose types a gateway did not know (RFC 8551 §3.9).
		if strings.HasSuffix(strings.ToLower(mt.Params["name"]), ".p7m") {
			return m.opaque(m.Header)
		}
	case "multipart/signed":
		if p := strings.ToLower(mt.Params["protocol"]); p == "application/pkcs7-signature" || p == "application/x-pkcs7-signature" || p == "" {
			return m.multipart(p)
		}
	}
	return nil
}

func (m *Message) opaque(e *rfc822.Entity) error {
	octets, err := e.Content(m.limits.Octets)
	if err != nil {
		return err
	}
	m.Shape = Opaque
	m.Object, err = Parse(octets, m.limits)
	return err
}

func (m *Message) multipart(protocol string) error {
	parts, err := m.Header.Parts()
	if err != nil {
		return err
	}
	if len(parts) != 2 {
		return malformed("multipart/signed of %d parts; it has two", len(parts))
	}
	mt, err := parts[1].ContentType()
	if err != nil {
		return err
	}
	if mt.Type != "application/pkcs7-signature" && mt.Type != "application/x-pkcs7-signature" {
		if protocol == "" {
			return nil // it is of another protocol
		}
		return malformed("multipart/signed whose second part is %s, not a signature", mt.Type)
	}
	octets, err := parts[1].Content(m.limits.Octets)
	if err != nil {
		return err
	}
	m.Shape, m.Part = Multipart, parts[0].Octets
	m.Object, err = Parse(octets, m.limits)
	switch {
	case err != nil:
	case m.Object.Signed == nil:
		err = malformed("the signature of a multipart/signed is %s, not signedData", Name(m.Object.Type))
	case !m.Object.Signed.Detached:
		// Whoever shows the part and verifies what is inside shows what nobody has signed.
		err = malformed("the signature of a multipart/signed has a content of its own")
	case m.Object.Signed.ContentType != Data:
		err = malformed("the signature of a multipart/signed is over %s, not data", Name(m.Object.Signed.ContentType))
	}
	return err
}

// Content returns what is signed, as it came; nil: nothing is, or it is not there.
func (m *Message) Content() []byte {
	switch {
	case m.Shape == Multipart:
		return m.Part
	case m.Object != nil && m.Object.Signed != nil && !m.Object.Signed.Detached:
		return m.Object.Signed.Content
	}
	return nil
}

// MessageVerdict is what was found out of the outermost layer of a message.
type MessageVerdict struct {
	Verdict
	Shape   Shape                   `json:"shape"`
	Headers rfc822.Form             `json:"headers"` // how the header is covered
	Fields  []rfc822.ProtectedField `json:"fields"`  // those that are
	Inner   string                  `json:"inner"`   // what is signed: a type of content or a media type
}

// Verify judges the outermost layer of a message. content is what is signed where it comes
// apart from the object. Where Options name no originators and the message has a header,
// the originator is its From: that of the header that is covered, if one is. RFC 8550 §3 would
// have Sender do as well; but From is what people see, and anybody may write a Sender beside
// somebody else's. anybody takes the signature of whoever it is.
func (m *Message) Verify(content []byte, o *Options, anybody bool) *MessageVerdict {
	v := &MessageVerdict{Shape: m.Shape, Headers: rfc822.Unprotected, Fields: []rfc822.ProtectedField{}}
	if m.Object == nil || m.Object.Signed == nil {
		v.Verdict = Verdict{Reasons: []Reason{}, Signers: []SignerVerdict{}}
		text := "the message is not signed"
		if m.Object != nil {
			v.ContentType = Name(m.Object.Type)
			text = "the object is " + v.ContentType + ", not signedData"
		}
		v.refuse(reasonf(NoSigner, "%s", text))
		return v
	}
	if m.Header != nil {
		content = m.Content()
	}
	p, payload, wrong := m.protection()
	judged := *o
	if m.Header != nil && !anybody && len(o.Originators.Mail)+len(o.Originators.OR) == 0 {
		from := m.Header
		if p != nil && p.Message != nil {
			from = p.Message
		}
		if o, err := originators(from); err != nil {
			wrong = append(wrong, *reasonf(WrongSigner, "%v", err))
		} else {
			judged.Originators = o
		}
	}
	v.Verdict = *m.Object.Signed.Verify(content, &judged)
	// A file of Unix has line ends of its own throughout; signed are those of RFC 8551 §3.1.1. Where
	// but some are, somebody has changed what was signed.
	if m.Shape == Multipart && v.Has(WrongDigest) && !bytes.Contains(content, []byte("\r\n")) {
		if again := m.Object.Signed.Verify(rfc822.Canonical(content), &judged); !again.Has(WrongDigest) {
			v.Verdict = *again
		}
	}
	if p != nil {
		v.Headers = p.Form
		if p.Fields != nil {
			v.Fields = p.Fields
		}
	}
	v.Inner = m.inner(payload)
	if len(wrong) > 0 {
		v.Valid, v.Label, v.EquivalentLabels = false, nil, nil
		v.Reasons = append(v.Reasons, wrong...)
	}
	return v
}

// protection reads the content of a message as the entity it must be.
func (m *Message) protection() (*rfc822.Protection, *rfc822.Entity, []Reason) {
	if m.Header == nil || m.Object.Signed.ContentType != Data {
		return nil, nil, nil
	}
	payload, err := rfc822.Parse(m.Content())
	var p *rfc822.Protection
	if err == nil {
		p, err = rfc822.Protected(m.Header, payload)
	}
	if err != nil {
		return nil, nil, []Reason{{Malformed, "what is signed: " + err.Error()}}
	}
	return p, payload, nil
}

// inner names what is signed.
func (m *Message) inner(payload *rfc822.Entity) string {
	if payload == nil {
		return Name(m.Object.Signed.ContentType)
	}
	mt, err := payload.ContentType()
	if err != nil {
		return ""
	}
	return mt.Type
}

// maxOriginators bounds the addresses of From.
const maxOriginators = 32

// addressParser takes the names of people in whatever character set: the addresses count.
var addressParser = mail.AddressParser{WordDecoder: &mime.WordDecoder{
	CharsetReader: func(_ string, text io.Reader) (io.Reader, error) { return text, nil },
}}

// originators are the addresses of From.
func originators(e *rfc822.Entity) (Originators, error) {
	fields := e.All("From")
	if len(fields) != 1 {
		return Originators{}, fmt.Errorf("there are %d fields From to compare the signer with, not one", len(fields))
	}
	list, err := addressParser.ParseList(fields[0].Value())
	// Of nobody, in an empty group of RFC 6854, anybody's signature would do.
	if err != nil || len(list) == 0 || len(list) > maxOriginators {
		return Originators{}, fmt.Errorf("no addresses can be read in From: %.200q", fields[0].Value())
	}
	var o Originators
	for _, a := range list {
		o.Mail = append(o.Mail, a.Address)
	}
	return o, nil
}

// Strip returns what is inside the outermost signature, which it does not judge. Of a message
// whose header is covered it is that message bit for bit; of another it is the header around
// it, without the fields of the content, and what is signed, without fields that mean nothing in
// it (RFC 2045 §5): here they would be those of the message, which nobody has looked at. Of a
// bare object it is the content.
func (m *Message) Strip() ([]byte, error) {
	content := m.Content()
	switch {
	case m.Shape == Unsigned:
		return nil, diag.New("", diag.Data, "it is not signed: there is no signature to take off")
	case content == nil:
		return nil, malformed("there is no content in it to take out")
	}
	if m.Header == nil {
		return content, nil
	}
	p, payload, wrong := m.protection()
	switch {
	case len(wrong) > 0:
		return nil, diag.New("", diag.Data, wrong[0].Text)
	case p == nil:
		return content, nil
	case p.Message != nil:
		return p.Message.Octets, nil
	}
	var outer, inner []rfc822.Field
	for _, f := range payload.Fields {
		if f.Structural() {
			inner = append(inner, f)
		}
	}
	if len(inner) < len(payload.Fields) {
		content = slices.Concat(rfc822.Join(inner), payload.Empty, payload.Body)
	}
	versioned := len(payload.All("MIME-Version")) > 0
	for _, f := range m.Header.Fields {
		if f.Is("MIME-Version") && !versioned || !f.Structural() {
			outer = append(outer, f)
		}
	}
	header := rfc822.Join(outer)
	if bytes.Contains(content, []byte("\r\n")) {
		header = rfc822.Canonical(header)
	}
	return append(header, content...), nil
}

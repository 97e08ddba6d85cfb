package cms

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/rfc822"
)

// Mail signs a message of the Internet: in the shape Multipart or Opaque, its header covered
// in a form or not. Line ends become CRLF, unless the message has them in its header already
// and is signed Opaque: what is binary in it stays so. A Multipart must get through relays as it is (RFC
// 8551 §3.1.3): what would not gets another transfer encoding, or is refused, with kind
// diag.Data.
func (s *Signing) Mail(octets []byte, shape Shape, form rfc822.Form) ([]byte, error) {
	if s.content != Data {
		return nil, diag.New("sign", diag.Usage, "a message is signed as content of type data, not "+Name(s.content))
	}
	octets = rfc822.Unbox(octets)
	first, _, _ := bytes.Cut(octets, []byte("\n"))
	if shape == Multipart || !bytes.HasSuffix(first, []byte("\r")) {
		octets = rfc822.Canonical(octets)
	}
	m, err := rfc822.Parse(octets)
	if err != nil {
		return nil, err
	}
	if len(m.Fields) == 0 {
		return nil, malformed("a message without a header")
	}
	outer, payload, err := rfc822.Protect(m, form)
	if err != nil {
		return nil, err
	}
	if shape == Multipart {
		if payload, err = rfc822.Sturdy(payload); err != nil {
			return nil, err
		}
	}
	return s.around(outer, payload, shape)
}

// around puts a signature around a payload, and a header around that.
func (s *Signing) around(outer []rfc822.Field, payload []byte, shape Shape) ([]byte, error) {
	der, err := s.Sign(payload, shape == Multipart)
	if err != nil {
		return nil, err
	}
	header := rfc822.Canonical(rfc822.Join(outer))
	if !slices.ContainsFunc(outer, func(f rfc822.Field) bool { return f.Is("MIME-Version") }) {
		header = append(header, "MIME-Version: 1.0\r\n"...)
	}
	out := bytes.NewBuffer(header)
	if shape == Multipart {
		s.multipart(out, payload, der)
	} else {
		out.WriteString("Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\r\n" +
			"Content-Disposition: attachment; filename=\"smime.p7m\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		out.Write(rfc822.EncodeBase64(der))
	}
	return out.Bytes(), nil
}

func (s *Signing) multipart(out *bytes.Buffer, payload, der []byte) {
	// The signature is not to be foreseen, and so nobody can have put this into the payload.
	sum := sha256.Sum256(der)
	boundary := "smime-" + hex.EncodeToString(sum[:16])
	fmt.Fprintf(out, "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\";\r\n micalg=%s; boundary=\"%s\"\r\n\r\n", s.MicAlg(), boundary)
	fmt.Fprintf(out, "--%s\r\n", boundary)
	out.Write(payload)
	fmt.Fprintf(out, "\r\n--%s\r\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n"+
		"Content-Disposition: attachment; filename=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary)
	out.Write(rfc822.EncodeBase64(der))
	fmt.Fprintf(out, "--%s--\r\n", boundary)
}

// Replace signs what the outermost signature of a message is over, in the same shape, and
// leaves that signature out: of a triple wrap (RFC 2634 §1.1) the layers inside stay as they
// are. It does not judge the signature it replaces. content is what is signed where it comes
// apart from a bare object.
func (s *Signing) Replace(m *Message, content []byte) ([]byte, error) {
	if m.Object == nil || m.Object.Signed == nil {
		return nil, malformed("there is no signature on it to replace")
	}
	d := m.Object.Signed
	switch c := m.Content(); {
	case c != nil && content != nil && !bytes.Equal(c, content):
		return nil, malformed("the content given is not the one inside the object, which would be signed")
	case c != nil:
		content = c
	case content == nil:
		return nil, malformed("the object has no content, and none is given")
	}
	again := s.as(d.ContentType)
	if m.Shape == Bare {
		return again.Sign(content, d.Detached)
	}
	var outer []rfc822.Field
	for _, f := range m.Header.Fields {
		if f.Is("MIME-Version") || !f.Structural() {
			outer = append(outer, f)
		}
	}
	if m.Shape == Multipart && !bytes.Contains(content, []byte("\r\n")) {
		content = rfc822.Canonical(content) // a file of Unix
	}
	return again.around(outer, content, m.Shape)
}

// as is the same for another type of content.
func (s *Signing) as(contentType asn1.OID) *Signing {
	again := *s
	again.content = contentType
	return &again
}

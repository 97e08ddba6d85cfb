package cms

import (
	"time"

	"github.com/mtakit/mtakit/lib/rfc822"
)

// Layer is what one layer of a message says of itself. Nothing of it is verified.
type Layer struct {
	Verified     bool        `json:"verified"` // never
	Layer        int         `json:"layer"`    // 1 is the outermost
	Shape        Shape       `json:"shape"`
	ContentType  string      `json:"contentType,omitempty"`
	EContentType string      `json:"eContentType,omitempty"`
	Octets       int         `json:"octets"`
	Inner        string      `json:"inner"`
	Headers      rfc822.Form `json:"headers"`
	Certificates []string    `json:"certificates"`
	Signers      []Claim     `json:"signers"`
}

// Claim is what a signer says, or whoever has made it look so.
type Claim struct {
	Subject     string    `json:"subject,omitempty"`
	Digest      string    `json:"digest"`
	Algorithm   string    `json:"algorithm"`
	SigningTime time.Time `json:"signingTime,omitzero"`
	Label       []byte    `json:"label,omitempty"`
	Attributes  []string  `json:"attributes"`
}

// maxLayers bounds how deep signatures are looked into.
const maxLayers = 8

// Layers describes a message layer by layer, as far as signatures go, and what is inside
// the last one. It verifies nothing.
func (m *Message) Layers() []Layer {
	var all []Layer
	for len(all) < maxLayers {
		l, next := m.layer()
		l.Layer = len(all) + 1
		all = append(all, l)
		if next == nil {
			break
		}
		m = next
	}
	return all
}

// layer describes the outermost layer, and returns what is inside it, if that is a message.
func (m *Message) layer() (Layer, *Message) {
	l := Layer{Shape: m.Shape, Headers: rfc822.Unprotected, Certificates: []string{}, Signers: []Claim{}}
	if m.Object == nil {
		l.Octets = len(m.Header.Body)
		if mt, err := m.Header.ContentType(); err == nil {
			l.Inner = mt.Type
		}
		return l, nil
	}
	l.ContentType = Name(m.Object.Type)
	d := m.Object.Signed
	if d == nil {
		l.Octets = len(m.Object.Data)
		return l, nil
	}
	l.EContentType, l.Octets = Name(d.ContentType), len(m.Content())
	for i := range d.Certificates {
		if c := d.Certificates[i].X509; c != nil {
			l.Certificates = append(l.Certificates, Subject(c))
		} else {
			l.Certificates = append(l.Certificates, "")
		}
	}
	for i := range d.Signers {
		l.Signers = append(l.Signers, d.claim(&d.Signers[i]))
	}
	p, payload, _ := m.protection()
	if l.Inner = m.inner(payload); payload == nil {
		return l, nil
	}
	if p != nil {
		if l.Headers = p.Form; p.Form == rfc822.Wrapped {
			payload = p.Message
		}
	}
	next := &Message{limits: m.limits}
	if err := next.mail(payload.Octets); err != nil {
		return l, nil
	}
	return l, next
}

func (d *SignedData) claim(s *Signer) Claim {
	c := Claim{Digest: Name(s.Digest.OID), Algorithm: Name(s.Algorithm.OID), Label: s.value(attrLabel), Attributes: []string{}}
	for i := range s.Signed {
		c.Attributes = append(c.Attributes, Name(s.Signed[i].Type))
	}
	for i := range d.Certificates {
		if x := &d.Certificates[i]; x.X509 != nil && s.is(x) {
			c.Subject = Subject(x.X509)
			break
		}
	}
	if value := s.value(attrSigningTime); value != nil {
		k := newCursor(value, "")
		c.SigningTime = k.time("signingTime")
	}
	return c
}

package cms

import (
	"bytes"
	"crypto/x509"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Bounds of what an object may have, beside its size.
const (
	maxSigners      = 32
	maxCertificates = 64
	maxCertificate  = 64 << 10 // octets of one
	maxLists        = 16       // certificate revocation lists
	maxAttributes   = 64       // of a signer
	maxLabels       = 16       // equivalent ones
	maxDigests      = 64       // digest algorithms
)

// Object is a ContentInfo, RFC 5652 §3.
type Object struct {
	Type   asn1.OID
	Signed *SignedData // nil unless Type is Signed
	Data   []byte      // where Type is Data
}

// SignedData is RFC 5652 §5.1. Its octets are those Parse was given, or their DER.
type SignedData struct {
	Version      int
	Digests      []Algorithm
	ContentType  asn1.OID // eContentType
	Content      []byte   // eContent
	Detached     bool     // there is no eContent
	Certificates []Certificate
	CRLs         [][]byte // certificate revocation lists, unread
	Signers      []Signer
}

// Certificate is one that comes along.
type Certificate struct {
	Raw    []byte
	X509   *x509.Certificate // nil: package x509 cannot read it
	Err    error             // why
	issuer []byte
	serial []byte // contents of the INTEGER
}

// Signer is a SignerInfo, RFC 5652 §5.3.
type Signer struct {
	Issuer    []byte // Name in DER, and
	Serial    []byte // contents of the INTEGER; or
	SKI       []byte // the subjectKeyIdentifier
	Digest    Algorithm
	Algorithm Algorithm
	Signature []byte
	Signed    []Attribute
	Unsigned  []Attribute

	attrs []byte // contents of signedAttrs, as they came
	has   bool   // there are signedAttrs
}

// Attribute is RFC 5652 §5.3, each value an element in DER.
type Attribute struct {
	Type   asn1.OID
	Values [][]byte

	raw []byte
}

// Parse reads a ContentInfo in whatever BER. An object that is neither data nor signedData
// is named and not looked into. A SignedData without a ContentInfo around it is read, too: so
// it lies in another whose eContentType says what it is (RFC 3854 §3.4.1). The error has kind
// diag.Data and says where.
func Parse(octets []byte, lim Limits) (*Object, error) {
	der, err := DER(octets, lim)
	if err != nil {
		return nil, err
	}
	c := newCursor(der, "")
	info := c.enter("contentInfo", idSequence)
	if info.next() == idInteger {
		c.b = der
		o := &Object{Type: Signed, Signed: c.signedData()}
		if c.end(); c.err() != nil {
			return nil, c.err()
		}
		return o, nil
	}
	o := &Object{Type: info.oid("contentType")}
	switch {
	case o.Type == Signed || o.Type == Data && info.more():
		content := info.enter("content", context(0))
		if o.Type == Data {
			_, o.Data = content.expect("data", idOctetString)
		} else {
			o.Signed = content.signedData()
		}
		content.end()
	case info.more():
		info.expect("content", context(0))
	}
	info.end()
	c.end()
	if err := c.err(); err != nil {
		return nil, err
	}
	return o, nil
}

func (c *cursor) signedData() *SignedData {
	s := c.enter("signedData", idSequence)
	d := &SignedData{Version: s.integer("version")}
	for l := s.enter("digestAlgorithms", idSet); l.more(); {
		if len(d.Digests) == maxDigests {
			l.failf("more than %d", maxDigests)
			return nil
		}
		d.Digests = append(d.Digests, l.algorithm("algorithm"))
	}
	e := s.enter("encapContentInfo", idSequence)
	d.ContentType = e.oid("eContentType")
	d.Detached = !e.more()
	if !d.Detached {
		x := e.enter("eContent", context(0))
		_, d.Content = x.expect("octets", idOctetString)
		x.end()
	}
	e.end()
	if s.next() == context(0) {
		for l := s.enter("certificates", context(0)); l.more(); {
			if len(d.Certificates) == maxCertificates {
				l.failf("more than %d", maxCertificates)
				return nil
			}
			// Attribute certificates and other forms have tags of their own.
			id := l.next()
			if raw, _ := l.take("certificate"); id == idSequence {
				d.Certificates = append(d.Certificates, readCertificate(raw))
			}
		}
	}
	if s.next() == context(1) {
		for l := s.enter("crls", context(1)); l.more(); {
			if len(d.CRLs) == maxLists {
				l.failf("more than %d", maxLists)
				return nil
			}
			id := l.next()
			if raw, _ := l.take("crl"); id == idSequence {
				d.CRLs = append(d.CRLs, raw)
			}
		}
	}
	l := s.enter("signerInfos", idSet)
	for l.more() {
		if len(d.Signers) == maxSigners {
			l.failf("more than %d", maxSigners)
			return nil
		}
		d.Signers = append(d.Signers, l.signer(len(d.Signers)))
	}
	s.end()
	return d
}

func (c *cursor) signer(at int) Signer {
	s := c.enter(c.index(at), idSequence)
	s.integer("version") // it follows from what comes next, and says no more
	i := Signer{}
	switch s.next() {
	case contextPrim(0):
		_, i.SKI = s.take("subjectKeyIdentifier")
	case context(0):
		// In segments, which the tag hides from the front end.
		for p := s.enter("subjectKeyIdentifier", context(0)); p.more(); {
			_, piece := p.expect("octets", idOctetString)
			i.SKI = append(i.SKI, piece...)
		}
	default:
		n := s.enter("issuerAndSerialNumber", idSequence)
		i.Issuer, _ = n.expect("issuer", idSequence)
		_, i.Serial = n.expect("serialNumber", idInteger)
		n.end()
	}
	i.Digest = s.algorithm("digestAlgorithm")
	if s.next() == context(0) {
		i.has = true
		a := s.enter("signedAttrs", context(0))
		i.attrs = a.b
		i.Signed = a.attributes()
	}
	i.Algorithm = s.algorithm("signatureAlgorithm")
	_, i.Signature = s.expect("signature", idOctetString)
	if s.next() == context(1) {
		a := s.enter("unsignedAttrs", context(1))
		i.Unsigned = a.attributes()
	}
	s.end()
	return i
}

func (c *cursor) attributes() []Attribute {
	var all []Attribute
	for c.more() {
		if len(all) == maxAttributes {
			c.failf("more than %d", maxAttributes)
			return nil
		}
		before := c.b
		s := c.enter(c.index(len(all)), idSequence)
		a := Attribute{Type: s.oid("attrType")}
		for v := s.enter("attrValues", idSet); v.more(); {
			if len(a.Values) == maxAttributes {
				v.failf("more than %d", maxAttributes)
				return nil
			}
			value, _ := v.take("value")
			a.Values = append(a.Values, value)
		}
		s.end()
		a.raw = before[:len(before)-len(c.b)]
		all = append(all, a)
	}
	return all
}

// readCertificate keeps what package x509 cannot read: it may be nobody's who has signed.
func readCertificate(raw []byte) Certificate {
	out := Certificate{Raw: raw}
	if out.Err = out.names(); out.Err != nil {
		return out
	}
	if len(raw) > maxCertificate {
		out.Err = malformed("a certificate of %d octets; at most %d are taken", len(raw), maxCertificate)
		return out
	}
	out.X509, out.Err = x509.ParseCertificate(raw)
	return out
}

// known is a certificate that has been read.
func known(c *x509.Certificate) Certificate {
	out := Certificate{Raw: c.Raw, X509: c}
	out.Err = out.names()
	return out
}

// names reads the issuer and the number.
func (k *Certificate) names() error {
	c := newCursor(k.Raw, "certificate")
	s := c.enter("certificate", idSequence)
	t := s.enter("tbsCertificate", idSequence)
	if t.next() == context(0) {
		t.take("version")
	}
	_, k.serial = t.expect("serialNumber", idInteger)
	t.expect("signature", idSequence)
	k.issuer, _ = t.expect("issuer", idSequence)
	return c.err()
}

// is tells whether a certificate is the one a signer names.
func (s *Signer) is(c *Certificate) bool {
	if s.SKI != nil {
		return c.X509 != nil && len(s.SKI) > 0 && bytes.Equal(c.X509.SubjectKeyId, s.SKI)
	}
	return len(s.Serial) > 0 && bytes.Equal(c.serial, s.Serial) && bytes.Equal(c.issuer, s.Issuer)
}

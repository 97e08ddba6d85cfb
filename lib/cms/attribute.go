package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
)

// claims are what the signed attributes of a signer say, in so far as they can be read.
type claims struct {
	time                 time.Time
	label                []byte
	equivalent           [][]byte
	certificates         []*certificateID // all of them the signer's
	certificateAttribute string           // v1, v2
	protected            bool
}

// certificateID is an ESSCertID or ESSCertIDv2, RFC 5035 §4.
type certificateID struct {
	hash   crypto.Hash
	sum    []byte
	issuer []byte // Name in DER; nil: absent
	serial []byte
}

// name tells whether a certificate is the one that signingCertificate and its second version
// name, as far as they are there: each holds by itself (RFC 5035 §2).
func (c *claims) name(x *x509.Certificate) bool {
	return !slices.ContainsFunc(c.certificates, func(id *certificateID) bool { return !id.is(x) })
}

// is tells whether a certificate is the one that is named.
func (id *certificateID) is(c *x509.Certificate) bool {
	h := id.hash.New()
	h.Write(c.Raw)
	if !bytes.Equal(h.Sum(nil), id.sum) {
		return false
	}
	if id.issuer == nil {
		return true
	}
	r := known(c)
	return bytes.Equal(r.issuer, id.issuer) && bytes.Equal(r.serial, id.serial)
}

// once are the attributes of which there may be one, with one value.
var once = []asn1.OID{attrContentType, attrMessageDigest, attrSigningTime, attrLabel, attrEquivalentLabels, attrAlgorithmProtection,
	attrSigningCertificate, attrSigningCertificateV2}

// attributes reads the signed attributes of a signer and holds them to RFC 5652 §11.
func (j *judge) attributes(s *Signer, v *SignerVerdict) *claims {
	out := new(claims)
	if !s.has {
		v.refuse(j.bare())
		return out
	}
	for _, id := range once {
		if why := s.single(id); why != nil {
			v.refuse(why)
		}
	}
	if len(v.Reasons) > 0 {
		return out
	}
	// What the object says of the content is not signed: this is, RFC 5652 §5.3.
	switch signed := s.value(attrContentType); {
	case signed == nil:
		v.refuse(reasonf(WrongContentType, "no contentType among the signed attributes"))
	case !bytes.Equal(signed, oidDER(j.ContentType)):
		c := newCursor(signed, "")
		v.refuse(reasonf(WrongContentType, "the content is %s, and %s was signed", Name(j.ContentType), Name(c.oid("contentType"))))
	}
	if _, why := s.octetString(attrMessageDigest); why != nil {
		v.refuse(why)
	}
	if value := s.value(attrSigningTime); value != nil {
		c := newCursor(value, "signedAttrs.signingTime")
		out.time = c.time("time")
		c.end()
		v.malformed(c.err())
	}
	if value := s.value(attrLabel); value != nil {
		out.label = value
		if _, err := CanonicalLabel(value); err != nil {
			v.refuse(reasonf(WrongLabel, "%v", err))
		}
	}
	if value := s.value(attrEquivalentLabels); value != nil {
		v.equivalentLabels(value, out)
	}
	if value := s.value(attrAlgorithmProtection); value != nil {
		out.protected = v.algorithmProtection(value, s)
	}
	if value := s.value(attrSigningCertificate); value != nil {
		out.certificateAttribute = "v1"
		out.certificates = append(out.certificates, v.signingCertificate(value, false)...)
	}
	if value := s.value(attrSigningCertificateV2); value != nil {
		out.certificateAttribute = "v2"
		out.certificates = append(out.certificates, v.signingCertificate(value, true)...)
	}
	return out
}

func (v *SignerVerdict) malformed(err error) {
	if err != nil {
		v.refuse(&Reason{Malformed, err.Error()})
	}
}

// bare tells why a signature without attributes is not taken. What it is over may be the
// attributes of another signature: their DER, tag and all, given as content.
func (j *judge) bare() *Reason {
	switch {
	case !j.AllowNoAttributes:
		return reasonf(NoAttributes, "no signed attributes: what was signed may be those of another signature")
	case j.ContentType != Data:
		return reasonf(NoAttributes, "no signed attributes, which content of type %s must have", Name(j.ContentType))
	case isAttributes(j.content):
		return reasonf(NoAttributes, "no signed attributes, and the content is the attributes of another signature")
	}
	return nil
}

// isAttributes tells whether octets are, or begin as, a SET OF Attribute in DER, as a
// signature is over it.
func isAttributes(b []byte) bool {
	c := newCursor(b, "")
	s := c.enter("attributes", idSet)
	c.end()
	a := s.enter("attribute", idSequence)
	a.oid("attrType")
	return c.err() == nil
}

// single tells why there is not at most one attribute of a type, with one value.
func (s *Signer) single(id asn1.OID) *Reason {
	n := 0
	for i := range s.Signed {
		if s.Signed[i].Type != id {
			continue
		}
		if n++; n > 1 || len(s.Signed[i].Values) != 1 {
			return reasonf(Malformed, "the signed attribute %s more than once, or not with one value", Name(id))
		}
	}
	return nil
}

// value is that of a signed attribute; nil: there is none.
func (s *Signer) value(id asn1.OID) []byte {
	for i := range s.Signed {
		if s.Signed[i].Type == id && len(s.Signed[i].Values) == 1 {
			return s.Signed[i].Values[0]
		}
	}
	return nil
}

func (s *Signer) octetString(id asn1.OID) ([]byte, *Reason) {
	value := s.value(id)
	if value == nil {
		return nil, reasonf(WrongDigest, "no %s among the signed attributes", Name(id))
	}
	c := newCursor(value, "signedAttrs."+Name(id))
	_, b := c.expect("octets", idOctetString)
	c.end()
	if err := c.err(); err != nil {
		return nil, &Reason{Malformed, err.Error()}
	}
	return b, nil
}

func (v *SignerVerdict) equivalentLabels(value []byte, out *claims) {
	c := newCursor(value, "signedAttrs.equivalentLabels")
	for s := c.enter("labels", idSequence); s.more(); {
		label, _ := s.take("label")
		if len(out.equivalent) == maxLabels {
			s.failf("more than %d", maxLabels)
			break
		}
		out.equivalent = append(out.equivalent, label)
		if _, err := CanonicalLabel(label); c.err() == nil && err != nil {
			v.refuse(reasonf(WrongLabel, "%v", err))
			return
		}
	}
	c.end()
	v.malformed(c.err())
}

// algorithmProtection tells whether the algorithms that are signed are those used, RFC 6211
// §3.
func (v *SignerVerdict) algorithmProtection(value []byte, s *Signer) bool {
	c := newCursor(value, "signedAttrs.CMSAlgorithmProtection")
	p := c.enter("algorithms", idSequence)
	digest := p.algorithm("digestAlgorithm")
	signed := p.algorithmAs("signatureAlgorithm", context(1))
	p.end()
	c.end()
	switch {
	case c.err() != nil:
		v.malformed(c.err())
	case !digest.equal(s.Digest), !signed.equal(s.Algorithm):
		v.refuse(reasonf(WrongProtection, "%s and %s were signed, and %s and %s are used",
			Name(digest.OID), Name(signed.OID), Name(s.Digest.OID), Name(s.Algorithm.OID)))
	default:
		return true
	}
	return false
}

// signingCertificate reads SigningCertificate (RFC 2634 §5.4) or SigningCertificateV2 (RFC
// 5035 §3): the first certificate is the signer's. Those after it, which limit the path and
// attribute certificates, and the policies are not looked at.
func (v *SignerVerdict) signingCertificate(value []byte, v2 bool) []*certificateID {
	c := newCursor(value, "signedAttrs.signingCertificate")
	s := c.enter("signingCertificate", idSequence)
	certs := s.enter("certs", idSequence)
	id := &certificateID{hash: crypto.SHA1}
	algorithm := Algorithm{OID: digests[0].id}
	e := certs.enter("[0]", idSequence)
	if v2 && e.next() == idSequence {
		algorithm = e.algorithm("hashAlgorithm")
	}
	_, id.sum = e.expect("certHash", idOctetString)
	if e.more() {
		is := e.enter("issuerSerial", idSequence)
		names := is.enter("issuer", idSequence)
		name := names.enter("directoryName", context(4))
		id.issuer, _ = name.expect("name", idSequence)
		_, id.serial = is.expect("serialNumber", idInteger)
		is.end()
	}
	e.end()
	if err := c.err(); err != nil {
		v.malformed(err)
		return nil
	}
	if !v2 {
		return []*certificateID{id}
	}
	var why *Reason
	if id.hash, why = digestOf(algorithm, true); why != nil {
		v.refuse(reasonf(why.Word, "signedAttrs.signingCertificate: %s", why.Text))
		return nil
	}
	return []*certificateID{id}
}

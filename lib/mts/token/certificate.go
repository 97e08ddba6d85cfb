package token

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/strength"
)

// Bounds of what a peer shows of certificates, checked before package x509 sees it.
const (
	MaxCertificate  = 8 << 10 // octets of one
	MaxCertificates = 8       // with those above it
)

// certificateLimits bound the walk over one certificate, or over the path to it.
func certificateLimits() ber.Limits {
	return ber.Limits{Depth: 24, Elements: 4096, Octets: MaxCertificate * MaxCertificates}
}

// path is the X.509 ForwardCertificationPath, each certificate bit for bit.
type path []cross

type cross []ber.Raw

// ASN1Type says that CrossCertificates is a SET OF.
func (cross) ASN1Type() string { return "SET" }

// readCertificates takes the Certificates of credentials apart: the certificate of who
// signed, and those above it in any order.
func readCertificates(t *mts.TaggedCertificates) (leaf *x509.Certificate, above []*x509.Certificate, err error) {
	if len(t.Components) == 0 || len(t.Components) > 2 {
		return nil, nil, refusef(Malformed, "certificate: %d components; one or two are wanted", len(t.Components))
	}
	if leaf, err = readCertificate(t.Components[0]); err != nil {
		return nil, nil, err
	}
	if len(t.Components) == 1 {
		return leaf, nil, nil
	}
	var p path
	if rest, err := ber.Unmarshal(t.Components[1], &p, certificateLimits()); err != nil || len(rest) > 0 {
		return nil, nil, refuse(Malformed, fmt.Errorf("certification-path: %w", errors.Join(err, trailing(rest))))
	}
	for _, c := range p {
		for _, raw := range c {
			if len(above) == MaxCertificates-1 {
				return nil, nil, refusef(Malformed, "certification-path: more than %d certificates", MaxCertificates-1)
			}
			a, err := readCertificate(raw)
			if err != nil {
				return nil, nil, err
			}
			if k, ok := a.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > strength.MaxRSA {
				return nil, nil, refusef(UnknownAlgorithm, "certification-path: an RSA key of %d bits; at most %d are taken", k.N.BitLen(), strength.MaxRSA)
			}
			above = append(above, a)
		}
	}
	return leaf, above, nil
}

func readCertificate(raw ber.Raw) (*x509.Certificate, error) {
	if len(raw) > MaxCertificate {
		return nil, refusef(Malformed, "a certificate of %d octets; at most %d are taken", len(raw), MaxCertificate)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, refuse(Malformed, err)
	}
	return c, nil
}

func trailing(rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	return errors.New("octets after the element")
}

// writeCertificates is the Certificates to send: the certificate of the signer, and above
// it, in the order given, which is that of files, the path to it. X.509 §8 has the path
// begin at the authority furthest from the user.
func writeCertificates(chain []*x509.Certificate) (*mts.TaggedCertificates, error) {
	t := &mts.TaggedCertificates{Components: []ber.Raw{chain[0].Raw}}
	var p path
	for i := len(chain) - 1; i > 0; i-- {
		p = append(p, cross{chain[i].Raw})
	}
	if len(p) == 0 {
		return t, nil
	}
	raw, err := ber.Marshal(p)
	t.Components = append(t.Components, raw)
	return t, err
}

// Subject returns the subject of a certificate in the form of RFC 2253, the attributes in
// the order they have there.
func Subject(c *x509.Certificate) string {
	var name pkix.RDNSequence
	if rest, err := encoding.Unmarshal(c.RawSubject, &name); err != nil || len(rest) > 0 {
		return fmt.Sprintf("#%x", c.RawSubject)
	}
	return name.String()
}

// The extension of a certificate that has further names of its subject (X.509 §8.3.2.1),
// and the type of those names that is an MTA's (X.402, id-san-mta-name).
const (
	extSubjectAltName          = "2.5.29.17"
	nameOfMTA         asn1.OID = "2.6.5.6.0"
)

// otherName is the alternative of that name of the X.509 GeneralName.
type otherName struct {
	_      ber.Sequence `ber:"[0]"`
	TypeID asn1.OID
	Value  ber.Raw `ber:"[0]"`
}

// MTANames returns the names of MTAs among the subject-alt-names of a certificate, without
// the domains that stand beside them.
func MTANames(c *x509.Certificate) []mts.MTAName {
	var names []mts.MTAName
	for _, e := range c.Extensions {
		if e.Id.String() != extSubjectAltName {
			continue
		}
		var general []ber.Raw
		if rest, err := ber.Unmarshal(e.Value, &general, certificateLimits()); err != nil || len(rest) > 0 {
			continue
		}
		for _, g := range general {
			if g.Tag() != asn1.Context(0) {
				continue
			}
			var other otherName
			if _, err := ber.Unmarshal(g, &other, certificateLimits()); err != nil || other.TypeID != nameOfMTA {
				continue
			}
			var name mts.MTANameAndOptionalGDI
			if rest, err := ber.Unmarshal(other.Value, &name, certificateLimits()); err == nil && len(rest) == 0 {
				names = append(names, name.MTAName)
			}
		}
	}
	return names
}

// Valid tells why a certificate is not in force; the error is a *Refusal.
func Valid(c *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(c.NotBefore):
		return refusef(Expired, "the certificate of %s is not valid before %s", Subject(c), c.NotBefore.UTC().Format(time.RFC3339))
	case now.After(c.NotAfter):
		return refusef(Expired, "the certificate of %s has expired: it was valid until %s", Subject(c), c.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// signs tells whether a certificate is for signatures.
func signs(c *x509.Certificate) error {
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return refusef(OtherCertificate, "the certificate of %s is not for signatures", Subject(c))
	}
	return nil
}

func same(a, b *x509.Certificate) bool { return bytes.Equal(a.Raw, b.Raw) }

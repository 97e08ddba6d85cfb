package cms

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Verdict is what was found out of a signed object. It is valid if there are signers and
// every one of them is valid, and the labels they have signed are the same.
type Verdict struct {
	Valid            bool            `json:"valid"`
	Reasons          []Reason        `json:"reasons"` // of the object; those of a signer stand with it
	ContentType      string          `json:"contentType"`
	Octets           int             `json:"octets"`                     // of the content
	Label            []byte          `json:"label,omitempty"`            // ESSSecurityLabel in DER; only of a valid object
	EquivalentLabels [][]byte        `json:"equivalentLabels,omitempty"` // of the first signer, likewise
	Signers          []SignerVerdict `json:"signers"`
}

// SignerVerdict is what was found out of one signer.
type SignerVerdict struct {
	Valid               bool       `json:"valid"`
	Reasons             []Reason   `json:"reasons"`
	Subject             string     `json:"subject,omitempty"` // RFC 2253; none: the certificate is not there
	Addresses           []string   `json:"addresses"`         // e-mail and O/R addresses of the certificate
	Path                []PathStep `json:"path"`              // from the signer's certificate to the root
	Digest              string     `json:"digest"`
	Algorithm           string     `json:"algorithm"`
	Key                 string     `json:"key,omitempty"` // RSA-2048
	SigningTime         time.Time  `json:"signingTime,omitzero"`
	SigningCertificate  string     `json:"signingCertificate,omitempty"` // v1 or v2: which attribute names the certificate, and rightly
	AlgorithmProtection bool       `json:"algorithmProtection"`          // the algorithms are signed, and are those used
	Label               []byte     `json:"label,omitempty"`              // only of a valid signer
	EquivalentLabels    [][]byte   `json:"equivalentLabels,omitempty"`   // likewise
	Attributes          []string   `json:"attributes"`                   // names of the signed ones
}

// PathStep is a certificate of a path.
type PathStep struct {
	Subject    string    `json:"subject"`
	Issuer     string    `json:"issuer"`
	Serial     string    `json:"serial"` // hexadecimal
	NotBefore  time.Time `json:"notBefore"`
	NotAfter   time.Time `json:"notAfter"`
	SHA256     string    `json:"sha256"`               // of the certificate
	Revocation string    `json:"revocation,omitempty"` // good, revoked or unknown, and by what; none: not asked
}

func (v *Verdict) refuse(r *Reason) { v.Reasons = append(v.Reasons, *r) }

func (v *SignerVerdict) refuse(r *Reason) {
	if r != nil {
		v.Reasons = append(v.Reasons, *r)
	}
}

// All returns the reasons of the object and of its signers, in order.
func (v *Verdict) All() []Reason {
	all := slices.Clone(v.Reasons)
	for i := range v.Signers {
		all = append(all, v.Signers[i].Reasons...)
	}
	return all
}

// Has tells whether a word is among the reasons.
func (v *Verdict) Has(w Word) bool {
	return slices.ContainsFunc(v.All(), func(r Reason) bool { return r.Word == w })
}

// Subject returns the subject of a certificate in the form of RFC 2253.
func Subject(c *x509.Certificate) string { return name(c.RawSubject) }

func name(raw []byte) string {
	var n pkix.RDNSequence
	if rest, err := encoding.Unmarshal(raw, &n); err != nil || len(rest) > 0 {
		return "#" + hex.EncodeToString(raw)
	}
	return n.String()
}

func step(c *x509.Certificate) PathStep {
	sum := sha256.Sum256(c.Raw)
	return PathStep{Subject: Subject(c), Issuer: name(c.RawIssuer), Serial: fmt.Sprintf("%x", c.SerialNumber),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), SHA256: hex.EncodeToString(sum[:])}
}

func keyName(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}

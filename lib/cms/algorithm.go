package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha1" // only where Options allow it
	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/strength"
)

// digest is a digest algorithm.
type digest struct {
	id   asn1.OID
	name string
	hash crypto.Hash // 0: known, and never taken
	weak bool
}

// digests are those that are known: RFC 5754, RFC 3370, RFC 4134.
var digests = []digest{
	{id: "2.16.840.1.101.3.4.2.1", name: "sha256", hash: crypto.SHA256},
	{id: "2.16.840.1.101.3.4.2.2", name: "sha384", hash: crypto.SHA384},
	{id: "2.16.840.1.101.3.4.2.3", name: "sha512", hash: crypto.SHA512},
	{id: "2.16.840.1.101.3.4.2.4", name: "sha224", hash: crypto.SHA224},
	{id: "1.3.14.3.2.26", name: "sha1", hash: crypto.SHA1, weak: true},
	{id: "1.2.840.113549.2.5", name: "md5", weak: true},
	{id: "1.2.840.113549.2.2", name: "md2", weak: true},
}

// kind is a way to sign.
type kind int

const (
	kindNone kind = iota // named, not verified
	kindRSA              // PKCS #1 v1.5
	kindPSS
	kindECDSA
	kindEd25519
)

// signature is a signature algorithm.
type signature struct {
	id   asn1.OID
	name string
	kind kind
	hash crypto.Hash // 0: that of the digest algorithm or of the parameters
}

const (
	oidRSA     asn1.OID = "1.2.840.113549.1.1.1"
	oidMGF1    asn1.OID = "1.2.840.113549.1.1.8"
	oidPSS     asn1.OID = "1.2.840.113549.1.1.10"
	oidEd25519 asn1.OID = "1.3.101.112"
)

// signatures are those that are known: RFC 3370, RFC 5754, RFC 5758, RFC 4056, RFC 8419.
var signatures = []signature{
	{oidRSA, "rsaEncryption", kindRSA, 0},
	{"1.2.840.113549.1.1.11", "sha256WithRSAEncryption", kindRSA, crypto.SHA256},
	{"1.2.840.113549.1.1.12", "sha384WithRSAEncryption", kindRSA, crypto.SHA384},
	{"1.2.840.113549.1.1.13", "sha512WithRSAEncryption", kindRSA, crypto.SHA512},
	{"1.2.840.113549.1.1.14", "sha224WithRSAEncryption", kindRSA, crypto.SHA224},
	{"1.2.840.113549.1.1.5", "sha1WithRSAEncryption", kindRSA, crypto.SHA1},
	{oidPSS, "rsassaPss", kindPSS, 0},
	{"1.2.840.10045.4.3.1", "ecdsa-with-SHA224", kindECDSA, crypto.SHA224},
	{"1.2.840.10045.4.3.2", "ecdsa-with-SHA256", kindECDSA, crypto.SHA256},
	{"1.2.840.10045.4.3.3", "ecdsa-with-SHA384", kindECDSA, crypto.SHA384},
	{"1.2.840.10045.4.3.4", "ecdsa-with-SHA512", kindECDSA, crypto.SHA512},
	{"1.2.840.10045.4.1", "ecdsa-with-SHA1", kindECDSA, crypto.SHA1},
	{oidEd25519, "Ed25519", kindEd25519, crypto.SHA512},
	{"1.3.101.113", "Ed448", kindNone, 0},
	{"1.2.840.10040.4.1", "id-dsa", kindNone, 0},
	{"1.2.840.10040.4.3", "id-dsa-with-sha1", kindNone, 0},
	{"2.16.840.1.101.3.4.3.2", "id-dsa-with-sha256", kindNone, 0},
	{"1.2.840.113549.1.1.4", "md5WithRSAEncryption", kindNone, 0},
	{"1.2.840.113549.1.1.2", "md2WithRSAEncryption", kindNone, 0},
}

// digestOf finds a digest algorithm; a weak one only where it is allowed.
func digestOf(a Algorithm, weak bool) (crypto.Hash, *Reason) {
	for i := range digests {
		d := &digests[i]
		switch {
		case d.id != a.OID:
			continue
		case d.hash == 0 || d.weak && !weak:
			return 0, reasonf(WeakAlgorithm, "the digest is by %s", d.name)
		case !a.absent():
			return 0, reasonf(UnknownAlgorithm, "the digest algorithm %s with parameters, which it has none of", d.name)
		}
		return d.hash, nil
	}
	return 0, reasonf(UnknownAlgorithm, "the digest algorithm %s", a.OID)
}

// scheme is how a signature is verified.
type scheme struct {
	*signature
	hash crypto.Hash
	salt int // of PSS
}

// schemeOf finds how a signature over the octets with that digest is verified. The two
// algorithms have to agree: verifiers that go by one of them only take what others refuse.
func schemeOf(a Algorithm, hash crypto.Hash) (*scheme, *Reason) {
	for i := range signatures {
		s := &signatures[i]
		if s.id != a.OID {
			continue
		}
		v := &scheme{signature: s, hash: hash}
		switch {
		case s.kind == kindNone:
			return nil, reasonf(UnknownAlgorithm, "signed by %s, which is not verified here", s.name)
		case s.kind == kindPSS:
			return v, v.parameters(a)
		case !a.absent():
			return nil, reasonf(UnknownAlgorithm, "signed by %s with parameters, which it has none of", s.name)
		case s.hash != 0 && s.hash != hash:
			return nil, reasonf(UnknownAlgorithm, "signed by %s, and the digest is by another algorithm, %v", s.name, hash)
		}
		return v, nil
	}
	return nil, reasonf(UnknownAlgorithm, "the signature algorithm %s", a.OID)
}

// maxSalt bounds the salt of PSS, which is shorter than the key.
const maxSalt = strength.MaxRSA / 8

// parameters reads RSASSA-PSS-params, RFC 4055 §3.1, whose defaults are SHA-1, MGF1 with
// it and a salt of 20 octets.
func (v *scheme) parameters(a Algorithm) *Reason {
	sha1 := Algorithm{OID: "1.3.14.3.2.26"}
	hash, mask, salt, trailer := sha1, sha1, 20, 1
	c := newCursor(a.Parameters, "signatureAlgorithm.parameters")
	s := c.enter("RSASSA-PSS-params", idSequence)
	if s.next() == context(0) {
		e := s.enter("hashAlgorithm", context(0))
		hash = e.algorithm("hashAlgorithm")
		e.end()
	}
	if s.next() == context(1) {
		e := s.enter("maskGenAlgorithm", context(1))
		g := e.enter("maskGenAlgorithm", idSequence)
		if o := g.oid("algorithm"); o != oidMGF1 && c.err() == nil {
			return reasonf(UnknownAlgorithm, "the mask generation function %s", o)
		}
		mask = g.algorithm("parameters")
		g.end()
		e.end()
	}
	if s.next() == context(2) {
		e := s.enter("saltLength", context(2))
		salt = e.integer("saltLength")
		e.end()
	}
	if s.next() == context(3) {
		e := s.enter("trailerField", context(3))
		trailer = e.integer("trailerField")
		e.end()
	}
	s.end()
	c.end()
	if err := c.err(); err != nil {
		return &Reason{Malformed, err.Error()}
	}
	d, why := digestOf(hash, true)
	switch {
	case why != nil:
		return why
	case d != v.hash:
		return reasonf(UnknownAlgorithm, "signed by PSS with %v, and the digest is by another algorithm, %v", d, v.hash)
	case !mask.equal(hash):
		return reasonf(UnknownAlgorithm, "PSS with a mask by another digest than its own, %s", Name(mask.OID))
	case salt > maxSalt || trailer != 1:
		return reasonf(UnknownAlgorithm, "PSS with a salt of %d octets and trailer %d", salt, trailer)
	}
	v.salt = salt
	return nil
}

// verify tells whether a signature is over the octets by the key.
func (v *scheme) verify(key crypto.PublicKey, octets, signed []byte) bool {
	var sum []byte
	if v.kind != kindEd25519 {
		h := v.hash.New()
		h.Write(octets)
		sum = h.Sum(nil)
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch v.kind {
		case kindRSA:
			return rsa.VerifyPKCS1v15(key, v.hash, sum, signed) == nil
		case kindPSS:
			// A salt of none is what crypto/rsa takes for one of any length.
			return rsa.VerifyPSS(key, v.hash, sum, signed, &rsa.PSSOptions{SaltLength: v.salt}) == nil
		}
	case *ecdsa.PublicKey:
		return v.kind == kindECDSA && ecdsa.VerifyASN1(key, sum, signed)
	case ed25519.PublicKey:
		return v.kind == kindEd25519 && ed25519.Verify(key, octets, signed)
	}
	return false
}

// checkKey tells why a key is not taken.
func checkKey(key crypto.PublicKey, weak bool) *Reason {
	f := strength.Key(key, strength.RSA|strength.ECDSA|strength.P224|strength.Ed25519, weak)
	switch {
	case f == nil:
		return nil
	case f.Weak:
		return &Reason{WeakAlgorithm, f.Error()}
	}
	return &Reason{UnknownAlgorithm, f.Error()}
}

package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha1" // only where a Trust allows it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/strength"
)

// algorithm is a signature algorithm.
type algorithm struct {
	id   asn1.OID
	name string
	hash crypto.Hash // 0: known, and never taken
	rsa  bool        // PKCS #1 v1.5; else ECDSA
	weak bool
}

// algorithms are those that are known: of RFC 8017, RFC 5758, and the older identifier
// for the same as the first of the weak ones (OIW).
var algorithms = []algorithm{
	{id: "1.2.840.113549.1.1.11", name: "sha256WithRSAEncryption", hash: crypto.SHA256, rsa: true},
	{id: "1.2.840.113549.1.1.12", name: "sha384WithRSAEncryption", hash: crypto.SHA384, rsa: true},
	{id: "1.2.840.113549.1.1.13", name: "sha512WithRSAEncryption", hash: crypto.SHA512, rsa: true},
	{id: "1.2.840.10045.4.3.2", name: "ecdsa-with-SHA256", hash: crypto.SHA256},
	{id: "1.2.840.10045.4.3.3", name: "ecdsa-with-SHA384", hash: crypto.SHA384},
	{id: "1.2.840.10045.4.3.4", name: "ecdsa-with-SHA512", hash: crypto.SHA512},
	{id: "1.2.840.113549.1.1.5", name: "sha1WithRSAEncryption", hash: crypto.SHA1, rsa: true, weak: true},
	{id: "1.3.14.3.2.29", name: "sha1WithRSASignature", hash: crypto.SHA1, rsa: true, weak: true},
	{id: "1.2.840.10045.4.1", name: "ecdsa-with-SHA1", hash: crypto.SHA1, weak: true},
	{id: "1.2.840.113549.1.1.4", name: "md5WithRSAEncryption", rsa: true, weak: true},
	{id: "1.2.840.113549.1.1.2", name: "md2WithRSAEncryption", rsa: true, weak: true},
}

var null = ber.Raw{0x05, 0x00}

// algorithmOf finds what an identifier names; weak ones only where they are allowed.
func algorithmOf(id mts.AlgorithmIdentifier, weak bool) (*algorithm, error) {
	for i := range algorithms {
		a := &algorithms[i]
		switch {
		case a.id != id.Algorithm:
			continue
		case a.hash == 0 || a.weak && !weak:
			return nil, refusef(WeakAlgorithm, "signed by %s, which is not taken", a.name)
		case len(id.Parameters) > 0 && !bytes.Equal(id.Parameters, null):
			return nil, refusef(UnknownAlgorithm, "signed by %s with parameters, which it has none of", a.name)
		}
		return a, nil
	}
	return nil, refusef(UnknownAlgorithm, "signed by algorithm %s, which is not known here", id.Algorithm)
}

// identifier is the AlgorithmIdentifier to send: with NULL for RSA (RFC 8017 A.2.4) and
// without parameters for ECDSA (RFC 5758 §3.2).
func (a *algorithm) identifier() mts.AlgorithmIdentifier {
	id := mts.AlgorithmIdentifier{Algorithm: a.id}
	if a.rsa {
		id.Parameters = null
	}
	return id
}

func (a *algorithm) digest(octets []byte) []byte {
	h := a.hash.New()
	h.Write(octets)
	return h.Sum(nil)
}

var errSignature = errors.New("the signature is not that of its key")

// verify tells whether a signature is over the octets by the key.
func (a *algorithm) verify(key crypto.PublicKey, octets, signature []byte) error {
	digest := a.digest(octets)
	switch key := key.(type) {
	case *rsa.PublicKey:
		if a.rsa && rsa.VerifyPKCS1v15(key, a.hash, digest, signature) == nil {
			return nil
		}
	case *ecdsa.PublicKey:
		if !a.rsa && ecdsa.VerifyASN1(key, digest, signature) {
			return nil
		}
	}
	return errSignature
}

// checkKey tells why a key is neither RSA of a fit length nor ECDSA.
func checkKey(key crypto.PublicKey, weak bool) error {
	f := strength.Key(key, strength.RSA|strength.ECDSA, weak)
	switch {
	case f == nil:
		return nil
	case f.Weak:
		return refuse(WeakAlgorithm, f)
	}
	return refuse(UnknownAlgorithm, f)
}

// signing is the algorithm that a key of ours signs by.
func signing(key crypto.PublicKey) (*algorithm, error) {
	if err := checkKey(key, false); err != nil {
		return nil, err
	}
	id := asn1.OID("1.2.840.113549.1.1.11")
	if k, ok := key.(*ecdsa.PublicKey); ok {
		switch k.Curve {
		case elliptic.P384():
			id = "1.2.840.10045.4.3.3"
		case elliptic.P521():
			id = "1.2.840.10045.4.3.4"
		default:
			id = "1.2.840.10045.4.3.2"
		}
	}
	return algorithmOf(mts.AlgorithmIdentifier{Algorithm: id}, false)
}

func (a *algorithm) sign(random io.Reader, key crypto.Signer, octets []byte) ([]byte, error) {
	signature, err := key.Sign(random, a.digest(octets), a.hash)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return signature, nil
}

package token

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// MaxShown is how many octets of certificates a Signer sends at most: with the token they
// go into the first SPDU of a session, of 10240 octets of user data (X.225 §8.3.1).
const MaxShown = 8 << 10

// Signer makes the strong credentials of this MTA. It does not show its key when it is
// printed.
type Signer struct {
	key       crypto.Signer
	algorithm *algorithm
	chain     []*x509.Certificate
	shown     *mts.TaggedCertificates // nil: none
}

// NewSigner returns the Signer of a key: RSA of 2048 to 8192 bits, which signs with
// SHA-256, or ECDSA on P-256, P-384 or P-521, which signs with SHA-256, SHA-384 or SHA-512.
// The first certificate is that of the key, the others are those above it; show says
// whether they are sent.
func NewSigner(key crypto.Signer, chain []*x509.Certificate, show bool) (*Signer, error) {
	if len(chain) == 0 {
		return nil, errors.New("no certificate")
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("the key is not that of the certificate of %s", Subject(chain[0]))
	}
	a, err := signing(key.Public())
	if err == nil {
		err = signs(chain[0])
	}
	s := &Signer{key: key, algorithm: a, chain: chain}
	if err != nil || !show {
		return s, err
	}
	octets := 0
	for _, c := range chain {
		octets += len(c.Raw)
	}
	if octets > MaxShown || len(chain) > MaxCertificates {
		return nil, fmt.Errorf("%d certificates of %d octets together; a bind has room for %d of %d", len(chain), octets, MaxCertificates, MaxShown)
	}
	s.shown, err = writeCertificates(chain)
	return s, err
}

// Certificate returns the certificate of the key.
func (s *Signer) Certificate() *x509.Certificate { return s.chain[0] }

// String names the certificate of the key and hides the key.
func (s *Signer) String() string { return "(key of " + Subject(s.chain[0]) + ")" }

// GoString hides the key.
func (s *Signer) GoString() string { return "token.Signer{…}" }

// Credentials returns strong credentials for the recipient: a token made now, with the
// random number, and the certificates. random gives the octets that a signature takes.
func (s *Signer) Credentials(recipient mts.MTAName, number asn1.BitString, now time.Time, random io.Reader) (*mts.StrongCredentials, error) {
	value, err := ber.Marshal(number)
	if err != nil {
		return nil, err
	}
	data, err := ber.Marshal(mts.AsymmetricTokenData{
		SignatureAlgorithmIdentifier: s.algorithm.identifier(),
		Name:                         mts.TokenName{MTA: &mts.MTANameAndOptionalGDI{MTAName: recipient}},
		Time:                         asn1.NewUTCTime(now),
		SignedData:                   &mts.TokenData{Type: mts.BindTokenSignedDataType, Value: value},
	})
	if err != nil {
		return nil, err
	}
	signature, err := s.algorithm.sign(random, s.key, data)
	if err != nil {
		return nil, err
	}
	raw, err := ber.Marshal(signed{Data: data, AlgorithmIdentifier: s.algorithm.identifier(),
		Encrypted: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	return &mts.StrongCredentials{BindToken: &mts.Token{TokenTypeIdentifier: mts.TokenAsymmetric, Token: raw}, Certificate: s.shown}, err
}

// The octets of a random number of ours: some that say whose it is, and random ones.
const (
	markOctets   = 8
	randomOctets = 16
)

// NewNumber returns the random number of a token that this MTA, by the name it gives in
// the bind, calls with. Its beginning says whose it is: an answer to it has the same
// recipient and may have the same number as a call of the one who answers, and must not
// be taken for one (Reflected).
func NewNumber(own mts.MTAName, random io.Reader) (asn1.BitString, error) {
	b := append(mark(own), make([]byte, randomOctets)...)
	_, err := io.ReadFull(random, b[markOctets:])
	return asn1.BitString{Bytes: b, BitLength: 8 * len(b)}, err
}

func mark(own mts.MTAName) []byte {
	sum := sha256.Sum256([]byte("initiator-bind-token of " + own))
	return sum[:markOctets]
}

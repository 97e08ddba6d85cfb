package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// noon is the time of everything here; the fraction does not go into a token.
var noon = time.Date(2026, 11, 27, 12, 0, 0, 500_000_000, time.UTC)

// identity is a key and its certificate, with those above it.
type identity struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

func newKey(t testing.TB, kind string) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "p224":
		key, err = ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var serial int64

// issue makes an identity; by nil is a certificate that is its own.
func issue(t testing.TB, key crypto.Signer, name string, by *identity, edit ...func(*x509.Certificate)) *identity {
	t.Helper()
	serial++
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"Org"}, CommonName: name},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}
	for _, e := range edit {
		e(template)
	}
	parent, signer, above := template, key, []*x509.Certificate(nil)
	if by != nil {
		parent, signer, above = by.chain[0], by.key, by.chain
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{key, append([]*x509.Certificate{c}, above...)}
}

func authority(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func (i *identity) signer(t testing.TB, show bool) *Signer {
	t.Helper()
	s, err := NewSigner(i.key, i.chain, show)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// number is the random number of a token here.
var number = asn1.BitString{Bytes: []byte("0123456789ABCDEF"), BitLength: 128}

// credentials are those of an MTA that calls MTA-B at noon.
func (i *identity) credentials(t testing.TB) *mts.StrongCredentials {
	t.Helper()
	c, err := i.signer(t, true).Credentials("MTA-B", number, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// data is what the token of credentials says.
func data(t testing.TB, c *mts.StrongCredentials) mts.AsymmetricTokenData {
	t.Helper()
	p, err := parse(c.BindToken)
	if err != nil {
		t.Fatal(err)
	}
	return p.data
}

// resigned are credentials whose token says something else and is signed by the key.
func (i *identity) resigned(t testing.TB, edit func(*mts.AsymmetricTokenData)) *mts.StrongCredentials {
	t.Helper()
	c := i.credentials(t)
	d := data(t, c)
	edit(&d)
	octets, err := ber.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	a := i.signer(t, true).algorithm
	signature, err := a.sign(rand.Reader, i.key, octets)
	if err != nil {
		t.Fatal(err)
	}
	c.BindToken.Token = wrap(t, octets, a.identifier(), signature)
	return c
}

func wrap(t testing.TB, octets []byte, id mts.AlgorithmIdentifier, signature []byte) ber.Raw {
	t.Helper()
	raw, err := ber.Marshal(signed{Data: octets, AlgorithmIdentifier: id, Encrypted: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// trusting is a Trust of MTA-B in the authority: MTA-A is "CN=MTA-A,O=Org".
func trusting(root *identity) *Trust {
	t := &Trust{Roots: x509.NewCertPool(), Subject: "CN=MTA-A,O=Org", MTA: "MTA-A", Own: "MTA-B",
		Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"}, Tolerance: 5 * time.Minute}
	t.Roots.AddCert(root.chain[len(root.chain)-1])
	return t
}

func problem(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Problem.String()
	}
	return fmt.Sprint(err)
}

// long are credentials with a certificate that no Signer would send.
func (i *identity) long(t testing.TB) *mts.StrongCredentials {
	t.Helper()
	c, err := i.signer(t, false).Credentials("MTA-B", number, noon, rand.Reader)
	if err == nil {
		c.Certificate, err = writeCertificates(i.chain[:1])
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// old are credentials whose token is signed with another digest, and says by which algorithm.
func (i *identity) old(t testing.TB, h crypto.Hash, id asn1.OID) *mts.StrongCredentials {
	t.Helper()
	c := i.credentials(t)
	d := data(t, c)
	d.SignatureAlgorithmIdentifier = mts.AlgorithmIdentifier{Algorithm: id, Parameters: null}
	octets, err := ber.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(octets)
	sum := digest[:]
	if h == crypto.SHA1 {
		digest := sha1.Sum(octets)
		sum = digest[:]
	}
	signature, err := i.key.Sign(rand.Reader, sum, h)
	if err != nil {
		t.Fatal(err)
	}
	c.BindToken.Token = wrap(t, octets, d.SignatureAlgorithmIdentifier, signature)
	return c
}

package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"sync"
	"testing"
	"time"
)

// now is when the tests take place: signing times are those of the clock.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

type identity struct {
	key  crypto.Signer
	cert *x509.Certificate
	up   *identity
}

var (
	keysMade sync.Mutex
	keys     = map[string]crypto.Signer{}
)

// keyOf makes a key of a kind once for all tests, or another of the same kind.
func keyOf(t testing.TB, kind, who string) crypto.Signer {
	t.Helper()
	keysMade.Lock()
	defer keysMade.Unlock()
	if k := keys[kind+who]; k != nil {
		return k
	}
	var k crypto.Signer
	var err error
	switch kind {
	case "rsa":
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case "rsa1024":
		k, err = rsa.GenerateKey(rand.Reader, 1024)
	case "p256":
		// The same in every process: the workers of a fuzz target must have those of its seeds.
		d := sha256.Sum256([]byte(who))
		k, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	case "p384":
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		k, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, k, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("no key of kind %s", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	keys[kind+who] = k
	return k
}

var serials struct {
	sync.Mutex
	last int64
}

func serial() *big.Int {
	serials.Lock()
	defer serials.Unlock()
	serials.last++
	return big.NewInt(1000 + serials.last)
}

// root is an authority of one's own.
func root(t testing.TB, name string) *identity {
	t.Helper()
	return issue(t, nil, "p256", name, func(c *x509.Certificate) { authority(c) })
}

func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	c.ExtKeyUsage, c.EmailAddresses = nil, nil
}

// issue has an authority, or oneself, issue a certificate for signatures on mail.
func issue(t testing.TB, up *identity, kind, name string, change ...func(*x509.Certificate)) *identity {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: []string{"Org"}},
		NotBefore: now().Add(-time.Hour), NotAfter: now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		EmailAddresses: []string{name + "@example.org"},
	}
	out := &identity{key: keyOf(t, kind, name), up: up}
	sum := sha256.Sum256([]byte(kind + name))
	c.SubjectKeyId = sum[:20]
	for _, f := range change {
		f(c)
	}
	parent, key := c, out.key
	if up != nil {
		parent, key = up.cert, up.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, out.key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if out.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return out
}

// chain is the certificate with those above it but the root.
func (i *identity) chain() []*x509.Certificate {
	all := []*x509.Certificate{i.cert}
	for up := i.up; up != nil && up.up != nil; up = up.up {
		all = append(all, up.cert)
	}
	return all
}

func (i *identity) root() *x509.Certificate {
	for i.up != nil {
		i = i.up
	}
	return i.cert
}

func (i *identity) signing(t testing.TB, how How) *Signing {
	t.Helper()
	s, err := NewSigning(i.key, i.chain(), how)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (i *identity) sign(t testing.TB, content []byte, detached bool, how How) []byte {
	t.Helper()
	der, err := i.signing(t, how).Sign(content, detached)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func parse(t testing.TB, octets []byte) *SignedData {
	t.Helper()
	o, err := Parse(octets, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Signed == nil {
		t.Fatalf("%s, not signedData", Name(o.Type))
	}
	return o.Signed
}

func (i *identity) options() *Options {
	return &Options{Roots: []*x509.Certificate{i.root()}, Time: now()}
}

// only says that an object is not valid for exactly these reasons.
func only(t testing.TB, v *Verdict, words ...Word) {
	t.Helper()
	all := v.All()
	same := len(all) == len(words)
	for i := range words {
		same = same && all[i].Word == words[i]
	}
	if v.Valid || !same {
		t.Errorf("valid %v, %v; want the reasons %v", v.Valid, all, words)
	}
	if v.Label != nil || v.EquivalentLabels != nil {
		t.Errorf("the label of an object that is not valid is shown: %x", v.Label)
	}
}

func valid(t testing.TB, v *Verdict) {
	t.Helper()
	if !v.Valid || len(v.All()) > 0 {
		t.Errorf("valid %v, %v", v.Valid, v.All())
	}
}

package x400p1

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
)

// issuer is an authority, which writes what it issues into files.
type issuer struct {
	t           *testing.T
	dir         string
	key         crypto.Signer
	certificate *x509.Certificate
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{t: t, dir: t.TempDir()}
	i.key, i.certificate = i.issue("Authority", time.Hour)
	return i
}

func (i *issuer) path(name string) string { return filepath.Join(i.dir, name) }

// issue writes NAME.pem and NAME.key.
func (i *issuer) issue(name string, valid time.Duration) (crypto.Signer, *x509.Certificate) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true}
	parent, signer := i.certificate, i.key
	if parent == nil {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		i.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.t.Fatal(err)
	}
	if len(name) > 100 {
		name = "long"
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(i.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			i.t.Fatal(err)
		}
	}
	return key, c
}

// strengthen gives a peer strong credentials: own is our certificate.
func (i *issuer) strengthen(p *conf.Peer, own string) {
	p.Credentials, p.PasswordIn, p.PasswordOut, p.RecoverAssociations = conf.CredentialsStrong, "", "", false
	p.TokenCA, p.TokenSubject = i.path("Authority.pem"), "CN="+p.Name
	p.TokenCertificate, p.TokenKey = i.path(own+".pem"), i.path(own+".key")
}

// startStrong is a channel of MTA-A that binds with MTA-B by strong credentials.
func startStrong(t *testing.T) (*switch1, *issuer) {
	t.Helper()
	s, i := start(t), newIssuer(t)
	i.issue("MTA-A", time.Hour)
	i.issue("MTA-B", time.Hour)
	i.strengthen(&s.conf.Peers[0], "MTA-A")
	i.strengthen(&s.peer.Peers[0], "MTA-B")
	s.configure()
	return s, i
}

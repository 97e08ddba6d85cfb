package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openssl runs the command with its files in a directory, and returns what it prints.
func openssl(t testing.TB, dir string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	t.Logf("openssl %s: %v %s", strings.Join(args, " "), err, stderr.String())
	return out, err
}

func files(t testing.TB, of map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, octets := range of {
		if err := os.WriteFile(filepath.Join(dir, name), octets, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func certificatePEM(certs ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// content has line ends of its own and octets that are no text: nothing may rewrite it.
var content = []byte("one\ntwo\r\nthree\r\x00\xff\n")

// label is the example of RFC 7444: the policy before the classification.
var label = []byte{0x31, 6, 6, 1, 0x29, 2, 1, 3}

type algorithmCase struct {
	name, kind string
	how        How
}

func algorithmCases() []algorithmCase {
	return []algorithmCase{
		{"RSA SHA-256", "rsa", How{}},
		{"RSA SHA-384", "rsa", How{Hash: crypto.SHA384}},
		{"RSA SHA-512", "rsa", How{Hash: crypto.SHA512}},
		{"PSS SHA-256", "rsa", How{PSS: true}},
		{"PSS SHA-384", "rsa", How{PSS: true, Hash: crypto.SHA384}},
		{"PSS SHA-512", "rsa", How{PSS: true, Hash: crypto.SHA512}},
		{"P-256 SHA-256", "p256", How{}},
		{"P-256 SHA-512", "p256", How{Hash: crypto.SHA512}},
		{"P-384 SHA-384", "p384", How{}},
		{"P-521 SHA-512", "p521", How{}},
		{"Ed25519 SHA-512", "ed25519", How{}},
	}
}

// OpenSSL takes what we sign, detached or not, of whatever content type.
func TestOpenSSLVerifiesOurs(t *testing.T) {
	ca := root(t, "root")
	middle := issue(t, ca, "p256", "middle", authority)
	for _, c := range algorithmCases() {
		for _, form := range []string{"opaque", "detached", "P772"} {
			t.Run(c.name+" "+form, func(t *testing.T) {
				how := c.how
				if form == "P772" {
					how.ContentType = P772
				}
				how.Label, how.EquivalentLabels = label, [][]byte{label}
				who := issue(t, middle, c.kind, "ann")
				der := who.sign(t, content, form == "detached", how)
				dir := files(t, map[string][]byte{"signed": der, "content": content, "root.pem": certificatePEM(who.root())})
				args := []string{"cms", "-verify", "-inform", "DER", "-in", "signed", "-binary", "-CAfile", "root.pem"}
				if form == "detached" {
					args = append(args, "-content", "content")
				}
				if c.kind == "ed25519" {
					opensslVerifiesEd25519(t, der, who)
				} else if out, err := openssl(t, dir, args...); err != nil || !bytes.Equal(out, content) {
					t.Errorf("openssl cms -verify: %v, %q", err, out)
				}
				text, err := openssl(t, dir, "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", "signed")
				if err != nil || !strings.Contains(string(text), "id-smime-aa-securityLabel") {
					t.Errorf("openssl cms -print: %v: %s", err, text)
				}
				o := who.options()
				v := parse(t, der).Verify(content, o)
				valid(t, v)
				if s := v.Signers[0]; s.SigningCertificate != "v2" || !s.AlgorithmProtection || s.SigningTime.IsZero() || len(s.Path) != 3 {
					t.Errorf("%+v", s)
				}
				if want := unhex(t, "31 06 02 01 03 06 01 29"); !bytes.Equal(v.Label, want) || len(v.EquivalentLabels) != 1 {
					t.Errorf("label %x, %x", v.Label, v.EquivalentLabels)
				}
			})
		}
	}
}

// OpenSSL 3.0 hands a digest to Ed25519 in CMS, and so neither signs nor verifies it
// there ("invalid digest"). It verifies the signature itself over the signed attributes, as
// RFC 8419 §3 has it; that these have the digest of the content and what is around them is
// right is checked by printing them, and by ourselves.
func opensslVerifiesEd25519(t *testing.T, der []byte, who *identity) {
	t.Helper()
	d := parse(t, der)
	j := judge{SignedData: d}
	public, err := x509.MarshalPKIXPublicKey(who.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	dir := files(t, map[string][]byte{"attributes": j.signedOctets(&d.Signers[0])[0], "signature": d.Signers[0].Signature, "public.der": public})
	if out, err := openssl(t, dir, "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "public.der",
		"-in", "attributes", "-sigfile", "signature"); err != nil {
		t.Errorf("openssl pkeyutl -verify: %v: %s", err, out)
	}
}

// We take what OpenSSL signs, in every form it has. It signs no Ed25519 in version 3.0, and
// no PSS in a stream ("illegal zero content").
func TestWeVerifyOpenSSLs(t *testing.T) {
	ca := root(t, "root")
	middle := issue(t, ca, "p256", "middle", authority)
	for _, c := range algorithmCases() {
		if c.kind == "ed25519" {
			continue
		}
		who := issue(t, middle, c.kind, "ann")
		md := "sha256"
		if c.how.Hash != 0 {
			md = strings.ToLower(strings.ReplaceAll(c.how.Hash.String(), "-", ""))
		} else if c.kind == "p384" {
			md = "sha384"
		} else if c.kind == "p521" {
			md = "sha512"
		}
		dir := files(t, map[string][]byte{"content": content, "key.pem": keyPEM(t, who.key), "cert.pem": certificatePEM(who.cert), "chain.pem": certificatePEM(middle.cert)})
		for _, form := range [][]string{nil, {"-nodetach"}, {"-nodetach", "-stream"}, {"-keyid", "-nodetach"}, {"-cades", "-nodetach"},
			{"-nodetach", "-econtent_type", "1.3.26.0.4406.0.4.1"}, {"-nosmimecap"}, {"-nodetach", "-nocerts"}} {
			if c.how.PSS && slices.Contains(form, "-stream") {
				continue
			}
			t.Run(c.name+" "+strings.Join(form, " "), func(t *testing.T) {
				args := append([]string{"cms", "-sign", "-binary", "-in", "content", "-signer", "cert.pem", "-inkey", "key.pem", "-certfile", "chain.pem",
					"-md", md, "-outform", "DER"}, form...)
				if c.how.PSS {
					args = append(args, "-keyopt", "rsa_padding_mode:pss")
				}
				der, err := openssl(t, dir, args...)
				if err != nil {
					t.Fatal(err)
				}
				o := who.options()
				if form != nil && form[len(form)-1] == "-nocerts" {
					d := parse(t, der)
					only(t, d.Verify(content, o), NoCertificate)
					o.Intermediates = []*x509.Certificate{who.cert, middle.cert}
				}
				d := parse(t, der)
				v := d.Verify(content, o)
				valid(t, v)
				if slices.Contains(form, "-nodetach") == d.Detached {
					t.Error("detached:", d.Detached)
				}
				if v.Octets != len(content) || !d.Detached && !bytes.Equal(d.Content, content) {
					t.Errorf("content %q", d.Content)
				}
				changed := bytes.Replace(content, []byte("two"), []byte("six"), 1)
				if d.Detached {
					only(t, d.Verify(changed, o), WrongDigest)
				}
				d.Content = changed
				if !d.Detached {
					only(t, d.Verify(nil, o), WrongDigest)
				}
			})
		}
	}
}

// Old and odd ways to sign that are read all the same.
func TestWeVerifySHA224(t *testing.T) {
	ca := root(t, "root")
	for _, kind := range []string{"rsa", "p256"} {
		who := issue(t, ca, kind, "ann")
		dir := files(t, map[string][]byte{"content": content, "key.pem": keyPEM(t, who.key), "cert.pem": certificatePEM(who.cert)})
		der, err := openssl(t, dir, "cms", "-sign", "-binary", "-in", "content", "-signer", "cert.pem", "-inkey", "key.pem", "-nodetach", "-md", "sha224", "-outform", "DER")
		if err != nil {
			t.Fatal(err)
		}
		valid(t, parse(t, der).Verify(nil, who.options()))
	}
}

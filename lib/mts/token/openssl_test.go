package token

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// What is signed here OpenSSL verifies, and what OpenSSL signs is taken here: over the
// octets of the data cut out of the token.
func TestOpenSSL(t *testing.T) {
	for _, kind := range []struct{ name, key, digest string }{
		{"rsa", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "sha256"},
		{"rsa with sha512", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072", "sha512"},
		{"p256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "sha256"},
		{"p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "sha384"},
		{"p521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", "sha512"},
	} {
		dir := t.TempDir()
		openssl := func(args ...string) string {
			t.Helper()
			cmd := exec.Command("openssl", args...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: openssl %s: %v\n%s", kind.name, strings.Join(args, " "), err, out)
			}
			return string(out)
		}
		openssl(append(strings.Fields("genpkey -out key.pem"), strings.Fields(kind.key)...)...)
		openssl(strings.Fields("pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der")...)
		openssl(strings.Fields("req -x509 -key key.pem -subj /O=Org/CN=MTA-A -days 2 -outform DER -out cert.der")...)
		openssl(strings.Fields("x509 -inform DER -in cert.der -pubkey -noout -out public.pem")...)
		read := func(name string) []byte {
			t.Helper()
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		write := func(name string, b []byte) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cert, err := x509.ParseCertificate(read("cert.der"))
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.ParsePKCS8PrivateKey(read("key.der"))
		if err != nil {
			t.Fatal(err)
		}
		i := &identity{key.(crypto.Signer), []*x509.Certificate{cert}}
		now := cert.NotBefore.Add(time.Hour)
		c, err := i.signer(t, true).Credentials("MTA-B", number, now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(c.BindToken)
		if err != nil {
			t.Fatal(err)
		}
		write("data", p.Data)
		write("signature", p.Encrypted.Bytes)
		own := i.signer(t, true).algorithm
		if out := openssl("dgst", "-"+strings.ToLower(strings.ReplaceAll(own.hash.String(), "-", "")), "-verify", "public.pem", "-signature", "signature", "data"); out != "Verified OK\n" {
			t.Errorf("%s: %s", kind.name, out)
		}

		a := own
		for j := range algorithms {
			if o := &algorithms[j]; o.rsa == own.rsa && !o.weak && strings.EqualFold(strings.ReplaceAll(o.hash.String(), "-", ""), kind.digest) {
				a = o
			}
		}
		p.data.SignatureAlgorithmIdentifier = a.identifier()
		octets, err := ber.Marshal(p.data)
		if err != nil {
			t.Fatal(err)
		}
		write("data", octets)
		openssl("dgst", "-"+kind.digest, "-sign", "key.pem", "-out", "signature", "data")
		c.BindToken.Token = wrap(t, octets, a.identifier(), read("signature"))
		trust := trusting(i)
		if _, err := trust.Verify(c, now); err != nil {
			t.Errorf("%s: %v", kind.name, err)
		}
	}
}

// A token that OpenSSL has encoded as well as signed is taken.
func TestOpenSSLEncodes(t *testing.T) {
	dir := t.TempDir()
	openssl := func(line string) {
		t.Helper()
		cmd := exec.Command("openssl", strings.Fields(line)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", line, err, out)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /O=Org/CN=MTA-A -days 2 -outform DER -out cert.der")
	cert, err := x509.ParseCertificate(read("cert.der"))
	if err != nil {
		t.Fatal(err)
	}
	now := cert.NotBefore.Add(time.Hour)
	data := fmt.Sprintf(`
[data]
algorithm = SEQUENCE:algorithm
name = IMPLICIT:3,SEQUENCE:mta
time = UTCTIME:%s
signed-data = IMPLICIT:0,SEQUENCE:signed-data
[algorithm]
algorithm = OID:1.2.840.10045.4.3.2
[mta]
global-domain-identifier = IMPLICIT:3A,SEQUENCE:domain
mta-name = IA5STRING:MTA-B
[domain]
country = EXPLICIT:1A,PRINTABLESTRING:GB
administration = EXPLICIT:2A,PRINTABLESTRING:TEST
private = PRINTABLESTRING:BRAVO
[signed-data]
type = IMPLICIT:0,INTEGER:1
value = EXPLICIT:1,FORMAT:HEX,BITSTRING:%X
`, now.UTC().Format("060102150405Z"), number.Bytes)
	encode := func(name, text string) []byte {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name+".conf"), []byte(text+data), 0o600); err != nil {
			t.Fatal(err)
		}
		openssl("asn1parse -noout -genconf " + name + ".conf -out " + name)
		return read(name)
	}
	encode("data", "asn1 = SEQUENCE:data")
	openssl("dgst -sha256 -sign key.pem -out signature data")
	token := encode("token", fmt.Sprintf(`asn1 = SEQUENCE:token
[token]
data = SEQUENCE:data
algorithm = SEQUENCE:algorithm
encrypted = FORMAT:HEX,BITSTRING:%X
`, read("signature")))
	certificate, err := writeCertificates([]*x509.Certificate{cert})
	if err != nil {
		t.Fatal(err)
	}
	trust := trusting(&identity{nil, []*x509.Certificate{cert}})
	taken, err := trust.Verify(&mts.StrongCredentials{BindToken: &mts.Token{TokenTypeIdentifier: mts.TokenAsymmetric, Token: token}, Certificate: certificate}, now)
	if err != nil || taken.Number.String() != number.String() || !taken.Time.Equal(now) {
		t.Errorf("%+v, %v", taken, err)
	}
}

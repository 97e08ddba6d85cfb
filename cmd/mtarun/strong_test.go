package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// certify gives the switches of a network strong credentials for each other: an authority,
// and for each switch a key and a certificate that has its name as that of an MTA.
func certify(n *network, switches ...*mta) {
	t := n.t
	t.Helper()
	write := func(name, kind string, octets []byte) string {
		path := filepath.Join(n.dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: octets}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	issue := func(template, parent *x509.Certificate, by *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if parent == nil {
			parent, by = template, key
		}
		template.SerialNumber, template.BasicConstraintsValid = big.NewInt(time.Now().UnixNano()), true
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c, key
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	}
	root, rootKey := issue(authority("Root"), nil, nil)
	middle, middleKey := issue(authority("Middle"), root, rootKey)
	ca := write("ca.pem", "CERTIFICATE", root.Raw)
	for _, m := range switches {
		c, key := issue(&x509.Certificate{Subject: pkix.Name{Organization: []string{"Org"}, CommonName: "switch " + m.letter},
			KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: nameOf(n, m)}}}, middle, middleKey)
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		path := write(m.letter+".pem", "CERTIFICATE", c.Raw)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: middle.Raw})); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		m.set("[identity]", fmt.Sprintf("token-certificate = %q\ntoken-key = %q", path, write(m.letter+".key", "PRIVATE KEY", private)))
		for _, other := range switches {
			if other != m {
				m.configure(fmt.Sprintf(`
[[peer]]
name = %q
channel = "p1"
addresses = [{ host = %q, tsel = %q }]
credentials = "strong"
token-ca = %q
`, other.name, other.address, other.name, ca))
				m.route(other, other)
			}
		}
	}
}

// nameOf is the subject-alt-name with the name of a switch: [0] otherName, whose value is
// in [0].
func nameOf(n *network, m *mta) []byte {
	n.t.Helper()
	g, err := mts.ParseGlobalDomainIdentifier(m.domain)
	if err != nil {
		n.t.Fatal(err)
	}
	value, err := ber.Marshal(mts.MTANameAndOptionalGDI{GlobalDomainIdentifier: &g, MTAName: mts.MTAName(m.name)})
	if err != nil {
		n.t.Fatal(err)
	}
	octets := append([]byte{0x06, 4, 0x56, 5, 6, 0, 0xa0, byte(len(value))}, value...) // 2.6.5.6.0
	return append([]byte{0x30, byte(len(octets) + 2), 0xa0, byte(len(octets))}, octets...)
}

// Two switches bind by strong credentials in both directions, and Wireshark sees nothing
// wrong with it: tokens, certificates and the path above them. Its fields say who a token
// is for, and that the answer has the random number of the call.
func TestCaptureStrong(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	certify(n, a, b)
	n.isolate()
	capture := n.capture()
	hello := a.submit(strings.NewReader("Hello\n"), "--from", a.addressOf("Ann", "Smith"), "--to", b.addressOf("Ann", "Smith"), "--report", "delivery")
	for _, m := range n.switches {
		m.start()
	}
	n.until("the report", func() bool { return len(a.mailbox("ann")) == 1 })
	if got := b.mailbox("ann"); len(got) != 1 || got[0].MTSID != hello.MTSID {
		t.Errorf("Ann of BRAVO has %+v", got)
	}
	for _, m := range n.switches {
		m.stop()
	}
	path := capture()
	for _, d := range n.dissect(path) {
		for _, finding := range d.findings {
			t.Errorf("Wireshark: %s: %s", d.names[false], finding)
		}
	}
	// The second name is the one in the certificate.
	want, numbers := map[string]string{"MTA-A ": "MTA-B,MTA-A", "MTA-B ": "MTA-A,MTA-B", " MTA-A": "MTA-B,MTA-A", " MTA-B": "MTA-A,MTA-B"}, map[string]string{}
	answers := 0
	for line := range strings.Lines(string(n.tshark(path, "-Y", "p1.strong_element", "-T", "fields", "-e", "tcp.stream", "-e", "p1.authenticated.initiator-name",
		"-e", "p1.authenticated.responder-name", "-e", "p1.mta_name", "-e", "p1.BindTokenSignedData"))) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if who := f[1] + " " + f[2]; want[who] == "" || f[3] != want[who] {
			t.Errorf("%q, for %q", who, f[3])
		}
		if f[1] != "" {
			numbers[f[0]] = f[4]
		} else if answers++; f[4] == "" || f[4] != numbers[f[0]] {
			t.Errorf("%s answers %q with %q", f[2], numbers[f[0]], f[4])
		}
	}
	if answers == 0 {
		t.Error("nobody has answered")
	}
}

package cms

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/base64"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// rfc is the text of an informational RFC, read from the Debian package that has it: it is
// not ours to pass on.
func rfc(t testing.TB, number string) string {
	t.Helper()
	f, err := os.Open("/usr/share/doc/RFC/informational/rfc" + number + ".txt.gz")
	if err != nil {
		t.Fatalf("%v: it is in the Debian package doc-rfc-informational, which .ci/packages installs", err)
	}
	defer func() { _ = f.Close() }() // it is only read
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// examples are the files that RFC 4134 has at its end.
func examples(t testing.TB) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	name, lines := "", ""
	for line := range strings.Lines(rfc(t, "4134")) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|>"):
			name, lines = line[2:], ""
		case strings.HasPrefix(line, "|<"):
			octets, err := base64.StdEncoding.DecodeString(lines)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found[name] = octets
			name = ""
		case name != "" && strings.HasPrefix(line, "|"):
			lines += strings.TrimSpace(line[1:])
		}
	}
	return found
}

// The verdicts are those that mtactl-smime(1) states: RSA with SHA-1 where that is allowed,
// DSA named and not verified.
func TestRFC4134(t *testing.T) {
	ex := examples(t)
	o := &Options{Time: time.Date(2005, 7, 1, 0, 0, 0, 0, time.UTC), AllowSHA1: true, AllowNoAttributes: true}
	for _, name := range []string{"CarlRSASelf.cer", "CarlDSSSelf.cer"} {
		c, err := x509.ParseCertificate(ex[name])
		if err != nil {
			t.Fatal(name, err)
		}
		o.Roots = append(o.Roots, c)
	}
	dsa := []Word{Untrusted, UnknownAlgorithm}
	for _, c := range []struct {
		name    string
		signers [][]Word // nil: valid
		text    string
	}{
		{"4.1.bin", [][]Word{dsa}, "id-dsa-with-sha1"},
		{"4.2.bin", [][]Word{nil}, ""},
		{"4.3.bin", [][]Word{dsa}, "id-dsa-with-sha1"},
		{"4.4.bin", [][]Word{dsa}, "id-dsa-with-sha1"},
		{"4.5.bin", [][]Word{nil}, ""},
		{"4.6.bin", [][]Word{dsa, {UnknownAlgorithm}}, "invalid DSA parameters"}, // inherited, which package x509 does not read
		{"4.7.bin", [][]Word{dsa}, "id-dsa-with-sha1"},
		{"4.10.bin", [][]Word{dsa}, "id-dsa-with-sha1"},
	} {
		d := parse(t, ex[c.name])
		v := d.Verify(ex["ExContent.bin"], o)
		if !d.Detached && c.name != "4.10.bin" && !bytes.Equal(d.Content, ex["ExContent.bin"]) {
			t.Errorf("%s: content %q", c.name, d.Content)
		}
		if len(v.Signers) != len(c.signers) {
			t.Errorf("%s: %d signers", c.name, len(v.Signers))
			continue
		}
		texts := ""
		for i, s := range v.Signers {
			var words []Word
			for _, r := range s.Reasons {
				words = append(words, r.Word)
				texts += r.String() + "\n"
			}
			if !slices.Equal(words, c.signers[i]) {
				t.Errorf("%s: signer %d: %v, not %v", c.name, i, s.Reasons, c.signers[i])
			}
		}
		if !strings.Contains(texts, c.text) {
			t.Errorf("%s: nothing of %s in %s", c.name, c.text, texts)
		}
		// SHA-1 is not taken unless it is allowed.
		strict := *o
		strict.AllowSHA1 = false
		if v := d.Verify(ex["ExContent.bin"], &strict); v.Valid || !v.Has(WeakAlgorithm) {
			t.Errorf("%s: %v", c.name, v.All())
		}
	}
	for name, shape := range map[string]Shape{"4.8.eml": Multipart, "4.9.eml": Opaque} {
		m := read(t, ex[name])
		v := m.Verify(nil, o, true)
		only(t, &v.Verdict, dsa...)
		if m.Shape != shape || v.Signers[0].Subject != "CN=AliceDSS" {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := read(t, ex["5.3.eml"]).Verify(nil, o, true); !v.Has(NoSigner) || v.ContentType != "envelopedData" {
		t.Errorf("5.3.eml: %+v", v)
	}
	only(t, parse(t, ex["4.11.bin"]).Verify(nil, o), NoSigner)
	for name, want := range map[string]string{"3.1.bin": "data", "3.2.bin": "data", "5.1.bin": "envelopedData", "5.2.bin": "envelopedData",
		"6.0.bin": "digestedData", "7.1.bin": "encryptedData", "7.2.bin": "encryptedData"} {
		object, err := Parse(ex[name], Limits{})
		if err != nil || Name(object.Type) != want || want == "data" && !bytes.Equal(object.Data, ex["ExContent.bin"]) {
			t.Errorf("%s: %+v, %v; want %s", name, object, err, want)
		}
	}
}

// What the example has of attributes is read: the label with its components in an order
// that is not that of X.690 §10.3, which has the SET before the PrintableString.
func TestLabelsOfRFC4134(t *testing.T) {
	s := parse(t, examples(t)["4.10.bin"]).Signers[0]
	var names []string
	for _, a := range s.Signed {
		names = append(names, Name(a.Type))
	}
	want := []string{"contentType", "messageDigest", "1.2.5555", "contentHint", "smimeCapabilities", "securityLabel", "contentReference",
		"smimeEncryptionKeyPreference", "mlExpansionHistory", "equivalentLabels"}
	if !slices.Equal(names, want) {
		t.Error(names)
	}
	came := s.value(attrLabel)
	if !bytes.HasPrefix(came, unhex(t, "31 5c 02 01 01 06 07 2a 03 04 05 06 07 08 13 1b")) {
		t.Errorf("%x", came)
	}
	der, err := CanonicalLabel(came)
	if err != nil || !bytes.HasPrefix(der, unhex(t, "31 5c 02 01 01 06 07 2a 03 04 05 06 07 08 31 31")) {
		t.Errorf("%x, %v", der, err)
	}
	out := new(claims)
	v := new(SignerVerdict)
	v.equivalentLabels(s.value(attrEquivalentLabels), out)
	if len(v.Reasons) > 0 || len(out.equivalent) == 0 {
		t.Errorf("%x, %v", out.equivalent, v.Reasons)
	}
}

// The example of RFC 7444 has the policy before the classification; DER has it after.
func TestLabelInEitherOrder(t *testing.T) {
	const text = "MQYGASkCAQM="
	if !strings.Contains(rfc(t, "7444"), `type=":ess"; label="`+text+`"`) {
		t.Error("RFC 7444 does not have the label")
	}
	of7444, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !bytes.Equal(of7444, label) {
		t.Fatal(err)
	}
	want := unhex(t, "31 06 02 01 03 06 01 29")
	for _, in := range [][]byte{of7444, want, unhex(t, "31 80 06 01 29 02 81 01 03 00 00")} {
		if got, err := CanonicalLabel(in); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%x: %x, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"31 03 02 01 03":                   "no security-policy-identifier",
		"31 06 06 01 29 06 01 29":          "twice",
		"31 09 06 01 29 0c 01 41 13 01 41": "privacy-mark twice",
		"31 09 06 01 29 0c 01 41 13 01":    "truncated",
		"31 05 06 01 29 05 00":             "a component with identifier 0x05",
		"30 03 06 01 29":                   "identifier 0x30",
	} {
		if _, err := CanonicalLabel(unhex(t, in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", in, err, want)
		}
	}
}

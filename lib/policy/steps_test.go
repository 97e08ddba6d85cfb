package policy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// gate writes the files of a key and of its certificate, which is its own root.
func gate(t testing.TB) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Gate"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "gate.pem"), filepath.Join(dir, "gate.key")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// stepped is a configuration with steps, and a function that does one of them.
func stepped(t testing.TB, edit func(*conf.Config)) func(name string, env *spool.Envelope, content []byte) (*Made, *Refusal, error) {
	t.Helper()
	cfg := secured()
	certificate, key := gate(t)
	cfg.Security.Roots = []string{certificate}
	cfg.Steps = []conf.Step{
		{Name: "strip", Channel: "secure", Strip: true},
		{Name: "convert", Channel: "secure", ToPolicy: "NORDLAND"},
		{Name: "sign", Channel: "secure", Certificate: certificate, Key: key},
		{Name: "all", Channel: "secure", Strip: true, ToPolicy: "2.999.2", Certificate: certificate, Key: key},
		{Name: "elsewhere", Channel: "other", Strip: true},
	}
	if edit != nil {
		edit(cfg)
	}
	steps, err := NewSteps(cfg, "secure", time.Now(), conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string, env *spool.Envelope, content []byte) (*Made, *Refusal, error) {
		return steps.Do(name, env, content, time.Now())
	}
}

func derOf(t testing.TB, text string) []byte {
	t.Helper()
	der, err := labelled(t, text).DER()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestSteps proves what each step makes of a content, and that what cannot be made into what is
// required fails with the reason.
func TestSteps(t *testing.T) {
	const restricted, equivalent = "policy=ALLIANCE; class=RESTRICTED; Releasable To=NRD", "policy=NORDLAND; class=BEGRENSET; Partner=NORDLAND"
	do := stepped(t, nil)
	content := []byte("any octets")
	env := func(of mts.ContentType, label []byte) *spool.Envelope {
		return &spool.Envelope{Kind: spool.KindMessage, ContentType: of.String(), Label: label}
	}
	p22, bare := mts.NewContentType(mts.InterpersonalMessaging1988), mts.NewExtendedContentType(cms.Info)
	signed, fail, err := do("sign", env(p22, derOf(t, restricted)), content)
	if err != nil || fail != nil {
		t.Fatal(fail, err)
	}
	forged := bytes.Clone(signed.Content)
	forged[len(forged)-1] ^= 1
	said := func(m *Made) string {
		if m.Label == nil {
			return ""
		}
		l, err := label.FromMTS(m.Label)
		if err != nil {
			t.Fatal(err)
		}
		return l.Text(newSecurityOf(t).policies)
	}
	for _, c := range []struct {
		name, step string
		env        *spool.Envelope
		content    []byte
		of         mts.ContentType // what is made
		label      string          // of the envelope
		want       string          // the failure
	}{
		{"strip", "strip", env(bare, nil), signed.Content, p22, restricted, ""},
		{"strip, with the label in the envelope", "strip", env(bare, derOf(t, restricted)), signed.Content, p22, restricted, ""},
		{"convert", "convert", env(p22, derOf(t, restricted)), content, p22, equivalent, ""},
		{"converted already", "convert", env(p22, derOf(t, equivalent)), content, p22, equivalent, ""},
		{"sign without a label", "sign", env(p22, nil), content, bare, "", ""},
		{"all", "all", env(bare, nil), signed.Content, bare, equivalent, ""},
		{"strip what is not signed", "strip", env(p22, nil), content, p22, "", "the content is not signed"},
		{"strip what is forged", "strip", env(bare, nil), forged, p22, "", "the signature is not valid: wrong-signature: "},
		{"strip what is no object", "strip", env(bare, nil), content, p22, "", "the signed content cannot be read: message: line 1: "},
		{"strip with another label", "strip", env(bare, derOf(t, equivalent)), signed.Content, p22, "", "the label of the envelope is not the one that was signed"},
		{"convert without a label", "convert", env(p22, nil), content, p22, "", "the message has no label"},
		{"convert what has no equivalent", "convert", env(p22, derOf(t, "policy=ALLIANCE; class=TOP SECRET; Compartment=OPAL; Releasable To=NRD")), content, p22, "", "the label has no equivalent where the message goes: in the policy NORDLAND: "},
		{"convert a label of a policy that is not known", "convert", env(p22, derOf(t, "policy=2.999.77; class=1")), content, p22, "", "the label has no equivalent where the message goes: in the policy NORDLAND: "},
		{"convert a label that cannot be read", "convert", env(p22, []byte{0x31, 0x01}), content, p22, "", "the label cannot be used: label: "},
		{"sign what is signed", "sign", env(bare, nil), signed.Content, p22, "", "a content of this type is not signed here: 1.2.840.113549.1.9.16.1.6"},
		{"sign what is no mail", "sign", env(mts.NewContentType(mts.EDIMessaging), nil), content, p22, "", "a content of this type is not signed here: p35"},
	} {
		made, fail, err := do(c.step, c.env, c.content)
		switch {
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (fail == nil || !strings.HasPrefix(fail.Why, c.want) || !strings.HasPrefix(fail.Why, fail.Text) || strings.Contains(fail.Text, "NORDLAND") || fail.Reason != int(mts.TransferFailureForSecurityReason)):
			t.Errorf("%s: %+v, not %s", c.name, fail, c.want)
		case c.want != "":
		case fail != nil:
			t.Errorf("%s: %+v", c.name, fail)
		case !made.ContentType.Equal(c.of) || said(made) != c.label:
			t.Errorf("%s: %s with %q", c.name, made.ContentType, said(made))
		case made.ContentType.Equal(p22) && !bytes.Equal(made.Content, content):
			t.Errorf("%s: the content is %q", c.name, made.Content)
		}
	}
	for _, name := range []string{"elsewhere", "gone"} {
		if _, fail, err := do(name, env(p22, nil), content); err == nil || fail != nil {
			t.Errorf("%s: %v, %v", name, fail, err)
		}
	}
}

func newSecurityOf(t testing.TB) *security {
	t.Helper()
	cfg := secured()
	cfg.Steps = []conf.Step{{}}
	s, err := newSecurity(cfg, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStepsGiveTheDefault: what is signed has a label, if there is a default.
func TestStepsGiveTheDefault(t *testing.T) {
	do := stepped(t, func(cfg *conf.Config) { cfg.Security.DefaultLabel = "policy=ALLIANCE; class=UNCLASSIFIED" })
	env := &spool.Envelope{Kind: spool.KindMessage, ContentType: "p22"}
	signed, fail, err := do("sign", env, []byte("content"))
	if err != nil || fail != nil || signed.Label == nil {
		t.Fatalf("%+v, %+v, %v", signed, fail, err)
	}
	env.ContentType = signed.ContentType.String()
	if stripped, fail, err := do("strip", env, signed.Content); err != nil || fail != nil || stripped.Label == nil || *stripped.Label.SecurityClassification != mts.Unclassified {
		t.Errorf("%+v, %+v, %v", stripped, fail, err)
	}
	// Who only takes off a signature gives no label that nobody has signed.
	plain, fail, err := stepped(t, nil)("sign", &spool.Envelope{Kind: spool.KindMessage, ContentType: "p22"}, []byte("content"))
	if err != nil || fail != nil || plain.Label != nil {
		t.Errorf("%+v, %+v, %v", plain, fail, err)
	}
}

// TestStepsAreWrong: a key that is not that of the certificate, or cannot be had, is a fault of the
// configuration, and told before anything is signed. Only its step waits for it.
func TestStepsAreWrong(t *testing.T) {
	certificate, key := gate(t)
	other, _ := gate(t)
	env := &spool.Envelope{Kind: spool.KindMessage, ContentType: "p22"}
	for _, s := range []conf.Step{
		{Name: "a", Channel: "secure", Certificate: other, Key: key},
		{Name: "a", Channel: "secure", Certificate: certificate, Key: certificate},
		{Name: "a", Channel: "secure", Certificate: certificate, Key: key + ".gone"},
		{Name: "a", Channel: "secure", Certificate: certificate, Key: key, PassphraseFile: key + ".gone"},
	} {
		cfg := secured()
		cfg.Steps = []conf.Step{s, {Name: "b", Channel: "secure", Certificate: certificate, Key: key}}
		if all := CheckSteps(cfg, time.Now()); len(all) != 1 || diag.KindOf(all[0]) != diag.Config || !strings.HasPrefix(all[0].Error(), "[[step]] a: ") {
			t.Errorf("%+v: checked: %v", s, all)
		}
		steps, err := NewSteps(cfg, "secure", time.Now(), conf.OpenFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, fail, err := steps.Do("a", env, []byte("content"), time.Now()); err == nil || fail != nil || !strings.HasPrefix(err.Error(), "[[step]] a: ") {
			t.Errorf("%+v: %v, %v", s, fail, err)
		}
		if _, fail, err := steps.Do("b", env, []byte("content"), time.Now()); err != nil || fail != nil {
			t.Errorf("%+v: the other step: %v, %v", s, fail, err)
		}
	}
}

// TestStepsAreMended: a key that comes later, and a certificate that replaces one whose time is
// over, are taken with the next message.
func TestStepsAreMended(t *testing.T) {
	certificate, key := gate(t) // for an hour
	cfg := secured()
	cfg.Steps = []conf.Step{{Name: "a", Channel: "secure", Certificate: certificate, Key: key}}
	away := key + ".away"
	if err := os.Rename(key, away); err != nil {
		t.Fatal(err)
	}
	steps, err := NewSteps(cfg, "secure", time.Now(), conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	do := func(now time.Time) error {
		_, fail, err := steps.Do("a", &spool.Envelope{Kind: spool.KindMessage, ContentType: "p22"}, []byte("content"), now)
		if fail != nil {
			t.Errorf("failed, not waiting: %+v", fail)
		}
		return err
	}
	if err := do(time.Now()); err == nil {
		t.Fatal("signed without a key")
	}
	if err := os.Rename(away, key); err != nil {
		t.Fatal(err)
	}
	if err := do(time.Now()); err != nil {
		t.Errorf("the key is back: %v", err)
	}
	later := time.Now().Add(2 * time.Hour)
	if err := do(later); err == nil || !strings.Contains(err.Error(), "the certificate of CN=Gate was valid until ") {
		t.Errorf("two hours later: %v", err)
	}
	if err := do(time.Now().Add(-2 * time.Hour)); err == nil || !strings.Contains(err.Error(), "is not valid before ") {
		t.Errorf("two hours before: %v", err)
	}
	if err := do(time.Now()); err != nil {
		t.Errorf("in force again: %v", err)
	}
}

// TestStepsOfNoPolicy: a label can become one of a policy that is known only.
func TestStepsOfNoPolicy(t *testing.T) {
	cfg := secured()
	cfg.Steps = []conf.Step{{Name: "a", Channel: "secure", ToPolicy: "NOBODY"}}
	_, of := New(cfg, conf.OpenFile)
	_, err := NewSteps(cfg, "secure", time.Now(), conf.OpenFile)
	for _, err := range []error{of, err} {
		if diag.KindOf(err) != diag.Config || !strings.HasPrefix(err.Error(), "[[step]] a: to-policy: ") {
			t.Errorf("%v", err)
		}
	}
}

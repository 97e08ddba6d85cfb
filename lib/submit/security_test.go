package submit

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

const alliance = "../../examples/spif/alliance.xml"

// signer is somebody with a certificate, and the file of the root of it.
func signer(t testing.TB, how cms.How) (*cms.Signing, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// The time of signing is that of the clock of the machine.
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Gate"}, NotBefore: now.Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, EmailAddresses: []string{"gate@example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cms.NewSigning(key, []*x509.Certificate{c}, how)
	if err != nil {
		t.Fatal(err)
	}
	return s, root
}

// labelOf is the DER of a label of the alliance.
func labelOf(t testing.TB, text string) []byte {
	t.Helper()
	set, err := spif.Load(alliance)
	if err != nil {
		t.Fatal(err)
	}
	l, err := label.Parse(text, set)
	if err != nil {
		t.Fatal(err)
	}
	der, err := l.DER()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestPolicyOfSignedContents proves what rules know of a content that is a signed object: whether
// the signature is valid, who has signed, the label that is signed and the heading inside; and
// that they let nothing through of which they cannot know that.
func TestPolicyOfSignedContents(t *testing.T) {
	const secret, open = "policy=ALLIANCE; class=SECRET; Releasable To=SUD", "policy=ALLIANCE; class=UNCLASSIFIED"
	by, root := signer(t, cms.How{ContentType: cms.P772, Label: labelOf(t, secret)})
	plain, other := signer(t, cms.How{ContentType: cms.P772})
	marked, third := signer(t, cms.How{ContentType: cms.P772, Label: labelOf(t, secret+"; mark=für Ann")})
	both := func(s *cms.Signing, content []byte) []byte {
		der, err := s.Sign(content, false)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	inside := heading(t, 100, "ABC")
	signed := both(by, inside)
	forged := slices.Clone(signed)
	forged[len(forged)-1] ^= 1
	protecting := mts.NewExtendedContentType(cms.Info)
	const unclear = ": transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it (a rule of this MTA asks what the message does not say clearly: "
	for _, c := range []struct {
		name     string
		content  []byte
		of       mts.ContentType
		envelope string // label
		rules    string
		want     string
	}{
		{"valid", signed, protecting, "", "a: if signature = valid and signer = \"gate@*\" and label-classification = \"SECRET\" and sic = \"ABC\" then allow", "border/a: local"},
		{"the same label twice", signed, protecting, secret, "a: if label-classification = \"SECRET\" then allow", "border/a: local"},
		{"a privacy mark that the envelope has no place for", both(marked, inside), protecting, secret, "a: if label-classification = \"SECRET\" then allow", "border/a: local"},
		{"two labels", signed, protecting, open, "a: if label-classification < \"SECRET\" then allow", "border/a" + unclear + "label-classification: the label of the envelope is not the one that was signed)"},
		{"a label in the envelope", inside, mts.NewExtendedContentType(mts.ContentP772), open, "a: if signature = none and label-classification = \"UNCLASSIFIED\" then allow", "border/a: local"},
		{"signed without a label", both(plain, inside), protecting, open, "a: if signature = valid and label-classification = \"UNCLASSIFIED\" then allow", "border/a: local"},
		{"forged", forged, protecting, "", "a: if signature = invalid and signer != \"*\" then allow", "border/a: local"},
		{"a label that is forged is not none", forged, protecting, "", "a: if not labelled then allow", "border/a" + unclear + "labelled: a label is signed, and the signature is not valid"},
		{"nor is one that the envelope denies", forged, protecting, open, "a: if label-classification < \"SECRET\" then allow", "border/a" + unclear + "label-classification: a label is signed, and the signature is not valid"},
		{"signed data by its own name", signed, mts.NewExtendedContentType(cms.Signed), "", "a: if signature = valid then allow", "border/a: local"},
		{"a heading by another name", inside, mts.NewExtendedContentType("2.6.1.10.1"), "", "a: if content-type = p22 and sic = \"ABC\" then allow", "border/a: local"},
		{"a type that nobody knows", inside, mts.NewExtendedContentType("1.2.3.4"), "", "a: if sics = 0 then allow", "border/a" + unclear + "sics: a content of type 1.2.3.4 is not looked into"},
		{"text as a signed object", []byte("Subject: x\r\n\r\ntext"), protecting, "", "a: if signature = none then allow", "border/a" + unclear + "signature: the content is no CMS object"},
		{"by nobody known", both(by, inside), protecting, "", "a: if signature = invalid then hold", "border/a: local held: held by policy"},
		{"truncated", signed[:len(signed)/2], protecting, "", "a: if signature != valid then allow", "border/a" + unclear + "signature: "},
		{"nothing", nil, protecting, "", "a: if labelled then allow", "border/a" + unclear + "labelled: "},
		{"too long", append(slices.Clone(signed), make([]byte, 5000)...), protecting, "", "a: if signature = none then allow", "border/a" + unclear + "signature: more than 4096 octets"},
		{"a signed object inside", both(func() *cms.Signing { s, _ := signer(t, cms.How{ContentType: cms.Signed}); return s }(), signed), protecting, "", "a: if sics = 0 then allow", "border/a" + unclear + "sics: what is inside"},
		{"no label that can be read", inside, mts.NewExtendedContentType(mts.ContentP772), "#", "a: if not labelled then allow", "border/a" + unclear + "labelled: "},
	} {
		roots := []string{root, other, third}
		if strings.HasPrefix(c.name, "by nobody") {
			roots = nil
		}
		d, _ := border(t, "refuse", c.rules, func(cfg *conf.Config) {
			cfg.Security.Policies, cfg.Security.Roots, cfg.Security.MaxSigned = []string{alliance}, roots, 4096
		})
		d.now = time.Now // as the signers
		m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) {
			m.ContentType = c.of
			var value []byte
			switch c.envelope {
			case "":
				return
			case "#":
				value = []byte{0x31, 0x03, 0x02, 0x01, 0xFF} // a negative classification
			default:
				value = labelOf(t, c.envelope)
			}
			m.Extensions = append(m.Extensions, mts.ExtensionField{Type: mts.ExtMessageSecurityLabel.Type(), Value: value})
		}, ann)
		env := passed(t, d, fromPeer, m, raw, c.content)
		got := shown(env)
		if r := &env.Recipients[0]; r.Fail != nil { // an operator is told the same later
			all, err := d.Explain(Question{Envelope: env})
			if err != nil {
				t.Fatal(err)
			}
			for is := range all {
				if why := cmp.Or(is.Verdict.Why, is.Verdict.Text); why != r.Why {
					t.Errorf("%s: explained as %q, not %q", c.name, why, r.Why)
				}
			}
		}
		if !strings.HasPrefix(got, c.want) || got != c.want && !strings.HasPrefix(c.want, "border/a"+unclear) {
			t.Errorf("%s:\n%s, not\n%s\n%+v", c.name, got, c.want, env.Facts)
		}
	}
}

// TestPolicyOfLargeContents: what does not fit into the buffer of a writer is verified, too, and
// stored as it came.
func TestPolicyOfLargeContents(t *testing.T) {
	by, root := signer(t, cms.How{ContentType: cms.P772})
	content, err := by.Sign(heading(t, 300_000, "ABC"), false)
	if err != nil {
		t.Fatal(err)
	}
	d, sp := border(t, "refuse", "a: if signature = valid and sics = 1 then allow", func(cfg *conf.Config) { cfg.Security.Roots = []string{root} })
	d.now = time.Now
	m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) { m.ContentType = mts.NewExtendedContentType(cms.Info) }, ann)
	env := passed(t, d, fromPeer, m, raw, content)
	if got := shown(env); got != "border/a: local" {
		t.Errorf("%s: %+v", got, env.Facts)
	}
	stored, err := sp.OpenMessage(spool.Ref{ID: env.ID})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stored.Close() }()
	if err := stored.VerifyContent(); err != nil || stored.Envelope.Size != int64(len(content)) {
		t.Errorf("%d octets, %v", stored.Envelope.Size, err)
	}
}

// Whatever comes as a content, and in whatever type and with whatever label in the envelope, is let
// through as signed and labelled only if that is what the gate has signed, and is below the label
// that rules want.
func FuzzNoAccidentalAllow(f *testing.F) {
	const secret, open = "policy=ALLIANCE; class=SECRET; Releasable To=SUD", "policy=ALLIANCE; class=UNCLASSIFIED"
	inside := heading(f, 100, "ABC")
	by, root := signer(f, cms.How{ContentType: cms.P772, Label: labelOf(f, open)})
	stranger, _ := signer(f, cms.How{ContentType: cms.P772, Label: labelOf(f, open)})
	higher, third := signer(f, cms.How{ContentType: cms.P772, Label: labelOf(f, secret)})
	rules := "a: if signature = valid and signer = \"gate@*\" and label-valid and label-classification = \"UNCLASSIFIED\" and sic = \"ABC\" then allow"
	d, _ := border(f, "refuse", rules, func(cfg *conf.Config) {
		cfg.Security.Policies, cfg.Security.Roots, cfg.Security.MaxSigned = []string{alliance}, []string{root, third}, 1<<20
	})
	d.now = time.Now // as the signers
	for i, s := range []*cms.Signing{by, stranger, higher} {
		der, err := s.Sign(inside, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der, uint8(i), []byte(nil))
		f.Add(der, uint8(0), labelOf(f, open))
		f.Add(der, uint8(0), labelOf(f, secret))
	}
	f.Add(inside, uint8(1), labelOf(f, open))
	types := []mts.ContentType{mts.NewExtendedContentType(cms.Info), mts.NewExtendedContentType(mts.ContentP772), mts.NewExtendedContentType(cms.Signed), mts.NewContentType(mts.InterpersonalMessaging1988)}
	to, err := oraddr.Parse(abroad)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte, of uint8, label []byte) {
		if len(label) == 0 {
			label = nil
		}
		env := &spool.Envelope{Kind: spool.KindMessage, Originator: ann, ContentType: types[int(of)%len(types)].String(), Size: int64(len(content)), Label: label}
		if err := d.Examine(env, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		all, err := d.Explain(Question{Envelope: env, To: []oraddr.Address{to}, Ways: []spool.Hop{{Channel: "p1", Peer: "MTA-B"}}})
		if err != nil {
			t.Fatal(err)
		}
		for is := range all {
			if is.Verdict.Decision != rule.Allow {
				continue
			}
			m, err := cms.Read(content, cms.Limits{})
			if err != nil || m.Object == nil || m.Object.Signed == nil || !bytes.Equal(m.Object.Signed.Content, inside) {
				t.Errorf("let through: %x", content)
			}
			if label != nil && !bytes.Equal(label, labelOf(t, open)) {
				if l, err := decodeLabel(label); err != nil || l.Text(nil) != textOf(t, labelOf(t, open)) {
					t.Errorf("let through with the label %x", label)
				}
			}
		}
	})
}

func textOf(t *testing.T, der []byte) string {
	t.Helper()
	l, err := decodeLabel(der)
	if err != nil {
		t.Fatal(err)
	}
	return l.Text(nil)
}

// TestShortContentsDoNotWait: while somebody's long content is examined, short ones are, too.
func TestShortContentsDoNotWait(t *testing.T) {
	by, root := signer(t, cms.How{ContentType: cms.P772})
	d, _ := border(t, "refuse", "a: if signature = valid then allow", func(cfg *conf.Config) { cfg.Security.Roots = []string{root} })
	d.now = time.Now // as the signer
	pass := func(size int) chan string {
		content, err := by.Sign(heading(t, size, "ABC"), false)
		if err != nil {
			t.Fatal(err)
		}
		m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) { m.ContentType = mts.NewExtendedContentType(cms.Info) }, ann)
		done := make(chan string, 1)
		go func() { done <- shown(passed(t, d, fromPeer, m, raw, content)) }()
		return done
	}
	d.examining.Lock() // by somebody with a long one
	if got := <-pass(1000); got != "border/a: local" {
		t.Errorf("a short one: %s", got)
	}
	long := pass(2 * short)
	select {
	case got := <-long:
		t.Errorf("two long ones at a time: %s", got)
	case <-time.After(100 * time.Millisecond):
	}
	d.examining.Unlock()
	if got := <-long; got != "border/a: local" {
		t.Errorf("a long one: %s", got)
	}
}

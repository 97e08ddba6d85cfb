package cms

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// However a Signing is printed, its key is not.
func TestSigningHidesItsKey(t *testing.T) {
	who := issue(t, root(t, "root"), "ed25519", "ann")
	s := who.signing(t, How{})
	seed := who.key.(ed25519.PrivateKey).Seed()
	printed := fmt.Sprintf("%v %+v %#v %s %v %+v %#v", s, s, s, s, *s, *s, *s)
	for _, secret := range []string{hex.EncodeToString(seed), string(seed), strings.Trim(fmt.Sprint(seed), "[]"), "0x" + hex.EncodeToString(seed[:1]) + ", 0x"} {
		if strings.Contains(printed, secret) {
			t.Errorf("the key is in %q", printed)
		}
	}
	if !strings.Contains(printed, "(key of CN=ann,O=Org)") {
		t.Errorf("%q does not say whose key it is", printed)
	}
}

func TestSigningRefuses(t *testing.T) {
	ca, ann := people(t)
	bob := issue(t, ca, "rsa", "bob")
	for _, c := range []struct {
		name, want string
		kind       diag.Kind
		key        crypto.Signer
		chain      []*x509.Certificate
		how        How
	}{
		{"no certificate", "no certificate", diag.Config, ann.key, nil, How{}},
		{"another's", "not that of the certificate of CN=bob", diag.Config, ann.key, bob.chain(), How{}},
		{"a digest that is weak", "SHA-1; SHA-256", diag.Usage, ann.key, ann.chain(), How{Hash: crypto.SHA1}},
		{"PSS", "PSS is for RSA keys", diag.Usage, ann.key, ann.chain(), How{PSS: true}},
		{"no content type", "is no object identifier", diag.Usage, ann.key, ann.chain(), How{ContentType: "9.9"}},
		{"no label", "identifier 0x05 where 0x31 belongs", diag.Data, ann.key, ann.chain(), How{Label: null}},
		{"equivalent to nothing", "equivalent labels without a label", diag.Usage, ann.key, ann.chain(), How{EquivalentLabels: [][]byte{label}}},
	} {
		if _, err := NewSigning(c.key, c.chain, c.how); err == nil || !strings.Contains(err.Error(), c.want) || diag.KindOf(err) != c.kind {
			t.Errorf("%s: %v, of kind %v; want %q, %v", c.name, err, diag.KindOf(err), c.want, c.kind)
		}
	}
	for _, change := range []func(*x509.Certificate){
		func(c *x509.Certificate) { c.NotAfter = now().Add(-time.Minute) },
		func(c *x509.Certificate) { c.NotBefore = now().Add(time.Minute) },
	} {
		old := issue(t, ca, "p256", "old", change)
		if _, err := old.signing(t, How{}).Sign(content, false); err == nil || !strings.Contains(err.Error(), "is in force from") || diag.KindOf(err) != diag.Config {
			t.Error(err)
		}
	}
}

package token

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// FuzzToken holds that whatever a peer sends as a token and certificates is taken or
// refused for a reason, and that nothing is taken but what the peer's key has signed.
func FuzzToken(f *testing.F) {
	root := issue(f, newKey(f, "p256"), "Authority", nil, authority)
	a := issue(f, newKey(f, "p256"), "MTA-A", root)
	good := a.credentials(f)
	trust := trusting(root)
	p, err := parse(good.BindToken)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(good.BindToken.Token), []byte(good.Certificate.Components[0]), []byte(good.Certificate.Components[1]))
	f.Add([]byte(good.BindToken.Token), []byte(nil), []byte(nil))
	f.Add(append(append([]byte{0x30, 0x80}, good.BindToken.Token.Contents()...), 0, 0), []byte(good.Certificate.Components[0]), []byte(nil))
	f.Add([]byte{0x30, 0}, []byte{0x30, 0}, []byte{0x30, 4, 0x31, 2, 0x30, 0})
	f.Fuzz(func(t *testing.T, token, certificate, path []byte) {
		c := &mts.StrongCredentials{BindToken: &mts.Token{TokenTypeIdentifier: mts.TokenAsymmetric, Token: token}}
		if len(certificate) > 0 {
			c.Certificate = &mts.TaggedCertificates{Components: []ber.Raw{certificate}}
			if len(path) > 0 {
				c.Certificate.Components = append(c.Certificate.Components, path)
			}
		}
		for _, pinned := range []bool{false, true} {
			trust := *trust
			if pinned {
				trust.Pinned = a.chain[0]
			}
			taken, err := trust.Verify(c, noon)
			var r *Refusal
			if (taken == nil) != errors.As(err, &r) {
				t.Fatalf("%v, %v", taken, err)
			}
			if taken == nil {
				continue
			}
			// The only token that the key has signed, in whatever form.
			got, err := parse(c.BindToken)
			if err != nil {
				t.Fatal(err)
			}
			der, err := ber.Marshal(got.data)
			if err != nil || !bytes.Equal(der, p.Data) || !taken.Certificate.Equal(a.chain[0]) {
				t.Fatalf("% X is taken, of %s", token, Subject(taken.Certificate))
			}
			m := NewMemory(noon.Add(-time.Minute), 1)
			if m.Take("MTA-A", taken) != nil || m.Take("MTA-A", taken) == nil {
				t.Fatal("not taken once")
			}
			_ = taken.CheckAnswer(asn1.BitString{Bytes: token, BitLength: 8 * len(token)})
		}
	})
}

package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// What a Signer makes, a Trust takes, with every kind of key, with a path, without one,
// and with a certificate that is known already.
func TestVerify(t *testing.T) {
	root := issue(t, newKey(t, "p384"), "Authority", nil, authority)
	middle := issue(t, newKey(t, "rsa"), "Middle", root, authority)
	for _, kind := range []string{"rsa", "p256", "p384", "p521"} {
		a := issue(t, newKey(t, kind), "MTA-A", middle)
		c := a.credentials(t)
		taken, err := trusting(root).Verify(c, noon.Add(time.Minute))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if !taken.Certificate.Equal(a.chain[0]) || !taken.Time.Equal(noon.Truncate(time.Second)) || taken.Number.String() != number.String() {
			t.Errorf("%s: %+v", kind, taken)
		}
		if d := data(t, c); d.Name.MTA == nil || d.Name.MTA.MTAName != "MTA-B" || d.Name.MTA.GlobalDomainIdentifier != nil {
			t.Errorf("%s: %+v", kind, d.Name)
		}
		c.Certificate = nil
		pinned := trusting(root)
		pinned.Roots, pinned.Subject, pinned.Pinned = nil, "", a.chain[0]
		if _, err := pinned.Verify(c, noon); err != nil {
			t.Errorf("%s, pinned: %v", kind, err)
		}
		pinned.Roots, pinned.Above = trusting(root).Roots, a.chain[1:]
		if _, err := pinned.Verify(c, noon); err != nil {
			t.Errorf("%s, pinned and of the authority: %v", kind, err)
		}
	}
}

// Each thing that can be wrong is told from the others.
func TestRefused(t *testing.T) {
	root := issue(t, newKey(t, "p256"), "Authority", nil, authority)
	middle := issue(t, newKey(t, "p256"), "Middle", root, authority)
	stranger := issue(t, newKey(t, "p256"), "Authority", nil, authority)
	a := issue(t, newKey(t, "rsa"), "MTA-A", middle)
	ec := issue(t, newKey(t, "p256"), "MTA-A", root)
	other := issue(t, newKey(t, "p256"), "MTA-C", root)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	var zero asn1.BitString
	for _, c := range []struct {
		name        string
		credentials func() *mts.StrongCredentials
		trust       func(*Trust)
		at          time.Duration // after noon
		want        Problem
		text        string
	}{
		{name: "no token", credentials: func() *mts.StrongCredentials { return &mts.StrongCredentials{} }, want: NoToken, text: "no bind-token"},
		{name: "a token of another type", credentials: func() *mts.StrongCredentials {
			return &mts.StrongCredentials{BindToken: &mts.Token{TokenTypeIdentifier: "1.2.3", Token: null}}
		}, want: UnknownToken, text: "a bind-token of type 1.2.3"},
		{name: "a token that is none", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			c.BindToken.Token = ber.Raw{0x30, 0}
			return c
		}, want: Malformed, text: "bind-token: "},
		{name: "octets after the token", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			c.BindToken.Token = append(c.BindToken.Token, 5, 0)
			return c
		}, want: Malformed, text: "octets after the element"},
		{name: "a long token", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			c.BindToken.Token = make([]byte, MaxToken+1)
			return c
		}, want: Malformed, text: "a bind-token of 4097 octets; at most 4096 are taken"},
		{name: "no certificate", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			c.Certificate = nil
			return c
		}, want: NoCertificate, text: "no certificate came along"},
		{name: "a certificate that is none", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			c.Certificate.Components[0] = ber.Raw{0x30, 0}
			return c
		}, want: Malformed, text: "x509: "},
		{name: "a long certificate", credentials: func() *mts.StrongCredentials {
			return issue(t, a.key, "MTA-A", root, func(c *x509.Certificate) { c.DNSNames = []string{strings.Repeat("a", MaxCertificate)} }).long(t)
		}, want: Malformed, text: "octets; at most 8192 are taken"},
		{name: "many certificates", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			var p path
			for range MaxCertificates {
				p = append(p, cross{middle.chain[0].Raw})
			}
			if c.Certificate.Components[1], err = ber.Marshal(p); err != nil {
				t.Fatal(err)
			}
			return c
		}, want: Malformed, text: "certification-path: more than 7 certificates"},
		{name: "no path", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			c.Certificate.Components = c.Certificate.Components[:1]
			return c
		}, want: Untrusted, text: "the certificate of CN=MTA-A,O=Org: x509: certificate signed by unknown authority"},
		{name: "another authority of the same name", credentials: func() *mts.StrongCredentials {
			return issue(t, newKey(t, "p256"), "MTA-A", stranger).credentials(t)
		}, want: Untrusted, text: "unknown authority"},
		{name: "expired", at: 61 * time.Minute, want: Expired, text: "the certificate of CN=MTA-A,O=Org has expired: it was valid until 2026-11-27T13:00:00Z"},
		{name: "not yet valid", at: -61 * time.Minute, want: Expired, text: "the certificate of CN=MTA-A,O=Org is not valid before 2026-11-27T11:00:00Z"},
		{name: "an authority that has expired", credentials: func() *mts.StrongCredentials {
			old := issue(t, newKey(t, "p256"), "Old", root, authority, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) })
			return issue(t, newKey(t, "p256"), "MTA-A", old).credentials(t)
		}, want: Expired, text: "x509: certificate has expired"},
		{name: "another subject", credentials: func() *mts.StrongCredentials { return other.credentials(t) }, want: OtherCertificate,
			text: "the certificate is of CN=MTA-C,O=Org, not of CN=MTA-A,O=Org"},
		{name: "another certificate of the same subject", credentials: func() *mts.StrongCredentials { return ec.credentials(t) },
			trust: func(t *Trust) { t.Pinned = a.chain[0] }, want: OtherCertificate, text: "is another than the one configured"},
		{name: "a name nowhere", trust: func(t *Trust) { t.Subject = "" }, want: OtherCertificate, text: `does not have "MTA-A" as the name of its MTA`},
		{name: "nothing to trust", trust: func(t *Trust) { t.Roots = nil }, want: Untrusted, text: "neither authorities nor a certificate"},
		{name: "not for signatures", credentials: func() *mts.StrongCredentials {
			i := issue(t, newKey(t, "p256"), "MTA-A", root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })
			c := ec.credentials(t)
			c.Certificate.Components[0] = i.chain[0].Raw
			return c
		}, want: OtherCertificate, text: "is not for signatures"},
		{name: "a short key", credentials: func() *mts.StrongCredentials {
			i := issue(t, short, "MTA-A", root)
			c := a.credentials(t)
			c.Certificate.Components[0] = i.chain[0].Raw
			return c
		}, want: WeakAlgorithm, text: "an RSA key of 1024 bits; at least 2048 are wanted"},
		// Weak is for tokens.
		{name: "an authority with a short key", credentials: func() *mts.StrongCredentials {
			return issue(t, newKey(t, "p256"), "MTA-A", issue(t, short, "Short", root, authority)).credentials(t)
		}, trust: func(t *Trust) { t.Weak = true }, want: WeakAlgorithm, text: "the certificate of CN=Short,O=Org: an RSA key of 1024 bits; at least 2048"},
		{name: "a key of another curve", credentials: func() *mts.StrongCredentials {
			i := issue(t, newKey(t, "p224"), "MTA-A", root)
			c := ec.credentials(t)
			c.Certificate.Components[0] = i.chain[0].Raw
			return c
		}, want: UnknownAlgorithm, text: "an ECDSA key of curve P-224"},
		{name: "a key of another kind", credentials: func() *mts.StrongCredentials {
			i := issue(t, newKey(t, "ed25519"), "MTA-A", root)
			c := ec.credentials(t)
			c.Certificate.Components[0] = i.chain[0].Raw
			return c
		}, want: UnknownAlgorithm, text: "RSA and ECDSA are taken"},
		{name: "SHA-1", credentials: func() *mts.StrongCredentials { return a.old(t, crypto.SHA1, "1.2.840.113549.1.1.5") }, want: WeakAlgorithm,
			text: "the token of CN=MTA-A,O=Org: signed by sha1WithRSAEncryption, which is not taken"},
		{name: "MD5", credentials: func() *mts.StrongCredentials { return a.old(t, crypto.SHA1, "1.2.840.113549.1.1.4") },
			trust: func(t *Trust) { t.Weak = true }, want: WeakAlgorithm, text: "md5WithRSAEncryption"},
		{name: "an unknown algorithm", credentials: func() *mts.StrongCredentials { return a.old(t, crypto.SHA256, "1.2.840.113549.1.1.10") },
			want: UnknownAlgorithm, text: "algorithm 1.2.840.113549.1.1.10, which is not known here"},
		{name: "an algorithm with parameters", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			p, _ := parse(c.BindToken)
			c.BindToken.Token = wrap(t, p.Data, mts.AlgorithmIdentifier{Algorithm: "1.2.840.113549.1.1.11", Parameters: ber.Raw{2, 1, 1}}, p.Encrypted.Bytes)
			return c
		}, want: UnknownAlgorithm, text: "with parameters"},
		{name: "two algorithms", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) {
				d.SignatureAlgorithmIdentifier.Algorithm = "1.2.840.113549.1.1.12"
			})
		}, want: WrongSignature, text: "signed by sha256WithRSAEncryption, and says of itself 1.2.840.113549.1.1.12"},
		{name: "an algorithm for other keys", credentials: func() *mts.StrongCredentials {
			c := ec.credentials(t)
			c.Certificate = a.credentials(t).Certificate
			return c
		}, want: WrongSignature, text: "the signature is not that of its key"},
		{name: "another signer", credentials: func() *mts.StrongCredentials {
			c := issue(t, newKey(t, "rsa"), "MTA-A", stranger).credentials(t)
			c.Certificate = a.credentials(t).Certificate
			return c
		}, want: WrongSignature, text: "the token of CN=MTA-A,O=Org: the signature is not that of its key"},
		{name: "bits left over", credentials: func() *mts.StrongCredentials {
			c := a.credentials(t)
			p, _ := parse(c.BindToken)
			p.Encrypted.Clear(p.Encrypted.BitLength - 1)
			p.Encrypted.BitLength--
			if c.BindToken.Token, err = ber.Marshal(p.signed); err != nil {
				t.Fatal(err)
			}
			return c
		}, want: WrongSignature, text: "the signature is not that of its key"},
		{name: "for another MTA", trust: func(t *Trust) { t.Own = "MTA-C" }, want: WrongRecipient, text: `for MTA "MTA-B", not for "MTA-C"`},
		{name: "for an MTA of another domain", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) {
				g := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "DELTA"})
				d.Name.MTA.GlobalDomainIdentifier = &g
			})
		}, want: WrongRecipient, text: `for MTA "MTA-B" of /PRMD=DELTA/ADMD=TEST/C=GB/, not of /PRMD=BRAVO/ADMD=TEST/C=GB/`},
		{name: "for a user", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.Name = mts.TokenName{RecipientName: new(oraddr.ORName)} })
		}, want: WrongRecipient, text: "for an O/R name, not for an MTA"},
		{name: "late", at: 5*time.Minute + time.Second, want: WrongTime, text: "made at 2026-11-27T12:00:00Z, and it is 2026-11-27T12:05:01Z: more than 5m0s apart"},
		{name: "early", at: -5*time.Minute - time.Second, want: WrongTime, text: "more than 5m0s apart"},
		{name: "at no time", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.Time = "yesterday" })
		}, want: Malformed, text: "time is malformed"},
		{name: "nothing signed", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.SignedData = nil })
		}, want: NoNumber, text: "no signed-data"},
		{name: "of a message", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.SignedData.Type = mts.MessageTokenSignedDataType })
		}, want: NoNumber, text: "signed-data of type message-token-signed-data"},
		{name: "an empty number", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.SignedData.Value, _ = ber.Marshal(zero) })
		}, want: NoNumber, text: "an empty random number"},
		{name: "a number that is none", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.SignedData.Value = null })
		}, want: Malformed, text: "random-number: "},
		{name: "something encrypted", credentials: func() *mts.StrongCredentials {
			return a.resigned(t, func(d *mts.AsymmetricTokenData) { d.EncryptedData = &zero })
		}, want: Encrypted, text: "encrypted-data"},
	} {
		if c.credentials == nil {
			c.credentials = func() *mts.StrongCredentials { return a.credentials(t) }
		}
		trust := trusting(root)
		if c.trust != nil {
			c.trust(trust)
		}
		taken, err := trust.Verify(c.credentials(), noon.Add(c.at))
		if taken != nil || problem(err) != c.want.String() || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %s: %v; want %s: … %s …", c.name, problem(err), err, c.want, c.text)
		}
	}
}

// SHA-1 and short keys are taken where that is allowed.
func TestWeakIsAllowed(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	root := issue(t, newKey(t, "p256"), "Authority", nil, authority)
	strong := issue(t, newKey(t, "rsa"), "MTA-A", root)
	trust := trusting(root)
	trust.Weak = true
	for _, id := range []asn1.OID{"1.2.840.113549.1.1.5", "1.3.14.3.2.29"} {
		c := strong.old(t, crypto.SHA1, id)
		if _, err := trust.Verify(c, noon); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		signer := &identity{short, nil}
		weak := issue(t, short, "MTA-A", root)
		d := data(t, c)
		octets, err := ber.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha1.Sum(octets)
		signature, err := signer.key.Sign(rand.Reader, sum[:], crypto.SHA1)
		if err != nil {
			t.Fatal(err)
		}
		c.BindToken.Token = wrap(t, octets, d.SignatureAlgorithmIdentifier, signature)
		c.Certificate.Components[0] = weak.chain[0].Raw
		if _, err := trust.Verify(c, noon); err != nil {
			t.Errorf("%s, 1024 bits: %v", id, err)
		}
	}
}

// No octet of what is signed can be changed.
func TestAlteredOctets(t *testing.T) {
	root := issue(t, newKey(t, "p256"), "Authority", nil, authority)
	c := issue(t, newKey(t, "p256"), "MTA-A", root).credentials(t)
	p, err := parse(c.BindToken)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(c.BindToken.Token, p.Data)
	good := bytes.Clone(c.BindToken.Token)
	for i := range p.Data {
		for _, x := range []byte{0x01, 0x20, 0x80, 0xff} {
			c.BindToken.Token = bytes.Clone(good)
			c.BindToken.Token[at+i] ^= x
			if taken, err := trusting(root).Verify(c, noon); taken != nil || err == nil {
				t.Errorf("octet %d of % X changed to %02X is taken", i, good, c.BindToken.Token[at+i])
			}
		}
	}
}

// A token that is sent in another form of BER than the DER that was signed is taken.
func TestSignedIsDER(t *testing.T) {
	root := issue(t, newKey(t, "p256"), "Authority", nil, authority)
	c := issue(t, newKey(t, "p256"), "MTA-A", root).credentials(t)
	p, err := parse(c.BindToken)
	if err != nil {
		t.Fatal(err)
	}
	loose := append(append([]byte{0x30, 0x80}, p.Data.Contents()...), 0, 0)
	rest, err := ber.Marshal(p.AlgorithmIdentifier)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := ber.Marshal(p.Encrypted)
	if err != nil {
		t.Fatal(err)
	}
	c.BindToken.Token = append(append(append(append([]byte{0x30, 0x80}, loose...), rest...), signature...), 0, 0)
	if _, err := trusting(root).Verify(c, noon); err != nil {
		t.Error(err)
	}
	c.BindToken.Token[bytes.Index(c.BindToken.Token, []byte("MTA-B"))] = 'N'
	if _, err := trusting(root).Verify(c, noon); problem(err) != "wrong-signature" {
		t.Error(err)
	}
}

// The name of an MTA in its certificate does where no subject is configured.
func TestNameOfMTA(t *testing.T) {
	root := issue(t, newKey(t, "p256"), "Authority", nil, authority)
	named := func(names ...string) *identity {
		var general []ber.Raw
		for _, n := range names {
			g := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
			value, err := ber.Marshal(mts.MTANameAndOptionalGDI{GlobalDomainIdentifier: &g, MTAName: mts.MTAName(n)})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := ber.Marshal(otherName{TypeID: nameOfMTA, Value: value})
			if err != nil {
				t.Fatal(err)
			}
			general = append(general, ber.Raw("\x82\x01x"), raw)
		}
		extension, err := ber.Marshal(general)
		if err != nil {
			t.Fatal(err)
		}
		return issue(t, newKey(t, "p256"), "Someone", root, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 17}, Value: extension}}
		})
	}
	for want, names := range map[string][]string{"<nil>": {"MTA-X", "MTA-A"}, "other-certificate": {"MTA-X"}} {
		trust := trusting(root)
		trust.Subject = ""
		i := named(names...)
		if got := fmt.Sprint(MTANames(i.chain[0])); got != fmt.Sprint(names) {
			t.Errorf("%s, not %v", got, names)
		}
		if _, err := trust.Verify(i.credentials(t), noon); problem(err) != want {
			t.Errorf("%v: %v", names, err)
		}
	}
}

func marshalName(t testing.TB, rdns pkix.RDNSequence) []byte {
	t.Helper()
	b, err := encoding.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A subject is told as it is: an attribute more, or in another place, is another subject.
func TestSubject(t *testing.T) {
	raw := func(rdns ...pkix.RelativeDistinguishedNameSET) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.RawSubject = marshalName(t, rdns) }
	}
	cn := func(s string) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: []int{2, 5, 4, 3}, Value: s}}
	}
	for want, edit := range map[string]func(*x509.Certificate){
		"CN=MTA-A":           raw(cn("MTA-A")),
		"CN=MTA-A,CN=Evil":   raw(cn("Evil"), cn("MTA-A")),
		"CN=Evil,CN=MTA-A":   raw(cn("MTA-A"), cn("Evil")),
		`CN=MTA-A\,O=Org`:    raw(cn("MTA-A,O=Org")),
		"CN=MTA-A+CN=MTA-B":  raw(append(cn("MTA-A"), cn("MTA-B")...)),
		"CN=MTA-A,O=Org":     func(*x509.Certificate) {},
		"CN=MTA-A,CN=x,CN=y": raw(cn("y"), cn("x"), cn("MTA-A")),
	} {
		if got := Subject(issue(t, newKey(t, "p256"), "MTA-A", nil, edit).chain[0]); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

// A token is taken once; what the memory has no room for, and what is older than the
// memory, is not taken either, and may come again as another token.
func TestReplay(t *testing.T) {
	c := issue(t, newKey(t, "p256"), "MTA-A", nil).chain[0]
	at := func(seconds int, number string) *Taken {
		return &Taken{Certificate: c, Time: noon.Truncate(time.Second).Add(time.Duration(seconds) * time.Second),
			Number: asn1.BitString{Bytes: []byte(number), BitLength: 8 * len(number)}}
	}
	m := NewMemory(noon, 4)
	for i, step := range []struct {
		sender string
		token  *Taken
		want   string
	}{
		{"A", at(0, "a"), "forgotten"}, // of the second the memory began in
		{"A", at(1, "a"), "<nil>"},
		{"A", at(1, "a"), "replayed"},
		{"B", at(1, "a"), "<nil>"}, // another sender
		{"A", at(1, "b"), "<nil>"}, // another number
		{"A", at(3, "a"), "<nil>"}, // another time
		{"A", at(2, "a"), "<nil>"}, // out of order
		{"A", at(2, "a"), "replayed"},
		{"A", &Taken{Certificate: c, Time: at(2, "").Time, Number: asn1.BitString{Bytes: []byte("a"), BitLength: 7}}, "<nil>"}, // no room: the first two go
		{"A", at(1, "a"), "forgotten"},
		{"A", at(1, "c"), "forgotten"},
		{"A", at(2, "a"), "replayed"},
		{"A", at(3, "a"), "replayed"},
		{"B", at(1, "a"), "replayed"},
	} {
		if err := m.Take(step.sender, step.token); problem(err) != step.want {
			t.Errorf("step %d: %v, not %s", i, err, step.want)
		}
	}
	for range 100 {
		_ = m.Take("C", at(5, rand.Text()))
		_ = m.Take("C", at(6+len(m.of["C"].tokens), rand.Text()))
	}
	if n := len(m.of["C"].tokens); n > 4 {
		t.Errorf("%d are kept", n)
	}
}

// An answer has the number of the call at its beginning, and is not taken for a call.
func TestAnswer(t *testing.T) {
	asked, err := NewNumber("MTA-A", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := issue(t, newKey(t, "p256"), "MTA-B", nil).chain[0]
	longer := asn1.BitString{Bytes: append(bytes.Clone(asked.Bytes), 1, 2, 0x80), BitLength: asked.BitLength + 17}
	another, err := NewNumber("MTA-A", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := NewNumber("MTA-B", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name         string
		number       asn1.BitString
		answer, call string
	}{
		{"the same", asked, "<nil>", "reflected"},
		{"the same and more", longer, "<nil>", "reflected"},
		{"of another call", another, "unrelated", "reflected"},
		{"of somebody else", foreign, "unrelated", "<nil>"},
		{"part of it", asn1.BitString{Bytes: asked.Bytes[:20], BitLength: 160}, "unrelated", "reflected"},
		{"short", number, "unrelated", "<nil>"},
	} {
		v := &Taken{Certificate: c, Number: step.number}
		if err := v.CheckAnswer(asked); problem(err) != step.answer {
			t.Errorf("%s: as an answer %v, not %s", step.name, err, step.answer)
		}
		if err := v.CheckCall("MTA-A"); problem(err) != step.call {
			t.Errorf("%s: as a call %v, not %s", step.name, err, step.call)
		}
	}
}

// A Signer is made of what fits together, and does not show its key.
func TestNewSigner(t *testing.T) {
	a, b := issue(t, newKey(t, "p256"), "MTA-A", nil), issue(t, newKey(t, "p256"), "MTA-B", nil)
	long := issue(t, a.key, "MTA-A", nil, func(c *x509.Certificate) { c.DNSNames = []string{strings.Repeat("a", MaxShown)} })
	ed := issue(t, newKey(t, "ed25519"), "MTA-A", nil)
	for text, f := range map[string]func() (*Signer, error){
		"no certificate": func() (*Signer, error) { return NewSigner(a.key, nil, true) },
		"the key is not that of the certificate of CN=MTA-B,O=Org": func() (*Signer, error) { return NewSigner(a.key, b.chain, true) },
		"a bind has room for 8 of 8192":                            func() (*Signer, error) { return NewSigner(long.key, long.chain, true) },
		"RSA and ECDSA are taken":                                  func() (*Signer, error) { return NewSigner(ed.key, ed.chain, true) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, not %s", err, text)
		}
	}
	if _, err := NewSigner(long.key, long.chain, false); err != nil {
		t.Errorf("a long certificate that is not sent: %v", err)
	}
	s := a.signer(t, true)
	octets, err := a.key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secret := new(big.Int).SetBytes(octets).String()
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, s); strings.Contains(text, secret) || len(text) > 100 {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// What was taken before a memory began, of a clock that is ahead, is not taken by it; and
// whoever is known from before does not wait for its beginning.
func TestMemoryKnown(t *testing.T) {
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	m := NewMemory(noon, 4)
	at := func(seconds int) *Taken {
		return &Taken{Certificate: &x509.Certificate{}, Time: noon.Add(time.Duration(seconds) * time.Second), Number: asn1.Bits(1)}
	}
	m.Known("ahead", noon.Add(3*time.Minute))
	m.Known("behind", noon.Add(-time.Hour))
	for i, step := range []struct {
		sender string
		token  *Taken
		want   string
	}{
		{"ahead", at(180), "forgotten"}, {"ahead", at(181), "<nil>"},
		{"behind", at(-3600), "forgotten"}, {"behind", at(-60), "<nil>"},
		{"new", at(-60), "forgotten"},
	} {
		if err := m.Take(step.sender, step.token); problem(err) != step.want {
			t.Errorf("step %d: %v, not %s", i, err, step.want)
		}
	}
	m.Known("behind", noon.Add(-2*time.Hour)) // which it knew
	m.Known("new", noon.Add(time.Minute))
	if err := m.Take("behind", at(-59)); err != nil {
		t.Error(err)
	}
	if err := m.Take("new", at(60)); problem(err) != "forgotten" {
		t.Error(err)
	}
}

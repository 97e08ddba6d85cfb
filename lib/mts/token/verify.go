package token

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/strength"
)

// MaxToken is how many octets of a bind-token are looked at.
const MaxToken = 4 << 10

// tokenLimits bound the walk over a bind-token.
func tokenLimits() ber.Limits { return ber.Limits{Depth: 16, Elements: 128, Octets: MaxToken} }

// signed is an AsymmetricToken as X.509 has it: what is signed, bit for bit, and the
// signature.
type signed struct {
	_                   ber.Sequence
	Data                ber.Raw
	AlgorithmIdentifier mts.AlgorithmIdentifier
	Encrypted           asn1.BitString
}

// Trust says whose bind-tokens are taken, and which. One of Roots and Pinned is needed.
type Trust struct {
	Roots  *x509.CertPool      // authorities; nil: Pinned says enough
	Pinned *x509.Certificate   // the peer's; nil: the one that comes along
	Above  []*x509.Certificate // perhaps above Pinned
	// Subject is what Subject returns of the peer's certificate. Where it is empty and no
	// certificate is pinned, MTANames must have MTA.
	Subject string
	MTA     mts.MTAName // the peer's

	Own       mts.MTAName   // who the tokens are for
	Domain    oraddr.Domain // its, where a token names it
	Tolerance time.Duration // between the time of a token and now, both ways
	Weak      bool          // SHA-1, and RSA from 1024 bits, will do for a token
}

// Taken is a bind-token that was taken.
type Taken struct {
	Certificate *x509.Certificate
	Time        time.Time // in whole seconds
	Number      asn1.BitString
}

// Verify judges the credentials of a peer: that the certificate is the peer's and in
// force, that its key has signed the token, and that the token is for this MTA and made
// about now. It does not tell whether the token was taken before: Memory does. The error
// is a *Refusal.
func (t *Trust) Verify(c *mts.StrongCredentials, now time.Time) (*Taken, error) {
	token, err := parse(c.BindToken)
	if err != nil {
		return nil, err
	}
	leaf, err := t.certificate(c, now)
	if err != nil {
		return nil, err
	}
	if err := t.checkSignature(token, leaf); err != nil {
		return nil, fmtRefusal("the token of "+Subject(leaf), err)
	}
	taken := &Taken{Certificate: leaf}
	if err := t.checkData(&token.data, now, taken); err != nil {
		return nil, fmtRefusal("the token of "+Subject(leaf), err)
	}
	return taken, nil
}

// fmtRefusal says of what a refusal is.
func fmtRefusal(what string, err error) error {
	var r *Refusal
	if errors.As(err, &r) {
		return refuse(r.Problem, fmt.Errorf("%s: %w", what, r.Err))
	}
	return err
}

// parsed is a token, and what it says.
type parsed struct {
	signed
	data mts.AsymmetricTokenData
}

func parse(t *mts.Token) (*parsed, error) {
	switch {
	case t == nil:
		return nil, refusef(NoToken, "no bind-token")
	case t.TokenTypeIdentifier != mts.TokenAsymmetric:
		return nil, refusef(UnknownToken, "a bind-token of type %s, which is no asymmetric-token", t.TokenTypeIdentifier)
	case len(t.Token) > MaxToken:
		return nil, refusef(Malformed, "a bind-token of %d octets; at most %d are taken", len(t.Token), MaxToken)
	}
	p := new(parsed)
	rest, err := ber.Unmarshal(t.Token, &p.signed, tokenLimits())
	if err = errors.Join(err, trailing(rest)); err == nil {
		rest, err = ber.Unmarshal(p.Data, &p.data, tokenLimits())
		err = errors.Join(err, trailing(rest))
	}
	if err != nil {
		return nil, refuse(Malformed, fmt.Errorf("bind-token: %w", err))
	}
	return p, nil
}

// certificate finds the certificate of the peer and judges it.
func (t *Trust) certificate(c *mts.StrongCredentials, now time.Time) (*x509.Certificate, error) {
	leaf, above := t.Pinned, t.Above
	if c.Certificate != nil {
		var err error
		if leaf, above, err = readCertificates(c.Certificate); err != nil {
			return nil, err
		}
	}
	switch {
	case leaf == nil:
		return nil, refusef(NoCertificate, "no certificate came along, and none is configured")
	case t.Pinned != nil && !same(leaf, t.Pinned):
		return nil, refusef(OtherCertificate, "the certificate of %s, serial number %x, is another than the one configured", Subject(leaf), leaf.SerialNumber)
	}
	if err := Valid(leaf, now); err != nil {
		return nil, err
	}
	if err := checkKey(leaf.PublicKey, t.Weak); err != nil {
		return nil, fmtRefusal("the certificate of "+Subject(leaf), err)
	}
	if t.Roots != nil {
		pool := x509.NewCertPool()
		for _, a := range append(above[:len(above):len(above)], t.Above...) {
			pool.AddCert(a)
		}
		paths, err := leaf.Verify(x509.VerifyOptions{Roots: t.Roots, Intermediates: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		if err != nil {
			return nil, refuse(problemOf(err), fmt.Errorf("the certificate of %s: %w", Subject(leaf), err))
		}
		if err := strong(paths); err != nil {
			return nil, err
		}
	}
	if err := signs(leaf); err != nil {
		return nil, err
	}
	return leaf, t.belongs(leaf)
}

// strong tells why no path has keys above its first certificate that are taken: Weak is for tokens,
// and package x509 takes RSA from 1024 bits.
func strong(paths [][]*x509.Certificate) error {
	var why error
	for _, path := range paths {
		var fault error
		for _, c := range path[1:] {
			if f := strength.Key(c.PublicKey, strength.RSA|strength.ECDSA|strength.P224|strength.Ed25519, false); f != nil {
				problem := UnknownAlgorithm
				if f.Weak {
					problem = WeakAlgorithm
				}
				fault = refuse(problem, fmt.Errorf("the certificate of %s: %w", Subject(c), f))
				break
			}
		}
		if fault == nil {
			return nil
		}
		why = fault
	}
	return why
}

func problemOf(err error) Problem {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return Expired
	}
	return Untrusted
}

// belongs tells whether a certificate is the peer's.
func (t *Trust) belongs(leaf *x509.Certificate) error {
	subject := Subject(leaf)
	switch {
	case t.Roots == nil && t.Pinned == nil:
		return refusef(Untrusted, "the certificate of %s: neither authorities nor a certificate are configured", subject)
	case t.Subject != "" && subject != t.Subject:
		return refusef(OtherCertificate, "the certificate is of %s, not of %s", subject, t.Subject)
	case t.Subject != "" || t.Pinned != nil:
		return nil
	}
	if !slices.Contains(MTANames(leaf), t.MTA) {
		return refusef(OtherCertificate, "the certificate of %s does not have %q as the name of its MTA, and neither its subject nor itself is configured",
			subject, string(t.MTA))
	}
	return nil
}

// checkSignature tells whether the key of a certificate has signed the token. The
// identifier that is signed must be the one that is used (X.411 §8.5.8): the other one can
// be changed by anybody.
func (t *Trust) checkSignature(p *parsed, leaf *x509.Certificate) error {
	a, err := algorithmOf(p.AlgorithmIdentifier, t.Weak)
	if err != nil {
		return err
	}
	if inner := p.data.SignatureAlgorithmIdentifier.Algorithm; inner != a.id {
		return refusef(WrongSignature, "signed by %s, and says of itself %s", a.name, inner)
	}
	if p.Encrypted.BitLength%8 != 0 {
		return refuse(WrongSignature, errSignature)
	}
	err = a.verify(leaf.PublicKey, p.Data, p.Encrypted.Bytes)
	if err == nil {
		return nil
	}
	// X.509 signs DER, whatever form of BER is sent.
	if der, e := ber.Marshal(p.data); e == nil && !bytes.Equal(der, p.Data) && a.verify(leaf.PublicKey, der, p.Encrypted.Bytes) == nil {
		return nil
	}
	return refuse(WrongSignature, err)
}

func (t *Trust) checkData(d *mts.AsymmetricTokenData, now time.Time, taken *Taken) error {
	if err := t.checkName(&d.Name); err != nil {
		return err
	}
	made, err := d.Time.Time()
	switch {
	case err != nil:
		return refuse(Malformed, err)
	case made.Before(now.Add(-t.Tolerance)), made.After(now.Add(t.Tolerance)):
		return refusef(WrongTime, "made at %s, and it is %s: more than %v apart", made.Format(time.RFC3339), now.UTC().Format(time.RFC3339), t.Tolerance)
	case d.SignedData == nil:
		return refusef(NoNumber, "no signed-data, and no random number therefore")
	case d.SignedData.Type != mts.BindTokenSignedDataType:
		return refusef(NoNumber, "signed-data of type %s, not bind-token-signed-data", d.SignedData.Type)
	case d.EncryptedData != nil || d.EncryptionAlgorithmIdentifier != nil:
		return refusef(Encrypted, "encrypted-data, which nothing is done with here")
	}
	var number asn1.BitString
	rest, err := ber.Unmarshal(d.SignedData.Value, &number, tokenLimits())
	if err = errors.Join(err, trailing(rest)); err != nil {
		return refuse(Malformed, fmt.Errorf("random-number: %w", err))
	}
	if number.BitLength == 0 {
		return refusef(NoNumber, "an empty random number")
	}
	taken.Time, taken.Number = made, number
	return nil
}

func (t *Trust) checkName(n *mts.TokenName) error {
	if n.MTA == nil {
		return refusef(WrongRecipient, "for an O/R name, not for an MTA")
	}
	if n.MTA.MTAName != t.Own {
		return refusef(WrongRecipient, "for MTA %q, not for %q", string(n.MTA.MTAName), string(t.Own))
	}
	if g := n.MTA.GlobalDomainIdentifier; g != nil && !g.Domain().Equal(t.Domain) {
		return refusef(WrongRecipient, "for MTA %q of %s, not of %s", string(n.MTA.MTAName), g, t.Domain)
	}
	return nil
}

// CheckCall tells whether a token that was taken may have come with a call to the MTA:
// whether it is not an answer to the MTA's own (see NewNumber).
func (v *Taken) CheckCall(own mts.MTAName) error {
	if bytes.HasPrefix(v.Number.Bytes, mark(own)) {
		return refusef(Reflected, "the token of %s: its random number is one that %q has called with", Subject(v.Certificate), string(own))
	}
	return nil
}

// CheckAnswer tells whether a token that was taken has the random number of the token it
// answers, at its beginning, so that it is no answer to another. How the two are related
// X.411 §8.1.1.1 leaves open, as far as it is known here.
func (v *Taken) CheckAnswer(asked asn1.BitString) error {
	if v.Number.BitLength >= asked.BitLength && asked.BitLength%8 == 0 && bytes.HasPrefix(v.Number.Bytes, asked.Bytes) {
		return nil
	}
	return refusef(Unrelated, "the token of %s: its random number does not have the one of the call at its beginning", Subject(v.Certificate))
}

package cms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
)

// Signing makes signed objects, RFC 5652 §5, with one signer, and may be used by several
// goroutines at once. It does not show its key when it is printed.
//
// Signed are contentType, messageDigest, signingTime, which is the time of the clock,
// signingCertificateV2, CMSAlgorithmProtection and the labels. smimeCapabilities say what
// the sender can decrypt; nothing is decrypted here, and so there are none.
type Signing struct {
	key     crypto.Signer
	chain   []*x509.Certificate
	hash    crypto.Hash
	digest  Algorithm
	sig     Algorithm
	kind    kind
	content asn1.OID
	label   []byte
	equal   [][]byte
}

// How says how a Signing signs; zero is what fits the key.
type How struct {
	Hash             crypto.Hash // SHA256, SHA384 or SHA512; 0: SHA256, with P-384 SHA384, with P-521 and Ed25519 SHA512
	PSS              bool        // RSASSA-PSS instead of PKCS #1 v1.5
	ContentType      asn1.OID    // eContentType; "": data
	Label            []byte      // ESSSecurityLabel in BER, the components in any order
	EquivalentLabels [][]byte    // likewise
}

// NewSigning returns the Signing of a key: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384
// or P-521, or Ed25519. The first certificate is that of the key; all go into the objects.
func NewSigning(key crypto.Signer, chain []*x509.Certificate, how How) (*Signing, error) {
	s := &Signing{key: key, chain: chain, hash: how.Hash, content: how.ContentType}
	if s.content == "" {
		s.content = Data
	}
	if len(chain) == 0 {
		return nil, diag.New("sign", diag.Config, "no certificate")
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, diag.New("sign", diag.Config, "the key is not that of the certificate of "+Subject(chain[0]))
	}
	why := checkKey(key.Public(), false)
	if why == nil {
		why = usageOf(chain[0])
	}
	if why != nil {
		return nil, diag.New("sign", diag.Config, why.Text)
	}
	if err := s.algorithms(how.PSS); err != nil {
		return nil, err
	}
	if oidDER(s.content) == nil {
		return nil, diag.New("sign", diag.Usage, fmt.Sprintf("content type %q is no object identifier", string(s.content)))
	}
	return s.labelled(how)
}

// labelled takes the labels to sign.
func (s *Signing) labelled(how How) (*Signing, error) {
	var err error
	if how.Label != nil {
		if s.label, err = CanonicalLabel(how.Label); err != nil {
			return nil, err
		}
	}
	for _, l := range how.EquivalentLabels {
		if l, err = CanonicalLabel(l); err != nil {
			return nil, err
		}
		s.equal = append(s.equal, l)
	}
	if len(s.equal) > 0 && s.label == nil {
		return nil, diag.New("sign", diag.Usage, "equivalent labels without a label")
	}
	if len(s.equal) > maxLabels {
		return nil, diag.New("sign", diag.Usage, fmt.Sprintf("%d equivalent labels; at most %d are taken", len(s.equal), maxLabels))
	}
	return s, nil
}

// algorithms chooses by the key.
func (s *Signing) algorithms(pss bool) error {
	fit := crypto.SHA256
	switch key := s.key.(type) {
	case *rsa.PrivateKey:
		s.kind = kindRSA
		if pss {
			s.kind = kindPSS
		}
	case *ecdsa.PrivateKey:
		s.kind = kindECDSA
		switch key.Curve {
		case elliptic.P384():
			fit = crypto.SHA384
		case elliptic.P521():
			fit = crypto.SHA512
		case elliptic.P224():
			return diag.New("sign", diag.Config, "an ECDSA key of P-224; P-256, P-384 and P-521 sign")
		}
	case ed25519.PrivateKey:
		// RFC 8419 §2.3.
		s.kind, fit = kindEd25519, crypto.SHA512
		if s.hash != 0 && s.hash != crypto.SHA512 {
			return diag.New("sign", diag.Usage, "Ed25519 goes with SHA-512 alone")
		}
	default:
		return diag.New("sign", diag.Config, fmt.Sprintf("a key of type %T", s.key))
	}
	if pss && s.kind != kindPSS {
		return diag.New("sign", diag.Usage, "PSS is for RSA keys")
	}
	if s.hash == 0 {
		s.hash = fit
	}
	for _, d := range digests[:3] {
		if d.hash == s.hash {
			s.digest = Algorithm{OID: d.id}
		}
	}
	if s.digest.OID == "" {
		return diag.New("sign", diag.Usage, fmt.Sprintf("%v; SHA-256, SHA-384 and SHA-512 sign", s.hash))
	}
	for _, a := range signatures {
		if a.kind == s.kind && (a.hash == s.hash || s.kind == kindPSS) {
			s.sig.OID = a.id
		}
	}
	switch s.kind {
	case kindRSA:
		s.sig.Parameters = null // RFC 5754 §3.2
	case kindPSS:
		s.sig.Parameters = s.pssParameters()
	}
	return nil
}

var null = []byte{idNull, 0}

// pssParameters are RSASSA-PSS-params: the digest everywhere, and a salt as long as it.
func (s *Signing) pssParameters() []byte {
	hash := Algorithm{OID: s.digest.OID, Parameters: null}.der()
	mask := Algorithm{OID: oidMGF1, Parameters: hash}.der()
	salt := element(idInteger, []byte{byte(s.hash.Size())})
	return element(idSequence, element(context(0), hash), element(context(1), mask), element(context(2), salt))
}

// Certificate returns the certificate of the key.
func (s *Signing) Certificate() *x509.Certificate { return s.chain[0] }

// MicAlg is what the parameter of that name says of the digest, RFC 8551 §3.5.3.2.
func (s *Signing) MicAlg() string { return strings.ToLower(s.hash.String()) }

// String names the certificate of the key and hides the key.
func (s Signing) String() string { return "(key of " + Subject(s.chain[0]) + ")" }

// GoString hides the key.
func (s Signing) GoString() string { return "cms.Signing{…}" }

// Sign returns a ContentInfo in DER of the signed content; detached leaves the content
// itself out. A certificate that is not in force signs nothing: the error has kind
// diag.Config.
func (s *Signing) Sign(content []byte, detached bool) ([]byte, error) {
	if c, now := s.chain[0], time.Now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, diag.New("sign", diag.Config, fmt.Sprintf("the certificate of %s is in force from %s to %s", Subject(c), stamp(c.NotBefore), stamp(c.NotAfter)))
	}
	der, err := s.build(content)
	if err != nil {
		return nil, diag.E("sign", diag.Internal, err)
	}
	if detached {
		return der, nil
	}
	return enclose(der, content), nil
}

// build has package pkcs7 make the object, without the content, and sign it where it can.
func (s *Signing) build(content []byte) (der []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("package pkcs7: %v", r)
		}
	}()
	sd, err := pkcs7.NewSignedData(content)
	if err != nil {
		return nil, err
	}
	made := sd.GetSignedData()
	made.ContentInfo.ContentType = identifier(s.content)
	if s.content != Data {
		made.Version = 3 // RFC 5652 §5.1
	}
	sd.SetDigestAlgorithm(identifier(s.digest.OID))
	var key crypto.PrivateKey = s.key
	if s.completed() {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	if err := sd.AddSigner(s.chain[0], key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: s.attributes()}); err != nil {
		return nil, err
	}
	for _, c := range s.chain[1:] {
		sd.AddCertificate(c)
	}
	signer := &made.SignerInfos[0]
	// What pkcs7 writes has no parameters, which RSA must have (RFC 5754 §3.2).
	signer.DigestEncryptionAlgorithm = pkix.AlgorithmIdentifier{Algorithm: identifier(s.sig.OID), Parameters: encoding.RawValue{FullBytes: s.sig.Parameters}}
	if s.completed() {
		attributes, err := encoding.MarshalWithParams(signer.AuthenticatedAttributes, "set")
		if err != nil {
			return nil, err
		}
		if signer.EncryptedDigest, err = s.complete(attributes); err != nil {
			return nil, err
		}
	}
	made.ContentInfo.Content = encoding.RawValue{}
	return sd.Finish()
}

// completed tells whether the signature is one that package pkcs7 does not make: it gets a
// key that is thrown away then, and its signature is replaced.
func (s *Signing) completed() bool { return s.kind == kindPSS || s.kind == kindEd25519 }

// complete signs signed attributes, a SET OF in DER, by RFC 4056 or RFC 8419.
func (s *Signing) complete(attributes []byte) ([]byte, error) {
	if s.kind == kindEd25519 {
		return s.key.Sign(rand.Reader, attributes, crypto.Hash(0))
	}
	h := s.hash.New()
	h.Write(attributes)
	return s.key.Sign(rand.Reader, h.Sum(nil), &rsa.PSSOptions{SaltLength: s.hash.Size(), Hash: s.hash})
}

// attributes are those beside the three that package pkcs7 adds itself.
func (s *Signing) attributes() []pkcs7.Attribute {
	var all []pkcs7.Attribute
	add := func(id asn1.OID, value []byte) {
		all = append(all, pkcs7.Attribute{Type: identifier(id), Value: encoding.RawValue{FullBytes: value}})
	}
	add(attrSigningCertificateV2, signingCertificateV2(s.chain[0]))
	add(attrAlgorithmProtection, element(idSequence, s.digest.der(), retag(s.sig.der(), context(1))))
	if s.label != nil {
		add(attrLabel, s.label)
	}
	if len(s.equal) > 0 {
		add(attrEquivalentLabels, element(idSequence, s.equal...))
	}
	return all
}

// signingCertificateV2 names a certificate by its SHA-256, the default, and its issuer and
// number, RFC 5035 §4.
func signingCertificateV2(c *x509.Certificate) []byte {
	sum := sha256.Sum256(c.Raw)
	k := known(c)
	issuer := element(idSequence, element(idSequence, element(context(4), k.issuer)), element(idInteger, k.serial))
	id := element(idSequence, element(idOctetString, sum[:]), issuer)
	return element(idSequence, element(idSequence, id))
}

// retag gives an element another identifier.
func retag(e []byte, id byte) []byte {
	e = slices.Clone(e)
	e[0] = id
	return e
}

// enclose puts content into an object that has none, with one copy of it.
func enclose(der, content []byte) []byte {
	c := newCursor(der, "")
	info := c.enter("contentInfo", idSequence)
	contentType, _ := info.take("contentType")
	x := info.enter("content", context(0))
	s := x.enter("signedData", idSequence)
	version, _ := s.take("version")
	digests, _ := s.take("digestAlgorithms")
	e := s.enter("encapContentInfo", idSequence)
	eContentType, _ := e.take("eContentType")
	rest := s.b

	n := len(content)
	octets := appendHeader(nil, idOctetString, n)
	explicit := appendHeader(nil, context(0), len(octets)+n)
	head := slices.Concat(eContentType, explicit, octets)
	encap := appendHeader(nil, idSequence, len(head)+n)
	head = slices.Concat(version, digests, encap, head)
	signed := appendHeader(nil, idSequence, len(head)+n+len(rest))
	head = slices.Concat(signed, head)
	outer := appendHeader(nil, context(0), len(head)+n+len(rest))
	head = slices.Concat(contentType, outer, head)
	whole := appendHeader(nil, idSequence, len(head)+n+len(rest))

	out := make([]byte, 0, len(whole)+len(head)+n+len(rest))
	return append(append(append(append(out, whole...), head...), content...), rest...)
}

// identifier is a valid object identifier as package encoding/asn1 has it.
func identifier(o asn1.OID) encoding.ObjectIdentifier {
	var id encoding.ObjectIdentifier
	for arc := range strings.SplitSeq(string(o), ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			return nil // oidDER has refused it
		}
		id = append(id, n)
	}
	return id
}

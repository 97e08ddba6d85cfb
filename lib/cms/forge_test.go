package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
)

// forgery is a signed object put together octet by octet: what Signing does not make.
type forgery struct {
	who         *identity
	contentType asn1.OID
	content     []byte
	attributes  [][]byte // in this order; nil: the two that there must be
	bare        bool     // no attributes
	unsorted    bool     // sign them in that order, too
	indefinite  bool     // write them with an indefinite length
	ski         bool
	digest      Algorithm
	algorithm   Algorithm
	signed      []byte // instead of what should be
	certs       []*x509.Certificate
	unsigned    [][]byte
}

func attribute(id asn1.OID, values ...[]byte) []byte {
	return element(idSequence, oidDER(id), element(idSet, values...))
}

func digestAttribute(content []byte) []byte {
	sum := sha256.Sum256(content)
	return attribute(attrMessageDigest, element(idOctetString, sum[:]))
}

func timeAttribute(at time.Time) []byte {
	return attribute(attrSigningTime, element(idUTCTime, []byte(asn1.NewUTCTime(at))))
}

func (f *forgery) fill() {
	if f.contentType == "" {
		f.contentType = Data
	}
	if f.attributes == nil {
		f.attributes = [][]byte{attribute(attrContentType, oidDER(f.contentType)), digestAttribute(f.content)}
	}
	if f.digest.OID == "" {
		f.digest = Algorithm{OID: digests[0].id}
	}
	if f.algorithm.OID == "" {
		f.algorithm = Algorithm{OID: "1.2.840.10045.4.3.2"}
		if _, ok := f.who.key.(*ecdsa.PrivateKey); !ok {
			f.algorithm = Algorithm{OID: oidRSA}
		}
	}
	if f.certs == nil {
		f.certs = f.who.chain()
	}
}

// signer is the SignerInfo.
func (f *forgery) signer(t testing.TB) []byte {
	t.Helper()
	f.fill()
	sorted := slices.Clone(f.attributes)
	slices.SortFunc(sorted, bytes.Compare)
	order := sorted
	if f.unsorted {
		order = f.attributes
	}
	over := element(idSet, order...)
	if f.bare {
		over = f.content
	}
	if f.signed != nil {
		over = f.signed
	}
	hash := crypto.SHA256
	if h, why := digestOf(f.digest, true); why == nil {
		hash = h
	}
	h := hash.New()
	h.Write(over)
	signature, err := f.who.key.Sign(rand.Reader, h.Sum(nil), hash)
	if err != nil {
		t.Fatal(err)
	}
	k := readCertificate(f.who.cert.Raw)
	sid := element(idSequence, k.issuer, element(idInteger, k.serial))
	version := byte(1)
	if f.ski {
		sid, version = element(contextPrim(0), f.who.cert.SubjectKeyId), 3
	}
	parts := [][]byte{element(idInteger, []byte{version}), sid, f.digest.der()}
	switch {
	case f.bare:
	case f.indefinite:
		parts = append(parts, slices.Concat([]byte{context(0), 0x80}, slices.Concat(f.attributes...), []byte{0, 0}))
	default:
		parts = append(parts, element(context(0), order...))
	}
	parts = append(parts, f.algorithm.der(), element(idOctetString, signature))
	if f.unsigned != nil {
		parts = append(parts, element(context(1), f.unsigned...))
	}
	return element(idSequence, parts...)
}

// object is the ContentInfo, of several signers of the same content.
func object(t testing.TB, all ...*forgery) []byte {
	t.Helper()
	var signers, certs, algorithms [][]byte
	for _, f := range all {
		signers = append(signers, f.signer(t))
		algorithms = append(algorithms, f.digest.der())
		for _, c := range f.certs {
			certs = append(certs, c.Raw)
		}
	}
	f := all[0]
	encap := element(idSequence, oidDER(f.contentType), element(context(0), element(idOctetString, f.content)))
	signed := element(idSequence, element(idInteger, []byte{1}), element(idSet, algorithms...), encap, element(context(0), certs...), element(idSet, signers...))
	return element(idSequence, oidDER(Signed), element(context(0), signed))
}

func people(t testing.TB) (ca, ann *identity) {
	t.Helper()
	ca = root(t, "root")
	return ca, issue(t, ca, "p256", "ann")
}

func TestForgeryItself(t *testing.T) {
	_, ann := people(t)
	valid(t, parse(t, object(t, &forgery{who: ann, content: content})).Verify(nil, ann.options()))
	valid(t, parse(t, object(t, &forgery{who: ann, content: content, ski: true})).Verify(nil, ann.options()))
}

// The DER of signed attributes offered as the content of a signature without attributes has
// the same signature: OpenSSL and package pkcs7 take it.
func TestAttributesAsContentAreRefused(t *testing.T) {
	_, ann := people(t)
	honest := parse(t, object(t, &forgery{who: ann, content: content}))
	replayed := element(idSet, honest.Signers[0].attrs)
	swapped := object(t, &forgery{who: ann, content: replayed, bare: true})
	d := parse(t, swapped)
	only(t, d.Verify(nil, ann.options()), NoAttributes)
	o := ann.options()
	o.AllowNoAttributes = true
	only(t, d.Verify(nil, o), NoAttributes)

	dir := files(t, map[string][]byte{"signed": swapped, "root.pem": certificatePEM(ann.root())})
	if _, err := openssl(t, dir, "cms", "-verify", "-inform", "DER", "-in", "signed", "-binary", "-CAfile", "root.pem"); err != nil {
		t.Error("OpenSSL does not take it: this test has no attack in it")
	}
}

// However many there are of them.
func TestManyAttributesAsContentAreRefused(t *testing.T) {
	_, ann := people(t)
	attrs := [][]byte{attribute(attrContentType, oidDER(Data)), digestAttribute(content)}
	for range maxAttributes {
		attrs = append(attrs, attribute("1.2.3", null))
	}
	o := ann.options()
	o.AllowNoAttributes = true
	only(t, parse(t, object(t, &forgery{who: ann, content: element(idSet, attrs...), bare: true})).Verify(nil, o), NoAttributes)
	// Text that begins with the same octet is text.
	valid(t, parse(t, object(t, &forgery{who: ann, content: []byte("1. one"), bare: true})).Verify(nil, o))
}

// A SignedData lies in another without a ContentInfo around it.
func TestNestedDirectly(t *testing.T) {
	ca, ann := people(t)
	inner := ann.sign(t, content, false, How{ContentType: P772})
	c := newCursor(inner, "")
	s := c.enter("contentInfo", idSequence)
	s.take("contentType")
	x := s.enter("content", context(0))
	bob := issue(t, ca, "rsa", "bob")
	outer := bob.sign(t, x.b, false, How{ContentType: Signed})
	m := read(t, outer)
	v := m.Verify(nil, ann.options(), false)
	valid(t, &v.Verdict)
	if v.ContentType != "signedData" {
		t.Error(v.ContentType)
	}
	stripped, err := m.Strip()
	if err != nil {
		t.Fatal(err)
	}
	again := read(t, stripped)
	v = again.Verify(nil, ann.options(), false)
	valid(t, &v.Verdict)
	if got, err := again.Strip(); err != nil || !bytes.Equal(got, content) || v.Signers[0].Subject != "CN=ann,O=Org" {
		t.Errorf("%q, %v of %s", got, err, v.Signers[0].Subject)
	}
	if _, err := Parse(append(stripped, 0), Limits{}); err == nil {
		t.Error("an octet after it is taken")
	}
}

func TestNoAttributes(t *testing.T) {
	_, ann := people(t)
	bare := parse(t, object(t, &forgery{who: ann, content: content, bare: true}))
	only(t, bare.Verify(nil, ann.options()), NoAttributes)
	o := ann.options()
	o.AllowNoAttributes = true
	valid(t, bare.Verify(nil, o))
	only(t, parse(t, object(t, &forgery{who: ann, content: content, bare: true, contentType: P772})).Verify(nil, o), NoAttributes)
	bare.Content = []byte("another")
	only(t, bare.Verify(nil, o), WrongSignature)
}

// OpenSSL and package pkcs7 do not compare the content type that is signed with the one
// beside the content.
func TestContentTypeMustBeTheOneSigned(t *testing.T) {
	_, ann := people(t)
	attrs := [][]byte{attribute(attrContentType, oidDER(P22)), digestAttribute(content)}
	der := object(t, &forgery{who: ann, content: content, contentType: P772, attributes: attrs})
	only(t, parse(t, der).Verify(nil, ann.options()), WrongContentType)
	dir := files(t, map[string][]byte{"signed": der, "root.pem": certificatePEM(ann.root())})
	if _, err := openssl(t, dir, "cms", "-verify", "-inform", "DER", "-in", "signed", "-binary", "-CAfile", "root.pem"); err != nil {
		t.Error("OpenSSL does not take it: this test has no attack in it")
	}
}

func TestAttributesThatMustBe(t *testing.T) {
	_, ann := people(t)
	contentType, digest := attribute(attrContentType, oidDER(Data)), digestAttribute(content)
	soon, late := timeAttribute(now()), timeAttribute(now().Add(30*time.Minute))
	other := digestAttribute([]byte("other"))
	swappedAlgorithms := element(idSequence, Algorithm{OID: digests[2].id}.der(), retag(Algorithm{OID: "1.2.840.10045.4.3.4"}.der(), context(1)))
	for _, c := range []struct {
		name  string
		attrs [][]byte
		want  []Word
	}{
		{"no contentType", [][]byte{digest}, []Word{WrongContentType}},
		{"no messageDigest", [][]byte{contentType}, []Word{WrongDigest}},
		{"none", [][]byte{}, []Word{WrongContentType, WrongDigest}},
		{"another digest", [][]byte{contentType, other}, []Word{WrongDigest}},
		{"two digests", [][]byte{contentType, other, digest}, []Word{Malformed}},
		{"a digest of two values", [][]byte{contentType, attribute(attrMessageDigest, digest[len(digest)-34:], other[len(other)-34:])}, []Word{Malformed}},
		{"a digest that is none", [][]byte{contentType, attribute(attrMessageDigest, null)}, []Word{Malformed}},
		{"two content types", [][]byte{contentType, digest, attribute(attrContentType, oidDER(P22))}, []Word{Malformed, WrongContentType}},
		{"two times", [][]byte{contentType, digest, soon, late}, []Word{Malformed}},
		{"of the future", [][]byte{contentType, digest, late}, []Word{WrongTime}},
		{"before its certificate", [][]byte{contentType, digest, timeAttribute(now().Add(-2 * time.Hour))}, []Word{WrongTime}},
		{"a time that is none", [][]byte{contentType, digest, attribute(attrSigningTime, element(idUTCTime, []byte("yesterday")))}, []Word{Malformed}},
		{"other algorithms", [][]byte{contentType, digest, attribute(attrAlgorithmProtection, swappedAlgorithms)}, []Word{WrongProtection}},
		{"a label that is none", [][]byte{contentType, digest, attribute(attrLabel, null)}, []Word{WrongLabel}},
		{"a label without policy", [][]byte{contentType, digest, attribute(attrLabel, unhex(t, "31 03 02 01 03"))}, []Word{WrongLabel}},
		{"equivalent labels that are none", [][]byte{contentType, digest, attribute(attrEquivalentLabels, element(idSequence, null))}, []Word{WrongLabel}},
		{"a signing certificate that is none", [][]byte{contentType, digest, attribute(attrSigningCertificateV2, null)}, []Word{Malformed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, object(t, &forgery{who: ann, content: content, attributes: c.attrs}))
			v := d.Verify(nil, ann.options())
			if c.name == "two content types" {
				if !v.Has(Malformed) || v.Valid {
					t.Error(v.All())
				}
				return
			}
			only(t, v, c.want...)
		})
	}
}

// A signature is over DER, whatever form of BER the attributes come in, and over their
// order in it; who has forgotten to sort has signed the order they come in.
func TestOrderAndFormOfAttributes(t *testing.T) {
	_, ann := people(t)
	contentType, digest := attribute(attrContentType, oidDER(Data)), digestAttribute(content)
	attrs := [][]byte{digest, timeAttribute(now()), contentType}
	for name, f := range map[string]*forgery{
		"indefinite length": {indefinite: true},
		"not sorted":        {unsorted: true},
	} {
		f.who, f.content, f.attributes = ann, content, attrs
		valid(t, parse(t, object(t, f)).Verify(nil, ann.options()))
		f.signed = []byte("something else")
		t.Log(name)
		only(t, parse(t, object(t, f)).Verify(nil, ann.options()), WrongSignature)
	}
}

func TestCertificateMustBeTheOneSignedBy(t *testing.T) {
	ca, ann := people(t)
	// The same issuer, number and key, and another subject.
	twin := issue(t, ca, "p256", "ann", func(c *x509.Certificate) {
		c.SerialNumber, c.EmailAddresses = ann.cert.SerialNumber, []string{"admiral@example.org"}
	})
	attrs := [][]byte{attribute(attrContentType, oidDER(Data)), digestAttribute(content), attribute(attrSigningCertificateV2, signingCertificateV2(ann.cert))}
	swapped := parse(t, object(t, &forgery{who: ann, content: content, attributes: attrs, certs: twin.chain()}))
	only(t, swapped.Verify(nil, ann.options()), WrongCertificate)
	both := parse(t, object(t, &forgery{who: ann, content: content, attributes: attrs, certs: append(twin.chain(), ann.cert)}))
	v := both.Verify(nil, ann.options())
	valid(t, v)
	if a := v.Signers[0].Addresses; !slices.Equal(a, []string{"ann@example.org"}) {
		t.Error(a)
	}
	// Of two attributes each holds by itself.
	sum := sha1.Sum(twin.cert.Raw)
	first := attribute(attrSigningCertificate, element(idSequence, element(idSequence, element(idSequence, element(idOctetString, sum[:])))))
	valid(t, parse(t, object(t, &forgery{who: ann, content: content, attributes: append(attrs[:2:2], first), certs: twin.chain()})).Verify(nil, ann.options()))
	for _, certs := range [][]*x509.Certificate{ann.chain(), twin.chain()} {
		only(t, parse(t, object(t, &forgery{who: ann, content: content, attributes: append(attrs[:3:3], first), certs: certs})).Verify(nil, ann.options()), WrongCertificate)
	}
	// Without the attribute nothing tells them apart.
	valid(t, parse(t, object(t, &forgery{who: ann, content: content, certs: twin.chain()})).Verify(nil, ann.options()))
}

func TestAllSignersMustBeValid(t *testing.T) {
	ca, ann := people(t)
	bob := issue(t, ca, "rsa", "bob")
	stranger := issue(t, root(t, "elsewhere"), "p256", "eve")
	two := parse(t, object(t, &forgery{who: ann, content: content}, &forgery{who: bob, content: content}))
	v := two.Verify(nil, ann.options())
	valid(t, v)
	if len(v.Signers) != 2 {
		t.Error(v.Signers)
	}
	mixed := parse(t, object(t, &forgery{who: ann, content: content}, &forgery{who: stranger, content: content})).Verify(nil, ann.options())
	only(t, mixed, Untrusted)
	if !mixed.Signers[0].Valid || mixed.Signers[1].Valid {
		t.Error(mixed.Signers)
	}
}

func TestLabelsOfSignersMustBeTheSame(t *testing.T) {
	ca, ann := people(t)
	bob := issue(t, ca, "rsa", "bob")
	attrs := func(label []byte) [][]byte {
		a := [][]byte{attribute(attrContentType, oidDER(Data)), digestAttribute(content)}
		if label != nil {
			a = append(a, attribute(attrLabel, label))
		}
		return a
	}
	sorted, err := CanonicalLabel(label)
	if err != nil {
		t.Fatal(err)
	}
	of := func(a, b []byte) *Verdict {
		return parse(t, object(t, &forgery{who: ann, content: content, attributes: attrs(a)},
			&forgery{who: bob, content: content, attributes: attrs(b)})).Verify(nil, ann.options())
	}
	valid(t, of(label, label))
	valid(t, of(label, sorted))
	only(t, of(label, nil), WrongLabel)
	only(t, of(nil, label), WrongLabel)
	only(t, of(label, unhex(t, "31 06 06 01 29 02 01 04")), WrongLabel)

	// One that is not signed is nobody's.
	unsigned := parse(t, object(t, &forgery{who: ann, content: content, unsigned: [][]byte{attribute(attrLabel, label)}})).Verify(nil, ann.options())
	valid(t, unsigned)
	if unsigned.Label != nil || unsigned.Signers[0].Label != nil {
		t.Errorf("an unsigned label is shown: %x", unsigned.Label)
	}
	// One that a stranger has signed is not shown.
	o := ann.options()
	o.Roots = []*x509.Certificate{root(t, "elsewhere").cert}
	v := parse(t, object(t, &forgery{who: ann, content: content, attributes: attrs(label)})).Verify(nil, o)
	only(t, v, Untrusted)
	if v.Signers[0].Label != nil {
		t.Error("shown with the signer")
	}
}

func TestWeakAlgorithms(t *testing.T) {
	ca := root(t, "root")
	bob := issue(t, ca, "rsa", "bob")
	small := issue(t, ca, "rsa1024", "small")
	sha1 := Algorithm{OID: "1.3.14.3.2.26"}
	h := crypto.SHA1.New()
	h.Write(content)
	attrs := [][]byte{attribute(attrContentType, oidDER(Data)), attribute(attrMessageDigest, element(idOctetString, h.Sum(nil)))}
	weak := bob.options()
	weak.AllowSHA1 = true
	for _, c := range []struct {
		name     string
		f        *forgery
		want     []Word
		whenWeak []Word
	}{
		{"SHA-1", &forgery{who: bob, digest: sha1, attributes: attrs}, []Word{WeakAlgorithm}, nil},
		{"RSA-1024", &forgery{who: small}, []Word{WeakAlgorithm}, nil},
		{"MD5", &forgery{who: bob, digest: Algorithm{OID: "1.2.840.113549.2.5"}}, []Word{WeakAlgorithm}, []Word{WeakAlgorithm}},
		{"no digest that is known", &forgery{who: bob, digest: Algorithm{OID: "1.2.3"}}, []Word{UnknownAlgorithm}, []Word{UnknownAlgorithm}},
		{"DSA", &forgery{who: bob, algorithm: Algorithm{OID: "1.2.840.10040.4.3"}}, []Word{UnknownAlgorithm}, []Word{UnknownAlgorithm}},
		{"algorithms that differ", &forgery{who: bob, algorithm: Algorithm{OID: "1.2.840.113549.1.1.13"}}, []Word{UnknownAlgorithm}, []Word{UnknownAlgorithm}},
		{"ECDSA by an RSA key", &forgery{who: bob, algorithm: Algorithm{OID: "1.2.840.10045.4.3.2"}}, []Word{WrongSignature}, []Word{WrongSignature}},
		{"PSS without parameters", &forgery{who: bob, algorithm: Algorithm{OID: oidPSS}}, []Word{Malformed}, []Word{Malformed}},
		{"NULL", &forgery{who: bob, digest: Algorithm{OID: digests[0].id, Parameters: null}, algorithm: Algorithm{OID: oidRSA, Parameters: null}}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.content = content
			d := parse(t, object(t, c.f))
			for _, r := range []struct {
				o    *Options
				want []Word
			}{{bob.options(), c.want}, {weak, c.whenWeak}} {
				if v := d.Verify(nil, r.o); r.want == nil {
					valid(t, v)
				} else {
					only(t, v, r.want...)
				}
			}
		})
	}
}

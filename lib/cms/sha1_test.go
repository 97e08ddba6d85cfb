package cms

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

const sha1WithRSA = "1.2.840.113549.1.1.5"

// again signs with SHA-1 what an authority with an RSA key has signed with SHA-256: package x509
// does not make such.
func (i *identity) again(t *testing.T, tbs []byte) []byte {
	t.Helper()
	tbs = bytes.Replace(tbs, oidDER("1.2.840.113549.1.1.11"), oidDER(sha1WithRSA), 1)
	sum := sha1.Sum(tbs)
	signature, err := i.key.Sign(rand.Reader, sum[:], hashSHA1)
	if err != nil {
		t.Fatal(err)
	}
	return element(idSequence, tbs, Algorithm{OID: sha1WithRSA, Parameters: null}.der(), element(idBitString, []byte{0}, signature))
}

// old is the same with a certificate that is signed with SHA-1.
func (i *identity) old(t *testing.T) *identity {
	t.Helper()
	c, err := x509.ParseCertificate(i.up.again(t, i.cert.RawTBSCertificate))
	if err != nil {
		t.Fatal(err)
	}
	return &identity{key: i.key, up: i.up, cert: c}
}

// A certificate that SHA-1 has signed is taken where that is allowed, and is held to the
// rest.
func TestPathOfSHA1(t *testing.T) {
	ca := issue(t, nil, "rsa", "root", authority)
	old := issue(t, ca, "p256", "ann").old(t)
	d := parse(t, object(t, &forgery{who: old, content: content}))
	o := old.options()
	only(t, d.Verify(nil, o), Untrusted)
	o.AllowSHA1 = true
	valid(t, d.Verify(nil, o))
	der := slices.Clone(old.cert.Raw)
	der[len(der)-1]++
	var err error
	if old.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	only(t, parse(t, object(t, &forgery{who: old, content: content})).Verify(nil, o), Untrusted)
}

// Constraints that cannot be judged are not taken, marked as critical or not.
func TestPathOfSHA1WithConstraints(t *testing.T) {
	ca := issue(t, nil, "rsa", "root", authority)
	for name, of := range map[string]struct {
		id    encodingOID
		value string
		want  bool
	}{
		"an authority without":          {encodingOID{2, 5, 29, 46}, "3000", true},
		"for nobody of another country": {encodingOID{2, 5, 29, 30}, "3015a01330 11a40f300d310b3009060355040613024742", false},
		"only under a policy":           {encodingOID{2, 5, 29, 36}, "3003800100", false},
		"under no policy but named":     {encodingOID{2, 5, 29, 54}, "020100", false},
	} {
		middle := issue(t, ca, "rsa", "middle", func(c *x509.Certificate) {
			authority(c)
			c.ExtraExtensions = []pkix.Extension{{Id: of.id, Value: unhex(t, of.value)}}
		})
		old := issue(t, middle, "p256", "ann").old(t)
		o := old.options()
		o.AllowSHA1 = true
		if v := parse(t, object(t, &forgery{who: old, content: content})).Verify(nil, o); v.Valid != of.want {
			t.Errorf("%s: %v", name, v.All())
		}
	}
}

// Package x509 takes SHA-1 of whoever signs lists and responses.
func TestRevocationBySHA1(t *testing.T) {
	ca := issue(t, nil, "rsa", "root", authority)
	ann := issue(t, ca, "p256", "ann")
	list, err := ReadList(ca.again(t, ca.list(t, nil).RawTBSRevocationList))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := ocsp.CreateResponse(ca.cert, ca.cert, ocsp.Response{Status: ocsp.Good, SerialNumber: ann.cert.SerialNumber, ThisUpdate: now(), NextUpdate: now().Add(time.Hour)}, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	c := newCursor(whole, "")
	s := c.enter("response", idSequence)
	s.take("status")
	s = s.enter("bytes", context(0))
	s = s.enter("bytes", idSequence)
	kind, _ := s.take("type")
	s = s.enter("octets", idOctetString)
	s = s.enter("basic", idSequence)
	tbs, _ := s.take("tbsResponseData")
	basic := element(idOctetString, ca.again(t, tbs))
	response, err := ReadResponse(element(idSequence, element(idEnumerated, []byte{0}), element(context(0), element(idSequence, kind, basic))))
	if err != nil || c.err() != nil {
		t.Fatal(err, c.err())
	}
	d := parse(t, object(t, &forgery{who: ann, content: content}))
	for _, allow := range []bool{false, true} {
		o := ann.options()
		o.AllowSHA1, o.Lists = allow, []*x509.RevocationList{list}
		only(t, d.Verify(nil, o), RevocationUnknown)
		o.Lists, o.OCSP = nil, []*Response{response}
		v := d.Verify(nil, o)
		if only(t, v, RevocationUnknown); !strings.Contains(v.All()[0].Text, "SHA-1") {
			t.Error(v.All())
		}
	}
}

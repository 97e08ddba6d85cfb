package cms

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func TestPath(t *testing.T) {
	ca := root(t, "root")
	middle := issue(t, ca, "p256", "middle", authority)
	ann := issue(t, middle, "p256", "ann")
	der := ann.sign(t, content, false, How{})
	d := parse(t, der)

	v := d.Verify(nil, ann.options())
	valid(t, v)
	var names []string
	for _, s := range v.Signers[0].Path {
		names = append(names, s.Subject)
	}
	if want := []string{"CN=ann,O=Org", "CN=middle,O=Org", "CN=root,O=Org"}; !slices.Equal(names, want) {
		t.Errorf("path %v, not %v", names, want)
	}

	o := ann.options()
	o.Roots = nil
	only(t, d.Verify(nil, o), Untrusted)
	// Another root of the same name.
	o.Roots = []*x509.Certificate{issue(t, nil, "p384", "root", authority).cert}
	only(t, d.Verify(nil, o), Untrusted)
	// The signer's own certificate as root.
	o.Roots = []*x509.Certificate{ann.cert}
	valid(t, d.Verify(nil, o))

	// Without the one between, unless it is given.
	alone := parse(t, object(t, &forgery{who: ann, content: content, certs: []*x509.Certificate{ann.cert}}))
	only(t, alone.Verify(nil, ann.options()), Untrusted)
	o = ann.options()
	o.Intermediates = []*x509.Certificate{middle.cert}
	valid(t, alone.Verify(nil, o))

	// One between that is no authority.
	for name, change := range map[string]func(*x509.Certificate){
		"not an authority":    func(c *x509.Certificate) {},
		"may not issue":       func(c *x509.Certificate) { authority(c); c.KeyUsage = x509.KeyUsageDigitalSignature },
		"may have none below": func(c *x509.Certificate) { authority(c); c.MaxPathLen, c.MaxPathLenZero = 0, true },
		"is for other things": func(c *x509.Certificate) {
			authority(c)
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		},
		"has an odd extension": func(c *x509.Certificate) {
			authority(c)
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: null}}
		},
	} {
		upper := ca
		if name == "may have none below" {
			upper = issue(t, ca, "p256", "upper", change)
			change = authority
		}
		bob := issue(t, issue(t, upper, "p256", "middle", change), "p256", "bob")
		v := parse(t, object(t, &forgery{who: bob, content: content})).Verify(nil, bob.options())
		if v.Valid || len(v.All()) != 1 || v.All()[0].Word != Untrusted && v.All()[0].Word != WrongUsage {
			t.Errorf("one between that %s: %v", name, v.All())
		}
		// No more is taken of those that SHA-1 may have signed.
		weak := bob.options()
		weak.AllowSHA1 = true
		if parse(t, object(t, &forgery{who: bob, content: content})).Verify(nil, weak).Valid {
			t.Errorf("one between that %s is taken where SHA-1 is", name)
		}
	}
}

func TestTimes(t *testing.T) {
	ca := root(t, "root")
	ann := issue(t, ca, "p256", "ann")
	d := parse(t, object(t, &forgery{who: ann, content: content}))
	for at, want := range map[time.Duration]Word{-2 * time.Hour: Expired, 2 * time.Hour: Expired} {
		o := ann.options()
		o.Time = now().Add(at)
		only(t, d.Verify(nil, o), want)
	}
	// The time that a signer claims does not bring a certificate back into force.
	old := issue(t, ca, "p256", "old", func(c *x509.Certificate) { c.NotAfter = now().Add(-30 * time.Minute) })
	attrs := [][]byte{attribute(attrContentType, oidDER(Data)), digestAttribute(content), timeAttribute(now().Add(-45 * time.Minute))}
	late := parse(t, object(t, &forgery{who: old, content: content, attributes: attrs}))
	only(t, late.Verify(nil, old.options()), Expired)
	o := old.options()
	o.Time = now().Add(-40 * time.Minute)
	valid(t, late.Verify(nil, o))
}

// One key may have certificates one after the other, which a signer named by the key fits
// all: the one in force counts.
func TestRenewedCertificate(t *testing.T) {
	ca, ann := people(t)
	old := issue(t, ca, "p256", "ann", func(c *x509.Certificate) { c.NotAfter = now().Add(-time.Minute) })
	for _, certs := range [][]*x509.Certificate{{old.cert, ann.cert}, {ann.cert, old.cert}} {
		valid(t, parse(t, object(t, &forgery{who: ann, content: content, ski: true, certs: certs})).Verify(nil, ann.options()))
	}
	only(t, parse(t, object(t, &forgery{who: ann, content: content, ski: true, certs: []*x509.Certificate{old.cert}})).Verify(nil, ann.options()), Expired)
}

// An authority for some addresses can put any other into the subject: that is one of the
// certificate's only where nobody has limited them.
func TestConstrainedAddresses(t *testing.T) {
	ca := root(t, "root")
	subject := func(c *x509.Certificate) {
		c.EmailAddresses = nil
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: encodingOID{1, 2, 840, 113549, 1, 9, 1}, Value: "admiral@example.com"}}
	}
	limited := issue(t, ca, "p256", "limited", func(c *x509.Certificate) {
		authority(c)
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.org"}, true
	})
	for _, c := range []struct {
		up   *identity
		want Word
	}{{ca, ""}, {limited, WrongSigner}} {
		eve := issue(t, c.up, "p256", "eve", subject)
		o := eve.options()
		o.Originators.Mail = []string{"admiral@example.com"}
		v := parse(t, object(t, &forgery{who: eve, content: content})).Verify(nil, o)
		if c.want == "" {
			valid(t, v)
		} else {
			only(t, v, c.want)
		}
	}
	eve := issue(t, limited, "p256", "eve", func(c *x509.Certificate) { c.EmailAddresses = []string{"admiral@example.com"} })
	only(t, parse(t, object(t, &forgery{who: eve, content: content})).Verify(nil, eve.options()), Untrusted)
}

// Constraints that are not judged are not taken, marked as critical or not.
func TestConstraintsThatAreNotJudged(t *testing.T) {
	ca := root(t, "root")
	for name, c := range map[string]struct {
		value string
		want  Word
	}{
		"addresses":                     {"3011a00f300d810b6578616d706c652e6f7267", ""},
		"people of a country":           {"3015a0133011a40f300d310b3009060355040613024742", Untrusted},
		"no people of a country":        {"3015a1133011a40f300d310b3009060355040613024742", Untrusted},
		"O/R addresses":                 {"300aa0083006a304 30026100", Untrusted},
		"addresses and other names":     {"3015a013300d810b6578616d706c652e6f72673002a000", Untrusted},
		"addresses, and no other names": {"3017a00f300d810b6578616d706c652e6f7267a1043002a000", Untrusted},
	} {
		for _, critical := range []bool{false, true} {
			limited := issue(t, ca, "p256", "limited", func(x *x509.Certificate) {
				authority(x)
				x.ExtraExtensions = []pkix.Extension{{Id: encodingOID{2, 5, 29, 30}, Critical: critical, Value: unhex(t, c.value)}}
			})
			ann := issue(t, limited, "p256", "ann")
			if v := parse(t, object(t, &forgery{who: ann, content: content})).Verify(nil, ann.options()); c.want == "" {
				valid(t, v)
			} else {
				t.Log(name, critical)
				only(t, v, c.want)
			}
		}
	}
	// Where there is another way, it is taken.
	limited := issue(t, ca, "p256", "limited", func(x *x509.Certificate) {
		authority(x)
		x.ExtraExtensions = []pkix.Extension{{Id: encodingOID{2, 5, 29, 30}, Value: unhex(t, "3015a0133011a40f300d310b3009060355040613024742")}}
	})
	free := issue(t, ca, "p256", "limited", authority)
	ann := issue(t, limited, "p256", "ann")
	for _, certs := range [][]*x509.Certificate{{ann.cert, limited.cert, free.cert}, {ann.cert, free.cert, limited.cert}} {
		valid(t, parse(t, object(t, &forgery{who: ann, content: content, certs: certs})).Verify(nil, ann.options()))
	}
}

func TestUsage(t *testing.T) {
	ca := root(t, "root")
	for name, c := range map[string]struct {
		change func(*x509.Certificate)
		want   Word
	}{
		"nonRepudiation":       {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageContentCommitment }, ""},
		"no key usage":         {func(c *x509.Certificate) { c.KeyUsage = 0 }, ""},
		"key encipherment":     {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, WrongUsage},
		"no extended usage":    {func(c *x509.Certificate) { c.ExtKeyUsage = nil }, ""},
		"any extended usage":   {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }, ""},
		"for servers":          {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, WrongUsage},
		"for something unkown": {func(c *x509.Certificate) { c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []encodingOID{{1, 2, 3}} }, WrongUsage},
	} {
		ann := issue(t, ca, "p256", "ann", c.change)
		v := parse(t, object(t, &forgery{who: ann, content: content})).Verify(nil, ann.options())
		switch {
		case c.want == "":
			valid(t, v)
		case v.Valid || !v.Has(c.want):
			t.Errorf("%s: %v", name, v.All())
		}
		if _, err := NewSigning(ann.key, ann.chain(), How{}); (err == nil) != (c.want == "") {
			t.Errorf("%s: to sign with it: %v", name, err)
		}
	}
}

// Letters that fold to those of ASCII are others.
func TestAddressesInASCII(t *testing.T) {
	for _, b := range []string{"a@ban\u212a.example", "a@\u017fite.example", "A@bank.example", "a@bank.example.", "a@", "@bank.example", "a"} {
		for _, a := range []string{"a@bank.example", "a@site.example"} {
			if sameMail(a, b) || sameMail(b, a) {
				t.Errorf("%q is %q", a, b)
			}
		}
	}
	if !sameMail("a@BANK.example", "a@bank.EXAMPLE") {
		t.Error("capitals of a domain count")
	}
}

// orName is the extension with an x400Address in it.
func orName(t *testing.T, a oraddr.Address) pkix.Extension {
	t.Helper()
	o, err := a.ORAddress()
	if err != nil {
		t.Fatal(err)
	}
	der, err := ber.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: []int{2, 5, 29, 17}, Critical: true, Value: element(idSequence, retag(der, context(3)))}
}

func TestOriginator(t *testing.T) {
	ca, ann := people(t)
	d := parse(t, object(t, &forgery{who: ann, content: content}))
	of := func(d *SignedData, o Originators) *Verdict {
		p := ann.options()
		p.Originators = o
		return d.Verify(nil, p)
	}
	valid(t, of(d, Originators{Mail: []string{"ann@example.org"}}))
	valid(t, of(d, Originators{Mail: []string{"ann@EXAMPLE.org"}}))
	valid(t, of(d, Originators{Mail: []string{"ann@EXAMPLE.org", "ann@example.org"}}))
	only(t, of(d, Originators{Mail: []string{"bob@example.org", "ann@EXAMPLE.org"}}), WrongSigner)
	only(t, of(d, Originators{Mail: []string{"bob@example.org", "carol@example.org"}}), WrongSigner)
	both := parse(t, object(t, &forgery{who: ann, content: content}, &forgery{who: issue(t, ca, "p256", "bob"), content: content}))
	valid(t, of(both, Originators{Mail: []string{"bob@example.org", "ann@example.org"}}))
	only(t, of(both, Originators{Mail: []string{"ann@example.org"}}), WrongSigner)
	only(t, of(d, Originators{Mail: []string{"Ann@example.org"}}), WrongSigner)
	only(t, of(d, Originators{Mail: []string{"ann@example.org.example"}}), WrongSigner)
	address := oraddr.Address{C: "GB", ADMD: "TEST", PRMD: "ALPHA", O: "Org", PN: oraddr.PersonalName{S: "Smith", G: "Ann"}}
	only(t, of(d, Originators{OR: []oraddr.Address{address}}), WrongSigner)

	// A certificate that has nothing but an O/R address, and says that one must know it.
	x400 := issue(t, ca, "p256", "x400", func(c *x509.Certificate) {
		c.EmailAddresses, c.ExtraExtensions = nil, []pkix.Extension{orName(t, address)}
	})
	d = parse(t, object(t, &forgery{who: x400, content: content}))
	v := of(d, Originators{OR: []oraddr.Address{address}})
	valid(t, v)
	if a := v.Signers[0].Addresses; len(a) != 1 || a[0] != address.String() {
		t.Error(a)
	}
	bob := address
	bob.PN.G = "Bob"
	only(t, of(d, Originators{OR: []oraddr.Address{bob}}), WrongSigner)
	only(t, of(d, Originators{Mail: []string{"x400@example.org"}}), WrongSigner)
}

func (i *identity) list(t *testing.T, change func(*x509.RevocationList), revoked ...x509.RevocationListEntry) *x509.RevocationList {
	t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now().Add(-time.Minute), NextUpdate: now().Add(time.Hour), RevokedCertificateEntries: revoked}
	if change != nil {
		change(l)
	}
	due := l.NextUpdate
	if due.IsZero() {
		l.NextUpdate = now().Add(time.Hour)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, i.cert, i.key)
	if err != nil {
		t.Fatal(err)
	}
	if due.IsZero() {
		der = i.withoutDue(t, der, l.NextUpdate)
	}
	out, err := ReadList(der)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// withoutDue takes nextUpdate out of a list, which package x509 does not make one without.
func (i *identity) withoutDue(t *testing.T, der []byte, due time.Time) []byte {
	t.Helper()
	c := newCursor(der, "")
	s := c.enter("list", idSequence)
	tbs := s.enter("tbsCertList", idSequence)
	algorithm := s.b
	next := element(idUTCTime, []byte(asn1.NewUTCTime(due)))
	tbs.b = bytes.Replace(tbs.b, next, nil, 1)
	k := newCursor(algorithm, "")
	raw, _ := k.take("algorithm")
	signed := element(idSequence, tbs.b)
	sum := sha256.Sum256(signed)
	signature, err := i.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil || c.err() != nil {
		t.Fatal(err, c.err())
	}
	return element(idSequence, signed, raw, element(idBitString, []byte{0}, signature))
}

func TestRevocationLists(t *testing.T) {
	ca, ann := people(t)
	entry := x509.RevocationListEntry{SerialNumber: ann.cert.SerialNumber, RevocationTime: now().Add(-30 * time.Minute)}
	later, compromised := entry, entry
	later.RevocationTime = now().Add(30 * time.Minute)
	compromised.RevocationTime, compromised.ReasonCode = later.RevocationTime, 1
	twin := issue(t, nil, "p384", "root", authority) // another of the same name
	utf8 := &identity{key: ca.key, cert: &x509.Certificate{RawSubject: bytes.ReplaceAll(ca.cert.RawSubject, []byte{idPrintableString}, []byte{idUTF8String}),
		KeyUsage: x509.KeyUsageCRLSign, SubjectKeyId: ca.cert.SubjectKeyId}}
	for _, c := range []struct {
		name  string
		lists []*x509.RevocationList
		want  Word
		need  Word // where something must be known
	}{
		{"none", nil, "", RevocationUnknown},
		{"good", []*x509.RevocationList{ca.list(t, nil)}, "", ""},
		{"revoked", []*x509.RevocationList{ca.list(t, nil, entry)}, Revoked, Revoked},
		{"revoked by one of two", []*x509.RevocationList{ca.list(t, nil), ca.list(t, nil, entry)}, Revoked, Revoked},
		{"revoked later", []*x509.RevocationList{ca.list(t, nil, later)}, "", ""},
		{"compromised, and known later", []*x509.RevocationList{ca.list(t, nil, compromised)}, Revoked, Revoked},
		{"good, of the same name in another type of string", []*x509.RevocationList{utf8.list(t, nil)}, "", ""},
		{"revoked, of the same name in another type of string", []*x509.RevocationList{utf8.list(t, nil, entry)}, Revoked, Revoked},
		{"old", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) { l.NextUpdate = now().Add(-time.Second) })}, RevocationUnknown, RevocationUnknown},
		{"old beside a good one", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) { l.NextUpdate = now().Add(-time.Second) }), ca.list(t, nil)}, "", ""},
		{"of the future", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) { l.ThisUpdate = now().Add(time.Minute * 30) })}, RevocationUnknown, RevocationUnknown},
		{"forged", []*x509.RevocationList{twin.list(t, nil)}, RevocationUnknown, RevocationUnknown},
		{"of others", []*x509.RevocationList{root(t, "elsewhere").list(t, nil, entry)}, "", RevocationUnknown},
		{"of yesterday, and does not say when the next is due", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) {
			l.ThisUpdate, l.NextUpdate = now().Add(-25*time.Hour), time.Time{}
		})}, RevocationUnknown, RevocationUnknown},
		{"a part", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 28}, Critical: true, Value: []byte{0x30, 0}}}
		})}, RevocationUnknown, RevocationUnknown},
		{"a part, and does not say that one must know it", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 28}, Value: unhex(t, "30 03 82 01 ff")}} // of certificates of authorities alone
		})}, RevocationUnknown, RevocationUnknown},
		{"changes, and does not say that one must know it", []*x509.RevocationList{ca.list(t, func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 27}, Value: unhex(t, "02 01 01")}}
		})}, RevocationUnknown, RevocationUnknown},
		{"an entry of another that is not understood", []*x509.RevocationList{ca.list(t, nil, x509.RevocationListEntry{SerialNumber: big.NewInt(1), RevocationTime: now(),
			ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 29}, Critical: true, Value: []byte{0x30, 0}}}})}, RevocationUnknown, RevocationUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, object(t, &forgery{who: ann, content: content}))
			for mode, want := range map[Revocation]Word{RevocationGiven: c.want, RevocationRequired: c.need} {
				o := ann.options()
				o.Lists, o.Revocation = c.lists, mode
				if v := d.Verify(nil, o); want == "" {
					valid(t, v)
				} else {
					only(t, v, want)
				}
			}
			// Those that come along speak against a certificate alone.
			for _, l := range c.lists {
				d.CRLs = append(d.CRLs, l.Raw)
			}
			if v := d.Verify(nil, ann.options()); c.want == Revoked {
				only(t, v, Revoked)
			} else {
				valid(t, v)
			}
			o := ann.options()
			if o.Revocation = RevocationRequired; d.Verify(nil, o).Valid {
				t.Error("a list that comes along says that all is well")
			}
		})
	}
}

func TestOCSP(t *testing.T) {
	ca, ann := people(t)
	helper := issue(t, ca, "p256", "helper", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} })
	old := issue(t, ca, "p256", "helper", func(c *x509.Certificate) {
		c.ExtKeyUsage, c.NotAfter = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, now().Add(-time.Second)
	})
	responder := func(kind, name string, change func(*x509.Certificate)) *identity {
		return issue(t, ca, kind, name, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
			change(c)
		})
	}
	short := responder("rsa1024", "short", func(*x509.Certificate) {})
	other := responder("p256", "other", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
	odd := responder("p256", "odd", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: null}}
	})
	unchecked := responder("p256", "unchecked", func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Critical: true, Value: null}}
	})
	eve := issue(t, ca, "p256", "eve") // of the same authority, which lets her sign mail
	elsewhere := root(t, "elsewhere")
	good := ocsp.Response{Status: ocsp.Good, SerialNumber: ann.cert.SerialNumber, ThisUpdate: now().Add(-time.Minute), NextUpdate: now().Add(time.Hour)}
	with := func(change func(*ocsp.Response)) ocsp.Response {
		r := good
		change(&r)
		return r
	}
	for _, c := range []struct {
		name string
		of   *identity // whose certificate it is about
		by   *identity
		r    ocsp.Response
		want Word
	}{
		{"good", ca, ca, good, ""},
		{"good, by one who may say so", ca, helper, good, ""},
		{"good, by one who may not", ca, eve, good, RevocationUnknown},
		{"good, by one who may no longer", ca, old, good, RevocationUnknown},
		{"good, by nobody we know", ca, elsewhere, good, RevocationUnknown},
		{"good, by one with a short key", ca, short, good, RevocationUnknown},
		{"good, by one whose key is for other things", ca, other, good, RevocationUnknown},
		{"good, by one who has what is not understood", ca, odd, good, RevocationUnknown},
		{"good, by one who need not be looked up", ca, unchecked, good, ""},
		{"of another authority's", elsewhere, elsewhere, good, RevocationUnknown},
		{"revoked", ca, ca, with(func(r *ocsp.Response) { r.Status, r.RevokedAt = ocsp.Revoked, now().Add(-time.Minute) }), Revoked},
		{"unknown", ca, ca, with(func(r *ocsp.Response) { r.Status = ocsp.Unknown }), RevocationUnknown},
		{"another's", ca, ca, with(func(r *ocsp.Response) { r.SerialNumber = eve.cert.SerialNumber }), RevocationUnknown},
		{"old", ca, ca, with(func(r *ocsp.Response) { r.NextUpdate = now().Add(-time.Second) }), RevocationUnknown},
		{"old, and does not say so", ca, ca, with(func(r *ocsp.Response) { r.NextUpdate, r.ThisUpdate = time.Time{}, now().Add(-25*time.Hour) }), RevocationUnknown},
		{"of the future", ca, ca, with(func(r *ocsp.Response) { r.ThisUpdate = now().Add(30 * time.Minute) }), RevocationUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := c.r
			if c.by != c.of {
				r.Certificate = c.by.cert
			}
			der, err := ocsp.CreateResponse(c.of.cert, c.by.cert, r, c.by.key)
			if err != nil {
				t.Fatal(err)
			}
			response, err := ReadResponse(der)
			if err != nil {
				t.Fatal(err)
			}
			o := ann.options()
			o.OCSP, o.Revocation = []*Response{response}, RevocationRequired
			v := parse(t, object(t, &forgery{who: ann, content: content})).Verify(nil, o)
			if c.want == "" {
				valid(t, v)
			} else {
				only(t, v, c.want)
			}
		})
	}
	if _, err := ReadResponse(ocsp.UnauthorizedErrorResponse); err == nil || !strings.Contains(err.Error(), "refusal") {
		t.Error(err)
	}
}

// What must be understood of a response, and is not, makes it none (RFC 6960 §4.1.2).
func TestResponseExtensions(t *testing.T) {
	id := element(idSequence, Algorithm{OID: digests[0].id}.der(), element(idOctetString), element(idOctetString), element(idInteger, []byte{1}))
	for critical, want := range map[string]string{"": "", "010100": "", "0101ff": "1.2.3 is critical"} {
		extension := element(idSequence, oidDER("1.2.3"), unhex(t, critical), element(idOctetString))
		tbs := element(idSequence, element(context(2), element(idOctetString)), element(idGeneralizedTime), element(idSequence, element(idSequence, id)),
			element(context(1), element(idSequence, extension)))
		basic := element(idOctetString, element(idSequence, tbs))
		_, err := ReadResponse(element(idSequence, element(idEnumerated, []byte{0}), element(context(0), element(idSequence, oidDER(basicResponse), basic))))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("critical %q: %v; want %q", critical, err, want)
		}
	}
}

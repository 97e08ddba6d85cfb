package cms

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/strength"
)

// damaged reads and judges octets that came from anybody. If it says yes, the content and
// the signer are those that were signed.
func damaged(t testing.TB, octets []byte, ann *identity, o *Options) {
	t.Helper()
	object, err := Parse(octets, Limits{Octets: 1 << 20, Depth: 24, Elements: 4096})
	if err != nil {
		if diag.KindOf(err) != diag.Data {
			t.Fatalf("%v, of kind %v", err, diag.KindOf(err))
		}
		return
	}
	if object.Signed == nil {
		return
	}
	v := object.Signed.Verify(nil, o)
	if v.Valid && (object.Signed.Detached || !bytes.Equal(object.Signed.Content, content) || v.Signers[0].Subject != Subject(ann.cert)) {
		t.Fatalf("an accidental yes: %x", octets)
	}
}

func TestDamage(t *testing.T) {
	ca, ann := people(t)
	o := ann.options()
	bob := issue(t, ca, "p256", "bob")
	for name, der := range map[string][]byte{
		"ours": ann.sign(t, content, false, How{Label: label}),
		"two":  object(t, &forgery{who: ann, content: content}, &forgery{who: bob, content: content, indefinite: true}),
	} {
		t.Run(name, func(t *testing.T) {
			valid(t, parse(t, der).Verify(nil, o))
			for n := range der {
				if _, err := Parse(der[:n], Limits{}); err == nil {
					t.Fatalf("%d of %d octets are taken", n, len(der))
				}
			}
			if _, err := Parse(append(slices.Clip(der), 0), Limits{}); err == nil {
				t.Error("an octet after the object is taken")
			}
			for n := range der {
				for _, bit := range []byte{0x01, 0x80} {
					b := slices.Clone(der)
					b[n] ^= bit
					damaged(t, b, ann, o)
				}
			}
		})
	}
}

// A signer who is taken away takes the label along, and the object is valid still: who
// wants to know that all have signed must know who they are.
func TestNoSigners(t *testing.T) {
	_, ann := people(t)
	d := parse(t, ann.sign(t, content, false, How{}))
	d.Signers = nil
	only(t, d.Verify(nil, ann.options()), NoSigner)
}

func TestNoContent(t *testing.T) {
	_, ann := people(t)
	d := parse(t, ann.sign(t, content, true, How{}))
	v := d.Verify(nil, ann.options())
	only(t, v, NoContent)
	if s := v.Signers[0]; s.Valid || s.SigningCertificate != "" {
		t.Errorf("a signer of what is not there is valid: %+v", s)
	}
	only(t, d.Verify([]byte{}, ann.options()), WrongDigest)
	empty := parse(t, ann.sign(t, []byte{}, true, How{}))
	valid(t, empty.Verify([]byte{}, ann.options()))
	only(t, empty.Verify(nil, ann.options()), NoContent)
	// What is inside is what was signed, whatever the caller believes it is.
	whole := parse(t, ann.sign(t, content, false, How{}))
	valid(t, whole.Verify(content, ann.options()))
	only(t, whole.Verify([]byte("something else"), ann.options()), WrongDigest)
	only(t, whole.Verify([]byte{}, ann.options()), WrongDigest)
}

func TestBounds(t *testing.T) {
	_, ann := people(t)
	f := func(change func(*forgery)) *forgery {
		f := &forgery{who: ann, content: content}
		change(f)
		return f
	}
	many := make([]*forgery, maxSigners+1)
	for i := range many {
		many[i] = &forgery{who: ann, content: content, certs: []*x509.Certificate{}}
	}
	attrs := slices.Repeat([][]byte{digestAttribute(content)}, maxAttributes+1)
	for _, c := range []struct {
		name, want string
		der        []byte
	}{
		{"signers", "signerInfos: more than 32", object(t, many...)},
		{"certificates", "certificates: more than 64", object(t, f(func(f *forgery) { f.certs = slices.Repeat(ann.chain(), maxCertificates+1) }))},
		{"attributes", "signedAttrs: more than 64", object(t, f(func(f *forgery) { f.attributes = attrs }))},
		{"values", "attrValues: more than 64", object(t, f(func(f *forgery) {
			f.attributes = [][]byte{attribute("1.2.3", slices.Repeat([][]byte{null}, maxAttributes+1)...)}
		}))},
	} {
		if _, err := Parse(c.der, Limits{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	if _, err := Parse(object(t, f(func(f *forgery) { f.content = make([]byte, 4096) })), Limits{Octets: 4096}); err == nil {
		t.Error("more than Limits.Octets are taken")
	}
}

// Contents of tens of megabytes are not copied to be verified, and once to be signed beside
// the copy that package pkcs7 makes.
func TestContentIsNotCopied(t *testing.T) {
	_, ann := people(t)
	big := make([]byte, 16<<20)
	allocated := func(f func()) int {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return int(after.TotalAlloc - before.TotalAlloc)
	}
	var der []byte
	if n := allocated(func() { der = ann.sign(t, big, false, How{}) }); n > 5*len(big)/2 {
		t.Errorf("to sign it, %d octets were allocated for %d", n, len(big))
	}
	if n := allocated(func() { valid(t, parse(t, der).Verify(nil, ann.options())) }); n > 1<<20 {
		t.Errorf("to verify it, %d octets were allocated for %d", n, len(big))
	}
}

// spent is the time of the processor that something costs: others use it, too.
func spent(t *testing.T, f func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano())
	}
	before := used()
	f()
	return used() - before
}

// Many signers with many certificates that all fit cost no more than a bounded number of
// signatures each.
func TestCostOfManySigners(t *testing.T) {
	ca := root(t, "root")
	var all []*forgery
	for range maxSigners {
		all = append(all, &forgery{who: issue(t, ca, "p256", "ann"), content: content})
	}
	der := object(t, all...)
	begin := time.Now()
	v := parse(t, der).Verify(nil, &Options{Roots: []*x509.Certificate{ca.cert}, Time: now()})
	valid(t, v)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("%v", took)
	}
}

// Long lists that come along, and many signers who are all said to be ann: none of it needs a
// key. A list is read once.
func TestCostOfManyLists(t *testing.T) {
	ca, ann := people(t)
	entries := make([]x509.RevocationListEntry, 10_000)
	for i := range entries {
		entries[i] = x509.RevocationListEntry{SerialNumber: big.NewInt(1<<40 + int64(i)), RevocationTime: now()}
	}
	all := make([]*forgery, maxSigners)
	for i := range all {
		all[i] = &forgery{who: ann, content: content, signed: []byte("nothing")}
	}
	d := parse(t, object(t, all...))
	list := ca.list(t, nil, entries...).Raw
	for range maxLists {
		d.CRLs = append(d.CRLs, list)
	}
	took := spent(t, func() {
		if v := d.Verify(nil, ann.options()); v.Valid || !v.Has(WrongSignature) || v.Has(Untrusted) {
			t.Error(v.All())
		}
	})
	if took > 5*time.Second {
		t.Errorf("%v", took)
	}
	// And is heard all the same.
	entries[5000].SerialNumber = ann.cert.SerialNumber
	d.CRLs[maxLists-1] = ca.list(t, nil, entries...).Raw
	if v := d.Verify(nil, ann.options()); !v.Has(Revoked) {
		t.Error(v.All())
	}
}

// Certificates that all have the same name and have issued one another.
func TestCostOfManyPaths(t *testing.T) {
	evil := issue(t, nil, "p256", "evil", authority)
	var certs []*x509.Certificate
	for range maxCertificates - 1 {
		certs = append(certs, issue(t, evil, "p256", "evil", authority).cert)
	}
	ann := issue(t, evil, "p256", "ann")
	all := make([]*forgery, maxSigners)
	for i := range all {
		all[i] = &forgery{who: ann, content: content, certs: []*x509.Certificate{}}
	}
	all[0].certs = append(certs, ann.cert)
	d := parse(t, object(t, all...))
	o := &Options{Roots: []*x509.Certificate{root(t, "root").cert}, Time: now(), AllowSHA1: true}
	begin := time.Now()
	if v := d.Verify(nil, o); v.Valid || !v.Has(Untrusted) {
		t.Error(v.All())
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("%v", took)
	}
	t.Log(time.Since(begin))
}

// A certificate of nobody's with as many O/R addresses as fit into it, for every signer.
func TestCostOfManyNames(t *testing.T) {
	address := oraddr.Address{C: "GB", ADMD: "TEST", PN: oraddr.PersonalName{S: "Smith"}}
	names := orName(t, address)
	names.Value = element(idSequence, bytes.Repeat(names.Value[2:], 1500))
	ann := issue(t, root(t, "evil"), "p256", "ann", func(c *x509.Certificate) { c.EmailAddresses, c.ExtraExtensions = nil, []pkix.Extension{names} })
	all := make([]*forgery, maxSigners)
	for i := range all {
		all[i] = &forgery{who: ann, content: content}
	}
	d := parse(t, object(t, all...))
	o := &Options{Roots: []*x509.Certificate{root(t, "root").cert}, Time: now(), Originators: Originators{Mail: []string{"ann@example.org"}}}
	var v *Verdict
	if took := spent(t, func() { v = d.Verify(nil, o) }); took > time.Second {
		t.Errorf("%v", took)
	}
	if v.Valid || !v.Has(Untrusted) || !v.Has(WrongSigner) {
		t.Error(v.All())
	}
	if n := len(v.Signers[0].Addresses); n != maxORNames {
		t.Errorf("%d addresses", n)
	}
}

// Authorities of nobody's, with keys that take as long to verify with as there are. Each of them
// may have issued each certificate, as far as names tell.
func TestCostOfSlowKeys(t *testing.T) {
	slow := new(big.Int).SetBit(big.NewInt(1), strength.MaxRSA-1, 1) // no key, and as slow as one
	evil := issue(t, nil, "rsa", "evil", authority)
	by := func(up, of *x509.Certificate, public any) *x509.Certificate {
		t.Helper()
		of.SerialNumber, of.NotBefore, of.NotAfter = serial(), now().Add(-time.Hour), now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, of, up, public, evil.key)
		if err != nil {
			t.Fatal(err)
		}
		// A signature of the length that goes with the keys.
		c := newCursor(der, "")
		s := c.enter("certificate", idSequence)
		tbs, _ := s.take("tbs")
		algorithm, _ := s.take("algorithm")
		x, err := x509.ParseCertificate(element(idSequence, tbs, algorithm, element(idBitString, make([]byte, 1+strength.MaxRSA/8))))
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	all := make([]*forgery, maxSigners)
	for i := range all {
		above := &x509.Certificate{Subject: evil.cert.Subject}
		authority(above)
		above = by(evil.cert, above, &rsa.PublicKey{N: new(big.Int).Add(slow, big.NewInt(int64(2*i))), E: 1<<31 - 1})
		ann := &identity{key: keyOf(t, "p256", "ann")}
		ann.cert = by(evil.cert, &x509.Certificate{Subject: evil.cert.Subject}, ann.key.Public())
		all[i] = &forgery{who: ann, content: content, certs: []*x509.Certificate{ann.cert, above}}
	}
	d := parse(t, object(t, all...))
	o := &Options{Roots: []*x509.Certificate{root(t, "root").cert}, Time: now(), AllowSHA1: true}
	took := spent(t, func() {
		if v := d.Verify(nil, o); v.Valid || !v.Has(Untrusted) {
			t.Error(v.All())
		}
	})
	if took > 2*time.Second {
		t.Errorf("%v", took)
	}
}

// Whatever comes is read and judged within bounds, and nothing is valid that ann has not
// signed.
func FuzzNoAccidentalYes(f *testing.F) {
	ca, ann := people(f)
	o := ann.options()
	o.AllowSHA1, o.AllowNoAttributes = true, true
	f.Add(ann.sign(f, content, false, How{Label: label, EquivalentLabels: [][]byte{label}}))
	f.Add(object(f, &forgery{who: ann, content: content, ski: true, indefinite: true}))
	f.Add(object(f, &forgery{who: ann, content: content}, &forgery{who: issue(f, ca, "rsa", "bob"), content: content}))
	f.Add(object(f, &forgery{who: ann, content: content, unsigned: [][]byte{attribute(attrLabel, label)}}))
	f.Fuzz(func(t *testing.T, in []byte) { damaged(t, in, ann, o) })
}

// A label that is taken is DER, and the same when it is read again.
func FuzzLabelIsStable(f *testing.F) {
	f.Add(label)
	f.Add(unhex(f, "31800601290201030c0141311400"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := CanonicalLabel(in)
		if err != nil {
			return
		}
		if again, err := CanonicalLabel(out); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%x, then %x, %v", out, again, err)
		}
	})
}

func FuzzResponseNeverPanics(f *testing.F) {
	f.Add(element(idSequence, element(idEnumerated, []byte{0})))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := ReadResponse(in); err != nil && diag.KindOf(err) != diag.Data {
			t.Fatal(err)
		}
	})
}

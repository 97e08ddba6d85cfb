package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of what is said of revocation.
const (
	maxResponse = 64 << 10  // octets of an OCSP response
	maxList     = 256 << 20 // octets of a certificate revocation list given
	maxListIn   = 1 << 20   // octets of one that comes along
)

// ReadList reads a certificate revocation list of version 2 in DER. The error has kind
// diag.Data.
func ReadList(der []byte) (*x509.RevocationList, error) {
	if len(der) > maxList {
		return nil, diag.New("certificate revocation list", diag.Data, fmt.Sprintf("%d octets; at most %d are taken", len(der), maxList))
	}
	l, err := x509.ParseRevocationList(der)
	if err == nil && len(l.Raw) != len(der) {
		err = fmt.Errorf("%d octets after it", len(der)-len(l.Raw))
	}
	if err != nil {
		return nil, diag.E("certificate revocation list", diag.Data, err)
	}
	return l, nil
}

// Response is an OCSP response, RFC 6960 §4.2.1.
type Response struct {
	raw []byte
	ids []certID
}

// certID names a certificate by its number and digests of its issuer's name and key.
type certID struct {
	hash      crypto.Hash // 0: one that is not known
	name, key []byte
	serial    []byte
}

// maxResponses bounds the certificates that a response is about.
const maxResponses = 256

// ReadResponse reads an OCSP response in DER; who has signed it is judged with the
// certificates it is about. The error has kind diag.Data.
func ReadResponse(octets []byte) (*Response, error) {
	der, err := DER(octets, Limits{Octets: maxResponse})
	if err != nil {
		return nil, err
	}
	c := newCursor(der, "OCSP response")
	s := c.enter("OCSPResponse", idSequence)
	if _, status := s.expect("responseStatus", idEnumerated); c.err() == nil && (len(status) != 1 || status[0] != 0) {
		c.failf("it is a refusal, with status %x", status)
	}
	b := s.enter("responseBytes", context(0))
	b = b.enter("responseBytes", idSequence)
	if t := b.oid("responseType"); c.err() == nil && t != basicResponse {
		c.failf("type %s, not the basic one", t)
	}
	b = b.enter("response", idOctetString)
	b = b.enter("BasicOCSPResponse", idSequence)
	t := b.enter("tbsResponseData", idSequence)
	if t.next() == context(0) {
		t.take("version")
	}
	t.take("responderID")
	t.take("producedAt")
	r := &Response{raw: der}
	for l := t.enter("responses", idSequence); l.more(); {
		if len(r.ids) == maxResponses {
			l.failf("more than %d", maxResponses)
			break
		}
		e := l.enter(l.index(len(r.ids)), idSequence)
		e = e.enter("certID", idSequence)
		id := certID{}
		id.hash, _ = digestOf(e.algorithm("hashAlgorithm"), true)
		_, id.name = e.expect("issuerNameHash", idOctetString)
		_, id.key = e.expect("issuerKeyHash", idOctetString)
		_, id.serial = e.expect("serialNumber", idInteger)
		r.ids = append(r.ids, id)
	}
	if t.next() == context(1) {
		t = t.enter("responseExtensions", context(1))
		for l := t.enter("responseExtensions", idSequence); l.more(); {
			e := l.enter("extension", idSequence)
			if id := e.oid("extnID"); e.next() == idBoolean {
				if _, critical := e.take("critical"); c.err() == nil && !bytes.Equal(critical, []byte{0}) {
					e.failf("%s is critical, and not understood", id)
				}
			}
		}
	}
	return r, c.err()
}

const basicResponse asn1.OID = "1.3.6.1.5.5.7.48.1.1"

// concerns tells whether the first answer for a serial number, which package ocsp takes, is
// about the certificate: that package does not compare issuers.
func (r *Response) concerns(c, issuer *x509.Certificate) bool {
	serial := known(c).serial
	for _, id := range r.ids {
		if !bytes.Equal(id.serial, serial) {
			continue
		}
		if id.hash == 0 {
			return false
		}
		h := id.hash.New()
		h.Write(issuer.RawSubject)
		if !bytes.Equal(h.Sum(nil), id.name) {
			return false
		}
		k := newCursor(issuer.RawSubjectPublicKeyInfo, "")
		s := k.enter("subjectPublicKeyInfo", idSequence)
		s.algorithm("algorithm")
		_, bits := s.expect("subjectPublicKey", idBitString)
		if len(bits) == 0 {
			return false
		}
		h.Reset()
		h.Write(bits[1:])
		return bytes.Equal(h.Sum(nil), id.key)
	}
	return false
}

// state is what is known of a certificate.
type state struct {
	asked   bool // something of its issuer is there
	known   bool
	revoked bool
	text    string
}

// revocation asks of every certificate of a path but the root.
func (j *judge) revocation(v *SignerVerdict, path []*x509.Certificate) {
	for i, c := range path[:len(path)-1] {
		s := j.ask(c, path[i+1])
		switch {
		case s.revoked:
			v.refuse(reasonf(Revoked, "the certificate of %s: %s", Subject(c), s.text))
			v.Path[i].Revocation = "revoked, " + s.text
		case s.known:
			v.Path[i].Revocation = "good, " + s.text
		case s.asked:
			v.refuse(reasonf(RevocationUnknown, "the certificate of %s: %s", Subject(c), s.text))
			v.Path[i].Revocation = "unknown, " + s.text
		case j.Revocation == RevocationRequired:
			v.refuse(reasonf(RevocationUnknown, "the certificate of %s: no list or response of its issuer is given", Subject(c)))
			v.Path[i].Revocation = "unknown"
		}
	}
}

// ask goes through all lists and responses: one that says revoked decides.
func (j *judge) ask(c, issuer *x509.Certificate) state {
	var sum state
	hear := func(s state) {
		switch {
		case !s.asked || sum.revoked:
		case s.revoked, s.known && !sum.known:
			sum = s
		case !sum.asked:
			sum = s
		}
	}
	for _, l := range j.Lists {
		hear(j.list(l, c, issuer))
	}
	for _, l := range j.listsInside() {
		// It may be an old one, still in force, that whoever sent it has chosen: it speaks
		// against a certificate alone.
		if s := j.list(l, c, issuer); s.revoked {
			hear(s)
		}
	}
	for _, raw := range j.OCSP {
		hear(j.response(raw, c, issuer))
	}
	return sum
}

// listsInside are those that come along, in so far as they can be read: once for all the
// certificates of all signers, for whoever sends them chooses how many there are of each.
func (j *judge) listsInside() []*x509.RevocationList {
	if j.inside == nil {
		j.inside = []*x509.RevocationList{}
		for _, raw := range j.CRLs {
			if len(raw) > maxListIn {
				continue
			}
			if l, err := x509.ParseRevocationList(raw); err == nil {
				j.inside = append(j.inside, l)
			}
		}
	}
	return j.inside
}

func (j *judge) list(l *x509.RevocationList, c, issuer *x509.Certificate) state {
	// The same name in letters of another kind is the same (RFC 5280 §7.1), and a list that is passed
	// over revokes nobody: whose it is the signature tells.
	if !bytes.Equal(l.RawIssuer, c.RawIssuer) && !strings.EqualFold(name(l.RawIssuer), name(c.RawIssuer)) {
		return state{}
	}
	what := "the list of " + stamp(l.ThisUpdate)
	by := listBy{l, string(issuer.Raw)}
	err, known := j.lists[by]
	if !known {
		err = j.checkList(l, issuer)
		j.lists[by] = err
	}
	if err != nil {
		return state{asked: true, text: fmt.Sprintf("%s cannot be used: %v", what, err)}
	}
	for i := range l.RevokedCertificateEntries {
		e := &l.RevokedCertificateEntries[i]
		if e.SerialNumber.Cmp(c.SerialNumber) != 0 {
			continue
		}
		if s := j.revokedAt(e.RevocationTime, e.ReasonCode); s != "" {
			return state{asked: true, revoked: true, text: s + " by " + what}
		}
	}
	return state{asked: true, known: true, text: what}
}

// compromise are the reasons of RFC 5280 §5.3.1 after which nothing that the key has signed
// is to be believed, however early: anybody may have made it.
var compromise = map[int]bool{1: true, 2: true, 10: true}

// revokedAt is the text of a revocation that counts at the time asked for.
func (j *judge) revokedAt(at time.Time, reason int) string {
	if at.After(j.Time) && !compromise[reason] {
		return ""
	}
	return fmt.Sprintf("at %s for reason %d", stamp(at), reason)
}

func critical(extensions []pkix.Extension) bool {
	for _, e := range extensions {
		// reasonCode and invalidityDate say no more than why and since when.
		if e.Critical && e.Id.String() != "2.5.29.21" && e.Id.String() != "2.5.29.24" {
			return true
		}
	}
	return false
}

// listBy is a list, and the certificate in DER of whoever is to have issued it.
type listBy struct {
	list   *x509.RevocationList
	issuer string
}

// Extensions of lists that have but a part of what is revoked, or the changes since another:
// they do not say that a certificate is good. Both must be critical (RFC 5280 §5.2.4, §5.2.5),
// and there are authorities that forget it.
const (
	extDeltaList = "2.5.29.27"
	extPart      = "2.5.29.28"
)

func (j *judge) checkList(l *x509.RevocationList, issuer *x509.Certificate) error {
	for _, e := range l.Extensions {
		if id := e.Id.String(); e.Critical || id == extDeltaList || id == extPart {
			return fmt.Errorf("its extension %s is not understood", id)
		}
	}
	for i := range l.RevokedCertificateEntries {
		// What it means is not known of the entries after it either (RFC 5280 §5.3).
		if critical(l.RevokedCertificateEntries[i].Extensions) {
			return errors.New("an entry says something that is not understood")
		}
	}
	switch {
	case bySHA1(l.SignatureAlgorithm): // CheckSignatureFrom takes it
		return errors.New("it is signed with SHA-1")
	case l.ThisUpdate.After(j.Time.Add(j.skew())):
		return errors.New("it is of later")
	case !l.NextUpdate.IsZero() && l.NextUpdate.Before(j.Time):
		return fmt.Errorf("another was due by %s", stamp(l.NextUpdate))
	case l.NextUpdate.IsZero() && l.ThisUpdate.Before(j.Time.Add(-maxAge)):
		return fmt.Errorf("it is older than %v, and does not say for how long it holds", maxAge)
	}
	if err := l.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("its signature: %w", err)
	}
	return nil
}

func (j *judge) response(of *Response, c, issuer *x509.Certificate) state {
	if !of.concerns(c, issuer) {
		return state{}
	}
	r, err := ocsp.ParseResponseForCert(of.raw, c, issuer)
	if err != nil {
		return state{asked: true, text: fmt.Sprintf("the OCSP response given cannot be used: %v", err)}
	}
	what := "the OCSP response of " + stamp(r.ThisUpdate)
	if err := j.checkResponse(r, issuer); err != nil {
		return state{asked: true, text: fmt.Sprintf("%s cannot be used: %v", what, err)}
	}
	switch r.Status {
	case ocsp.Good:
		return state{asked: true, known: true, text: what}
	case ocsp.Revoked:
		if s := j.revokedAt(r.RevokedAt, r.RevocationReason); s != "" {
			return state{asked: true, revoked: true, text: s + " by " + what}
		}
		return state{asked: true, known: true, text: what}
	}
	return state{asked: true, text: what + " does not know it"}
}

// checkResponse holds a response to RFC 6960 §4.2.2.2 in what package ocsp does not: that
// who has signed it is the issuer, or somebody whom the issuer has allowed to.
func (j *judge) checkResponse(r *ocsp.Response, issuer *x509.Certificate) error {
	switch {
	case bySHA1(r.SignatureAlgorithm):
		return errors.New("it is signed with SHA-1")
	case r.ThisUpdate.After(j.Time.Add(j.skew())):
		return errors.New("it is of later")
	case !r.NextUpdate.IsZero() && r.NextUpdate.Before(j.Time):
		return fmt.Errorf("another was due by %s", stamp(r.NextUpdate))
	case r.NextUpdate.IsZero() && r.ThisUpdate.Before(j.Time.Add(-maxAge)):
		return fmt.Errorf("it is older than %v, and does not say for how long it holds", maxAge)
	}
	s := r.Certificate
	if s == nil || s.Equal(issuer) {
		return nil
	}
	return j.checkResponder(s)
}

const extNoCheck = "1.3.6.1.5.5.7.48.1.5" // id-pkix-ocsp-nocheck

// checkResponder tells why a certificate, which the key of an issuer has signed, does not
// speak for that issuer.
func (j *judge) checkResponder(c *x509.Certificate) error {
	if j.Time.Before(c.NotBefore) || j.Time.After(c.NotAfter) {
		return errors.New("the certificate of who has signed it is not in force")
	}
	if bySHA1(c.SignatureAlgorithm) {
		return errors.New("the certificate of who has signed it is signed with SHA-1")
	}
	if why := checkKey(c.PublicKey, j.AllowSHA1); why != nil {
		return fmt.Errorf("the certificate of who has signed it has %s", why.Text)
	}
	for _, id := range c.UnhandledCriticalExtensions {
		if id.String() != extNoCheck {
			return fmt.Errorf("the certificate of who has signed it has an extension that is not understood, %s", id)
		}
	}
	if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return errors.New("who has signed it may not sign such")
	}
	// A list by which its own certificate is revoked says of all others what there is to say.
	return nil
}

// maxAge is how long a list or a response holds that does not say it.
const maxAge = 24 * time.Hour

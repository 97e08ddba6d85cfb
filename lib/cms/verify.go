package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
	"time"
)

// Options say by what an object is judged.
type Options struct {
	Roots         []*x509.Certificate // whom a path must lead to
	Intermediates []*x509.Certificate // beside those that come along; the signer's may be among them
	Lists         []*x509.RevocationList
	OCSP          []*Response
	Revocation    Revocation
	Time          time.Time // at which certificates and lists must be in force; needed
	Skew          time.Duration
	// AllowSHA1 takes SHA-1, and RSA from 1024 bits, in signatures and in certificates:
	// for what was signed long ago.
	AllowSHA1 bool
	// AllowNoAttributes takes signatures without signed attributes over content of type
	// data that is no set of attributes itself.
	AllowNoAttributes bool
	// Every signer must have a certificate of one of these, and each of these must have
	// signed; none: anybody may.
	Originators Originators
}

// Revocation says what must be known of the certificates of a path.
type Revocation int

// What must be known.
const (
	// RevocationGiven: a certificate must not be revoked by a list or response given, and
	// where there are some of its issuer, they must say so at the time.
	RevocationGiven Revocation = iota
	RevocationRequired
)

// Verify judges a signed object. content is what is signed where the object itself has
// none; one that is given all the same must be that of the object, for it is what the caller
// is about to believe.
func (d *SignedData) Verify(content []byte, o *Options) *Verdict {
	another := !d.Detached && content != nil && !bytes.Equal(content, d.Content)
	if !d.Detached {
		content = d.Content
	}
	v := &Verdict{Reasons: []Reason{}, ContentType: Name(d.ContentType), Octets: len(content), Signers: make([]SignerVerdict, len(d.Signers))}
	switch {
	case len(d.Signers) == 0:
		v.refuse(reasonf(NoSigner, "nobody has signed"))
	case another:
		v.refuse(reasonf(WrongDigest, "the content given is not the one inside the object, which is what was signed"))
	}
	j := judge{SignedData: d, Options: o, content: content, sums: map[crypto.Hash][]byte{}, chains: newChains(d, o), lists: map[listBy]error{},
		signed: make([]bool, o.Originators.len())}
	for i := range d.Signers {
		j.signer(&d.Signers[i], &v.Signers[i])
	}
	j.labels(v)
	if why := o.Originators.missing(j.signed); why != nil {
		v.refuse(why)
	}
	v.Valid = len(v.Reasons) == 0 && !slices.ContainsFunc(v.Signers, func(s SignerVerdict) bool { return !s.Valid })
	if v.Valid {
		v.Label, v.EquivalentLabels = v.Signers[0].Label, v.Signers[0].EquivalentLabels
	}
	return v
}

// judge is one verification.
type judge struct {
	*SignedData
	*Options
	content []byte
	sums    map[crypto.Hash][]byte // of the content
	chains  *chains
	inside  []*x509.RevocationList // those that come along; nil: not read yet
	lists   map[listBy]error       // why a list cannot be used, of those that have been looked at
	signed  []bool                 // which of Originators have
}

// labels refuses an object whose signers have not signed the same label, which RFC 2634
// §3.1.2 demands of them: an unsigned one could be left out by whoever takes a signer away.
func (j *judge) labels(v *Verdict) {
	for i := 1; i < len(j.Signers); i++ {
		if !bytes.Equal(j.Signers[0].label(), j.Signers[i].label()) {
			v.refuse(reasonf(WrongLabel, "signers 1 and %d have signed different security labels, or only one of them has signed one", i+1))
			return
		}
	}
}

// label is the security label of a signer in the one order of DER, whoever has signed it;
// nil: none, or none that can be read.
func (s *Signer) label() []byte {
	for i := range s.Signed {
		if a := &s.Signed[i]; a.Type == attrLabel && len(a.Values) == 1 {
			if l, err := CanonicalLabel(a.Values[0]); err == nil {
				return l
			}
			return a.Values[0]
		}
	}
	return nil
}

func (j *judge) signer(s *Signer, v *SignerVerdict) {
	*v = SignerVerdict{Reasons: []Reason{}, Addresses: []string{}, Path: []PathStep{}, Attributes: []string{}, Digest: Name(s.Digest.OID), Algorithm: Name(s.Algorithm.OID)}
	for i := range s.Signed {
		v.Attributes = append(v.Attributes, Name(s.Signed[i].Type))
	}
	if j.Detached && j.content == nil {
		v.refuse(reasonf(NoContent, "the object has no content, and none is given")) // of what, then, has he signed?
	}
	claims := j.attributes(s, v)
	v.SigningTime = claims.time
	hash, why := digestOf(s.Digest, j.AllowSHA1)
	v.refuse(why)
	if why == nil {
		j.octets(s, v, hash)
	}
	if path := j.certificates(s, v, claims); path != nil {
		v.Subject, v.Key, v.Addresses = Subject(path[0]), keyName(path[0]), addresses(path)
		if why == nil {
			j.signature(s, v, path[0], hash)
		}
		j.binding(v, path, claims)
	}
	if v.Valid = len(v.Reasons) == 0; v.Valid {
		v.Label, v.EquivalentLabels = claims.label, claims.equivalent
		v.SigningCertificate, v.AlgorithmProtection = claims.certificateAttribute, claims.protected
	}
}

// octets tells whether the digest that was signed is that of the content.
func (j *judge) octets(s *Signer, v *SignerVerdict, hash crypto.Hash) {
	if !s.has || j.Detached && j.content == nil {
		return
	}
	signed, _ := s.octetString(attrMessageDigest)
	if signed != nil && !bytes.Equal(signed, j.sum(hash)) {
		v.refuse(reasonf(WrongDigest, "the %v of the content is not the one signed: it has been changed, or another was signed", hash))
	}
}

func (j *judge) sum(hash crypto.Hash) []byte {
	if j.sums[hash] == nil {
		h := hash.New()
		h.Write(j.content)
		j.sums[hash] = h.Sum(nil)
	}
	return j.sums[hash]
}

// signature tells whether the key of a certificate has made a signature.
func (j *judge) signature(s *Signer, v *SignerVerdict, c *x509.Certificate, hash crypto.Hash) {
	if !s.has && !j.AllowNoAttributes {
		return // it is refused, and the content is not hashed again for each that is
	}
	scheme, why := schemeOf(s.Algorithm, hash)
	if why == nil {
		why = checkKey(c.PublicKey, j.AllowSHA1)
	}
	if why != nil {
		v.refuse(why)
		return
	}
	for _, octets := range j.signedOctets(s) {
		if scheme.verify(c.PublicKey, octets, s.Signature) {
			return
		}
	}
	v.refuse(reasonf(WrongSignature, "the signature is not by the key of the certificate of %s", Subject(c)))
}

// signedOctets are those a signature may be over: the signed attributes as SET OF in the
// order they came in, which is that of DER but for signers who have forgotten to sort, and
// in the order of DER (RFC 5652 §5.4); or the content. Either order says the same.
func (j *judge) signedOctets(s *Signer) [][]byte {
	if !s.has {
		return [][]byte{j.content}
	}
	raw := make([][]byte, len(s.Signed))
	for i := range s.Signed {
		raw[i] = s.Signed[i].raw
	}
	came := element(idSet, s.attrs)
	if slices.IsSortedFunc(raw, bytes.Compare) {
		return [][]byte{came}
	}
	slices.SortFunc(raw, bytes.Compare)
	return [][]byte{came, element(idSet, raw...)}
}

// certificates finds the certificate of a signer and a path from it: without a path it is
// alone, and nil if there is none that can be read.
func (j *judge) certificates(s *Signer, v *SignerVerdict, claims *claims) []*x509.Certificate {
	found, why := j.chains.find(s, claims)
	if why != nil {
		v.refuse(why)
		return nil
	}
	path, why := j.chains.path(found)
	v.refuse(why)
	if path == nil {
		path = []*x509.Certificate{found}
	}
	for _, c := range path {
		v.Path = append(v.Path, step(c))
	}
	for _, c := range path[1:] {
		if why := checkKey(c.PublicKey, j.AllowSHA1); why != nil {
			v.refuse(reasonf(why.Word, "the certificate of %s: %s", Subject(c), why.Text))
		}
	}
	if why == nil {
		j.revocation(v, path)
	}
	return path
}

// usageOf tells whether a certificate is for signatures on mail, RFC 8550 §4.4.2.
func usageOf(c *x509.Certificate) *Reason {
	if c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return reasonf(WrongUsage, "the key usage of the certificate of %s has neither digitalSignature nor nonRepudiation", Subject(c))
	}
	if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 {
		return nil
	}
	for _, u := range c.ExtKeyUsage {
		if u == x509.ExtKeyUsageEmailProtection || u == x509.ExtKeyUsageAny {
			return nil
		}
	}
	return reasonf(WrongUsage, "the extended key usage of the certificate of %s does not have emailProtection", Subject(c))
}

// binding tells whether a certificate is one to sign this message with at this time.
func (j *judge) binding(v *SignerVerdict, path []*x509.Certificate, claims *claims) {
	c := path[0]
	v.refuse(usageOf(c))
	v.refuse(j.Originators.match(path, j.signed))
	switch t := claims.time; {
	case t.IsZero():
	case t.After(j.Time.Add(j.skew())):
		v.refuse(reasonf(WrongTime, "signed at %s, which is after %s", stamp(t), stamp(j.Time)))
	case t.Before(c.NotBefore.Add(-j.skew())), t.After(c.NotAfter):
		v.refuse(reasonf(WrongTime, "signed at %s, when the certificate of %s was not in force", stamp(t), Subject(c)))
	}
}

// defaultSkew is how far two clocks may be apart.
const defaultSkew = 5 * time.Minute

func (o *Options) skew() time.Duration {
	if o.Skew > 0 {
		return o.Skew
	}
	return defaultSkew
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

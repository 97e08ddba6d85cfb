package cms

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
)

// chains finds certificates and the paths from them.
type chains struct {
	*Options
	along []Certificate // those of the object
	roots *x509.CertPool
	above *x509.CertPool
	all   []*x509.Certificate // those of above
}

func newChains(d *SignedData, o *Options) *chains {
	c := &chains{Options: o, along: d.Certificates, roots: x509.NewCertPool(), above: x509.NewCertPool()}
	for _, r := range o.Roots {
		c.roots.AddCert(r)
	}
	c.all = append(c.all, o.Intermediates...)
	c.all = append(c.all, c.authorities()...)
	for _, x := range c.all {
		c.above.AddCert(x)
	}
	return c
}

// authorities are those that come along whom somebody known has made one, or somebody whom
// these have. No path goes through others, and their keys, as many and as slow to verify with as
// whoever sends them likes, are not tried.
func (c *chains) authorities() []*x509.Certificate {
	var waiting, found []*x509.Certificate
	for i := range c.along {
		if x := c.along[i].X509; x != nil && x.BasicConstraintsValid && x.IsCA && checkKey(x.PublicKey, true) == nil {
			waiting = append(waiting, x)
		}
	}
	known := slices.Concat(c.Roots, c.Intermediates)
	for at := 0; at < len(known) && len(waiting) > 0; at++ {
		up := known[at]
		waiting = slices.DeleteFunc(waiting, func(x *x509.Certificate) bool {
			if !bytes.Equal(x.RawIssuer, up.RawSubject) || !signedBy(x, up) {
				return false
			}
			known, found = append(known, x), append(found, x)
			return true
		})
	}
	return found
}

// find returns the certificate that a signer names. Where its attributes name one by its
// digest, that is the one, be there others of the same issuer and number; else, of several
// by one key, one that is in force.
func (c *chains) find(s *Signer, claims *claims) (*x509.Certificate, *Reason) {
	var found, other *x509.Certificate
	var unreadable error
	consider := func(k *Certificate) {
		switch {
		case !s.is(k):
		case k.X509 == nil:
			unreadable = k.Err
		case !claims.name(k.X509):
			other = k.X509
		case found == nil || !c.inForce(found) && c.inForce(k.X509):
			found = k.X509
		}
	}
	for i := range c.along {
		consider(&c.along[i])
	}
	for _, list := range [][]*x509.Certificate{c.Intermediates, c.Roots} {
		for _, x := range list {
			k := known(x)
			consider(&k)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case other != nil:
		return nil, reasonf(WrongCertificate, "the certificate of %s is not the one that signingCertificate names", Subject(other))
	case unreadable != nil:
		return nil, reasonf(UnknownAlgorithm, "the certificate of the signer cannot be read: %v", unreadable)
	}
	return nil, reasonf(NoCertificate, "the certificate of the signer is neither in the object nor given")
}

func (c *chains) inForce(x *x509.Certificate) bool {
	return !c.Time.Before(x.NotBefore) && !c.Time.After(x.NotAfter)
}

// path returns a path from a certificate to a root, both included.
func (c *chains) path(leaf *x509.Certificate) ([]*x509.Certificate, *Reason) {
	if !c.inForce(leaf) {
		return nil, reasonf(Expired, "the certificate of %s is in force from %s to %s, and not at %s",
			Subject(leaf), stamp(leaf.NotBefore), stamp(leaf.NotAfter), stamp(c.Time))
	}
	if len(c.Roots) == 0 {
		return nil, reasonf(Untrusted, "no roots are given")
	}
	judged := *leaf
	// The names that package x509 does not know it calls unhandled; binding has read them.
	judged.UnhandledCriticalExtensions = slices.DeleteFunc(slices.Clone(leaf.UnhandledCriticalExtensions),
		func(id encodingOID) bool { return id.String() == extSubjectAltName })
	found, err := judged.Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: c.above, CurrentTime: c.Time,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}})
	if err == nil {
		for _, path := range found {
			if !slices.ContainsFunc(path[1:], namesNotJudged) {
				path = slices.Clone(path)
				path[0] = leaf
				return path, nil
			}
		}
		return nil, reasonf(Untrusted, "the certificate of %s: an authority above it is limited to names of a form that is not judged here", Subject(leaf))
	}
	if c.AllowSHA1 {
		b := builder{chains: c, budget: maxLinks}
		// Where SHA-1 is not in it, package x509 has judged, and better.
		if path := b.build([]*x509.Certificate{leaf}); path != nil && slices.ContainsFunc(path[:len(path)-1], func(c *x509.Certificate) bool { return c.SignatureAlgorithm == x509.SHA1WithRSA }) {
			return path, nil
		}
	}
	word := Untrusted
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.Expired:
			word = Expired
		case x509.IncompatibleUsage:
			word = WrongUsage
		}
	}
	return nil, reasonf(word, "the certificate of %s: %v", Subject(leaf), err)
}

// namesNotJudged tells whether an authority is limited to names of a form that package x509 does
// not judge, such as directory names and O/R addresses. Where the extension is critical, that package
// refuses it, and RFC 5280 §4.2.1.10 has it critical; there are authorities that forget it.
func namesNotJudged(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.String() != extNameConstraints {
			continue
		}
		k := newCursor(e.Value, "")
		for trees := k.enter("nameConstraints", idSequence); trees.more(); {
			all := trees.enter("subtrees", trees.next())
			for all.more() {
				tree := all.enter("subtree", idSequence)
				switch tree.next() {
				case contextPrim(1), contextPrim(2), contextPrim(6), contextPrim(7): // rfc822Name, dNSName, uniformResourceIdentifier, iPAddress
				default:
					return true
				}
			}
		}
		return k.err() != nil
	}
	return false
}

// Bounds of the search for a path with SHA-1 in it.
const (
	maxPath  = 8  // certificates
	maxLinks = 64 // signatures verified
)

// builder finds paths whose certificates are signed with SHA-1, which package x509 does not
// take. It holds them to RFC 5280 §6.1 in what that package would, and takes no path with
// constraints of names or policies in it: it cannot judge those.
type builder struct {
	*chains
	budget int
}

func (b *builder) build(path []*x509.Certificate) []*x509.Certificate {
	last := path[len(path)-1]
	if !b.usable(last, len(path) > 1) {
		return nil
	}
	for _, r := range b.Roots {
		if r.Equal(last) {
			return path
		}
	}
	if len(path) == maxPath {
		return nil
	}
	for _, list := range [][]*x509.Certificate{b.Roots, b.all} {
		for _, up := range list {
			if b.budget == 0 {
				return nil
			}
			if !bytes.Equal(up.RawSubject, last.RawIssuer) || slices.ContainsFunc(path, up.Equal) || !b.issues(up, len(path)-1) {
				continue
			}
			b.budget--
			if !signedBy(last, up) {
				continue
			}
			if whole := b.build(append(path[:len(path):len(path)], up)); whole != nil {
				return whole
			}
		}
	}
	return nil
}

const extNameConstraints = "2.5.29.30"

// constraints are nameConstraints, policyConstraints and inhibitAnyPolicy, critical or not.
var constraints = []string{extNameConstraints, "2.5.29.36", "2.5.29.54"}

func (b *builder) usable(c *x509.Certificate, authority bool) bool {
	unhandled := slices.ContainsFunc(c.UnhandledCriticalExtensions, func(id encodingOID) bool {
		return authority || id.String() != extSubjectAltName
	})
	constrained := slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool {
		return slices.Contains(constraints, e.Id.String())
	})
	return !unhandled && !constrained && b.inForce(c)
}

// issues tells whether a certificate is one of an authority that may have so many others
// below it.
func (b *builder) issues(c *x509.Certificate, below int) bool {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return false
	case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
		return false
	case c.MaxPathLen > 0 && below > c.MaxPathLen || c.MaxPathLenZero && below > 0:
		return false
	case len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0:
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// bySHA1 tells whether a signature is over a digest that can be forged. Package x509 takes it
// of everything but the certificates of a path.
func bySHA1(a x509.SignatureAlgorithm) bool {
	return a == x509.SHA1WithRSA || a == x509.ECDSAWithSHA1 || a == x509.DSAWithSHA1
}

func signedBy(c, up *x509.Certificate) bool {
	if checkKey(up.PublicKey, true) != nil {
		return false
	}
	key, ok := up.PublicKey.(*rsa.PublicKey)
	if !ok || c.SignatureAlgorithm != x509.SHA1WithRSA {
		return !bySHA1(c.SignatureAlgorithm) && up.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
	}
	sum := sha1.Sum(c.RawTBSCertificate)
	return rsa.VerifyPKCS1v15(key, hashSHA1, sum[:], c.Signature) == nil
}

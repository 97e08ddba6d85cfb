package cms

import (
	"crypto"
	"crypto/x509"
	encoding "encoding/asn1"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

type encodingOID = encoding.ObjectIdentifier

const hashSHA1 = crypto.SHA1

// Originators are addresses of who is said to have sent a message: all of them have, as all
// in From are its authors (RFC 5322 §3.6.2).
type Originators struct {
	Mail []string // addr-specs of RFC 5322
	OR   []oraddr.Address
}

func (o *Originators) len() int { return len(o.Mail) + len(o.OR) }

func (o *Originators) strings() []string {
	all := append([]string{}, o.Mail...)
	for _, a := range o.OR {
		all = append(all, a.String())
	}
	return all
}

const (
	extSubjectAltName = "2.5.29.17"
	emailAddress      = "1.2.840.113549.1.9.1" // the attribute of distinguished names
)

// match tells whether the first certificate of a path has one of the addresses, and marks in
// signed which: an e-mail address as an rfc822Name of its subjectAltName or as emailAddress of
// its subject (RFC 8550 §3), an O/R address as an x400Address of its subjectAltName (RFC 5280
// §4.2.1.6).
func (o *Originators) match(path []*x509.Certificate, signed []bool) *Reason {
	if o.len() == 0 {
		return nil
	}
	c, found := path[0], false
	for _, have := range mailAddresses(path) {
		for i, want := range o.Mail {
			if sameMail(have, want) {
				signed[i], found = true, true
			}
		}
	}
	for _, have := range orAddresses(c) {
		for i, want := range o.OR {
			if have.Equal(want) {
				signed[len(o.Mail)+i], found = true, true
			}
		}
	}
	if found {
		return nil
	}
	have := strings.Join(addresses(path), ", ")
	if have == "" {
		have = "no address"
	}
	return reasonf(WrongSigner, "the certificate of %s has %s, not %s", Subject(c), have, strings.Join(o.strings(), " or "))
}

// missing tells which of the addresses nobody who has signed has, if others of them have
// signed: whoever is one of two authors does not speak for the other.
func (o *Originators) missing(signed []bool) *Reason {
	if !slices.Contains(signed, true) {
		return nil // said of every signer
	}
	for i, is := range signed {
		if !is {
			return reasonf(WrongSigner, "the message is also from %s, who has not signed it", o.strings()[i])
		}
	}
	return nil
}

// sameMail compares addresses as RFC 5280 §7.5 does: the domain without regard to the case of
// the letters of ASCII. Among all letters there are others that fold to these, such as the sign
// of kelvins.
func sameMail(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	return i > 0 && j > 0 && a[:i] == b[:j] && lowerASCII(a[i:]) == lowerASCII(b[j:])
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

func mailAddresses(path []*x509.Certificate) []string {
	c := path[0]
	all := append([]string{}, c.EmailAddresses...)
	for _, up := range path[1:] {
		// RFC 5280 §4.2.1.10 has them constrain emailAddress, and package x509 does not.
		if len(up.PermittedEmailAddresses)+len(up.ExcludedEmailAddresses) > 0 {
			return all
		}
	}
	for _, a := range c.Subject.Names {
		if text, ok := a.Value.(string); ok && a.Type.String() == emailAddress {
			all = append(all, text)
		}
	}
	return all
}

// maxORNames bounds the O/R addresses of a certificate that are looked at: whoever sends it
// chooses how many there are, and for how many signers.
const maxORNames = 64

// orAddresses returns the O/R addresses among the subject alternative names, the first
// maxORNames of them; what cannot be read is nobody's.
func orAddresses(c *x509.Certificate) []oraddr.Address {
	var all []oraddr.Address
	for _, e := range c.Extensions {
		if e.Id.String() != extSubjectAltName {
			continue
		}
		der, err := DER(e.Value, Limits{Octets: maxCertificate})
		if err != nil {
			continue
		}
		k, n := newCursor(der, ""), 0
		for s := k.enter("subjectAltName", idSequence); s.more() && n < maxORNames; {
			id := s.next()
			whole, contents := s.take("name")
			if id != context(3) || whole == nil {
				continue
			}
			n++
			// [3] IMPLICIT ORAddress, a SEQUENCE.
			var o oraddr.ORAddress
			rest, err := ber.Unmarshal(element(idSequence, contents), &o, ber.Limits{Depth: 16, Elements: 512, Octets: maxCertificate})
			if err != nil || len(rest) > 0 {
				continue
			}
			if a, err := o.Address(); err == nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// addresses are those of the first certificate of a path, as text.
func addresses(path []*x509.Certificate) []string {
	all := mailAddresses(path)
	for _, a := range orAddresses(path[0]) {
		all = append(all, a.String())
	}
	return all
}

package policy

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxHeading bounds the octets of a content in which its heading is looked for.
const maxHeading = 1 << 20

// Wants tells how many octets of a content have to be seen to tell what rules ask, as far as
// there are so many.
func (p *Policy) Wants(content mts.ContentType) int64 {
	switch content = content.Canonical(); {
	case !p.content:
		return 0
	case signable(content):
		return p.security.most + 1
	case hasHeading(content):
		return maxHeading
	}
	return 0
}

// signable tells whether contents of a type may be signed objects: those that are bare CMS, id-ct-contentInfo
// of RFC 3854 §3.2, or id-signedData itself, and those in MIME, id-data of RFC 3855 §2.2.
func signable(c mts.ContentType) bool {
	return c.Extended != nil && (*c.Extended == cms.Info || *c.Extended == cms.Data || *c.Extended == cms.Signed)
}

// known tells of contents without a heading that they have no subject indicator codes either.
func known(c mts.ContentType) bool {
	return c.BuiltIn != nil && (*c.BuiltIn == mts.EDIMessaging || *c.BuiltIn == mts.VoiceMessaging)
}

// hasHeading tells whether the contents of a type begin with a heading of X.420.
func hasHeading(c mts.ContentType) bool {
	return c.Extended != nil && *c.Extended == mts.ContentP772 ||
		c.BuiltIn != nil && (*c.BuiltIn == mts.InterpersonalMessaging1984 || *c.BuiltIn == mts.InterpersonalMessaging1988)
}

// Facts tells what there is in a content that rules ask about. Octets are as many of it as Wants
// wants, at a time. What cannot be told is in the facts, too.
func (p *Policy) Facts(content mts.ContentType, octets []byte, now time.Time) *spool.Facts {
	f := &spool.Facts{}
	switch content = content.Canonical(); {
	case signable(content):
		p.signed(f, content, octets, now)
	case hasHeading(content):
		heading(f, octets)
	case !known(content):
		f.Fault = "a content of type " + content.String() + " is not looked into"
	}
	return f
}

// signed tells what a content that may be a signed object says.
func (p *Policy) signed(f *spool.Facts, content mts.ContentType, octets []byte, now time.Time) {
	if n := int64(len(octets)); n > p.security.most {
		f.Fault = fmt.Sprintf("more than %d octets, and what is signed is not looked into", p.security.most)
		f.SignatureFault = f.Fault
		return
	}
	m, err := cms.Read(octets, cms.Limits{})
	switch {
	case err != nil:
		f.Fault = err.Error()
	case m.Object == nil && content.Equal(mts.NewExtendedContentType(cms.Data)):
		return // a message in MIME, without a signature
	case m.Object == nil:
		f.Fault = "the content is no CMS object"
	case m.Object.Signed == nil:
		// What is encrypted or compressed may be signed inside, and labelled.
		f.Fault = "what is inside, " + cms.Name(m.Object.Type) + ", is not for this MTA to see"
	}
	if f.Fault != "" {
		f.SignatureFault = f.Fault
		return
	}
	s := m.Object.Signed
	trust := p.security.trust
	trust.Time = now
	v := m.Verify(nil, &trust, true)
	f.Signature = &spool.Signature{Valid: v.Valid}
	for _, r := range v.All() {
		f.Signature.Reasons = append(f.Signature.Reasons, r.String())
	}
	for i := range v.Signers {
		if is := &v.Signers[i]; is.Valid {
			f.Signature.Signers = append(f.Signature.Signers, spool.Signer{Subject: is.Subject, Addresses: is.Addresses})
		}
	}
	switch {
	case v.Valid:
		f.Label = v.Label
	case slices.ContainsFunc(m.Layers()[0].Signers, func(c cms.Claim) bool { return c.Label != nil }):
		// A label that is not proved is a label: the message does not count as one without.
		f.LabelFault = "a label is signed, and the signature is not valid"
	}
	switch s.ContentType {
	case cms.P2, cms.P22, cms.P772:
		heading(f, s.Content)
	case cms.Data:
	default:
		f.Fault = "what is inside, " + cms.Name(s.ContentType) + ", is not for this MTA to see"
	}
}

// heading tells what the heading at the beginning of a content says.
func heading(f *spool.Facts, octets []byte) {
	h, err := ipms.ReadHeading(bytes.NewReader(octets), ber.Limits{Octets: maxHeading})
	if err == nil && h != nil {
		f.SICs, err = p772.SICs(h)
	}
	if err != nil {
		f.SICs, f.Fault = nil, err.Error()
	}
}

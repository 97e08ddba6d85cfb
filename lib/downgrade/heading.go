package downgrade

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// requestBits are the notification-requests of 1984: receipt, non-receipt, and the
// message returned.
const requestBits = 3

// heading leaves the heading of 1984 (RFC 1328 §5): no extensions.
func (p *planner) heading(h *ipms.Heading) (changed bool, err error) {
	e := editor{p: p}
	e.identifier(&h.ThisIPM)
	e.descriptor(h.Originator)
	e.descriptors(h.AuthorizingUsers)
	e.recipients(h.PrimaryRecipients)
	e.recipients(h.CopyRecipients)
	e.recipients(h.BlindCopyRecipients)
	e.identifier(h.RepliedToIPM)
	e.identifiers(h.ObsoletedIPMs)
	e.identifiers(h.RelatedIPMs)
	e.descriptors(h.ReplyRecipients)
	h.Extensions = e.extensions("heading", h.Extensions)
	if len(h.Unknown) > 0 {
		e.drop("an unknown element")
		h.Unknown = nil
	}
	return e.changed, e.err
}

func (p *planner) descriptor(d *ipms.ORDescriptor) (changed bool, err error) {
	e := editor{p: p}
	e.descriptor(d)
	return e.changed, e.err
}

func (p *planner) identifier(i *ipms.IPMIdentifier) (changed bool, err error) {
	e := editor{p: p}
	e.identifier(i)
	return e.changed, e.err
}

// messageParameters leaves what 1984 says of the delivery of a forwarded message.
func (p *planner) messageParameters(m *ipms.MessageParameters) (changed bool, err error) {
	e := editor{p: p}
	if len(m.Unknown) > 0 {
		e.drop("an unknown element")
		m.Unknown = nil
	}
	d := m.DeliveryEnvelope
	if d == nil {
		return e.changed, nil
	}
	if d.ContentType.Extended != nil {
		e.drop("delivery-envelope of a forwarded message")
		m.DeliveryEnvelope = nil
		return true, nil
	}
	e.name(&d.OriginatorName)
	for i := range d.OtherRecipientNames {
		e.name(&d.OtherRecipientNames[i])
	}
	e.name(&d.ThisRecipientName)
	if d.OriginallyIntendedRecipientName != nil {
		e.name(d.OriginallyIntendedRecipientName)
	}
	e.eits(d.OriginalEncodedInformationTypes)
	e.eits(d.ConvertedEITs)
	if d.ContentIdentifier != "" {
		e.drop("content-identifier of a forwarded message")
		d.ContentIdentifier = ""
	}
	for _, x := range d.Extensions {
		e.drop("extension " + x.Type.String() + " of a forwarded message")
	}
	d.Extensions = nil
	if len(d.Unknown) > 0 {
		e.drop("an unknown element")
		d.Unknown = nil
	}
	return e.changed, e.err
}

func (p *planner) eits(v *mts.EncodedInformationTypes) (changed bool, err error) {
	e := editor{p: p}
	e.eits(v)
	return e.changed, e.err
}

// editor makes the values of X.420 what 1984 knows of them. It notes whether there
// was anything to do; the first error stays.
type editor struct {
	p       *planner
	changed bool
	err     error
}

func (e *editor) drop(what string) {
	e.p.lost().add(what)
	e.changed = true
}

func (e *editor) name(n *oraddr.ORName) {
	if len(n.ExtensionAttributes) == 0 && len(n.DirectoryName) == 0 && len(n.Unknown) == 0 {
		return
	}
	out, err := e.p.lost().name(*n, e.p.gateway)
	if err != nil {
		if e.err == nil {
			e.err = err
		}
		return
	}
	*n, e.changed = out, true
}

func (e *editor) identifier(i *ipms.IPMIdentifier) {
	if i != nil && i.User != nil {
		e.name(i.User)
	}
}

func (e *editor) identifiers(all []ipms.IPMIdentifier) {
	for i := range all {
		e.identifier(&all[i])
	}
}

func (e *editor) descriptor(d *ipms.ORDescriptor) {
	if d != nil && d.FormalName != nil {
		e.name(d.FormalName)
	}
}

func (e *editor) descriptors(all []ipms.ORDescriptor) {
	for i := range all {
		e.descriptor(&all[i])
	}
}

func (e *editor) recipients(all []ipms.RecipientSpecifier) {
	for i := range all {
		r := &all[i]
		e.descriptor(&r.Recipient)
		r.RecipientExtensions = e.extensions("recipient", r.RecipientExtensions)
		if bits := asn1.BitString(r.NotificationRequests); bits.BitLength > requestBits {
			bits = bits.Clone()
			for n := requestBits; n < bits.BitLength; n++ {
				if bits.At(n) {
					e.drop("notification-requests beyond the third")
				}
				bits.Clear(n)
			}
			e.changed = true
			r.NotificationRequests = ipms.NotificationRequests(shorten(bits, requestBits))
		}
	}
}

func (e *editor) extensions(of string, all []ipms.Extension) []ipms.Extension {
	for _, x := range all {
		e.drop(of + " extension " + x.Name())
	}
	return nil
}

func (e *editor) eits(v *mts.EncodedInformationTypes) {
	if v != nil && (len(v.ExtendedEncodedInformationTypes) > 0 || len(v.Unknown) > 0) {
		*v = *e.p.lost().eits(v)
		e.changed = true
	}
}

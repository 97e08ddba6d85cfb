package submit

import (
	"slices"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// The steps by which a message becomes another one here, besides report.Step. A child
// of theirs stands for one recipient of its parent, that of StepSecure for several perhaps.
const (
	StepExpand   = "expand"           // of a distribution list into its members
	StepRedirect = spool.StepRedirect // of a recipient to another
	StepForward  = "forward"          // of a report that came to a list
	StepCopy     = "copy"             // for an address that policy adds
	StepSecure   = "secure"           // that policy requires: it signs, takes off a signature, or has another label
)

// Derive begins the child of a message, probe or report that is in the spool: raw is
// its envelope part. What was judged of the parent is not judged again: where it came
// from, and how many recipients it has.
func (d *Door) Derive(src spool.Source, child Child, raw ber.Raw) (*Tx, error) {
	inner, limits := *d, *d.conf
	limits.Limits.Recipients = mts.UbRecipients
	inner.conf = &limits
	t, err := inner.derive(src, raw)
	if err != nil {
		return nil, err
	}
	t.env.ID = spool.ChildID(child.Parent, child.Step, child.Recipients)
	t.env.Parent, t.env.Step, t.env.ParentRecipients, t.env.Priority = child.Parent, child.Step, child.Recipients, child.Priority
	if t.env.OfCopy = child.Step == StepCopy || child.Of != nil && child.Of.OfCopy; t.env.OfCopy {
		for i := range t.env.Recipients { // X.411 knows no envelope that asks for no report
			t.env.Recipients[i].Report, t.env.Recipients[i].MTAReport = report.None, report.None
		}
	}
	if of := child.Of; of != nil {
		from := of.From()
		t.env.Origin, t.env.Copied = &from, of.Copied
		if child.Step != StepSecure { // whose content is another
			t.env.Facts = of.Facts
		}
		for i := range of.Recipients {
			if slices.Contains(child.Recipients, of.Recipients[i].N) {
				t.then = of.Recipients[i].Then
			}
		}
	}
	return t, nil
}

func (d *Door) derive(src spool.Source, raw ber.Raw) (*Tx, error) {
	if p1.KindOf(raw) == p1.Report {
		r, err := p1.DecodeReport(raw, p1.Limits{})
		if err != nil {
			return nil, err
		}
		return d.Report(src, raw, r, nil)
	}
	// Each child of a message to many names the others: to decode them in each would take
	// all of the time.
	rest, own, err := p1.PartRecipients(raw, p1.Limits{})
	if err != nil {
		return nil, err
	}
	if p1.KindOf(raw) == p1.Probe {
		p, err := p1.DecodeProbe(rest, p1.Limits{})
		if err != nil {
			return nil, err
		}
		p.PerRecipientFields = own
		return d.probe(src, raw, p, nil), nil
	}
	env, err := p1.DecodeMessageEnvelope(rest, p1.Limits{})
	if err != nil {
		return nil, err
	}
	env.PerRecipientFields = own
	return d.message(src, raw, env, nil), nil
}

// Also adds a recipient that the X.411 envelope does not have: a step of this MTA is
// still to be done with the object, by itself. Its number is the next one, and no place of
// that envelope.
func (t *Tx) Also(address string) {
	n := t.places
	for _, r := range t.env.Recipients {
		n = max(n, r.N)
	}
	t.env.Recipients = append(t.env.Recipients, spool.Recipient{N: n + 1, Address: address, Hops: t.door.expand(),
		Report: report.None, MTAReport: report.None})
}

// CopyContent writes the content of a message that is in the spool. fs.ErrExist says
// that the child, or what is left of it, is there already.
func (t *Tx) CopyContent(m *spool.Message) error {
	if t.Discarded != "" {
		return nil
	}
	if err := t.open(); err != nil {
		return err
	}
	t.size = m.Envelope.Size
	return t.w.CopyContent(m)
}

// alternates notes who gets what a recipient does not: the alternate that the originator
// requested, should it fail, or for nobody here the alternate of the domain.
func (d *Door) alternates(t *Tx, r *spool.Recipient, f *mts.PerRecipientMessageTransferFields) {
	requested, ok, err := mts.Ext(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient)
	if ok && err == nil {
		r.Alternate = addressText(requested)
		return
	}
	if a, err := f.RecipientName.Address(); err == nil {
		d.domainAlternate(t, r, a)
	}
}

// domainAlternate has what is for nobody here go to the alternate of the domain, if the originator
// allows that and there is one.
func (d *Door) domainAlternate(t *Tx, r *spool.Recipient, a oraddr.Address) {
	if r.Fail == nil || !t.env.AlternateAllowed || d.router.DomainAlternate(d.router.Decide(t.query(r, a, route.Unsized))) == nil {
		return
	}
	r.Fail, r.Hops = nil, d.expand()
}

// SaysNothing tells whether an address is a list that does not tell of its expansion.
func (d *Door) SaysNothing(address string) bool {
	a, err := oraddr.Parse(address)
	if err != nil {
		return false
	}
	l := d.router.Route(a).List
	return l != nil && l.SaysNothing()
}

// expand is the way of what is to be expanded or redirected here.
func (d *Door) expand() []spool.Hop { return hops(route.Decision{Hops: d.router.Expand()}) }

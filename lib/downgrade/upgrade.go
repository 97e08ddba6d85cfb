package downgrade

import (
	"bytes"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// Upgrade makes an object that came from an MTA of 1984 one of the later editions:
// O/R names that Name has written are again what they were, in the envelope part and
// in what is decoded of it. Anything else 1984 has is in the later editions as well,
// and stays; so does the content, with the addresses in it. An envelope part in which
// there is nothing to do keeps its octets.
//
// Of a report there is only the envelope before the returned content has been read.
// Upgrade is called before, so that it is known where the report goes, and again
// after Finish.
func Upgrade(in *p1.Incoming, gateway oraddr.Domain) error {
	return (&upgrade{gateway: gateway, names: UpgradeName}).object(in)
}

// Unwrap is Upgrade for an object that came from an MTA of a later edition: it may
// answer somebody whom a message to 1984 had named as an address of the gateway. A
// domain-defined attribute Common is its own affair.
func Unwrap(in *p1.Incoming, gateway oraddr.Domain) error {
	if in.Envelope != nil && !bytes.Contains(in.Envelope, []byte(ddaWhole[0])) {
		return nil
	}
	return (&upgrade{gateway: gateway, names: unwrap}).object(in)
}

func (u *upgrade) object(in *p1.Incoming) error {
	var err error
	switch {
	case in.Message != nil:
		u.message(&in.Message.OriginatorName, in.Message.PerRecipientFields)
		if u.changed {
			in.Envelope, err = p1.EncodeMessageEnvelope(in.Message)
		}
	case in.Probe != nil:
		u.message(&in.Probe.OriginatorName, in.Probe.PerRecipientFields)
		if u.changed {
			in.Envelope, err = p1.EncodeProbe(in.Probe)
		}
	case in.Report != nil && in.Envelope == nil:
		u.name(&in.Report.Envelope.ReportDestinationName)
	case in.Report != nil:
		// The destination was upgraded before in the value, but not in the octets.
		r, decodeErr := p1.DecodeReport(in.Envelope, p1.Limits{})
		if decodeErr != nil {
			return decodeErr
		}
		if u.report(r); u.changed {
			in.Report = r
			in.Envelope, err = p1.EncodeReport(r)
		}
	}
	return err
}

type upgrade struct {
	gateway oraddr.Domain
	names   func(oraddr.ORName, oraddr.Domain) (oraddr.ORName, bool)
	changed bool
}

func (u *upgrade) name(n *oraddr.ORName) {
	if n == nil || len(n.DomainDefinedAttributes) == 0 {
		return
	}
	if out, changed := u.names(*n, u.gateway); changed {
		*n, u.changed = out, true
	}
}

func (u *upgrade) message(originator *oraddr.ORName, recipients []mts.PerRecipientMessageTransferFields) {
	u.name(originator)
	for i := range recipients {
		u.name(&recipients[i].RecipientName)
	}
}

func (u *upgrade) report(r *mts.Report) {
	u.name(&r.Envelope.ReportDestinationName)
	for i := range r.Content.PerRecipientFields {
		f := &r.Content.PerRecipientFields[i]
		u.name(&f.ActualRecipientName)
		u.name(f.OriginallyIntendedRecipientName)
	}
}

package mts

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/diag"
)

// Valid reports whether the envelope keeps what X.411 figure 4 demands beyond the
// shape of the type: sizes, numbers, and no extension twice. Decoding does not
// ask for it, so that an object can be shown and refused by name; whoever takes
// responsibility for one does. Addresses are for package oraddr to judge.
func (e *MessageTransferEnvelope) Valid() error {
	v := validator{op: "mts: message envelope"}
	v.identifier("message-identifier", e.MessageIdentifier)
	v.size("content-identifier", len(e.ContentIdentifier), 0, UbContentIDLength)
	v.trace("trace-information", len(e.TraceInformation), 1)
	v.size("per-domain-bilateral-information", len(e.PerDomainBilateralInformation), 0, UbTransfers)
	v.extensions("extensions", e.Extensions)
	v.recipients(e.PerRecipientFields)
	return v.err
}

// Valid is MessageTransferEnvelope.Valid for a probe.
func (e *ProbeTransferEnvelope) Valid() error {
	v := validator{op: "mts: probe envelope"}
	v.identifier("probe-identifier", e.ProbeIdentifier)
	v.size("content-identifier", len(e.ContentIdentifier), 0, UbContentIDLength)
	v.trace("trace-information", len(e.TraceInformation), 1)
	v.size("per-domain-bilateral-information", len(e.PerDomainBilateralInformation), 0, UbTransfers)
	v.extensions("extensions", e.Extensions)
	v.recipients(e.PerRecipientFields)
	return v.err
}

// Valid is MessageTransferEnvelope.Valid for a report and its content.
func (r *Report) Valid() error {
	v := validator{op: "mts: report"}
	v.identifier("report-identifier", r.Envelope.ReportIdentifier)
	v.trace("trace-information", len(r.Envelope.TraceInformation), 1)
	v.extensions("extensions", r.Envelope.Extensions)
	c := &r.Content
	v.identifier("subject-identifier", c.SubjectIdentifier)
	v.trace("subject-intermediate-trace-information", len(c.SubjectIntermediateTraceInformation), 0)
	v.size("content-identifier", len(c.ContentIdentifier), 0, UbContentIDLength)
	v.extensions("content extensions", c.Extensions)
	v.size("per-recipient-fields", len(c.PerRecipientFields), 1, UbRecipients)
	for i := range c.PerRecipientFields {
		f := &c.PerRecipientFields[i]
		v.number(i, f.OriginallySpecifiedRecipientNumber)
		if l := f.LastTraceInformation.ReportType; l.Delivery == nil && l.NonDelivery == nil {
			v.fail("per-recipient-fields[%d] says neither delivery nor non-delivery", i)
		}
		v.size("supplementary-information", len(f.SupplementaryInformation), 0, UbSupplementaryInfoLength)
		v.extensions("per-recipient extensions", f.Extensions)
	}
	return v.err
}

// validator keeps the first fault it is told of.
type validator struct {
	op  string
	err error
}

func (v *validator) fail(format string, args ...any) {
	if v.err == nil {
		v.err = diag.E(v.op, diag.Data, fmt.Errorf(format, args...))
	}
}

func (v *validator) size(what string, n, least, most int) {
	if n < least || n > most {
		v.fail("%s has size %d, want %d to %d", what, n, least, most)
	}
}

func (v *validator) identifier(what string, i MTSIdentifier) {
	v.size(what+" local-identifier", len(i.LocalIdentifier), 1, UbLocalIDLength)
	d := i.GlobalDomainIdentifier.Domain()
	if n := len(d.C); n != UbCountryNameAlphaLength && n != UbCountryNameNumericLength {
		v.fail("%s names the country %q, want 2 letters or 3 digits", what, d.C)
	}
	v.size(what+" administration-domain-name", len(d.ADMD), 0, UbDomainNameLength)
	v.size(what+" private-domain-identifier", len(d.PRMD), 0, UbDomainNameLength)
}

func (v *validator) trace(what string, n, least int) { v.size(what, n, least, UbTransfers) }

func (v *validator) number(place, n int) {
	if n < 1 || n > UbRecipients {
		v.fail("per-recipient-fields[%d] has number %d, want 1 to %d", place, n, UbRecipients)
	}
}

func (v *validator) recipients(fields []PerRecipientMessageTransferFields) {
	v.size("per-recipient-fields", len(fields), 1, UbRecipients)
	for i := range fields {
		v.number(i, fields[i].OriginallySpecifiedRecipientNumber)
		v.extensions("per-recipient extensions", fields[i].Extensions)
	}
}

func (v *validator) extensions(what string, fields []ExtensionField) {
	for i := range fields {
		if Find(fields[:i], fields[i].Type) >= 0 {
			v.fail("%s has %v twice", what, fields[i].Type)
		}
	}
}

package mts

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/diag"
)

// Invalid is what is wrong with an envelope that could be decoded.
type Invalid struct {
	// Diagnostic is what a non-delivery report says of it, with unable-to-transfer:
	// invalid-arguments, size-constraint-violation or protocol-violation.
	Diagnostic DiagnosticCode
	// Unanswerable says that no report could be made: it would itself be invalid, for
	// want of an identifier, a recipient or a recipient's number to carry back.
	Unanswerable bool

	Err error
}

func (i *Invalid) Error() string { return i.Err.Error() }
func (i *Invalid) Unwrap() error { return i.Err }

// Valid reports whether the envelope keeps what X.411 figure 4 demands beyond the
// shape of the type: sizes, numbers, no extension twice, and values that can be read
// in the extensions an MTA acts on. Decoding does not ask for it, so that an object
// can be shown and refused by name; whoever takes responsibility for one does. The
// error has kind Data and holds an Invalid; what is unanswerable comes first.
// Addresses are for package oraddr to judge, and what concerns one recipient is for
// that recipient's Valid.
func (e *MessageTransferEnvelope) Valid() error {
	v := validator{op: "mts: message envelope"}
	v.identifier("message-identifier", e.MessageIdentifier)
	v.recipients(e.PerRecipientFields)
	v.size("content-identifier", len(e.ContentIdentifier), 0, UbContentIDLength)
	v.trace(e.TraceInformation)
	v.size("per-domain-bilateral-information", len(e.PerDomainBilateralInformation), 0, UbTransfers)
	v.extensions("extensions", e.Extensions)
	if e.DeferredDeliveryTime != "" {
		if _, err := e.DeferredDeliveryTime.Time(); err != nil {
			v.argument("deferred-delivery-time", err)
		}
	}
	return v.err
}

// Valid is MessageTransferEnvelope.Valid for a probe.
func (e *ProbeTransferEnvelope) Valid() error {
	v := validator{op: "mts: probe envelope"}
	v.identifier("probe-identifier", e.ProbeIdentifier)
	v.recipients(e.PerRecipientFields)
	v.size("content-identifier", len(e.ContentIdentifier), 0, UbContentIDLength)
	v.trace(e.TraceInformation)
	v.size("per-domain-bilateral-information", len(e.PerDomainBilateralInformation), 0, UbTransfers)
	v.extensions("extensions", e.Extensions)
	if n := e.ContentLength; n != nil && (*n < 0 || *n > UbContentLength) {
		v.fail(SizeConstraintViolation, "content-length is %d, want 0 to %d", *n, UbContentLength)
	}
	return v.err
}

// Valid is MessageTransferEnvelope.Valid for one recipient, of a message or a probe.
func (f *PerRecipientMessageTransferFields) Valid() error {
	v := validator{op: "mts: recipient"}
	v.extensions("extensions", f.Extensions)
	return v.err
}

// ValidExtensions is the part of MessageTransferEnvelope.Valid that is about the
// extensions of one place.
func ValidExtensions(fields []ExtensionField) error {
	v := validator{}
	v.extensions("extensions", fields)
	return v.err
}

// Valid is MessageTransferEnvelope.Valid for a report and its content.
func (r *Report) Valid() error {
	v := validator{op: "mts: report"}
	v.identifier("report-identifier", r.Envelope.ReportIdentifier)
	c := &r.Content
	v.identifier("subject-identifier", c.SubjectIdentifier)
	v.most("per-recipient-fields", len(c.PerRecipientFields))
	for i := range c.PerRecipientFields {
		f := &c.PerRecipientFields[i]
		v.number(i, f.OriginallySpecifiedRecipientNumber)
		if l := f.LastTraceInformation.ReportType; l.Delivery == nil && l.NonDelivery == nil {
			v.unanswerable("per-recipient-fields[%d] says neither delivery nor non-delivery", i)
		}
	}
	v.trace(r.Envelope.TraceInformation)
	v.extensions("extensions", r.Envelope.Extensions)
	v.size("subject-intermediate-trace-information", len(c.SubjectIntermediateTraceInformation), 0, UbTransfers)
	v.size("content-identifier", len(c.ContentIdentifier), 0, UbContentIDLength)
	v.extensions("content extensions", c.Extensions)
	for i := range c.PerRecipientFields {
		f := &c.PerRecipientFields[i]
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

func (v *validator) keep(i *Invalid) {
	if v.err == nil {
		v.err = diag.E(v.op, diag.Data, i)
	}
}

func (v *validator) fail(d DiagnosticCode, format string, args ...any) {
	v.keep(&Invalid{Diagnostic: d, Err: fmt.Errorf(format, args...)})
}

func (v *validator) unanswerable(format string, args ...any) {
	v.keep(&Invalid{Diagnostic: ProtocolViolation, Unanswerable: true, Err: fmt.Errorf(format, args...)})
}

// argument notes why a value cannot be what it is for.
func (v *validator) argument(what string, err error) {
	var e *diag.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	v.fail(InvalidArguments, "%s: %w", what, err)
}

func (v *validator) size(what string, n, least, most int) {
	if n < least || n > most {
		v.fail(SizeConstraintViolation, "%s has size %d, want %d to %d", what, n, least, most)
	}
}

func (v *validator) identifier(what string, i MTSIdentifier) {
	size := func(part string, n, least, most int) {
		if n < least || n > most {
			v.unanswerable("%s %s has size %d, want %d to %d", what, part, n, least, most)
		}
	}
	size("local-identifier", len(i.LocalIdentifier), 1, UbLocalIDLength)
	d := i.GlobalDomainIdentifier.Domain()
	if n := len(d.C); n != UbCountryNameAlphaLength && n != UbCountryNameNumericLength {
		v.unanswerable("%s names the country %q, want 2 letters or 3 digits", what, d.C)
	}
	size("administration-domain-name", len(d.ADMD), 0, UbDomainNameLength)
	size("private-domain-identifier", len(d.PRMD), 0, UbDomainNameLength)
}

func (v *validator) trace(t TraceInformation) {
	if len(t) == 0 {
		v.fail(ProtocolViolation, "trace-information is empty")
	}
	v.size("trace-information", len(t), 0, UbTransfers)
}

func (v *validator) most(what string, n int) {
	if n < 1 || n > UbRecipients {
		v.unanswerable("%s has size %d, want 1 to %d", what, n, UbRecipients)
	}
}

func (v *validator) number(place, n int) {
	if n < 1 || n > UbRecipients {
		v.unanswerable("per-recipient-fields[%d] has number %d, want 1 to %d", place, n, UbRecipients)
	}
}

func (v *validator) recipients(fields []PerRecipientMessageTransferFields) {
	v.most("per-recipient-fields", len(fields))
	for i := range fields {
		v.number(i, fields[i].OriginallySpecifiedRecipientNumber)
	}
}

func (v *validator) extensions(what string, fields []ExtensionField) {
	v.size(what, len(fields), 0, UbExtensionTypes)
	for i := range fields[:min(len(fields), UbExtensionTypes)] {
		if Find(fields[:i], fields[i].Type) >= 0 {
			v.fail(ProtocolViolation, "%s has %v twice", what, fields[i].Type)
		}
	}
	for _, read := range acted {
		if name, err := read(fields); err != nil {
			v.argument(name, err)
		}
	}
}

// acted are the extensions whose values decide what an MTA does. The values of the
// others are the users' business; an internal trace that cannot be read is that of
// other MTAs, and the domains' trace is still there.
var acted = []func([]ExtensionField) (name string, err error){
	reads(ExtRecipientReassignmentProhibited), reads(ExtOriginatorRequestedAlternateRecipient),
	reads(ExtDLExpansionProhibited), reads(ExtRequestedDeliveryMethod),
	reads(ExtRedirectionHistory), reads(ExtDLExpansionHistory), reads(ExtDLExemptedRecipients),
	func(fields []ExtensionField) (string, error) {
		latest, ok, err := Ext(fields, ExtLatestDeliveryTime)
		if err == nil && ok {
			_, err = latest.Time()
		}
		return ExtLatestDeliveryTime.String(), err
	},
}

func reads[T any](e Extension[T]) func([]ExtensionField) (string, error) {
	return func(fields []ExtensionField) (string, error) {
		_, _, err := Ext(fields, e)
		return e.String(), err
	}
}

package p1

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// Edit is what an MTA changes in the envelope of an object that it passes on,
// X.411 §14. The zero Edit changes nothing.
type Edit struct {
	// Responsible says whether the next MTA is to answer for a recipient, given by
	// its place in per-recipient-fields, from 0, and by its
	// originally-specified-recipient-number, which several recipients share once a
	// list has been expanded. Nil leaves the responsibilities as they are. It is
	// not called for a report.
	Responsible func(index, number int) bool
	// Keep says whether a recipient, given by its place, stays in the envelope; nil
	// keeps all. An envelope that is passed on keeps all of them; one that is shown
	// to a recipient need not disclose the others.
	Keep func(index int) bool
	// Trace, when not nil, becomes the trace-information. Elements that are equal
	// to what the envelope has in the same place keep their octets.
	Trace mts.TraceInformation
	// InternalTrace, when not nil, becomes the internal trace, likewise; when empty,
	// the extension is taken out.
	InternalTrace mts.InternalTraceInformation
	// SetExtensions are per-message extensions to put in the place of those of the
	// same type, or after all others.
	SetExtensions []mts.ExtensionField
	// RemoveExtensions are the types of per-message extensions to take out.
	RemoveExtensions []mts.ExtensionType

	instead    []ber.Raw // recipients in the place of all there are, if there are any
	priority   *mts.Priority
	indicators *mts.PerMessageIndicators
	content    *mts.ContentType
}

var (
	tagPriority           = asn1.App(7)
	tagMessageIndicators  = asn1.App(8)
	tagBuiltInContent     = asn1.App(6)
	tagExtendedContent    = asn1.Univ(6)
	tagTrace              = asn1.App(9)
	tagRecipients         = asn1.Context(2)
	tagExtensions         = asn1.Context(3)
	tagReportExtensions   = asn1.Context(1)
	tagRecipientNumber    = asn1.Context(0)
	tagRecipientIndicator = asn1.Context(1)
)

// Relay returns the envelope part of an object with an edit made. Every element
// the edit does not touch keeps its very octets, unknown elements and unusual
// encodings included; only the lengths of the elements around a change are
// written anew, in the definite form.
func Relay(envelope ber.Raw, e Edit) (ber.Raw, error) {
	out, err := relay(envelope, &e)
	return out, wrap("p1: relay", err)
}

func relay(envelope ber.Raw, e *Edit) (ber.Raw, error) {
	switch KindOf(envelope) {
	case Message, Probe:
		return e.envelope(envelope, tagExtensions)
	case Report:
		parts, err := elements(envelope)
		if err != nil {
			return nil, err
		}
		if len(parts) == 0 || parts[0].Tag() != tagSet {
			return nil, errEnvelope
		}
		if parts[0], err = e.envelope(parts[0], tagReportExtensions); err != nil {
			return nil, err
		}
		return join(envelope, parts), nil
	}
	return nil, errEnvelope
}

// envelope edits a SET with a trace, extensions under the tag given, and, but
// for a report, recipients.
func (e *Edit) envelope(raw ber.Raw, extensions asn1.Tag) (ber.Raw, error) {
	fields, err := elements(raw)
	if err != nil {
		return nil, err
	}
	extended, prioritized, indicated := false, e.priority == nil, e.indicators == nil
	out := fields[:0:0]
	for _, f := range fields {
		switch tag := f.Tag(); {
		case tag == tagPriority && !prioritized:
			prioritized = true
			f, err = ber.Marshal(*e.priority)
		case tag == tagMessageIndicators && !indicated:
			indicated = true
			f, err = ber.Marshal(*e.indicators)
		case e.content != nil && extensions == tagExtensions && (tag == tagBuiltInContent || tag == tagExtendedContent):
			f, err = ber.Marshal(*e.content)
		case tag == tagTrace && e.Trace != nil:
			f, err = retrace(f, e.Trace)
		case tag == extensions:
			extended = true
			f, err = e.extensions(f)
		case tag == tagRecipients && extensions == tagExtensions && (e.Responsible != nil || e.Keep != nil || e.instead != nil):
			f, err = e.recipients(f)
		}
		if err != nil {
			return nil, err
		}
		if f != nil {
			out = append(out, f)
		}
	}
	if !prioritized {
		f, err := ber.Marshal(*e.priority)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if !indicated {
		f, err := ber.Marshal(*e.indicators)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if !extended && e.extends() {
		f, err := e.extensions(ber.AppendHeader(nil, extensions, true, 0))
		if err != nil {
			return nil, err
		}
		if f != nil {
			out = append(out, f)
		}
	}
	if same(fields, out) {
		return raw, nil
	}
	return join(raw, out), nil
}

// retrace returns a trace with the elements wanted, in the octets of the old one
// as far as they are equal.
func retrace[T any](raw ber.Raw, want []T) (ber.Raw, error) {
	old, err := elements(raw)
	if err != nil {
		return nil, err
	}
	out := make([]ber.Raw, len(want))
	changed := len(old) != len(want)
	for i := range want {
		if i < len(old) {
			var was T
			if err := decode(old[i], &was, "", Limits{}); err != nil {
				return nil, fmt.Errorf("trace element %d: %w", i, err)
			}
			if reflect.DeepEqual(was, want[i]) {
				out[i] = old[i]
				continue
			}
		}
		changed = true
		if out[i], err = ber.Marshal(want[i]); err != nil {
			return nil, fmt.Errorf("trace element %d: %w", i, err)
		}
	}
	if !changed {
		return raw, nil
	}
	return join(raw, out), nil
}

// extends reports whether the edit has to do with per-message extensions.
func (e *Edit) extends() bool {
	return e.InternalTrace != nil || len(e.SetExtensions) > 0 || len(e.RemoveExtensions) > 0
}

// extensions edits the per-message extensions; nil says that none are left.
func (e *Edit) extensions(raw ber.Raw) (ber.Raw, error) {
	if !e.extends() {
		return raw, nil
	}
	old, err := elements(raw)
	if err != nil {
		return nil, err
	}
	var (
		out    []ber.Raw
		set    = make([]bool, len(e.SetExtensions))
		traced = len(e.InternalTrace) == 0
	)
	for i, f := range old {
		var field mts.ExtensionField
		if err := decode(f, &field, "", Limits{}); err != nil {
			return nil, fmt.Errorf("extension %d: %w", i, err)
		}
		isType := field.Type.Equal
		replacement := slices.IndexFunc(e.SetExtensions, func(x mts.ExtensionField) bool { return isType(x.Type) })
		switch {
		case e.InternalTrace != nil && isType(mts.ExtInternalTraceInformation.Type()):
			if traced {
				continue
			}
			traced = true
			if f, err = internalTrace(f, field, e.InternalTrace); err != nil {
				return nil, err
			}
		case replacement >= 0:
			if set[replacement] {
				continue
			}
			set[replacement] = true
			encoded, err := ber.Marshal(e.SetExtensions[replacement])
			if err != nil {
				return nil, err
			}
			if !bytes.Equal(encoded, f) {
				f = encoded
			}
		case slices.ContainsFunc(e.RemoveExtensions, isType):
			continue
		}
		out = append(out, f)
	}
	if !traced {
		fields, err := mts.SetExt(nil, mts.ExtInternalTraceInformation, e.InternalTrace)
		if err != nil {
			return nil, err
		}
		encoded, err := ber.Marshal(fields[0])
		if err != nil {
			return nil, err
		}
		out = append(out, encoded)
	}
	for i, done := range set {
		if !done {
			encoded, err := ber.Marshal(e.SetExtensions[i])
			if err != nil {
				return nil, err
			}
			out = append(out, encoded)
		}
	}
	switch {
	case len(out) == 0:
		return nil, nil
	case same(old, out):
		return raw, nil
	}
	return join(raw, out), nil
}

// internalTrace edits the extension field of the internal trace.
func internalTrace(raw ber.Raw, field mts.ExtensionField, want mts.InternalTraceInformation) (ber.Raw, error) {
	if field.Value.Tag() != tagSequence {
		return nil, malformed("internal-trace-information", 0, fmt.Errorf("%w: %v", ber.ErrUnexpected, field.Value.Tag()))
	}
	value, err := retrace(field.Value, want)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(value, field.Value) {
		return raw, nil
	}
	field.Value = value
	return ber.Marshal(field)
}

// recipients edits the recipients there are, and the responsibility of each.
func (e *Edit) recipients(raw ber.Raw) (ber.Raw, error) {
	if e.instead != nil {
		return join(raw, e.instead), nil
	}
	old, err := elements(raw)
	if err != nil {
		return nil, err
	}
	out := make([]ber.Raw, 0, len(old))
	for i, r := range old {
		if e.Keep != nil && !e.Keep(i) {
			continue
		}
		if e.Responsible != nil {
			if r, err = e.recipient(i, r); err != nil {
				return nil, fmt.Errorf("recipient %d: %w", i, err)
			}
		}
		out = append(out, r)
	}
	if same(old, out) {
		return raw, nil
	}
	return join(raw, out), nil
}

// recipientNumber and recipientIndicators are fields of a recipient with the tags
// they have there.
type (
	recipientNumber     int
	recipientIndicators mts.PerRecipientIndicators
)

func (recipientNumber) ASN1Type() string     { return "[0]" }
func (recipientIndicators) ASN1Type() string { return "[1] BIT STRING" }

func (e *Edit) recipient(index int, raw ber.Raw) (ber.Raw, error) {
	fields, err := elements(raw)
	if err != nil {
		return nil, err
	}
	var number recipientNumber
	var bits recipientIndicators
	place := -1
	for i, f := range fields {
		switch f.Tag() {
		case tagRecipientNumber:
			if err := decode(f, &number, "", Limits{}); err != nil {
				return nil, err
			}
		case tagRecipientIndicator:
			place = i
			if err := decode(f, &bits, "", Limits{}); err != nil {
				return nil, err
			}
		}
	}
	if place < 0 {
		return nil, diag.New("", diag.Data, "has no per-recipient-indicators")
	}
	indicators := mts.PerRecipientIndicators(bits)
	responsible := e.Responsible(index, int(number))
	if indicators.Responsibility() == responsible {
		return raw, nil
	}
	bits = recipientIndicators(indicators.WithResponsibility(responsible))
	if fields[place], err = ber.Marshal(bits); err != nil {
		return nil, err
	}
	return join(raw, fields), nil
}

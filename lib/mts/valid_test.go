package mts

import (
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

func validMessage(t *testing.T) *MessageTransferEnvelope {
	return &MessageTransferEnvelope{
		MessageIdentifier: MTSIdentifier{GlobalDomainIdentifier: domain("GB", "TEST", "ALPHA"), LocalIdentifier: "1"},
		OriginatorName:    name(t, annText),
		ContentType:       NewContentType(22),
		TraceInformation:  path("A"),
		PerRecipientFields: []PerRecipientMessageTransferFields{{
			RecipientName:                      name(t, annText),
			OriginallySpecifiedRecipientNumber: 1,
			PerRecipientIndicators:             NewPerRecipientIndicators(true, ReportNonDelivery, ReportNone),
		}},
	}
}

func TestValidMessage(t *testing.T) {
	if err := validMessage(t).Valid(); err != nil {
		t.Fatal(err)
	}
	twice := []ExtensionField{{Type: StandardExtension(23)}, {Type: StandardExtension(23)}}
	unreadable := func(n ExtensionNumber) []ExtensionField {
		return []ExtensionField{{Type: StandardExtension(n), Value: []byte{4, 0}}}
	}
	for _, c := range []struct {
		want string
		code DiagnosticCode // -1: nobody can be told
		spot func(*MessageTransferEnvelope)
	}{
		{"local-identifier has size 0", -1, func(e *MessageTransferEnvelope) { e.MessageIdentifier.LocalIdentifier = "" }},
		{"local-identifier has size 33", -1, func(e *MessageTransferEnvelope) {
			e.MessageIdentifier.LocalIdentifier += "12345678901234567890123456789012"
		}},
		{"country", -1, func(e *MessageTransferEnvelope) {
			e.MessageIdentifier.GlobalDomainIdentifier = domain("GREAT", "TEST", "")
		}},
		{"private-domain-identifier has size 17", -1, func(e *MessageTransferEnvelope) {
			e.MessageIdentifier.GlobalDomainIdentifier = domain("GB", "TEST", strings.Repeat("P", 17))
		}},
		{"per-recipient-fields has size 0", -1, func(e *MessageTransferEnvelope) { e.PerRecipientFields = nil }},
		{"number 0", -1, func(e *MessageTransferEnvelope) { e.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 0 }},
		{"number 32768", -1, func(e *MessageTransferEnvelope) {
			e.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 32768
		}},
		{"number 0", -1, func(e *MessageTransferEnvelope) { // what cannot be answered goes first
			e.ContentIdentifier = "12345678901234567"
			e.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 0
		}},
		{"content-identifier has size 17", SizeConstraintViolation, func(e *MessageTransferEnvelope) { e.ContentIdentifier = "12345678901234567" }},
		{"trace-information is empty", ProtocolViolation, func(e *MessageTransferEnvelope) { e.TraceInformation = nil }},
		{"trace-information has size 513", SizeConstraintViolation, func(e *MessageTransferEnvelope) {
			e.TraceInformation = path(strings.Repeat("A ", 513))
		}},
		{"per-domain-bilateral-information has size 513", SizeConstraintViolation, func(e *MessageTransferEnvelope) {
			e.PerDomainBilateralInformation = make([]PerDomainBilateralInformation, 513)
		}},
		{"content-correlator twice", ProtocolViolation, func(e *MessageTransferEnvelope) { e.Extensions = twice }},
		{"extensions has size 257", SizeConstraintViolation, func(e *MessageTransferEnvelope) { e.Extensions = make([]ExtensionField, 257) }},
		{"deferred-delivery-time", InvalidArguments, func(e *MessageTransferEnvelope) { e.DeferredDeliveryTime = "soon" }},
		{"latest-delivery-time", InvalidArguments, func(e *MessageTransferEnvelope) {
			e.Extensions = []ExtensionField{{Type: StandardExtension(5), Value: []byte{0x17, 1, '9'}}}
		}},
		{"recipient-reassignment-prohibited", InvalidArguments, func(e *MessageTransferEnvelope) { e.Extensions = unreadable(1) }},
		{"dl-expansion-history", InvalidArguments, func(e *MessageTransferEnvelope) { e.Extensions = unreadable(26) }},
	} {
		e := validMessage(t)
		c.spot(e)
		err := e.Valid()
		if err == nil || !strings.Contains(err.Error(), c.want) || diag.KindOf(err) != diag.Data {
			t.Errorf("got %v, want %q", err, c.want)
			continue
		}
		var what *Invalid
		if !errors.As(err, &what) || what.Unanswerable != (c.code < 0) || c.code >= 0 && what.Diagnostic != c.code {
			t.Errorf("%s: %+v", c.want, what)
		}
	}
	// The trace of other MTAs inside their domain, and values for users, are not ours
	// to judge.
	e := validMessage(t)
	for _, n := range []ExtensionNumber{23, 38, 16, 99} {
		e.Extensions = append(e.Extensions, unreadable(n)...)
	}
	if err := e.Valid(); err != nil {
		t.Error(err)
	}
	for want, fields := range map[string][]ExtensionField{"twice": twice, "requested-delivery-method": unreadable(6)} {
		f := validMessage(t).PerRecipientFields[0]
		f.Extensions = fields
		if err := f.Valid(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of a recipient: %v, want %q", err, want)
		}
	}
}

func TestValidProbeAndReport(t *testing.T) {
	m := validMessage(t)
	p := &ProbeTransferEnvelope{
		ProbeIdentifier: m.MessageIdentifier, OriginatorName: m.OriginatorName, ContentType: m.ContentType,
		TraceInformation: m.TraceInformation, PerRecipientFields: m.PerRecipientFields,
	}
	if err := p.Valid(); err != nil {
		t.Error(err)
	}
	p.TraceInformation = nil
	if err := p.Valid(); err == nil {
		t.Error("a probe without trace is valid")
	}
	p.TraceInformation = m.TraceInformation
	for _, n := range []int64{-1, UbContentLength + 1} {
		p.ContentLength = &n
		if err := p.Valid(); err == nil || !strings.Contains(err.Error(), "content-length") {
			t.Errorf("a probe of %d octets: %v", n, err)
		}
	}
	r := &Report{
		Envelope: ReportTransferEnvelope{ReportIdentifier: m.MessageIdentifier, ReportDestinationName: m.OriginatorName, TraceInformation: path("B")},
		Content: ReportTransferContent{SubjectIdentifier: m.MessageIdentifier, PerRecipientFields: []PerRecipientReportTransferFields{{
			ActualRecipientName: m.OriginatorName, OriginallySpecifiedRecipientNumber: 1,
			LastTraceInformation: LastTraceInformation{ArrivalTime: "261124120000Z", ReportType: NewNonDelivery(UnableToTransfer, UnrecognisedORName)},
		}}},
	}
	if err := r.Valid(); err != nil {
		t.Error(err)
	}
	r.Content.PerRecipientFields[0].LastTraceInformation.ReportType = NewDelivery(noon, UserMS)
	if err := r.Valid(); err != nil {
		t.Error(err)
	}
	r.Content.PerRecipientFields[0].LastTraceInformation.ReportType = ReportType{}
	if err := r.Valid(); err == nil || !strings.Contains(err.Error(), "neither delivery nor non-delivery") {
		t.Errorf("a report that says nothing: %v", err)
	}
}

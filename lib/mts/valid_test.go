package mts

import (
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
	twice := []ExtensionField{{Type: StandardExtension(5)}, {Type: StandardExtension(5)}}
	for _, c := range []struct {
		want string
		spot func(*MessageTransferEnvelope)
	}{
		{"local-identifier has size 0", func(e *MessageTransferEnvelope) { e.MessageIdentifier.LocalIdentifier = "" }},
		{"local-identifier has size 33", func(e *MessageTransferEnvelope) {
			e.MessageIdentifier.LocalIdentifier += "12345678901234567890123456789012"
		}},
		{"country", func(e *MessageTransferEnvelope) {
			e.MessageIdentifier.GlobalDomainIdentifier = domain("GREAT", "TEST", "")
		}},
		{"private-domain-identifier has size 17", func(e *MessageTransferEnvelope) {
			e.MessageIdentifier.GlobalDomainIdentifier = domain("GB", "TEST", strings.Repeat("P", 17))
		}},
		{"content-identifier has size 17", func(e *MessageTransferEnvelope) { e.ContentIdentifier = "12345678901234567" }},
		{"trace-information has size 0", func(e *MessageTransferEnvelope) { e.TraceInformation = nil }},
		{"trace-information has size 513", func(e *MessageTransferEnvelope) {
			e.TraceInformation = path(strings.Repeat("A ", 513))
		}},
		{"per-recipient-fields has size 0", func(e *MessageTransferEnvelope) { e.PerRecipientFields = nil }},
		{"number 0", func(e *MessageTransferEnvelope) { e.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 0 }},
		{"number 32768", func(e *MessageTransferEnvelope) {
			e.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 32768
		}},
		{"latest-delivery-time twice", func(e *MessageTransferEnvelope) { e.Extensions = twice }},
		{"latest-delivery-time twice", func(e *MessageTransferEnvelope) { e.PerRecipientFields[0].Extensions = twice }},
	} {
		e := validMessage(t)
		c.spot(e)
		err := e.Valid()
		if err == nil || !strings.Contains(err.Error(), c.want) || diag.KindOf(err) != diag.Data {
			t.Errorf("got %v, want %q", err, c.want)
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

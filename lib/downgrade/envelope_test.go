package downgrade

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

var (
	at      = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	domain  = mts.NewGlobalDomainIdentifier(gateway)
	subject = mts.MTSIdentifier{GlobalDomainIdentifier: domain, LocalIdentifier: "MTA-A.1"}
	// responsible, reports of non-delivery to the MTA and the originator
	responsible = mts.PerRecipientIndicators(asn1.BitString{Bytes: []byte{0xa8}, BitLength: 8})
)

func extension[T any](t testing.TB, e mts.Extension[T], v T, critical ...mts.Stage) mts.ExtensionField {
	t.Helper()
	fields, err := mts.SetExt(nil, e, v)
	if err != nil {
		t.Fatal(err)
	}
	fields[0].Criticality = mts.NewCriticality(critical...)
	return fields[0]
}

// envelope is one with everything in it that 1984 has not.
func envelope(t testing.TB) *mts.MessageTransferEnvelope {
	t.Helper()
	private := oraddr.NewNumericOrPrintable("ALPHA")
	admd, country := oraddr.NewNumericOrPrintable("TEST"), oraddr.NewNumericOrPrintable("GB")
	originator := name(t, "/CN=Postmaster/O=A/ADMD=B/C=GB/")
	originator.DirectoryName = ber.Raw{0x30, 0}
	return &mts.MessageTransferEnvelope{
		MessageIdentifier:               subject,
		OriginatorName:                  originator,
		OriginalEncodedInformationTypes: mts.NewEncodedInformationTypes("2.6.3.4.2", "1.0.10021.7.1.0.100"),
		ContentType:                     mts.NewContentType(mts.InterpersonalMessaging1984),
		PerMessageIndicators:            mts.PerMessageIndicators(asn1.Bits(0, 5, 7)),
		PerDomainBilateralInformation: []mts.PerDomainBilateralInformation{
			{CountryName: *country, Domain: mts.BilateralDomain{AdministrationDomainName: admd}, BilateralInformation: ber.Raw{5, 0}},
			{CountryName: *country, Domain: mts.BilateralDomain{PrivateDomain: &mts.BilateralPrivateDomain{AdministrationDomainName: *admd, PrivateDomainIdentifier: *private}}, BilateralInformation: ber.Raw{5, 0}},
		},
		TraceInformation: mts.TraceInformation{{GlobalDomainIdentifier: domain,
			DomainSuppliedInformation: mts.DomainSuppliedInformation{ArrivalTime: asn1.NewUTCTime(at), OtherActions: mts.NewOtherActions(true, false)}}},
		Extensions: []mts.ExtensionField{
			extension(t, mts.ExtDLExpansionProhibited, mts.Prohibited, mts.ForDelivery),
			extension(t, mts.ExtInternalTraceInformation, mts.AppendInternalTrace(nil, domain, "MTA-A", at)),
		},
		PerRecipientFields: []mts.PerRecipientMessageTransferFields{
			{RecipientName: name(t, "/CN=Ann/O=A/ADMD=B/C=GB/"), OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: responsible,
				Extensions: []mts.ExtensionField{extension(t, mts.ExtPhysicalForwardingProhibited, mts.Prohibited)}},
			{RecipientName: name(t, "/PD-S=x/PD-C=GB/PD-PC=1/ADMD=B/C=GB/"), OriginallySpecifiedRecipientNumber: 2, PerRecipientIndicators: responsible},
			{RecipientName: name(t, "/PD-S=y/PD-C=GB/PD-PC=1/ADMD=B/C=GB/"), OriginallySpecifiedRecipientNumber: 3, PerRecipientIndicators: responsible.WithResponsibility(false)},
		},
		Unknown: []ber.Raw{{0x9f, 0x63, 0}},
	}
}

// marshal is the envelope part of what a test makes.
func marshal(t testing.TB, e *mts.MessageTransferEnvelope) ber.Raw {
	t.Helper()
	raw, err := p1.EncodeMessageEnvelope(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMessage(t *testing.T) {
	o, err := Transfer(marshal(t, envelope(t)), strings.NewReader("content"), 7, Peer{Domain: gateway})
	if err != nil {
		t.Fatal(err)
	}
	if o.Content != nil {
		t.Error("a content of 1984 was touched")
	}
	e, err := p1.DecodeMessageEnvelope(o.Envelope, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, e.OriginatorName); got != "/DD.Common=Postmaster/O=A/ADMD=B/C=GB/" || len(e.OriginatorName.DirectoryName) > 0 {
		t.Errorf("originator %s", got)
	}
	if types := e.OriginalEncodedInformationTypes; len(types.ExtendedEncodedInformationTypes) > 0 || types.String() != "unknown,ia5-text" {
		t.Errorf("encoded information types %v", types)
	}
	if bits := asn1.BitString(e.PerMessageIndicators); bits.String() != "'1000'B" {
		t.Errorf("per-message-indicators %v", bits)
	}
	if len(e.PerDomainBilateralInformation) != 1 || len(e.Unknown) > 0 || len(e.Extensions) > 0 {
		t.Errorf("%+v", e)
	}
	if s := e.TraceInformation[0].DomainSuppliedInformation; s.OtherActions.Redirected() || string(s.ArrivalTime) == "" {
		t.Errorf("trace %+v", s)
	}
	var recipients []string
	for _, r := range e.PerRecipientFields {
		recipients = append(recipients, textOf(t, r.RecipientName)+" "+asn1.BitString(r.PerRecipientIndicators).String())
		if len(r.Extensions) > 0 {
			t.Errorf("recipient %+v", r)
		}
	}
	if want := []string{
		"/DD.Common=Ann/O=A/ADMD=B/C=GB/ '10101000'B",
		"/DD.X400-88=$/PD-STREET$=x$/PD-CODE$=1$/PD-C$=GB$/ADMD$=B$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/ '00101000'B",
		"/DD.X400-88=$/PD-STREET$=y$/PD-CODE$=1$/PD-C$=GB$/ADMD$=B$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/ '00101000'B",
	}; !slices.Equal(recipients, want) {
		t.Errorf("recipients %q, want %q", recipients, want)
	}
	if len(o.Refused) != 1 || o.Refused[0].Place != 1 {
		t.Errorf("refused %+v", o.Refused)
	}
	if got, want := strings.Join(o.Lost, "; "), "directory-name; extension dl-expansion-prohibited; encoded information type 1.0.10021.7.1.0.100; "+
		"per-message-indicators beyond the fourth; per-domain-bilateral-information of a private domain; other-actions of the trace; "+
		"extension physical-forwarding-prohibited; an unknown element"; got != want {
		t.Errorf("lost %q, want %q", got, want)
	}
}

// envelope84 is an envelope as an MTA of 1984 writes it (X.411 of 1984, figure of
// the UMPDU): every element that edition has, and no other.
func envelope84(t testing.TB) []byte {
	t.Helper()
	h := func(text string) []byte { return octets(t, text) }
	domain := element(0x63, h("6104 13024742  6206 130454455354  1305 414c504841"))
	address := func(surname string) []byte {
		return element(0x60, element(0x30, h("6104 13024742  6203 130142"), element(0xa5, element(0x80, []byte(surname)))),
			element(0x30, element(0x30, element(0x13, []byte("t")), element(0x13, []byte("v")))))
	}
	eits := element(0x65, h("80020520"), h("a300")) // ia5-text; presentation-capabilities
	now := []byte("261127120000Z")
	return element(0x31,
		element(0x64, domain, element(0x16, []byte("a.1"))),
		address("Smith"),
		eits,
		h("46 01 02"), // P2
		element(0x4a, []byte("ua-content-id")),
		h("47 01 02"),    // urgent
		h("48 02 04 f0"), // all four flags
		element(0x80, now),
		element(0xa1, element(0x30, h("6104 13024742  6206 130454455354  0500"))),
		element(0x69, element(0x30, domain, element(0x31, element(0x80, now), h("82 01 01"), domain, element(0x81, now), eits))),
		element(0xa2, element(0x31, address("Jones"), h("80 01 01"), h("81 02 00 a8"), h("82 01 00"))))
}

// What has nothing but what 1984 has comes out with all of it.
func TestMessageOf1984(t *testing.T) {
	raw := envelope84(t)
	o, err := Transfer(raw, strings.NewReader(""), 0, Peer{Domain: gateway})
	if err != nil || len(o.Lost) > 0 || len(o.Refused) > 0 {
		t.Fatalf("%v, %+v", err, o)
	}
	want, err := p1.DecodeMessageEnvelope(raw, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p1.DecodeMessageEnvelope(o.Envelope, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" || len(raw) != len(o.Envelope) {
		t.Errorf("%s\n%x, want\n%x", d, o.Envelope, raw)
	}
}

func TestImpossible(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*mts.MessageTransferEnvelope)
	}{
		{"content-type", func(e *mts.MessageTransferEnvelope) {
			e.ContentType = mts.NewExtendedContentType(mts.ContentP772)
		}},
		{"critical for transfer", func(e *mts.MessageTransferEnvelope) {
			e.Extensions = append(e.Extensions, extension(t, mts.ExtLatestDeliveryTime, asn1.NewUTCTime(at), mts.ForTransfer))
		}},
		{"no recipient is left", func(e *mts.MessageTransferEnvelope) { e.PerRecipientFields = e.PerRecipientFields[1:] }},
		{"a recipient's extension is critical for transfer", func(e *mts.MessageTransferEnvelope) {
			e.PerRecipientFields = e.PerRecipientFields[:1]
			e.PerRecipientFields[0].Extensions[0].Criticality = mts.NewCriticality(mts.ForTransfer)
		}},
		{"originator", func(e *mts.MessageTransferEnvelope) {
			e.OriginatorName = oraddr.ORName{DirectoryName: ber.Raw{0x30, 0}}
		}},
		{"P22 that is none", func(e *mts.MessageTransferEnvelope) {
			e.ContentType = mts.NewContentType(mts.InterpersonalMessaging1988)
		}},
	} {
		e := envelope(t)
		c.edit(e)
		_, err := Transfer(marshal(t, e), strings.NewReader("nonsense"), 8, Peer{Domain: gateway})
		var no *Impossible
		if !errors.As(err, &no) || no.Reason() != mts.UnableToTransfer || no.Diagnostic() != mts.UnableToDowngrade {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// What a peer gets of P22 depends on what it takes.
func TestContentType22(t *testing.T) {
	heading := ipms.Heading{ThisIPM: ipms.IPMIdentifier{UserRelativeIdentifier: "1"}}
	languages := []ipms.Extension{{Type: ipms.ExtLanguages, Value: ber.Raw{0x31, 0}}}
	file := ipms.BodyPart{Extended: &ipms.ExtendedBodyPart{Data: ipms.External{DirectReference: ipms.DataFileTransfer, Encoding: ipms.ExternalEncoding{SingleASN1: ber.Raw{0x30, 0}}}}}
	for _, c := range []struct {
		name       string
		part       ipms.BodyPart
		extensions []ipms.Extension
		p2, p22    mts.BuiltInContentType // 0: impossible
		eits       string                 // to a peer that takes P2
	}{
		{"plain", ipms.BodyPart{IA5Text: &ipms.IA5TextBodyPart{Data: "abc"}}, nil, 2, 2, ""},
		{"languages", ipms.BodyPart{IA5Text: &ipms.IA5TextBodyPart{Data: "abc"}}, languages, 2, 22, ""},
		{"general-text", ipms.BodyPart{Extended: generalText(t, "abc")}, nil, 2, 22, "ia5-text"},
		{"file", file, nil, 0, 22, ""},
	} {
		heading.Extensions = c.extensions
		content, err := ipms.InformationObject{IPM: &ipms.IPM{Heading: heading, Body: []ipms.BodyPart{c.part}}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		e := envelope(t)
		e.ContentType = mts.NewContentType(mts.InterpersonalMessaging1988)
		e.OriginalEncodedInformationTypes = mts.NewEncodedInformationTypes("1.0.10021.7.1.0.6")
		raw := marshal(t, e)
		for _, takes := range []bool{false, true} {
			want := c.p2
			if takes {
				want = c.p22
			}
			o, err := Transfer(raw, bytes.NewReader(content), int64(len(content)), Peer{Domain: gateway, TakesP22: takes})
			var no *Impossible
			if want == 0 {
				if !errors.As(err, &no) {
					t.Errorf("%s, takes P22 %v: %v", c.name, takes, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, takes P22 %v: %v", c.name, takes, err)
				continue
			}
			got, err := p1.DecodeMessageEnvelope(o.Envelope, p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if *got.ContentType.BuiltIn != want || (o.Content != nil) != (want == 2) {
				t.Errorf("%s, takes P22 %v: content-type %s, content %v", c.name, takes, got.ContentType, o.Content)
			}
			if converted := got.TraceInformation[0].DomainSuppliedInformation.ConvertedEncodedInformationTypes; !takes && converted.String() != c.eits {
				t.Errorf("%s: converted to %q, want %q", c.name, converted, c.eits)
			}
			if o.Content != nil {
				b, err := io.ReadAll(o.Content.Of(bytes.NewReader(content)))
				if _, decodeErr := ipms.Decode(b); err != nil || decodeErr != nil {
					t.Errorf("%s: %v, %v", c.name, err, decodeErr)
				}
			}
		}
	}
}

// A content-type that has both names goes by its number.
func TestContentTypeOfTwoNames(t *testing.T) {
	content, err := ipms.InformationObject{IPM: &ipms.IPM{Heading: ipms.Heading{ThisIPM: ipms.IPMIdentifier{UserRelativeIdentifier: "1"}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for o, want := range map[asn1.OID]mts.BuiltInContentType{
		mts.ContentUnidentified: 0, ipms.ContentP2: 2, ipms.ContentP22: 2, edims.ContentPedi: 35,
	} {
		e := envelope(t)
		e.ContentType = mts.NewExtendedContentType(o)
		if err := Carries(e.ContentType); err != nil {
			t.Errorf("%s: %v", o, err)
			continue
		}
		out, err := Transfer(marshal(t, e), bytes.NewReader(content), int64(len(content)), Peer{Domain: gateway})
		if err != nil {
			t.Errorf("%s: %v", o, err)
			continue
		}
		got, err := p1.DecodeMessageEnvelope(out.Envelope, p1.Limits{})
		if err != nil || got.ContentType.BuiltIn == nil || *got.ContentType.BuiltIn != want {
			t.Errorf("%s: %v, content-type %s, want %d", o, err, got.ContentType, want)
		}
		if made := out.Content != nil; made != (o == ipms.ContentP22) {
			t.Errorf("%s: the content is another: %v", o, made)
		}
	}
}

func TestProbe(t *testing.T) {
	e := envelope(t)
	probe := &mts.Probe{ProbeIdentifier: subject, OriginatorName: e.OriginatorName, ContentType: mts.NewContentType(mts.InterpersonalMessaging1988),
		ContentLength: new(int64(100)), TraceInformation: e.TraceInformation, Extensions: e.Extensions, PerRecipientFields: e.PerRecipientFields}
	raw, err := p1.EncodeProbe(probe)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Transfer(raw, nil, 0, Peer{Domain: gateway})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p1.DecodeProbe(o.Envelope, p1.Limits{})
	if err != nil || *got.ContentType.BuiltIn != 2 || *got.ContentLength != 100 || len(got.Extensions) > 0 || len(o.Refused) != 1 ||
		textOf(t, got.PerRecipientFields[0].RecipientName) != "/DD.Common=Ann/O=A/ADMD=B/C=GB/" {
		t.Errorf("%v, %+v", err, got)
	}
}

func TestReport(t *testing.T) {
	cn := name(t, "/CN=Postmaster/O=A/ADMD=B/C=GB/")
	mts22 := mts.NewContentType(mts.InterpersonalMessaging1988)
	reported := func(n int, rt mts.ReportType) mts.PerRecipientReportTransferFields {
		return mts.PerRecipientReportTransferFields{ActualRecipientName: cn, OriginallySpecifiedRecipientNumber: n, PerRecipientIndicators: responsible,
			OriginallyIntendedRecipientName: &cn, LastTraceInformation: mts.LastTraceInformation{ArrivalTime: asn1.NewUTCTime(at), ReportType: rt},
			Extensions: []mts.ExtensionField{extension(t, mts.ExtPhysicalForwardingAddress, cn)}}
	}
	r := &mts.Report{
		Envelope: mts.ReportTransferEnvelope{ReportIdentifier: subject, ReportDestinationName: cn, TraceInformation: envelope(t).TraceInformation,
			Extensions: []mts.ExtensionField{extension(t, mts.ExtReportingMTAName, mts.ReportingMTAName{Domain: domain, MTAName: "MTA-A"})}},
		Content: mts.ReportTransferContent{SubjectIdentifier: subject, SubjectIntermediateTraceInformation: envelope(t).TraceInformation,
			ContentType: &mts22, OriginalEncodedInformationTypes: mts.NewEncodedInformationTypes("2.6.3.4.2"),
			PerRecipientFields: []mts.PerRecipientReportTransferFields{
				reported(1, mts.NewNonDelivery(mts.RestrictedDelivery, mts.UnableToDowngrade)),
				reported(2, mts.NewNonDelivery(mts.UnableToTransfer, mts.DiagnosticLoopDetected)),
				reported(3, mts.NewDelivery(at, mts.UserDL)),
				reported(4, mts.NewDelivery(at, mts.UserPrivate)),
			}},
	}
	r.Content.PerRecipientFields[1].SupplementaryInformation = asn1.PrintableString(strings.Repeat("x", 70))
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Transfer(raw, nil, 0, Peer{Domain: gateway})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p1.DecodeReport(o.Envelope, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Envelope.Extensions) > 0 || got.Content.ContentType != nil || got.Content.OriginalEncodedInformationTypes != nil ||
		got.Envelope.TraceInformation[0].DomainSuppliedInformation.OtherActions.Redirected() ||
		got.Content.SubjectIntermediateTraceInformation[0].DomainSuppliedInformation.OtherActions.Redirected() {
		t.Errorf("%+v", got)
	}
	common := "/DD.Common=Postmaster/O=A/ADMD=B/C=GB/"
	for _, p := range got.Content.PerRecipientFields {
		if textOf(t, p.ActualRecipientName) != common || textOf(t, *p.OriginallyIntendedRecipientName) != common || len(p.Extensions) > 0 {
			t.Errorf("%+v", p)
		}
	}
	p := got.Content.PerRecipientFields
	if n := p[0].LastTraceInformation.ReportType.NonDelivery; n.NonDeliveryReasonCode != mts.TransferFailure || n.NonDeliveryDiagnosticCode != nil ||
		p[0].SupplementaryInformation != "restricted-delivery: unable-to-downgrade" {
		t.Errorf("%+v %q", n, p[0].SupplementaryInformation)
	}
	if n := p[1].LastTraceInformation.ReportType.NonDelivery; n.NonDeliveryReasonCode != mts.UnableToTransfer || *n.NonDeliveryDiagnosticCode != mts.DiagnosticLoopDetected ||
		len(p[1].SupplementaryInformation) != 64 {
		t.Errorf("%+v %q", n, p[1].SupplementaryInformation)
	}
	if p[2].LastTraceInformation.ReportType.Delivery.User() != mts.UserPublic || p[3].LastTraceInformation.ReportType.Delivery.User() != mts.UserPrivate {
		t.Errorf("%+v", p[2:])
	}
	r.Envelope.Extensions[0].Criticality = mts.NewCriticality(mts.ForTransfer)
	if raw, err = p1.EncodeReport(r); err != nil {
		t.Fatal(err)
	}
	var no *Impossible
	if _, err := Transfer(raw, nil, 0, Peer{Domain: gateway}); !errors.As(err, &no) {
		t.Errorf("%v", err)
	}
}

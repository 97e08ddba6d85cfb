package p1

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

var (
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	bravo = mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
)

// An envelope that no encoder of ours would make: indefinite and padded lengths,
// the SET in another order, DEFAULT values present, a string in segments, an
// element of some later edition, and an extension that nobody knows.
const (
	oddPriority   = `47 81 01 00 `
	oddOriginator = `60 80 30 80 61 84 00 00 00 04 13 02 47 42 62 06 13 04 54 45 53 54 00 00 00 00 `
	oddUnknown    = `BF 8F 0F 80 04 01 07 00 00 `
	oddIndicators = `48 03 04 80 00 `
	oddIdentifier = `64 24 ` + alphaDomain + `36 0B 04 04 4D 54 41 2D 04 03 41 2E 31 `
	oddTraceOne   = `30 81 2B ` + alphaDomain + `31 12 82 01 00 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A `
	oddTraceTwo   = `30 80 ` + bravoDomain + `31 80 82 01 00 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A 87 01 09 00 00 00 00 `
	oddExtension  = `30 0C 83 02 2A 03 81 02 07 00 A2 02 05 00 `
	oddOne        = `31 80 81 03 00 50 00 80 02 00 01 ` + bobName + `A3 00 00 00 `
	oddTwo        = `31 82 00 39 80 01 02 ` + bobName + `81 02 00 D0 82 81 01 08 `
	oddTail       = `31 80 82 01 08 ` + bobName + `81 02 00 50 80 01 02 00 00 `
)

func oddEnvelope(trace, extensions, recipients string) string {
	return `31 80 A2 80 ` + recipients + `00 00 ` + oddPriority + oddUnknown + `A3 80 ` + extensions + `00 00 ` +
		contentP22 + oddOriginator + oddIndicators + `69 80 ` + trace + `00 00 ` + oddIdentifier + `00 00`
}

// definiteForm is the contents given, in an element of definite length.
func definiteForm(t *testing.T, tag asn1.Tag, contents string) string {
	c := octets(t, contents)
	return hexText(append(ber.AppendHeader(nil, tag, true, int64(len(c))), c...))
}

func hexText(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteString(string("0123456789ABCDEF"[c>>4]) + string("0123456789ABCDEF"[c&15]) + " ")
	}
	return s.String()
}

func TestRelayChangesOnlyWhatItMust(t *testing.T) {
	original := oddEnvelope(oddTraceOne+oddTraceTwo, oddExtension, oddOne+oddTwo+oddTail)
	was, err := DecodeMessageEnvelope(octets(t, original), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	// around is the envelope with parts replaced; the lengths around a change are
	// those of the relaying MTA.
	around := func(trace, extensions, recipients string) string {
		return definiteForm(t, tagSet, recipients+oddPriority+oddUnknown+extensions+contentP22+
			oddOriginator+oddIndicators+trace+oddIdentifier)
	}
	trace := `69 80 ` + oddTraceOne + oddTraceTwo + `00 00 `
	extensions := `A3 80 ` + oddExtension + `00 00 `
	rcpts := `A2 80 ` + oddOne + oddTwo + oddTail + `00 00 `
	third := `30 2B 63 15 61 04 13 02 47 42 62 06 13 04 54 45 53 54 13 05 43 48 41 52 4C 31 12
		80 0D 32 36 31 31 32 34 31 32 30 30 30 30 5A 82 01 00 `
	charl := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "CHARL"})
	internalOne := `30 3B 80 01 26 A2 36 30 34 30 32 ` + bravoDomain + `16 05 4D 54 41 2D 42
		31 12 80 0D 32 36 31 31 32 34 31 32 30 30 30 30 5A 82 01 00 `

	for _, c := range []struct {
		name string
		edit Edit
		want string
	}{
		{"nothing", Edit{}, original},
		{"what is so already", Edit{
			Responsible: func(_, n int) bool { return false },
			Trace:       was.TraceInformation,
		}, around(trace, extensions, definiteForm(t, tagRecipients, oddOne+
			definiteForm(t, tagSet, `80 01 02 `+bobName+`81 02 00 50 82 81 01 08`)+oddTail))},
		{"responsibility by number", Edit{
			Responsible: func(_, n int) bool { return n == 2 },
		}, around(trace, extensions, definiteForm(t, tagRecipients, oddOne+oddTwo+
			definiteForm(t, tagSet, `82 01 08 `+bobName+`81 02 00 D0 80 01 02`)))},
		{"responsibility by place", Edit{
			Responsible: func(i, _ int) bool { return i == 1 },
		}, original},
		{"another bit string of unusual form", Edit{
			Responsible: func(i, _ int) bool { return i < 2 },
		}, around(trace, extensions, definiteForm(t, tagRecipients,
			definiteForm(t, tagSet, `81 03 00 D0 00 80 02 00 01 `+bobName+`A3 00`)+oddTwo+oddTail))},
		{"one recipient kept", Edit{
			Keep: func(i int) bool { return i == 1 },
		}, around(trace, extensions, definiteForm(t, tagRecipients, oddTwo))},
		{"every recipient kept", Edit{
			Keep: func(int) bool { return true },
		}, original},
		{"places are those before others went", Edit{
			Keep:        func(i int) bool { return i > 0 },
			Responsible: func(i, _ int) bool { return i == 2 },
		}, around(trace, extensions, definiteForm(t, tagRecipients,
			definiteForm(t, tagSet, `80 01 02 `+bobName+`81 02 00 50 82 81 01 08`)+
				definiteForm(t, tagSet, `82 01 08 `+bobName+`81 02 00 D0 80 01 02`)))},
		{"a trace element more", Edit{
			Trace: mts.AppendTrace(was.TraceInformation, charl, noon),
		}, around(definiteForm(t, tagTrace, oddTraceOne+oddTraceTwo+third), extensions, rcpts)},
		{"the last trace element changed", Edit{
			Trace: mts.RecordTrace(was.TraceInformation, bravo, mts.AdditionalActions{OtherActions: mts.NewOtherActions(true, false)}),
		}, around(definiteForm(t, tagTrace, oddTraceOne+
			`30 32 `+bravoDomain+`31 19 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A 82 01 00 83 02 07 80 87 01 09 `), extensions, rcpts)},
		{"internal trace", Edit{
			InternalTrace: mts.AppendInternalTrace(nil, bravo, "MTA-B", noon),
		}, around(trace, definiteForm(t, tagExtensions, oddExtension+internalOne), rcpts)},
		{"internal trace that is not there taken out", Edit{
			InternalTrace: mts.InternalTraceInformation{},
		}, original},
		{"an extension set and one removed", Edit{
			SetExtensions:    []mts.ExtensionField{{Type: mts.StandardExtension(3), Value: ber.Raw{0x0A, 0x01, 0x01}}},
			RemoveExtensions: []mts.ExtensionType{mts.PrivateExtension("1.2.3")},
		}, around(trace, `A3 0A 30 08 80 01 03 A2 03 0A 01 01 `, rcpts)},
		{"the only extension removed", Edit{
			RemoveExtensions: []mts.ExtensionType{mts.PrivateExtension("1.2.3")},
		}, around(trace, ``, rcpts)},
		{"an extension replaced", Edit{
			SetExtensions: []mts.ExtensionField{{Type: mts.PrivateExtension("1.2.3"), Value: ber.Raw{0x02, 0x01, 0x07}}},
		}, around(trace, `A3 0B 30 09 83 02 2A 03 A2 03 02 01 07 `, rcpts)},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Relay(octets(t, original), c.edit)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, octets(t, c.want)) {
				t.Errorf("relayed\n% X\nwant\n% X", got, octets(t, c.want))
			}
			if _, err := DecodeMessageEnvelope(got, Limits{}); err != nil {
				t.Errorf("what was relayed is no envelope: %v", err)
			}
		})
	}
}

// Internal trace that is there is extended; the extension keeps its place.
func TestRelayInternalTrace(t *testing.T) {
	envelope := octets(t, envelopeOctets)
	was, err := DecodeMessageEnvelope(envelope, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	old, ok, err := mts.Ext(was.Extensions, mts.ExtInternalTraceInformation)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	want := mts.AppendInternalTrace(old, bravo, "MTA-B", noon)
	got, err := Relay(envelope, Edit{InternalTrace: want})
	if err != nil {
		t.Fatal(err)
	}
	is, err := DecodeMessageEnvelope(got, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	now, _, err := mts.Ext(is.Extensions, mts.ExtInternalTraceInformation)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, now); diff != "" {
		t.Errorf("internal trace: %s", diff)
	}
	// Taking it out leaves an envelope without extensions.
	bare, err := Relay(got, Edit{InternalTrace: mts.InternalTraceInformation{}})
	if err != nil {
		t.Fatal(err)
	}
	if want := definiteForm(t, tagSet, messageID+annName+contentP22+indicators+alphaTrace+recipients); !bytes.Equal(bare, octets(t, want)) {
		t.Errorf("without internal trace\n% X\nwant\n% X", bare, octets(t, want))
	}
}

func TestRelayProbe(t *testing.T) {
	got, err := Relay(octets(t, probeOctets), Edit{Responsible: func(int, int) bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(probeOctets, `81 02 00 D0`, `81 02 00 50`, 1); !bytes.Equal(got, octets(t, want)) {
		t.Errorf("relayed\n% X\nwant\n% X", got, octets(t, want))
	}
}

func TestRelayReport(t *testing.T) {
	report := octets(t, reportOctets)
	was, err := DecodeReport(report, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	alpha := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
	edit := Edit{
		Trace:         mts.AppendTrace(was.Envelope.TraceInformation, alpha, noon),
		InternalTrace: mts.AppendInternalTrace(nil, alpha, "MTA-A", noon),
		Responsible:   func(int, int) bool { t.Error("a report has no responsibilities"); return false },
	}
	got, err := Relay(report, edit)
	if err != nil {
		t.Fatal(err)
	}
	is, err := DecodeReport(got, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was.Content, is.Content); diff != "" {
		t.Errorf("the content of the report has changed: %s", diff)
	}
	if diff := cmp.Diff(edit.Trace, is.Envelope.TraceInformation); diff != "" {
		t.Errorf("trace: %s", diff)
	}
	if trace, ok, err := mts.Ext(is.Envelope.Extensions, mts.ExtInternalTraceInformation); !ok || err != nil || len(trace) != 1 {
		t.Errorf("internal trace: %v, %v, %v", trace, ok, err)
	}
	if _, ok, err := mts.Ext(is.Envelope.Extensions, mts.ExtReportingMTAName); !ok || err != nil {
		t.Errorf("reporting-MTA-name: %v, %v", ok, err)
	}
}

// Reason, diagnostic and kind of user of a later edition go on as they came: no bit of
// a report's content is this MTA's to change.
func TestRelayReportOfALaterEdition(t *testing.T) {
	later := strings.NewReplacer("A1 06 80 01 01 81 01 00", "A1 06 80 01 63 81 01 6F", "81 01 00 ", "81 01 63 ").Replace(reportOctets)
	if later == reportOctets {
		t.Fatal("nothing to change")
	}
	report := octets(t, later)
	was, err := DecodeReport(report, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	alpha := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
	got, err := Relay(report, Edit{Trace: mts.AppendTrace(was.Envelope.TraceInformation, alpha, noon)})
	if err != nil {
		t.Fatal(err)
	}
	if f := was.Content.PerRecipientFields; f[0].LastTraceInformation.ReportType.NonDelivery.NonDeliveryReasonCode != 99 ||
		f[1].LastTraceInformation.ReportType.Delivery.User() != 99 {
		t.Fatalf("nothing of a later edition: %+v", f)
	}
	parts, err := elements(report)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(got, parts[1]) || bytes.Equal(got, report) {
		t.Errorf("relayed\n% X", got)
	}
}

func TestRelayRefuses(t *testing.T) {
	yes := func(int, int) bool { return true }
	for _, c := range []struct {
		name, envelope string
		edit           Edit
	}{
		{"nothing", ``, Edit{}},
		{"another element", `05 00`, Edit{}},
		{"an envelope cut short", `31 05 47 01`, Edit{Responsible: yes}},
		{"a recipient without indicators", `31 07 A2 05 31 03 80 01 01`, Edit{Responsible: yes}},
		{"a recipient that is none", `31 05 A2 03 30 05 00`, Edit{Responsible: yes}},
		{"a number that is none", `31 0D A2 0B 31 09 80 00 81 02 00 D0 82 01 00`, Edit{Responsible: yes}},
		{"a trace that is none", `31 06 69 04 30 02 05 00`, Edit{Trace: mts.AppendTrace(nil, bravo, noon)}},
		{"an extension that is none", `31 06 A3 04 30 02 05 00`, Edit{InternalTrace: mts.InternalTraceInformation{}}},
		{"a report of nothing", `A1 00`, Edit{}},
		{"a report of something else", `A1 02 05 00`, Edit{}},
	} {
		if got, err := Relay(octets(t, c.envelope), c.edit); err == nil {
			t.Errorf("%s: % X", c.name, got)
		}
	}
}

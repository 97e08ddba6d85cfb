package local

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	ann  = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	bob  = "/S=Bob/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	abby = "/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"
)

var (
	noon  = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	alpha = conf.Identity{MTA: "MTA-A", Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}}
)

func name(t *testing.T, text string) oraddr.ORName {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// received is a message from BRAVO to Ann and Bob as this channel finds it in the
// spool, with both to deliver to.
func received(t *testing.T, edit func(*mts.MessageTransferEnvelope)) *envelope {
	t.Helper()
	bravo := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
	m := &mts.MessageTransferEnvelope{
		MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: bravo, LocalIdentifier: "MTA-B.1"},
		OriginatorName:    name(t, abby),
		ContentType:       mts.NewContentType(mts.InterpersonalMessaging1988),
		TraceInformation:  mts.AppendTrace(nil, bravo, noon),
	}
	s := &spool.Envelope{ID: spool.NewID(noon), Kind: spool.KindMessage, Accepted: noon}
	for i, text := range []string{ann, bob} {
		m.PerRecipientFields = append(m.PerRecipientFields, mts.PerRecipientMessageTransferFields{RecipientName: name(t, text),
			OriginallySpecifiedRecipientNumber: i + 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportNone)})
		s.Recipients = append(s.Recipients, spool.Recipient{N: i + 1, Address: text})
	}
	if edit != nil {
		edit(m)
	}
	var err error
	if s.Wire, err = p1.EncodeMessageEnvelope(m); err != nil {
		t.Fatal(err)
	}
	e, err := readEnvelope(s, alpha)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// X.411 §9.2: what is critical for delivery is either done or the reason not to
// deliver. A request that nobody here fulfils is not done by knowing its number.
func TestCritical(t *testing.T) {
	field := func(n mts.ExtensionNumber, value ...byte) mts.ExtensionField {
		return mts.ExtensionField{Type: mts.StandardExtension(n), Criticality: mts.NewCriticality(mts.ForDelivery), Value: ber.Raw(value)}
	}
	private := mts.ExtensionField{Type: mts.PrivateExtension("1.2.3"), Criticality: mts.NewCriticality(mts.ForDelivery)}
	indifferent := field(22, 10, 1, 1)
	indifferent.Criticality = mts.NewCriticality(mts.ForTransfer)
	for _, c := range []struct {
		name    string
		field   mts.ExtensionField
		refused bool
	}{
		{"recipient-reassignment-prohibited", field(1, 10, 1, 1), false},
		{"dl-expansion-prohibited", field(3, 10, 1, 1), false},
		{"conversion-with-loss-prohibited", field(4, 10, 1, 1), false},
		{"latest-delivery-time", field(5, 0x17, 0), false},
		{"any method", field(6, 0x30, 3, 2, 1, 0), false},
		{"by MHS, or else by post", field(6, 0x30, 6, 2, 1, 1, 2, 1, 2), false},
		{"by telex only", field(6, 0x30, 3, 2, 1, 3), true},
		{"no method that can be read", field(6, 5, 0), true},
		{"no forwarding address wanted", field(8, 10, 1, 0), false},
		{"a forwarding address wanted", field(8, 10, 1, 1), true},
		{"registered mail", field(10, 2, 1, 1), true},
		{"message-token", field(16, 0x30, 0), false},
		{"content-integrity-check", field(18, 0x30, 0), false},
		{"message-security-label", field(20, 0x31, 0), false},
		{"proof of delivery wanted", field(22, 10, 1, 1), true},
		{"no proof of delivery wanted", field(22, 10, 1, 0), false},
		{"proof of delivery, but not critical here", indifferent, false},
		{"a number of a later edition", field(99, 5, 0), true},
		{"private", private, true},
	} {
		whole := received(t, func(m *mts.MessageTransferEnvelope) { m.Extensions = []mts.ExtensionField{c.field} })
		if got := len(whole.critical(1)) > 0; got != c.refused {
			t.Errorf("%s, of the message: refused %v", c.name, got)
		}
		one := received(t, func(m *mts.MessageTransferEnvelope) {
			m.PerRecipientFields[1].Extensions = []mts.ExtensionField{c.field}
		})
		if got := len(one.critical(2)) > 0; got != c.refused {
			t.Errorf("%s, of the recipient: refused %v", c.name, got)
		}
		if len(one.critical(1)) > 0 {
			t.Errorf("%s, of another recipient, refused", c.name)
		}
	}
}

// X.411 §8.3.1.1: a recipient hears of the others only what the originator discloses,
// whatever member of the delivery envelope it looks at.
func TestOthersAreDisclosedOnlyIfAllowed(t *testing.T) {
	for _, disclose := range []bool{false, true} {
		e := received(t, func(m *mts.MessageTransferEnvelope) {
			if disclose {
				m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
			}
			token := mts.ExtensionField{Type: mts.StandardExtension(16), Value: ber.Raw("\x30\x00")}
			m.PerRecipientFields[1].Extensions = []mts.ExtensionField{token}
		})
		for n, want := range []string{"", "message-token"} {
			d, err := e.delivery(n+1, noon)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(d.Extensions, " "); got != want {
				t.Errorf("recipient %d has the extensions %q", n+1, got)
			}
			m, err := p1.DecodeMessageEnvelope(d.Wire, p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if len(m.PerRecipientFields) != 1 || m.PerRecipientFields[0].OriginallySpecifiedRecipientNumber != n+1 {
				t.Errorf("recipient %d is given %+v", n+1, m.PerRecipientFields)
			}
		}
		d, err := e.delivery(1, noon)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), bob); got != disclose {
			t.Errorf("disclosure %v: %s", disclose, text)
		}
	}
}

// X.411 §14.5: of a report that two parties asked for, the originator hears what it
// asked for itself.
func TestReportTellsWhatWasAskedFor(t *testing.T) {
	e := received(t, nil)
	field := func(n int, asked mts.ReportRequest, of mts.ReportType) mts.PerRecipientReportTransferFields {
		return mts.PerRecipientReportTransferFields{ActualRecipientName: name(t, abby), OriginallySpecifiedRecipientNumber: n,
			PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, asked),
			LastTraceInformation:   mts.LastTraceInformation{ArrivalTime: "261124120000Z", ReportType: of}}
	}
	reached, not := mts.NewDelivery(noon, mts.UserPrivate), mts.NewNonDelivery(mts.UnableToTransfer, mts.DiagnosticLoopDetected)
	r := &mts.Report{}
	r.Envelope = mts.ReportTransferEnvelope{ReportIdentifier: e.Identifier, ReportDestinationName: name(t, ann), TraceInformation: e.Trace}
	r.Content.SubjectIdentifier = e.Identifier
	r.Content.PerRecipientFields = []mts.PerRecipientReportTransferFields{
		field(1, mts.ReportNone, not), field(2, mts.ReportNonDelivery, reached),
		field(3, mts.ReportNonDelivery, not), field(4, mts.ReportAlways, reached),
	}
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	e, err = readEnvelope(&spool.Envelope{Kind: spool.KindReport, Wire: raw, Accepted: noon, Recipients: []spool.Recipient{{N: 1, Address: ann}}}, alpha)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.delivery(1, noon)
	if err != nil {
		t.Fatal(err)
	}
	var told []int
	for _, to := range d.Report.Recipients {
		told = append(told, to.N)
	}
	if !slices.Equal(told, []int{3, 4}) || e.unwanted() {
		t.Errorf("told of %v", told)
	}
}

// Members of a list share the number of the list. The originator discloses whom it has
// named, and them it has not.
func TestMembersOfOneListAreNotDisclosed(t *testing.T) {
	e := received(t, func(m *mts.MessageTransferEnvelope) {
		m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
		m.PerRecipientFields[1].OriginallySpecifiedRecipientNumber = m.PerRecipientFields[0].OriginallySpecifiedRecipientNumber
	})
	d, err := e.delivery(1, noon)
	if err != nil || len(d.Others) > 0 {
		t.Errorf("%v, %v", d.Others, err)
	}
}

// A report is not delivered by one who does not do what an extension of it is critical
// for, wherever it stands; nobody is told but the event log, there being no report on a
// report.
func TestCriticalInReport(t *testing.T) {
	critical := []mts.ExtensionField{{Type: mts.PrivateExtension("1.2.3"), Criticality: mts.NewCriticality(mts.ForDelivery)}}
	for place, edit := range map[string]func(*mts.Report){
		"nowhere":   func(*mts.Report) {},
		"envelope":  func(r *mts.Report) { r.Envelope.Extensions = critical },
		"content":   func(r *mts.Report) { r.Content.Extensions = critical },
		"recipient": func(r *mts.Report) { r.Content.PerRecipientFields[0].Extensions = critical },
	} {
		subject := received(t, nil)
		r := &mts.Report{}
		r.Envelope = mts.ReportTransferEnvelope{ReportIdentifier: subject.Identifier, ReportDestinationName: subject.Originator, TraceInformation: subject.Trace}
		r.Content.SubjectIdentifier = subject.Identifier
		r.Content.PerRecipientFields = []mts.PerRecipientReportTransferFields{{ActualRecipientName: subject.Recipients[0].RecipientName,
			OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: subject.Recipients[0].PerRecipientIndicators,
			LastTraceInformation: mts.LastTraceInformation{ArrivalTime: asn1.NewUTCTime(noon), ReportType: mts.NewDelivery(noon, mts.UserPublic)}}}
		edit(r)
		raw, err := p1.EncodeReport(r)
		if err != nil {
			t.Fatal(err)
		}
		e, err := readEnvelope(&spool.Envelope{Kind: spool.KindReport, Wire: raw}, alpha)
		if err != nil {
			t.Fatal(err)
		}
		if refused := len(e.critical(1)) > 0; refused != (place != "nowhere") {
			t.Errorf("critical in %s: refused %v", place, refused)
		}
	}
}

package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

var (
	alpha    = oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}
	bravo    = conf.Identity{MTA: "MTA-B", Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"}}
	accepted = time.Date(2026, 11, 24, 4, 31, 0, 0, time.UTC)
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

// subjectOf is a message as the spool has it; edit changes the X.411 envelope.
func subjectOf(t *testing.T, edit func(*mts.MessageTransferEnvelope)) *spool.Envelope {
	t.Helper()
	m := &mts.MessageTransferEnvelope{
		MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: mts.NewGlobalDomainIdentifier(alpha), LocalIdentifier: "MTA-A.0001"},
		OriginatorName:    name(t, "/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"),
		ContentType:       mts.NewContentType(mts.InterpersonalMessaging1988),
		ContentIdentifier: "order 7",
		TraceInformation:  mts.AppendTrace(nil, mts.NewGlobalDomainIdentifier(alpha), accepted.Add(-time.Minute)),
	}
	for i, s := range []string{"Jones", "Brown"} {
		m.PerRecipientFields = append(m.PerRecipientFields, mts.PerRecipientMessageTransferFields{
			RecipientName:                      name(t, "/S="+s+"/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"),
			OriginallySpecifiedRecipientNumber: i + 5,
			PerRecipientIndicators:             mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportAlways),
		})
	}
	if edit != nil {
		edit(m)
	}
	raw, err := p1.EncodeMessageEnvelope(m)
	if err != nil {
		t.Fatal(err)
	}
	return &spool.Envelope{ID: spool.NewID(accepted), Kind: spool.KindMessage, Wire: raw, Accepted: accepted}
}

func TestOwed(t *testing.T) {
	for _, c := range []struct {
		kind        spool.Kind
		report, mta string
		delivered   bool
		want        bool
	}{
		{spool.KindMessage, None, NonDelivery, false, true},
		{spool.KindMessage, None, NonDelivery, true, false},
		{spool.KindMessage, NonDelivery, NonDelivery, true, false},
		{spool.KindMessage, Delivery, Delivery, true, true},
		{spool.KindMessage, None, Delivery, true, true},
		{spool.KindMessage, None, Audited, true, true},
		{spool.KindProbe, Delivery, Delivery, true, true},
		{spool.KindReport, Delivery, Delivery, false, false},
	} {
		r := &spool.Recipient{Report: c.report, MTAReport: c.mta}
		env := &spool.Envelope{Kind: c.kind}
		if got := Owed(env, r, c.delivered); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		if r.Copy = true; Owed(env, r, c.delivered) {
			t.Errorf("%+v: owed about a copy to be made", c)
		}
		r.Copy, env.OfCopy = false, true
		if Owed(env, r, c.delivered) {
			t.Errorf("%+v: owed about a copy", c)
		}
	}
}

// The report says what X.411 §8.3.1.2 asks for, in the recipient numbers of the
// originator, not in those of the spool.
func TestMake(t *testing.T) {
	at := accepted.Add(5 * time.Second)
	r, returned, err := Make(subjectOf(t, nil), []Result{
		{N: 1, Reason: mts.UnableToTransfer, Diagnostic: mts.UnrecognisedORName, Text: "no such user: “Jones”"},
		{N: 2, Delivered: true, Time: at},
	}, bravo)
	if err != nil || returned {
		t.Fatal(returned, err)
	}
	if got := r.Content.SubjectIdentifier.String(); got != "[/PRMD=ALPHA/ADMD=TEST/C=GB/;MTA-A.0001]" {
		t.Errorf("subject %s", got)
	}
	if r.Content.ContentIdentifier != "order 7" || r.Content.ContentType.String() != "p22" {
		t.Errorf("content %v %v", r.Content.ContentIdentifier, r.Content.ContentType)
	}
	if a, err := r.Envelope.ReportDestinationName.Address(); err != nil || a.String() != "/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/" {
		t.Errorf("destination %v, %v", a, err)
	}
	by, ok, err := mts.Ext(r.Envelope.Extensions, mts.ExtReportingMTAName)
	if err != nil || !ok || by.MTAName != "MTA-B" {
		t.Errorf("reporting MTA %v %v %v", by, ok, err)
	}
	f := r.Content.PerRecipientFields
	if len(f) != 2 || f[0].OriginallySpecifiedRecipientNumber != 5 || f[1].OriginallySpecifiedRecipientNumber != 6 {
		t.Fatalf("recipients %+v", f)
	}
	not := f[0].LastTraceInformation.ReportType.NonDelivery
	if not == nil || not.NonDeliveryReasonCode != mts.UnableToTransfer || *not.NonDeliveryDiagnosticCode != mts.UnrecognisedORName {
		t.Errorf("first: %+v", f[0].LastTraceInformation)
	}
	if got := f[0].SupplementaryInformation; got != "no such user: ?Jones?" {
		t.Errorf("supplementary-information %q", got)
	}
	if d := f[1].LastTraceInformation.ReportType.Delivery; d == nil || d.MessageDeliveryTime != asn1.NewUTCTime(at) || d.User() != mts.UserPrivate {
		t.Errorf("second: %+v", f[1].LastTraceInformation)
	}
	if f[1].LastTraceInformation.ArrivalTime != asn1.NewUTCTime(accepted) {
		t.Errorf("arrival %v", f[1].LastTraceInformation.ArrivalTime)
	}
	if got := Summary(r); got != "recipient 5 /S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/: not delivered: unable-to-transfer (1), unrecognised-OR-name (0); "+
		"recipient 6 /S=Brown/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/: delivered" {
		t.Errorf("summary %q", got)
	}
	if len(r.Envelope.TraceInformation) != 0 || r.Content.SubjectIntermediateTraceInformation != nil {
		t.Error("a trace nobody asked for")
	}
	if err := r.Valid(); err != nil {
		// A report gets its trace on the way out.
		if !strings.Contains(err.Error(), "trace") {
			t.Error(err)
		}
	}
}

// The same outcomes of the same subject, met twice because a peer sent it twice, are
// one report; other outcomes are another.
func TestIdentifierDerivesFromTheSubject(t *testing.T) {
	id := func(results ...Result) string {
		r, _, err := Make(subjectOf(t, nil), results, bravo)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(r.Envelope.ReportIdentifier.LocalIdentifier); n > mts.UbLocalIDLength {
			t.Errorf("local identifier of %d characters", n)
		}
		return r.Envelope.ReportIdentifier.String()
	}
	first := id(Result{N: 1, Delivered: true, Time: accepted})
	if again := id(Result{N: 1, Delivered: true, Time: accepted.Add(time.Hour)}); again != first {
		t.Errorf("%s and %s", first, again)
	}
	if other := id(Result{N: 2, Delivered: true, Time: accepted}); other == first {
		t.Error("another recipient, the same report")
	}
	if other := id(Result{N: 1, Reason: mts.UnableToTransfer}); other == first {
		t.Error("another outcome, the same report")
	}
}

// What lists and redirections make of a subject has its identifier, and numbers of its
// own: a report on one is none on another, but the same when the subject comes again.
func TestIdentifierTellsTheWaysApart(t *testing.T) {
	seen := map[string]string{}
	for _, way := range []struct{ list, from string }{
		{}, {list: "Staff"}, {list: "Board"}, {from: "Green"}, {from: "White"}, {list: "Staff", from: "Green"},
	} {
		id := func(at time.Time) string {
			env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
				f := &m.PerRecipientFields[0]
				var err error
				if way.list != "" {
					m.Extensions, err = mts.SetExt(m.Extensions, mts.ExtDLExpansionHistory, []mts.DLExpansion{
						{DL: name(t, "/CN="+way.list+"/PRMD=BRAVO/ADMD=TEST/C=GB/"), DLExpansionTime: asn1.NewUTCTime(at)}})
				}
				if way.from != "" && err == nil {
					f.Extensions, err = mts.SetExt(f.Extensions, mts.ExtRedirectionHistory, []mts.Redirection{{IntendedRecipientName: mts.IntendedRecipientName{
						IntendedRecipient: name(t, "/S="+way.from+"/PRMD=BRAVO/ADMD=TEST/C=GB/"), RedirectionTime: asn1.NewUTCTime(at)}}})
				}
				if err != nil {
					t.Fatal(err)
				}
			})
			r, _, err := Make(env, []Result{{N: 1, Reason: mts.UnableToTransfer}}, bravo)
			if err != nil {
				t.Fatal(err)
			}
			return r.Envelope.ReportIdentifier.String()
		}
		first := id(accepted)
		if again := id(accepted.Add(time.Hour)); again != first {
			t.Errorf("%+v: %s and %s", way, first, again)
		}
		is := way.list + " " + way.from
		if other, ok := seen[first]; ok {
			t.Errorf("%q and %q: the same report", is, other)
		}
		seen[first] = is
	}
}

// After a list was expanded the report goes to the list, with the history.
func TestReportGoesToTheLastList(t *testing.T) {
	list := name(t, "/CN=list/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/")
	env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
		var err error
		m.Extensions, err = mts.SetExt(nil, mts.ExtDLExpansionHistory, []mts.DLExpansion{{DL: list, DLExpansionTime: asn1.NewUTCTime(accepted)}})
		if err != nil {
			t.Fatal(err)
		}
	})
	r, _, err := Make(env, []Result{{N: 1, Delivered: true, Time: accepted}}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := r.Envelope.ReportDestinationName.Address(); err != nil || a.CN != "list" {
		t.Errorf("destination %v, %v", a, err)
	}
	history, ok, err := mts.Ext(r.Envelope.Extensions, mts.ExtOriginatorAndDLExpansionHistory)
	if err != nil || !ok || len(history) != 2 {
		t.Fatalf("history %v %v %v", history, ok, err)
	}
	if history[0].OriginationOrExpansionTime != asn1.NewUTCTime(accepted.Add(-time.Minute)) {
		t.Errorf("originated at %v", history[0].OriginationOrExpansionTime)
	}
}

// The arrival-time of last-trace-information is when the subject entered the domain,
// not the MTA, that reports (X.411 §12.2.1.3.1).
func TestArrivalTime(t *testing.T) {
	a, b := mts.NewGlobalDomainIdentifier(alpha), mts.NewGlobalDomainIdentifier(bravo.Domain)
	at := func(minutes int) time.Time { return accepted.Add(time.Duration(minutes-10) * time.Minute) }
	for _, c := range []struct {
		name  string
		trace mts.TraceInformation
		want  time.Time
	}{
		{"from another domain", mts.AppendTrace(nil, a, at(0)), accepted},
		{"from another MTA of the domain", mts.AppendTrace(mts.AppendTrace(nil, a, at(0)), b, at(1)), at(1)},
		{"rerouted by it", mts.RerouteTrace(mts.AppendTrace(mts.AppendTrace(nil, a, at(0)), b, at(1)), b, &a, at(2)), at(1)},
	} {
		env := subjectOf(t, func(m *mts.MessageTransferEnvelope) { m.TraceInformation = c.trace })
		r, _, err := Make(env, []Result{{N: 1, Delivered: true, Time: accepted}}, bravo)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Content.PerRecipientFields[0].LastTraceInformation.ArrivalTime; got != asn1.NewUTCTime(c.want) {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// X.411 §12.2.1.3.1: of a recipient that was redirected the report names the one the
// originator knows, and says how it came to another.
func TestRedirectedRecipient(t *testing.T) {
	first, second := name(t, "/S=First/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"), name(t, "/S=Second/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/")
	step := func(n oraddr.ORName) mts.Redirection {
		return mts.Redirection{IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: n, RedirectionTime: asn1.NewUTCTime(accepted)},
			RedirectionReason: mts.RecipientAssignedAlternateRecipient}
	}
	env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
		var err error
		f := &m.PerRecipientFields[0]
		if f.Extensions, err = mts.SetExt(nil, mts.ExtRedirectionHistory, []mts.Redirection{step(first), step(second)}); err != nil {
			t.Fatal(err)
		}
		m.PerRecipientFields[1].Extensions = []mts.ExtensionField{{Type: mts.ExtRedirectionHistory.Type()}} // no history at all
	})
	r, _, err := Make(env, []Result{{N: 1, Delivered: true, Time: accepted}, {N: 2, Delivered: true, Time: accepted}}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	f := r.Content.PerRecipientFields
	if n := f[0].OriginallyIntendedRecipientName; n == nil {
		t.Error("no originally-intended-recipient-name")
	} else if a, err := n.Address(); err != nil || a.PN.S != "First" {
		t.Errorf("originally intended %v, %v", a, err)
	}
	if history, ok, err := mts.Ext(f[0].Extensions, mts.ExtRedirectionHistory); err != nil || !ok || len(history) != 2 {
		t.Errorf("redirection-history %v %v %v", history, ok, err)
	}
	if f[1].OriginallyIntendedRecipientName != nil {
		t.Error("an originally-intended-recipient-name out of nothing")
	}
}

// X.411 §8.3.1.2.1: an audited report carries the trace of its subject up to this
// domain; what is reported is who asked for it. Others do not carry it.
func TestAudited(t *testing.T) {
	for _, mta := range []mts.ReportRequest{mts.ReportNonDelivery, mts.ReportAlways, mts.ReportAudited} {
		var trace mts.TraceInformation
		env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
			m.PerRecipientFields[1].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mta, mts.ReportNone)
			trace = m.TraceInformation
		})
		r, _, err := Make(env, []Result{{N: 1, Delivered: true, Time: accepted}, {N: 2, Delivered: true, Time: accepted}}, bravo)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Content.SubjectIntermediateTraceInformation
		if audited := mta == mts.ReportAudited; audited != (got != nil) || audited && cmp.Diff(trace, got) != "" {
			t.Errorf("%v: subject-intermediate-trace-information %v", mta, got)
		}
	}
}

// X.411 §8.3.1.2.1: what the subject gave to find it by, and its label, come back
// octet for octet, whatever their values are.
func TestCopies(t *testing.T) {
	correlator := mts.ExtensionField{Type: mts.ExtContentCorrelator.Type(), Value: ber.Raw("\x16\x07order 7")}
	label := mts.ExtensionField{Type: mts.ExtMessageSecurityLabel.Type(), Criticality: mts.NewCriticality(mts.ForDelivery), Value: ber.Raw("\x31\x80\x02\x01\x03\x00\x00")}
	other := mts.ExtensionField{Type: mts.PrivateExtension("1.2.3"), Value: ber.Raw("\x05\x00")}
	env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
		m.Extensions = []mts.ExtensionField{other, label, correlator}
		m.PerRecipientFields[0].Extensions = []mts.ExtensionField{other}
	})
	r, _, err := Make(env, []Result{{N: 1, Delivered: true, Time: accepted}}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]mts.ExtensionField{correlator}, r.Content.Extensions); diff != "" {
		t.Errorf("content: %s", diff)
	}
	if diff := cmp.Diff(label, r.Envelope.Extensions[0]); diff != "" || len(r.Envelope.Extensions) != 2 {
		t.Errorf("envelope: %d, %s", len(r.Envelope.Extensions), diff)
	}
	if f := r.Content.PerRecipientFields[0]; len(f.Extensions) > 0 {
		t.Errorf("recipient: %v", f.Extensions)
	}
}

// A subject that was converted on the way is reported as it is by now, and its content
// is no longer what the originator could get back (X.411 §8.3.1.2.1, §14.5).
func TestConvertedSubject(t *testing.T) {
	teletex := mts.NewEncodedInformationTypes(mts.NewEIT(mts.EITTeletex))
	env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
		m.OriginalEncodedInformationTypes = mts.NewEncodedInformationTypes(mts.NewEIT(mts.EITIA5Text))
		m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitContentReturnRequest)
		m.TraceInformation[0].DomainSuppliedInformation.ConvertedEncodedInformationTypes = teletex
	})
	r, returned, err := Make(env, []Result{{N: 1, Reason: mts.UnableToTransfer, Diagnostic: mts.MTSCongestion}, {N: 2, Delivered: true, Time: accepted}}, bravo)
	if err != nil || returned {
		t.Errorf("content returned %v, %v", returned, err)
	}
	if got := r.Content.OriginalEncodedInformationTypes.String(); got != "ia5-text" {
		t.Errorf("original %s", got)
	}
	for _, f := range r.Content.PerRecipientFields {
		if got := f.LastTraceInformation.ConvertedEncodedInformationTypes.String(); got != "teletex" {
			t.Errorf("converted %s", got)
		}
	}
}

// Whatever is wrong with the subject, the report on it is one that every MTA must take.
func TestReportIsValid(t *testing.T) {
	results := []Result{{N: 1, Reason: 32767, Diagnostic: 32767, Text: strings.Repeat("€ and ", 1000)}, {N: 2, Delivered: true, Time: accepted}}
	for want, edit := range map[string]func(*mts.MessageTransferEnvelope){
		"nothing wrong":             nil,
		"a long content identifier": func(m *mts.MessageTransferEnvelope) { m.ContentIdentifier = "12345678901234567" },
		"no trace":                  func(m *mts.MessageTransferEnvelope) { m.TraceInformation = nil },
		"a long trace, audited": func(m *mts.MessageTransferEnvelope) {
			for range mts.UbTransfers {
				m.TraceInformation = append(m.TraceInformation, m.TraceInformation[0])
			}
			m.PerRecipientFields[0].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportAudited, mts.ReportNone)
		},
		"extensions twice": func(m *mts.MessageTransferEnvelope) {
			twice := []mts.ExtensionField{{Type: mts.StandardExtension(20)}, {Type: mts.StandardExtension(20)}, {Type: mts.StandardExtension(23)}, {Type: mts.StandardExtension(23)},
				{Type: mts.StandardExtension(25)}, {Type: mts.StandardExtension(25)}, {Type: mts.StandardExtension(26)}, {Type: mts.StandardExtension(26)}}
			m.Extensions, m.PerRecipientFields[0].Extensions = twice, twice
		},
		"a history that cannot be read": func(m *mts.MessageTransferEnvelope) {
			m.Extensions = []mts.ExtensionField{{Type: mts.ExtDLExpansionHistory.Type(), Value: ber.Raw("\x04\x00")}}
		},
		"more lists than there may be": func(m *mts.MessageTransferEnvelope) {
			history := make([]mts.DLExpansion, mts.UbDLExpansions+1)
			for i := range history {
				history[i] = mts.DLExpansion{DL: m.OriginatorName, DLExpansionTime: asn1.NewUTCTime(accepted)}
			}
			m.Extensions, _ = mts.SetExt(nil, mts.ExtDLExpansionHistory, history)
		},
	} {
		r, _, err := Make(subjectOf(t, edit), results, bravo)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		r.Envelope.TraceInformation = mts.AppendTrace(r.Envelope.TraceInformation, mts.NewGlobalDomainIdentifier(bravo.Domain), accepted) // on its way out
		raw, err := p1.EncodeReport(r)
		if err == nil {
			r, err = p1.DecodeReport(raw, p1.Limits{})
		}
		if err == nil {
			err = r.Valid()
		}
		if all, ok, e := mts.Ext(r.Envelope.Extensions, mts.ExtOriginatorAndDLExpansionHistory); e != nil || ok && len(all) > mts.UbOrigAndDLExpansions {
			t.Errorf("%s: history of %d, %v", want, len(all), e)
		}
		if err != nil {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestContentComesBackOnlyWhenAskedFor(t *testing.T) {
	asked := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
		m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitContentReturnRequest)
	})
	for _, c := range []struct {
		env       *spool.Envelope
		delivered bool
		want      bool
	}{{asked, false, true}, {asked, true, false}, {subjectOf(t, nil), false, false}} {
		_, returned, err := Make(c.env, []Result{{N: 1, Delivered: c.delivered, Time: accepted}}, bravo)
		if err != nil || returned != c.want {
			t.Errorf("delivered %v: %v, %v", c.delivered, returned, err)
		}
	}
}

func TestWanted(t *testing.T) {
	make1 := func(originator mts.ReportRequest, delivered bool) *mts.Report {
		env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
			m.PerRecipientFields[0].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportAudited, originator)
		})
		r, _, err := Make(env, []Result{{N: 1, Delivered: delivered, Time: accepted}}, bravo)
		if err != nil {
			t.Fatal(err)
		}
		if r.Content.SubjectIntermediateTraceInformation == nil {
			t.Error("an audited report without the trace of the subject")
		}
		return r
	}
	for _, c := range []struct {
		originator mts.ReportRequest
		delivered  bool
		want       bool
	}{
		{mts.ReportNone, true, false}, {mts.ReportNone, false, false},
		{mts.ReportNonDelivery, true, false}, {mts.ReportNonDelivery, false, true},
		{mts.ReportAlways, true, true}, {mts.ReportAlways, false, true},
	} {
		if got := Wanted(make1(c.originator, c.delivered)); got != c.want {
			t.Errorf("%v, delivered %v: %v", c.originator, c.delivered, got)
		}
	}
}

func TestNoReportOnAReport(t *testing.T) {
	r, _, err := Make(subjectOf(t, nil), []Result{{N: 1, Delivered: true, Time: accepted}}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Make(&spool.Envelope{Kind: spool.KindReport, Wire: raw}, nil, bravo); err == nil {
		t.Error("made one")
	}
}

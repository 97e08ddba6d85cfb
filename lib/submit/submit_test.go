package submit

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	ann    = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	nobody = "/S=Nobody/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	abroad = "/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// door is the way into a fresh spool, with a peer for BRAVO.
func door(t testing.TB) (*Door, *spool.Spool) {
	t.Helper()
	dir := t.TempDir()
	text := string(tableconf.Default("MTA-A", tableconf.Options{})) + `
[limits]
message-size = 1000
recipients = 3
[[peer]]
name = "MTA-B"
channel = "p1"
addresses = [{ host = "127.0.0.1:1" }]
[[route]]
match = "/PRMD=BRAVO/ADMD=TEST/C=GB/"
peers = ["MTA-B"]
`
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, cfg)
}

// opened is the door of a configuration, and the fresh spool behind it.
func opened(t testing.TB, cfg *conf.Config) (*Door, *spool.Spool) {
	t.Helper()
	if err := spool.Init(cfg.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sp.Close() })
	d, err := NewDoor(cfg, Alone{sp}, func() time.Time { return now }, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return d, sp
}

func address(t testing.TB, text string) oraddr.Address {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// envelope is a message from BRAVO to the given addresses, as a peer sends it.
func envelope(t testing.TB, edit func(*mts.MessageTransferEnvelope), to ...string) (*mts.MessageTransferEnvelope, ber.Raw) {
	t.Helper()
	originator, err := address(t, abroad).ORName()
	if err != nil {
		t.Fatal(err)
	}
	bravo := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
	m := &mts.MessageTransferEnvelope{
		MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: bravo, LocalIdentifier: "MTA-B.1"},
		OriginatorName:    originator,
		ContentType:       mts.NewContentType(mts.InterpersonalMessaging1988),
		Priority:          mts.Urgent,
		TraceInformation:  mts.AppendTrace(nil, bravo, now),
	}
	for i, text := range to {
		n, err := address(t, text).ORName()
		if err != nil {
			t.Fatal(err)
		}
		m.PerRecipientFields = append(m.PerRecipientFields, mts.PerRecipientMessageTransferFields{RecipientName: n,
			OriginallySpecifiedRecipientNumber: i + 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportNone)})
	}
	if edit != nil {
		edit(m)
	}
	raw, err := p1.EncodeMessageEnvelope(m)
	if err != nil {
		t.Fatal(err)
	}
	return m, raw
}

// fate is what the door decided for a recipient.
func fate(r spool.Recipient) string {
	if r.Fail == nil {
		return r.Hops[0].Channel + " " + r.Hops[0].Peer
	}
	return mts.ReasonCode(r.Fail.Reason).String() + "/" + mts.DiagnosticCode(r.Fail.Diagnostic).String()
}

func fates(t *Tx) string {
	var all []string
	for _, r := range t.Envelope().Recipients {
		all = append(all, fate(r))
	}
	return strings.Join(all, "; ")
}

var fromB = spool.Source{Channel: "p1", Peer: "MTA-B"}

// A peer cannot be told no once it has begun, so what is wrong is decided for each
// recipient and will be reported.
func TestFates(t *testing.T) {
	d, _ := door(t)
	alpha := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
	charlie := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "CHARLIE"})
	critical := []mts.ExtensionField{{Type: mts.PrivateExtension("1.2.3"), Criticality: mts.NewCriticality(mts.ForTransfer), Value: ber.Raw{5, 0}}}
	const loop = "unable-to-transfer/loop-detected"
	for _, c := range []struct {
		name string
		edit func(*mts.MessageTransferEnvelope)
		to   []string
		want string
	}{
		{"ways", nil, []string{ann, abroad, nobody}, "local ; p1 MTA-B; unable-to-transfer/unrecognised-OR-name"},
		{"too many", nil, []string{ann, ann, ann, ann}, strings.Repeat("; unable-to-transfer/too-many-recipients", 4)[2:]},
		{"loop", func(m *mts.MessageTransferEnvelope) {
			m.TraceInformation = mts.AppendTrace(mts.AppendTrace(nil, alpha, now), charlie, now)
		}, []string{ann}, loop},
		{"loop that another MTA of the domain let in", func(m *mts.MessageTransferEnvelope) {
			m.TraceInformation = mts.AppendTrace(mts.AppendTrace(mts.AppendTrace(nil, alpha, now), charlie, now), alpha, now)
		}, []string{ann}, loop},
		{"came back for a reason", func(m *mts.MessageTransferEnvelope) {
			m.TraceInformation = mts.RerouteTrace(mts.AppendTrace(nil, alpha, now), charlie, &alpha, now)
		}, []string{ann}, "local "},
		{"critical", func(m *mts.MessageTransferEnvelope) { m.Extensions = critical }, []string{ann, abroad},
			"unable-to-transfer/unsupported-critical-function; unable-to-transfer/unsupported-critical-function"},
		{"critical for one", func(m *mts.MessageTransferEnvelope) { m.PerRecipientFields[1].Extensions = critical }, []string{ann, abroad},
			"local ; unable-to-transfer/unsupported-critical-function"},
		{"not ours", func(m *mts.MessageTransferEnvelope) {
			m.PerRecipientFields[0].PerRecipientIndicators = m.PerRecipientFields[0].PerRecipientIndicators.WithResponsibility(false)
		}, []string{abroad, ann}, "local "},
		{"no time", func(m *mts.MessageTransferEnvelope) { m.DeferredDeliveryTime = "soon" }, []string{ann, abroad},
			"unable-to-transfer/invalid-arguments; unable-to-transfer/invalid-arguments"},
		{"no latest time", func(m *mts.MessageTransferEnvelope) {
			m.Extensions = []mts.ExtensionField{{Type: mts.ExtLatestDeliveryTime.Type(), Value: ber.Raw{0x17, 1, '9'}}}
		}, []string{ann}, "unable-to-transfer/invalid-arguments"},
		{"a latest time of another type", func(m *mts.MessageTransferEnvelope) {
			m.Extensions = []mts.ExtensionField{{Type: mts.ExtLatestDeliveryTime.Type(), Value: ber.Raw{5, 0}}}
		}, []string{ann}, "unable-to-transfer/invalid-arguments"},
		{"no trace", func(m *mts.MessageTransferEnvelope) { m.TraceInformation = nil }, []string{ann, nobody},
			"unable-to-transfer/protocol-violation; unable-to-transfer/protocol-violation"},
		{"a content identifier that no report could return", func(m *mts.MessageTransferEnvelope) { m.ContentIdentifier = "12345678901234567" },
			[]string{abroad}, "unable-to-transfer/size-constraint-violation"},
		{"characters that are none of the repertoire", func(m *mts.MessageTransferEnvelope) { m.ContentIdentifier = "a@b_c" }, []string{abroad}, "p1 MTA-B"},
		{"an extension twice for one", func(m *mts.MessageTransferEnvelope) {
			m.PerRecipientFields[1].Extensions = []mts.ExtensionField{{Type: mts.StandardExtension(16)}, {Type: mts.StandardExtension(16)}}
		}, []string{ann, abroad}, "local ; unable-to-transfer/protocol-violation"},
		{"members of a list share its number", func(m *mts.MessageTransferEnvelope) {
			m.PerRecipientFields[1].OriginallySpecifiedRecipientNumber = 1
		}, []string{ann, abroad}, "local ; p1 MTA-B"},
	} {
		m, raw := envelope(t, c.edit, c.to...)
		tx, err := d.Message(fromB, raw, m)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := fates(tx); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestNobodyToAnswerForIsDiscarded(t *testing.T) {
	d, sp := door(t)
	m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) {
		m.PerRecipientFields[0].PerRecipientIndicators = m.PerRecipientFields[0].PerRecipientIndicators.WithResponsibility(false)
	}, ann)
	tx, err := d.Message(fromB, raw, m)
	if err != nil || tx.Discarded == "" {
		t.Fatalf("%+v, %v", tx, err)
	}
	if _, err := tx.Write([]byte("content")); err != nil {
		t.Fatal(err)
	}
	if env, err := tx.Commit(context.Background()); env != nil || err != nil {
		t.Errorf("%v, %v", env, err)
	}
	if files := spooled(t, sp); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

func spooled(t *testing.T, sp *spool.Spool) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"new/*", "tmp/*", "q/*/*/*"} {
		names, err := filepath.Glob(filepath.Join(sp.Dir(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, names...)
	}
	return all
}

// What no report could carry back makes the envelope one that nobody can answer for.
func TestUnanswerable(t *testing.T) {
	d, _ := door(t)
	for want, edit := range map[string]func(*mts.MessageTransferEnvelope){
		"per-recipient-fields[0]":         func(m *mts.MessageTransferEnvelope) { m.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 0 },
		"per-recipient-fields has size 0": func(m *mts.MessageTransferEnvelope) { m.PerRecipientFields = nil },
		"local-identifier has size 33": func(m *mts.MessageTransferEnvelope) {
			m.MessageIdentifier.LocalIdentifier = asn1.IA5String(strings.Repeat("1", 33))
		},
		"per-recipient-fields has size 327": func(m *mts.MessageTransferEnvelope) {
			for range mts.UbRecipients {
				m.PerRecipientFields = append(m.PerRecipientFields, m.PerRecipientFields[0])
			}
		},
	} {
		m, raw := envelope(t, edit, ann)
		if _, err := d.Message(fromB, raw, m); diag.KindOf(err) != diag.Data || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err = %v", want, err)
		}
	}
}

// What was sent is stored bit for bit, and the envelope as it came rides along.
func TestStoredAsReceived(t *testing.T) {
	d, sp := door(t)
	m, raw := envelope(t, nil, abroad, ann)
	tx, err := d.Message(fromB, raw, m)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{"con", "tent\x00", "\xff"} {
		if _, err := tx.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	stored, err := sp.OpenNew(env.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stored.Close() }()
	content := make([]byte, stored.Envelope.Size)
	if _, err := stored.Content().Read(content); err != nil || string(content) != "content\x00\xff" {
		t.Errorf("content %q, %v", content, err)
	}
	if e := stored.Envelope; string(e.Wire) != string(raw) || e.Priority != spool.Urgent || e.Source.Peer != "MTA-B" || e.Recipients[0].N != 1 || e.Recipients[1].N != 2 {
		t.Errorf("%+v", e)
	}
}

// Nothing of a content beyond the limit is kept, and the recipients hear why.
func TestTooLong(t *testing.T) {
	d, sp := door(t)
	m, raw := envelope(t, nil, ann, nobody)
	tx, err := d.Message(fromB, raw, m)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := tx.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := fate(env.Recipients[0]); got != "unable-to-transfer/content-too-long" {
		t.Error(got)
	}
	if got := fate(env.Recipients[1]); got != "unable-to-transfer/unrecognised-OR-name" {
		t.Error(got)
	}
	if env.Size != 0 {
		t.Errorf("%d octets of it are kept", env.Size)
	}
	if files := spooled(t, sp); len(files) != 1 {
		t.Errorf("files %v", files)
	}
}

// What is not kept of a content cannot be given to an alternate either.
func TestTooLongForAnAlternate(t *testing.T) {
	d, _ := door(t)
	m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) {
		for i := range m.PerRecipientFields {
			f := &m.PerRecipientFields[i]
			var err error
			if f.Extensions, err = mts.SetExt(nil, mts.ExtOriginatorRequestedAlternateRecipient, m.OriginatorName); err != nil {
				t.Fatal(err)
			}
		}
	}, ann, nobody)
	tx, err := d.Message(fromB, raw, m)
	if err != nil {
		t.Fatal(err)
	}
	if got := tx.Envelope().Recipients[0].Alternate; got == "" {
		t.Fatal("the alternate is not known")
	}
	if _, err := tx.Write(make([]byte, 1001)); err != nil {
		t.Fatal(err)
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range env.Recipients {
		if r.Fail == nil || r.Alternate != "" {
			t.Errorf("%s: %+v, and the alternate %q would get %d octets", r.Address, r.Fail, r.Alternate, env.Size)
		}
	}
}

// aReport is one from CHARLIE to somebody.
func aReport(t *testing.T, to oraddr.ORName, extensions ...mts.ExtensionField) *mts.Report {
	t.Helper()
	m, _ := envelope(t, nil, nobody)
	charlie := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "CHARLIE"})
	r := &mts.Report{}
	r.Envelope = mts.ReportTransferEnvelope{ReportIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: charlie, LocalIdentifier: "R.1"},
		ReportDestinationName: to, TraceInformation: mts.AppendTrace(nil, charlie, now), Extensions: extensions}
	r.Content.SubjectIdentifier = m.MessageIdentifier
	r.Content.PerRecipientFields = []mts.PerRecipientReportTransferFields{{ActualRecipientName: m.OriginatorName, OriginallySpecifiedRecipientNumber: 1,
		PerRecipientIndicators: m.PerRecipientFields[0].PerRecipientIndicators,
		LastTraceInformation:   mts.LastTraceInformation{ArrivalTime: asn1.NewUTCTime(now), ReportType: mts.NewNonDelivery(mts.UnableToTransfer, mts.DiagnosticLoopDetected)}}}
	return r
}

// reported lets a report in.
func reported(t *testing.T, d *Door, r *mts.Report) *Tx {
	t.Helper()
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := d.Report(fromB, raw, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// A report is worth more than the content it returns: one that returns too much goes
// on without, for nobody would be told of its loss.
func TestReportWithTooMuchContent(t *testing.T) {
	d, _ := door(t)
	m, _ := envelope(t, nil, nobody)
	tx := reported(t, d, aReport(t, m.OriginatorName))
	for range 100 {
		if _, err := tx.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	env, err := tx.Commit(context.Background())
	if err != nil || env == nil {
		t.Fatal(env, err)
	}
	if got := fate(env.Recipients[0]); got != "p1 MTA-B" || env.Size != 0 {
		t.Errorf("%s, %d octets", got, env.Size)
	}
}

// A report for nobody here is discarded; one for what has been a list here is passed back
// past it.
func TestReportForAListThatIsGone(t *testing.T) {
	d, _ := door(t)
	gone, err := address(t, nobody).ORName()
	if err != nil {
		t.Fatal(err)
	}
	originator, err := address(t, ann).ORName()
	if err != nil {
		t.Fatal(err)
	}
	if tx := reported(t, d, aReport(t, gone)); tx.Discarded == "" {
		t.Errorf("%+v", tx.Envelope().Recipients)
	}
	history, err := mts.SetExt(nil, mts.ExtOriginatorAndDLExpansionHistory, []mts.OriginatorAndDLExpansion{
		{OriginatorOrDLName: originator, OriginationOrExpansionTime: "261127110000Z"},
		{OriginatorOrDLName: gone, OriginationOrExpansionTime: "261127110000Z"}})
	if err != nil {
		t.Fatal(err)
	}
	tx := reported(t, d, aReport(t, gone, history...))
	if tx.Discarded != "" {
		t.Fatal(tx.Discarded)
	}
	if got := fate(tx.Envelope().Recipients[0]); got != "expand " {
		t.Error(got)
	}
}

// submission is one of Ann's.
func submission(t testing.TB, to ...string) *Submission {
	t.Helper()
	var all []oraddr.Address
	for _, a := range to {
		all = append(all, address(t, a))
	}
	s, err := New(address(t, ann), all...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A probe that would hear nothing of success is for nothing.
func TestProbeAsksForAReport(t *testing.T) {
	d, _ := door(t)
	s := submission(t, ann)
	s.Probe = true
	s.Ask(mts.ReportNone)
	tx, err := d.Submit(spool.Source{}, *s)
	if err != nil {
		t.Fatal(err)
	}
	if r := tx.Envelope().Recipients[0]; r.Report != "delivery" || r.MTAReport != "delivery" {
		t.Errorf("asks for %s and %s", r.Report, r.MTAReport)
	}
}

// A probe hears of the length of the message it asks about.
func TestProbeTooLong(t *testing.T) {
	d, _ := door(t)
	for _, c := range []struct {
		length int64
		want   string
	}{{1000, "local "}, {1001, "unable-to-transfer/content-too-long"}} {
		s := submission(t, ann)
		s.Probe, s.ContentLength = true, c.length
		tx, err := d.Submit(spool.Source{}, *s)
		if err != nil {
			t.Fatal(err)
		}
		env, err := tx.Commit(context.Background())
		if err != nil || env.Kind != spool.KindProbe {
			t.Fatal(env, err)
		}
		if got := fate(env.Recipients[0]); got != c.want {
			t.Errorf("%d octets: %s", c.length, got)
		}
	}
}

func TestRefusedTellsWhy(t *testing.T) {
	d, _ := door(t)
	for to, want := range map[string]diag.Kind{nobody: diag.NoUser, "/S=Dupont/ADMD=X/C=FR/": diag.NoRoute} {
		tx, err := d.Submit(spool.Source{}, *submission(t, to))
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Refused(); diag.KindOf(err) != want {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// What is submitted becomes an envelope other MTAs accept.
func TestSubmitMakesAnEnvelope(t *testing.T) {
	d, _ := door(t)
	later := now.Add(time.Hour)
	s := submission(t, abroad, ann)
	s.Priority, s.ContentIdentifier, s.DeferredDeliveryTime = mts.NonUrgent, "order 7", asn1.NewUTCTime(later)
	s.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients, mts.BitContentReturnRequest)
	s.Ask(mts.ReportAlways)
	var err error
	if s.Extensions, err = mts.SetExt(nil, mts.ExtLatestDeliveryTime, asn1.NewUTCTime(later.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	tx, err := d.Submit(spool.Source{}, *s)
	if err != nil {
		t.Fatal(err)
	}
	env := tx.Envelope()
	m, err := p1.DecodeMessageEnvelope(env.Wire, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.MessageIdentifier.String(); got != "[/PRMD=ALPHA/ADMD=TEST/C=GB/;MTA-A."+string(env.ID)+"]" {
		t.Error(got)
	}
	if got := m.PerRecipientFields[1].PerRecipientIndicators; got.String() != mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportAlways).String() {
		t.Error(got)
	}
	if !m.PerMessageIndicators.ContentReturnRequest() || !m.PerMessageIndicators.DisclosureOfOtherRecipients() {
		t.Error(m.PerMessageIndicators)
	}
	if m.DeferredDeliveryTime != asn1.NewUTCTime(later) || !env.Deferred.Equal(later) || !env.Expires.Equal(later.Add(time.Hour)) {
		t.Error(m.DeferredDeliveryTime, env.Deferred, env.Expires)
	}
}

// full is a committer whose disk is full.
type full struct{ Alone }

var errFull = diag.New("spool", diag.Temporary, "no space left on device")

func (full) Commit(_ context.Context, w *spool.Writer, _ *spool.Envelope) error {
	return errors.Join(errFull, w.Abort())
}

func TestFullDiskLeavesNothing(t *testing.T) {
	d, sp := door(t)
	d.spool = full{Alone{sp}}
	m, raw := envelope(t, nil, ann)
	tx, err := d.Message(fromB, raw, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Commit(context.Background()); diag.KindOf(err) != diag.Temporary {
		t.Errorf("err = %v", err)
	}
	if files := spooled(t, sp); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

// X.411 §14.3: to hold a message until its deferred-delivery-time is for the MTA it was
// submitted to, and for others where it is so configured.
func TestWhoHoldsDeferredDelivery(t *testing.T) {
	d, _ := door(t)
	for _, c := range []struct {
		peer         string
		hold, passOn bool
	}{{"", false, false}, {"MTA-B", false, true}, {"MTA-B", true, false}} {
		d.conf.Schedule.HoldDeferred = c.hold
		m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) { m.DeferredDeliveryTime = asn1.NewUTCTime(now.Add(time.Hour)) }, abroad)
		tx, err := d.Message(spool.Source{Channel: "p1", Peer: c.peer}, raw, m)
		if err != nil {
			t.Fatal(err)
		}
		if e := tx.Envelope(); e.PassOn != c.passOn || e.Deferred.IsZero() {
			t.Errorf("%+v: deferred %s, passed on %v", c, e.Deferred, e.PassOn)
		}
	}
}

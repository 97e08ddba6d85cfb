package submit

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
)

// FuzzDoor brings whatever can be read as an envelope, or as a report, to the door.
// What is let in can be answered for: the report on all of its recipients is one that
// every MTA must take, and a report that is let in is one.
func FuzzDoor(f *testing.F) {
	cfg, err := tableconf.Parse([]byte(string(tableconf.Default("MTA-A", tableconf.Options{}))+restr), "mta.toml", f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	d, err := NewDoor(cfg, Alone{}, func() time.Time { return now }, conf.OpenFile)
	if err != nil {
		f.Fatal(err)
	}
	for _, edit := range []func(*mts.MessageTransferEnvelope){
		nil, explicit(mts.IA5TextToTeletex, mts.NewEncodedInformationTypes(mts.NewEIT(mts.EITIA5Text))), methods(mts.PhysicalDelivery),
		func(m *mts.MessageTransferEnvelope) {
			m.DeferredDeliveryTime, m.PerMessageIndicators = "261124120000Z", mts.NewPerMessageIndicators(mts.BitContentReturnRequest)
			m.PerRecipientFields[0].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportAudited, mts.ReportAlways)
		},
	} {
		m, raw := envelope(f, edit, ann, small, charli, nobody)
		f.Add([]byte(raw))
		probe, err := p1.EncodeProbe(&mts.ProbeTransferEnvelope{ProbeIdentifier: m.MessageIdentifier, OriginatorName: m.OriginatorName, ContentType: m.ContentType,
			TraceInformation: m.TraceInformation, Extensions: m.Extensions, PerRecipientFields: m.PerRecipientFields})
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(probe))
	}
	domain := mts.NewGlobalDomainIdentifier(cfg.Identity.Domain)
	f.Fuzz(func(t *testing.T, octets []byte) {
		raw, in := ber.Raw(octets), fromB
		var tx *Tx
		var err error
		switch p1.KindOf(raw) {
		case p1.Report:
			r, e := p1.DecodeReport(raw, p1.Limits{})
			if e != nil {
				return
			}
			if tx, err = d.Report(in, raw, r, nil); err != nil {
				t.Fatalf("a report is let in or discarded, never refused: %v", err)
			}
			var what *mts.Invalid
			if errors.As(r.Valid(), &what) && what.Unanswerable && tx.Discarded == "" {
				t.Fatalf("let in: %v", what)
			}
			return
		case p1.Probe:
			p, e := p1.DecodeProbe(raw, p1.Limits{})
			if e != nil {
				return
			}
			tx, err = d.Probe(in, raw, p)
		default:
			m, e := p1.DecodeMessageEnvelope(raw, p1.Limits{})
			if e != nil {
				return
			}
			tx, err = d.Message(in, raw, m)
		}
		if err != nil || tx.Discarded != "" {
			return
		}
		_ = tx.Refused() // must not panic
		answerable(t, tx.Envelope(), d, domain)
	})
}

// answerable makes the report on every recipient of a message that was let in.
func answerable(t *testing.T, env *spool.Envelope, d *Door, domain mts.GlobalDomainIdentifier) {
	t.Helper()
	var results []report.Result
	for i, r := range env.Recipients {
		result := report.Result{N: r.N, Delivered: i%2 == 1, Time: now, Diagnostic: spool.NoDiagnostic}
		if r.Fail != nil {
			result = report.Result{N: r.N, Reason: mts.ReasonCode(r.Fail.Reason), Diagnostic: mts.DiagnosticCode(r.Fail.Diagnostic), Text: r.Fail.Text}
		}
		results = append(results, result)
	}
	r, _, err := report.Make(env, results, d.conf.Identity)
	if err != nil {
		t.Fatalf("no report can be made of what was let in: %v", err)
	}
	r.Envelope.TraceInformation = mts.AppendTrace(nil, domain, now) // on its way out
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p1.DecodeReport(raw, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Valid(); err != nil {
		t.Fatal(err)
	}
}

// The same of envelopes whose parts are well-formed and make no sense.
func TestWhateverIsLetInCanBeAnswered(t *testing.T) {
	d := restricted(t)
	domain := mts.NewGlobalDomainIdentifier(d.conf.Identity.Domain)
	values := []string{"", "\x05\x00", "\x0a\x01\x01", "\x0a\x01\x07", "\x02\x01\x02", "\x16\x01x", "\x17\x0d260101000000Z", "\x17\x0d350101000000Z", "\x17\x01x",
		"\x30\x00", "\x31\x00", "\x30\x03\x02\x01\x02", "\x30\x80\x00\x00"}
	extensions := func(r *rapid.T, label string) (all []mts.ExtensionField) {
		for range rapid.IntRange(0, 3).Draw(r, label) {
			x := mts.ExtensionField{Type: mts.StandardExtension(mts.ExtensionNumber(rapid.IntRange(0, 48).Draw(r, "number"))), Value: ber.Raw(rapid.SampledFrom(values).Draw(r, "value"))}
			if rapid.IntRange(0, 5).Draw(r, "critical") == 0 {
				x.Criticality = mts.NewCriticality(rapid.SampledFrom([]mts.Stage{mts.ForSubmission, mts.ForTransfer, mts.ForDelivery}).Draw(r, "for"))
			}
			all = append(all, x)
		}
		return all
	}
	let, refused := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		m, _ := envelope(t, func(m *mts.MessageTransferEnvelope) {
			m.ContentIdentifier = mts.ContentIdentifier(rapid.StringN(0, 20, 20).Draw(r, "content-identifier"))
			m.DeferredDeliveryTime = mts.Time(rapid.SampledFrom([]string{"", "", "261124120000Z", "270101000000+0100", "soon"}).Draw(r, "deferred"))
			m.Extensions = extensions(r, "extensions")
			if rapid.IntRange(0, 9).Draw(r, "no trace") == 0 {
				m.TraceInformation = nil
			}
			for range rapid.SampledFrom([]int{0, 0, 1, 511, 512}).Draw(r, "trace") {
				m.TraceInformation = append(m.TraceInformation, mts.TraceInformationElement{GlobalDomainIdentifier: m.MessageIdentifier.GlobalDomainIdentifier})
			}
			m.MessageIdentifier.LocalIdentifier = asn1.IA5String(rapid.SampledFrom([]string{"1", "1", "1", "1", "", "123456789012345678901234567890123"}).Draw(r, "local"))
			for i := range m.PerRecipientFields {
				f := &m.PerRecipientFields[i]
				f.OriginallySpecifiedRecipientNumber = rapid.SampledFrom([]int{1, 1, 2, 2, 3, 32767, 32767, 32768}).Draw(r, "n")
				f.PerRecipientIndicators = mts.PerRecipientIndicators(asn1.BitString{Bytes: []byte{0x80 | rapid.Byte().Draw(r, "bits")}, BitLength: 8})
				f.Extensions = extensions(r, "of the recipient")
			}
		}, ann, charli)
		raw, err := p1.EncodeMessageEnvelope(m)
		if err != nil {
			r.Fatal(err)
		}
		decoded, err := p1.DecodeMessageEnvelope(raw, p1.Limits{})
		if err != nil {
			r.Fatal(err)
		}
		tx, err := d.Message(fromB, raw, decoded)
		if err != nil {
			refused++
			return
		}
		let++
		answerable(t, tx.Envelope(), d, domain)
	})
	t.Logf("%d were let in, %d refused", let, refused)
}

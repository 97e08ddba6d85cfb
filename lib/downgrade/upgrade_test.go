package downgrade

import (
	"bytes"
	"io"
	"testing"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
)

// arrive reads an APDU as a channel does, and upgrades it.
func arrive(t testing.TB, envelope, content []byte) *p1.Incoming {
	t.Helper()
	size := int64(len(content))
	if content == nil {
		size = p1.NoContent
	}
	prefix, _, err := p1.NewAPDU(envelope, size)
	if err != nil {
		t.Fatal(err)
	}
	in, err := p1.ReadAPDU(bytes.NewReader(append(prefix, content...)), p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Upgrade(in, gateway); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, in.Content); err != nil {
		t.Fatal(err)
	}
	if err := in.Finish(); err != nil {
		t.Fatal(err)
	}
	if in.Kind == p1.Report {
		if err := Upgrade(in, gateway); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// What an MTA of 1984 writes is read, and stays as it came where no name is one that
// was downgraded.
func TestUpgradeOf1984(t *testing.T) {
	envelope := envelope84(t)
	in := arrive(t, envelope, []byte("content"))
	if !bytes.Equal(in.Envelope, envelope) || in.Message.Priority != mts.Urgent {
		t.Errorf("%x, want\n%x", in.Envelope, envelope)
	}
	h := func(text string) []byte { return octets(t, text) }
	domain := element(0x63, h("6104 13024742  6206 130454455354"))
	identifier := element(0x64, domain, element(0x16, []byte("a.1")))
	address := element(0x60, element(0x30, h("6104 13024742  6203 130142  83 01 41")))
	now := []byte("261127120000Z")
	trace := element(0x69, element(0x30, domain, element(0x31, element(0x80, now), h("82 01 00"))))
	probe := element(0xa2, identifier, address, h("46 01 02"), h("80 02 0100"), trace,
		element(0xa2, element(0x31, address, h("80 01 01"), h("81 02 00 a8"))))
	if in := arrive(t, probe, nil); !bytes.Equal(in.Envelope, probe) || *in.Probe.ContentLength != 256 {
		t.Errorf("%x, want\n%x", in.Envelope, probe)
	}
	last := element(0xa3, element(0x80, now), element(0xa1, element(0xa1, h("80 01 01  81 01 00"))))
	report := element(0xa1, element(0x31, identifier, address, trace),
		element(0x31, identifier, trace, element(0x4a, []byte("ua")),
			element(0xa0, element(0x31, element(0xa0, address[2:]), h("81 01 01"), h("82 02 00 a8"), last, element(0x85, []byte("gone")))),
			element(0xa2, h("0500")))) // billing-information, additional-information later
	in = arrive(t, report, nil)
	if !bytes.Equal(in.Envelope, report) || in.Report.Content.PerRecipientFields[0].SupplementaryInformation != "gone" {
		t.Errorf("%x, want\n%x", in.Envelope, report)
	}
}

// What goes out to an MTA of 1984 and comes back has its names again.
func TestUpgradeRoundTrip(t *testing.T) {
	e := envelope(t)
	o, err := Transfer(marshal(t, e), bytes.NewReader(nil), 0, Peer{Domain: gateway})
	if err != nil {
		t.Fatal(err)
	}
	in := arrive(t, o.Envelope, []byte("content"))
	back, err := p1.DecodeMessageEnvelope(in.Envelope, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*mts.MessageTransferEnvelope{in.Message, back} {
		if textOf(t, got.OriginatorName) != textOf(t, e.OriginatorName) {
			t.Errorf("originator %s", textOf(t, got.OriginatorName))
		}
		for i, r := range got.PerRecipientFields {
			if textOf(t, r.RecipientName) != textOf(t, e.PerRecipientFields[i].RecipientName) {
				t.Errorf("recipient %s", textOf(t, r.RecipientName))
			}
		}
	}
}

func TestUpgradeReport(t *testing.T) {
	common := name(t, "/DD.Common=Postmaster/O=A/ADMD=B/C=GB/")
	r := &mts.Report{
		Envelope: mts.ReportTransferEnvelope{ReportIdentifier: subject, ReportDestinationName: common, TraceInformation: envelope(t).TraceInformation},
		Content: mts.ReportTransferContent{SubjectIdentifier: subject, PerRecipientFields: []mts.PerRecipientReportTransferFields{{
			ActualRecipientName: common, OriginallyIntendedRecipientName: &common, OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: responsible,
			LastTraceInformation: mts.LastTraceInformation{ArrivalTime: "261127120000Z", ReportType: mts.NewDelivery(at, mts.UserPublic)}}}},
	}
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, returned := range [][]byte{nil, []byte("content")} {
		in := arrive(t, raw, returned)
		back, err := p1.DecodeReport(in.Envelope, p1.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range []*mts.Report{in.Report, back} {
			f := got.Content.PerRecipientFields[0]
			for _, n := range []string{textOf(t, got.Envelope.ReportDestinationName), textOf(t, f.ActualRecipientName), textOf(t, *f.OriginallyIntendedRecipientName)} {
				if n != "/CN=Postmaster/O=A/ADMD=B/C=GB/" {
					t.Errorf("returned %q: %s", returned, n)
				}
			}
		}
	}
}

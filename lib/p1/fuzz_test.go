package p1

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

func addAPDUs(f *testing.F) {
	for _, text := range []string{
		`A0 80 ` + envelopeOctets + `24 80 12 01 31 00 00 00 00`,
		messageOctets, reportOctets, probeOctets,
		`A0 80 ` + envelopeOctets + segmented(f) + `00 00`,
		`A0 80 ` + oddEnvelope(oddTraceOne+oddTraceTwo, oddExtension, oddOne+oddTwo+oddTail) + `04 00 00 00`,
		`A1 80 ` + reportEnvelopeOctets + `31 80 ` + messageID + `81 03 01 02 03 ` + reportRecipients + `00 00 00 00`,
		`A1 80 ` + reportEnvelopeOctets + `31 80 A1 80 04 00 00 00 ` + messageID + reportRecipients + `00 00 00 00`,
	} {
		f.Add(octets(f, text))
	}
}

// FuzzMTSAPDU holds reading an APDU in two parts and decoding it whole to the
// same answer.
func FuzzMTSAPDU(f *testing.F) {
	addAPDUs(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var want MTSAPDU
		wholeErr := decode(b, &want, "", Limits{})
		in, content, streamErr := whole(b, Limits{})
		if (wholeErr == nil) != (streamErr == nil) {
			t.Fatalf("whole: %v; in two parts: %v", wholeErr, streamErr)
		}
		if streamErr != nil {
			return
		}
		var got MTSAPDU
		switch in.Kind {
		case Message:
			got.Message = &mts.Message{Envelope: *in.Message, Content: content}
		case Report:
			report := *in.Report
			if in.HasContent {
				report.Content.ReturnedContent = &content
			}
			got.Report = &report
		case Probe:
			got.Probe = in.Probe
		}
		normal := cmp.Transformer("octets", func(p *[]byte) string {
			if p == nil {
				return "absent"
			}
			return "present " + string(*p)
		})
		empty := cmp.FilterValues(func(x, y []byte) bool { return len(x) == 0 && len(y) == 0 }, cmp.Ignore())
		if diff := cmp.Diff(want, got, normal, empty); diff != "" {
			t.Fatalf("whole and in two parts differ: %s", diff)
		}
		size := int64(NoContent)
		if in.HasContent {
			size = int64(len(content))
		}
		prefix, total, err := NewAPDU(in.Envelope, size)
		if err != nil {
			t.Fatalf("what was read cannot be sent: %v", err)
		}
		again := append(bytes.Clone(prefix), content...)
		if total != int64(len(again)) {
			t.Fatalf("%d octets, announced as %d", len(again), total)
		}
		in2, content2, err := whole(again, Limits{})
		if err != nil || !bytes.Equal(content, content2) || in.Kind != in2.Kind || !bytes.Equal(in.Envelope, in2.Envelope) {
			t.Fatalf("what was sent is not what was read: %v", err)
		}
	})
}

// FuzzMessageTransferEnvelope holds that what is decoded can be encoded, and is
// then decoded to the same value.
func FuzzMessageTransferEnvelope(f *testing.F) {
	f.Add(octets(f, envelopeOctets))
	f.Add(octets(f, oddEnvelope(oddTraceOne+oddTraceTwo, oddExtension, oddOne+oddTwo+oddTail)))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeMessageEnvelope(b, Limits{})
		if err != nil {
			return
		}
		again, err := EncodeMessageEnvelope(e)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		back, err := DecodeMessageEnvelope(again, Limits{})
		if err != nil {
			t.Fatalf("encoded but not decoded: %v", err)
		}
		third, err := EncodeMessageEnvelope(back)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("% X\nencoded again\n% X: %v", again, third, err)
		}
		_ = e.Valid()
		for _, x := range e.Extensions {
			_ = x.Type.String()
		}
		_, _, _ = mts.Ext(e.Extensions, mts.ExtInternalTraceInformation)
		_, _, _ = mts.Ext(e.Extensions, mts.ExtMessageSecurityLabel)
		_, _, _ = mts.Ext(e.Extensions, mts.ExtDLExpansionHistory)
		_ = e.MessageIdentifier.String()
	})
}

// FuzzReport is FuzzMessageTransferEnvelope for a report.
func FuzzReport(f *testing.F) {
	f.Add(octets(f, reportOctets))
	f.Add(octets(f, `A1 80 `+reportEnvelopeOctets+`31 80 `+messageID+`81 03 01 02 03 `+reportRecipients+`00 00 00 00`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeReport(b, Limits{})
		if err != nil {
			return
		}
		again, err := EncodeReport(r)
		if err != nil {
			t.Fatalf("decoded but not encoded: %v", err)
		}
		back, err := DecodeReport(again, Limits{})
		if err != nil {
			t.Fatalf("encoded but not decoded: %v", err)
		}
		third, err := EncodeReport(back)
		if err != nil || !bytes.Equal(again, third) {
			t.Fatalf("% X\nencoded again\n% X: %v", again, third, err)
		}
		_ = r.Valid()
	})
}

// FuzzBind holds that whatever a peer sends in a bind is read or refused, and
// that nothing but the right name and password opens the door.
func FuzzBind(f *testing.F) {
	for _, text := range []string{bindArgumentOctets, bindResultOctets, bindErrorOctets, `B0 02 05 00`, `05 00`,
		`B0 1F A1 1D 80 05 4D 54 41 2D 41 A1 14 A0 12 A0 0B 80 02 2A 03 A1 05 30 03 02 01 07 A1 03 02 01 01`} {
		f.Add(octets(f, text))
	}
	peer := Peer{Name: "MTA-A", Password: "secretA"}
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := DecodeBindArgument(b); err == nil {
			again, err := ber.MarshalWith(a, "[16] EXPLICIT")
			if err != nil {
				t.Fatalf("decoded but not encoded: %v", err)
			}
			if _, err := DecodeBindArgument(again); err != nil {
				t.Fatalf("encoded but not decoded: %v", err)
			}
			if peer.CheckInitiator(a) == nil && (!bytes.Contains(b, []byte("secretA")) && !bytes.Contains(again, []byte("secretA"))) {
				t.Fatalf("% X opens the door", b)
			}
			if (Peer{}).CheckInitiator(a) == nil {
				t.Fatal("nobody has been let in")
			}
		}
		_, _ = DecodeBindResult(b)
		if e, err := DecodeBindError(b); err == nil {
			if back, err := DecodeBindError(BindError(e)); err != nil || back != e {
				t.Fatalf("%v is read as %v, %v", e, back, err)
			}
		}
	})
}

// FuzzRelay holds that what is relayed differs from what came in nothing but what
// the edit says.
func FuzzRelay(f *testing.F) {
	f.Add(octets(f, envelopeOctets), uint64(0))
	f.Add(octets(f, oddEnvelope(oddTraceOne+oddTraceTwo, oddExtension, oddOne+oddTwo+oddTail)), uint64(5))
	f.Add(octets(f, probeOctets), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, responsible uint64) {
		kind := KindOf(b)
		was, err := envelopeOf(kind, b)
		if err != nil {
			return
		}
		edit := Edit{
			Responsible:   func(i, _ int) bool { return responsible>>(i%64)&1 == 1 },
			Trace:         mts.AppendTrace(was.TraceInformation, bravo, noon),
			InternalTrace: mts.AppendInternalTrace(nil, bravo, "MTA-B", noon),
		}
		got, err := Relay(b, edit)
		if err != nil {
			return // an extension or a trace deep inside that is none
		}
		is, err := envelopeOf(kind, got)
		if err != nil {
			t.Fatalf("relayed but not decoded: %v", err)
		}
		for i := range is.PerRecipientFields {
			f := &is.PerRecipientFields[i].PerRecipientIndicators
			if f.Responsibility() != edit.Responsible(i, 0) {
				t.Fatalf("recipient %d has the wrong responsibility", i)
			}
			// Indicators without a bit get one if it has to be set.
			w := &was.PerRecipientFields[i].PerRecipientIndicators
			*f, *w = f.WithResponsibility(true), w.WithResponsibility(true)
		}
		if len(is.TraceInformation) != len(edit.Trace) || !reflect.DeepEqual(is.TraceInformation[:len(was.TraceInformation)], was.TraceInformation) {
			t.Fatal("an old trace element has changed")
		}
		if trace, ok, err := mts.Ext(is.Extensions, mts.ExtInternalTraceInformation); err != nil || !ok || len(trace) != 1 {
			t.Fatalf("internal trace: %v, %v, %v", trace, ok, err)
		}
		is.TraceInformation, was.TraceInformation = nil, nil
		drop := mts.ExtInternalTraceInformation.Type()
		is.Extensions, was.Extensions = mts.RemoveExt(is.Extensions, drop), mts.RemoveExt(was.Extensions, drop)
		if diff := cmp.Diff(was, is); diff != "" {
			t.Fatalf("something else has changed: %s", diff)
		}
		// Nothing to change is nothing changed.
		same, err := Relay(got, Edit{Responsible: edit.Responsible, Trace: edit.Trace})
		if err != nil || !bytes.Equal(same, got) {
			t.Fatalf("relayed twice is not relayed once: %v", err)
		}
	})
}

// envelopeOf decodes the envelope of a message or probe as far as Relay edits it.
func envelopeOf(kind Kind, b []byte) (*mts.MessageTransferEnvelope, error) {
	switch kind {
	case Message:
		return DecodeMessageEnvelope(b, Limits{})
	case Probe:
		p, err := DecodeProbe(b, Limits{})
		if err != nil {
			return nil, err
		}
		return &mts.MessageTransferEnvelope{
			MessageIdentifier: p.ProbeIdentifier, OriginatorName: p.OriginatorName, ContentType: p.ContentType,
			TraceInformation: p.TraceInformation, Extensions: p.Extensions,
			PerRecipientFields: p.PerRecipientFields, Unknown: p.Unknown,
		}, nil
	}
	return nil, errEnvelope
}

// FuzzElements holds that an element is cut into the parts package ber sees.
func FuzzElements(f *testing.F) {
	for _, text := range []string{messageOctets, `30 80 31 80 00 00 BF 8F 0F 80 04 01 07 00 00 00 00`, `30 81 02 05 00`,
		`30 84 00 00 00 00`, `30 80 00 00`, `30 02 00 00`, `30 80 04 80 00 00 00 00`} {
		f.Add(octets(f, text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := elements(b)
		var want []ber.Raw
		valid := len(b) > 1 && b[0]&0x20 != 0 && ber.Raw(b).Contents() != nil
		for rest := ber.Raw(b).Contents(); valid && len(rest) > 0; {
			var r ber.Raw
			after, err := ber.Unmarshal(rest, &r, ber.Limits{})
			if err != nil {
				valid = false
				break
			}
			want = append(want, r)
			rest = after
		}
		if !valid {
			return // package ber is the stricter, and has seen an envelope first
		}
		if err != nil {
			t.Fatalf("% X: %v", b, err)
		}
		if len(got) != len(want) {
			t.Fatalf("% X: %d elements, want %d", b, len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("element %d is % X, want % X", i, got[i], want[i])
			}
		}
	})
}

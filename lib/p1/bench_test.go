package p1

import (
	"bytes"
	"io"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// manyRecipients is the example envelope for n recipients.
func manyRecipients(tb testing.TB, n int) ber.Raw {
	e, err := DecodeMessageEnvelope(octets(tb, envelopeOctets), Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	one := e.PerRecipientFields[0]
	e.PerRecipientFields = nil
	for i := range n {
		one.OriginallySpecifiedRecipientNumber = i + 1
		e.PerRecipientFields = append(e.PerRecipientFields, one)
	}
	raw, err := EncodeMessageEnvelope(e)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// An envelope may name as many recipients as X.411 allows and is within the
// default limits.
func TestMostRecipients(t *testing.T) {
	envelope := manyRecipients(t, mts.UbRecipients)
	got, err := Relay(envelope, Edit{Responsible: func(_, n int) bool { return n == mts.UbRecipients }})
	if err != nil {
		t.Fatal(err)
	}
	e, err := DecodeMessageEnvelope(got, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Valid(); err != nil {
		t.Error(err)
	}
	for i := range e.PerRecipientFields {
		if e.PerRecipientFields[i].PerRecipientIndicators.Responsibility() != (i == mts.UbRecipients-1) {
			t.Fatalf("recipient %d has the wrong responsibility", i)
		}
	}
}

func BenchmarkDecodeMessageEnvelope(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"1", 1}, {"100", 100}} {
		b.Run(c.name, func(b *testing.B) {
			envelope := manyRecipients(b, c.n)
			b.SetBytes(int64(len(envelope)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeMessageEnvelope(envelope, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRelay(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
	}{{"1", 1}, {"100", 100}} {
		b.Run(c.name, func(b *testing.B) {
			envelope := manyRecipients(b, c.n)
			e, err := DecodeMessageEnvelope(envelope, Limits{})
			if err != nil {
				b.Fatal(err)
			}
			internal, _, err := mts.Ext(e.Extensions, mts.ExtInternalTraceInformation)
			if err != nil {
				b.Fatal(err)
			}
			edit := Edit{
				Responsible:   func(_, n int) bool { return n%2 == 0 },
				Trace:         mts.AppendTrace(e.TraceInformation, bravo, noon),
				InternalTrace: mts.AppendInternalTrace(internal, bravo, "MTA-B", noon),
			}
			b.SetBytes(int64(len(envelope)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Relay(envelope, edit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadAPDU reads a message of 1 MiB; what is allocated does not grow
// with the content.
func BenchmarkReadAPDU(b *testing.B) {
	content := make([]byte, 1<<20)
	prefix, total := NewMessageAPDU(octets(b, envelopeOctets), int64(len(content)))
	apdu := append(prefix, content...)
	b.SetBytes(total)
	b.ReportAllocs()
	buf := make([]byte, 64<<10)
	for b.Loop() {
		in, err := ReadAPDU(bytes.NewReader(apdu), Limits{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, in.Content, buf); err != nil {
			b.Fatal(err)
		}
		if err := in.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

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

// indefinite is the example envelope for n recipients with every length that can
// be so in the indefinite form, which counts for the most elements.
func indefinite(tb testing.TB, n int) ber.Raw {
	name := octets(tb, `60 80 30 80 61 80 13 02 47 42 00 00 62 80 13 04 54 45 53 54 00 00 A2 80 13 05 42 52 41 56 4F 00 00
		83 03 4F 72 67 A5 80 80 05 4A 6F 6E 65 73 81 03 42 6F 62 00 00 00 00 00 00`)
	raw := octets(tb, `31 80 `+messageID+annName+contentP22+indicators+alphaTrace+internal+`A2 80 `)
	for i := 1; i <= n; i++ {
		raw = append(append(raw, 0x31, 0x80), name...)
		raw = append(raw, 0x80, 0x03, 0x00, byte(i>>8), byte(i), 0x81, 0x02, 0x00, 0xD0, 0x00, 0x00)
	}
	return append(raw, 0, 0, 0, 0)
}

// An envelope may name as many recipients as X.411 allows, in whatever form, and
// is within the default limits.
func TestMostRecipients(t *testing.T) {
	for _, envelope := range []ber.Raw{manyRecipients(t, mts.UbRecipients), indefinite(t, mts.UbRecipients)} {
		prefix, _ := NewMessageAPDU(envelope, 0)
		if _, _, err := whole(prefix, Limits{}); err != nil {
			t.Fatal(err)
		}
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

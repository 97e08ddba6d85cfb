package expand

import (
	"fmt"
	"testing"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// What a recipient that is redirected costs, in a job of sixteen of a message to many.
func BenchmarkRedirect(b *testing.B) {
	const job = 16
	for _, disclosed := range []bool{false, true} {
		for _, recipients := range []int{1000, 16000, 32767} {
			b.Run(fmt.Sprintf("recipients=%d/disclosed=%v", recipients, disclosed), func(b *testing.B) {
				s := start(b, "")
				m := aMessage(b)
				if disclosed {
					m.common.Indicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
				}
				alternate := []mts.ExtensionField{ext(b, mts.ExtOriginatorRequestedAlternateRecipient, name(b, abroad))}
				env := &mts.MessageTransferEnvelope{MessageIdentifier: m.common.Identifier, OriginatorName: m.common.Originator,
					ContentType: m.common.ContentType, PerMessageIndicators: m.common.Indicators}
				addresses := make([]string, recipients)
				for i := range recipients {
					addresses[i] = fmt.Sprintf("/S=Nobody%d/PRMD=ALPHA/ADMD=TEST/C=GB/", i)
					env.PerRecipientFields = append(env.PerRecipientFields, mts.PerRecipientMessageTransferFields{RecipientName: name(b, addresses[i]),
						OriginallySpecifiedRecipientNumber: i + 1, Extensions: alternate,
						PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNonDelivery)})
				}
				raw, err := p1.EncodeMessageEnvelope(env)
				if err != nil {
					b.Fatal(err)
				}
				ref := s.put(subjectFrom(b, raw, spool.KindMessage, addresses...), make([]byte, 1000))
				next := 1
				for b.Loop() {
					var leased []int
					for range job {
						leased = append(leased, next)
						next = next%recipients + 1
					}
					s.Job(ref, leased...)
					l := s.Receive()
					for ; l.Type == channel.TypeCommit; l = s.Receive() {
						s.Send(channel.Line{Type: channel.TypeDurable, Txn: l.Txn})
					}
					for _, r := range l.Results {
						if r.Child == "" {
							b.Fatalf("%+v", r)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*job), "µs/recipient")
			})
		}
	}
}

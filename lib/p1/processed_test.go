package p1

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// TestProcessed: the type of the content and the label are others, whatever form the type had, and
// the rest of the envelope is what it was.
func TestProcessed(t *testing.T) {
	secret := mts.Secret
	label := &mts.SecurityLabel{SecurityClassification: &secret, SecurityPolicyIdentifier: "2.999.1"}
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	p22, p772 := mts.NewContentType(mts.InterpersonalMessaging1988), mts.NewExtendedContentType(mts.ContentP772)
	a := oraddr.Address{C: "GB", ADMD: "TEST", CN: "Ann"}
	who, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	domain := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST"})
	for _, c := range []struct{ from, to mts.ContentType }{{p22, p772}, {p772, p22}, {p772, p772}} {
		env := &mts.MessageTransferEnvelope{MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: domain, LocalIdentifier: "1"}, OriginatorName: who,
			Priority: mts.Urgent, TraceInformation: mts.AppendTrace(nil, domain, now), PerRecipientFields: []mts.PerRecipientMessageTransferFields{{RecipientName: who,
				OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone)}}}
		env.ContentType = c.from
		raw, err := EncodeMessageEnvelope(env)
		if err != nil {
			t.Fatal(err)
		}
		o, err := ReadOriginal(raw, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := o.Processed(0, c.to, label, Action{Domain: domain, MTA: "MTA-A", Arrived: now, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMessageEnvelope(out, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		is, there, err := mts.Ext(got.Extensions, mts.ExtMessageSecurityLabel)
		if err != nil || !there || *is.SecurityClassification != secret || is.SecurityPolicyIdentifier != "2.999.1" {
			t.Errorf("%s to %s: the label is %+v, %v", c.from, c.to, is, err)
		}
		if !got.ContentType.Equal(c.to) || !got.PerRecipientFields[0].PerRecipientIndicators.Responsibility() {
			t.Errorf("%s to %s: %s, %+v", c.from, c.to, got.ContentType, got.PerRecipientFields[0])
		}
		if diff := cmp.Diff(env.OriginatorName, got.OriginatorName); diff != "" || got.Priority != env.Priority || got.MessageIdentifier.String() != env.MessageIdentifier.String() {
			t.Errorf("%s to %s: %s", c.from, c.to, diff)
		}
	}
}

package p1

import (
	"fmt"
	"strings"
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
		out, err := o.Processed([]int{0}, c.to, label, Action{Domain: domain, MTA: "MTA-A", Arrived: now, Now: now})
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

// TestProcessedTogether: those at the places are this MTA's responsibility, in their order; of the
// others those stay that the originator discloses, and that are no members of a list with one of
// them, without responsibility.
func TestProcessedTogether(t *testing.T) {
	domain := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST"})
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		disclose bool
		numbers  []int
		places   []int
		want     string
	}{
		{"disclosed", true, []int{1, 2, 3, 4, 5}, []int{1, 3}, "1 2! 3 4! 5"},
		{"the ends", true, []int{1, 2, 3}, []int{0, 2}, "1! 2 3!"},
		{"all", true, []int{1, 2, 3}, []int{0, 1, 2}, "1! 2! 3!"},
		{"not disclosed", false, []int{1, 2, 3, 4}, []int{1, 3}, "2! 4!"},
		{"members of a list", true, []int{1, 7, 7, 7, 2}, []int{1, 4}, "1 7! 2!"},
	} {
		env := &mts.MessageTransferEnvelope{MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: domain, LocalIdentifier: "1"},
			ContentType: mts.NewContentType(mts.InterpersonalMessaging1988), TraceInformation: mts.AppendTrace(nil, domain, now)}
		if c.disclose {
			env.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
		}
		var err error
		for i, n := range c.numbers {
			a := oraddr.Address{C: "GB", ADMD: "TEST", CN: fmt.Sprint("n", i)}
			f := mts.PerRecipientMessageTransferFields{OriginallySpecifiedRecipientNumber: n,
				PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone)}
			if f.RecipientName, err = a.ORName(); err != nil {
				t.Fatal(err)
			}
			env.PerRecipientFields = append(env.PerRecipientFields, f)
		}
		if env.OriginatorName, err = (&oraddr.Address{C: "GB", ADMD: "TEST", CN: "Ann"}).ORName(); err != nil {
			t.Fatal(err)
		}
		raw, err := EncodeMessageEnvelope(env)
		if err != nil {
			t.Fatal(err)
		}
		o, err := ReadOriginal(raw, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := o.Processed(c.places, mts.NewExtendedContentType(mts.ContentP772), nil, Action{Domain: domain, MTA: "MTA-A", Arrived: now, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		is, err := DecodeMessageEnvelope(out, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range is.PerRecipientFields {
			text := fmt.Sprint(f.OriginallySpecifiedRecipientNumber)
			if f.PerRecipientIndicators.Responsibility() {
				text += "!"
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
		for _, places := range [][]int{nil, {len(c.numbers)}, {-1}} {
			if _, err := o.Processed(places, mts.NewExtendedContentType(mts.ContentP772), nil, Action{}); err == nil {
				t.Errorf("%s: processed at %v", c.name, places)
			}
		}
	}
}

package p1

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// expanded is what the members get of a message to a list and to Bob, under a policy. The
// originator asks for a delivery report, its MTA for a non-delivery report; the originator
// discloses recipients and wants the content returned, proof of delivery, and, for the list,
// an alternate recipient and delivery by telephone.
func expanded(t *testing.T, p Policy) *mts.MessageTransferEnvelope {
	t.Helper()
	number := func(n int64) string { return hexText([]byte{byte(n)}) }
	field := func(n int64, value string) string {
		return form(t, tagSequence, `80 01 `+number(n)+`A2 `+hexText([]byte{byte(len(octets(t, value)))})+value)
	}
	list := form(t, tagSet, listName+`80 01 02 81 02 00 B0 `+form(t, tagExtensions, field(2, carlName)+field(22, `0A 01 01 `)+field(6, `30 03 02 01 09 `)))
	raw := octets(t, form(t, tagSet, messageID+annName+contentP22+`47 01 01 48 02 04 90 `+form(t, tagTrace, alphaElement)+
		form(t, tagExtensions, field(4, `0A 01 01 `)+internalField(t, alphaInternal))+form(t, tagRecipients, bobFields+list)))
	before := bytes.Clone(raw)
	out, err := read(t, raw).Expand(1, Expansion{List: name(t, listName), Members: []oraddr.ORName{name(t, carlName)}, Policy: p}, here())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, before) {
		t.Error("the original has changed")
	}
	env, err := DecodeMessageEnvelope(out, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// X.402, mhs-dl-policy: each component changes its field, for the members, and no other.
func TestExpandByDLPolicy(t *testing.T) {
	to := func(r mts.ReportRequest) *mts.ReportRequest { return &r }
	urgent, normal := mts.Urgent, mts.Normal
	allowed, prohibited := mts.Allowed, mts.Prohibited
	methods, none := []mts.DeliveryMethod{mts.MHSDelivery, mts.AnyDeliveryMethod}, []mts.DeliveryMethod{}
	type fields struct {
		priority      mts.Priority
		bits          string
		loss, further mts.Prohibition
		recipients    int
		reports       string // of the member
		alternate     bool
		proof         mts.Request
		methods       []mts.DeliveryMethod
	}
	same := fields{mts.NonUrgent, "disclosure-of-other-recipients, content-return-request", mts.Prohibited, mts.Allowed, 2, "non-delivery-report, report", false, mts.Requested, []mts.DeliveryMethod{mts.TelephoneDelivery}}
	for _, c := range []struct {
		name   string
		policy Policy
		change func(*fields)
	}{
		{"unchanged", Policy{}, func(*fields) {}},
		{"originating-MTA-report audited-report", Policy{MTAReport: to(mts.ReportAudited)}, func(f *fields) { f.reports = "audited-report, report" }},
		{"originating-MTA-report non-delivery-report", Policy{MTAReport: to(mts.ReportNonDelivery)}, func(f *fields) { f.reports = "report, report" }},
		{"originator-report no-report", Policy{OriginatorReport: to(mts.ReportNone)}, func(f *fields) { f.reports = "non-delivery-report, no-report" }},
		{"originator-report non-delivery-report", Policy{OriginatorReport: to(mts.ReportNonDelivery)}, func(f *fields) { f.reports = "non-delivery-report, non-delivery-report" }},
		{"originator-report report", Policy{OriginatorReport: to(mts.ReportAlways)}, func(f *fields) { f.reports = "report, report" }},
		{"both", Policy{MTAReport: to(mts.ReportAlways), OriginatorReport: to(mts.ReportNone)}, func(f *fields) { f.reports = "report, no-report" }},
		{"return-of-content", Policy{Clear: []mts.MessageIndicator{mts.BitContentReturnRequest}}, func(f *fields) { f.bits = "disclosure-of-other-recipients" }},
		{"priority", Policy{Priority: &urgent}, func(f *fields) { f.priority = mts.Urgent }},
		{"priority normal", Policy{Priority: &normal}, func(f *fields) { f.priority = mts.Normal }},
		{"disclosure-of-other-recipients", Policy{Clear: []mts.MessageIndicator{mts.BitDisclosureOfOtherRecipients}},
			func(f *fields) { f.bits, f.recipients = "content-return-request", 1 }},
		{"implicit-conversion-prohibited", Policy{Set: []mts.MessageIndicator{mts.BitImplicitConversionProhibited}},
			func(f *fields) {
				f.bits = "disclosure-of-other-recipients, implicit-conversion-prohibited, content-return-request"
			}},
		{"conversion-with-loss-prohibited", Policy{ConversionWithLoss: &prohibited}, func(*fields) {}},
		{"conversion-with-loss-allowed", Policy{ConversionWithLoss: &allowed}, func(f *fields) { f.loss = mts.Allowed }},
		{"further-dl-expansion-allowed", Policy{NoFurtherExpansion: true}, func(f *fields) { f.further = mts.Prohibited }},
		{"originator-requested-alternate-recipient-removed", Policy{KeepAlternate: true}, func(f *fields) { f.alternate = true }},
		{"proof-of-delivery", Policy{NoProofOfDelivery: true}, func(f *fields) { f.proof = mts.NotRequested }},
		{"requested-delivery-method removed", Policy{Methods: &none}, func(f *fields) { f.methods = nil }},
		{"requested-delivery-method replaced", Policy{Methods: &methods}, func(f *fields) { f.methods = methods }},
	} {
		env := expanded(t, c.policy)
		r := env.PerRecipientFields[len(env.PerRecipientFields)-1]
		want, got := same, fields{priority: env.Priority, bits: env.PerMessageIndicators.String(), recipients: len(env.PerRecipientFields),
			reports: r.PerRecipientIndicators.OriginatingMTAReport().String() + ", " + r.PerRecipientIndicators.OriginatorReport().String()}
		c.change(&want)
		if c.policy.MTAReport == nil && c.policy.OriginatorReport == nil {
			want.reports = got.reports // the octets below
			if got := asText(r.PerRecipientIndicators); got != "B0" {
				t.Errorf("%s: indicators %s", c.name, got)
			}
		}
		var errs [5]error
		got.loss, _, errs[0] = mts.Ext(env.Extensions, mts.ExtConversionWithLossProhibited)
		got.further, _, errs[1] = mts.Ext(env.Extensions, mts.ExtDLExpansionProhibited)
		_, got.alternate, errs[2] = mts.Ext(r.Extensions, mts.ExtOriginatorRequestedAlternateRecipient)
		got.proof, _, errs[3] = mts.Ext(r.Extensions, mts.ExtProofOfDeliveryRequest)
		got.methods, _, errs[4] = mts.Ext(r.Extensions, mts.ExtRequestedDeliveryMethod)
		for _, err := range errs {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if !slices.Equal(got.methods, want.methods) {
			t.Errorf("%s: methods %v", c.name, got.methods)
		}
		if got.methods, want.methods = nil, nil; !r.PerRecipientIndicators.Responsibility() || got.priority != want.priority || got.bits != want.bits || got.loss != want.loss ||
			got.further != want.further || got.recipients != want.recipients || got.reports != want.reports || got.alternate != want.alternate || got.proof != want.proof {
			t.Errorf("%s: %+v, not %+v", c.name, got, want)
		}
	}
}

func asText(p mts.PerRecipientIndicators) string { return string(hexText(p.Bytes)[:2]) }

// What an envelope does not have, because it is the default, a policy adds.
func TestDLPolicyOfAbsentFields(t *testing.T) {
	list := form(t, tagSet, listName+`80 01 02 81 02 00 D0 `)
	before := octets(t, form(t, tagSet, messageID+annName+contentP22+alphaTrace+form(t, tagRecipients, list)))
	urgent := mts.Urgent
	out, err := read(t, before).Expand(0, Expansion{List: name(t, listName), Members: []oraddr.ORName{name(t, carlName)},
		Policy: Policy{Priority: &urgent, Set: []mts.MessageIndicator{mts.BitDisclosureOfOtherRecipients}, NoFurtherExpansion: true}}, here())
	if err != nil {
		t.Fatal(err)
	}
	env, err := DecodeMessageEnvelope(out, Limits{})
	if err != nil || env.Priority != mts.Urgent || env.PerMessageIndicators.String() != "disclosure-of-other-recipients" || mts.Find(env.Extensions, mts.ExtDLExpansionProhibited.Type()) < 0 {
		t.Errorf("%+v, %v", env, err)
	}
}

package expand

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// X.402, mhs-dl-policy: each key of a list is the component that it should be, and the
// default changes nothing.
func TestDLPolicyOfAList(t *testing.T) {
	report := func(r mts.ReportRequest) *mts.ReportRequest { return &r }
	urgent, allowed, prohibited := mts.Urgent, mts.Allowed, mts.Prohibited
	for text, want := range map[string]p1.Policy{
		"": {},
		`originating-mta-report = "audited-report"`:                          {MTAReport: report(mts.ReportAudited)},
		`originator-report = "no-report"`:                                    {OriginatorReport: report(mts.ReportNone)},
		`originator-report = "non-delivery-report"`:                          {OriginatorReport: report(mts.ReportNonDelivery)},
		`return-of-content = "requested"`:                                    {Set: []mts.MessageIndicator{mts.BitContentReturnRequest}},
		`return-of-content = "not-requested"`:                                {Clear: []mts.MessageIndicator{mts.BitContentReturnRequest}},
		`priority = "urgent"`:                                                {Priority: &urgent},
		`disclosure-of-other-recipients = "allowed"`:                         {Set: []mts.MessageIndicator{mts.BitDisclosureOfOtherRecipients}},
		`implicit-conversion = "allowed"`:                                    {Clear: []mts.MessageIndicator{mts.BitImplicitConversionProhibited}},
		`implicit-conversion = "prohibited"`:                                 {Set: []mts.MessageIndicator{mts.BitImplicitConversionProhibited}},
		`conversion-with-loss = "prohibited"`:                                {ConversionWithLoss: &prohibited},
		`conversion-with-loss = "allowed"`:                                   {ConversionWithLoss: &allowed},
		`further-dl-expansion-allowed = false`:                               {NoFurtherExpansion: true},
		`originator-requested-alternate-removed = false`:                     {KeepAlternate: true},
		`proof-of-delivery = "neither"`:                                      {NoProofOfDelivery: true},
		`requested-delivery-method = ["removed"]`:                            {Methods: &[]mts.DeliveryMethod{}},
		`requested-delivery-method = ["telephone-delivery", "mhs-delivery"]`: {Methods: &[]mts.DeliveryMethod{mts.TelephoneDelivery, mts.MHSDelivery}},
	} {
		j := theJudge(t, text)
		for l, got := range j.policies {
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: %s: %s", l.Address, text, diff)
			}
		}
	}
}

// X.402, DL submit permission: an individual is exactly who is named; a member is one of the
// list named, or of a list among its members, also round in a circle.
func TestDLSubmitPermissions(t *testing.T) {
	const lists = `
[[list]]
address = "/CN=Friends/PRMD=ALPHA/ADMD=TEST/C=GB/"
members = ["/CN=Far/PRMD=ALPHA/ADMD=TEST/C=GB/"]

[[list]]
address = "/CN=Far/PRMD=ALPHA/ADMD=TEST/C=GB/"
members = ["S=JONES; O=Org; P=BRAVO; A=TEST; C=GB", "/CN=Friends/PRMD=ALPHA/ADMD=TEST/C=GB/", "` + outer + `"]

[[list]]
address = "/CN=Others/PRMD=ALPHA/ADMD=TEST/C=GB/"
members = ["` + ann + `"]
`
	history := ext(t, mts.ExtDLExpansionHistory, []mts.DLExpansion{{DL: name(t, outer), DLExpansionTime: "261127110000Z"}})
	const yes = "expanded, expand to Smith Bob Jones"
	for _, c := range []struct{ submit, direct, throughOuter string }{
		{"individual:" + abroad, yes, "1/29"},
		{"individual:S=JONES; O=Org; P=BRAVO; A=TEST; C=GB", yes, "1/29"},
		{"individual:/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", "1/29", "1/29"},
		{"individual:" + outer, "1/29", yes},
		{"/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", yes, "1/29"},
		{"pattern-match:/CN=*/PRMD=BRAVO/ADMD=TEST/C=GB/", "1/29", yes},
		{"member-of-dl:/CN=Far/PRMD=ALPHA/ADMD=TEST/C=GB/", yes, yes},
		{"member-of-dl:/CN=Friends/PRMD=ALPHA/ADMD=TEST/C=GB/", yes, yes},
		{"member-of-dl:/CN=Others/PRMD=ALPHA/ADMD=TEST/C=GB/", "1/29", "1/29"},
		{"member-of-dl:" + staff, yes, "1/29"},
		{`individual:` + ann + `", "member-of-dl:/CN=Far/PRMD=ALPHA/ADMD=TEST/C=GB/`, yes, yes},
	} {
		j := theJudge(t, `submit = ["`+c.submit+`"]`+lists)
		if got := tells(t, j.decide(aMessage(t))); got != c.direct {
			t.Errorf("%s: %s", c.submit, got)
		}
		if got := tells(t, j.decide(aMessage(t, history))); got != c.throughOuter {
			t.Errorf("%s, through a list: %s", c.submit, got)
		}
	}
}

// A child has the priority of the policy, and one that an earlier lease has made by another
// policy is the child.
func TestPriorityOfTheChild(t *testing.T) {
	s := start(t, `priority = "urgent"`)
	ref := s.put(aMessage(t), []byte("content"))
	commit, _ := s.job(ref, channel.Line{Type: channel.TypeDurable})
	if commit == nil || commit.Priority != spool.Urgent {
		t.Fatalf("%+v", commit)
	}
	cfg, err := tableconf.Parse([]byte(strings.Replace(s.text, "urgent", "non-urgent", 1)), "mta.toml", s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Configure(cfg)
	again, r := s.job(ref, channel.Line{Type: channel.TypeDurable})
	if again == nil || again.ID != commit.ID || again.Priority != spool.Urgent || r.Child != commit.ID {
		t.Errorf("%+v, %+v", again, r)
	}
	if found, err := s.Spool.Find(string(commit.ID)); err != nil || len(found) != 1 {
		t.Errorf("%v, %v", found, err)
	}
}

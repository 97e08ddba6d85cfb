package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// suggesting is a report that tells of addresses instead of the first recipient.
func suggesting(t *testing.T, alternatives ...string) (*mts.Report, *mts.PerRecipientReportTransferFields) {
	t.Helper()
	env := subjectOf(t, nil)
	env.Recipients = []spool.Recipient{
		{N: 1, Address: "/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", Fail: &spool.Failure{Reason: 1, Text: "no such user", Alternatives: alternatives}},
		{N: 2, Address: "/S=Brown/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", Fail: &spool.Failure{Reason: 1, Text: "no such user", Alternatives: alternatives}},
	}
	r, _, err := Make(env, []Result{
		{N: 1, Reason: mts.UnableToTransfer, Diagnostic: mts.UnrecognisedORName, Text: "no such user"},
		{N: 2, Reason: mts.UnableToTransfer, Diagnostic: mts.MaximumTimeExpired, Text: "expired"},
	}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	if other := &r.Content.PerRecipientFields[1]; len(other.Extensions) > 0 || other.SupplementaryInformation != "expired" {
		t.Errorf("who has failed of something else: %+v", other)
	}
	r.Envelope.TraceInformation = mts.AppendTrace(nil, mts.NewGlobalDomainIdentifier(bravo.Domain), accepted)
	if err := r.Valid(); err != nil {
		t.Error(err)
	}
	return r, &r.Content.PerRecipientFields[0]
}

// The alternatives are in the extension, and in supplementary-information as far as its 256
// characters and their repertoire allow; a report to a peer of 1984 has no extension.
func TestSection22_4_AlternativesInReports(t *testing.T) {
	ann, long := "/G=Ann/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", "/S=Jones/OU1="+strings.Repeat("u", 32)+"/O="+strings.Repeat("o", 64)+"/PRMD=BRAVO/ADMD=TEST/C=GB/"
	for _, tt := range []struct {
		name    string
		all     []string
		text    string
		encoded int
	}{
		{"none", nil, "no such user", 0},
		{"one", []string{ann}, "no such user, try " + ann, 1},
		{"three", []string{ann, "/CN=Ann/ADMD=TEST/C=GB/", "/CN=B/ADMD=TEST/C=GB/"}, "no such user, try " + ann + ", /CN=Ann/ADMD=TEST/C=GB/ or /CN=B/ADMD=TEST/C=GB/", 3},
		{"too long for the text", []string{long, ann, long + "x", ann + "DD.x=y/"}, "no such user, try " + "/S=Jones/OU=" + strings.Repeat("u", 32) + long[strings.Index(long, "/O="):] + " or " + ann, 3},
		{"not printable", []string{"/CN=Ann_B/ADMD=TEST/C=GB/", ann}, "no such user, try " + ann, 2},
		{"not printable at all", []string{"/CN=Ann*{193}B/ADMD=TEST/C=GB/"}, "no such user", 1},
	} {
		for i, text := range tt.all {
			if a, err := oraddr.Parse(text); err == nil {
				tt.all[i] = a.String()
			}
		}
		_, f := suggesting(t, tt.all...)
		if got := string(f.SupplementaryInformation); got != tt.text {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.text)
		}
		if got := mts.Alternatives(f.Extensions); len(got) != tt.encoded {
			t.Errorf("%s: %v", tt.name, got)
		}
	}

	r, _ := suggesting(t, ann)
	raw, err := p1.EncodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := p1.DecodeReport(raw, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	x := Explain(back, -1)
	if diff := cmp.Diff([]string{ann}, x.Recipients[0].Alternatives); diff != "" {
		t.Error(diff)
	}
	var b strings.Builder
	if err := x.WriteText(&b); err != nil || !strings.Contains(b.String(), "\ntry:          "+ann+"\n") {
		t.Errorf("%v: %s", err, b.String())
	}
	old, err := downgrade.Transfer(raw, nil, 0, downgrade.Peer{Domain: bravo.Domain})
	if err != nil {
		t.Fatal(err)
	}
	if back, err = p1.DecodeReport(old.Envelope, p1.Limits{}); err != nil || len(back.Content.PerRecipientFields[0].Extensions) > 0 {
		t.Errorf("of 1984: %v, %+v", err, back)
	}
}

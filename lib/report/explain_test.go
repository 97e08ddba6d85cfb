package report

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/mts"
)

// Every code of X.411 has its own advice, one sentence, and no other has any.
func TestAdvice(t *testing.T) {
	seen := map[string]string{}
	check := func(name, advice string) {
		if advice == "" || !strings.HasSuffix(advice, ".") || strings.Count(advice, ". ") > 0 || strings.Contains(advice, "\n") {
			t.Errorf("%s: %q is not one sentence", name, advice)
		}
		if other, ok := seen[advice]; ok {
			t.Errorf("%s and %s have the same advice", name, other)
		}
		seen[advice] = name
	}
	for r := range mts.TransferFailureForSecurityReason + 1 {
		check(r.String(), ReasonAdvice(r))
	}
	for d := range mts.UnsupportedSecurityPolicy + 1 {
		check(d.String(), DiagnosticAdvice(d))
	}
	if len(seen) != 9+79 {
		t.Errorf("%d codes", len(seen))
	}
	for _, n := range []int64{-1, 9, 79, 32767} {
		if n != 9 && DiagnosticAdvice(mts.DiagnosticCode(n)) != "" || n != 79 && ReasonAdvice(mts.ReasonCode(n)) != "" {
			t.Errorf("advice for %d", n)
		}
	}
}

func textOf(t *testing.T, x *Explanation) string {
	t.Helper()
	var out bytes.Buffer
	if err := x.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// What the report of another MTA may say beside what ours do: a list, redirections, an
// audited trace, codes nobody defined, a converted content, and times and extensions
// that cannot be read.
func TestExplain(t *testing.T) {
	list, boss := name(t, "/CN=list/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"), name(t, "/S=Boss/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/")
	at := asn1.NewUTCTime(accepted)
	r, _, err := Make(subjectOf(t, nil), []Result{{N: 1, Reason: 42, Diagnostic: 99, Text: "so there"}, {N: 2, Delivered: true, Time: accepted}}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	ext := func(fields *[]mts.ExtensionField, set func([]mts.ExtensionField) ([]mts.ExtensionField, error)) {
		if *fields, err = set(*fields); err != nil {
			t.Fatal(err)
		}
	}
	ext(&r.Envelope.Extensions, func(f []mts.ExtensionField) ([]mts.ExtensionField, error) {
		return mts.SetExt(f, mts.ExtReportingDLName, list)
	})
	ext(&r.Envelope.Extensions, func(f []mts.ExtensionField) ([]mts.ExtensionField, error) {
		return mts.SetExt(f, mts.ExtOriginatorAndDLExpansionHistory, []mts.OriginatorAndDLExpansion{{OriginatorOrDLName: boss, OriginationOrExpansionTime: at}, {OriginatorOrDLName: list, OriginationOrExpansionTime: "nonsense"}})
	})
	ext(&r.Content.Extensions, func(f []mts.ExtensionField) ([]mts.ExtensionField, error) {
		octets := []byte{0xab, 0xcd}
		return mts.SetExt(f, mts.ExtContentCorrelator, mts.ContentCorrelator{Octets: &octets})
	})
	r.Content.SubjectIntermediateTraceInformation = mts.RerouteTrace(nil, mts.NewGlobalDomainIdentifier(alpha), nil, accepted)
	f := &r.Content.PerRecipientFields[0]
	ext(&f.Extensions, func(e []mts.ExtensionField) ([]mts.ExtensionField, error) {
		return mts.SetExt(e, mts.ExtRedirectionHistory, []mts.Redirection{{
			IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: boss, RedirectionTime: at}, RedirectionReason: mts.Alias}})
	})
	ext(&f.Extensions, func(e []mts.ExtensionField) ([]mts.ExtensionField, error) {
		return mts.SetExt(e, mts.ExtPhysicalForwardingAddress, boss)
	})
	f.OriginallyIntendedRecipientName = &boss
	f.SupplementaryInformation = "so\x1bthere"
	x := Explain(r, 12)
	text := textOf(t, x)
	when := accepted.UTC().Format(time.RFC3339)
	for _, want := range []string{
		"correlator:   abcd\n",
		"list:         /CN=list/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/\n",
		"originated:   " + when + " /S=Boss/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/\n",
		"expanded:     (unknown time) /CN=list/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/\n",
		"subject came: " + when + " /PRMD=ALPHA/ADMD=TEST/C=GB/ rerouted\n",
		"content:      returned, 12 octets\n",
		"\nrecipient 5:  /S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/ was NOT delivered\n",
		"intended:     /S=Boss/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/\n",
		"redirected:   " + when + " from /S=Boss/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/: alias\n",
		"forward to:   /S=Boss/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/\n",
		"reason:       42 (42)\n",
		"diagnostic:   99 (99)\n",
		"to do:        " + noAdvice + "\n",
		"text:         so?there\n",
		"\nrecipient 6:  /S=Brown/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/ was delivered at " + when + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}

	// The content in the report itself; extensions that cannot be read.
	content := []byte("1234")
	r.Content.ReturnedContent = &content
	for i := range r.Envelope.Extensions {
		r.Envelope.Extensions[i].Value = []byte{0x05, 0x00}
	}
	if x = Explain(r, -1); !x.ReturnedContent || x.ReturnedOctets != 4 || x.MTA != "" || x.ReportingDL != "" || len(x.Lists) != 0 {
		t.Errorf("%+v", x)
	}
	if err := x.WriteText(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("a broken writer: %v", err)
	}
}

// What the originator is not told is said to be so.
func TestExplainTellsWhoIsNotTold(t *testing.T) {
	env := subjectOf(t, func(m *mts.MessageTransferEnvelope) {
		m.PerRecipientFields[0].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportNone)
		m.PerRecipientFields[1].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportNonDelivery)
	})
	r, _, err := Make(env, []Result{{N: 1, Delivered: true, Time: accepted}, {N: 2, Reason: mts.UnableToTransfer, Diagnostic: -1}}, bravo)
	if err != nil {
		t.Fatal(err)
	}
	text := textOf(t, Explain(r, -1))
	if strings.Count(text, "the originator is not told") != 1 || !strings.Contains(text, "asked for:    none: the originator") {
		t.Error(text)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

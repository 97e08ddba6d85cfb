// Package report makes delivery and non-delivery reports (X.411 §8.3.1.2, §14.5). It
// decides who is owed one and what it says; it moves nothing.
package report

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// The words of the spool for what was asked about a recipient.
const (
	None        = "none"
	NonDelivery = "non-delivery"
	Delivery    = "delivery"
	Audited     = "audited"
)

// Word returns the spool's word for a report request.
func Word(r mts.ReportRequest) string {
	switch r {
	case mts.ReportNone:
		return None
	case mts.ReportNonDelivery:
		return NonDelivery
	case mts.ReportAudited:
		return Audited
	}
	return Delivery
}

// ParseWord reads what Word writes.
func ParseWord(word string) (mts.ReportRequest, error) {
	for r := mts.ReportNone; r <= mts.ReportAudited; r++ {
		if Word(r) == word {
			return r, nil
		}
	}
	return 0, diag.E("report", diag.Data, fmt.Errorf("%q is not none, non-delivery, delivery or audited", word))
}

// Step is the step a report is a child of, see spool.ChildID.
const Step = spool.StepReport

// Priority is that of a report made here. X.411 gives reports none, so it ends with
// this MTA: who sent something urgent is told as urgently, others as by any message.
func Priority(subject spool.Priority) spool.Priority {
	if subject == spool.Urgent {
		return spool.Urgent
	}
	return spool.Normal
}

// Result is the final outcome of one recipient.
type Result struct {
	N          int       // the recipient's number in the spool: its place, from 1
	Delivered  bool      // or not: then Reason, Diagnostic and Text count
	List       bool      // delivered: a distribution list, which was expanded
	Time       time.Time // of delivery
	Reason     mts.ReasonCode
	Diagnostic mts.DiagnosticCode // spool.NoDiagnostic: none
	Text       string
}

// Owed tells whether a final outcome of a recipient obliges this MTA to report
// (X.411 §14.5): every non-delivery, because the originating MTA always asks for
// it; a delivery when that MTA or the originator asked for it. Nothing is ever owed
// about a report, nor about a copy that policy has added, or what becomes of it: nobody has
// named its recipient.
func Owed(env *spool.Envelope, r *spool.Recipient, delivered bool) bool {
	if env.Kind == spool.KindReport || env.OfCopy || r.Copy {
		return false
	}
	return !delivered || r.Report == Delivery || r.MTAReport == Delivery || r.MTAReport == Audited
}

// Wanted tells whether the originator, when the report has come back to it, is to
// see it: it asked to hear what one of the recipients' fields tells.
func Wanted(r *mts.Report) bool { return slices.ContainsFunc(r.Content.PerRecipientFields, WantedOf) }

// WantedOf tells whether the originator asked to hear this about a recipient: for a
// report, or for a non-delivery report and it was not reached. What the originating
// MTA asked for on its own account ends with it (X.411 §14.5).
func WantedOf(f mts.PerRecipientReportTransferFields) bool {
	switch f.PerRecipientIndicators.OriginatorReport() {
	case mts.ReportAlways:
		return true
	case mts.ReportNonDelivery:
		return f.LastTraceInformation.ReportType.NonDelivery != nil
	}
	return false
}

// maxSummary bounds the recipients a Summary tells of.
const maxSummary = 20

// maxSummaryAddress bounds an address there, in octets.
const maxSummaryAddress = 500

// Summary is what a report says, for people: "recipient 1 /S=Smith/C=GB/: delivered;
// recipient 2 /S=Jones/C=GB/: not delivered: unable-to-transfer (1),
// unrecognised-OR-name (0)". The address is that of actual-recipient-name: the members
// of a list have one number in common.
func Summary(r *mts.Report) string {
	var all []string
	for i, f := range r.Content.PerRecipientFields {
		if i == maxSummary {
			all = append(all, fmt.Sprintf("%d more", len(r.Content.PerRecipientFields)-i))
			break
		}
		what := "delivered"
		if not := f.LastTraceInformation.ReportType.NonDelivery; not != nil {
			what = fmt.Sprintf("not delivered: %v (%d)", not.NonDeliveryReasonCode, not.NonDeliveryReasonCode)
			if d := not.NonDeliveryDiagnosticCode; d != nil {
				what += fmt.Sprintf(", %v (%d)", *d, *d)
			}
		}
		address := nameText(&f.ActualRecipientName)
		if len(address) > maxSummaryAddress {
			address = strings.ToValidUTF8(address[:maxSummaryAddress], "") + "…"
		}
		all = append(all, fmt.Sprintf("recipient %d %s: %s", f.OriginallySpecifiedRecipientNumber, address, what))
	}
	return strings.Join(all, "; ")
}

// Make makes the report of this MTA on some recipients of a message or probe. Its
// identifier derives from the subject and the results: the same report made twice,
// as when a peer has sent the subject twice, is one report.
//
// returnContent says that the content is to go back with it: it was asked for, somebody
// was not reached, and it is still what the originator sent (X.411 §14.5).
func Make(env *spool.Envelope, results []Result, own conf.Identity) (r *mts.Report, returnContent bool, err error) {
	s, err := p1.DecodeCommon(env.Wire, p1.Limits{})
	if err == nil && s.Kind == p1.Report {
		err = errors.New("there is no report on a report")
	}
	if err != nil {
		return nil, false, diag.E("report on "+string(env.ID), diag.Data, err)
	}
	domain := mts.NewGlobalDomainIdentifier(own.Domain)
	r = &mts.Report{}
	r.Envelope.ReportIdentifier = identifier(domain, own.MTA, s, results)
	c := &r.Content
	c.SubjectIdentifier = s.Identifier
	c.OriginalEncodedInformationTypes = s.EITs
	c.ContentType = &s.ContentType
	if len(s.ContentIdentifier) <= mts.UbContentIDLength { // a longer one would make the report what it tells of
		c.ContentIdentifier = s.ContentIdentifier
	}
	c.Extensions = copyExt(nil, s.Extensions, mts.ExtContentCorrelator.Type())
	if err := destination(r, s, env.Accepted); err != nil {
		return nil, false, err
	}
	r.Envelope.Extensions = copyExt(r.Envelope.Extensions, s.Extensions, mts.ExtMessageSecurityLabel.Type())
	if r.Envelope.Extensions, err = mts.SetExt(r.Envelope.Extensions, mts.ExtReportingMTAName,
		mts.ReportingMTAName{Domain: domain, MTAName: mts.MTAName(own.MTA)}); err != nil {
		return nil, false, err
	}
	last := mts.LastTraceInformation{
		ArrivalTime:                      arrivalTime(s.Trace, domain, env.Accepted),
		ConvertedEncodedInformationTypes: mts.PresentEITs(nil, s.Trace),
	}
	instead := alternatives(env)
	for _, result := range results {
		if result.N < 1 || result.N > len(s.Recipients) {
			return nil, false, diag.E("report on "+string(env.ID), diag.Internal, fmt.Errorf("no recipient %d", result.N))
		}
		f := &s.Recipients[result.N-1]
		last.ReportType = reportType(result, own)
		fields := mts.PerRecipientReportTransferFields{
			ActualRecipientName:                f.RecipientName,
			OriginallySpecifiedRecipientNumber: f.OriginallySpecifiedRecipientNumber,
			PerRecipientIndicators:             f.PerRecipientIndicators,
			LastTraceInformation:               last,
			SupplementaryInformation:           printable(result.Text),
		}
		if fields.OriginallyIntendedRecipientName = intended(f.Extensions); fields.OriginallyIntendedRecipientName != nil {
			fields.Extensions = copyExt(nil, f.Extensions, mts.ExtRedirectionHistory.Type())
		}
		if bad := instead[result.N]; !result.Delivered && bad != nil && bad.Text == result.Text {
			if err := suggest(&fields, bad); err != nil {
				return nil, false, err
			}
		}
		if f.PerRecipientIndicators.OriginatingMTAReport() == mts.ReportAudited && len(s.Trace) <= mts.UbTransfers {
			c.SubjectIntermediateTraceInformation = s.Trace
		}
		if !result.Delivered && env.Kind == spool.KindMessage && s.Indicators.ContentReturnRequest() && last.ConvertedEncodedInformationTypes == nil {
			returnContent = true
		}
		c.PerRecipientFields = append(c.PerRecipientFields, fields)
	}
	return r, returnContent, nil
}

func reportType(r Result, own conf.Identity) mts.ReportType {
	if r.Delivered {
		user := mts.UserPublic
		if own.Domain.PRMD != "" {
			user = mts.UserPrivate
		}
		if r.List {
			user = mts.UserDL
		}
		return mts.NewDelivery(r.Time, user)
	}
	if r.Diagnostic == spool.NoDiagnostic {
		return mts.ReportType{NonDelivery: &mts.NonDeliveryReport{NonDeliveryReasonCode: r.Reason}}
	}
	return mts.NewNonDelivery(r.Reason, r.Diagnostic)
}

// destination names who gets the report: the last distribution list the subject
// went through, else the originator (X.411 §14.5).
func destination(r *mts.Report, s *p1.Common, submitted time.Time) error {
	r.Envelope.ReportDestinationName = s.Originator
	history, _, err := mts.Ext(s.Extensions, mts.ExtDLExpansionHistory)
	if err != nil || len(history) == 0 {
		return nil // a history that cannot be read is what the report is about: the originator is to hear of it
	}
	r.Envelope.ReportDestinationName = history[len(history)-1].DL
	if len(history) > mts.UbDLExpansions {
		return nil // no report may carry it
	}
	at := asn1.NewUTCTime(submitted)
	if len(s.Trace) > 0 {
		at = s.Trace[0].DomainSuppliedInformation.ArrivalTime
	}
	all := []mts.OriginatorAndDLExpansion{{OriginatorOrDLName: s.Originator, OriginationOrExpansionTime: at}}
	for _, e := range history {
		all = append(all, mts.OriginatorAndDLExpansion{OriginatorOrDLName: e.DL, OriginationOrExpansionTime: e.DLExpansionTime})
	}
	r.Envelope.Extensions, err = mts.SetExt(r.Envelope.Extensions, mts.ExtOriginatorAndDLExpansionHistory, all)
	return err
}

// intended is the recipient the originator named when the subject was redirected to
// another (X.411 §12.2.1.3.1), nil if it was not. A history that cannot be read is no
// reason to leave the originator without a report; the report goes without it.
func intended(extensions []mts.ExtensionField) *oraddr.ORName {
	history, _, err := mts.Ext(extensions, mts.ExtRedirectionHistory)
	if err != nil || len(history) == 0 {
		return nil
	}
	return &history[0].IntendedRecipientName.IntendedRecipient
}

// arrivalTime is when the subject entered this domain: as an earlier MTA of it
// wrote down in the first of its elements that end the trace, or else when this one
// accepted it.
func arrivalTime(trace mts.TraceInformation, own mts.GlobalDomainIdentifier, accepted time.Time) mts.Time {
	at := asn1.NewUTCTime(accepted)
	for i := len(trace) - 1; i >= 0 && trace[i].GlobalDomainIdentifier.Equal(own); i-- {
		at = trace[i].DomainSuppliedInformation.ArrivalTime
	}
	return at
}

// copyExt copies an extension field as it is, if it is there.
func copyExt(to, from []mts.ExtensionField, kind mts.ExtensionType) []mts.ExtensionField {
	if i := mts.Find(from, kind); i >= 0 {
		return append(slices.Clip(to), from[i])
	}
	return to
}

// identifier derives the report's identifier: at most UbLocalIDLength characters,
// the beginning of the MTA name for people, the rest a digest. The subject has one
// identifier in all that lists and redirections make of it, so the way counts by which
// its recipients came to it; the times on the way do not, for they are others when the
// subject is sent again.
func identifier(domain mts.GlobalDomainIdentifier, mta string, s *p1.Common, results []Result) mts.MTSIdentifier {
	const digits = 18 // 90 bits
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", mta, s.Identifier)
	lists, _, _ := mts.Ext(s.Extensions, mts.ExtDLExpansionHistory) // unread, it is as none
	for _, l := range lists {
		fmt.Fprintf(h, "list %s\n", written(l.DL))
	}
	for _, r := range results {
		fmt.Fprintf(h, "%d %t %d %d\n", r.N, r.Delivered, r.Reason, r.Diagnostic)
		if r.N < 1 || r.N > len(s.Recipients) {
			continue // no report is made
		}
		f := &s.Recipients[r.N-1]
		redirections, _, _ := mts.Ext(f.Extensions, mts.ExtRedirectionHistory) // likewise
		for _, d := range redirections {
			fmt.Fprintf(h, "from %d %s\n", f.OriginallySpecifiedRecipientNumber, written(d.IntendedRecipientName.IntendedRecipient))
		}
		if len(lists) > 0 {
			fmt.Fprintf(h, "member %d %s\n", f.OriginallySpecifiedRecipientNumber, written(f.RecipientName))
		}
	}
	digest := strings.ToLower(base32.HexEncoding.EncodeToString(h.Sum(nil)))[:digits]
	name := mta[:min(len(mta), mts.UbLocalIDLength-digits-2)]
	return mts.MTSIdentifier{GlobalDomainIdentifier: domain, LocalIdentifier: asn1.IA5String(name + ".R" + digest)}
}

// written is a name for a digest.
func written(n oraddr.ORName) string {
	if a, err := n.Address(); err == nil {
		return a.Key()
	}
	raw, _ := ber.Marshal(n) // no name, no octets
	return fmt.Sprintf("#%X", raw)
}

package p1

import (
	"fmt"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Action is where and when an MTA does something to an object besides passing it on.
type Action struct {
	Domain  mts.GlobalDomainIdentifier
	MTA     mts.MTAName
	Arrived time.Time // when the object came to this MTA
	Now     time.Time
	// Made says that the object was made here of another: if its internal trace ends
	// with this MTA's element, that is the one to write into.
	Made bool
}

// Expand returns the envelope part of what becomes of the recipient at a place of
// a message, counted from 0, when it is a distribution list (X.411 §14.3): the members
// take its place, responsible all of them, with its number and what else is said of it
// except the alternate recipient its originator asked for, which was meant for the
// list. The list is appended to dl-expansion-history, and the trace says
// dl-operation. Of the other recipients those stay, without responsibility, that the
// originator named and wishes disclosed. Names are not checked, nor is the history;
// there is at least one member, and with those that stay at most mts.UbRecipients, or
// they do not stay.
func Expand(envelope ber.Raw, at int, list oraddr.ORName, members []oraddr.ORName, a Action) (ber.Raw, error) {
	out, err := expand(envelope, at, list, members, a)
	return out, wrap("p1: expand", err)
}

func expand(envelope ber.Raw, at int, list oraddr.ORName, members []oraddr.ORName, a Action) (ber.Raw, error) {
	if KindOf(envelope) != Message {
		return nil, diag.New("", diag.Usage, "only a message is expanded")
	}
	c, f, err := subject(envelope, at)
	if err != nil {
		return nil, err
	}
	history, _, err := mts.Ext(c.Extensions, mts.ExtDLExpansionHistory)
	if err != nil {
		return nil, err
	}
	extensions, err := mts.SetExt(c.Extensions, mts.ExtDLExpansionHistory,
		append(history, mts.DLExpansion{DL: list, DLExpansionTime: asn1.NewUTCTime(a.Now)}))
	if err != nil {
		return nil, err
	}
	f.Extensions = mts.RemoveExt(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient.Type())
	f.PerRecipientIndicators = f.PerRecipientIndicators.WithResponsibility(true)
	var fields []mts.PerRecipientMessageTransferFields
	for _, m := range members {
		f.RecipientName = m
		fields = append(fields, f)
	}
	return derive(envelope, c, at, fields, changed(extensions, mts.ExtDLExpansionHistory.Type()), a, mts.NewOtherActions(false, true))
}

// Redirect returns the envelope part of what becomes of an object when the recipient
// at a place, counted from 0, is redirected to another (X.411 §14.3); in a report, the
// report-destination-name. The one it had is appended to its redirection-history, and
// the trace says redirected. An alternate that its originator asked for is taken out
// when it is used. Of the other recipients those stay that Expand lets stay. Whether
// the way leads back is not checked.
func Redirect(envelope ber.Raw, at int, to oraddr.ORName, reason mts.RedirectionReason, a Action) (ber.Raw, error) {
	out, err := redirect(envelope, at, to, reason, a)
	return out, wrap("p1: redirect", err)
}

func redirect(envelope ber.Raw, at int, to oraddr.ORName, reason mts.RedirectionReason, a Action) (ber.Raw, error) {
	step := func(name oraddr.ORName) mts.Redirection {
		return mts.Redirection{RedirectionReason: reason,
			IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: name, RedirectionTime: asn1.NewUTCTime(a.Now)}}
	}
	redirected := mts.NewOtherActions(true, false)
	if KindOf(envelope) == Report {
		c, err := DecodeCommon(envelope, Limits{})
		if err != nil {
			return nil, err
		}
		extensions, err := appendRedirection(c.Extensions, step(c.Originator))
		if err != nil {
			return nil, err
		}
		return readdress(envelope, c, to, changed(extensions, mts.ExtRedirectionHistory.Type()), a, redirected)
	}
	c, f, err := subject(envelope, at)
	if err != nil {
		return nil, err
	}
	if f.Extensions, err = appendRedirection(f.Extensions, step(f.RecipientName)); err != nil {
		return nil, err
	}
	if reason == mts.OriginatorRequestedAlternateRecipient {
		f.Extensions = mts.RemoveExt(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient.Type())
	}
	f.RecipientName = to
	f.PerRecipientIndicators = f.PerRecipientIndicators.WithResponsibility(true)
	return derive(envelope, c, at, []mts.PerRecipientMessageTransferFields{f}, nil, a, redirected)
}

func appendRedirection(extensions []mts.ExtensionField, step mts.Redirection) ([]mts.ExtensionField, error) {
	history, _, err := mts.Ext(extensions, mts.ExtRedirectionHistory)
	if err != nil {
		return nil, err
	}
	return mts.SetExt(extensions, mts.ExtRedirectionHistory, append(history, step))
}

// ForwardReport returns a report that has come to a distribution list as the expansion
// point sends it on (X.411 §14.4): to the previous list or the originator, or, with
// reporting-DL-name, to the owner of the list, who then counts as having asked for
// what it says. The trace says dl-operation.
func ForwardReport(report ber.Raw, to oraddr.ORName, reportingDL *oraddr.ORName, a Action) (ber.Raw, error) {
	out, err := forwardReport(report, to, reportingDL, a)
	return out, wrap("p1: forward report", err)
}

func forwardReport(report ber.Raw, to oraddr.ORName, reportingDL *oraddr.ORName, a Action) (ber.Raw, error) {
	c, err := DecodeCommon(report, Limits{})
	if err != nil {
		return nil, err
	}
	if c.Kind != Report {
		return nil, errEnvelope
	}
	var set []mts.ExtensionField
	if reportingDL != nil {
		if set, err = mts.SetExt(nil, mts.ExtReportingDLName, *reportingDL); err != nil {
			return nil, err
		}
		if report, err = wanted(report, c.Report); err != nil {
			return nil, err
		}
	}
	return readdress(report, c, to, set, a, mts.NewOtherActions(false, true))
}

// wanted is a report whose recipients' fields say that its reader asked for it.
func wanted(report ber.Raw, r *mts.Report) (ber.Raw, error) {
	for i := range r.Content.PerRecipientFields {
		p := &r.Content.PerRecipientFields[i].PerRecipientIndicators
		*p = mts.NewPerRecipientIndicators(p.Responsibility(), p.OriginatingMTAReport(), mts.ReportAlways)
	}
	return EncodeReport(r)
}

// subject decodes an envelope and gives what it says of the recipient at a place.
func subject(envelope ber.Raw, at int) (*Common, mts.PerRecipientMessageTransferFields, error) {
	c, err := DecodeCommon(envelope, Limits{})
	if err != nil {
		return nil, mts.PerRecipientMessageTransferFields{}, err
	}
	if at < 0 || at >= len(c.Recipients) {
		return nil, mts.PerRecipientMessageTransferFields{}, diag.E("", diag.Usage, fmt.Errorf("no recipient at %d", at))
	}
	return c, c.Recipients[at], nil
}

// changed is the extension of one type, for an Edit.
func changed(extensions []mts.ExtensionField, kind mts.ExtensionType) []mts.ExtensionField {
	i := mts.Find(extensions, kind)
	return extensions[i : i+1]
}

// traced is an Edit that says in the elements of this domain and this MTA what was
// done. An internal trace that cannot be read stays as it is: it is others'.
func traced(c *Common, set []mts.ExtensionField, a Action, done mts.OtherActions) Edit {
	also := mts.AdditionalActions{OtherActions: done}
	e := Edit{SetExtensions: set, Trace: mts.RecordTrace(mts.AppendTrace(c.Trace, a.Domain, a.Arrived), a.Domain, also)}
	if internal, _, err := mts.Ext(c.Extensions, mts.ExtInternalTraceInformation); err == nil {
		if n := len(internal); !a.Made || n == 0 || internal[n-1].MTAName != a.MTA || !internal[n-1].GlobalDomainIdentifier.Equal(a.Domain) {
			internal = mts.AppendInternalTrace(internal, a.Domain, a.MTA, a.Arrived)
		}
		e.InternalTrace = mts.RecordInternalTrace(internal, a.Domain, a.MTA, also)
	}
	return e
}

// derive puts fields in the place of a recipient of a message or probe.
func derive(envelope ber.Raw, c *Common, at int, fields []mts.PerRecipientMessageTransferFields, set []mts.ExtensionField, a Action, done mts.OtherActions) (ber.Raw, error) {
	e := traced(c, set, a, done)
	number := c.Recipients[at].OriginallySpecifiedRecipientNumber
	stays := func(i int) bool {
		// What shares its number are other members of a list it was a member of: the
		// originator has not named them.
		return c.Indicators.DisclosureOfOtherRecipients() && c.Recipients[i].OriginallySpecifiedRecipientNumber != number
	}
	staying := len(fields)
	for i := range c.Recipients {
		if stays(i) {
			staying++
		}
	}
	e.Keep = func(i int) bool { return i == at || staying <= mts.UbRecipients && stays(i) }
	e.Responsible = func(i, _ int) bool { return i == at }
	for i := range fields {
		raw, err := ber.Marshal(fields[i])
		if err != nil {
			return nil, err
		}
		e.instead = append(e.instead, raw)
	}
	e.insteadOf = at
	return relay(envelope, &e)
}

// readdress gives a report another destination.
func readdress(report ber.Raw, c *Common, to oraddr.ORName, set []mts.ExtensionField, a Action, done mts.OtherActions) (ber.Raw, error) {
	e := traced(c, set, a, done)
	out, err := relay(report, &e)
	if err != nil {
		return nil, err
	}
	name, err := ber.Marshal(to)
	if err != nil {
		return nil, err
	}
	parts, err := elements(out)
	if err != nil {
		return nil, err
	}
	fields, err := elements(parts[0])
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(fields, func(f ber.Raw) bool { return f.Tag() == tagORName })
	if i < 0 {
		return nil, errEnvelope
	}
	fields[i] = name
	parts[0] = join(parts[0], fields)
	return join(out, parts), nil
}

var tagORName = asn1.App(0)

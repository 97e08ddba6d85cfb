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

// Original is the envelope part of an object of which others are made, for one recipient
// after the other: it is decoded once for all of them. It is used from one goroutine.
type Original struct {
	*Common
	envelope ber.Raw   // of a message or probe: without its recipients
	others   []ber.Raw // its recipients, none of them this MTA's responsibility
}

// ReadOriginal decodes the envelope part of an object of any kind. It keeps the octets.
func ReadOriginal(envelope ber.Raw, lim Limits) (*Original, error) {
	c, err := DecodeCommon(envelope, lim)
	if err != nil {
		return nil, err
	}
	o := &Original{Common: c, envelope: envelope}
	if c.Kind == Report {
		return o, nil
	}
	if o.envelope, o.others, err = partRecipients(envelope); err != nil {
		return nil, wrap("p1: original", err)
	}
	if !c.Indicators.DisclosureOfOtherRecipients() {
		return o, nil // none of them is passed on
	}
	nobody := Edit{Responsible: func(int, int) bool { return false }}
	for i := range o.others {
		if o.others[i], err = nobody.recipient(i, o.others[i]); err != nil {
			return nil, wrap("p1: original", fmt.Errorf("recipient %d: %w", i, err))
		}
	}
	return o, nil
}

// PartRecipients parts the recipients from the envelope of a message or probe: there an
// empty list stands where they stood, and of the recipients those are decoded whom this
// MTA is responsible for. The fields of the others are zero.
func PartRecipients(envelope ber.Raw, lim Limits) (ber.Raw, []mts.PerRecipientMessageTransferFields, error) {
	rest, recipients, err := partRecipients(envelope)
	if err != nil {
		return nil, nil, wrap("p1: recipients", err)
	}
	fields := make([]mts.PerRecipientMessageTransferFields, len(recipients))
	for i, raw := range recipients {
		var bits recipientIndicators
		parts, err := elements(raw)
		if i := slices.IndexFunc(parts, func(f ber.Raw) bool { return f.Tag() == tagRecipientIndicator }); i >= 0 {
			err = decode(parts[i], &bits, "", lim)
		}
		if err == nil && mts.PerRecipientIndicators(bits).Responsibility() {
			err = decode(raw, &fields[i], "", lim)
		}
		if err != nil {
			return nil, nil, wrap("p1: recipients", fmt.Errorf("recipient %d: %w", i, err))
		}
	}
	return rest, fields, nil
}

func partRecipients(envelope ber.Raw) (ber.Raw, []ber.Raw, error) {
	fields, err := elements(envelope)
	if err != nil {
		return nil, nil, err
	}
	at := slices.IndexFunc(fields, func(f ber.Raw) bool { return f.Tag() == tagRecipients })
	if at < 0 {
		return nil, nil, errEnvelope
	}
	recipients, err := elements(fields[at])
	if err != nil {
		return nil, nil, err
	}
	fields[at] = join(fields[at], nil)
	return join(envelope, fields), recipients, nil
}

// Redirect returns the envelope part of what becomes of an object when the recipient
// at a place, counted from 0, is redirected to another (X.411 §14.3); in a report, the
// report-destination-name. The one it had is appended to its redirection-history, and
// the trace says redirected. An alternate that its originator asked for is taken out
// when it is used. Of the other recipients those stay that Expand lets stay. Whether
// the way leads back is not checked.
func (o *Original) Redirect(at int, to oraddr.ORName, reason mts.RedirectionReason, a Action) (ber.Raw, error) {
	out, err := o.redirect(at, to, reason, a)
	return out, wrap("p1: redirect", err)
}

func (o *Original) redirect(at int, to oraddr.ORName, reason mts.RedirectionReason, a Action) (ber.Raw, error) {
	step := func(name oraddr.ORName) mts.Redirection {
		return mts.Redirection{RedirectionReason: reason,
			IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: name, RedirectionTime: asn1.NewUTCTime(a.Now)}}
	}
	redirected := mts.NewOtherActions(true, false)
	if o.Kind == Report {
		extensions, err := appendRedirection(o.Extensions, step(o.Originator))
		if err != nil {
			return nil, err
		}
		return readdress(o.envelope, o.Common, to, changed(extensions, mts.ExtRedirectionHistory.Type()), a, redirected)
	}
	f, err := o.fields(at)
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
	return o.derive(at, []mts.PerRecipientMessageTransferFields{f}, traced(o.Common, nil, a, redirected))
}

// Processed returns the envelope part of what becomes of the recipients at some places of a message,
// counted from 0 and ascending, whose content is made into another one: that has a type of its own,
// and with label, if that is not nil, a message-security-label. Of the other recipients those stay,
// without responsibility, that Expand lets stay. The trace does not tell: X.411 has no word for it.
func (o *Original) Processed(places []int, content mts.ContentType, label *mts.SecurityLabel, a Action) (ber.Raw, error) {
	out, err := o.processed(places, content, label, a)
	return out, wrap("p1: process", err)
}

func (o *Original) processed(places []int, content mts.ContentType, label *mts.SecurityLabel, a Action) (ber.Raw, error) {
	if o.Kind != Message {
		return nil, diag.New("", diag.Usage, "only a message has a content")
	}
	e := traced(o.Common, nil, a, mts.OtherActions{})
	e.content = &content
	if label != nil {
		extensions, err := mts.SetExt(o.Extensions, mts.ExtMessageSecurityLabel, *label)
		if err != nil {
			return nil, err
		}
		e.SetExtensions = append(e.SetExtensions, changed(extensions, mts.ExtMessageSecurityLabel.Type())...)
	}
	return o.only(places, &e)
}

// only leaves the responsibility for the recipients at some places.
func (o *Original) only(places []int, e *Edit) (ber.Raw, error) {
	if len(places) == 0 {
		return nil, diag.New("", diag.Usage, "no recipient")
	}
	var own, all []ber.Raw
	numbers := map[int]bool{}
	for _, at := range places {
		f, err := o.fields(at)
		if err != nil {
			return nil, err
		}
		f.PerRecipientIndicators = f.PerRecipientIndicators.WithResponsibility(true)
		raw, err := ber.Marshal(f)
		if err != nil {
			return nil, err
		}
		own = append(own, raw)
		numbers[f.OriginallySpecifiedRecipientNumber] = true
	}
	for i, next := 0, 0; i < len(o.Recipients); i++ {
		switch {
		case next < len(places) && places[next] == i:
			all = append(all, own[next])
			next++
		case o.Indicators.DisclosureOfOtherRecipients() && !numbers[o.Recipients[i].OriginallySpecifiedRecipientNumber]:
			all = append(all, o.others[i])
		}
	}
	if e.instead = all; len(all) > mts.UbRecipients {
		e.instead = own
	}
	return relay(o.envelope, e)
}

// Copy returns the envelope part of a message like this one for somebody whom none of its
// recipients is: a copy that an MTA makes on its own behalf. The originator asks for no report
// on it, and the MTA for the least there is. Of the recipients those stay, without responsibility, whom the originator wishes disclosed, if
// there is room. The trace does not tell: X.411 has no word for it.
func (o *Original) Copy(to oraddr.ORName, a Action) (ber.Raw, error) {
	out, err := o.copy(to, a)
	return out, wrap("p1: copy", err)
}

func (o *Original) copy(to oraddr.ORName, a Action) (ber.Raw, error) {
	if o.Kind != Message {
		return nil, diag.New("", diag.Usage, "only a message is copied")
	}
	f := mts.PerRecipientMessageTransferFields{RecipientName: to, OriginallySpecifiedRecipientNumber: 1,
		PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone)}
	for i := range o.Recipients {
		f.OriginallySpecifiedRecipientNumber = max(f.OriginallySpecifiedRecipientNumber, o.Recipients[i].OriginallySpecifiedRecipientNumber+1)
	}
	var stay []ber.Raw
	if o.Indicators.DisclosureOfOtherRecipients() && len(o.others) < mts.UbRecipients && f.OriginallySpecifiedRecipientNumber <= mts.UbRecipients {
		stay = o.others
	} else {
		f.OriginallySpecifiedRecipientNumber = 1
	}
	own, err := ber.Marshal(f)
	if err != nil {
		return nil, err
	}
	e := traced(o.Common, nil, a, mts.OtherActions{})
	e.instead = slices.Concat(stay, []ber.Raw{own})
	return relay(o.envelope, &e)
}

func appendRedirection(extensions []mts.ExtensionField, step mts.Redirection) ([]mts.ExtensionField, error) {
	history, _, err := mts.Ext(extensions, mts.ExtRedirectionHistory)
	if err != nil {
		return nil, err
	}
	return mts.SetExt(extensions, mts.ExtRedirectionHistory, append(history, step))
}

// Forward returns a report that has come to a distribution list as the expansion
// point sends it on (X.411 §14.4): to the previous list or the originator, or, with
// reporting-DL-name, to the owner of the list, who then counts as having asked for
// what it says. The trace says dl-operation.
func (o *Original) Forward(to oraddr.ORName, reportingDL *oraddr.ORName, a Action) (ber.Raw, error) {
	out, err := o.forward(to, reportingDL, a)
	return out, wrap("p1: forward report", err)
}

func (o *Original) forward(to oraddr.ORName, reportingDL *oraddr.ORName, a Action) (ber.Raw, error) {
	if o.Kind != Report {
		return nil, errEnvelope
	}
	report := o.envelope
	var set []mts.ExtensionField
	var err error
	if reportingDL != nil {
		if set, err = mts.SetExt(nil, mts.ExtReportingDLName, *reportingDL); err != nil {
			return nil, err
		}
		if report, err = wanted(o.Report); err != nil {
			return nil, err
		}
	}
	return readdress(report, o.Common, to, set, a, mts.NewOtherActions(false, true))
}

// wanted is a report whose recipients' fields say that its reader asked for it.
func wanted(r *mts.Report) (ber.Raw, error) {
	asked := *r
	asked.Content.PerRecipientFields = slices.Clone(r.Content.PerRecipientFields)
	for i := range asked.Content.PerRecipientFields {
		p := &asked.Content.PerRecipientFields[i].PerRecipientIndicators
		*p = mts.NewPerRecipientIndicators(p.Responsibility(), p.OriginatingMTAReport(), mts.ReportAlways)
	}
	return EncodeReport(&asked)
}

// fields is what the envelope says of the recipient at a place.
func (o *Original) fields(at int) (mts.PerRecipientMessageTransferFields, error) {
	if at < 0 || at >= len(o.Recipients) {
		return mts.PerRecipientMessageTransferFields{}, diag.E("", diag.Usage, fmt.Errorf("no recipient at %d", at))
	}
	return o.Recipients[at], nil
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
func (o *Original) derive(at int, fields []mts.PerRecipientMessageTransferFields, e Edit) (ber.Raw, error) {
	var instead []ber.Raw
	for i := range fields {
		raw, err := ber.Marshal(fields[i])
		if err != nil {
			return nil, err
		}
		instead = append(instead, raw)
	}
	return o.instead(at, &e, instead)
}

// instead puts recipients in the place of one, and keeps those that stay if there is room.
func (o *Original) instead(at int, e *Edit, instead []ber.Raw) (ber.Raw, error) {
	before, after := o.staying(at, e)
	e.instead = instead
	if len(before)+len(instead)+len(after) <= mts.UbRecipients {
		e.instead = slices.Concat(before, instead, after)
	}
	return relay(o.envelope, e)
}

// staying are the other recipients that are passed on with what becomes of one. What
// shares its number are other members of a list it was a member of: the originator has
// not named them.
func (o *Original) staying(at int, e *Edit) (before, after []ber.Raw) {
	if !o.Indicators.DisclosureOfOtherRecipients() || e.indicators != nil && !e.indicators.DisclosureOfOtherRecipients() {
		return nil, nil
	}
	number := o.Recipients[at].OriginallySpecifiedRecipientNumber
	of := func(from, to int) []ber.Raw {
		stay := make([]ber.Raw, 0, to-from)
		for i := from; i < to; i++ {
			if o.Recipients[i].OriginallySpecifiedRecipientNumber != number {
				stay = append(stay, o.others[i])
			}
		}
		return stay
	}
	return of(0, at), of(at+1, len(o.others))
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

package submit

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// Message begins a message that came with a transfer envelope (X.411 §12.2.1.1):
// raw bit for bit, env the same decoded. What is wrong with it is decided for each
// recipient and will be reported; an error says that the envelope cannot be
// answered for at all.
func (d *Door) Message(src spool.Source, raw ber.Raw, env *mts.MessageTransferEnvelope) (*Tx, error) {
	wrong, err := invalid(src, env.Valid())
	if err != nil {
		return nil, err
	}
	return d.message(src, raw, env, wrong), nil
}

// message is Message for an envelope that has been judged; wrong is the verdict.
func (d *Door) message(src spool.Source, raw ber.Raw, env *mts.MessageTransferEnvelope, wrong *spool.Failure) *Tx {
	t := d.begin(spool.KindMessage, src, raw, nil)
	e := &t.env
	e.MTSID = env.MessageIdentifier.String()
	e.Priority = PriorityOf(env.Priority)
	e.ContentType = env.ContentType.String()
	e.ContentID = string(env.ContentIdentifier)
	e.Originator = addressText(env.OriginatorName)
	t.information(env.OriginalEncodedInformationTypes, env.TraceInformation, env.PerMessageIndicators)
	t.extensions(env.Extensions)
	times(e, env)
	e.PassOn = src.Peer != "" && !e.Deferred.IsZero() && !d.conf.Schedule.HoldDeferred
	d.recipients(t, env.PerRecipientFields, cmp.Or(d.common(src, env.TraceInformation, env.Extensions, len(env.PerRecipientFields)), wrong))
	return t
}

// invalid is what is wrong with an envelope a peer has sent (X.411 §12.2.1.1), as the
// reason that its recipients are not reached, or as an error if no report could tell
// of it. What was made here is valid as it is made, but for the trace, which begins on
// the way out.
func invalid(src spool.Source, err error) (*spool.Failure, error) {
	var what *mts.Invalid
	switch {
	case err == nil || src.Peer == "":
		return nil, nil
	case !errors.As(err, &what) || what.Unanswerable:
		return nil, err
	}
	return failure(mts.UnableToTransfer, what.Diagnostic, what.Error()), nil
}

// information notes how the content is encoded by now, and whether that may be changed.
func (t *Tx) information(original *mts.EncodedInformationTypes, trace mts.TraceInformation, bits mts.PerMessageIndicators) {
	for _, o := range mts.PresentEITs(original, trace).Types() {
		t.env.EITs = append(t.env.EITs, string(o))
	}
	t.noConversion = bits.ImplicitConversionProhibited()
	t.env.AlternateAllowed = bits.AlternateRecipientAllowed()
}

// extensions notes which are critical, and whether the originator prohibits reassignment; what
// cannot be read is refused elsewhere.
func (t *Tx) extensions(extensions []mts.ExtensionField) {
	t.env.Critical = criticalOf(extensions)
	prohibited, _, err := mts.Ext(extensions, mts.ExtRecipientReassignmentProhibited)
	t.env.NoReassignment = err == nil && prohibited == mts.Prohibited
	if at := mts.Find(extensions, mts.ExtMessageSecurityLabel.Type()); at >= 0 {
		if t.env.Label = extensions[at].Value; t.env.Label == nil {
			t.env.Label = []byte{0x05, 0x00} // NULL, which is no label
		}
	}
}

// times notes when a message may be delivered. What is no time has been refused.
func times(e *spool.Envelope, env *mts.MessageTransferEnvelope) {
	if t, err := env.DeferredDeliveryTime.Time(); err == nil {
		e.Deferred = t.UTC()
	}
	if latest, ok, err := mts.Ext(env.Extensions, mts.ExtLatestDeliveryTime); ok && err == nil {
		if t, err := latest.Time(); err == nil {
			e.Expires = t.UTC()
		}
	}
}

// Probe begins a probe (X.411 §12.2.1.2). It has no content; the same decisions
// are made as for a message.
func (d *Door) Probe(src spool.Source, raw ber.Raw, env *mts.ProbeTransferEnvelope) (*Tx, error) {
	wrong, err := invalid(src, env.Valid())
	if err != nil {
		return nil, err
	}
	return d.probe(src, raw, env, wrong), nil
}

func (d *Door) probe(src spool.Source, raw ber.Raw, env *mts.ProbeTransferEnvelope, wrong *spool.Failure) *Tx {
	t := d.begin(spool.KindProbe, src, raw, nil)
	e := &t.env
	e.MTSID = env.ProbeIdentifier.String()
	e.ContentType = env.ContentType.String()
	e.ContentID = string(env.ContentIdentifier)
	e.Originator = addressText(env.OriginatorName)
	if env.ContentLength != nil {
		e.ProbeSize = *env.ContentLength
	}
	t.information(env.OriginalEncodedInformationTypes, env.TraceInformation, env.PerMessageIndicators)
	t.extensions(env.Extensions)
	d.recipients(t, env.PerRecipientFields, cmp.Or(d.common(src, env.TraceInformation, env.Extensions, len(env.PerRecipientFields)), wrong))
	return t
}

// Report begins a report (X.411 §12.2.1.3): raw is the MTS-APDU without the
// returned content, which is written as the content; nil where r has no content yet,
// which CompleteReport gives then. A report that cannot go on is
// discarded: there is never a report on a report. child is nil unless the report was
// made here.
func (d *Door) Report(src spool.Source, raw ber.Raw, r *mts.Report, child *Child) (*Tx, error) {
	t := d.begin(spool.KindReport, src, raw, child)
	e, env := &t.env, &r.Envelope
	t.describe(r)
	e.MTSID = env.ReportIdentifier.String()
	fail := d.common(src, env.TraceInformation, env.Extensions, 1)
	if fail == nil && raw != nil {
		fail = unfit(r)
	}
	if fail != nil {
		t.Discarded = "report discarded: " + fail.Text
		return t, nil
	}
	to := t.recipient(1, env.ReportDestinationName, spool.Critical{})
	if _, list := report.Previous(env.Extensions, env.ReportDestinationName); list && to.Fail != nil {
		to.Fail, to.Hops = nil, d.expand() // it has been a list: the report goes back past it
	}
	if to.Fail != nil {
		t.Discarded = fmt.Sprintf("report discarded: %s: %s", to.Address, to.Fail.Text)
	}
	e.Recipients = []spool.Recipient{to}
	return t, nil
}

// common decides what concerns every recipient alike: loops (X.411 §12.3.1),
// extensions critical for transfer that are not understood (X.411 §9.2), and the
// number of recipients. Nil means that nothing is in the way.
func (d *Door) common(src spool.Source, trace mts.TraceInformation, extensions []mts.ExtensionField, recipients int) *spool.Failure {
	if src.Peer != "" {
		internal, _, err := mts.Ext(extensions, mts.ExtInternalTraceInformation)
		if err != nil {
			// The trace of others' MTAs is of no use here; the domains' trace still is.
			internal = nil
		}
		if mts.LoopDetected(trace, d.domain) || mts.InternalLoopDetected(internal, d.domain, d.mta, internalPasses) {
			return failure(mts.UnableToTransfer, mts.DiagnosticLoopDetected, "the trace shows a loop")
		}
	}
	if fail := critical(mts.UnsupportedCritical(extensions, mts.ForTransfer)); fail != nil {
		return fail
	}
	if most := d.conf.Limits.Recipients; recipients > most {
		return failure(mts.UnableToTransfer, mts.TooManyRecipients, fmt.Sprintf("%d recipients; the limit is %d", recipients, most))
	}
	return nil
}

// recipients gives every recipient this MTA is responsible for its way or its
// reason. all, if not nil, is the reason of each. In the spool a recipient is
// numbered by its place in the envelope, from 1: the originally specified number is
// shared by the members of a list once it is expanded.
func (d *Door) recipients(t *Tx, fields []mts.PerRecipientMessageTransferFields, all *spool.Failure) {
	t.places = len(fields)
	for i := range fields {
		f := &fields[i]
		if !f.PerRecipientIndicators.Responsibility() {
			continue
		}
		r := t.recipient(i+1, f.RecipientName, criticalOf(f.Extensions))
		user := t.users[r.N]
		r.Report = report.Word(f.PerRecipientIndicators.OriginatorReport())
		r.MTAReport = report.Word(f.PerRecipientIndicators.OriginatingMTAReport())
		wrong, _ := invalid(t.env.Source, f.Valid()) // what concerns one recipient is answered to that one
		whoever := cmp.Or(all, critical(mts.UnsupportedCritical(f.Extensions, mts.ForTransfer)), wrong)
		r.Fail = cmp.Or(whoever, r.Fail)
		var refused *spool.Failure
		if user != nil || d.router.Particular() {
			refused = unanswered(&t.env, f)
		}
		if user != nil && r.Fail == nil {
			r.Fail = refused
		} else if refused != nil {
			t.refusals = append(t.refusals, refusal{r.N, refused})
		}
		if whoever != nil || user != nil && refused != nil {
			delete(t.sized, r.N) // whatever its way
		}
		if whoever == nil { // another recipient would be none the better for it
			d.alternates(t, &r, f)
			t.suggest(&r)
		}
		t.env.Recipients = append(t.env.Recipients, r)
	}
	if len(t.env.Recipients) == 0 {
		t.Discarded = "no recipient is this MTA's responsibility"
	}
}

// critical is the failure that extensions are critical for transfer and not done here
// (X.411 §9.2), nil if there are none.
func critical(unsupported []mts.ExtensionType) *spool.Failure {
	if len(unsupported) == 0 {
		return nil
	}
	return failure(mts.UnableToTransfer, mts.UnsupportedCriticalFunction, fmt.Sprintf("%v is critical for transfer and not supported", unsupported[0]))
}

// recipient routes one recipient.
func (t *Tx) recipient(n int, name oraddr.ORName, critical spool.Critical) spool.Recipient {
	a, err := name.Address()
	if err != nil {
		return spool.Recipient{N: n, Address: addressText(name),
			Fail: failure(mts.UnableToTransfer, mts.UnrecognisedORName, err.Error())}
	}
	return t.addressed(n, a, critical)
}

// addressed is recipient for an address.
func (t *Tx) addressed(n int, a oraddr.Address, critical spool.Critical) spool.Recipient {
	r := spool.Recipient{N: n, Address: a.String(), Critical: critical}
	size := int64(route.Unsized)
	if t.env.Kind == spool.KindProbe {
		size = t.env.ProbeSize
	}
	q := t.query(&r, a, size)
	decision := t.door.router.Decide(q)
	if decision.Fail != nil && q.Takes != nil {
		// If nobody takes it the originator is to hear why, and not that there is no way.
		q.Takes = nil
		if other := t.door.router.Decide(q); other.Fail == nil {
			decision = other
		}
	}
	if decision.Sized {
		if t.sized == nil {
			t.sized = map[int]oraddr.Address{}
		}
		t.sized[n] = a
	}
	t.way(&r, decision)
	return r
}

// way gives a recipient the way that was decided, and notes which user of this MTA it is, if
// it is one.
func (t *Tx) way(r *spool.Recipient, d route.Decision) {
	r.Hops, r.Fail = nil, nil
	delete(t.users, r.N)
	delete(t.takes, r.N)
	switch {
	case d.Fail != nil:
		r.Fail = &spool.Failure{Reason: d.Fail.Reason, Diagnostic: d.Fail.Diagnostic, Text: d.Fail.Text}
	default:
		r.Hops = hops(d)
		if d.User != nil {
			t.users[r.N] = d.User
		}
		if d.Takes != nil {
			if t.takes == nil {
				t.takes = map[int]*conf.Acceptance{}
			}
			t.takes[r.N] = d.Takes
		}
	}
}

// query asks for the way of the address of a recipient, for the message as far as it is known.
func (t *Tx) query(r *spool.Recipient, a oraddr.Address, size int64) route.Query {
	if !t.door.router.Particular() {
		return route.Query{Address: a}
	}
	if t.asks == nil {
		q := queryOf(&t.env)
		t.asks = &q
	}
	q := *t.asks
	q.Address = a
	if q.Report {
		return q
	}
	s := t.subject()
	s.length = max(size, 0)
	m := *q.Message
	m.Size = size
	q.Message, q.Takes = &m, t.door.restrictions.takes(s.with(r.Critical))
	return q
}

// queryOf asks for ways for a message. What is sent back to an originator has nothing that a
// redirection or a policy looks at.
func queryOf(env *spool.Envelope) route.Query {
	q := route.Query{Chance: route.Chance(env.MTSID), Report: env.Kind == spool.KindReport}
	if !q.Report {
		s := subjectOf(env)
		// An originator without an address is one that nobody knows.
		q.Originator, _ = oraddr.Parse(env.Originator)
		q.Message = &route.Message{ContentType: s.contentType, EITs: s.eits, Size: s.length,
			NoReassigned: env.NoReassignment, Alternate: env.AlternateAllowed}
	}
	return q
}

func hops(d route.Decision) []spool.Hop {
	all := make([]spool.Hop, len(d.Hops))
	for i, h := range d.Hops {
		all[i] = spool.Hop{Channel: h.Channel, Peer: h.Peer}
	}
	return all
}

func failure(r mts.ReasonCode, d mts.DiagnosticCode, text string) *spool.Failure {
	return &spool.Failure{Reason: int(r), Diagnostic: int(d), Text: text}
}

// addressText is the address for people and logs; a name that has none, or one
// that cannot be written, is shown as its octets.
func addressText(n oraddr.ORName) string {
	if a, err := n.Address(); err == nil {
		return a.String()
	}
	raw, err := ber.Marshal(n)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("#%X", raw)
}

// PriorityOf is the priority that the spool knows for one of X.411.
func PriorityOf(p mts.Priority) spool.Priority {
	switch p {
	case mts.Urgent:
		return spool.Urgent
	case mts.NonUrgent:
		return spool.NonUrgent
	}
	return spool.Normal
}

// CompleteReport sets what is known of a report that came from elsewhere only once
// its returned content has been read, and judges it by that.
func (t *Tx) CompleteReport(raw ber.Raw, r *mts.Report) error {
	t.env.Wire = raw
	t.describe(r)
	fail := unfit(r)
	if t.Discarded != "" || fail == nil {
		return nil
	}
	t.Discarded = "report discarded: " + fail.Text
	return t.Abort()
}

// unfit is why a report is of no use to anybody, nil if it is: it could not be tied to
// its subject, and whoever got it next would be right to end the association.
func unfit(r *mts.Report) *spool.Failure {
	var what *mts.Invalid
	switch fail := critical(r.UnsupportedCritical(mts.ForTransfer)); {
	case fail != nil:
		return fail
	case errors.As(r.Valid(), &what) && what.Unanswerable:
		return failure(mts.UnableToTransfer, what.Diagnostic, what.Error())
	}
	return nil
}

// describe notes what a report is about and what it says.
func (t *Tx) describe(r *mts.Report) {
	t.env.Subject = r.Content.SubjectIdentifier.String()
	t.env.ContentID = string(r.Content.ContentIdentifier)
	t.env.Summary = report.Summary(r)
}

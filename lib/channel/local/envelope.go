package local

import (
	"slices"
	"strconv"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
)

// Delivery is the envelope as the recipient sees it (X.411 §8.3.1.1), the JSON of
// mtamailbox(5). Members are only ever added.
type Delivery struct {
	Name        string        `json:"name"` // of the files in the mailbox
	ID          string        `json:"id"`   // spool identifier
	MTSID       string        `json:"mtsid"`
	Kind        string        `json:"kind"`
	Originator  string        `json:"originator,omitempty"`
	Recipient   string        `json:"recipient"`
	N           int           `json:"n"`
	Others      []string      `json:"otherRecipients,omitempty"`
	Priority    string        `json:"priority"`
	ContentType string        `json:"contentType,omitempty"`
	ContentID   string        `json:"contentId,omitempty"`
	EITs        string        `json:"encodedInformationTypes,omitempty"`
	Size        int64         `json:"size"`
	Submitted   time.Time     `json:"submitted,omitzero"`
	Delivered   time.Time     `json:"delivered"`
	Trace       []TraceStep   `json:"trace"`
	Internal    []TraceStep   `json:"internalTrace,omitempty"`
	Extensions  []string      `json:"extensions,omitempty"`
	Report      *ReportDetail `json:"report,omitempty"`
	Wire        []byte        `json:"wire"` // the transfer envelope as it came, without the other recipients
}

// TraceStep is one element of the trace.
type TraceStep struct {
	Domain  string    `json:"domain"`
	MTA     string    `json:"mta,omitempty"`
	Arrival time.Time `json:"arrival,omitzero"`
	Action  string    `json:"action"`
}

// ReportDetail is what a report says.
type ReportDetail struct {
	Subject    string            `json:"subject"` // MTS identifier of the subject
	Reporter   string            `json:"reporter,omitempty"`
	Recipients []ReportRecipient `json:"recipients"`
}

// ReportRecipient is what a report says of one recipient.
type ReportRecipient struct {
	N              int       `json:"n"`
	Recipient      string    `json:"recipient"`
	Delivered      time.Time `json:"delivered,omitzero"`
	Reason         string    `json:"reason,omitempty"`
	ReasonCode     *int64    `json:"reasonCode,omitempty"`
	Diagnostic     string    `json:"diagnostic,omitempty"`
	DiagnosticCode *int64    `json:"diagnosticCode,omitempty"`
	Text           string    `json:"text,omitempty"`
	Alternatives   []string  `json:"alternatives,omitempty"` // addresses that are suggested instead
}

// envelope is a message's envelope, decoded.
type envelope struct {
	*p1.Common
	spool    *spool.Envelope
	identity conf.Identity
}

func readEnvelope(s *spool.Envelope, own conf.Identity) (*envelope, error) {
	c, err := p1.DecodeCommon(s.Wire, p1.Limits{})
	if err != nil {
		return nil, err
	}
	return &envelope{Common: c, spool: s, identity: own}, nil
}

func (e *envelope) recipient(n int) *spool.Recipient {
	for i := range e.spool.Recipients {
		if e.spool.Recipients[i].N == n {
			return &e.spool.Recipients[i]
		}
	}
	return nil
}

// number is the originally-specified-recipient-number of the recipient at a place, from
// 0; -1 if there is none.
func (e *envelope) number(at int) int {
	if at < 0 || at >= len(e.Recipients) {
		return -1
	}
	return e.Recipients[at].OriginallySpecifiedRecipientNumber
}

// unwanted tells of a report that was made for the originating MTA alone, or that
// its originator does not want to see.
func (e *envelope) unwanted() bool { return e.Report != nil && !report.Wanted(e.Report) }

// delivery is the delivery envelope for one recipient.
func (e *envelope) delivery(n int, now time.Time) (*Delivery, error) {
	s := e.spool
	// What the transfer envelope says of the others is not for this recipient (X.411
	// §8.3.1.1): their names only if the originator discloses them, the rest never.
	wire, err := p1.Relay(s.Wire, p1.Edit{Keep: func(index int) bool { return index == n-1 }})
	if err != nil {
		return nil, err
	}
	d := &Delivery{
		Name: string(s.ID), ID: string(s.ID), MTSID: s.MTSID, Kind: string(s.Kind), Originator: s.Originator,
		Recipient: e.recipient(n).Address, N: n, Priority: s.Priority.String(), ContentType: s.ContentType,
		ContentID: s.ContentID, Size: s.Size, Delivered: now, Wire: wire, EITs: e.EITs.String(),
	}
	if len(s.Recipients) > 1 {
		d.Name += "-" + strconv.Itoa(n)
	}
	if e.Indicators.DisclosureOfOtherRecipients() {
		for i := range e.Recipients {
			// Whoever shares its number is a member of the same list, whom the
			// originator has not named.
			if a, err := e.Recipients[i].RecipientName.Address(); err == nil && e.number(i) != e.number(n-1) {
				d.Others = append(d.Others, a.String())
			}
		}
	}
	own := mts.NewGlobalDomainIdentifier(e.identity.Domain)
	for _, t := range mts.AppendTrace(e.Trace, own, s.Accepted) {
		i := t.DomainSuppliedInformation
		d.Trace = append(d.Trace, step(t.GlobalDomainIdentifier, "", i.ArrivalTime, i.RoutingAction, i.OtherActions))
	}
	if e.Kind != p1.Report && len(d.Trace) > 0 {
		d.Submitted = d.Trace[0].Arrival
	}
	// An internal trace that cannot be read belongs to others; it is in Wire.
	internal, _, _ := mts.Ext(e.Extensions, mts.ExtInternalTraceInformation)
	for _, t := range channel.InternalTrace(internal, s, e.identity) {
		i := t.MTASuppliedInformation
		d.Internal = append(d.Internal, step(t.GlobalDomainIdentifier, string(t.MTAName), i.ArrivalTime, i.RoutingAction, i.OtherActions))
	}
	extensions := e.Extensions
	if n >= 1 && n <= len(e.Recipients) {
		extensions = slices.Concat(extensions, e.Recipients[n-1].Extensions)
	}
	for _, x := range extensions {
		d.Extensions = append(d.Extensions, x.Type.String())
	}
	if e.Report != nil {
		d.Report = detail(e.Report)
	}
	return d, nil
}

func step(domain mts.GlobalDomainIdentifier, mta string, arrival mts.Time, action mts.RoutingAction, other mts.OtherActions) TraceStep {
	t := TraceStep{Domain: domain.String(), MTA: mta, Action: action.String()}
	if at, err := arrival.Time(); err == nil {
		t.Arrival = at.UTC()
	}
	if other.Redirected() {
		t.Action += ",redirected"
	}
	if other.DLOperation() {
		t.Action += ",dl-operation"
	}
	return t
}

func detail(r *mts.Report) *ReportDetail {
	d := &ReportDetail{Subject: r.Content.SubjectIdentifier.String()}
	if by, ok, err := mts.Ext(r.Envelope.Extensions, mts.ExtReportingMTAName); ok && err == nil {
		d.Reporter = string(by.MTAName)
	}
	for _, f := range r.Content.PerRecipientFields {
		if !report.WantedOf(f) {
			continue
		}
		to := ReportRecipient{N: f.OriginallySpecifiedRecipientNumber, Text: string(f.SupplementaryInformation)}
		for _, other := range mts.Alternatives(f.Extensions) {
			to.Alternatives = append(to.Alternatives, other.String())
		}
		if a, err := f.ActualRecipientName.Address(); err == nil {
			to.Recipient = a.String()
		}
		switch t := f.LastTraceInformation.ReportType; {
		case t.Delivery != nil:
			if at, err := t.Delivery.MessageDeliveryTime.Time(); err == nil {
				to.Delivered = at.UTC()
			}
		case t.NonDelivery != nil:
			reason := int64(t.NonDelivery.NonDeliveryReasonCode)
			to.Reason, to.ReasonCode = t.NonDelivery.NonDeliveryReasonCode.String(), &reason
			if c := t.NonDelivery.NonDeliveryDiagnosticCode; c != nil {
				code := int64(*c)
				to.Diagnostic, to.DiagnosticCode = c.String(), &code
			}
		}
		d.Recipients = append(d.Recipients, to)
	}
	return d
}

package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
)

// Explanation is what a report says, in words, the JSON of mtactl(1) report.
// Members are only ever added.
type Explanation struct {
	Report            string      `json:"report"`  // MTS identifier
	Subject           string      `json:"subject"` // MTS identifier
	ContentIdentifier string      `json:"contentId,omitempty"`
	ContentCorrelator string      `json:"contentCorrelator,omitempty"`
	ContentType       string      `json:"contentType,omitempty"`
	EITs              string      `json:"encodedInformationTypes,omitempty"`
	Destination       string      `json:"destination"` // O/R address the report goes to
	MTA               string      `json:"mta,omitempty"`
	Domain            string      `json:"domain,omitempty"` // that reports
	ReportingDL       string      `json:"reportingDL,omitempty"`
	Lists             []List      `json:"lists,omitempty"` // the originator, then each distribution list that was expanded
	Trace             []TraceStep `json:"trace"`           // of the report
	SubjectTrace      []TraceStep `json:"subjectTrace,omitempty"`
	ReturnedContent   bool        `json:"returnedContent"`
	ReturnedOctets    int64       `json:"returnedOctets"`
	Recipients        []Advice    `json:"recipients"`
}

// List is a distribution list that the subject went through, or its originator.
type List struct {
	Name string    `json:"name"`
	Time time.Time `json:"time,omitzero"`
}

// TraceStep is what one domain on the way did.
type TraceStep struct {
	Domain  string    `json:"domain"`
	Arrival time.Time `json:"arrival,omitzero"`
	Action  string    `json:"action"`
}

// Advice is what a report says of one recipient, and what can be done about it.
type Advice struct {
	N            int           `json:"n"` // originally-specified-recipient-number
	Recipient    string        `json:"recipient"`
	Intended     string        `json:"intended,omitempty"` // whom the originator named, where that is another
	Redirections []Redirection `json:"redirections,omitempty"`
	Forwarding   string        `json:"physicalForwardingAddress,omitempty"`
	Asked        string        `json:"asked"`            // what the originator asked to hear
	Arrival      time.Time     `json:"arrival,omitzero"` // of the subject at the reporting domain
	Converted    string        `json:"converted,omitempty"`
	Delivered    *time.Time    `json:"delivered,omitempty"` // nil where it was not
	User         string        `json:"user,omitempty"`      // of a delivery: type-of-MTS-user
	Reason       *Code         `json:"reason,omitempty"`    // of a non-delivery
	Diagnostic   *Code         `json:"diagnostic,omitempty"`
	Text         string        `json:"text,omitempty"`         // supplementary-information
	Alternatives []string      `json:"alternatives,omitempty"` // addresses that are suggested instead
}

// Redirection is one recipient that another stood in for.
type Redirection struct {
	From   string    `json:"from"`
	Time   time.Time `json:"time,omitzero"`
	Reason string    `json:"reason"`
}

// Code is a reason or diagnostic.
type Code struct {
	Code   int64  `json:"code"`
	Name   string `json:"name"`             // the number where X.411 has no name for it
	Advice string `json:"advice,omitempty"` // "" where X.411 does not define it
}

// noAdvice is told of codes that X.411 does not define.
const noAdvice = "X.411 does not define this code: ask who runs the reporting MTA what it means."

// Explain says what a report says. The content that came back with it may have been
// taken out of it: its size tells, negative where none came.
func Explain(r *mts.Report, returned int64) *Explanation {
	e, c := &r.Envelope, &r.Content
	x := &Explanation{
		Report: e.ReportIdentifier.String(), Subject: c.SubjectIdentifier.String(), ContentIdentifier: string(c.ContentIdentifier),
		EITs: c.OriginalEncodedInformationTypes.String(), Destination: nameText(&e.ReportDestinationName),
		Trace: steps(e.TraceInformation), SubjectTrace: steps(c.SubjectIntermediateTraceInformation),
		ReturnedContent: returned >= 0, ReturnedOctets: max(returned, 0),
	}
	if c.ReturnedContent != nil {
		x.ReturnedContent, x.ReturnedOctets = true, int64(len(*c.ReturnedContent))
	}
	if c.ContentType != nil {
		x.ContentType = c.ContentType.String()
	}
	// An extension that cannot be read is no reason to explain nothing.
	if by, ok, err := mts.Ext(e.Extensions, mts.ExtReportingMTAName); ok && err == nil {
		x.MTA, x.Domain = string(by.MTAName), by.Domain.String()
	} else if len(e.TraceInformation) > 0 {
		x.Domain = e.TraceInformation[0].GlobalDomainIdentifier.String()
	}
	if dl, ok, err := mts.Ext(e.Extensions, mts.ExtReportingDLName); ok && err == nil {
		x.ReportingDL = nameText(&dl)
	}
	if all, ok, err := mts.Ext(e.Extensions, mts.ExtOriginatorAndDLExpansionHistory); ok && err == nil {
		for i := range all {
			x.Lists = append(x.Lists, List{nameText(&all[i].OriginatorOrDLName), when(all[i].OriginationOrExpansionTime)})
		}
	}
	if v, ok, err := mts.Ext(c.Extensions, mts.ExtContentCorrelator); ok && err == nil {
		x.ContentCorrelator = v.String()
	}
	for i := range c.PerRecipientFields {
		x.Recipients = append(x.Recipients, advise(&c.PerRecipientFields[i]))
	}
	return x
}

func advise(f *mts.PerRecipientReportTransferFields) Advice {
	a := Advice{
		N: f.OriginallySpecifiedRecipientNumber, Recipient: nameText(&f.ActualRecipientName),
		Asked: Word(f.PerRecipientIndicators.OriginatorReport()), Arrival: when(f.LastTraceInformation.ArrivalTime),
		Converted: f.LastTraceInformation.ConvertedEncodedInformationTypes.String(), Text: string(f.SupplementaryInformation),
	}
	for _, other := range mts.Alternatives(f.Extensions) {
		a.Alternatives = append(a.Alternatives, other.String())
	}
	if f.OriginallyIntendedRecipientName != nil {
		a.Intended = nameText(f.OriginallyIntendedRecipientName)
	}
	if all, ok, err := mts.Ext(f.Extensions, mts.ExtRedirectionHistory); ok && err == nil {
		for i := range all {
			from := &all[i].IntendedRecipientName
			a.Redirections = append(a.Redirections, Redirection{nameText(&from.IntendedRecipient), when(from.RedirectionTime), all[i].RedirectionReason.String()})
		}
	}
	if to, ok, err := mts.Ext(f.Extensions, mts.ExtPhysicalForwardingAddress); ok && err == nil {
		a.Forwarding = nameText(&to)
	}
	switch t := f.LastTraceInformation.ReportType; {
	case t.Delivery != nil:
		at := when(t.Delivery.MessageDeliveryTime)
		a.Delivered, a.User = &at, t.Delivery.User().String()
	case t.NonDelivery != nil:
		r := t.NonDelivery.NonDeliveryReasonCode
		a.Reason = &Code{int64(r), r.String(), ReasonAdvice(r)}
		if d := t.NonDelivery.NonDeliveryDiagnosticCode; d != nil {
			a.Diagnostic = &Code{int64(*d), d.String(), DiagnosticAdvice(*d)}
			if *d == mts.UnrecognisedORName && a.Text == route.NoRoute {
				a.Diagnostic.Advice = noRouteAdvice
			}
		}
	}
	return a
}

// nameText is an O/R name as people write it.
func nameText(n *oraddr.ORName) string {
	a, err := n.Address()
	switch {
	case err != nil:
		return "(" + err.Error() + ")"
	case a.String() == "":
		return "(no address)"
	}
	return a.String()
}

// when is a time of the wire; zero where it is malformed.
func when(t mts.Time) time.Time {
	at, err := t.Time()
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func steps(t mts.TraceInformation) []TraceStep {
	all := make([]TraceStep, len(t))
	for i := range t {
		s := &t[i].DomainSuppliedInformation
		action := s.RoutingAction.String()
		if s.AttemptedDomain != nil {
			action += " after " + s.AttemptedDomain.String()
		}
		if other := s.OtherActions.String(); other != "" {
			action += "," + other
		}
		all[i] = TraceStep{t[i].GlobalDomainIdentifier.String(), when(s.ArrivalTime), action}
	}
	return all
}

// WriteText writes the explanation as a person reads it. Characters that do not
// print come out as "?". The form is for eyes and may change.
func (x *Explanation) WriteText(w io.Writer) error {
	p := &textWriter{w: w}
	p.field("report", x.Report)
	p.field("subject", x.Subject)
	p.field("content-id", x.ContentIdentifier)
	p.field("correlator", x.ContentCorrelator)
	p.field("content-type", x.ContentType)
	p.field("types", x.EITs)
	by := x.Domain
	if x.MTA != "" {
		by = x.MTA + " in " + x.Domain
	}
	p.field("reported by", by)
	p.field("list", x.ReportingDL)
	p.field("goes to", x.Destination)
	for i, l := range x.Lists {
		name := "expanded"
		if i == 0 {
			name = "originated"
		}
		p.field(name, shown(l.Time)+" "+l.Name)
	}
	p.steps("report came", x.Trace)
	p.steps("subject came", x.SubjectTrace)
	if x.ReturnedContent {
		p.field("content", fmt.Sprintf("returned, %d octets", x.ReturnedOctets))
	} else {
		p.field("content", "not returned")
	}
	for i := range x.Recipients {
		p.line("")
		x.Recipients[i].write(p)
	}
	return p.err
}

func (a *Advice) write(p *textWriter) {
	name := fmt.Sprintf("recipient %d", a.N)
	switch {
	case a.Delivered != nil:
		p.field(name, a.Recipient+" was delivered at "+shown(*a.Delivered))
		p.field("user", a.User)
	case a.Reason != nil:
		p.field(name, a.Recipient+" was NOT delivered")
	default:
		p.field(name, a.Recipient+": the report does not say what became of it")
	}
	p.field("intended", a.Intended)
	for _, r := range a.Redirections {
		p.field("redirected", shown(r.Time)+" from "+r.From+": "+r.Reason)
	}
	p.field("arrived", shown(a.Arrival)+" at the reporting domain")
	p.field("converted", a.Converted)
	p.field("forward to", a.Forwarding)
	p.code("reason", a.Reason)
	p.code("diagnostic", a.Diagnostic)
	p.field("text", a.Text)
	for _, other := range a.Alternatives {
		p.field("try", other)
	}
	if a.Asked == None || a.Asked == NonDelivery && a.Delivered != nil {
		p.field("asked for", a.Asked+": the originator is not told")
	}
}

// textWriter keeps the first error of writing.
type textWriter struct {
	w   io.Writer
	err error
}

func (p *textWriter) line(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s+"\n")
	}
}

func (p *textWriter) field(name, value string) {
	if value == "" {
		return
	}
	p.line(fmt.Sprintf("%-14s%s", name+":", strings.Map(graphic, value)))
}

func (p *textWriter) steps(name string, all []TraceStep) {
	for _, s := range all {
		p.field(name, shown(s.Arrival)+" "+s.Domain+" "+s.Action)
	}
}

func (p *textWriter) code(name string, c *Code) {
	if c == nil {
		return
	}
	p.field(name, fmt.Sprintf("%s (%d)", c.Name, c.Code))
	advice := c.Advice
	if advice == "" {
		advice = noAdvice
	}
	p.field("to do", advice)
}

func graphic(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd {
		return '?'
	}
	return r
}

// shown is a time of a report, or that it cannot be read.
func shown(t time.Time) string {
	if t.IsZero() {
		return "(unknown time)"
	}
	return t.Format(time.RFC3339)
}

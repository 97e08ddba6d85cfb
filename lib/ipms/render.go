package ipms

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/charset"
)

// maxNested bounds how deep forwarded messages are shown within one another.
const maxNested = 8

// Dialect says how to show what X.420 leaves to others. A nil function knows nothing.
type Dialect struct {
	// Extension returns the name of an extension, and its value in words.
	Extension func(Extension) (name, value string)
	// Part returns the name of the type of an extended body part, and, where it is
	// one, its text or the message it forwards.
	Part func(*ExtendedBodyPart) (name, text string, message *IPM)
}

// Render writes a content as a person reads it: the heading, a field a line, and
// the body, texts as they are and of everything else what it is. Control
// characters come out as {nnn}, so that what a stranger sent cannot play with the
// reader's terminal. The form is for eyes and may change.
func Render(w io.Writer, o InformationObject, d Dialect) error {
	r := renderer{w: bufio.NewWriter(w), dialect: d}
	switch {
	case o.IPM != nil:
		r.message(o.IPM)
	case o.IPN != nil:
		r.notification(o.IPN)
	}
	return r.w.Flush()
}

type renderer struct {
	w       *bufio.Writer
	dialect Dialect
	nested  int
}

// line writes one line; errors wait in the writer.
func (r *renderer) line(s string) {
	for range r.nested {
		r.w.WriteString("| ")
	}
	r.w.WriteString(printable(s))
	r.w.WriteByte('\n')
}

func (r *renderer) field(name, value string) {
	if value != "" {
		r.line(name + ": " + value)
	}
}

// turns tells of the characters that turn the text after them around, or part it from the rest: of
// what a line says, the reader would see something else. Marks of a direction alone do not.
func turns(c rune) bool { return c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 }

// printable replaces control characters, the tabulator excepted, and those that turn text around.
func printable(s string) string {
	clean := true
	for _, c := range s {
		if c < ' ' && c != '\t' || c >= 0x7f && c < 0xa0 || c == 0xfffd || turns(c) {
			clean = false
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, c := range s {
		switch {
		case c < ' ' && c != '\t' || c >= 0x7f && c < 0xa0 || turns(c):
			fmt.Fprintf(&b, "{%03d}", c)
		case c == 0xfffd:
			fmt.Fprintf(&b, "{%03d}", s[i])
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func (r *renderer) message(m *IPM) {
	h := &m.Heading
	if h.Originator != nil {
		r.field("From", h.Originator.String())
	}
	for _, d := range h.AuthorizingUsers {
		r.field("Authorized-By", d.String())
	}
	r.recipients("To", h.PrimaryRecipients)
	r.recipients("Copy", h.CopyRecipients)
	r.recipients("Blind-Copy", h.BlindCopyRecipients)
	r.field("Subject", h.SubjectText())
	r.field("This-IPM", h.ThisIPM.String())
	if h.RepliedToIPM != nil {
		r.field("Replied-To", h.RepliedToIPM.String())
	}
	for _, id := range h.ObsoletedIPMs {
		r.field("Obsoletes", id.String())
	}
	for _, id := range h.RelatedIPMs {
		r.field("Related", id.String())
	}
	r.field("Expires", shownTime(h.ExpiryTime))
	r.field("Reply-By", shownTime(h.ReplyTime))
	for _, d := range h.ReplyRecipients {
		r.field("Reply-To", d.String())
	}
	if h.Importance != nil && *h.Importance != Normal {
		r.field("Importance", h.Importance.String())
	}
	if h.Sensitivity != nil {
		r.field("Sensitivity", h.Sensitivity.String())
	}
	if h.AutoForwarded {
		r.field("Auto-Forwarded", "yes")
	}
	r.extensions(h.Extensions)
	for i := range m.Body {
		r.line("")
		r.part(&m.Body[i], i+1, len(m.Body))
	}
}

func (r *renderer) recipients(name string, all []RecipientSpecifier) {
	for _, to := range all {
		s := to.Recipient.String()
		var asks []string
		for bit, ask := range [...]string{"receipt notification", "non-receipt notification", "return of the message"} {
			if to.NotificationRequests.At(bit) {
				asks = append(asks, ask)
			}
		}
		if to.ReplyRequested {
			asks = append(asks, "reply")
		}
		if len(asks) > 0 {
			s += " [asks for " + strings.Join(asks, ", ") + "]"
		}
		for _, e := range to.RecipientExtensions {
			name, value := r.words(e)
			s += " [" + strings.TrimSuffix(name+" "+value, " ") + "]"
		}
		r.field(name, s)
	}
}

// words returns the name of an extension and what it says.
func (r *renderer) words(e Extension) (name, value string) {
	if r.dialect.Extension != nil {
		return r.dialect.Extension(e)
	}
	return e.Name(), fmt.Sprintf("%d octets", len(e.Value))
}

func (r *renderer) extensions(all []Extension) {
	for _, e := range all {
		name := e.Name()
		switch e.Type {
		case ExtExtendedSubject: // shown as the subject
		case ExtAutoSubmitted:
			value := "?"
			if a, ok := decodeRaw[AutoSubmitted](e.Value); ok {
				value = a.String()
			}
			r.field(name, value)
		case ExtLanguages:
			all, _ := decodeRaw[Languages](e.Value)
			list := make([]string, len(all))
			for i, l := range all {
				list[i] = string(l)
			}
			r.field(name, strings.Join(list, ", "))
		case ExtAuthorizationTime:
			t, _ := decodeRaw[asn1.GeneralizedTime](e.Value)
			r.field(name, shownTime(t))
		case ExtOriginatorsReference:
			s, _ := universal(e.Value)
			r.field(name, s)
		case ExtIncompleteCopy:
			r.field(name, "yes")
		default:
			if name, value := r.words(e); value == "" {
				r.line(name)
			} else {
				r.field(name, value)
			}
		}
	}
}

func (r *renderer) part(b *BodyPart, number, of int) {
	kind, text, isText := b.Type(), "", false
	var message *IPM
	if b.Extended != nil && r.dialect.Part != nil {
		kind, text, message = r.dialect.Part(b.Extended)
		isText = text != ""
	}
	if of > 1 {
		r.line(fmt.Sprintf("--- part %d of %d: %s ---", number, of, kind))
	}
	if !isText {
		text, isText = b.Text()
	}
	if message == nil {
		message, _ = b.Forwarded()
	}
	switch {
	case isText:
		r.text(text)
	case message != nil:
		r.field("Delivered", shownTime(b.deliveryTime()))
		r.within(func() { r.message(message) })
	case r.reported(b):
	default:
		if f, ok := b.File(); ok {
			r.file(f)
		} else {
			r.line("(" + kind + b.extent() + ")")
		}
	}
}

// within shows something that is inside a body part.
func (r *renderer) within(show func()) {
	if r.nested == maxNested {
		r.line("(forwarded messages go deeper than is shown)")
		return
	}
	r.nested++
	show()
	r.nested--
}

// extent says how much there is in a body part that cannot be shown.
func (b *BodyPart) extent() string {
	octets, pieces := 0, b.Pieces()
	for _, p := range pieces {
		octets += len(p.Data)
	}
	s := fmt.Sprintf(", %d octets", octets)
	if len(pieces) > 1 {
		s = fmt.Sprintf(", %d pages%s", len(pieces), s)
	}
	if b.Extended != nil && b.Extended.Data.DirectReference == DataVoice {
		if v, ok := decodeValue[VoiceParameters](b.Extended.Parameters); ok && v.VoiceMessageDuration != nil {
			s = fmt.Sprintf(", %d seconds%s", *v.VoiceMessageDuration, s)
		}
	}
	return s
}

// reported shows a body part that is a notification or a report.
func (r *renderer) reported(b *BodyPart) bool {
	if b.Extended == nil {
		return false
	}
	switch b.Extended.Data.DirectReference {
	case DataNotification:
		if n, ok := decodeValue[IPN](&b.Extended.Data); ok {
			r.within(func() { r.notification(&n) })
			return true
		}
	case DataReport:
		if a, ok := decodeValue[ReportDeliveryArgument](&b.Extended.Data); ok {
			r.within(func() { r.report(&a) })
			return true
		}
	}
	return false
}

func (r *renderer) report(a *ReportDeliveryArgument) {
	r.line("Report")
	r.field("About", a.SubjectSubmissionIdentifier.String())
	r.field("Content-Identifier", string(a.ContentIdentifier))
	for i := range a.PerRecipientFields {
		f := &a.PerRecipientFields[i]
		s := address(&f.ActualRecipientName)
		switch t := f.ReportType; {
		case t.Delivery != nil:
			s += " was delivered at " + shownTime(t.Delivery.MessageDeliveryTime)
		case t.NonDelivery != nil:
			s += fmt.Sprintf(" was NOT delivered: %v (%d)", t.NonDelivery.NonDeliveryReasonCode, t.NonDelivery.NonDeliveryReasonCode)
			if d := t.NonDelivery.NonDeliveryDiagnosticCode; d != nil {
				s += fmt.Sprintf(", %v (%d)", *d, *d)
			}
		}
		if f.SupplementaryInformation != "" {
			s += ": " + string(f.SupplementaryInformation)
		}
		r.field("Recipient", s)
	}
	if a.ReturnedContent != nil {
		r.field("Returned", fmt.Sprintf("%d octets", len(*a.ReturnedContent)))
	}
}

func (r *renderer) text(s string) {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.TrimSuffix(s, "\n")
	for line := range strings.SplitSeq(s, "\n") {
		r.line(line)
	}
}

func (r *renderer) file(f File) {
	s := fmt.Sprintf("(file of %d octets", len(f.Data))
	if f.Name != "" {
		s = fmt.Sprintf("(file %q of %d octets", f.Name, len(f.Data))
	}
	if !f.Modified.IsZero() {
		s += ", modified " + f.Modified.UTC().Format("2006-01-02 15:04:05Z")
	}
	if f.Compressed != "" {
		s += ", compressed by " + string(f.Compressed)
	}
	r.line(s + ")")
	if f.Description != "" {
		r.text(f.Description)
	}
}

func (r *renderer) notification(n *IPN) {
	kind := "Other notification"
	switch {
	case n.Fields.Receipt != nil:
		kind = "Receipt notification"
	case n.Fields.NonReceipt != nil:
		kind = "Non-receipt notification"
	}
	r.line(kind)
	r.field("About", n.SubjectIPM.String())
	if n.IPNOriginator != nil {
		r.field("From", n.IPNOriginator.String())
	}
	if n.IPMIntendedRecipient != nil {
		r.field("Intended-Recipient", n.IPMIntendedRecipient.String())
	}
	if f := n.Fields.Receipt; f != nil {
		r.field("Received", shownTime(f.ReceiptTime))
		r.field("Acknowledged", f.AcknowledgmentMode.String())
		r.field("Information", string(f.SupplReceiptInfo))
	}
	if f := n.Fields.NonReceipt; f != nil {
		r.field("Reason", f.NonReceiptReason.String())
		if f.DiscardReason != nil {
			r.field("Discarded", f.DiscardReason.String())
		}
		r.field("Comment", string(f.AutoForwardComment))
		if f.ReturnedIPM != nil {
			r.line("")
			r.within(func() { r.message(f.ReturnedIPM) })
		}
	}
	if n.Fields.Other != nil {
		r.extensions(*n.Fields.Other)
	}
	r.extensions(n.NotificationExtensions)
}

// shownTime shows a time of the wire; one that is malformed as it came.
func shownTime[T interface {
	~string
	asn1.UTCTime | asn1.GeneralizedTime
}](t T) string {
	if t == "" {
		return ""
	}
	when, err := asn1.UTCTime(t).Time()
	if g, ok := any(t).(asn1.GeneralizedTime); ok {
		when, err = g.Time()
	}
	if err != nil {
		return charset.DecodeIA5([]byte(t))
	}
	return when.Format("2006-01-02 15:04:05Z")
}

package ipms

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Upper bounds, IPMSUpperBounds and MTSUpperBounds.
const (
	boundLocalIdentifier = 64
	boundSubject         = 128
	boundExtendedSubject = 256
	boundFreeFormName    = 64
	boundContent         = 1<<31 - 1
)

// Message is what a person writes; Compose makes a content of it.
type Message struct {
	ThisIPM    string         // local identifier, PrintableString of 1 to 64 characters
	Originator oraddr.Address // also the user within this-IPM
	From       string         // free-form name of the originator; may be empty
	To         []Recipient    // primary recipients
	Copy       []Recipient
	BlindCopy  []Recipient
	Subject    string
	Text       string // line ends become CR LF

	RepliedTo   *IPMIdentifier
	Related     []IPMIdentifier
	Importance  *Importance
	Sensitivity *Sensitivity
	ExpiryTime  time.Time // zero for none
	ReplyTime   time.Time
	Extensions  []Extension

	Attachments []Attachment
}

// Recipient is a recipient of a Message.
type Recipient struct {
	Address        oraddr.Address
	Name           string // free-form name; may be empty
	Notify         NotificationRequests
	ReplyRequested bool
}

// Attachment is a file that goes with a Message, as a file-transfer body part. Its
// octets are read while the content is, and never held.
type Attachment struct {
	Name        string
	Description string    // for the recipient to see; may be empty
	Modified    time.Time // zero if not known
	Size        int64     // of Data, exactly
	Data        io.Reader
}

// Content is a composed content: a stream of octets whose number is known before.
// It can be read once.
type Content struct {
	segments []segment
	size     int64
	eits     mts.EncodedInformationTypes
	err      error
}

// segment is either octets or a source of so many of them.
type segment struct {
	octets []byte
	source io.Reader
	left   int64
	name   string
}

// Size returns the number of octets of the content.
func (c *Content) Size() int64 { return c.size }

// EncodedInformationTypes returns what the envelope has to say of the content as
// original-encoded-information-types.
func (c *Content) EncodedInformationTypes() mts.EncodedInformationTypes { return c.eits }

// Compose makes a P22 content of a message. The text becomes an ia5-text if IA5 is
// enough, else a general-text in the part of ISO 8859 that has all its characters.
// A subject beyond T.61 or beyond 128 octets goes into the extended-subject
// extension, with as much of it in the subject as fits.
//
// Errors are of kind Data and name the field, and the character where there is one
// that X.400 has no place for.
func Compose(m Message) (*Content, error) {
	c, err := compose(m)
	if err != nil {
		return nil, diag.E("ipms: compose", diag.Data, err)
	}
	return c, nil
}

func compose(m Message) (*Content, error) {
	heading, err := m.heading()
	if err != nil {
		return nil, err
	}
	head, err := ber.Marshal(heading)
	if err != nil {
		return nil, err
	}
	c := &Content{}
	var body []segment
	if m.Text != "" || len(m.Attachments) == 0 {
		part, err := c.text(m.Text)
		if err != nil {
			return nil, fmt.Errorf("text: %w", err)
		}
		octets, err := ber.Marshal(part)
		if err != nil {
			return nil, err
		}
		body = append(body, segment{octets: octets})
	}
	for i, a := range m.Attachments {
		prefix, err := a.prefix()
		if err != nil {
			return nil, fmt.Errorf("attachment %d: %w", i+1, err)
		}
		body = append(body, segment{octets: prefix}, segment{source: a.Data, left: a.Size, name: a.Name})
	}
	if len(m.Attachments) > 0 {
		c.eits.ExtendedEncodedInformationTypes = append(c.eits.ExtendedEncodedInformationTypes, EITFileTransfer)
	}
	var bodySize int64
	for _, s := range body {
		bodySize += int64(len(s.octets)) + s.left
	}
	sequence := asn1.Univ(asn1.NumberSequence)
	size := int64(len(head)+ber.HeaderLen(sequence, bodySize)) + bodySize
	start := ber.AppendHeader(nil, asn1.Context(0), true, size)
	c.size = int64(len(start)) + size
	if c.size > boundContent {
		return nil, fmt.Errorf("%d octets of content, the limit is %d", c.size, boundContent)
	}
	start = append(start, head...)
	start = ber.AppendHeader(start, sequence, true, bodySize)
	c.segments = append([]segment{{octets: start}}, body...)
	return c, nil
}

func (m *Message) heading() (h Heading, err error) {
	if m.ThisIPM == "" || len(m.ThisIPM) > boundLocalIdentifier {
		return h, fmt.Errorf("this-IPM: %d characters, not 1 to %d", len(m.ThisIPM), boundLocalIdentifier)
	}
	h.ThisIPM.UserRelativeIdentifier = asn1.PrintableString(m.ThisIPM)
	if err := h.ThisIPM.UserRelativeIdentifier.Valid(); err != nil {
		return h, fmt.Errorf("this-IPM: %w", err)
	}
	if !m.Originator.IsZero() {
		d, err := describe(m.Originator, m.From)
		if err != nil {
			return h, fmt.Errorf("originator: %w", err)
		}
		h.ThisIPM.User, h.Originator = d.FormalName, &d
	}
	for _, list := range [...]struct {
		name string
		from []Recipient
		to   *[]RecipientSpecifier
	}{
		{"primary recipient", m.To, &h.PrimaryRecipients},
		{"copy recipient", m.Copy, &h.CopyRecipients},
		{"blind copy recipient", m.BlindCopy, &h.BlindCopyRecipients},
	} {
		for i, r := range list.from {
			d, err := describe(r.Address, r.Name)
			if err != nil {
				return h, fmt.Errorf("%s %d: %w", list.name, i+1, err)
			}
			*list.to = append(*list.to, RecipientSpecifier{
				Recipient: d, NotificationRequests: r.Notify, ReplyRequested: r.ReplyRequested})
		}
	}
	h.RepliedToIPM, h.RelatedIPMs = m.RepliedTo, m.Related
	h.Importance, h.Sensitivity = m.Importance, m.Sensitivity
	if !m.ExpiryTime.IsZero() {
		h.ExpiryTime = asn1.NewUTCTime(m.ExpiryTime)
	}
	if !m.ReplyTime.IsZero() {
		h.ReplyTime = asn1.NewUTCTime(m.ReplyTime)
	}
	h.Extensions = append(h.Extensions, m.Extensions...)
	if err := h.setSubject(m.Subject); err != nil {
		return h, fmt.Errorf("subject: %w", err)
	}
	return h, nil
}

func describe(a oraddr.Address, free string) (d ORDescriptor, err error) {
	if !a.IsZero() {
		n, err := a.ORName()
		if err != nil {
			return d, err
		}
		d.FormalName = &n
	}
	octets, err := charset.EncodeT61(free)
	if err != nil {
		return d, fmt.Errorf("free-form name: %w", err)
	}
	if len(octets) > boundFreeFormName {
		return d, fmt.Errorf("free-form name: %d octets, the limit is %d", len(octets), boundFreeFormName)
	}
	d.FreeFormName = asn1.TeletexString(octets)
	return d, nil
}

// setSubject puts the subject into the heading, and into the extended-subject
// extension where the field cannot say it all.
func (h *Heading) setSubject(s string) error {
	if s == "" {
		return nil
	}
	if strings.ContainsAny(s, "\r\n") {
		return errors.New("more than one line")
	}
	octets, err := charset.EncodeT61(s)
	if err != nil || len(octets) > boundSubject {
		if n := utf8.RuneCountInString(s); n > boundExtendedSubject || !utf8.ValidString(s) {
			return fmt.Errorf("%d characters, the limit is %d", n, boundExtendedSubject)
		}
		octets = approximate(s)
		raw, err := ber.Marshal(newUniversal(s))
		if err != nil {
			return err
		}
		h.Extensions = append(h.Extensions, Extension{Type: ExtExtendedSubject, Value: raw})
	}
	subject := asn1.TeletexString(octets)
	h.Subject = &subject
	return nil
}

func newUniversal(s string) UniversalOrBMPString {
	for _, r := range s {
		if r > 0xffff {
			four := asn1.UniversalString(s)
			return UniversalOrBMPString{Four: &four}
		}
	}
	two := asn1.BMPString(s)
	return UniversalOrBMPString{Two: &two}
}

// approximate returns as much of s as the subject field holds, with a question
// mark for what T.61 lacks.
func approximate(s string) []byte {
	var out []byte
	for _, r := range s {
		octets, err := charset.EncodeT61(string(r))
		if err != nil {
			octets = []byte{'?'}
		}
		if len(out)+len(octets) > boundSubject {
			break
		}
		out = append(out, octets...)
	}
	return out
}

// text returns the body part of a text and notes its encoded information types.
func (c *Content) text(s string) (BodyPart, error) {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
	if octets, err := charset.EncodeIA5(s); err == nil {
		c.eits.BuiltInEncodedInformationTypes.Set(eitIA5Text)
		return BodyPart{IA5Text: &IA5TextBodyPart{Data: asn1.IA5String(octets)}}, nil
	}
	octets, sets, err := charset.EncodeGeneral(s)
	if err != nil {
		return BodyPart{}, err
	}
	raw, err := ber.MarshalWith(sets, "SET OF INTEGER")
	if err != nil {
		return BodyPart{}, err
	}
	data, err := newExternal(DataGeneralText, asn1.GeneralString(octets))
	if err != nil {
		return BodyPart{}, err
	}
	for _, n := range sets {
		c.eits.ExtendedEncodedInformationTypes = append(c.eits.ExtendedEncodedInformationTypes, eitCharacterSet+asn1.OID(itoa(n)))
	}
	return BodyPart{Extended: &ExtendedBodyPart{
		Parameters: &External{DirectReference: ParametersGeneralText, Encoding: ExternalEncoding{SingleASN1: raw}},
		Data:       data,
	}}, nil
}

const (
	eitIA5Text = 2 // bit of built-in-encoded-information-types, X.411
	// eitCharacterSet is the arc of the registered character sets of general-text.
	eitCharacterSet asn1.OID = "1.0.10021.7.1.0."
)

// prefix returns the octets of the body part up to the octets of the file:
//
//	extended [15] { parameters [0] …, data EXTERNAL { id-et-file-transfer,
//	  [0] SEQUENCE { EXTERNAL { unstructured binary, [1] octets of the file
func (a *Attachment) prefix() ([]byte, error) {
	if a.Size < 0 || a.Size > boundContent {
		return nil, fmt.Errorf("%d octets, the limit is %d", a.Size, boundContent)
	}
	if a.Data == nil && a.Size > 0 {
		return nil, errors.New("no data")
	}
	p, err := a.parameters()
	if err != nil {
		return nil, err
	}
	external, err := newExternal(ParametersFileTransfer, p)
	if err != nil {
		return nil, err
	}
	head, err := ber.MarshalWith(external, "[0]")
	if err != nil {
		return nil, err
	}
	dataType, err := ber.MarshalWith(DataFileTransfer, "")
	if err != nil {
		return nil, err
	}
	syntax, err := ber.MarshalWith(unstructuredBinarySyntax, "")
	if err != nil {
		return nil, err
	}
	// From the inside out: each header needs the length of what it encloses.
	var (
		tagExternal = asn1.Univ(asn1.NumberExternal)
		headers     []byte
		length      = a.Size
	)
	wrap := func(t asn1.Tag, constructed bool, before []byte) {
		header := append(before, ber.AppendHeader(nil, t, constructed, length)...)
		headers = append(header, headers...)
		length += int64(len(header))
	}
	wrap(asn1.Context(1), false, syntax)
	wrap(tagExternal, true, nil)
	wrap(asn1.Univ(asn1.NumberSequence), true, nil)
	wrap(asn1.Context(0), true, dataType)
	wrap(tagExternal, true, head)
	wrap(asn1.Context(15), true, nil)
	return headers, nil
}

func (a *Attachment) parameters() (p FileTransferParameters, err error) {
	attributes := FileAttributes{ObjectSize: &ObjectSize{Value: &a.Size}}
	if a.Name != "" {
		octets, _, err := charset.EncodeGeneral(a.Name)
		if err != nil {
			return p, fmt.Errorf("name: %w", err)
		}
		attributes.Pathname = &Pathname{Incomplete: &[]asn1.GraphicString{asn1.GraphicString(octets)}}
	}
	if !a.Modified.IsZero() {
		t := asn1.NewGeneralizedTime(a.Modified)
		attributes.Modified = &DateAndTime{Value: &t}
	}
	if a.Description != "" {
		octets, _, err := charset.EncodeGeneral(a.Description)
		if err != nil {
			return p, fmt.Errorf("description: %w", err)
		}
		p.Environment = &Environment{UserVisibleString: []asn1.GraphicString{asn1.GraphicString(octets)}}
	}
	p.Attributes = &attributes
	return p, nil
}

// Read reads the content. An attachment that ends early or goes on after its Size
// is an error of kind IO: the sizes are in the octets already read.
func (c *Content) Read(b []byte) (int, error) {
	for c.err == nil && len(c.segments) > 0 {
		s := &c.segments[0]
		if len(s.octets) > 0 {
			n := copy(b, s.octets)
			s.octets = s.octets[n:]
			return n, nil
		}
		if s.left > 0 {
			n, err := s.source.Read(b[:min(int64(len(b)), s.left)])
			s.left -= int64(n)
			if err == io.EOF && s.left > 0 {
				c.fail(s, io.ErrUnexpectedEOF)
			} else if err != nil && err != io.EOF {
				c.fail(s, err)
			}
			if n > 0 || c.err == nil {
				return n, nil
			}
			break
		}
		if s.source != nil && more(s.source) {
			c.fail(s, errors.New("longer than its size"))
			break
		}
		c.segments = c.segments[1:]
	}
	if c.err != nil {
		return 0, c.err
	}
	return 0, io.EOF
}

func (c *Content) fail(s *segment, err error) {
	c.err = diag.E("ipms: attachment "+s.name, diag.IO, err)
}

// more reports whether a source has octets left.
func more(r io.Reader) bool {
	var one [1]byte
	n, _ := io.ReadFull(r, one[:])
	return n > 0
}

// WriteTo writes the content to w; see Read.
func (c *Content) WriteTo(w io.Writer) (n int64, err error) {
	return io.Copy(w, struct{ io.Reader }{c})
}

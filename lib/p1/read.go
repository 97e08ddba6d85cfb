package p1

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// Limits bound what is held in memory of one MTS-APDU. A field that is zero has
// the value of DefaultLimits.
type Limits struct {
	Envelope int // octets of the envelope part
	Elements int // elements of the envelope part, those inside others included
	Depth    int // levels of elements inside one another
}

// DefaultLimits returns the limits that stand for zero: 4 MiB, as many elements
// as an envelope of that size with 32767 recipients needs, 48 levels.
func DefaultLimits() Limits { return Limits{Envelope: 4 << 20, Elements: 1 << 20, Depth: 48} }

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Envelope <= 0 {
		l.Envelope = d.Envelope
	}
	if l.Elements <= 0 {
		l.Elements = d.Elements
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	return l
}

func (l Limits) codec() ber.Limits {
	return ber.Limits{Depth: l.Depth, Elements: l.Elements, Octets: l.Envelope}
}

// Incoming is an MTS-APDU that is being read. The channel reads Content to its
// end, secures it, and calls Finish; only then may it say that it has the object.
type Incoming struct {
	Kind Kind
	// Envelope is the envelope part, bit for bit. In a report the returned content
	// is taken out of it; what may follow that on the wire is here after Finish.
	Envelope ber.Raw
	// One of these is the envelope part, decoded. The content of a Report is
	// complete after Finish; its ReturnedContent is always nil.
	Message *mts.MessageTransferEnvelope
	Probe   *mts.ProbeTransferEnvelope
	Report  *mts.Report
	// Content streams the content of a message or the returned content of a report,
	// whatever form of OCTET STRING it came in. It is never nil.
	Content io.Reader
	// HasContent says whether there is a content: not with a probe, and only with
	// some reports.
	HasContent bool

	r        *ber.Reader
	lim      Limits
	content  *ending
	fields   []ber.Raw // of a report's content, so far
	envelope ber.Raw   // of a report
	used     int       // octets in memory
	done     bool
}

var (
	errKind        = errors.New("no message, report or probe")
	errNotConsumed = errors.New("the content has not been read to its end")
	errTwice       = errors.New("returned-content comes twice")
	errShape       = errors.New("not the elements of its kind")
	errTooLarge    = errors.New("the envelope part is too large")
)

// ReadAPDU reads an MTS-APDU from r up to its content. An error of kind diag.Data
// means that what the peer sent is no MTS-APDU; any other is one of r.
func ReadAPDU(r io.Reader, lim Limits) (*Incoming, error) {
	in := &Incoming{lim: lim.orDefault(), content: &ending{r: bytes.NewReader(nil), ended: true}}
	in.Content = in.content
	in.r = ber.NewReader(r, in.lim.codec())
	if err := in.begin(); err != nil {
		return nil, wrap("p1: read APDU", err)
	}
	return in, nil
}

func (in *Incoming) begin() error {
	h, err := in.r.Next()
	if err != nil {
		return unexpectedEOF(err)
	}
	switch {
	case h.Tag == tagProbe:
		return in.beginProbe(h)
	case h.Tag == tagMessage && h.Constructed:
		in.Kind = Message
	case h.Tag == tagReport && h.Constructed:
		in.Kind = Report
	default:
		return malformed("mts-apdu", h.Offset, fmt.Errorf("%w: %v", errKind, h.Tag))
	}
	if err := in.r.Enter(); err != nil {
		return err
	}
	if h, err = in.next(); err != nil {
		return err
	}
	if h.Tag != tagSet {
		return in.shape(h)
	}
	envelope, err := in.keep()
	if err != nil {
		return err
	}
	if in.Kind == Report {
		in.envelope = envelope
		return in.beginReportContent(h)
	}
	in.Envelope = envelope
	in.Message = &mts.MessageTransferEnvelope{}
	if err := in.decode(h, envelope, in.Message, ""); err != nil {
		return err
	}
	if h, err = in.next(); err != nil {
		return err
	}
	if h.Tag != tagOctetString {
		return in.shape(h)
	}
	in.open()
	return nil
}

func (in *Incoming) beginProbe(h ber.Header) error {
	in.Kind = Probe
	raw, err := in.keep()
	if err != nil {
		return err
	}
	in.Envelope = raw
	in.Probe = &mts.ProbeTransferEnvelope{}
	return in.decode(h, raw, in.Probe, "[2]")
}

func (in *Incoming) beginReportContent(h ber.Header) error {
	in.Report = &mts.Report{}
	if err := in.decode(h, in.envelope, &in.Report.Envelope, ""); err != nil {
		return err
	}
	h, err := in.next()
	if err != nil {
		return err
	}
	if h.Tag != tagSet || !h.Constructed {
		return in.shape(h)
	}
	if err := in.r.Enter(); err != nil {
		return err
	}
	return in.reportFields()
}

// reportFields reads fields of a report's content, up to a returned content or
// to the end.
func (in *Incoming) reportFields() error {
	for {
		h, err := in.r.Next()
		switch {
		case errors.Is(err, ber.ErrEnd):
			if err := in.r.Leave(); err != nil {
				return err
			}
			return in.assembleReport()
		case err != nil:
			return unexpectedEOF(err)
		case h.Tag != tagReturned:
			f, err := in.keep()
			if err != nil {
				return err
			}
			in.fields = append(in.fields, f)
		case in.HasContent:
			return malformed("mts-apdu.report.content", h.Offset, errTwice)
		default:
			in.open()
			return nil
		}
	}
}

// assembleReport makes the envelope part of a report from what was kept of it.
func (in *Incoming) assembleReport() error {
	content := set(in.fields)
	body := int64(len(in.envelope) + len(content))
	in.Envelope = ber.AppendHeader(nil, tagReport, true, body)
	in.Envelope = append(append(in.Envelope, in.envelope...), content...)
	in.done = true
	return decode(content, &in.Report.Content, "", in.lim)
}

// open makes the announced OCTET STRING the content.
func (in *Incoming) open() {
	in.HasContent = true
	in.content.r, in.content.ended = in.r.OctetString(), false
}

// Finish reads what follows the content and checks that nothing follows the
// APDU. It fails when the content has not been read to its end.
func (in *Incoming) Finish() error { return wrap("p1: read APDU", in.finish()) }

func (in *Incoming) finish() error {
	if !in.content.atEnd() {
		return diag.E("", diag.Usage, errNotConsumed)
	}
	if in.Kind == Report && !in.done {
		if err := in.reportFields(); err != nil {
			return err
		}
	}
	if in.Kind != Probe {
		h, err := in.r.Next()
		if err == nil {
			return in.shape(h)
		}
		if !errors.Is(err, ber.ErrEnd) {
			return unexpectedEOF(err)
		}
		if err := in.r.Leave(); err != nil {
			return err
		}
	}
	h, err := in.r.Next()
	switch {
	case err == nil:
		return malformed("", h.Offset, errTrailing)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// decode decodes an element; offsets in errors are made those of the stream.
func (in *Incoming) decode(h ber.Header, raw ber.Raw, v any, params string) error {
	err := decode(raw, v, params, in.lim)
	var e *ber.Error
	if errors.As(err, &e) && e.Offset >= 0 {
		e.Offset += h.Offset
	}
	return err
}

// next announces the next element where there must be one.
func (in *Incoming) next() (ber.Header, error) {
	h, err := in.r.Next()
	if errors.Is(err, ber.ErrEnd) {
		return h, malformed("mts-apdu."+in.Kind.String(), in.r.Offset(), errShape)
	}
	return h, unexpectedEOF(err)
}

func (in *Incoming) shape(h ber.Header) error {
	return malformed("mts-apdu."+in.Kind.String(), h.Offset, fmt.Errorf("%w: %v", errShape, h.Tag))
}

// keep holds the announced element in memory.
func (in *Incoming) keep() (ber.Raw, error) {
	left := in.lim.Envelope - in.used
	if left <= 0 {
		return nil, malformed("", in.r.Offset(), errTooLarge)
	}
	raw, err := in.r.Raw(left)
	in.used += len(raw)
	return raw, err
}

// unexpectedEOF is err, but the end of the input inside an APDU is malformed
// input and not an end.
func unexpectedEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return diag.E("", diag.Data, io.ErrUnexpectedEOF)
	}
	return err
}

// ending notes whether a reader has come to its end.
type ending struct {
	r     io.Reader
	ended bool
}

func (c *ending) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err == io.EOF {
		c.ended = true
	}
	return n, err
}

// atEnd reports whether nothing is left to read. Whoever knows the size of a
// content may not have asked for the end that follows it.
func (c *ending) atEnd() bool {
	if !c.ended {
		var one [1]byte
		if n, _ := c.Read(one[:]); n > 0 {
			return false
		}
	}
	return c.ended
}

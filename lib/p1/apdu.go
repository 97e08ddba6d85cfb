package p1

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// MTSAPDU is the MTS-APDU of X.411 figure 4, in memory with its content.
type MTSAPDU struct {
	_       ber.Choice
	Message *mts.Message `ber:"[0]"`
	Report  *mts.Report  `ber:"[1]"`
	Probe   *mts.Probe   `ber:"[2]"`
}

// Kind says what an MTS-APDU carries.
type Kind uint8

// The kinds.
const (
	Message Kind = iota + 1
	Report
	Probe
)

// String returns the kind in the word the spool uses for it.
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Report:
		return "report"
	case Probe:
		return "probe"
	}
	return "invalid"
}

var (
	tagSequence    = asn1.Univ(asn1.NumberSequence)
	tagSet         = asn1.Univ(asn1.NumberSet)
	tagOctetString = asn1.Univ(asn1.NumberOctetString)
	tagMessage     = asn1.Context(0)
	tagReport      = asn1.Context(1)
	tagProbe       = asn1.Context(2)
	tagReturned    = asn1.Context(1) // of returned-content in the content of a report
)

var errEnvelope = errors.New("neither the envelope of a message nor a report or probe")

// KindOf returns the kind of an object by its envelope part, 0 if it is none.
func KindOf(envelope ber.Raw) Kind {
	switch envelope.Tag() {
	case tagSet:
		return Message
	case tagReport:
		return Report
	case tagProbe:
		return Probe
	}
	return 0
}

// NoContent, as the size of a content, says that there is none: a probe, or a
// report without returned content.
const NoContent = -1

// NewAPDU returns the octets of the MTS-APDU that come before the content, whose
// size is given, and the number of octets of the whole. The APDU is prefix and
// content and nothing after it. Lengths are definite, and the content is a
// primitive OCTET STRING; in a report the returned content comes last, which the
// order of a SET allows.
func NewAPDU(envelope ber.Raw, contentSize int64) (prefix []byte, total int64, err error) {
	kind := KindOf(envelope)
	switch {
	case kind == 0:
		return nil, 0, diag.E("p1: new APDU", diag.Data, errEnvelope)
	case kind == Message && contentSize < 0:
		return nil, 0, diag.New("p1: new APDU", diag.Usage, "a message needs a content")
	case kind == Probe && contentSize >= 0:
		return nil, 0, diag.New("p1: new APDU", diag.Usage, "a probe has no content")
	case kind == Message:
		prefix, total = NewMessageAPDU(envelope, contentSize)
		return prefix, total, nil
	case contentSize < 0:
		return envelope, int64(len(envelope)), nil
	}
	return newReturningReport(envelope, contentSize)
}

// NewMessageAPDU is NewAPDU for a message.
func NewMessageAPDU(envelope ber.Raw, contentSize int64) (prefix []byte, total int64) {
	header := int64(ber.HeaderLen(tagOctetString, contentSize))
	body := int64(len(envelope)) + header + contentSize
	outer := ber.HeaderLen(tagMessage, body)
	prefix = make([]byte, 0, outer+len(envelope)+int(header))
	prefix = ber.AppendHeader(prefix, tagMessage, true, body)
	prefix = append(prefix, envelope...)
	prefix = ber.AppendHeader(prefix, tagOctetString, false, contentSize)
	return prefix, int64(outer) + body
}

// newReturningReport puts a returned content at the end of a report.
func newReturningReport(report ber.Raw, contentSize int64) (prefix []byte, total int64, err error) {
	const op = "p1: new APDU"
	parts, err := elements(report)
	if err != nil {
		return nil, 0, wrap(op, err)
	}
	if len(parts) < 2 || parts[1].Tag() != tagSet {
		return nil, 0, diag.New(op, diag.Data, "the report has no content to put a returned content into")
	}
	if len(parts) > 2 {
		return nil, 0, diag.E(op, diag.Data, fmt.Errorf("the report has %d elements, want 2", len(parts)))
	}
	fields, err := elements(parts[1])
	if err != nil {
		return nil, 0, wrap(op, err)
	}
	size := int64(0)
	for _, f := range fields {
		if f.Tag() == tagReturned {
			return nil, 0, diag.New(op, diag.Usage, "the report has a returned content already")
		}
		size += int64(len(f))
	}
	size += int64(ber.HeaderLen(tagReturned, contentSize)) + contentSize
	body := int64(len(parts[0])) + int64(ber.HeaderLen(tagSet, size)) + size
	prefix = ber.AppendHeader(nil, tagReport, true, body)
	total = int64(len(prefix)) + body
	prefix = append(prefix, parts[0]...)
	prefix = ber.AppendHeader(prefix, tagSet, true, size)
	for _, f := range fields {
		prefix = append(prefix, f...)
	}
	return ber.AppendHeader(prefix, tagReturned, false, contentSize), total, nil
}

// EncodeMessageEnvelope returns the envelope part of a message.
func EncodeMessageEnvelope(e *mts.MessageTransferEnvelope) (ber.Raw, error) {
	b, err := ber.Marshal(e)
	return b, wrap("p1: encode message envelope", err)
}

// EncodeProbe returns the MTS-APDU of a probe, which is its envelope part.
func EncodeProbe(p *mts.Probe) (ber.Raw, error) {
	b, err := ber.Marshal(MTSAPDU{Probe: p})
	return b, wrap("p1: encode probe", err)
}

// EncodeReport returns the MTS-APDU of a report. Where it has no returned content,
// this is its envelope part too.
func EncodeReport(r *mts.Report) (ber.Raw, error) {
	b, err := ber.Marshal(MTSAPDU{Report: r})
	return b, wrap("p1: encode report", err)
}

// DecodeMessageEnvelope decodes the envelope part of a message. Limits that say
// nothing of its size accept any, as it is in memory already.
func DecodeMessageEnvelope(envelope ber.Raw, lim Limits) (*mts.MessageTransferEnvelope, error) {
	e := &mts.MessageTransferEnvelope{}
	if err := decode(envelope, e, "", lim); err != nil {
		return nil, wrap("p1: message envelope", err)
	}
	return e, nil
}

// DecodeReport decodes the envelope part of a report.
func DecodeReport(envelope ber.Raw, lim Limits) (*mts.Report, error) {
	r := &mts.Report{}
	if err := decode(envelope, r, "[1]", lim); err != nil {
		return nil, wrap("p1: report", err)
	}
	return r, nil
}

// DecodeProbe decodes the envelope part of a probe.
func DecodeProbe(envelope ber.Raw, lim Limits) (*mts.Probe, error) {
	p := &mts.Probe{}
	if err := decode(envelope, p, "[2]", lim); err != nil {
		return nil, wrap("p1: probe", err)
	}
	return p, nil
}

// decode decodes the whole of raw into v. What is in memory already needs no bound
// on its size unless the caller has one.
func decode(raw []byte, v any, params string, lim Limits) error {
	if lim.Envelope <= 0 {
		lim.Envelope = len(raw)
	}
	rest, err := ber.UnmarshalWith(raw, v, params, lim.orDefault().codec())
	if err == nil && len(rest) > 0 {
		err = malformed("", int64(len(raw)-len(rest)), errTrailing)
	}
	return err
}

var errTrailing = errors.New("octets after the element")

// malformed is an error in what a peer sent.
func malformed(path string, offset int64, cause error) error {
	return diag.E("", diag.Data, &ber.Error{Path: path, Offset: offset, Err: cause})
}

// wrap names the operation; the kind is that of the cause.
func wrap(op string, err error) error { return diag.E(op, diag.KindOf(err), err) }

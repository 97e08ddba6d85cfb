// Package decode takes encodings of any layer apart for people: transport,
// session, presentation, ACSE, RTSE, the MTS transfer protocol, interpersonal,
// military and EDI messages, O/R names, and BER as such. Layers are shown inside one another as
// they are carried: a TPKT with a session CONNECT shows the presentation, ACSE,
// RTSE and MTA-bind octets in it.
//
// Names are the Recommendations' own. Octets that nobody here understands are
// shown as they are; nothing is left out. A malformed encoding is shown up to the
// fault, then in hexadecimal, and what follows it as if nothing had happened.
package decode

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// Layer says what octets are.
type Layer string

// The layers, from the wire up.
const (
	TPDU     Layer = "tpdu"     // TPKTs of RFC 1006 in a row, or one TPDU of X.224
	SPDU     Layer = "spdu"     // the SPDUs of one TSDU, X.225
	PPDU     Layer = "ppdu"     // X.226
	ACSE     Layer = "acse"     // X.227
	RTSE     Layer = "rtse"     // X.228
	MTSAPDU  Layer = "mts-apdu" // X.411: a message, report or probe between MTAs
	Envelope Layer = "envelope" // X.411: the transfer envelope of a message, as the spool keeps it
	IPM      Layer = "ipm"      // X.420: a content of type 2 or 22; STANAG 4406: one of P772
	EDIM     Layer = "edim"     // X.435: a content of type 35
	ORName   Layer = "or-name"  // X.411: an ORName, or an ORAddress
	BER      Layer = "ber"      // X.690, the types not known
)

// Layers returns every layer, from the wire up.
func Layers() []Layer {
	return []Layer{TPDU, SPDU, PPDU, ACSE, RTSE, MTSAPDU, Envelope, IPM, EDIM, ORName, BER}
}

// ParseLayer returns the layer of that name. Its error is of kind diag.Usage.
func ParseLayer(name string) (Layer, error) {
	names := make([]string, 0, len(Layers()))
	for _, l := range Layers() {
		if name == string(l) {
			return l, nil
		}
		names = append(names, string(l))
	}
	return "", diag.E("", diag.Usage, fmt.Errorf("layer %q: want one of %s", name, strings.Join(names, ", ")))
}

// Limits bound what one decoding may cost. A field that is zero has the value of
// DefaultLimits.
type Limits struct {
	Octets   int // of the input
	Elements int // BER elements of one PDU, those of the encodings inside it included
	Depth    int // BER elements within one another
	Layers   int // encodings within one another, such as messages inside messages
}

// DefaultLimits returns the limits that stand for zero: 64 MiB, 524 288 elements,
// 64 levels, 24 layers.
func DefaultLimits() Limits {
	return Limits{Octets: 64 << 20, Elements: 1 << 19, Depth: 64, Layers: 24}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Octets <= 0 {
		l.Octets = d.Octets
	}
	if l.Elements <= 0 {
		l.Elements = d.Elements
	}
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Layers <= 0 {
		l.Layers = d.Layers
	}
	return l
}

// codec bounds the decoding of an encoding that is at hand: it is not counted.
func (l Limits) codec(octets int) ber.Limits {
	return ber.Limits{Depth: l.Depth, Elements: l.Elements, Octets: max(octets, 1)}
}

// Error says where an encoding is malformed.
type Error struct {
	Layer Layer
	// Path names the field; "" where the layer has no names for its parts. It
	// begins with "joined:" where the octets at fault arrived in pieces.
	Path string
	// Offset is that of the octet at fault, from the start of the input; in
	// joined octets from their start.
	Offset int64
	Err    error
}

func (e *Error) Error() string {
	s := string(e.Layer) + ": "
	if e.Path != "" {
		s += e.Path + " "
	}
	return s + fmt.Sprintf("at octet %d: %v", e.Offset, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Decode takes the PDUs in b apart and calls emit for each, in order. A PDU is a
// TPKT, a TSDU, or a BER element; several of the same layer may stand in a row.
//
// What is learned is remembered from PDU to PDU: the presentation contexts of a
// CP, the pieces of a TSDU, the pieces of the APDU of an activity, which is shown
// with the ACTIVITY END that completes it, or after the input.
//
// The error, of kind diag.Data, wraps the first *Error; everything has been
// emitted by then. An error of emit ends the decoding and is returned as it is.
func Decode(b []byte, layer Layer, lim Limits, emit func(Node) error) error {
	d := &decoder{lim: lim.orDefault(), emit: emit}
	if len(b) > d.lim.Octets {
		return diag.E("decode", diag.Data, fmt.Errorf("%d octets of input: at most %d are taken", len(b), d.lim.Octets))
	}
	if err := d.run(span{b: b}, layer); err != nil {
		return err
	}
	if d.err != nil {
		return diag.E("decode", diag.Data, d.err)
	}
	return nil
}

// decoder is the state of one decoding.
type decoder struct {
	lim   Limits
	emit  func(Node) error
	err   *Error // the first
	depth int    // layers open
	left  int    // elements this PDU may still have

	tsdu     pieces
	ssdu     pieces
	assoc    association
	activity activity
}

// span is octets and where they are from.
type span struct {
	b      []byte
	base   int64 // offset of b[0]
	joined bool  // base counts in joined octets, not in the input
}

// bounds are what an element of n octets may still cost.
func (d *decoder) bounds(n int) ber.Limits {
	return ber.Limits{Depth: d.lim.Depth, Elements: max(d.left, 1), Octets: max(n, 1)}
}

// from returns the octets from offset i of s on.
func (s span) from(i int) span { return span{s.b[i:], s.base + int64(i), s.joined} }

// to returns the first n octets of s.
func (s span) to(n int) span { return span{s.b[:n:n], s.base, s.joined} }

// pieces are octets that arrive one by one.
type pieces struct {
	b     []byte
	count int
	open  bool
}

func (p *pieces) add(b []byte) {
	p.b = append(p.b, b...)
	p.count++
	p.open = true
}

// take returns what has arrived, as octets of their own, and starts again.
func (p *pieces) take() (s span, count int) {
	s, count = span{b: p.b, joined: true}, p.count
	*p = pieces{}
	return s, count
}

var errEmpty = errors.New("no octets")

func (d *decoder) run(s span, layer Layer) error {
	if len(s.b) == 0 {
		d.fail(s, layer, "", 0, errEmpty)
		return nil
	}
	var err error
	switch layer {
	case TPDU:
		err = d.transport(s)
	case SPDU:
		d.left = d.lim.Elements
		err = d.emit(Node{Name: "TSDU", Length: int64(len(s.b)), Children: d.session(s)})
	default:
		err = d.elements(s, layer)
	}
	if err != nil {
		return err
	}
	return d.finish()
}

// elements emits the BER elements of s.
func (d *decoder) elements(s span, layer Layer) error {
	for len(s.b) > 0 {
		d.left = d.lim.Elements
		n, size := d.element(s, layer)
		if err := d.emit(n); err != nil {
			return err
		}
		s = s.from(size)
	}
	return nil
}

// element takes the element at the start of s apart and returns how many octets
// it is.
func (d *decoder) element(s span, layer Layer) (Node, int) {
	switch layer {
	case PPDU:
		return d.ppdu(s, "")
	case ACSE:
		return d.acse(s)
	case RTSE:
		return d.rtse(s)
	case MTSAPDU:
		return d.mtsAPDU(s)
	case Envelope:
		return d.envelope(s)
	case IPM:
		return d.ipm(s)
	case EDIM:
		return d.edim(s)
	case ORName:
		return d.orName(s)
	}
	return d.untyped(s)
}

// finish emits what was waiting for more.
func (d *decoder) finish() error {
	if d.tsdu.open {
		if err := d.emit(incomplete("TSDU", &d.tsdu)); err != nil {
			return err
		}
	}
	if d.ssdu.open {
		if err := d.emit(incomplete("SSDU", &d.ssdu)); err != nil {
			return err
		}
	}
	d.left = d.lim.Elements
	if n, ok := d.apduAtEnd(); ok {
		return d.emit(n)
	}
	return nil
}

// incomplete is the node of octets whose last piece is not in the input. Their
// pieces have been shown.
func incomplete(name string, p *pieces) Node {
	s, count := p.take()
	return Node{Name: name, Value: fmt.Sprintf("incomplete: %d octets in %s", len(s.b), counted(count, "piece")), Length: int64(len(s.b))}
}

// fail keeps the first fault. The offset counts in s.
func (d *decoder) fail(s span, layer Layer, path string, offset int64, err error) *Error {
	if s.joined {
		path = strings.TrimSuffix("joined:"+path, ":")
	}
	e := &Error{layer, path, s.base + offset, err}
	if d.err == nil {
		d.err = e
	}
	return e
}

package ber

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Node is one element of an encoding, seen through its type.
type Node struct {
	Name       string   `json:"name,omitempty"` // of the component or alternative; "[3]" of an element of a list
	Type       string   `json:"type,omitempty"` // "MTSIdentifier", "INTEGER"; empty where the type is not known
	Tag        asn1.Tag `json:"tag"`            // the outermost
	Offset     int64    `json:"offset"`         // of the first identifier octet
	Length     int64    `json:"length"`         // of the whole element, end-of-contents octets included
	Indefinite bool     `json:"indefinite,omitempty"`
	Value      string   `json:"value,omitempty"` // of an element without children
	Raw        []byte   `json:"-"`               // the whole element; a part of the input
	Children   []Node   `json:"children,omitempty"`

	text textForm
}

// textForm says how Value is written between other words.
type textForm uint8

const (
	plain   textForm = iota
	quoted           // a string
	escaped          // a string that is no UTF-8, its octets already escaped
)

// Explain decodes the element at the start of b as the type of v, a value or a
// pointer, in the place that params describes, and returns what it found where.
// It accepts exactly what UnmarshalWith accepts; v itself is not touched. On an
// error the tree holds what precedes the fault. A CHOICE is a node with the
// alternative as its only child; an explicit tag makes no node of its own.
// Elements of unknown type, open types among them, are taken apart as far as
// their octets allow.
func Explain(b []byte, v any, params string, lim Limits) (Node, error) {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return Node{}, unencodable("%w: cannot explain as %T", ErrType, v)
	}
	root, err := rootOf(t, params)
	if err != nil {
		return Node{}, err
	}
	d := newDecoder(b, lim)
	d.tree = &tree{open: make([]Node, 1, 16), elements: d.elements}
	_, e := d.value(root, reflect.New(t).Elem())
	for len(d.tree.open) > 1 {
		d.tree.close()
	}
	var found Node
	if top := d.tree.open[0].Children; len(top) > 0 {
		found = top[0]
	}
	if e != nil {
		return found, e.under(root.rootName())
	}
	return found, nil
}

// tree grows while a decoder runs. open[0] is no element: it holds the root.
type tree struct {
	open     []Node
	elements int // budget for elements of unknown type, beside the decoder's own
}

// begin opens a node for an element; it ends with the input until told otherwise.
func (d *decoder) begin(name string, n *node, h *header) {
	if d.tree == nil {
		return
	}
	at := Node{
		Name: name, Tag: h.tag, Indefinite: h.indefinite,
		Offset: int64(h.start), Length: int64(h.stop - h.start), Raw: d.in[h.start:h.stop:h.stop],
	}
	if n != nil && n.kind != kindRaw {
		at.Type = n.plan.name
	}
	d.tree.open = append(d.tree.open, at)
}

// end closes the node opened last, its element having been decoded into v.
func (d *decoder) end(n *node, v reflect.Value, next int) {
	if d.tree == nil {
		return
	}
	at := &d.tree.open[len(d.tree.open)-1]
	at.Length = int64(next) - at.Offset
	at.Raw = d.in[at.Offset:next:next]
	if n.kind == kindRaw {
		d.dissect(at)
	} else {
		if n.pointer {
			v = v.Elem()
		}
		at.Value, at.text = describe(n.plan, v)
	}
	d.tree.close()
}

// unknown adds the node of an element that no component takes.
func (d *decoder) unknown(h *header, next int) {
	if d.tree == nil {
		return
	}
	d.begin("", nil, h)
	at := &d.tree.open[len(d.tree.open)-1]
	at.Length = int64(next) - at.Offset
	at.Raw = d.in[at.Offset:next:next]
	d.dissect(at)
	d.tree.close()
}

func (t *tree) close() {
	last := len(t.open) - 1
	parent := &t.open[last-1]
	parent.Children = append(parent.Children, t.open[last])
	t.open = t.open[:last]
}

// dissect takes an element of unknown type apart. Where its contents turn out not
// to be elements, or too many, they are shown as octets: the element is none of
// our business and the decoder has accepted it.
func (d *decoder) dissect(at *Node) {
	base := int(at.Offset)
	sub := &decoder{in: d.in[:base+len(at.Raw)], elements: d.tree.elements, depth: d.depth}
	var h header
	if sub.header(&h, base, len(sub.in)) != nil {
		return
	}
	if whole, _, err := sub.untyped(&h); err == nil {
		whole.Name = at.Name
		*at = whole
	} else {
		at.Value = showOctets(sub.in[h.body:])
	}
	d.tree.elements = max(sub.elements, 0)
}

// untyped returns the node of an element of which only the tag is known.
func (d *decoder) untyped(h *header) (Node, int, *Error) {
	n := Node{Tag: h.tag, Offset: int64(h.start), Indefinite: h.indefinite}
	next := h.stop
	if h.constructed {
		if err := d.enter(h); err != nil {
			return n, 0, err
		}
		var inner header
		for off := h.body; ; {
			more, after, err := d.more(h, off)
			if err != nil {
				return n, 0, err
			}
			if !more {
				next = after
				break
			}
			if err := d.header(&inner, after, h.stop); err != nil {
				return n, 0, err
			}
			child, after, err := d.untyped(&inner)
			if err != nil {
				return n, 0, err
			}
			n.Children = append(n.Children, child)
			off = after
		}
		d.depth++
	} else {
		n.Value, n.text = describeUntyped(h.tag, d.in[h.body:h.stop])
	}
	if h.tag.Class == asn1.Universal {
		n.Type = h.tag.String()
	}
	n.Length = int64(next - h.start)
	n.Raw = d.in[h.start:next:next]
	return n, next, nil
}

// shownOctets is how many octets of an octet string are written in hexadecimal.
const shownOctets = 64

func showOctets(b []byte) string {
	if len(b) <= shownOctets {
		return hex.EncodeToString(b)
	}
	return hex.EncodeToString(b[:shownOctets]) + "… " + strconv.Itoa(len(b)) + " octets"
}

func showText(s string) (string, textForm) {
	if utf8.ValidString(s) {
		return s, quoted
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1], escaped
}

// describe writes a value of a type that contains no elements. A type that is a
// fmt.Stringer has its say after the number.
func describe(p *plan, v reflect.Value) (string, textForm) {
	switch p.kind {
	case kindBoolean:
		if v.Bool() {
			return "TRUE", plain
		}
		return "FALSE", plain
	case kindInteger:
		return withName(strconv.FormatInt(v.Int(), 10), v), plain
	case kindUnsigned:
		return withName(strconv.FormatUint(v.Uint(), 10), v), plain
	case kindOctets:
		if p.number == asn1.NumberInteger && v.Len() <= shownOctets {
			return showInteger(v.Bytes()), plain
		}
		return showOctets(v.Bytes()), plain
	case kindText, kindWide:
		if p.number == asn1.NumberOctetString {
			return showOctets([]byte(v.String())), plain
		}
		return showText(v.String())
	case kindOID:
		return v.String(), plain
	case kindBitString:
		bits := asn1.BitString{Bytes: v.Field(0).Bytes(), BitLength: int(v.Field(1).Int())}
		return withName(showBits(bits), v), plain
	}
	return "", plain
}

// withName adds what the type calls the value.
func withName(s string, v reflect.Value) string {
	if v.Type() == typeBitString {
		return s
	}
	if named, ok := v.Interface().(fmt.Stringer); ok {
		if name := named.String(); name != s {
			return s + " " + name
		}
	}
	return s
}

func showBits(b asn1.BitString) string {
	if len(b.Bytes) > shownOctets {
		return showOctets(b.Bytes)
	}
	return b.String()
}

// showInteger writes two's complement of any length in decimal.
func showInteger(b []byte) string {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n.String()
}

// describeUntyped writes contents octets of which the tag alone is known: by the
// universal type where it says one and the octets agree, else as text if they are
// graphic characters and more than a number would take, else in hexadecimal.
func describeUntyped(t asn1.Tag, b []byte) (string, textForm) {
	if t.Class != asn1.Universal {
		if graphic(b) && len(b) > 2 {
			return string(b), quoted
		}
		return showOctets(b), plain
	}
	switch t.Number {
	case asn1.NumberBoolean:
		if len(b) == 1 && b[0] == 0 {
			return "FALSE", plain
		} else if len(b) == 1 {
			return "TRUE", plain
		}
	case asn1.NumberInteger, asn1.NumberEnumerated:
		if len(b) > 0 && len(b) <= shownOctets {
			return showInteger(b), plain
		}
	case asn1.NumberOID:
		if oid, err := decodeOID(b); err == nil {
			return string(oid), plain
		}
	case asn1.NumberBitString:
		if n, err := bitSegment(b); err == nil {
			bits := asn1.BitString{Bytes: append([]byte(nil), b[1:]...), BitLength: n}
			maskUnused(&bits)
			return showBits(bits), plain
		}
	case asn1.NumberBMPString, asn1.NumberUniversalString:
		if s, err := decodeWide(t.Number, b); err == nil {
			return s, quoted
		}
	default:
		if isText(t.Number) {
			return showText(string(b))
		}
	}
	return showOctets(b), plain
}

func graphic(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return len(b) > 0
}

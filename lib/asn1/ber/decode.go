package ber

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Unmarshal decodes the encoding at the start of b into the value v points to,
// which is set to its zero value first, and returns the octets after it. Nothing
// in v refers to b. On an error, an *Error, v holds what was decoded before it.
func Unmarshal(b []byte, v any, lim Limits) (rest []byte, err error) {
	return UnmarshalWith(b, v, "", lim)
}

// UnmarshalWith is Unmarshal of a type in a place, params saying which in the
// words of a field tag: "[16] EXPLICIT".
func UnmarshalWith(b []byte, v any, params string, lim Limits) (rest []byte, err error) {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return b, unencodable("%w: cannot decode into %T", ErrType, v)
	}
	target = target.Elem()
	root, err := rootOf(target.Type(), params)
	if err != nil {
		return b, err
	}
	target.SetZero()
	d := newDecoder(b, lim)
	next, e := d.value(root, target)
	if e != nil {
		return b, e.under(root.rootName())
	}
	return b[next:], nil
}

// shareBelow is the size of an input up to which the strings and octet strings
// of one decoding share one copy of it. Larger inputs are not worth keeping
// alive for the sake of a short string.
const shareBelow = 16 << 10

type decoder struct {
	in       []byte
	extent   int    // where the outermost element ends, as far as is known
	text     string // a copy of in[:extent], once a string has been kept
	octets   []byte // likewise
	elements int    // how many more are allowed
	depth    int    // how many more levels are allowed
	cut      bool   // in is shorter than the input was: Limits.Octets
	whole    bool   // the outermost element is known to be there whole
	tree     *tree  // grows if there is one: Explain
}

func newDecoder(b []byte, lim Limits) *decoder {
	lim = lim.orDefault()
	d := &decoder{in: b, elements: lim.Elements, depth: lim.Depth}
	if len(b) > lim.Octets {
		d.in, d.cut = b[:lim.Octets], true
	}
	return d
}

// header is the header of an element of the input and where its contents lie.
type header struct {
	token
	indefinite bool
	start      int
	body       int
	stop       int // end of the contents; of the enclosing element where indefinite
}

var (
	errElements = fmt.Errorf("%w: too many elements", ErrLimit)
	errDepth    = fmt.Errorf("%w: nested too deeply", ErrLimit)
	errOctets   = fmt.Errorf("%w: too many octets", ErrLimit)
	errNoEOC    = fmt.Errorf("%w: no end-of-contents", ErrTruncated)
	errOutside  = fmt.Errorf("%w: element ends outside the one around it", ErrSyntax)
	errForm     = errors.New("primitive element where the type is constructed")
	errNotPrim  = errors.New("constructed element where the type is primitive")
)

// header reads the header at off, of an element that must end by end.
func (d *decoder) header(h *header, off, end int) *Error {
	if err := parseToken(&h.token, d.in[off:end]); err != nil {
		return malformedf(int64(off), "%w: %w", ErrSyntax, err)
	}
	if h.size == 0 {
		return d.short(off, end)
	}
	if d.elements--; d.elements < 0 {
		return malformed(int64(off), errElements)
	}
	h.start, h.body, h.indefinite = off, off+h.size, false
	switch {
	case h.length < 0:
		h.indefinite, h.stop = true, end
	case h.length > int64(end-h.body):
		return d.short(off, end)
	default:
		h.stop = h.body + int(h.length)
	}
	return nil
}

// short is the error of an element at off that does not end by end.
func (d *decoder) short(off, end int) *Error {
	switch {
	case d.whole || end < len(d.in):
		return malformed(int64(off), errOutside)
	case d.cut:
		return malformed(int64(off), errOctets)
	}
	return malformed(int64(off), ErrTruncated)
}

func (d *decoder) enter(h *header) *Error {
	if !h.constructed {
		return malformedf(int64(h.start), "%w: %w", ErrSyntax, errForm)
	}
	if d.depth--; d.depth < 0 {
		return malformed(int64(h.start), errDepth)
	}
	return nil
}

// more reports whether another element of h's contents begins at off; at their
// end next is the offset after h.
func (d *decoder) more(h *header, off int) (more bool, next int, err *Error) {
	if !h.indefinite {
		return off < h.stop, off, nil
	}
	if h.stop-off < 2 {
		if e := d.short(h.start, h.stop); !errors.Is(e.Err, ErrTruncated) {
			return false, off, e
		}
		return false, off, malformed(int64(h.start), errNoEOC)
	}
	if d.in[off] == 0 && d.in[off+1] == 0 {
		return false, off + 2, nil
	}
	return true, off, nil
}

// skip returns the offset after an element. Contents of definite length are not
// looked into.
func (d *decoder) skip(h *header) (int, *Error) {
	if !h.indefinite {
		return h.stop, nil
	}
	if err := d.enter(h); err != nil {
		return 0, err
	}
	var inner header
	for off := h.body; ; {
		more, next, err := d.more(h, off)
		if err != nil {
			return 0, err
		}
		if !more {
			d.depth++
			return next, nil
		}
		if err := d.header(&inner, next, h.stop); err != nil {
			return 0, err
		}
		if off, err = d.skip(&inner); err != nil {
			return 0, err
		}
	}
}

// value decodes the element at the start of the input.
func (d *decoder) value(n *node, v reflect.Value) (int, *Error) {
	var h header
	if err := d.header(&h, 0, len(d.in)); err != nil {
		return 0, err
	}
	d.extent, d.whole = h.stop, !h.indefinite
	d.begin("", n, &h)
	next, err := d.node(n, &h, v)
	if err == nil {
		d.end(n, v, next)
	}
	return next, err
}

// node decodes an element whose header has been read, and returns the offset
// after it.
func (d *decoder) node(n *node, h *header, v reflect.Value) (int, *Error) {
	if n.pointer {
		if v.IsNil() {
			v.Set(reflect.New(n.goType))
		}
		v = v.Elem()
	}
	return d.tagged(n, 0, h, v)
}

// tagged decodes what has the tags of n from the i-th on.
func (d *decoder) tagged(n *node, i int, h *header, v reflect.Value) (int, *Error) {
	if i == len(n.tags) {
		return d.contents(n.plan, h, v)
	}
	if h.tag != n.tags[i] {
		return 0, malformedf(int64(h.start), "%w: %v instead of %v", ErrUnexpected, h.tag, n.tags[i])
	}
	if i == len(n.tags)-1 && !n.untagged() {
		return d.contents(n.plan, h, v)
	}
	if err := d.enter(h); err != nil {
		return 0, err
	}
	more, off, err := d.more(h, h.body)
	if err != nil {
		return 0, err
	}
	if !more {
		return 0, malformedf(int64(h.start), "%w: nothing within explicit tag %v", ErrMissing, h.tag)
	}
	var inner header
	if err := d.header(&inner, off, h.stop); err != nil {
		return 0, err
	}
	if off, err = d.tagged(n, i+1, &inner, v); err != nil {
		return 0, err
	}
	more, next, err := d.more(h, off)
	if err != nil {
		return 0, err
	}
	if more {
		return 0, malformedf(int64(off), "%w: second element within explicit tag %v", ErrUnexpected, h.tag)
	}
	d.depth++
	return next, nil
}

// contents decodes an element as a type, its tag having been checked.
func (d *decoder) contents(p *plan, h *header, v reflect.Value) (int, *Error) {
	switch p.kind {
	case kindSequence:
		return d.sequence(p, h, v)
	case kindSet:
		return d.set(p, h, v)
	case kindOf:
		return d.of(p, h, v)
	case kindChoice:
		return d.choice(p, h, v)
	case kindRaw:
		next, err := d.skip(h)
		if err != nil {
			return 0, err
		}
		v.SetBytes(d.keepOctets(h.start, next))
		return next, nil
	}
	return d.primitive(p, h, v)
}

func (d *decoder) sequence(p *plan, h *header, v reflect.Value) (int, *Error) {
	if err := d.enter(h); err != nil {
		return 0, err
	}
	for _, i := range p.defaulted {
		p.fields[i].setDefault(p.fields[i].of(v))
	}
	var inner header
	at := 0 // the first field that may still come
	off := h.body
	for {
		more, next, err := d.more(h, off)
		if err != nil {
			return 0, err
		}
		off = next
		if !more {
			break
		}
		if err := d.header(&inner, off, h.stop); err != nil {
			return 0, err
		}
		i := at
		for i < len(p.fields) && (p.fields[i].presence == extension || !p.fields[i].matches(inner.tag)) {
			if p.fields[i].presence == mandatory {
				i = len(p.fields)
				break
			}
			i++
		}
		if i == len(p.fields) {
			if off, err = d.unexpected(p, &inner, v, at); err != nil {
				return 0, err
			}
			continue
		}
		f := &p.fields[i]
		if off, err = d.component(f, &inner, v); err != nil {
			return 0, err
		}
		at = i + 1
	}
	for i := at; i < len(p.fields); i++ {
		if p.fields[i].presence == mandatory {
			return 0, malformed(int64(h.start), ErrMissing).under(p.fields[i].name)
		}
	}
	d.depth++
	return off, nil
}

func (d *decoder) set(p *plan, h *header, v reflect.Value) (int, *Error) {
	if err := d.enter(h); err != nil {
		return 0, err
	}
	for _, i := range p.defaulted {
		p.fields[i].setDefault(p.fields[i].of(v))
	}
	var inner header
	var seen uint64
	at := 0 // most senders keep the order of the module: look here first
	off := h.body
	for {
		more, next, err := d.more(h, off)
		if err != nil {
			return 0, err
		}
		off = next
		if !more {
			break
		}
		if err := d.header(&inner, off, h.stop); err != nil {
			return 0, err
		}
		i := p.member(inner.tag, at, seen)
		if i < 0 {
			if off, err = d.unexpected(p, &inner, v, len(p.fields)); err != nil {
				return 0, err
			}
			continue
		}
		f := &p.fields[i]
		if seen&(1<<i) != 0 {
			return 0, malformedf(int64(off), "%w: %v", ErrDuplicate, inner.tag).under(f.name)
		}
		seen |= 1 << i
		if off, err = d.component(f, &inner, v); err != nil {
			return 0, err
		}
		at = i + 1
	}
	for i := range p.fields {
		if p.fields[i].presence == mandatory && seen&(1<<i) == 0 {
			return 0, malformed(int64(h.start), ErrMissing).under(p.fields[i].name)
		}
	}
	d.depth++
	return off, nil
}

// member finds the component of a SET that a tag belongs to, or -1. An open type
// takes what no other component does, once.
func (p *plan) member(t asn1.Tag, at int, seen uint64) int {
	for i := at; i < len(p.fields); i++ {
		if p.fields[i].presence != extension && p.fields[i].exactly(t) {
			return i
		}
	}
	for i := range min(at, len(p.fields)) {
		if p.fields[i].presence != extension && p.fields[i].exactly(t) {
			return i
		}
	}
	for i := range p.fields {
		if p.fields[i].presence != extension && seen&(1<<i) == 0 && p.fields[i].matches(t) {
			return i
		}
	}
	return -1
}

func (d *decoder) component(f *field, h *header, v reflect.Value) (int, *Error) {
	value := f.of(v)
	d.begin(f.name, &f.node, h)
	next, err := d.node(&f.node, h, value)
	if err != nil {
		return 0, err.under(f.name)
	}
	d.end(&f.node, value, next)
	if f.presence == byDefault && !f.pointer && f.absent(value) && f.kind == kindOf {
		// An empty list said in so many words equals one left out.
		value.SetZero()
	}
	return next, nil
}

// unexpected deals with an element that the components of p from at on have no
// place for.
func (d *decoder) unexpected(p *plan, h *header, v reflect.Value, at int) (int, *Error) {
	for i := range p.fields {
		f := &p.fields[i]
		if f.presence != extension && f.exactly(h.tag) {
			err := malformedf(int64(h.start), "%w: %v", ErrDuplicate, h.tag)
			if i >= at && at < len(p.fields) {
				return 0, malformedf(int64(h.start), "%w before %v", ErrMissing, h.tag).under(p.fields[at].name)
			}
			return 0, err.under(f.name)
		}
	}
	if p.unknown < 0 && !p.extensible {
		if at < len(p.fields) && p.fields[at].presence == mandatory {
			return 0, malformedf(int64(h.start), "%w: %v instead of %s", ErrUnexpected, h.tag, p.fields[at].name)
		}
		return 0, malformedf(int64(h.start), "%w: %v", ErrUnexpected, h.tag)
	}
	next, err := d.skip(h)
	if err != nil {
		return 0, err
	}
	d.unknown(h, next)
	if p.unknown < 0 {
		return next, nil
	}
	list := p.fields[p.unknown].of(v)
	list.Set(reflect.Append(list, reflect.ValueOf(Raw(d.keepOctets(h.start, next)))))
	return next, nil
}

func (d *decoder) of(p *plan, h *header, v reflect.Value) (int, *Error) {
	if err := d.enter(h); err != nil {
		return 0, err
	}
	var inner header
	off := h.body
	for n := 0; ; n++ {
		more, next, err := d.more(h, off)
		if err != nil {
			return 0, err
		}
		if !more {
			if n == 0 {
				v.Set(reflect.MakeSlice(p.goType, 0, 0))
			}
			d.depth++
			return next, nil
		}
		if err := d.header(&inner, next, h.stop); err != nil {
			return 0, err.underIndex(n)
		}
		if n == v.Cap() {
			v.Grow(1)
		}
		v.SetLen(n + 1)
		if d.tree != nil {
			d.begin("["+strconv.Itoa(n)+"]", p.elem, &inner)
		}
		if off, err = d.node(p.elem, &inner, v.Index(n)); err != nil {
			return 0, err.underIndex(n)
		}
		d.end(p.elem, v.Index(n), off)
	}
}

func (d *decoder) choice(p *plan, h *header, v reflect.Value) (int, *Error) {
	i := p.alternative(h.tag)
	if i < 0 {
		if p.unknown < 0 {
			return 0, malformedf(int64(h.start), "%w: %v is no alternative", ErrUnexpected, h.tag)
		}
		i = p.unknown
	}
	f := &p.fields[i]
	value := f.of(v)
	d.begin(f.name, &f.node, h)
	next, err := d.node(&f.node, h, value)
	if err != nil {
		return 0, err.under(f.name)
	}
	d.end(&f.node, value, next)
	return next, nil
}

func (d *decoder) keepString(from, to int) string {
	if d.extent > shareBelow {
		return string(d.in[from:to])
	}
	if d.text == "" {
		d.text = string(d.in[:d.extent])
	}
	return d.text[from:to]
}

func (d *decoder) keepOctets(from, to int) []byte {
	if d.extent > shareBelow {
		return append(make([]byte, 0, to-from), d.in[from:to]...)
	}
	if d.octets == nil {
		d.octets = append([]byte(nil), d.in[:d.extent]...)
	}
	return d.octets[from:to:to]
}

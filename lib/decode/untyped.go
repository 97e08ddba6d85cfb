package decode

import (
	"bytes"
	"errors"
	"io"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// untyped takes the element at the start of s apart without knowing its type, and
// returns how many octets it is; with a fault of unknown extent, all of them.
func (d *decoder) untyped(s span) (Node, int) {
	w := walker{r: ber.NewReader(bytes.NewReader(s.b), d.bounds(len(s.b))), d: d, s: s}
	h, err := w.r.Next()
	if errors.Is(err, io.EOF) {
		err = errEmpty
	}
	if err != nil {
		fault, _ := d.failBER(s, BER, err)
		return undecoded(s, 0, fault.Err), len(s.b)
	}
	size := len(s.b)
	if end := w.r.Offset() + h.Length; h.Length >= 0 && end <= int64(size) {
		size = int(end)
	}
	n, err := w.element(h)
	if err != nil {
		fault, _ := d.failBER(s, BER, err)
		n.Length = int64(size)
		n.Children = append(n.Children, undecoded(s.to(max(size, w.shown)), w.shown, fault.Err))
		return n, size
	}
	return n, int(n.Length)
}

// walker reads the elements of s.
type walker struct {
	r     *ber.Reader
	d     *decoder
	s     span
	shown int // the octets before it are in a Node
}

// element makes a Node of the element announced. With an error it holds what
// precedes the fault.
func (w *walker) element(h ber.Header) (Node, error) {
	n := Node{Type: h.Tag.String(), Offset: w.s.base + h.Offset}
	if !h.Constructed {
		raw, err := w.r.Raw(len(w.s.b))
		if err != nil {
			return n, err
		}
		shown, err := ber.Explain(raw, ber.Raw{}, "", w.d.lim.codec(len(raw)))
		shown.Offset = h.Offset
		w.shown = int(w.r.Offset())
		return w.d.node(&shown, w.s, BER), err
	}
	w.d.left--
	err := w.r.Enter()
	for err == nil {
		w.shown = int(w.r.Offset())
		var inner ber.Header
		if inner, err = w.r.Next(); errors.Is(err, ber.ErrEnd) {
			err = w.r.Leave()
			w.shown = int(w.r.Offset())
			n.Length = w.r.Offset() - h.Offset
			return n, err
		}
		if err == nil {
			var c Node
			c, err = w.element(inner)
			n.Children = append(n.Children, c)
		}
	}
	n.Length = int64(w.shown) - h.Offset
	return n, err
}

// tryUntyped takes s apart if it is one whole element.
func (d *decoder) tryUntyped(s span) []Node {
	top, err := ber.Explain(s.b, ber.Raw{}, "", d.bounds(len(s.b)))
	if err != nil || top.Length != int64(len(s.b)) {
		return nil
	}
	return []Node{d.node(&top, s, BER)}
}

package ber

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Tree returns v as Explain would show its encoding; offsets are those of the
// encoding Marshal gives.
func Tree(v any) (Node, error) {
	b, err := Marshal(v)
	if err != nil {
		return Node{}, err
	}
	return Explain(b, v, "", Limits{Depth: maxDepth, Elements: len(b) + 1, Octets: len(b) + 1})
}

// Print writes v as WriteText does its Tree.
func Print(w io.Writer, v any) error {
	n, err := Tree(v)
	if err != nil {
		return err
	}
	return n.WriteText(w)
}

// JSON returns the Tree of v as one JSON object.
func JSON(v any) ([]byte, error) {
	n, err := Tree(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(n)
}

// WriteJSON writes the tree as one line of JSON: name, type, tag, offset, length,
// indefinite, value, children, those that are empty left out.
func (n Node) WriteJSON(w io.Writer) error {
	return json.NewEncoder(w).Encode(n)
}

// WriteText writes the tree, one line an element: offset and length in octets,
// then, indented, name, type, tag unless it is the type's own, and value. Strings
// are quoted as Go quotes them.
func (n Node) WriteText(w io.Writer) error {
	buf := bufio.NewWriter(w)
	n.writeText(buf, 0)
	return buf.Flush()
}

func (n *Node) writeText(w *bufio.Writer, indent int) {
	fmt.Fprintf(w, "%7d %7d  %*s", n.Offset, n.Length, 2*indent, "")
	space := ""
	for _, word := range []string{n.Name, n.Type, n.tagWord(), n.valueWord()} {
		if word != "" {
			w.WriteString(space)
			w.WriteString(word)
			space = " "
		}
	}
	w.WriteByte('\n')
	for i := range n.Children {
		n.Children[i].writeText(w, indent+1)
	}
}

func (n *Node) tagWord() string {
	if n.Type != "" && n.Tag.Class == asn1.Universal {
		return ""
	}
	return n.Tag.String()
}

func (n *Node) valueWord() string {
	switch n.text {
	case quoted:
		return strconv.Quote(n.Value)
	case escaped:
		return `"` + n.Value + `"`
	}
	return n.Value
}

// Dump writes the elements of b without knowing their types, one line an element:
// the offset, then, indented, tag, length of the contents, and the value in the
// notation of its universal type, else as text or in hexadecimal. From the first
// octet that belongs to no element on, the rest is written in hexadecimal and
// returned as an *Error that names the offset.
func Dump(w io.Writer, b []byte, lim Limits) error {
	buf := bufio.NewWriter(w)
	d := newDecoder(b, lim)
	bad := d.dumpAll(buf)
	if bad != nil {
		for rest := b[bad.Offset:]; len(rest) > 0; {
			n := min(len(rest), 32)
			fmt.Fprintf(buf, "%7d  ? %s\n", len(b)-len(rest), hex.EncodeToString(rest[:n]))
			rest = rest[n:]
		}
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("ber: dump: %w", err)
	}
	if bad != nil {
		return bad
	}
	return nil
}

func (d *decoder) dumpAll(w *bufio.Writer) *Error {
	var h header
	for off := 0; off < len(d.in); {
		err := d.header(&h, off, len(d.in))
		if err == nil {
			off, err = d.dump(w, &h, 0)
		}
		if err != nil {
			return err
		}
	}
	if d.cut {
		return malformed(int64(len(d.in)), errOctets)
	}
	return nil
}

func (d *decoder) dump(w *bufio.Writer, h *header, indent int) (int, *Error) {
	length := strconv.FormatInt(h.length, 10)
	if h.indefinite {
		length = "indefinite"
	}
	fmt.Fprintf(w, "%7d  %*s%v %s", h.start, 2*indent, "", h.tag, length)
	if !h.constructed {
		n := Node{}
		n.Value, n.text = describeUntyped(h.tag, d.in[h.body:h.stop])
		if h.stop > h.body {
			w.WriteByte(' ')
			w.WriteString(n.valueWord())
		}
		w.WriteByte('\n')
		return h.stop, nil
	}
	w.WriteByte('\n')
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
			if h.indefinite {
				fmt.Fprintf(w, "%7d  %*send-of-contents\n", off, 2*indent, "")
			}
			d.depth++
			return next, nil
		}
		if err := d.header(&inner, next, h.stop); err != nil {
			return 0, err
		}
		if off, err = d.dump(w, &inner, indent+1); err != nil {
			return 0, err
		}
	}
}

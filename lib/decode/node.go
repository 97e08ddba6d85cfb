package decode

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Node is one field of an encoding, with the fields in it.
type Node struct {
	Name     string `json:"name,omitempty"`  // the Recommendation's; "[3]" of the fourth element of a list
	Type     string `json:"type,omitempty"`  // "MTSIdentifier", "INTEGER"; the tag where no type is known
	Offset   int64  `json:"offset"`          // of the first octet, header included, from the start of the input
	Length   int64  `json:"length"`          // in octets, header included
	Value    string `json:"value,omitempty"` // of a field that has one as a whole
	Hex      Hex    `json:"hex,omitempty"`   // octets that have no better form
	Children []Node `json:"children,omitempty"`

	at int64 // offset of the first octet of Hex; negative where they are not in a row
}

// Hex is octets that print as hexadecimal digits.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// String returns the digits.
func (h Hex) String() string { return hex.EncodeToString(h) }

// leafNode is a field of n octets at offset i of s.
func leafNode(s span, i, n int, name, value string) Node {
	return Node{Name: name, Offset: s.base + int64(i), Length: int64(n), Value: value}
}

// hexNode is a field that is shown as octets: those of s from i on.
func hexNode(s span, i, n int, name string) Node {
	f := leafNode(s, i, n, name, "")
	f.Hex, f.at = s.b[i:i+n], f.Offset
	return f
}

// undecoded is the node of a fault and the octets that were not looked at because
// of it, those of s from i on.
func undecoded(s span, i int, cause error) Node {
	f := hexNode(s, i, len(s.b)-i, "undecoded")
	if len(f.Hex) == 0 {
		f.Name = "fault"
	}
	f.Value = cause.Error()
	return f
}

// hexLine is how many octets stand on a line.
const hexLine = 32

// WriteText writes the tree, one line a field: offset, length, and, indented by
// nesting, name, type, and after a colon the value. A value with spaces at its
// ends or with characters that do not print is quoted as Go quotes it. Octets
// follow in hexadecimal, more than 32 of them on lines of their own, at their own
// offsets.
func (n Node) WriteText(w io.Writer) error {
	buf := bufio.NewWriter(w)
	n.write(buf, 0)
	return buf.Flush()
}

func (n *Node) write(w *bufio.Writer, indent int) {
	fmt.Fprintf(w, "%7d %7d  %*s%s", n.Offset, n.Length, 2*indent, "", n.label())
	long := len(n.Hex) > hexLine
	if n.Value != "" || len(n.Hex) > 0 && !long {
		w.WriteByte(':')
	}
	if n.Value != "" {
		w.WriteByte(' ')
		w.WriteString(quote(n.Value))
	}
	if !long && len(n.Hex) > 0 {
		w.WriteByte(' ')
		w.WriteString(n.Hex.String())
	}
	w.WriteByte('\n')
	for i := 0; long && i < len(n.Hex); i += hexLine {
		line := n.Hex[i:min(i+hexLine, len(n.Hex))]
		where := ""
		if n.at >= 0 {
			where = strconv.FormatInt(n.at+int64(i), 10)
		}
		fmt.Fprintf(w, "%7s %7s  %*s%v\n", where, "", 2*indent+2, "", line)
	}
	for i := range n.Children {
		n.Children[i].write(w, indent+1)
	}
}

// Line writes the tree on one line, at most about max characters of it: values with
// the names of their fields, the fields of a field in braces. What is left out ends
// in "…".
func (n Node) Line(max int) string {
	l := line{max: max}
	l.node(&n)
	return l.b.String()
}

// line is a tree being written on one line.
type line struct {
	b    strings.Builder
	max  int
	full bool
}

func (l *line) write(s string) {
	if l.full {
		return
	}
	if room := l.max - l.b.Len(); len(s) > room {
		l.full = true
		for room > 0 && !utf8.RuneStart(s[room]) {
			room--
		}
		s = s[:max(room, 0)] + "…"
	}
	l.b.WriteString(s)
}

// node writes what a field is, without its name. A value tells of a field as a
// whole; only faults in it are told beside it.
func (l *line) node(n *Node) {
	if l.full {
		return
	}
	fields := n.Children
	if n.Value != "" || len(n.Hex) > 0 {
		text := n.Hex.String()
		if n.Value != "" {
			text = strings.TrimSuffix(quote(n.Value)+" "+text, " ")
		}
		l.write(text)
		fields = slices.DeleteFunc(slices.Clone(fields), func(c Node) bool { return !c.fault() })
		if len(fields) == 0 {
			return
		}
		l.write(" ")
	}
	if len(fields) == 1 && (fields[0].Name == "" || fields[0].Name[0] == '[') {
		l.node(&fields[0])
		return
	}
	l.write("{")
	for i := range fields {
		if i > 0 {
			l.write(", ")
		}
		if name := fields[i].Name; name != "" && name[0] != '[' {
			l.write(name + " ")
		}
		l.node(&fields[i])
	}
	l.write("}")
}

// fault tells the node of a fault from one of a field.
func (n *Node) fault() bool { return n.Type == "" && (n.Name == "undecoded" || n.Name == "fault") }

func (n *Node) label() string {
	switch {
	case n.Name == "":
		return n.Type
	case n.Type == "", n.Type == n.Name:
		return n.Name
	}
	return n.Name + " " + n.Type
}

// quote writes a value so that it stays on its line and cannot command a
// terminal.
func quote(s string) string {
	odd := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	if strings.TrimSpace(s) != s || strings.ContainsFunc(s, odd) || s[0] == '"' {
		return strconv.Quote(s)
	}
	return s
}

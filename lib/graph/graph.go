// Package graph draws what is below what, for people: as the text that Graphviz reads, and as
// a picture of its own, an outline in which every node has a line.
package graph

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/diag"
)

// Node is something with others below it, which it is drawn above.
type Node struct {
	Name  string   // what it is called; it need not be the only one
	Says  []string // what is known of it
	Below []*Node
}

// DOT writes the nodes as a graph of Graphviz, from left to right.
func DOT(w io.Writer, name string, roots []*Node) error {
	b := bufio.NewWriter(w)
	// As all that is written here: an error is kept for Flush.
	fmt.Fprintf(b, "digraph %s {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n", quote(name))
	next := 0
	var draw func(*Node) string
	draw = func(n *Node) string {
		id := "n" + strconv.Itoa(next)
		next++
		fmt.Fprintf(b, "\t%s [label=%s];\n", id, quote(strings.Join(append([]string{n.Name}, n.Says...), "\n")))
		for _, below := range n.Below {
			fmt.Fprintf(b, "\t%s -> %s;\n", id, draw(below))
		}
		return id
	}
	for _, n := range roots {
		draw(n)
	}
	fmt.Fprintf(b, "}\n")
	return diag.E("standard output", diag.IO, b.Flush())
}

// quote is a quoted string of Graphviz: a newline in it is one in the label.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(clean(s)) + `"`
}

// clean makes control characters other than newlines blanks.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// Measures of the picture.
const (
	rowHeight = 20
	indent    = 22
	margin    = 14
	letter    = 7 // about as wide as one is
	dot       = 4
)

// row is a line of the picture.
type row struct {
	node   *Node
	depth  int
	parent int // row above; -1: none
}

// SVG writes the nodes as a picture.
func SVG(w io.Writer, name string, roots []*Node) error {
	var rows []row
	var lay func(n *Node, depth, parent int)
	lay = func(n *Node, depth, parent int) {
		at := len(rows)
		rows = append(rows, row{n, depth, parent})
		for _, below := range n.Below {
			lay(below, depth+1, at)
		}
	}
	for _, n := range roots {
		lay(n, 0, -1)
	}
	width := 0
	for _, r := range rows {
		width = max(width, 2*margin+r.depth*indent+letter*(4+utf8.RuneCountInString(r.node.Name)+utf8.RuneCountInString(said(r.node))))
	}
	height := 2*margin + rowHeight*(len(rows)+1)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", html.EscapeString(clean(name)))
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", margin, margin+dot, html.EscapeString(clean(name)))
	x := func(r row) int { return margin + r.depth*indent + dot }
	y := func(i int) int { return margin + rowHeight*(i+1) }
	for i, r := range rows {
		if r.parent >= 0 {
			fmt.Fprintf(b, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#9ca3af\"/>\n", x(rows[r.parent]), y(r.parent)+dot, y(i), x(r)-dot)
		}
		fill := "#0072b2"
		if len(r.node.Says) == 0 {
			fill = "#ffffff"
		}
		fmt.Fprintf(b, "<circle cx=\"%d\" cy=\"%d\" r=\"%d\" fill=\"%s\" stroke=\"#0072b2\"/>\n", x(r), y(i), dot, fill)
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">%s<tspan dx=\"10\" fill=\"#6b7280\">%s</tspan></text>\n", x(r)+2*dot, y(i)+dot,
			html.EscapeString(clean(r.node.Name)), html.EscapeString(clean(said(r.node))))
	}
	fmt.Fprintf(b, "</svg>\n")
	return diag.E("standard output", diag.IO, b.Flush())
}

func said(n *Node) string {
	if len(n.Says) == 0 {
		return ""
	}
	return strings.Join(n.Says, ", ")
}

// Sort puts nodes in the order of their names, and those below them.
func Sort(all []*Node) {
	slices.SortStableFunc(all, func(a, b *Node) int { return strings.Compare(a.Name, b.Name) })
	for _, n := range all {
		Sort(n.Below)
	}
}

package graph

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func example() []*Node {
	return []*Node{{Name: "C=GB", Below: []*Node{
		{Name: `PRMD="B" & <C>`, Says: []string{"MTA-B weight 5", "MTA-C\nweight 10\x01"}},
		{Name: "PRMD=A"},
	}}}
}

func TestDOT(t *testing.T) {
	var b strings.Builder
	nodes := example()
	Sort(nodes)
	if err := DOT(&b, `the "tree"`, nodes); err != nil {
		t.Fatal(err)
	}
	want := `digraph "the \"tree\"" {
	rankdir=LR;
	node [shape=box, fontname="sans-serif"];
	n0 [label="C=GB"];
	n1 [label="PRMD=\"B\" & <C>\nMTA-B weight 5\nMTA-C\nweight 10 "];
	n0 -> n1;
	n2 [label="PRMD=A"];
	n0 -> n2;
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// The picture is XML, whatever names are like, and has every name and what is said.
func TestSVG(t *testing.T) {
	var b strings.Builder
	if err := SVG(&b, "a & b", example()); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if c, ok := token.(xml.CharData); ok {
			text.Write(c)
		}
	}
	for _, want := range []string{"a & b", "C=GB", `PRMD="B" & <C>`, "MTA-B weight 5, MTA-C"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %s in %s", want, text.String())
		}
	}
}

package decode_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
)

// FuzzDecode decodes any octets as any layer: nothing panics, fields lie in
// the input, the text is lines that print, the JSON is JSON, a fault is of kind
// Data, elements follow each other without a gap, and what has no better form is
// there in octets, unless a fault says where they are.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, layer := vector(f, file)
		for i, l := range decode.Layers() {
			if l == layer {
				f.Add(byte(i), b)
			}
		}
	}
	lim := decode.Limits{Octets: 1 << 16, Elements: 1 << 12, Depth: 32, Layers: 12}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		layers := decode.Layers()
		layer := layers[int(which)%len(layers)]
		var text, lines bytes.Buffer
		enc := json.NewEncoder(&lines)
		at, dropped := int64(0), ""
		err := decode.Decode(b, layer, lim, func(n decode.Node) error {
			check(t, &n, int64(len(b)), &dropped)
			if layer == decode.BER {
				if n.Offset != at {
					t.Errorf("element at %d: want %d", n.Offset, at)
				}
				at += n.Length
			}
			if err := enc.Encode(n); err != nil {
				t.Error(err)
			}
			return n.WriteText(&text)
		})
		if err != nil && diag.KindOf(err) != diag.Data {
			t.Errorf("kind %v: %v", diag.KindOf(err), err)
		}
		if err == nil && dropped != "" {
			t.Error(dropped)
		}
		if layer == decode.BER && len(b) <= lim.Octets && at != int64(len(b)) {
			t.Errorf("%d octets shown of %d", at, len(b))
		}
		if !utf8.Valid(text.Bytes()) {
			t.Error("text is no UTF-8")
		}
		for line := range strings.Lines(text.String()) {
			if i := strings.IndexFunc(line[:len(line)-1], func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
				t.Errorf("a control character in %q", line)
			}
		}
		for line := range strings.Lines(lines.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %q", line)
			}
		}
	})
}

// maxHeader is how long an element without contents may be: the headers of an
// explicit tag and of what is in it, with length octets to spare, and twice
// end-of-contents octets.
const maxHeader = 2*23 + 4

// check holds a field to the input; joined octets are no more than it.
func check(t *testing.T, n *decode.Node, size int64, dropped *string) {
	if n.Offset < 0 || n.Length < 0 || n.Offset+n.Length > size || int64(len(n.Hex)) > n.Length {
		t.Errorf("%s %s: %d octets at %d, %d of them shown, in %d", n.Name, n.Type, n.Length, n.Offset, len(n.Hex), size)
	}
	if n.Value == "" && len(n.Hex) == 0 && len(n.Children) == 0 && n.Length > maxHeader {
		*dropped = fmt.Sprintf("%s %s: nothing shown of %d octets", n.Name, n.Type, n.Length)
	}
	if strings.Contains(n.Value, "… ") && strings.HasSuffix(n.Value, " octets") && len(n.Hex) == 0 {
		*dropped = fmt.Sprintf("%s %s: cut short: %s", n.Name, n.Type, n.Value)
	}
	for i := range n.Children {
		check(t, &n.Children[i], size, dropped)
	}
}

// FuzzReadHex reads any text: what it takes it gives back as octets, and what it
// refuses is of kind Data.
func FuzzReadHex(f *testing.F) {
	f.Add("02 01 05 # INTEGER 5\n")
	f.Add("0")
	f.Add("#\n\n0G")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := decode.ReadHex(strings.NewReader(text), 64)
		if err != nil {
			if diag.KindOf(err) != diag.Data {
				t.Errorf("kind %v: %v", diag.KindOf(err), err)
			}
			return
		}
		again, err := decode.ReadHex(strings.NewReader(decode.Hex(b).String()), 64)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%x, then %x, %v", b, again, err)
		}
	})
}

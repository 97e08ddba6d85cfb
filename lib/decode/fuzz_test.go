package decode_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
)

// FuzzDecode decodes any octets as any layer, twice: nothing panics, fields lie in
// the input, the text is lines that print, the JSON is JSON, a fault is of kind
// Data, and no octet of an input of BER elements is missing from what is shown.
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
		at := int64(0)
		err := decode.Decode(b, layer, lim, func(n decode.Node) error {
			check(t, &n, int64(len(b)))
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

// check holds a field to the input; joined octets are no more than it.
func check(t *testing.T, n *decode.Node, size int64) {
	if n.Offset < 0 || n.Length < 0 || n.Offset+n.Length > size || int64(len(n.Hex)) > n.Length {
		t.Errorf("%s %s: %d octets at %d, %d of them shown, in %d", n.Name, n.Type, n.Length, n.Offset, len(n.Hex), size)
	}
	for i := range n.Children {
		check(t, &n.Children[i], size)
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

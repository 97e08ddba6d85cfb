package charset

import (
	"slices"
	"testing"
	"unicode/utf8"
)

func TestGeneral(t *testing.T) {
	for _, c := range []struct {
		text, octets string
		sets         []int
	}{
		{"Hello", "Hello", []int{1, 6}},
		{"Grüße", "\x1b(B\x1b-AGr\xfc\xdfe", []int{1, 6, 100}},
		{"Łódź", "\x1b(B\x1b-B\xa3\xf3d\xbc", []int{1, 6, 101}},
		{"αβ", "\x1b(B\x1b-F\xe1\xe2", []int{1, 6, 126}},
		{"Мир", "\x1b(B\x1b-L\xbc\xd8\xe0", []int{1, 6, 144}},
		{"5 €", "\x1b(B\x1b-b5 \xa4", []int{1, 6, 203}},
	} {
		b, sets, err := EncodeGeneral(c.text)
		if err != nil || string(b) != c.octets || !slices.Equal(sets, c.sets) {
			t.Errorf("%q: %q, %v, %v", c.text, b, sets, err)
		}
		if got := DecodeGeneral([]byte(c.octets), c.sets); got != c.text {
			t.Errorf("%q decoded as %q", c.octets, got)
		}
		// Either way of naming the sets is enough.
		if got := DecodeGeneral([]byte(c.octets), nil); got != c.text {
			t.Errorf("%q without registrations decoded as %q", c.octets, got)
		}
	}
}

func TestGeneralReads(t *testing.T) {
	for _, c := range []struct {
		name, octets string
		sets         []int
		want         string
	}{
		{"registration alone", "Gr\xfc\xdfe", []int{1, 6, 100}, "Grüße"},
		{"no set at all", "Gr\xfc", nil, "Gr{252}"},
		{"utf-8 registered", "Grüße", []int{1, 6, 196}, "Grüße"},
		{"utf-8 designated", "\x1b%GGrüße \xff", nil, "Grüße {255}"},
		{"set changed", "\x1b-A\xe1\x1b-F\xe1", nil, "áα"},
		{"unknown escape", "\x1b$(Dx", []int{1, 6}, "{027}$(Dx"},
		{"escape at the end", "a\x1b", nil, "a{027}"},
		{"controls designated", "\x1b!@a", nil, "a"},
		{"unassigned position", "\xae", []int{1, 6, 126}, "{174}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := DecodeGeneral([]byte(c.octets), c.sets); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestGeneralRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"Grüße 漢", "character '漢' at 8 is not in any one part of ISO 8859"},
		{"αя", "character 'α' at 0 is not in any one part of ISO 8859"},
		{"a\x1b", `character '\x1b' at 1 is not in GeneralString`},
		{"ü\xff", "character '�' at 2 is not in any one part of ISO 8859"},
	} {
		if _, _, err := EncodeGeneral(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
}

func FuzzGeneral(f *testing.F) {
	f.Add([]byte("\x1b(B\x1b-AGr\xfc\xdfe"), 100)
	f.Add([]byte("\x1b%Gü\xff"), 196)
	f.Fuzz(func(t *testing.T, b []byte, set int) {
		s := DecodeGeneral(b, []int{1, 6, set})
		if !utf8.ValidString(s) {
			t.Fatalf("%x decodes to %q, no UTF-8", b, s)
		}
		if octets, sets, err := EncodeGeneral(s); err == nil && DecodeGeneral(octets, sets) != s {
			t.Fatalf("%q encoded as %x decodes to %q", s, octets, DecodeGeneral(octets, sets))
		}
	})
}

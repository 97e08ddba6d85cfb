package tp

import (
	"fmt"
	"strings"
	"testing"
)

func TestClass0(t *testing.T) {
	for _, c := range []struct {
		class uint8
		alt   []uint8
		want  bool
	}{
		{0, nil, true}, {0, []uint8{2}, true},
		{1, nil, true}, {1, []uint8{1}, true},
		{2, nil, false}, {2, []uint8{0}, true}, {2, []uint8{1}, false}, {2, []uint8{2, 0}, true},
		{3, nil, false}, {3, []uint8{0}, true}, {3, []uint8{1}, true}, {3, []uint8{2}, false},
		{4, nil, false}, {4, []uint8{0}, true}, {4, []uint8{1}, true}, {4, []uint8{2, 3}, false},
	} {
		if got := class0(&CR{Class: c.class, Alternatives: c.alt}); got != c.want {
			t.Errorf("class %d, alternatives %v: %v", c.class, c.alt, got)
		}
	}
}

// TestSizes follows a size from both sides' parameters through CR and CC.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		ours, theirs int
		c0           uint8
		f0           uint32
		cc0          uint8
		ccf0         uint32
		want         int
	}{
		{ours: 65531, theirs: 65531, want: 65531},
		{ours: 65531, theirs: 4096, cc0: 12, want: 4096},
		{ours: 65531, theirs: 4000, cc0: 11, want: 2048},
		{ours: 8192, theirs: 65531, c0: 13, cc0: 13, want: 8192},
		{ours: 2048, theirs: 8192, c0: 11, cc0: 11, want: 2048},
		{ours: 8192, theirs: 128, c0: 13, cc0: 7, want: 128},
		{ours: 65408, theirs: 65531, c0: 13, f0: 511, ccf0: 511, want: 65408},
		{ours: 65408, theirs: 1000, c0: 13, f0: 511, ccf0: 7, want: 896},
		{ours: 384, theirs: 65531, c0: 8, f0: 3, ccf0: 3, want: 384},
		{ours: 130, theirs: 65531, c0: 7, cc0: 7, want: 128},
	} {
		cr := propose(Params{TPDUSize: c.ours}, 5)
		if cr.TPDUSize != c.c0 || cr.PreferredTPDUSize != c.f0 {
			t.Errorf("%d: cr proposes %d, %d", c.ours, cr.TPDUSize, cr.PreferredTPDUSize)
		}
		cc, refused := answer(cr, Params{TPDUSize: c.theirs}, 6)
		if refused != nil {
			t.Fatal(refused)
		}
		if cc.TPDUSize != c.cc0 || cc.PreferredTPDUSize != c.ccf0 {
			t.Errorf("%d, %d: cc answers %d, %d", c.ours, c.theirs, cc.TPDUSize, cc.PreferredTPDUSize)
		}
		got, err := confirm(cr, cc)
		if err != nil || got != c.want || cc.size() != c.want {
			t.Errorf("%d, %d: agreed on %d and %d (%v), want %d", c.ours, c.theirs, got, cc.size(), err, c.want)
		}
	}
}

func TestConfirm(t *testing.T) {
	cr := &CR{SourceReference: 5, Parameters: Parameters{TPDUSize: 13, PreferredTPDUSize: 511}}
	plain := &CR{SourceReference: 5, Parameters: Parameters{TPDUSize: 10}}
	for _, c := range []struct {
		name string
		cr   *CR
		cc   CC
		want int // 0: an error
	}{
		{"other reference", cr, CC{DestinationReference: 6}, 0},
		{"other class", cr, CC{DestinationReference: 5, Class: 2}, 0},
		{"preferred size ignored", cr, CC{DestinationReference: 5, Parameters: Parameters{TPDUSize: 13}}, 8192},
		{"preferred size taken", cr, CC{DestinationReference: 5, Parameters: Parameters{PreferredTPDUSize: 511}}, 65408},
		{"preferred size raised", cr, CC{DestinationReference: 5, Parameters: Parameters{PreferredTPDUSize: 512}}, 0},
		{"preferred size not proposed", plain, CC{DestinationReference: 5, Parameters: Parameters{PreferredTPDUSize: 1}}, 0},
		{"size raised", plain, CC{DestinationReference: 5, Parameters: Parameters{TPDUSize: 11}}, 0},
		{"size lowered", plain, CC{DestinationReference: 5, Parameters: Parameters{TPDUSize: 7}}, 128},
		{"size left out", plain, CC{DestinationReference: 5}, 1024},
		{"nothing said", &CR{SourceReference: 5}, CC{DestinationReference: 5}, 65531},
	} {
		got, err := confirm(c.cr, &c.cc)
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%s: %d, %v", c.name, got, err)
		}
	}
}

// What a CR TPDU with another class than 0 preferred gets, octet by octet (X.224 §6.5.4,
// RFC 2126 §4).
func TestClassesOnTheWire(t *testing.T) {
	for _, c := range []struct{ name, cr, want string }{
		{"class 2, 0 as alternative", "03 00 00 0E 09 E0 00 00 12 34 20 C7 01 00", "03 00 00 0B 06 D0 12 34 .. .. 00"},
		{"class 4, 2 and 0 as alternatives", "03 00 00 0F 0A E0 00 00 12 34 40 C7 02 20 00", "03 00 00 0B 06 D0 12 34 .. .. 00"},
		{"class 4 with options, size and 0", "03 00 00 11 0C E0 00 00 12 34 42 C0 01 0B C7 01 00", "03 00 00 0E 09 D0 12 34 .. .. 00 C0 01 0B"},
		{"class 4, 1 as alternative, which allows 0", "03 00 00 0E 09 E0 00 00 12 34 40 C7 01 10", "03 00 00 0B 06 D0 12 34 .. .. 00"},
		{"class 2 alone", "03 00 00 0B 06 E0 00 00 12 34 20", "03 00 00 0B 06 80 12 34 00 00 82"},
		{"class 4, 2 as alternative", "03 00 00 0E 09 E0 00 00 12 34 40 C7 01 20", "03 00 00 0B 06 80 12 34 00 00 82"},
	} {
		f := &fake{}
		_, cr, err := Accept(f, octets(t, c.cr), Params{})
		if refused := strings.Contains(c.want, " 80 "); refused != (err != nil) {
			t.Errorf("%s: %+v, %v", c.name, cr, err)
		}
		got := fmt.Sprintf("% X", f.out.Bytes())
		if strings.Contains(c.want, "..") && len(got) == len(c.want) {
			i := strings.Index(c.want, "..")
			got = got[:i] + ".. .." + got[i+5:] // our reference
		}
		if got != c.want {
			t.Errorf("%s: answered %s, not %s", c.name, got, c.want)
		}
	}
}

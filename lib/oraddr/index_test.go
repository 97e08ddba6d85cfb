package oraddr

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
)

// TestIndexAgrees proves that the index finds the patterns which match, each once, and no
// other: of patterns made from addresses, with values left out, cut short or asked to be
// absent.
func TestIndexAgrees(t *testing.T) {
	value := rapid.SampledFrom([]string{"a", "A", "b", "a  b", "Mü", ""})
	address := func(t *rapid.T) Address {
		a := Address{C: rapid.SampledFrom([]string{"GB", "234", "DE"}).Draw(t, "C"), ADMD: rapid.SampledFrom([]string{" ", "a", ""}).Draw(t, "ADMD"),
			PRMD: value.Draw(t, "PRMD"), O: value.Draw(t, "O"), CN: value.Draw(t, "CN")}
		a.PN.S = value.Draw(t, "S")
		a.Teletex.O = asn1.TeletexString(rapid.SampledFrom([]string{"", "b", "c"}).Draw(t, "O in T.61"))
		a.Universal.O.Text = rapid.SampledFrom([]string{"", "b", "é"}).Draw(t, "universal O")
		for range rapid.IntRange(0, 3).Draw(t, "units") {
			a.OU = append(a.OU, "u"+value.Draw(t, "OU"))
		}
		return a
	}
	pattern := func(t *rapid.T) (Pattern, bool) {
		a := address(t)
		a.Teletex, a.Universal = Teletex{}, Universal{}
		parts := strings.Split(strings.Trim(a.String(), "/"), "/")
		var kept []string
		for _, part := range parts {
			label, text, _ := strings.Cut(part, "=")
			switch rapid.IntRange(0, 5).Draw(t, "what of it") {
			case 0:
				continue
			case 1:
				text = "*"
			case 2:
				text = text[:len(text)/2] + "*"
			}
			kept = append(kept, label+"="+text)
		}
		if len(kept) == 0 {
			return Pattern{}, true
		}
		p, err := ParsePattern("/" + strings.Join(kept, "/") + "/")
		return p, err == nil
	}
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		var x Index
		var all []Pattern
		for range rapid.IntRange(0, 20).Draw(t, "patterns") {
			if p, ok := pattern(t); ok {
				if n := x.Add(p); n != len(all) {
					t.Fatalf("pattern %d has number %d", len(all), n)
				}
				all = append(all, p)
			}
		}
		a := address(t)
		var want []int
		for i, p := range all {
			if p.Matches(a) {
				want = append(want, i)
			}
		}
		matched += len(want)
		got := x.Match(&a, nil)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: found %v, matching are %v of %v", a, got, want, all)
		}
	})
	if matched == 0 {
		t.Error("no pattern has matched in any draw")
	}
}

// TestIndexOfManyVariants proves that an address whose values are all there in three
// variants is not looked up in every combination of them, and found all the same.
func TestIndexOfManyVariants(t *testing.T) {
	var a Address
	a.C = "GB"
	var text strings.Builder
	for i := range table {
		e := &table[i]
		if v := e.field(&a); v.teletex != nil && e.rep == printable {
			v.set(Text{Printable: "p", Teletex: "t", Universal: Localized{Text: "u"}})
			if e.key != "PN" && e.key != "PD-ADDRESS" {
				text.WriteString("/" + e.label + "=u")
			}
		}
	}
	p, err := ParsePattern(text.String() + "/C=GB/")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(text.String(), "="); n < 10 {
		t.Fatalf("only %d attributes have variants", n)
	}
	var x Index
	x.Add(p)
	got := testing.AllocsPerRun(1, func() {
		if found := x.Match(&a, nil); !slices.Equal(found, []int{0}) {
			t.Errorf("found %v", found)
		}
	})
	if got > 1000 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkIndex(b *testing.B) {
	var x Index
	for i := range 1000 {
		p, err := ParsePattern("/S=Smith" + strconv.Itoa(i) + "/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/")
		if err != nil {
			b.Fatal(err)
		}
		x.Add(p)
	}
	a, err := Parse("/S=Smith500/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if err != nil {
		b.Fatal(err)
	}
	var room [16]int
	b.ReportAllocs()
	for b.Loop() {
		if len(x.Match(&a, room[:0])) != 1 {
			b.Fatal("not found")
		}
	}
}

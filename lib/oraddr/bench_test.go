package oraddr

import "testing"

func BenchmarkAddress(b *testing.B) {
	text := "/G=Ann/S=Smith/OU=Sales/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	a := mustParse(b, text)
	p, err := ParsePattern("/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if err != nil {
		b.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"Parse", func() { Parse(text) }},
		{"String", func() { _ = a.String() }},
		{"Key", func() { _ = a.Key() }},
		{"Match", func() { p.Match(a) }},
		{"FromORName", func() { n.Address() }},
		{"ToORName", func() { a.ORName() }},
		{"Valid", func() { a.Valid() }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.f()
			}
		})
	}
}

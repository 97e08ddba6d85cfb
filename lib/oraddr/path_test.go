package oraddr

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The example of RFC 2294 §3, and what its sections 1 and 4 say besides.
func TestPath(t *testing.T) {
	for _, tt := range []struct {
		address string
		path    []string // the first key of each
		partly  bool
	}{
		{"/I=S/S=Kille/OU1=CS/O=UCL/PRMD=UK.AC/ADMD=Gold 400/C=GB/",
			[]string{"C=gb", "ADMD=gold 400", "PRMD=uk.ac", "O=ucl", "OU=cs", "S/S=kille/I=s"}, false},
		{"/C=234/", []string{"C=gb", "ADMD= "}, false},                     // a number is an alias; the ADMD is always there
		{"/PRMD=ABC/C=GB/", []string{"C=gb", "ADMD= ", "PRMD=abc"}, false}, // likewise
		{"/ADMD=0/C=GB/", []string{"C=gb", "ADMD=0"}, false},
		{"/X121=9262123/PRMD=ABC/ADMD=XYZ/C=GB/", []string{"C=gb", "ADMD=xyz", "PRMD=abc", "X121=9262123"}, false},
		{"/UA-ID=17/ADMD=XYZ/C=GB/", []string{"C=gb", "ADMD=xyz", "UA-ID=17"}, false},
		{"/CN=Desk/OU2=B/OU1=A/O=Org/ADMD=XYZ/C=GB/", []string{"C=gb", "ADMD=xyz", "O=org", "OU=a", "OU=b", "CN=desk"}, false},
		{"/DD.b=2/DD.a=1/ADMD=XYZ/C=GB/", []string{"C=gb", "ADMD=xyz", "DDA.a=1", "DDA.b=2"}, false},
		{"/T-TY=tlx/T-ID=X/ADMD=XYZ/C=GB/", []string{"C=gb", "ADMD=xyz", "T-ID=x"}, false},
		{"/PD-CODE=123/PD-C=GB/ADMD=XYZ/C=GB/", []string{"C=gb", "ADMD=xyz"}, true}, // no postal forms
		{"/O=Org/", nil, true},
		{"", nil, false},
	} {
		var a Address
		if tt.address != "" {
			a = mustParse(t, tt.address)
		}
		path, whole := a.Path()
		var got []string
		for _, r := range path {
			got = append(got, r.Keys()[0])
		}
		if !slices.Equal(got, tt.path) || whole == tt.partly {
			t.Errorf("%s: %q, whole %v", tt.address, got, whole)
		}
	}
}

// An attribute with several variants is found by any of them.
func TestPathVariants(t *testing.T) {
	path, _ := mustParse(t, "/O=Muller*M{200}uller/PRMD=ABC/ADMD=XYZ/C=DE/").Path()
	keys := path[3].Keys()
	for _, other := range []string{"/O=MULLER/PRMD=ABC/ADMD=XYZ/C=DE/", "/O=*m{200}uller/PRMD=ABC/ADMD=XYZ/C=DE/"} {
		alone, _ := mustParse(t, other).Path()
		if !slices.ContainsFunc(alone[3].Keys(), func(k string) bool { return slices.Contains(keys, k) }) {
			t.Errorf("%s has %q, not one of %q", other, alone[3].Keys(), keys)
		}
	}
}

// The mapping is mechanical in both directions, and equal addresses have the same path.
func TestPathIsReversible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genAddress(t)
		path, whole := a.Path()
		b, err := FromPath(path)
		if err != nil {
			t.Fatal(err)
		}
		a.TTY = ""
		if whole && a.C != "" && !a.Equal(b) {
			t.Fatalf("%s became %s", a, b)
		}
		again, _ := b.Path()
		if !slices.EqualFunc(path, again, func(x, y RDN) bool { return slices.Equal(x.Keys(), y.Keys()) }) {
			t.Fatalf("%v became %v", path, again)
		}
	})
}

// A name that is none of the tree's is refused.
func TestFromPathErrors(t *testing.T) {
	c, admd := RDN{Level: LevelCountry, Value: Text{Printable: "GB"}}, RDN{Level: LevelADMD, Value: Text{Printable: "X"}}
	for _, path := range [][]RDN{{admd}, {c, c}, {c, admd, c}, {c, admd, {Level: LevelPerson}}, {c, admd, {Level: LevelDomainDefined}},
		append([]RDN{c, admd}, slices.Repeat([]RDN{{Level: LevelOrganizationalUnit, Value: Text{Printable: "U"}}}, 5)...)} {
		if a, err := FromPath(path); err == nil {
			t.Errorf("%v is %s", path, a)
		}
	}
}

// A node is named by an address, but a country is one, too.
func TestParsePath(t *testing.T) {
	for text, want := range map[string]int{"/C=GB/": 1, "C=GB": 1, "/ADMD= /C=GB/": 2, "/A=/C=GB/": 2, "/PRMD=ABC/C=GB/": 3, "/O=Org/ADMD=X/C=GB/": 3} {
		path, err := ParsePath(text)
		if err != nil || len(path) != want {
			t.Errorf("%s: %v, %v", text, path, err)
			continue
		}
		a, err := FromPath(path)
		if err != nil {
			t.Error(err)
		}
		if again, err := ParsePath(a.String()); err != nil || len(again) != want {
			t.Errorf("%s is written %s, which is %v, %v", text, a, again, err)
		}
	}
	for _, text := range []string{"", "/PRMD=ABC/", "/PD-CODE=1/ADMD=X/C=GB/", "x"} {
		if path, err := ParsePath(text); err == nil {
			t.Errorf("%q is %v", text, path)
		}
	}
}

// What is appended to a key is what is compared elsewhere.
func TestAppendFolded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[ A-Za-z/=;$]{0,12}`), rapid.String()).Draw(t, "text")
		var want strings.Builder
		writeQuoted(&want, fold(s))
		if got := string(appendFolded(nil, s)); got != want.String() {
			t.Fatalf("%q, want %q", got, want.String())
		}
	})
}

// A tree has a node for each name, whichever variant it is written in.
func TestTree(t *testing.T) {
	var tree Tree
	one, two := tree.Root(), tree.Root()
	grow := func(root int32, at string) (node int32, grown int) {
		path, err := ParsePath(at)
		if err != nil {
			t.Fatal(err)
		}
		node = root
		for i := range path {
			below, isNew := tree.Grow(node, &path[i])
			if isNew {
				grown++
				if tree.Above(below) != node {
					t.Errorf("%s: %d is not above %d", at, node, below)
				}
			}
			node = below
		}
		return node, grown
	}
	node, grown := grow(one, "/O=Muller*M{200}uller/PRMD=ABC/ADMD=XYZ/C=DE/")
	if grown != 4 {
		t.Errorf("%d nodes grew", grown)
	}
	for _, at := range []string{"/O= MULLER/PRMD=abc/ADMD=XYZ/C=DE/", "/O=*m{200}uller/PRMD=ABC/ADMD=XYZ/C=262/"} {
		if again, grown := grow(one, at); again != node || grown > 0 {
			t.Errorf("%s is %d, not %d, and %d grew", at, again, node, grown)
		}
	}
	if other, grown := grow(two, "/O=Muller/PRMD=ABC/ADMD=XYZ/C=DE/"); other == node || grown != 4 || tree.Len() != 10 {
		t.Errorf("%d, %d grew, %d", other, grown, tree.Len())
	}
	name := RDN{Level: LevelPRMD, Value: Text{Printable: "DEF"}}
	if at, ok := tree.Below(node, &name, nil); ok {
		t.Errorf("there is %d below", at)
	}
}

package rtree

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// suggested is what a search comes to, and the last thing it has told of itself.
func suggested(t testing.TB, s *Searcher, address, refusedBy string) (all []string, why string) {
	t.Helper()
	var told []Step
	for _, a := range s.Suggest(asked(t, address).Address, refusedBy, func(step Step) { told = append(told, step) }) {
		all = append(all, a.String())
	}
	if len(told) > 0 {
		why = told[len(told)-1].Why
	}
	return all, why
}

// The nearest node upwards from the longest match that names a point is taken; the search is of
// one level; by default it is by common name, which whoever has a personal name has, too.
func TestSection22_4_BadAddresses(t *testing.T) {
	f := plant(t, `
trees = ["shared", "tables", "own"]
[[node]]
tree = "shared"
bad-address-search-point = [{ tree = "white" }]
[[node]]
tree = "shared"
at = "/O=Sales/PRMD=P/ADMD=A/C=GB/"
subtree-information = "all-children-present"
[[node]]
tree = "shared"
at = "/S=Smith/O=Sales/PRMD=P/ADMD=A/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-B" }]
[[node]]
tree = "own"
at = "/PRMD=P/ADMD=A/C=GB/"
bad-address-search-point = [{ tree = "tables" }, { tree = "shared", at = "/O=Sales/PRMD=P/ADMD=A/C=GB/" }]
bad-address-search-attributes = ["S", "CN"]
[[node]]
tree = "own"
at = "/O=Parts/PRMD=P/ADMD=A/C=GB/"
subtree-information = "all-children-present"
bad-address-search-point = [{ tree = "own", at = "/PRMD=P/ADMD=A/C=GB/" }]
bad-address-search-attributes = ["O"]
[[node]]
tree = "own"
at = "/O=Party/PRMD=P/ADMD=A/C=GB/"
[[node]]
tree = "own"
at = "/O=Gone/PRMD=P/ADMD=A/C=GB/"
reject = "gone"
[[node]]
tree = "own"
at = "/O=Alias/PRMD=P/ADMD=A/C=GB/"
alias = { tree = "own", at = "/O=Party/PRMD=P/ADMD=A/C=GB/" }
[[node]]
tree = "white"
[[node]]
tree = "white"
at = "/C=GB/"
`)
	own := []string{"/G=Ann/S=Smith/O=Org/PRMD=P/ADMD=A/C=GB/", "/CN=Smiths/PRMD=P/ADMD=A/C=GB/", "/G=Bob/S=Jones/PRMD=P/ADMD=A/C=GB/"}
	s, err := NewSearcher(f, own)
	if err != nil {
		t.Fatal(err)
	}
	const none = "the address has nothing of that below the longest match"
	for _, tt := range []struct {
		address, by string
		want        string
		why         string
	}{
		{"/S=Smiht/O=X/PRMD=P/ADMD=A/C=GB/", "own", own[0] + " /S=Smith/O=Sales/PRMD=P/ADMD=A/C=GB/", "2 of 4 entries match"},
		// In shared the root is the nearest that has one, and white has no common names.
		{"/S=Smiht/O=X/PRMD=P/ADMD=A/C=GB/", conf.Tables, "", "0 of 0 entries match"},
		{"/G=Ann/S=Jonse/PRMD=P/ADMD=A/C=GB/", "own", own[2], "1 of 4 entries match"}, // by S alone
		{"/CN=Smits/PRMD=P/ADMD=A/C=GB/", "own", own[1], "1 of 4 entries match"},
		{"/O=Gonn/PRMD=P/ADMD=A/C=GB/", "own", "", none},
		// O=Parts is the longest match, and what is known is not looked for.
		{"/S=Smith/O=Parts/PRMD=P/ADMD=A/C=GB/", "own", "", none},
		{"/PRMD=P/ADMD=A/C=GB/", "own", "", none},
	} {
		all, why := suggested(t, s, tt.address, tt.by)
		if got := strings.Join(all, " "); got != tt.want || why != tt.why {
			t.Errorf("%s: %q, %s; want %q, %s", tt.address, got, why, tt.want, tt.why)
		}
	}
}

// Of a node that is no user agent the address is told with what the bad one has below; of an
// alias that of the node it leads to; of what rejects none.
func TestSection22_4_InnerNodes(t *testing.T) {
	f := plant(t, `
trees = ["own"]
[[node]]
tree = "own"
at = "/PRMD=P/ADMD=A/C=GB/"
subtree-information = "all-children-present"
bad-address-search-point = [{ tree = "own", at = "/PRMD=P/ADMD=A/C=GB/" }]
bad-address-search-attributes = ["O", "DDA", "X121"]
[[node]]
tree = "own"
at = "/O=Party/PRMD=P/ADMD=A/C=GB/"
mta-info = [{ name = "MTA-B" }]
[[node]]
tree = "own"
at = "/O=Parti/PRMD=P/ADMD=A/C=GB/"
alias = { tree = "own", at = "/O=Party/PRMD=P/ADMD=A/C=GB/" }
[[node]]
tree = "own"
at = "/O=Parta/PRMD=P/ADMD=A/C=GB/"
reject = "gone"
[[node]]
tree = "own"
at = "/DD.desk=hundred/PRMD=P/ADMD=A/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-B" }]
[[node]]
tree = "own"
at = "/X121=12345678/PRMD=P/ADMD=A/C=GB/"
mta-info = [{ name = "MTA-B" }]
`)
	s, err := NewSearcher(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"/S=Any/OU=Unit/O=Parts/PRMD=P/ADMD=A/C=GB/": "/S=Any/OU=Unit/O=Party/PRMD=P/ADMD=A/C=GB/",
		"/DD.desk=hunderd/PRMD=P/ADMD=A/C=GB/":       "/DD.desk=hundred/PRMD=P/ADMD=A/C=GB/",
		"/DD.room=hunderd/PRMD=P/ADMD=A/C=GB/":       "",
		"/X121=12345679/PRMD=P/ADMD=A/C=GB/":         "/X121=12345678/PRMD=P/ADMD=A/C=GB/",
	} {
		if all, why := suggested(t, s, address, "own"); strings.Join(all, " ") != want {
			t.Errorf("%s: %v, %s; want %s", address, all, why, want)
		}
	}
}

// A small number of matches is told, and of more none; there is an end to what is looked at.
func TestSection22_4_SmallNumber(t *testing.T) {
	f := plant(t, `
trees = ["own"]
[[node]]
tree = "own"
bad-address-search-point = [{ tree = "tables" }]
`)
	var own []string
	for i := range maxSearched {
		if i < MaxSuggestions {
			own = append(own, fmt.Sprintf("/S=Smith/G=%s/PRMD=P/ADMD=A/C=GB/", strings.Repeat("x", i+2)))
		} else {
			own = append(own, fmt.Sprintf("/S=Other/G=G%d/PRMD=P/ADMD=A/C=GB/", i))
		}
	}
	search := func(own []string) ([]string, string) {
		s, err := NewSearcher(f, own)
		if err != nil {
			t.Fatal(err)
		}
		return suggested(t, s, "/S=Smyth/PRMD=P/ADMD=A/C=GB/", "own")
	}
	if all, why := search(own); len(all) != MaxSuggestions {
		t.Errorf("%v: %s", all, why)
	}
	if all, why := search(append(slices.Clone(own[1:]), own[0], "/S=Smith/PRMD=P/ADMD=A/C=GB/")); len(all) > 0 || why != "10001 entries; no more than 10000 are looked at" {
		t.Errorf("%v: %s", all, why)
	}
	own[maxSearched-1] = "/S=Smith/PRMD=P/ADMD=A/C=GB/"
	if all, why := search(own); len(all) > 0 || why != "more than 5 of 10000 entries match" {
		t.Errorf("%v: %s", all, why)
	}
}

// A forest in which nobody names a point has no searcher.
func TestNoSearcher(t *testing.T) {
	f := plant(t, "trees = [\"own\"]\n[[node]]\ntree = \"own\"\nbad-address-search-attributes = [\"S\"]\n")
	if s, err := NewSearcher(f, nil); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}

// suggest is the search once more, over the nodes as they are written.
func (n *naive) suggest(refusedBy string, own []string) (all []string) {
	path, _ := n.q.Address.Path()
	var name []string
	for _, rdn := range path {
		name = append(name, rdn.Keys()[0])
	}
	order := []string{refusedBy}
	for _, tree := range n.order {
		if tree != refusedBy {
			order = append(order, tree)
		}
	}
	for _, tree := range order {
		n.lost = false
		longest := -1
		var found *conf.Node
		for length := range len(name) + 1 {
			x, _, ok := n.read(tree, name[:length], 0)
			if !ok {
				break
			}
			longest = length
			if len(x.SearchPoints) > 0 {
				found = x
			}
		}
		if found == nil {
			continue
		}
		return n.search(found, path[longest:], own)
	}
	return nil
}

func (n *naive) search(x *conf.Node, below []oraddr.RDN, own []string) (all []string) {
	attributes := []string{"CN"}
	if len(x.SearchAttributes) > 0 {
		attributes = nil
		for _, a := range x.SearchAttributes {
			attributes = append(attributes, string(a))
		}
	}
	values := func(rdns []oraddr.RDN, attribute string) (texts []string) {
		for _, r := range rdns {
			for _, part := range r.Parts() {
				if part.Key == attribute || attribute == "CN" && part.Key == "S" && x.SearchAttributes == nil { // names have nothing but that here
					texts = append(texts, part.Text.String())
				}
			}
		}
		return texts
	}
	matches := func(entry []oraddr.RDN) bool {
		some := false
		for _, attribute := range attributes {
			has, wants := values(entry, attribute), values(below, attribute)
			if len(has) == 0 || len(wants) == 0 {
				continue
			}
			some = true
			if !slices.ContainsFunc(has, func(h string) bool {
				return slices.ContainsFunc(wants, func(w string) bool {
					p, q := newPhrase(h), newPhrase(w)
					ok, _ := p.like(&q)
					return ok
				})
			}) {
				return false
			}
		}
		return some
	}
	add := func(address string) {
		if a, err := oraddr.Parse(address); err == nil && !a.Equal(n.q.Address) && !slices.Contains(all, a.String()) {
			all = append(all, a.String())
		}
	}
	for _, point := range x.SearchPoints {
		if point.Tree == conf.Tables {
			for _, address := range own {
				if a, err := oraddr.Parse(address); err == nil {
					if path, _ := a.Path(); matches(path) {
						add(address)
					}
				}
			}
			continue
		}
		// Where it is when aliases have been followed, and the names right below.
		_, at, ok := n.read(point.Tree, steps(point.At), 0)
		if !ok {
			continue
		}
		seen := map[string]bool{}
		for k := range n.nodes {
			y := &n.nodes[k]
			name := steps(y.At)
			above := strings.Fields(at.At)
			if y.Tree != at.Tree || len(name) <= len(above) || !slices.Equal(name[:len(above)], above) || seen[strings.Join(name[:len(above)+1], " ")] {
				continue
			}
			seen[strings.Join(name[:len(above)+1], " ")] = true
			entry, where, ok := n.read(at.Tree, name[:len(above)+1], 0)
			if !ok || entry.Reject != "" {
				continue
			}
			path, err := oraddr.ParsePath(y.At)
			if err != nil {
				panic(err)
			}
			rdn := path[len(above) : len(above)+1]
			if !matches(rdn) {
				continue
			}
			// What is told of it: its own address, or with what is below in the bad one.
			text := ""
			for _, one := range strings.Fields(where.At) {
				text = "/" + strings.ToUpper(strings.TrimPrefix(one, "S/")) + text
			}
			if !entry.UA {
				for _, r := range below {
					if r.Level > rdn[0].Level {
						text = "/" + r.String() + text
					}
				}
			}
			add(text + "/")
		}
	}
	if len(all) > MaxSuggestions {
		return nil
	}
	return all
}

// The compiled searches and the plain reading find the same.
func TestSuggestIsWhatThePageSays(t *testing.T) {
	names := []string{"SMITH", "SMYTH", "JONES", "SMITT"}
	rapid.Check(t, func(t *rapid.T) {
		order, nodes := drawForest(t)
		longer := strings.NewReplacer("S=A", "S=SMITH", "S=B", "S=SMYTHE", "O=A", "O=SALES", "O=B", "O=SALE")
		own := []string{}
		for range rapid.IntRange(0, 3).Draw(t, "own") {
			own = append(own, longer.Replace(drawAt(t, false)))
		}
		for i := range nodes {
			n := &nodes[i]
			n.At, n.Alias.At = longer.Replace(n.At), longer.Replace(n.Alias.At)
			for k := range n.Filters {
				n.Filters[k].Node.At = longer.Replace(n.Filters[k].Node.At)
			}
			for k := range n.AccessMD {
				n.AccessMD[k].At = longer.Replace(n.AccessMD[k].At)
			}
		}
		for i := range nodes {
			n := &nodes[i]
			if n.Alias != (conf.NodeName{}) || rapid.IntRange(0, 2).Draw(t, "searches") > 0 {
				continue
			}
			for range rapid.IntRange(1, 2).Draw(t, "points") {
				point := conf.NodeName{Tree: conf.Tables}
				if rapid.Bool().Draw(t, "node") {
					x := rapid.SampledFrom(nodes).Draw(t, "point")
					point = conf.NodeName{Tree: x.Tree, At: x.At}
				}
				n.SearchPoints = append(n.SearchPoints, point)
			}
			n.SearchAttributes = rapid.SampledFrom([][]conf.NamingAttribute{nil, {"S"}, {"O", "S"}, {"O"}}).Draw(t, "by")
		}
		f, err := New(order, nodes)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSearcher(f, own)
		if err != nil {
			t.Fatal(err)
		}
		if s == nil {
			return
		}
		for range 8 {
			at := strings.NewReplacer("S=A", "S="+rapid.SampledFrom(names).Draw(t, "S"), "S=B", "S=JONES", "O=A", "O=SALSE", "O=B", "O=B").Replace(drawAt(t, false))
			q := asked(t, at)
			n := naive{order: f.order, nodes: nodes, q: q}
			by := rapid.SampledFrom(append([]string{conf.Tables}, f.order...)).Draw(t, "refused by")
			var got []string
			for _, a := range s.Suggest(q.Address, by, nil) {
				got = append(got, a.String())
			}
			want := n.suggest(by, own)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%s: %q, want %q in %+v of %v", at, got, want, nodes, f.order)
			}
		}
	})
}

// BenchmarkSuggest searches the most entries that are looked at: what one bad address costs.
func BenchmarkSuggest(b *testing.B) {
	f := plant(b, "trees = [\"own\"]\n[[node]]\ntree = \"own\"\nbad-address-search-point = [{ tree = \"tables\" }]\n")
	var own []string
	for i := range maxSearched {
		own = append(own, fmt.Sprintf("/G=%s/S=%s/PRMD=P/ADMD=A/C=GB/", strings.Repeat(string(rune('a'+i%26)), 5), fmt.Sprintf("Name%04x", i*2654435761%65536)))
	}
	s, err := NewSearcher(f, own)
	if err != nil {
		b.Fatal(err)
	}
	q := asked(b, "/G=Alexander/S=Featherstone/PRMD=P/ADMD=A/C=GB/")
	b.ReportAllocs()
	for b.Loop() {
		s.Suggest(q.Address, "own", nil)
	}
}

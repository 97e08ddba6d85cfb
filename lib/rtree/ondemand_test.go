package rtree

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// store gives the nodes of trees as a directory does: it knows entries by their names, and
// nothing of what they say.
type store struct {
	nodes map[conf.NodeName]conf.Node
	asked int
	fails error
}

func newStore(t fataler, nodes []conf.Node) *store {
	s := &store{nodes: map[conf.NodeName]conf.Node{}}
	for _, n := range nodes {
		path := pathOf(t, n.At)
		for depth := range len(path) + 1 {
			at := textOf(t, path[:depth])
			if _, known := s.nodes[conf.NodeName{Tree: n.Tree, At: at}]; !known {
				skeletal := conf.NewNode()
				skeletal.Tree, skeletal.At = n.Tree, at
				s.nodes[conf.NodeName{Tree: n.Tree, At: at}] = skeletal
			}
		}
		s.nodes[conf.NodeName{Tree: n.Tree, At: textOf(t, path)}] = n
	}
	return s
}

func (s *store) look(t fataler) func(string, []oraddr.RDN) ([]conf.Node, error) {
	return func(tree string, path []oraddr.RDN) (all []conf.Node, err error) {
		s.asked++
		for depth := range len(path) + 1 {
			if _, err := oraddr.FromPath(path[:depth]); err != nil {
				break // an alias has led to where no address goes on so
			}
			n, ok := s.nodes[conf.NodeName{Tree: tree, At: textOf(t, path[:depth])}]
			if !ok {
				break
			}
			all = append(all, n)
		}
		return all, s.fails
	}
}

type fataler interface{ Fatal(...any) }

func pathOf(t fataler, at string) []oraddr.RDN {
	if at == "" {
		return nil
	}
	path, err := oraddr.ParsePath(at)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func textOf(t fataler, path []oraddr.RDN) string {
	if len(path) == 0 {
		return ""
	}
	a, err := oraddr.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToUpper(a.String())
}

// Addresses go the same way whether the nodes of a tree are here or are looked up, whichever
// trees that is, and whatever leads from the one kind into the other.
func TestOnDemandRoutesAsHeld(t *testing.T) {
	unnamed := cmp.Options{cmpopts.IgnoreFields(conf.Node{}, "Tree", "At", "AccessMD", "Filters"), cmpopts.IgnoreFields(conf.NodeName{}, "Tree")}
	looked := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			order, nodes := drawForest(t)
			held, err := New(order, nodes)
			if err != nil {
				t.Fatal(err)
			}
			onDemand := rapid.Permutation([]string{"one", "two", "three"}).Draw(t, "on demand")[:rapid.IntRange(1, 3).Draw(t, "trees")]
			order, here, there := takeAway(order, nodes, onDemand)
			partly, err := New(order, here)
			if err != nil {
				t.Fatal(err)
			}
			store := newStore(t, there)
			for range 6 {
				a, err := oraddr.Parse(drawAt(t, false))
				if err != nil {
					t.Fatal(err)
				}
				q := &Query{Address: a, Local: "MTA-A"}
				want := held.Find(q)
				if got := partly.Find(q); got.Kind != OnDemand {
					if diff := cmp.Diff(want, got, unnamed); diff != "" {
						t.Fatalf("%s without a look: %s", a, diff)
					}
				}
				q.Look = store.look(t)
				if diff := cmp.Diff(want, partly.Find(q), unnamed); diff != "" {
					t.Fatalf("%s with %v on demand: %s", a, onDemand, diff)
				}
			}
			looked += store.asked
		}
	})
	if looked == 0 {
		t.Error("nothing was looked up")
	}
}

// takeAway has trees looked up: they are named as such ones are, and their nodes stand
// elsewhere. Each has a root.
func takeAway(order []string, nodes []conf.Node, trees []string) (_ []string, here, there []conf.Node) {
	rename := func(tree *string) {
		if slices.Contains(trees, *tree) {
			*tree = "cn=" + *tree
		}
	}
	order = slices.Clone(order)
	for i := range order {
		rename(&order[i])
	}
	for _, tree := range trees {
		root := conf.NewNode()
		rename(&tree)
		root.Tree = tree
		there = append(there, root)
	}
	for _, n := range nodes {
		n.Filters, n.AccessMD = slices.Clone(n.Filters), slices.Clone(n.AccessMD)
		rename(&n.Tree)
		rename(&n.Alias.Tree)
		for i := range n.Filters {
			rename(&n.Filters[i].Node.Tree)
		}
		for i := range n.AccessMD {
			rename(&n.AccessMD[i].Tree)
		}
		if conf.OnDemand(n.Tree) {
			there = append(there, n)
		} else {
			here = append(here, n)
		}
	}
	return order, here, there
}

// What cannot be had, or is wrong, ends the search: what a later tree says is no answer for
// the one before it.
func TestOnDemandUnavailable(t *testing.T) {
	root := conf.NewNode()
	root.Tree, root.MTAs = "behind", []conf.MTAInfo{{Name: "MTA-B", Weight: 5}}
	f, err := New([]string{"cn=away", "behind"}, []conf.Node{root})
	if err != nil {
		t.Fatal(err)
	}
	a, err := oraddr.Parse("/S=X/ADMD=A/C=GB/")
	if err != nil {
		t.Fatal(err)
	}
	broken := conf.NewNode()
	broken.Tree = "cn=away"
	broken.Filters = []conf.Filter{{Attribute: "S", Regex: "(", Node: conf.NodeName{Tree: "behind"}}}
	lost := conf.NewNode()
	lost.Tree, lost.AccessMD = "cn=away", []conf.NodeName{{Tree: "cn=away", At: "/PRMD=P/ADMD=A/C=GB/"}}
	stray := conf.NewNode()
	stray.Tree, stray.AccessMD = "cn=away", []conf.NodeName{{Tree: "behind", At: "/PRMD=P/ADMD=A/C=GB/"}}
	for name, c := range map[string]struct {
		nodes []conf.Node
		err   error
		want  string
	}{
		"no server":        {nil, errors.New("no server answers"), "no server answers"},
		"no tree":          {nil, nil, "routing tree cn=away: there is no such entry in the directory"},
		"wrong regex":      {[]conf.Node{broken}, nil, "node cn=away /: "},
		"access MD away":   {[]conf.Node{lost}, nil, "there is no node cn=away /PRMD=P/ADMD=A/C=GB/"},
		"access MD behind": {[]conf.Node{stray}, nil, "there is no node behind /PRMD=P/ADMD=A/C=GB/"},
	} {
		t.Run(name, func(t *testing.T) {
			look := func(string, []oraddr.RDN) ([]conf.Node, error) { return c.nodes, c.err }
			got := f.Find(&Query{Address: a, Local: "MTA-A", Look: look})
			if got.Kind != Unavailable || got.Err == nil || !strings.Contains(got.Err.Error(), c.want) {
				t.Errorf("got %+v; want it to be unavailable: %s", got, c.want)
			}
		})
	}
}

// Access MDs and aliases of a tree that is looked up end, however they lead round.
func TestOnDemandCircles(t *testing.T) {
	f, err := New([]string{"cn=away"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	root := conf.NewNode()
	root.Tree, root.AccessMD = "cn=away", []conf.NodeName{{Tree: "cn=away", At: "/ADMD=A/C=GB/"}, {Tree: "cn=away", At: "/ADMD=B/C=GB/"}}
	one, two := conf.NewNode(), conf.NewNode()
	one.Tree, one.At, one.AccessMD = "cn=away", "/ADMD=A/C=GB/", root.AccessMD
	two.Tree, two.At, two.Alias = "cn=away", "/ADMD=B/C=GB/", conf.NodeName{Tree: "cn=away", At: "/ADMD=B/C=GB/"}
	store := newStore(t, []conf.Node{root, one, two})
	for _, at := range []string{"/S=X/ADMD=A/C=GB/", "/S=X/ADMD=B/C=GB/"} {
		a, err := oraddr.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Find(&Query{Address: a, Local: "MTA-A", Look: store.look(t)}); got.Kind != NoRoute {
			t.Errorf("%s: %v; want no route", at, got.Kind)
		}
	}
	if store.asked > 200 {
		t.Errorf("%d looks", store.asked)
	}
}

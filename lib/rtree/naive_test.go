package rtree

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// naive is the algorithm of RFC 1801 once more, as its sections tell it: over the nodes as
// they are written, with every name compared in full, and nothing compiled.
type naive struct {
	order []string
	nodes []conf.Node
	q     *Query

	asked []conf.NodeName // what the node that is asked has led to
	lost  bool            // aliases lead round in a circle
}

// steps are the components of a name, as far as two may be compared.
func steps(at string) []string {
	if at == "" {
		return nil
	}
	path, err := oraddr.ParsePath(at)
	if err != nil {
		panic(err)
	}
	var all []string
	for _, rdn := range path {
		all = append(all, rdn.Keys()[0])
	}
	return all
}

// read is the entry of a name in a tree, skeletal if only what is below it is written; the
// aliases on the way are followed.
func (n *naive) read(tree string, name []string, aliases int) (*conf.Node, conf.NodeName, bool) {
	if aliases > maxAliases {
		n.lost = true
		return nil, conf.NodeName{}, false
	}
	for i := range name { // an alias above leads elsewhere
		for k := range n.nodes {
			x := &n.nodes[k]
			if x.Tree == tree && x.Alias != (conf.NodeName{}) && slices.Equal(steps(x.At), name[:i]) {
				return n.read(x.Alias.Tree, append(steps(x.Alias.At), name[i:]...), aliases+1)
			}
		}
	}
	skeletal := conf.NewNode()
	found := len(name) == 0 && slices.ContainsFunc(n.nodes, func(x conf.Node) bool { return x.Tree == tree })
	for k := range n.nodes {
		x := &n.nodes[k]
		if x.Tree != tree {
			continue
		}
		at := steps(x.At)
		if slices.Equal(at, name) {
			if x.Alias != (conf.NodeName{}) {
				return n.read(x.Alias.Tree, steps(x.Alias.At), aliases+1)
			}
			return x, conf.NodeName{Tree: tree, At: strings.Join(at, " ")}, true
		}
		found = found || len(at) > len(name) && slices.Equal(at[:len(name)], name)
	}
	return &skeletal, conf.NodeName{Tree: tree, At: strings.Join(name, " ")}, found
}

// find returns the kind, the MTAs, and where.
func (n *naive) find(tree int) string {
	if tree == len(n.order) {
		return string(NoRoute)
	}
	path, _ := n.q.Address.Path()
	var name []string
	for _, rdn := range path {
		name = append(name, rdn.Keys()[0])
	}
	longest := -1
	n.lost = false
	for length := range len(name) + 1 {
		if _, _, ok := n.read(n.order[tree], name[:length], 0); !ok {
			break
		}
		longest = length
	}
	start := longest
	if n.lost {
		longest = len(name) + 1 // what comes behind is there, and nothing is known of it
	}
	behind := false
	for length := start; length >= 0; length-- {
		x, where, _ := n.read(n.order[tree], name[:length], 0)
		n.asked = nil
		answer, action := n.ask(x, where, path, length, longest, true)
		switch {
		case answer != "":
			return answer
		case action == conf.Stop:
			_, where, _ := n.read(n.order[tree], name[:length], 0)
			return string(Stopped) + " " + where.String()
		case action == conf.NextTreeOnly:
			length = 0
		case action == conf.NextTreeFirst && !behind && length > 0:
			behind = true
			if answer := n.find(tree + 1); answer != string(NoRoute) {
				return answer
			}
		}
	}
	if behind {
		return string(NoRoute)
	}
	return n.find(tree + 1)
}

func (n *naive) ask(x *conf.Node, where conf.NodeName, path []oraddr.RDN, length, longest int, matched bool) (answer, action string) {
	exact := length == longest && length == len(path) && length > 0 && matched
	if exact && x.UA {
		if len(x.Redirects) > 0 {
			return string(Redirected) + " " + where.String(), ""
		}
		if x.Reject == "" {
			if mtas := n.usable(x.Supporting); slices.ContainsFunc(x.Supporting, func(m conf.MTAInfo) bool { return m.Name == n.q.Local }) {
				return string(Deliver) + " " + where.String(), ""
			} else if mtas != "" {
				return string(Transfer) + mtas + " " + where.String(), ""
			}
		}
	}
	if x.Reject != "" {
		return string(NonDelivery) + " " + where.String(), ""
	}
	best := -1
	for i, f := range x.Filters {
		present := slices.ContainsFunc(path[length:], func(r oraddr.RDN) bool {
			return slices.ContainsFunc(r.Parts(), func(p oraddr.Part) bool { return p.Key == f.Attribute && strings.Contains(p.Text.String(), f.Regex) })
		})
		if present && (best < 0 || f.Weight < x.Filters[best].Weight) {
			best = i
		}
	}
	other := func(name conf.NodeName) (answer, action string) {
		y, at, ok := n.read(name.Tree, steps(name.At), 0)
		if !ok || slices.Contains(n.asked, at) || len(n.asked) == maxReferrals {
			return "", ""
		}
		n.asked = append(n.asked, at)
		return n.ask(y, at, path, length, longest, false)
	}
	if best >= 0 {
		return other(x.Filters[best].Node)
	}
	if matched && length == longest && length < len(path) && x.Subtree == conf.AllChildren {
		return string(Invalid) + " " + where.String(), ""
	}
	if mtas := n.usable(x.MTAs); mtas != "" {
		return string(Transfer) + mtas + " " + where.String(), ""
	}
	action = x.Failure
	for _, md := range x.AccessMD {
		answer, next := other(md)
		if answer != "" {
			return answer, ""
		}
		if next != "" {
			action = next
		}
	}
	return "", action
}

func (n *naive) usable(all []conf.MTAInfo) (names string) {
	own := conf.MaxWeight + 1
	for _, m := range all {
		if m.Name == n.q.Local {
			own = m.Weight
		}
	}
	for weight := range own {
		for _, m := range all {
			if ok, _ := n.q.Usable(m.Name); ok && m.Weight == weight {
				names += " " + m.Name
			}
		}
	}
	return names
}

// forests are drawn over few names, so that everything meets everything.
func drawForest(t *rapid.T) (order []string, nodes []conf.Node) {
	trees := []string{"one", "two", "three"}
	order = rapid.Permutation(trees).Draw(t, "order")[:rapid.IntRange(1, 3).Draw(t, "trees")]
	seen := map[conf.NodeName]bool{}
	for range rapid.IntRange(1, 14).Draw(t, "nodes") {
		name := conf.NodeName{Tree: rapid.SampledFrom(trees).Draw(t, "tree"), At: drawAt(t, true)}
		if seen[name] {
			continue
		}
		seen[name] = true
		n := conf.NewNode()
		n.Tree, n.At = name.Tree, name.At
		nodes = append(nodes, n)
	}
	names := func(label string) conf.NodeName {
		n := rapid.SampledFrom(nodes).Draw(t, label)
		return conf.NodeName{Tree: n.Tree, At: n.At}
	}
	for i := range nodes {
		n := &nodes[i]
		above := slices.ContainsFunc(nodes, func(x conf.Node) bool {
			return x.Tree == n.Tree && len(x.At) > len(n.At) && strings.HasSuffix("/"+x.At, n.At)
		})
		if !above && rapid.IntRange(0, 6).Draw(t, "alias") == 0 {
			n.Alias = names("alias to")
			continue
		}
		if rapid.Bool().Draw(t, "routes") {
			// No two of one weight: which of these is first is for chance.
			weights := rapid.Permutation([]int{0, 3, 5, 10, 20}).Draw(t, "weights")
			for k, mta := range []string{"MTA-A", "MTA-B", "MTA-C", "MTA-D"} {
				if rapid.IntRange(0, 2).Draw(t, mta) == 0 {
					n.MTAs = append(n.MTAs, conf.MTAInfo{Name: mta, Weight: weights[k]})
				}
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "filters") == 0 {
			n.Filters = append(n.Filters, conf.Filter{Attribute: rapid.SampledFrom([]string{"S", "O", "PRMD", "CN"}).Draw(t, "attribute"),
				Regex: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "regex"), Weight: 1, Node: names("filter to")})
			n.Filters = append(n.Filters, conf.Filter{Attribute: "O", Regex: "B", Weight: rapid.SampledFrom([]int{0, 2}).Draw(t, "weight"), Node: names("filter to")})
		}
		for range rapid.IntRange(0, 6).Draw(t, "access") / 4 {
			n.AccessMD = append(n.AccessMD, names("access to"))
		}
		if rapid.IntRange(0, 4).Draw(t, "authoritative") == 0 {
			n.Subtree = conf.AllChildren
		}
		if rapid.IntRange(0, 8).Draw(t, "rejects") == 0 {
			n.Reject = "no"
		}
		n.Failure = rapid.SampledFrom([]string{conf.NextLevel, conf.NextLevel, conf.NextTreeOnly, conf.NextTreeFirst, conf.Stop}).Draw(t, "failure")
		if n.At != "" && rapid.IntRange(0, 2).Draw(t, "ua") == 0 {
			n.UA = true
			if rapid.IntRange(0, 3).Draw(t, "redirects") == 0 {
				n.Redirects = []conf.Redirect{{To: "/S=X/ADMD=A/C=GB/", Reason: "alias"}}
			}
			n.Supporting = []conf.MTAInfo{{Name: rapid.SampledFrom([]string{"MTA-A", "MTA-B", "MTA-C"}).Draw(t, "supporting"), Weight: 5}}
		}
	}
	return order, nodes
}

func drawAt(t *rapid.T, short bool) string {
	letter := func(label string) string { return rapid.SampledFrom([]string{"A", "B"}).Draw(t, label) }
	depth := 5
	if short {
		depth = rapid.IntRange(0, 5).Draw(t, "depth")
	}
	at := "/"
	if depth == 0 {
		return ""
	}
	for _, part := range []string{"C=GB", "ADMD=" + letter("ADMD"), "PRMD=" + letter("PRMD"), "O=" + letter("O"), "S=" + letter("S")}[:depth] {
		at = "/" + part + at
	}
	return at
}

// The compiled trees and the plain reading of the RFC give the same answers.
func TestFindIsWhatTheRFCSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order, nodes := drawForest(t)
		f, err := New(order, nodes)
		if err != nil {
			t.Fatal(err)
		}
		down := rapid.SampledFrom([]string{"", "MTA-B", "MTA-C"}).Draw(t, "down")
		for range 8 {
			a, err := oraddr.Parse(drawAt(t, false))
			if err != nil {
				t.Fatal(err)
			}
			q := &Query{Address: a, Local: "MTA-A", Usable: func(mta string) (bool, string) { return mta != down && mta != "MTA-A", "" }}
			n := naive{order: f.order, nodes: nodes, q: q}
			got := f.Find(q)
			text := string(got.Kind)
			if len(got.MTAs) > 0 {
				text += " " + strings.Join(got.MTAs, " ")
			}
			if got.Kind != NoRoute {
				text += " " + conf.NodeName{Tree: got.Where.Tree, At: strings.Join(steps(got.Where.At), " ")}.String()
			}
			if want := n.find(0); text != want {
				t.Fatalf("%s: %q, want %q in %+v of %v", a, text, want, nodes, order)
			}
		}
	})
}

package rtree

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// match is how far the path of a walk leads in a tree.
type match struct {
	chain []int32 // the nodes on it, the root first, aliases followed
	lost  bool    // it ended because aliases lead round in a circle
}

// given is a node of a tree whose nodes are not here. In a walk its number is beyond those of
// the forest.
type given struct {
	conf *conf.Node
	info info
}

// spot is a node that a path has led to. Below are those that were given beneath it, in a
// tree whose nodes are not here.
type spot struct {
	at    int32
	below []conf.Node
}

// match returns the longest match of the path in a tree (RFC 1801 §8.5). Names that are
// aliases are those of the nodes they lead to; what is above a node is what the path went
// by.
func (w *walk) match(tree string, chain []int32) (m match) {
	var scratch [256]byte
	aliases := 0
	s, ok := w.enter(conf.NodeName{Tree: tree}, w.path)
	if !ok {
		return m
	}
	s, ok = w.follow(s, w.path, &aliases)
	if m.chain, m.lost = append(chain, s.at), !ok; !ok {
		return m
	}
	for i := range w.path {
		if s, ok = w.down(s, &w.path[i], scratch[:]); !ok {
			break
		}
		if s, ok = w.follow(s, w.path[i+1:], &aliases); !ok {
			m.lost = true
			break
		}
		m.chain = append(m.chain, s.at)
	}
	return m
}

// down goes to the node below that a component names.
func (w *walk) down(s spot, name *oraddr.RDN, scratch []byte) (spot, bool) {
	if !w.isGiven(s.at) {
		at, ok := w.tree.Below(s.at, name, scratch)
		return spot{at: at}, ok
	}
	if len(s.below) == 0 {
		return s, false
	}
	at, ok := w.hold(&s.below[0])
	return spot{at, s.below[1:]}, ok
}

// enter goes to a node by its name, from where rest of the path goes on.
func (w *walk) enter(name conf.NodeName, rest []oraddr.RDN) (spot, bool) {
	if !conf.OnDemand(name.Tree) {
		if root, ok := w.roots[name.Tree]; ok && name.At == "" {
			return spot{at: root}, true
		}
		at, err := w.place(name, false)
		return spot{at: at}, w.ends(err)
	}
	if w.q.Look == nil {
		w.end = &Answer{Kind: OnDemand, Where: conf.NodeName{Tree: name.Tree}}
		return spot{}, false
	}
	path := rest
	depth := 0
	if name.At != "" {
		above, err := oraddr.ParsePath(name.At)
		if err != nil {
			return spot{}, w.ends(diag.E("rtree: "+name.String(), diag.Data, err))
		}
		depth = len(above)
		path = append(above[:depth:depth], rest...)
	}
	nodes, err := w.q.Look(name.Tree, path)
	switch {
	case err != nil:
	case len(nodes) == 0:
		err = diag.New("routing tree "+name.Tree, diag.Unavailable, "there is no such entry in the directory, or it may not be read")
	case len(nodes) <= depth:
		err = missing(name)
	}
	if !w.ends(err) {
		return spot{}, false
	}
	at, ok := w.hold(&nodes[depth])
	return spot{at, nodes[depth+1:]}, ok
}

// ends ends the walk if there is an error, and tells whether there is none.
func (w *walk) ends(err error) bool {
	if err != nil && w.end == nil {
		w.end = &Answer{Kind: Unavailable, Err: err}
	}
	return err == nil
}

// hold gives a node a number.
func (w *walk) hold(n *conf.Node) (int32, bool) {
	for i := range w.given {
		if h := w.given[i].conf; h.Tree == n.Tree && h.At == n.At {
			return int32(len(w.nodes) + i), true
		}
	}
	compiled, err := w.compile(n)
	if err != nil {
		return 0, w.ends(fmt.Errorf("node %s: %w", conf.NodeName{Tree: n.Tree, At: n.At}, err))
	}
	w.given = append(w.given, given{n, compiled})
	return int32(len(w.nodes) + len(w.given) - 1), true
}

func (w *walk) isGiven(at int32) bool { return int(at) >= len(w.nodes) }

// follow returns the node that an alias means, from where rest of the path goes on. It is not
// ok if aliases lead round in a circle, or nowhere.
func (w *walk) follow(s spot, rest []oraddr.RDN, aliases *int) (spot, bool) {
	for {
		var name conf.NodeName
		switch {
		case w.isGiven(s.at):
			name = w.given[int(s.at)-len(w.nodes)].conf.Alias
			if name == (conf.NodeName{}) {
				return s, true
			}
		case w.nodes[s.at].alias == none:
			return s, true
		case w.nodes[s.at].alias == notHere:
			name = w.away[s.at]
		}
		if *aliases++; *aliases > maxAliases {
			return s, false
		}
		if name == (conf.NodeName{}) {
			s = spot{at: w.nodes[s.at].alias}
			continue
		}
		next, ok := w.enter(name, rest)
		if !ok {
			return s, false
		}
		s = next
	}
}

// meant returns the node that an alias means, if it is here.
func (f *Forest) meant(at int32) (int32, bool) {
	aliases := 0
	s, ok := (&walk{Forest: f, q: new(Query)}).follow(spot{at: at}, nil, &aliases)
	return s.at, ok
}

// reach goes to the node that a filter or an access MD names: at is its number, or notHere.
func (w *walk) reach(at int32, name conf.NodeName) (_ int32, ok bool) {
	s := spot{at: at}
	if at == notHere {
		if s, ok = w.enter(name, nil); !ok {
			return at, false
		}
	}
	aliases := 0
	s, ok = w.follow(s, nil, &aliases)
	return s.at, ok
}

// info is what a node says.
func (w *walk) info(at int32) *info {
	if w.isGiven(at) {
		return &w.given[int(at)-len(w.nodes)].info
	}
	return &w.infos[w.nodes[at].info]
}

// name returns the name of a node.
func (w *walk) name(at int32) conf.NodeName {
	if w.isGiven(at) {
		n := w.given[int(at)-len(w.nodes)].conf
		return conf.NodeName{Tree: n.Tree, At: n.At}
	}
	root := at
	for up := w.tree.Above(root); up >= 0; up = w.tree.Above(root) {
		root = up
	}
	return conf.NodeName{Tree: w.names[root], At: w.at[at]}
}

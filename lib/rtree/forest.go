package rtree

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Forest is a set of routing trees, and the order in which an MTA uses them (RFC 1801
// §9). It does not change and may be used by several goroutines.
type Forest struct {
	roots map[string]int32 // of every tree whose nodes are here, by name
	names map[int32]string // of the trees, by root
	order []string         // those that are used
	tree  oraddr.Tree
	nodes []node
	at    []string                // O/R addresses of the nodes
	away  map[int32]conf.NodeName // by node: what an alias means, in a tree whose nodes are not here
	infos []info                  // what several nodes say alike stands here once

	restricted bool // some say what addresses below them take
}

// node is a node of a tree. Info is an index of infos; 0 is that of a skeletal one, which
// is there for what is below it.
type node struct {
	info  int32
	alias int32 // the node meant instead; none: this one, notHere: that in Forest.away
}

const (
	none    int32 = -1
	notHere int32 = -2 // a node of a tree whose nodes are not here
)

// info is what nodes say, and what that is when compiled.
type info struct {
	*conf.Node
	filters  []*regexp.Regexp // by filter
	ddaKeys  []string         // likewise, folded
	targets  []int32          // likewise; or notHere
	accessMD []int32          // or notHere
	takes    *conf.Acceptance // nil: it says nothing about that
}

// authoritative tells whether an address without an entry below is none (RFC 1801 §10).
func (i *info) authoritative() bool { return i.Subtree == conf.AllChildren }

// maxAliases bounds how often one look-up is led elsewhere.
const maxAliases = 16

// New compiles the nodes of a configuration that conf.Config.Validate accepts. The names in
// order are those of the trees that are used, conf.Tables among them; those that are
// conf.OnDemand have no nodes here, and Query.Look gives them. The error has kind Config.
func New(order []string, nodes []conf.Node) (*Forest, error) {
	f := &Forest{roots: map[string]int32{}, names: map[int32]string{}, away: map[int32]conf.NodeName{}, infos: make([]info, 1)}
	skeletal := conf.NewNode()
	f.infos[0].Node = &skeletal
	places := make([]int32, len(nodes))
	for i := range nodes {
		at, err := f.place(conf.NodeName{Tree: nodes[i].Tree, At: nodes[i].At}, true)
		if err != nil {
			return nil, err
		}
		places[i] = at
	}
	interned := map[string]int32{}
	for i := range nodes {
		n := &nodes[i]
		at := places[i]
		f.at[at] = n.At
		if n.Alias != (conf.NodeName{}) {
			to, err := f.place(n.Alias, false)
			if err != nil {
				return nil, err
			}
			if f.nodes[at].alias = to; to == notHere {
				f.away[at] = n.Alias
			}
			continue
		}
		key, err := says(n)
		if err != nil {
			return nil, err
		}
		number, known := interned[key]
		if !known {
			compiled, err := f.compile(n)
			if err != nil {
				return nil, err
			}
			number = int32(len(f.infos))
			f.restricted = f.restricted || compiled.takes != nil
			f.infos = append(f.infos, compiled)
			interned[key] = number
		}
		f.nodes[at].info = number
	}
	for _, name := range order {
		if _, ok := f.roots[name]; ok || name == conf.Tables || conf.OnDemand(name) {
			f.order = append(f.order, name)
		}
	}
	return f, nil
}

// says is the same for two nodes that say the same of different addresses.
func says(n *conf.Node) (string, error) {
	alike := *n
	alike.Tree, alike.At = "", ""
	b, err := json.Marshal(&alike)
	if err != nil {
		return "", diag.E("rtree", diag.Internal, err)
	}
	return string(b), nil
}

// place returns the node of a name, and makes it and those above if they are to be.
func (f *Forest) place(name conf.NodeName, to bool) (int32, error) {
	if !to && conf.OnDemand(name.Tree) {
		return notHere, nil
	}
	at, ok := f.roots[name.Tree]
	if !ok {
		if !to {
			return 0, missing(name)
		}
		at = f.tree.Root()
		f.grown("")
		f.roots[name.Tree], f.names[at] = at, name.Tree
	}
	if name.At == "" {
		return at, nil
	}
	path, err := oraddr.ParsePath(name.At)
	if err != nil {
		return 0, diag.E("rtree: "+name.String(), diag.Config, err)
	}
	for depth := range path {
		if !to {
			if at, ok = f.tree.Below(at, &path[depth], nil); !ok {
				return 0, missing(name)
			}
			continue
		}
		below, isNew := f.tree.Grow(at, &path[depth])
		if isNew {
			above, err := oraddr.FromPath(path[:depth+1])
			if err != nil {
				return 0, diag.E("rtree: "+name.String(), diag.Internal, err)
			}
			f.grown(above.String())
		}
		at = below
	}
	return at, nil
}

func missing(name conf.NodeName) error {
	return diag.New("rtree", diag.Config, fmt.Sprintf("there is no node %s", name))
}

// grown adds what is known of a node that the tree has grown.
func (f *Forest) grown(at string) {
	f.nodes = append(f.nodes, node{alias: none})
	f.at = append(f.at, at)
}

func (f *Forest) compile(n *conf.Node) (info, error) {
	c := info{Node: n}
	takes, err := n.Acceptance()
	if err != nil {
		return c, diag.E("rtree: what is taken", diag.Config, err)
	}
	if !takes.IsZero() {
		c.takes = &takes
	}
	for _, filter := range n.Filters {
		re, err := conf.CompileRegex(filter.Regex)
		if err != nil {
			return c, diag.E("rtree: routing filter", diag.Config, err)
		}
		to, err := f.place(filter.Node, false)
		if err != nil {
			return c, err
		}
		key := oraddr.Part{Text: oraddr.Text{Printable: filter.DDAKey}}.Folded()
		c.filters, c.targets, c.ddaKeys = append(c.filters, re), append(c.targets, to), append(c.ddaKeys, strings.Join(key, ""))
	}
	for _, name := range n.AccessMD {
		to, err := f.place(name, false)
		if err != nil {
			return c, err
		}
		c.accessMD = append(c.accessMD, to)
	}
	return c, nil
}

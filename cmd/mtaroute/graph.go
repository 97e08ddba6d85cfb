package main

import (
	"fmt"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/graph"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func graphCommand() *ucli.Command {
	return &ucli.Command{
		Name:      "graph",
		Usage:     "draw a routing tree, or the peers and what leads to them",
		ArgsUsage: "[TREE]",
		Flags:     []ucli.Flag{asOfFlag(), &ucli.BoolFlag{Name: "svg", Usage: "a picture, and not text for Graphviz"}},
		Action:    drawing,
	}
}

func drawing(c *ucli.Context) error {
	if err := without(c, "from", "simulate-down", "json"); err != nil {
		return err
	}
	if c.NArg() > 1 {
		return cli.Usage("graph wants one tree, or none")
	}
	cfg, err := configuration(c)
	if err != nil {
		return err
	}
	name, roots := cfg.Identity.MTA+" and its peers", peers(cfg)
	if tree := c.Args().First(); tree != "" {
		name = "routing tree " + tree
		if roots, err = treeOf(cfg, tree); err != nil {
			return err
		}
	}
	draw := graph.DOT
	if c.Bool("svg") {
		draw = graph.SVG
	}
	return draw(c.App.Writer, name, roots)
}

// peers has each peer below the switch, and what leads to it.
func peers(cfg *conf.Config) []*graph.Node {
	self := &graph.Node{Name: cfg.Identity.MTA, Says: []string{cfg.Identity.Domain.String()}}
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		n := &graph.Node{Name: p.Name}
		if !p.Enabled {
			n.Says = append(n.Says, "disabled")
		}
		n.Says = append(n.Says, called(cfg, p.Name)...)
		for k := range cfg.Routes {
			if r := &cfg.Routes[k]; slices.Contains(r.Peers, p.Name) {
				n.Below = append(n.Below, &graph.Node{Name: r.Match, Says: alternate(slices.Index(r.Peers, p.Name))})
			}
		}
		for k := range cfg.Nodes {
			for _, m := range slices.Concat(cfg.Nodes[k].MTAs, cfg.Nodes[k].Supporting) {
				if m.Name == p.Name {
					name := conf.NodeName{Tree: cfg.Nodes[k].Tree, At: cfg.Nodes[k].At}
					n.Below = append(n.Below, &graph.Node{Name: name.String(), Says: used(cfg, name.Tree, m.Weight)})
				}
			}
		}
		self.Below = append(self.Below, n)
	}
	graph.Sort(self.Below)
	return []*graph.Node{self}
}

// used tells a weight, and whether the tree is one that is not asked by itself.
func used(cfg *conf.Config, tree string, weight int) []string {
	says := []string{fmt.Sprintf("weight %d", weight)}
	if !slices.Contains(cfg.Identity.Trees, tree) {
		says = append(says, "not in identity.trees")
	}
	return says
}

func alternate(index int) []string {
	if index == 0 {
		return nil
	}
	return []string{fmt.Sprintf("alternate %d", index+1)}
}

// treeOf has the nodes of a routing tree, and those above them that say nothing.
func treeOf(cfg *conf.Config, tree string) ([]*graph.Node, error) {
	root := &graph.Node{Name: tree}
	var places oraddr.Tree
	drawn := map[int32]*graph.Node{places.Root(): root}
	found := false
	for i := range cfg.Nodes {
		n := &cfg.Nodes[i]
		if n.Tree != tree {
			continue
		}
		found = true
		at, node := int32(0), root
		if n.At != "" {
			path, err := oraddr.ParsePath(n.At)
			if err != nil {
				return nil, err
			}
			for k := range path {
				below, grown := places.Grow(at, &path[k])
				if grown {
					drawn[below] = &graph.Node{Name: path[k].String()}
					node.Below = append(node.Below, drawn[below])
				}
				at, node = below, drawn[below]
			}
		}
		node.Says = says(n)
	}
	if conf.OnDemand(tree) {
		return nil, diag.New(tree, diag.Usage, "is looked up, node by node: there is nothing here to draw")
	}
	if !found {
		return nil, diag.WithHint(diag.New(tree, diag.NoInput, "no such routing tree in the configuration"), "identity.trees has those that are used: "+strings.Join(cfg.Identity.Trees, ", "))
	}
	graph.Sort(root.Below)
	return []*graph.Node{root}, nil
}

// says is what a node does, in words of mta.toml(5).
func says(n *conf.Node) (all []string) {
	add := func(text string) { all = append(all, text) }
	if n.Alias != (conf.NodeName{}) {
		add("alias of " + n.Alias.String())
	}
	if n.UA {
		add("user agent")
	}
	for _, r := range n.Redirects {
		add("redirect " + r.To)
	}
	if n.Reject != "" {
		add("reject: " + n.Reject)
	}
	for _, m := range n.Supporting {
		add("supporting-mta " + m.String())
	}
	for _, f := range n.Filters {
		add("routing-filter " + f.String() + " to " + f.Node.String())
	}
	for _, m := range n.MTAs {
		add(m.String())
	}
	for _, a := range n.AccessMD {
		add("access-md " + a.String())
	}
	for _, p := range n.SearchPoints {
		add("bad-address-search-point " + p.String())
	}
	if n.Subtree == conf.AllChildren {
		add(n.Subtree)
	}
	if n.Failure != conf.NextLevel {
		add(n.Failure)
	}
	if n.Comment != "" {
		add(n.Comment)
	}
	return all
}

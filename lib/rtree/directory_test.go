package rtree

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// network is a configuration of MTA-A with the trees, as a file might have it.
func network(order []string, nodes []conf.Node) *conf.Config {
	c := conf.New()
	c.Identity.MTA, c.Identity.Domain, c.Identity.Trees = "MTA-A", oraddr.Domain{C: "GB", ADMD: "A"}, order
	for _, kind := range []string{conf.KindX400P1, conf.KindLocal} {
		ch := conf.NewChannel()
		ch.Name, ch.Kind = kind, kind
		c.Channels = append(c.Channels, ch)
	}
	for _, name := range []string{"MTA-B", "MTA-C", "MTA-D"} {
		p := conf.NewPeer()
		p.Name = name
		c.Peers = append(c.Peers, p)
	}
	for i := range nodes {
		n := &nodes[i]
		if a, err := oraddr.Parse(n.At); n.UA && (err != nil || a.Valid() != nil) {
			n.UA, n.Supporting, n.Redirects = false, nil, nil // it is above users, and none
		}
		if n.UA {
			u := conf.NewUser()
			u.Address, u.Mailbox = n.At, fmt.Sprintf("/mailbox/%d", i)
			c.Users = append(c.Users, u)
		}
	}
	c.Nodes = nodes
	c.Complete()
	return c
}

// Trees lead every address the same way whether they were written in a file or have been in
// a directory: ten thousand networks of up to 14 nodes, eight addresses each.
func TestDirectoryRoutesAsTheFile(t *testing.T) {
	l, err := ldapconf.NewLayout("o=Example", "MTA-A")
	if err != nil {
		t.Fatal(err)
	}
	// The node of an answer has the name of any node that says the same.
	unnamed := cmpopts.IgnoreFields(conf.Node{}, "Tree", "At")
	compared, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for networks := 0; networks < 100; {
			order, nodes := drawForest(t)
			order = slices.DeleteFunc(order, func(tree string) bool {
				return !slices.ContainsFunc(nodes, func(n conf.Node) bool { return n.Tree == tree })
			})
			if len(order) == 0 {
				order = []string{nodes[0].Tree}
			}
			file := network(order, nodes)
			if len(file.Faults()) > 0 {
				refused++ // a file with these errors routes nothing
				continue
			}
			networks++
			entries, err := ldapconf.Encode(file, l)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := ldapconf.WriteLDIF(&text, entries); err != nil {
				t.Fatal(err)
			}
			if entries, err = ldapconf.ReadLDIF(&text, "ldif"); err != nil {
				t.Fatal(err)
			}
			directory := conf.New()
			if err := ldapconf.Decode(directory, entries, l, "/"); err != nil {
				t.Fatal(err)
			}
			ways := make([]*Forest, 2)
			for i, c := range []*conf.Config{file, directory} {
				if ways[i], err = New(c.Identity.Trees, c.Nodes); err != nil {
					t.Fatal(err)
				}
			}
			for range 8 {
				a, err := oraddr.Parse(drawAt(t, false))
				if err != nil {
					t.Fatal(err)
				}
				q := &Query{Address: a, Local: "MTA-A"}
				if diff := cmp.Diff(ways[0].Find(q), ways[1].Find(q), unnamed); diff != "" {
					t.Fatalf("%s: %s", a, diff)
				}
				compared++
			}
		}
	})
	t.Logf("%d addresses compared; %d networks were refused", compared, refused)
	if compared < 8*refused {
		t.Error("most networks were refused: the test compares too little")
	}
}

package rtree

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// The tests are named after the sections of RFC 1801 whose sentences they are.

// plant makes a forest from tables as mta.toml(5) has them; a line "trees = [...]" in front
// gives the order.
func plant(t testing.TB, text string) *Forest {
	t.Helper()
	var file struct {
		Trees []string    `toml:"trees"`
		Nodes []conf.Node `toml:"node"`
	}
	if err := tableconf.Decode([]byte(text), "nodes", &file, func() []*conf.Fault { return nil }); err != nil {
		t.Fatal(err)
	}
	f, err := New(file.Trees, file.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// asked is a query of MTA-A.
func asked(t interface {
	Helper()
	Fatal(...any)
}, address string) *Query {
	t.Helper()
	a, err := oraddr.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &Query{Address: a, Local: "MTA-A"}
}

// without has the named MTAs out of reach.
func (q *Query) without(names ...string) *Query {
	q.Usable = func(mta string) (bool, string) {
		for _, name := range names {
			if name == mta {
				return false, "out of reach"
			}
		}
		return true, ""
	}
	return q
}

// String is the answer in a line: "transfer MTA-B MTA-C by open /PRMD=…/".
func (a Answer) String() string {
	s := string(a.Kind)
	if len(a.MTAs) > 0 {
		s += " " + strings.Join(a.MTAs, " ")
	}
	if a.Redirect != nil {
		s += " " + a.Redirect.To
	}
	if a.Kind != NoRoute {
		s += " by " + a.Where.String()
	}
	return s
}

func (f *Forest) expect(t *testing.T, q *Query, want string) {
	t.Helper()
	var told []Step
	q.Step = func(s Step) { told = append(told, s) }
	if got := f.Find(q).String(); got != want {
		t.Errorf("%s: %s, want %s", q.Address, got, want)
		for _, s := range told {
			t.Logf("  %v %s: %s: %s", s.Taken, s.Node, s.What, s.Why)
		}
	}
	q.Step = nil
	if got := f.Find(q).String(); got != want {
		t.Errorf("%s: %s if nobody asks why, want %s", q.Address, got, want)
	}
}

// A null address finds the root of a tree, which holds the default; the open community tree
// has no such entry, so that an address may be found nowhere.
func TestSection8_5_LookUp(t *testing.T) {
	f := plant(t, `
trees = ["open", "local"]
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-B" }]
[[node]]
tree = "local"
mta-info = [{ name = "MTA-H" }]
`)
	f.expect(t, asked(t, "/S=Kille/O=Org/PRMD=abc/ADMD=xyzmail/C=gb/"), "transfer MTA-B by open /PRMD=ABC/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/PRMD=ABC/ADMD=XYZMail/C=234/"), "transfer MTA-B by open /PRMD=ABC/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/S=Kille/PRMD=DEF/ADMD=XYZMail/C=GB/"), "transfer MTA-H by local /")
	f.expect(t, &Query{Local: "MTA-A"}, "transfer MTA-H by local /")
	only := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-B" }]
`)
	only.expect(t, asked(t, "/S=Kille/PRMD=DEF/ADMD=XYZMail/C=GB/"), "no-route")
}

// Routing trees may have aliases into other routing trees. What is above is what the name
// looked up says; a circle ends where it is.
func TestSection8_5_Aliases(t *testing.T) {
	f := plant(t, `
trees = ["first"]
[[node]]
tree = "first"
mta-info = [{ name = "MTA-H" }]
[[node]]
tree = "first"
at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
alias = { tree = "open", at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/" }
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-O" }]
[[node]]
tree = "open"
at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
[[node]]
tree = "open"
at = "/OU1=Sales/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-S" }]
[[node]]
tree = "first"
at = "/PRMD=ALL/ADMD=XYZ/C=GB/"
subtree-information = "all-children-present"
[[node]]
tree = "first"
at = "/O=Org/PRMD=ALL/ADMD=XYZ/C=GB/"
alias = { tree = "first", at = "/PRMD=AND/ADMD=XYZ/C=GB/" }
[[node]]
tree = "first"
at = "/PRMD=ROUND/ADMD=XYZ/C=GB/"
alias = { tree = "first", at = "/PRMD=AND/ADMD=XYZ/C=GB/" }
[[node]]
tree = "first"
at = "/PRMD=AND/ADMD=XYZ/C=GB/"
alias = { tree = "first", at = "/PRMD=ROUND/ADMD=XYZ/C=GB/" }
`)
	f.expect(t, asked(t, "/S=Kille/OU1=Sales/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"), "transfer MTA-S by open /OU1=Sales/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, "/S=Kille/OU1=Other/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"), "transfer MTA-H by first /")
	f.expect(t, asked(t, "/S=Kille/PRMD=ROUND/ADMD=XYZ/C=GB/"), "transfer MTA-H by first /")
	f.expect(t, asked(t, "/S=Kille/O=Org/PRMD=ALL/ADMD=XYZ/C=GB/"), "transfer MTA-H by first /") // it is there, and gives nothing
}

// The trees are used in the order of the list, and no other.
func TestSection9_1_RoutingTreeOrder(t *testing.T) {
	nodes := `
[[node]]
tree = "one"
at = "/C=GB/"
mta-info = [{ name = "MTA-1" }]
[[node]]
tree = "two"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-2" }]
[[node]]
tree = "unused"
mta-info = [{ name = "MTA-3" }]
`
	const address = "/S=Kille/PRMD=ABC/ADMD=XYZ/C=GB/"
	plant(t, `trees = ["one", "two"]`+nodes).expect(t, asked(t, address), "transfer MTA-1 by one /C=GB/")
	plant(t, `trees = ["two", "tables", "one"]`+nodes).expect(t, asked(t, address), "transfer MTA-2 by two /PRMD=ABC/ADMD=XYZ/C=GB/")
	plant(t, `trees = ["one", "two"]`+nodes).expect(t, asked(t, "/S=Kille/ADMD=XYZ/C=FR/"), "no-route")
}

// Open organisation with fallback: the open tree first, and if that fails one MTA.
func TestSection9_2_2_OpenOrganisationWithFallback(t *testing.T) {
	f := plant(t, `
trees = ["open", "fallback"]
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-B" }]
[[node]]
tree = "fallback"
mta-info = [{ name = "MTA-ADMD" }]
`)
	const address = "/S=Kille/PRMD=ABC/ADMD=XYZ/C=GB/"
	f.expect(t, asked(t, address), "transfer MTA-B by open /PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, address).without("MTA-B"), "transfer MTA-ADMD by fallback /")
	f.expect(t, asked(t, address).without("MTA-B", "MTA-ADMD"), "no-route")
}

// Minimal-routing MTA: the organisation aliased into the open tree, everything else to a
// hub.
func TestSection9_2_3_MinimalRoutingMTA(t *testing.T) {
	f := plant(t, `
trees = ["minimal"]
[[node]]
tree = "minimal"
mta-info = [{ name = "MTA-H", weight = 5 }, { name = "MTA-G", weight = 10 }]
[[node]]
tree = "minimal"
at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
alias = { tree = "open", at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/" }
[[node]]
tree = "open"
at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
[[node]]
tree = "open"
at = "/G=Ann/S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-A", weight = 0 }]
`)
	f.expect(t, asked(t, "/G=Ann/S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"), "deliver by open /G=Ann/S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, "/S=Other/ADMD=FR/C=FR/"), "transfer MTA-H MTA-G by minimal /")
}

// All children present: an address without an entry below is permanently invalid; without
// the attribute nothing follows from that. It says nothing about where routes are.
func TestSection10_SubtreeInformation(t *testing.T) {
	f := plant(t, `
trees = ["private", "zydeco"]
[[node]]
tree = "private"
at = "/O=Other/PRMD=ABC/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-P" }]
[[node]]
tree = "zydeco"
at = "/PRMD=ABC/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-Z" }]
[[node]]
tree = "zydeco"
at = "/O=Zydeco/PRMD=ABC/ADMD=XYZMail/C=GB/"
subtree-information = "all-children-present"
[[node]]
tree = "zydeco"
at = "/G=Edgar/S=Smythe/O=Zydeco/PRMD=ABC/ADMD=XYZMail/C=GB/"
`)
	f.expect(t, asked(t, "/G=Random/S=Unknown/O=Zydeco/PRMD=ABC/ADMD=XYZMail/C=GB/"), "invalid by zydeco /O=Zydeco/PRMD=ABC/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/G=Edgar/S=Smythe/O=Zydeco/PRMD=ABC/ADMD=XYZMail/C=GB/"), "transfer MTA-Z by zydeco /PRMD=ABC/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/O=Zydeco/PRMD=ABC/ADMD=XYZMail/C=GB/"), "transfer MTA-Z by zydeco /PRMD=ABC/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/S=Unknown/O=Other/PRMD=ABC/ADMD=XYZMail/C=GB/"), "transfer MTA-P by private /O=Other/PRMD=ABC/ADMD=XYZMail/C=GB/")
}

// What follows where no MTA of a node can be used.
func TestSection10_1_RoutingFailureAction(t *testing.T) {
	tree := func(action, rootAction string) *Forest {
		return plant(t, fmt.Sprintf(`
trees = ["one", "two"]
[[node]]
tree = "one"
mta-info = [{ name = "MTA-DEFAULT" }]
routing-failure-action = %q
[[node]]
tree = "one"
at = "/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-X" }]
[[node]]
tree = "one"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-B" }]
routing-failure-action = %q
[[node]]
tree = "two"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-2" }]
`, rootAction, action))
	}
	const address = "/S=Kille/PRMD=ABC/ADMD=XYZ/C=GB/"
	const above, first, second = "transfer MTA-X by one /ADMD=XYZ/C=GB/", "transfer MTA-DEFAULT by one /", "transfer MTA-2 by two /PRMD=ABC/ADMD=XYZ/C=GB/"
	next := conf.NextLevel
	tree(next, next).expect(t, asked(t, address), "transfer MTA-B by one /PRMD=ABC/ADMD=XYZ/C=GB/")
	tree(next, next).expect(t, asked(t, address).without("MTA-B"), above)
	tree(next, next).expect(t, asked(t, address).without("MTA-B", "MTA-X"), first)
	tree(next, next).expect(t, asked(t, address).without("MTA-B", "MTA-X", "MTA-DEFAULT"), second)
	tree(conf.NextTreeOnly, next).expect(t, asked(t, address).without("MTA-B"), second)
	tree(conf.NextTreeOnly, next).expect(t, asked(t, address).without("MTA-B", "MTA-2"), "no-route")
	tree(conf.NextTreeFirst, next).expect(t, asked(t, address).without("MTA-B"), second)
	tree(conf.NextTreeFirst, next).expect(t, asked(t, address).without("MTA-B", "MTA-2"), above)
	tree(conf.NextTreeFirst, next).expect(t, asked(t, address).without("MTA-B", "MTA-2", "MTA-X"), first)
	tree(conf.NextTreeFirst, next).expect(t, asked(t, address).without("MTA-B", "MTA-2", "MTA-X", "MTA-DEFAULT"), "no-route")
	tree(conf.Stop, next).expect(t, asked(t, address).without("MTA-B"), "stopped by one /PRMD=ABC/ADMD=XYZ/C=GB/")
	tree(next, conf.Stop).expect(t, asked(t, address).without("MTA-B", "MTA-X", "MTA-DEFAULT"), "stopped by one /")
	tree(next, conf.NextTreeFirst).expect(t, asked(t, address).without("MTA-B", "MTA-X", "MTA-DEFAULT"), second)
}

// A stop in a tree that is looked at first ends everything, what was to be fallen back to
// as well.
func TestSection10_1_StopInTheNextTree(t *testing.T) {
	f := plant(t, `
trees = ["one", "two"]
[[node]]
tree = "one"
mta-info = [{ name = "MTA-DEFAULT" }]
[[node]]
tree = "one"
at = "/C=GB/"
routing-failure-action = "next-tree-first"
[[node]]
tree = "two"
at = "/ADMD=XYZ/C=GB/"
routing-failure-action = "stop"
`)
	f.expect(t, asked(t, "/S=Kille/ADMD=XYZ/C=GB/"), "stopped by two /ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, "/S=Kille/ADMD=ZZZ/C=GB/"), "transfer MTA-DEFAULT by one /")
}

// The lower the weight, the better the choice; where it is equal the choice is random, and
// the same for all recipients of a message (section 13.2).
func TestSection10_2_RouteWeight(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-BACKUP", weight = 10 }, { name = "MTA-1" }, { name = "MTA-2" }, { name = "MTA-3" }, { name = "MTA-0", weight = 0 }]
[[node]]
tree = "open"
at = "/PRMD=DEF/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-3" }, { name = "MTA-1" }, { name = "MTA-2" }]
`)
	first := map[string]int{}
	for chance := range uint64(3000) {
		q, other := asked(t, "/S=Kille/PRMD=ABC/ADMD=XYZ/C=GB/"), asked(t, "/S=Kille/PRMD=DEF/ADMD=XYZ/C=GB/")
		q.Chance, other.Chance = chance, chance
		a, b := f.Find(q).MTAs, f.Find(other).MTAs
		if len(a) != 5 || a[0] != "MTA-0" || a[4] != "MTA-BACKUP" {
			t.Fatalf("%q", a)
		}
		if a[1] != b[0] {
			t.Fatalf("two recipients of a message go to %s and %s", a[1], b[0])
		}
		first[a[1]]++
	}
	for mta, n := range first {
		if len(first) != 3 || n < 900 || n > 1100 {
			t.Errorf("%s is the first of 3 for %d of 3000 messages", mta, n)
		}
	}
}

// If the MTA itself is in the list, it only routes to an MTA of lower weight.
func TestSection10_2_OwnWeight(t *testing.T) {
	f := plant(t, `
trees = ["open", "fallback"]
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZ/C=GB/"
mta-info = [{ name = "MTA-B", weight = 4 }, { name = "MTA-A", weight = 5 }, { name = "MTA-C", weight = 5 }, { name = "MTA-D", weight = 6 }]
[[node]]
tree = "fallback"
mta-info = [{ name = "MTA-H" }]
`)
	q := asked(t, "/S=Kille/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, q, "transfer MTA-B by open /PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, q.without("MTA-B"), "transfer MTA-H by fallback /")
	q.Usable, q.Local = nil, "MTA-D"
	if a := f.Find(q); len(a.MTAs) != 3 || a.MTAs[0] != "MTA-B" {
		t.Errorf("MTA-D: %s", a)
	}
}

// Routing filters are for what of the address is below the node; they override mTAInfo and
// accessMD, the one of the least weight first; only if none matches are those considered.
// The example is that of the section.
func TestSection10_3_RoutingFilters(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
at = "/PRMD=ABC/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-ABC" }]
routing-filter = [
  { attribute = "X121", node = { tree = "gateways", at = "/PRMD=FAX/ADMD=XYZMail/C=GB/" } },
  { attribute = "X121", regex-match = "^9262", weight = 0, node = { tree = "gateways", at = "/ADMD=FAX/C=DE/" } },
  { attribute = "DDA", dda-key = "printer", node = { tree = "gateways", at = "/PRMD=PRINT/ADMD=XYZMail/C=GB/" } },
  { attribute = "S", regex-match = "^k(ille|eller)$", node = { tree = "gateways", at = "/PRMD=EMPTY/ADMD=XYZMail/C=GB/" } },
  { attribute = "PRMD", weight = 0, node = { tree = "gateways", at = "/ADMD=FAX/C=DE/" } },
]
[[node]]
tree = "open"
at = "/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-XYZ" }]
[[node]]
tree = "gateways"
at = "/PRMD=FAX/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-FAX" }]
[[node]]
tree = "gateways"
at = "/ADMD=FAX/C=DE/"
mta-info = [{ name = "MTA-FAX-DE" }]
[[node]]
tree = "gateways"
at = "/PRMD=PRINT/ADMD=XYZMail/C=GB/"
mta-info = [{ name = "MTA-PRINT" }]
[[node]]
tree = "gateways"
at = "/PRMD=EMPTY/ADMD=XYZMail/C=GB/"
routing-failure-action = "stop"
`)
	const fax = "transfer MTA-FAX by gateways /PRMD=FAX/ADMD=XYZMail/C=GB/"
	f.expect(t, asked(t, "/X121=12345/PRMD=ABC/ADMD=XYZMail/C=GB/"), fax)
	f.expect(t, asked(t, "/X121=92625/PRMD=ABC/ADMD=XYZMail/C=GB/"), "transfer MTA-FAX-DE by gateways /ADMD=FAX/C=DE/")
	f.expect(t, asked(t, "/DD.Printer=2/S=Smith/O=Org/PRMD=ABC/ADMD=XYZMail/C=GB/"), "transfer MTA-PRINT by gateways /PRMD=PRINT/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/DD.other=2/S=Smith/O=Org/PRMD=ABC/ADMD=XYZMail/C=GB/"), "transfer MTA-ABC by open /PRMD=ABC/ADMD=XYZMail/C=GB/")
	// The attributes of the node that a filter leads to are all that counts: the current
	// entry sets no defaults, and what follows is what that one says.
	f.expect(t, asked(t, "/S=Keller/O=Org/PRMD=ABC/ADMD=XYZMail/C=GB/"), "stopped by open /PRMD=ABC/ADMD=XYZMail/C=GB/")
	f.expect(t, asked(t, "/X121=12345/PRMD=ABC/ADMD=XYZMail/C=GB/").without("MTA-FAX"), "transfer MTA-XYZ by open /ADMD=XYZMail/C=GB/")
}

// An access MD is read, and its attributes used, if it is not possible to route to any of
// the MTAs; circles end.
func TestSection10_4_IndirectConnectivity(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
at = "/ADMD=Closed/C=GB/"
mta-info = [{ name = "MTA-X25" }]
access-md = [{ tree = "lists", at = "/PRMD=One/ADMD=Lists/C=GB/" }, { tree = "lists", at = "/PRMD=Two/ADMD=Lists/C=GB/" }]
[[node]]
tree = "lists"
at = "/PRMD=One/ADMD=Lists/C=GB/"
access-md = [{ tree = "lists", at = "/PRMD=Round/ADMD=Lists/C=GB/" }]
[[node]]
tree = "lists"
at = "/PRMD=Round/ADMD=Lists/C=GB/"
access-md = [{ tree = "lists", at = "/PRMD=One/ADMD=Lists/C=GB/" }]
[[node]]
tree = "lists"
at = "/PRMD=Two/ADMD=Lists/C=GB/"
mta-info = [{ name = "MTA-ACCESS" }]
`)
	q := asked(t, "/S=Kille/O=Org/ADMD=Closed/C=GB/")
	f.expect(t, q, "transfer MTA-X25 by open /ADMD=Closed/C=GB/")
	f.expect(t, q.without("MTA-X25"), "transfer MTA-ACCESS by lists /PRMD=Two/ADMD=Lists/C=GB/")
	f.expect(t, q.without("MTA-X25", "MTA-ACCESS"), "no-route")
}

// What an access MD says about what follows is said as if by the node that led to it; and
// lists of lists cost what they are long, however they refer to one another.
func TestSection10_4_AttributesOfTheAccessMD(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
mta-info = [{ name = "MTA-UP" }]
[[node]]
tree = "open"
at = "/ADMD=Stop/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=Stop/C=GB/" }]
[[node]]
tree = "md"
at = "/ADMD=Stop/C=GB/"
routing-failure-action = "stop"
[[node]]
tree = "open"
at = "/ADMD=Twice/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=Leads/C=GB/" }, { tree = "md", at = "/ADMD=Stop/C=GB/" }]
[[node]]
tree = "md"
at = "/ADMD=Leads/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=Stop/C=GB/" }]
[[node]]
tree = "open"
at = "/ADMD=Many/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=1/C=GB/" }]
[[node]]
tree = "md"
at = "/ADMD=1/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=1/C=GB/" }, { tree = "md", at = "/ADMD=2/C=GB/" }, { tree = "md", at = "/ADMD=3/C=GB/" }]
[[node]]
tree = "md"
at = "/ADMD=2/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=3/C=GB/" }, { tree = "md", at = "/ADMD=1/C=GB/" }, { tree = "md", at = "/ADMD=2/C=GB/" }]
[[node]]
tree = "md"
at = "/ADMD=3/C=GB/"
access-md = [{ tree = "md", at = "/ADMD=2/C=GB/" }, { tree = "md", at = "/ADMD=1/C=GB/" }, { tree = "md", at = "/ADMD=4/C=GB/" }]
[[node]]
tree = "md"
at = "/ADMD=4/C=GB/"
mta-info = [{ name = "MTA-4" }]
`)
	f.expect(t, asked(t, "/S=Kille/ADMD=Stop/C=GB/"), "stopped by open /ADMD=Stop/C=GB/")
	f.expect(t, asked(t, "/S=Kille/ADMD=Twice/C=GB/"), "stopped by open /ADMD=Twice/C=GB/")
	f.expect(t, asked(t, "/S=Kille/ADMD=Many/C=GB/"), "transfer MTA-4 by md /ADMD=4/C=GB/")
	steps := 0
	q := asked(t, "/S=Kille/ADMD=Many/C=GB/").without("MTA-4")
	q.Step = func(Step) { steps++ }
	if f.Find(q); steps > 30 {
		t.Errorf("%d steps over four nodes that refer to each other", steps)
	}
}

// A filter sees every variant of a value.
func TestSection10_3_Variants(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
at = "/ADMD=X/C=DE/"
routing-filter = [{ attribute = "O", regex-match = "^müller$", node = { tree = "open", at = "/ADMD=M/C=DE/" } }]
[[node]]
tree = "open"
at = "/ADMD=M/C=DE/"
mta-info = [{ name = "MTA-M" }]
`)
	f.expect(t, asked(t, "/S=A/O=Mueller*M{200}uller/ADMD=X/C=DE/"), "transfer MTA-M by open /ADMD=M/C=DE/")
	f.expect(t, asked(t, "/S=A/O=*M{200}uller/ADMD=X/C=DE/"), "transfer MTA-M by open /ADMD=M/C=DE/")
	f.expect(t, asked(t, "/S=A/O=Mueller/ADMD=X/C=DE/"), "no-route")
}

// The MTAs of the node that gives the answer are alternates of one another, in the order of their
// weights; those of nodes above, and of other trees, are not.
func TestSection13_1_AlternateRoutes(t *testing.T) {
	f := plant(t, `
trees = ["open", "local"]
[[node]]
tree = "open"
at = "/ADMD=A/C=GB/"
mta-info = [{ name = "MTA-D" }]
[[node]]
tree = "open"
at = "/PRMD=P/ADMD=A/C=GB/"
mta-info = [{ name = "MTA-C", weight = 10 }, { name = "MTA-B" }]
[[node]]
tree = "local"
mta-info = [{ name = "MTA-H" }]
`)
	f.expect(t, asked(t, "/S=X/PRMD=P/ADMD=A/C=GB/"), "transfer MTA-B MTA-C by open /PRMD=P/ADMD=A/C=GB/")
	f.expect(t, asked(t, "/S=X/PRMD=P/ADMD=A/C=GB/").without("MTA-B"), "transfer MTA-C by open /PRMD=P/ADMD=A/C=GB/")
	f.expect(t, asked(t, "/S=X/PRMD=P/ADMD=A/C=GB/").without("MTA-B", "MTA-C"), "transfer MTA-D by open /ADMD=A/C=GB/")
}

// Recipients of one message that may take the same MTAs take the same one; those of another message
// may take another.
func TestSection13_2_SharingRoutes(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
at = "/PRMD=P/ADMD=A/C=GB/"
mta-info = [{ name = "MTA-B" }, { name = "MTA-C" }, { name = "MTA-D" }]
[[node]]
tree = "open"
at = "/PRMD=Q/ADMD=A/C=GB/"
mta-info = [{ name = "MTA-D" }, { name = "MTA-B" }, { name = "MTA-C" }]
`)
	first := map[string]int{}
	for message := range uint64(60) {
		p, q := asked(t, "/S=X/PRMD=P/ADMD=A/C=GB/"), asked(t, "/S=Y/PRMD=Q/ADMD=A/C=GB/")
		p.Chance, q.Chance = message, message
		one, other := f.Find(p).MTAs, f.Find(q).MTAs
		if !slices.Equal(one, other) {
			t.Errorf("message %d: %v and %v", message, one, other)
		}
		first[one[0]]++
	}
	if len(first) != 3 {
		t.Errorf("the first are %v", first)
	}
}

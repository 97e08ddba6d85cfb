package conf

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// Tables is the name, in Identity.Trees, of the routing tree that routes, users, lists and
// the own domain make.
const Tables = "tables"

// OpenCommunity is the name of the routing tree whose root is that of the directory (RFC 1801
// §8.2).
const OpenCommunity = "open-community"

// OnDemand tells whether a tree is looked up in the directory, node by node, when an address
// comes to it: the open community tree, and one that is named by the distinguished name of its
// root. Such a tree has no nodes in a configuration.
func OnDemand(tree string) bool { return tree == OpenCommunity || strings.Contains(tree, "=") }

// The values of Node.Failure: what follows when no MTA of a node can be used (RFC 1801
// §10.1, routingFailureAction).
const (
	NextLevel     = "next-level"      // the node above; at the root of a tree as NextTreeOnly
	NextTreeOnly  = "next-tree-only"  // the next tree
	NextTreeFirst = "next-tree-first" // the next tree, and then the node above
	Stop          = "stop"            // nothing: the address is unroutable
)

// The values of Node.Subtree (RFC 1801 §10, subtreeInformation).
const (
	AllChildren    = "all-children-present"     // what has no entry below is no address
	NotAllChildren = "not-all-children-present" // nothing follows from that
)

// Node is a node of a routing tree: the attributes of routingInformation (RFC 1801 §10),
// and with UA those of routedUA (§11).
type Node struct {
	Tree  string   `json:"tree" toml:"tree"`
	At    string   `json:"at,omitempty" toml:"at"` // O/R address; empty: the root of the tree
	Alias NodeName `json:"alias,omitzero" toml:"alias"`

	Subtree  string     `json:"subtree-information" toml:"subtree-information"`
	Filters  []Filter   `json:"routing-filter,omitempty" toml:"routing-filter"`
	MTAs     []MTAInfo  `json:"mta-info,omitempty" toml:"mta-info"`
	AccessMD []NodeName `json:"access-md,omitempty" toml:"access-md"`
	Failure  string     `json:"routing-failure-action" toml:"routing-failure-action"`

	// nonDeliveryInfo, as a route has it.
	Reject     string `json:"reject,omitempty" toml:"reject"`
	Reason     int    `json:"reason" toml:"reason"`
	Diagnostic int    `json:"diagnostic" toml:"diagnostic"`

	// Where, and by what of FilterAttributes, others are looked for that a bad address below may
	// mean (RFC 1801 §22.4); none: by CN.
	SearchPoints     []NodeName        `json:"bad-address-search-point,omitempty" toml:"bad-address-search-point"`
	SearchAttributes []NamingAttribute `json:"bad-address-search-attributes,omitempty" toml:"bad-address-search-attributes"`

	UA         bool       `json:"routed-ua" toml:"routed-ua"`
	Supporting []MTAInfo  `json:"supporting-mta,omitempty" toml:"supporting-mta"`
	Redirects  []Redirect `json:"redirect,omitempty" toml:"redirect"`

	// What addresses at and below the node take (RFC 1801 §18.4); each that is set goes before
	// that of a node above.
	MaxSize      quantity.Octets `json:"max-size,omitempty" toml:"max-size"`           // 0: that of above
	ContentTypes []string        `json:"content-types,omitempty" toml:"content-types"` // empty: those of above
	EITs         []string        `json:"eits,omitempty" toml:"eits"`                   // empty: those of above

	Comment string `json:"comment,omitempty" toml:"comment"`
}

// Acceptance returns what addresses below the node take, as far as it says; the error has kind
// Data.
func (n *Node) Acceptance() (Acceptance, error) {
	return acceptance(n.MaxSize, n.ContentTypes, n.EITs, nil)
}

// NodeName names a node of a routing tree. The zero NodeName names none.
type NodeName struct {
	Tree string `json:"tree" toml:"tree"`
	At   string `json:"at,omitempty" toml:"at"` // O/R address; empty: the root
}

// String returns the tree and the address, "open /PRMD=ABC/ADMD=XYZ/C=GB/".
func (n NodeName) String() string {
	if n.At == "" {
		return n.Tree + " /"
	}
	return n.Tree + " " + n.At
}

// MaxWeight is the greatest RouteWeight (RFC 1801 §10.2), that of the worst choice.
const MaxWeight = 20

// preferredAccess is the weight of what has none.
const preferredAccess = 5

// MTAInfo is an MTA to transfer to, or one that supports a user agent (RFC 1801 §10.2,
// mTAInfo): a peer, or this MTA itself.
type MTAInfo struct {
	Name   string `json:"name" toml:"name"`     // MTA name
	Weight int    `json:"weight" toml:"weight"` // RouteWeight; the lowest is the best
}

// String returns the name and the weight: "MTA-B weight 5".
func (m MTAInfo) String() string { return m.Name + " weight " + strconv.Itoa(m.Weight) }

// Default returns an MTAInfo of preferred access.
func (MTAInfo) Default() any { return MTAInfo{Weight: preferredAccess} }

// Filter leads to another node by an attribute that is below the node matched (RFC 1801
// §10.3, routingFilter).
type Filter struct {
	Attribute string   `json:"attribute" toml:"attribute"`       // one of FilterAttributes
	DDAKey    string   `json:"dda-key,omitempty" toml:"dda-key"` // type of the DDA; empty: any
	Regex     string   `json:"regex-match,omitempty" toml:"regex-match"`
	Weight    int      `json:"weight" toml:"weight"`
	Node      NodeName `json:"node" toml:"node"`
}

// Default returns a Filter of preferred access.
func (Filter) Default() any { return Filter{Weight: preferredAccess} }

// String returns what the filter asks for, and its weight: "X121 ^9262 weight 0".
func (f Filter) String() string {
	s := f.Attribute
	if f.DDAKey != "" {
		s += "." + f.DDAKey
	}
	if strings.ContainsFunc(f.Regex, unicode.IsControl) {
		s += " " + strconv.Quote(f.Regex)
	} else if f.Regex != "" {
		s += " " + f.Regex
	}
	return s + " weight " + strconv.Itoa(f.Weight)
}

// FilterAttributes are the attributes that a filter may ask for: the naming attributes of
// RFC 2294, by their keys of RFC 2156.
var FilterAttributes = []string{"C", "ADMD", "PRMD", "X121", "UA-ID", "O", "OU", "S", "G", "I", "GQ", "CN", "T-ID", "DDA"}

// NamingAttribute is one of FilterAttributes.
type NamingAttribute string

// Redirect is an element of redirect, RFC 1801 §22.1: where what comes for a user goes
// instead. At most one of MinSize, MaxSize, ContentType and EIT is set; without any it
// is for everything.
type Redirect struct {
	To          string          `json:"to" toml:"to"` // O/R address
	Reason      string          `json:"reason" toml:"reason"`
	MinSize     quantity.Octets `json:"min-size,omitempty" toml:"min-size"` // for what is larger
	MaxSize     quantity.Octets `json:"max-size,omitempty" toml:"max-size"` // for what is smaller
	ContentType string          `json:"content-type,omitempty" toml:"content-type"`
	EIT         string          `json:"eit,omitempty" toml:"eit"`
}

// redirectReasons are the values of Redirect.Reason, and what X.411 calls them.
var redirectReasons = map[string]mts.RedirectionReason{
	"recipient":    mts.RecipientAssignedAlternateRecipient,
	"recipient-md": mts.RecipientMDAssignedAlternateRecipient,
	"alias":        mts.Alias,
}

// RedirectionReason returns the reason that a redirection tells.
func (r *Redirect) RedirectionReason() mts.RedirectionReason { return redirectReasons[r.Reason] }

// Default returns a Redirect that a recipient has assigned.
func (Redirect) Default() any { return Redirect{Reason: "recipient"} }

// NewNode returns a Node with the defaults.
func NewNode() Node { return Node{Subtree: NotAllChildren, Failure: NextLevel, Reason: 1} }

func (v *validator) nodes() {
	trees := map[string]bool{Tables: true}
	for _, n := range v.c.Nodes {
		trees[n.Tree] = true
	}
	v.in("identity")
	if trees := v.c.Identity.Trees; trees != nil && len(trees) == 0 { // nil is the default
		v.faultf("trees", "no tree: nothing would have a route")
	}
	for i, name := range v.c.Identity.Trees {
		key := "trees[" + strconv.Itoa(i) + "]"
		if !trees[name] && !OnDemand(name) {
			v.faultf(key, "there is no [[node]] of a tree %s", quote([]byte(name)))
		}
		if slices.Contains(v.c.Identity.Trees[:i], name) {
			v.faultf(key, "%s twice", quote([]byte(name)))
		}
	}
	t := &treeValidator{validator: v, roots: map[string]int32{}, where: map[int32]int{}, mtas: map[string]bool{v.c.Identity.MTA: true}, own: map[string]bool{}}
	for i := range v.c.Nodes {
		v.entry("node", i, v.c.Nodes[i].name().String())
		t.put(&v.c.Nodes[i])
	}
	for _, p := range v.c.Peers {
		t.mtas[p.Name] = true
	}
	for _, u := range v.c.Users {
		t.owns(u.Address)
	}
	for _, l := range v.c.Lists {
		t.owns(l.Address)
	}
	for i := range v.c.Nodes {
		v.entry("node", i, v.c.Nodes[i].name().String())
		t.node(&v.c.Nodes[i])
	}
}

func (n *Node) name() NodeName { return NodeName{n.Tree, n.At} }

// treeValidator knows what nodes may refer to.
type treeValidator struct {
	*validator
	places oraddr.Tree
	roots  map[string]int32 // of trees
	where  map[int32]int    // node by place
	mtas   map[string]bool  // peers, and this MTA
	own    map[string]bool  // users and lists, by oraddr.Address.Key

	alone bool // the node is of a tree whose nodes are not here: what it refers to is not known
}

// grow returns the place of a node, which is made if it is not there.
func (t *treeValidator) grow(tree string, path []oraddr.RDN) int32 {
	at, ok := t.roots[tree]
	if !ok {
		at = t.places.Root()
		t.roots[tree] = at
	}
	for i := range path {
		at, _ = t.places.Grow(at, &path[i])
	}
	return at
}

// place returns that of a node.
func (t *treeValidator) place(tree string, path []oraddr.RDN) (at int32, ok bool) {
	at, ok = t.roots[tree]
	for i := 0; ok && i < len(path); i++ {
		at, ok = t.places.Below(at, &path[i], nil)
	}
	return at, ok
}

func (t *treeValidator) owns(address string) {
	if a, err := oraddr.Parse(address); err == nil {
		t.own[a.Key()] = true
	}
}

// put enters the place of a node.
func (t *treeValidator) put(n *Node) {
	switch {
	case !t.required("tree", n.Tree):
	case n.Tree == Tables:
		t.faultf("tree", "%s is the tree of [[route]], [[user]] and [[list]]", Tables)
	case OnDemand(n.Tree):
		t.faultf("tree", "the nodes of %s are in the directory and not here", quote([]byte(n.Tree)))
	case strings.ContainsFunc(n.Tree, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }):
		t.faultf("tree", "%s has other than visible characters, or a slash", quote([]byte(n.Tree)))
	}
	path, ok := t.path("at", n.At)
	if !ok {
		return
	}
	at := t.grow(n.Tree, path)
	if first, dup := t.where[at]; dup {
		t.faultf("at", "is that of [[node]] number %d", first+1)
		return
	}
	t.where[at] = t.index
}

func (t *treeValidator) path(key, at string) ([]oraddr.RDN, bool) {
	if at == "" {
		return nil, true
	}
	path, err := oraddr.ParsePath(at)
	if err != nil {
		t.fault(key, err)
	}
	return path, err == nil
}

// refer checks the name of another node.
func (t *treeValidator) refer(key string, name NodeName) {
	path, ok := t.path(key+".at", name.At)
	if !ok || t.alone || OnDemand(name.Tree) {
		return
	}
	at, ok := t.place(name.Tree, path)
	if ok {
		_, ok = t.where[at]
	}
	if !ok {
		t.faultf(key, "there is no [[node]] %s", name)
	}
}

func (t *treeValidator) node(n *Node) {
	if n.Alias != (NodeName{}) {
		if t.refer("alias", n.Alias); len(n.Filters)+len(n.MTAs)+len(n.AccessMD)+len(n.Supporting)+len(n.Redirects)+len(n.ContentTypes)+len(n.EITs)+int(n.MaxSize)+len(n.SearchPoints)+len(n.SearchAttributes) > 0 || n.UA || n.Reject != "" {
			t.faultf("alias", "an alias has nothing of its own")
		}
		if n.Alias == n.name() {
			t.faultf("alias", "is the node itself")
		}
	}
	t.belowAlias(n)
	if s := n.Subtree; s != AllChildren && s != NotAllChildren {
		t.faultf("subtree-information", "%s is neither %s nor %s", quote([]byte(s)), AllChildren, NotAllChildren)
	}
	if !slices.Contains([]string{NextLevel, NextTreeOnly, NextTreeFirst, Stop}, n.Failure) {
		t.faultf("routing-failure-action", "%s is none of %s, %s, %s and %s", quote([]byte(n.Failure)), NextLevel, NextTreeOnly, NextTreeFirst, Stop)
	}
	for i, f := range n.Filters {
		key := "routing-filter[" + strconv.Itoa(i) + "]."
		if !slices.Contains(FilterAttributes, f.Attribute) {
			t.faultf(key+"attribute", "%s is none of %v", quote([]byte(f.Attribute)), FilterAttributes)
		}
		if f.DDAKey != "" && f.Attribute != "DDA" {
			t.faultf(key+"dda-key", "is for the attribute DDA only")
		}
		if _, err := CompileRegex(f.Regex); err != nil {
			t.fault(key+"regex-match", err)
		}
		t.between(key+"weight", int64(f.Weight), 0, MaxWeight)
		t.refer(key+"node", f.Node)
	}
	for i, name := range n.AccessMD {
		key := "access-md[" + strconv.Itoa(i) + "]"
		if t.refer(key, name); slices.Contains(n.AccessMD[:i], name) {
			t.faultf(key, "%s twice", name)
		}
	}
	if len(n.AccessMD) > MaxAccessMD {
		t.faultf("access-md", "%d nodes; a node has at most %d", len(n.AccessMD), MaxAccessMD)
	}
	t.badAddresses(n)
	t.mtaInfo("mta-info", n.MTAs, t.mtas)
	t.mtaInfo("supporting-mta", n.Supporting, t.mtas)
	t.rejection(n.Reject, n.Reason, n.Diagnostic)
	t.acceptance(n.MaxSize, n.ContentTypes, n.EITs, nil)
	t.userAgent(n)
}

// MaxAccessMD bounds the access MDs of a node, MaxSearchPoints its search points.
const (
	MaxAccessMD     = 8
	MaxSearchPoints = 8
)

// badAddresses checks where a node would have bad addresses looked for. A point may be there
// for the sake of those below it alone.
func (t *treeValidator) badAddresses(n *Node) {
	for i, name := range n.SearchPoints {
		key := "bad-address-search-point[" + strconv.Itoa(i) + "]"
		if slices.Contains(n.SearchPoints[:i], name) {
			t.faultf(key, "%s twice", name)
		}
		if name.Tree == Tables {
			if name.At != "" {
				t.faultf(key+".at", "%s has one level, of users and lists, and no nodes", Tables)
			}
			continue
		}
		if OnDemand(name.Tree) {
			t.faultf(key, "%s is looked up, and not searched", name)
			continue
		}
		path, ok := t.path(key+".at", name.At)
		if !ok || t.alone {
			continue
		}
		if _, ok := t.place(name.Tree, path); !ok {
			t.faultf(key, "there is no [[node]] %s, nor one below it", name)
		}
	}
	if len(n.SearchPoints) > MaxSearchPoints {
		t.faultf("bad-address-search-point", "%d nodes; a node has at most %d", len(n.SearchPoints), MaxSearchPoints)
	}
	for i, a := range n.SearchAttributes {
		key := "bad-address-search-attributes[" + strconv.Itoa(i) + "]"
		if !slices.Contains(FilterAttributes, string(a)) {
			t.faultf(key, "%s is none of %v", quote([]byte(a)), FilterAttributes)
		}
		if slices.Contains(n.SearchAttributes[:i], a) {
			t.faultf(key, "%s twice", quote([]byte(a)))
		}
	}
}

// Faults returns what is wrong with a node by itself, wherever it leads to: one of a tree that
// is not held.
func (n *Node) Faults() []*Fault {
	v := &validator{c: New()}
	v.entry("node", 0, n.name().String())
	t := &treeValidator{validator: v, alone: true}
	t.node(n)
	return v.faults
}

// belowAlias reports a node below an alias: what is below it is below what it leads to.
func (t *treeValidator) belowAlias(n *Node) {
	path, err := oraddr.ParsePath(n.At)
	if err != nil {
		return
	}
	at, ok := t.place(n.Tree, path)
	if !ok {
		return // its name was refused
	}
	for at = t.places.Above(at); at >= 0; at = t.places.Above(at) {
		if above, ok := t.where[at]; ok && t.c.Nodes[above].Alias != (NodeName{}) {
			t.faultf("at", "is below [[node]] number %d, which is an alias", above+1)
		}
	}
}

func (t *treeValidator) userAgent(n *Node) {
	switch {
	case !n.UA && len(n.Supporting) > 0:
		t.faultf("supporting-mta", "is for a node with routed-ua only")
	case !n.UA && len(n.Redirects) > 0:
		t.faultf("redirect", "is for a node with routed-ua only")
	case n.UA && n.At == "":
		t.faultf("routed-ua", "the root of a tree is no address")
	case n.UA && len(n.Supporting) == 0 && len(n.Redirects) == 0 && n.Reject == "":
		t.faultf("", "a user agent needs one of supporting-mta, redirect and reject (RFC 1801 §11)")
	}
	a, err := oraddr.Parse(n.At)
	if err == nil && !t.alone && !t.own[a.Key()] && slices.ContainsFunc(n.Supporting, func(m MTAInfo) bool { return m.Name == t.c.Identity.MTA }) {
		t.faultf("supporting-mta", "names this MTA, and there is no [[user]] or [[list]] %s", n.At)
	}
	t.redirects(n)
}

func (v *validator) mtaInfo(key string, all []MTAInfo, mtas map[string]bool) {
	if len(all) > MaxAlternates {
		v.faultf(key, "%d MTAs; a node has at most %d", len(all), MaxAlternates)
		return
	}
	for i, m := range all {
		at := key + "[" + strconv.Itoa(i) + "]."
		if mtas != nil && !mtas[m.Name] {
			v.faultf(at+"name", "there is no [[peer]] %s", quote([]byte(m.Name)))
		}
		if slices.ContainsFunc(all[:i], func(o MTAInfo) bool { return o.Name == m.Name }) {
			v.faultf(at+"name", "%s twice", quote([]byte(m.Name)))
		}
		v.between(at+"weight", int64(m.Weight), 0, MaxWeight)
	}
}

func (v *validator) redirects(n *Node) {
	for i, r := range n.Redirects {
		key := "redirect[" + strconv.Itoa(i) + "]."
		if v.required(key+"to", r.To) {
			if v.recipient(key+"to", r.To); sameAddress(r.To, n.At) {
				v.faultf(key+"to", "is the user agent itself")
			}
		}
		if _, ok := redirectReasons[r.Reason]; !ok {
			v.faultf(key+"reason", "%s is neither recipient, recipient-md nor alias", quote([]byte(r.Reason)))
		}
		v.between(key+"min-size", int64(r.MinSize), 0, MaxContentLength)
		v.between(key+"max-size", int64(r.MaxSize), 0, MaxContentLength)
		filters := 0
		for _, has := range []bool{r.MinSize > 0, r.MaxSize > 0, r.ContentType != "", r.EIT != ""} {
			if has {
				filters++
			}
		}
		if filters > 1 {
			v.faultf(key+"to", "has %d of min-size, max-size, content-type and eit; at most one is allowed", filters)
		}
		if r.ContentType != "" {
			if _, err := mts.ParseContentType(r.ContentType); err != nil {
				v.fault(key+"content-type", err)
			}
		}
		if r.EIT != "" {
			if _, err := mts.ParseEIT(r.EIT); err != nil {
				v.fault(key+"eit", err)
			}
		}
	}
}

// rejection checks what a non-delivery report is to say.
func (v *validator) rejection(text string, reason, diagnostic int) {
	if len(text) > MaxSupplementary || strings.ContainsFunc(text, notPrintable) {
		v.faultf("reject", "%s is not 1 to %d printable-string characters", quote([]byte(text)), MaxSupplementary)
	}
	v.between("reason", int64(reason), 0, MaxCode)
	v.between("diagnostic", int64(diagnostic), NoDiagnostic, MaxCode)
}

package ldapconf

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// maxErrors bounds what a wrong directory prints, maxKept what it costs.
const (
	maxErrors = 50
	maxKept   = 1000
)

// Decode puts what entries say into c, which has the defaults and what is of the machine
// alone, and completes and validates it. Relative paths begin at dir. Entries that are none
// of ours, and attributes that mean nothing here, are let be. The error has kind Config and
// names the entry and the attribute of everything that is wrong.
func Decode(c *conf.Config, entries []Entry, l Layout, dir string) error {
	return newDecoder(c, l).decode(entries, dir)
}

func (d *decoder) decode(entries []Entry, dir string) error {
	c := d.conf
	d.read(entries)
	if len(d.errs) == 0 {
		c.Absolute(dir)
		c.Complete()
		faults := c.Faults()
		if slices.ContainsFunc(faults, func(f *conf.Fault) bool { return f.Table == node.name && f.Index >= d.used }) {
			c.Nodes = c.Nodes[:d.used]
			faults = c.Faults()
		}
		for _, f := range faults {
			d.fail(d.from(f), inAttribute(f))
		}
	}
	return d.err()
}

// inAttribute says a fault of the model with the attribute that has it.
func inAttribute(f *conf.Fault) error {
	for _, t := range everyTable() {
		if t.name != f.Table || f.Key == "" {
			continue
		}
		key, rest := f.Key, ""
		if end := strings.IndexAny(key, ".["); end >= 0 {
			key, rest = key[:end], conf.Place(f.Key[end:])
		}
		if rest = strings.TrimPrefix(strings.TrimSpace(rest), "."); rest != "" {
			rest += ": "
		}
		if t.attribute(key) == dlPolicy {
			rest = key + ": " + rest
		}
		return fmt.Errorf("%s: %s%w", t.attribute(key), rest, f.Err)
	}
	return f
}

// decoder sorts entries and fills the model.
type decoder struct {
	Layout
	conf   *conf.Config
	own    *Entry
	below  map[string][]*Entry // below the entry of the switch, by table
	shared map[string]*Entry   // MTAs by name
	trees  map[string][]*Entry // by name, in small letters
	mtaAs  map[string]string   // the name of an MTA by the cn of its entry, in small letters
	treeAs map[string]string   // likewise the cn of a tree as its entry has it
	peers  map[string]bool     // what is no neighbour cannot be used; this MTA is in it
	since  time.Time           // when it was read

	version string            // of what is kept for looks
	looked  bool              // it is a single entry, of a tree that is not held
	used    int               // nodes of trees that are used, which come first
	origin  map[string]string // the entry of what stands at a path of the model
	errs    []error
	more    int
}

func newDecoder(c *conf.Config, l Layout) *decoder {
	return &decoder{Layout: l, conf: c, below: map[string][]*Entry{}, shared: map[string]*Entry{}, trees: map[string][]*Entry{},
		mtaAs: map[string]string{}, treeAs: map[string]string{}, origin: map[string]string{}}
}

// read fills the model, as far as that can be read.
func (d *decoder) read(entries []Entry) {
	d.sort(entries)
	if d.own == nil {
		why := "no such entry in the directory, or it may not be read"
		if others := sorted(d.shared); len(others) > 0 {
			var names []string
			for _, e := range others[:min(len(others), 10)] {
				names = append(names, e.get("mTAName")[0])
			}
			why += "; there is " + strings.Join(names, ", ")
		}
		d.fail(text(d.Layout.own()), errors.New(why))
		return
	}
	d.table(&identity, reflect.ValueOf(&d.conf.Identity).Elem(), d.own, identity.name)
	if is := d.conf.Identity.MTA; is != "" && is != d.MTA {
		// A switch of another name has another spool, and other neighbours know it.
		d.fail(text(d.own.DN), fmt.Errorf("mTAName: is %s, and the file of the switch has %s", clip(is), clip(d.MTA)))
	}
	for i := range tables {
		d.entriesOf(&tables[i])
	}
	d.neighbours()
	d.peers = map[string]bool{d.conf.Identity.MTA: true}
	for i := range d.conf.Peers {
		d.peers[d.conf.Peers[i].Name] = true
	}
	d.nodes()
}

// forLooks is what of it is needed to read single entries of other trees.
func (d *decoder) forLooks(version string) *decoder {
	return &decoder{version: version, Layout: d.Layout, mtaAs: d.mtaAs, treeAs: d.treeAs, peers: d.peers, since: d.since}
}

func (d *decoder) fail(at string, err error) {
	if len(d.errs) == maxKept {
		d.more++
		return
	}
	if at != "" {
		err = fmt.Errorf("%s: %w", at, err)
	}
	d.errs = append(d.errs, err)
}

func (d *decoder) err() error {
	if len(d.errs) > maxErrors {
		d.more += len(d.errs) - maxErrors
		d.errs = d.errs[:maxErrors]
	}
	if d.more > 0 {
		d.errs = append(d.errs, fmt.Errorf("and %d more", d.more))
	}
	return diag.E("", diag.Config, errors.Join(d.errs...))
}

// from is the entry that a fault comes of: that of the longest path around it.
func (d *decoder) from(f *conf.Fault) string {
	path := f.Table
	if f.Index >= 0 {
		path += "[" + strconv.Itoa(f.Index) + "]"
	}
	return cmp.Or(d.origin[path], d.origin[f.Table])
}

// sort takes the entries apart by where they are.
func (d *decoder) sort(entries []Entry) {
	own, mtas, trees := d.Layout.own(), d.mtas(), d.Layout.trees()
	for i := range entries {
		e := &entries[i]
		switch {
		case e.DN.EqualFold(own):
			if d.own != nil {
				d.fail(text(e.DN), errors.New("is there twice"))
			}
			d.own = e
			d.mta(e)
		case own.AncestorOfFold(e.DN):
			above := e.DN.RDNs[:len(e.DN.RDNs)-len(own.RDNs)]
			top := strings.ToLower(above[len(above)-1].Attributes[0].Value)
			d.below[top] = append(d.below[top], e)
		case mtas.AncestorOfFold(e.DN) && len(e.DN.RDNs) == len(mtas.RDNs)+1 && e.isOf(identity.class):
			d.mta(e)
		case trees.AncestorOfFold(e.DN):
			if cn, rest, ok := cutDN(e.DN, trees); ok {
				tree := strings.ToLower(cn)
				d.trees[tree] = append(d.trees[tree], e)
				if len(rest) == 0 {
					d.treeAs[tree] = cn
				}
			}
		}
	}
	for unit, all := range d.below {
		slices.SortFunc(all, byName)
		for _, e := range all {
			for i := range tables {
				if t := &tables[i]; e.isOf(t.class) && t.name != unit {
					d.fail(text(e.DN), fmt.Errorf("is a %s, and stands in %s; mta-directory(7) says where it should", t.class, clip(unit)))
				}
			}
		}
	}
}

// downward orders entries so that what is below one stands behind it.
func downward(all []*Entry) []*Entry {
	type named struct {
		name string
		e    *Entry
	}
	order := make([]named, len(all))
	for i, e := range all {
		order[i] = named{upward(e.DN), e}
	}
	slices.SortFunc(order, func(a, b named) int { return strings.Compare(a.name, b.name) })
	for i := range order {
		all[i] = order[i].e
	}
	return all
}

// upward is a name from the root downwards: what is below an entry stands behind it.
func upward(dn *ldap.DN) string {
	parts := make([]string, 0, len(dn.RDNs))
	for _, r := range slices.Backward(dn.RDNs) {
		parts = append(parts, strings.ToLower(r.String()))
	}
	return strings.Join(parts, "\x00")
}

// entriesOf reads one table of the switch.
func (d *decoder) entriesOf(t *table) {
	v := t.member(d.conf)
	of, repeated := t.entry()
	for _, e := range d.below[t.name] {
		if !e.isOf(t.class) {
			continue // somebody else's
		}
		switch depth := len(e.DN.RDNs) - len(d.Layout.own().RDNs); {
		case !repeated && depth == 1:
			d.table(t, v, e, t.name)
		case repeated && depth == 2:
			path := fmt.Sprintf("%s[%d]", t.name, v.Len())
			one := reflect.New(of).Elem()
			one.Set(conf.Fresh(of))
			if t.name == "peer" {
				if name := e.get("mTAName"); len(name) == 1 && d.known(name[0]) != nil {
					d.said(one, d.known(name[0]), path) // what follows goes before it
					agreed(one.Addr().Interface().(*conf.Peer), e)
				}
			}
			name := ""
			if p, ok := one.Addr().Interface().(*conf.Peer); ok {
				name = p.Name // as the MTA itself writes it
			}
			d.table(t, one, e, path)
			switch x := one.Addr().Interface().(type) {
			case *conf.Peer:
				x.Name = cmp.Or(name, x.Name)
			case *conf.List:
				d.policy(x, e)
			}
			v.Set(reflect.Append(v, one))
		default:
			d.fail(text(e.DN), fmt.Errorf("is a %s, and stands where none is looked for; mta-directory(7) says where it should", t.class))
		}
	}
}

// table sets the members of v from the attributes of an entry.
func (d *decoder) table(t *table, v reflect.Value, e *Entry, path string) {
	at := text(e.DN)
	d.origin[path] = at
	fields := t.fields(v.Type())
	for _, f := range fields {
		values := e.get(f.attribute)
		if len(values) == 0 {
			continue
		}
		if err := d.setValues(f, v.Field(f.index), values); err != nil {
			d.fail(at, fmt.Errorf("%s: %w", f.attribute, err))
		}
	}
	for _, a := range e.Attributes {
		if isOurs(a.Name) && !t.knows(a.Name) {
			d.fail(at, fmt.Errorf("%s: is none of a %s", a.Name, t.name))
		}
	}
}

// isOurs tells whether the name of an attribute is one of those that are ours.
func isOurs(name string) bool {
	return len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}

// knows tells whether an attribute of ours may stand in an entry of the table. That of a
// switch is also what its neighbours know of it.
func (t *table) knows(name string) bool {
	name, _, _ = strings.Cut(name, ";")
	if strings.EqualFold(name, ownAddress) {
		return t.name == node.name
	}
	in := []*table{t}
	if t.name == identity.name || t.name == peerTable.name {
		in = []*table{&identity, peerTable}
	}
	return slices.ContainsFunc(in, func(t *table) bool {
		of, _ := t.entry()
		return slices.ContainsFunc(t.fields(of), func(f field) bool { return strings.EqualFold(f.attribute, name) })
	})
}

func (d *decoder) setValues(f field, v reflect.Value, values []string) error {
	if f.key == "trees" {
		return d.setTrees(v, values)
	}
	if f.key == "bad-address-search-point" {
		values = slices.DeleteFunc(slices.Clone(values), d.elsewhere)
	}
	if v.Kind() == reflect.Slice && !f.ordered {
		v.Set(reflect.MakeSlice(v.Type(), len(values), len(values)))
		for i, text := range values {
			if err := d.setText(v.Index(i), text); err != nil {
				return err
			}
		}
		return nil
	}
	if len(values) != 1 {
		return fmt.Errorf("%d values; it has one", len(values))
	}
	return d.setText(v, values[0])
}

// setTrees reads a RoutingTreeList (RFC 1801 §9).
func (d *decoder) setTrees(v reflect.Value, values []string) error {
	if len(values) != 1 {
		return fmt.Errorf("%d values; it has one", len(values))
	}
	var names []string
	if err := d.setText(reflect.ValueOf(&names).Elem(), values[0]); err != nil {
		return err
	}
	trees := []string{}
	for _, name := range names {
		at, err := rootOrDN(name)
		if err != nil {
			return err
		}
		tree, err := d.treeOf(at)
		if err != nil {
			return err
		}
		trees = append(trees, tree)
	}
	v.Set(reflect.ValueOf(trees))
	return nil
}

// restrictions are those of restrictedSubtree (RFC 1801 §18.4).
var restrictions = []string{"subtreeDeliverableContentLength", "subtreeDeliverableContentTypes", "subtreeDeliverableEITs"}

// routing are the attributes that make an entry a node.
var routing = []string{"subtreeInformation", "routingFilter", "routingFailureAction", "mTAInfo", "accessMD", nonDelivered,
	"badAddressSearchPoint", "badAddressSearchAttributes",
	"supportingMTA", "redirect"}

// nodes reads the routing trees. An entry that has nothing to say about routing is there
// for the sake of those below it (RFC 1801 §8.2); so is the root of a tree that has others.
//
// What is wrong in a tree that is not used, and that none of those leads to, is no trouble of
// this switch.
func (d *decoder) nodes() {
	for i, tree := range d.conf.Identity.Trees {
		d.conf.Identity.Trees[i] = d.treeName(tree)
	}
	queue, seen := slices.Clone(d.conf.Identity.Trees), map[string]bool{conf.Tables: true}
	for len(queue) > 0 {
		tree := queue[0]
		queue = queue[1:]
		if seen[tree] {
			continue
		}
		seen[tree] = true
		from := len(d.conf.Nodes)
		d.treeNodes(downward(d.trees[strings.ToLower(tree)]))
		for i := from; i < len(d.conf.Nodes); i++ {
			queue = append(queue, d.leadsTo(&d.conf.Nodes[i])...)
		}
	}
	d.used = len(d.conf.Nodes)
	for _, tree := range slices.Sorted(maps.Keys(d.treeAs)) {
		if name := d.treeName(tree); !seen[name] {
			d.unused(tree)
		}
	}
}

// routes tells whether an entry says anything about routing.
func (e *Entry) routes() bool {
	return e.isOf("routingInformation") || e.isOf("routedUA") || e.isOf("alias") || e.isOf("restrictedSubtree") ||
		slices.ContainsFunc(routing, func(a string) bool { return len(e.get(a)) > 0 })
}

// unused reads a tree that nothing leads to, unless something is wrong with it.
func (d *decoder) unused(tree string) {
	errs, nodes := len(d.errs), len(d.conf.Nodes)
	d.treeNodes(downward(d.trees[tree]))
	for i := nodes; i < len(d.conf.Nodes); i++ {
		d.leadsTo(&d.conf.Nodes[i])
	}
	if len(d.errs) > errs {
		d.errs, d.conf.Nodes = d.errs[:errs], d.conf.Nodes[:nodes]
	}
}

// treeNodes reads the nodes of one tree.
func (d *decoder) treeNodes(entries []*Entry) {
	var root *Entry
	read := false
	for _, e := range entries {
		name, err := d.nodeOf(e.DN)
		if err != nil {
			if e.routes() {
				d.fail(text(e.DN), fmt.Errorf("says something about routing, and is no name of a node: %w", err))
			}
			continue // nothing of an O/R address: somebody else's
		}
		switch {
		case e.routes():
			name.Tree = d.treeName(name.Tree)
			d.node(name, e)
			read = true
		case name.At == "":
			root = e
		}
	}
	if root != nil && !read {
		if name, err := d.nodeOf(root.DN); err == nil {
			name.Tree = d.treeName(name.Tree)
			d.node(name, root)
		}
	}
}

// treeName is the name of a tree as its entry has it.
func (d *decoder) treeName(name string) string { return cmp.Or(d.treeAs[strings.ToLower(name)], name) }

// leadsTo gives what a node refers to the names that entries have, and returns the trees.
func (d *decoder) leadsTo(n *conf.Node) (trees []string) {
	refer := func(name *conf.NodeName) {
		if name.Tree != "" {
			name.Tree = d.treeName(name.Tree)
			trees = append(trees, name.Tree)
		}
	}
	refer(&n.Alias)
	for i := range n.Filters {
		refer(&n.Filters[i].Node)
	}
	for i := range n.AccessMD {
		refer(&n.AccessMD[i])
	}
	for i := range n.SearchPoints {
		if p := &n.SearchPoints[i]; p.Tree != conf.Tables {
			refer(p)
		}
	}
	for _, list := range []*[]conf.MTAInfo{&n.MTAs, &n.Supporting} {
		for i := range *list {
			m := &(*list)[i]
			m.Name = cmp.Or(d.mtaAs[strings.ToLower(m.Name)], m.Name)
		}
		// An MTA that is none of ours to call cannot be used (RFC 1801 §10.2); one that nobody
		// knows is a mistake, but not in a tree of somebody else, of which explain tells it.
		*list = slices.DeleteFunc(*list, func(m conf.MTAInfo) bool { return !d.looked && !d.peers[m.Name] && d.known(m.Name) != nil })
	}
	return trees
}

func (d *decoder) node(name conf.NodeName, e *Entry) {
	n := conf.NewNode()
	n.Tree, n.At = name.Tree, name.At
	n.UA = e.isOf("routedUA")
	at := text(e.DN)
	for _, name := range []string{ownAddress, aliased, nonDelivered} {
		if values := e.get(name); len(values) > 1 {
			d.fail(at, fmt.Errorf("%s: %d values; it has one", name, len(values)))
		}
	}
	if e.isOf("alias") && len(e.get(aliased)) == 0 {
		d.fail(at, fmt.Errorf("%s: is missing, or may not be read", aliased))
	}
	if own := e.get(ownAddress); len(own) == 1 {
		if err := sameNode(n.At, own[0]); err != nil {
			d.fail(at, fmt.Errorf("%s: %w", ownAddress, err))
		} else {
			n.At = own[0]
		}
	}
	if to := e.get(aliased); e.isOf("alias") && len(to) == 1 {
		target, err := dn(to[0])
		if err == nil {
			n.Alias, err = d.nodeOf(target)
		}
		if err != nil {
			d.fail(at, fmt.Errorf("%s: %w", aliased, err))
		}
	}
	if info := e.get(nonDelivered); len(info) == 1 {
		if err := setNonDelivery(&n, info[0]); err != nil {
			d.fail(at, fmt.Errorf("%s: %w", nonDelivered, err))
		}
	}
	d.table(&node, reflect.ValueOf(&n).Elem(), e, fmt.Sprintf("node[%d]", len(d.conf.Nodes)))
	d.conf.Nodes = append(d.conf.Nodes, n)
}

// sameNode tells whether two texts name one node of the O/R address tree.
func sameNode(x, y string) error {
	a, err := oraddr.ParsePath(x)
	if err != nil {
		return err
	}
	b, err := oraddr.ParsePath(y)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(a, b, func(a, b oraddr.RDN) bool {
		return slices.ContainsFunc(a.Keys(), func(k string) bool { return slices.Contains(b.Keys(), k) })
	})
	if !same {
		return fmt.Errorf("%s is another address than the entry is named by, %s", clip(y), x)
	}
	return nil
}

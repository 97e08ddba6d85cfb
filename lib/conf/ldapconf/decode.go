package ldapconf

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

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
	d := &decoder{Layout: l, conf: c, origin: map[string]string{}, shared: map[string]*Entry{}}
	d.read(entries)
	if len(d.errs) == 0 {
		c.Absolute(dir)
		c.Complete()
		for _, f := range c.Faults() {
			d.fail(d.from(f), f)
		}
	}
	return d.err()
}

// decoder sorts entries and fills the model.
type decoder struct {
	Layout
	conf   *conf.Config
	own    *Entry
	below  map[string][]*Entry // below the entry of the switch, by table
	shared map[string]*Entry   // MTAs by name
	trees  []*Entry
	origin map[string]string // the entry of what stands at a path of the model
	errs   []error
	more   int
}

// read fills the model, as far as that can be read.
func (d *decoder) read(entries []Entry) {
	d.sort(entries)
	if d.own == nil {
		d.fail(text(d.Layout.own()), errors.New("no such entry in the directory, or it may not be read"))
		return
	}
	d.table(&identity, reflect.ValueOf(&d.conf.Identity).Elem(), d.own, identity.name)
	for i := range tables {
		d.entriesOf(&tables[i])
	}
	d.neighbours()
	d.nodes()
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
	d.below = map[string][]*Entry{}
	own, mtas, trees := d.Layout.own(), d.mtas(), d.Layout.trees()
	for i := range entries {
		e := &entries[i]
		switch {
		case e.DN.EqualFold(own):
			d.own = e
		case own.AncestorOfFold(e.DN):
			above := e.DN.RDNs[:len(e.DN.RDNs)-len(own.RDNs)]
			top := above[len(above)-1].Attributes[0].Value
			d.below[strings.ToLower(top)] = append(d.below[strings.ToLower(top)], e)
		case mtas.AncestorOfFold(e.DN) && len(e.DN.RDNs) == len(mtas.RDNs)+1:
			if name := e.get("mTAName"); len(name) == 1 {
				d.shared[name[0]] = e
			}
		case trees.AncestorOfFold(e.DN):
			d.trees = append(d.trees, e)
		}
	}
	for _, all := range d.below {
		slices.SortFunc(all, byName)
	}
	d.trees = downward(d.trees)
}

// byName orders entries by their names; numbers by what they are.
func byName(a, b *Entry) int {
	x, y := a.DN.RDNs[0].Attributes[0].Value, b.DN.RDNs[0].Attributes[0].Value
	n, errN := strconv.Atoi(x)
	m, errM := strconv.Atoi(y)
	if errN == nil && errM == nil {
		return cmp.Compare(n, m)
	}
	return strings.Compare(x, y)
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
		switch depth := len(e.DN.RDNs) - len(d.Layout.own().RDNs); {
		case !repeated && depth == 1:
			d.table(t, v, e, t.name)
		case repeated && depth == 2:
			path := fmt.Sprintf("%s[%d]", t.name, v.Len())
			one := reflect.New(of).Elem()
			one.Set(conf.Fresh(of))
			if t.name == "peer" {
				if name := e.get("mTAName"); len(name) == 1 && d.shared[name[0]] != nil {
					d.table(t, one, d.shared[name[0]], path) // what follows goes before it
				}
			}
			d.table(t, one, e, path)
			v.Set(reflect.Append(v, one))
		}
	}
}

// neighbours makes a peer of every MTA that the network has an address of, and the table of
// peers says nothing about.
func (d *decoder) neighbours() {
	t := peerTable
	for _, e := range sorted(d.shared) {
		name := e.get("mTAName")[0]
		_, known := d.conf.Peer(name)
		if known || name == d.conf.Identity.MTA || len(e.get(local("address"), local("addresses"))) == 0 {
			continue
		}
		p := conf.NewPeer()
		d.table(t, reflect.ValueOf(&p).Elem(), e, fmt.Sprintf("peer[%d]", len(d.conf.Peers)))
		d.conf.Peers = append(d.conf.Peers, p)
	}
}

func sorted(all map[string]*Entry) []*Entry {
	var list []*Entry
	for _, e := range all {
		list = append(list, e)
	}
	slices.SortFunc(list, byName)
	return list
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
		at, err := dn(name)
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

// routing are the attributes that make an entry a node.
var routing = []string{"subtreeInformation", "routingFilter", "routingFailureAction", "mTAInfo", "accessMD", nonDelivered,
	"supportingMTA", "redirect"}

// nodes reads the routing trees. An entry that has nothing to say about routing is there
// for the sake of those below it (RFC 1801 §8.2); so is the root of a tree that has others.
func (d *decoder) nodes() {
	count := map[string]int{}
	var roots []*Entry
	for _, e := range d.trees {
		name, err := d.nodeOf(e.DN)
		if err != nil {
			d.fail("", err)
			continue
		}
		says := e.isOf("routingInformation") || e.isOf("routedUA") || e.isOf("alias") ||
			slices.ContainsFunc(routing, func(a string) bool { return len(e.get(a)) > 0 })
		if !says {
			if name.At == "" {
				roots = append(roots, e)
			}
			continue
		}
		count[name.Tree]++
		d.node(name, e)
	}
	for _, e := range roots {
		if name, err := d.nodeOf(e.DN); err == nil && count[name.Tree] == 0 {
			d.node(name, e)
		}
	}
}

func (d *decoder) node(name conf.NodeName, e *Entry) {
	n := conf.NewNode()
	n.Tree, n.At = name.Tree, name.At
	n.UA = e.isOf("routedUA")
	at := text(e.DN)
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

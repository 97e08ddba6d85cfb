package ldapconf

import (
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

// Entry is an entry of a directory.
type Entry struct {
	DN         *ldap.DN
	Attributes []Attribute
}

// Attribute is an attribute of an entry, with at least one value.
type Attribute struct {
	Name   string
	Values []string
}

// add adds values to an attribute.
func (e *Entry) add(name string, values ...string) {
	for i := range e.Attributes {
		if strings.EqualFold(e.Attributes[i].Name, name) {
			e.Attributes[i].Values = append(e.Attributes[i].Values, values...)
			return
		}
	}
	e.Attributes = append(e.Attributes, Attribute{name, values})
}

// get returns the values of an attribute by one of its names: without options, or, if there are
// none such, with whichever.
func (e *Entry) get(names ...string) (values []string) {
	for _, a := range e.Attributes {
		name, _, options := strings.Cut(a.Name, ";")
		switch {
		case !is(name, names...):
		case !options:
			return a.Values
		case values == nil:
			values = a.Values
		}
	}
	return values
}

func (e *Entry) isOf(class string) bool { return is(class, e.get(objectClass)...) }

const (
	objectClass  = "objectClass"
	aliased      = "aliasedObjectName"
	ownAddress   = "mtakitORAddress" // of a node whose name does not have all of it
	nonDelivered = "nonDeliveryInfo"
)

// newEntry makes an entry with its classes and the attributes it is named by.
func newEntry(dn *ldap.DN, classes ...string) *Entry {
	e := &Entry{DN: dn}
	e.add(objectClass, classes...)
	for _, a := range dn.RDNs[0].Attributes {
		e.add(a.Type, a.Value)
	}
	return e
}

// Encode returns the entries of a configuration, each after the one above it; the base
// itself is not among them, and neither are the tables spool and events, which are of a
// machine. The error has kind Data: something has no form in a directory.
func Encode(c *conf.Config, l Layout) ([]Entry, error) {
	if err := alike(c); err != nil {
		return nil, err
	}
	e := &encoder{Layout: l, there: map[string]*Entry{}}
	e.unit(l.mtas())
	e.unit(l.trees())
	own := e.put(newEntry(l.own(), "applicationProcess", "mTAApplicationProcess", identity.class))
	if err := e.members(own, &identity, reflect.ValueOf(c.Identity), reflect.ValueOf(conf.New().Identity)); err != nil {
		return nil, err
	}
	for i := range c.Peers {
		if name := c.Peers[i].Name; name != l.MTA && e.there[key(l.mta(name))] == nil {
			e.put(newEntry(l.mta(name), "applicationProcess", identity.class)).add("mTAName", name)
		}
	}
	for i := range tables {
		if err := e.table(c, &tables[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.Nodes {
		if err := e.node(&c.Nodes[i]); err != nil {
			return nil, err
		}
	}
	all := make([]Entry, len(e.all))
	for i, one := range e.all {
		all[i] = *one
	}
	return all, nil
}

// alike refuses names that are two in a file and one in a directory.
func alike(c *conf.Config) error {
	for _, all := range [][]string{
		mapped(c.Nodes, func(n *conf.Node) string { return n.Tree }), mapped(c.Peers, func(p *conf.Peer) string { return p.Name }),
	} {
		seen := map[string]string{}
		for _, name := range all {
			if other, ok := seen[folded(name)]; ok && other != name {
				return diag.New(name, diag.Data, "and "+other+" are one name in a directory")
			}
			seen[folded(name)] = name
		}
	}
	return nil
}

func mapped[T any](all []T, to func(*T) string) []string {
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = to(&all[i])
	}
	return texts
}

type encoder struct {
	Layout
	all   []*Entry
	there map[string]*Entry // by key
}

func (e *encoder) put(one *Entry) *Entry {
	e.all = append(e.all, one)
	e.there[key(one.DN)] = one
	return one
}

func (e *encoder) unit(dn *ldap.DN) { e.put(newEntry(dn, "organizationalUnit")) }

// members gives an entry the attributes of what differs from the default.
func (e *encoder) members(to *Entry, t *table, v, otherwise reflect.Value) error {
	for _, f := range t.fields(v.Type()) {
		is, was := v.Field(f.index), otherwise.Field(f.index)
		if reflect.DeepEqual(is.Interface(), was.Interface()) || is.Kind() == reflect.Slice && is.Len()+was.Len() == 0 {
			continue
		}
		values, err := e.values(f, is)
		if err != nil {
			return diag.E(text(to.DN), diag.Data, fmt.Errorf("%s: %w", f.key, err))
		}
		if len(values) == 0 {
			return diag.New(text(to.DN), diag.Data, f.key+": an empty list has no form in a directory")
		}
		if f.attribute == "cn" && slices.Equal(to.get("cn"), values) {
			continue // it is named by it
		}
		to.add(f.attribute, values...)
	}
	return nil
}

// values are those of an attribute: one for each member of a list without order.
func (e *encoder) values(f field, v reflect.Value) ([]string, error) {
	if f.key == "trees" {
		return e.treeList(v.Interface().([]string))
	}
	if v.Kind() != reflect.Slice || f.ordered {
		text, err := e.toText(v)
		return []string{text}, err
	}
	var all []string
	for i := range v.Len() {
		text, err := e.toText(v.Index(i))
		if err != nil {
			return nil, fmt.Errorf("number %d: %w", i+1, err)
		}
		all = append(all, text)
	}
	return all, nil
}

func (e *encoder) table(c *conf.Config, t *table) error {
	v := t.member(c)
	of, repeated := t.entry()
	if !repeated {
		one := newEntry(below(e.own(), rdn("cn", t.name)), t.class)
		if err := e.members(one, t, v, t.member(conf.New())); err != nil || len(one.Attributes) == 2 {
			return err
		}
		e.put(one)
		return nil
	}
	if v.Len() == 0 {
		return nil
	}
	unit := e.Layout.table(t.name)
	e.unit(unit)
	for i := range v.Len() {
		name := strconv.Itoa(i + 1)
		if named := v.Index(i).FieldByName("Name"); named.IsValid() {
			name = named.String()
		}
		one := newEntry(below(unit, rdn("cn", name)), t.classes()...)
		if err := e.members(one, t, v.Index(i), conf.Fresh(of)); err != nil {
			return err
		}
		if l, ok := v.Index(i).Addr().Interface().(*conf.List); ok {
			if text := policyText(l); text != "" {
				one.add(dlPolicy, text)
			}
		}
		if e.there[key(one.DN)] != nil {
			return diag.New(text(one.DN), diag.Data, "two of "+t.name+" would have this name: letter case has no meaning in it")
		}
		e.put(one)
	}
	return nil
}

// classes are the object classes of an entry of the table.
func (t *table) classes() []string {
	if t.name == peerTable.name {
		return []string{"applicationProcess", t.class}
	}
	return []string{t.class}
}

// treeList writes a RoutingTreeList (RFC 1801 §9).
func (e *encoder) treeList(trees []string) ([]string, error) {
	names := make([]string, len(trees))
	for i, tree := range trees {
		root, err := e.tree(tree)
		if err != nil {
			return nil, err
		}
		names[i] = text(root)
	}
	text, err := e.toText(reflect.ValueOf(names))
	return []string{text}, err
}

// node makes the entry of a node, and those above it that nobody has made.
func (e *encoder) node(n *conf.Node) error {
	dn, err := e.Layout.node(n.Tree, n.At)
	if err != nil {
		return diag.E("[[node]] "+n.Tree+" "+n.At, diag.Data, err)
	}
	e.above(dn)
	one := e.there[key(dn)]
	if one == nil {
		one = e.put(e.skeleton(dn))
	}
	if n.Alias != (conf.NodeName{}) {
		one.Attributes[0].Values = []string{"alias", "extensibleObject"}
		to, err := e.Layout.node(n.Alias.Tree, n.Alias.At)
		if err != nil {
			return diag.E(text(dn), diag.Data, err)
		}
		one.add(aliased, text(to))
	} else {
		one.add(objectClass, "routingInformation")
	}
	if n.UA {
		one.add(objectClass, "routedUA")
	}
	if name, err := e.nodeOf(dn); err != nil || name.At != n.At {
		one.add(ownAddress, n.At)
	}
	if n.Reject != "" {
		one.add(nonDelivered, nonDelivery(n).String())
	}
	if err := e.members(one, &node, reflect.ValueOf(*n), reflect.ValueOf(conf.NewNode())); err != nil {
		return err
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(one.Attributes, func(a Attribute) bool { return slices.Contains(names, a.Name) })
	}
	if n.Alias == (conf.NodeName{}) && has(ownAddress, "description") {
		one.add(objectClass, node.class)
	}
	if has(restrictions...) {
		one.add(objectClass, "restrictedSubtree")
	}
	return nil
}

// above makes the entries above one that nobody has made, which hold nothing (RFC 1801
// §8.2).
func (e *encoder) above(dn *ldap.DN) {
	for up := len(dn.RDNs) - len(e.trees().RDNs) - 1; up > 0; up-- {
		at := &ldap.DN{RDNs: dn.RDNs[up:]}
		if e.there[key(at)] == nil {
			e.put(e.skeleton(at))
		}
	}
}

// skeleton is an entry of a routing tree that says nothing.
func (e *encoder) skeleton(dn *ldap.DN) *Entry {
	if len(dn.RDNs) == len(e.trees().RDNs)+1 {
		return newEntry(dn, "routingTreeRoot")
	}
	level := oraddr.LevelCountry
	if r, err := component(dn.RDNs[0]); err == nil { // it was made of one
		level = r.Level
	}
	return newEntry(dn, naming[level].class)
}

package ldapconf

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/mtakit/mtakit/lib/conf"
)

// table is one of the tables of mta.toml(5) in a directory: an entry, or one entry for
// each of its entries.
type table struct {
	name  string // of the table
	class string // object class of an entry
	// standard has the attributes of RFC 1801, X.402 and X.520 that mean what a key does.
	standard map[string]string
}

// tables are those that a switch has below its own entry; what the file of a switch alone
// has is not among them, because it is of a machine.
var tables = []table{
	{name: "limits", class: "mtakitLimits"},
	{name: "schedule", class: "mtakitSchedule"},
	{name: "selftest", class: "mtakitSelfTest"},
	{name: "security", class: "mtakitSecurity"},
	{name: "listener", class: "mtakitListener"},
	{name: "channel", class: "mtakitChannel", standard: map[string]string{"name": "cn"}},
	{name: "peer", class: "mtakitPeer", standard: map[string]string{"name": "mTAName", "will-route": "mTAWillRoute",
		"communities": "transportCommunity", "supported-extensions": "supportedMTSExtensions"}},
	{name: "route", class: "mtakitRoute", standard: map[string]string{"comment": "description"}},
	{name: "user", class: "mtakitUser", standard: map[string]string{"address": "mhs-or-addresses", "supported-extensions": "supportedExtensions"}},
	{name: "list", class: listClass, standard: listAttributes()},
	{name: "step", class: "mtakitStep", standard: map[string]string{"name": "cn"}},
	{name: "ruleset", class: "mtakitRuleSet", standard: map[string]string{"name": "cn"}},
}

// The tables that are entries of their own kind: that of the switch, and the nodes of
// routing trees.
var (
	identity = table{name: "identity", class: "mtakitMTA", standard: map[string]string{
		"mta": "mTAName", "domain": "globalDomainID", "trees": "routingTreeList", "communities": "transportCommunity"}}
	node = table{name: "node", class: "mtakitNode", standard: map[string]string{
		"subtree-information": "subtreeInformation", "routing-filter": "routingFilter", "mta-info": "mTAInfo",
		"access-md": "accessMD", "bad-address-search-point": "badAddressSearchPoint",
		"bad-address-search-attributes": "badAddressSearchAttributes", "routing-failure-action": "routingFailureAction",
		"supporting-mta": "supportingMTA", "redirect": "redirect", "comment": "description",
		"max-size": "subtreeDeliverableContentLength", "content-types": "subtreeDeliverableContentTypes", "eits": "subtreeDeliverableEITs"}}
)

// peerTable is the one of tables whose entries have the names of MTAs.
var peerTable = &tables[slices.IndexFunc(tables, func(t table) bool { return t.name == "peer" })]

// byHand are the members of a Node that are no attribute, or part of one with others.
var byHand = []string{"tree", "at", "alias", "reject", "reason", "diagnostic", "routed-ua"}

// ordered are the lists in which the order of the members counts: a directory keeps no
// order of the values of an attribute, so these are one value.
var ordered = map[string]bool{
	"identity.trees": true, "peer.addresses": true, "route.peers": true, "user.program": true, "node.redirect": true,
}

// attribute returns the name of the attribute for a key of the table.
func (t *table) attribute(key string) string {
	if name, ok := t.standard[key]; ok {
		return name
	}
	return local(key)
}

// ofSwitch are keys of a peer that are of whoever has it for a neighbour: what an MTA has for
// them in its own entry says nothing to others.
var ofSwitch = []string{"channel", "our-mta", "our-tsel", "our-ssel", "our-psel", "tls-certificate", "tls-key", "token-certificate", "token-key",
	"password-in-file", "password-out-file"}

// matters tells whether an attribute may mean something here.
func matters(name string) bool {
	name, _, _ = strings.Cut(name, ";")
	return isOurs(name) || known()[strings.ToLower(name)]
}

// known are the attributes that are not ours and mean something.
var known = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, name := range append([]string{objectClass, aliased, nonDelivered, "cn", "ou"}, changed...) {
		all[strings.ToLower(name)] = true
	}
	for _, t := range everyTable() {
		for _, name := range t.standard {
			all[strings.ToLower(name)] = true
		}
	}
	return all
})

// prefix begins the names of our own attributes.
const prefix = "mtakit"

// local is the name of our own attribute for a key.
func local(key string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for part := range strings.SplitSeq(key, "-") {
		b.WriteString(strings.ToUpper(part[:1]))
		b.WriteString(part[1:])
	}
	return b.String()
}

// field is a member of a table.
type field struct {
	index     int
	key       string
	attribute string
	ordered   bool
}

// fields returns the members of a table that have an attribute each, in the order of the
// model.
func (t *table) fields(of reflect.Type) []field {
	var all []field
	for i := range of.NumField() {
		key := of.Field(i).Tag.Get("toml")
		if key == "-" || t.name == node.name && slices.Contains(byHand, key) || t.standard[key] == dlPolicy {
			continue
		}
		all = append(all, field{i, key, t.attribute(key), ordered[t.name+"."+key]})
	}
	return all
}

// member is the table in a configuration: a struct, or a list of them.
func (t *table) member(c *conf.Config) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("toml") == t.name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// entry is the type of what the table has one entry for, and whether it has several.
func (t *table) entry() (of reflect.Type, repeated bool) {
	of = t.member(&conf.Config{}).Type()
	if of.Kind() == reflect.Slice {
		return of.Elem(), true
	}
	return of, false
}

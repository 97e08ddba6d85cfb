package ldapconf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Layout says where the entries of a network of switches are: below Base, the MTAs in
// ou=mtas and the routing trees in ou=trees; what is of one switch alone is below its own
// entry, cn=MTA,ou=mtas.
type Layout struct {
	Base *ldap.DN
	MTA  string // mTAName of the switch whose configuration it is
}

// NewLayout reads the distinguished name of the base (RFC 4514). The error has kind Data.
func NewLayout(base, mta string) (Layout, error) {
	name, err := dn(base)
	if err != nil {
		return Layout{}, diag.E("directory: base", diag.Data, err)
	}
	return Layout{name, mta}, nil
}

// The organizational units below the base, and below the entry of a switch.
const (
	unitMTAs  = "mtas"
	unitTrees = "trees"
)

func rdn(pairs ...string) *ldap.RelativeDN {
	r := &ldap.RelativeDN{}
	for i := 0; i < len(pairs); i += 2 {
		r.Attributes = append(r.Attributes, &ldap.AttributeTypeAndValue{Type: pairs[i], Value: pairs[i+1]})
	}
	return r
}

// below returns the name of an entry below another.
func below(dn *ldap.DN, r ...*ldap.RelativeDN) *ldap.DN {
	return &ldap.DN{RDNs: append(slices.Clone(r), dn.RDNs...)}
}

func (l Layout) mtas() *ldap.DN  { return below(l.Base, rdn("ou", unitMTAs)) }
func (l Layout) trees() *ldap.DN { return below(l.Base, rdn("ou", unitTrees)) }

// own is the entry of the switch itself.
func (l Layout) own() *ldap.DN { return l.mta(l.MTA) }

func (l Layout) mta(name string) *ldap.DN { return below(l.mtas(), rdn("cn", name)) }

// table is the unit of a table below the entry of the switch.
func (l Layout) table(name string) *ldap.DN { return below(l.own(), rdn("ou", name)) }

// tree is the root of a routing tree. What the tables of a switch make is named by its own
// entry. The error is about a tree that is named by its root.
func (l Layout) tree(name string) (*ldap.DN, error) {
	switch {
	case name == conf.Tables:
		return l.own(), nil
	case name == conf.OpenCommunity:
		return &ldap.DN{}, nil
	case conf.OnDemand(name):
		root, err := dn(name)
		if err == nil && l.within(root) {
			err = fmt.Errorf("%s is below %s, and read with what is there", text(root), text(l.Base))
		}
		return root, err
	}
	return below(l.trees(), rdn("cn", name)), nil
}

// within tells whether an entry is among those that are all read.
func (l Layout) within(dn *ldap.DN) bool { return l.Base.EqualFold(dn) || l.Base.AncestorOfFold(dn) }

// treeOf returns the name of the routing tree whose root has the name dn. A tree outside the
// base is looked up, and has that name.
func (l Layout) treeOf(dn *ldap.DN) (string, error) {
	switch name, rest, ok := cutDN(dn, l.trees()); {
	case dn.EqualFold(l.own()):
		return conf.Tables, nil
	case len(dn.RDNs) == 0:
		return conf.OpenCommunity, nil
	case !l.within(dn):
		return text(dn), nil
	case !ok || len(rest) > 0:
		return "", fmt.Errorf("%s is no routing tree: one is cn=…,%s, or outside %s", text(dn), text(l.trees()), text(l.Base))
	default:
		return name, nil
	}
}

// mtaOf returns the name of the MTA whose entry has the name dn. One outside the base is
// somebody else's, and is called by that.
func (l Layout) mtaOf(dn *ldap.DN) (string, error) {
	if !l.within(dn) {
		return text(dn), nil
	}
	name, rest, ok := cutDN(dn, l.mtas())
	if !ok || len(rest) > 0 {
		return "", fmt.Errorf("%s is no MTA: one is cn=…,%s", text(dn), text(l.mtas()))
	}
	return name, nil
}

// cutDN returns the cn of the entry just below unit that dn is, or is below of, and what
// stands before it.
func cutDN(dn, unit *ldap.DN) (cn string, rest []*ldap.RelativeDN, ok bool) {
	if !unit.AncestorOfFold(dn) {
		return "", nil, false
	}
	rest = dn.RDNs[:len(dn.RDNs)-len(unit.RDNs)]
	top := rest[len(rest)-1]
	rest = rest[:len(rest)-1]
	if len(top.Attributes) != 1 || !is(top.Attributes[0].Type, "cn", "commonName", "2.5.4.3") {
		return "", nil, false
	}
	return top.Attributes[0].Value, rest, true
}

// text writes a distinguished name (RFC 4514) with the keywords as they are; the library
// makes all their letters small.
func text(dn *ldap.DN) string {
	var b strings.Builder
	for i, r := range dn.RDNs {
		if i > 0 {
			b.WriteByte(',')
		}
		for k, a := range r.Attributes {
			if k > 0 {
				b.WriteByte('+')
			}
			b.WriteString(a.Type + a.String()[len(a.Type):])
		}
	}
	return b.String()
}

// key is the same for two names of one entry, as far as that can be told without the
// schema: letter case has no meaning in any of the attributes that name ours.
func key(dn *ldap.DN) string { return strings.ToLower(dn.String()) }

func is(name string, names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// node returns the name of a node of a routing tree: that of its address in the O/R address
// tree of RFC 2294, and then that of the root.
func (l Layout) node(tree, at string) (*ldap.DN, error) {
	root, err := l.tree(tree)
	if err != nil || at == "" {
		return root, err
	}
	path, err := oraddr.ParsePath(at)
	if err != nil {
		return nil, err
	}
	return below(root, pathRDNs(path)...), nil
}

// nodeOf returns the tree and the address of the node whose entry has the name dn.
func (l Layout) nodeOf(dn *ldap.DN) (conf.NodeName, error) {
	tree, rest, ok := cutDN(dn, l.trees())
	switch {
	case ok:
	case l.within(dn):
		return conf.NodeName{}, fmt.Errorf("%s is no node of a routing tree: one is below cn=…,%s, or outside %s", text(dn), text(l.trees()), text(l.Base))
	default:
		var root *ldap.DN
		rest, root = cutPath(dn)
		var err error
		if tree, err = l.treeOf(root); err != nil {
			return conf.NodeName{}, err
		}
	}
	if len(rest) == 0 {
		return conf.NodeName{Tree: tree}, nil
	}
	at, err := addressOf(rest)
	if err != nil {
		return conf.NodeName{}, fmt.Errorf("%s: %w", text(dn), err)
	}
	return conf.NodeName{Tree: tree, At: at}, nil
}

// cutPath takes the name of an entry apart into that of an address and that of the root of the
// tree: an address goes as far as what names one goes, and ends with a country.
func cutPath(dn *ldap.DN) (path []*ldap.RelativeDN, root *ldap.DN) {
	end := 0
	for i, r := range dn.RDNs {
		one, err := component(r)
		if err != nil {
			break
		}
		if one.Level == oraddr.LevelCountry {
			end = i + 1
			break
		}
	}
	return dn.RDNs[:end], &ldap.DN{RDNs: dn.RDNs[end:]}
}

// naming has the attributes and the object class by which RFC 2294 names what stands at a
// level of the O/R address tree: the keyword of its table 3 and the name of the attribute.
var naming = map[oraddr.Level]struct {
	class string
	names []string
}{
	oraddr.LevelCountry:            {"mHSCountry", []string{"c", "countryName", "2.5.4.6"}},
	oraddr.LevelADMD:               {"aDMD", []string{"ADMD", "aDMDName", mhsDS + "2.2.1"}},
	oraddr.LevelPRMD:               {"pRMD", []string{"PRMD", "pRMDName", mhsDS + "2.2.10"}},
	oraddr.LevelX121:               {"mHSX121", []string{"MHS-X121", "mHSX121Address", mhsDS + "2.2.12"}},
	oraddr.LevelUserIdentifier:     {"mHSNumericUserIdentifier", []string{"MHS-UA-ID", "mHSNumericUserIdentifierName", mhsDS + "2.2.14"}},
	oraddr.LevelOrganization:       {"mHSOrganization", []string{"MHS-O", "mHSOrganizationName", mhsDS + "2.2.6"}},
	oraddr.LevelOrganizationalUnit: {"mHSOrganizationalUnit", []string{"MHS-OU", "mHSOrganizationalUnitName", mhsDS + "2.2.7"}},
	oraddr.LevelPerson:             {"mHSPerson", []string{"MHS-S", "mHSSurname", mhsDS + "2.2.15"}},
	oraddr.LevelCommonName:         {"mHSNamedObject", []string{"MHS-CN", "mHSCommonName", mhsDS + "2.2.2"}},
	oraddr.LevelTerminalID:         {"mHSTerminalID", []string{"MHS-T-ID", "mHSTerminalIDName", mhsDS + "2.2.13"}},
	oraddr.LevelDomainDefined:      {"mHSDomainDefinedAttribute", []string{"MHS-DDA-Value", "mHSDomainDefinedAttributeValue", mhsDS + "2.2.4"}},
}

// mhsDS is the arc of RFC 2294 and RFC 1801.
const mhsDS = "1.3.6.1.4.1.453.7."

// The other attributes of the name of a person and of a domain-defined attribute, and the
// second name of a country.
var (
	givenName  = []string{"MHS-G", "mHSGivenName", mhsDS + "2.2.16"}
	initials   = []string{"MHS-I", "mHSInitials", mhsDS + "2.2.17"}
	generation = []string{"MHS-GQ", "mHSGenerationQualifier", "mHSGenerationalQualifier", mhsDS + "2.2.18"}
	ddaType    = []string{"MHS-DDA-Type", "mHSDomainDefinedAttributeType", mhsDS + "2.2.3"}
	numeric    = []string{"MHS-Numeric-Country", "mHSNumericCountryName", mhsDS + "2.2.5"}
)

// pathRDNs names a path in the O/R address tree, the lowest component first.
func pathRDNs(path []oraddr.RDN) []*ldap.RelativeDN {
	var all []*ldap.RelativeDN
	for _, r := range slices.Backward(path) {
		name := naming[r.Level].names[0]
		switch r.Level {
		case oraddr.LevelPerson:
			one := &ldap.RelativeDN{}
			for _, part := range r.Parts() {
				name := map[string]string{"S": name, "G": givenName[0], "I": initials[0], "GQ": generation[0]}[part.Key]
				one.Attributes = append(one.Attributes, &ldap.AttributeTypeAndValue{Type: name, Value: part.Text.String()})
			}
			all = append(all, one)
		case oraddr.LevelDomainDefined:
			all = append(all, rdn(ddaType[0], r.Type.String(), name, r.Value.String()))
		case oraddr.LevelCountry:
			// RFC 2294 has an mHSCountry without letters not; the number is another name of it.
			country := oraddr.Alpha2(r.Value.Printable)
			if country != "" && country[0] <= '9' {
				name = numeric[0]
			}
			all = append(all, rdn(name, country))
		default:
			all = append(all, rdn(name, r.Value.String()))
		}
	}
	return all
}

// maxNames bounds the names of a path that has variants.
const maxNames = 8

// PathNames returns the names that a path has below the root of a tree (RFC 4514): one, unless
// what it names has variants.
func PathNames(path []oraddr.RDN) []string {
	all := [][]oraddr.RDN{nil}
	for _, r := range path {
		var longer [][]oraddr.RDN
		plain := slices.DeleteFunc(plainly(r), func(r oraddr.RDN) bool { return !utf8.ValidString(r.String()) })
		if len(plain) == 0 {
			break // no entry has such a name
		}
		for _, one := range plain {
			for _, above := range all {
				longer = append(longer, append(slices.Clone(above), one))
			}
		}
		all = longer[:min(len(longer), maxNames)]
	}
	names := make([]string, len(all))
	for i, path := range all {
		names[i] = text(&ldap.DN{RDNs: pathRDNs(path)})
	}
	return names
}

// plainly returns a component without variants for each of those it has.
func plainly(r oraddr.RDN) []oraddr.RDN {
	variants := func(t oraddr.Text, set func(oraddr.Text) oraddr.RDN) (all []oraddr.RDN) {
		for _, v := range t.Variants() {
			all = append(all, set(oraddr.Text{Printable: v}))
		}
		return all
	}
	switch {
	case r.Name != nil:
		// The variants of a name are of all its parts.
		var all []oraddr.RDN
		for _, pick := range []func(oraddr.Text) string{
			oraddr.Text.String,
			func(t oraddr.Text) string { return cmp.Or(t.Universal.Text, t.String()) },
			func(t oraddr.Text) string { v := t.Variants(); return append(v, "")[max(0, len(v)-1)] },
		} {
			plain := &oraddr.PersonText{}
			for _, p := range []struct{ to, from *oraddr.Text }{{&plain.S, &r.Name.S}, {&plain.G, &r.Name.G}, {&plain.I, &r.Name.I}, {&plain.Q, &r.Name.Q}} {
				p.to.Printable = pick(*p.from)
			}
			if !slices.ContainsFunc(all, func(o oraddr.RDN) bool { return *o.Name == *plain }) {
				all = append(all, oraddr.RDN{Level: r.Level, Name: plain})
			}
		}
		return all
	case r.Type != nil:
		var all []oraddr.RDN
		for _, t := range r.Type.Variants() {
			all = append(all, variants(r.Value, func(v oraddr.Text) oraddr.RDN {
				return oraddr.RDN{Level: r.Level, Type: &oraddr.Text{Printable: t}, Value: v}
			})...)
		}
		return all
	}
	return variants(r.Value, func(v oraddr.Text) oraddr.RDN { return oraddr.RDN{Level: r.Level, Value: v} })
}

// addressOf returns the address that relative names are of, the lowest component first.
func addressOf(rdns []*ldap.RelativeDN) (string, error) {
	path := make([]oraddr.RDN, 0, len(rdns))
	for _, r := range slices.Backward(rdns) {
		one, err := component(r)
		if err != nil {
			return "", err
		}
		path = append(path, one)
	}
	a, err := oraddr.FromPath(path)
	if err != nil {
		return "", err
	}
	return a.String(), nil
}

// component reads one relative name of the O/R address tree.
func component(r *ldap.RelativeDN) (one oraddr.RDN, err error) {
	found := false
	person, isPerson := oraddr.PersonText{}, false
	for _, a := range r.Attributes {
		value := textOf(a.Value)
		part := map[*oraddr.Text][]string{&person.G: givenName, &person.I: initials, &person.Q: generation}
		switch {
		case is(a.Type, ddaType...):
			one.Type = &value
			continue
		case is(a.Type, numeric...):
			one.Level, one.Value, found = oraddr.LevelCountry, value, true
			continue
		}
		for field, names := range part {
			if is(a.Type, names...) {
				*field, isPerson = value, true
			}
		}
		for level, n := range naming {
			if is(a.Type, n.names...) {
				one.Level, one.Value, found = level, value, true
			}
		}
	}
	if one.Level == oraddr.LevelPerson && found || isPerson {
		person.S = one.Value
		one = oraddr.RDN{Level: oraddr.LevelPerson, Name: &person}
		found = true
	}
	if !found || one.Level == oraddr.LevelDomainDefined && one.Type == nil {
		return one, fmt.Errorf("%s names nothing in an O/R address (RFC 2294 §2)", r)
	}
	return one, nil
}

// textOf is a value of the O/R address tree, as oraddr.Parse takes one: what is outside
// ASCII is a universal string.
func textOf(s string) oraddr.Text {
	if strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return oraddr.Text{Universal: oraddr.Localized{Text: s}}
	}
	return oraddr.Text{Printable: s}
}

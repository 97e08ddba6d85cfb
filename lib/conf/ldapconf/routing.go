package ldapconf

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/asn1/gser"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

func (l Layout) nodeText(n conf.NodeName) (gser.Value, error) {
	d, err := l.node(n.Tree, n.At)
	if err != nil {
		return gser.Value{}, err
	}
	return gser.String(text(d)), nil
}

func (l Layout) nodeName(g gser.Value) (conf.NodeName, error) {
	d, err := rootOrDN(g.Text)
	switch {
	case err != nil:
		return conf.NodeName{}, err
	case d.EqualFold(l.own()):
		return conf.NodeName{Tree: conf.Tables}, nil
	}
	return l.nodeOf(d)
}

// elsewhere tells whether a badAddressSearchPoint is none that is held here: RFC 1801 §22.4
// allows any entry, and the tables of another switch are one.
func (l Layout) elsewhere(point string) bool {
	d, err := dn(point)
	return err == nil && !d.EqualFold(l.own()) && !l.trees().AncestorOfFold(d)
}

// extensions is our arc of the extensions that X.411 numbers: a directory has object identifiers
// of them (RFC 1801 §18.3), and X.411 gives them none.
const extensions = arc + ".3."

func extensionOID(x conf.MTSExtension) (gser.Value, error) {
	t, err := mts.ParseExtensionType(string(x))
	if err != nil {
		return gser.Value{}, err
	}
	if n := t.StandardExtension; n != nil {
		return gser.Identifier(extensions + strconv.FormatInt(int64(*n), 10)), nil
	}
	return gser.Identifier(string(*t.PrivateExtension)), nil
}

func namingAttribute(a conf.NamingAttribute) (gser.Value, error) {
	names, ok := filterTypes[string(a)]
	if !ok {
		return gser.Value{}, fmt.Errorf("no attribute %s", a)
	}
	return gser.Identifier(names[1]), nil
}

// attributeNamed returns the attribute of an address that a directory knows by a name; the
// common name of X.520 is that of an address, too.
func attributeNamed(name string) (conf.NamingAttribute, error) {
	for key, names := range filterTypes {
		if is(name, names...) || key == "CN" && is(name, "cn", "commonName", "2.5.4.3") {
			return conf.NamingAttribute(key), nil
		}
	}
	return "", fmt.Errorf("%s names nothing in an O/R address (RFC 2294 §2)", clip(name))
}

// mtaInfo reads an MTAInfo (RFC 1801 §10.2). Attributes of an MTA and of its application
// entities that are to be taken instead of reading its entry are not used: the entry is
// there.
func (l Layout) mtaInfo(g gser.Value) (m conf.MTAInfo, err error) {
	parts, err := sequence(g)
	if err != nil {
		return m, err
	}
	name, err := parts.text("name")
	if err != nil {
		return m, err
	}
	d, err := dn(name)
	if err != nil {
		return m, err
	}
	if m.Name, err = l.mtaOf(d); err != nil {
		return m, err
	}
	m.Weight, err = parts.weight(conf.MTAInfo{}.Default().(conf.MTAInfo).Weight)
	return m, errors.Join(err, parts.rest())
}

// weights are the names that RouteWeight has for some (RFC 1801 §10.2).
var weights = map[string]int{"endpoint": 0, "preferred-access": 5, "backup": 10}

// weight returns the component weight, or what there is by default.
func (c *components) weight(otherwise int) (int, error) {
	for _, one := range *c {
		if n, ok := weights[one.Value.Text]; ok && one.Name == "weight" {
			c.take("weight")
			return n, nil
		}
	}
	return c.number("weight", otherwise)
}

// filterTypes has the attribute that a RoutingFilter names for each attribute of an
// address, by its key of RFC 2156.
var filterTypes = map[string][]string{
	"C": naming[oraddr.LevelCountry].names, "ADMD": naming[oraddr.LevelADMD].names, "PRMD": naming[oraddr.LevelPRMD].names,
	"X121": naming[oraddr.LevelX121].names, "UA-ID": naming[oraddr.LevelUserIdentifier].names, "O": naming[oraddr.LevelOrganization].names,
	"OU": naming[oraddr.LevelOrganizationalUnit].names, "S": naming[oraddr.LevelPerson].names, "G": givenName, "I": initials, "GQ": generation,
	"CN": naming[oraddr.LevelCommonName].names, "T-ID": naming[oraddr.LevelTerminalID].names, "DDA": naming[oraddr.LevelDomainDefined].names,
}

func (l Layout) filterValue(f conf.Filter) (gser.Value, error) {
	node, err := l.nodeText(f.Node)
	names, ok := filterTypes[f.Attribute]
	if err != nil || !ok {
		return node, cmp.Or(err, fmt.Errorf("routing-filter: no attribute %s", f.Attribute))
	}
	g := gser.Value{}.With("attribute-type", gser.Identifier(names[1])).With("weight", gser.Integer(int64(f.Weight)))
	if f.DDAKey != "" {
		g = g.With("dda-key", gser.String(f.DDAKey))
	}
	if f.Regex != "" {
		g = g.With("regex-match", gser.String(f.Regex))
	}
	return g.With("node", node), nil
}

// filter reads a RoutingFilter (RFC 1801 §10.3).
func (l Layout) filter(g gser.Value) (f conf.Filter, err error) {
	parts, err := sequence(g)
	if err != nil {
		return f, err
	}
	attribute, err := parts.text("attribute-type")
	if err != nil {
		return f, err
	}
	named, err := attributeNamed(attribute)
	if err != nil {
		return f, fmt.Errorf("attribute-type: %w", err)
	}
	f.Attribute = string(named)
	if f.Weight, err = parts.weight(conf.Filter{}.Default().(conf.Filter).Weight); err != nil {
		return f, err
	}
	for name, to := range map[string]*string{"dda-key": &f.DDAKey, "regex-match": &f.Regex} {
		if v, ok := parts.take(name); ok {
			*to = v.Text
		}
	}
	node, ok := parts.take("node")
	if !ok {
		return f, errors.New("node is missing")
	}
	if f.Node, err = l.nodeName(node); err != nil {
		return f, err
	}
	return f, parts.rest()
}

// redirectionReasons has X.411's names of the reasons that mta.toml(5) has words for.
var redirectionReasons = map[string]string{
	"recipient": "recipient-assigned-alternate-recipient", "recipient-md": "recipient-MD-assigned-alternate-recipient", "alias": "alias",
}

// kilo is the unit of sizes in a Redirect: RFC 1801 §22.1 measures them in kBytes.
const kilo = 1024

func redirectValue(r conf.Redirect) (gser.Value, error) {
	reason, ok := redirectionReasons[r.Reason]
	if !ok {
		return gser.Value{}, fmt.Errorf("redirect: no reason %s", r.Reason)
	}
	g := gser.Value{}.With("or-name", gser.String(r.To)).With("reason", gser.Identifier(reason))
	size := func(name string, n quantity.Octets) gser.Value {
		if n%kilo == 0 {
			return gser.Alternative(name, gser.Integer(int64(n/kilo)))
		}
		return gser.Alternative(name+"-octets", gser.Integer(int64(n)))
	}
	switch {
	case r.MinSize > 0:
		g = g.With("filter", size("min-size", r.MinSize))
	case r.MaxSize > 0:
		g = g.With("filter", size("max-size", r.MaxSize))
	case r.ContentType != "":
		g = g.With("filter", gser.Alternative("content", gser.String(r.ContentType)))
	case r.EIT != "":
		g = g.With("filter", gser.Alternative("eit", gser.String(r.EIT)))
	}
	return g, nil
}

// redirect reads an element of a Redirect (RFC 1801 §22.1).
func redirect(g gser.Value) (r conf.Redirect, err error) {
	parts, err := sequence(g)
	if err != nil {
		return r, err
	}
	if r.To, err = parts.text("or-name"); err != nil {
		return r, err
	}
	reason, err := parts.text("reason")
	if err != nil {
		return r, err
	}
	for word, name := range redirectionReasons {
		if name == reason {
			r.Reason = word
		}
	}
	if r.Reason == "" {
		return r, fmt.Errorf("reason: %s is none of %v", clip(reason), redirectionReasons)
	}
	if filter, ok := parts.take("filter"); ok {
		if err := redirectFilter(&r, filter); err != nil {
			return r, fmt.Errorf("filter: %w", err)
		}
	}
	return r, parts.rest()
}

func redirectFilter(r *conf.Redirect, g gser.Value) error {
	if g.Kind != gser.Choice {
		return fmt.Errorf("%s is no choice, which is written name:value", clip(g.String()))
	}
	name, value := g.Components[0].Name, g.Components[0].Value
	size := func(to *quantity.Octets, unit int64) error {
		n, err := strconv.ParseInt(value.Text, 10, 48)
		if err != nil || n <= 0 {
			return fmt.Errorf("%s: %s is no size", name, clip(value.String()))
		}
		*to = quantity.Octets(n * unit)
		return nil
	}
	switch name {
	case "min-size":
		return size(&r.MinSize, kilo)
	case "max-size":
		return size(&r.MaxSize, kilo)
	case "min-size-octets":
		return size(&r.MinSize, 1)
	case "max-size-octets":
		return size(&r.MaxSize, 1)
	case "content", "eit":
		if value.Kind != gser.Text && value.Kind != gser.Word || value.Text == "" {
			return fmt.Errorf("%s: %s is no text", name, clip(value.String()))
		}
		if r.EIT = value.Text; name == "content" {
			r.ContentType, r.EIT = value.Text, ""
		}
	default:
		return fmt.Errorf("%s is none of min-size, max-size, content and eit", clip(name))
	}
	return nil
}

// nonDelivery writes a NonDeliveryReason (RFC 1801 §22.2).
func nonDelivery(n *conf.Node) gser.Value {
	g := gser.Value{}.With("reason", gser.Integer(int64(n.Reason)))
	if n.Diagnostic != conf.NoDiagnostic {
		g = g.With("diagnostic", gser.Integer(int64(n.Diagnostic)))
	}
	return g.With("supplementaryInfo", gser.String(n.Reject))
}

func setNonDelivery(n *conf.Node, text string) error {
	g, err := gser.Parse(text)
	if err != nil {
		return err
	}
	parts, err := sequence(g)
	if err != nil {
		return err
	}
	if n.Reason, err = parts.number("reason", 0); err != nil {
		return err
	}
	if n.Diagnostic, err = parts.number("diagnostic", conf.NoDiagnostic); err != nil {
		return err
	}
	n.Reject = mts.ReasonCode(n.Reason).String()
	if v, ok := parts.take("supplementaryInfo"); ok {
		n.Reject = v.Text
	}
	return parts.rest()
}

// willRouteValue writes an MTAWillRoute (RFC 1801 §21.1): prefixes of addresses, named as
// in the O/R address tree.
func willRouteValue(w conf.WillRoute) (gser.Value, error) {
	g := gser.Value{Kind: gser.Sequence}
	for _, set := range willRouteSets(&w) {
		if len(*set.to) == 0 {
			continue
		}
		list := gser.ListOf()
		for _, at := range *set.to {
			path, err := oraddr.ParsePath(at)
			if err != nil {
				return g, err
			}
			name := below(&ldap.DN{}, pathRDNs(path)...)
			list.Components = append(list.Components, gser.Component{Value: gser.String(text(name))})
		}
		g = g.With(set.name, list)
	}
	return g, nil
}

func willRoute(g gser.Value) (w conf.WillRoute, err error) {
	parts, err := sequence(g)
	if err != nil {
		return w, err
	}
	for _, set := range willRouteSets(&w) {
		list, ok := parts.take(set.name)
		if !ok {
			continue
		}
		if list.Kind != gser.List {
			return w, fmt.Errorf("%s: %s is no list, which is written { a, b }", set.name, clip(list.String()))
		}
		for _, c := range list.Components {
			prefix, err := dn(c.Value.Text)
			if err != nil {
				return w, fmt.Errorf("%s: %w", set.name, err)
			}
			at, err := addressOf(prefix.RDNs)
			if err != nil {
				return w, fmt.Errorf("%s: %w", set.name, err)
			}
			*set.to = append(*set.to, at)
		}
	}
	return w, parts.rest()
}

type willRouteSet struct {
	name string
	to   *[]string
}

func willRouteSets(w *conf.WillRoute) []willRouteSet {
	return []willRouteSet{{"from", &w.From}, {"to", &w.To}, {"from-excludes", &w.FromExcludes}, {"to-excludes", &w.ToExcludes}}
}

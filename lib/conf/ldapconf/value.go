package ldapconf

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/asn1/gser"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// toText writes a value as that of an attribute: as it is if it has a text, else by the
// generic string encoding rules.
func (l Layout) toText(v reflect.Value) (string, error) {
	g, err := l.toGSER(v)
	if err != nil {
		return "", err
	}
	if g.Kind == gser.Text || g.Kind == gser.Word {
		if g.Text == "" {
			return "", errors.New("is empty, which no value of a directory is")
		}
		return g.Text, nil
	}
	return g.String(), nil
}

// toGSER writes a value of the model; what has a form of its own in RFC 1801 or X.402 is
// written in that.
func (l Layout) toGSER(v reflect.Value) (gser.Value, error) {
	switch x := v.Interface().(type) {
	case oraddr.Domain:
		return gser.String(x.String()), nil
	case conf.NodeName:
		return l.nodeText(x)
	case conf.NamingAttribute:
		return namingAttribute(x)
	case conf.MTSExtension:
		return extensionOID(x)
	case conf.Community:
		return gser.Identifier(string(x.OID())), nil
	case conf.MTAInfo:
		g := gser.Value{}.With("name", gser.String(text(l.mta(x.Name))))
		if x.Weight != (conf.MTAInfo{}.Default().(conf.MTAInfo).Weight) {
			g = g.With("weight", gser.Integer(int64(x.Weight)))
		}
		return g, nil
	case conf.Filter:
		return l.filterValue(x)
	case conf.Redirect:
		return redirectValue(x)
	case conf.WillRoute:
		return willRouteValue(x)
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return gser.String(string(text)), err
	}
	switch v.Kind() {
	case reflect.String:
		return gser.String(v.String()), nil
	case reflect.Bool:
		return gser.Boolean(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return gser.Integer(v.Int()), nil
	case reflect.Slice:
		g := gser.ListOf()
		for i := range v.Len() {
			one, err := l.toGSER(v.Index(i))
			if err != nil {
				return g, err
			}
			g.Components = append(g.Components, gser.Component{Value: one})
		}
		return g, nil
	case reflect.Struct:
		g := gser.Value{Kind: gser.Sequence}
		for i := range v.NumField() {
			// The default of a number in a table in a table is that of the table, and may be
			// another than zero.
			if k := v.Field(i).Kind(); v.Field(i).IsZero() && (k == reflect.String || k == reflect.Slice) {
				continue
			}
			one, err := l.toGSER(v.Field(i))
			if err != nil {
				return g, err
			}
			g = g.With(v.Type().Field(i).Tag.Get("toml"), one)
		}
		return g, nil
	}
	return gser.Value{}, fmt.Errorf("a %s has no form in a directory", v.Type())
}

// setText is what toText did, backwards.
func (l Layout) setText(v reflect.Value, text string) error {
	if !utf8.ValidString(text) {
		return errors.New("is not UTF-8")
	}
	if plain(v.Type()) {
		return l.set(v, gser.String(text))
	}
	g, err := gser.Parse(text)
	if err != nil {
		return err
	}
	return l.set(v, g)
}

// plain tells whether the text of a value is written as it is.
func plain(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[oraddr.Domain](), reflect.TypeFor[conf.NodeName]():
		return true
	}
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || t.Kind() != reflect.Struct && t.Kind() != reflect.Slice
}

// set is what toGSER did, backwards.
func (l Layout) set(v reflect.Value, g gser.Value) (err error) {
	switch x := v.Addr().Interface().(type) {
	case *oraddr.Domain:
		*x, err = oraddr.ParseDomain(g.Text)
		return err
	case *conf.NodeName:
		*x, err = l.nodeName(g)
		return err
	case *conf.NamingAttribute:
		*x, err = attributeNamed(g.Text)
		return err
	case *conf.MTSExtension:
		return x.UnmarshalText([]byte(strings.TrimPrefix(g.Text, extensions)))
	case *conf.MTAInfo:
		*x, err = l.mtaInfo(g)
		return err
	case *conf.Filter:
		*x, err = l.filter(g)
		return err
	case *conf.Redirect:
		*x, err = redirect(g)
		return err
	case *conf.WillRoute:
		*x, err = willRoute(g)
		return err
	case encoding.TextUnmarshaler:
		return x.UnmarshalText([]byte(g.Text))
	}
	scalar := g.Kind == gser.Text || g.Kind == gser.Word
	switch v.Kind() {
	case reflect.String:
		if !scalar {
			return fmt.Errorf("%s is no text", clip(g.String()))
		}
		v.SetString(g.Text)
	case reflect.Bool:
		if !scalar || g.Text != "TRUE" && g.Text != "FALSE" {
			return fmt.Errorf("%s is neither TRUE nor FALSE", clip(g.Text))
		}
		v.SetBool(g.Text == "TRUE")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(g.Text, 10, 64)
		if !scalar || err != nil {
			return fmt.Errorf("%s is not an integer", clip(g.Text))
		}
		v.SetInt(n)
	case reflect.Slice:
		return l.setList(v, g)
	case reflect.Struct:
		return l.setStruct(v, g)
	default:
		return fmt.Errorf("a %s has no form in a directory", v.Type())
	}
	return nil
}

func (l Layout) setList(v reflect.Value, g gser.Value) error {
	if g.Kind != gser.List {
		return fmt.Errorf("%s is no list, which is written { a, b }", clip(g.String()))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(g.Components), len(g.Components)))
	for i, c := range g.Components {
		if err := l.set(v.Index(i), c.Value); err != nil {
			return fmt.Errorf("number %d: %w", i+1, err)
		}
	}
	return nil
}

// setStruct sets a struct, whose members are components by their keys; what is not there is
// left as it was.
func (l Layout) setStruct(v reflect.Value, g gser.Value) error {
	parts, err := sequence(g)
	if err != nil {
		return err
	}
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("toml")
		part, ok := parts.take(key)
		if !ok {
			continue
		}
		if err := l.set(v.Field(i), part); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return parts.rest()
}

// components are those of a SEQUENCE that have not been read.
type components []gser.Component

// sequence takes a SEQUENCE apart, in which no component is twice.
func sequence(g gser.Value) (components, error) {
	if g.Kind != gser.Sequence && !(g.Kind == gser.List && len(g.Components) == 0) {
		return nil, fmt.Errorf("%s is no sequence, which is written { name value, … }", clip(g.String()))
	}
	for i, c := range g.Components {
		if slices.ContainsFunc(g.Components[:i], func(o gser.Component) bool { return o.Name == c.Name }) {
			return nil, fmt.Errorf("%s twice", c.Name)
		}
	}
	return slices.Clone(g.Components), nil
}

// take returns a component.
func (c *components) take(name string) (gser.Value, bool) {
	i := slices.IndexFunc(*c, func(one gser.Component) bool { return one.Name == name })
	if i < 0 {
		return gser.Value{}, false
	}
	v := (*c)[i].Value
	*c = slices.Delete(*c, i, i+1)
	return v, true
}

// text returns a component that is there and is a text or a word.
func (c *components) text(name string) (string, error) {
	v, ok := c.take(name)
	switch {
	case !ok:
		return "", fmt.Errorf("%s is missing", name)
	case v.Kind != gser.Text && v.Kind != gser.Word:
		return "", fmt.Errorf("%s: %s is no text", name, clip(v.String()))
	}
	return v.Text, nil
}

// number returns a component, or what there is by default.
func (c *components) number(name string, otherwise int) (int, error) {
	v, ok := c.take(name)
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v.Text)
	if err != nil {
		return 0, fmt.Errorf("%s: %s is not an integer", name, clip(v.String()))
	}
	return n, nil
}

// rest reports what was not read.
func (c *components) rest() error {
	if len(*c) > 0 {
		return fmt.Errorf("%s: unknown component", clip((*c)[0].Name))
	}
	return nil
}

// rootOrDN is dn, or the empty name of the root of the directory.
func rootOrDN(text string) (*ldap.DN, error) {
	if text == "" {
		return &ldap.DN{}, nil
	}
	return dn(text)
}

// dn reads a distinguished name, not that of the root, whose attributes have names as RFC
// 4512 §1.4 has them.
func dn(text string) (*ldap.DN, error) {
	d, err := ldap.ParseDN(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clip(text), err)
	}
	for _, r := range d.RDNs {
		for _, a := range r.Attributes {
			for _, names := range spellings {
				if is(a.Type, names...) {
					a.Type = names[0]
				}
			}
			if !isDescriptor(a.Type) || !utf8.ValidString(a.Value) {
				return nil, fmt.Errorf("%s: %s is no name of an attribute, or its value is not UTF-8", clip(text), clip(a.Type))
			}
		}
		if len(r.Attributes) == 0 {
			return nil, fmt.Errorf("%s: an empty name", clip(text))
		}
	}
	if len(d.RDNs) == 0 {
		return nil, fmt.Errorf("%s: that of the root", clip(text))
	}
	return d, nil
}

// spellings are the names of attributes that others than ours are named by, the usual one first
// (RFC 4519).
var spellings = [][]string{
	{"cn", "commonName", "2.5.4.3"}, {"c", "countryName", "2.5.4.6"}, {"l", "localityName", "2.5.4.7"}, {"st", "stateOrProvinceName", "2.5.4.8"},
	{"o", "organizationName", "2.5.4.10"}, {"ou", "organizationalUnitName", "2.5.4.11"}, {"dc", "domainComponent", "0.9.2342.19200300.100.1.25"},
	{"uid", "userid", "0.9.2342.19200300.100.1.1"},
}

// isDescriptor tells whether a name is that of an attribute, or an object identifier.
func isDescriptor(name string) bool {
	for i := range len(name) {
		c := name[i] | 0x20 // a small letter, if it is one
		if letter := 'a' <= c && c <= 'z'; !letter && (i == 0 && name[i] == '-' || name[i] != '-' && name[i] != '.' && (name[i] < '0' || name[i] > '9')) {
			return false
		}
	}
	return name != ""
}

// clip shows a value of outside origin in an error, however long it is.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}

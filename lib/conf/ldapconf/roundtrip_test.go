package ldapconf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// places are names of nodes, as an address of one is written.
var places = canonical("/C=GB/", "/ADMD=TEST/C=GB/", "/ADMD= /C=DE/", "/PRMD=A, B/ADMD=T+1/C=GB/", "/O=Müller/PRMD=X/ADMD=Y/C=DE/",
	"/S=Smith/G=Ann/OU1=U/O=O/PRMD=P/ADMD=A/C=GB/", "/S=Smith/G=Ann/I=A/GQ=II/O=O/PRMD=P/ADMD=A/C=GB/", "/DD.fax=12/CN=Desk/O=O/PRMD=P/ADMD=A/C=GB/",
	"/X121=9262/ADMD=A/C=GB/", "/UA-ID=5/PRMD=P/ADMD=A/C=GB/", "/PRMD=p\"q/ADMD=A/C=FR/", "/PRMD=P/ADMD=#A/C=GB/")

func canonical(all ...string) []string {
	for i, at := range all {
		path, err := oraddr.ParsePath(at)
		if err != nil {
			panic(err)
		}
		a, err := oraddr.FromPath(path)
		if err != nil {
			panic(err)
		}
		all[i] = a.String()
	}
	return all
}

// arbitrary fills a value of the model with anything that its type can be, right or wrong:
// that is for whoever validates it.
func arbitrary(t *rapid.T, v reflect.Value, key string) {
	word := rapid.StringMatching(`[A-Za-z0-9][ -~äß"]{0,10}[A-Za-z0-9]`)
	place := rapid.SampledFrom(places)
	name := rapid.Custom(func(t *rapid.T) conf.NodeName {
		return conf.NodeName{Tree: rapid.SampledFrom([]string{"open", "private"}).Draw(t, "tree"), At: rapid.SampledFrom([]string{"", place.Draw(t, "at")}).Draw(t, "node")}
	})
	for _, c := range policyComponents {
		if c.key == key && v.Kind() == reflect.String {
			v.SetString(rapid.SampledFrom(c.values).Draw(t, key).word)
			return
		}
	}
	if key == methodComponent && v.Kind() == reflect.String {
		v.SetString(rapid.SampledFrom([]string{"mhs-delivery", "telephone-delivery"}).Draw(t, key))
		return
	}
	switch x := v.Addr().Interface().(type) {
	case *oraddr.Domain:
		*x = oraddr.Domain{C: "GB", ADMD: "A/B", PRMD: rapid.SampledFrom([]string{"", "P"}).Draw(t, key)}
		return
	case *conf.NodeName:
		*x = name.Draw(t, key)
		return
	case *conf.Filter:
		*x = conf.Filter{Attribute: rapid.SampledFrom(conf.FilterAttributes).Draw(t, "attribute"), Regex: word.Draw(t, "regex"),
			Weight: rapid.IntRange(0, 20).Draw(t, "weight"), Node: name.Draw(t, "node")}
		return
	case *conf.NamingAttribute:
		*x = conf.NamingAttribute(rapid.SampledFrom(conf.FilterAttributes).Draw(t, "attribute"))
		return
	case *conf.Community:
		*x = rapid.SampledFrom([]conf.Community{"tc-internet", "tc-janet", "1.2.3", "1.3.6.1.4.1.453.4.7"}).Draw(t, key)
		return
	case *conf.MTSExtension:
		*x = rapid.SampledFrom([]conf.MTSExtension{"latest-delivery-time", "extension 99", "1.2.3", "2.25.3.1"}).Draw(t, key)
		return
	case *conf.Redirect:
		*x = conf.Redirect{To: word.Draw(t, "to"), Reason: rapid.SampledFrom([]string{"recipient", "recipient-md", "alias"}).Draw(t, "reason")}
		switch rapid.IntRange(0, 4).Draw(t, "filter") {
		case 1:
			x.MinSize = quantity.Octets(rapid.IntRange(1, 1<<20).Draw(t, "size"))
		case 2:
			x.MaxSize = quantity.Octets(1024 * rapid.IntRange(1, 1<<20).Draw(t, "size"))
		case 3:
			x.ContentType = word.Draw(t, "type")
		case 4:
			x.EIT = word.Draw(t, "eit")
		}
		return
	case *conf.WillRoute:
		for _, set := range willRouteSets(x) {
			*set.to = rapid.SliceOfN(place, 0, 2).Draw(t, set.name)
			if len(*set.to) == 0 {
				*set.to = nil
			}
		}
		return
	case *conf.Duration:
		*x = conf.Duration(rapid.IntRange(0, 1000).Draw(t, key)) * 1_000_000_000
		return
	case *quantity.Octets:
		*x = quantity.Octets(rapid.IntRange(0, 1<<40).Draw(t, key))
		return
	case *conf.Selector:
		*x = conf.Selector(rapid.SampledFrom([]string{"MTA", "\x02\x4f", "'x"}).Draw(t, key))
		return
	case *quantity.Window:
		*x = quantity.Window{Days: quantity.Days(rapid.IntRange(0, 126).Draw(t, "days")), From: 60, To: rapid.IntRange(61, 1440).Draw(t, "to")}
		return
	case *quantity.TimeOfDay:
		*x = quantity.TimeOfDay{Days: quantity.Days(rapid.IntRange(0, 126).Draw(t, "days")), Minute: rapid.IntRange(0, 1439).Draw(t, "minute")}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(word.Draw(t, key))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, key))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(rapid.IntRange(-1, 100000).Draw(t, key)))
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, key)
		if n == 0 {
			return // nil, or the default
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			arbitrary(t, v.Index(i), key)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if rapid.Bool().Draw(t, "set") {
				arbitrary(t, v.Field(i), v.Type().Field(i).Tag.Get("toml"))
			}
		}
	default:
		t.Fatalf("%s: %s", key, v.Type())
	}
}

// whole is a configuration with arbitrary entries in every table.
func whole(t *rapid.T) *conf.Config {
	c := conf.New()
	arbitrary(t, reflect.ValueOf(&c.Identity).Elem(), "identity")
	c.Identity.MTA, c.Identity.Domain = "MTA-A", oraddr.Domain{C: "GB", ADMD: "TEST"}
	if rapid.Bool().Draw(t, "trees") {
		c.Identity.Trees = []string{"private", conf.Tables, "open"}
	} else {
		c.Identity.Trees = conf.New().Identity.Trees
	}
	for i := range tables {
		table := &tables[i]
		v := table.member(c)
		of, repeated := table.entry()
		if !repeated {
			arbitrary(t, v, table.name)
			continue
		}
		for range rapid.IntRange(0, 3).Draw(t, table.name) {
			one := reflect.New(of).Elem()
			one.Set(conf.Fresh(of))
			arbitrary(t, one, table.name)
			v.Set(reflect.Append(v, one))
		}
	}
	c.Peers = named(c.Peers, func(p *conf.Peer, name string) { p.Name = name })
	c.Channels = named(c.Channels, func(ch *conf.Channel, name string) { ch.Name = name })
	c.Steps = named(c.Steps, func(s *conf.Step, name string) { s.Name = name })
	c.RuleSets = named(c.RuleSets, func(s *conf.RuleSet, name string) { s.Name = name })
	return c
}

// named gives entries names of their own, in order.
func named[T any](all []T, set func(*T, string)) []T {
	for i := range all {
		set(&all[i], "name-"+string(rune('a'+i)))
	}
	return all
}

// nodes are those of two trees, each at a place of its own.
func nodes(t *rapid.T) (all []conf.Node) {
	for _, tree := range []string{"open", "private"} {
		for _, at := range append([]string{""}, places...) {
			if !rapid.Bool().Draw(t, "there") {
				continue
			}
			n := conf.NewNode()
			if rapid.IntRange(0, 9).Draw(t, "alias") == 0 {
				n.Alias = conf.NodeName{Tree: "open", At: "/C=GB/"}
			} else {
				arbitrary(t, reflect.ValueOf(&n).Elem(), "node")
				n.Alias = conf.NodeName{}
				if n.Reject == "" {
					n.Reason, n.Diagnostic = 1, 0
				}
			}
			n.Tree, n.At = tree, at
			all = append(all, n)
		}
	}
	return all
}

// A configuration is the same after it has been in a directory, which gives entries and the
// values of attributes in any order.
func TestRoundTrip(t *testing.T) {
	l, err := NewLayout("ou=mhs,o=Example", "MTA-A")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := whole(t)
		want.Nodes = nodes(t)
		entries, err := Encode(want, l)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := WriteLDIF(&text, entries); err != nil {
			t.Fatal(err)
		}
		read, err := ReadLDIF(bytes.NewReader(text.Bytes()), "text")
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(read), func(i, k int) { read[i], read[k] = read[k], read[i] })
		for _, e := range read {
			for _, a := range e.Attributes {
				r.Shuffle(len(a.Values), func(i, k int) { a.Values[i], a.Values[k] = a.Values[k], a.Values[i] })
			}
		}
		got := conf.New()
		d := newDecoder(got, l)
		d.read(read)
		if err := d.err(); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		sortSets(want)
		sortSets(got)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s\n%s", diff, text.String())
		}
	})
}

// sortSets puts lists whose order means nothing into one.
func sortSets(c *conf.Config) {
	slices.SortFunc(c.Nodes, func(a, b conf.Node) int { return strings.Compare(a.Tree+a.At, b.Tree+b.At) })
	sets := func(t *table, v reflect.Value) {
		for _, f := range t.fields(v.Type()) {
			if list := v.Field(f.index); list.Kind() == reflect.Slice && !f.ordered {
				sort.Slice(list.Interface(), func(i, k int) bool {
					return fmt.Sprintf("%+v", list.Index(i)) < fmt.Sprintf("%+v", list.Index(k))
				})
			}
		}
	}
	for _, t := range everyTable() {
		v := t.member(c)
		if _, repeated := t.entry(); !repeated {
			sets(t, v)
			continue
		}
		for i := range v.Len() {
			sets(t, v.Index(i))
		}
	}
}

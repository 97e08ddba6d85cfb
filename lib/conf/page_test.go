package conf

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// entry is what page or model say about a key.
type entry struct{ kind, fallback string }

var (
	pageTable = regexp.MustCompile(`^\.Ss \[+([a-z]+)\]+$`)
	pageKey   = regexp.MustCompile(`^\.It Ic (\S+) Ar (.+) Pq (.+)$`)
)

// readPage returns the keys of man/mta.toml.5 with kind and default.
func readPage(t *testing.T) map[string]entry {
	t.Helper()
	page, err := os.ReadFile("../../man/mta.toml.5")
	if err != nil {
		t.Fatal(err)
	}
	keys, table := map[string]entry{}, ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if m := pageTable.FindStringSubmatch(line); m != nil {
			table = m[1]
		}
		if m := pageKey.FindStringSubmatch(line); m != nil {
			key := table + "." + m[1]
			if _, dup := keys[key]; dup {
				t.Errorf("the page has %s twice", key)
			}
			keys[key] = entry{strings.NewReplacer(" No of Ar ", " of ").Replace(m[2]), m[3]}
		}
	}
	return keys
}

// readModel returns the keys of the model, with what a fresh entry has for them.
func readModel() map[string]entry {
	keys := map[string]entry{}
	c := New()
	walk(keys, "identity", reflect.ValueOf(c.Identity))
	walk(keys, "spool", reflect.ValueOf(c.Spool))
	walk(keys, "events", reflect.ValueOf(c.Events))
	walk(keys, "run", reflect.ValueOf(c.Run))
	walk(keys, "directory", reflect.ValueOf(c.Directory))
	walk(keys, "limits", reflect.ValueOf(c.Limits))
	walk(keys, "schedule", reflect.ValueOf(c.Schedule))
	walk(keys, "selftest", reflect.ValueOf(c.SelfTest))
	walk(keys, "security", reflect.ValueOf(c.Security))
	walk(keys, "listener", reflect.ValueOf(NewListener()))
	walk(keys, "channel", reflect.ValueOf(NewChannel()))
	walk(keys, "peer", reflect.ValueOf(NewPeer()))
	walk(keys, "route", reflect.ValueOf(NewRoute()))
	walk(keys, "node", reflect.ValueOf(NewNode()))
	walk(keys, "user", reflect.ValueOf(NewUser()))
	walk(keys, "list", reflect.ValueOf(NewList()))
	walk(keys, "step", reflect.ValueOf(Step{}))
	walk(keys, "ruleset", reflect.ValueOf(NewRuleSet()))
	return keys
}

func walk(keys map[string]entry, path string, v reflect.Value) {
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("toml")
		if name == "-" {
			continue
		}
		f, key := v.Field(i), path+"."+name
		_, isDomain := f.Interface().(oraddr.Domain)
		switch {
		case f.Kind() == reflect.Struct && !isText(f.Type()) && !isDomain:
			walk(keys, key, f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct && !isText(f.Type().Elem()):
			keys[key] = entry{kindOf(f.Type()), ""}
			element := reflect.Zero(f.Type().Elem())
			if d, ok := element.Interface().(interface{ Default() any }); ok {
				element = reflect.ValueOf(d.Default())
			}
			walk(keys, key, element)
		default:
			fallback := ""
			if !f.IsZero() || f.Kind() == reflect.Int || f.Kind() == reflect.Bool || f.Type() == reflect.TypeFor[quantity.Octets]() {
				fallback = fmt.Sprint(f.Interface())
			}
			keys[key] = entry{kindOf(f.Type()), fallback}
		}
	}
}

func isText(t reflect.Type) bool { return t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) }

func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Duration]():
		return "duration"
	case reflect.TypeFor[quantity.Octets]():
		return "octets"
	case reflect.TypeFor[Selector]():
		return "selector"
	case reflect.TypeFor[quantity.TimeOfDay]():
		return "time"
	case reflect.TypeFor[quantity.Window]():
		return "window"
	case reflect.TypeFor[oraddr.Domain]():
		return "address"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && !isText(t.Elem()) {
			return "list"
		}
		return "list of " + kindOf(t.Elem())
	}
	return "text"
}

// refinements are the kinds of the page that are strings in the model.
var refinements = map[string]string{
	"path": "text", "address": "text", "pattern": "text", "endpoint": "text", "text": "text", "secret": "text",
}

// refined is the kind of the model that a kind of the page refines.
func refined(kind string) string {
	if of, list := strings.CutPrefix(kind, "list of "); list {
		return "list of " + refinements[of]
	}
	return refinements[kind]
}

// TestPageNamesEveryKey holds mta.toml(5) and the model to each other, both ways:
// keys, kinds and defaults.
func TestPageNamesEveryKey(t *testing.T) {
	page, model := readPage(t), readModel()
	for key, m := range model {
		p, ok := page[key]
		if !ok {
			t.Errorf("mta.toml(5) does not have %s", key)
			continue
		}
		if p.kind != m.kind && refined(p.kind) != m.kind {
			t.Errorf("%s: the page says %q, the model %q", key, p.kind, m.kind)
		}
		fallback := p.fallback
		switch fallback {
		case "required", "none", "empty", "the only local channel", "the only x400p1 channel", "Ic identity.mta":
			fallback = ""
		}
		if diff := cmp.Diff(fallback, m.fallback); diff != "" {
			t.Errorf("%s: default (-page +model):\n%s", key, diff)
		}
	}
	for key := range page {
		if _, ok := model[key]; !ok {
			t.Errorf("mta.toml(5) has %s, the model does not", key)
		}
	}
}

// TestJSONNamesAreTOMLNames: channel processes and --json see the names of the
// page.
func TestJSONNamesAreTOMLNames(t *testing.T) {
	var check func(reflect.Type)
	check = func(s reflect.Type) {
		for i := range s.NumField() {
			f := s.Field(i)
			json, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if toml := f.Tag.Get("toml"); toml != json && toml != "-" {
				t.Errorf("%s.%s: json %q, toml %q", s, f.Name, json, toml)
			}
			e := f.Type
			if e.Kind() == reflect.Slice {
				e = e.Elem()
			}
			if e.Kind() == reflect.Struct && e.PkgPath() == s.PkgPath() && !isText(e) {
				check(e)
			}
		}
	}
	check(reflect.TypeFor[Config]())
}

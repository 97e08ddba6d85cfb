package simulate

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/quantity"
)

// entry is what page or model say about a key.
type entry struct{ kind, fallback string }

var (
	pageTable = regexp.MustCompile(`^\.Ss \[+([a-z]+)\]+$`)
	pageKey   = regexp.MustCompile(`^\.It Ic (\S+) Ar (.+) Pq (.+)$`)
)

// TestPageNamesEveryKey holds mtactl-simulate(1) and the tables to each other, both ways:
// keys, kinds and defaults.
func TestPageNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../man/mtactl-simulate.1")
	if err != nil {
		t.Fatal(err)
	}
	page, table := map[string]entry{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if m := pageTable.FindStringSubmatch(line); m != nil {
			table = m[1]
		}
		if m := pageKey.FindStringSubmatch(line); m != nil {
			page[table+"."+m[1]] = entry{strings.Replace(m[2], " No of Ar ", " of ", 1), m[3]}
		}
	}
	d, model := New(), map[string]entry{}
	for name, v := range map[string]any{"day": d.Day, "switch": d.Switch, "traffic": NewTraffic(), "link": NewLink(), "outage": Outage{}} {
		s := reflect.ValueOf(v)
		for i := range s.NumField() {
			f := s.Field(i)
			fallback := fmt.Sprint(f.Interface())
			if at, ok := f.Interface().(time.Time); ok {
				fallback = at.Format(time.RFC3339)
			}
			if f.Kind() == reflect.Slice || fallback == "" {
				fallback = "empty"
			}
			model[name+"."+s.Type().Field(i).Tag.Get("toml")] = entry{kindOf(f.Type()), fallback}
		}
	}
	for key, m := range model {
		p, ok := page[key]
		if !ok {
			t.Errorf("the page does not have %s", key)
		} else if p.kind != m.kind || p.fallback != m.fallback && p.fallback != "required" {
			t.Errorf("%s: the page says %v, the model %v", key, p, m)
		}
	}
	for key := range page {
		if _, ok := model[key]; !ok {
			t.Errorf("the page has %s, the model does not", key)
		}
	}
}

func kindOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[conf.Duration]():
		return "duration"
	case reflect.TypeFor[quantity.Octets]():
		return "octets"
	case reflect.TypeFor[Bandwidth]():
		return "bandwidth"
	case reflect.TypeFor[time.Time]():
		return "date"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "number"
	case reflect.Float64:
		return "fraction"
	case reflect.Slice:
		return "list of " + kindOf(t.Elem())
	}
	return "text"
}

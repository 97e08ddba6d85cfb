package audit

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// mtaevents(5) has every event and every member, and no other.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../man/mtaevents.5")
	if err != nil {
		t.Fatal(err)
	}
	var events, members []string
	section := ""
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if s, ok := strings.CutPrefix(line, ".Ss "); ok {
			section = s
		} else if strings.HasPrefix(line, ".Sh ") {
			section = ""
		}
		item, ok := strings.CutPrefix(line, ".It Sy ")
		if !ok {
			continue
		}
		names := strings.FieldsFunc(item, func(r rune) bool { return r == ' ' || r == ',' })
		if section == "Members" {
			members = append(members, names...)
		} else {
			events = append(events, names...)
		}
	}
	source, err := os.ReadFile("audit.go")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, m := range regexp.MustCompile(`(?m)^\t[A-Z]\w+ += "([a-z-]+)" +//`).FindAllStringSubmatch(string(source), -1) {
		have = append(have, m[1])
	}
	sorted := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(have, events, sorted); diff != "" {
		t.Errorf("events (- code, + page):\n%s", diff)
	}
	have = nil
	for i, of := 0, reflect.TypeFor[Record](); i < of.NumField(); i++ {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		have = append(have, name)
	}
	if diff := cmp.Diff(have, members, sorted); diff != "" {
		t.Errorf("members (- code, + page):\n%s", diff)
	}
}

package local

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// members are the names the delivery envelope can have in JSON.
func members(t reflect.Type, into map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		members(t.Elem(), into)
		return
	case reflect.Struct:
	default:
		return
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		into[name] = true
		members(t.Field(i).Type, into)
	}
}

// TestManPage holds mtamailbox(5) and the delivery envelope together, both ways.
func TestManPage(t *testing.T) {
	page, err := os.ReadFile("../../../man/mtamailbox.5")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^\.(?:It )?Sy .*$`).FindAllString(string(page), -1) {
		for _, word := range strings.Fields(line) {
			if word[0] != '.' && len(word) > 1 || word == "n" {
				told[word] = true
			}
		}
	}
	delete(told, "Sy")
	have := map[string]bool{}
	members(reflect.TypeFor[Delivery](), have)
	for name := range have {
		if !told[name] {
			t.Errorf("mtamailbox(5) does not tell of %s", name)
		}
	}
	for name := range told {
		if !have[name] {
			t.Errorf("mtamailbox(5) tells of %s, which the envelope does not have", name)
		}
	}
	source, err := os.ReadFile("program.go")
	if err != nil {
		t.Fatal(err)
	}
	variables := regexp.MustCompile(`MTA_[A-Z_]+`)
	for _, name := range variables.FindAllString(string(source), -1) {
		if !strings.Contains(string(page), ".Ev "+name) {
			t.Errorf("mtamailbox(5) does not tell of %s", name)
		}
	}
	for _, name := range variables.FindAllString(string(page), -1) {
		if !strings.Contains(string(source), name) {
			t.Errorf("mtamailbox(5) tells of %s, which a program does not get", name)
		}
	}
}

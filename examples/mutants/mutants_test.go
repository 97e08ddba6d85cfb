package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The list fits the sources: what is to be broken is there, once, what comes of it is Go
// still, and a test of the given name exists. That they fail is what make mutants tries.
func TestListFits(t *testing.T) {
	text, err := os.ReadFile("mutants.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range all {
		if names[m.name] {
			t.Errorf("%s: twice", m.name)
		}
		names[m.name] = true
		source, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		broken, err := m.apply(string(source))
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), m.file, broken, 0); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if run := regexp.MustCompile(m.run); !slices.ContainsFunc(tests(t, filepath.Join("../..", m.pkg)), run.MatchString) {
			t.Errorf("%s: no test %s in %s", m.name, m.run, m.pkg)
		}
	}
	if len(all) < 30 {
		t.Errorf("%d mutants", len(all))
	}
}

// tests are the names of the tests of a package.
func tests(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	return names
}

// What cannot be read as a list is told.
func TestListIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"break: a\nin: b\nnoticed by: c d\n-e\n+f\n":            "",
		"break: a\nin: b\nnoticed by: c d\n+f\n":                "something is missing",
		"# comment\n\nbreak: a\nin: b\nnoticed by: c d\nelse\n": "else",
	} {
		_, err := parse(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	m := mutant{from: "a\n", to: "b\n"}
	if _, err := m.apply("a\na\n"); err == nil {
		t.Error("what is there twice is replaced")
	}
}

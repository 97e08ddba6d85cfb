package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// pages are the manual pages, all of them.
func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("../../man/*.[1-8]")
	if err != nil || len(names) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	return names
}

func TestPagesAreClean(t *testing.T) {
	out, err := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages(t)...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// What a page sends its reader to exists, and mta(7), the way in, leads to every page.
func TestPagesLeadSomewhere(t *testing.T) {
	reference := regexp.MustCompile(`(?m)^\.(?:It )?Xr (mta[a-z0-9.-]*) (\d)`)
	led := map[string]bool{"mta.7": true}
	for _, name := range pages(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
			to := m[1] + "." + m[2]
			if _, err := os.Stat(filepath.Join("../../man", to)); err != nil {
				t.Errorf("%s refers to %s(%s), which does not exist", filepath.Base(name), m[1], m[2])
			}
			led[to] = led[to] || filepath.Base(name) == "mta.7"
		}
	}
	for _, name := range pages(t) {
		if !led[filepath.Base(name)] {
			t.Errorf("mta(7) does not lead to %s", filepath.Base(name))
		}
	}
}

// A backslash at the end of a line joins it with the next: the one that is to be seen is \e. mandoc
// shows it all the same, and man(1) of others does not.
func TestPagesShowTheirBackslashes(t *testing.T) {
	joined := regexp.MustCompile(`(?m)^(?:.*[^\\])?\\$`)
	for _, name := range pages(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range joined.FindAllString(string(text), -1) {
			t.Errorf("%s: %s", filepath.Base(name), line)
		}
	}
}

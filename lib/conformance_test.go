package lib

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// claim is an item of man/mta-conformance.7.
type claim struct {
	name, status, reason string
	tests                []string // "lib/p1/TestBindOctets", or the path of a script
}

var (
	statusLine = regexp.MustCompile(`^\.Em (?:\\&)?(Yes|Partial|No) ?[.:]$`)
	testLine   = regexp.MustCompile(`^\.Pa (\S+)`)
)

// claims reads the items of the page: what stands below .It up to the next.
func claims(t *testing.T) []claim {
	t.Helper()
	page, err := os.ReadFile("../man/mta-conformance.7")
	if err != nil {
		t.Fatal(err)
	}
	var all []claim
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, ".It "); ok {
			all = append(all, claim{name: name})
			continue
		}
		if strings.HasPrefix(line, ".El") {
			all = append(all, claim{}) // closed
		}
		if len(all) == 0 || all[len(all)-1].name == "" {
			continue
		}
		c := &all[len(all)-1]
		switch status, test := statusLine.FindStringSubmatch(line), testLine.FindStringSubmatch(line); {
		case status != nil && c.status != "":
			t.Errorf("%s: two statuses", c.name)
		case status != nil:
			c.status = status[1]
		case test != nil:
			c.tests = append(c.tests, test[1])
		default:
			c.reason += line
		}
	}
	return slices.DeleteFunc(all, func(c claim) bool { return c.name == "" })
}

// TestConformancePageClaimsWhatTestsShow: an item that is claimed names tests, and
// they exist; one that is not claimed, or not wholly, gives a reason.
func TestConformancePageClaimsWhatTestsShow(t *testing.T) {
	all := claims(t)
	if len(all) < 100 {
		t.Errorf("%d items: is the page read as it is written?", len(all))
	}
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.name] {
			t.Errorf("%s: listed twice", c.name)
		}
		seen[c.name] = true
		switch {
		case c.status == "":
			t.Errorf("%s: neither Yes nor Partial nor No", c.name)
		case c.status == "No" && len(c.tests) > 0:
			t.Errorf("%s: No, with tests", c.name)
		case c.status != "No" && len(c.tests) == 0:
			t.Errorf("%s: no test shows it", c.name)
		case c.status != "Yes" && c.reason == "":
			t.Errorf("%s: %s without a reason", c.name, c.status)
		}
		for _, name := range c.tests {
			if err := exists(name); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	for n := 1; n <= 46; n++ {
		prefix := fmt.Sprintf("Extension %d,", n)
		if !slices.ContainsFunc(all, func(c claim) bool { return strings.HasPrefix(c.name, prefix) }) {
			t.Errorf("no item for extension %d", n)
		}
	}
}

// exists tells whether there is a test function of the name in the directory before
// it, or a script of the path.
func exists(name string) error {
	dir, last := filepath.Split(filepath.Join("..", name))
	if strings.HasSuffix(last, ".txt") || strings.HasSuffix(last, ".sh") {
		_, err := os.Stat(dir + last)
		return err
	}
	files, err := filepath.Glob(dir + "*_test.go")
	if err != nil {
		return err
	}
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		if strings.Contains(string(source), "\nfunc "+last+"(") {
			return nil
		}
	}
	return fmt.Errorf("there is no test %s", name)
}

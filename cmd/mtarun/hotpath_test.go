package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
)

// spoolRoles turn the path of a file of a spool into what mtaspool(5) calls it.
var spoolRoles = []struct {
	path *regexp.Regexp
	role string
}{
	{regexp.MustCompile(`^q/./../[0-9a-v]{20}$`), "q/P/XX/ID"},
	{regexp.MustCompile(`^q/./../[0-9a-v]{20}\.log$`), "q/P/XX/ID.log"},
	{regexp.MustCompile(`^q/./..$`), "q/P/XX"},
	{regexp.MustCompile(`^q/.$`), "q/P"},
	{regexp.MustCompile(`^(new|tmp|partial)/[0-9a-v]{20}$`), "$1/ID"},
	{regexp.MustCompile(`^partial/[0-9a-v]{20}\.log$`), "partial/ID.log"},
}

func spoolRole(path string) string {
	if path == "" {
		return "."
	}
	for _, r := range spoolRoles {
		if r.path.MatchString(path) {
			return r.path.ReplaceAllString(path, r.role)
		}
	}
	return path
}

// callSuffix is what names of system calls have behind those of mtaspool(5).
var callSuffix = regexp.MustCompile(`at2?$|64$`)

// onSpool are the calls of a trace on files of a spool, as "call file", each once.
func (tr *trace) onSpool(dir string) (all []string) {
	for _, c := range tr.calls {
		if c.name == "openat" && strings.Contains(c.args, "O_PATH") {
			continue // it only tells Landlock which directory is meant
		}
		path := c.path
		if strings.Contains(c.name, "open") || strings.HasPrefix(c.name, "unlink") || strings.HasPrefix(c.name, "mkdir") || strings.HasPrefix(c.name, "rename") {
			path = c.text(0)
		}
		if rest, ok := strings.CutPrefix(path, dir); ok && !c.failed {
			call := callSuffix.ReplaceAllString(c.name, "") + " " + spoolRole(strings.TrimPrefix(rest, "/"))
			if !slices.Contains(all, call) {
				all = append(all, call)
			}
		}
	}
	return all
}

// The table of mtaspool(5) that justifies each call on a file of the spool has every one
// that a network at work makes, and no other.
func TestEveryCallIsJustified(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(clitest.Root(t), "man/mtaspool.5"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), ".Ss Each call, and why\n")
	table, _, _ = strings.Cut(table, "\n.S")
	justified := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\.It Fn (\w+) Ta Pa (\S+) Ta$`).FindAllStringSubmatch(table, -1) {
		justified[row[1]+" "+row[2]] = true
	}
	if !found || len(justified) < 20 {
		t.Fatalf("the table has %d rows", len(justified))
	}
	made := map[string]bool{}
	for _, barrier := range []string{"syncfs", "fsync"} {
		n, a, b, c := chain(t)
		carol := c.user("Carol", "Brown")
		for _, m := range n.switches {
			m.set("[spool]", `barrier = "`+barrier+`"`)
			m.wrap = straced(filepath.Join(n.dir, m.letter+".trace"))
			m.start()
		}
		path := filepath.Join(n.dir, "submit.trace")
		submitUnder(n, a, straced(path), "--to", carol, "--report", "delivery")
		n.until("Ann has the report", func() bool { return len(a.mailbox("ann")) == 1 })
		for _, m := range n.switches {
			n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
			m.stop()
		}
		calls := readTrace(t, path).onSpool(filepath.Join(a.dir, "spool"))
		for _, m := range []*mta{a, b, c} {
			calls = append(calls, readTrace(t, filepath.Join(n.dir, m.letter+".trace")).onSpool(filepath.Join(m.dir, "spool"))...)
		}
		slices.Sort(calls)
		for _, call := range slices.Compact(calls) {
			if !justified[call] {
				t.Errorf("barrier %s: %s is not justified in mtaspool(5)", barrier, call)
			}
			made[call] = true
		}
	}
	for call := range justified {
		if !made[call] {
			t.Errorf("mtaspool(5) justifies %s, which nobody does", call)
		}
	}
}

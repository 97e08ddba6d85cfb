package sched

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// policy is an item of man/mta-sched.7: its sentence, the keys of mta.toml(5) and the
// members of mtaqueue tree that the item names.
type policy struct {
	name, sentence, reason string
	keys, members          []string
}

// policies reads the section POLICIES of the page.
func policies(t *testing.T) (all []*policy) {
	t.Helper()
	_, section, found := strings.Cut(page(t, "mta-sched.7"), "\n.Sh POLICIES\n")
	section, _, _ = strings.Cut(section, "\n.Sh ")
	if !found {
		t.Fatal("the page has no POLICIES")
	}
	part := ""
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, ".It Cm "); ok {
			all = append(all, &policy{name: name})
			part = "sentence"
			continue
		}
		if text, ok := strings.CutPrefix(line, ".It "); ok {
			part = text
			continue
		}
		if strings.HasPrefix(line, ".") && !strings.HasPrefix(line, ".Ic ") && !strings.HasPrefix(line, ".Sy ") {
			continue
		}
		p := all[len(all)-1]
		word := func() string { return strings.Fields(line)[1] }
		switch part {
		case "sentence":
			p.sentence = strings.TrimSpace(p.sentence + " " + line)
		case "Reason":
			p.reason += line
		case "Set by":
			if strings.HasPrefix(line, ".Ic ") {
				p.keys = append(p.keys, word())
			}
		case "Shown by":
			if strings.HasPrefix(line, ".Sy ") {
				p.members = append(p.members, word())
			}
		}
	}
	return all
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../man/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sentenceOf is what a transcript begins with: its comment up to the first line that is
// none, or empty.
func sentenceOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var sentence []string
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
		if !ok {
			break
		}
		sentence = append(sentence, rest)
	}
	return strings.Join(sentence, " ")
}

// TestPoliciesAreTranscripts holds mta-sched(7) and the transcripts to each other, both
// ways: every policy has one, which begins with the policy's sentence, and every
// transcript is that of a policy.
func TestPoliciesAreTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, f := range files {
		left[strings.TrimSuffix(filepath.Base(f), ".txt")] = true
	}
	seen := map[string]bool{}
	for _, p := range policies(t) {
		if seen[p.name] {
			t.Errorf("the page has %s twice", p.name)
		}
		seen[p.name] = true
		if !left[p.name] {
			t.Errorf("%s has no transcript testdata/%s.txt", p.name, p.name)
			continue
		}
		delete(left, p.name)
		if got := sentenceOf(t, "testdata/"+p.name+".txt"); got != p.sentence {
			t.Errorf("%s:\nthe page says       %q\nthe transcript says %q", p.name, p.sentence, got)
		}
		if p.reason == "" {
			t.Errorf("%s has no reason", p.name)
		}
	}
	for name := range left {
		t.Errorf("testdata/%s.txt shows no policy of the page", name)
	}
}

// TestPoliciesNameWhatThereIs: the keys a policy is set by are those of mta.toml(5), and
// what shows it are members of mtaqueue tree. Every key of the schedule sets one.
func TestPoliciesNameWhatThereIs(t *testing.T) {
	keys := map[string]bool{}
	table := ""
	tables, keyed := regexp.MustCompile(`^\.Ss \[+([a-z]+)\]+$`), regexp.MustCompile(`^\.It Ic (\S+) Ar `)
	for line := range strings.Lines(page(t, "mta.toml.5")) {
		line = strings.TrimSpace(line)
		if m := tables.FindStringSubmatch(line); m != nil {
			table = m[1]
		}
		if m := keyed.FindStringSubmatch(line); m != nil {
			keys[table+"."+m[1]] = true
		}
	}
	_, tree, _ := strings.Cut(page(t, "mtaqueue.1"), "\n.Ss JSON of tree\n")
	tree, _, _ = strings.Cut(tree, "\n.Ss JSON of the verbs")
	var members []string
	for line := range strings.Lines(tree) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), ".It Sy "); ok {
			members = append(members, strings.Fields(strings.ReplaceAll(rest, ",", ""))...)
		}
	}
	set := map[string]bool{}
	for _, p := range policies(t) {
		for _, k := range p.keys {
			set[k] = true
			if !keys[k] {
				t.Errorf("%s: there is no key %s", p.name, k)
			}
		}
		for _, m := range p.members {
			if !slices.Contains(members, m) {
				t.Errorf("%s: mtaqueue tree has no member %s", p.name, m)
			}
		}
	}
	for k := range keys {
		if strings.HasPrefix(k, "schedule.") && !set[k] {
			t.Errorf("no policy is set by %s", k)
		}
	}
}

package clitest

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
)

// Page holds a command and its manual page in man/, or several pages, together, both
// ways: every verb and every flag of the command is in a synopsis and is described, and
// the pages have no other.
func Page(t *testing.T, app *ucli.App, pages ...string) {
	t.Helper()
	all := ""
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(Root(t), "man", page))
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	p, page := readPage(all), strings.Join(pages, ", ")
	var verbs, flags []string
	collect(app.Commands, "", &verbs, &flags)
	flags = append(flags, namesOf(app.Flags)...)
	compare(t, page+": verb in the synopsis", p.synopsisVerbs, verbs)
	compare(t, "cli.Verbs", cli.Verbs[app.Name], verbs)
	compare(t, page+": flag in the synopsis", p.synopsisFlags, flags)
	compare(t, page+": flag described", p.describedFlags, flags)
	for _, v := range verbs {
		if !slices.Contains(p.words, v) {
			t.Errorf("%s: %s is not described", page, v)
		}
	}
}

type page struct {
	synopsisVerbs, synopsisFlags, describedFlags []string
	words                                        []string // arguments of Cm below the synopsis
	groups                                       string   // the synopsis: "Ar filters" stands for the flags of that section
}

var (
	flagMacro = regexp.MustCompile(`\bFl (\S+)`)
	verbMacro = regexp.MustCompile(`^\.Cm (.+)$`)
	itemMacro = regexp.MustCompile(`^\.It (.+)$`)
	wordMacro = regexp.MustCompile(`^\.(?:It |Nm )?.*\bCm (.+)$`)
)

// readPage takes the flags and verbs out of mdoc. A line ".Cm a | b" of the synopsis
// is two verbs, ".Cm a b" the verb b of the verb a; what begins with a capital letter
// is an operand.
func readPage(text string) page {
	var p page
	section, subsection := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, ".Sh "); ok {
			section = rest
			continue
		}
		if rest, ok := strings.CutPrefix(line, ".Ss "); ok {
			subsection = rest
		}
		flags := flagsOf(line)
		switch {
		case section == "SYNOPSIS":
			p.synopsisFlags = append(p.synopsisFlags, flags...)
			p.groups += line + "\n"
			if m := verbMacro.FindStringSubmatch(line); m != nil {
				for _, v := range strings.Split(m[1], "|") {
					p.synopsisVerbs = append(p.synopsisVerbs, strings.TrimSpace(v))
				}
			}
		case itemMacro.MatchString(line) || strings.HasPrefix(line, ".Fl "):
			p.describedFlags = append(p.describedFlags, flags...)
			if subsection != "" && strings.Contains(p.groups, "Ar "+strings.ToLower(subsection)) {
				p.synopsisFlags = append(p.synopsisFlags, flags...)
			}
		}
		if m := wordMacro.FindStringSubmatch(line); m != nil && section != "SYNOPSIS" {
			word, _, _ := strings.Cut(m[1], " Ar ")
			p.words = append(p.words, strings.TrimRight(word, " ."))
		}
	}
	return p
}

// flagsOf returns the flags of a line; a lone ".Fl" is the operand "-".
func flagsOf(line string) []string {
	var flags []string
	for _, m := range flagMacro.FindAllStringSubmatch(line, -1) {
		if name := strings.TrimPrefix(m[1], "-"); name != "" && name != "|" {
			flags = append(flags, name)
		}
	}
	return flags
}

func collect(commands []*ucli.Command, prefix string, verbs, flags *[]string) {
	for _, c := range commands {
		*flags = append(*flags, namesOf(c.Flags)...)
		if len(c.Subcommands) == 0 {
			*verbs = append(*verbs, prefix+c.Name)
			continue
		}
		collect(c.Subcommands, prefix+c.Name+" ", verbs, flags)
	}
}

func namesOf(flags []ucli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

func compare(t *testing.T, what string, page, command []string) {
	t.Helper()
	page = slices.Compact(slices.Sorted(slices.Values(page)))
	command = slices.Compact(slices.Sorted(slices.Values(command)))
	for _, name := range command {
		if !slices.Contains(page, name) {
			t.Errorf("%s: %s is missing", what, name)
		}
	}
	for _, name := range page {
		if !slices.Contains(command, name) {
			t.Errorf("%s: %s does not exist", what, name)
		}
	}
}

// Members holds the members of an object that a command prints as JSON, given as the
// value that is encoded, and a subsection of its manual page together, both ways: the
// subsection has an item ".It Sy name" for each.
func Members(t *testing.T, page, subsection string, value any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root(t), "man", page))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n.Ss "+subsection+"\n")
	if !found {
		t.Errorf("%s: no subsection %q", page, subsection)
		return
	}
	var told []string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, ".Ss ") || strings.HasPrefix(line, ".Sh ") {
			break
		}
		if item, ok := strings.CutPrefix(line, ".It Sy "); ok {
			told = append(told, strings.FieldsFunc(strings.TrimSpace(item), func(r rune) bool { return r == ' ' || r == ',' })...)
		}
	}
	var have []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(value)) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			have = append(have, name)
		}
	}
	compare(t, page+": "+subsection, told, have)
}

package rule

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/mts"
)

// TestPage compares the terms and actions with those of mta-policy(5), both ways.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../man/mta-policy.5")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n.Ss Terms\n")
	terms, rest, _ := strings.Cut(rest, "\n.Ss Actions\n")
	actions, _, _ := strings.Cut(rest, "\n.Ss ")
	var there []string
	for _, m := range regexp.MustCompile(`(?m)^\.It Sy (.+)$`).FindAllStringSubmatch(terms, -1) {
		there = append(there, strings.Split(m[1], " , ")...)
	}
	var are []string
	for _, term := range Terms() {
		are = append(are, term.String())
	}
	slices.Sort(there)
	slices.Sort(are)
	if !slices.Equal(there, are) {
		t.Errorf("terms of the page: %v\nof the language: %v", there, are)
	}
	for _, d := range decisions {
		if !strings.Contains(actions, "\n.It Cm "+d) {
			t.Errorf("the page does not have the action %s", d)
		}
	}
}

// TestCodesOfPage: the page has the names of all codes of a non-delivery, with their numbers.
func TestCodesOfPage(t *testing.T) {
	page, err := os.ReadFile("../../man/mta-policy.5")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(page), `\-`, "-"), "\n.Sh CODES\n")
	reasons, rest, _ := strings.Cut(rest, "\n.It Cm diagnostic\n")
	_, reasons, _ = strings.Cut(reasons, "\n.It Cm reason\n")
	diagnostics, _, _ := strings.Cut(rest, "\n.El\n")
	for what, of := range map[string]struct {
		text string
		name func(n int) string
	}{
		"reason":     {reasons, func(n int) string { return mts.ReasonCode(n).String() }},
		"diagnostic": {diagnostics, func(n int) string { return mts.DiagnosticCode(n).String() }},
	} {
		var are []string
		for n := 0; of.name(n) != strconv.Itoa(n); n++ {
			are = append(are, strconv.Itoa(n)+" "+of.name(n))
		}
		want := strings.Join(are, ",\n") + "."
		if of.text != want {
			t.Errorf("the page has of %s:\n%s\nX.411:\n%s", what, of.text, want)
		}
	}
}

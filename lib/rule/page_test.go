package rule

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
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

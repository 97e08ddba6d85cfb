package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/trial"
)

// TestPolicyPage holds the example of mtactl-policy(1) to the one that its script runs.
func TestPolicyPage(t *testing.T) {
	between := func(name, begin, end string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), begin)
		part, _, found := strings.Cut(rest, end)
		if !found {
			t.Fatalf("%s: nothing between %q and %q", name, begin, end)
		}
		return part
	}
	page := between(filepath.Join(clitest.Root(t), "man", "mtactl-policy.1"), ".Bd -literal -offset indent\n", ".Ed\n")
	if run := between("testdata/policy_test.txt", "-- example.toml --\n", "-- "); run != page {
		t.Errorf("the page has\n%s, and the script runs\n%s", page, run)
	}
}

// TestPolicyFacts proves that whatever rules may ask about can be said of a message: in a file of
// tests, and as a flag. What follows from others is said by these: how many subject indicator codes
// there are, whether the originator has signed, and what a label means.
func TestPolicyFacts(t *testing.T) {
	var facts, flags []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[trial.Facts]()) {
		facts = append(facts, f.Tag.Get("toml"))
	}
	for _, f := range policyCommand().Subcommands[0].Flags {
		flags = append(flags, f.Names()[0])
	}
	for _, term := range rule.Terms() {
		name := term.String()
		switch {
		case term == rule.SICs:
			name = rule.SIC.String()
		case term == rule.SignedByOriginator:
			name = rule.Signer.String()
		case term.OfLabel():
			name = "label"
		}
		if !slices.Contains(facts, name) || !slices.Contains(flags, name) {
			t.Errorf("%s cannot be said of a message that is asked about", term)
		}
	}
	for _, name := range facts {
		if !slices.Contains(flags, name) {
			t.Errorf("there is no flag --%s", name)
		}
	}
}

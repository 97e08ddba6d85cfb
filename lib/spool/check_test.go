package spool_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/spool"
)

func check(t *testing.T, s *spool.Spool, opts spool.CheckOptions) []string {
	t.Helper()
	var found []spool.Finding
	s.Check(opts, func(f spool.Finding) { found = append(found, f) })
	slices.SortFunc(found, func(a, b spool.Finding) int { return cmp.Compare(a.Path, b.Path) })
	var lines []string
	for _, f := range found {
		if f.Text == "" || strings.Contains(f.Text, "\n") {
			t.Errorf("%s: text %q", f.Path, f.Text)
		}
		lines = append(lines, string(f.Kind)+" "+f.Path)
	}
	return lines
}

// Every kind of finding of mtaspool(5), and nothing in a spool at work.
func TestCheck(t *testing.T) {
	c := newScene(t)
	accept(t, c.s, c.ref, []byte("content"), c.env)
	c.log(records(2)...)
	living, err := c.s.CreateInPlace(spool.Ref{ID: "1hqnpc7cucj8l00000aa", Priority: spool.Normal})
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	alone, err := c.s.CreateNew("1hqnpc7cucj8l00000ab")
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if got := check(t, c.s, spool.CheckOptions{ReadData: true}); len(got) > 0 {
		t.Fatalf("a spool at work: %v", got)
	}

	child, _ := c.child(spool.Urgent, false)
	c.begun("q/n/01/1hqnpc7cucj8l0000001")
	c.begun("q/n/03/1hqnpc7cucj8l0000002")
	write(t, c.path("q/n/04/1hqnpc7cucj8l0000004.log"), []byte("\n12345678 {}\nx"))
	write(t, c.path("q/n/05/x"), nil)
	write(t, c.path("q/n/XX/x"), nil)
	write(t, c.path("q/x"), nil)
	write(t, c.path("new/x"), nil)
	write(t, c.path("core"), nil)
	write(t, c.path("bad/1hqnpc7cucj8l0000006"), nil)
	write(t, c.path("bad/1hqnpc7cucj8l0000006.why"), []byte("because\n"))
	write(t, c.path("bad/x"), nil)
	c.begun("tmp/1hqnpc7cucj8l0000007")
	os.Remove(c.path("ctl/wake"))
	os.Remove(c.path("partial"))
	_, path, b := raw(t, c.s, "other content")
	b[0] ^= 1
	write(t, path, b)
	rel, err := filepath.Rel(c.s.Dir(), path)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(c.path(c.ref.String()))
	if err != nil {
		t.Fatal(err)
	}
	twice := spool.Ref{ID: c.ref.ID, Priority: spool.NonUrgent}.String()
	write(t, c.path(twice), whole)

	before := files(t, c.s)
	want := []string{
		"bad bad/1hqnpc7cucj8l0000006",
		"foreign bad/x",
		"foreign core",
		"missing ctl/wake",
		"foreign new/x",
		"missing partial",
		"misplaced " + twice,
		"incomplete q/n/01/1hqnpc7cucj8l0000001",
		"misplaced q/n/03/1hqnpc7cucj8l0000002",
		"torn q/n/04/1hqnpc7cucj8l0000004.log",
		"orphan q/n/04/1hqnpc7cucj8l0000004.log",
		"foreign q/n/05/x",
		"foreign q/n/XX",
		"foreign q/x",
		"left tmp/1hqnpc7cucj8l0000007",
		"unnamed " + child.String(),
	}
	for _, opts := range []spool.CheckOptions{{}, {ReadData: true}} {
		if opts.ReadData {
			want = append(want, "damaged "+rel)
		}
		got := check(t, c.s, opts)
		slices.Sort(got)
		slices.Sort(want)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%+v (-want +got)\n%s", opts, diff)
		}
	}
	if diff := gocmp.Diff(before, files(t, c.s)); diff != "" {
		t.Errorf("a check changed the spool:\n%s", diff)
	}
}

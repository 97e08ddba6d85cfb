package spif

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/label"
)

const examples = "../../../examples/spif/"

var now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// policies are those of examples/spif.
func policies(t testing.TB) *Set {
	t.Helper()
	names, err := filepath.Glob(examples + "*.xml")
	if err != nil || len(names) != 3 {
		t.Fatalf("%q, %v", names, err)
	}
	s, err := Load(names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Policies() {
		if warnings := p.Info().Warnings; len(warnings) > 0 {
			t.Fatalf("%s: %q", p.Name(), warnings)
		}
	}
	return s
}

func labelOf(t testing.TB, s *Set, text string) *label.Label {
	t.Helper()
	l, err := label.Parse(text, s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func clearanceOf(t testing.TB, s *Set, text string) *label.Clearance {
	t.Helper()
	c, err := label.ParseClearance(text, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// words are those of the reasons of a verdict.
func words(v Verdict) string {
	var list []string
	for _, r := range v.Reasons {
		list = append(list, string(r.Word))
	}
	return strings.Join(list, " ")
}

func TestPolicies(t *testing.T) {
	s := policies(t)
	p, err := s.Find("alliance")
	if err != nil {
		t.Fatal(err)
	}
	if i := p.Info(); p.ID() != "2.999.1" || i.Schema != "2.1" || i.Version != "3" || i.Default != "2.999.9" || i.Originator == "" || i.Created == "" {
		t.Errorf("%s %+v", p.ID(), i)
	}
	var ranked []string
	for _, c := range p.Classifications() {
		ranked = append(ranked, c.Name)
	}
	if got := strings.Join(ranked, " < "); got != "UNCLASSIFIED < RESTRICTED < CONFIDENTIAL < SECRET < TOP SECRET" {
		t.Error(got)
	}
	c, ok := p.ClassificationNamed("top  secret")
	if !ok || c.Value != 5 || c.Rank != 5 || c.Color != "#ff8000" {
		t.Errorf("%+v, %v", c, ok)
	}
	k, ok := p.Category("2.999.1.4", label.EnumeratedRestrictive, "18446744073709551617")
	if !ok || k.Name != "OPAL" || k.Set != "Compartment" {
		t.Errorf("%+v, %v", k, ok)
	}
	l := labelOf(t, s, "policy=ALLIANCE; class=TOP SECRET; Compartment=OPAL")
	if rank, ok := p.Rank(l); !k.Has(l) || rank != 5 || !ok {
		t.Errorf("%v has OPAL: %v; rank %d", l, k.Has(l), rank)
	}
	if n := len(p.Categories()); n != 12 {
		t.Errorf("%d categories", n)
	}
	if s.Of("2.999.4") != nil || (*Set)(nil).Of("2.999.1") != nil || len((*Set)(nil).Policies()) != 0 {
		t.Error("a policy that is not there")
	}
	if _, err := s.Find("NOWHERE"); err == nil {
		t.Error("a policy of no name")
	}
	if _, err := NewSet(p, p); err == nil {
		t.Error("a policy stands twice")
	}
}

// The text forms of labels and clearances have the names of the policies, and read
// back as what they were.
func TestTextsWithNames(t *testing.T) {
	s := policies(t)
	for _, text := range []string{
		"policy=ALLIANCE; class=SECRET; Special Handling=ATOM,CRYPTO; Releasable To=ALL,NRD; mark=FOR THE ADDRESSEE",
		"policy=ALLIANCE; class=TOP SECRET; Compartment=GARNET,OPAL; Releasable To=NRD",
		"policy=ALLIANCE; class=9; 2.999.1.1:restrictive=1,9",
		"policy=2.999.9; class=3",
		"policy=NORDLAND; class=ÅPEN; Note=DRAFT",
		"policy=SHARE; class=AMBER; Circle=ENERGY; Circle=FIRST RESPONDERS; Limit=STRICT",
		"policy=SHARE; class=AMBER; Circle:Group=OTHER; Circle:Sector=OTHER",
		"policy=ALLIANCE; class=SECRET; sdn801:2.999.1.1:restrictive=1",
	} {
		l := labelOf(t, s, text)
		back := labelOf(t, s, l.Text(s))
		if !back.Equal(l) {
			t.Errorf("%s is written %s", text, l.Text(s))
		}
		der, err := l.DER()
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := label.Decode(der)
		if err != nil || labelOf(t, s, decoded.Text(s)).Text(s) != decoded.Text(s) {
			t.Errorf("%s: %v, %v", text, decoded, err)
		}
		if strings.Contains(text, "class=9") || strings.Contains(text, "2.999.9") || strings.Contains(text, "sdn801") {
			continue
		}
		for _, number := range []string{"2.999.1.", "2.999.2.", "2.999.3."} {
			if strings.Contains(decoded.Text(s), number) {
				t.Errorf("%s is written with numbers: %s", text, decoded.Text(s))
			}
		}
	}
	for _, text := range []string{
		"policy=ALLIANCE; class=UNCLASSIFIED,SECRET; Special Handling=ATOM,BURN",
		"policy=ALLIANCE; class=",
		"policy=SHARE; class=WHITE,GREEN; Circle:Sector=OTHER",
	} {
		c := clearanceOf(t, s, text)
		if got := c.Text(s); got != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
	c := clearanceOf(t, s, "policy=NORDLAND; class<=FORTROLIG; Caveat=*")
	if got := c.Text(s); got != "policy=NORDLAND; class=ÅPEN,FORTROLIG,BEGRENSET; Caveat=EYES ONLY,CIPHER,SOURCE" {
		t.Error(got)
	}
	for text, says := range map[string]string{
		"policy=ALLIANCE; class=HEMMELIG":                     "ALLIANCE has no classification \"HEMMELIG\", but UNCLASSIFIED, RESTRICTED",
		"policy=ALLIANCE; class=SECRET; Nations=NRD":          "has no tag set \"Nations\", but Special Handling",
		"policy=ALLIANCE; class=SECRET; Releasable To=XXX":    "no category \"XXX\" in Releasable To",
		"policy=SHARE; class=AMBER; Circle=OTHER":             "2 categories \"OTHER\" in Circle: name the tag too",
		"policy=SHARE; class=AMBER; Circle:Team=OTHER":        "no tag \"Team\" in Circle",
		"policy=NOWHERE; class=AMBER":                         "no policy \"NOWHERE\" is loaded",
		"policy=2.999.9; class=AMBER":                         "policy 2.999.9 is not loaded",
		"class=AMBER":                                         "\"AMBER\" is a name of a policy, and policy= is missing before it",
		"policy=ALLIANCE; class=SECRET; Releasable To=*":      "no category \"*\" in Releasable To, but ALL, NRD, SUD, OST",
		"policy=ALLIANCE; class=SECRET; Releasable To=900,1":  "no category \"1\"",
		"policy=ALLIANCE; class=SECRET; Special Handling=#99": "no category \"#99\"",
	} {
		if _, err := label.Parse(text, s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func TestValidate(t *testing.T) {
	s := policies(t)
	for _, c := range []struct{ text, want string }{
		{"policy=ALLIANCE; class=SECRET; Special Handling=ATOM; Releasable To=ALL", ""},
		{"policy=ALLIANCE", "no-classification"},
		{"class=4", "no-policy"},
		{"policy=2.999.77; class=4", "unknown-policy"},
		{"policy=ALLIANCE; class=9", "unknown-classification"},
		{"policy=ALLIANCE; class=SECRET; 2.999.1.1:restrictive=9", "unknown-category"},
		{"policy=ALLIANCE; class=SECRET; 2.999.1.1:permissive=1", "unknown-category"},
		{"policy=ALLIANCE; class=SECRET; 2.999.77:restrictive=1", "unknown-category"},
		{"policy=ALLIANCE; class=SECRET; 2.999.77:restrictive=", "unknown-category"},
		{"policy=ALLIANCE; class=SECRET; 2.999.1.1:restrictive=", ""},
		{"policy=ALLIANCE; class=SECRET; 2.999.1.2:enumerated-permissive=", "empty-category"},
		{"policy=ALLIANCE; class=SECRET; sdn801:2.999.1.2:enumerated=", "empty-category"},
		{"policy=ALLIANCE; class=SECRET; sdn801:2.999.1.2:enumerated=900", ""},
		{"policy=ALLIANCE; class=SECRET; sdn801/2.999.2:2.999.1.2:enumerated=900", "foreign-policy"},
		{"policy=ALLIANCE; class=SECRET; type:1.2.3=BQA=", "unknown-category"},
		{"policy=ALLIANCE; class=SECRET; unknown=hwEF", "unknown-component"},
		{"policy=ALLIANCE; class=UNCLASSIFIED; Special Handling=ATOM", "excluded-classification"},
		{"policy=ALLIANCE; class=RESTRICTED; Special Handling=CRYPTO", ""},
		{"policy=ALLIANCE; class=SECRET; Compartment=GARNET", "required-category"},
		{"policy=ALLIANCE; class=SECRET; Compartment=GARNET; Releasable To=OST", ""},
		{"policy=ALLIANCE; class=SECRET; Compartment=OPAL", "required-classification"},
		{"policy=ALLIANCE; class=TOP SECRET; Compartment=OPAL", ""},
		{"policy=ALLIANCE; class=TOP SECRET; Releasable To=ALL", "excluded-classification"},
		{"policy=ALLIANCE; class=SECRET; Administrative=PERSONAL,MEDICAL", "too-many"},
		{"policy=ALLIANCE; class=SECRET; Administrative=MEDICAL; Special Handling=BURN", "excluded-category"},
		{"policy=ALLIANCE; class=SECRET; 2.999.1.3:enumerated-informative=0", ""},
		{"policy=NORDLAND; class=HEMMELIG", "required-category"},
		{"policy=NORDLAND; class=HEMMELIG; Owner=ARMY", ""},
		{"policy=NORDLAND; class=HEMMELIG; Owner=ARMY,NAVY", "required-category"},
		{"policy=NORDLAND; class=FORTROLIG; Owner=ARMY,NAVY", ""},
		{"policy=NORDLAND; class=FORTROLIG; Caveat=EYES ONLY", "required-classification"},
		{"policy=NORDLAND; class=HEMMELIG; Owner=AIR; Caveat=EYES ONLY; Partner=NORDLAND", ""},
		{"policy=NORDLAND; class=HEMMELIG; Owner=AIR; Caveat=EYES ONLY; Partner=NORDLAND,SUDLAND", "excluded-category"},
		{"policy=NORDLAND; class=FORTROLIG; Caveat=SOURCE", "required-category"},
		{"policy=NORDLAND; class=FORTROLIG; Caveat=SOURCE,CIPHER", "required-category"},
		{"policy=NORDLAND; class=FORTROLIG; Caveat=SOURCE,CIPHER; Owner=NAVY", ""},
		{"policy=NORDLAND; class=FORTROLIG; Partner=NORDLAND,ALLIANCE,SUDLAND", "too-many"},
		{"policy=NORDLAND; class=ÅPEN; Note=DRAFT,FINAL", "excluded-category"},
		{"policy=SHARE; class=AMBER", "required-category"},
		{"policy=SHARE; class=AMBER; Circle=WATER", ""},
		{"policy=SHARE; class=AMBER; Circle=FIRST RESPONDERS; Limit=STRICT", ""},
		{"policy=SHARE; class=RED; Limit=STRICT", "required-classification"},
	} {
		v := s.Validate(labelOf(t, s, c.text), now)
		if words(v) != c.want || v.Allowed != (c.want == "") {
			t.Errorf("%s: allowed %v, %q, want %q", c.text, v.Allowed, words(v), c.want)
		}
	}
	if v := s.Validate(nil, now); words(v) != "no-label" || v.Allowed {
		t.Errorf("no label: %+v", v)
	}
	p := s.Of("2.999.1")
	if v := p.Validate(labelOf(t, s, "policy=SHARE; class=RED"), now); words(v) != "foreign-policy" {
		t.Errorf("%+v", v)
	}
	v := s.Validate(labelOf(t, s, "policy=ALLIANCE; class=SECRET; Special Handling=BURN; mark=CLEAR"), now)
	if !v.Allowed || len(v.Remarks) != 2 || v.Remarks[0].Word != Obsolete || v.Remarks[0].Category != "Special Handling=BURN" {
		t.Errorf("%+v", v)
	}
	nordic := labelOf(t, s, "policy=NORDLAND; class=FORTROLIG; Partner=SUDLAND")
	for at, want := range map[string]string{
		"2019-12-31": "policy-not-in-force category-not-in-force", "2024-12-31": "category-not-in-force", "2026-11-28": "", "2100-01-01": "policy-not-in-force",
	} {
		day, err := time.Parse(time.DateOnly, at)
		if err != nil {
			t.Fatal(err)
		}
		if v := s.Validate(nordic, day); words(v) != want && !strings.HasPrefix(want, words(v)+" ") {
			t.Errorf("%s: %q, want %q", at, words(v), want)
		}
	}
}

func TestDecide(t *testing.T) {
	s := policies(t)
	const all = "policy=ALLIANCE; class<=SECRET; Special Handling=ATOM; Releasable To=NRD"
	for _, c := range []struct{ label, clearance, want string }{
		{"class=SECRET", all, ""},
		{"class=UNCLASSIFIED", all, ""},
		{"class=TOP SECRET", all, "classification-not-held"},
		{"class=UNCLASSIFIED", "policy=ALLIANCE; class=SECRET", "classification-not-held"},
		{"class=UNCLASSIFIED", "policy=ALLIANCE", ""},
		{"class=UNCLASSIFIED", "policy=ALLIANCE; class=", "classification-not-held"},
		{"class=SECRET; Special Handling=ATOM", all, ""},
		{"class=SECRET; Special Handling=ATOM,CRYPTO", all, "restrictive-not-held"},
		{"class=SECRET; Releasable To=NRD,SUD", all, ""},
		{"class=SECRET; Releasable To=SUD,OST", all, "permissive-not-held"},
		{"class=SECRET; Releasable To=SUD; Special Handling=CRYPTO", all, "permissive-not-held restrictive-not-held"},
		{"class=SECRET; Administrative=MEDICAL; mark=ANYTHING", all, ""},
		{"class=SECRET; Special Handling=ATOM", "policy=ALLIANCE; class<=SECRET; 2.999.1.1:enumerated-restrictive=1", "restrictive-not-held"},
		{"class=SECRET; Special Handling=ATOM", "policy=ALLIANCE; class<=SECRET; 2.999.1.1:permissive=1", "restrictive-not-held"},
		{"class=SECRET; Releasable To=NRD", "policy=ALLIANCE; class<=SECRET; sdn801:2.999.1.2:enumerated=901", ""},
		{"class=SECRET; Releasable To=NRD", "policy=ALLIANCE; class<=SECRET; sdn801/2.999.2:2.999.1.2:enumerated=901", "permissive-not-held"},
		{"class=SECRET; Releasable To=NRD", "policy=ALLIANCE; class<=SECRET; type:1.2.3=BQA=", "permissive-not-held"},
		{"class=9", all, "unknown-classification"},
		{"class=UNCLASSIFIED; Special Handling=ATOM", all, "excluded-classification"},
		// Two tags of a set that the label has apart: each must be reached.
		{"class=SECRET; Releasable To=NRD; Releasable To=SUD", all, "permissive-not-held"},
	} {
		text := "policy=ALLIANCE; " + c.label
		v := s.Decide(labelOf(t, s, text), now, clearanceOf(t, s, c.clearance))
		if words(v) != c.want || v.Allowed != (c.want == "") {
			t.Errorf("%s, %s: %v, %q, want %q", text, c.clearance, v.Allowed, words(v), c.want)
		}
		p := s.Of("2.999.1")
		explained := p.Explain(clearanceOf(t, s, c.clearance), labelOf(t, s, text), now)
		if explained.Allowed != v.Allowed || words(explained) != c.want || explained.Allowed && len(explained.Steps) < 2 {
			t.Errorf("%s, %s: explained %+v", text, c.clearance, explained)
		}
	}
	// Several tags of one set: each stands for itself.
	share := labelOf(t, s, "policy=SHARE; class=AMBER; Circle=WATER; Circle=FIRST RESPONDERS")
	for clearance, want := range map[string]string{
		"policy=SHARE; class=AMBER; Circle=WATER":                                                "permissive-not-held",
		"policy=SHARE; class=AMBER; Circle=FIRST RESPONDERS":                                     "permissive-not-held",
		"policy=SHARE; class=AMBER; Circle=WATER; Circle=FIRST RESPONDERS":                       "",
		"policy=SHARE; class=AMBER; 2.999.3.1:permissive=1; 2.999.3.1:enumerated-permissive=100": "",
	} {
		if v := s.Decide(share, now, clearanceOf(t, s, clearance)); words(v) != want {
			t.Errorf("%s: %q, want %q", clearance, words(v), want)
		}
	}
	secret := labelOf(t, s, "policy=ALLIANCE; class=SECRET")
	own, other := clearanceOf(t, s, "policy=ALLIANCE; class=UNCLASSIFIED"), clearanceOf(t, s, "policy=NORDLAND; class=HEMMELIG; Owner=JOINT")
	for _, c := range []struct {
		name       string
		label      *label.Label
		clearances []*label.Clearance
		want       string
	}{
		{"no clearance", secret, nil, "no-clearance"},
		{"a nil clearance", secret, []*label.Clearance{nil}, "no-clearance"},
		{"no label", nil, []*label.Clearance{own}, "no-label"},
		{"of another policy", secret, []*label.Clearance{other}, ""},
		{"of its own policy first", secret, []*label.Clearance{other, own}, "classification-not-held"},
		{"one of several", secret, []*label.Clearance{own, clearanceOf(t, s, "policy=ALLIANCE; class=SECRET")}, ""},
		{"of a policy that is not loaded", secret, []*label.Clearance{{Policy: "2.999.8"}}, "unknown-policy"},
		{"of a policy without equivalents", secret, []*label.Clearance{clearanceOf(t, s, "policy=SHARE; class=RED")}, "no-equivalent"},
	} {
		if v := s.Decide(c.label, now, c.clearances...); words(v) != c.want || v.Allowed != (c.want == "") {
			t.Errorf("%s: %v, %q, want %q", c.name, v.Allowed, words(v), c.want)
		}
	}
	if v := s.Of("2.999.1").Decide(nil, secret, now); words(v) != "no-clearance" {
		t.Errorf("%+v", v)
	}
	if v := s.Of("2.999.1").Decide(other, secret, now); words(v) != "foreign-policy" {
		t.Errorf("%+v", v)
	}
}

func TestAdmit(t *testing.T) {
	s := policies(t)
	secret, open := labelOf(t, s, "policy=ALLIANCE; class=SECRET"), labelOf(t, s, "policy=NORDLAND; class=ÅPEN")
	for _, c := range []struct {
		name  string
		label *label.Label
		rules Rules
		got   *label.Label
		want  string
	}{
		{"none, none asked for", nil, Rules{}, nil, ""},
		{"none, one required", nil, Rules{Require: true}, nil, "no-label"},
		{"none, a default", nil, Rules{Require: true, Default: open}, open, ""},
		{"none, a default that is invalid", nil, Rules{Default: &label.Label{}}, &label.Label{}, "no-policy"},
		{"one", secret, Rules{Require: true, Default: open}, secret, ""},
		{"of another policy", secret, Rules{Policies: []asn1.OID{"2.999.2"}}, secret, "foreign-policy"},
		{"of this policy", secret, Rules{Policies: []asn1.OID{"2.999.2", "2.999.1"}}, secret, ""},
		{"invalid", labelOf(t, s, "policy=ALLIANCE; class=9"), Rules{}, labelOf(t, s, "policy=ALLIANCE; class=9"), "unknown-classification"},
	} {
		got, v := s.Admit(c.label, c.rules, now)
		if !got.Equal(c.got) || words(v) != c.want || v.Allowed != (c.want == "") {
			t.Errorf("%s: %v, %v, %q", c.name, got, v.Allowed, words(v))
		}
	}
}

func TestDominates(t *testing.T) {
	s := policies(t)
	p := s.Of("2.999.1")
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"class=SECRET", "class=SECRET", true},
		{"class=SECRET", "class=RESTRICTED", true},
		{"class=RESTRICTED", "class=SECRET", false},
		{"class=SECRET; Special Handling=ATOM,CRYPTO", "class=SECRET; Special Handling=ATOM", true},
		{"class=SECRET; Special Handling=ATOM", "class=SECRET; Special Handling=ATOM,CRYPTO", false},
		{"class=SECRET", "class=SECRET; Releasable To=NRD", false},
		{"class=SECRET; Releasable To=NRD", "class=SECRET; Releasable To=NRD,SUD", true},
		{"class=SECRET; Releasable To=NRD,SUD", "class=SECRET; Releasable To=NRD", false},
		{"class=SECRET; Releasable To=NRD", "class=SECRET", true},
		{"class=SECRET", "class=SECRET; Administrative=MEDICAL", true},
		{"class=9", "class=SECRET", false},
		{"class=SECRET", "class=9", false},
	} {
		if got := p.Dominates(labelOf(t, s, "policy=ALLIANCE; "+c.a), labelOf(t, s, "policy=ALLIANCE; "+c.b), now); got != c.want {
			t.Errorf("%s dominates %s: %v", c.a, c.b, got)
		}
	}
}

// The page explains every word.
func TestWordsAreOnThePage(t *testing.T) {
	page, err := os.ReadFile("../../../man/mtactl-label.1")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), ".Sh WORDS")
	section, _, _ = strings.Cut(section, ".Sh JSON")
	var told []Word
	for line := range strings.Lines(section) {
		if items, ok := strings.CutPrefix(line, ".It Sy "); ok {
			for item := range strings.SplitSeq(items, ",") {
				told = append(told, Word(strings.TrimSpace(item)))
			}
		}
	}
	words := Words()
	slices.Sort(words)
	slices.Sort(told)
	if !slices.Equal(words, told) {
		t.Errorf("the page has %q, the package %q", told, words)
	}
}

// What is asked for every recipient costs no memory when the answer is yes.
func TestAllowedDecisionsAllocateNothing(t *testing.T) {
	s := policies(t)
	l := labelOf(t, s, "policy=ALLIANCE; class=SECRET; Special Handling=ATOM,CRYPTO; Releasable To=ALL,NRD; Administrative=PERSONAL")
	c := clearanceOf(t, s, "policy=ALLIANCE; class<=SECRET; Special Handling=*; Releasable To=NRD")
	p := s.Of("2.999.1")
	if n := testing.AllocsPerRun(100, func() {
		if v := p.Decide(c, l, now); !v.Allowed {
			t.Fatal(v.Reasons)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A label that has the same category in many tags is held to its rules once: they are what costs.
func TestRulesAreAppliedOnce(t *testing.T) {
	p := policies(t).Of("2.999.1")
	class, _ := p.ClassificationNamed("UNCLASSIFIED")
	c := label.Category{Type: label.SyntaxSDN801}
	for range 65 {
		c.Tags = append(c.Tags, label.NewTag("2.999.1.1", label.Restrictive, "1"))
	}
	v := p.Validate(&label.Label{Policy: p.ID(), Classification: new(class.Value), Categories: []label.Category{c}}, now)
	if v.Allowed || len(v.Reasons) != 1 || v.Reasons[0].Word != ExcludedClass {
		t.Errorf("%+v", v)
	}
}

func BenchmarkDecide(b *testing.B) {
	s := policies(b)
	l := labelOf(b, s, "policy=ALLIANCE; class=SECRET; Special Handling=ATOM,CRYPTO; Releasable To=ALL,NRD; Administrative=PERSONAL")
	c := clearanceOf(b, s, "policy=ALLIANCE; class<=SECRET; Special Handling=*; Releasable To=NRD")
	b.ReportAllocs()
	for b.Loop() {
		if v := s.Decide(l, now, c); !v.Allowed {
			b.Fatal(v.Reasons)
		}
	}
}

func TestExamplesAreTheirOwn(t *testing.T) {
	for _, p := range policies(t).Policies() {
		if !p.ID().HasPrefix("2.999") {
			t.Errorf("%s is not below the arc of examples", p.ID())
		}
		for _, c := range p.Categories() {
			if !c.SetID.HasPrefix(p.ID()) {
				t.Errorf("%s is not below %s", c.SetID, p.ID())
			}
		}
	}
}

// An error names some of what there is in the place of what is not, and not ten thousand.
func TestSome(t *testing.T) {
	for n, want := range map[int]string{1: "A0", 20: "A19", 21: "A19, and 1 more", 16384: "A19, and 16364 more"} {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		got := some(all, func(i int) string { return fmt.Sprintf("A%d", i) })
		if !strings.HasPrefix(got, "A0") || !strings.HasSuffix(got, want) {
			t.Errorf("%d: %s", n, got)
		}
	}
}

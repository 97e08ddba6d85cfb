package spif

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
)

// edited is the national policy with one text of it replaced.
func edited(t *testing.T, old, replacement string) string {
	t.Helper()
	b, err := os.ReadFile(examples + "nordland.xml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("the policy has no %q", old)
	}
	return strings.Replace(string(b), old, replacement, 1)
}

// What is wrong in a file is an error with its line.
func TestBadPolicies(t *testing.T) {
	for _, c := range []struct{ old, replacement, says string }{
		{`schemaVersion="2.1"`, `schemaVersion="3.0"`, `p.xml:3: schemaVersion "3.0" is none of 1.0, 2.0, 2.1`},
		{`schemaVersion="2.1"`, ``, "<SPIF> has no schemaVersion"},
		{"<spif:SPIF", `<!DOCTYPE x [<!ENTITY a "aaaa">]><spif:SPIF`, "p.xml:3: a document type"},
		{`xmlns:spif="http://www.xmlspif.org/spif"`, `xmlns:spif="urn:other"`, "where <SPIF> of http://www.xmlspif.org/spif belongs"},
		{`<spif:securityPolicyId name="NORDLAND" id="2.999.2"/>`, ``, "<securityPolicyId> is missing"},
		{`<spif:securityPolicyId name="NORDLAND" id="2.999.2"/>`, `<spif:securityPolicyId name="NORDLAND" id="4.999.2"/>`, `id "4.999.2" is no object identifier`},
		{`<spif:securityPolicyId name="NORDLAND" id="2.999.2"/>`, `<spif:securityPolicyId name="A" id="2.999.2"/><spif:securityPolicyId name="B" id="2.999.2"/>`, "<securityPolicyId> stands twice"},
		{`lacv="7" hierarchy="2"`, `lacv="0" hierarchy="2"`, `"ÅPEN" and "BEGRENSET" have the same lacv 0`},
		{`lacv="7" hierarchy="2"`, `lacv="99999" hierarchy="2"`, "is not from 0 to 16383"},
		{`lacv="7" hierarchy="2"`, `lacv="7" hierarchy="two"`, `hierarchy "two" is no integer`},
		{`name="BEGRENSET"`, `name="åpen"`, `classification "åpen" stands twice`},
		{`name="BEGRENSET" lacv="7"`, `name="BEGRENSET" lacv="7" obsolete="maybe"`, "neither true nor false"},
		{`operation="onlyOne"`, `operation="some"`, `operation "some" is none of`},
		{`operation="onlyOne"`, ``, "<requiredCategory> has no operation"},
		{`<spif:categoryGroup tagSetRef="Owner" tagType="enumerated" enumType="permissive" all="true"/>`, ``, "requires nothing"},
		{`tagSetRef="Owner"`, `tagSetRef="Nobody"`, `tagSetRef "Nobody" is no tag set`},
		{`enumType="permissive" all="true"`, `enumType="sideways" all="true"`, `enumType "sideways"`},
		{`enumType="permissive" all="true"`, `enumType="permissive" all="most"`, `neither true nor false`},
		{`tagType="permissive" maxSelection="2"`, `tagType="lenient" maxSelection="2"`, `tagType "lenient" is none of`},
		{`maxSelection="2"`, `maxSelection="0"`, `maxSelection "0"`},
		{`maxSelection="2"`, `maxSelection="2" minSelection="3"`, "no label could be valid"},
		{`tag7Encoding="securityAttributes"`, `tag7Encoding="other"`, `tag7Encoding "other"`},
		{`name="EYES ONLY" lacv="0"`, `name="EYES ONLY" lacv="16384"`, "no position of a bit"},
		{`requiredClass="HEMMELIG"`, `requiredClass="SECRET"`, `requiredClass "SECRET" is no classification`},
		{`<spif:excludedClass>ÅPEN`, `<spif:excludedClass>OPEN`, `excludedClass "OPEN" is no classification`},
		{`notBefore="2025-01-01T00:00:00Z"`, `notBefore="soon"`, `notBefore "soon" is no time`},
		{`action="discard"`, `action="keep"`, `action "keep" is not discard`},
		{`applied="encrypt"`, `applied="never"`, `applied "never" is none of`},
		{`id="2.999.2.4"`, `id="2.999.2.3"`, "has the name or id of another"},
		{`qualifierCode="separator"`, `qualifierCode="infix"`, `qualifierCode "infix"`},
		{`<spif:code>pageTopBottom</spif:code>`, `<spif:code>nowhere</spif:code>`, `marking code "nowhere" is not known`},
		{`<spif:tagCategory name="DRAFT" lacv="10"/>`, `<spif:tagCategory name="DRAFT" lacv="10"><spif:forbiddenClass/></spif:tagCategory>`, "<forbiddenClass> is not known in <tagCategory>"},
		{`<spif:tagCategory name="DRAFT" lacv="10"/>`, `<spif:tagCategory`, "XML"},
		{`</spif:SPIF>`, ``, "XML: unexpected EOF"},
		{`<?xml version="1.0" encoding="UTF-8"?>`, `<?xml version="1.0" encoding="UTF-16"?>`, "UTF-16"},
	} {
		_, err := Read(strings.NewReader(edited(t, c.old, c.replacement)), "p.xml")
		if err == nil || !strings.Contains(err.Error(), c.says) || diag.KindOf(err) != diag.Data || !strings.HasPrefix(err.Error(), "p.xml") {
			t.Errorf("%s: %v, of kind %v; want %q", c.replacement, err, diag.KindOf(err), c.says)
		}
	}
	if _, err := Load(examples+"alliance.xml", "nowhere.xml"); diag.KindOf(err) != diag.NoInput {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load(examples+"alliance.xml", examples+"alliance.xml"); diag.KindOf(err) != diag.Data {
		t.Errorf("twice the same: %v", err)
	}
	failing := io.MultiReader(strings.NewReader("<SPIF"), broken{})
	if _, err := Read(failing, "p.xml"); !errors.Is(err, errBroken) {
		t.Errorf("a reader that fails: %v", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// What can restrict nothing is passed over with a warning, and has no effect.
func TestWarnings(t *testing.T) {
	for _, c := range []struct{ old, replacement, says string }{
		{`maxSelection="2"`, `maxSelection="2" nonsense="1"`, "attribute nonsense of <securityCategoryTag> is not known"},
		{`<spif:tagCategory name="DRAFT"`, `<x:y xmlns:x="urn:x"/><spif:tagCategory name="DRAFT"`, "another namespace does nothing"},
		{`<spif:equivalentClassification policyRef="ALLIANCE"`, `<spif:equivalentClassification policyRef="UNION"`, `policyRef "UNION" is none of the equivalent policies`},
		{`<spif:equivalentPolicy name="ALLIANCE" id="2.999.1"/>`, `<spif:equivalentPolicy name="ALLIANCE" id="2..1"/>`, "its equivalences do nothing"},
		{`name="DRAFT" lacv="10"`, `name="DRAFT" lacv="ten"`, "no label of X.411 or ESS can have it"},
		{`name="DRAFT" lacv="10"`, `name="DRAFT" lacv="10" userInput="date"`, "for users to fill in"},
		{`name="NAVY" lacv="2"`, `name="NAVY" lacv="1"`, `have the same lacv 1: the rules of both apply`},
		{`tagSetRef="Partner" tagType="permissive" lacv="2"`, `tagSetRef="Partner" tagType="permissive" lacv="9"`, "has no permissive category with the lacv 9"},
		{"</spif:SPIF>", "<spif:extensions><x/></spif:extensions></spif:SPIF>", "extensions of the policy do nothing"},
	} {
		p, err := Read(strings.NewReader(edited(t, c.old, c.replacement)), "p.xml")
		if err != nil {
			t.Errorf("%s: %v", c.replacement, err)
			continue
		}
		if warnings := strings.Join(p.Info().Warnings, "\n"); !strings.Contains(warnings, c.says) {
			t.Errorf("%s: %q, want %q", c.replacement, warnings, c.says)
		}
	}
	// A byte order mark is no trouble.
	if p, err := Read(strings.NewReader("\ufeff"+edited(t, "", "")), "p.xml"); err != nil || len(p.Info().Warnings) > 0 {
		t.Errorf("a byte order mark: %v", err)
	}
	// A rule whose prefix was forgotten still holds.
	p, err := Read(strings.NewReader(edited(t, `<spif:excludedClass>ÅPEN</spif:excludedClass>`, `<excludedClass>ÅPEN</excludedClass>`)), "p.xml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	if v := s.Validate(labelOf(t, s, "policy=NORDLAND; class=ÅPEN; Caveat=CIPHER"), now); words(v) != "excluded-classification" {
		t.Errorf("%+v, warnings %q", v, p.Info().Warnings)
	}
	// Of two categories with one value, the rules of both hold.
	p, err = Read(strings.NewReader(edited(t, `name="EYES ONLY" lacv="0"`, `name="EYES ONLY" lacv="1"`)), "p.xml")
	if err != nil {
		t.Fatal(err)
	}
	if s, err = NewSet(p); err != nil {
		t.Fatal(err)
	}
	if v := s.Validate(labelOf(t, s, "policy=NORDLAND; class=ÅPEN; 2.999.2.2:restrictive=1"), now); words(v) != "required-classification excluded-classification" {
		t.Errorf("%+v", v)
	}
}

// Bounds hold before memory is spent.
func TestHugePolicies(t *testing.T) {
	deep := strings.Repeat(`<SPIF xmlns="`+namespace+`">`, 1000)
	wide := `<SPIF xmlns="` + namespace + `">` + strings.Repeat("<x/>", maxElements+1)
	attributes := `<SPIF xmlns="` + namespace + `" ` + strings.Repeat("a='' ", 100) + "/>"
	for _, text := range []string{deep, wide, attributes} {
		if _, err := Read(strings.NewReader(text), "p.xml"); err == nil || !strings.Contains(err.Error(), "more than 200000 elements, 32 levels or 64 attributes") {
			t.Errorf("%v", err)
		}
	}
	long := io.MultiReader(strings.NewReader(`<SPIF xmlns="`+namespace+`">`), io.LimitReader(endless{}, maxFile+100))
	if _, err := Read(long, "p.xml"); err == nil || !strings.Contains(err.Error(), "more than 16777216 octets") {
		t.Errorf("%v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// Whatever octets come, they are a policy or an error of kind Data that names the
// file; and whatever a policy, it answers about any label.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"alliance.xml", "nordland.xml", "sharing.xml"} {
		b, err := os.ReadFile(examples + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(small))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(bytes.NewReader(b), "p.xml")
		if err != nil {
			if diag.KindOf(err) != diag.Data || !strings.HasPrefix(err.Error(), "p.xml") {
				t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
			}
			return
		}
		l := &label.Label{Policy: p.ID(), Classification: new(p.Classifications()[0].Value)}
		var tags []label.Tag
		for i, c := range p.Categories() {
			if c.Kind != 0 && i < 8 {
				tags = append(tags, label.NewTag(c.SetID, c.Kind, c.Value))
			}
		}
		l.Categories = label.Carry(label.SyntaxACP145, tags)
		valid := p.Validate(l, now)
		empty := p.Decide(&label.Clearance{Policy: p.ID()}, l, now)
		if empty.Allowed || valid.Allowed != (len(valid.Reasons) == 0) {
			t.Fatalf("a clearance of nothing reaches %v", l)
		}
		text, v := p.Marking(l, Subject, "")
		if v.Allowed && len(text) < maxMarking {
			if _, err := p.Parse(text, Subject); err != nil && diag.KindOf(err) != diag.Data {
				t.Fatal(err)
			}
		}
	})
}

// What a small file could make large is bounded: the values of a tag times the requirements that name
// all of them, and texts that come in pieces.
func TestReadIsBounded(t *testing.T) {
	requirement := `<requiredCategory operation="onlyOne"><categoryGroup tagSetRef="S" tagType="restrictive" all="true"/></requiredCategory>`
	var values strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&values, `<tagCategory name="V%d" lacv="%d"/>`, i, i)
	}
	for _, c := range []struct{ name, inClasses, inClass, want string }{
		{"references", "", strings.Repeat(requirement, 1000), "more than 1000000 categories"},
		{"text", strings.Repeat("ab<!---->", 2049), "", "a text of more than 4096 octets in <securityClassifications>"},
	} {
		_, err := Read(strings.NewReader(`<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1"><securityPolicyId name="P" id="2.999.5"/>
<securityClassifications>`+c.inClasses+`<securityClassification name="A" lacv="1" hierarchy="1">`+c.inClass+`</securityClassification></securityClassifications>
<securityCategoryTagSets><securityCategoryTagSet name="S" id="2.999.5.1"><securityCategoryTag name="S" tagType="restrictive">`+values.String()+`</securityCategoryTag></securityCategoryTagSet></securityCategoryTagSets></SPIF>`), "file")
		if diag.KindOf(err) != diag.Data || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

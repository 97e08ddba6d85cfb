package spif

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
)

// small is a policy in which every combination can be tried: three classifications
// whose ranks are not their numbers, and a tag of each kind that decides, with rules
// between them.
const small = `<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="x" originatorDN="x" keyIdentifier="" privilegeId="2.16.840.1.101.2.1.8.3" rbacId="2.16.840.1.101.2.1.8.3">
<securityPolicyId name="SMALL" id="2.999.8"/>
<securityClassifications>
 <securityClassification name="LOW" lacv="2" hierarchy="1"/>
 <securityClassification name="MID" lacv="0" hierarchy="2"><requiredCategory operation="onlyOne">
   <categoryGroup tagSetRef="R" tagType="restrictive" lacv="0"/><categoryGroup tagSetRef="P" tagType="permissive" lacv="1"/>
 </requiredCategory></securityClassification>
 <securityClassification name="TOP" lacv="1" hierarchy="3"/>
</securityClassifications>
<securityCategoryTagSets>
 <securityCategoryTagSet name="R" id="2.999.8.1"><securityCategoryTag name="R" tagType="restrictive">
  <tagCategory name="R0" lacv="0"><excludedClass>LOW</excludedClass></tagCategory>
  <tagCategory name="R1" lacv="1"><requiredCategory operation="oneOrMore">
    <categoryGroup tagSetRef="P" tagType="permissive" lacv="0"/><categoryGroup tagSetRef="E" tagType="enumerated" enumType="restrictive"/>
  </requiredCategory></tagCategory>
 </securityCategoryTag></securityCategoryTagSet>
 <securityCategoryTagSet name="P" id="2.999.8.2"><securityCategoryTag name="P" tagType="permissive">
  <tagCategory name="P0" lacv="0"/>
  <tagCategory name="P1" lacv="1"><excludedCategory tagSetRef="R" tagType="restrictive" lacv="1"/></tagCategory>
 </securityCategoryTag></securityCategoryTagSet>
 <securityCategoryTagSet name="E" id="2.999.8.3">
  <securityCategoryTag name="ER" tagType="enumerated" enumType="restrictive" singleSelection="true">
   <tagCategory name="E5" lacv="5"/><tagCategory name="E6" lacv="6" requiredClass="TOP"/>
  </securityCategoryTag>
  <securityCategoryTag name="EP" tagType="enumerated" enumType="permissive">
   <tagCategory name="E7" lacv="7"/><tagCategory name="E8" lacv="8"/>
  </securityCategoryTag>
 </securityCategoryTagSet>
</securityCategoryTagSets></SPIF>`

// atom is a value that a label or a clearance may have.
type atom struct {
	name  string
	set   asn1.OID
	kind  label.Kind
	value label.Value
}

var atoms = []atom{
	{"R0", "2.999.8.1", label.Restrictive, "0"}, {"R1", "2.999.8.1", label.Restrictive, "1"},
	{"P0", "2.999.8.2", label.Permissive, "0"}, {"P1", "2.999.8.2", label.Permissive, "1"},
	{"E5", "2.999.8.3", label.EnumeratedRestrictive, "5"}, {"E6", "2.999.8.3", label.EnumeratedRestrictive, "6"},
	{"E7", "2.999.8.3", label.EnumeratedPermissive, "7"}, {"E8", "2.999.8.3", label.EnumeratedPermissive, "8"},
}

// naiveValid and naiveAllows are the rules of small as one would say them, about
// names alone.
func naiveValid(class string, has map[string]bool) bool {
	switch {
	case has["R0"] && class == "LOW",
		has["P1"] && has["R1"],
		has["E6"] && class != "TOP",
		has["E5"] && has["E6"],
		has["R1"] && !has["P0"] && !has["E5"] && !has["E6"],
		class == "MID" && has["R0"] == has["P1"],
		class == "NONE":
		return false
	}
	return true
}

func naiveAllows(class string, has map[string]bool, classes, held map[string]bool) bool {
	if !naiveValid(class, has) || !classes[class] {
		return false
	}
	for _, needed := range []string{"R0", "R1", "E5", "E6"} {
		if has[needed] && !held[needed] {
			return false
		}
	}
	for _, either := range [][2]string{{"P0", "P1"}, {"E7", "E8"}} {
		a, b := either[0], either[1]
		if (has[a] || has[b]) && !(has[a] && held[a]) && !(has[b] && held[b]) {
			return false
		}
	}
	return true
}

func atomsOf(bits int) (map[string]bool, []label.Category) {
	has := map[string]bool{}
	var tags []label.Tag
	for i, a := range atoms {
		if bits>>i&1 == 0 {
			continue
		}
		has[a.name] = true
		at := slices.IndexFunc(tags, func(t label.Tag) bool { return t.Set == a.set && t.Kind == a.kind })
		if at < 0 {
			tags = append(tags, label.NewTag(a.set, a.kind, a.value))
		} else {
			tags[at] = label.NewTag(a.set, a.kind, append(tags[at].Values, a.value)...)
		}
	}
	return has, label.Carry(label.SyntaxACP145, tags)
}

// Every classification with every set of categories, against every clearance: the
// policy and the naive rules come to the same answer.
func TestDecisionsAreThoseOfTheRules(t *testing.T) {
	p, err := Read(strings.NewReader(small), "small.xml")
	if err != nil || len(p.Info().Warnings) > 0 {
		t.Fatalf("%v, %q", err, p.Info().Warnings)
	}
	classes := []struct {
		name  string
		value mts.SecurityClassification
	}{{"LOW", 2}, {"MID", 0}, {"TOP", 1}, {"NONE", 3}}
	type clearance struct {
		classes, held map[string]bool
		is            *label.Clearance
	}
	var clearances []clearance
	for of := range 1 << 3 {
		for bits := range 1 << len(atoms) {
			held, categories := atomsOf(bits)
			c := clearance{map[string]bool{}, held, &label.Clearance{Policy: "2.999.8", Categories: categories}}
			for i, k := range classes[:3] {
				if of>>i&1 != 0 {
					c.classes[k.name] = true
					c.is.Classes = append(c.is.Classes, k.value)
				}
			}
			slices.Sort(c.is.Classes)
			clearances = append(clearances, c)
		}
	}
	tried, allowed, valid := 0, 0, 0
	for _, k := range classes {
		for bits := range 1 << len(atoms) {
			has, categories := atomsOf(bits)
			l := &label.Label{Policy: "2.999.8", Classification: new(k.value), Categories: categories}
			v := p.Validate(l, now)
			if v.Allowed != naiveValid(k.name, has) {
				t.Fatalf("%s %v: valid %v, %v", k.name, has, v.Allowed, v.Reasons)
			}
			if v.Allowed {
				valid++
			}
			for i := range clearances {
				c := &clearances[i]
				want := naiveAllows(k.name, has, c.classes, c.held)
				if !v.Allowed && i%97 != 0 {
					continue // what is not valid is denied before the clearance is looked at
				}
				got := p.Decide(c.is, l, now)
				if got.Allowed != want || got.Allowed != (len(got.Reasons) == 0) {
					t.Fatalf("%s %v for %v %v: %v, %v", k.name, has, c.classes, c.held, got.Allowed, got.Reasons)
				}
				tried++
				if got.Allowed {
					allowed++
				}
			}
		}
	}
	if tried < 400000 || allowed < 10000 || valid < 100 {
		t.Errorf("%d decisions, %d allowed, %d labels valid: too few to tell", tried, allowed, valid)
	}
	t.Logf("%d decisions, %d allowed, %d labels valid", tried, allowed, valid)
}

package spif

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/label"
)

func TestConvert(t *testing.T) {
	s := policies(t)
	for _, c := range []struct {
		from, to string
		as       Applied
		result   string
		want     string // words of reasons, or of remarks with a result
	}{
		{"policy=ALLIANCE; class=UNCLASSIFIED", "NORDLAND", Encrypt, "policy=NORDLAND; class=ÅPEN", ""},
		{"policy=ALLIANCE; class=RESTRICTED; Special Handling=CRYPTO; Releasable To=NRD,SUD", "NORDLAND", Encrypt,
			"policy=NORDLAND; class=BEGRENSET; Caveat=CIPHER; Partner=NORDLAND,SUDLAND", ""},
		{"policy=ALLIANCE; class=SECRET", "NORDLAND", Encrypt, "policy=NORDLAND; class=HEMMELIG; Owner=JOINT", "added"},
		{"policy=ALLIANCE; class=RESTRICTED; Administrative=MEDICAL; mark=FREE TEXT", "NORDLAND", Decrypt, "policy=NORDLAND; class=BEGRENSET; mark=FREE TEXT", "discarded"},
		{"policy=ALLIANCE; class=TOP SECRET", "NORDLAND", Encrypt, "", "no-equivalent"},
		{"policy=ALLIANCE; class=SECRET; Special Handling=ATOM", "NORDLAND", Encrypt, "", "no-equivalent"},
		{"policy=ALLIANCE; class=SECRET; Releasable To=NRD,OST", "NORDLAND", Encrypt, "", "no-equivalent"},
		{"policy=ALLIANCE; class=UNCLASSIFIED; Special Handling=ATOM", "NORDLAND", Encrypt, "", "excluded-classification"},
		{"policy=ALLIANCE; class=RESTRICTED; Releasable To=ALL,NRD,SUD", "NORDLAND", Encrypt, "", "too-many"},
		{"policy=ALLIANCE; class=UNCLASSIFIED; Releasable To=NRD", "NORDLAND", Encrypt, "", "excluded-classification"},
		{"policy=ALLIANCE; class=SECRET", "SHARE", Encrypt, "", "no-equivalent"},
		{"policy=NORDLAND; class=HEMMELIG; Owner=ARMY; Partner=ALLIANCE", "ALLIANCE", Encrypt,
			"policy=ALLIANCE; class=SECRET; Releasable To=ALL; Administrative=OF NATIONAL ORIGIN", "added discarded"},
		{"policy=NORDLAND; class=HEMMELIG; Owner=ARMY; Partner=ALLIANCE", "ALLIANCE", Decrypt, "", "no-equivalent"},
		{"policy=NORDLAND; class=FORTROLIG; Owner=AIR", "ALLIANCE", Encrypt, "", "no-equivalent"},
		{"policy=NORDLAND; class=ÅPEN; Note=FINAL; mark=CLEAR", "ALLIANCE", Encrypt, "policy=ALLIANCE; class=UNCLASSIFIED; mark=CLEAR", "discarded obsolete"},
		{"policy=NORDLAND; class=ÅPEN; mark=BY HAND", "ALLIANCE", Encrypt, "policy=ALLIANCE; class=UNCLASSIFIED", "discarded"},
		{"policy=NORDLAND; class=HEMMELIG; Owner=AIR; Caveat=EYES ONLY", "ALLIANCE", Encrypt, "", "no-equivalent no-equivalent"},
		{"policy=ALLIANCE; class=SECRET", "ALLIANCE", Encrypt, "policy=ALLIANCE; class=SECRET", ""},
		{"policy=ALLIANCE; class=9", "ALLIANCE", Encrypt, "", "unknown-classification"},
		{"policy=2.999.77; class=1", "ALLIANCE", Encrypt, "", "unknown-policy"},
	} {
		to, err := s.Find(c.to)
		if err != nil {
			t.Fatal(err)
		}
		l := labelOf(t, s, c.from)
		got, v := s.Convert(l, to.ID(), c.as, now)
		if (got != nil) != v.Allowed || v.Allowed != (c.result != "") {
			t.Errorf("%s to %s: %v, allowed %v, %v", c.from, c.to, got, v.Allowed, v.Reasons)
			continue
		}
		said := words(v)
		if got != nil {
			said = words(Verdict{Reasons: v.Remarks})
			if got.Text(s) != c.result {
				t.Errorf("%s to %s: %s, want %s", c.from, c.to, got.Text(s), c.result)
			}
		}
		if said != c.want {
			t.Errorf("%s to %s: %q, want %q", c.from, c.to, said, c.want)
		}
		if p := s.Of(l.Policy); p != nil {
			again, explained := p.ExplainConvert(l, to, c.as, now)
			if !again.Equal(got) || explained.Allowed != v.Allowed || words(explained) != words(v) || v.Allowed && len(explained.Steps) == 0 {
				t.Errorf("%s to %s: explained %+v", c.from, c.to, explained)
			}
		}
	}
	if _, v := s.Convert(labelOf(t, s, "policy=ALLIANCE; class=SECRET"), "2.999.77", Encrypt, now); words(v) != "unknown-policy" {
		t.Errorf("%+v", v)
	}
	if _, v := s.Convert(nil, "2.999.1", Encrypt, now); words(v) != "no-label" {
		t.Errorf("%+v", v)
	}
}

// pair is two policies, the categories of the first mapped to those of the second as
// a test wants.
func pair(t *testing.T, class, categories string) (*Set, *Policy) {
	t.Helper()
	const head = `<SPIF xmlns="` + namespace + `" schemaVersion="2.0" privilegeId="2.16.840.1.101.2.1.8.3" rbacId="2.16.840.1.101.2.1.8.3">`
	from, err := Read(strings.NewReader(head+`<securityPolicyId name="FROM" id="2.999.5"/>
<securityClassifications><securityClassification name="C" lacv="1" hierarchy="1">`+class+`</securityClassification></securityClassifications>
<securityCategoryTagSets><securityCategoryTagSet name="S" id="2.999.5.1">`+categories+`</securityCategoryTagSet></securityCategoryTagSets>
<equivalentPolicies><equivalentPolicy name="TO" id="2.999.6"/></equivalentPolicies></SPIF>`), "from.xml")
	if err != nil {
		t.Fatal(err)
	}
	to, err := Read(strings.NewReader(head+`<securityPolicyId name="TO" id="2.999.6"/>
<securityClassifications><securityClassification name="C" lacv="1" hierarchy="1"/><securityClassification name="D" lacv="2" hierarchy="2"/></securityClassifications>
<securityCategoryTagSets><securityCategoryTagSet name="T" id="2.999.6.1">
<securityCategoryTag name="R" tagType="restrictive"><tagCategory name="R0" lacv="0"/><tagCategory name="R1" lacv="1"/></securityCategoryTag>
<securityCategoryTag name="P" tagType="permissive"><tagCategory name="P0" lacv="0"/><tagCategory name="P1" lacv="1"/></securityCategoryTag>
<securityCategoryTag name="I" tagType="tagType7" tag7Encoding="bitSetAttributes"><tagCategory name="I0" lacv="0"/></securityCategoryTag>
</securityCategoryTagSet></securityCategoryTagSets></SPIF>`), "to.xml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSet(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return s, to
}

const sameClass = `<equivalentClassification policyRef="TO" lacv="1" applied="both"/>`

func maps(kind string, values ...int) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, `<equivalentSecCategoryTag policyRef="TO" tagSetId="2.999.6.1" tagType="%s" lacv="%d" applied="both"/>`, kind, v)
	}
	return b.String()
}

func tagOf(name, kind string, equivalents ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<securityCategoryTag name="%s" tagType="%s">`, name, kind)
	for i, e := range equivalents {
		fmt.Fprintf(&b, `<tagCategory name="%s%d" lacv="%d">%s</tagCategory>`, name, i, i, e)
	}
	return b.String() + "</securityCategoryTag>"
}

// A conversion never makes a label looser, whatever the equivalences say.
func TestConversionsLoosenNothing(t *testing.T) {
	for _, c := range []struct {
		name, class, categories, label, result, want string
	}{
		{"two that are needed become one of two", sameClass, tagOf("A", "restrictive", maps("permissive", 0), maps("permissive", 1)),
			"S=A0,A1", "", "weaker-equivalent"},
		{"one that is needed becomes one of one", sameClass, tagOf("A", "restrictive", maps("permissive", 0), maps("permissive", 1)),
			"S=A0", "T=P0", ""},
		{"two that are needed become the same one", sameClass, tagOf("A", "restrictive", maps("permissive", 0), maps("permissive", 0)),
			"S=A0,A1", "T=P0", ""},
		{"what is needed decides nothing", sameClass, tagOf("A", "restrictive", maps("tagType7", 0)), "S=A0", "", "weaker-equivalent"},
		{"of two tags one each becomes one of all", sameClass, tagOf("A", "permissive", maps("permissive", 0)) + tagOf("B", "restrictive", maps("permissive", 1)),
			"S=A0; S=B0", "", "weaker-equivalent"},
		{"one that overlaps another", sameClass, tagOf("A", "permissive", maps("permissive", 1, 0)) + tagOf("B", "restrictive", maps("permissive", 0)),
			"S=A0; S=B0", "", "weaker-equivalent"},
		{"one of two becomes both", sameClass, tagOf("A", "permissive", maps("restrictive", 0), maps("restrictive", 1)), "S=A0,A1", "T=R0,R1", ""},
		{"one becomes one of several, as the policy says", sameClass, tagOf("A", "permissive", maps("permissive", 0, 1)), "S=A0", "T=P0,P1", ""},
		{"an equivalent that is not there", sameClass, tagOf("A", "restrictive", maps("restrictive", 7)), "S=A0", "", "no-equivalent"},
		{"a tag set that is not there", sameClass, tagOf("A", "restrictive", strings.Replace(maps("restrictive", 0), "2.999.6.1", "2.999.6.2", 1)), "S=A0", "", "no-equivalent"},
		{"none for the classification", "", tagOf("A", "restrictive"), "", "", "no-equivalent"},
		{"two for the classification", sameClass + `<equivalentClassification policyRef="TO" lacv="2" applied="encrypt"/>`, tagOf("A", "restrictive"), "", "", "ambiguous-equivalent"},
		{"one that is not there", `<equivalentClassification policyRef="TO" lacv="3" applied="both"/>`, tagOf("A", "restrictive"), "", "", "no-equivalent"},
		{"added, if the policy says which", `<equivalentClassification policyRef="TO" lacv="1" applied="both"><requiredCategory operation="onlyOne">` +
			`<categoryGroup tagSetRef="T" tagType="restrictive" lacv="1"/></requiredCategory></equivalentClassification>`, tagOf("A", "restrictive"), "", "T=R1", ""},
		{"not added to what is needed, of which it would do instead", `<equivalentClassification policyRef="TO" lacv="1" applied="both"><requiredCategory operation="all">` +
			`<categoryGroup tagSetRef="T" tagType="permissive" lacv="1"/></requiredCategory></equivalentClassification>`, tagOf("A", "permissive", maps("permissive", 0)), "S=A0", "", "weaker-equivalent"},
		{"added, if it is there already", `<equivalentClassification policyRef="TO" lacv="1" applied="both"><requiredCategory operation="all">` +
			`<categoryGroup tagSetRef="T" tagType="permissive" lacv="0"/></requiredCategory></equivalentClassification>`, tagOf("A", "permissive", maps("permissive", 0)), "S=A0", "T=P0", ""},
		{"not added, if it does not", `<equivalentClassification policyRef="TO" lacv="1" applied="both"><requiredCategory operation="oneOrMore">` +
			`<categoryGroup tagSetRef="T" tagType="restrictive" lacv="0"/><categoryGroup tagSetRef="T" tagType="restrictive" lacv="1"/></requiredCategory></equivalentClassification>`,
			tagOf("A", "restrictive"), "", "", "ambiguous-equivalent"},
		{"not added, if it is not there", `<equivalentClassification policyRef="TO" lacv="1" applied="both"><requiredCategory operation="all">` +
			`<categoryGroup tagSetRef="U" tagType="restrictive" lacv="0"/></requiredCategory></equivalentClassification>`, tagOf("A", "restrictive"), "", "", "no-equivalent"},
		{"added for a tag set", sameClass, tagOf("A", "restrictive", maps("restrictive", 0)) + `<equivalentSecurityCategoryTagSet policyRef="TO"><requiredCategory operation="all">` +
			`<categoryGroup tagSetRef="T" tagType="restrictive" lacv="1"/></requiredCategory></equivalentSecurityCategoryTagSet>`, "S=A0", "T=R0,R1", ""},
	} {
		s, to := pair(t, c.class, c.categories)
		text := strings.TrimSuffix("policy=FROM; class=C; "+c.label, "; ")
		got, v := s.Convert(labelOf(t, s, text), to.ID(), Encrypt, now)
		if words(v) != c.want {
			t.Errorf("%s: %v, %q, want %q", c.name, got, words(v), c.want)
		}
		if c.want == "" {
			if want := labelOf(t, s, strings.TrimSuffix("policy=TO; class=C; "+c.result, "; ")); !got.Equal(want) {
				t.Errorf("%s: %v, want %v", c.name, got, want)
			}
		}
	}
}

// Between the policies of the examples: whoever is denied a label by a clearance is
// denied what it is converted to by the clearance that is converted likewise.
func TestConvertedLabelsAreNoLooser(t *testing.T) {
	s := policies(t)
	p, q := s.Of("2.999.1"), s.Of("2.999.2")
	tried := 0
	for _, class := range p.Classifications() {
		for bits := range 1 << 4 {
			l := &label.Label{Policy: p.ID(), Classification: new(class.Value)}
			var values []label.Value
			for i, v := range []label.Value{"900", "901", "902"} {
				if bits>>i&1 != 0 {
					values = append(values, v)
				}
			}
			var tags []label.Tag
			if values != nil {
				tags = append(tags, label.NewTag("2.999.1.2", label.EnumeratedPermissive, values...))
			}
			if bits>>3 != 0 {
				tags = append(tags, label.NewTag("2.999.1.1", label.Restrictive, "2"))
			}
			l.Categories = label.Carry(label.SyntaxACP145, tags)
			m, v := p.Convert(l, q, Encrypt, now)
			if !v.Allowed {
				continue
			}
			for held := range 1 << 4 {
				c := clearanceOf(t, s, "policy=ALLIANCE; class<=TOP SECRET")
				d := clearanceOf(t, s, "policy=NORDLAND; class<=HEMMELIG; Owner=*")
				add := func(bit int, ours, theirs string) {
					if held>>bit&1 != 0 {
						c.Categories = append(c.Categories, clearanceOf(t, s, "policy=ALLIANCE; "+ours).Categories...)
						d.Categories = append(d.Categories, clearanceOf(t, s, "policy=NORDLAND; "+theirs).Categories...)
					}
				}
				add(0, "Releasable To=ALL", "Partner=ALLIANCE")
				add(1, "Releasable To=NRD", "Partner=NORDLAND")
				add(2, "Releasable To=SUD", "Partner=SUDLAND")
				add(3, "Special Handling=CRYPTO", "Caveat=CIPHER")
				own, other := p.Decide(c, l, now), q.Decide(d, m, now)
				if own.Allowed != other.Allowed {
					t.Errorf("%s by %s: %v, and %s by %s: %v", l.Text(s), c.Text(s), own.Allowed, m.Text(s), d.Text(s), other.Allowed)
				}
				tried++
			}
		}
	}
	if tried < 300 {
		t.Errorf("%d tried: too few to tell", tried)
	}
}

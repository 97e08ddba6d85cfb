package spif

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// readings are labels and how they read; what is read of that is the label again.
var readings = []struct {
	label, lang string
	on          Carrier
	reads       string
}{
	{"policy=ALLIANCE; class=SECRET", "", PageTop, "ALLIANCE SECRET"},
	{"policy=ALLIANCE; class=UNCLASSIFIED", "fr", PageBottom, "ALLIANCE SANS CLASSIFICATION"},
	{"policy=ALLIANCE; class=UNCLASSIFIED", "FR", Subject, "ALLIANCE SANS CLASSIFICATION"},
	{"policy=ALLIANCE; class=UNCLASSIFIED; Releasable To=NRD", "fr-CA", PageTop, "ALLIANCE SANS CLASSIFICATION COMMUNICABLE A NORDLAND"},
	{"policy=ALLIANCE; class=UNCLASSIFIED", "de", Subject, "ALLIANCE UNCLASSIFIED"},
	{"policy=ALLIANCE; class=TOP SECRET", "", FirstLineOfText, "SUPREME TOP SECRET"},
	{"policy=ALLIANCE; class=TOP SECRET", "fr", FirstLineOfText, "SUPREME TRES SECRET"},
	{"policy=ALLIANCE; class=SECRET; Special Handling=ATOM,CRYPTO; Releasable To=NRD,SUD; Administrative=MEDICAL; mark=FOR THE ADDRESSEE", "", PageTop,
		"ALLIANCE SECRET ATOM CRYPTO RELEASABLE TO NORDLAND, SUDLAND MEDICAL FOR THE ADDRESSEE"},
	{"policy=ALLIANCE; class=SECRET; Releasable To=NRD,SUD", "", Subject, "ALLIANCE SECRET REL NORDLAND,SUDLAND"},
	{"policy=ALLIANCE; class=TOP SECRET; Compartment=GARNET,OPAL; Releasable To=OST", "", Subject, "SUPREME TOP SECRET GARNET/OPAL REL OSTLAND"},
	{"policy=NORDLAND; class=ÅPEN", "", Subject, "NORDLAND // ÅPEN"},
	{"policy=NORDLAND; class=HEMMELIG; Owner=AIR; Caveat=EYES ONLY; Partner=NORDLAND", "", Subject, "NORDLAND // HEMMELIG // OWNER AIR // EYES ONLY // (NORDLAND EYES)"},
	{"policy=NORDLAND; class=FORTROLIG; Partner=NORDLAND,SUDLAND; Note=DRAFT", "en", Subject, "NORDLAND // CONFIDENTIAL // (NORDLAND AND SUDLAND EYES) // DRAFT"},
	{"policy=SHARE; class=AMBER; Circle=WATER; Limit=STRICT", "", XHeader, "SHARE:AMBER:WATER:+STRICT"},
	{"policy=SHARE; class=RED", "", Subject, "SHARE:RED"},
}

func TestMarkings(t *testing.T) {
	s := policies(t)
	for _, c := range readings {
		l := labelOf(t, s, c.label)
		p := s.Of(l.Policy)
		got, v := p.Marking(l, c.on, c.lang)
		if got != c.reads || !v.Allowed {
			t.Errorf("%s on %v in %q reads %q, want %q; %v", c.label, c.on, c.lang, got, c.reads, v.Reasons)
		}
		for _, text := range []string{got, strings.ToLower(got), " " + strings.ReplaceAll(got, " ", "  ") + "\t"} {
			back, err := s.Parse(text, c.on)
			if err != nil || !back.Equal(l) {
				t.Errorf("%q is read as %v, %v", text, back, err)
			}
		}
	}
	if got := s.Of("2.999.3").HeaderName(); got != "X-Share" {
		t.Errorf("the field of SHARE is %q", got)
	}
	if got := s.Of("2.999.1").HeaderName(); got != "" {
		t.Errorf("the field of ALLIANCE is %q", got)
	}
	twice := labelOf(t, s, "policy=ALLIANCE; class=SECRET; Releasable To=NRD; Releasable To=SUD")
	if _, v := s.Of("2.999.1").Marking(twice, Subject, ""); words(Verdict{Reasons: v.Remarks}) != "hidden" {
		t.Errorf("%+v", v)
	}
	for _, bad := range []string{"policy=ALLIANCE; class=9", "policy=NORDLAND; class=ÅPEN", "policy=ALLIANCE; class=SECRET; type:1.2.3=BQA="} {
		if text, v := s.Of("2.999.1").Marking(labelOf(t, s, bad), Subject, ""); v.Allowed || text != "" {
			t.Errorf("%s reads %q", bad, text)
		}
	}
}

// What markings may say beside what Marking writes, and what is no marking.
func TestParseMarkings(t *testing.T) {
	s := policies(t)
	for text, want := range map[string]string{
		"alliance secret":                          "policy=ALLIANCE; class=SECRET",
		"RESTRICTED":                               "policy=ALLIANCE; class=RESTRICTED",
		"Hemmelig // owner joint":                  "policy=NORDLAND; class=HEMMELIG; Owner=JOINT",
		"ALLIANCE SECRET REL NRD":                  "policy=ALLIANCE; class=SECRET; Releasable To=NRD",
		"ALLIANCE SECRET REL SUD, NRD ATOM CRYPTO": "policy=ALLIANCE; class=SECRET; Special Handling=ATOM,CRYPTO; Releasable To=NRD,SUD",
		"TOP SECRET":                               "policy=ALLIANCE; class=TOP SECRET",
		"ALLIANCE TOP SECRET":                      "policy=ALLIANCE; class=TOP SECRET",
		"SHARE:AMBER:WATER:FIRST RESPONDERS":       "policy=SHARE; class=AMBER; Circle=WATER; Circle=FIRST RESPONDERS",
	} {
		l, err := s.Parse(text, Subject)
		if err != nil || !l.Equal(labelOf(t, s, want)) {
			t.Errorf("%q: %v, %v; want %s", text, l, err, want)
		}
	}
	for text, says := range map[string]string{
		"":                                  "says too little",
		"ALLIANCE":                          "says too little",
		"SECRET":                            "is ambiguous",
		"CONFIDENTIAL":                      "is ambiguous",
		"SHARE:AMBER:OTHER":                 "is ambiguous",
		"ALLIANCE SECRETS":                  `"SECRETS" is nothing that stands there`,
		"ALLIANCE SECRET ATOMIC":            `"ATOMIC" is nothing`,
		"ALLIANCE SECRET RELEASE IT":        `"RELEASE IT" is nothing`,
		"ALLIANCE SECRET REL":               "says too little",
		"ALLIANCE SECRET REL NRD, MOON":     `"MOON" is nothing`,
		"SUPREME SECRET":                    `"SECRET" is nothing`,
		"ALLIANCE SECRET SECRET":            `"SECRET" is nothing`,
		"ALLIANCE SECRET FOR THE MASSES":    `"FOR THE MASSES" is nothing`,
		"NORDLAND // HEMMELIG // (ALLIANCE": "says too little",
		"lunch?":                            `"LUNCH?" is nothing`,
		strings.Repeat("A", 2049):           "a text of 2049 octets",
	} {
		l, err := s.Parse(text, Subject)
		if err == nil || !strings.Contains(err.Error(), says) || diag.KindOf(err) != diag.Data {
			t.Errorf("%.50q is read as %v, %v; want %q", text, l, err, says)
		}
	}
	if _, err := (*Set)(nil).Parse("SECRET", Subject); err == nil {
		t.Error("no policy reads SECRET")
	}
	if _, err := s.Of("2.999.1").Parse("SECRET", Subject); err != nil {
		t.Errorf("within a policy it is not ambiguous: %v", err)
	}
}

// A text that may be read in very many ways costs little all the same.
func TestMarkingsOfBoundedCost(t *testing.T) {
	var b strings.Builder
	b.WriteString(small[:strings.Index(small, "<securityCategoryTagSets>")])
	b.WriteString("<securityCategoryTagSets>")
	for i := range 30 {
		n := string(rune('A'+i%26)) + strings.Repeat("x", i/26)
		b.WriteString(`<securityCategoryTagSet name="` + n + `" id="2.999.8.1` + strings.Repeat("1", i) + `"><securityCategoryTag tagType="restrictive">` +
			`<tagCategory name="ONE" lacv="0"/><tagCategory name="TWO" lacv="1"/></securityCategoryTag></securityCategoryTagSet>`)
	}
	b.WriteString("</securityCategoryTagSets></SPIF>")
	text := strings.Replace(b.String(), `<requiredCategory operation="onlyOne">
   <categoryGroup tagSetRef="R" tagType="restrictive" lacv="0"/><categoryGroup tagSetRef="P" tagType="permissive" lacv="1"/>
 </requiredCategory>`, "", 1)
	p, err := Read(strings.NewReader(text), "p.xml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse("LOW "+strings.Repeat("ONE ", 30)+"X", Subject)
	if err == nil || !strings.Contains(err.Error(), "in too many ways") {
		t.Errorf("%v", err)
	}
}

func FuzzParseMarking(f *testing.F) {
	s := policies(f)
	for _, c := range readings {
		f.Add(c.reads, uint32(c.on))
	}
	f.Fuzz(func(t *testing.T, text string, on uint32) {
		for _, c := range []Carrier{Subject, XHeader, Carrier(on)} {
			l, err := s.Parse(text, c)
			if err != nil {
				if k := diag.KindOf(err); k != diag.Data && !(k == diag.Internal && c.String() == "no carrier") {
					t.Fatalf("%v is of kind %v", err, k)
				}
				continue
			}
			// Whatever is read reads the same in the end.
			again, v := s.Of(l.Policy).Marking(l, c, "")
			if !v.Allowed {
				t.Fatalf("%v: %v", l, v.Reasons)
			}
			if back, err := s.Of(l.Policy).Parse(again, c); err != nil || !back.Equal(l) {
				t.Fatalf("%q became %q and %v, %v", text, again, back, err)
			}
		}
	})
}

func TestCarriers(t *testing.T) {
	for _, c := range Carriers() {
		if got, ok := ParseCarrier(c.String()); !ok || got != c {
			t.Errorf("%v is %v, %v", c, got, ok)
		}
	}
	if _, ok := ParseCarrier("pageTopBottom"); ok {
		t.Error("two places are one")
	}
	if _, err := policies(t).Of("2.999.1").Parse("SECRET", Carrier(0)); err == nil {
		t.Error("no carrier")
	}
}

func TestMarkingCodes(t *testing.T) {
	p, err := Read(strings.NewReader(`<SPIF xmlns="`+namespace+`" schemaVersion="2.1">
<securityPolicyId name="CODES" id="2.999.7"><markingData phrase="C."><code>subject</code></markingData></securityPolicyId>
<securityClassifications>
 <securityClassification name="HIDDEN" lacv="0" hierarchy="0"><markingData><code>noNameDisplay</code></markingData></securityClassification>
 <securityClassification name="SPOKEN" lacv="1" hierarchy="1"><markingData phrase="FOR INPUT"><code>noMarkingDisplay</code></markingData></securityClassification>
 <securityClassification name="STAMPED" lacv="2" hierarchy="2"><markingData phrase="STAMP"><code>noNameDisplay</code></markingData>
  <markingQualifier><qualifier markingQualifier="&lt;" qualifierCode="prefix"/><qualifier markingQualifier="&gt;" qualifierCode="suffix"/></markingQualifier></securityClassification>
</securityClassifications>
<securityCategoryTagSets><securityCategoryTagSet name="S" id="2.999.7.1"><securityCategoryTag tagType="restrictive">
 <tagCategory name="QUIET" lacv="0"><markingData phrase="QUIET"><code>suppressClassName</code></markingData></tagCategory>
 <tagCategory name="SHY" lacv="2"><markingData><code>noNameDisplay</code></markingData></tagCategory>
 <tagCategory name="OWN" lacv="1"><markingData phrase="OURS"><code>replacePolicy</code></markingData></tagCategory>
 <tagCategory name="KEPT" lacv="3"><markingData phrase="C./K"><code>replacePolicy</code><code>noNameDisplay</code></markingData></tagCategory>
</securityCategoryTag></securityCategoryTagSet></securityCategoryTagSets>
<markingQualifier><qualifier markingQualifier="*" qualifierCode="prefix"/><qualifier markingQualifier="*" qualifierCode="suffix"/></markingQualifier>
</SPIF>`), "p.xml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text, reads string
		on          Carrier
		hidden      string
	}{
		{"class=HIDDEN", "*C.*", Subject, "HIDDEN"},
		{"class=SPOKEN", "*C. SPOKEN*", Subject, ""},
		{"class=SPOKEN", "*CODES SPOKEN*", PageTop, ""},
		{"class=STAMPED", "*C. <STAMP>*", Subject, ""},
		{"class=SPOKEN; S=QUIET", "*C. QUIET*", Subject, "SPOKEN"},
		{"class=SPOKEN; S=OWN", "*OURS SPOKEN OWN*", Subject, ""},
		{"class=SPOKEN; S=KEPT", "*C./K SPOKEN*", Subject, ""},
		{"class=SPOKEN; S=SHY", "*C. SPOKEN*", Subject, "S=SHY"},
		{"class=SPOKEN; mark=\"a\\x0d\\x0aBcc: b\\xff\"", "*C. SPOKEN a  Bcc: b?*", Subject, "a mark of its own"},
	} {
		l := labelOf(t, s, "policy=CODES; "+c.text)
		got, v := p.Marking(l, c.on, "")
		if got != c.reads || !v.Allowed {
			t.Errorf("%s reads %q, want %q", c.text, got, c.reads)
		}
		if c.hidden != "" && !strings.Contains(c.text, "mark") &&
			(len(v.Remarks) != 1 || v.Remarks[0].Word != Hidden || v.Remarks[0].Classification+v.Remarks[0].Category != c.hidden) {
			t.Errorf("%s: remarks %+v", c.text, v.Remarks)
		}
		back, err := p.Parse(got, c.on)
		switch {
		case c.hidden != "" && back.Equal(l):
			t.Errorf("%q does not say %s, and is read as %v", got, c.hidden, back)
		case c.hidden == "" && (err != nil || !back.Equal(l)):
			t.Errorf("%q is read as %v, %v", got, back, err)
		}
	}
}

// A privacy mark is the word of whoever made the label: it adds nothing to what is read from a
// marking, and turns no text around.
func TestMarksAreNoLabels(t *testing.T) {
	s := policies(t)
	p := s.Of("2.999.1")
	const label = "policy=ALLIANCE; class=SECRET; Releasable To=NRD"
	for _, c := range []struct{ mark, want, remarks string }{
		{"FOR ANN", "ALLIANCE SECRET RELEASABLE TO NORDLAND FOR ANN", ""},
		{", SUDLAND", "ALLIANCE SECRET RELEASABLE TO NORDLAND", "discarded"},
		{"crypto", "ALLIANCE SECRET RELEASABLE TO NORDLAND", "discarded"},
		{"FOR THE ADDRESSEE", "ALLIANCE SECRET RELEASABLE TO NORDLAND FOR THE ADDRESSEE", ""},
		{"a\u202egnp\u2066\u200fb", "ALLIANCE SECRET RELEASABLE TO NORDLAND a gnp  b", ""},
	} {
		l := labelOf(t, s, label)
		l.PrivacyMark = c.mark
		got, v := p.Marking(l, PageTop, "")
		if got != c.want || words(Verdict{Reasons: v.Remarks}) != c.remarks || !v.Allowed {
			t.Errorf("%q: %q, %v", c.mark, got, v.Remarks)
		}
	}
}

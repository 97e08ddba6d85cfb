package conf

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A list that was kept before there was a policy has the default one, and any other is what it
// was.
func TestListThatWasKept(t *testing.T) {
	var c Config
	if err := json.Unmarshal([]byte(`{"list": [{"address": "/CN=L/ADMD=T/C=GB/", "reports": "none"}]}`), &c); err != nil {
		t.Fatal(err)
	}
	want := NewList()
	want.Address, want.Reports = "/CN=L/ADMD=T/C=GB/", ReportsToNobody
	if diff := cmp.Diff([]List{want}, c.Lists); diff != "" {
		t.Error(diff)
	}
	want.FurtherExpansion, want.Priority = false, "urgent"
	text, err := json.Marshal(Config{Lists: []List{want}})
	if err != nil {
		t.Fatal(err)
	}
	c = Config{}
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]List{want}, c.Lists); diff != "" {
		t.Error(diff)
	}
}

// X.402, DL submit permission: each alternative but that of groups has its form.
func TestParsePermission(t *testing.T) {
	for text, want := range map[string]string{
		"/O=Org/PRMD=P/ADMD=A/C=GB/":                 "pattern",
		"pattern-match:/O=Org/PRMD=P/ADMD=A/C=GB/":   "pattern",
		"individual:/S=Smith/PRMD=P/ADMD=A/C=GB/":    "individual /S=Smith/PRMD=P/ADMD=A/C=GB/",
		"member-of-dl:CN=Staff; P=P; A=A; C=GB":      "member of /CN=Staff/PRMD=P/ADMD=A/C=GB/",
		"member-of-dl:":                              "error",
		"individual:":                                "error",
		"individual:/S=Smith/":                       "error",
		"member-of-group:cn=Staff":                   "error",
		"Member-of-dl:/CN=Staff/PRMD=P/ADMD=A/C=GB/": "error",
	} {
		p, err := ParsePermission(text)
		got := "pattern"
		switch {
		case err != nil:
			got = "error"
		case p.Individual != nil:
			got = "individual " + p.Individual.String()
		case p.MemberOf != nil:
			got = "member of " + p.MemberOf.String()
		}
		if got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

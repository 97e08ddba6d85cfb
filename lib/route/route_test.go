package route

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"pgregory.net/rapid"
)

const table = `
[identity]
mta = "MTA-A"
domain = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
[[channel]]
name = "p1"
kind = "x400p1"
[[channel]]
name = "slow"
kind = "x400p1"
[[channel]]
name = "local"
kind = "local"
[[peer]]
name = "B"
channel = "p1"
[[peer]]
name = "B2"
channel = "slow"
[[peer]]
name = "OFF"
channel = "p1"
enabled = false
[[peer]]
name = "OLD"
channel = "p1"
mode = "1984"
[[user]]
address = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
mailbox = "ann"
[[user]]
address = "/CN=guest/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"
mailbox = "guest"

[[route]]
match = "/PRMD=BRAVO/ADMD=TEST/C=GB/"
peers = ["B", "OFF", "B2"]
comment = "two of three"
[[route]]
match = "/O=Sales/PRMD=ALPHA/ADMD=TEST/C=GB/"
peers = ["B2"]
[[route]]
match = "/O=*/PRMD=CHARLIE/ADMD=TEST/C=GB/"
peers = ["B"]
[[route]]
match = "/O=Sal*/PRMD=CHARLIE/ADMD=TEST/C=GB/"
peers = ["B2"]
[[route]]
match = "/PRMD=CHARLIE/ADMD=TEST/C=GB/"
reject = "CHARLIE needs an organization"
[[route]]
match = "/PRMD=OFF/ADMD=TEST/C=GB/"
peers = ["OFF"]
[[route]]
match = "/PRMD=OLD/ADMD=TEST/C=GB/"
peers = ["OLD"]
[[route]]
match = "/O=Both/PRMD=OLD/ADMD=TEST/C=GB/"
peers = ["OLD", "B2"]
[[route]]
match = "/PRMD=HOSTED/ADMD=TEST/C=GB/"
local = true
[[route]]
match = "/PRMD=SHUT/ADMD=TEST/C=GB/"
reject = "shut"
reason = 5
diagnostic = -1
[[route]]
match = "/ADMD=TEST/C=GB/"
peers = ["B"]
[[route]]
match = "/ADMD=TEST/C=GB/"
peers = ["B2"]
`

func router(t testing.TB, text string) *Router {
	t.Helper()
	c, err := tableconf.Parse([]byte(text), "mta.toml", "/")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func address(t testing.TB, text string) oraddr.Address {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRoute(t *testing.T) {
	r := router(t, table)
	noUser, noRoute := newFailure(1, 0, "no such user"), newFailure(1, 0, "no route")
	for _, tt := range []struct {
		name, address, rule string
		hops                []Hop
		fail                *Failure
	}{
		{"user", "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/",
			"user /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", []Hop{{"local", ""}}, nil},
		{"user by any spelling", "C=gb; A=Test; P=alpha; O=ORG; S=smith; G=ann",
			"user /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", []Hop{{"local", ""}}, nil},
		{"user in a foreign domain", "/CN=guest/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/",
			"user /CN=guest/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", []Hop{{"local", ""}}, nil},
		{"no such user in the own domain", "/G=Bob/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/",
			"own domain /PRMD=ALPHA/ADMD=TEST/C=GB/", nil, noUser},
		{"more of an address than the user's", "/OU=X/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/",
			"own domain /PRMD=ALPHA/ADMD=TEST/C=GB/", nil, noUser},
		{"route inside the own domain", "/S=Smith/O=sales/PRMD=ALPHA/ADMD=TEST/C=GB/",
			"route /O=Sales/PRMD=ALPHA/ADMD=TEST/C=GB/", []Hop{{"slow", "B2"}}, nil},
		{"alternates in order, the disabled left out", "/S=X/PRMD=BRAVO/ADMD=TEST/C=GB/",
			"route /PRMD=BRAVO/ADMD=TEST/C=GB/", []Hop{{"p1", "B"}, {"slow", "B2"}}, nil},
		{"only disabled peers", "/S=X/PRMD=OFF/ADMD=TEST/C=GB/", "route /PRMD=OFF/ADMD=TEST/C=GB/", nil, noRoute},
		{"wild card against none", "/S=X/PRMD=CHARLIE/ADMD=TEST/C=GB/",
			"route /PRMD=CHARLIE/ADMD=TEST/C=GB/", nil, newFailure(1, 0, "CHARLIE needs an organization")},
		{"wild card", "/S=X/O=Any/PRMD=CHARLIE/ADMD=TEST/C=GB/",
			"route /O=*/PRMD=CHARLIE/ADMD=TEST/C=GB/", []Hop{{"p1", "B"}}, nil},
		{"wild card with more letters", "/S=X/O=SALES/PRMD=CHARLIE/ADMD=TEST/C=GB/",
			"route /O=Sal*/PRMD=CHARLIE/ADMD=TEST/C=GB/", []Hop{{"slow", "B2"}}, nil},
		{"hosted domain", "/S=X/O=Any/PRMD=HOSTED/ADMD=TEST/C=GB/",
			"route /PRMD=HOSTED/ADMD=TEST/C=GB/", nil, noUser},
		{"rejected with reason and without diagnostic", "/S=X/PRMD=SHUT/ADMD=TEST/C=GB/",
			"route /PRMD=SHUT/ADMD=TEST/C=GB/", nil, newFailure(5, conf.NoDiagnostic, "shut")},
		{"the first of equal routes", "/S=X/PRMD=ELSE/ADMD=TEST/C=GB/",
			"route /ADMD=TEST/C=GB/", []Hop{{"p1", "B"}}, nil},
		{"a peer of 1984", "/CN=X/PRMD=OLD/ADMD=TEST/C=GB/", "route /PRMD=OLD/ADMD=TEST/C=GB/", []Hop{{"p1", "OLD"}}, nil},
		{"what a peer of 1984 cannot be told", "/CN=*{165}/PRMD=OLD/ADMD=TEST/C=GB/", "route /PRMD=OLD/ADMD=TEST/C=GB/", nil, newFailure(1, 47, NotIn1984)},
		{"an alternate of 1988 can", "/CN=*{165}/O=Both/PRMD=OLD/ADMD=TEST/C=GB/", "route /O=Both/PRMD=OLD/ADMD=TEST/C=GB/", []Hop{{"slow", "B2"}}, nil},
		{"no route", "/S=X/PRMD=ELSE/ADMD=OTHER/C=GB/", "", nil, noRoute},
		{"nothing but a name", "/S=X/", "", nil, noRoute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := address(t, tt.address)
			got := r.Route(a)
			if got.Rule != tt.rule {
				t.Errorf("decided by %q, want %q", got.Rule, tt.rule)
			}
			if diff := cmp.Diff(tt.hops, got.Hops); diff != "" {
				t.Errorf("hops -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.fail, got.Fail); diff != "" {
				t.Errorf("failure -want +got:\n%s", diff)
			}
			if (got.User != nil) != strings.HasPrefix(tt.rule, "user ") {
				t.Errorf("user %v", got.User)
			}
			if diff := cmp.Diff(got, r.Explain(Query{Address: a}).Decision); diff != "" {
				t.Errorf("Explain decides otherwise:\n%s", diff)
			}
		})
	}
}

func TestEqualRouteReplacesOwnDomain(t *testing.T) {
	r := router(t, table+"[[route]]\nmatch = \"P=alpha; A=test; C=gb\"\npeers = [\"B\"]\n")
	d := r.Route(address(t, "/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/"))
	if d.String() != "p1 B" {
		t.Errorf("%s by %s", d, d.Rule)
	}
}

func TestNewRefusesWhatValidateDoes(t *testing.T) {
	id := conf.Identity{MTA: "A", Domain: oraddr.Domain{C: "GB", ADMD: "T"}}
	for name, c := range map[string]*conf.Config{
		"pattern": {Identity: id, Routes: []conf.Route{{Match: "nonsense", Reject: "x"}}},
		"user":    {Identity: id, Users: []conf.User{{Address: "nonsense"}}},
		"peer":    {Identity: id, Routes: []conf.Route{{Match: "/C=GB/", Peers: []string{"X"}}}},
	} {
		if _, err := New(c); diag.KindOf(err) != diag.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExplainPrints(t *testing.T) {
	r := router(t, table)
	got := r.Explain(Query{Address: address(t, "/S=X/PRMD=BRAVO/ADMD=TEST/C=GB/")}).String()
	want := strings.Join([]string{
		"/S=X/PRMD=BRAVO/ADMD=TEST/C=GB/",
		"no\tuser\tno user has this address",
		"no\troute /O=Sales/PRMD=ALPHA/ADMD=TEST/C=GB/\tPRMD is BRAVO, not ALPHA",
		"no\troute /O=Both/PRMD=OLD/ADMD=TEST/C=GB/\tPRMD is BRAVO, not OLD",
		"no\troute /O=Sal*/PRMD=CHARLIE/ADMD=TEST/C=GB/\tPRMD is BRAVO, not CHARLIE",
		"no\troute /O=*/PRMD=CHARLIE/ADMD=TEST/C=GB/\tPRMD is BRAVO, not CHARLIE",
		"yes\troute /PRMD=BRAVO/ADMD=TEST/C=GB/\tlongest match: two of three",
		"no\tpeer OFF\tnot enabled",
		"yes\tpeer B\t",
		"yes\tpeer B2\t",
		"=\tp1 B, slow B2",
		"",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	old := r.Explain(Query{Address: address(t, "/CN=*{165}/O=Both/PRMD=OLD/ADMD=TEST/C=GB/")}).String()
	if want := "no\tpeer OLD\tof 1984: unable to downgrade: the address /CN=*{165}/O=Both/PRMD=OLD/ADMD=TEST/C=GB/ has attributes that 1984 does not know\n" +
		"yes\tpeer B2\t\n=\tslow B2\n"; !strings.HasSuffix(old, want) {
		t.Errorf("%s\nlacks\n%s", old, want)
	}
	shut := r.Explain(Query{Address: address(t, "/S=X/PRMD=SHUT/ADMD=TEST/C=GB/")})
	if got := shut.Decision.String(); got != "fail restricted-delivery: shut" {
		t.Errorf("decision prints as %q", got)
	}
	text, err := json.Marshal(shut)
	if err != nil {
		t.Fatal(err)
	}
	if want := `"decision":{"fail":{"reason":5,"diagnostic":-1,"text":"shut"},"rule":"route /PRMD=SHUT/ADMD=TEST/C=GB/"}`; !strings.Contains(string(text), want) {
		t.Errorf("%s lacks %s", text, want)
	}
}

// TestIndexAgreesWithTable: the index never hides the rule a walk through the whole
// table finds, whatever the spelling of address and patterns.
func TestIndexAgreesWithTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SampledFrom([]string{"a", "A", "b", " a ", "a  b", "A b", "", "1", "é", "É", "a-b", "\u212a", "k", "{233}", " "})
		patterns := rapid.OneOf(values, rapid.SampledFrom([]string{"*", "a*", "*b", "**"}))
		c := &conf.Config{Identity: conf.Identity{MTA: "M", Domain: oraddr.Domain{C: "GB", ADMD: "own"}}}
		n := rapid.IntRange(1, 12).Draw(t, "routes")
		for range n {
			text := ""
			for _, k := range []string{"S", "O", "PRMD", "ADMD", "C"} {
				if rapid.Bool().Draw(t, "has "+k) {
					text += "/" + k + "=" + patterns.Draw(t, k)
				}
			}
			if _, err := oraddr.ParsePattern(text + "/"); err == nil {
				c.Routes = append(c.Routes, conf.Route{Match: text + "/", Reject: "x"})
			}
		}
		r, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		a := oraddr.Address{
			C: values.Draw(t, "C"), ADMD: values.Draw(t, "ADMD"), PRMD: values.Draw(t, "PRMD"), O: values.Draw(t, "O"),
			PN: oraddr.PersonalName{S: values.Draw(t, "S")},
		}
		if rapid.Bool().Draw(t, "universal") {
			a.Universal.O = oraddr.Localized{Text: values.Draw(t, "universal O")}
		}
		e := r.Explain(Query{Address: a})
		if diff := cmp.Diff(e.Decision, r.Route(a)); diff != "" {
			t.Fatalf("%s\nExplain and Route differ:\n%s", e, diff)
		}
	})
}

// FuzzRouteAgreesWithExplain: for any address text, index and table decide alike.
func FuzzRouteAgreesWithExplain(f *testing.F) {
	f.Add("/S=X/PRMD=BRAVO/ADMD=TEST/C=GB/")
	f.Add("G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=826")
	f.Add("/O=Sal*{101}s/PRMD=CHARLIE/ADMD=TEST/C=GB/")
	r := router(f, table)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := oraddr.Parse(text)
		if err != nil {
			return
		}
		if diff := cmp.Diff(r.Explain(Query{Address: a}).Decision, r.Route(a)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// large returns a router of n routes, n/100 to a country and administration
// domain, and an address for each of them.
func large(b *testing.B, n int) (*Router, []oraddr.Address) {
	c := &conf.Config{Identity: conf.Identity{MTA: "M", Domain: oraddr.Domain{C: "GB", ADMD: "OWN", PRMD: "OWN"}}}
	p := conf.NewPeer()
	p.Name, p.Channel = "B", "p1"
	c.Peers = []conf.Peer{p}
	all := make([]oraddr.Address, n)
	for i := range n {
		match := fmt.Sprintf("/O=Org%d/PRMD=P%d/ADMD=A%d/C=GB/", i, i/4, i%100)
		c.Routes = append(c.Routes, conf.Route{Match: match, Peers: []string{"B"}})
		all[i] = address(b, "/G=Ann/S=Smith/OU=Unit"+match)
	}
	r, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	return r, all
}

func BenchmarkRoute10kRoutes(b *testing.B) {
	r, all := large(b, 10000)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if d := r.Route(all[i%len(all)]); d.Fail != nil {
			b.Fatal(d)
		}
	}
}

func BenchmarkExplain10kRoutes(b *testing.B) {
	r, all := large(b, 10000)
	for i := 0; b.Loop(); i++ {
		r.Explain(Query{Address: all[i%len(all)]})
	}
}

func BenchmarkNew10kRoutes(b *testing.B) {
	for b.Loop() {
		large(b, 10000)
	}
}

package route

import (
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
)

const grove = `
[identity]
mta = "MTA-A"
domain = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
alternate = "/S=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/"
trees = ["tables", "org", "hub"]
[[channel]]
name = "p1"
kind = "x400p1"
[[channel]]
name = "local"
kind = "local"
[[peer]]
name = "B"
channel = "p1"
[[peer]]
name = "SMALL"
channel = "p1"
[[peer]]
name = "PICKY"
channel = "p1"
will-route = [
  { from = ["/PRMD=ALPHA/ADMD=TEST/C=GB/"], to = ["/PRMD=ECHO/ADMD=TEST/C=GB/"], to-excludes = ["/O=Secret/PRMD=ECHO/ADMD=TEST/C=GB/"] },
  { from = ["/PRMD=BRAVO/ADMD=TEST/C=GB/"], from-excludes = ["/O=Loud/PRMD=BRAVO/ADMD=TEST/C=GB/"] },
]
[[peer]]
name = "HUB"
channel = "p1"
[[user]]
address = "/S=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/"
mailbox = "postmaster"
[[user]]
address = "/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/"
mailbox = "desk"
[[list]]
address = "/CN=Staff/PRMD=HOSTED/ADMD=TEST/C=GB/"
members = ["/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/"]
submit = ["/C=GB/"]

[[route]]
match = "/PRMD=SHUT/ADMD=TEST/C=GB/"
reject = "no such user"
[[route]]
match = "/PRMD=PICKY/ADMD=TEST/C=GB/"
peers = ["PICKY", "B"]
[[route]]
match = "/PRMD=HOSTED/ADMD=TEST/C=GB/"
local = true

[[node]]
tree = "hub"
mta-info = [{ name = "HUB" }]
[[node]]
tree = "org"
at = "/S=Away/PRMD=ALPHA/ADMD=TEST/C=GB/"
routed-ua = true
supporting-mta = [{ name = "B" }]
[[node]]
tree = "org"
at = "/O=Closed/PRMD=ALPHA/ADMD=TEST/C=GB/"
subtree-information = "all-children-present"
[[node]]
tree = "org"
at = "/PRMD=ECHO/ADMD=TEST/C=GB/"
mta-info = [{ name = "PICKY" }]
[[node]]
tree = "org"
at = "/O=Full/PRMD=ECHO/ADMD=TEST/C=GB/"
subtree-information = "all-children-present"
[[node]]
tree = "org"
at = "/PRMD=SMALL/ADMD=TEST/C=GB/"
mta-info = [{ name = "SMALL" }]
[[node]]
tree = "org"
at = "/S=Office/PRMD=HOSTED/ADMD=TEST/C=GB/"
alias = { tree = "org", at = "/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/" }
[[node]]
tree = "org"
at = "/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/"
routed-ua = true
redirect = [
  { to = "/S=Fax/PRMD=BRAVO/ADMD=TEST/C=GB/", eit = "g3-facsimile", reason = "alias" },
  { to = "/S=P35/PRMD=BRAVO/ADMD=TEST/C=GB/", content-type = "p35", reason = "alias" },
  { to = "/S=Domain/PRMD=BRAVO/ADMD=TEST/C=GB/", max-size = "10B", reason = "recipient-md" },
  { to = "/S=Own/PRMD=BRAVO/ADMD=TEST/C=GB/", min-size = "1KiB" },
]
supporting-mta = [{ name = "MTA-A" }]
[[node]]
tree = "org"
at = "/CN=People/PRMD=HOSTED/ADMD=TEST/C=GB/"
alias = { tree = "org", at = "/CN=Staff/PRMD=HOSTED/ADMD=TEST/C=GB/" }
[[node]]
tree = "org"
at = "/CN=Staff/PRMD=HOSTED/ADMD=TEST/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-A" }]
`

func grown(t *testing.T) (*Router, *conf.Config) {
	t.Helper()
	cfg, err := tableconf.Parse([]byte(strings.Replace(grove, `"10B"`, "10", 1)), "mta.toml", "/etc/mta")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r, cfg
}

// What belongs to this MTA is asked for in the trees behind the tables at nodes of its own
// domain only: a default for everybody else would send it round. What a route rejects in
// any words is rejected.
func TestTreesBehindTheTables(t *testing.T) {
	r, _ := grown(t)
	for text, want := range map[string]string{
		"/S=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/":      "local",
		"/S=Away/PRMD=ALPHA/ADMD=TEST/C=GB/":            "p1 B",
		"/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/":          "fail unable-to-transfer, unrecognised-OR-name: no such user",
		"/S=Nobody/O=Closed/PRMD=ALPHA/ADMD=TEST/C=GB/": "fail unable-to-transfer, unrecognised-OR-name: no such user",
		"/S=Nobody/PRMD=HOSTED/ADMD=TEST/C=GB/":         "fail unable-to-transfer, unrecognised-OR-name: no such user",
		"/S=Nobody/O=Full/PRMD=ECHO/ADMD=TEST/C=GB/":    "fail unable-to-transfer, unrecognised-OR-name: no such address",
		"/S=Any/PRMD=SHUT/ADMD=TEST/C=GB/":              "fail unable-to-transfer, unrecognised-OR-name: no such user",
		"/S=Any/PRMD=DELTA/ADMD=TEST/C=GB/":             "p1 HUB",
		"/S=Any/ADMD=X/C=FR/":                           "p1 HUB",
		"/S=Office/PRMD=HOSTED/ADMD=TEST/C=GB/":         "local",
		"/CN=People/PRMD=HOSTED/ADMD=TEST/C=GB/":        "expand",
	} {
		if d := r.Route(address(t, text)); d.String() != want {
			t.Errorf("%s: %s, want %s", text, d, want)
		}
	}
	for text, want := range map[string]bool{
		"/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/":          true,
		"/S=Nobody/O=Closed/PRMD=ALPHA/ADMD=TEST/C=GB/": true,
		"/S=Nobody/O=Full/PRMD=ECHO/ADMD=TEST/C=GB/":    false,
	} {
		if has := r.DomainAlternate(r.Route(address(t, text))) != nil; has != want {
			t.Errorf("%s: the alternate of the domain: %v", text, has)
		}
	}
}

// A redirection is for the messages that its condition says, and for none that the
// originator keeps it from; what follows is done then.
func TestRedirections(t *testing.T) {
	r, _ := grown(t)
	office := address(t, "/S=Office/PRMD=HOSTED/ADMD=TEST/C=GB/")
	p35, err := mts.ParseContentType("p35")
	if err != nil {
		t.Fatal(err)
	}
	fax, err := mts.ParseEIT("g3-facsimile")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		m     *Message
		to    string // empty: delivered
		sized bool
	}{
		{"no message", nil, "", false},
		{"nothing special", &Message{Size: 100}, "", false},
		{"an encoded information type", &Message{Size: 5000, EITs: []asn1.OID{fax}}, "/S=Fax/PRMD=BRAVO/ADMD=TEST/C=GB/", false},
		{"a content type, whatever is prohibited", &Message{Size: 5000, ContentType: p35, NoReassigned: true}, "/S=P35/PRMD=BRAVO/ADMD=TEST/C=GB/", false},
		{"a small one", &Message{Size: 9, Alternate: true}, "/S=Domain/PRMD=BRAVO/ADMD=TEST/C=GB/", false},
		{"a small one, not allowed", &Message{Size: 9}, "", false},
		{"not small any more", &Message{Size: 10, Alternate: true}, "", false},
		{"a large one", &Message{Size: 1025}, "/S=Own/PRMD=BRAVO/ADMD=TEST/C=GB/", false},
		{"not large yet", &Message{Size: 1024}, "", false},
		{"a large one, prohibited", &Message{Size: 5000, NoReassigned: true}, "", false},
		{"of unknown length", &Message{Size: Unsized}, "", true},
		{"of unknown length, prohibited and not allowed", &Message{Size: Unsized, NoReassigned: true}, "", false},
	} {
		d := r.Decide(Query{Address: office, Message: tt.m})
		to := ""
		if d.Alternate != nil {
			to = d.Alternate.Address
		}
		if to != tt.to || d.Sized != tt.sized || (d.User == nil) != (to != "") {
			t.Errorf("%s: to %q, sized %v, %s", tt.name, to, d.Sized, d)
		}
	}
	if u := r.UserOf(office); u == nil || !strings.HasPrefix(u.Address, "/S=Desk/") {
		t.Errorf("the user is %v", u)
	}
}

// A peer routes what one of its policies grants, from and to prefixes without exclusions;
// nothing is said of reports (RFC 1801 §21.1). Who does not is left out, in tables and trees.
func TestSection21_1_SimpleMTAPolicy(t *testing.T) {
	r, _ := grown(t)
	const alpha, bravo, loud, other = "/S=A/PRMD=ALPHA/ADMD=TEST/C=GB/", "/S=B/PRMD=BRAVO/ADMD=TEST/C=GB/", "/S=B/O=Loud/PRMD=BRAVO/ADMD=TEST/C=GB/", "/S=O/ADMD=X/C=FR/"
	const echo, secret, picky = "/S=E/PRMD=ECHO/ADMD=TEST/C=GB/", "/S=E/O=Secret/PRMD=ECHO/ADMD=TEST/C=GB/", "/S=P/PRMD=PICKY/ADMD=TEST/C=GB/"
	for _, tt := range []struct{ from, to, want string }{
		{alpha, echo, "p1 PICKY"},
		{alpha, secret, "p1 HUB"},
		{alpha, picky, "p1 B"},
		{bravo, secret, "p1 PICKY"},
		{bravo, picky, "p1 PICKY, p1 B"},
		{loud, echo, "p1 HUB"},
		{other, echo, "p1 HUB"},
		{"", echo, "p1 PICKY"}, // no message: what it may be
		{"?", echo, "p1 HUB"},  // a message from nobody who could be granted it
	} {
		q := Query{Address: address(t, tt.to)}
		if tt.from == "?" {
			q.Message = &Message{}
		} else if tt.from != "" {
			q.Originator = address(t, tt.from)
		}
		if d := r.Decide(q); d.String() != tt.want {
			t.Errorf("from %s to %s: %s, want %s", tt.from, tt.to, d, tt.want)
		}
		e := r.Explain(q)
		if told := slices.ContainsFunc(e.Steps, func(s Step) bool { return s.Why == WillNot }); told != !strings.Contains(tt.want, "PICKY") {
			t.Errorf("from %s to %s: %s", tt.from, tt.to, e)
		}
		q.Report = true
		if d := r.Decide(q); !strings.HasPrefix(d.String(), "p1 PICKY") {
			t.Errorf("a report from %s to %s: %s", tt.from, tt.to, d)
		}
	}
}

// A peer that does not take the message is no way, and the trees are followed further.
func TestSection25_CapabilityRestrictions(t *testing.T) {
	r, _ := grown(t)
	q := Query{Address: address(t, "/S=Any/PRMD=SMALL/ADMD=TEST/C=GB/")}
	if d := r.Decide(q); d.String() != "p1 SMALL" {
		t.Errorf("%s", d)
	}
	q.Takes = func(peer string) (bool, string) { return peer != "SMALL", "too large" }
	if d := r.Decide(q); d.String() != "p1 HUB" {
		t.Errorf("%s", d)
	}
	q.Takes = func(peer string) (bool, string) { return peer != "B" && peer != "PICKY", "too large" }
	q.Address = address(t, "/S=P/PRMD=PICKY/ADMD=TEST/C=GB/")
	if d := r.Decide(q); d.String() != "p1 HUB" {
		t.Errorf("a route with no peer that takes it: %s", d)
	}
	if e := r.Explain(q).String(); strings.Contains(e, "yes\tpeer") || !strings.Contains(e, "no\tpeer B\ttoo large\n") {
		t.Error(e)
	}
	// Whose an address is does not depend on that.
	q.Address = address(t, "/S=Office/PRMD=HOSTED/ADMD=TEST/C=GB/")
	if r.UserOf(q.Address) == nil {
		t.Error("nobody")
	}
}

// What the tables answer behind a condition on the size is not for certain.
func TestSizedBeforeTheTables(t *testing.T) {
	_, cfg := grown(t)
	cfg.Identity.Trees = []string{"org", "tables"}
	for i := range cfg.Nodes {
		if n := &cfg.Nodes[i]; n.At == "/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/" {
			n.Supporting, n.Redirects = nil, n.Redirects[3:]
		}
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Decide(Query{Address: address(t, "/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/"), Message: &Message{Size: Unsized}}); d.User == nil || !d.Sized {
		t.Errorf("%s, sized %v", d, d.Sized)
	}
}

// A domain given with a wild card is one, too.
func TestLocalWithWildCards(t *testing.T) {
	_, cfg := grown(t)
	for i := range cfg.Routes {
		if cfg.Routes[i].Local {
			cfg.Routes[i].Match = "/PRMD=HOSTED/ADMD=*/C=GB/"
		}
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d := r.Route(address(t, "/S=Nobody/PRMD=HOSTED/ADMD=TEST/C=GB/")); d.Fail == nil || d.Fail.Text != NoUser {
		t.Errorf("%s", d)
	}
}

// Of a list that a node leads to explain shows the members, and of a redirection where it
// leads.
func TestExplainBehindNodes(t *testing.T) {
	r, _ := grown(t)
	if e := r.Explain(Query{Address: address(t, "/CN=People/PRMD=HOSTED/ADMD=TEST/C=GB/")}).String(); !strings.Contains(e, "\nyes\tmember /S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/\t\n") {
		t.Error(e)
	}
	if e := r.Explain(Query{Address: address(t, "/S=Desk/PRMD=HOSTED/ADMD=TEST/C=GB/"), Message: &Message{Size: 5000}}); e.Decision.User == nil {
		t.Errorf("a user of the tables, which are asked first: %s", e)
	}
	if e := r.Explain(Query{Address: address(t, "/S=Office/PRMD=HOSTED/ADMD=TEST/C=GB/"), Message: &Message{Size: 5000}}).String(); !strings.Contains(e, "\nyes\talternate /S=Own/PRMD=BRAVO/ADMD=TEST/C=GB/\trecipient-assigned-alternate-recipient\n") {
		t.Error(e)
	}
}

package policy

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/wild"
)

func address(t testing.TB, text string) *oraddr.Address {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &a
}

// compiled returns the policy of rule sets whose texts are given, by name; a name that ends
// in "-all" is evaluated by all-must-allow, and "otherwise" is what is said of each.
func compiledSets(t testing.TB, otherwise string, sets map[string]string) *Policy {
	t.Helper()
	cfg := conf.New()
	for _, rules := range sets {
		if strings.Contains(rules, "label") || strings.Contains(rules, "cleared") { // else the files are not needed
			cfg = secured()
		}
	}
	for name, rules := range sets {
		s := conf.NewRuleSet()
		s.Name, s.Rules, s.Otherwise = name, rules, otherwise
		if strings.HasSuffix(name, "-all") {
			s.Evaluate = conf.AllMustAllow
		}
		cfg.RuleSets = append(cfg.RuleSets, s)
	}
	p, err := New(cfg, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// secured is a configuration with security policies, and with clearances for SECRET but not for
// more.
func secured() *conf.Config {
	cfg := conf.New()
	cfg.Security.Policies = []string{"../../examples/spif/alliance.xml", "../../examples/spif/nordland.xml"}
	clearance := []string{"policy=ALLIANCE; class<=SECRET; Releasable To=SUD"}
	channel, peer := conf.NewChannel(), conf.NewPeer()
	for _, name := range []string{"p1", "out"} {
		channel.Name, channel.Clearance = name, clearance
		cfg.Channels = append(cfg.Channels, channel)
	}
	for _, name := range []string{"MTA-A", "MTA-B"} {
		peer.Name, peer.Clearance = name, clearance
		cfg.Peers = append(cfg.Peers, peer)
	}
	for _, address := range []string{"/S=Ann/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", "/DD.RFC-822=Bob(a)example.com/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"} {
		cfg.Users = append(cfg.Users, conf.User{Address: address, Clearance: clearance})
	}
	return cfg
}

// labelled parses a label of the policies.
func labelled(t testing.TB, text string) *label.Label {
	t.Helper()
	set, err := spif.Load(secured().Security.Policies...)
	if err != nil {
		t.Fatal(err)
	}
	l, err := label.Parse(text, set)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// of is a message for tests: each wants some of it changed.
func of(t testing.TB) *Message {
	return &Message{From: address(t, "/S=Ann/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"), ContentType: mts.NewContentType(mts.InterpersonalMessaging1988),
		Size: 5000, Recipients: 3, SICs: []string{"ABC", "XYZ"},
		Signature: &spool.Signature{Valid: true, Signers: []spool.Signer{{Subject: "CN=Gate,O=Org", Addresses: []string{"gate@example.com", "/S=Ann/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"}}}},
		Label:     labelled(t, "policy=ALLIANCE; class=SECRET; Releasable To=SUD"), Time: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC),
		Channel: "p1", Peer: "MTA-A", Client: netip.MustParseAddr("192.0.2.7"), Identity: "MTA-A", Mechanism: "simple"}
}

func way(t testing.TB) Way {
	return Way{To: address(t, "/DD.RFC-822=Bob(a)example.com/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"), Channel: "out", Peer: "MTA-B"}
}

// termTests has for every term a test that holds of the message and the way above, and one
// that does not.
var termTests = map[rule.Term][2][]string{
	rule.From:                {{`from = "/PRMD=ALPHA/ADMD=TEST/C=GB/"`, `from = "/S=A*/C=GB/"`, `from in ("/C=DE/", "/C=GB/")`, `from != "/C=DE/"`}, {`from = "/PRMD=BRAVO/ADMD=TEST/C=GB/"`, `from not in ("/C=GB/")`, `from = "*@*"`}},
	rule.To:                  {{`to = "/PRMD=BRAVO/C=GB/"`, `to = "bob@EXAMPLE.com"`, `to = "b*@example.com"`, `to = "*@*.com"`, `to in ("*@example.org", "*@example.com")`}, {`to = "/PRMD=ALPHA/C=GB/"`, `to = "ann@example.com"`, `to = "*@com"`}},
	rule.Kind:                {{`kind = message`, `kind in (probe, message)`}, {`kind = probe`, `kind != message`}},
	rule.Priority:            {{`priority = normal`, `priority >= normal`, `priority < urgent`, `priority > non-urgent`}, {`priority = urgent`, `priority > normal`, `priority <= non-urgent`}},
	rule.ContentType:         {{`content-type = p22`, `content-type in (p2, 22)`}, {`content-type = p772`, `content-type != p22`}},
	rule.Size:                {{`size = 5000`, `size > 4KiB`, `size <= 5000`, `size != 1`}, {`size > 5000`, `size < 5000`, `size = 4KiB`}},
	rule.Recipients:          {{`recipients = 3`, `recipients >= 3`}, {`recipients > 3`}},
	rule.SIC:                 {{`sic = "ABC"`, `sic = "X*"`, `sic in ("QQQ", "XYZ")`, `sic != "QQQ"`}, {`sic = "QQQ"`, `sic != "ABC"`, `sic = "abc"`}},
	rule.SICs:                {{`sics = 2`, `sics > 1`}, {`sics = 0`}},
	rule.Signature:           {{`signature = valid`, `signature in (valid, invalid)`, `signature != none`}, {`signature = none`, `signature = invalid`}},
	rule.Signer:              {{`signer = "CN=Gate,O=Org"`, `signer = "*@example.com"`, `signer != "CN=Other"`, `signer = "gate@EXAMPLE.com"`, `signer = "/PRMD=ALPHA/ADMD=TEST/C=GB/"`, `signer = "CN=*"`}, {`signer = "CN=Gate"`, `signer != "gate@*"`, `signer = "Gate@example.com"`, `signer = "/O=Other/C=GB/"`}},
	rule.SignedByOriginator:  {{`signed-by-originator`}, {`not signed-by-originator`}},
	rule.Labelled:            {{`labelled`}, {`not labelled`}},
	rule.LabelValid:          {{`label-valid`}, {`not label-valid`}},
	rule.LabelPolicy:         {{`label-policy = "ALLIANCE"`, `label-policy = "2.999.1"`, `label-policy != "NORDLAND"`, `label-policy = "ALL*"`}, {`label-policy = "NORDLAND"`, `label-policy != "ALLIANCE"`}},
	rule.LabelClassification: {{`label-classification = "SECRET"`, `label-classification > "confidential"`, `label-classification <= "SECRET"`, `label-classification in ("RESTRICTED", "SECRET")`}, {`label-classification > "SECRET"`, `label-classification != "SECRET"`, `label-classification not in ("SECRET", "TOP SECRET")`}},
	rule.LabelCategory:       {{`label-category = "Releasable To=SUD"`, `label-category = "Releasable To=*"`, `label-category != "Special Handling=CRYPTO"`}, {`label-category = "Special Handling=*"`, `label-category != "Releasable To=SUD"`}},
	rule.ClearedFrom:         {{`cleared-from`}, {`not cleared-from`}},
	rule.ClearedChannelIn:    {{`cleared-channel-in`}, {`not cleared-channel-in`}},
	rule.ClearedPeerIn:       {{`cleared-peer-in`}, {`not cleared-peer-in`}},
	rule.ClearedTo:           {{`cleared-to`}, {`not cleared-to`}},
	rule.ClearedChannelOut:   {{`cleared-channel-out`}, {`not cleared-channel-out`}},
	rule.ClearedPeerOut:      {{`cleared-peer-out`}, {`not cleared-peer-out`}},
	rule.Time:                {{`time = "Mon-Fri 08:00-18:00"`, `time in ("06:00-07:00", "12:00-13:00")`}, {`time = "Sat-Sun 00:00-24:00"`, `time = "08:00-12:00"`}},
	rule.ChannelIn:           {{`channel-in = "p1"`, `channel-in = "p*"`}, {`channel-in = "submit"`}},
	rule.PeerIn:              {{`peer-in = "MTA-A"`, `peer-in in ("MTA-C", "MTA-A")`}, {`peer-in = "MTA-B"`, `peer-in != "MTA-A"`, `peer-in = "mta-a"`}},
	rule.ClientAddress:       {{`client-address = "192.0.2.7"`, `client-address = "192.0.2.0/24"`, `client-address not in ("2001:db8::/32")`}, {`client-address = "192.0.2.8"`, `client-address = "2001:db8::/32"`}},
	rule.Identity:            {{`identity = "MTA-A"`, `identity = "MTA-*"`}, {`identity = "ann"`}},
	rule.Mechanism:           {{`mechanism = "simple"`}, {`mechanism in ("strong", "none")`}},
	rule.ChannelOut:          {{`channel-out = "out"`}, {`channel-out = "local"`}},
	rule.PeerOut:             {{`peer-out = "MTA-B"`, `peer-out = "*-B"`}, {`peer-out = "MTA-A"`, `peer-out != "*-B"`}},
}

// TestTerms proves that every term is compared with what it names, and that a walk through
// the rules says what the case is.
func TestTerms(t *testing.T) {
	for _, term := range rule.Terms() {
		tests, ok := termTests[term]
		if !ok || len(tests[0]) == 0 || len(tests[1]) == 0 {
			t.Errorf("nothing tests %s", term)
		}
		for i, want := range []rule.Decision{rule.Allow, rule.Refuse} {
			for _, test := range tests[i] {
				c := compiledSets(t, "refuse", map[string]string{"s": "r: if " + test + " then allow"}).Case(of(t))
				steps, v := c.Explain(way(t))
				if v.Decision != want {
					t.Errorf("%s: %s", test, &v)
				}
				if why := steps[0].Why; !strings.HasPrefix(why, term.String()) || strings.HasSuffix(why, " is ") || strings.Contains(why, "there is none") {
					t.Errorf("%s is explained by %q", test, why)
				}
			}
		}
	}
}

// TestNothing proves that what a message does not have equals nothing, and is explained.
func TestNothing(t *testing.T) {
	for _, test := range []string{`from = "/C=*/"`, `from = "*@*"`, `sic = "*"`, `channel-in = "*"`, `peer-in = "*"`, `client-address in ("0.0.0.0/0", "::/0")`,
		`identity = "*"`, `mechanism = "*"`, `to = "/C=*/"`, `channel-out = "*"`, `peer-out = "*"`, `signer = "*"`, `label-policy = "*"`, `label-category = "*"`} {
		c := compiledSets(t, "allow", map[string]string{"s": "r: if " + test + " then refuse"}).Case(&Message{})
		if v := c.Judge(Way{}); v.Decision != rule.Allow {
			t.Errorf("%s holds of nothing", test)
		}
		if steps, _ := c.Explain(Way{}); !strings.HasSuffix(steps[0].Why, ": there is none") {
			t.Errorf("%s: %s", test, steps[0].Why)
		}
	}
}

// general is what an originator is told where the rule has no text for him.
const general = "the policy of this MTA does not permit it"

// TestTexts: what an originator is told names nothing that only operators know.
func TestTexts(t *testing.T) {
	for rules, want := range map[string]string{
		`r: then refuse "no"`:                                 "no",
		`r: then refuse`:                                      general,
		`r: if size = 1 then allow`:                           general,
		`r: then allow, by channel "x"`:                       general,
		`r: then allow, by peer "x"`:                          general,
		`r: if label-classification = "HEMMELIG" then allow`:  general,
		`r: then hold`:                                        "held by policy",
		"a: then require \"x\"\nr: then allow, require \"y\"": "two steps are required, x and y",
	} {
		v := compiledSets(t, "refuse", map[string]string{"s": rules}).Case(of(t)).Judge(way(t))
		if v.Text != want {
			t.Errorf("%s: %q", rules, v.Text)
		}
		if told := strings.Contains(rules, "by") || strings.Contains(rules, "label"); told != (v.Why != "") {
			t.Errorf("%s: %q", rules, v.Why)
		}
	}
}

// TestTroubleDenies proves for every term that an error in evaluating it denies: whatever the
// rule would do, wherever in its condition the term stands, and whatever is said of the rest.
func TestTroubleDenies(t *testing.T) {
	forms := []string{
		"r: if %s then allow", "r: if %s then continue", "r: if not %s then allow", "r: if not %s then refuse", "r: if %s then hold",
		"r: if %s or size = 1 then allow", "r: if size = 5000 and %s then allow", "r: if not (size = 5000 and %s) then allow",
		"r: if %s then redirect to \"/CN=x/ADMD=TEST/C=GB/\"", "r: if %s then allow, by channel \"out\"",
	}
	for _, term := range rule.Terms() {
		for _, tests := range termTests[term] {
			if term.OfLabel() {
				tests = tests[:1] // each reads the policies
			}
			for _, test := range tests {
				for _, form := range forms {
					if term == rule.Size && strings.Contains(form, "size") {
						continue // both sides are the same then
					}
					for _, name := range []string{"s", "s-all"} {
						text := fmt.Sprintf(form, test)
						p := compiledSets(t, "allow", map[string]string{name: text + "\nlater: then allow"})
						for _, c := range []struct {
							kind diag.Kind
							want rule.Decision
						}{{diag.Data, rule.Refuse}, {diag.Permanent, rule.Refuse}, {diag.IO, rule.Hold}, {diag.Config, rule.Hold}, {diag.Internal, rule.Hold}} {
							m := of(t)
							m.Unknown = map[rule.Term]error{term: diag.E("", c.kind, errors.New("broken"))}
							is := p.Case(m)
							v := is.Judge(way(t))
							if v.Decision != c.want || v.Unknown == nil || !strings.Contains(cmp.Or(v.Why, v.Text), term.String()+": broken") || c.want == rule.Refuse && v.Text != general {
								t.Fatalf("%s in %s, an error of kind %s: %s, %v", term, text, c.kind, &v, v.Unknown)
							}
							if steps, _ := is.Explain(way(t)); steps[0].Matches != Unknown || !strings.Contains(steps[0].Why, "broken") {
								t.Fatalf("%s: explained as %+v", text, steps[0])
							}
						}
					}
				}
			}
		}
	}
}

// TestTroubleThatDoesNotMatter proves that what is not known denies nothing where it could
// change nothing.
func TestTroubleThatDoesNotMatter(t *testing.T) {
	for _, text := range []string{"r: if size = 5000 or sics = 1 then allow", "r: if sics = 1 and size = 1 then refuse\nq: then allow", "q: then allow\nr: if sics = 1 then refuse"} {
		m := of(t)
		m.Unknown = map[rule.Term]error{rule.SICs: errors.New("broken")}
		v := compiledSets(t, "refuse", map[string]string{"s": text}).Case(m).Judge(way(t))
		if v.Decision != rule.Allow {
			t.Errorf("%s: %s", text, &v)
		}
	}
}

// TestSets proves how rules and rule sets come together.
func TestSets(t *testing.T) {
	const arch = `"/CN=arch/ADMD=TEST/C=GB/"`
	for _, c := range []struct {
		name      string
		otherwise string
		sets      map[string]string
		want      string
		added     int
	}{
		{"no rules", "refuse", nil, "allow (there are no rules)", 0},
		{"an empty set", "refuse", map[string]string{"s": ""}, "refuse: the policy of this MTA does not permit it (no rule of set s decides)", 0},
		{"the first that decides", "refuse", map[string]string{"s": "a: if size = 1 then refuse\nb: then allow\nc: then refuse"}, "allow (rule b of set s)", 0},
		{"what continues decides nothing", "hold", map[string]string{"s": "a: then add " + arch}, "hold: held by policy (no rule of set s decides)", 1},
		{"all: one refuses", "allow", map[string]string{"s-all": "a: then allow\nb: then hold\nc: then refuse \"no\"\nd: then allow"}, "refuse: no (rule c of set s-all)", 0},
		{"all: one holds", "allow", map[string]string{"s-all": "a: then redirect to " + arch + "\nb: then hold \"why\"\nc: then allow"}, "hold: why (rule b of set s-all)", 0},
		{"all: the first of two alike", "allow", map[string]string{"s-all": "a: then hold \"one\"\nb: then hold \"two\""}, "hold: one (rule a of set s-all)", 0},
		{"all: none matches", "allow", map[string]string{"s-all": "a: if size = 1 then refuse"}, "allow (no rule of set s-all decides)", 0},
		{"every set must allow", "allow", map[string]string{"1": "a: then allow", "2": "b: then refuse \"no\"", "3": "c: then allow"}, "refuse: no (rule b of set 2)", 0},
		{"a set may hold", "allow", map[string]string{"1": "a: then allow", "2": "b: then hold", "3": "c: then allow"}, "hold: held by policy (rule b of set 2)", 0},
		{"what is refused is added to nobody", "refuse", map[string]string{"1": "a: then allow, add " + arch, "2": ""}, "refuse: the policy of this MTA does not permit it (no rule of set 2 decides)", 0},
		{"added once", "refuse", map[string]string{"1": "a: then allow, add " + arch, "2": "b: then allow, add " + arch + ", add \"/CN=b/ADMD=TEST/C=GB/\""}, "allow (rule a of set 1)", 2},
		{"by another channel", "refuse", map[string]string{"1": "a: then allow, by channel \"tls\", by channel \"x\""}, "refuse: it may go by tls or x only (rule a of set 1)", 0},
		{"by this channel", "refuse", map[string]string{"1": "a: then allow, by channel \"out\", by peer \"MTA-B\""}, "allow (rule a of set 1)", 0},
		{"by a channel or a peer", "refuse", map[string]string{"1": "a: then allow, by channel \"tls\", by peer \"MTA-B\""}, "allow (rule a of set 1)", 0},
		{"to another peer", "refuse", map[string]string{"1": "a: then by peer \"MTA-C\"\nb: then allow"}, "refuse: it may go by MTA-C only (rule a of set 1)", 0},
		{"redirected", "refuse", map[string]string{"1": "a: then redirect to " + arch}, "redirect to /CN=arch/ADMD=TEST/C=GB/ (rule a of set 1)", 0},
	} {
		v := compiledSets(t, c.otherwise, c.sets).Case(of(t)).Judge(way(t))
		if v.String() != c.want || len(v.Add) != c.added {
			t.Errorf("%s: %s, %d added, not %s, %d", c.name, &v, len(v.Add), c.want, c.added)
		}
		if v.Decision == rule.Refuse && (v.Reason != rule.DefaultReason || v.Diagnostic != rule.DefaultDiagnostic) {
			t.Errorf("%s: %s, %s", c.name, v.Reason, v.Diagnostic)
		}
	}
}

// TestNewTellsFaults: a text that cannot be read is no policy.
func TestNewTellsFaults(t *testing.T) {
	cfg := conf.New()
	s := conf.NewRuleSet()
	s.Name, s.Rules = "s", "a: then permit"
	cfg.RuleSets = []conf.RuleSet{s}
	if p, err := New(cfg, conf.OpenFile); p != nil || diag.KindOf(err) != diag.Config || !strings.Contains(err.Error(), `rule set "s": line 1, column 9, rule a: there is no action "permit"`) {
		t.Errorf("%v, %v", p, err)
	}
}

// naive evaluates rules one after the other, as they stand in the text.
func naive(t *rapid.T, c *rule.Condition, m *Message, w Way) bool {
	if c == nil {
		return true
	}
	switch c.Operator {
	case rule.Not:
		return !naive(t, c.Of[0], m, w)
	case rule.And:
		return !slices.ContainsFunc(c.Of, func(of *rule.Condition) bool { return !naive(t, of, m, w) })
	case rule.Or:
		return slices.ContainsFunc(c.Of, func(of *rule.Condition) bool { return naive(t, of, m, w) })
	}
	is := slices.ContainsFunc(c.Test.Values, func(v rule.Value) bool {
		of, text := m.From, ""
		switch c.Test.Term {
		case rule.To:
			of = w.To
		case rule.PeerOut:
			text = w.Peer
		case rule.PeerIn:
			text = m.Peer
		case rule.Recipients:
			return int64(m.Recipients) == v.Number
		}
		switch {
		case text != "":
			return wild.Match(strings.Split(v.Text, "*"), text)
		case v.Pattern == nil:
			mails, _ := of.RFC822() // those that are drawn are clear
			return slices.ContainsFunc(mails, func(mail string) bool { return wild.Match(strings.Split(v.Text, "*"), strings.ToLower(mail)) })
		default:
			return v.Pattern.Matches(*of)
		}
	})
	return is == (c.Test.Comparison == rule.Equal)
}

// TestIndexAgrees proves that rules which are looked up decide as if every one were tried.
func TestIndexAgrees(t *testing.T) {
	test := func(t *rapid.T) string {
		some := func(term string, values ...string) string {
			v := rapid.SliceOfN(rapid.SampledFrom(values), 1, 3).Draw(t, "values")
			return term + rapid.SampledFrom([]string{" in (", " in (", " not in ("}).Draw(t, "in") + strings.Join(v, ", ") + ")"
		}
		addresses := []string{`"/C=GB/"`, `"/PRMD=A/ADMD=T/C=GB/"`, `"/PRMD=B/ADMD=T/C=GB/"`, `"/S=a/PRMD=*/C=GB/"`, `"/S=b/ADMD=T/C=GB/"`, `"a@x.org"`, `"*@x.org"`, `"*@*.org"`, `"b@*"`}
		switch rapid.IntRange(0, 4).Draw(t, "term") {
		case 0:
			return some("from", addresses...)
		case 1, 2:
			return some("to", addresses...)
		case 3:
			return some(rapid.SampledFrom([]string{"peer-in", "peer-out"}).Draw(t, "peer"), `"A"`, `"B"`, `"*"`, `"A*"`)
		}
		return some("recipients", "1", "2")
	}
	var condition func(t *rapid.T, depth int) string
	condition = func(t *rapid.T, depth int) string {
		switch op := rapid.IntRange(0, 5).Draw(t, "operator"); {
		case depth == 0 || op < 3:
			return test(t)
		case op == 3:
			return "not (" + condition(t, depth-1) + ")"
		default:
			by := []string{" and ", " or "}[op-4]
			return "(" + condition(t, depth-1) + by + condition(t, depth-1) + ")"
		}
	}
	one := rapid.Custom(func(t *rapid.T) *oraddr.Address {
		a := oraddr.Address{C: "GB", ADMD: "T", PRMD: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "PRMD")}
		a.PN.S = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "S")
		for _, mail := range rapid.SliceOfN(rapid.SampledFrom([]string{"a(a)x.org", "b(a)y.x.org", "a(a)X.org."}), 0, 2).Draw(t, "DDA") {
			a.DDA = append(a.DDA, oraddr.DDA{Type: "RFC-822", Value: mail})
		}
		return &a
	})
	decided := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for i := range rapid.IntRange(0, 100).Draw(t, "rules") {
			fmt.Fprintf(&text, "r%d: if %s then allow\n", i, condition(t, 2))
		}
		rules, err := rule.Parse(text.String())
		if err != nil {
			t.Fatal(err)
		}
		cfg := conf.New()
		cfg.RuleSets = []conf.RuleSet{{Name: "s", Evaluate: conf.FirstMatch, Otherwise: conf.OtherwiseRefuse, Rules: text.String()}}
		p, err := New(cfg, conf.OpenFile)
		if err != nil {
			t.Fatal(err)
		}
		m := &Message{From: one.Draw(t, "from"), Peer: rapid.SampledFrom([]string{"A", "B", "AB"}).Draw(t, "peer-in"), Recipients: rapid.IntRange(1, 3).Draw(t, "recipients")}
		c := p.Case(m)
		for range rapid.IntRange(1, 3).Draw(t, "ways") {
			w := Way{To: one.Draw(t, "to"), Peer: rapid.SampledFrom([]string{"A", "B", "AB"}).Draw(t, "peer-out")}
			want := ""
			if i := slices.IndexFunc(rules, func(r rule.Rule) bool { return naive(t, r.When, m, w) }); i >= 0 {
				want = rules[i].Name
			}
			v := c.Judge(w)
			if v.Rule != want {
				t.Fatalf("decided by %q, not by %q:\n%s", v.Rule, want, text.String())
			}
			if steps, again := c.Explain(w); again.Rule != want || want != "" && steps[len(steps)-1].Rule != want {
				t.Fatalf("explained by %q: %v", again.Rule, steps)
			}
			decided[want]++
		}
	})
	if decided[""] == 0 || len(decided) < 3 {
		t.Errorf("the draws decide nothing: %v", decided)
	}
}

// BenchmarkJudge1000Rules is the cost of one recipient more of a message, and of a message with one
// recipient: 1,000 rules of mixed terms, none but the last of which matches.
func BenchmarkJudge1000Rules(b *testing.B) {
	var text strings.Builder
	for i := range 999 {
		switch i % 5 {
		case 0:
			fmt.Fprintf(&text, "r%d: if from = \"/S=User%d/PRMD=ALPHA/ADMD=TEST/C=GB/\" and size > 1MiB then refuse\n", i, i)
		case 1:
			fmt.Fprintf(&text, "r%d: if to = \"/S=User%d/PRMD=BRAVO/ADMD=TEST/C=GB/\" then hold\n", i, i)
		case 2:
			fmt.Fprintf(&text, "r%d: if peer-out = \"MTA-%d\" and priority = urgent then refuse\n", i, i)
		case 3:
			fmt.Fprintf(&text, "r%d: if size > %dMiB and not (sic = \"AB%d\" or recipients > %d) then refuse\n", i, i+1, i, i)
		case 4:
			fmt.Fprintf(&text, "r%d: if from = \"*@u%d.example.com\" or to = \"*@u%d.example.com\" then hold\n", i, i, i)
		}
	}
	p := compiledSets(b, "refuse", map[string]string{"s": text.String() + "last: then allow\n"})
	m, w := of(b), way(b)
	b.Run("recipient", func(b *testing.B) {
		b.ReportAllocs()
		c := p.Case(m)
		for b.Loop() {
			if v := c.Judge(w); v.Rule != "last" {
				b.Fatal(v.String())
			}
		}
	})
	b.Run("message", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if v := p.Case(m).Judge(w); v.Rule != "last" {
				b.Fatal(v.String())
			}
		}
	})
}

package submit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

const archive = "/CN=Archive/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"

// border is a door with two ways to BRAVO, and rules.
func border(t testing.TB, otherwise, rules string, edit func(*conf.Config)) (*Door, *spool.Spool) {
	t.Helper()
	dir := t.TempDir()
	text := string(tableconf.Default("MTA-A", tableconf.Options{})) + `
[[user]]
address = "` + archive + `"
mailbox = "archive"
[[peer]]
name = "MTA-B"
channel = "p1"
addresses = [{ host = "127.0.0.1:1" }]
[[peer]]
name = "MTA-C"
channel = "p1"
addresses = [{ host = "127.0.0.1:1" }]
[[route]]
match = "/PRMD=BRAVO/ADMD=TEST/C=GB/"
peers = ["MTA-B", "MTA-C"]
`
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", dir)
	if err != nil {
		t.Fatal(err)
	}
	s := conf.NewRuleSet()
	s.Name, s.Otherwise, s.Rules = "border", otherwise, rules
	cfg.RuleSets = []conf.RuleSet{s}
	if edit != nil {
		edit(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return opened(t, cfg)
}

var fromPeer = spool.Source{Channel: "p1", Peer: "MTA-B", Client: "192.0.2.7", Identity: "MTA-B", Mechanism: conf.CredentialsSimple}

// passed is the envelope of a message that has passed the door.
func passed(t testing.TB, d *Door, src spool.Source, m *mts.MessageTransferEnvelope, raw ber.Raw, content []byte) *spool.Envelope {
	t.Helper()
	tx, err := d.Message(src, raw, m)
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(content, 7) {
		if _, err := tx.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// shown tells what has become of the recipients.
func shown(env *spool.Envelope) string {
	var all []string
	for _, r := range env.Recipients {
		text := r.Rule + ": "
		if r.Fail != nil {
			text += fate(r) + " " + r.Fail.Text
			if r.Rule != "" && r.Why != r.Fail.Text { // operators are told more
				text += " (" + r.Why + ")"
			}
			all = append(all, text)
			continue
		}
		var peers []string
		for _, h := range r.Hops {
			peers = append(peers, strings.TrimSpace(h.Channel+" "+h.Peer))
		}
		text += strings.Join(peers, ", ")
		if r.Hold != "" {
			text += " held: " + r.Hold
		}
		if r.Redirect != "" {
			text += " to " + r.Redirect
		}
		if r.Copy {
			text += " copy for " + r.Address
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

// TestPolicy proves what becomes of recipients by each decision.
func TestPolicy(t *testing.T) {
	content := make([]byte, 100)
	for _, c := range []struct {
		name, otherwise, rules, to, want string
	}{
		{"allowed", "refuse", "a: then allow", abroad, "border/a: p1 MTA-B, p1 MTA-C"},
		{"allowed by nothing", "allow", "", abroad, "border: p1 MTA-B, p1 MTA-C"},
		{"refused", "allow", "a: then refuse \"no\"", abroad, "border/a: transfer-failure-for-security-reason/security-policy-violation no"},
		{"with other codes", "allow", "a: then refuse \"no\" reason unable-to-transfer diagnostic none", abroad, "border/a: unable-to-transfer/-1 no"},
		{"refused by nothing", "refuse", "", abroad, "border: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it"},
		{"held", "allow", "a: then hold \"look\"", abroad, "border/a: p1 MTA-B, p1 MTA-C held: look"},
		{"redirected", "allow", "a: then redirect to \"" + archive + "\"", abroad, "border/a: expand to " + archive},
		{"copied", "allow", "a: then add \"" + archive + "\"", abroad, "border: p1 MTA-B, p1 MTA-C; : expand copy for " + archive},
		{"copied once", "allow", "a: then add \"" + archive + "\"\nb: then add \"" + archive + "\"", abroad + " " + ann, "border: p1 MTA-B, p1 MTA-C; border: local; : expand copy for " + archive},
		{"not copied to a recipient", "allow", "a: then add \"" + ann + "\"", abroad + " " + ann, "border: p1 MTA-B, p1 MTA-C; border: local"},
		{"copied to one who is held", "allow", "a: if to = \"" + ann + "\" then hold \"h\"\nb: then add \"" + ann + "\"", abroad + " " + ann, "border: p1 MTA-B, p1 MTA-C; border/a: local held: h; : expand copy for " + ann},
		{"of two ways one", "allow", "a: if peer-out = \"MTA-B\" then refuse", abroad, "border: p1 MTA-C"},
		{"of two ways the first", "allow", "a: if peer-out = \"MTA-C\" then hold", abroad, "border: p1 MTA-B"},
		{"the first way is held", "allow", "a: if peer-out = \"MTA-B\" then hold", abroad, "border/a: p1 MTA-B held: held by policy"},
		{"the ways are redirected to two", "allow", "a: if peer-out = \"MTA-B\" then redirect to \"" + archive + "\"\nb: then redirect to \"" + ann + "\"", abroad, "border/a: expand to " + archive},
		{"both are refused", "allow", "a: if peer-out = \"MTA-C\" then refuse \"C\"\nb: then refuse \"B\"", abroad, "border/b: transfer-failure-for-security-reason/security-policy-violation B"},
		{"each by itself", "refuse", "a: if to = \"/PRMD=BRAVO/C=GB/\" then allow", abroad + " " + ann, "border/a: p1 MTA-B, p1 MTA-C; border: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it"},
		{"who is nobody is not judged", "refuse", "", nobody, ": unable-to-transfer/unrecognised-OR-name no such user"},
		{"size", "refuse", "a: if size = 100 and recipients = 1 then allow", ann, "border/a: local"},
		{"where from", "refuse", "a: if channel-in = \"p1\" and peer-in = \"MTA-B\" and client-address = \"192.0.2.0/24\" and identity = \"MTA-B\" and mechanism = \"simple\" and priority = urgent then allow", ann, "border/a: local"},
		{"when", "refuse", "a: if time = \"Tue 12:00-12:01\" then allow", ann, "border/a: local"},
		{"no heading", "refuse", "a: if content-type = p22 and sics = 0 then allow", ann, "border/a: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it (a rule of this MTA asks what the message does not say clearly: sics: ipms: heading: ber: at octet 0: malformed encoding: end-of-contents out of place)"},
	} {
		d, _ := border(t, c.otherwise, c.rules, nil)
		m, raw := envelope(t, nil, strings.Fields(c.to)...)
		env := passed(t, d, fromPeer, m, raw, content)
		explainedAs(t, c.name, d, env)
		if got := shown(env); !strings.HasPrefix(got, c.want) || got != c.want && !strings.HasSuffix(c.want, ": ") {
			t.Errorf("%s:\n%s, not\n%s", c.name, got, c.want)
		}
	}
}

// heading is an interpersonal message of some size with subject indicator codes.
func heading(t testing.TB, octets int, sics ...string) []byte {
	t.Helper()
	h := ipms.Heading{ThisIPM: ipms.IPMIdentifier{UserRelativeIdentifier: "1"}}
	if len(sics) > 0 {
		var codes p772.DistributionCodes
		for _, s := range sics {
			codes.SICs = append(codes.SICs, asn1.PrintableString(s))
		}
		value, err := ber.Marshal(codes)
		if err != nil {
			t.Fatal(err)
		}
		h.Extensions = []ipms.Extension{{Type: p772.DistributionCodesID, Value: value}}
	}
	content, err := ipms.InformationObject{IPM: &ipms.IPM{Heading: h}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return append(content, make([]byte, octets)...)
}

// TestPolicyReadsTheContent proves that rules know the subject indicator codes of a heading, and
// let nothing through whose heading cannot be read.
func TestPolicyReadsTheContent(t *testing.T) {
	broken := heading(t, 0, "ABC")
	broken[len(broken)-9] ^= 0xFF
	military := mts.NewExtendedContentType(mts.ContentP772)
	for _, c := range []struct {
		name    string
		content []byte
		of      mts.ContentType
		want    string
	}{
		{"codes", heading(t, 5000, "ABC", "XYZ"), military, "border/sic: local"},
		{"others", heading(t, 0, "QQQ"), military, "border/some: local held: codes"},
		{"none", heading(t, 0), military, "border/none: local"},
		{"an interpersonal message may have them", heading(t, 0, "XYZ"), mts.NewContentType(mts.InterpersonalMessaging1984), "border/sic: local"},
		{"of another type", []byte("whatever"), mts.NewContentType(mts.EDIMessaging), "border/none: local"},
		{"what is no message has none that anybody could know", []byte("whatever"), military, "border/sic: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it"},
		{"broken", broken, military, "border/sic: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it"},
		{"no content", nil, military, "border/sic: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it (a rule of this MTA asks what the message does not say clearly: sic: ipms: heading: EOF)"},
	} {
		d, sp := border(t, "refuse", "sic: if sic = \"XYZ\" then allow\nnone: if sics = 0 then allow\nsome: then hold \"codes\"", nil)
		m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) { m.ContentType = c.of }, ann)
		env := passed(t, d, fromPeer, m, raw, c.content)
		explainedAs(t, c.name, d, env)
		if got := shown(env); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
		// What is in the spool says the same to whoever asks again.
		stored, err := sp.OpenMessage(spool.Ref{ID: env.ID})
		if err != nil {
			t.Fatal(err)
		}
		if is := stored.Envelope; is.Facts == nil || !slices.Equal(is.Facts.SICs, env.Facts.SICs) || is.Recipients[0].Rule != env.Recipients[0].Rule {
			t.Errorf("%s: in the spool %+v", c.name, is.Facts)
		}
		if err := stored.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPolicyOfChildren proves that what is made of a message here is judged as what came from
// where that came from, and that copies are neither judged nor copied again.
func TestPolicyOfChildren(t *testing.T) {
	d, sp := border(t, "refuse", `
seen: if channel-in = "p1" and peer-in = "MTA-B" and client-address = "192.0.2.7" and sic = "ABC" then continue, add "`+archive+`"
ok: if peer-in = "MTA-B" then allow`, nil)
	m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) { m.ContentType = mts.NewExtendedContentType(mts.ContentP772) }, ann)
	env := passed(t, d, fromPeer, m, raw, heading(t, 0, "ABC"))
	if got := shown(env); got != "border/ok: local; : expand copy for "+archive {
		t.Fatal(got)
	}
	parent, err := sp.OpenMessage(spool.Ref{ID: env.ID})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Close() }()
	for step, want := range map[string]string{StepExpand: "border/ok: local", StepRedirect: "border/ok: local", StepCopy: ": local"} {
		tx, err := d.Derive(spool.Source{Channel: "expand"}, Child{Parent: env.ID, Step: step, Recipients: []int{1}, Priority: spool.Urgent, Of: parent.Envelope}, raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.CopyContent(parent); err != nil {
			t.Fatal(err)
		}
		child, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(child); got != want {
			t.Errorf("%s: %s", step, got)
		}
		if r := child.Recipients[0]; step == StepCopy && (r.Report != "none" || r.MTAReport != "none") {
			t.Errorf("a report is owed on a copy: %+v", r)
		}
		if child.OfCopy != (step == StepCopy) {
			t.Errorf("%s: of a copy: %t", step, child.OfCopy)
		}
		if step == StepCopy {
			again, err := d.Derive(spool.Source{Channel: "expand"}, Child{Parent: child.ID, Step: StepRedirect, Recipients: []int{1}, Priority: spool.Urgent, Of: child}, raw)
			if err != nil {
				t.Fatal(err)
			}
			if r := again.Envelope().Recipients[0]; !again.Envelope().OfCopy || d.judged(again.Envelope()) || r.Report != "none" || r.MTAReport != "none" {
				t.Errorf("what a copy goes on as: %+v", again.Envelope())
			}
		}
		if child.From() != fromPeer || child.Source.Channel != "expand" {
			t.Errorf("%s: from %+v", step, child.From())
		}
	}
}

// TestPolicyOfOlderParents proves that the content of a parent is looked at, if there were no
// rules that ask for it when it came.
func TestPolicyOfOlderParents(t *testing.T) {
	before, sp := border(t, "allow", "", nil)
	m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) { m.ContentType = mts.NewExtendedContentType(mts.ContentP772) }, ann)
	env := passed(t, before, fromPeer, m, raw, heading(t, 0, "ABC"))
	parent, err := sp.OpenMessage(spool.Ref{ID: env.ID})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = parent.Close() }()
	after, _ := border(t, "refuse", "a: if sic = \"ABC\" then allow", func(cfg *conf.Config) { cfg.Spool.Dir = sp.Dir() + ".other" })
	tx, err := after.Derive(spool.Source{Channel: "expand"}, Child{Parent: env.ID, Step: StepExpand, Recipients: []int{1}, Priority: spool.Urgent, Of: parent.Envelope}, raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.CopyContent(parent); err != nil {
		t.Fatal(err)
	}
	child, err := tx.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(child); got != "border/a: local" {
		t.Error(got)
	}
}

// TestPolicyOfWaysThatCome proves that a way a message in the queue did not have is taken only if
// the rules of now allow it, and that the ways it was judged for are not judged again.
func TestPolicyOfWaysThatCome(t *testing.T) {
	only := func(peers ...string) func(*conf.Config) {
		return func(cfg *conf.Config) { cfg.Routes[len(cfg.Routes)-1].Peers = peers }
	}
	d, _ := border(t, "allow", "", only("MTA-B"))
	m, raw := envelope(t, nil, abroad)
	env := passed(t, d, fromPeer, m, raw, nil)
	for _, c := range []struct {
		rules string
		edit  func(*conf.Config)
		want  string
	}{
		{"", nil, "[{p1 MTA-B} {p1 MTA-C}]"},
		{"a: if peer-out = \"MTA-C\" then refuse", nil, "[{p1 MTA-B}]"},
		{"a: if peer-out = \"MTA-C\" then hold", nil, "[{p1 MTA-B}]"},
		{"a: if peer-out = \"MTA-C\" and peer-in != \"MTA-B\" then refuse", nil, "[{p1 MTA-B} {p1 MTA-C}]"},
		{"a: if peer-out = \"MTA-B\" then refuse", nil, "[{p1 MTA-B} {p1 MTA-C}]"},
		{"a: then refuse", only("MTA-C"), "[]"},
		{"a: if peer-out = \"MTA-C\" and sics = 0 then allow", nil, "[{p1 MTA-B}]"}, // nobody has looked
	} {
		after, _ := border(t, "allow", c.rules, c.edit)
		if got := fmt.Sprint(after.Ways(env)(&env.Recipients[0])); got != c.want {
			t.Errorf("%s: %s, not %s", c.rules, got, c.want)
		}
	}
	for _, r := range []spool.Recipient{{Address: abroad, Redirect: archive}, {Address: archive, Copy: true}} {
		if got := fmt.Sprint(d.Ways(env)(&r)); got != "[{expand }]" {
			t.Errorf("%+v: %s", r, got)
		}
	}
}

// TestDenied: whoever can still say no hears it, and what is said is what is done.
func TestDenied(t *testing.T) {
	d, _ := border(t, "allow", "a: if size > 10 and to = \"/PRMD=ALPHA/C=GB/\" then refuse \"too much\"", nil)
	for size, want := range map[int]string{10: "", 11: ann + ": too much"} {
		m, raw := envelope(t, nil, abroad, ann)
		tx, err := d.Message(fromPeer, raw, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		err = tx.Denied()
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && (got != want || diag.KindOf(err) != diag.Denied) {
			t.Errorf("%d octets: %v", size, err)
		}
		env, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if failed := env.Recipients[1].Fail != nil; failed != (want != "") {
			t.Errorf("%d octets: %s", size, shown(env))
		}
	}
}

// TestPolicyOfProbes: a probe is judged by what it asks about, and is copied to nobody.
func TestPolicyOfProbes(t *testing.T) {
	d, _ := border(t, "refuse", "a: if kind = probe and size = 4000 then allow, add \""+archive+"\"", nil)
	s, err := New(address(t, ann), address(t, abroad))
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int64]string{4000: "border/a: p1 MTA-B, p1 MTA-C", 1: "border: transfer-failure-for-security-reason/security-policy-violation the policy of this MTA does not permit it"} {
		s.Probe, s.ContentLength = true, size
		tx, err := d.Submit(spool.Source{Channel: "submit"}, *s)
		if err != nil {
			t.Fatal(err)
		}
		env, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(env); got != want {
			t.Errorf("%d: %s", size, got)
		}
	}
}

// TestPolicyLeavesReports: a report goes where the message came from, whatever the rules.
func TestPolicyLeavesReports(t *testing.T) {
	d, _ := border(t, "refuse", "", nil)
	if d.judged(&spool.Envelope{Kind: spool.KindReport}) || !d.judged(&spool.Envelope{Kind: spool.KindMessage}) || d.judged(&spool.Envelope{Kind: spool.KindMessage, OfCopy: true}) {
		t.Error("reports or copies are judged, or messages are not")
	}
}

// TestPolicyOfWaysThatAreFound proves that a recipient which has waited to be looked up is judged
// for the ways that are found, that an operator's release counts, and no other hold's, and that
// nothing which would have to be done first is left out.
func TestPolicyOfWaysThatAreFound(t *testing.T) {
	d, _ := border(t, "allow", "a: then allow", nil)
	m, raw := envelope(t, nil, abroad)
	env := passed(t, d, fromPeer, m, raw, nil)
	env.Recipients[0].Hops = []spool.Hop{{Channel: "expand"}} // it has waited
	for _, c := range []struct {
		rules    string
		released []string
		want     string
	}{
		{"a: then allow", nil, "[{p1 MTA-B} {p1 MTA-C}]"},
		{"a: then hold \"look\"", nil, "[{p1 MTA-B} {p1 MTA-C}] held: look"},
		{"a: then hold \"look\"", []string{"for lunch"}, "[{p1 MTA-B} {p1 MTA-C}] held: look"},
		{"a: then hold \"look\"", []string{"for lunch; look"}, "[{p1 MTA-B} {p1 MTA-C}]"},
		{"a: if peer-out = \"MTA-B\" then refuse\nb: then hold", []string{"held by policy"}, "[{p1 MTA-C}]"},
		{"a: then refuse \"no\"", []string{"no"}, "no by border/a: no"},
		{"a: then redirect to \"" + archive + "\"", nil, "to " + archive},
		{"a: then redirect to \"" + abroad + "\"", nil, "[{p1 MTA-B} {p1 MTA-C}]"},
		{"a: then allow, add \"" + archive + "\"", nil, "[{p1 MTA-B} {p1 MTA-C}] held: a copy is to be added, and its way was not known when it came"},
	} {
		after, _ := border(t, "allow", c.rules, nil)
		is := after.Decide(Asked{Envelope: env, To: &env.Recipients[0], Released: c.released, Address: address(t, abroad), Fields: &m.PerRecipientFields[0]})
		got := fmt.Sprint(hops(is.Decision))
		switch {
		case is.Fail != nil:
			got = is.Fail.Text + " by " + is.Why
		case is.Alternate != nil:
			got = "to " + is.Alternate.Address
		case is.Hold != "":
			got += " held: " + is.Hold
		}
		if got != c.want || !is.Judged {
			t.Errorf("%s after %q: %s, not %s; judged: %v", c.rules, c.released, got, c.want, is.Judged)
		}
	}
	// With the ways it was judged for it is judged no more.
	env.Recipients[0].Hops = []spool.Hop{{Channel: "p1", Peer: "MTA-B"}, {Channel: "p1", Peer: "MTA-C"}}
	after, _ := border(t, "allow", "a: then refuse", nil)
	if is := after.Decide(Asked{Envelope: env, To: &env.Recipients[0], Address: address(t, abroad), Fields: &m.PerRecipientFields[0]}); is.Judged || is.Fail != nil {
		t.Errorf("judged again: %+v", is)
	}
}

package expand

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const (
	ann     = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	bob     = "/S=Bob/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	abroad  = "/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"
	staff   = "/CN=Staff/PRMD=ALPHA/ADMD=TEST/C=GB/"
	outer   = "/CN=Outer/PRMD=BRAVO/ADMD=TEST/C=GB/"
	keeper  = "/S=Keeper/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	members = `members = ["` + ann + `", "` + bob + `", "` + abroad + `", "S=BOB; O=Org; P=ALPHA; A=TEST; C=GB"]`
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func name(t testing.TB, text string) oraddr.ORName {
	t.Helper()
	n, err := nameOf(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// judging is newJudge with a door of its own.
func judging(cfg *conf.Config) (*judge, error) {
	door, err := submit.NewDoor(cfg, nil, time.Now, conf.OpenFile)
	if err != nil {
		return nil, err
	}
	return newJudge(cfg, door, nil)
}

// theJudge judges by a configuration with the list staff.
func theJudge(t *testing.T, list string) *judge {
	t.Helper()
	text := string(tableconf.Default("MTA-A", tableconf.Options{})) + "\n[[list]]\naddress = \"" + staff + "\"\n" + members + "\n" + list
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	j, err := judging(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// aMessage is one to staff, from abroad, with the extensions given.
func aMessage(t testing.TB, extensions ...mts.ExtensionField) *subject {
	t.Helper()
	m := &mts.MessageTransferEnvelope{
		MessageIdentifier:    mts.MTSIdentifier{GlobalDomainIdentifier: mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"}), LocalIdentifier: "B.1"},
		OriginatorName:       name(t, abroad),
		ContentType:          mts.NewContentType(mts.InterpersonalMessaging1988),
		PerMessageIndicators: mts.NewPerMessageIndicators(),
		Extensions:           extensions,
		PerRecipientFields: []mts.PerRecipientMessageTransferFields{{RecipientName: name(t, staff), OriginallySpecifiedRecipientNumber: 7,
			PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportNonDelivery)}},
	}
	raw, err := p1.EncodeMessageEnvelope(m)
	if err != nil {
		t.Fatal(err)
	}
	return subjectFrom(t, raw, spool.KindMessage, staff)
}

func subjectFrom(t testing.TB, raw []byte, kind spool.Kind, to ...string) *subject {
	t.Helper()
	c, err := p1.ReadOriginal(raw, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	env := &spool.Envelope{Kind: kind, Wire: raw, Accepted: noon}
	for i, a := range to {
		env.Recipients = append(env.Recipients, spool.Recipient{N: i + 1, Address: a})
	}
	return &subject{env: env, common: c, n: 1, address: to[0], now: noon}
}

func ext[T any](t testing.TB, e mts.Extension[T], value T) mts.ExtensionField {
	t.Helper()
	f, err := mts.SetExt(nil, e, value)
	if err != nil {
		t.Fatal(err)
	}
	return f[0]
}

// tells is a decision in words: the outcome, and who a child goes to.
func tells(t *testing.T, d decision) string {
	t.Helper()
	what := d.result.Outcome
	if what == "failed" {
		what = fmt.Sprintf("%d/%d", d.result.Reason, d.result.Diagnostic)
	}
	if d.step == "" {
		return what
	}
	c, err := p1.DecodeCommon(d.envelope, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var to []string
	text := func(n oraddr.ORName) string {
		a, err := n.Address()
		if err != nil {
			t.Fatal(err)
		}
		return a.PN.S + a.CN
	}
	for _, r := range c.Recipients {
		to = append(to, text(r.RecipientName))
	}
	if c.Kind == p1.Report {
		to = append(to, text(c.Originator))
	}
	return what + ", " + d.step + " to " + strings.Join(to, " ")
}

func TestListDecisions(t *testing.T) {
	history := func(lists ...string) mts.ExtensionField {
		var h []mts.DLExpansion
		for _, l := range lists {
			h = append(h, mts.DLExpansion{DL: name(t, l), DLExpansionTime: "261127110000Z"})
		}
		return ext(t, mts.ExtDLExpansionHistory, h)
	}
	long := make([]string, mts.UbDLExpansions)
	for i := range long {
		long[i] = fmt.Sprintf("/CN=L%d/PRMD=BRAVO/ADMD=TEST/C=GB/", i)
	}
	const open, closed = "", `submit = ["/PRMD=ALPHA/ADMD=TEST/C=GB/"]`
	for _, c := range []struct {
		name, list string
		extensions []mts.ExtensionField
		want       string
	}{
		{"members once each", open, nil, "expanded, expand to Smith Bob Jones"},
		{"prohibited", open, []mts.ExtensionField{ext(t, mts.ExtDLExpansionProhibited, mts.Prohibited)}, "1/28"},
		{"allowed in so many words", open, []mts.ExtensionField{ext(t, mts.ExtDLExpansionProhibited, mts.Allowed)}, "expanded, expand to Smith Bob Jones"},
		{"no permission", closed, nil, "1/29"},
		{"no permission for the list it comes from", closed, []mts.ExtensionField{history(outer)}, "1/29"},
		{"permission for the list it comes from", `submit = ["/CN=Out*/PRMD=BRAVO/ADMD=TEST/C=GB/"]`, []mts.ExtensionField{history(outer)}, "expanded, expand to Smith Bob Jones"},
		{"prohibition before permission", closed, []mts.ExtensionField{ext(t, mts.ExtDLExpansionProhibited, mts.Prohibited)}, "1/28"},
		{"been here before", closed, []mts.ExtensionField{history(outer, "CN=STAFF; P=ALPHA; A=TEST; C=GB", outer)}, "moved"},
		{"through too many lists", open, []mts.ExtensionField{history(long...)}, "1/30"},
		{"exempted", open, []mts.ExtensionField{ext(t, mts.ExtDLExemptedRecipients, []oraddr.ORName{name(t, bob), name(t, keeper)})}, "expanded, expand to Smith Jones"},
		{"everybody exempted", open, []mts.ExtensionField{ext(t, mts.ExtDLExemptedRecipients, []oraddr.ORName{name(t, bob), name(t, ann), name(t, abroad)})}, "expanded"},
		{"a history that is none", open, []mts.ExtensionField{{Type: mts.ExtDLExpansionHistory.Type(), Value: []byte{5, 0}}}, "1/11"},
	} {
		if got := tells(t, theJudge(t, c.list).decide(aMessage(t, c.extensions...))); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// A probe hears what a message would have, and goes to no member.
func TestProbeToList(t *testing.T) {
	for list, want := range map[string]string{"": "expanded", `submit = ["/PRMD=ALPHA/ADMD=TEST/C=GB/"]`: "1/29"} {
		m := aMessage(t).common
		raw, err := p1.EncodeProbe(&mts.Probe{ProbeIdentifier: m.Identifier, OriginatorName: m.Originator, ContentType: m.ContentType,
			PerMessageIndicators: m.Indicators, PerRecipientFields: m.Recipients})
		if err != nil {
			t.Fatal(err)
		}
		if got := tells(t, theJudge(t, list).decide(subjectFrom(t, raw, spool.KindProbe, staff))); got != want {
			t.Errorf("%q: %s", list, got)
		}
	}
}

// Reports on members go on as the list says, those for two one after the other.
func TestReportDecisions(t *testing.T) {
	report := func(history ...string) *subject { return aReport(t, history...) }
	// What is no list any more passes it back to whom it had the message from; where that
	// is not said, nobody can be told.
	none, err := judging(&conf.Config{Identity: theJudge(t, "").identity})
	if err != nil {
		t.Fatal(err)
	}
	for want, history := range map[string][]string{
		"moved, forward to Jones": {abroad, staff}, "moved, forward to Outer": {abroad, outer, staff}, "moved": {staff, outer},
	} {
		if got := tells(t, none.decide(report(history...))); got != want {
			t.Errorf("a list that is gone, %v: %s", history, got)
		}
	}
	const owner = "owner = \"" + keeper + "\"\nreports = "
	for _, c := range []struct {
		list    string
		history []string
		want    string
		also    string
	}{
		{"", []string{abroad, staff}, "moved, forward to Jones", ""},
		{"", []string{abroad, outer, staff}, "moved, forward to Outer", ""},
		{"", []string{abroad, staff, outer}, "moved, forward to Jones", ""},
		{"", []string{abroad, outer}, "moved", ""},
		{"", nil, "moved", ""},
		{"", []string{abroad, staff, outer, staff}, "moved", ""}, // a circle
		{"", []string{staff, outer}, "moved", ""},
		{`reports = "none"`, []string{abroad, staff}, "moved", ""},
		{owner + `"owner"`, []string{abroad, staff}, "moved, forward to Keeper", ""},
		{owner + `"owner"`, nil, "moved, forward to Keeper", ""},
		{owner + `"both"`, []string{abroad, staff}, "moved, forward to Jones", staff},
		{owner + `"both"`, nil, "moved, forward to Keeper", ""},
	} {
		j := theJudge(t, c.list)
		d := j.decide(report(c.history...))
		if got := tells(t, d); got != c.want || d.also != c.also {
			t.Errorf("%q, %v: %s, also %q", c.list, c.history, got, d.also)
		}
		if d.also == "" {
			continue
		}
		child := subjectFrom(t, d.envelope, spool.KindReport, abroad, d.also)
		child.n, child.address = 2, d.also
		forOwner := j.decide(child)
		if got := tells(t, forOwner); got != "moved, forward to Keeper" {
			t.Errorf("the owner: %s", got)
		}
		// Should the owner be a list, it ends there.
		if got := tells(t, j.decide(subjectFrom(t, forOwner.envelope, spool.KindReport, staff))); got != "moved" {
			t.Errorf("an owner that is a list: %s", got)
		}
	}
}

// What another configuration sent here waits for the queue to be routed again.
func TestNothingToExpand(t *testing.T) {
	j := theJudge(t, "")
	s := aMessage(t)
	s.address = ann
	if d := j.decide(s); d.result.Outcome != "deferred" || !d.result.Until.After(noon) {
		t.Errorf("%+v", d)
	}
	s.address = "/S=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/"
	if got := tells(t, j.decide(s)); got != "1/0" {
		t.Error(got)
	}
	if everybody, err := permissionsOf(&conf.List{}, nil); err != nil || !everybody.allow(oraddr.ORName{}) {
		t.Error("a list that names nobody is for everybody")
	}
}

// Who is to be looked up goes on by what is found, waits while nothing can be, and is returned if
// that is what is found.
func TestLookedUp(t *testing.T) {
	text := strings.Replace(string(tableconf.Default("MTA-A", tableconf.Options{})), "[identity]", "[identity]\ntrees = [\"tables\", \"o=Public\"]", 1) +
		"\n[[peer]]\nname = \"MTA-B\"\naddresses = [{ host = \"192.0.2.1\" }]\nmax-size = 1000\n"
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	door, err := submit.NewDoor(cfg, nil, time.Now, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	root := conf.NewNode()
	root.Tree = "o=Public"
	to, none, foreign, closed := root, root, root, root
	to.MTAs = []conf.MTAInfo{{Name: "MTA-B", Weight: 5}}
	foreign.MTAs = []conf.MTAInfo{{Name: "cn=relay,o=Elsewhere", Weight: 5}}
	closed.Reject, closed.Diagnostic = "closed", 0
	for name, c := range map[string]struct {
		nodes []conf.Node
		err   error
		size  int64
		want  string
	}{
		"a way":           {[]conf.Node{to}, nil, 10, "routed"},
		"too long for it": {[]conf.Node{to}, nil, 2000, "1/7"},
		"no way":          {[]conf.Node{none}, nil, 10, "1/0"},
		"no way for us":   {[]conf.Node{foreign}, nil, 10, "1/0"},
		"it is refused":   {[]conf.Node{closed}, nil, 10, "1/0"},
		"no directory":    {nil, errors.New("no server answers"), 10, "deferred"},
		"no such tree":    {nil, nil, 10, "deferred"},
		"something wrong": {nil, errors.New("o=Public: mTAInfo: name is missing"), 10, "deferred"},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := newJudge(cfg, door, func(string, []oraddr.RDN) ([]conf.Node, error) { return c.nodes, c.err })
			if err != nil {
				t.Fatal(err)
			}
			s := aMessage(t)
			s.env.Size, s.env.Recipients[0].Address, s.address = c.size, abroad, abroad
			d := j.decide(s)
			if got := tells(t, d); got != c.want {
				t.Errorf("%s: %s; want %s", got, d.result.Text, c.want)
			}
			if routed := c.want == "routed"; routed != (len(d.result.Hops) == 1 && d.result.Hops[0] == spool.Hop{Channel: "p1", Peer: "MTA-B"}) {
				t.Errorf("by %v", d.result.Hops)
			}
		})
	}
}

// Who is looked up and may not go the way that is found is refused, and the log has by which rule.
func TestLookedUpAndDenied(t *testing.T) {
	text := strings.Replace(string(tableconf.Default("MTA-A", tableconf.Options{})), "[identity]", "[identity]\ntrees = [\"tables\", \"o=Public\"]", 1) +
		"\n[[peer]]\nname = \"MTA-B\"\naddresses = [{ host = \"192.0.2.1\" }]\n[[ruleset]]\nname = \"border\"\notherwise = \"allow\"\nrules = '''\na: if peer-out = \"MTA-B\" then refuse\n'''\n"
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	door, err := submit.NewDoor(cfg, nil, time.Now, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	root := conf.NewNode()
	root.Tree, root.MTAs = "o=Public", []conf.MTAInfo{{Name: "MTA-B", Weight: 5}}
	j, err := newJudge(cfg, door, func(string, []oraddr.RDN) ([]conf.Node, error) { return []conf.Node{root}, nil })
	if err != nil {
		t.Fatal(err)
	}
	s := aMessage(t)
	s.env.Facts, s.env.Recipients[0].Address, s.address = &spool.Facts{}, abroad, abroad
	d := j.decide(s)
	const want = "border/a: the policy of this MTA does not permit it"
	if d.result.Outcome != "failed" || d.denied != want {
		t.Errorf("%+v, not %s", d, want)
	}
}

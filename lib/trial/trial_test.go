package trial

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const (
	ann = "/S=Ann/PRMD=ALPHA/ADMD=TEST/C=GB/"
	bob = "/S=Bob/PRMD=ALPHA/ADMD=TEST/C=GB/"
)

func config(t testing.TB) *conf.Config {
	t.Helper()
	text := string(tableconf.Default("MTA-A", tableconf.Options{})) + `
[[peer]]
name = "MTA-B"
channel = "p1"
addresses = [{ host = "127.0.0.1:1" }]
`
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// now is a Saturday.
var now = time.Date(2026, 11, 28, 22, 0, 30, 0, time.UTC)

func doorOf(t testing.TB, cfg *conf.Config) *submit.Door {
	t.Helper()
	door, err := submit.NewDoor(cfg, nil, time.Now, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return door
}

// question is what facts ask, of which nothing may be wrong.
func question(t testing.TB, f Facts, env *spool.Envelope) (*spool.Envelope, int) {
	t.Helper()
	cfg := config(t)
	q := f.Question(cfg, doorOf(t, cfg), env, now, func(term string, err error) { t.Errorf("%s: %v", term, err) })
	return q.Envelope, q.Count
}

// Where a message comes from is one fact: nothing of the real one stays, and a peer brings its own.
func TestFactsOfTheSource(t *testing.T) {
	came := &spool.Envelope{Kind: spool.KindMessage, Source: spool.Source{Channel: "expand"},
		Origin: &spool.Source{Channel: "p1", Peer: "MTA-Z", Client: "192.0.2.1", Identity: "MTA-Z", Mechanism: "strong"}}
	for _, c := range []struct {
		name  string
		facts Facts
		env   *spool.Envelope
		want  spool.Source
	}{
		{"nothing is said", Facts{}, nil, spool.Source{Channel: "submit", Mechanism: "local"}},
		{"nothing is different", Facts{}, came, *came.Origin},
		{"another address", Facts{ClientAddress: "192.0.2.9"}, came, spool.Source{Channel: "p1", Peer: "MTA-Z", Client: "192.0.2.9", Identity: "MTA-Z", Mechanism: "strong"}},
		{"another peer", Facts{PeerIn: "MTA-B"}, came, spool.Source{Channel: "p1", Peer: "MTA-B", Identity: "MTA-B", Mechanism: conf.CredentialsSimple}},
		{"a peer that is somebody else", Facts{PeerIn: "MTA-B", Identity: "X", Mechanism: "strong"}, nil, spool.Source{Channel: "p1", Peer: "MTA-B", Identity: "X", Mechanism: "strong"}},
		{"another channel", Facts{ChannelIn: "p1"}, came, spool.Source{Channel: "p1"}},
		{"submitted", Facts{ChannelIn: "submit"}, came, spool.Source{Channel: "submit", Mechanism: "local"}},
	} {
		env, _ := question(t, c.facts, c.env)
		if env.Source != c.want || env.Origin != nil {
			t.Errorf("%s: %+v, not %+v", c.name, env.Source, c.want)
		}
	}
	if came.Origin == nil {
		t.Error("the envelope has been changed")
	}
}

// The length of a message is the one that a probe asks about, when it is to be one.
func TestFactsOfTheLength(t *testing.T) {
	for _, c := range []struct {
		facts      Facts
		env        *spool.Envelope
		size, asks int64
	}{
		{Facts{}, nil, defaultSize, 0},
		{Facts{Kind: "probe"}, nil, 0, defaultSize},
		{Facts{Size: new(quantity.Octets)}, nil, 0, 0},
		{Facts{Kind: "probe"}, &spool.Envelope{Kind: spool.KindMessage, Size: 5}, 0, 5},
		{Facts{Kind: "message"}, &spool.Envelope{Kind: spool.KindProbe, ProbeSize: 5}, 5, 0},
	} {
		if env, _ := question(t, c.facts, c.env); env.Size != c.size || env.ProbeSize != c.asks {
			t.Errorf("%+v: %d %d", c.facts, env.Size, env.ProbeSize)
		}
	}
}

// Subject indicator codes take the place of those that are, and of why they could not be read.
func TestFactsOfTheContent(t *testing.T) {
	came := &spool.Envelope{Kind: spool.KindMessage, Facts: &spool.Facts{SICs: []string{"XYZ"}, Fault: "broken"}}
	env, _ := question(t, Facts{SIC: []string{"ABC", "DEF"}}, came)
	if !slices.Equal(env.Facts.SICs, []string{"ABC", "DEF"}) || env.Facts.Fault != "" || came.Facts.Fault == "" {
		t.Errorf("%+v, of %+v", env.Facts, came.Facts)
	}
}

// A signature and a label take the place of those that are, and of why nobody knows.
func TestFactsOfSignatureAndLabel(t *testing.T) {
	const text = "policy=1.2.3;class=1"
	cfg := config(t)
	octets, err := doorOf(t, cfg).Label(text)
	if err != nil {
		t.Fatal(err)
	}
	came := &spool.Envelope{Kind: spool.KindMessage, Label: octets, Facts: &spool.Facts{SignatureFault: "broken"}}
	signed := &spool.Envelope{Kind: spool.KindMessage, Facts: &spool.Facts{Label: octets, Signature: &spool.Signature{Valid: true}}}
	for _, c := range []struct {
		name             string
		facts            Facts
		env              *spool.Envelope
		labelled, inside bool
		signature        string
	}{
		{"nothing is said", Facts{}, nil, false, false, "none"},
		{"a label", Facts{Label: text}, nil, true, false, "none"},
		{"a signer", Facts{Signer: []string{"CN=Ann"}}, nil, false, false, "valid"},
		{"nothing is different", Facts{}, came, true, false, "unknown"},
		{"no label", Facts{Label: NoLabel}, came, false, false, "unknown"},
		{"no signature", Facts{Signature: "none"}, came, true, false, "none"},
		{"another label than the signed one", Facts{Label: text}, signed, true, false, "valid"},
		{"without the signature", Facts{Signature: "none"}, signed, false, false, "none"},
		{"with a bad one", Facts{Signature: "invalid"}, signed, false, false, "invalid"},
		{"with a good one", Facts{Signature: "valid"}, signed, false, true, "valid"},
	} {
		env, _ := question(t, c.facts, c.env)
		is := "none"
		switch f := env.Facts; {
		case f.SignatureFault != "":
			is = "unknown"
		case f.Signature != nil && f.Signature.Valid:
			is = "valid"
		case f.Signature != nil:
			is = "invalid"
		}
		if is != c.signature || (env.Label != nil) != c.labelled || (env.Facts.Label != nil) != c.inside {
			t.Errorf("%s: %s, label %v, %+v", c.name, is, env.Label, env.Facts)
		}
	}
	for _, f := range []Facts{{Signature: "x"}, {Signature: "none", Signer: []string{"CN=Ann"}}, {Label: "nonsense"}} {
		wrong := 0
		f.Question(cfg, doorOf(t, cfg), nil, now, func(string, error) { wrong++ })
		if wrong != 1 {
			t.Errorf("%+v: %d faults", f, wrong)
		}
	}
}

// A time of the week is the next one, of a test that of its week: labels know which week it is.
func TestMoment(t *testing.T) {
	for _, c := range []struct{ text, next, ofWeek string }{
		{"2026-11-28T22:00:00+01:00", "2026-11-28T21:00:00Z", "2026-11-28T21:00:00Z"},
		{"Sat 22:00", "2026-11-28T22:00:00Z", "2026-11-28T22:00:00Z"},
		{"Sat 21:59", "2026-12-05T21:59:00Z", "2026-11-28T21:59:00Z"},
		{"07:30", "2026-11-29T07:30:00Z", "2026-11-23T07:30:00Z"},
		{"Mon-Fri 08:00", "2026-11-30T08:00:00Z", "2026-11-23T08:00:00Z"},
		{"Sun 00:00", "2026-11-29T00:00:00Z", "2026-11-29T00:00:00Z"},
	} {
		for from, want := range map[time.Time]string{now: c.next, week(now): c.ofWeek} {
			if at, err := moment(c.text, from); err != nil || at.UTC().Format(time.RFC3339) != want {
				t.Errorf("%s from %s: %v %v, not %s", c.text, from, at, err, want)
			}
		}
	}
	if at, err := moment("22:00:01", now); err == nil {
		t.Error(at)
	}
	for day := range 7 {
		at := time.Date(2026, 11, 23+day, 23, 59, 59, 0, time.UTC)
		if got := week(at); !got.Equal(time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: %s", at, got)
		}
	}
}

// What a case does not say the defaults say, but of two halves of a fact none is theirs.
func TestDefaultsOfCases(t *testing.T) {
	cases, err := Read([]byte(`
[defaults]
from = "`+ann+`"
to = ["`+bob+`", "`+ann+`"]
priority = "urgent"
channel-in = "p1"
identity = "X"
channel-out = "p1"
signer = ["CN=Ann"]
[[case]]
name = "takes them"
size = 0
expect = { decision = "allow", add = [] }
[[case]]
name = "comes from a peer, and goes elsewhere"
to = ["`+ann+`"]
time = "2026-11-28T22:00:00Z"
peer-in = "MTA-B"
peer-out = "MTA-B"
expect = { decision = "refuse" }
[[case]]
name = "is forged"
signature = "invalid"
expect = { decision = "refuse" }
[[case]]
name = "is signed by somebody else"
signer = ["CN=Bob"]
expect = { decision = "refuse" }
`), "tests", config(t), nil, now)
	if err != nil {
		t.Fatal(err)
	}
	first, second := cases[0].question, cases[1].question
	if first.Envelope.Priority != spool.Urgent || first.Envelope.Source.Identity != "X" || first.Envelope.Size != 0 || len(first.To) != 2 || first.Count != 2 ||
		!first.At.Equal(week(now).Add(12*time.Hour)) || first.Ways[0] != (spool.Hop{Channel: "p1"}) || cases[0].Expect.Add == nil || cases[0].Expect.Ways != nil {
		t.Errorf("%+v %+v", first, first.Envelope)
	}
	if second.Envelope.Source.Identity != "MTA-B" || second.Count != 1 || second.At.Day() != 28 || second.Ways[0] != (spool.Hop{Channel: "p1", Peer: "MTA-B"}) {
		t.Errorf("%+v %+v", second, second.Envelope)
	}
	for i, want := range []string{"true CN=Ann", "true CN=Ann", "false", "true CN=Bob"} {
		s := cases[i].question.Envelope.Facts.Signature
		got := strconv.FormatBool(s.Valid)
		for _, by := range s.Signers {
			got += " " + by.Subject
		}
		if got != want {
			t.Errorf("%s: signed: %s, not %s", cases[i].Name, got, want)
		}
	}
}

// A file of tests is read, or refused.
func FuzzRead(f *testing.F) {
	cfg := config(f)
	door := doorOf(f, cfg)
	f.Add([]byte("[defaults]\nsize = \"1KiB\"\n[[case]]\nname = \"x\"\nfrom = \"" + ann + "\"\nto = [\"" + bob + "\"]\nexpect = { decision = \"allow\", add = [], ways = [\"p1\"] }\n"))
	f.Add([]byte("[[case]]\nrecipients = -1\ntime = \"x\"\nsic = [\"\"]\nsigner = [\"x\"]\nlabel = \"x\"\nsize = -1\npeer-in = \"\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cases, err := Read(text, "tests", cfg, door, now)
		for i := range cases {
			if err == nil && (cases[i].Name == "" || len(cases[i].question.To) == 0) {
				t.Errorf("case %d is not complete", i)
			}
		}
	})
}

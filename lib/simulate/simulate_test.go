package simulate

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
)

// mind is what a scheduler needs of a configuration, as far as these days have any of it.
func mind(cfg *conf.Config) sched.Config {
	c := sched.Config{Generation: 1,
		PeerBackoff: sched.Backoff{First: cfg.Schedule.BackoffPeer.First.D(), Step: cfg.Schedule.BackoffPeer.Step.D(), Ceiling: cfg.Schedule.BackoffPeer.Ceiling.D()},
		Expiry:      [3]time.Duration{cfg.Schedule.Expiry.Urgent.D(), cfg.Schedule.Expiry.Normal.D(), cfg.Schedule.Expiry.NonUrgent.D()}}
	for _, ch := range cfg.Channels {
		c.Channels = append(c.Channels, sched.ChannelConfig{Name: ch.Name, Associations: ch.Kind == conf.KindX400P1, Listens: ch.Kind == conf.KindX400P1,
			MaxJobs: ch.MaxJobs, ReservedUrgent: ch.ReservedUrgent, ReservedNormal: ch.ReservedNormal,
			MaxAssociations: ch.MaxAssociations, MaxPerPeer: ch.MaxPerPeer, Threshold: ch.Threshold, IdleTime: ch.IdleTime.D()})
	}
	for _, p := range cfg.Peers {
		c.Peers = append(c.Peers, sched.PeerConfig{Channel: p.Channel, Name: p.Name, Passive: len(p.Calls()) == 0})
	}
	return c
}

func simulate(t rapid.TB, text string) *Figures {
	t.Helper()
	d, cfg, err := Read([]byte(text), "day", nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Run(d, cfg, mind(cfg))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const p1 = "[[channel]]\nname = \"p1\"\nkind = \"x400p1\"\n"

// What one message costs is known: three round trips for the association, and then its
// octets, a round trip for the answer, and what the peer takes for it.
func TestOneMessage(t *testing.T) {
	f := simulate(t, p1+`
		[[link]]
		peer = "B"
		latency = "100ms"
		bandwidth = "1Mbit/s"
		answer = "20ms"
		[[traffic]]
		messages = 1
		size = [125000]
		from = "1h"
		until = "2h"`)
	c := f.Classes[normal]
	if c.Sent != 1 || c.Wait.Max != 0.3 || math.Abs(c.Transit.Max-(0.3+1+0.1+0.02)) > 1e-6 {
		t.Errorf("%+v", c)
	}
	if p := f.Peers[0]; p.Opened != 1 || p.Assocs != 1 || p.Line != measureLine(1, 86400) {
		t.Errorf("%+v", p)
	}
	if c := f.Channels[0]; c.Jobs != 1 || c.Processes != 1 || c.Assocs != 1 {
		t.Errorf("%+v", c)
	}
}

func measureLine(busy, all float64) float64 { return math.Round(busy/all*10000) / 10000 }

// A line is shared: two transfers at once take as long as one after the other, and the
// smaller one is through first.
func TestSharedLine(t *testing.T) {
	f := flows{rate: 1}
	a, b := &job{finish: 100, pos: -1}, &job{finish: 30, pos: -1}
	a.Job, b.Job = 1, 2
	f.add(0, a)
	f.add(50, b)
	if at, _ := f.next(); at != 110 { // b has had 30 of 60
		t.Errorf("the first is through at %d", at)
	}
	if j := f.first(110); j != b {
		t.Error("not the smaller one")
	}
	if at, _ := f.next(); at != 130 {
		t.Errorf("the other is through at %d", at)
	}
	f.remove(120, a)
	if _, ok := f.next(); ok || f.octets != 120 {
		t.Errorf("lost with 10 to go: %v octets", f.octets)
	}
}

// randomDay is a day of an hour or so in which everything happens.
func randomDay(t *rapid.T) string {
	var b strings.Builder
	draw := func(name string, least, most int) int { return rapid.IntRange(least, most).Draw(t, name) }
	fmt.Fprintf(&b, "[day]\nlasts = \"1h\"\nafter = \"%dm\"\nseed = %d\n", draw("after", 0, 60), draw("seed", 0, 9))
	fmt.Fprintf(&b, "[switch]\nwork = \"%dms\"\n", draw("work", 0, 50))
	fmt.Fprintf(&b, "[schedule.expiry]\nurgent = \"%dm\"\nnormal = \"%dm\"\nnon-urgent = \"%dm\"\n", draw("urgent", 1, 60), draw("normal", 1, 60), draw("non-urgent", 1, 60))
	fmt.Fprintf(&b, "%smax-jobs = %d\nmax-per-peer = %d\nmax-associations = %d\nidle-time = \"%ds\"\n", p1, draw("jobs", 3, 9), draw("per peer", 1, 4), draw("associations", 1, 9), draw("idle", 1, 90))
	b.WriteString("[[channel]]\nname = \"local\"\nkind = \"local\"\n[[link]]\nchannel = \"local\"\nanswer = \"9s\"\n")
	for _, name := range []string{"A", "B", "C"} {
		fmt.Fprintf(&b, "[[link]]\npeer = %q\nlatency = \"%dms\"\nbandwidth = \"%dkbit/s\"\naccepts = %d\ndeferred = 0.%d\nrefused = 0.0%d\n", name,
			draw("latency", 0, 3000), draw("bandwidth", 0, 64), draw("accepts", 0, 3), draw("deferred", 0, 3), draw("refused", 0, 3))
		if draw("alternates", 0, 1) == 1 && name != "C" {
			b.WriteString("alternates = [\"C\", \"local\"]\n")
		}
		if draw("calls", 0, 2) == 0 {
			fmt.Fprintf(&b, "call-every = \"%ds\"\ncall-for = \"%ds\"\n", draw("every", 30, 900), draw("for", 1, 90))
		}
	}
	for i, q := range priorityNames {
		fmt.Fprintf(&b, "[[traffic]]\nmessages = %d\npriority = %q\nrecipients = %d\nsize = [\"1KiB\", \"20KiB\"]\nto = [\"A\", \"B\", \"C\", \"local\"]\neven = %v\n",
			draw("messages", 1, 100), q, draw("recipients", 1, 5), i == 1)
	}
	for range draw("outages", 0, 3) {
		what := rapid.SampledFrom([]string{`peer = "A"`, `peer = "B"` + "\nsilent = true", `channel = "p1"`, `channel = "local"`}).Draw(t, "what")
		fmt.Fprintf(&b, "[[outage]]\n%s\nfrom = \"%dm\"\nlasts = \"%dm\"\n", what, draw("from", 0, 70), draw("lasts", 1, 40))
	}
	return b.String()
}

// Whatever happens, what arrived is sent, failed, expired or still queued, by priority as
// by peer; no limit is exceeded; the same day has the same figures and the same picture.
func TestConservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := randomDay(t)
		f := simulate(t, text)
		var arrived, sent, meant, got, inSeries int64
		for _, c := range f.Classes {
			if c.Arrived != c.Sent+c.Failed+c.Expired+c.Queued || c.Queued < 0 || c.Most < c.Queued || c.Arrived == 0 {
				t.Errorf("%+v", c)
			}
			if (c.Oldest > 0) != (c.Queued > 0) {
				t.Errorf("oldest: %+v", c)
			}
			if c.Wait.P50 > c.Wait.P99 || c.Wait.P99 > c.Wait.Max || c.Transit.Max < c.Wait.Max {
				t.Errorf("waits: %+v", c)
			}
			arrived, sent = arrived+c.Arrived, sent+c.Sent
		}
		for _, p := range f.Peers {
			meant, got = meant+p.Arrived, got+p.Sent
			if p.Line > 1 || p.Sent > p.Attempts*5 {
				t.Errorf("%+v", p)
			}
		}
		for _, s := range f.Series {
			inSeries += s.Sent
		}
		if meant != arrived || got != sent || inSeries != sent {
			t.Errorf("arrived %d, meant %d; sent %d, got %d, in the series %d", arrived, meant, sent, got, inSeries)
		}
		for _, c := range f.Channels {
			if c.Jobs > c.MaxJobs || c.Channel == "p1" && c.Assocs > c.MaxAssocs || c.FullUrgent > c.FullNormal || c.FullNormal > c.FullNonUrgent || c.FullNonUrgent > 1 || c.JobsMean > float64(c.Jobs) {
				t.Errorf("%+v", c)
			}
		}
		d, cfg, err := Read([]byte(text), "day", nil)
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(d, cfg, mind(cfg))
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		inProgress := 0
		for _, c := range w.channels {
			inProgress += c.jobs.now
			for _, p := range c.processes {
				inProgress -= len(p.jobs)
			}
		}
		if inProgress != 0 || w.mind.Counts().Jobs != len(w.jobs) {
			t.Errorf("%d jobs in progress, the scheduler knows of %d, and the gauges are off by %d", len(w.jobs), w.mind.Counts().Jobs, inProgress)
		}
		again := w.finish()
		if diff := cmp.Diff(f, again); diff != "" {
			t.Errorf("the same day:\n%s", diff)
		}
		if !bytes.Equal(f.SVG(), again.SVG()) {
			t.Error("the same day has another picture")
		}
	})
}

// However much non-urgent traffic there is, an urgent message waits no longer than an
// association takes to open and a few transfers last.
func TestUrgentUnderOverload(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		latency := rapid.IntRange(8, 500).Draw(t, "latency") // ms
		jobs := rapid.IntRange(3, 8).Draw(t, "jobs")
		transfer := 2 * float64(latency) / 1000 // with its answer
		capacity := float64(jobs) / transfer    // a second
		seconds := 1000 / capacity
		flood := 1000 * rapid.IntRange(2, 9).Draw(t, "times as much")
		few := int(seconds * 0.1 / transfer) // a tenth of one place
		f := simulate(t, fmt.Sprintf(`
			[day]
			lasts = "%.3fs"
			[switch]
			start = "0s"
			%smax-jobs = %d
			max-per-peer = 4
			reserved-urgent = 1
			[[link]]
			peer = "B"
			latency = "%dms"
			answer = "%[4]dms"
			[[link]]
			peer = "C"
			latency = "%[4]dms"
			answer = "%[4]dms"
			[[traffic]]
			messages = %d
			priority = "urgent"
			[[traffic]]
			messages = %d
			priority = "non-urgent"`, seconds, p1, jobs, latency, few, flood))
		u, n := f.Classes[urgent], f.Classes[nonUrgent]
		if n.Queued < int64(flood)/4 {
			t.Fatalf("no overload: %+v", n)
		}
		if most := 3*float64(latency)/1000 + 3*transfer; u.Wait.P99 > most {
			t.Errorf("the 99th percentile is %v s, more than %v s", u.Wait.P99, most)
		}
		if f.Channels[0].FullNonUrgent < 0.9 {
			t.Errorf("the places were not taken: %+v", f.Channels[0])
		}
	})
}

// An outage of one peer does not change what happens to the messages for another, as long
// as there are places for both: not by a microsecond.
func TestOutageOfAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		day := fmt.Sprintf(`
			[day]
			lasts = "1h"
			after = "1h"
			seed = %d
			%smax-jobs = 20
			max-per-peer = 4
			[[link]]
			peer = "BAD"
			latency = "%dms"
			[[link]]
			peer = "GOOD"
			bandwidth = "1Mbit/s"
			latency = "%dms"
			deferred = 0.1
			[[traffic]]
			messages = %d
			size = ["1KiB", "100KiB"]
			[[traffic]]
			messages = 50
			priority = "urgent"
			`, rapid.IntRange(0, 99).Draw(t, "seed"), p1, rapid.IntRange(0, 900).Draw(t, "bad"), rapid.IntRange(0, 900).Draw(t, "good"), rapid.IntRange(10, 2000).Draw(t, "messages"))
		of := func(f *Figures, name string) PeerFigures {
			for _, p := range f.Peers {
				if p.Peer == name {
					return p
				}
			}
			t.Fatal(name)
			return PeerFigures{}
		}
		without := simulate(t, day)
		with := simulate(t, day+fmt.Sprintf("[[outage]]\npeer = \"BAD\"\nfrom = \"%dm\"\nlasts = \"20m\"\nsilent = %v\n",
			rapid.IntRange(0, 30).Draw(t, "from"), rapid.Bool().Draw(t, "silent")))
		if diff := cmp.Diff(of(without, "GOOD"), of(with, "GOOD")); diff != "" {
			t.Errorf("the other peer:\n%s", diff)
		}
		if a, b := of(without, "BAD"), of(with, "BAD"); b.Wait.Max <= a.Wait.Max || b.Failures == 0 {
			t.Errorf("the peer itself does not show it: %+v, then %+v", a, b)
		}
	})
}

// As many messages come as are told, in the parts they are told for, in order.
func TestArrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.Float64Range(0, 10), 1, 9).Draw(t, "shape")
		shape[rapid.IntRange(0, len(shape)-1).Draw(t, "one")] = 7
		d := New()
		tr := NewTraffic()
		tr.Messages, tr.Shape, tr.Even = rapid.IntRange(1, 500).Draw(t, "messages"), shape, rapid.Bool().Draw(t, "even")
		tr.From, tr.Until = conf.Duration(time.Hour), conf.Duration(3*time.Hour)
		s := newStream(d, 0, &tr, []*link{{}})
		last, n := time.Duration(0), 0
		for {
			at, ok := s.next()
			if !ok {
				break
			}
			n++
			part := min(int(float64(at-time.Hour)/(float64(2*time.Hour)/float64(len(shape)))), len(shape)-1)
			if at < last || at < time.Hour || at > 3*time.Hour || shape[part] == 0 && at%(2*time.Hour/time.Duration(len(shape))) > 2 {
				t.Fatalf("message %d at %v, in part %d of %v", n, at, part, shape)
			}
			last = at
		}
		if n != tr.Messages {
			t.Fatalf("%d messages, not %d", n, tr.Messages)
		}
	})
}

// What is wrong with a day is said at its line, everything at once.
func TestFaults(t *testing.T) {
	_, _, err := Read([]byte(p1+`
max-jobs = 0
[[link]]
peer = "B"
deferred = 0.6
refused = 0.6
[[link]]
peer = "B"
[[link]]
channel = "p1"
[[traffic]]
name = "mail"
priority = "fast"
to = ["NOBODY"]
shape = [0, 0]
[[outage]]
peer = "X"
`), "day.toml", nil)
	if diag.KindOf(err) != diag.Config {
		t.Fatal(err)
	}
	for _, want := range []string{"day.toml:5: [[channel]]", "day.toml:9: [[link]] \"B\": refused: more than 1", "\"B\" has a link already", "\"p1\" is neither a peer nor",
		"[[traffic]] \"mail\": messages: 0 is not from 1 to", "priority: \"fast\"", "to: \"NOBODY\"", "shape: all are 0", "there is no peer \"X\"", "lasts: 0s is not from"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in\n%v", want, err)
		}
	}
	if _, _, err := Read([]byte("[[traffic]]\nmessages = 1\n"), "x", nil); !errors.Is(err, ErrForeign) {
		t.Errorf("without a switch: %v", err)
	}
}

// The picture of a day is well-formed, whatever it is called.
func TestPicture(t *testing.T) {
	f := simulate(t, p1+"[[link]]\npeer = \"A<&>\\\"\"\n[[traffic]]\nmessages = 5\n[[outage]]\npeer = \"A<&>\\\"\"\nlasts = \"1h\"\n[day]\ntitle = \"\\u0001 <b>&amp;\"\n")
	dec := xml.NewDecoder(bytes.NewReader(f.SVG()))
	texts := 0
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := token.(xml.StartElement); ok {
			for _, a := range s.Attr {
				if a.Name.Local == "href" || strings.Contains(a.Value, "url(") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s: %s=%q", s.Name.Local, a.Name.Local, a.Value)
				}
			}
			if s.Name.Local == "text" {
				texts++
			}
		}
	}
	if texts < 40 || !strings.Contains(string(f.SVG()), "A&lt;&amp;&gt;&#34; is out of order") {
		t.Errorf("%d texts", texts)
	}
}

// examples/day.toml shows what its page says of it.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../examples/day.toml")
	if err != nil {
		t.Fatal(err)
	}
	f := simulate(t, string(text))
	if len(f.Outages) != 2 || f.Messages != 65000 {
		b, _ := json.Marshal(f)
		t.Errorf("%s", b)
	}
	for _, c := range f.Classes {
		if c.Queued > 0 || c.Expired > 0 {
			t.Errorf("%+v", c)
		}
	}
}

// FuzzRead: no day makes the reader panic.
func FuzzRead(f *testing.F) {
	f.Add([]byte(p1 + "[[traffic]]\nmessages = 1\n[[link]]\npeer = \"B\"\nbandwidth = \"1kbit/s\"\n"))
	f.Add([]byte("[[outage]]\npeer = \"B\"\nlasts = \"1h\"\n[day]\nbegins = 2026-01-01T00:00:00Z\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, cfg, err := Read(text, "x", nil)
		if (err == nil) != (d != nil && cfg != nil) {
			t.Errorf("%v, %v, %v", d, cfg, err)
		}
	})
}

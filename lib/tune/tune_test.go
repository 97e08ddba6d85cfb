package tune

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var begin = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// TestTranscripts holds the rule to stories. A line "limit NAME CONFIGURED LEAST MOST"
// comes first; a line "window" with what was measured in 30 s, perhaps "N times", is
// followed by the changes that come of it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := play(t, string(text))
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got != string(text) {
			t.Errorf("%s is\n%s", file, got)
		}
	}
}

func play(t *testing.T, text string) string {
	t.Helper()
	cfg := Config{Barrier: 100 * time.Millisecond, Channels: []Channel{{Name: "p1"}}}
	var tuner *Tuner
	var out strings.Builder
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "\t"):
			continue // what came of it is told anew
		case len(fields) > 0 && fields[0] == "limit":
			which := Jobs
			if fields[1] == PerPeer.String() {
				which = PerPeer
			}
			if tuner != nil {
				tuner, cfg.Channels[0].Limits = nil, [limits]Setting{}
			}
			s := &cfg.Channels[0].Limits[which]
			if _, err := fmt.Sscan(strings.Join(fields[2:], " "), &s.Configured, &s.Least, &s.Most); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		case len(fields) > 0 && fields[0] == "window":
			if tuner == nil {
				tuner = New(cfg)
			}
			times, m := 1, Measured{Length: 30 * time.Second, Barriers: 100, Barrier: 10 * time.Millisecond}
			w := Work{}
			for _, f := range fields[1:] {
				name, value, _ := strings.Cut(f, "=")
				var err error
				switch name {
				case "times":
					_, err = fmt.Sscan(value, &times)
				case "jobs":
					_, err = fmt.Sscan(value, &w.Jobs)
				case "held":
					_, err = fmt.Sscan(value, &w.Held[Jobs])
				case "peers-held":
					_, err = fmt.Sscan(value, &w.Held[PerPeer])
				case "barrier":
					m.Barrier, err = time.ParseDuration(value)
				case "barriers":
					_, err = fmt.Sscan(value, &m.Barriers)
				default:
					err = fmt.Errorf("unknown")
				}
				if err != nil {
					t.Fatalf("%q: %s: %v", line, f, err)
				}
			}
			m.Channels = map[string]Work{"p1": w}
			out.WriteString(line)
			for range times {
				for _, c := range tuner.Step(m, begin) {
					fmt.Fprintf(&out, "\t%v\n", c)
				}
			}
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

// Whatever is measured, no limit leaves its bounds, one without bounds stays, a change
// begins where the one before ended, and at most one limit of a channel is raised at once.
func TestBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		setting := func(name string) Setting {
			least := rapid.IntRange(1, 10).Draw(t, name+" least")
			most := least + rapid.IntRange(0, 30).Draw(t, name+" room")
			s := Setting{Configured: rapid.IntRange(least, most).Draw(t, name), Least: least, Most: most}
			if rapid.IntRange(0, 3).Draw(t, name+" bounds") == 0 {
				s.Least, s.Most = 0, 0
			}
			return s
		}
		var cfg Config
		cfg.Barrier = 100 * time.Millisecond
		now := map[string]int{}
		for _, name := range []string{"a", "b"} {
			c := Channel{Name: name, Limits: [limits]Setting{setting("jobs"), setting("peers")}}
			for i, s := range c.Limits {
				now[name+Limit(i).String()] = s.Configured
			}
			cfg.Channels = append(cfg.Channels, c)
		}
		tuner := New(cfg)
		for range rapid.IntRange(1, 200).Draw(t, "windows") {
			m := Measured{Length: 30 * time.Second, Barriers: rapid.IntRange(0, 100).Draw(t, "barriers"),
				Barrier: time.Duration(rapid.IntRange(0, 300).Draw(t, "ms")) * time.Millisecond, Channels: map[string]Work{}}
			for _, c := range cfg.Channels {
				m.Channels[c.Name] = Work{Jobs: rapid.IntRange(0, 1000).Draw(t, "jobs done"),
					Held: [limits]float64{rapid.Float64Range(0, 1).Draw(t, "held"), rapid.Float64Range(0, 1).Draw(t, "peers held")}}
			}
			moved := map[string]bool{}
			for _, c := range tuner.Step(m, begin) {
				key := c.Channel + c.Limit.String()
				if now[key] != c.From || c.From == c.To || c.Reason == "" || c.To > c.From && moved[c.Channel] {
					t.Fatalf("%+v, where it was %d", c, now[key])
				}
				now[key], moved[c.Channel] = c.To, moved[c.Channel] || c.To > c.From
			}
			for _, s := range tuner.States() {
				switch {
				case s.Now != now[s.Channel+s.Limit.String()]:
					t.Fatalf("%+v is not what was told", s)
				case s.Most == 0 && s.Now != s.Configured:
					t.Fatalf("%+v has no bounds", s)
				case s.Most > 0 && (s.Now < s.Least || s.Now > s.Most):
					t.Fatalf("%+v is out of its bounds", s)
				}
			}
		}
	})
}

// With a peer that moves so many messages a second for each association and no more than
// so many in all, the limit comes to rest where more do not pay, and does not wander.
func TestComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		knee := rapid.IntRange(6, 40).Draw(t, "knee")
		tuner := New(Config{Barrier: time.Second, Channels: []Channel{{Name: "p1", Limits: [limits]Setting{{Configured: 4, Least: 2, Most: 64}}}}})
		moves := 0
		for window := range 400 {
			n := tuner.States()[Jobs].Now
			jobs := 300 * min(n, knee)
			changes := tuner.Step(Measured{Length: 30 * time.Second, Channels: map[string]Work{"p1": {Jobs: jobs, Held: [limits]float64{1, 0}}}}, begin)
			if window >= 200 {
				moves += len(changes)
			}
		}
		// A step of an eighth may end short of the knee by what a step must gain.
		if n := tuner.States()[Jobs].Now; n < knee*8/10 || n > knee+knee/8+1 {
			t.Errorf("%d, where %d is right", n, knee)
		}
		if moves > 2*(200/longestRest+1) {
			t.Errorf("moved %d times in 200 windows", moves)
		}
	})
}

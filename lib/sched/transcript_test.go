package sched

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/spool"
)

var update = flag.Bool("update", false, "write what happens into testdata/*.txt")

// TestMain makes random tests longer than usual, not more: a scheduler needs some
// history to be interesting. The flag still decides if it is given.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.steps", "120"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestTranscripts replays testdata/*.txt: a configuration, then events, "----"
// and the actions they cause, followed by when the scheduler is due next.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(text), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// replay returns the transcript with the actions that really happen.
func replay(t *testing.T, text string) string {
	t.Helper()
	var out []string
	var s *Scheduler
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		given, _, _ := strings.Cut(block, "\n----")
		lines := strings.Split(given, "\n")
		out = append(out, lines...)
		var events []string
		for _, l := range lines {
			if !strings.HasPrefix(l, "#") {
				events = append(events, l)
			}
		}
		if len(events) == 0 {
			out = append(out, "")
			continue
		}
		out = append(out, "----")
		if s == nil {
			s = New(parseConfig(t, events), clock(t, "09:00:00"))
			out[len(out)-1] = ""
			continue
		}
		for i, e := range events {
			if verb := words(e)[1]; verb == "reconfigure" {
				out = append(out, show(s.Reconfigure(parseConfig(t, events[i+1:]), clock(t, words(e)[0])))...)
				break
			}
			now, ev := parseEvent(t, e)
			out = append(out, show(s.Step(now, ev))...)
		}
		if next := s.Next(); !next.IsZero() {
			out = append(out, "next "+hour(next))
		}
		out = append(out, "")
		checkTree(t, s)
	}
	return strings.Join(out, "\n")
}

func words(line string) []string {
	head, _, _ := strings.Cut(line, ": ")
	return strings.Fields(head)
}

func clock(t *testing.T, text string) time.Time {
	t.Helper()
	day := 1
	if rest, ok := strings.CutPrefix(text, "tomorrow/"); ok {
		day, text = 2, rest
	}
	at, err := time.Parse("2006-01-02 15:04:05", fmt.Sprintf("2026-03-%02d %s", day, text))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func hour(at time.Time) string {
	if at.Day() == 2 {
		return "tomorrow/" + at.Format("15:04:05")
	}
	return at.Format("15:04:05")
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func span(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// options reads key=value words; a word without = is there or not.
func options(list []string) map[string]string {
	m := map[string]string{}
	for _, w := range list {
		k, v, _ := strings.Cut(w, "=")
		m[k] = v
	}
	return m
}

func parseConfig(t *testing.T, lines []string) Config {
	t.Helper()
	cfg := Config{Generation: 1}
	for _, line := range lines {
		w := words(line)
		o := options(w[1:])
		num := func(key string) int {
			if o[key] == "" {
				return 0
			}
			return number(t, o[key])
		}
		has := func(key string) bool { _, ok := o[key]; return ok }
		backoff := func() Backoff {
			return Backoff{span(t, w[1]), span(t, w[2]), span(t, w[3])}
		}
		switch w[0] {
		case "channel":
			c := ChannelConfig{
				Name: w[1], Associations: has("associations"), Listens: has("listens"), Makes: has("makes"), Disabled: has("disabled"),
				MaxJobs: num("jobs"), ReservedUrgent: num("urgent"), ReservedNormal: num("normal"),
				MaxAssociations: num("open"), MaxPerPeer: num("per-peer"), Threshold: num("threshold"),
				MaxPerHost: num("per-host"), MaxTransfers: num("transfers"), Quantum: num("quantum"),
			}
			for key, d := range map[string]*time.Duration{"idle": &c.IdleTime, "start": &c.StartInterval, "light": &c.LightInterval, "ended": &c.EndedInterval} {
				if o[key] != "" {
					*d = span(t, o[key])
				}
			}
			cfg.Channels = append(cfg.Channels, c)
		case "peer":
			channel, name, _ := strings.Cut(w[1], "/")
			cfg.Peers = append(cfg.Peers, PeerConfig{
				Channel: channel, Name: name, Disabled: has("disabled"), Passive: has("passive"), MaxPerPeer: num("per-peer"),
				Permanent: has("permanent"), UrgentAnyTime: has("urgent-any-time"), Host: o["host"],
			})
			p := &cfg.Peers[len(cfg.Peers)-1]
			if o["every"] != "" {
				p.CallEvery = span(t, o["every"])
			}
			for _, text := range strings.FieldsFunc(o["at"], isComma) {
				p.CallAt = append(p.CallAt, inWeekOf(t, text)...)
			}
			for _, text := range strings.FieldsFunc(o["window"], isComma) {
				from, to, _ := strings.Cut(text, "-")
				for _, start := range inWeekOf(t, from) {
					p.Windows = append(p.Windows, Span{start, start + clock(t, to).Sub(clock(t, from[strings.Index(from, "/")+1:]))})
				}
			}
		case "alternates":
			cfg.AlternateChannel = w[1]
		case "message-backoff":
			cfg.MessageBackoff = backoff()
		case "peer-backoff":
			cfg.PeerBackoff = backoff()
		case "channel-backoff":
			cfg.ChannelBackoff = backoff()
		case "all":
			cfg.MaxJobs, cfg.ReservedUrgent, cfg.ReservedNormal = num("jobs"), num("urgent"), num("normal")
		case "starvation":
			cfg.Starvation = span(t, w[1])
		case "warn":
			for i := range 3 {
				cfg.Warn[i] = span(t, w[1+i])
			}
		case "doubt-after":
			cfg.DoubtAfter = span(t, w[1])
		case "expiry":
			for i := range 3 {
				cfg.Expiry[i] = span(t, w[1+i])
			}
		default:
			t.Fatalf("configuration %q?", line)
		}
	}
	return cfg
}

func isComma(r rune) bool { return r == ',' }

// inWeekOf reads a time of day, of every day or of the one before a slash.
func inWeekOf(t *testing.T, text string) (all []time.Duration) {
	t.Helper()
	day, hour, named := strings.Cut(text, "/")
	if !named {
		hour = day
	}
	at := clock(t, hour).Sub(clock(t, "00:00:00"))
	for i, name := range []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} {
		if !named || day == name {
			all = append(all, time.Duration(i)*24*time.Hour+at)
		}
	}
	return all
}

func parseHops(text string) (hops []spool.Hop) {
	if text == "" {
		return nil
	}
	for _, h := range strings.Split(text, "|") {
		channel, peer, _ := strings.Cut(h, "/")
		hops = append(hops, spool.Hop{Channel: channel, Peer: peer})
	}
	return hops
}

func parseNumbers(t *testing.T, list []string) (n []int) {
	t.Helper()
	for _, w := range list {
		n = append(n, number(t, w))
	}
	return n
}

// parsePath reads channel/process/association.
func parsePath(t *testing.T, text string) (channel string, process int, assoc uint64) {
	t.Helper()
	parts := strings.Split(text, "/")
	process = number(t, parts[1])
	if len(parts) > 2 {
		assoc = uint64(number(t, parts[2]))
	}
	return parts[0], process, assoc
}

func parseEvent(t *testing.T, line string) (time.Time, Event) {
	t.Helper()
	_, why, _ := strings.Cut(line, ": ")
	w := words(line)
	now, verb, arg := clock(t, w[0]), w[1], ""
	if len(w) > 2 {
		arg = w[2]
	}
	rest := w[min(3, len(w)):]
	o := options(rest)
	has := func(key string) bool { _, ok := o[key]; return ok }
	channel, peer, _ := strings.Cut(arg, "/")
	path := func() (string, int, uint64) { return parsePath(t, arg) }
	switch verb {
	case "tick":
		return now, Tick{}
	case "accepted":
		return now, Accepted{parseMessage(t, now, arg, rest)}
	case "channel-up":
		c, p, _ := path()
		ev := ChannelUp{Channel: c, Process: p}
		if has("jobs") {
			ev.MaxJobs = number(t, o["jobs"])
		}
		if has("associations") {
			ev.MaxAssociations = number(t, o["associations"])
		}
		return now, ev
	case "channel-down":
		c, p, _ := path()
		return now, ChannelDown{Channel: c, Process: p, Failed: has("failed"), Why: why}
	case "association-up":
		c, p, a := path()
		return now, AssociationUp{
			Channel: c, Process: p, Assoc: a, Peer: rest[0],
			Inbound: has("inbound"), TwoWay: has("two-way"), Turn: has("turn"),
		}
	case "association-down":
		c, p, a := path()
		return now, AssociationDown{Channel: c, Process: p, Assoc: a, Failed: has("failed"), Why: why}
	case "association-failed":
		c, p, a := path()
		return now, AssociationFailed{Channel: c, Process: p, Assoc: a, Why: why}
	case "outcome":
		ev := JobOutcome{Job: uint64(number(t, arg)), Generation: 1}
		for _, r := range rest {
			if g, ok := strings.CutPrefix(r, "generation="); ok {
				ev.Generation = uint64(number(t, g))
				continue
			}
			ev.Results = append(ev.Results, parseResult(t, now, r, why))
		}
		return now, ev
	case "hold":
		return now, Hold{spool.ID(arg), parseNumbers(t, rest), why}
	case "release":
		return now, Release{spool.ID(arg), parseNumbers(t, rest)}
	case "expire":
		return now, Expire{spool.ID(arg), parseNumbers(t, rest)}
	case "reject":
		codes := strings.Split(rest[0], "/")
		return now, Reject{spool.ID(arg), parseNumbers(t, rest[1:]), number(t, codes[0]), number(t, codes[1]), why}
	case "delete":
		return now, Delete{spool.ID(arg), parseNumbers(t, rest)}
	case "reroute":
		return now, Reroute{spool.ID(arg), parseNumbers(t, rest[1:]), parseHops(rest[0])}
	case "retry":
		return now, Retry{ID: spool.ID(arg), N: parseNumbers(t, rest)}
	case "retry-peer":
		return now, Retry{Channel: channel, Peer: &peer}
	case "retry-channel":
		return now, Retry{Channel: channel}
	case "retry-everything":
		return now, Retry{}
	case "restart":
		return now, RestartChannel{channel}
	case "close-associations":
		return now, CloseAssociations{}
	case "limits":
		ev := SetLimits{Channel: arg}
		if has("jobs") {
			ev.MaxJobs = number(t, o["jobs"])
		}
		if has("per-peer") {
			ev.MaxPerPeer = number(t, o["per-peer"])
		}
		return now, ev
	case "disconnect":
		return now, CloseAssociations{Channel: channel, Peer: &peer}
	case "connect":
		return now, Connect{channel, peer}
	case "disable", "enable", "delay", "minimize":
		return now, parseOrder(t, verb, w[2:], why)
	case "drain":
		return now, Drain{}
	}
	t.Fatalf("event %q?", line)
	return now, nil
}

// parseOrder reads an operator's order: what it is about, or "all", and what it says.
func parseOrder(t *testing.T, verb string, list []string, why string) Event {
	t.Helper()
	o := options(list[1:])
	channel, name, named := strings.Cut(list[0], "/")
	var peer *string
	if named {
		peer = &name
	}
	at := func(key string) (at time.Time) {
		if o[key] != "" {
			at = clock(t, o[key])
		}
		return at
	}
	switch verb {
	case "disable":
		return Disable{channel, peer, why}
	case "enable":
		return Enable{channel, peer}
	case "delay":
		return Delay{channel, peer, at("until")}
	}
	if channel == "all" {
		channel = ""
	}
	through, err := spool.ParsePriority(list[1])
	if err != nil {
		t.Fatal(err)
	}
	return Minimize{Channel: channel, Peer: peer, Through: through, From: at("from"), Until: at("until"), Why: why}
}

func parseMessage(t *testing.T, now time.Time, name string, list []string) Message {
	t.Helper()
	m := Message{Ref: spool.Ref{ID: spool.ID(name), Priority: spool.Normal}, Kind: spool.KindMessage, Accepted: now, Size: 1000}
	for _, w := range list {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "urgent":
			m.Ref.Priority = spool.Urgent
		case "normal":
		case "non-urgent":
			m.Ref.Priority = spool.NonUrgent
		case "deferred":
			m.Deferred = clock(t, value)
		case "expires":
			m.Expires = clock(t, value)
		case "pass-on":
			m.PassOn = true
		default:
			parts := strings.Split(value, ",")
			r := Recipient{N: number(t, key), Hops: parseHops(parts[0])}
			for _, p := range parts[1:] {
				k, v, _ := strings.Cut(p, "=")
				switch k {
				case "held":
					r.State = Held
				case "in-doubt":
					r.Doubt = true
				case "finished":
					r.State = Finished
				case "alternate":
					r.Alternate = true
				case "diverted":
					r.Alternate, r.Diverted = true, clock(t, v)
				case "until":
					r.Until = clock(t, v)
				case "attempts":
					r.Attempts = number(t, v)
				case "fail":
					reason, diagnostic, _ := strings.Cut(v, "/")
					r.Fail = &spool.Failure{Reason: number(t, reason), Diagnostic: number(t, diagnostic), Text: "unknown"}
				default:
					t.Fatalf("recipient %q?", w)
				}
			}
			m.Recipients = append(m.Recipients, r)
		}
	}
	return m
}

func parseResult(t *testing.T, now time.Time, word, why string) Result {
	t.Helper()
	n, rest, _ := strings.Cut(word, "=")
	parts := strings.Split(rest, ",")
	kind, ok := ParseKind(parts[0])
	if !ok {
		t.Fatalf("outcome %q?", word)
	}
	r := Result{N: number(t, n), Outcome: Outcome{Kind: kind, Text: why}}
	switch kind {
	case Delivered:
		r.Time, r.Text = now, ""
	case Transferred:
		r.Text = ""
	}
	for _, p := range parts[1:] {
		k, v, _ := strings.Cut(p, "=")
		switch k {
		case "until":
			r.Until = clock(t, v)
		case "peer-fault":
			r.PeerFault = true
		case "lost":
			r.Lost = true
		case "hold":
			r.Hold = strings.ReplaceAll(v, "+", " ")
		case "hops":
			r.Hops = parseHops(v)
		case "resumed":
			r.Resumed = true
		case "code":
			reason, diagnostic, _ := strings.Cut(v, "/")
			r.Reason, r.Diagnostic = number(t, reason), number(t, diagnostic)
		default:
			t.Fatalf("outcome %q?", word)
		}
	}
	return r
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// show prints actions as a transcript has them.
func show(actions []Action) (lines []string) {
	for _, a := range actions {
		lines = append(lines, showOne(a))
	}
	return lines
}

func showOne(a Action) string {
	until := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return " until " + hour(at)
	}
	switch a := a.(type) {
	case *StartJob:
		over := ""
		if a.Assoc != 0 {
			over = fmt.Sprintf(" over association %d", a.Assoc)
		}
		return fmt.Sprintf("start job %d: %s %v for %s/%s by process %d%s, attempt %d",
			a.Job, a.Ref.ID, a.Recipients, a.Channel, a.Peer, a.Process, over, a.Attempt)
	case OpenAssociation:
		return fmt.Sprintf("open association %s/%d/%d with %s", a.Channel, a.Process, a.Assoc, a.Peer)
	case CloseAssociation:
		return fmt.Sprintf("close association %s/%d/%d with %s", a.Channel, a.Process, a.Assoc, a.Peer)
	case RequestTurn:
		return fmt.Sprintf("request turn of association %s/%d/%d from %s for %s", a.Channel, a.Process, a.Assoc, a.Peer, a.Priority)
	case StartChannel:
		return "start channel " + a.Channel
	case StopChannel:
		return fmt.Sprintf("stop channel %s/%d", a.Channel, a.Process)
	case *Final:
		what := a.Outcome.Kind.String()
		if a.Outcome.Kind == Failed {
			what += fmt.Sprintf(" %d/%d", a.Outcome.Reason, a.Outcome.Diagnostic)
		}
		if a.Outcome.Again {
			what += " again"
		}
		return fmt.Sprintf("final %s %v %s%s", a.Ref.ID, a.N, what, colon(a.Outcome.Text))
	case *Done:
		return "done " + string(a.Ref.ID)
	case Log:
		what := a.Change.String()
		if a.Hops != nil {
			what += fmt.Sprintf(" to %v", a.Hops)
		}
		if a.Change == ChangeDiverted {
			what += fmt.Sprintf(" %d/%d", a.Reason, a.Diagnostic)
		}
		return fmt.Sprintf("log %s %v %s%s, %d attempts%s", a.Ref.ID, a.N, what, until(a.Until), a.Attempts, colon(a.Text))
	case Notice:
		where := a.Channel
		if a.Peer != "" {
			where += "/" + a.Peer
		}
		if a.Process != 0 {
			where += fmt.Sprintf("/%d", a.Process)
		}
		count := ""
		if a.Count > 0 {
			count = fmt.Sprintf(" (%d)", a.Count)
		}
		return strings.TrimSpace(fmt.Sprintf("notice %s %s", a.Kind, where)) + count + until(a.Until) + colon(a.Text)
	case Drained:
		return "drained"
	}
	return fmt.Sprintf("%T?", a)
}

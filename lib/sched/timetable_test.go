package sched

import (
	"fmt"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

const day = 24 * time.Hour

// A Monday, 00:00 UTC.
var aMonday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func TestWindows(t *testing.T) {
	night := Span{6*day + 22*time.Hour, 7*day + 6*time.Hour} // from Sunday to Monday
	morning := Span{6 * time.Hour, 8 * time.Hour}
	noon := Span{2*day + 12*time.Hour, 2*day + 13*time.Hour}
	for _, c := range []struct {
		name    string
		windows []Span
		at      time.Duration
		open    bool
		until   time.Duration // 0: never
	}{
		{"none", nil, 0, true, 0},
		{"the whole week", []Span{{0, 7 * day}}, 0, true, 0},
		{"more than the whole week", []Span{{day, 9 * day}}, 0, true, 0},
		{"no length", []Span{noon, {day, day}}, 0, true, 0},
		{"seven days that touch", []Span{{0, day}, {day, 2 * day}, {2 * day, 3 * day}, {3 * day, 4 * day}, {4 * day, 5 * day}, {5 * day, 6 * day}, {6 * day, 7 * day}}, 0, true, 0},
		{"before", []Span{noon}, 2 * day, false, 2*day + 12*time.Hour},
		{"its first moment", []Span{noon}, 2*day + 12*time.Hour, true, 2*day + 13*time.Hour},
		{"its last moment", []Span{noon}, 2*day + 13*time.Hour - 1, true, 2*day + 13*time.Hour},
		{"its end", []Span{noon}, 2*day + 13*time.Hour, false, 9*day + 12*time.Hour},
		{"the week is over", []Span{noon}, 5 * day, false, 9*day + 12*time.Hour},
		{"over the end of the week", []Span{night}, 6*day + 23*time.Hour, true, 7*day + 6*time.Hour},
		{"the rest of last week's", []Span{night}, time.Hour, true, 6 * time.Hour},
		{"two that touch there", []Span{night, morning}, 6*day + 23*time.Hour, true, 7*day + 8*time.Hour},
		{"behind those", []Span{night, morning}, 8 * time.Hour, false, 6*day + 22*time.Hour},
		{"one inside another", []Span{{0, day}, morning}, 7 * time.Hour, true, day},
	} {
		table := newTimetable(PeerConfig{Windows: c.windows})
		open, until := table.open(aMonday.Add(c.at).UnixNano())
		want := int64(0)
		if c.until != 0 {
			want = aMonday.Add(c.until).UnixNano()
		}
		if open != c.open || until != want {
			t.Errorf("%s: %v until %v, want %v until %v", c.name, open, timeOf(until), c.open, timeOf(want))
		}
	}
}

// Whatever the windows, the state of a moment is that of counting it out, and lasts until
// the moment that is told.
func TestWindowsCountedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := rapid.IntRange(0, 200)
		var windows []Span
		for range rapid.IntRange(1, 5).Draw(t, "windows") {
			start := hours.Draw(t, "start") % 168
			windows = append(windows, Span{time.Duration(start) * time.Hour,
				time.Duration(start+1+hours.Draw(t, "length")%166) * time.Hour})
		}
		table := newTimetable(PeerConfig{Windows: windows})
		in := func(at time.Time) bool {
			since := at.Sub(aMonday) % week
			if since < 0 {
				since += week
			}
			for _, w := range windows {
				if w.Start <= since && since < w.End || since+week < w.End {
					return true
				}
			}
			return false
		}
		at := aMonday.Add(time.Duration(rapid.IntRange(-400, 400).Draw(t, "at"))*time.Hour + time.Minute)
		open, until := table.open(at.UnixNano())
		if open != in(at) {
			t.Fatalf("%v: open %v", at, open)
		}
		if until == 0 {
			until = at.Add(2 * week).UnixNano()
		} else if in(timeOf(until)) == open {
			t.Fatalf("%v: nothing changes at %v", at, timeOf(until))
		}
		for ; at.UnixNano() < until; at = at.Add(time.Hour) {
			if in(at) != open {
				t.Fatalf("it changes at %v, not %v", at, timeOf(until))
			}
		}
	})
}

func TestNextCall(t *testing.T) {
	table := newTimetable(PeerConfig{CallAt: []time.Duration{6*day + 23*time.Hour, 6 * time.Hour, 6 * time.Hour}})
	for _, c := range []struct{ now, want time.Duration }{
		{0, 6 * time.Hour},
		{6*time.Hour - 1, 6 * time.Hour},
		{6 * time.Hour, 6*day + 23*time.Hour},
		{6*day + 23*time.Hour, 7*day + 6*time.Hour},
		{-time.Minute, 6 * time.Hour},
	} {
		if got := timeOf(table.next(aMonday.Add(c.now).UnixNano())); !got.Equal(aMonday.Add(c.want)) {
			t.Errorf("after %v: %v, want %v", c.now, got, aMonday.Add(c.want))
		}
	}
}

// Times of day are UTC: the night in which clocks are put forward somewhere is as long as
// any other, and every time comes once in it.
func TestTimesDoNotKnowSummer(t *testing.T) {
	table := newTimetable(PeerConfig{CallAt: []time.Duration{6*day + 2*time.Hour + 30*time.Minute}})
	for _, sunday := range []time.Time{
		time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC),
	} {
		first := timeOf(table.next(sunday.UnixNano()))
		if want := sunday.Add(2*time.Hour + 30*time.Minute); !first.Equal(want) {
			t.Errorf("%v, want %v", first, want)
		}
		if next := timeOf(table.next(first.UnixNano())); !next.Equal(first.Add(week)) {
			t.Errorf("again at %v", next)
		}
	}
}

// A message that waits says what for, and until when; the tree says it of the peer.
func TestWindowIsExplained(t *testing.T) {
	now := aMonday.Add(3 * time.Hour)
	cfg := Config{
		Channels: []ChannelConfig{{Name: "p1", Associations: true}},
		Peers: []PeerConfig{
			{Channel: "p1", Name: "B", Windows: []Span{{6 * time.Hour, 8 * time.Hour}}, UrgentAnyTime: true, CallAt: []time.Duration{6 * time.Hour}},
			{Channel: "p1", Name: "C", Windows: []Span{{2 * day, 2*day + time.Hour}}, CallEvery: time.Hour},
		},
	}
	s := New(cfg, now)
	for i, peer := range []string{"B", "C", "B"} {
		m := parseMessage(t, now, []string{"m1", "m2", "m3"}[i], []string{"1=p1/" + peer})
		if i == 2 {
			m.Ref.Priority = spool.Urgent
		}
		s.Step(now, Accepted{m})
	}
	for _, c := range []struct {
		id, text string
		until    time.Time
	}{
		{"m1", "waits for the window at 06:00 UTC", aMonday.Add(6 * time.Hour)},
		{"m2", "waits for the window at Wed 00:00 UTC", aMonday.Add(2 * day)},
		{"m3", "", time.Time{}},
	} {
		v, _ := s.View(parseMessage(t, now, c.id, nil).Ref.ID)
		if r := v.Recipients[0]; r.Text != c.text || !r.Until.Equal(c.until) {
			t.Errorf("%s: %q until %v", c.id, r.Text, r.Until)
		}
	}
	b, c := s.Tree()[0].Peers[0], s.Tree()[0].Peers[1]
	if b.Shut != [3]bool{false, true, true} || b.Waits != "waits for the window at 06:00 UTC" ||
		!b.WindowAt.Equal(aMonday.Add(6*time.Hour)) || !b.NextCall.Equal(aMonday.Add(6*time.Hour)) {
		t.Errorf("%+v", b)
	}
	// A call is due, and made in the window.
	if c.Shut != [3]bool{true, true, true} || !c.NextCall.Equal(aMonday.Add(2*day)) {
		t.Errorf("%+v", c)
	}
}

// However often peers call, what waits at one that is shut is gone through to the end: the
// last of many goes to the alternate that stays, while another comes and goes.
func TestSweepComesToItsEnd(t *testing.T) {
	cfg := Config{
		Channels: []ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 8}},
		Peers: []PeerConfig{
			{Channel: "p1", Name: "A", Windows: []Span{{day, 2 * day}}},
			{Channel: "p1", Name: "B", Passive: true}, {Channel: "p1", Name: "C", Passive: true}, {Channel: "p1", Name: "D", Passive: true},
		},
	}
	s := New(cfg, aMonday)
	s.Step(aMonday, ChannelUp{Channel: "p1", Process: 1})
	accept := func(id, alternate string) {
		s.Step(aMonday, Accepted{parseMessage(t, aMonday, id, []string{"1=p1/A|p1/" + alternate})})
	}
	accept("m0", "D")
	for i := range 3 * portion {
		accept(fmt.Sprintf("m%d", i+1), "B")
	}
	accept("last", "C")
	started := map[string]bool{}
	step := func(ev Event) {
		for _, a := range s.Step(aMonday, ev) {
			if j, ok := a.(*StartJob); ok {
				started[j.Peer] = true
			}
		}
	}
	step(AssociationUp{Channel: "p1", Process: 1, Assoc: 1 << 32, Peer: "C", Inbound: true, Turn: true})
	for i := range 10 {
		id := uint64(1<<32 + 1 + i)
		step(AssociationUp{Channel: "p1", Process: 1, Assoc: id, Peer: "D", Inbound: true})
		step(AssociationDown{Channel: "p1", Process: 1, Assoc: id})
	}
	if !started["C"] {
		t.Error("the last message waits at A, though C has called")
	}
}

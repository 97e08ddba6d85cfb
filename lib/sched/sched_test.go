package sched

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

func TestBackoffDelay(t *testing.T) {
	linear := Backoff{First: time.Minute, Step: 30 * time.Second, Ceiling: 3 * time.Minute}
	for _, c := range []struct {
		backoff  Backoff
		failures int
		want     time.Duration
	}{
		{linear, -1, 0},
		{linear, 0, 0},
		{linear, 1, time.Minute},
		{linear, 2, 90 * time.Second},
		{linear, 3, 2 * time.Minute},
		{linear, 5, 3 * time.Minute},
		{linear, 6, 3 * time.Minute},
		{linear, math.MaxInt, 3 * time.Minute},
		{Backoff{First: time.Hour, Ceiling: time.Minute}, 1, time.Minute},
		{Backoff{First: time.Minute}, 1000, time.Minute},
		{Backoff{First: time.Minute, Step: time.Hour}, 3, 2*time.Hour + time.Minute},
		{Backoff{First: time.Minute, Step: time.Hour}, math.MaxInt, maxDelay},
		{Backoff{}, 7, 0},
	} {
		if got := c.backoff.Delay(c.failures); got != c.want {
			t.Errorf("%+v after %d failures: %v, want %v", c.backoff, c.failures, got, c.want)
		}
	}
}

func TestReservationsLeaveAPlace(t *testing.T) {
	for _, c := range []struct {
		max, urgent, normal int
		want                limits
	}{
		{10, 2, 3, limits{10, 2, 3}},
		{10, 0, 0, limits{10, 0, 0}},
		{1, 1, 1, limits{1, 0, 0}},
		{2, 2, 2, limits{2, 1, 0}},
		{3, 1, 5, limits{3, 1, 1}},
		{3, -1, -1, limits{3, 0, 0}},
		{0, 1, 1, limits{0, 0, 0}},
	} {
		got := newLimits(c.max, c.urgent, c.normal)
		if got != c.want {
			t.Errorf("%d places, %d and %d reserved: %+v, want %+v", c.max, c.urgent, c.normal, got, c.want)
		}
		for q := range priorities {
			if (places{}).free(q, got) != (c.max > 0) {
				t.Errorf("%+v: priority %d can use a place: %v", got, q, c.max == 0)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for k := Transferred; k <= Deleted; k++ {
		if back, ok := ParseKind(k.String()); !ok || back != k {
			t.Errorf("outcome %d is called %q, which is %d", k, k, back)
		}
		if final := k != Deferred && k != InDoubt; k.Final() != final {
			t.Errorf("%v is final: %v", k, k.Final())
		}
	}
	if _, ok := ParseKind("unknown"); ok || Kind(0).Final() {
		t.Error("no outcome is an outcome")
	}
	for _, unknown := range []fmt.Stringer{Kind(0), Kind(99), State(99), Change(0), Change(99), NoticeKind(0), NoticeKind(99)} {
		if unknown.String() != "unknown" {
			t.Errorf("%T: %v", unknown, unknown)
		}
	}
	if Finished.String() != "finished" || ChangeRerouted.String() != "rerouted" || NoticeStale.String() != "stale-outcome" {
		t.Errorf("the last of each is called %v, %v, %v", Finished, ChangeRerouted, NoticeStale)
	}
}

func TestCut(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", textSize), strings.Repeat("ü", textSize), "x" + strings.Repeat("€", textSize)} {
		got := cut(text)
		if !strings.HasPrefix(text, got) || len(got) > textSize || !utf8.ValidString(got) || len(got) < min(len(text), textSize-3) {
			t.Errorf("%d octets are cut to %d: %q", len(text), len(got), got)
		}
	}
}

type heapItem struct {
	key int
	pos int32
}

func (x *heapItem) before(y *heapItem) bool { return x.key < y.key }
func (x *heapItem) place() *int32           { return &x.pos }

// TestHeapOrder changes a heap at random: the top is always the least, and each
// element knows where it is.
func TestHeapOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h heap[*heapItem]
		items := make([]*heapItem, 20)
		for i := range items {
			items[i] = &heapItem{}
		}
		for range rapid.IntRange(0, 100).Draw(t, "steps") {
			x := rapid.SampledFrom(items).Draw(t, "item")
			if rapid.IntRange(0, 2).Draw(t, "drop") == 0 {
				h.drop(x)
			} else {
				x.key = rapid.IntRange(0, 9).Draw(t, "key")
				h.put(x)
			}
			inside := 0
			for _, y := range items {
				if y.pos == 0 {
					continue
				}
				inside++
				if h[y.pos-1] != y || y.before(h.top()) {
					t.Fatalf("%+v is at %d under %+v", y, y.pos, h.top())
				}
			}
			if inside != len(h) {
				t.Fatalf("%d elements of %d know their place", inside, len(h))
			}
		}
	})
}

// TestRerouteInPortions fails a peer with a long queue: no step moves all of it,
// time does not pass until the last is moved, and events come through between.
func TestRerouteInPortions(t *testing.T) {
	const queued = 10 * portion
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := New(Config{Channels: []ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 4}}}, now)
	s.Step(now, ChannelUp{Channel: "p1", Process: 1})
	for i := range queued {
		s.Step(now, Accepted{Message{
			Ref:        spool.Ref{ID: spool.ID(fmt.Sprint(i)), Priority: spool.Normal},
			Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "p1", Peer: "A"}, {Channel: "p1", Peer: "B"}}}},
		}})
	}
	at := func(peer string) (n int) {
		for _, p := range s.Tree()[0].Peers {
			if p.Name == peer {
				n = p.Queued[normal]
			}
		}
		return n
	}
	if at("A") != queued {
		t.Fatalf("%d messages wait for A", at("A"))
	}
	actions := s.Step(now, AssociationFailed{Channel: "p1", Process: 1, Assoc: 1, Why: "refused"})
	steps, before := 1, 0
	for at("A") > 0 {
		if moved := at("B") - before; moved > portion || moved == 0 {
			t.Fatalf("step %d moved %d messages", steps, moved)
		}
		if next := s.Next(); next.After(now) {
			t.Fatalf("%d messages left, and nothing due before %v", at("A"), next)
		}
		before = at("B")
		actions = s.Step(now, Tick{})
		steps++
	}
	if at("B") != queued || steps < queued/portion {
		t.Errorf("%d steps moved %d messages", steps, at("B"))
	}
	for s.Next().Equal(now) {
		actions = s.Step(now, Tick{})
	}
	if n, ok := actions[len(actions)-1].(Notice); !ok || n.Kind != NoticeRerouted || n.Count != queued {
		t.Errorf("the last action is %+v", actions[len(actions)-1])
	}
}

// TestDueTogether lets many messages become due at one moment: each step takes a
// portion, and none is forgotten.
func TestDueTogether(t *testing.T) {
	const queued = 3*portion + 1
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s := New(Config{Channels: []ChannelConfig{{Name: "local", MaxJobs: 1}}}, now)
	for i := range queued {
		s.Step(now, Accepted{Message{
			Ref:        spool.Ref{ID: spool.ID(fmt.Sprint(i)), Priority: spool.Normal},
			Expires:    now.Add(time.Hour),
			Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "local"}}}},
		}})
	}
	now = now.Add(time.Hour)
	finals, steps := 0, 0
	for s.Counts().Recipients > 0 {
		for _, a := range s.Step(now, Tick{}) {
			if _, ok := a.(*Final); ok {
				finals++
			}
		}
		if steps++; finals > steps*portion || steps > queued {
			t.Fatalf("%d final after %d steps", finals, steps)
		}
	}
	if finals != queued || s.Counts() != (Counts{}) {
		t.Errorf("%d of %d are final, %+v", finals, queued, s.Counts())
	}
}

// TestClockGoesBack sets the clock back an hour: a wait lasts longer by as much
// and ends.
func TestClockGoesBack(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, Config{Channels: []ChannelConfig{{Name: "local", MaxJobs: 1}}})
	w.now = now
	w.accept(Message{Ref: spool.Ref{Priority: spool.Normal}, Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "local"}}}}})
	w.processUp("local")
	w.answer(1, []Result{{N: 1, Outcome: Outcome{Kind: Deferred}}})
	w.now = now.Add(-time.Hour)
	w.step(Tick{})
	if next := w.s.Next(); !next.Equal(now.Add(5 * time.Minute)) {
		t.Errorf("due at %v", next)
	}
	w.heal()
	if len(w.owed) > 0 {
		t.Errorf("owed: %v", w.owed)
	}
}

// What waits to be redirected is shown with the time that it has for that.
func TestViewOfTheDiverted(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := New(Config{Channels: []ChannelConfig{{Name: "local", MaxJobs: 1}, {Name: "expand", MaxJobs: 1}}, AlternateChannel: "expand",
		Expiry: [3]time.Duration{time.Hour, time.Hour, time.Hour}}, now)
	s.Step(now, Accepted{Message{Ref: spool.Ref{ID: "m", Priority: spool.Normal}, Accepted: now, Recipients: []Recipient{{N: 1, Alternate: true,
		Hops: []spool.Hop{{Channel: "local"}}}}}})
	for _, want := range []time.Time{now.Add(time.Hour), now.Add(2 * time.Hour)} {
		v, ok := s.View("m")
		if !ok || !v.Expires.Equal(want) {
			t.Errorf("expires %v, want %v", v.Expires, want)
		}
		s.Step(now.Add(time.Hour), Tick{})
	}
}

// TestViews shows a message and its place in the tree while its peer is down.
func TestViews(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := New(Config{
		Channels:    []ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 4}},
		PeerBackoff: Backoff{First: time.Minute},
	}, now)
	s.Step(now, ChannelUp{Channel: "p1", Process: 3})
	s.Step(now, Accepted{Message{
		Ref: spool.Ref{ID: "m1", Priority: spool.Urgent}, Kind: spool.KindProbe, Size: 12, Accepted: now,
		Recipients: []Recipient{{N: 4, Hops: []spool.Hop{{Channel: "p1", Peer: "B"}}}},
	}})
	s.Step(now, AssociationFailed{Channel: "p1", Process: 3, Assoc: 1, Why: "refused"})
	m, ok := s.View("m1")
	if !ok || m.Kind != spool.KindProbe || len(m.Recipients) != 1 {
		t.Fatalf("%+v %v", m, ok)
	}
	want := RecipientView{N: 4, State: Queued, Channel: "p1", Peer: "B", Until: now.Add(time.Minute), Text: "refused"}
	if m.Recipients[0] != want {
		t.Errorf("got %+v, want %+v", m.Recipients[0], want)
	}
	tree := s.Tree()
	if len(tree) != 1 || tree[0].Process != 3 || len(tree[0].Peers) != 1 {
		t.Fatalf("%+v", tree)
	}
	p := tree[0].Peers[0]
	if p.Queued != [3]int{1, 0, 0} || p.Volume != 12 || !p.Oldest.Equal(now) || p.Failures != 1 ||
		!p.DelayUntil.Equal(now.Add(time.Minute)) || p.Reason != "refused" {
		t.Errorf("%+v", p)
	}
	if c := s.Counts(); c != (Counts{Messages: [3]int{1, 0, 0}, Recipients: 1}) {
		t.Errorf("%+v", c)
	}
	if _, ok := s.View("m2"); ok {
		t.Error("there is a message nobody accepted")
	}
}

// TestForgetsWhatIsGone keeps nothing of peers and channels that are not
// configured once their messages are gone.
func TestForgetsWhatIsGone(t *testing.T) {
	w := newWorld(t, Config{Channels: []ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 4, MaxAssociations: 4}}})
	for i := range 20 {
		w.accept(Message{Ref: spool.Ref{Priority: spool.Normal}, Recipients: []Recipient{
			{N: 1, Hops: []spool.Hop{{Channel: "p1", Peer: fmt.Sprint(i)}}},
			{N: 2, Hops: []spool.Hop{{Channel: "gone", Peer: fmt.Sprint(i)}, {Channel: "p1", Peer: fmt.Sprint(i)}}},
		}})
	}
	w.heal()
	w.now = w.now.Add(time.Hour)
	w.step(Tick{})
	w.heal()
	for w.healOne() {
	}
	if tree := w.s.Tree(); len(tree) != 1 || len(tree[0].Peers) != 0 || len(w.s.hopsets) != 0 {
		t.Errorf("%d lists of hops, %+v", len(w.s.hopsets), tree)
	}
}

// Whoever looks at a recipient that is ready is told what it waits for.
func TestWhatAReadyRecipientWaitsFor(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	accepted := Accepted{Message{
		Ref: spool.Ref{ID: "m1", Priority: spool.Normal}, Accepted: now,
		Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "p1", Peer: "B"}}}},
	}}
	for _, c := range []struct {
		name   string
		peer   PeerConfig
		after  []Event
		text   string
		waits  bool // until a time
		opened bool // it is tried at once nevertheless
		off    bool // the channel is
	}{
		{name: "a peer that was down before this scheduler was", peer: PeerConfig{Channel: "p1", Name: "B"},
			after: []Event{PeerTrouble{Channel: "p1", Peer: "B", Failures: 7, Why: "refused"}, ChannelUp{Channel: "p1", Process: 1}},
			text:  "refused", opened: true},
		{name: "a peer nobody knows is not made known", peer: PeerConfig{Channel: "p1", Name: "B"},
			after: []Event{PeerTrouble{Channel: "p1", Peer: "C", Failures: 7, Why: "refused"}}},
		{name: "a disabled peer", peer: PeerConfig{Channel: "p1", Name: "B", Disabled: true}, text: "peer B is disabled"},
		{name: "a disabled channel", off: true, peer: PeerConfig{Channel: "p1", Name: "B"}, text: "channel p1 is disabled"},
		{name: "a peer that is gone", text: "no longer configured"},
		{name: "a process that does not start", peer: PeerConfig{Channel: "p1", Name: "B"},
			after: []Event{ChannelDown{Channel: "p1", Failed: true, Why: "no such file"}}, text: "channel p1: no such file", waits: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{Channels: []ChannelConfig{{Name: "p1", Associations: true, MaxJobs: 4, Disabled: c.off}}}
			if c.peer.Name != "" {
				config.Peers = []PeerConfig{c.peer}
			}
			s := New(config, now)
			s.Step(now, accepted)
			opened := false
			for _, ev := range c.after {
				for _, a := range s.Step(now, ev) {
					_, open := a.(OpenAssociation)
					opened = opened || open
				}
			}
			m, _ := s.View("m1")
			if r := m.Recipients[0]; r.Text != c.text || r.Until.IsZero() == c.waits || r.State != Queued {
				t.Errorf("%+v", r)
			}
			if opened != c.opened {
				t.Errorf("opened: %v", opened)
			}
		})
	}
}

// TestSweepBegunAgain renames the channel that redirects while a walk over what waits for it
// is on its way: what it has passed follows, too.
func TestSweepBegunAgain(t *testing.T) {
	const n = 3 * portion
	now := benchTime
	config := func(name string) Config {
		return Config{AlternateChannel: name, Channels: []ChannelConfig{{Name: name}}}
	}
	s := New(config("old"), now)
	for i := range n {
		s.Step(now, Accepted{Message{Ref: spool.Ref{ID: spool.ID(fmt.Sprint("m", i)), Priority: spool.Normal}, Kind: spool.KindMessage, Accepted: now,
			Recipients: []Recipient{{N: 1, Alternate: true, Diverted: now, Hops: []spool.Hop{{Channel: "old"}}}}}})
	}
	s.Step(now, Retry{})
	s.Reconfigure(config("new"), now)
	for range n {
		s.Step(now, Tick{})
	}
	for _, c := range s.Tree() {
		for _, p := range c.Peers {
			if got := p.Queued[normal]; c.Name == "old" && got > 0 || c.Name == "new" && got != n {
				t.Errorf("%d wait at %s", got, c.Name)
			}
		}
	}
}

// TestForgetsChannels removes channels from the configuration: one with nothing goes at once,
// one with a process when that has ended, or could not be started.
func TestForgetsChannels(t *testing.T) {
	now := benchTime
	s := New(Config{Channels: []ChannelConfig{{Name: "idle"}, {Name: "busy"}, {Name: "heard", Listens: true}, {Name: "stays"}}}, now)
	s.Step(now, ChannelUp{Channel: "busy", Process: 1})
	s.Reconfigure(Config{Channels: []ChannelConfig{{Name: "stays"}}}, now)
	names := func() (all []string) {
		for _, c := range s.Tree() {
			all = append(all, c.Name)
		}
		return all
	}
	if got := names(); !slices.Equal(got, []string{"busy", "heard", "stays"}) {
		t.Errorf("there are %v", got)
	}
	s.Step(now, ChannelDown{Channel: "busy", Process: 1})
	s.Step(now, ChannelDown{Channel: "heard", Failed: true})
	if got := names(); !slices.Equal(got, []string{"stays"}) {
		t.Errorf("in the end there are %v", got)
	}
}

// TestTimesBeyondReckoning gives times that nanoseconds do not reach: they are far away, not
// over.
func TestTimesBeyondReckoning(t *testing.T) {
	now, far := benchTime, time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC)
	name := "B"
	for _, order := range []Event{
		Delay{Channel: "p1", Peer: &name, Until: far},
		Minimize{Channel: "p1", Peer: &name, Through: spool.Urgent, Until: far},
	} {
		s := New(Config{Channels: []ChannelConfig{{Name: "p1", Associations: true}}, Peers: []PeerConfig{{Channel: "p1", Name: "B"}}}, now)
		s.Step(now, ChannelUp{Channel: "p1", Process: 1})
		s.Step(now, order)
		got := s.Step(now, Accepted{Message{Ref: spool.Ref{ID: "m1", Priority: spool.Normal}, Kind: spool.KindMessage, Accepted: now,
			Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "p1", Peer: "B"}}}}}})
		if len(got) > 0 {
			t.Errorf("%+v: %q", order, show(got))
		}
	}
	s := New(Config{Channels: []ChannelConfig{{Name: "local"}}, Expiry: [3]time.Duration{time.Hour, time.Hour, time.Hour},
		Warn: [3]time.Duration{time.Hour, time.Hour, time.Hour}}, now)
	s.Step(now, ChannelUp{Channel: "local", Process: 1})
	got := s.Step(now, Accepted{Message{Ref: spool.Ref{ID: "m1", Priority: spool.Normal}, Kind: spool.KindMessage, Accepted: now, Deferred: far,
		Recipients: []Recipient{{N: 1, Hops: []spool.Hop{{Channel: "local"}}}}}})
	if len(got) > 0 {
		t.Errorf("deferred: %q", show(got))
	}
	if far := timeOf(nanos(time.Date(1, 1, 1, 1, 0, 0, 0, time.UTC))); far.After(now) {
		t.Errorf("long ago is %v", far)
	}
}

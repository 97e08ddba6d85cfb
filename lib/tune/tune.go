// Package tune decides how the limits of channels are moved while a switch runs, within
// bounds that its operator has set. It is told what was measured, window by window, and
// answers with changes and their reasons; it measures nothing, and has no clock.
//
// The rule is that of mtactl-selftest(1): a limit that holds messages up is raised by a
// step, and the step taken back unless more was moved by it; what the disk takes too long
// for lowers the limit at once, by a quarter.
package tune

import (
	"fmt"
	"strings"
	"time"
)

// The rule in numbers.
const (
	held        = 0.5  // share of a window in which messages must wait for a limit
	gain        = 1.05 // how much more must be moved for a step to have paid
	fewest      = 20   // jobs of a window from which anything is concluded
	fewBarriers = 10   // likewise barriers
	firstRest   = 4    // windows without a trial after one that did not pay
	longestRest = 64
	calm        = 20 // windows in which nothing waits, until a limit goes towards home
	healthy     = 4  // windows in which the disk is fast, likewise
)

// Limit is one that is moved.
type Limit uint8

// The limits.
const (
	Jobs    Limit = iota // max-jobs of a channel
	PerPeer              // max-per-peer of a channel
	limits
)

var names = [limits]string{"max-jobs", "max-per-peer"}

// String returns the limit's name in mta.toml(5).
func (l Limit) String() string { return names[l] }

// Setting is what the configuration says about a limit. It is moved from Least to Most;
// Most 0 is never.
type Setting struct{ Configured, Least, Most int }

// Channel is a channel and its limits.
type Channel struct {
	Name   string
	Limits [limits]Setting
}

// Config is what is moved, and how long a barrier may last.
type Config struct {
	Channels []Channel
	Barrier  time.Duration // 99th percentile
}

// Measured is what happened in a window.
type Measured struct {
	Length   time.Duration
	Barriers int
	Barrier  time.Duration // the 99th percentile of how long they took
	Channels map[string]Work
}

// Work is what a channel did in a window.
type Work struct {
	Jobs int             // that ended well
	Held [limits]float64 // the share of the window in which messages waited for this limit
}

// Change is a limit that is to be moved.
type Change struct {
	Channel  string
	Limit    Limit
	From, To int
	Reason   string
}

// String returns the change as logs have it.
func (c Change) String() string {
	return fmt.Sprintf("%v %d to %d: %s", c.Limit, c.From, c.To, c.Reason)
}

// State is where a limit stands.
type State struct {
	Channel string
	Limit   Limit
	Setting
	Now    int
	Since  time.Time // it was moved last; zero: never
	Reason string    // why it was
}

// Tuner is the rule with its memory: what it has tried.
type Tuner struct {
	config Config
	all    [][limits]*limit // of each channel
}

type limit struct {
	State
	trial    bool // it was raised at the end of the last window
	from     int  // before
	rate     float64
	rest     int // windows until the next trial
	patience int
	calm     int // windows in a row in which nothing waited for it
	healthy  int // windows in a row in which the disk was fast
}

// New returns a Tuner whose limits are as configured.
func New(cfg Config) *Tuner {
	t := &Tuner{config: cfg}
	for _, c := range cfg.Channels {
		var all [limits]*limit
		for i, s := range c.Limits {
			all[i] = &limit{State: State{Channel: c.Name, Limit: Limit(i), Setting: s, Now: s.Configured}, patience: firstRest}
		}
		t.all = append(t.all, all)
	}
	return t
}

// States tells where every limit stands.
func (t *Tuner) States() (all []State) {
	for _, c := range t.all {
		for _, l := range c {
			all = append(all, l.State)
		}
	}
	return all
}

// Moves reports whether any limit has bounds.
func (t *Tuner) Moves() bool {
	for _, c := range t.all {
		for _, l := range c {
			if l.Most > 0 {
				return true
			}
		}
	}
	return false
}

// Step takes what was measured in a window that ends now, and returns what is to be moved.
// At most one limit of a channel is raised.
func (t *Tuner) Step(m Measured, now time.Time) (changes []Change) {
	for _, c := range t.all {
		w := m.Channels[c[Jobs].Channel]
		tried := c[Jobs].trial || c[PerPeer].trial
		moved := false
		for _, l := range c {
			if l.Most == 0 || l.Least > l.Most {
				continue
			}
			to, reason := l.step(&m, &w, t.config.Barrier, moved || tried && !l.trial)
			if to == l.Now {
				continue
			}
			changes = append(changes, Change{Channel: l.Channel, Limit: l.Limit, From: l.Now, To: to, Reason: reason})
			l.Now, l.Since, l.Reason, moved = to, now, reason, true
		}
	}
	return changes
}

// step returns where the limit is to be, and why. Another limit of its channel may have
// its turn; then only what is urgent is done.
func (l *limit) step(m *Measured, w *Work, guard time.Duration, othersTurn bool) (to int, reason string) {
	rate := float64(w.Jobs) / m.Length.Seconds()
	share := w.Held[l.Limit]
	l.rest = max(l.rest-1, 0)
	l.count(m, share, guard)
	trial, from, before := l.trial, l.from, l.rate
	l.trial = false
	if slow := m.Barriers >= fewBarriers && m.Barrier > guard; slow && l.Limit == Jobs {
		l.rest = firstRest
		return max(l.Least, l.Now-max(1, l.Now/4)),
			fmt.Sprintf("99 %% of barriers take up to %s, more than %s", brief(m.Barrier), brief(guard))
	}
	if trial && share >= held && (w.Jobs < fewest || rate < before*gain) {
		l.rest, l.patience = l.patience, min(2*l.patience, longestRest)
		return from, fmt.Sprintf("no gain: %.1f a second with %d, %.1f before", rate, l.Now, before)
	}
	if trial {
		l.patience = firstRest
	}
	if othersTurn {
		return l.Now, ""
	}
	switch step := max(1, l.Now/8); {
	case share >= held && w.Jobs >= fewest && l.rest == 0 && l.Now < l.Most:
		l.trial, l.from, l.rate = true, l.Now, rate
		return min(l.Most, l.Now+step), fmt.Sprintf("messages waited for it in %.0f %% of %v, at %.1f a second", 100*share, brief(m.Length), rate)
	case l.calm >= calm && l.Now > l.Configured:
		l.calm = 0
		return max(l.Configured, l.Now-step), fmt.Sprintf("nothing has waited for it for %v", brief(calm*m.Length))
	case l.healthy >= healthy && l.Now < l.Configured:
		l.healthy = 0
		return min(l.Configured, l.Now+step), fmt.Sprintf("barriers are fast again, 99 %% take up to %s", brief(m.Barrier))
	}
	return l.Now, ""
}

// count keeps how long things have been well.
func (l *limit) count(m *Measured, share float64, guard time.Duration) {
	l.calm++
	if share > 0 {
		l.calm = 0
	}
	l.healthy++
	if m.Barrier > guard/2 {
		l.healthy = 0
	}
}

// brief is a time as people write it.
func brief(d time.Duration) string {
	d = d.Round(time.Millisecond)
	if d%time.Minute == 0 && d > 0 {
		return strings.TrimSuffix(d.String(), "0s")
	}
	return d.String()
}

package conf

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/quantity"
)

// MaxTimes bounds the times of day and the windows of a peer.
const MaxTimes = 100

const weekMinutes = 7 * 24 * 60

// minutesOf marks the minutes of the week that are in a window of the peer.
func (p *Peer) minutesOf() *[weekMinutes]bool {
	in := new([weekMinutes]bool)
	for _, w := range p.Window {
		for _, s := range w.Week() {
			for m := s.Start / time.Minute; m < s.End/time.Minute; m++ {
				in[m%weekMinutes] = true
			}
		}
	}
	return in
}

// Shut returns the longest time between two windows of the peer, 0 if it has none.
func (p *Peer) Shut() time.Duration {
	if len(p.Window) == 0 {
		return 0
	}
	in, longest, run := p.minutesOf(), 0, 0
	for m := range 2 * weekMinutes {
		if run++; in[m%weekMinutes] {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * time.Minute
}

// Timetable says when the peer is called and sent to, for people: "called every 15m and
// at Mon-Fri 06:00; sent to in the window 06:00-08:00 UTC only"; it is empty if both are
// when there is something to send.
func (p *Peer) Timetable() string {
	var calls []string
	if p.CallEvery > 0 {
		calls = append(calls, "every "+p.CallEvery.String())
	}
	if len(p.CallAt) > 0 {
		calls = append(calls, "at "+texts(p.CallAt)+" UTC")
	}
	var parts []string
	if len(calls) > 0 {
		parts = append(parts, "called "+strings.Join(calls, " and "))
	}
	if len(p.Window) > 0 {
		exempt := ""
		if p.WindowUrgent {
			exempt = ", but for urgent messages"
		}
		parts = append(parts, "sent to in the window "+texts(p.Window)+" UTC only"+exempt)
	}
	return strings.Join(parts, "; ")
}

func texts[T fmt.Stringer](all []T) string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = v.String()
	}
	return strings.Join(names, ", ")
}

// timetable checks when a peer is called and sent to.
func (v *validator) timetable(p *Peer) {
	if p.CallEvery != 0 && (p.CallEvery < second || p.CallEvery > maxExpiry) {
		v.faultf("call-every", "%s is not between 1s and %s", p.CallEvery, maxExpiry)
	}
	for _, l := range []struct {
		key string
		n   int
	}{{"call-at", len(p.CallAt)}, {"window", len(p.Window)}} {
		if l.n > MaxTimes {
			v.faultf(l.key, "%d of them; a peer has at most %d", l.n, MaxTimes)
			return
		}
	}
	key := "call-every"
	if p.CallEvery == 0 {
		key = "call-at"
	}
	switch {
	case p.CallEvery == 0 && len(p.CallAt) == 0:
	case len(p.Calls()) == 0:
		v.faultf(key, "the peer has no address to call")
	case !p.TwoWay:
		v.faultf(key, "the peer could send nothing: two-way is false")
	}
	if len(p.Window) == 0 {
		if p.WindowUrgent {
			v.faultf("window-urgent", "there is no window")
		}
		return
	}
	in := p.minutesOf()
	for i, t := range p.CallAt {
		for _, at := range t.Week() {
			if !in[at/time.Minute] {
				v.faultf("call-at["+strconv.Itoa(i)+"]", "%s is not in a window on %s", t, quantity.DayName(at))
				break
			}
		}
	}
}

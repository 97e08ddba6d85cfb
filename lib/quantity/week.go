package quantity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const dayMinutes = 24 * 60

// Days is a set of days of the week, from Monday, bit 0. None stands for all of them.
type Days uint8

var dayNames = [...]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}

// DayName returns the name of the day of a time of the week, counted from Monday 00:00.
func DayName(at time.Duration) string { return dayNames[at/(24*time.Hour)] }

// String returns the days as text that ends before the time of day: "Mon-Fri ", "Sat ",
// or nothing for all.
func (d Days) String() string {
	if d == 0 {
		return ""
	}
	var parts []string
	for i := 0; i < len(dayNames); i++ {
		first := i
		for i < len(dayNames) && d.has(i) {
			i++
		}
		switch last := i - 1; {
		case last == first:
			parts = append(parts, dayNames[first])
		case last > first:
			parts = append(parts, dayNames[first]+"-"+dayNames[last])
		}
	}
	return strings.Join(parts, ",") + " "
}

func (d Days) has(day int) bool { return d == 0 || d>>day&1 != 0 }

// cutDays reads the days before a time of day; rest is that.
func cutDays(text string) (d Days, rest string, ok bool) {
	days, rest, named := strings.Cut(text, " ")
	if !named {
		return 0, text, true
	}
	index := func(name string) int {
		return slices.IndexFunc(dayNames[:], func(n string) bool { return strings.EqualFold(n, name) })
	}
	for _, part := range strings.Split(days, ",") {
		from, to, ranged := strings.Cut(part, "-")
		first := index(from)
		last := first
		if ranged {
			last = index(to)
		}
		if first < 0 || last < 0 {
			return 0, "", false
		}
		for i := first; ; i = (i + 1) % len(dayNames) {
			d |= 1 << i
			if i == last {
				break
			}
		}
	}
	if d == 1<<len(dayNames)-1 {
		d = 0
	}
	return d, rest, true
}

// minutes reads HH:MM, at most 24:00.
func minutes(text string) (n int, ok bool) {
	if len(text) != 5 || text[2] != ':' {
		return 0, false
	}
	h, errH := strconv.ParseUint(text[:2], 10, 8)
	m, errM := strconv.ParseUint(text[3:], 10, 8)
	n = int(h)*60 + int(m)
	return n, errH == nil && errM == nil && m < 60 && n <= dayMinutes
}

func hhmm(n int) string { return fmt.Sprintf("%02d:%02d", n/60, n%60) }

// TimeOfDay is a time of day in UTC, on some days of the week. Its text form is "06:00"
// or "Mon-Fri 06:00".
type TimeOfDay struct {
	Days   Days
	Minute int // of the day, below 24 hours
}

// String returns the text that UnmarshalText reads as t.
func (t TimeOfDay) String() string { return t.Days.String() + hhmm(t.Minute) }

// MarshalText implements encoding.TextMarshaler.
func (t TimeOfDay) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	days, rest, ok := cutDays(string(text))
	at, read := minutes(rest)
	if !ok || !read || at == dayMinutes {
		return fmt.Errorf("%s is not a time such as \"06:00\" or \"Mon-Fri 06:00\"", quote(text))
	}
	*t = TimeOfDay{days, at}
	return nil
}

// Week returns when that is, counted from Monday 00:00 UTC.
func (t TimeOfDay) Week() (all []time.Duration) {
	for day := range dayNames {
		if t.Days.has(day) {
			all = append(all, time.Duration(day*dayMinutes+t.Minute)*time.Minute)
		}
	}
	return all
}

// Window is the time between two times of day in UTC, on some days of the week. Its text
// form is "06:00-08:00" or "Mon-Fri 20:00-06:00".
type Window struct {
	Days Days
	From int // minute of the day, below 24 hours
	To   int // minute, at most 24 hours; not after From: of the day after
}

// String returns the text that UnmarshalText reads as w.
func (w Window) String() string { return w.Days.String() + hhmm(w.From) + "-" + hhmm(w.To) }

// MarshalText implements encoding.TextMarshaler.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Window) UnmarshalText(text []byte) error {
	days, rest, ok := cutDays(string(text))
	from, to, ranged := strings.Cut(rest, "-")
	start, readStart := minutes(from)
	end, readEnd := minutes(to)
	if !ok || !ranged || !readStart || !readEnd || start == dayMinutes || start == end {
		return fmt.Errorf("%s is not a window such as \"06:00-08:00\" or \"Mon-Fri 20:00-06:00\"", quote(text))
	}
	*w = Window{days, start, end}
	return nil
}

// Span is a part of the week, both ends counted from Monday 00:00 UTC. End may be in the
// next week.
type Span struct{ Start, End time.Duration }

// Week returns when the window is.
func (w Window) Week() (all []Span) {
	length := w.To - w.From
	if length <= 0 {
		length += dayMinutes
	}
	for _, start := range (TimeOfDay{w.Days, w.From}).Week() {
		all = append(all, Span{start, start + time.Duration(length)*time.Minute})
	}
	return all
}

// Contains tells whether a time is in the window, whose end is not part of it.
func (w Window) Contains(at time.Time) bool {
	at = at.UTC()
	const week = 7 * 24 * time.Hour
	midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	monday := time.Duration((int(at.Weekday())+6)%7) * 24 * time.Hour
	now := monday + at.Sub(midnight)
	for _, s := range w.Week() {
		if s.Start <= now && now < s.End || now+week < s.End {
			return true
		}
	}
	return false
}

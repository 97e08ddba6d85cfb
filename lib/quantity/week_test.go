package quantity

import (
	"slices"
	"testing"
	"time"
)

func TestTimeOfDayText(t *testing.T) {
	for in, want := range map[string]string{
		"06:00": "06:00", "00:00": "00:00", "23:59": "23:59", "Mon-Fri 06:00": "Mon-Fri 06:00", "mon,TUE,Wed 06:00": "Mon-Wed 06:00",
		"Sat-Mon 06:00": "Mon,Sat-Sun 06:00", "Sun 06:00": "Sun 06:00", "Mon-Sun 06:00": "06:00", "Tue,Tue 06:00": "Tue 06:00",
	} {
		var v TimeOfDay
		if err := v.UnmarshalText([]byte(in)); err != nil || v.String() != want {
			t.Errorf("%s: %s, %v", in, v, err)
		}
	}
	for _, in := range []string{"", "6:00", "24:00", "06:60", "0600", "06:00Z", "Mon", "Mon 6:00", " 06:00", "Mon  06:00", "Mo 06:00", "Mon- 06:00", "-Mon 06:00", "Mon-Tue-Wed 06:00", "+6:00", "06:+1"} {
		var v TimeOfDay
		if v.UnmarshalText([]byte(in)) == nil {
			t.Errorf("%q is taken as %s", in, v)
		}
	}
}

func TestWindowText(t *testing.T) {
	for in, want := range map[string]string{
		"06:00-08:00": "06:00-08:00", "00:00-24:00": "00:00-24:00", "Mon-Fri 20:00-06:00": "Mon-Fri 20:00-06:00", "sat,sun 12:00-24:00": "Sat-Sun 12:00-24:00",
	} {
		var v Window
		if err := v.UnmarshalText([]byte(in)); err != nil || v.String() != want {
			t.Errorf("%s: %s, %v", in, v, err)
		}
	}
	for _, in := range []string{"", "06:00", "06:00-", "-08:00", "06:00-06:00", "24:00-06:00", "06:00-24:01", "06:00 - 08:00", "Mon 06:00-Tue 08:00"} {
		var v Window
		if v.UnmarshalText([]byte(in)) == nil {
			t.Errorf("%q is taken as %s", in, v)
		}
	}
}

// FuzzTimetableTextRoundTrip: whatever is read prints as text that reads the same, and
// lies in the week.
func FuzzTimetableTextRoundTrip(f *testing.F) {
	for _, s := range []string{"06:00", "Mon-Fri 06:00", "Sun 20:00-06:00", "00:00-24:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var a, b TimeOfDay
		if a.UnmarshalText([]byte(in)) == nil {
			if err := b.UnmarshalText([]byte(a.String())); err != nil || a != b {
				t.Fatalf("%q → %s → %s, %v", in, a, b, err)
			}
			for _, at := range a.Week() {
				if at < 0 || at >= 7*24*time.Hour {
					t.Fatalf("%q: %v", in, at)
				}
			}
		}
		var v, w Window
		if v.UnmarshalText([]byte(in)) == nil {
			if err := w.UnmarshalText([]byte(v.String())); err != nil || v != w {
				t.Fatalf("%q → %s → %s, %v", in, v, w, err)
			}
			for _, s := range v.Week() {
				if s.Start < 0 || s.Start >= 7*24*time.Hour || s.End <= s.Start || s.End > s.Start+24*time.Hour {
					t.Fatalf("%q: %v", in, s)
				}
			}
		}
	})
}

func windows(t *testing.T, texts ...string) (all []Window) {
	t.Helper()
	for _, text := range texts {
		var w Window
		if err := w.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

func TestWindowWeek(t *testing.T) {
	h := time.Hour
	for _, c := range []struct {
		text string
		want []Span
	}{
		{"Mon,Sun 06:00-08:00", []Span{{6 * h, 8 * h}, {150 * h, 152 * h}}},
		{"Sun 20:00-06:00", []Span{{164 * h, 174 * h}}},
		{"Tue 00:00-24:00", []Span{{24 * h, 48 * h}}},
	} {
		if got := windows(t, c.text)[0].Week(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestWindowContains(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct {
		window, at string
		want       bool
	}{
		{"Mon-Fri 08:00-18:00", "2026-11-27T08:00:00Z", true}, // a Friday
		{"Mon-Fri 08:00-18:00", "2026-11-27T17:59:59Z", true},
		{"Mon-Fri 08:00-18:00", "2026-11-27T18:00:00Z", false},
		{"Mon-Fri 08:00-18:00", "2026-11-28T09:00:00Z", false},
		{"Mon-Fri 08:00-18:00", "2026-11-28T00:30:00+12:00", true},
		{"Sun 22:00-06:00", "2026-11-30T05:59:00Z", true}, // the Monday after
		{"Sun 22:00-06:00", "2026-11-30T06:00:00Z", false},
		{"Sun 22:00-06:00", "2026-11-29T22:00:00Z", true},
		{"Sun 22:00-06:00", "2026-11-29T05:00:00Z", false},
		{"00:00-24:00", "2026-11-29T23:59:59.999Z", true},
	} {
		if got := windows(t, c.window)[0].Contains(at(c.at)); got != c.want {
			t.Errorf("%s at %s: %v", c.window, c.at, got)
		}
	}
}

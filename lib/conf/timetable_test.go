package conf

import (
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/quantity"
)

func windows(t *testing.T, texts ...string) (all []quantity.Window) {
	t.Helper()
	for _, text := range texts {
		var w quantity.Window
		if err := w.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

func TestShut(t *testing.T) {
	for _, c := range []struct {
		windows []string
		want    time.Duration
	}{
		{nil, 0},
		{[]string{"00:00-24:00"}, 0},
		{[]string{"06:00-08:00"}, 22 * time.Hour},
		{[]string{"06:00-08:00", "20:00-21:00"}, 12 * time.Hour},
		{[]string{"Mon-Fri 08:00-18:00"}, 62 * time.Hour},
		{[]string{"Sun 23:00-01:00"}, 166 * time.Hour},
	} {
		p := Peer{Window: windows(t, c.windows...)}
		if got := p.Shut(); got != c.want {
			t.Errorf("%v: %v, want %v", c.windows, got, c.want)
		}
	}
}

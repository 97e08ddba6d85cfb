package tune

import (
	"testing"
	"time"
)

func TestFit(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for name, c := range map[string]struct {
		points []Point
		want   int
		reason string
	}{
		"grows until it does not": {[]Point{{1, 100, ms(9), ms(20)}, {4, 380, ms(10), ms(22)}, {16, 1000, ms(15), ms(30)}, {64, 1050, ms(60), ms(80)}}, 16,
			"the disk takes 1000 a second from 16 at once, and 1050 from 64"},
		"grows all the way": {[]Point{{1, 100, ms(9), ms(20)}, {4, 380, ms(10), ms(22)}}, 4,
			"the disk takes 380 a second from 4 at once, and 380 from 4"},
		"too slow for many": {[]Point{{1, 100, ms(9), ms(20)}, {4, 150, ms(26), ms(60)}, {16, 400, ms(80), ms(120)}, {64, 900, ms(60), ms(90)}}, 4,
			"the disk takes 150 a second from 4 at once; from 16 99 % take up to 120ms, more than 100ms"},
		"too slow for one": {[]Point{{1, 3, ms(300), ms(700)}, {4, 12, ms(300), ms(700)}}, 1,
			"the disk takes 3 a second from 1 at once, and even so 99 % take up to 700ms, more than 100ms"},
		"one does it all": {[]Point{{1, 1000, ms(1), ms(2)}, {4, 1090, ms(4), ms(6)}}, 1,
			"the disk takes 1000 a second from 1 at once, and 1090 from 4"},
	} {
		if got, reason := Fit(c.points, ms(100)); got.Writers != c.want || reason != c.reason {
			t.Errorf("%s: %d, %q", name, got.Writers, reason)
		}
	}
}

func TestPeerFit(t *testing.T) {
	for _, c := range []struct {
		rate float64
		took time.Duration
		want int
	}{{100, 50 * time.Millisecond, 5}, {100, 51 * time.Millisecond, 6}, {1, time.Millisecond, 1}, {0, time.Second, 1}} {
		if got := PeerFit(c.rate, c.took); got != c.want {
			t.Errorf("%v a second, %v: %d, not %d", c.rate, c.took, got, c.want)
		}
	}
}

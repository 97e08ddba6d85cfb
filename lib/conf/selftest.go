package conf

import "time"

// SelfTest says whether a running switch measures itself. It moves the limits of channels
// that have bounds, and no others.
type SelfTest struct {
	Enabled  bool     `json:"enabled" toml:"enabled"`
	Interval Duration `json:"interval" toml:"interval"` // of a measurement
	Barrier  Duration `json:"barrier" toml:"barrier"`   // what 99 of 100 barriers may take
}

func newSelfTest() SelfTest {
	return SelfTest{Enabled: true, Interval: 30 * second, Barrier: 250 * Duration(time.Millisecond)}
}

// MostJobs is how many jobs at once the channel may ever have: its MaxJobs, or more if the
// self-test may raise that.
func (c *Channel) MostJobs() int { return max(c.MaxJobs, c.MaxJobsMost) }

func (v *validator) selfTest() {
	v.in("selftest")
	s := v.c.SelfTest
	if s.Interval < second || s.Interval > hour {
		v.faultf("interval", "%s is not from 1s to 1h", s.Interval)
	}
	v.duration("barrier", s.Barrier)
}

// bounds checks those of a limit, which has them both or neither, and is within.
func (v *validator) bounds(key string, limit, least, most, top int) {
	if least == 0 && most == 0 {
		return
	}
	v.between(key+"-least", int64(least), 1, int64(top))
	v.between(key+"-most", int64(most), 1, int64(top))
	if limit < least || limit > most {
		v.faultf(key, "%d is not from %s-least, %d, to %s-most, %d", limit, key, least, key, most)
	}
}

func (v *validator) channelBounds(ch *Channel) {
	v.bounds("max-jobs", ch.MaxJobs, ch.MaxJobsLeast, ch.MaxJobsMost, 1000)
	v.bounds("max-per-peer", ch.MaxPerPeer, ch.MaxPerPeerLeast, ch.MaxPerPeerMost, 10000)
	if reserved := ch.ReservedUrgent + ch.ReservedNormal; ch.MaxJobsMost > 0 && ch.MaxJobsLeast > 0 && reserved >= ch.MaxJobsLeast && reserved < ch.MaxJobs {
		v.faultf("max-jobs-least", "%d leaves non-urgent messages no place beside %d reserved ones", ch.MaxJobsLeast, reserved)
	}
}

// Package measure is the statistics of a measurement: how long things took, and what
// processes used meanwhile.
package measure

import (
	"math"
	"math/bits"
	"time"
)

// Latencies counts durations in classes, each less than 1 % wide: its size does not
// depend on how many there are, at most some 60 KB. The zero value has none.
type Latencies struct {
	classes []uint64
	count   uint64
	max     time.Duration
}

// Of each power of two there are so many classes.
const perOctave = 128

// class is the number of the class of v.
func class(v uint64) int {
	shift := max(bits.Len64(v)-8, 0)
	return perOctave*shift + int(v>>shift)
}

// top is the greatest value of a class.
func top(class int) uint64 {
	shift := max(class/perOctave-1, 0)
	return (uint64(class-perOctave*shift)+1)<<shift - 1
}

// Add counts a duration; one below zero, of a clock that was set back, counts as zero.
func (l *Latencies) Add(d time.Duration) {
	d = max(d, 0)
	c := class(uint64(d))
	if c >= len(l.classes) {
		l.classes = append(l.classes, make([]uint64, c+1-len(l.classes))...)
	}
	l.classes[c]++
	l.count++
	l.max = max(l.max, d)
}

// Merge counts all that other has counted.
func (l *Latencies) Merge(other *Latencies) {
	if n := len(other.classes); n > len(l.classes) {
		l.classes = append(l.classes, make([]uint64, n-len(l.classes))...)
	}
	for c, n := range other.classes {
		l.classes[c] += n
	}
	l.count += other.count
	l.max = max(l.max, other.max)
}

// Count is how many there are.
func (l *Latencies) Count() uint64 { return l.count }

// Max is the longest, exactly; 0 if there is none.
func (l *Latencies) Max() time.Duration { return l.max }

// Quantile is a duration that the share q of all, 0 to 1, does not exceed, and at most
// 1 % above the shortest such. It is 0 if there is none.
func (l *Latencies) Quantile(q float64) time.Duration {
	rank := max(uint64(math.Ceil(q*float64(l.count))), 1)
	seen := uint64(0)
	for c, n := range l.classes {
		if seen += n; seen >= rank {
			return min(time.Duration(top(c)), l.max)
		}
	}
	return l.max
}

// Summary is what is told of latencies: milliseconds.
type Summary struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Summary returns the median, the 99th percentile and the longest.
func (l *Latencies) Summary() Summary {
	return Summary{milliseconds(l.Quantile(0.5)), milliseconds(l.Quantile(0.99)), milliseconds(l.max)}
}

func milliseconds(d time.Duration) float64 {
	return Round(float64(d)/float64(time.Millisecond), 3)
}

// Round rounds to so many digits behind the point; what is no number is 0.
func Round(v float64, digits int) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	scale := math.Pow10(digits)
	return math.Round(v*scale) / scale
}

// PerSecond is how many there were in a second, rounded to one digit behind the point; 0
// if there was no time.
func PerSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return Round(float64(n)/d.Seconds(), 1)
}

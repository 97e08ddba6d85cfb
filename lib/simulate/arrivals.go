package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/spool"
)

// stream brings the messages of one traffic, in the order of time.
type stream struct {
	priority   int
	letter     spool.Priority
	messages   int
	recipients int
	even       bool
	chance     *rand.Rand
	begun      int     // messages so far
	left       float64 // share of the others that comes after the last one
	from, part float64 // beginning and length of the parts, in nanoseconds
	upTo       []float64
	to         []*link
	toUpTo     []float64
	sizes      []quantity.Octets
	sizeUpTo   []float64
}

func newStream(d *Day, number int, t *Traffic, to []*link) *stream {
	shape := t.Shape
	if len(shape) == 0 {
		shape = []float64{1}
	}
	sizes := t.Size
	if len(sizes) == 0 {
		sizes = []quantity.Octets{1024}
	}
	priority, _ := priorityOf(t.Priority)
	return &stream{
		priority: priority, letter: [...]spool.Priority{spool.Urgent, spool.Normal, spool.NonUrgent}[priority],
		messages: t.Messages, recipients: t.Recipients, even: t.Even, chance: chance(d, 1, uint64(number)), left: 1,
		from: float64(t.From), part: float64(t.end(d)-t.From) / float64(len(shape)), upTo: sums(shape),
		to: to, toUpTo: sums(orEqual(t.ToWeights, len(to))),
		sizes: sizes, sizeUpTo: sums(orEqual(t.SizeWeights, len(sizes))),
	}
}

// chance is random numbers for one thing of the day, which no other thing takes from.
func chance(d *Day, kind, number uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(d.Day.Seed), kind<<32|number))
}

func orEqual(weights []float64, n int) []float64 {
	if len(weights) == 0 {
		return slices.Repeat([]float64{1}, n)
	}
	return weights
}

// sums are the shares of all up to each, of which the last is 1.
func sums(weights []float64) []float64 {
	upTo, sum := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		sum += w
		upTo[i] = sum
	}
	for i := range upTo {
		upTo[i] /= sum
	}
	return upTo
}

// pick is the first whose sum is above u, and that has a share.
func pick(upTo []float64, u float64) int {
	i, _ := slices.BinarySearchFunc(upTo, u, func(s, u float64) int {
		if s <= u {
			return -1
		}
		return 1
	})
	i = min(i, len(upTo)-1)
	for i > 0 && upTo[i] == upTo[i-1] {
		i-- // of no share; u was 1
	}
	return i
}

// next is when the next message comes, after the beginning of the day; false: no more do.
//
// The moments are those of a Poisson process of which it is known how many events there
// are: as many independent ones, in order. The least of n numbers between 0 and 1 leaves
// the share u^(1/n) above it, and the others lie there in the same manner.
func (s *stream) next() (time.Duration, bool) {
	if s.begun == s.messages {
		return 0, false
	}
	share := (float64(s.begun) + 0.5) / float64(s.messages)
	if !s.even {
		s.left *= math.Pow(1-s.chance.Float64(), 1/float64(s.messages-s.begun))
		share = 1 - s.left
	}
	s.begun++
	i := pick(s.upTo, share)
	before := 0.0
	if i > 0 {
		before = s.upTo[i-1]
	}
	in := float64(float64(i) + float64((share-before)/(s.upTo[i]-before)))
	return time.Duration(s.from + float64(in*s.part)), true
}

// size and target are of the message that came last.
func (s *stream) size() int64 {
	if len(s.sizes) == 1 {
		return int64(s.sizes[0])
	}
	return int64(s.sizes[pick(s.sizeUpTo, s.chance.Float64())])
}

func (s *stream) target() *link {
	if len(s.to) == 1 {
		return s.to[0]
	}
	return s.to[pick(s.toUpTo, s.chance.Float64())]
}

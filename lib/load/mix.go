package load

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/quantity"
)

// Mix is a list of values with weights.
type Mix[T any] struct {
	values []T
	upTo   []uint64 // the weights of it and of those before
}

const (
	maxMix    = 16
	maxWeight = 1_000_000
)

// ParseMix reads a list such as "a" or "a:80,b:20", of at most 16 values; without a
// weight a value has 1.
func ParseMix[T any](text string, value func(string) (T, error)) (Mix[T], error) {
	var m Mix[T]
	total := uint64(0)
	for _, item := range strings.Split(text, ",") {
		name, weight, weighted := strings.Cut(item, ":")
		v, err := value(name)
		if err != nil {
			return m, diag.E("", diag.Usage, err)
		}
		n := uint64(1)
		if weighted {
			if n, err = strconv.ParseUint(weight, 10, 32); err != nil || n < 1 || n > maxWeight {
				return m, diag.New("", diag.Usage, fmt.Sprintf("weight %q is not a number from 1 to %d", weight, maxWeight))
			}
		}
		total += n
		m.values, m.upTo = append(m.values, v), append(m.upTo, total)
	}
	if len(m.values) > maxMix {
		return m, diag.New("", diag.Usage, fmt.Sprintf("%d values; the limit is %d", len(m.values), maxMix))
	}
	return m, nil
}

// maxContents bounds the sizes of a mix together: each is composed in memory once.
const maxContents = 512 << 20

// ParseSizes reads a mix of sizes of contents.
func ParseSizes(text string) (Mix[int64], error) {
	total := int64(0)
	m, err := ParseMix(text, func(s string) (int64, error) {
		var o quantity.Octets
		err := o.UnmarshalText([]byte(s))
		return int64(o), err
	})
	for _, size := range m.values {
		if size > maxContents || total > maxContents-size {
			return m, diag.New("", diag.Usage, fmt.Sprintf("the sizes are more than %v in all", quantity.Octets(maxContents)))
		}
		total += size
	}
	return m, err
}

// ParsePriorities reads a mix of priorities.
func ParsePriorities(text string) (Mix[mts.Priority], error) {
	return ParseMix(text, mts.ParsePriority)
}

// at is the index of the value that message n has, by chance; salt parts one mix from
// another, so that they are independent. The same n has the same, always.
func (m Mix[T]) at(n, salt uint64) int {
	at := scatter(n^scatter(salt)) % m.upTo[len(m.upTo)-1]
	for i, end := range m.upTo {
		if at < end {
			return i
		}
	}
	return len(m.upTo) - 1
}

// scatter is a permutation of the numbers without visible order.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

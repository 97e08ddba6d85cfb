// Package quantity is what configurations and rules measure in, as people write it: sizes, and
// times of the week.
package quantity

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Octets is a size. Its text form is a number of octets, or one of KiB, MiB, GiB.
type Octets int64

var octetUnits = [...]struct {
	name  string
	shift uint
}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}

// String returns the size in the largest unit that divides it.
func (o Octets) String() string {
	for _, u := range octetUnits {
		if o != 0 && o&(1<<u.shift-1) == 0 {
			return strconv.FormatInt(int64(o>>u.shift), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(o), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (o Octets) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Sizes below zero and sizes
// that exceed 63 bits are refused.
func (o *Octets) UnmarshalText(text []byte) error {
	s, shift := string(text), uint(0)
	for _, u := range octetUnits {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			s, shift = strings.TrimRight(rest, " "), u.shift
			break
		}
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64>>shift {
		return fmt.Errorf("%s is not a size such as 4096 or \"10MiB\"", quote(text))
	}
	*o = Octets(v << shift)
	return nil
}

// quote shows a value of outside origin in an error, however long it is.
func quote(b []byte) string {
	const most = 64
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}

package simulate

import (
	"fmt"
	"strconv"
	"strings"
)

// Bandwidth is a number of bits per second. Its text form is a number with one of the
// units bit/s, kbit/s, Mbit/s and Gbit/s, which are powers of 1000.
type Bandwidth float64

var bandwidthUnits = [...]struct {
	name string
	bits float64
}{{"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"kbit/s", 1e3}, {"bit/s", 1}}

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *Bandwidth) UnmarshalText(text []byte) error {
	for _, u := range bandwidthUnits {
		number, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v >= 0 && v*u.bits <= 1e15) {
			break
		}
		*b = Bandwidth(v * u.bits)
		return nil
	}
	return fmt.Errorf("%.64q is not a bandwidth such as \"64kbit/s\" or \"2Mbit/s\"", text)
}

// String returns the bandwidth in the largest unit that leaves at least 1.
func (b Bandwidth) String() string {
	for _, u := range bandwidthUnits {
		if float64(b) >= u.bits {
			return strconv.FormatFloat(float64(b)/u.bits, 'g', -1, 64) + u.name
		}
	}
	return strconv.FormatFloat(float64(b), 'g', -1, 64) + "bit/s"
}

// MarshalText implements encoding.TextMarshaler.
func (b Bandwidth) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// perNanosecond is how many octets that is.
func (b Bandwidth) perNanosecond() float64 { return float64(b) / 8 / 1e9 }

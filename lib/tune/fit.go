package tune

import (
	"fmt"
	"time"
)

// Point is what a disk did for so many who wait for it at once.
type Point struct {
	Writers   int
	PerSecond float64
	P50, P99  time.Duration // of one acceptance
}

// enough is the share of the greatest rate that is enough: more at once cost everybody time
// for the rest of it.
const enough = 0.9

// Fit chooses how many jobs at once fit a disk: the fewest with which it does nearly as much
// as it can, of those with which 99 of 100 take no longer than the guard. Points are by
// ascending number of writers; there is one at least.
func Fit(points []Point, guard time.Duration) (best Point, reason string) {
	allowed := points[:1]
	for i, p := range points {
		if p.P99 > guard {
			break
		}
		allowed = points[:i+1]
	}
	most := 0.0
	for _, p := range allowed {
		most = max(most, p.PerSecond)
	}
	for _, p := range allowed {
		if p.PerSecond >= enough*most {
			best = p
			break
		}
	}
	reason = fmt.Sprintf("the disk takes %.0f a second from %d at once", best.PerSecond, best.Writers)
	switch last := points[len(points)-1]; {
	case points[0].P99 > guard:
		reason += fmt.Sprintf(", and even so 99 %% take up to %s, more than %s", brief(points[0].P99), brief(guard))
	case len(allowed) < len(points):
		over := points[len(allowed)]
		reason += fmt.Sprintf("; from %d 99 %% take up to %s, more than %s", over.Writers, brief(over.P99), brief(guard))
	default:
		reason += fmt.Sprintf(", and %.0f from %d", last.PerSecond, last.Writers)
	}
	return best, reason
}

// PeerFit is how many associations with one peer move so many messages a second, if a
// transfer takes so long: as many as are in progress then (Little's law), at least 1.
func PeerFit(perSecond float64, transfer time.Duration) int {
	n := perSecond * transfer.Seconds()
	whole := int(n)
	if float64(whole) < n {
		whole++
	}
	return max(whole, 1)
}

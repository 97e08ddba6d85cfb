package conf

import (
	"strconv"

	"github.com/mtakit/mtakit/lib/oraddr"
)

// WillRoute is a policy of an MTA (RFC 1801 §21.1, mTAWillRoute): from and to which
// addresses it routes, each named by a node of the address tree above it. An empty From or
// To is all of them.
type WillRoute struct {
	From         []string `json:"from,omitempty" toml:"from"`
	To           []string `json:"to,omitempty" toml:"to"`
	FromExcludes []string `json:"from-excludes,omitempty" toml:"from-excludes"`
	ToExcludes   []string `json:"to-excludes,omitempty" toml:"to-excludes"`
}

func (v *validator) willRoute(all []WillRoute) {
	for i, w := range all {
		for _, list := range []struct {
			key  string
			text []string
		}{{"from", w.From}, {"to", w.To}, {"from-excludes", w.FromExcludes}, {"to-excludes", w.ToExcludes}} {
			for k, text := range list.text {
				if _, err := oraddr.ParsePath(text); err != nil {
					v.fault("will-route["+strconv.Itoa(i)+"]."+list.key+"["+strconv.Itoa(k)+"]", err)
				}
			}
		}
	}
}

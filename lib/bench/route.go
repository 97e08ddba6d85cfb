package bench

import (
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rtree"
)

// Looked is what looking up addresses in routing trees of a size cost.
type Looked struct {
	Nodes         int     `json:"nodes"`
	LoadSeconds   float64 `json:"loadSeconds"` // to compile the trees
	OctetsPerNode float64 `json:"octetsPerNode"`
	Lookups       int     `json:"lookups"`
	Microseconds  float64 `json:"microsecondsPerLookup"`
	CPU           float64 `json:"cpuMicrosecondsPerLookup"`
}

// asked is how many addresses are looked up in turn.
const asked = 10_000

// Route compiles a tree of so many user agents, ten thousand below each PRMD and a hundred
// below each organization, with an MTA for each thousand, and looks addresses of theirs up.
func Route(nodes, lookups int) (Looked, error) {
	all := make([]conf.Node, 0, nodes)
	for i := range nodes {
		n := conf.NewNode()
		n.Tree, n.UA = "open", true
		n.At = fmt.Sprintf("/G=Given%d/S=Surname%d/O=Org%d/PRMD=P%d/ADMD=A%d/C=GB/", i, i, i/100, i/10_000, i/100_000)
		n.Supporting = []conf.MTAInfo{{Name: fmt.Sprintf("MTA-%d", i/1000), Weight: 5}}
		all = append(all, n)
	}
	before, begun := heap(), time.Now()
	forest, err := rtree.New([]string{"open"}, all)
	if err != nil {
		return Looked{}, err
	}
	r := Looked{Nodes: nodes, Lookups: lookups, LoadSeconds: measure.Round(time.Since(begun).Seconds(), 3)}
	r.OctetsPerNode = measure.Round(max(float64(heap()-before), 0)/float64(nodes), 0)
	addresses := make([]oraddr.Address, min(asked, nodes))
	for i := range addresses {
		// Far from each other: who asks for one has not just asked for its neighbour.
		if addresses[i], err = oraddr.Parse(all[int(uint64(i)*2_654_435_761%uint64(nodes))].At); err != nil {
			return Looked{}, err
		}
	}
	begun = time.Now()
	own, err := measure.Own()
	if err != nil {
		return Looked{}, err
	}
	for i := range lookups {
		if a := forest.Find(&rtree.Query{Address: addresses[i%len(addresses)], Local: "MTA-X"}); a.Kind != rtree.Transfer {
			return Looked{}, diag.New("bench: route", diag.Internal, "an address has no way")
		}
	}
	took := time.Since(begun)
	after, err := measure.Own()
	if err != nil {
		return Looked{}, err
	}
	each := func(d time.Duration) float64 {
		return measure.Round(float64(d)/float64(time.Microsecond)/float64(lookups), 2)
	}
	r.Microseconds, r.CPU = each(took), each(after.Since(own).CPU)
	return r, nil
}

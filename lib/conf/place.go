package conf

import "github.com/mtakit/mtakit/lib/oraddr"

// places tells nodes of routing trees apart as a look-up does: two names are of one node if
// each component of one has a variant in common with the other's.
type places struct {
	below  map[placeEdge]int
	parent []int
}

type placeEdge struct {
	parent int
	key    string
}

func newPlaces() *places { return &places{below: map[placeEdge]int{}} }

// of returns the place of a path in a tree, which is made if it is to be and is not there.
func (p *places) of(tree string, path []oraddr.RDN, make bool) (at int, ok bool) {
	at, ok = p.step(-1, []string{tree}, make)
	for i := 0; ok && i < len(path); i++ {
		at, ok = p.step(at, path[i].Keys(), make)
	}
	return at, ok
}

func (p *places) step(parent int, keys []string, make bool) (at int, ok bool) {
	for _, key := range keys {
		if at, ok = p.below[placeEdge{parent, key}]; ok {
			break
		}
	}
	if !ok && make {
		at, ok = len(p.parent), true
		p.parent = append(p.parent, parent)
	}
	if make {
		for _, key := range keys {
			if _, known := p.below[placeEdge{parent, key}]; !known {
				p.below[placeEdge{parent, key}] = at
			}
		}
	}
	return at, ok
}

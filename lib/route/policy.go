package route

import (
	"slices"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// policy is one of what a peer will route (RFC 1801 §21.1).
type policy struct{ from, to, fromExcludes, toExcludes []prefix }

// prefix names a node of the address tree: the keys of each of its components.
type prefix [][]string

func newPrefix(path []oraddr.RDN) prefix {
	p := make(prefix, len(path))
	for i, rdn := range path {
		p[i] = rdn.Keys()
	}
	return p
}

// above tells whether the node is at or above an address.
func (p prefix) above(address prefix) bool {
	if len(p) > len(address) {
		return false
	}
	for i, keys := range p {
		if !slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(address[i], key) }) {
			return false
		}
	}
	return true
}

func anyAbove(all []prefix, address prefix) bool {
	return slices.ContainsFunc(all, func(p prefix) bool { return p.above(address) })
}

// newPolicies compiles what the peers will route, by name; a peer that routes everything
// has none.
func newPolicies(peers []conf.Peer) (map[string][]policy, error) {
	all := map[string][]policy{}
	for i := range peers {
		for _, w := range peers[i].WillRoute {
			var p policy
			for _, list := range []struct {
				texts []string
				to    *[]prefix
			}{{w.From, &p.from}, {w.To, &p.to}, {w.FromExcludes, &p.fromExcludes}, {w.ToExcludes, &p.toExcludes}} {
				for _, text := range list.texts {
					path, err := oraddr.ParsePath(text)
					if err != nil {
						return nil, diag.E("route: peer "+peers[i].Name+": will-route", diag.Config, err)
					}
					*list.to = append(*list.to, newPrefix(path))
				}
			}
			all[peers[i].Name] = append(all[peers[i].Name], p)
		}
	}
	return all, nil
}

// WillNot is why a peer is left out that does not route what is asked for.
const WillNot = "will not route from this originator to this recipient"

func pathOf(a oraddr.Address) prefix {
	path, _ := a.Path()
	return newPrefix(path)
}

// willRoute tells whether a peer routes from the originator, if that is known, to the
// recipient. A message has one, and if that cannot be read nobody has granted it anything.
func (r *Router) willRoute(peer string, q *Query) bool {
	policies := r.policies[peer]
	if len(policies) == 0 || q.Report {
		return true
	}
	known := q.Message != nil || !q.Originator.IsZero()
	return slices.ContainsFunc(policies, func(p policy) bool {
		return (len(p.to) == 0 || anyAbove(p.to, q.to)) && !anyAbove(p.toExcludes, q.to) &&
			(!known || (len(p.from) == 0 || anyAbove(p.from, q.from)) && !anyAbove(p.fromExcludes, q.from))
	})
}

// unfit is why a peer is no way for what is asked, "" if it is one. What it does not take
// matters where other trees may know another; in tables alone it is told to the originator.
func (r *Router) unfit(peer string, q *Query) string {
	switch {
	case q.plain:
		return "not asked for"
	case !r.willRoute(peer, q):
		return WillNot
	case q.Takes != nil && r.forest != nil:
		if ok, why := q.Takes(peer); !ok {
			return why
		}
	}
	return ""
}

// permitted leaves out of the ways of a table those that are none for what is asked.
func (r *Router) permitted(d tabled, q *Query) tabled {
	unfit := func(h Hop) bool { return h.Peer != "" && r.unfit(h.Peer, q) != "" }
	if d.Fail != nil || !slices.ContainsFunc(d.Hops, unfit) {
		return d
	}
	if d.Hops = slices.DeleteFunc(slices.Clone(d.Hops), unfit); len(d.Hops) == 0 {
		return tabled{Decision: Decision{Fail: unrecognised(NoRoute), Rule: d.Rule}, open: true}
	}
	return d
}

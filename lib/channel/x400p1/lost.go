package x400p1

import (
	"net"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

// lost is an association that ended without being released. host is where the peer opened it
// from; empty for one of ours.
type lost struct {
	connection session.ConnectionIdentifier
	peer, host string
	at         time.Time

	// Of one of ours: what may be resumed of it.
	messages map[spool.ID]bool // that were being sent
	theirs   bool              // something of the peer's
}

// maxLost bounds the associations whose loss is remembered, of each side.
const maxLost = 256

// lose remembers an association that may be recovered.
func (r *recovery) lose(l lost) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = addLost(r.lost, l)
}

// distrust forgets the associations of peers that have to show something else now: to recover
// one they would show nothing.
func (r *recovery) distrust(peer func(string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := func(l lost) bool { return peer(l.peer) }
	r.lost, r.ours = slices.DeleteFunc(r.lost, of), slices.DeleteFunc(r.ours, of)
}

// addLost makes room for one more at the cost of whichever peer has most.
func addLost(all []lost, l lost) []lost {
	if len(all) == maxLost {
		has, most := map[string]int{}, ""
		for _, o := range all {
			if has[o.peer]++; has[o.peer] > has[most] {
				most = o.peer
			}
		}
		i := slices.IndexFunc(all, func(o lost) bool { return o.peer == most })
		all = slices.Delete(all, i, i+1)
	}
	return append(all, l)
}

// owners are the peers that have lost an association of that name, which came from the host
// the call comes from; more than one if they have given theirs the same name.
func (r *recovery) owners(id *rtse.SessionConnectionIdentifier, host string) (peers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.find(id, host) < 0 {
		return nil
	}
	for _, l := range r.lost {
		if l.host == host && id.Names(l.connection) && !slices.Contains(peers, l.peer) {
			peers = append(peers, l.peer)
		}
	}
	return peers
}

// take is for whoever may recover it: there is nothing to be found any more.
func (r *recovery) take(id *rtse.SessionConnectionIdentifier, host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.find(id, host)
	if i >= 0 {
		r.lost = slices.Delete(r.lost, i, i+1)
	}
	return i >= 0
}

// find forgets what is too old. r.mu is held.
func (r *recovery) find(id *rtse.SessionConnectionIdentifier, host string) int {
	old := r.now().Add(-r.age)
	r.lost = slices.DeleteFunc(r.lost, func(l lost) bool { return l.at.Before(old) })
	return slices.IndexFunc(r.lost, func(l lost) bool { return l.host == host && id.Names(l.connection) })
}

// hostOf is where an association comes from, without its port.
func hostOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

package x400p1

import (
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	// maxNames bounds the names of activities, and maxOwnNames those of one object, newest
	// last.
	maxNames    = 10000
	maxOwnNames = 16
	// maxTwice bounds the names a peer has given twice, and maxAssociations its
	// associations that are told apart.
	maxTwice        = 256
	maxAssociations = 4096
	// recordCost is what a record in the log of a partial counts as, of recovery-size.
	recordCost = 256
)

// account is what is kept of one peer's.
type account struct {
	octets int64
	names  int
	// twice are the names that were given to two activities, neither of which may be
	// resumed by it. Where they are too many, nothing is kept of the peer's until blind.
	twice map[string]time.Time
	blind time.Time
	// associations are those over which activities have begun, by their references.
	associations map[string]*identity
}

// identity is an association as its references tell it from others, which they do not if
// another has them.
type identity struct {
	at     time.Time // of the last activity
	shared bool
}

// of is the account of a peer. r.mu is held.
func (r *recovery) of(peer string) *account {
	a := r.accounts[peer]
	if a == nil {
		a = &account{twice: map[string]time.Time{}, associations: map[string]*identity{}}
		r.accounts[peer] = a
	}
	return a
}

// room tells whether a peer may have so many octets more: never so many that less would
// be left for others than it has itself. So no peer takes the room from all others. r.mu
// is held.
func (r *recovery) room(peer string, octets int64) bool {
	return r.of(peer).octets+octets <= r.limit-r.octets-octets
}

// roomForName tells the same of one more name. r.mu is held.
func (r *recovery) roomForName(peer string) bool {
	a := r.of(peer)
	return a.names < maxNames-len(r.names)-1 && r.now().After(a.blind)
}

// add counts octets, which may be fewer. r.mu is held.
func (r *recovery) add(peer string, octets int64) {
	r.octets += octets
	r.of(peer).octets += octets
}

// charge counts records that are to be written to the log of a partial, and tells
// whether there is room for them. r.mu is held.
func (r *recovery) charge(p *partial, records int) bool {
	cost := int64(records) * recordCost
	if !r.room(p.peer, cost) {
		return false
	}
	p.cost += cost
	r.add(p.peer, cost)
	return true
}

// call gives a partial a name. r.mu is held.
func (r *recovery) call(p *partial, name string) {
	r.uncall(name)
	r.names[name] = p
	r.of(p.peer).names++
}

// uncall takes a name from whatever has it. r.mu is held.
func (r *recovery) uncall(name string) {
	if p := r.names[name]; p != nil {
		delete(r.names, name)
		r.of(p.peer).names--
	}
}

// ambiguous remembers a name that was given twice. r.mu is held.
func (r *recovery) ambiguous(peer, name string) {
	a := r.of(peer)
	if len(a.twice) >= maxTwice {
		a.blind = r.now().Add(r.age)
		return
	}
	a.twice[name] = r.now()
	r.arm(r.age)
}

// isTwice tells of a name that was given twice. r.mu is held.
func (r *recovery) isTwice(peer, name string) bool {
	_, twice := r.of(peer).twice[name]
	return twice
}

// identify notes over which association the activities of a keeper come, by references
// that no other may have had as long as something can be resumed by them: a peer that
// opens two in one second may give both the same, and count the activities of each from 1.
// Then the name of one would be that of another, of which nothing may be known here, and
// what is kept under the references of both is nobody's. mu is held.
func (k *peerKeeper) identify(c session.ConnectionIdentifier) {
	a, refs := k.of(k.peer), references(k.peer, c)
	known := a.associations[refs]
	switch {
	case known == nil && len(a.associations) >= maxAssociations:
		a.blind = k.now().Add(k.age)
		return
	case known == nil:
		known = &identity{}
		a.associations[refs] = known
	case known != k.known && !known.shared:
		known.shared = true
		k.disown(refs)
	}
	known.at, k.known = k.now(), known
	k.arm(k.age)
}

// disown ends what is kept under references that two associations have. It is gone from
// the disk, too, before anything else of the two is confirmed. mu is held, but not while
// the disk is waited for: whoever says that it is done may have to wait for mu before.
func (k *peerKeeper) disown(refs string) {
	var gone spool.ID
	for n, p := range k.names {
		if strings.HasPrefix(n, refs) {
			gone = p.id
			k.end(p)
		}
	}
	if gone != "" {
		k.mu.Unlock()
		_ = k.secure(k.ctx, gone) // if that fails nobody is told yes any more
		k.mu.Lock()
	}
}

// isShared tells of references that cannot be relied on. r.mu is held.
func (r *recovery) isShared(peer string, c session.ConnectionIdentifier) bool {
	a := r.of(peer)
	known := a.associations[references(peer, c)]
	return known != nil && known.shared || !r.now().After(a.blind)
}

// expireAccounts forgets names that were given twice, and accounts without anything.
// r.mu is held.
func (r *recovery) expireAccounts(later func(time.Time) bool) {
	for peer, a := range r.accounts {
		for name, at := range a.twice {
			if !later(at) {
				delete(a.twice, name)
			}
		}
		for refs, known := range a.associations {
			if !later(known.at) {
				delete(a.associations, refs)
			}
		}
		if len(a.twice) == 0 && len(a.associations) == 0 && a.names == 0 && a.octets == 0 && r.now().After(a.blind) {
			delete(r.accounts, peer)
		}
	}
}

package sched

import (
	"hash/maphash"

	"github.com/mtakit/mtakit/lib/spool"
)

// table finds messages by their identifiers. Messages of one bucket are linked, so that
// one costs few octets and has no copy of its identifier here; and the table grows by a
// bucket at a time (linear hashing), so that no event goes through all that are queued. What
// one pays now and then is the copy of the array of buckets when that has to grow: eight
// octets for each, in one piece.
type table struct {
	seed    maphash.Seed
	buckets []*message
	mask    uint32 // the least power of two minus one that is not less than the last index
	n       int
}

func newTable() table {
	return table{seed: maphash.MakeSeed(), buckets: make([]*message, 1)}
}

// bucket is where what has a hash is.
func (t *table) bucket(hash uint32) **message {
	i := hash & t.mask
	if int(i) >= len(t.buckets) {
		i &= t.mask >> 1 // not split yet
	}
	return &t.buckets[i]
}

func (t *table) hash(id spool.ID) uint32 { return uint32(maphash.String(t.seed, string(id))) }

// find returns the message with an identifier, nil if there is none, and the hash that
// put wants.
func (t *table) find(id spool.ID) (*message, uint32) {
	hash := t.hash(id)
	for m := *t.bucket(hash); m != nil; m = m.chain {
		if m.hash == hash && m.id == id {
			return m, hash
		}
	}
	return nil, hash
}

// put adds a message that is not in the table.
func (t *table) put(m *message, hash uint32) {
	m.hash = hash
	at := t.bucket(hash)
	m.chain, *at = *at, m
	// Every message is looked for once before it is there: with two buckets for each, most
	// of them are empty.
	for t.n++; 2*t.n > len(t.buckets); {
		t.split()
	}
}

// drop removes a message that is in the table.
func (t *table) drop(m *message) {
	at := t.bucket(m.hash)
	for *at != m {
		at = &(*at).chain
	}
	*at, m.chain = m.chain, nil
	t.n--
}

// split adds a bucket and gives it what is its own.
func (t *table) split() {
	i := uint32(len(t.buckets))
	if i > t.mask {
		t.mask = t.mask<<1 | 1
	}
	t.buckets = append(t.buckets, nil)
	at := &t.buckets[i&(t.mask>>1)]
	for *at != nil {
		m := *at
		if m.hash&t.mask != i {
			at = &m.chain
			continue
		}
		*at = m.chain
		m.chain, t.buckets[i] = t.buckets[i], m
	}
}

package oraddr

import (
	"encoding/binary"
	"hash/maphash"
)

// Tree numbers the nodes of O/R address trees (RFC 2294 §1): each is below another one, or a
// root. The zero Tree is empty. Once it has been grown it may be used by several goroutines.
type Tree struct {
	below  map[edge]int32
	parent []int32
	seeds  [2]maphash.Seed // of this tree, and known to nobody
}

// edge leads from a node to the one below it that has a key (RDN.Keys): a hash of both, of 128
// bits. That two have the same happens by chance alone, once in 10^26 trees of a million nodes;
// to hold the names instead costs most of the memory of a tree and of the time of a look-up.
type edge [2]uint64

func (t *Tree) edge(parent int32, key []byte) edge {
	// The parent is behind the key, which the caller has room for.
	b := binary.LittleEndian.AppendUint32(key, uint32(parent))
	return edge{maphash.Bytes(t.seeds[0], b), maphash.Bytes(t.seeds[1], b)}
}

// Len returns how many nodes there are: their numbers are less.
func (t *Tree) Len() int { return len(t.parent) }

// Root grows a tree, and returns the number of its root.
func (t *Tree) Root() int32 { return t.add(-1) }

func (t *Tree) add(parent int32) int32 {
	t.parent = append(t.parent, parent)
	return int32(len(t.parent) - 1)
}

// Above returns the node above one; -1 above a root.
func (t *Tree) Above(node int32) int32 { return t.parent[node] }

// Below returns the node below one that has a name, in any of its variants. Scratch is room
// for a key, which costs nothing if there is enough of it.
func (t *Tree) Below(node int32, name *RDN, scratch []byte) (at int32, ok bool) {
	if t.below == nil {
		return 0, false
	}
	key := name.appendKey(scratch[:0], Text.best)
	if at, ok = t.below[t.edge(node, key)]; ok || !name.varied() {
		return at, ok
	}
	for _, key := range name.Keys()[1:] {
		if at, ok = t.below[t.edge(node, []byte(key))]; ok {
			return at, true
		}
	}
	return 0, false
}

// Grow returns what Below does, or grows it. It is found by every variant of its name from
// now on (RFC 2294 §1).
func (t *Tree) Grow(node int32, name *RDN) (at int32, grown bool) {
	if t.below == nil {
		t.below = map[edge]int32{}
		t.seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	at, ok := t.Below(node, name, nil)
	if !ok {
		at = t.add(node)
	}
	for _, key := range name.Keys() {
		e := t.edge(node, []byte(key))
		if _, known := t.below[e]; !known {
			t.below[e] = at
		}
	}
	return at, !ok
}

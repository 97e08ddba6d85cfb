package oraddr

// Tree numbers the nodes of O/R address trees (RFC 2294 §1): each is below another one, or a
// root. The zero Tree is empty. Once it has been grown it may be used by several goroutines.
type Tree struct {
	below  map[edge]int32
	parent []int32
}

// edge leads from a node to the one below it that has the key (RDN.Keys).
type edge struct {
	parent int32
	key    string
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
	key := name.appendKey(scratch[:0], Text.best)
	if at, ok = t.below[edge{node, string(key)}]; ok || !name.varied() {
		return at, ok
	}
	for _, key := range name.Keys()[1:] {
		if at, ok = t.below[edge{node, key}]; ok {
			return at, true
		}
	}
	return 0, false
}

// Grow returns what Below does, or grows it. It is found by every variant of its name from
// now on (RFC 2294 §1).
func (t *Tree) Grow(node int32, name *RDN) (at int32, grown bool) {
	at, ok := t.Below(node, name, nil)
	if !ok {
		at = t.add(node)
	}
	if t.below == nil {
		t.below = map[edge]int32{}
	}
	for _, key := range name.Keys() {
		if _, known := t.below[edge{node, key}]; !known {
			t.below[edge{node, key}] = at
		}
	}
	return at, !ok
}

package sched

// item is an element that knows its place in the heap it is in: 0 is none, else
// its index plus one.
type item[T any] interface {
	comparable
	before(T) bool
	place() *int32
}

// heap is a binary heap whose elements can be moved and removed in O(log n).
type heap[T item[T]] []T

func (h heap[T]) top() (first T) {
	if len(h) > 0 {
		first = h[0]
	}
	return first
}

// put adds x, or moves it to where it belongs now.
func (h *heap[T]) put(x T) {
	at := int(*x.place()) - 1
	if at < 0 {
		*h = append(*h, x)
		at = len(*h) - 1
	}
	if !h.up(at, x) {
		h.down(at, x)
	}
}

// drop removes x if it is in the heap.
func (h *heap[T]) drop(x T) {
	at := int(*x.place()) - 1
	if at < 0 {
		return
	}
	*x.place() = 0
	old := *h
	end := len(old) - 1
	last := old[end]
	var none T
	old[end] = none
	*h = old[:end]
	if at == end {
		return
	}
	if !h.up(at, last) {
		h.down(at, last)
	}
}

// up sifts x from at towards the root and reports whether it moved. It leaves x
// in its place either way.
func (h *heap[T]) up(at int, x T) bool {
	a, from := *h, at
	for at > 0 {
		parent := (at - 1) / 2
		if !x.before(a[parent]) {
			break
		}
		a[at] = a[parent]
		*a[at].place() = int32(at + 1)
		at = parent
	}
	a[at] = x
	*x.place() = int32(at + 1)
	return at != from
}

func (h *heap[T]) down(at int, x T) {
	a := *h
	for {
		child := 2*at + 1
		if child >= len(a) {
			break
		}
		if child+1 < len(a) && a[child+1].before(a[child]) {
			child++
		}
		if !a[child].before(x) {
			break
		}
		a[at] = a[child]
		*a[at].place() = int32(at + 1)
		at = child
	}
	a[at] = x
	*x.place() = int32(at + 1)
}

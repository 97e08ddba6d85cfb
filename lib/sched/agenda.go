package sched

// dated is an element that knows its place in the agenda it is in: 0 is none, else its
// index plus one.
type dated interface {
	comparable
	place() *int32
}

// agenda is a binary heap of elements by their times, as heap is by their order. The times
// stand in it: with millions of elements what they point to is far away.
type agenda[T dated] []entry[T]

type entry[T dated] struct {
	at    int64
	x     T
	place *int32 // of x
}

// top returns the element whose time comes first, and that time.
func (a agenda[T]) top() (first T, at int64) {
	if len(a) > 0 {
		first, at = a[0].x, a[0].at
	}
	return first, at
}

// next returns the time that comes first, 0 if there is none.
func (a agenda[T]) next() int64 {
	_, at := a.top()
	return at
}

// put adds x for a time, or moves it there.
func (a *agenda[T]) put(x T, at int64) {
	place := x.place()
	i := int(*place) - 1
	if i < 0 {
		*a = append(*a, entry[T]{})
		i = len(*a) - 1
	}
	a.sift(i, entry[T]{at, x, place})
}

// drop removes x if it is in the agenda.
func (a *agenda[T]) drop(x T) {
	i := int(*x.place()) - 1
	if i < 0 {
		return
	}
	*x.place() = 0
	old := *a
	end := len(old) - 1
	last := old[end]
	old[end] = entry[T]{}
	*a = old[:end]
	if i < end {
		a.sift(i, last)
	}
}

// sift puts e where it belongs from i on, towards the root or away from it.
func (a agenda[T]) sift(i int, e entry[T]) {
	for i > 0 {
		parent := (i - 1) / 2
		if e.at >= a[parent].at {
			break
		}
		a.set(i, a[parent])
		i = parent
	}
	for {
		child := 2*i + 1
		if child >= len(a) {
			break
		}
		if child+1 < len(a) && a[child+1].at < a[child].at {
			child++
		}
		if a[child].at >= e.at {
			break
		}
		a.set(i, a[child])
		i = child
	}
	a.set(i, e)
}

func (a agenda[T]) set(i int, e entry[T]) {
	a[i] = e
	*e.place = int32(i + 1)
}

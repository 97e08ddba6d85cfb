package ldapconf

import (
	"container/list"
	"sync"
)

// recent remembers values by key, as many and as large together as are bounded: the one that was
// not asked for the longest gives way. It may be used by several goroutines.
type recent[V any] struct {
	most, mostSize int
	size           func(V) int

	mu    sync.Mutex
	by    map[string]*list.Element
	all   int       // size of all
	order list.List // of remembered values, the one asked for last first
}

type remembered[V any] struct {
	key   string
	value V
}

func newRecent[V any](most, mostSize int, size func(V) int) *recent[V] {
	return &recent[V]{most: most, mostSize: mostSize, size: size, by: map[string]*list.Element{}}
}

func (r *recent[V]) get(key string) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.by[key]
	if !ok {
		return value, false
	}
	r.order.MoveToFront(e)
	return e.Value.(*remembered[V]).value, true
}

func (r *recent[V]) put(key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all += r.size(value)
	if e, ok := r.by[key]; ok {
		was := e.Value.(*remembered[V])
		r.all -= r.size(was.value)
		was.value = value
		r.order.MoveToFront(e)
	} else {
		r.by[key] = r.order.PushFront(&remembered[V]{key, value})
	}
	for r.order.Len() > r.most || r.all > r.mostSize {
		last := r.order.Remove(r.order.Back()).(*remembered[V])
		delete(r.by, last.key)
		r.all -= r.size(last.value)
	}
}

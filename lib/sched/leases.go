package sched

import (
	"cmp"
	"slices"
)

// leases finds the jobs in progress by their numbers. As those are given one after the
// other, they spread over the buckets by themselves.
type leases struct {
	buckets []*job // linked by chain; their number is a power of two
	n       int
}

func newLeases() leases { return leases{buckets: make([]*job, 64)} }

func (l *leases) bucket(id uint64) **job { return &l.buckets[id&uint64(len(l.buckets)-1)] }

// find returns the job with a number, nil if there is none.
func (l *leases) find(id uint64) *job {
	j := *l.bucket(id)
	for j != nil && j.id != id {
		j = j.chain
	}
	return j
}

func (l *leases) put(j *job) {
	if l.n++; l.n > len(l.buckets) {
		all := l.all()
		l.buckets = make([]*job, 2*len(l.buckets))
		for _, other := range all {
			l.link(other)
		}
	}
	l.link(j)
}

func (l *leases) link(j *job) {
	at := l.bucket(j.id)
	j.chain, *at = *at, j
}

// drop removes a job that is there.
func (l *leases) drop(j *job) {
	at := l.bucket(j.id)
	for *at != j {
		at = &(*at).chain
	}
	*at, j.chain = j.chain, nil
	l.n--
}

// all returns the jobs by number.
func (l *leases) all() []*job {
	all := make([]*job, 0, l.n)
	for _, j := range l.buckets {
		for ; j != nil; j = j.chain {
			all = append(all, j)
		}
	}
	slices.SortFunc(all, func(a, b *job) int { return cmp.Compare(a.id, b.id) })
	return all
}

package spool

import (
	"sync"
	"sync/atomic"
)

const (
	// ahead is how many files are read while as many are visited: a disk that is asked for
	// one after the other gives a fraction of what it could.
	ahead = 64
	// aheadReaders is how many ask.
	aheadReaders = 4
)

// reading is files of a backlog that are read before their turn.
type reading struct {
	refs      []Ref
	envelopes []*Envelope // nil where there is none, whatever the reason: its turn tells
	done      sync.WaitGroup
}

// readAhead begins to read the first of some files. Only what its file alone tells of is
// read, with no log and no family: the others must be read in their turn. Nobody changes
// such a file before it has been visited.
func (b *Backlog) readAhead(refs []Ref) *reading {
	r := &reading{refs: refs[:min(len(refs), ahead)]}
	r.envelopes = make([]*Envelope, len(r.refs))
	alone := make([]int, 0, len(r.refs))
	for i, ref := range r.refs {
		_, logged := b.logs[ref]
		if _, related := b.kin[string(ref.ID[:timeSize])]; !logged && !related && b.begun[ref.ID] == nil {
			alone = append(alone, i)
		}
	}
	var next atomic.Int64
	for range min(aheadReaders, len(alone)) {
		r.done.Go(func() {
			for n := int(next.Add(1)); n <= len(alone); n = int(next.Add(1)) {
				r.envelopes[alone[n-1]] = b.readAlone(r.refs[alone[n-1]])
			}
		})
	}
	return r
}

// readAlone returns the envelope of a file with which nothing is wrong.
func (b *Backlog) readAlone(ref Ref) *Envelope {
	m, err := b.openMessage(ref)
	if err != nil {
		return nil
	}
	defer func() { _ = m.Close() }() // it was only read
	if (b.verify || b.proof) && m.VerifyContent() != nil {
		return nil
	}
	return m.Envelope
}

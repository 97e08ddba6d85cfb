package token

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strconv"
	"time"
)

// Memory tells whether a token was taken before. Of each sender it keeps so many, those
// with the latest times; one that is not later than whatever it has let go of, or than its
// own beginning, is not known to be new and is not taken. A clock that is ahead makes
// tokens of times to come: of those taken before its beginning a Memory hears by
// [Memory.Known], and of nothing else. It is not for several goroutines at once.
type Memory struct {
	begun time.Time
	most  int
	of    map[string]*remembered
}

// remembered are the tokens of one sender, by time.
type remembered struct {
	floor  time.Time // nothing is known of this time and before
	tokens []entry
}

// entry is what is kept of a token: sender, time and random number make it what it is.
type entry struct {
	time   time.Time
	number [sha256.Size]byte // its digest: it may be long
}

func (e entry) compare(f entry) int {
	return cmp.Or(e.time.Compare(f.time), slices.Compare(e.number[:], f.number[:]))
}

// NewMemory returns a Memory that begins now and keeps so many tokens of each sender.
func NewMemory(now time.Time, most int) *Memory {
	return &Memory{begun: now, most: most, of: map[string]*remembered{}}
}

// Known says what was taken of a sender before this Memory began, or elsewhere: nothing
// after a time; up to it nothing is known. If none of the sender has come yet, that stands
// for the beginning.
func (m *Memory) Known(sender string, upTo time.Time) {
	r := m.of[sender]
	switch {
	case r == nil:
		m.of[sender] = &remembered{floor: upTo}
	case upTo.After(r.floor):
		r.floor = upTo
	}
}

// Take remembers a token of a sender, of whom there must be a bounded number. The error is
// a *Refusal: Replayed, or Forgotten.
func (m *Memory) Take(sender string, t *Taken) error {
	r := m.of[sender]
	if r == nil {
		r = &remembered{floor: m.begun}
		m.of[sender] = r
	}
	number := append(strconv.AppendInt(nil, int64(t.Number.BitLength), 10), ' ')
	e := entry{t.Time, sha256.Sum256(append(number, t.Number.Bytes...))}
	at, known := slices.BinarySearchFunc(r.tokens, e, entry.compare)
	switch {
	case known:
		return refusef(Replayed, "the token of %s, made at %s, was taken before", Subject(t.Certificate), t.Time.Format(time.RFC3339))
	case !t.Time.After(r.floor):
		return refusef(Forgotten, "the token of %s was made at %s: whether one of up to %s was taken before is not known any more", Subject(t.Certificate),
			t.Time.Format(time.RFC3339), r.floor.UTC().Format(time.RFC3339Nano))
	}
	r.tokens = slices.Insert(r.tokens, at, e)
	if len(r.tokens) > m.most {
		r.floor = r.tokens[0].time
		r.tokens = slices.DeleteFunc(r.tokens, func(o entry) bool { return !o.time.After(r.floor) })
	}
	return nil
}

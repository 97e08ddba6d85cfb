package load

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// prefix begins the local identifiers and the content identifier of every message made
// here.
const prefix = "bench."

// runLength is the length of the name of a run. With 10000000 messages a local
// identifier has at most 29 characters then, of 32 (ub-local-id-length), and a content
// identifier 11 of 16 (ub-content-id-length).
const runLength = 5

// MaxMessages bounds the messages of a run.
const MaxMessages = 10_000_000

// identity is who a message is: which one, of which run, and when its transfer began.
type identity struct {
	run   string
	n     uint64 // 1 is the first
	begun time.Time
}

// newRun names a run.
func newRun() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	name := make([]byte, runLength)
	for i := range name {
		name[i] = digits[rand.IntN(len(digits))]
	}
	return string(name)
}

// local is the local identifier: what follows the run is in base 36, the time in
// microseconds.
func (i identity) local() string {
	b := append([]byte(prefix), i.run...)
	b = strconv.AppendUint(append(b, '.'), i.n, 36)
	b = strconv.AppendInt(append(b, '.'), i.begun.UnixMicro(), 36)
	return string(b)
}

// identify reads a local identifier; ok is false for one that is of something else.
func identify(local string) (i identity, ok bool) {
	rest, ours := strings.CutPrefix(local, prefix)
	parts := strings.Split(rest, ".")
	if !ours || len(parts) != 3 || len(parts[0]) != runLength {
		return i, false
	}
	n, err := strconv.ParseUint(parts[1], 36, 64)
	if err != nil || n < 1 || n > MaxMessages {
		return i, false
	}
	at, err := strconv.ParseInt(parts[2], 36, 64)
	if err != nil {
		return i, false
	}
	return identity{parts[0], n, time.UnixMicro(at)}, true
}

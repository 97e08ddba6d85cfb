package spool

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// begunName is the file that says which transfers were begun last.
	begunName = "begun"
	// begunSize is the width of one of its lines, which never crosses a sector.
	begunSize = 64
	// begunLines is how many transfers it has. What takes longer than the first second is
	// in the log of its message: nobody begins as many in that.
	begunLines = 16384
	// begunBack is how long before the last a transfer may have been begun for nothing
	// about it to be in a log yet.
	begunBack = 5 * time.Second
)

// OutcomeInDoubt is the outcome of who may have got a message or not.
const OutcomeInDoubt = "in-doubt"

// begun is the file of the transfers begun last, a ring of lines. It is written without a
// barrier: it is there after its writer was killed, and not for certain after a cut.
type begun struct {
	mu   sync.Mutex
	f    *os.File // nil: not opened yet
	next int      // line
	line []byte
}

// Begin notes that a transfer of a message to some recipients is begun, for a start after
// this process was killed: what it has sent nobody else knows. An error means that it is
// not noted, and nothing else.
func (s *Spool) Begin(t time.Time, id ID, recipients []int) error {
	if err := s.holding("begin"); err != nil {
		return err
	}
	b := &s.begun
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.f == nil {
		f, err := createBegun(s.dir + "/" + begunName)
		if err != nil {
			return fail("begin", err)
		}
		b.f, b.next = f, 0
	}
	b.line = appendBegun(b.line[:0], t, id, recipients)
	if _, err := b.f.WriteAt(b.line, int64(b.next)*begunSize); err != nil {
		return fail("begin "+string(id), err)
	}
	b.next = (b.next + 1) % begunLines
	return nil
}

// createBegun empties the file for a new holder. All of it is there from the beginning, so
// that to write in it makes nothing of the file system anew.
func createBegun(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	empty := bytes.Repeat([]byte(" "), begunSize*begunLines)
	for i := begunSize - 1; i < len(empty); i += begunSize {
		empty[i] = '\n'
	}
	if _, err := f.WriteAt(empty, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// close gives the file back.
func (b *begun) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.f == nil {
		return nil
	}
	err := b.f.Close()
	b.f = nil
	return err
}

// appendBegun appends a line: nanoseconds since 1970, the identifier, and the numbers of
// the recipients, or none if they are too many.
func appendBegun(b []byte, t time.Time, id ID, recipients []int) []byte {
	start := len(b)
	b = strconv.AppendInt(b, t.UnixNano(), 10)
	b = append(append(b, ' '), id...)
	numbers := len(b)
	for i, n := range recipients {
		sep := byte(',')
		if i == 0 {
			sep = ' '
		}
		if b = strconv.AppendInt(append(b, sep), int64(n), 10); len(b)-start >= begunSize {
			b = b[:numbers]
			break
		}
	}
	for len(b)-start < begunSize-1 {
		b = append(b, ' ')
	}
	return append(b, '\n')
}

// begunLine is a transfer that was begun.
type begunLine struct {
	time       time.Time
	id         ID
	recipients []int // none: any of them
}

// parseBegun reads a line; what is none, an empty one among them, is not ok.
func parseBegun(line []byte) (l begunLine, ok bool) {
	fields := strings.Fields(string(line))
	if len(fields) != 2 && len(fields) != 3 {
		return l, false
	}
	ns, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || !isID(fields[1]) {
		return l, false
	}
	l.time, l.id = time.Unix(0, ns), ID(fields[1])
	if len(fields) == 3 {
		for number := range strings.SplitSeq(fields[2], ",") {
			n, err := strconv.Atoi(number)
			if err != nil {
				return l, false
			}
			l.recipients = append(l.recipients, n)
		}
	}
	return l, true
}

// markBegun writes into the logs of messages that they may have been sent: the last holder
// was killed while it transferred them, and no log says what came of it.
func (b *Backlog) markBegun() error {
	if !b.verify {
		return nil
	}
	data, err := os.ReadFile(b.s.dir + "/" + begunName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var all []begunLine
	var last time.Time
	for line := range bytes.SplitSeq(data[:min(len(data), begunSize*begunLines)], []byte("\n")) {
		if l, ok := parseBegun(line); ok {
			all = append(all, l)
			if l.time.After(last) {
				last = l.time
			}
		}
	}
	slices.SortStableFunc(all, func(x, y begunLine) int { return x.time.Compare(y.time) })
	for _, l := range all {
		if last.Sub(l.time) > begunBack {
			continue
		}
		for _, p := range Priorities() {
			if ref := (Ref{ID: l.id, Priority: p}); b.has(ref) {
				if err := b.markOne(ref, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// markOne marks the recipients of one transfer of whom nothing is known since.
func (b *Backlog) markOne(ref Ref, l begunLine) error {
	m, err := b.openMessage(ref)
	if err != nil {
		return nil // its turn tells
	}
	env := m.Envelope
	_ = m.Close() // it was only read
	var log []Record
	if _, logged := b.logs[ref]; logged {
		if log, _, err = b.readLog(ref); err != nil {
			return nil // likewise
		}
	}
	var open []int
	for i := range env.Recipients {
		n := env.Recipients[i].N
		told := slices.ContainsFunc(log, func(r Record) bool {
			return !r.Time.Before(l.time) && r.settles() && (len(r.Recipients) == 0 || slices.Contains(r.Recipients, n))
		})
		if !told && (len(l.recipients) == 0 || slices.Contains(l.recipients, n)) {
			open = append(open, n)
		}
	}
	if len(open) == 0 {
		return nil
	}
	b.logs[ref] = struct{}{}
	err = b.s.Append(ref, Record{Time: l.time, Kind: RecordOutcome, Outcome: OutcomeInDoubt, Recipients: open,
		Text: "the switch was killed while it was sent"})
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil // a full disk is to be emptied, which a switch that does not start cannot do
	}
	return err
}

// settles tells that a record is about what came of an attempt.
func (r *Record) settles() bool {
	return r.Kind == RecordOutcome || r.Kind == RecordChild || r.Kind == RecordDivert
}

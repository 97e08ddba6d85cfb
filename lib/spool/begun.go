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
)

// OutcomeInDoubt is the outcome of who may have got a message or not.
const OutcomeInDoubt = "in-doubt"

// outcomeDeferred is that of who has not got it and is tried again. All others are final.
const outcomeDeferred = "deferred"

// ErrCrowded says that the numbers of the recipients do not fit into a line.
var ErrCrowded = errors.New("too many recipients for a line")

// begun is the file of the transfers begun last, a ring of lines. It is written without a
// barrier: it is there after its writer was killed, and not for certain after a cut.
type begun struct {
	mu   sync.Mutex
	f    *os.File // nil: not opened yet
	from int      // the line that was the first of this holder
	next int      // line
	many bool     // the holder has written more lines than there are
	keep bool     // what the holder before has left is still to be marked
	line []byte
}

// Begin notes that a transfer of a message to some recipients is begun, for a start after
// this process was killed: what it has sent nobody else knows. An error means that it is
// not noted, and nothing else; ErrCrowded, that it is for the log.
func (s *Spool) Begin(t time.Time, ref Ref, recipients []int) error {
	if err := s.holding("begin"); err != nil {
		return err
	}
	if !slices.IsSorted(recipients) {
		recipients = slices.Sorted(slices.Values(recipients))
	}
	var log unix.Stat_t
	err := again(func() error { return unix.Stat(s.logPath(ref), &log) })
	if err != nil && err != unix.ENOENT {
		return fail("begin "+string(ref.ID), err)
	}
	b := &s.begun
	b.mu.Lock()
	defer b.mu.Unlock()
	var ok bool
	if b.line, ok = appendBegun(b.line[:0], begunLine{time: t, id: ref.ID, after: log.Size, recipients: recipients}); !ok {
		return fail("begin "+string(ref.ID), ErrCrowded)
	}
	if b.f == nil {
		if err := b.open(s.dir + "/" + begunName); err != nil {
			return fail("begin", err)
		}
	}
	if _, err := b.f.WriteAt(b.line, int64(b.next)*begunSize); err != nil {
		return fail("begin "+string(ref.ID), err)
	}
	b.next = (b.next + 1) % begunLines
	b.many = b.many || b.next == b.from
	return nil
}

// open makes the file ready for a new holder. All of it is there from the beginning, so
// that to write in it makes nothing of the file system anew.
func (b *begun) open(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	b.next = 0
	kept := 0
	if b.keep {
		st, err := f.Stat()
		if err != nil {
			return errors.Join(err, f.Close())
		}
		kept = int(min(st.Size()/begunSize, begunLines)) // a full disk may not have taken all
	}
	if kept < begunLines {
		err = blank(f, kept, begunLines)
	}
	if err == nil && kept > 0 {
		b.next, err = behindLast(f)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	b.f, b.from, b.many = f, b.next, false
	return nil
}

// behindLast is the line to be written next: the first that is empty, or the oldest.
func behindLast(f *os.File) (int, error) {
	data := make([]byte, begunSize*begunLines)
	if err := readAt(f, data, 0); err != nil {
		return 0, err
	}
	oldest, at := time.Time{}, 0
	for i := range begunLines {
		l, ok := parseBegun(data[i*begunSize:][:begunSize])
		if !ok {
			return i, nil
		}
		if i == 0 || l.time.Before(oldest) {
			oldest, at = l.time, i
		}
	}
	return at, nil
}

// blank empties lines.
func blank(f *os.File, from, to int) error {
	empty := bytes.Repeat([]byte(" "), begunSize*(to-from))
	for i := begunSize - 1; i < len(empty); i += begunSize {
		empty[i] = '\n'
	}
	_, err := f.WriteAt(empty, int64(from)*begunSize)
	return err
}

// forget empties what the holder before has left: all of it is in the logs.
func (b *begun) forget() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := b.keep
	b.keep = false
	switch {
	case !kept || b.f == nil || b.many:
		return nil
	case b.from <= b.next:
		return errors.Join(blank(b.f, 0, b.from), blank(b.f, b.next, begunLines))
	}
	return blank(b.f, b.next, b.from)
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

// begunLine is a transfer that was begun.
type begunLine struct {
	time       time.Time
	id         ID
	after      int64 // octets of the log of the message by then
	recipients []int // at least one, in ascending order
}

// appendBegun appends a line: milliseconds since 1970, the identifier, the octets of the
// log, and the numbers of the recipients as ranges. It is not ok if they do not fit.
func appendBegun(b []byte, l begunLine) (_ []byte, ok bool) {
	start := len(b)
	b = append(strconv.AppendInt(b, l.time.UnixMilli(), 10), ' ')
	b = append(append(b, l.id...), ' ')
	b = strconv.AppendInt(b, l.after, 10)
	for i := 0; i < len(l.recipients); {
		sep, j := byte(','), i+1
		if i == 0 {
			sep = ' '
		}
		for j < len(l.recipients) && l.recipients[j] == l.recipients[j-1]+1 {
			j++
		}
		b = strconv.AppendInt(append(b, sep), int64(l.recipients[i]), 10)
		if j > i+1 {
			b = strconv.AppendInt(append(b, '-'), int64(l.recipients[j-1]), 10)
		}
		if len(b)-start >= begunSize {
			return b[:start], false
		}
		i = j
	}
	for len(b)-start < begunSize-1 {
		b = append(b, ' ')
	}
	return append(b, '\n'), true
}

// maxNumber is the greatest number of a recipient, ub-recipients.
const maxNumber = 32767

// parseBegun reads a line; what is none, an empty one among them, is not ok.
func parseBegun(line []byte) (l begunLine, ok bool) {
	fields := strings.Fields(string(line))
	if len(fields) != 4 {
		return l, false
	}
	ms, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || !isID(fields[1]) {
		return l, false
	}
	l.time, l.id = time.UnixMilli(ms), ID(fields[1])
	if l.after, err = strconv.ParseInt(fields[2], 10, 64); err != nil || l.after < 0 {
		return l, false
	}
	above := 0
	for numbers := range strings.SplitSeq(fields[3], ",") {
		low, high, isRange := strings.Cut(numbers, "-")
		from, err := strconv.Atoi(low)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(high)
		}
		if err != nil || from <= above || to < from || to > maxNumber {
			return l, false
		}
		for ; from <= to; from++ {
			l.recipients = append(l.recipients, from)
		}
		above = to
	}
	return l, true
}

// readBegun reads which transfers the last holder had begun when it was killed: no log says
// what came of the last of them. They are marked when their messages are read.
func (b *Backlog) readBegun() error {
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
	b.begun = make(map[ID][]begunLine)
	for line := range bytes.SplitSeq(data[:min(len(data), begunSize*begunLines)], []byte("\n")) {
		l, ok := parseBegun(line)
		for _, p := range Priorities() {
			if ok && b.has(Ref{ID: l.id, Priority: p}) {
				b.begun[l.id] = append(b.begun[l.id], l)
				break
			}
		}
	}
	b.s.begun.mu.Lock()
	defer b.s.begun.mu.Unlock()
	b.s.begun.keep = true
	return nil
}

// marks returns records, to stand behind those of the log, for whom a message may have been
// sent to: a transfer was begun, and the log says nothing since of what came of it. They are
// written there as well, so that the next start knows; if they cannot be, unmarked says so,
// and the file of what was begun is kept: a full disk is to be emptied, which a switch that
// does not start cannot do.
func (b *Backlog) marks(ref Ref, env *Envelope) ([]Record, error) {
	var all []Record
	for _, l := range b.begun[ref.ID] {
		since, err := b.s.logSince(ref, l.after)
		if err != nil {
			return nil, err
		}
		since = append(since, all...)
		var open []int
		for i := range env.Recipients {
			n := env.Recipients[i].N
			_, sent := slices.BinarySearch(l.recipients, n)
			told := slices.ContainsFunc(since, func(r Record) bool {
				return r.settles() && (len(r.Recipients) == 0 || slices.Contains(r.Recipients, n))
			})
			if sent && !told {
				open = append(open, n)
			}
		}
		if len(open) > 0 {
			all = append(all, Record{Time: l.time, Kind: RecordOutcome, Outcome: OutcomeInDoubt, Recipients: open,
				Text: "the switch was killed while it was sent"})
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	b.logs[ref] = struct{}{}
	if err := b.s.Append(ref, all...); err != nil {
		b.unmarked = true
	}
	return all, nil
}

// settles tells that a record is about what came of an attempt.
func (r *Record) settles() bool {
	return r.Kind == RecordOutcome || r.Kind == RecordChild || r.Kind == RecordDivert
}

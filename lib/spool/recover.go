package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// Item is what Load found under one reference: a message with what its log
// remembers, or the reason why there is none.
type Item struct {
	Ref      Ref
	Envelope *Envelope
	Log      []Record
	Torn     int // pieces of the log that are no record
	// Damaged is why the disk did not give it, and it stays, for good with ErrMisplaced;
	// with ErrBad it is in bad/ now.
	Damaged error
	Removed bool // never finished by a writer who has died: it was removed
}

// Backlog is what lay in q/ when Recover listed it.
type Backlog struct {
	s      *Spool
	refs   []Ref            // urgent first, oldest first
	logs   map[Ref]struct{} // those of refs that have a log, and of messages in new/
	fresh  map[ID]struct{}  // in new/
	kin    map[string][]Ref // families with more than one member, by the time in their IDs
	again  bool             // all of it was looked at
	strays []Item           // what lies where its identifier does not lead, or twice
	astray map[ID]bool      // the messages among them that lie nowhere else
	verify bool             // the last holder did not let go in order
	proof  bool             // every content is compared with its digest, whoever let go how
	unread []Ref            // what the disk failed to give
	named  bool             // a record that names a child is not durable yet
	unmade bool             // a message is gone that was not whole: a partial may have been to become it

	begun    map[ID][]begunLine // transfers that the last holder had begun when it was killed
	unmarked bool               // not all of that could be written into the logs
}

// Recover brings the spool from any state that a cut may have left into one
// that mtaspool(5) lists, as far as that can be told from names, and lists q/.
// It begins with a syncfs: what is seen afterwards is durable. No other process
// may write in q/ and this one may not use the spool until it returns; then
// channels may start.
func (s *Spool) Recover() (*Backlog, error) { return s.recover(false) }

// RecoverVerified is Recover for a spool that may hold anything: every content is compared
// with its digest, whoever let go how, and nothing is taken for a file that was never
// accepted because it is not whole.
func (s *Spool) RecoverVerified() (*Backlog, error) { return s.recover(true) }

func (s *Spool) recover(proof bool) (*Backlog, error) {
	if err := s.holding("recover"); err != nil {
		return nil, err
	}
	if err := s.syncfs(); err != nil {
		return nil, fail("recover", err)
	}
	s.mu.Lock()
	verify := !s.lock.wasClean
	s.mu.Unlock()
	b := &Backlog{s: s, verify: verify, proof: proof, logs: make(map[Ref]struct{}), fresh: make(map[ID]struct{}), astray: make(map[ID]bool)}
	for _, step := range []func() error{s.sweepTmp, s.sweepPartial, b.list, b.joinLogs, b.readBegun, b.findKin, b.settleFresh} {
		if err := step(); err != nil {
			return nil, diag.WithHint(fail("recover", err),
				"while a part of the spool cannot be read nothing of it is moved: mtactl check tells what else is not as it should be")
		}
	}
	return b, nil
}

// Load is Recover, then Load of the Backlog.
func (s *Spool) Load(visit func(Item) error) error {
	b, err := s.Recover()
	if err != nil {
		return err
	}
	return b.Load(visit)
}

func (s *Spool) sweepTmp() error { return s.sweepTmpOf(func(ID) bool { return true }) }

// SweepTmp removes from tmp/ what was begun before t by writers who have died. A writer
// who has just begun, and has not locked the file yet, is not to be disturbed.
func (s *Spool) SweepTmp(t time.Time) error {
	if err := s.holding("sweep"); err != nil {
		return err
	}
	return fail("sweep", s.sweepTmpOf(func(id ID) bool { return id.Time().Before(t) }))
}

func (s *Spool) sweepTmpOf(old func(ID) bool) error {
	names, err := readNames(s.dir + "/tmp")
	if err != nil {
		return err
	}
	for _, name := range names {
		if !isID(name) || !old(ID(name)) {
			continue
		}
		err := s.sweep(s.tmpPath(ID(name)))
		if err != nil && !errors.Is(err, errAlive) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

var errAlive = errors.New("its writer is at work")

// sweep unlinks the file path unless a living writer has it locked. The lock is
// kept until the file is gone, so that a writer cannot begin in between.
func (s *Spool) sweep(path string) error {
	f, err := openRead(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if claim(f) != nil {
		return errAlive
	}
	return s.disk.Unlink(path)
}

// list reads the names in q/ and new/.
func (b *Backlog) list() error {
	fresh, err := readNames(b.s.dir + "/new")
	if err != nil {
		return err
	}
	for _, name := range fresh {
		if isID(name) {
			b.fresh[ID(name)] = struct{}{}
		}
	}
	last := ""
	err = b.s.eachName(func(p Priority, shard, name string) error {
		if path := b.s.dir + "/q/" + string(p) + "/" + shard; path != last {
			last = path
			b.s.isDurable(path)
		}
		id, isLog := strings.CutSuffix(name, ".log")
		switch ref := (Ref{ID: ID(id), Priority: p}); {
		case !isID(id):
		case ref.ID.shard() != shard:
			b.astray[ref.ID] = b.astray[ref.ID] || !isLog
			b.stray(ref, fmt.Errorf("%s: its identifier does not lead there", b.s.dir+"/q/"+string(p)+"/"+shard+"/"+name))
		case isLog:
			b.logs[ref] = struct{}{}
		default:
			b.refs = append(b.refs, ref)
		}
		return nil
	})
	slices.SortFunc(b.refs, Ref.Compare)
	return err
}

// ErrMisplaced says that a file lies where its identifier does not lead, or twice. It stays
// there, and nobody is going to work on it.
var ErrMisplaced = errors.New("misplaced")

func (b *Backlog) stray(ref Ref, why error) {
	b.strays = append(b.strays, Item{Ref: ref, Damaged: diag.E("spool", diag.Data, fmt.Errorf("%w: %w", ErrMisplaced, why))})
}

// eachName calls visit for every name in q/P/XX/.
func (s *Spool) eachName(visit func(p Priority, shard, name string) error) error {
	for _, p := range Priorities() {
		top := s.dir + "/q/" + string(p)
		shards, err := readNames(top)
		if err != nil {
			return err
		}
		for _, shard := range shards {
			if !isShard(shard) {
				continue
			}
			names, err := readNames(top + "/" + shard)
			if err != nil {
				return err
			}
			for _, name := range names {
				if err := visit(p, shard, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func isShard(name string) bool {
	return len(name) == 2 && strings.IndexByte(alphabet, name[0]) >= 0 && strings.IndexByte(alphabet, name[1]) >= 0
}

// has says whether q/ had the reference.
func (b *Backlog) has(ref Ref) bool {
	_, found := slices.BinarySearchFunc(b.refs, ref, Ref.Compare)
	return found
}

// joinLogs puts a log that lies apart from its message beside it, and removes
// the logs of messages that are gone.
func (b *Backlog) joinLogs() error {
	for ref := range b.logs {
		to, there := b.home(ref)
		if there && to == ref {
			continue
		}
		delete(b.logs, ref)
		if !there && b.astray[ref.ID] {
			continue // somebody may put the message back beside it
		}
		b.s.changed(nil, []string{b.s.shardPath(ref), b.s.shardPath(to)})
		if !there {
			if err := b.s.disk.Unlink(b.s.logPath(ref)); err != nil {
				return err
			}
			continue
		}
		if err := b.joinLog(ref, to); err != nil {
			return err
		}
		b.logs[to] = struct{}{}
	}
	return nil
}

// home returns where the message of a log lies; for one in new/, an adoption
// that a cut took back, where it is going to lie.
func (b *Backlog) home(ref Ref) (Ref, bool) {
	if b.has(ref) {
		return ref, true
	}
	for _, p := range Priorities() {
		if to := (Ref{ID: ref.ID, Priority: p}); b.has(to) {
			return to, true
		}
	}
	if _, waiting := b.fresh[ref.ID]; !waiting {
		return ref, false
	}
	m, err := b.s.OpenNew(ref.ID)
	if err != nil {
		return ref, true // Adopt deals with it
	}
	defer m.Close()
	return Ref{ID: ref.ID, Priority: m.Envelope.Priority}, true
}

// joinLog puts the log of ref behind that of to; records bring their newlines
// along, so that logs can be joined as they are.
func (b *Backlog) joinLog(ref, to Ref) error {
	if err := b.s.keepShard(to); err != nil {
		return err
	}
	if _, both := b.logs[to]; !both {
		return b.s.disk.Rename(b.s.logPath(ref), b.s.logPath(to))
	}
	data, err := os.ReadFile(b.s.logPath(ref))
	if err != nil {
		return err
	}
	if err := b.s.appendLog(to, data); err != nil {
		return err
	}
	if err := b.s.syncfs(); err != nil {
		return err
	}
	return b.s.disk.Unlink(b.s.logPath(ref))
}

// Crashed tells that the last holder did not let go in order: what is there may have
// been written without anybody having told of it.
func (b *Backlog) Crashed() bool { return b.verify }

// Len returns how many files are going to be looked at.
func (b *Backlog) Len() int { return len(b.refs) }

// Load visits every message, urgent first, in each priority oldest first, and
// stops at the first error of visit, or at ErrBarrier. What was never accepted is
// removed, what is damaged goes to bad/. Meanwhile channels may write and the holder
// may work on what has been visited; a file that a channel tells of may be visited
// too, so the visitor knows messages by their ID. A child whose parent does not name
// it is named, durably, before either is visited.
//
// What lies where its identifier does not lead, or is there twice, is visited as Damaged
// and stays: mtactl check names it. What the disk does not give now is visited as Damaged,
// and the next Load tries that, and only that, again.
func (b *Backlog) Load(visit func(Item) error) error {
	refs := b.refs
	if b.again {
		refs = b.unread
	}
	b.again, b.unread = true, nil
	for i, item := range b.strays {
		if err := visit(item); err != nil {
			b.strays = b.strays[i:]
			return err
		}
	}
	b.strays = nil
	next := b.readAhead(refs)
	defer func() { next.done.Wait() }()
	for at := 0; at < len(refs); {
		now := next
		now.done.Wait()
		next = b.readAhead(refs[at+len(now.refs):])
		for i, ref := range now.refs {
			var err error
			item := &Item{Ref: ref, Envelope: now.envelopes[i]}
			if item.Envelope == nil {
				item, err = b.read(ref)
			}
			if err == nil && item != nil {
				err = visit(*item)
			}
			if err != nil {
				b.unread = append(b.unread, refs[at+i:]...)
				return err
			}
		}
		at += len(now.refs)
	}
	b.unmade = b.unmade && b.s.sweepPartial() != nil
	if len(b.unread) > 0 || b.unmarked || b.unmade || b.s.begun.forget() != nil {
		return nil // the next holder has to look at everything again
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	if b.s.lock != nil {
		b.s.lock.wasClean = true
	}
	return nil
}

// Unread returns how many files another Load would try.
func (b *Backlog) Unread() int { return len(b.unread) }

// read makes the item of one file, or none if there is nothing to visit.
func (b *Backlog) read(ref Ref) (*Item, error) {
	later := func(err error) (*Item, error) {
		b.unread = append(b.unread, ref)
		return &Item{Ref: ref, Damaged: err}, nil
	}
	if err := b.nameChildren(ref); errors.Is(err, ErrBarrier) {
		return nil, err
	} else if err != nil {
		return later(err) // none of the family may be worked on before that is settled
	}
	m, err := b.openMessage(ref)
	if err == nil && (b.verify || b.proof) {
		if err = m.VerifyContent(); err != nil {
			_ = m.Close() // it was only read
		}
	}
	_, hasLog := b.logs[ref]
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, ErrIncomplete) && !hasLog && b.s.writing(ref):
		// Its writer will tell; or it is about to die, and the kernel has let go of the
		// spool's lock first.
		b.unread = append(b.unread, ref)
		return nil, nil
	case errors.Is(err, ErrIncomplete) && !hasLog && b.verify && !b.proof:
		swept, err := b.s.sweepIncomplete(ref)
		if err != nil {
			return later(fail("recover "+ref.String(), err))
		}
		if !swept {
			return nil, nil // who has made it anew will tell
		}
		b.s.changed(nil, []string{b.s.shardPath(ref)})
		b.unmade = true
		return &Item{Ref: ref, Removed: true}, nil
	case errors.Is(err, ErrIncomplete), errors.Is(err, ErrDamaged):
		// A holder who let go in order left nothing unfinished; and what is repaired may have
		// been put there by somebody who did not get to the end.
		err = b.s.toBad(ref, err)
		if !errors.Is(err, ErrBad) {
			return later(err)
		}
		b.unmade = true
		return &Item{Ref: ref, Damaged: err}, nil
	default:
		return later(err)
	}
	defer func() { _ = m.Close() }() // it was only read
	item := &Item{Ref: ref, Envelope: m.Envelope}
	if hasLog {
		if item.Log, item.Torn, err = b.readLog(ref); err != nil {
			return later(err) // without its memory it would be sent to everybody again
		}
	}
	marks, err := b.marks(ref, m.Envelope)
	if err != nil {
		return later(err)
	}
	item.Log = append(item.Log, marks...)
	return item, nil
}

// openMessage is OpenMessage and readLog is ReadLog; what a holder left that did not let
// go in order, and what is to be verified, is read from the disk and not from the memory of the machine, which may
// have what the disk refused.
func (b *Backlog) openMessage(ref Ref) (*Message, error) {
	return b.s.openMessage(ref, b.verify || b.proof)
}

func (b *Backlog) readLog(ref Ref) ([]Record, int, error) {
	return b.s.readLog(ref, b.verify || b.proof)
}

// sweepIncomplete removes a file that was not whole, unless it is one now, or is being
// made one: the lock is had before it is judged, and kept until it is gone.
func (s *Spool) sweepIncomplete(ref Ref) (swept bool, err error) {
	f, err := openRead(s.path(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if claim(f) != nil {
		return false, nil
	}
	if _, err := newMessage(f, ref); err == nil {
		return false, nil
	} else if !errors.Is(err, ErrIncomplete) {
		return false, err
	}
	err = s.disk.Unlink(s.path(ref))
	return err == nil, err
}

// writing tells whether somebody is about to finish a file that was not whole, or has
// done so meanwhile.
func (s *Spool) writing(ref Ref) bool {
	f, err := openRead(s.path(ref))
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	if alive(f) {
		return true
	}
	_, err = newMessage(f, ref)
	return err == nil
}

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
)

// PartialKind tells what a record in the log of a partial is about.
type PartialKind string

// The kinds of records.
const (
	PartialActivity PartialKind = "activity" // a name under which the transfer may be resumed
	PartialSecured  PartialKind = "secured"  // a checkpoint
	PartialMessage  PartialKind = "message"  // what the object becomes, if it is accepted
	PartialAccepted PartialKind = "accepted" // it has been: the octets are not needed any more
)

// PartialRecord is one entry of the log of a partial: partial/ID.log. The connection
// and the activity are as X.225 §8.3.30 names them, every reference with its encoding.
type PartialRecord struct {
	Time time.Time   `json:"t"`
	Kind PartialKind `json:"kind"`

	Channel    string `json:"channel,omitempty"`
	Peer       string `json:"peer,omitempty"`
	Host       string `json:"host,omitempty"` // it called from
	Calling    []byte `json:"calling,omitempty"`
	Common     []byte `json:"common,omitempty"`
	Additional []byte `json:"additional,omitempty"`
	Activity   []byte `json:"activity,omitempty"`

	Serial int64  `json:"serial,omitempty"`
	Octets int64  `json:"octets,omitempty"` // that came before the checkpoint
	Digest string `json:"sha256,omitempty"` // of them, 64 hex digits

	Message ID `json:"message,omitempty"`
}

// Partial is what has come of a transfer that is under way or has been interrupted:
// partial/ID, the octets, and partial/ID.log. Whoever has it open has it locked.
type Partial struct {
	s    *Spool
	id   ID
	data durable.File
	log  durable.File

	retired bool // data is closed, and its name removed
}

func (s *Spool) partialPath(id ID) string { return s.dir + "/partial/" + string(id) }

// CreatePartial makes an empty partial with one record.
func (s *Spool) CreatePartial(id ID, r PartialRecord) (*Partial, error) {
	if _, err := ParseID(string(id)); err != nil {
		return nil, err
	}
	if err := s.working("create partial"); err != nil {
		return nil, err
	}
	data, err := s.disk.Create(s.partialPath(id))
	if err != nil {
		return nil, fail("create partial/"+string(id), err)
	}
	return s.openPartial(id, data, r)
}

// openPartial takes the lock, and opens the log for a first record.
func (s *Spool) openPartial(id ID, data durable.File, r PartialRecord) (*Partial, error) {
	p := &Partial{s: s, id: id, data: data}
	err := own(data.FD())
	if err == nil {
		p.log, err = s.disk.AppendTo(s.partialPath(id) + ".log")
	}
	if err == nil {
		err = p.Append(r)
	}
	if err != nil {
		return nil, errors.Join(fail("partial/"+string(id), err), p.Remove())
	}
	return p, nil
}

// ReadPartial returns the records of a partial.
func (s *Spool) ReadPartial(id ID) ([]PartialRecord, error) {
	if _, err := ParseID(string(id)); err != nil {
		return nil, err
	}
	f, err := openRead(s.partialPath(id) + ".log")
	if err != nil {
		return nil, fail("partial/"+string(id), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLog))
	if err != nil {
		return nil, fail("partial/"+string(id), err)
	}
	records, _ := parseLog[PartialRecord](data)
	return records, nil
}

// ResumePartial takes over a partial up to octets, with one more record: what was
// there beyond is removed. It returns the octets to be read as well, to be closed by
// the caller. Kind Unavailable says that somebody else has it open.
func (s *Spool) ResumePartial(id ID, octets int64, r PartialRecord) (*Partial, *os.File, error) {
	op := "resume partial/" + string(id)
	if _, err := ParseID(string(id)); err != nil {
		return nil, nil, err
	}
	past, err := openRead(s.partialPath(id))
	if err != nil {
		return nil, nil, fail(op, err)
	}
	data, err := s.disk.AppendTo(s.partialPath(id))
	if err == nil {
		if err = s.shorten(past, data, id, octets); err != nil {
			data.Close()
		}
	}
	if err != nil {
		past.Close()
		return nil, nil, fail(op, err)
	}
	p, err := s.openPartial(id, data, r)
	if err != nil {
		past.Close()
		return nil, nil, err
	}
	return p, past, nil
}

// shorten locks the octets and removes those beyond what was secured.
func (s *Spool) shorten(past *os.File, data durable.File, id ID, octets int64) error {
	if flock(data.FD(), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return diag.New("", diag.Unavailable, "somebody has it open")
	}
	st, err := past.Stat()
	if err != nil {
		return err
	}
	if st.Size() < octets {
		return diag.New("", diag.Data, fmt.Sprintf("%d octets where %d were secured", st.Size(), octets))
	}
	return s.disk.Truncate(s.partialPath(id), octets)
}

// ID returns the identifier.
func (p *Partial) ID() ID { return p.id }

// Write appends octets.
func (p *Partial) Write(b []byte) (int, error) {
	n, err := p.data.Write(b)
	return n, fail("write partial/"+string(p.id), err)
}

// Append appends records to the log, with one write.
func (p *Partial) Append(records ...PartialRecord) error {
	var b []byte
	var err error
	for i := range records {
		if b, err = appendRecord(b, &records[i]); err != nil {
			return diag.E("spool: partial/"+string(p.id), diag.Internal, err)
		}
	}
	_, err = p.log.Write(b)
	return fail("log partial/"+string(p.id), err)
}

// Close lets go of the partial; it stays.
func (p *Partial) Close() error {
	err := p.data.Close()
	if p.log != nil {
		err = errors.Join(err, p.log.Close())
	}
	return fail("close partial/"+string(p.id), err)
}

// Retire removes the octets of a partial; the log stays, and open. Nobody is kept from it
// any more.
func (p *Partial) Retire() error {
	p.retired = true
	return errors.Join(p.s.retire(p.id), fail("close partial/"+string(p.id), p.data.Close()))
}

// Accept is AcceptPartial of one that is open, and closes it.
func (p *Partial) Accept(r PartialRecord) error {
	r.Kind = PartialAccepted
	var err error
	if !p.retired {
		err = p.Retire()
	}
	return errors.Join(err, p.Append(r), p.Close())
}

func (s *Spool) retire(id ID) error {
	if err := s.disk.Unlink(s.partialPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail("retire partial/"+string(id), err)
	}
	return nil
}

// NotePartial appends records to the log of a partial. The caller has it open, or is
// about to have nobody open it again.
func (s *Spool) NotePartial(id ID, records ...PartialRecord) error {
	if _, err := ParseID(string(id)); err != nil {
		return err
	}
	log, err := s.disk.AppendTo(s.partialPath(id) + ".log")
	if err != nil {
		return fail("log partial/"+string(id), err)
	}
	p := Partial{s: s, id: id, log: log}
	return errors.Join(p.Append(records...), fail("close partial/"+string(id), log.Close()))
}

// AcceptPartial notes that the object of a partial is durable as a message: the octets go,
// which makes room on a full disk, and the log says so from now on. None of it waits for the
// disk: what a cut takes of it leads to an object that comes twice, and never to one that is
// missed.
func (s *Spool) AcceptPartial(id ID, r PartialRecord) error {
	r.Kind = PartialAccepted
	return errors.Join(s.retire(id), s.NotePartial(id, r))
}

// settlePartial finds out what became of a partial that whoever wrote it has left: its
// object has been accepted if the message it was to become is there, whole. What is gone
// may have been accepted, and is not known to be.
func (s *Spool) settlePartial(id ID) error {
	records, err := s.ReadPartial(id)
	if err != nil {
		return nil // there is nothing to be settled
	}
	accepted := false
	for _, r := range records {
		switch r.Kind {
		case PartialMessage:
			accepted = accepted || s.isWhole(r.Message)
		case PartialAccepted:
			return nil
		}
	}
	if !accepted {
		return nil
	}
	if data, err := openRead(s.partialPath(id)); err == nil {
		defer data.Close()
		if claim(data) != nil {
			return nil // whoever has it open knows better
		}
	}
	return s.AcceptPartial(id, PartialRecord{Time: records[len(records)-1].Time})
}

func (s *Spool) exists(id ID) bool {
	refs, err := s.Find(string(id))
	return err == nil && len(refs) > 0
}

// isWhole tells whether a message is there, whole, and durably so: whoever wrote it may
// have died before any barrier. One that is damaged is not, and what counts is what the
// disk has, not the memory of the machine.
func (s *Spool) isWhole(id ID) bool {
	if _, err := ParseID(string(id)); err != nil {
		return false
	}
	refs, err := s.Find(string(id))
	if err != nil || len(refs) == 0 {
		return false
	}
	for _, path := range []string{s.path(refs[0]), parentDir(s.path(refs[0])), parentDir(parentDir(s.path(refs[0])))} {
		if s.disk.Sync(path) != nil {
			return false
		}
	}
	m, err := s.openMessage(refs[0], true)
	if err != nil {
		return false
	}
	defer m.Close()
	// Its writer would be waiting to hear that it is durable.
	return claim(m.f) == nil && m.VerifyContent() == nil
}

// Remove removes the partial, and closes it.
func (p *Partial) Remove() error {
	return errors.Join(p.s.removePartial(p.id), p.Close())
}

// removePartial removes the octets last, as it is they that have the lock.
func (s *Spool) removePartial(id ID) error {
	var errs []error
	for _, path := range []string{s.partialPath(id) + ".log", s.partialPath(id)} {
		if err := s.disk.Unlink(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fail("remove partial/"+string(id), err))
		}
	}
	return errors.Join(errs...)
}

// RemovePartial removes a partial, unless somebody has it open.
func (s *Spool) RemovePartial(id ID) error {
	if _, err := ParseID(string(id)); err != nil {
		return err
	}
	f, err := openRead(s.partialPath(id))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err = s.disk.Unlink(s.partialPath(id) + ".log"); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return fail("remove partial/"+string(id), err)
	case err != nil:
		return fail("remove partial/"+string(id), err)
	}
	defer f.Close()
	if claim(f) != nil {
		return diag.New("spool: remove partial/"+string(id), diag.Unavailable, "somebody has it open")
	}
	return s.removePartial(id)
}

// Partials lists what lies in partial/, with the octets each has.
func (s *Spool) Partials() (map[ID]int64, error) {
	names, err := readNames(s.dir + "/partial")
	if err != nil {
		return nil, fail("partials", err)
	}
	all := make(map[ID]int64)
	for _, name := range names {
		id, _ := strings.CutSuffix(name, ".log")
		if !isID(id) {
			continue
		}
		st, err := os.Stat(s.dir + "/partial/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fail("partials", err)
		}
		all[ID(id)] += st.Size()
	}
	return all, nil
}

// sweepPartial clears what writers who have died have left.
func (s *Spool) sweepPartial() error {
	all, err := s.Partials()
	if err != nil {
		return err
	}
	for id := range all {
		err := s.ClearPartial(id)
		// A full disk is to be emptied, which a switch that does not start cannot do; what
		// could not be noted can be found out again.
		if err != nil && diag.KindOf(err) != diag.Unavailable && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
			return err
		}
	}
	return nil
}

// ClearPartial settles a partial that whoever wrote it has left, and removes one that says
// nothing: octets without a log, and a log without octets or without a checkpoint, unless
// the object was accepted. Kind Unavailable says that somebody has it open.
func (s *Spool) ClearPartial(id ID) error {
	if err := s.settlePartial(id); err != nil {
		return err
	}
	if s.partialFault(id) == "" {
		return nil
	}
	return s.RemovePartial(id)
}

// partialFault says what is wrong with a partial, "" if nothing.
func (s *Spool) partialFault(id ID) string {
	records, err := s.ReadPartial(id)
	if err != nil {
		return "no log"
	}
	octets := int64(-1)
	if st, err := os.Stat(s.partialPath(id)); err == nil {
		octets = st.Size()
	}
	named, secured, accepted, becomes := false, false, false, false
	for _, r := range records {
		becomes = becomes || r.Kind == PartialMessage && s.exists(r.Message)
		named = named || r.Kind == PartialActivity
		secured = secured || r.Kind == PartialSecured && r.Octets <= octets
		accepted = accepted || r.Kind == PartialAccepted
	}
	switch {
	case !named:
		return "no activity is named"
	case accepted, octets < 0 && becomes:
		return ""
	case octets < 0:
		return "no octets"
	case !secured:
		return "no checkpoint is secured"
	}
	return ""
}

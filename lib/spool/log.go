package spool

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// RecordKind tells what a record of a log is about. Readers ignore kinds they
// do not know.
type RecordKind string

// The kinds of records.
const (
	RecordOutcome  RecordKind = "outcome" // of an attempt, for some recipients
	RecordChild    RecordKind = "child"   // a durable child stands for the recipients
	RecordHold     RecordKind = "hold"
	RecordRelease  RecordKind = "release"
	RecordRetry    RecordKind = "retry"    // somebody wished it tried now
	RecordDivert   RecordKind = "diverted" // given up; the alternate its originator requested is next
	RecordTransfer RecordKind = "transfer" // how far one got; without Transfer: nothing is to be resumed
)

// Record is one entry of a message's log.
type Record struct {
	Time       time.Time  `json:"t"`
	Kind       RecordKind `json:"kind"`
	Recipients []int      `json:"recipients,omitempty"` // none: all
	Outcome    string     `json:"outcome,omitempty"`
	Reason     int        `json:"reason,omitempty"`     // X.411 non-delivery reason
	Diagnostic int        `json:"diagnostic,omitempty"` // NoDiagnostic for none
	Text       string     `json:"text,omitempty"`
	Channel    string     `json:"channel,omitempty"`
	Peer       string     `json:"peer,omitempty"`
	Attempt    int        `json:"attempt,omitempty"` // from 1
	Until      time.Time  `json:"until,omitzero"`    // not before
	Child      ID         `json:"child,omitempty"`
	Step       string     `json:"step,omitempty"`
	Who        string     `json:"who,omitempty"`
	Transfer   *Transfer  `json:"transfer,omitempty"`
}

// Transfer says where the transfer of an object was interrupted and may be resumed: the
// session connection and the activity (X.225 §8.3.30), every reference with its
// encoding, and the last checkpoint confirmed.
type Transfer struct {
	Called     []byte `json:"called,omitempty"`
	Calling    []byte `json:"calling,omitempty"`
	Common     []byte `json:"common,omitempty"`
	Additional []byte `json:"additional,omitempty"`
	Activity   []byte `json:"activity"`
	Serial     int64  `json:"serial"`
	Octets     int64  `json:"octets"`           // of the activity, before that checkpoint
	Ended      bool   `json:"ended,omitempty"`  // its end was sent
	Header     []byte `json:"header,omitempty"` // what is in front of the object in the activity
	Size       int64  `json:"size"`             // octets of the object
	Digest     string `json:"sha256"`           // of what is in front of its content, 64 hex digits
	Tries      int    `json:"tries,omitempty"`  // from there in vain
}

// ChildRecord is the record that names child in the log of its parent. It is
// appended after a barrier has made the child durable; after another barrier
// the child is eligible.
func ChildRecord(child *Envelope, t time.Time) Record {
	return Record{Time: t, Kind: RecordChild, Recipients: child.ParentRecipients, Child: child.ID, Step: child.Step}
}

const (
	// maxRecord bounds one record in octets.
	maxRecord = 1 << 20
	// maxLog bounds what is read of a log in octets.
	maxLog = 1 << 30
)

// crcSize is the width of the checksum and the space behind it.
const crcSize = 8 + 1

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// appendRecord appends the octets of one record to b.
func appendRecord(b []byte, r any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return b, err
	}
	text := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(text) > maxRecord {
		return b, fmt.Errorf("record of %d octets exceeds %d", len(text), maxRecord)
	}
	// One newline ends what a cut may have left of the record before, the other
	// keeps what a cut leaves of the next from being read as part of this one.
	b = fmt.Appendf(b, "\n%08x ", castagnoli(text))
	return append(append(b, text...), '\n'), nil
}

// parseLog reads the records of a log and counts the pieces that are none. The
// records that are whole are those whose checksum is right, wherever they are.
func parseLog[T any](data []byte) (records []T, torn int) {
	for piece := range bytes.SplitSeq(data, []byte("\n")) {
		if len(piece) == 0 {
			continue // before the first record, or all that a cut left of one
		}
		if r, ok := parseRecord[T](piece); ok {
			records = append(records, r)
		} else {
			torn++
		}
	}
	return records, torn
}

func parseRecord[T any](b []byte) (r T, ok bool) {
	if len(b) < crcSize || b[crcSize-1] != ' ' || !lowerHex(b[:crcSize-1]) {
		return r, false
	}
	var sum [4]byte
	hex.Decode(sum[:], b[:crcSize-1])
	text := b[crcSize:]
	want := uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
	if castagnoli(text) != want || json.Unmarshal(text, &r) != nil {
		return *new(T), false
	}
	return r, true
}

// ReadLog reads the log of a message: the records, and how many pieces of it
// are torn. A message without a log gives none of either.
func (s *Spool) ReadLog(ref Ref) (records []Record, torn int, err error) {
	return s.readLog(ref, false)
}

func (s *Spool) readLog(ref Ref, fromDisk bool) (records []Record, torn int, err error) {
	if err := ref.valid(); err != nil {
		return nil, 0, err
	}
	f, err := openRead(s.logPath(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fail("log "+ref.String(), err)
	}
	defer f.Close()
	if fromDisk {
		forget(f)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, fail("log "+ref.String(), err)
	}
	if st.Size() > maxLog {
		return nil, 0, diag.New("spool: log "+ref.String(), diag.Data,
			fmt.Sprintf("%d octets exceed %d", st.Size(), maxLog))
	}
	data := make([]byte, st.Size())
	if err := readAt(f, data, 0); err != nil {
		return nil, 0, fail("log "+ref.String(), err)
	}
	records, torn = parseLog[Record](data)
	return records, torn, nil
}

// logSince returns the records of a log behind its first octets.
func (s *Spool) logSince(ref Ref, after int64) ([]Record, error) {
	f, err := openRead(s.logPath(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail("log "+ref.String(), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, after, maxLog))
	if err != nil {
		return nil, fail("log "+ref.String(), err)
	}
	records, _ := parseLog[Record](data)
	return records, nil
}

// Append adds records to the log of a message, with one write. They are durable
// after the next Barrier. After an error some of them may be there.
func (s *Spool) Append(ref Ref, records ...Record) error {
	op := "log " + ref.String()
	if err := s.holding(op); err != nil {
		return err
	}
	if err := ref.valid(); err != nil {
		return err
	}
	if len(records) == 0 {
		return nil
	}
	var b []byte
	var err error
	for i := range records {
		if b, err = appendRecord(b, &records[i]); err != nil {
			return diag.E("spool: "+op, diag.Internal, err)
		}
	}
	if err := s.appendLog(ref, b); err != nil {
		return fail(op, err)
	}
	s.changed([]string{s.logPath(ref)}, []string{s.shardPath(ref)})
	return nil
}

func (s *Spool) appendLog(ref Ref, b []byte) error {
	f, err := s.disk.AppendTo(s.logPath(ref))
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.makeShard(ref); err == nil {
			f, err = s.disk.AppendTo(s.logPath(ref))
		}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// Package audit holds the records of what happened, and reads and writes the
// event log: one JSON object a line, one file a day (UTC), named YYYY-MM-DD.jsonl.
//
// The event log is for people and their tools; the spool does not depend on it.
// Whoever has the lock of the spool is its only writer: mtarun, or a tool while mtarun is
// down. The record of an accepted message is written before the barrier that makes the
// message durable begins, and synced before anybody hears of its end, so that nobody who
// was told yes misses it. A message found without anybody having been told, because
// mtarun or a channel was killed in between, is recorded as Recovered. Readers ignore
// members and events they do not know.
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/spool"
)

// The events. Every record of a message carries its spool id and MTS identifier.
const (
	Submitted          = "submitted"           // accepted from a user or program
	TransferIn         = "transfer-in"         // accepted from a peer MTA
	Reported           = "report"              // an audited report has come back: Report says what it says
	Child              = "child"               // made here from another message: Parent, Step
	Expanded           = "expanded"            // a list, into Child; or there was no member left
	Redirected         = "redirected"          // to another recipient, as Child
	Moved              = "moved"               // goes on as Child, or ends here for the reason given
	TransferOut        = "transfer-out"        // responsibility passed to a peer
	Delivered          = "delivered"           // delivered here
	Deferred           = "deferred"            // an attempt failed and will be repeated
	Failed             = "failed"              // given up: Reason, Diagnostic
	Refused            = "refused"             // by policy, as it came
	Held               = "held"                // by an operator or by policy
	Released           = "released"            // by an operator
	Retried            = "retried"             // by an operator
	Ordered            = "ordered"             // by an operator, for when the transfer in progress ends
	Diverted           = "diverted"            // given up, Reason and Diagnostic; its alternate is next
	Rerouted           = "rerouted"            // a reload gave it another way
	Late               = "late"                // it has waited for longer than it should
	Minimized          = "minimized"           // an operator limits traffic by priority, or no more
	Disabled           = "disabled"            // a channel or peer, by an operator
	Enabled            = "enabled"             // again
	Delayed            = "delayed"             // a peer, or those of a channel, by an operator
	Deleted            = "deleted"             // by an operator, without report
	Cancelled          = "cancelled"           // deferred delivery, before its time: without report
	Removed            = "removed"             // every recipient final, every report on its way
	Damaged            = "damaged"             // moved to bad/
	Recovered          = "recovered"           // found after a crash, before anything was tried; how it came may not be recorded
	Unconfirmed        = "unconfirmed"         // accepted, and the peer may not have heard: it may come again
	Repeated           = "repeated"            // had been accepted before: confirmed, and not taken again
	AssociationUp      = "association-up"      // bound
	AssociationDown    = "association-down"    // ended
	AssociationRefused = "association-refused" // by us or by the peer
	PeerDown           = "peer-down"           // attempts to it are put off
	PeerUp             = "peer-up"             // it answers again
	Started            = "started"             // mtarun
	Stopped            = "stopped"             // mtarun
	Reloaded           = "reloaded"            // configuration
	Poisoned           = "poisoned"            // a barrier failed
	ChannelDown        = "channel-down"        // a channel process ended
	Confined           = "confined"            // a channel process, as Text says
	LimitMoved         = "limit-moved"         // by the self-test
)

// Record is one event. Which members are set depends on Event.
type Record struct {
	Time       time.Time       `json:"time"`
	Event      string          `json:"event"`
	MTA        string          `json:"mta,omitempty"`
	ID         string          `json:"id,omitempty"`    // spool id
	MTSID      string          `json:"mtsid,omitempty"` // MTS identifier
	Kind       string          `json:"kind,omitempty"`  // message, probe, report
	Parent     string          `json:"parent,omitempty"`
	Step       string          `json:"step,omitempty"`
	Child      string          `json:"child,omitempty"` // spool id of what it goes on as
	Priority   string          `json:"priority,omitempty"`
	Originator string          `json:"originator,omitempty"`
	ContentID  string          `json:"contentId,omitempty"`
	Subject    string          `json:"subject,omitempty"` // of a report: the MTS identifier it is about
	Type       string          `json:"contentType,omitempty"`
	Size       int64           `json:"size,omitempty"`
	ProbeSize  int64           `json:"probeSize,omitempty"`  // of a probe: the content length it asks about
	N          []int           `json:"n,omitempty"`          // recipient numbers
	Recipients []string        `json:"recipients,omitempty"` // their addresses, in the order of N
	Rules      []string        `json:"rules,omitempty"`      // by which policy has decided about them, in the order of N
	Hops       []spool.Hop     `json:"hops,omitempty"`       // where they may go, each once
	Channel    string          `json:"channel,omitempty"`
	Peer       string          `json:"peer,omitempty"`
	Assoc      uint64          `json:"assoc,omitempty"`
	Attempt    int             `json:"attempt,omitempty"` // of a peer or channel: failures in a row
	Again      bool            `json:"again,omitempty"`   // was sent it before, without an answer: may have it twice
	Layer      string          `json:"layer,omitempty"`
	Reason     *int            `json:"reason,omitempty"`     // X.411 reason code
	Diagnostic *int            `json:"diagnostic,omitempty"` // X.411 diagnostic code
	Until      time.Time       `json:"until,omitzero"`
	Who        string          `json:"who,omitempty"`
	Text       string          `json:"text,omitempty"`
	Report     json.RawMessage `json:"report,omitempty"` // of Reported: as mtactl report --json prints it
}

// Log appends records to the event log below a directory. It is not safe for
// concurrent use: its one writer is who has the lock of the spool.
type Log struct {
	dir     string
	mta     string
	day     string
	file    *os.File
	buf     bytes.Buffer
	covered func(*os.File) bool
	past    []*os.File // of earlier days, to be synced and closed
	written bool       // to file, and not given to be synced
	named   bool       // file has a name that was not given to be synced
}

// Open opens the event log of an MTA for appending; the directory is made. What is
// written to a file that is covered somebody else makes durable.
func Open(dir, mta string, covered func(*os.File) bool) (*Log, error) {
	if err := durable.MkdirAll(dir, 0o750); err != nil {
		return nil, diag.E("event log", diag.CantCreate, err)
	}
	return &Log{dir: dir, mta: mta, covered: covered}, nil
}

// maxText bounds the text of a record in octets, so that the line is read: what is in it may come
// from somebody outside, who has filled certificates with names.
const maxText = maxRecord / 16

// Append queues a record, of whose text no more than fits; Flush writes what is queued.
func (l *Log) Append(r Record) error {
	var refused error // of what was queued before: this is queued all the same
	if day := r.Time.UTC().Format(time.DateOnly); day != l.day {
		if refused = l.turn(day); day != l.day {
			return refused
		}
	}
	r.MTA = l.mta
	r.Time = r.Time.UTC()
	if len(r.Text) > maxText {
		end := maxText
		for end > maxText-utf8.UTFMax && !utf8.RuneStart(r.Text[end]) {
			end--
		}
		r.Text = r.Text[:end]
	}
	if err := json.NewEncoder(&l.buf).Encode(r); err != nil {
		return diag.E("event log", diag.Internal, err)
	}
	return refused
}

// turn goes to another day's file.
func (l *Log) turn(day string) error {
	err := l.Flush()
	l.buf.Reset() // what is left does not fit into another file
	return errors.Join(err, l.open(day))
}

// open goes to the file of a day. A torn line at its end, left by a cut, is closed by a
// newline so that it cannot swallow the next record. If there is an error, the file stays.
func (l *Log) open(day string) error {
	f, err := os.OpenFile(filepath.Join(l.dir, day+suffix), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return diag.E("event log", diag.CantCreate, err)
	}
	if l.file != nil {
		l.past = append(l.past, l.file)
	}
	l.file, l.day, l.written = f, day, false
	last := make([]byte, 1)
	end, err := f.Seek(0, io.SeekEnd)
	l.named = l.named || err != nil || end == 0
	if err == nil && end > 0 {
		if _, err := f.ReadAt(last, end-1); err == nil && last[0] != '\n' {
			l.buf.WriteByte('\n')
		}
	}
	return nil
}

// maxHeld bounds the records that are held while the file system refuses them.
const maxHeld = 1 << 20

// Flush writes the queued records with one call; it does not sync. What the file system
// refuses is held for the next time, as long as it is not too much. If somebody has
// removed the file, as whoever compresses it does, another one is begun.
func (l *Log) Flush() error {
	if l.buf.Len() == 0 || l.file == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(l.file.Fd()), &st); err == nil && st.Nlink == 0 {
		queued := bytes.Clone(l.buf.Bytes())
		l.buf.Reset()
		err := l.open(l.day)
		l.buf.Write(queued)
		if err != nil {
			return err
		}
	}
	n, err := l.file.Write(l.buf.Bytes())
	l.buf.Next(n)
	l.written = l.written || n > 0
	if err != nil && l.buf.Len() > maxHeld {
		l.buf.Reset()
		l.buf.WriteByte('\n') // ends what may be there of the first of them
	}
	return diag.E("event log", diag.IO, err)
}

// Unsynced gives what makes durable what has been flushed since it was last called. It
// is run on any goroutine, once, and before that of the next call. The files stay open
// until then, because an error of writing is told to who has them open.
func (l *Log) Unsynced() func() error {
	past, files := l.past, l.past
	if l.written {
		files = append(files[:len(files):len(files)], l.file)
	}
	named := l.named && len(files) > 0
	l.past, l.written, l.named = nil, false, l.named && !named
	return func() error {
		var err error
		synced := false
		for _, f := range files {
			if l.covered == nil || !l.covered(f) {
				synced = true
				err = errors.Join(err, f.Sync())
			}
		}
		if named && synced {
			err = errors.Join(err, durable.SyncDir(l.dir))
		}
		for _, f := range past {
			err = errors.Join(err, f.Close())
		}
		return diag.E("event log", diag.IO, err)
	}
}

// Close flushes, syncs and closes the present file; the next record opens one.
func (l *Log) Close() error {
	err := errors.Join(l.Flush(), l.Unsynced()())
	if l.file != nil {
		err = errors.Join(err, diag.E("event log", diag.IO, l.file.Close()))
	}
	l.file, l.day = nil, ""
	l.buf.Reset()
	return err
}

// maxRecord bounds a line on reading; a longer one is skipped.
const maxRecord = 1 << 20

// Scan reads the event log below dir, oldest first, from the day of since on (zero:
// everything), and calls visit for each record. Lines that are no records are
// skipped and counted.
func Scan(dir string, since time.Time, visit func(Record) error) (skipped int, err error) {
	return scan(dir, since, nil, visit)
}

// scan is Scan of the records whose line is wanted; a nil want is for all.
func scan(dir string, since time.Time, want func(line []byte) bool, visit func(Record) error) (skipped int, err error) {
	names, err := files(dir)
	if err != nil {
		return 0, err
	}
	first := since.UTC().Format(time.DateOnly) + suffix
	for _, name := range names {
		if !since.IsZero() && filepath.Base(name) < first {
			continue
		}
		n, err := scanFile(name, want, visit)
		skipped += n
		if err != nil {
			return skipped, err
		}
	}
	return skipped, nil
}

const suffix = ".jsonl"

// files are those of the event log below dir, by day.
func files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, diag.E("event log", diag.KindOf(err), err)
	}
	var names []string
	for _, e := range entries {
		if day, ok := strings.CutSuffix(e.Name(), suffix); ok && len(day) == len(time.DateOnly) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, nil
}

// scanFile visits the records of a file; with want only those whose line it wants, which
// saves decoding the others.
func scanFile(name string, want func(line []byte) bool, visit func(Record) error) (skipped int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, diag.E("event log", diag.KindOf(err), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewReaderSize(f, maxRecord)
	for {
		line, err := lines.ReadSlice('\n')
		overlong := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return skipped, diag.E(fmt.Sprintf("event log: %s", name), diag.IO, err)
		}
		var r Record
		switch {
		case overlong:
			skipped++
		case len(bytes.TrimSpace(line)) == 0:
		case want != nil && !want(line):
		case json.Unmarshal(line, &r) != nil || r.Event == "":
			skipped++
		default:
			if e := visit(r); e != nil {
				return skipped, e
			}
		}
		if err != nil {
			return skipped, nil
		}
	}
}

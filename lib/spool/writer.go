package spool

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
)

const (
	// bufferSize is what a writer collects before it writes: a message that
	// fits costs one write, content, envelope and last line together.
	bufferSize = 64 << 10
	// flushEach is the portion of content whose writing to the disk is begun as
	// soon as it is complete.
	flushEach = 1 << 20
	// flushBehind bounds what may be on its way to the disk: a sender faster
	// than the disk is slowed here and not at everybody's barrier.
	flushBehind = 16 << 20
)

// createTries is how often a file is created in tmp/ that a sweeper takes away before it
// is locked.
const createTries = 10

// Writer writes one message file, front to back: content, envelope, last line.
// After an error only Close and Abort are of use.
type Writer struct {
	s       *Spool
	ref     Ref // Priority 0: in tmp/
	path    string
	f       durable.File
	buf     *[]byte
	digest  hash.Hash
	size    int64              // content so far
	written int64              // handed to the kernel
	flushed int64              // writing to the disk begun
	waited  int64              // writing to the disk over
	copied  *[sha256.Size]byte // of a content that was not read on its way: its digest
	state   writerState
	err     error
}

type writerState byte

const (
	writing  writerState = iota // content is being taken
	finished                    // the file is whole
	done                        // committed, closed or aborted
)

// CreateInPlace begins a message file at its place q/P/XX/ID, for a writer
// whose holder runs the barrier. fs.ErrExist says that the identifier is taken:
// for a child that it may have been made already, else that another is needed.
func (s *Spool) CreateInPlace(ref Ref) (*Writer, error) {
	if err := ref.valid(); err != nil {
		return nil, err
	}
	path := s.path(ref)
	f, err := s.disk.Create(path)
	if errors.Is(err, os.ErrNotExist) {
		if err = s.makeShard(ref); err == nil {
			f, err = s.disk.Create(path)
		}
	}
	return s.newWriter(ref, path, f, err)
}

// CreateNew begins a message file in tmp/, for a writer on its own. It ends
// with Commit.
func (s *Spool) CreateNew(id ID) (*Writer, error) {
	if _, err := ParseID(string(id)); err != nil {
		return nil, err
	}
	if err := s.owned("create"); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		f, err := s.disk.Create(s.tmpPath(id))
		w, err := s.newWriter(Ref{ID: id}, s.tmpPath(id), f, err)
		if !errors.Is(err, errSwept) || try == createTries {
			return w, err
		}
	}
}

func (s *Spool) newWriter(ref Ref, path string, f durable.File, err error) (*Writer, error) {
	if err != nil {
		return nil, fail("create "+ref.String(), err)
	}
	// The lock says that the writer lives.
	if err := own(f.FD()); err != nil {
		f.Close()
		return nil, fail("create "+ref.String(), err)
	}
	buf := s.buffers.Get().(*[]byte)
	*buf = (*buf)[:0]
	return &Writer{s: s, ref: ref, path: path, f: f, buf: buf, digest: sha256.New()}, nil
}

// ID returns the identifier of the file.
func (w *Writer) ID() ID { return w.ref.ID }

// Ref returns where the file lies, or will lie.
func (w *Writer) Ref() Ref { return w.ref }

// Size returns the octets of content written so far.
func (w *Writer) Size() int64 { return w.size }

// Write appends octets to the content.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err == nil && (w.state != writing || w.copied != nil) {
		return 0, diag.New("spool: write "+w.ref.String(), diag.Internal, "the content is complete")
	}
	n := 0
	for w.err == nil && n < len(p) {
		m := min(len(p)-n, bufferSize-len(*w.buf))
		w.digest.Write(p[n : n+m])
		*w.buf = append(*w.buf, p[n:n+m]...)
		n += m
		w.size += int64(m)
		if len(*w.buf) == bufferSize {
			w.flush()
		}
	}
	return n, w.err
}

// Peek returns the first octets of the content that has been written, at most n. They are valid
// until something is written.
func (w *Writer) Peek(n int64) ([]byte, error) {
	n = min(n, w.size)
	switch {
	case w.err != nil:
		return nil, w.err
	case w.state != writing:
		return nil, diag.New("spool: peek "+w.ref.String(), diag.Internal, "not being written")
	case w.written == 0 && w.copied == nil:
		return (*w.buf)[:n], nil
	}
	if w.flush(); w.err != nil {
		return nil, w.err
	}
	f, err := openRead(w.path)
	if err != nil {
		return nil, fail("peek "+w.ref.String(), err)
	}
	octets := make([]byte, n)
	_, err = io.ReadFull(f, octets)
	return octets, fail("peek "+w.ref.String(), errors.Join(err, f.Close()))
}

// flush hands the buffer to the kernel, and from time to time the kernel's
// pages to the disk.
func (w *Writer) flush() {
	if w.err != nil {
		return
	}
	n, err := w.f.Write(*w.buf)
	w.written += int64(n)
	*w.buf = (*w.buf)[:0]
	if err != nil {
		w.err = fail("write "+w.ref.String(), err)
		return
	}
	w.writeBack()
}

// Finish ends the content and writes the envelope and the last line. It sets
// Format, ID and Size of env, and its Priority if that is not set. The file is
// whole then, but not durable.
func (w *Writer) Finish(env *Envelope) error {
	if w.err != nil {
		return w.err
	}
	if w.state != writing {
		return diag.New("spool: finish "+w.ref.String(), diag.Internal, "not being written")
	}
	env.Format, env.ID, env.Size = Format, w.ref.ID, w.size
	if env.Priority == 0 {
		env.Priority = w.ref.Priority
	}
	line, err := env.encode()
	if err != nil {
		w.err = diag.E("spool: finish "+w.ref.String(), diag.Data, err)
		return w.err
	}
	last := lastLine{content: w.size, envelope: int64(len(line)), envelopeDigest: sha256.Sum256(line)}
	w.digest.Sum(last.contentDigest[:0])
	if w.copied != nil {
		last.contentDigest = *w.copied
	}
	*w.buf = append(append(*w.buf, line...), last.String()...)
	if w.flush(); w.err == nil {
		w.state = finished
	}
	return w.err
}

// Commit makes a finished file of CreateNew durable as new/ID, and closes the
// writer. After an error nothing was accepted; the file is gone, except when
// the disk fails so badly that it cannot even be removed.
func (w *Writer) Commit() error {
	op := "commit " + w.ref.String()
	if w.err != nil {
		return w.err
	}
	if w.state != finished || w.ref.Priority != 0 {
		return diag.New("spool: "+op, diag.Internal, "not a finished file of tmp/")
	}
	if err := w.f.Sync(); err != nil {
		w.Abort()
		return fail(op, err)
	}
	final := w.s.newPath(w.ref.ID)
	if err := w.s.disk.Rename(w.path, final); err != nil {
		w.Abort()
		return fail(op, err)
	}
	w.path = final
	if err := w.s.disk.Sync(w.s.dir + "/new"); err != nil {
		w.Abort()
		return fail(op, err)
	}
	return w.release()
}

// Close closes the file. One that is finished stays, one that is not is
// removed. The writer of a file in place calls it when the holder has answered.
func (w *Writer) Close() error {
	if w.state == writing || w.err != nil {
		return w.Abort()
	}
	return w.release()
}

// Abort removes the file, finished or not, unless the writer was closed or
// committed before.
func (w *Writer) Abort() error {
	if w.state == done {
		return nil
	}
	err := w.s.disk.Unlink(w.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if e := w.release(); err == nil {
		err = e
	}
	return fail("abort "+w.ref.String(), err)
}

// release gives back what the writer has. An error of close is none of the
// file's: its data are vouched for by a sync or not at all.
func (w *Writer) release() error {
	if w.state == done {
		return nil
	}
	w.state = done
	w.s.buffers.Put(w.buf)
	w.buf = nil
	if w.err == nil {
		w.err = diag.New("spool: "+w.ref.String(), diag.Internal, "the writer is closed")
	}
	return fail("close "+w.ref.String(), w.f.Close())
}

package spool

import (
	"errors"
	"io"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
)

// CopyContent writes the whole content of a message as the content of this one, which
// has none yet. They count as what the digest of m says, so that damage to m is found in
// the copy too. Where it can, the kernel does it, without the octets being read.
func (w *Writer) CopyContent(m *Message) error {
	if w.err != nil {
		return w.err
	}
	if w.state != writing || w.size > 0 {
		return diag.New("spool: copy "+w.ref.String(), diag.Internal, "there is a content already")
	}
	if m.Envelope.Size <= bufferSize {
		return w.readFrom(m)
	}
	for w.size < m.Envelope.Size {
		n := min(flushEach, m.Envelope.Size-w.size)
		err := w.f.CopyFrom(m.f, w.size, n)
		if errors.Is(err, errors.ErrUnsupported) && w.size == 0 {
			return w.readFrom(m)
		}
		if err != nil {
			w.err = fail("copy "+w.ref.String(), err)
			return w.err
		}
		w.size += n
		w.written += n
		w.writeBack()
		if w.err != nil {
			return w.err
		}
	}
	w.copied = &m.digest
	return nil
}

func (w *Writer) readFrom(m *Message) error {
	_, err := io.Copy(w, m.Content())
	w.copied = &m.digest
	return err
}

// writeBack has the kernel begin to write to the disk what was handed to it, and waits
// for what is too far behind.
func (w *Writer) writeBack() {
	if w.written-w.flushed < flushEach {
		return
	}
	err := durable.StartWriteback(w.f.FD(), w.flushed, w.written-w.flushed)
	w.flushed = w.written
	if behind := w.flushed - flushBehind; err == nil && behind > w.waited {
		err = durable.WaitWriteback(w.f.FD(), w.waited, behind-w.waited)
		w.waited = behind
	}
	if err != nil {
		w.err = fail("write "+w.ref.String(), err)
	}
}

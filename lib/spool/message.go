package spool

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/mtakit/mtakit/lib/diag"
	"golang.org/x/sys/unix"
)

var (
	// ErrIncomplete says that a file does not end in a last line that fits it:
	// it was never accepted.
	ErrIncomplete = errors.New("not a whole message file")
	// ErrDamaged says that a file has its last line, but is not what was
	// written.
	ErrDamaged = errors.New("damaged message file")
)

// tailSizeRead is what is read from the end of a file at first: enough for the
// last line and the envelope of an ordinary message, and often for all of it.
const tailSizeRead = 4 << 10

// Message is an open message file.
type Message struct {
	Ref      Ref
	Envelope *Envelope

	name   string // that errors call the file by
	f      *os.File
	at     io.ReaderAt // f, or all of it in memory if that came with the envelope
	digest [sha256.Size]byte
}

// OpenMessage opens q/P/XX/ID, or new/ID if ref has no priority, and reads the
// envelope. ErrIncomplete and ErrDamaged tell what is wrong with the file, with
// kind Data; the content is not looked at.
func (s *Spool) OpenMessage(ref Ref) (*Message, error) { return s.openMessage(ref, false) }

// openMessage is OpenMessage; fromDisk, the kernel forgets first what it has of the file
// in memory, where it can.
func (s *Spool) openMessage(ref Ref, fromDisk bool) (*Message, error) {
	if ref.Priority != 0 {
		if err := ref.valid(); err != nil {
			return nil, err
		}
	} else if _, err := ParseID(string(ref.ID)); err != nil {
		return nil, err
	}
	f, err := openRead(s.path(ref))
	if err != nil {
		return nil, fail("open "+ref.String(), err)
	}
	if fromDisk {
		forget(f)
	}
	m, err := newMessage(f, ref)
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// forget has the kernel drop what it has of f in memory. It is advice only: pages that
// are not dropped are read all the same.
func forget(f *os.File) {
	_ = onFile(f, func(fd int) error { return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) })
}

// OpenFile opens a message file wherever it lies and whatever it is called: in bad/, in an
// archive. Its identifier is what the envelope says. Errors are those of OpenMessage.
func OpenFile(name string) (*Message, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fail("open "+name, err)
	}
	m, err := readMessage(f, Ref{}, name)
	if err != nil {
		f.Close()
		return nil, err
	}
	m.Ref.ID = m.Envelope.ID
	return m, nil
}

// OpenNew opens new/ID.
func (s *Spool) OpenNew(id ID) (*Message, error) { return s.OpenMessage(Ref{ID: id}) }

// newMessage reads the end of f. The file stays the caller's if it fails.
func newMessage(f *os.File, ref Ref) (*Message, error) { return readMessage(f, ref, ref.String()) }

// readMessage is newMessage of a file that errors call name.
func readMessage(f *os.File, ref Ref, name string) (*Message, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fail("open "+name, err)
	}
	if !st.Mode().IsRegular() {
		return nil, fail("open "+name, errors.New("not a regular file"))
	}
	tail := make([]byte, min(st.Size(), tailSizeRead))
	last, env, err := readEnvelope(f, st.Size(), tail, ref.ID)
	switch {
	case errors.Is(err, ErrIncomplete), errors.Is(err, ErrDamaged):
		return nil, diag.E("spool: open "+name, diag.Data, err)
	case err != nil:
		return nil, fail("open "+name, err)
	}
	m := &Message{Ref: ref, Envelope: env, name: name, f: f, at: f, digest: last.contentDigest}
	if int64(len(tail)) == st.Size() {
		m.at = bytes.NewReader(tail)
	}
	return m, nil
}

// openRead opens a file of the spool to be read, without the poller of package os, which has
// nothing to say about files and costs four calls each. It follows no link: whoever shares the
// spool could have its user read something else by one.
func openRead(path string) (*os.File, error) {
	fd := -1
	err := again(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// readEnvelope reads the last line and the envelope of a file of the given
// size that is named id, the end of the file into tail.
func readEnvelope(r io.ReaderAt, size int64, tail []byte, id ID) (*lastLine, *Envelope, error) {
	if size < int64(LastLineSize) {
		return nil, nil, fmt.Errorf("%w: %d octets", ErrIncomplete, size)
	}
	if err := readAt(r, tail, size-int64(len(tail))); err != nil {
		return nil, nil, err
	}
	end := tail[len(tail)-LastLineSize:]
	last, ok := parseLastLine(end)
	if !ok {
		if resemblesLastLine(end) {
			return nil, nil, fmt.Errorf("%w: unreadable last line", ErrDamaged)
		}
		return nil, nil, fmt.Errorf("%w: no last line", ErrIncomplete)
	}
	// Neither sum can overflow: the envelope has ten digits, and the content is
	// compared with what is left of the size.
	if last.envelope > MaxEnvelope {
		return nil, nil, fmt.Errorf("%w: envelope of %d octets exceeds %d", ErrDamaged, last.envelope, MaxEnvelope)
	}
	if rest := size - int64(LastLineSize) - last.envelope; rest != last.content {
		return nil, nil, fmt.Errorf("%w: the last line says %d octets of content, the size says %d",
			ErrIncomplete, last.content, rest)
	}
	line := tail[:len(tail)-LastLineSize]
	if int64(len(line)) >= last.envelope {
		line = line[int64(len(line))-last.envelope:]
	} else {
		line = make([]byte, last.envelope)
		if err := readAt(r, line, last.content); err != nil {
			return nil, nil, err
		}
	}
	if sha256.Sum256(line) != last.envelopeDigest {
		return nil, nil, fmt.Errorf("%w: the digest of the envelope is wrong", ErrDamaged)
	}
	if !bytes.HasSuffix(line, []byte("\n")) || bytes.Count(line, []byte("\n")) != 1 {
		return nil, nil, fmt.Errorf("%w: the envelope is not one line", ErrDamaged)
	}
	env, err := decodeEnvelope(line)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if id != "" && env.ID != id {
		return nil, nil, fmt.Errorf("%w: the envelope is that of %s", ErrDamaged, env.ID)
	}
	if env.Size != last.content {
		return nil, nil, fmt.Errorf("%w: the envelope says %d octets of content, the last line %d",
			ErrDamaged, env.Size, last.content)
	}
	return &last, env, nil
}

// readAt fills p from off. A file that has become shorter counts as incomplete.
func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: ends at offset %d", ErrIncomplete, off+int64(n))
	}
	return err
}

// Content returns a reader of the content, from its first octet. Several may be
// in use at once.
func (m *Message) Content() *io.SectionReader { return io.NewSectionReader(m.at, 0, m.Envelope.Size) }

// OpenWhole is OpenMessage for whoever is going to pass the content on: it is compared
// with its digest first. ErrDamaged says that it is not what was accepted.
func (s *Spool) OpenWhole(ref Ref) (*Message, error) {
	m, err := s.OpenMessage(ref)
	if err != nil {
		return nil, err
	}
	if err := m.compare(m.Content()); err != nil {
		_ = m.Close() // it was only read
		return nil, err
	}
	return m, nil
}

// VerifyContent reads the content and compares its digest with the last line;
// ErrDamaged says that they differ. What the kernel had in memory is read from
// the disk again where possible.
func (m *Message) VerifyContent() error {
	forget(m.f)
	return m.compare(io.NewSectionReader(m.f, 0, m.Envelope.Size))
}

func (m *Message) compare(content io.Reader) error {
	op := "verify " + m.name
	h := sha256.New()
	buffer := make([]byte, min(m.Envelope.Size, 64<<10)+1)
	n, err := io.CopyBuffer(h, content, buffer)
	if err != nil {
		return fail(op, err)
	}
	if n != m.Envelope.Size || [sha256.Size]byte(h.Sum(nil)) != m.digest {
		return diag.E("spool: "+op, diag.Data, fmt.Errorf("%w: the digest of the content is wrong", ErrDamaged))
	}
	return nil
}

// Close closes the file.
func (m *Message) Close() error { return fail("close "+m.name, m.f.Close()) }

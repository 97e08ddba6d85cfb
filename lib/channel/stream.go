package channel

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
)

// maxLine bounds one line. The longest is the configuration of a large network.
const maxLine = 64 << 20

// maxDescriptors bounds the descriptors that have come and not been claimed by
// their line: one a line is all the protocol knows.
const maxDescriptors = 64

// closeTime bounds how long Close writes to somebody who does not read.
const closeTime = 5 * time.Second

// Stream is one end of the control stream. Lines are buffered and written
// together, so that a burst of outcomes costs one write, and by a goroutine of the
// stream's own, so that a peer process that does not read blocks nobody. Send and
// SendFile may be called from several goroutines, Receive from one.
type Stream struct {
	r    *bufio.Reader
	w    io.Writer
	sock *net.UnixConn // nil when the stream cannot carry descriptors
	end  io.Closer

	descriptors []int // received, not yet claimed; touched by Receive only

	mu     sync.Mutex
	out    []segment // queued
	files  int       // descriptors queued, or being written
	err    error     // of a write: final
	closed bool
	wake   chan struct{}
	done   chan struct{} // closed when the writer has ended
}

// segment is lines to be written, and the descriptor that rides with the last.
type segment struct {
	lines []byte
	file  *os.File
}

// NewStream makes a stream of a connected Unix socket.
func NewStream(c *net.UnixConn) *Stream {
	s := newStream(c, c)
	s.sock = c
	s.r = bufio.NewReaderSize(socketReader{s}, 64<<10)
	return s
}

// NewPipe makes a stream of a reader and a writer: no descriptors can be passed.
func NewPipe(r io.Reader, w io.WriteCloser) *Stream {
	s := newStream(w, w)
	s.r = bufio.NewReaderSize(r, 64<<10)
	return s
}

func newStream(w io.Writer, end io.Closer) *Stream {
	s := &Stream{w: w, end: end, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go s.writer()
	return s
}

// Send queues a line and returns at once; an error is the stream's, and final.
func (s *Stream) Send(l Line) error { return s.queue(l, nil) }

// SendFile queues a line with a descriptor. The file is the stream's from then on,
// and closed once it is sent.
func (s *Stream) SendFile(l Line, f *os.File) error {
	if s.sock == nil {
		return errors.Join(diag.New("channel", diag.Unavailable, "this stream cannot carry descriptors"), f.Close())
	}
	return s.queue(l, f)
}

func (s *Stream) queue(l Line, f *os.File) error {
	text, err := json.Marshal(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
	case s.err != nil:
		err = s.err
	case s.closed:
		err = io.ErrClosedPipe
	}
	if err != nil {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		return err
	}
	if n := len(s.out); n == 0 || s.out[n-1].file != nil || f != nil {
		s.out = append(s.out, segment{file: f})
	}
	if f != nil {
		s.files++
	}
	last := &s.out[len(s.out)-1]
	last.lines = append(append(last.lines, text...), '\n')
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// Files returns how many descriptors are still to be written: whoever does not read
// is to be given no more of them.
func (s *Stream) Files() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files
}

func (s *Stream) writer() {
	defer close(s.done)
	for range s.wake {
		s.mu.Lock()
		out, closed := s.out, s.closed
		s.out = nil
		s.mu.Unlock()
		for _, part := range out {
			err := s.write(part)
			s.mu.Lock()
			if s.err == nil {
				s.err = err
			}
			if part.file != nil {
				s.files--
			}
			s.mu.Unlock()
		}
		if closed {
			return
		}
	}
}

func (s *Stream) write(part segment) error {
	if part.file == nil {
		_, err := s.w.Write(part.lines)
		return err
	}
	n, _, err := s.sock.WriteMsgUnix(part.lines, unix.UnixRights(int(part.file.Fd())), nil)
	if err == nil && n < len(part.lines) {
		_, err = s.w.Write(part.lines[n:])
	}
	return errors.Join(err, part.file.Close())
}

// Receive returns the next line, and the descriptor of an accept line (the
// caller's to close). Lines that are not JSON objects are an error: the other side
// is not a channel.
func (s *Stream) Receive() (Line, *os.File, error) {
	for {
		text, err := readLine(s.r)
		if err != nil {
			s.dropDescriptors()
			return Line{}, nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var l Line
		if err := json.Unmarshal(text, &l); err != nil {
			return Line{}, nil, diag.E("channel: control line", diag.Protocol, err)
		}
		if l.Type != TypeAccept {
			return l, nil, nil
		}
		if len(s.descriptors) == 0 {
			return Line{}, nil, diag.New("channel: accept", diag.Protocol, "no descriptor came with the line")
		}
		f := os.NewFile(uintptr(s.descriptors[0]), l.From)
		s.descriptors = s.descriptors[1:]
		return l, f, nil
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := r.ReadSlice('\n')
		switch {
		case err == nil && whole == nil:
			return part, nil
		case err == nil:
			return append(whole, part...), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
		if len(whole)+len(part) > maxLine {
			return nil, diag.E("channel: control line", diag.Protocol, fmt.Errorf("longer than %d octets", maxLine))
		}
		whole = append(whole, part...)
	}
}

// Close writes what is queued and closes the stream. A peer process that does not
// read gets closeTime.
func (s *Stream) Close() error { return s.closeWithin(closeTime) }

func (s *Stream) closeWithin(d time.Duration) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	if s.sock != nil {
		// Without a deadline the write in progress may last for ever.
		_ = s.sock.SetWriteDeadline(time.Now().Add(d)) // refused only when it is over
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.err, s.end.Close())
}

func (s *Stream) dropDescriptors() {
	for _, fd := range s.descriptors {
		_ = unix.Close(fd) // nobody will claim it: the stream has ended
	}
	s.descriptors = nil
}

// socketReader reads octets and sets the descriptors that come with them aside.
// A stream socket never merges two messages with descriptors into one read, so
// they are claimed in the order of their lines.
type socketReader struct{ s *Stream }

func (r socketReader) Read(p []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4*8))
	n, oobn, _, _, err := r.s.sock.ReadMsgUnix(p, oob)
	n = max(n, 0) // -1 beside an error
	if oobn > 0 {
		if e := r.s.claim(oob[:oobn]); e != nil {
			return n, e
		}
	}
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

func (s *Stream) claim(oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // another kind of control message
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			if len(s.descriptors) >= maxDescriptors {
				_ = unix.Close(fd) // refused below
				err = diag.New("channel", diag.Protocol, "descriptors without lines")
				continue
			}
			s.descriptors = append(s.descriptors, fd)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

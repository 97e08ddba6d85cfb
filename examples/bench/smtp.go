package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/measure"
)

// smtpSink takes messages by SMTP and throws them away. What smtpSource sends tells when
// it was begun.
type smtpSink struct {
	l  net.Listener
	mu sync.Mutex

	messages    int
	first, last time.Time
	latency     measure.Latencies
}

// begunField is the field of the header that tells it, in microseconds.
const begunField = "X-Begun: "

func listenSMTP() (*smtpSink, error) {
	l, err := net.Listen("tcp", smtpSinkAt)
	if err != nil {
		return nil, err
	}
	s := &smtpSink{l: l}
	go func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go s.serve(conn)
			}
		}
	}()
	return s, nil
}

func (s *smtpSink) close() error { return s.l.Close() }

func (s *smtpSink) taken() (n int, first, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages, s.first, s.last
}

// serve answers one connection; what is wrong with it, who has called sees.
func (s *smtpSink) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }() // nothing is on its way
	r := bufio.NewReaderSize(conn, 64<<10)
	say := func(line string) bool {
		_, err := io.WriteString(conn, line+"\r\n")
		return err == nil
	}
	for ok := say("220 sink.test"); ok; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(strings.TrimSpace(line)); {
		case verb == "DATA":
			if !say("354 go on") {
				return
			}
			begun, err := readData(r)
			if err != nil {
				return
			}
			s.count(begun)
			ok = say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			ok = say("250 sink.test")
		}
	}
}

func (s *smtpSink) count(begun time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = time.Now()
	if s.messages++; s.messages == 1 {
		s.first = s.last
	}
	if !begun.IsZero() {
		s.latency.Add(s.last.Sub(begun))
	}
}

// readData reads a message up to its end, and when it was begun.
func readData(r *bufio.Reader) (begun time.Time, err error) {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return begun, err
		}
		if string(line) == ".\r\n" {
			return begun, nil
		}
		if text, ok := bytes.CutPrefix(line, []byte(begunField)); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
				begun = time.UnixMicro(n)
			}
		}
	}
}

// smtpSource is a connection to send over.
type smtpSource struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
}

func dialSMTP() (*smtpSource, error) {
	conn, err := net.Dial("tcp", postfixAt)
	if err != nil {
		return nil, err
	}
	s := &smtpSource{conn, bufio.NewReader(conn), bufio.NewWriterSize(conn, 64<<10)}
	err = s.answer('2')
	if err == nil {
		err = s.ask('2', "EHLO source.test")
	}
	return s, err
}

// answer reads one that begins with a digit.
func (s *smtpSource) answer(digit byte) error {
	for {
		line, err := s.r.ReadString('\n')
		if err != nil {
			return err
		}
		if line[0] != digit {
			return fmt.Errorf("it answers %q", line)
		}
		if len(line) < 4 || line[3] != '-' {
			return nil
		}
	}
}

func (s *smtpSource) ask(digit byte, line string) error {
	if _, err := s.w.WriteString(line + "\r\n"); err != nil {
		return err
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	return s.answer(digit)
}

// send sends a message of so many octets that was due at a time.
func (s *smtpSource) send(size int64, due time.Time) error {
	for _, line := range []string{"MAIL FROM:<from@source.test>", "RCPT TO:<to@sink.test>"} {
		if err := s.ask('2', line); err != nil {
			return err
		}
	}
	if err := s.ask('3', "DATA"); err != nil {
		return err
	}
	head := fmt.Sprintf("From: from@source.test\r\nTo: to@sink.test\r\nSubject: bench\r\n%s%d\r\n\r\n", begunField, due.UnixMicro())
	if _, err := s.w.WriteString(head); err != nil {
		return err
	}
	const line = "The quick brown fox jumps over the lazy dog, and the dog does not care.\r\n"
	for left := size - int64(len(head)); left > 0; left -= int64(len(line)) {
		if _, err := s.w.WriteString(line); err != nil {
			return err
		}
	}
	return s.ask('2', ".")
}

func (s *smtpSource) close() error { return errors.Join(s.ask('2', "QUIT"), s.conn.Close()) }

// answers tells whether somebody listens.
func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close() // it was only to see
	return true
}

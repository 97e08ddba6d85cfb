package channel

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
)

// pair returns two connected streams, as mtarun and a channel process have them.
func pair(t *testing.T) (a, b *Stream) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := make([]*Stream, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "control")
		c, err := net.FileConn(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		ends[i] = NewStream(c.(*net.UnixConn))
		t.Cleanup(func() { _ = ends[i].Close() })
	}
	return ends[0], ends[1]
}

// A descriptor must arrive with its own line, however many lines and descriptors are
// written together: another connection's octets would be served to the wrong peer.
func TestDescriptorsRideWithTheirLines(t *testing.T) {
	a, b := pair(t)
	dir := t.TempDir()
	const n = 40
	go func() {
		for i := range n {
			name := filepath.Join(dir, strings.Repeat("x", i+1))
			if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
				t.Error(err)
			}
			f, err := os.Open(name)
			if err != nil {
				t.Error(err)
			}
			if err := a.SendFile(Line{Type: TypeAccept, From: name, Read: []byte{3, 0, 0, 7}}, f); err != nil {
				t.Error(err)
			}
			if err := a.Send(Line{Type: TypeDurable, Txn: uint64(i)}); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range n {
		l, f, err := b.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if l.Type != TypeAccept || f == nil {
			t.Fatalf("line %d: %+v with %v", i, l, f)
		}
		got, err := io.ReadAll(f)
		if err != nil || string(got) != l.From {
			t.Fatalf("descriptor of %q leads to %q: %v", l.From, got, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if l, _, err = b.Receive(); err != nil || l.Type != TypeDurable || l.Txn != uint64(i) {
			t.Fatalf("after descriptor %d: %+v, %v", i, l, err)
		}
	}
}

func TestAcceptWithoutDescriptorIsRefused(t *testing.T) {
	a, b := pair(t)
	if err := a.Send(Line{Type: TypeAccept}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Receive(); diag.KindOf(err) != diag.Protocol {
		t.Errorf("err = %v", err)
	}
}

// Lines from another version are read for what is known in them.
func TestUnknownMembersAreIgnored(t *testing.T) {
	r := strings.NewReader("\n{\"type\":\"job\",\"job\":7,\"colour\":\"red\"}\n{\"type\":\"later\",\"x\":[1,2]}\n")
	s := NewPipe(r, discard{})
	l, _, err := s.Receive()
	if err != nil || l.Type != TypeJob || l.Job != 7 {
		t.Fatalf("%+v, %v", l, err)
	}
	if l, _, err = s.Receive(); err != nil || l.Type != "later" {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, _, err := s.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestLongLinesPass(t *testing.T) {
	a, b := pair(t)
	long := json.RawMessage(`"` + strings.Repeat("c", 300<<10) + `"`)
	if err := a.Send(Line{Type: TypeConfig, Config: long}); err != nil {
		t.Fatal(err)
	}
	l, _, err := b.Receive()
	if err != nil || len(l.Config) != len(long) {
		t.Errorf("%d octets of %d, %v", len(l.Config), len(long), err)
	}
}

// What was queued before Close is written: outcomes told at the end count.
func TestCloseWritesWhatIsQueued(t *testing.T) {
	a, b := pair(t)
	for i := range 1000 {
		if err := a.Send(Line{Type: TypeOutcome, Job: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- a.Close() }()
	for i := range 1000 {
		if l, _, err := b.Receive(); err != nil || l.Job != uint64(i) {
			t.Fatalf("line %d: %+v, %v", i, l, err)
		}
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := a.Send(Line{Type: TypeOutcome}); err == nil {
		t.Error("a closed stream took a line")
	}
}

// Somebody who does not read cannot keep the stream from being closed.
func TestCloseEnds(t *testing.T) {
	a, _ := pair(t)
	if err := a.Send(Line{Type: TypeConfig, Config: json.RawMessage(`"` + strings.Repeat("c", 4<<20) + `"`)}); err != nil {
		t.Fatal(err)
	}
	if err := a.closeWithin(50 * time.Millisecond); err == nil {
		t.Error("4 MiB went into a socket nobody reads")
	}
}

func FuzzReceiveNeverPanics(f *testing.F) {
	f.Add([]byte(`{"type":"hello","version":1}` + "\n"))
	f.Add([]byte(`{"type":"accept","read":"AwA="}` + "\n"))
	f.Add([]byte("\n\n[]\n"))
	f.Fuzz(func(_ *testing.T, octets []byte) {
		s := NewPipe(strings.NewReader(string(octets)), discard{})
		for range 100 {
			if _, _, err := s.Receive(); err != nil {
				break
			}
		}
		_ = s.Close()
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

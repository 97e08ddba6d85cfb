package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	mtaName = "MTA-A"
	// patience is how long something may take that must happen in the end.
	patience = time.Minute
)

// mta is the switch.
type mta struct {
	bin, dir string
	barrier  string
	address  string
	peers    [][2]string // name and address
	cmd      *exec.Cmd   // nil: it does not run
}

func (s *mta) config() string { return filepath.Join(s.dir, "mta.toml") }

// make makes the switch and its configuration.
func (s *mta) make(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, filepath.Join(s.bin, "mtactl"), "init", "--name", mtaName,
		"--domain", "/PRMD=ALPHA/ADMD=TEST/C=GB/", "--listen", s.address, s.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("mtactl init: %w: %s", err, out)
	}
	text, err := os.ReadFile(s.config())
	if err != nil {
		return err
	}
	text = bytes.Replace(text, []byte("\n[spool]\n"), fmt.Appendf(nil, "\n[spool]\nbarrier = %q\n", s.barrier), 1)
	for _, p := range s.peers {
		text = fmt.Appendf(text, `
[[peer]]
name = %[1]q
channel = "p1"
addresses = [{ host = %[2]q }]
password-out = "secret of %[3]s"
password-in = "secret of %[1]s"

[[route]]
match = "/PRMD=%[1]s/ADMD=TEST/C=GB/"
peers = [%[1]q]
`, p[0], p[1], mtaName)
	}
	return os.WriteFile(s.config(), text, 0o600)
}

// start starts mtarun and returns how long it took to serve.
func (s *mta) start(ctx context.Context) (time.Duration, error) {
	ready, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = ready.Close() }() // it was only read
	// What it says goes past its disk, which may be cut.
	stderr, err := os.OpenFile(filepath.Join(filepath.Dir(filepath.Dir(s.dir)), "stderr"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	cmd := exec.Command(filepath.Join(s.bin, "mtarun"), "-C", s.config(), "--ready-fd", "3")
	cmd.Dir, cmd.Stderr, cmd.ExtraFiles = "/", stderr, []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := errors.Join(cmd.Start(), write.Close(), stderr.Close(), ready.SetReadDeadline(begun.Add(patience))); err != nil {
		return 0, err
	}
	s.cmd = cmd
	line := make([]byte, 64)
	if n, err := ready.Read(line); err != nil || string(line[:n]) != "READY=1\n" {
		return 0, errors.Join(fmt.Errorf("mtarun does not become ready: %q, %w", line[:n], err), ctx.Err())
	}
	return time.Since(begun), nil
}

// kill ends mtarun and its channel processes, which are one process group, without a word.
func (s *mta) kill() {
	if s.cmd == nil {
		return
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // they may have ended
	_ = s.cmd.Wait()                                      // of a signal
	s.cmd = nil
}

// stop ends mtarun in order; mtactl check must find nothing then but what is in bad/,
// which is counted.
func (s *mta) stop(ctx context.Context) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := s.cmd.Wait()
	s.cmd = nil
	if err != nil {
		return fmt.Errorf("mtarun: %w", err)
	}
	out, err := exec.CommandContext(ctx, filepath.Join(s.bin, "mtactl"), "-C", s.config(), "check").Output()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "bad\t") {
			return fmt.Errorf("mtactl check: %s", line)
		}
	}
	if err != nil && len(out) == 0 {
		return fmt.Errorf("mtactl check: %w", err)
	}
	return nil
}

// drained waits until the spool is empty.
func (s *mta) drained(ctx context.Context) error {
	var left []string
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		left = nil
		for _, pattern := range []string{"spool/q/?/??/*", "spool/new/*"} {
			paths, err := filepath.Glob(filepath.Join(s.dir, pattern))
			if err != nil {
				return err
			}
			left = append(left, paths...)
		}
		if len(left) == 0 {
			return nil
		}
	}
	return fmt.Errorf("%d files stay in the spool: %s", len(left), strings.Join(left[:min(3, len(left))], " "))
}
